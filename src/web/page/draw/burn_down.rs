//! How an error budget went over its window.

use maud::{Markup, html};

use super::{Path, Tone, WIDTH, end_of, place, short};
use crate::clock::Timestamp;
use crate::slo::burn::left;
use crate::slo::{Counts, Spending, Tally};

/// How high it is drawn before it is stretched: 100 is a whole budget.
const HEIGHT: f64 = 100.0;
/// The lowest that is drawn: an overspent budget may be spent a hundred times.
const LOWEST: f64 = -1.0;

/// The budget that was left over time, as a share of the whole: 1 to 0, below it is overspent.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnDown {
    /// Where the window begins.
    pub begin: Timestamp,
    /// Where it ends: the present, or the end of a calendar month.
    pub end: Timestamp,
    /// The end of each cell, and what was left then, maintenance left out; `None`: nothing was judged in it.
    pub left: Vec<(Timestamp, Option<f64>)>,
    /// The same with maintenance counted, where it makes a difference.
    pub raw: Option<Vec<(Timestamp, Option<f64>)>>,
}

impl BurnDown {
    /// From what was counted. The last value is [`crate::slo::Budget::remaining`] of the same counts: what was bad until then
    /// is held against what all events of the window, as far as it has come, allow. `allowed_ppm`: the share that may be bad; `end`:
    /// where the window ends.
    /// `None`: nothing was judged.
    pub fn of(spending: &Spending, allowed_ppm: u32, end: Timestamp) -> Option<Self> {
        let left = Self::line(spending, allowed_ppm, end, Tally::adjusted)?;
        let excludes = spending.cells.iter().any(|cell| !cell.excluded.is_zero());
        let raw = excludes.then(|| Self::line(spending, allowed_ppm, end, |cell| cell.raw)).flatten();
        Some(Self { begin: spending.begin, end, left, raw })
    }

    fn line(
        spending: &Spending,
        allowed_ppm: u32,
        end: Timestamp,
        counts: fn(Tally) -> Counts,
    ) -> Option<Vec<(Timestamp, Option<f64>)>> {
        let all: Counts = spending.cells.iter().map(|cell| counts(*cell)).sum();
        if all.judged() == 0 {
            return None;
        }
        let mut bad = 0;
        let cell = |(n, cell): (usize, &Tally)| {
            let counts = counts(*cell);
            bad += counts.bad;
            let left = left(bad, all.judged(), allowed_ppm);
            (end_of(spending.begin, spending.cell, n).min(end), (counts.judged() > 0).then_some(left))
        };
        Some(spending.cells.iter().enumerate().map(cell).collect())
    }

    /// What is left now: that of the last cell in which anything was judged.
    pub fn last(&self) -> Option<f64> {
        self.left.iter().rev().find_map(|(_, left)| *left)
    }

    /// How many cells have nothing that was judged, from the first on that has.
    pub fn gaps(&self) -> usize {
        self.left.iter().skip_while(|(_, left)| left.is_none()).filter(|(_, left)| left.is_none()).count()
    }

    fn lowest(&self) -> f64 {
        let all = self.left.iter().chain(self.raw.iter().flatten());
        all.filter_map(|(_, left)| *left).fold(0.0, f64::min).max(LOWEST)
    }
}

/// As a line from a whole budget downwards. What was not measured is a gap in it, on a ground of its own. `label` says the same
/// in words; `None`: they stand beside it.
pub fn burn_down(drawn: &BurnDown, label: Option<&str>) -> Markup {
    let lowest = drawn.lowest();
    let y = |left: f64| (1.0 - left.clamp(lowest, 1.0)) / (1.0 - lowest) * HEIGHT;
    let x = |at| place(at, drawn.begin, drawn.end);
    let tone = match drawn.last() {
        Some(left) if left <= 0.0 => Tone::Bad,
        Some(left) if left < 0.25 => Tone::Warn,
        Some(_) => Tone::Good,
        None => Tone::Unknown,
    };
    let zero = y(0.0);
    let mut area = Path::default();
    for [from, start, to, end] in segments(&drawn.left, x, y) {
        area.to('M', from, zero).to('L', from, start).to('L', to, end).to('L', to, zero);
    }
    let mut gaps = Path::default();
    let mut from = 0.0;
    for (at, left) in &drawn.left {
        if left.is_none() {
            gaps.rect(from, 0.0, x(*at) - from, HEIGHT);
        }
        from = x(*at);
    }
    html! {
        svg.drawn.burndown viewBox={"0 0 " (WIDTH) " " (HEIGHT)} preserveAspectRatio="none"
            role=[label.map(|_| "img")] aria-label=[label] aria-hidden=[label.is_none().then_some("true")] {
            @if !gaps.is_empty() { path.gap d=(gaps.0) {} }
            path class=(tone.soft()) d=(area.0) {}
            path.axis d={"M0 " (short(zero)) "h" (WIDTH)} {}
            @if let Some(raw) = &drawn.raw { path.stroke.dashed.s-faint d=(line(raw, x, y).0) {} }
            path class={"stroke " (tone.stroke())} d=(line(&drawn.left, x, y).0) {}
        }
    }
}

