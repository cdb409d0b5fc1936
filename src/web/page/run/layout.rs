//! Where things are in the waterfall: pure numbers. Places and widths are shares of the whole in percent.

use std::time::Duration;

use super::view::{RequestView, RunView};
use crate::clock::Timestamp;

/// The narrowest bar: what is shorter must still be seen.
const NARROWEST: f64 = 0.3;
/// The most marks of the time axis besides its beginning.
const TICKS: f64 = 5.0;

/// A stretch of the axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub x: f64,
    pub width: f64,
}

/// A phase in a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    pub phase: &'static str,
    pub span: Span,
}

/// From the first thing that happened to the last, cleanup included.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    begin: Timestamp,
    length: Duration,
}

impl Scale {
    /// Of a run.
    pub fn of(run: &RunView) -> Self {
        let ends = run.steps.iter().flat_map(|step| {
            let requests = step.requests.iter().map(|request| (request.start, request.duration));
            requests.chain([(step.start, step.duration)])
        });
        let all = ends.chain([(run.start, run.duration)]);
        let (begin, end) = all
            .fold((run.start, run.start), |(begin, end), (start, length)| (begin.min(start), end.max(start + length)));
        Self { begin, length: end.since(begin).max(Duration::from_micros(1)) }
    }

    /// The place of a moment.
    pub fn at(&self, moment: Timestamp) -> f64 {
        let share = moment.since(self.begin).as_secs_f64() / self.length.as_secs_f64();
        (share * 100.0).clamp(0.0, 100.0)
    }

    /// The place of a stretch: wide enough to be seen, and never beyond the end.
    pub fn span(&self, start: Timestamp, length: Duration) -> Span {
        let (from, to) = (self.at(start), self.at(start + length));
        let width = (to - from).max(NARROWEST);
        Span { x: from.min(100.0 - width), width }
    }

    /// The phases of a request, one after the other.
    pub fn pieces(&self, request: &RequestView) -> Vec<Piece> {
        let mut from = request.start;
        let mut pieces = Vec::new();
        for (phase, took) in request.phases.all() {
            let Some(took) = took else { continue };
            let x = self.at(from);
            from = from + took;
            pieces.push(Piece { phase, span: Span { x, width: self.at(from) - x } });
        }
        pieces
    }

    /// Marks at round times, the beginning first.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let step = round_up(self.length.as_secs_f64() * 1000.0 / TICKS);
        let whole = self.length.as_secs_f64() * 1000.0;
        // Beyond this its words would leave the picture.
        let marks = (0..).map(|n| f64::from(n) * step).take_while(|at| *at <= whole * 0.94);
        marks.map(|at| (at / whole * 100.0, millis(at, step))).collect()
    }
}

/// The next of 1, 2, 5, 10, … (or a decimal fraction of them).
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= value * 0.999);
    factor.unwrap_or(10.0) * power
}

/// A time on an axis whose marks are `step` apart (milliseconds).
fn millis(at: f64, step: f64) -> String {
    let digits = |step: f64| if step >= 1.0 { 0 } else { (-step.log10()).ceil() as usize };
    if at == 0.0 {
        "0".to_owned()
    } else if step >= 1000.0 || at >= 10_000.0 {
        format!("{:.*} s", digits(step / 1000.0), at / 1000.0)
    } else {
        format!("{at:.*} ms", digits(step))
    }
}

/// How many requests of each step are shown, if at most `most` may be in all: those of short steps whole, what is left of the
/// room is shared evenly by the long ones.
pub fn shares(counts: &[usize], most: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|n| counts[*n]);
    let (mut left, mut shares) = (most, vec![0; counts.len()]);
    for (done, n) in order.into_iter().enumerate() {
        let fair = left / (counts.len() - done);
        shares[n] = counts[n].min(fair);
        left -= shares[n];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(millis: u64) -> Scale {
        Scale { begin: Timestamp::from_secs(100), length: Duration::from_millis(millis) }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_secs(100) + Duration::from_millis(millis)
    }

    #[test]
    fn stretches_lie_where_they_were_and_stay_within_the_picture() {
        let ms = Duration::from_millis;
        for (start, length, x, width) in [
            (at(0), ms(1000), 0.0, 100.0),
            (at(250), ms(500), 25.0, 50.0),
            (at(500), ms(0), 50.0, NARROWEST),
            (at(1000), ms(0), 100.0 - NARROWEST, NARROWEST),
            (at(900), ms(500), 90.0, 10.0),
            // Before the beginning, and far beyond the end.
            (Timestamp::from_secs(99), ms(100), 0.0, NARROWEST),
            (at(5000), ms(100), 100.0 - NARROWEST, NARROWEST),
        ] {
            let span = scale(1000).span(start, length);
            assert!((span.x - x).abs() < 1e-9 && (span.width - width).abs() < 1e-9, "{start}: {span:?}");
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        for (length, expected) in [
            (750, "0, 200 ms, 400 ms, 600 ms"),
            (1000, "0, 200 ms, 400 ms, 600 ms, 800 ms"),
            (4200, "0, 1 s, 2 s, 3 s"),
            (2, "0, 0.5 ms, 1.0 ms, 1.5 ms"),
            (30_000, "0, 10 s, 20 s"),
            (3_600_000, "0, 1000 s, 2000 s, 3000 s"),
        ] {
            let words: Vec<String> = scale(length).ticks().into_iter().map(|(_, words)| words).collect();
            assert_eq!(words.join(", "), expected, "{length}");
        }
        let places: Vec<f64> = scale(1000).ticks().into_iter().map(|(x, _)| x.round()).collect();
        assert_eq!(places, [0.0, 20.0, 40.0, 60.0, 80.0]);
    }

    #[test]
    fn the_shortest_of_all_runs_has_an_axis() {
        let none = Scale { begin: at(0), length: Duration::from_micros(1) };
        assert!(none.ticks().len() <= 6, "{:?}", none.ticks());
        assert_eq!(none.at(at(0)), 0.0);
    }

    #[test]
    fn long_steps_share_what_short_ones_leave() {
        for (counts, most, expected) in [
            (vec![], 10, vec![]),
            (vec![3, 4], 10, vec![3, 4]),
            (vec![1, 5000, 2], 300, vec![1, 297, 2]),
            (vec![500, 500, 1], 301, vec![150, 150, 1]),
            (vec![9, 9], 0, vec![0, 0]),
        ] {
            assert_eq!(shares(&counts, most), expected, "{counts:?}");
        }
    }
}
