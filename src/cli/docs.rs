//! `authprobe docs CHAPTER`: chapters of the documentation that are made from the code, as they are in `docs/`.

mod configuration;
mod sections;
mod words;

use std::io::Write as _;

use super::Exit;
use crate::alert::carriers::{beside, carriers};
use crate::fault::{Blame, Class};
use crate::plan::schema;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which chapter
    #[arg(value_enum)]
    chapter: Chapter,
}

/// A chapter.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Chapter {
    /// docs/faults.md
    Faults,
    /// docs/configuration-reference.md
    Configuration,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    let text = match args.chapter {
        Chapter::Faults => faults(),
        Chapter::Configuration => configuration::reference(&schema::document()),
    };
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Good
}

const INTRODUCTION: &str = "\
# Faults

<!-- Written by `authprobe docs faults > docs/faults.md` from src/fault/classes.rs: change it there. -->

A run that did not end well has one fault: its class, who is to blame, the step in which it happened, and a detail without
secrets. The class is a closed vocabulary; it is the `class` label of `authprobe_run_faults_total`, in the API, on the page, in
traces and in alerts. `authprobe probe NAME` prints meaning, causes and what to look at first under a run that failed.

- **network** and **provider** are to blame for *bad* runs: they count against objectives.
- **configuration** and **monitor** make a run *inconclusive*: it enters no objective.

Evidence moves the blame: when a region's references fail too, a network fault becomes `egress`; when two or more independent
accounts or clients that worked within the hour are refused together, `credentials` is blamed on the provider and is bad. What
to do about an alert is in [alerts.md](alerts.md).
";

/// `docs/faults.md`.
fn faults() -> String {
    let mut out = INTRODUCTION.to_owned();
    out.push_str("\n## Alerts\n\n| alert | a fault that it carries raises it |\n|---|---|\n");
    let mut seen = Vec::new();
    for one in Class::ALL.iter().flat_map(|class| carriers(*class)) {
        if !seen.contains(&one.alert) {
            seen.push(one.alert);
            out.push_str(&format!("| {} | {} |\n", link(one.alert), one.when));
        }
    }
    for blame in Blame::ALL {
        out.push_str(&format!("\n## {blame}\n\n{}\n", about(blame)));
        for class in Class::ALL.iter().copied().filter(|class| class.blame() == blame) {
            chapter(&mut out, class);
        }
    }
    out
}

fn about(blame: Blame) -> &'static str {
    match blame {
        Blame::Network => "Something between us and the provider, or the provider did not answer at all. Bad.",
        Blame::Provider => "The provider answered, and not as it must. Bad.",
        Blame::Configuration => "What this probe was given: account, client, settings. Inconclusive.",
        Blame::Monitor => "authprobe and the machine that it runs on. Inconclusive.",
    }
}

fn chapter(out: &mut String, class: Class) {
    out.push_str(&format!("\n### {class}\n\n{}\n\nLikely causes:\n\n", class.meaning()));
    for cause in class.causes() {
        out.push_str(&format!("- {cause}\n"));
    }
    let all: Vec<_> = carriers(class).iter().map(|one| format!("`{}`", one.alert)).collect();
    out.push_str(&format!("\nLook first: {}\n\nAlerts: {}.", class.hint(), all.join(", ")));
    let others: Vec<_> = beside(class).map(|alert| format!("`{alert}`")).collect();
    if !others.is_empty() {
        out.push_str(&format!(" Often beside it: {}.", others.join(", ")));
    }
    out.push('\n');
}

fn link(alert: &str) -> String {
    format!("[`{alert}`](alerts.md#{})", alert.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_on_faults_is_made_from_the_code() {
        let shipped = include_str!("../../docs/faults.md");
        assert!(shipped == faults(), "write it anew: authprobe docs faults > docs/faults.md");
    }

    /// By hand: what a reader must find of one class.
    #[test]
    fn a_class_says_what_why_where_and_who_tells() {
        let text = faults();
        let chapter = text.split("\n### ").find(|part| part.starts_with("certificate\n")).unwrap();
        for part in [
            "The provider's certificate is not acceptable.",
            "- it has expired: the renewal did not run, or was not loaded",
            "Look first: Check expiry, host names and chain",
            "Alerts: `AuthOutage`, `AuthRegionDown`, `AuthSLOBurn`. Often beside it: `AuthCertificateExpiring`.",
        ] {
            assert!(chapter.contains(part), "{part}\n{chapter}");
        }
        assert_eq!(text.matches("\n### ").count(), Class::ALL.len());
        assert!(text.contains("| [`AuthOutage`](alerts.md#authoutage) | while it fails everywhere"));
    }
}
