//! How the budget was spent over the window: pure numbers, and the picture of them.

use std::time::Duration;

use maud::{Markup, html};

use super::left;
use crate::clock::Timestamp;
use crate::slo::burn::left as budget_left;
use crate::slo::{Counts, Spending};
use crate::web::page::run::place;

/// The lowest that is drawn: below it only the number tells how much is overspent.
const FLOOR: f64 = -1.0;
/// The height of the picture (px).
const HEIGHT: u32 = 220;

/// A line without the stretches in which nothing was measured: in each place x (percent of the width) and what is left.
pub type Line = Vec<Vec<(f64, f64)>>;

/// The picture in numbers. Places are percent of the width.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnDown {
    /// With maintenance left out.
    pub adjusted: Line,
    /// With maintenance like any other time.
    pub raw: Line,
    /// Where nothing was judged at all: place and width.
    pub gaps: Vec<(f64, f64)>,
    /// Where something lay in maintenance.
    pub maintenance: Vec<(f64, f64)>,
    /// What is left at the end: adjusted and raw; `None`: nothing was judged.
    pub left: (Option<f64>, Option<f64>),
    /// The lowest that is drawn: 0, or below if it is overspent.
    pub bottom: f64,
    /// Whether it is overspent by more than is drawn.
    pub clipped: bool,
}

/// Lays it out. `allowed_ppm`: the share of events that may be bad; `now`: the end of the picture.
///
/// What is left after a cell is reckoned as the budget itself is: of all events that were judged in the window so far, so that
/// the line ends at the number that is told beside it, and falls where events are bad and nowhere else.
pub fn lay_out(spending: &Spending, allowed_ppm: u32, now: Timestamp) -> BurnDown {
    let edges = Edges { begin: spending.begin, cell: spending.cell, now };
    let cells = |counts: fn(&crate::slo::Tally) -> Counts| spending.cells.iter().map(counts).collect::<Vec<_>>();
    let (raw_cells, adjusted_cells) = (cells(|tally| tally.raw), cells(|tally| tally.adjusted()));
    let (raw, raw_left) = line(&raw_cells, allowed_ppm, &edges);
    let (adjusted, adjusted_left) = line(&adjusted_cells, allowed_ppm, &edges);
    let lowest = raw.iter().chain(&adjusted).flatten().map(|(_, left)| *left).fold(0.0, f64::min);
    // In quarters, so that marks of the axis fit.
    let bottom = ((lowest * 4.0).floor() / 4.0).max(FLOOR);
    BurnDown {
        adjusted,
        raw,
        gaps: edges.stretches(spending.cells.iter().map(|tally| tally.raw.judged() == 0)),
        maintenance: edges.stretches(spending.cells.iter().map(|tally| !tally.excluded.is_zero())),
        left: (adjusted_left, raw_left),
        bottom,
        clipped: lowest < bottom,
    }
}

struct Edges {
    begin: Timestamp,
    cell: Duration,
    now: Timestamp,
}

impl Edges {
    /// The place where the cell of that number begins; the last one ends now.
    fn at(&self, n: usize) -> f64 {
        let whole = self.now.since(self.begin).as_secs_f64();
        let at = self.cell.as_secs_f64() * n as f64;
        if whole > 0.0 { (at / whole * 100.0).min(100.0) } else { 0.0 }
    }

    /// Places and widths of cells side by side for which it holds.
    fn stretches(&self, holds: impl Iterator<Item = bool>) -> Vec<(f64, f64)> {
        let mut all: Vec<(usize, usize)> = Vec::new();
        for n in holds.enumerate().filter(|(_, holds)| *holds).map(|(n, _)| n) {
            match all.last_mut() {
                Some((_, end)) if *end == n => *end = n + 1,
                _ => all.push((n, n + 1)),
            }
        }
        all.into_iter().map(|(from, to)| (self.at(from), self.at(to) - self.at(from))).collect()
    }
}

fn line(cells: &[Counts], allowed_ppm: u32, edges: &Edges) -> (Line, Option<f64>) {
    let judged: u64 = cells.iter().map(|counts| counts.judged()).sum();
    let left = |bad: u64| budget_left(bad, judged, allowed_ppm);
    let (mut line, mut bad, mut open) = (Line::new(), 0, false);
    for (n, counts) in cells.iter().enumerate() {
        if counts.judged() == 0 {
            open = false;
            continue;
        }
        if !open {
            line.push(vec![(edges.at(n), left(bad))]);
            open = true;
        }
        bad += counts.bad;
        if let Some(stretch) = line.last_mut() {
            stretch.push((edges.at(n + 1), left(bad)));
        }
    }
    (line, (judged > 0).then(|| left(bad)))
}

