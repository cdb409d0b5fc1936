//! How it goes, for CI systems: a line for each thing that is worth one; nothing scrolls, no control characters.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::super::render::short;
use super::found;
use super::writer::{self, Lines};
use crate::smoke::report::{Judgement, words};
use crate::smoke::{Event, Progress};
use crate::terminal::Terminal;
use crate::terminal::harmless;

/// Tells of an event in lines on stderr.
#[derive(Debug)]
pub struct Plain {
    story: Mutex<Story>,
    lines: Option<Lines>,
}

impl Plain {
    /// On stderr. If there is none, nothing is told.
    pub fn start() -> Self {
        let lines = writer::stderr().ok().map(Lines::to);
        Self { story: Mutex::new(Story::new(Terminal::stderr())), lines }
    }

    /// What was told is written before anything else; a reader that is stuck is waited for only so long.
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        if let Some(lines) = &self.lines {
            lines.end();
        }
    }
}

impl Progress for Plain {
    fn tell(&self, event: &Event<'_>) {
        let line = self.story.lock().unwrap_or_else(PoisonError::into_inner).line(event);
        if let (Some(line), Some(lines)) = (line, &self.lines) {
            lines.say(line);
        }
    }
}

/// What is worth a line. Pure.
#[derive(Debug)]
pub struct Story {
    terminal: Terminal,
    /// The widest name, for lines that stand in columns.
    name: usize,
    /// Providers that are waited for: what they answered, and at which try that is said again.
    waits: BTreeMap<String, (String, u32)>,
}

impl Story {
    /// Nothing was told yet.
    pub const fn new(terminal: Terminal) -> Self {
        Self { terminal, name: 0, waits: BTreeMap::new() }
    }

    /// What there is to say of it: one line with its end.
    pub fn line(&mut self, event: &Event<'_>) -> Option<String> {
        let said = match event {
            Event::Selected(checks) => {
                let widths = checks.iter().map(|check| self.terminal.clean(&check.to_string()).chars().count());
                self.name = widths.max().unwrap_or(0).min(60);
                let plural = if checks.len() == 1 { "" } else { "s" };
                format!("smoke: {} check{plural}", checks.len())
            }
            Event::Waiting { provider, why, tries } => self.waiting(provider, why, *tries)?,
            Event::Waited { provider, ready } => {
                // One that answered at once was not waited for.
                self.waits.remove(*provider)?;
                let answers = if *ready { "answers now" } else { "did not answer in time" };
                format!("waiting: {provider} {answers}")
            }
            Event::Started { .. } | Event::Ran { .. } => return None,
            Event::Decided(check) => {
                let name = self.terminal.clean(&check.check.to_string());
                let reason = match (check.verdict, words::blamed(check)) {
                    (Judgement::Bad | Judgement::Inconclusive, Some(_)) => {
                        format!(": {}", check.reason.trim_end_matches('.'))
                    }
                    _ => String::new(),
                };
                let found = match found(check) {
                    said if matches!(check.verdict, Judgement::Good | Judgement::Skipped) => said,
                    found => format!("{}: {found}{reason}", check.verdict.as_str()),
                };
                format!("{name:width$} {:>8}  {found}", short(check.duration), width = self.name)
            }
        };
        Some(format!("{}\n", harmless(self.terminal.clean(&said).trim_end())))
    }

    /// Said at once, when the answer changes, and ever more rarely: at the 2nd, 4th, 8th try.
    fn waiting(&mut self, provider: &str, why: &str, tries: u32) -> Option<String> {
        let news = match self.waits.get(provider) {
            Some((before, next)) => before != why || tries >= *next,
            None => true,
        };
        if !news {
            return None;
        }
        self.waits.insert(provider.to_owned(), (why.to_owned(), tries.saturating_mul(2)));
        Some(format!("waiting for {provider}: {why} (try {tries})"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::fault::{Class, Fault};
    use crate::runner::testing::labels;
    use crate::smoke::report::{CheckReport, Counts};

    const PLAIN: Terminal = Terminal { width: 80, colour: false, unicode: true };

    fn decided(probe: &str, verdict: Judgement, reason: &str) -> CheckReport {
        let mut fault = Fault::new(Class::HttpStatus, reason);
        fault.step = "token";
        CheckReport {
            check: labels(probe, "eu"),
            labels: Arc::default(),
            verdict,
            reason: reason.to_owned(),
            counts: Counts::default(),
            duration: Duration::from_millis(1234),
            median: None,
            fault: (verdict == Judgement::Bad).then_some(fault),
            runs: Vec::new(),
            screenshot: None,
        }
    }

    #[test]
    fn what_is_decided_is_a_line_and_what_runs_is_none() {
        let mut story = Story::new(PLAIN);
        let checks = [labels("login", "eu"), labels("k", "eu")];
        let mut told = String::new();
        let (bad, good) =
            (decided("login", Judgement::Bad, "500 where 200 was expected"), decided("k", Judgement::Good, ""));
        for event in [
            Event::Selected(&checks),
            Event::Started { check: &checks[0], run: 1 },
            Event::Decided(&good),
            Event::Decided(&bad),
        ] {
            told.extend(story.line(&event));
        }
        assert_eq!(
            told,
            "smoke: 2 checks\n\
             k@eu       1.23 s  good\n\
             login@eu   1.23 s  bad: http_status in token (provider): 500 where 200 was expected\n"
        );
    }

    #[test]
    fn waiting_is_told_at_once_and_then_ever_more_rarely() {
        let mut story = Story::new(PLAIN);
        let mut told = Vec::new();
        for tries in 1..=40 {
            let why = if tries < 20 { "connect" } else { "503" };
            told.extend(story.line(&Event::Waiting { provider: "main", why, tries }));
        }
        told.extend(story.line(&Event::Waited { provider: "main", ready: true }));
        assert_eq!(story.line(&Event::Waited { provider: "other", ready: true }), None, "it answered at once");
        assert_eq!(
            told.concat(),
            "waiting for main: connect (try 1)\nwaiting for main: connect (try 2)\nwaiting for main: connect (try 4)\n\
             waiting for main: connect (try 8)\nwaiting for main: connect (try 16)\nwaiting for main: 503 (try 20)\n\
             waiting for main: 503 (try 40)\nwaiting: main answers now\n"
        );
    }

    #[test]
    fn foreign_text_is_one_line_and_no_command() {
        let mut story = Story::new(PLAIN);
        let odd = "\u{1b}[2J::error::x\n::stop-commands::y ##[error]z\r";
        let line = story.line(&Event::Decided(&decided(odd, Judgement::Bad, odd))).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.trim_end_matches('\n').contains(char::is_control) && !line.contains("##["), "{line:?}");
        let line = story.line(&Event::Waiting { provider: "\r::warning::", why: odd, tries: 1 }).unwrap();
        assert!(line.starts_with("waiting for ") && !line.contains('\r'), "{line:?}");
    }
}
