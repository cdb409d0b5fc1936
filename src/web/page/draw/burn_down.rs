//! How an error budget went over its window: pure numbers, what every picture of them has, and the small one.

use std::time::Duration;

use maud::{Markup, html};

use super::Tone;
use crate::clock::Timestamp;
use crate::slo::burn::left;
use crate::slo::{Counts, Spending, Tally};
use crate::web::page::words;

/// The lowest that is drawn: below it only the number tells how much is overspent.
const FLOOR: f64 = -1.0;
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

/// Lays it out. `allowed_ppm`: the share of events that may be bad; `end`: the end of the picture: the present, or where the
/// window ends.
///
/// What is left after a cell is reckoned as the budget itself is: of all events that were judged in the window so far, so that
/// the line ends at the number that is told beside it, and falls where events are bad and nowhere else.
pub fn lay_out(spending: &Spending, allowed_ppm: u32, end: Timestamp) -> BurnDown {
    let edges = Edges { begin: spending.begin, cell: spending.cell, end };
    let cells = |counts: fn(&Tally) -> Counts| spending.cells.iter().map(counts).collect::<Vec<_>>();
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
    end: Timestamp,
}

impl Edges {
    /// The place where the cell of that number begins; the last one ends where the window does.
    fn at(&self, n: usize) -> f64 {
        let whole = self.end.since(self.begin).as_secs_f64();
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
    let left = |bad: u64| left(bad, judged, allowed_ppm);
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
    pub fn y(&self, left: f64) -> f64 {
        (1.0 - left.max(self.bottom)) / (1.0 - self.bottom) * 100.0
    }

    /// Points of a stretch. Where it stays as it is, its ends are enough: a page has many, and each costs whoever draws it.
    fn points(&self, stretch: &[(f64, f64)]) -> String {
        let at: Vec<(f64, f64)> = stretch.iter().map(|(x, left)| (*x, self.y(*left))).collect();
        let bends = |n: usize| n == 0 || n + 1 == at.len() || at[n - 1].1 != at[n].1 || at[n + 1].1 != at[n].1;
        let kept = (0..at.len()).filter(|n| bends(*n)).map(|n| format!("{},{}", short(at[n].0), short(at[n].1)));
        kept.collect::<Vec<_>>().join(" ")
    }

    /// The same, closed at zero.
    fn area(&self, stretch: &[(f64, f64)]) -> String {
        let (first, last) = (stretch.first().map_or(0.0, |(x, _)| *x), stretch.last().map_or(0.0, |(x, _)| *x));
        let zero = short(self.y(0.0));
        format!("{},{zero} {} {},{zero}", short(first), self.points(stretch), short(last))
    }

    /// Whether the raw line is another.
    pub fn differs(&self) -> bool {
        self.raw != self.adjusted
    }

    /// What stands behind the lines: where nothing was measured, and what was left.
    pub fn grounds(&self, tone: Tone) -> Markup {
        html! {
            @for (x, width) in &self.gaps { rect.gap x=(short(*x)) width=(short(*width)) y="0" height="100" {} }
            @for stretch in &self.adjusted { polygon class=(tone.soft()) points=(self.area(stretch)) {} }
        }
    }

    /// The lines by their classes: with maintenance, where it makes a difference, and without.
    pub fn lines(&self, raw: &str, adjusted: &str) -> Markup {
        html! {
            @if self.differs() {
                @for stretch in &self.raw { polyline class=(raw) points=(self.points(stretch)) {} }
            }
            @for stretch in &self.adjusted { polyline class=(adjusted) points=(self.points(stretch)) {} }
        }
    }

    /// For whoever does not see it.
    pub fn in_words(&self) -> String {
        let now = self.left.0.map_or_else(|| "unknown".to_owned(), words::left);
        let gaps = match self.gaps.len() {
            0 => String::new(),
            1 => "; of one stretch nothing is known".to_owned(),
            n => format!("; of {n} stretches nothing is known"),
        };
        format!("The error budget over the window, falling from 100%: now {now}{gaps}.")
    }
}

/// As small as it goes: no words, no scale; its colour tells how much is left. Nothing if nothing was judged.
pub fn burn_down(drawn: &BurnDown) -> Markup {
    let tone = match drawn.left.0 {
        Some(left) if left <= 0.0 => Tone::Bad,
        Some(left) if left < 0.25 => Tone::Warn,
        Some(_) => Tone::Good,
        None => return html! {},
    };
    html! {
        svg.drawn.burndown viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=(drawn.in_words()) {
            (drawn.grounds(tone))
            path.axis d={"M0 " (short(drawn.y(0.0))) "h100"} {}
            (drawn.lines("stroke dashed s-faint", &format!("stroke {}", tone.stroke())))
        }
    }
}

/// With two decimals, if it needs any.
fn short(n: f64) -> String {
    let hundredths = (n * 100.0).round() / 100.0;
    format!("{}", if hundredths == 0.0 { 0.0 } else { hundredths })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(burn_down(&drawn).0, "");
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

    #[test]
    fn what_does_not_change_needs_no_points_and_small_it_says_as_much() {
        let mut drawn = drawn(&[(100, 0), (100, 0), (100, 0), (98, 2)], 10_000);
        let small = burn_down(&drawn).0;
        assert!(small.contains("<polyline class=\"stroke s-good\" points=\"0,0 75,0 100,50\">"), "{small}");
        assert!(small.contains("<polygon class=\"f-good-soft\" points=\"0,100 0,0 75,0 100,50 100,100\">"), "{small}");
        assert!(
            small.contains("role=\"img\" aria-label=\"The error budget over the window, falling from 100%: now 50%.\""),
            "{small}"
        );
        drawn.left.0 = Some(0.2);
        assert!(burn_down(&drawn).0.contains("s-warn"));
        drawn.left.0 = Some(-0.2);
        assert!(burn_down(&drawn).0.contains("s-bad"));
    }
}
