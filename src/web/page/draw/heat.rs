//! How latencies were distributed over time.

use std::time::Duration;

use maud::{Markup, html};

use super::{Path, end_of};
use crate::trend::Strip;
use crate::web::page::words::latency;

/// At most so many bands.
const BANDS: usize = 12;
/// From which share of a cell's runs on a band is drawn in which strength.
const STRENGTHS: [(f64, &str); 5] = [(0.0, ".14"), (0.05, ".3"), (0.15, ".5"), (0.35, ".75"), (0.6, "1")];

/// Latencies by cell and band.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// The upper bounds of the bands, the fastest first; each as many times as high as the one before.
    pub bands: Vec<Duration>,
    /// The lower bound of the first.
    pub least: Duration,
    /// By cell and band: the share of the cell's good runs in it; empty where there were none.
    pub cells: Vec<Vec<f64>>,
    /// Cells in which nothing at all was measured.
    pub gaps: Vec<bool>,
    /// What each cell was, for whoever points at it.
    pub titles: Vec<String>,
}

impl Heat {
    /// Of the good runs of a strip; `None`: there were none.
    pub fn of(strip: &Strip) -> Option<Self> {
        let total = strip.total().latencies;
        // The table's buckets are quarters of a doubling: see [`crate::trend::Latencies`].
        let quarter = |bound: Duration| (bound.as_secs_f64().log2() * 4.0).round() as i64;
        let (first, last) = (quarter(total.buckets().next()?.0), quarter(total.buckets().last()?.0));
        let wide = (1..).find(|wide| (last - first) / wide < BANDS as i64)?;
        let count = (last - first) / wide + 1;
        // The slowest band ends where the slowest bucket does.
        let bound = |band: i64| Duration::from_secs_f64(((last - (count - 1 - band) * wide) as f64 / 4.0).exp2());
        let bands = (0..count).map(bound).collect();
        let cell = |cell: &crate::trend::Cell| {
            let all = cell.latencies.count();
            let mut shares = vec![0.0; if all > 0 { count as usize } else { 0 }];
            for (upper, n) in cell.latencies.buckets() {
                let band = count - 1 - (last - quarter(upper)) / wide;
                shares[band.clamp(0, count - 1) as usize] += f64::from(n) / all as f64;
            }
            shares
        };
        let title = |(n, cell): (usize, &crate::trend::Cell)| {
            let at = (end_of(strip.begin, strip.cell, n) - strip.cell).to_utc().format("%a %d %b %H:%M UTC");
            let q = |q| cell.latencies.quantile(q);
            match (q(0.5), q(0.95)) {
                (Some(half), Some(most)) => {
                    let count = cell.latencies.count();
                    format!("{at}: median {}, p95 {}, {count} good", latency(half), latency(most))
                }
                _ if cell.is_gap() => format!("{at}: nothing measured"),
                _ => format!("{at}: no good run"),
            }
        };
        Some(Self {
            bands,
            least: bound(-1),
            cells: strip.cells.iter().map(cell).collect(),
            gaps: strip.cells.iter().map(crate::trend::Cell::is_gap).collect(),
            titles: strip.cells.iter().enumerate().map(title).collect(),
        })
    }
}

impl Heat {
    /// `count` latencies (at least two) from the upper edge of the drawing to the lower, evenly apart there.
    pub fn edges(&self, count: usize) -> impl Iterator<Item = Duration> {
        let (least, steps) = (self.least.as_secs_f64(), count.max(2) - 1);
        let times = self.bands.last().map_or(1.0, |most| most.as_secs_f64() / least);
        (0..=steps).rev().map(move |n| Duration::from_secs_f64(least * times.powf(n as f64 / steps as f64)))
    }
}