/// From where to where the line goes in each cell that is known. After a gap it goes on from where it is then: how it came to
/// that is not known. Before anything was judged the budget was whole.
fn segments(
    points: &[(Timestamp, Option<f64>)],
    x: impl Fn(Timestamp) -> f64,
    y: impl Fn(f64) -> f64,
) -> Vec<[f64; 4]> {
    let (mut from, mut before, mut any) = (0.0, Some(y(1.0)), false);
    let mut segments = Vec::new();
    for (at, left) in points {
        let to = x(*at);
        match left {
            Some(left) => {
                let end = y(*left);
                segments.push([from, before.unwrap_or(end), to, end]);
                (before, any) = (Some(end), true);
            }
            None if any => before = None,
            None => {}
        }
        from = to;
    }
    segments
}

/// The line alone, broken where nothing is known.
fn line(points: &[(Timestamp, Option<f64>)], x: impl Fn(Timestamp) -> f64, y: impl Fn(f64) -> f64) -> Path {
    let mut path = Path::default();
    let mut pen = None;
    for [from, start, to, end] in segments(points, x, y) {
        if pen != Some((from, start)) {
            path.to('M', from, start);
        }
        path.to('L', to, end);
        pen = Some((to, end));
    }
    path
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn spending(cells: &[(u64, u64)]) -> Spending {
        let cell = |&(good, bad): &(u64, u64)| Tally {
            raw: Counts { good, bad, inconclusive: 0, expected: good + bad },
            excluded: Counts::default(),
        };
        Spending {
            begin: Timestamp::from_secs(0),
            cell: Duration::from_secs(3600),
            cells: cells.iter().map(cell).collect(),
        }
    }

    #[test]
    fn the_budget_goes_down_with_every_bad_event_and_gaps_stay_gaps() {
        let end = Timestamp::from_secs(4 * 3600);
        // 1000 judged events allow ten bad ones.
        let drawn = BurnDown::of(&spending(&[(495, 5), (0, 0), (245, 5), (248, 2)]), 10_000, end).unwrap();
        let left: Vec<_> = drawn.left.iter().map(|(_, left)| left.map(|left| (left * 100.0).round())).collect();
        assert_eq!(left, [Some(50.0), None, Some(0.0), Some(-20.0)]);
        assert_eq!((drawn.gaps(), drawn.raw.clone()), (1, None));
        assert!((drawn.last().unwrap() + 0.2).abs() < 1e-9);
        let svg = burn_down(&drawn, Some("20% <too> much")).0;
        assert!(svg.contains("role=\"img\" aria-label=\"20% &lt;too&gt; much\""), "{svg}");
        assert!(svg.contains("class=\"gap\" d=\"M250 0h250v100h-250z\""), "{svg}");
        // From the whole budget to half of it; then anew from where it is known again.
        assert!(svg.contains("d=\"M0 0L250 41.7M500 83.3L750 83.3L1000 100\""), "{svg}");
        assert!(burn_down(&drawn, None).0.contains("aria-hidden=\"true\""));
    }

    #[test]
    fn nothing_judged_is_nothing_drawn() {
        assert_eq!(BurnDown::of(&spending(&[(0, 0); 3]), 10_000, Timestamp::from_secs(9)), None);
    }

    #[test]
    fn maintenance_makes_another_line_where_it_counts() {
        let mut spent = spending(&[(90, 10), (100, 0)]);
        spent.cells[0].excluded = spent.cells[0].raw;
        let drawn = BurnDown::of(&spent, 10_000, Timestamp::from_secs(7200)).unwrap();
        assert_eq!(drawn.last(), Some(1.0));
        assert_eq!(drawn.left[0].1, None, "nothing but maintenance");
        assert_eq!(drawn.raw.as_ref().unwrap()[1].1, Some(-4.0));
        assert!(burn_down(&drawn, None).0.contains("stroke dashed s-faint"));
    }

    #[test]
    fn an_objective_that_allows_nothing_is_whole_or_gone() {
        let drawn = BurnDown::of(&spending(&[(10, 0), (9, 1)]), 0, Timestamp::from_secs(7200)).unwrap();
        assert_eq!(drawn.left.iter().map(|(_, left)| *left).collect::<Vec<_>>(), [Some(1.0), Some(0.0)]);
    }
}
