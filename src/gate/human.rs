//! What a gate found, for people: the verdict and why in the first line, then the objectives, what failed in them, the alerts.

use super::State;
use super::decide::{percent, three};
use super::report::{AlertView, Looks, Report, SloView, Verdict};
use super::screen::clock;
use crate::clock::Timestamp;
use crate::terminal::{Style, Terminal, harmless};

/// On that terminal.
pub fn human(report: &Report, terminal: &Terminal) -> String {
    let mut out = head(report, terminal);
    match report.reasons.is_empty() {
        true => wrapped(&mut out, terminal, "  ", &report.reason),
        false => report.reasons.iter().for_each(|reason| wrapped(&mut out, terminal, "  ", &reason.text)),
    }
    if !report.slos.is_empty() {
        out.push_str(&table(report, terminal));
    }
    for alert in &report.alerts {
        out.push_str(&told(alert, terminal));
    }
    for warning in &report.warnings {
        wrapped(&mut out, terminal, "  warning: ", warning);
    }
    if let Some(mark) = &report.deployment {
        let what = if mark.new { "marked" } else { "marked before," };
        wrapped(&mut out, terminal, "  deployment ", &format!("{}, {what} {} UTC", mark.id, moment(mark.at)));
    }
    let asked = match report.looks {
        Looks { answered, failed: 0 } => format!("asked {}", times(answered)),
        Looks { answered, failed } => format!("asked {}, {} in vain", times(answered + failed), times(failed)),
    };
    let (from, to) = (moment(report.since), moment(report.end));
    let to = to.strip_prefix(&from[..11]).unwrap_or(&to);
    let until = terminal.pick("…", "...");
    wrapped(&mut out, terminal, "  watched ", &format!("{from} {until} {to} UTC by {} ({asked})", report.source.url));
    harmless(&out)
}

/// To the second; days are ten letters and a blank.
fn moment(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M:%S").to_string()
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
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

/// What a column is called, and how wide it is at least.
const COLUMNS: [&str; 5] = ["  burn", "at least", "bad/judged", "coverage", "budget left"];

fn table(report: &Report, terminal: &Terminal) -> String {
    let names = report.slos.iter().map(|slo| slo.name.chars().count());
    let longest = names.max().unwrap_or_default().clamp("objective".len(), terminal.width / 3);
    let head: String = COLUMNS.iter().map(|column| format!("  {column}")).collect();
    let head = format!("  {:<longest$}{head}", "objective");
    let mut out = format!("{}\n", terminal.paint(Style::Dim, &head));
    for slo in &report.slos {
        let closes = report.reasons.iter().any(|reason| reason.slo.as_ref() == Some(&slo.name));
        let style = if closes && report.verdict == Verdict::Closed { Style::Bad } else { Style::Plain };
        let name = terminal.cut(&terminal.clean(&slo.name), longest);
        let mut line = format!("  {name:<longest$}");
        for (column, cell) in COLUMNS.iter().zip(cells(slo)) {
            line.push_str(&format!("  {cell:>width$}", width = column.len()));
        }
        out.push_str(&format!("{}\n", terminal.paint(style, &line)));
        if let Some(cause) = &slo.cause {
            let trace = cause.trace_id.as_ref().map_or_else(String::new, |id| format!("; the latest is run {id}"));
            wrapped(&mut out, terminal, "    ", &format!("{} of those: {}{trace}", cause.count, cause.text()));
        }
    }
    out
}

fn cells(slo: &SloView) -> [String; 5] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        or_none(slo.burn.map(three)),
        or_none(slo.burn_lower.map(three)),
        format!("{}/{}", slo.counts.bad, slo.counts.good + slo.counts.bad),
        or_none(slo.coverage.map(percent)),
        or_none(slo.budget_remaining.map(percent)),
    ]
}

fn told(alert: &AlertView, terminal: &Terminal) -> String {
    let mut out = String::new();
    let state = match (alert.state, alert.before) {
        (State::Pending, _) => "pending",
        (State::Firing, true) => "firing since before",
        (State::Firing, false) => "fired",
        (State::Resolved, _) => "over",
    };
    let when = alert.fired_at.map_or_else(String::new, |at| format!(" {} UTC", moment(at)));
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
  AuthOutage of main fires since the beginning
  login-availability burns its budget 667 times as fast as allowed (at least
  332; the limit is 2): 8 of 24 runs bad since the beginning
  objective             burn  at least  bad/judged  coverage  budget left
  login-availability     667       332        8/24      100%        91.4%
    6 of those: http_status (provider) at token: token endpoint: status 503; the
    latest is run 05050505050505050505050505050505
  keys                     0         0        0/24      100%         -25%
  alert AuthOutage (page) of main: fired 2023-11-14 22:14:21 UTC
    Since 22:14 every run fails at token from every region: http_status
    (provider). 100% ::error::<b>|not mine
  warning: keys: its error budget is spent already
  deployment keycloak 26.5.1, marked 2023-11-14 22:13:20 UTC
  watched 2023-11-14 22:13:20 … 22:14:32 UTC by https://authprobe.example.com/
          (asked 16 times, once in vain)
";
        assert_eq!(human(&sample::closed(), &NARROW), expected);
    }

    #[test]
    fn an_open_gate_is_short() {
        let ascii = Terminal { width: 200, unicode: false, ..NARROW };
        let expected = "\
+ gate open after 10:00
  nothing burns faster than allowed, and enough was measured
  objective             burn  at least  bad/judged  coverage  budget left
  login-availability       0         0        0/24      100%        91.4%
  watched 2023-11-14 22:13:20 ... 22:23:20 UTC by https://authprobe.example.com/ (asked 120 times)
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