/// The slowest band on top; the stronger, the more of a cell's runs.
pub fn heat(heat: &Heat, label: &str) -> Markup {
    let rows = heat.bands.len();
    let mut strengths: [Path; STRENGTHS.len()] = std::array::from_fn(|_| Path::default());
    for (x, shares) in heat.cells.iter().enumerate() {
        for (band, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let strength = STRENGTHS.iter().rposition(|(from, _)| share > from).unwrap_or(0);
            strengths[strength].rect(x as f64, (rows - 1 - band) as f64, 1.0, 1.0);
        }
    }
    let mut gaps = Path::default();
    for (x, _) in heat.gaps.iter().enumerate().filter(|(_, gap)| **gap) {
        gaps.rect(x as f64, 0.0, 1.0, rows as f64);
    }
    html! {
        svg.drawn.heatmap viewBox={"0 0 " (heat.cells.len().max(1)) " " (rows)} preserveAspectRatio="none"
            role="img" aria-label=(label) {
            @if !gaps.is_empty() { path.gap d=(gaps.0) {} }
            @for (path, (_, opacity)) in strengths.iter().zip(STRENGTHS).filter(|(path, _)| !path.is_empty()) {
                path.f-accent fill-opacity=(opacity) d=(path.0) {}
            }
            @for (x, title) in heat.titles.iter().enumerate() {
                rect.point x=(x) width="1" height=(rows) { title { (title) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::trend::Cell;

    fn cell(runs: &[(u32, u64)]) -> Cell {
        let mut cell = Cell::default();
        for (count, ms) in runs {
            cell.good += count;
            (0..*count).for_each(|_| cell.latencies.add(Duration::from_millis(*ms)));
        }
        cell
    }

    fn strip(cells: Vec<Cell>) -> Strip {
        Strip { begin: Timestamp::from_secs(1_800_000_000), cell: Duration::from_secs(3600), cells }
    }

    #[test]
    fn every_run_lies_in_a_band_and_bands_are_few() {
        let bad = Cell { bad: 3, ..Cell::default() };
        let cells = vec![cell(&[(90, 100), (10, 3000)]), Cell::default(), bad, cell(&[(1, 1)]), cell(&[(5, 60_000)])];
        let heat_of = Heat::of(&strip(cells)).unwrap();
        assert!(heat_of.bands.len() <= BANDS && heat_of.bands.is_sorted(), "{:?}", heat_of.bands);
        assert!(*heat_of.bands.last().unwrap() >= Duration::from_secs(60));
        for shares in [&heat_of.cells[0], &heat_of.cells[3], &heat_of.cells[4]] {
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
        }
        assert_eq!((heat_of.cells[1].len(), heat_of.cells[2].len()), (0, 0));
        assert_eq!(heat_of.gaps, [false, true, false, false, false]);
        // The run of 3 s lies below the bound that is the first above it.
        let band = heat_of.bands.iter().position(|bound| *bound >= Duration::from_secs(3)).unwrap();
        assert!((heat_of.cells[0][band] - 0.1).abs() < 1e-9, "{heat_of:?}");
        let edges: Vec<_> = heat_of.edges(3).collect();
        assert!((edges[0].as_secs_f64() / heat_of.bands.last().unwrap().as_secs_f64() - 1.0).abs() < 1e-6, "{edges:?}");
        assert!(edges[2] < Duration::from_millis(1) && edges[0] > edges[1] && edges[1] > edges[2], "{edges:?}");
        let drawn = heat(&heat_of, "a & b").0;
        assert!(drawn.contains("aria-label=\"a &amp; b\"") && drawn.contains("class=\"gap\" d=\"M1 0h1"), "{drawn}");
        assert!(drawn.contains("p95 ") && drawn.contains("nothing measured<") && drawn.contains("no good run<"));
        assert_eq!(drawn.matches("fill-opacity").count(), 2, "a tenth, and nearly all or all: {drawn}");
    }

    #[test]
    fn one_latency_is_one_band_and_none_is_nothing() {
        assert_eq!(Heat::of(&strip(vec![cell(&[(3, 80)])])).unwrap().bands.len(), 1);
        assert_eq!(Heat::of(&strip(vec![Cell::default(); 3])), None);
    }
}
