//! JUnit XML: a suite with one test case for each check.
//!
//! A suite each, because the schema of Ant's task (Windy Road's) knows `system-out` of suites only, and Jenkins shows a
//! suite's where a case has none: this way every check has its own waterfall with both.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::super::render;
use super::found;
use super::human::compared;
use crate::fault::Fault;
use crate::smoke::report::words;
use crate::smoke::report::{CheckReport, Judgement, Report};
use crate::terminal::Terminal;
use crate::terminal::harmless;

/// How waterfalls look in it.
const TERMINAL: Terminal = Terminal { width: 120, colour: false, unicode: true };

type Xml = Writer<Vec<u8>>;

/// The document. Bad is a `failure` and inconclusive an `error`, with the class of the fault as their type; what the
/// provider does not offer is `skipped`.
pub fn junit(report: &Report) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut xml, report).expect("memory can be written");
    let mut text = String::from_utf8_lossy(&xml.into_inner()).into_owned();
    text.push('\n');
    text
}

fn write(xml: &mut Xml, report: &Report) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites").write_inner_content(|xml| {
        report.checks.iter().enumerate().try_for_each(|(id, check)| suite(xml, id, check, report))
    })?;
    Ok(())
}

fn suite(xml: &mut Xml, id: usize, check: &CheckReport, report: &Report) -> io::Result<()> {
    let name = clean(&check.check.to_string());
    let one = |verdict| if check.verdict == verdict { "1" } else { "0" };
    // Neither fractions nor a zone are allowed there.
    let start = check.runs.first().map_or(report.start, |run| run.start);
    let start = start.to_utc().format("%Y-%m-%dT%H:%M:%S").to_string();
    let time = format!("{:.3}", check.duration.as_secs_f64());
    let suite = xml.create_element("testsuite").with_attributes([
        ("name", &*name),
        ("package", "authprobe"),
        ("id", &*id.to_string()),
        ("timestamp", &*start),
        ("hostname", "localhost"),
        ("tests", "1"),
        ("failures", one(Judgement::Bad)),
        ("errors", one(Judgement::Inconclusive)),
        ("skipped", one(Judgement::Skipped)),
        ("time", &*time),
    ]);
    suite.write_inner_content(|xml| {
        properties(xml, check, report)?;
        let class = format!("{}.{}", clean(&check.check.provider), check.check.kind);
        let case = xml.create_element("testcase").with_attributes([
            ("name", &*name),
            ("classname", &*class),
            ("time", &*time),
        ]);
        match check.verdict {
            Judgement::Good => case.write_empty()?,
            _ => case.write_inner_content(|xml| result(xml, check))?,
        };
        text(xml, "system-out", &output(check))?;
        text(xml, "system-err", "")
    })?;
    Ok(())
}

fn result(xml: &mut Xml, check: &CheckReport) -> io::Result<()> {
    let element = match check.verdict {
        Judgement::Bad => "failure",
        Judgement::Skipped => "skipped",
        Judgement::Good | Judgement::Inconclusive => "error",
    };
    let (kind, message) = (kind(check), clean(&format!("{}: {}", found(check), check.reason)));
    let element = xml.create_element(element).with_attributes([("type", kind), ("message", &*message)]);
    match &check.fault {
        Some(fault) if check.verdict != Judgement::Skipped => {
            element.write_text_content(BytesText::new(&lines(&explained(fault))))?
        }
        _ => element.write_empty()?,
    };
    Ok(())
}

/// The class; what has none is `latency` or `undecided`.
fn kind(check: &CheckReport) -> &'static str {
    match &check.fault {
        _ if words::slow(check) => "latency",
        Some(fault) => fault.class.as_str(),
        None => "undecided",
    }
}

/// What went wrong, whose fault it is, and where to look.
fn explained(fault: &Fault) -> String {
    let mut lines = vec![format!("{}: {}", words::place(fault), words::whose(fault.blame)), fault.detail.clone()];
    lines.extend(fault.findings.iter().map(|one| format!("- {} [{}]: {}", one.class, one.clause, one.detail)));
    lines.push(format!("Means: {}", fault.class.meaning()));
    lines.push(format!("Look first: {}", fault.class.hint()));
    lines.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n")
}

/// The waterfall of the most telling run; where the picture is, as GitLab and Jenkins attach it.
fn output(check: &CheckReport) -> String {
    let mut out = check.telling().map(|run| render::outcome(run, &TERMINAL)).unwrap_or_default();
    if let Some(file) = &check.screenshot {
        out.push_str(&format!("\n[[ATTACHMENT|{}]]\n", clean(file)));
    }
    out
}

fn properties(xml: &mut Xml, check: &CheckReport, report: &Report) -> io::Result<()> {
    let labels = &check.check;
    let mut all = vec![
        ("probe", labels.probe.to_string()),
        ("kind", labels.kind.to_owned()),
        ("provider", labels.provider.to_string()),
        ("client", labels.client.to_string()),
        ("probe_region", labels.region.to_string()),
        ("verdict", check.verdict.as_str().to_owned()),
        ("runs", check.judged().to_string()),
        ("runs_good", check.counts.good.to_string()),
        ("runs_bad", check.counts.bad.to_string()),
        ("runs_inconclusive", check.counts.inconclusive.to_string()),
        ("authprobe_version", report.version.to_owned()),
    ];
    if let Some(fault) = &check.fault {
        all.extend([
            ("class", fault.class.as_str().to_owned()),
            ("blame", fault.blame.as_str().to_owned()),
            ("step", fault.step.to_owned()),
        ]);
    }
    if let Some(run) = check.telling() {
        all.push(("trace_id", run.trace_id.to_string()));
    }
    let id = labels.to_string();
    let against = report.against.iter().flat_map(compared).find(|(checks, ..)| checks.contains(&id));
    all.extend(against.map(|(_, what, _)| ("against", what.to_owned())));
    xml.create_element("properties").write_inner_content(|xml| {
        let mut property = |name: &str, value: &str| {
            let property = xml.create_element("property");
            property.with_attributes([("name", &*clean(name)), ("value", &*clean(value))]).write_empty().map(drop)
        };
        all.iter().try_for_each(|(name, value)| property(name, value))?;
        check.labels.iter().try_for_each(|(name, value)| property(&format!("label.{name}"), value))
    })?;
    Ok(())
}

fn text(xml: &mut Xml, element: &str, text: &str) -> io::Result<()> {
    let element = xml.create_element(element);
    match text {
        "" => element.write_empty()?,
        text => element.write_text_content(BytesText::new(&lines(text)))?,
    };
    Ok(())
}

/// One line that XML 1.0 can hold: no control characters, no noncharacters.
fn clean(text: &str) -> String {
    harmless(&TERMINAL.clean(text))
}

/// The same of several.
fn lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}
