//! The cells of a check that are known.

use std::time::Duration;

use super::{Cell, Strip};
use crate::clock::Timestamp;

fn nanos(cell: Duration) -> i64 {
    i64::try_from(cell.as_nanos()).unwrap_or(i64::MAX).max(1)
}

/// Which cell since the Unix epoch holds that moment.
pub(super) fn number(at: Timestamp, cell: Duration) -> i64 {
    at.as_nanos().div_euclid(nanos(cell))
}

/// When a cell begins; saturates at the ends of the range.
pub(super) fn begin(number: i64, cell: Duration) -> Timestamp {
    Timestamp::from_nanos(number.saturating_mul(nanos(cell)))
}

/// Cells of one length, at most so many. When there are more, the one that is farthest from what is being counted goes:
/// that is the oldest, and after the clock was set wrong for a moment whatever it left behind.
#[derive(Clone, Debug)]
pub(super) struct Row {
    cell: Duration,
    most: usize,
    /// By number, ascending.
    cells: Vec<(i64, Cell)>,
}

impl Row {
    pub(super) const fn new(cell: Duration, most: usize) -> Self {
        Self { cell, most, cells: Vec::new() }
    }

    /// Which cell holds that moment.
    pub(super) fn number(&self, at: Timestamp) -> i64 {
        number(at, self.cell)
    }

    /// The cell of that number.
    pub(super) fn cell(&mut self, number: i64) -> &mut Cell {
        let place = match self.cells.binary_search_by_key(&number, |(known, _)| *known) {
            Ok(place) => place,
            Err(place) => {
                self.cells.insert(place, (number, Cell::default()));
                self.limit(number, place)
            }
        };
        &mut self.cells[place].1
    }

    /// Makes room; says where the cell at `place` is now.
    fn limit(&mut self, number: i64, place: usize) -> usize {
        if self.cells.len() <= self.most.max(1) {
            return place;
        }
        let distance = |at: usize| self.cells[at].0.abs_diff(number);
        let last = self.cells.len() - 1;
        if distance(0) >= distance(last) {
            self.cells.remove(0);
            place.saturating_sub(1)
        } else {
            self.cells.pop();
            place
        }
    }

    /// Forgets the cells that begin before `from`, unless they reach beyond `until`.
    pub(super) fn forget(&mut self, from: Timestamp, until: Timestamp) {
        let cell = self.cell;
        self.cells.retain(|(number, _)| begin(*number, cell) >= from || begin(number.saturating_add(1), cell) > until);
    }

    /// Adds to the cells of a strip whatever lies in them; its cells are as long or longer.
    pub(super) fn add_to(&self, strip: &mut Strip) {
        for (number, cell) in &self.cells {
            if let Some(into) = strip.cell_mut(begin(*number, self.cell)) {
                into.merge(cell);
            }
        }
    }

    /// The last `count` cells at `now`.
    pub(super) fn strip(&self, now: Timestamp, count: usize) -> Strip {
        let mut strip = Strip::empty(now, self.cell, count);
        self.add_to(&mut strip);
        strip
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Verdict;

    const MINUTE: Duration = Duration::from_secs(60);

    fn numbers(row: &Row) -> Vec<i64> {
        row.cells.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn the_farthest_goes_whether_the_clock_runs_or_jumps() {
        let mut row = Row::new(MINUTE, 3);
        for number in [10, 11, 12, 13] {
            row.cell(number).add(Verdict::Good, MINUTE);
        }
        assert_eq!(numbers(&row), [11, 12, 13]);
        // A clock that is set wrong for a moment costs one cell, and what it left goes first.
        row.cell(9000).add(Verdict::Bad, MINUTE);
        assert_eq!(numbers(&row), [12, 13, 9000]);
        row.cell(13).add(Verdict::Good, MINUTE);
        row.cell(14).add(Verdict::Good, MINUTE);
        assert_eq!(numbers(&row), [12, 13, 14]);
        row.cell(2).add(Verdict::Bad, MINUTE);
        assert_eq!(numbers(&row), [2, 12, 13]);
        assert_eq!(row.cell(13).good, 2);
    }

    #[test]
    fn a_strip_is_aligned_to_the_epoch_and_leaves_gaps() {
        let mut row = Row::new(MINUTE, 10);
        row.cell(row.number(Timestamp::from_secs(3599))).add(Verdict::Good, MINUTE);
        row.cell(row.number(Timestamp::from_secs(3480))).add(Verdict::Bad, MINUTE);
        let strip = row.strip(Timestamp::from_secs(3599), 3);
        assert_eq!(strip.begin, Timestamp::from_secs(57 * 60));
        let seen: Vec<_> = strip.cells.iter().map(|cell| (cell.good, cell.bad, cell.is_gap())).collect();
        assert_eq!(seen, [(0, 0, true), (0, 1, false), (1, 0, false)]);
        let next = row.strip(Timestamp::from_secs(3600), 3);
        assert_eq!((next.begin, next.total().good, next.total().bad), (Timestamp::from_secs(58 * 60), 1, 1));
        for now in [i64::MIN, i64::MAX] {
            assert_eq!(row.strip(Timestamp::from_nanos(now), 3).cells.len(), 3);
        }
    }
}
