//! How it goes, for CI systems: a line for each thing that is worth one; nothing scrolls, no control characters.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::super::render::short;
use super::writer::{self, Lines};
use super::{found, harmless};
use crate::smoke::report::Judgement;
use crate::smoke::{Event, Progress};
use crate::terminal::Terminal;

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
                let reason = match check.verdict {
                    Judgement::Bad | Judgement::Inconclusive if check.fault.is_some() => {
                        format!(": {}", check.reason.trim_end_matches('.'))
                    }
                    _ => String::new(),
                };
                let took = short(check.duration);
                format!("{name:width$} {took:>8}  {}{reason}", found(check), width = self.name)
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