impl BurnDown {
    /// The height of a share that is left: percent from the top.
    fn y(&self, left: f64) -> f64 {
        (1.0 - left.max(self.bottom)) / (1.0 - self.bottom) * 100.0
    }

    fn points(&self, stretch: &[(f64, f64)]) -> String {
        let points: Vec<String> = stretch.iter().map(|(x, left)| format!("{x:.2},{:.2}", self.y(*left))).collect();
        points.join(" ")
    }

    /// The same, closed at zero.
    fn area(&self, stretch: &[(f64, f64)]) -> String {
        let (first, last) = (stretch.first().map_or(0.0, |(x, _)| *x), stretch.last().map_or(0.0, |(x, _)| *x));
        let zero = self.y(0.0);
        format!("{first:.2},{zero:.2} {} {last:.2},{zero:.2}", self.points(stretch))
    }

    /// Whether the raw line is another.
    fn differs(&self) -> bool {
        self.raw != self.adjusted
    }

    /// The picture; `marks`: places and words of the time axis.
    pub fn draw(&self, marks: &[(f64, String)]) -> Markup {
        let levels = [1.0, 0.75, 0.5, 0.25, 0.0, -0.5, -1.0].into_iter().filter(|level| *level >= self.bottom);
        html! {
            figure.burn-down {
                div.plot {
                    svg width="100%" height=(HEIGHT + 24) role="img" aria-label=(self.in_words()) {
                        @for level in levels {
                            @let y = format!("{:.1}", self.y(level) / 100.0 * f64::from(HEIGHT));
                            line.axis.s-faint[level == 0.0] x1="0" x2="100%" y1=(y) y2=(y) {}
                            text x="-8" y=(y) dy="4" text-anchor="end" { (format!("{:.0}%", level * 100.0).replace('-', "−")) }
                        }
                        (self.inside())
                        @for (n, (x, words)) in marks.iter().enumerate() {
                            @let anchor = if n == 0 { "start" } else if *x > 99.0 { "end" } else { "middle" };
                            text.minor[n % 2 == 1] x=(place(*x)) y=(HEIGHT + 18) text-anchor=(anchor) { (words) }
                        }
                    }
                }
                figcaption { (self.legend()) }
            }
        }
    }

    fn inside(&self) -> Markup {
        let (zero, end) = (format!("{:.2}", self.y(0.0)), "100");
        html! {
            svg x="0" y="0" width="100%" height=(HEIGHT) viewBox="0 0 100 100" preserveAspectRatio="none" {
                @for (x, width) in &self.gaps {
                    rect.gap x=(format!("{x:.2}")) width=(format!("{width:.2}")) y="0" height="100" {}
                }
                @for stretch in &self.adjusted { polygon.f-accent-soft points=(self.area(stretch)) {} }
                @for (x, width) in &self.maintenance {
                    rect.f-warn x=(format!("{x:.2}")) width=(format!("{:.2}", width.max(0.4))) y="98.5" height="1.5" {}
                }
                line.stroke.s-faint.dashed x1="0" y1="0" x2=(end) y2=(zero) {}
                @if self.differs() {
                    @for stretch in &self.raw { polyline.stroke.s-warn.dashed points=(self.points(stretch)) {} }
                }
                @for stretch in &self.adjusted { polyline.stroke.thick.s-accent points=(self.points(stretch)) {} }
            }
        }
    }

    fn legend(&self) -> Markup {
        let sample = |class: &str| {
            html! { svg width="22" height="10" aria-hidden="true" { line class=(class) x1="0" x2="22" y1="5" y2="5" {} } }
        };
        let patch = |class: &str, y: &str, height: &str| {
            html! {
                svg width="22" height="10" aria-hidden="true" { rect class=(class) x="0" y=(y) width="22" height=(height) {} }
            }
        };
        html! {
            ul.legend {
                li { (sample("stroke thick s-accent")) "budget left" }
                @if self.differs() { li { (sample("stroke dashed s-warn")) "raw: with maintenance" } }
                li { (sample("stroke dashed s-faint")) "evenly spent" }
                @if !self.gaps.is_empty() { li { (patch("gap", "0", "10")) "not measured" } }
                @if !self.maintenance.is_empty() { li { (patch("f-warn", "7", "3")) "maintenance" } }
            }
            @if self.clipped { p.faint { "Overspent by more than is drawn." } }
        }
    }

