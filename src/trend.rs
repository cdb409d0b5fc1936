//! What scheduled runs found over time, in cells of equal length: what the page draws strips, sparklines and heatmaps from.
//! Pure. Runs of other triggers are no part of it; what was not measured leaves a gap.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::outcome::Verdict;

mod collect;
mod row;
mod seen;
mod week;

pub use collect::{Snapshot, Trends};
pub use seen::{Seen, SeenStep, Tracked};
pub use week::Week;

/// How latencies were distributed: counts by bucket, each twelve tenths (2^¼) as wide as the one before, so that a quantile
/// is at most 9 % off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(Vec<(u8, u32)>);

impl Latencies {
    /// The upper bound of the first bucket.
    const FIRST: Duration = Duration::from_micros(100);

    /// Counts one.
    pub fn add(&mut self, took: Duration) {
        let bucket = Self::bucket(took);
        match self.0.binary_search_by_key(&bucket, |(known, _)| *known) {
            Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(1),
            Err(at) => self.0.insert(at, (bucket, 1)),
        }
    }

    /// Counts all of another.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.0 {
            match self.0.binary_search_by_key(&bucket, |(known, _)| *known) {
                Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(count),
                Err(at) => self.0.insert(at, (bucket, count)),
            }
        }
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The latency that a share `q` (0 to 1) of all do not exceed, from the middle of its bucket; `None`: none was counted.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = (q.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0);
        let mut seen = 0.0;
        let bucket = self.0.iter().find(|(_, count)| {
            seen += f64::from(*count);
            seen >= rank
        });
        bucket.map(|(bucket, _)| Self::middle(*bucket))
    }

    /// The buckets that hold any, in order: upper bound and count.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u32)> {
        self.0.iter().map(|(bucket, count)| (Self::bound(f64::from(*bucket)), *count))
    }

    fn bucket(took: Duration) -> u8 {
        let times = took.as_secs_f64() / Self::FIRST.as_secs_f64();
        if times <= 1.0 { 0 } else { (times.log2() * 4.0).ceil().min(255.0) as u8 }
    }

    fn bound(bucket: f64) -> Duration {
        Self::FIRST.mul_f64((bucket / 4.0).exp2())
    }

    fn middle(bucket: u8) -> Duration {
        Self::bound(f64::from(bucket) - 0.5)
    }
}

/// What was found within a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Good runs.
    pub good: u32,
    /// Bad runs.
    pub bad: u32,
    /// Runs that tell nothing.
    pub inconclusive: u32,
    /// Runs that were due and did not take place.
    pub missed: u32,
    /// How long good runs took.
    pub latencies: Latencies,
}

impl Cell {
    /// Whether nothing at all was measured.
    pub const fn is_gap(&self) -> bool {
        self.good == 0 && self.bad == 0 && self.inconclusive == 0
    }

    /// Good ÷ judged; `None`: nothing was judged.
    pub fn availability(&self) -> Option<f64> {
        let judged = u64::from(self.good) + u64::from(self.bad);
        (judged > 0).then(|| f64::from(self.good) / judged as f64)
    }

    /// Counts a run that took so long.
    pub fn add(&mut self, verdict: Verdict, took: Duration) {
        match verdict {
            Verdict::Good => {
                self.good = self.good.saturating_add(1);
                self.latencies.add(took);
            }
            Verdict::Bad => self.bad = self.bad.saturating_add(1),
            Verdict::Inconclusive => self.inconclusive = self.inconclusive.saturating_add(1),
        }
    }

    /// Counts runs that were due and did not take place.
    pub fn miss(&mut self, times: u64) {
        self.missed = self.missed.saturating_add(u32::try_from(times).unwrap_or(u32::MAX));
    }

    /// How many runs were found.
    pub fn runs(&self) -> u64 {
        u64::from(self.good) + u64::from(self.bad) + u64::from(self.inconclusive)
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        self.good = self.good.saturating_add(other.good);
        self.bad = self.bad.saturating_add(other.bad);
        self.inconclusive = self.inconclusive.saturating_add(other.inconclusive);
        self.missed = self.missed.saturating_add(other.missed);
        self.latencies.merge(&other.latencies);
    }
}

/// Cells side by side, aligned to the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// Where the first cell begins.
    pub begin: Timestamp,
    /// How long a cell is.
    pub cell: Duration,
    /// The oldest first; the last holds the present.
    pub cells: Vec<Cell>,
}

impl Strip {
    /// Empty cells, of which the last holds `now`.
    pub fn empty(now: Timestamp, cell: Duration, count: usize) -> Self {
        let last = row::number(now, cell);
        let first = last.saturating_sub(i64::try_from(count).unwrap_or(i64::MAX)).saturating_add(1);
        Self { begin: row::begin(first, cell), cell, cells: vec![Cell::default(); count] }
    }

    /// The cell that holds that moment; `None`: it lies before or after them.
    pub fn cell_mut(&mut self, at: Timestamp) -> Option<&mut Cell> {
        let place = row::number(at, self.cell).checked_sub(row::number(self.begin, self.cell))?;
        self.cells.get_mut(usize::try_from(place).ok()?)
    }

    /// All cells together.
    pub fn total(&self) -> Cell {
        let mut total = Cell::default();
        self.cells.iter().for_each(|cell| total.merge(cell));
        total
    }
}

/// The strip of one check: what the overview shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckStrip {
    /// Its probe.
    pub probe: Arc<str>,
    /// Its region.
    pub region: Arc<str>,
    /// The last day, in 48 cells.
    pub strip: Strip,
}

/// A probe over a longer time: what its own page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTrend {
    /// By region, in configured order; by the hour over a week.
    pub regions: Vec<(Arc<str>, Strip)>,
    /// By step, in the order of its steps; the same cells. `good` and `latencies` are those of runs in which it was done, `bad`
    /// of those which it ended.
    pub steps: Vec<(Arc<str>, Strip)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_nine_percent() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        (1..=1000).for_each(|ms| latencies.add(Duration::from_millis(ms)));
        assert_eq!(latencies.count(), 1000);
        for (q, expected) in [(0.0, 1.0), (0.5, 500.0), (0.95, 950.0), (1.0, 1000.0)] {
            let found = latencies.quantile(q).unwrap().as_secs_f64() * 1000.0;
            assert!((found / expected - 1.0).abs() < 0.095, "{q}: {found}");
        }
        let mut twice = latencies.clone();
        twice.merge(&latencies);
        assert_eq!((twice.count(), twice.quantile(0.95)), (2000, latencies.quantile(0.95)));
    }

    #[test]
    fn what_is_very_short_or_very_long_is_counted_too() {
        let mut latencies = Latencies::default();
        [Duration::ZERO, Duration::from_secs(86_400 * 365 * 1000)].into_iter().for_each(|took| latencies.add(took));
        assert_eq!(latencies.buckets().count(), 2);
    }
}
