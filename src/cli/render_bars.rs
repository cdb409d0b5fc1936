//! The bars of a waterfall: time to columns.

use std::time::Duration;

use super::render::short;
use crate::clock::Timestamp;
use crate::outcome::{Outcome, RequestRecord, StepRecord, StepState};
use crate::terminal::{Style, Terminal};

/// How a phase looks: its name, in Unicode, in ASCII, in colour. Told apart without colour, too.
const PHASES: [(&str, char, char, Style); 5] = [
    ("resolve", '░', '.', Style::Resolve),
    ("connect", '▒', ':', Style::Connect),
    ("tls", '▓', '%', Style::Tls),
    ("processing", '█', '#', Style::Processing),
    ("transfer", '▄', '_', Style::Transfer),
];

/// Which colours and shapes mean what.
pub fn legend(terminal: &Terminal) -> String {
    let sample = |(name, unicode, ascii, style): (&str, char, char, Style)| {
        let square = terminal.pick(unicode, ascii).to_string().repeat(2);
        format!("{} {name}", terminal.paint(style, &square))
    };
    PHASES.map(sample).join("  ")
}

/// Something with a beginning and parts, one after the other.
#[derive(Debug)]
pub struct Bar {
    start: Timestamp,
    parts: Vec<(Duration, char, char, Style)>,
}

impl Bar {
    /// A thin line.
    pub fn step(step: &StepRecord) -> Self {
        let style = match step.state {
            _ if step.cleanup => Style::Dim,
            StepState::Failed => Style::Bad,
            StepState::Done | StepState::Skipped => Style::Plain,
        };
        Self { start: step.start, parts: vec![(step.duration, '─', '-', style)] }
    }

    /// Its phases; what none of them covers was spent waiting.
    pub fn request(request: &RequestRecord) -> Self {
        let mut parts: Vec<_> = request
            .phases
            .iter()
            .filter_map(|(phase, took)| {
                let (_, unicode, ascii, style) = PHASES.into_iter().find(|(name, ..)| *name == phase)?;
                Some((took, unicode, ascii, style))
            })
            .collect();
        let known: Duration = parts.iter().map(|(took, ..)| *took).sum();
        let rest = request.duration.saturating_sub(known);
        let style = if request.error.is_some() { Style::Bad } else { Style::Dim };
        parts.push((rest, '·', ' ', style));
        Self { start: request.start, parts }
    }
}

/// From the begin of a run to its last end, over so many columns.
#[derive(Debug)]
pub struct Scale {
    start: Timestamp,
    length: Duration,
    columns: usize,
}

impl Scale {
    /// For a run.
    pub fn new(outcome: &Outcome, columns: usize) -> Self {
        let ends = outcome.steps.iter().map(|step| step.start + step.duration);
        let end = ends.max().unwrap_or(outcome.start).max(outcome.start + outcome.duration);
        Self { start: outcome.start, length: end.since(outcome.start).max(Duration::from_micros(1)), columns }
    }

    /// Begin and end in words.
    pub fn axis(&self) -> String {
        let end = short(self.length);
        format!("0{end:>width$}", width = self.columns - 1)
    }

    /// The column of a moment, as a fraction.
    fn column(&self, after: Duration) -> f64 {
        (after.as_secs_f64() / self.length.as_secs_f64()).clamp(0.0, 1.0) * self.columns as f64
    }

    /// At least one column wide, never over the edge.
    pub fn draw(&self, bar: &Bar, terminal: &Terminal) -> String {
        let offset = bar.start.since(self.start);
        let first = (self.column(offset) as usize).min(self.columns - 1);
        let mut out = " ".repeat(first);
        let (mut column, mut passed) = (first, offset);
        for (took, unicode, ascii, style) in &bar.parts {
            passed += *took;
            let end = (self.column(passed).round() as usize).min(self.columns);
            if end > column {
                let cells = terminal.pick(*unicode, *ascii).to_string().repeat(end - column);
                out.push_str(&terminal.paint(*style, &cells));
                column = end;
            }
        }
        if column == first {
            let longest = bar.parts.iter().max_by_key(|(took, ..)| *took);
            if let Some((_, unicode, ascii, style)) = longest {
                out.push_str(&terminal.paint(*style, &terminal.pick(*unicode, *ascii).to_string()));
            }
        }
        out
    }
}
