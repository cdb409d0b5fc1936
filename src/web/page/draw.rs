//! What is drawn: pure functions from values to SVG. Geometry stands in attributes, colours are classes of the style sheet (the
//! page's policy allows no styles of its own). A drawing stretches to whatever it stands in, so that words are never part of
//! it but stand beside it as text; lines keep their width. One that says something has a text alternative; one beside the same
//! in words is hidden from screen readers.

use std::fmt::Write;
use std::time::Duration;

use crate::clock::Timestamp;

mod bar;
mod burn_down;
mod heat;
mod stacks;
mod strip;
mod timeline;

pub use bar::bar;
pub use burn_down::{BurnDown, burn_down, lay_out};
pub use heat::{Heat, heat};
pub use stacks::{Stacks, stacks};
pub use strip::{availability, sparkline};
pub use timeline::{Lane, Mark, Shape, axis, timeline};

/// What a shape stands for. Never told by the colour alone: by its place or shape, or in words, as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// It is not.
    Bad,
    /// It may not be for long, or not wholly.
    Warn,
    /// Nobody knows.
    Unknown,
    /// None of these: what is measured, what was done.
    Accent,
}

impl Tone {
    /// The class that fills with it.
    pub const fn fill(self) -> &'static str {
        match self {
            Self::Good => "f-good",
            Self::Bad => "f-bad",
            Self::Warn => "f-warn",
            Self::Unknown => "f-unknown",
            Self::Accent => "f-accent",
        }
    }

    /// The class that fills with a softer one.
    pub const fn soft(self) -> &'static str {
        match self {
            Self::Good => "f-good-soft",
            Self::Bad => "f-bad-soft",
            Self::Warn => "f-warn-soft",
            Self::Unknown => "f-unknown-soft",
            Self::Accent => "f-accent-soft",
        }
    }

    /// The class that draws lines with it.
    pub const fn stroke(self) -> &'static str {
        match self {
            Self::Good => "s-good",
            Self::Bad => "s-bad",
            Self::Warn => "s-warn",
            Self::Unknown => "s-unknown",
            Self::Accent => "s-accent",
        }
    }
}

/// How wide whatever has a time axis is drawn, before it is stretched.
const WIDTH: f64 = 1000.0;

/// Where a time lies between two others: 0 to [`WIDTH`], also if it is before or after them.
fn place(at: Timestamp, begin: Timestamp, end: Timestamp) -> f64 {
    let whole = end.since(begin).as_secs_f64();
    if whole > 0.0 { (at.since(begin).as_secs_f64() / whole * WIDTH).min(WIDTH) } else { 0.0 }
}

/// The end of the `n`th cell.
fn end_of(begin: Timestamp, cell: Duration, n: usize) -> Timestamp {
    begin + cell.saturating_mul(u32::try_from(n + 1).unwrap_or(u32::MAX))
}

/// The data of a path: short, since a page has many.
#[derive(Default)]
struct Path(String);

impl Path {
    fn to(&mut self, command: char, x: f64, y: f64) -> &mut Self {
        self.0.push(command);
        self.number(x);
        // A minus separates as well as a blank.
        if !short(y).starts_with('-') {
            self.0.push(' ');
        }
        self.number(y)
    }

    fn number(&mut self, n: f64) -> &mut Self {
        self.0.push_str(&short(n));
        self
    }

    /// A rectangle.
    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64) -> &mut Self {
        self.to('M', x, y);
        let _ = write!(self.0, "h{}v{}h{}z", short(width), short(height), short(-width));
        self
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// With one decimal, if it needs any.
fn short(n: f64) -> String {
    let tenths = (n * 10.0).round() / 10.0;
    // There is no minus zero in drawings.
    format!("{}", if tenths == 0.0 { 0.0 } else { tenths })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_short() {
        let mut path = Path::default();
        path.to('M', 0.0, 12.34).to('l', 1.0, -0.04).to('l', 1.0, -2.5).rect(1.0, 2.0, 3.0, 4.0);
        assert_eq!(path.0, "M0 12.3l1 0l1-2.5M1 2h3v4h-3z");
    }

    #[test]
    fn what_is_outside_lies_at_the_edge() {
        let at = Timestamp::from_secs;
        let places = [0, 100, 150, 200, 300].map(|s| place(at(s), at(100), at(200)));
        assert_eq!(places, [0.0, 0.0, 500.0, 1000.0, 1000.0]);
        assert_eq!(place(at(5), at(5), at(5)), 0.0, "of no length");
    }
}
