//! What a gate found, for people: the verdict and why in the first line, then the objectives, what failed in them, the alerts.

use super::State;
use super::decide::{percent, three};
use super::report::{AlertView, Report, SloView, Verdict};
use super::screen::clock;
use crate::terminal::{Style, Terminal};

/// On that terminal.
pub fn human(report: &Report, terminal: &Terminal) -> String {
    let mut out = head(report, terminal);
    for reason in report.reasons.iter().skip(1) {
        wrapped(&mut out, terminal, "  also: ", &reason.text);
    }
    if let Some(mark) = &report.deployment {
        let what = if mark.new { "marked" } else { "marked before" };
        wrapped(&mut out, terminal, "  deployment ", &format!("{} ({what}, {})", mark.id, mark.at));
    }
    let from = terminal.pick("…", "...");
    let answered = report.looks.answered;
    let failed = match report.looks.failed {
        0 => String::new(),
        failed => format!("; {failed} times in vain"),
    };
    let asked =
        format!("{} {from} {} by {} (asked {answered} times{failed})", report.since, report.end, report.source.url);
    wrapped(&mut out, terminal, "  watched ", &asked);
    out.push_str(&table(report, terminal));
    for alert in &report.alerts {
        out.push_str(&told(alert, terminal));
    }
    for warning in &report.warnings {
        wrapped(&mut out, terminal, "  warning: ", warning);
    }
    out
}

fn head(report: &Report, terminal: &Terminal) -> String {
    let (style, word) = match report.verdict {
        Verdict::Open => (Style::Good, "open"),
        Verdict::Closed => (Style::Bad, "closed"),
        Verdict::Unknown => (Style::Warn, "could not tell"),
        Verdict::Interrupted => (Style::Warn, "interrupted"),
    };
    let mut out = String::new();
    let mark = match report.verdict {
        Verdict::Open => terminal.pick("✓", "+"),
        Verdict::Closed => terminal.pick("✗", "x"),
        Verdict::Unknown | Verdict::Interrupted => "?",
    };
    let title = format!("{mark} gate {word} after {}", clock(report.duration));
    out.push_str(&terminal.paint(style, &title));
    out.push('\n');
    wrapped(&mut out, terminal, "  ", &report.reason);
    out
}

fn wrapped(out: &mut String, terminal: &Terminal, before: &str, text: &str) {
    let room = terminal.width.saturating_sub(before.len());
    for (n, line) in terminal.wrap(&terminal.clean(text), room).iter().enumerate() {
        let indent = if n == 0 { before.to_owned() } else { " ".repeat(before.len()) };
        out.push_str(&indent);
        out.push_str(line);
        out.push('\n');
    }
}

fn table(report: &Report, terminal: &Terminal) -> String {
    let mut out = String::new();
    let names = report.slos.iter().map(|slo| slo.name.chars().count());
    let longest = names.max().unwrap_or_default().clamp(4, terminal.width / 3);
    let closes = |slo: &SloView| report.reasons.iter().any(|reason| reason.slo.as_ref() == Some(&slo.name));
    for slo in &report.slos {
        let bad = closes(slo);
        let style = if bad && report.verdict == Verdict::Closed { Style::Bad } else { Style::Bold };
        let name = terminal.cut(&terminal.clean(&slo.name), longest);
        let name = terminal.paint(style, &format!("{name:<longest$}"));
        let burn = match (slo.burn, slo.burn_lower) {
            (Some(burn), Some(lower)) if burn > 0.0 => format!("burn {} (at least {})", three(burn), three(lower)),
            (Some(_), _) => "burn 0".to_owned(),
            _ => "no burn".to_owned(),
        };
        let judged = slo.counts.good + slo.counts.bad;
        let coverage = slo.coverage.map_or_else(|| "no coverage".to_owned(), |c| format!("coverage {}", percent(c)));
        let budget = slo.budget_remaining.map_or_else(String::new, |left| format!("  budget left {}", percent(left)));
        let rest = format!("{burn}  {} bad of {judged}  {coverage}{budget}", slo.counts.bad);
        let room = terminal.width.saturating_sub(longest + 4);
        out.push_str(&format!("  {name}  {}\n", terminal.cut(&rest, room)));
        if let Some(cause) = &slo.cause {
            let trace = cause.trace_id.as_ref().map_or_else(String::new, |id| format!("; latest run {id}"));
            wrapped(&mut out, terminal, "    most failed with ", &format!("{}{trace}", cause.text()));
        }
    }
    out
}

fn told(alert: &AlertView, terminal: &Terminal) -> String {
    let mut out = String::new();
    let state = match (alert.state, alert.before) {
        (State::Pending, _) => "pending",
        (State::Firing, true) => "firing since before",
        (State::Firing, false) => "fired",
        (State::Resolved, _) => "over",
    };
    let when = alert.fired_at.map_or_else(String::new, |at| format!(" {at}"));
    let title = format!("{} ({}) of {}: {state}{when}", alert.name, alert.severity, alert.subject);
    wrapped(&mut out, terminal, "  alert ", &title);
    if !alert.description.is_empty() && alert.state != State::Resolved {
        wrapped(&mut out, terminal, "    ", &alert.description);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sample;

    const NARROW: Terminal = Terminal { width: 80, colour: false, unicode: true };

    #[test]
    fn a_closed_gate_says_what_failed_since_when_and_whose_fault_it_is() {
        let expected = "\
✗ gate closed after 1:12
";
        assert_eq!(human(&sample::closed(), &NARROW), expected);
    }

    #[test]
    fn an_open_gate_is_short() {
        let ascii = Terminal { width: 200, unicode: false, ..NARROW };
        let expected = "\
+ gate open after 10:00
";
        assert_eq!(human(&sample::open(), &ascii), expected);
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_and_colours_are_for_terminals() {
        for width in [80, 100, 200] {
            let text = human(&sample::closed(), &Terminal { width, ..NARROW });
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
            assert!(!text.contains('\x1b'), "{text}");
        }
        let coloured = human(&sample::closed(), &Terminal { colour: true, ..NARROW });
        assert!(coloured.starts_with("\x1b[31m✗ gate closed"), "{coloured}");
    }
}
