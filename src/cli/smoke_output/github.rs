//! For GitHub Actions: annotations (workflow commands on standard output) and the step's summary (Markdown).

use std::io::Write as _;
use std::path::Path;

use super::super::render::{self, short};
use super::human::{compared, sequential};
use super::markdown::{block, code, html_code};
use super::{found, tally};
use crate::smoke::report::words::{self, Cause};
use crate::smoke::report::{CheckReport, Judgement, Report};
use crate::terminal::Terminal;
use crate::terminal::harmless;

/// GitHub shows so many errors and so many warnings of a step, and drops the rest.
const MOST_ANNOTATIONS: usize = 10;
/// Rows of the table.
const MOST_ROWS: usize = 200;
/// GitHub drops a summary of more than 1 MiB: waterfalls go no further than this (bytes), so that several steps of ours and
/// what follows them have room.
const MOST_DETAILS: usize = 256 * 1024;
/// Checks that a line names.
const MOST_LISTED: usize = 20;
/// How text is cleaned and waterfalls look; wider than that scrolls.
const TERMINAL: Terminal = Terminal { width: 110, colour: false, unicode: true };

/// Both parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GithubOutput {
    /// For standard output: one command a line.
    pub annotations: String,
    /// For `$GITHUB_STEP_SUMMARY`.
    pub summary: String,
}

/// The result for GitHub: an annotation for each cause, and a summary with table and waterfalls.
pub fn github(report: &Report) -> GithubOutput {
    let causes = words::causes(report);
    GithubOutput { annotations: annotations(report, &causes), summary: summary(report, &causes) }
}

/// Appends the summary to the step's, as GitHub wants it. The error names the file.
pub fn add_summary(output: &GithubOutput, file: &Path) -> Result<(), String> {
    let add = || {
        let mut out = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
        // In one piece, whoever else writes there.
        out.write_all(format!("\n{}", output.summary).as_bytes())
    };
    add().map_err(|error: std::io::Error| format!("cannot write the step's summary to {}: {error}", file.display()))
}

fn annotations(report: &Report, causes: &[Cause<'_>]) -> String {
    let mut out = String::new();
    for (verdict, command) in [(Judgement::Bad, "error"), (Judgement::Inconclusive, "warning")] {
        let of: Vec<_> = causes.iter().filter(|cause| cause.verdict == verdict).collect();
        // The last place is kept for a word on the others.
        let shown = if of.len() > MOST_ANNOTATIONS { MOST_ANNOTATIONS - 1 } else { of.len() };
        of.iter().take(shown).for_each(|cause| out.push_str(&annotation(command, report, cause)));
        if of.len() > shown {
            let more = format!("{} more causes: the step's summary has them", of.len() - shown);
            out.push_str(&workflow_command(command, "authprobe", &more));
        }
    }
    if causes.is_empty() {
        let command = if report.verdict == Judgement::Good { "notice" } else { "warning" };
        let said = match report.verdict {
            Judgement::Good => words::headline(report, &|name| name.to_owned()),
            _ => report.reason.clone(),
        };
        out.push_str(&workflow_command(command, &format!("authprobe: {}", report.verdict.as_str()), &said));
    }
    for (checks, what, _) in report.against.iter().flat_map(compared) {
        out.push_str(&workflow_command("notice", &format!("authprobe: {what}"), &some(checks).join(", ")));
    }
    out
}

fn annotation(command: &str, report: &Report, cause: &Cause<'_>) -> String {
    let plain = |name: &str| name.to_owned();
    let mut lines = vec![format!("{}.", cause.sentence(report, &plain))];
    if let Some(fault) = cause.fault {
        lines.push(fault.detail.clone());
        lines.push(format!("Look first: {}", fault.class.hint()));
    }
    lines.push(format!("Checks: {}", cause.names(MOST_LISTED, &plain)));
    let title = match cause.fault {
        Some(fault) => format!("authprobe: {} ({})", words::place(fault), fault.blame),
        None => format!("authprobe: {}", if words::slow(cause.checks[0]) { "too slow" } else { "could not tell" }),
    };
    let lines: Vec<_> = lines.iter().map(|line| TERMINAL.clean(line)).collect();
    workflow_command(command, &title, &lines.join("\n"))
}

/// One command with its end of line. Data: `%`, CR and LF are escaped; of a property `:` and `,` as well (actions/toolkit,
/// packages/core/src/command.ts). Nothing but the lines of the data breaks a line.
fn workflow_command(command: &str, title: &str, data: &str) -> String {
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = escape(&TERMINAL.clean(title)).replace(':', "%3A").replace(',', "%2C");
    let data: Vec<_> = data.split('\n').map(|line| TERMINAL.clean(line)).collect();
    format!("::{command} title={title}::{}\n", escape(&data.join("\n")))
}

fn summary(report: &Report, causes: &[Cause<'_>]) -> String {
    let mut out = format!("## {} authprobe smoke: {}\n\n", icon(report.verdict), word(report.verdict));
    for cause in causes {
        out.push_str(&format!("- {} {}\n", icon(cause.verdict), cause.sentence(report, &code)));
    }
    if causes.is_empty() {
        let said = match report.verdict {
            Judgement::Good => words::headline(report, &code),
            _ => code(&report.reason),
        };
        out.push_str(&format!("{said}\n"));
    }
    if report.interrupted {
        out.push_str("\nInterrupted: what was not decided by then is inconclusive.\n");
    }
    compare(&mut out, report);
    table(&mut out, report);
    out.push_str(&format!("\n{}\n", closing(report)));
    details(&mut out, causes);
    harmless(&out)
}

fn compare(out: &mut String, report: &Report) {
    let Some(against) = &report.against else { return };
    out.push_str(&format!("\nCompared with {} of {}:\n\n", code(&against.file), code(&against.start)));
    let all = compared(against);
    for (checks, what, _) in &all {
        let names: Vec<_> = some(checks).iter().map(|check| code(check)).collect();
        out.push_str(&format!("- {what}: {}\n", names.join(", ")));
    }
    if all.is_empty() {
        out.push_str("- nothing was bad, and nothing is\n");
    }
}

fn table(out: &mut String, report: &Report) {
    if report.checks.is_empty() {
        return;
    }
    let mut checks: Vec<&CheckReport> = report.checks.iter().collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.verdict));
    out.push_str("\n| | check | kind | good runs | median | found |\n|---|---|---|---:|---:|---|\n");
    for check in checks.iter().take(MOST_ROWS) {
        let median = check.median.map_or_else(|| "-".to_owned(), short);
        let runs = match check.judged() {
            0 => "-".to_owned(),
            all => format!("{} of {all}", check.counts.good),
        };
        let (name, found) = (code(&check.check.to_string()), code(&found(check)));
        let kind = code(check.check.kind);
        out.push_str(&format!("| {} | {name} | {kind} | {runs} | {median} | {found} |\n", icon(check.verdict)));
    }
    if checks.len() > MOST_ROWS {
        out.push_str(&format!("\n{} more checks are not listed.\n", checks.len() - MOST_ROWS));
    }
}

