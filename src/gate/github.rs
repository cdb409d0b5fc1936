//! What a gate found, for GitHub Actions: workflow commands that become annotations, and a summary in Markdown.

use super::decide::{percent, three};
use super::report::{Report, Verdict};
use crate::terminal::Terminal;

/// Annotations: an error a reason when it is closed, a warning when it could not tell, a warning each of what is worth a look.
pub fn annotations(report: &Report) -> String {
    let (level, title) = match report.verdict {
        Verdict::Open => ("notice", "authprobe gate: open"),
        Verdict::Closed => ("error", "authprobe gate: closed"),
        Verdict::Unknown => ("warning", "authprobe gate: could not tell"),
        Verdict::Interrupted => ("warning", "authprobe gate: interrupted"),
    };
    let mut out = String::new();
    let mut say = |level: &str, title: &str, text: &str| {
        out.push_str(&format!("::{level} title={}::{}\n", property(title), message(text)));
    };
    if report.reasons.is_empty() {
        say(level, title, &report.reason);
    }
    for reason in &report.reasons {
        let of_slo = report.slos.iter().find(|slo| reason.slo.as_ref() == Some(&slo.name));
        let cause = of_slo.and_then(|slo| slo.cause.as_ref());
        let cause = cause.map_or_else(String::new, |cause| format!("; most failed with {}", cause.text()));
        say(level, title, &format!("{}{cause}", reason.text));
    }
    report.warnings.iter().for_each(|warning| say("warning", "authprobe gate", warning));
    out
}

/// The step summary.
pub fn summary(report: &Report) -> String {
    let word = match report.verdict {
        Verdict::Open => "✅ open",
        Verdict::Closed => "❌ closed",
        Verdict::Unknown => "❔ could not tell",
        Verdict::Interrupted => "❔ interrupted",
    };
    let mut out = format!("## authprobe gate: {word}\n\n{}\n\n", cell(&report.reason));
    if let Some(mark) = &report.deployment {
        out.push_str(&format!("Deployment `{}`, marked {}.\n\n", cell(&mark.id).replace('`', "'"), mark.at));
    }
    if !report.slos.is_empty() {
        out.push_str("| objective | burn | at least | bad | judged | coverage | budget left | most failed with |\n");
        out.push_str("|---|---:|---:|---:|---:|---:|---:|---|\n");
    }
    for slo in &report.slos {
        let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), three);
        let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
            cell(&slo.name),
            rate(slo.burn),
            rate(slo.burn_lower),
            slo.counts.bad,
            slo.counts.good + slo.counts.bad,
            share(slo.coverage),
            share(slo.budget_remaining),
            slo.cause.as_ref().map_or_else(String::new, |cause| cell(&cause.text())),
        ));
    }
    for alert in &report.alerts {
        let before = if alert.before { ", from before" } else { "" };
        let head = format!("{} ({}{before}) of {}", alert.name, alert.severity, alert.subject);
        out.push_str(&format!("\n- **{}**: {}", cell(&head), cell(&alert.description)));
    }
    report.warnings.iter().for_each(|warning| out.push_str(&format!("\n- warning: {}", cell(warning))));
    out.push('\n');
    out
}

/// The value of a property of a workflow command.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// The message of a workflow command: nothing in it begins another.
fn message(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    Terminal { width: 120, colour: false, unicode: true }.clean(&escaped)
}

/// Text that is neither Markdown nor HTML.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '[' | ']' | '`' | '\\' | '#' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sample;

    #[test]
    fn reasons_become_annotations_and_foreign_text_no_command() {
        let expected = "\
::error title=authprobe gate%3A closed::AuthOutage of main fires since the beginning
::error title=authprobe gate%3A closed::login-availability burns its budget 667 times as fast as allowed (at least 332; the \
                        limit is 2): 8 of 24 runs bad since the beginning; most failed with http_status (provider) at token: token \
                        endpoint: status 503
::warning title=authprobe gate::keys: its error budget is spent already
";
        assert_eq!(annotations(&sample::closed()), expected);
        let open = annotations(&sample::open());
        assert_eq!(
            open,
            "::notice title=authprobe gate%3A open::nothing burns faster than allowed, and enough was measured\n"
        );
        assert_eq!(message("50%\n::error::x\r"), "50%25%0A::error::x%0D");
    }

    #[test]
    fn the_summary_is_a_table_with_what_was_said_beside() {
        let expected = r"## authprobe gate: ❌ closed

AuthOutage of main fires since the beginning (and 1 more)

Deployment `keycloak 26.5.1`, marked 2023-11-14T22:13:20.000Z.

| objective | burn | at least | bad | judged | coverage | budget left | most failed with |
|---|---:|---:|---:|---:|---:|---:|---|
| login-availability | 667 | 332 | 8 | 24 | 100% | 91.4% | http\_status (provider) at token: token endpoint: status 503 |
| keys | 0 | 0 | 0 | 24 | 100% | -25% |  |

- **AuthOutage (page) of main**: Since 22:14 every run fails at token from every region: http\_status (provider). 100% ::error::&lt;b&gt;\|not mine
- warning: keys: its error budget is spent already
";
        assert_eq!(summary(&sample::closed()), expected);
    }
}