    /// For whoever does not see it.
    fn in_words(&self) -> String {
        let now = self.left.0.map_or_else(|| "unknown".to_owned(), left);
        let gaps = match self.gaps.len() {
            0 => String::new(),
            1 => "; one stretch was not measured".to_owned(),
            n => format!("; {n} stretches were not measured"),
        };
        format!("The error budget over the window, falling from 100%: now {now}{gaps}. The same in numbers below.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Tally;

    const HOUR: Duration = Duration::from_secs(3600);

    fn spending(cells: &[(u64, u64)]) -> Spending {
        let tally = |&(good, bad): &(u64, u64)| Tally {
            raw: Counts { good, bad, inconclusive: 0, expected: good + bad },
            excluded: Counts::default(),
        };
        Spending { begin: Timestamp::from_secs(0), cell: HOUR, cells: cells.iter().map(tally).collect() }
    }

    fn drawn(cells: &[(u64, u64)], allowed_ppm: u32) -> BurnDown {
        lay_out(&spending(cells), allowed_ppm, Timestamp::from_secs(3600 * cells.len() as i64))
    }

    fn rounded(line: &Line) -> Vec<Vec<(f64, f64)>> {
        let round = |x: f64| (x * 1e6).round() / 1e6;
        line.iter().map(|stretch| stretch.iter().map(|(x, left)| (round(*x), round(*left))).collect()).collect()
    }

    #[test]
    fn the_line_falls_where_events_are_bad_and_breaks_where_nothing_was_judged() {
        // 400 judged and 1 % allowed: four may be bad.
        let drawn = drawn(&[(100, 0), (98, 2), (0, 0), (199, 1)], 10_000);
        assert_eq!(
            rounded(&drawn.adjusted),
            [vec![(0.0, 1.0), (25.0, 1.0), (50.0, 0.5)], vec![(75.0, 0.5), (100.0, 0.25)],]
        );
        assert_eq!((drawn.gaps, drawn.bottom, drawn.clipped), (vec![(50.0, 25.0)], 0.0, false));
        assert_eq!(drawn.left.0.map(|left| (left * 1e6).round()), Some(250_000.0));
    }

    #[test]
    fn overspending_is_drawn_down_to_a_floor() {
        for (bad, bottom, clipped) in
            [(4, 0.0, false), (5, -0.25, false), (7, -0.75, false), (8, -1.0, false), (9, -1.0, true)]
        {
            let drawn = drawn(&[(400 - bad, bad)], 10_000);
            assert_eq!((drawn.bottom, drawn.clipped), (bottom, clipped), "{bad} bad");
            assert!((0.0..=100.0).contains(&drawn.y(drawn.left.0.unwrap())));
        }
    }

    #[test]
    fn what_allows_nothing_is_whole_or_gone() {
        assert_eq!(rounded(&drawn(&[(9, 0), (9, 1)], 0).adjusted), [vec![(0.0, 1.0), (50.0, 1.0), (100.0, 0.0)]]);
    }

    #[test]
    fn without_any_judged_event_there_is_no_line_and_nothing_is_known() {
        for cells in [&[][..], &[(0, 0), (0, 0)]] {
            let drawn = drawn(cells, 10_000);
            assert_eq!((drawn.adjusted.len(), drawn.left), (0, (None, None)), "{cells:?}");
            assert!(drawn.in_words().contains("unknown"), "{}", drawn.in_words());
        }
    }

    #[test]
    fn maintenance_is_left_out_of_one_line_and_marked() {
        let mut spending = spending(&[(100, 0), (90, 10), (100, 0)]);
        spending.cells[1].excluded = spending.cells[1].raw;
        let drawn = lay_out(&spending, 100_000, Timestamp::from_secs(3 * 3600));
        assert_eq!(drawn.left.0, Some(1.0));
        assert_eq!(rounded(&drawn.raw)[0].last(), Some(&(100.0, 0.666_667)));
        // Judged, though nothing of it counts: a gap of the line, not of what was measured.
        assert_eq!((drawn.adjusted.len(), drawn.gaps.len(), drawn.maintenance.len()), (2, 0, 1));
        assert!(drawn.differs());
    }

    #[test]
    fn the_last_cell_ends_now() {
        let drawn = lay_out(&spending(&[(1, 0), (1, 0)]), 100_000, Timestamp::from_secs(5400));
        assert_eq!(rounded(&drawn.adjusted), [vec![(0.0, 1.0), (66.666_667, 1.0), (100.0, 1.0)]]);
    }
}