fn closing(report: &Report) -> String {
    let count = |verdict| report.checks.iter().filter(|check| check.verdict == verdict).count();
    let counts = tally(&[
        (count(Judgement::Bad), "bad"),
        (count(Judgement::Inconclusive), "inconclusive"),
        (count(Judgement::Good), "good"),
        (count(Judgement::Skipped), "skipped"),
    ]);
    let mut parts = vec![format!("{} checks in {}", report.checks.len(), short(report.duration))];
    parts.extend(Some(counts).filter(|counts| !counts.is_empty()));
    for waited in &report.waited {
        let ready = if waited.ready { "" } else { " in vain" };
        parts.push(format!("waited {} for {}{ready}", short(waited.took), code(&waited.provider)));
    }
    parts.extend(report.conditions.sequential.iter().map(|test| sequential(test, report.conditions.runs)));
    parts.push(format!("exit {}", report.exit_code));
    parts.push(format!("authprobe {}", report.version));
    parts.join("; ")
}

/// The waterfall of each cause, folded; as many as there is room for.
fn details(out: &mut String, causes: &[Cause<'_>]) {
    let mut left_out = 0;
    let begin = out.len();
    for cause in causes {
        let first = cause.checks[0];
        let Some(run) = first.telling() else { continue };
        let mut drawn = render::outcome(run, &TERMINAL);
        if cause.checks.len() > 1 {
            drawn.push_str(&format!("\nThe same:   {}\n", cause.names(MOST_LISTED, &|name| name.to_owned())));
        }
        for check in &cause.checks {
            let picture = check.screenshot.as_ref().map(|file| format!("\nScreenshot: {file} ({})\n", check.check));
            drawn.push_str(&picture.unwrap_or_default());
        }
        let title = html_code(&first.check.to_string());
        let section = format!(
            "\n<details><summary>{} {title}: {}</summary>\n\n{}\n</details>\n",
            icon(cause.verdict),
            html_code(&found(first)),
            block(&drawn)
        );
        if out.len() + section.len() > begin + MOST_DETAILS {
            left_out += 1;
        } else {
            out.push_str(&section);
        }
    }
    if left_out > 0 {
        out.push_str(&format!("\n{left_out} more waterfalls are left out: there is no room for them here.\n"));
    }
}

fn some(checks: &[String]) -> Vec<String> {
    let mut shown: Vec<_> = checks.iter().take(MOST_LISTED).cloned().collect();
    if checks.len() > MOST_LISTED {
        shown.push(format!("and {} more", checks.len() - MOST_LISTED));
    }
    shown
}

const fn icon(verdict: Judgement) -> &'static str {
    match verdict {
        Judgement::Good => "✅",
        Judgement::Bad => "❌",
        Judgement::Inconclusive => "⚠️",
        Judgement::Skipped => "➖",
    }
}

const fn word(verdict: Judgement) -> &'static str {
    match verdict {
        Judgement::Inconclusive => "could not tell",
        verdict => verdict.as_str(),
    }
}
