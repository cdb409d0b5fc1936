//! Counts as bytes: a sparse row of cells (the minutes of an hour, the hours of a day). Equal neighbours are written once, so
//! that a quiet hour of a probe a minute takes six bytes and not three hundred.
//!
//! A cell is LEB128 varints: a head (`cells skipped since the last one` × 4, + 2 if maintenance follows, + 1 if it repeats),
//! how often it repeats after the second time, good, bad, inconclusive, expected, and the same four of maintenance.

use crate::slo::{Counts, Tally};

const REPEATS: u64 = 1;
const EXCLUDED: u64 = 2;

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front; `None`: there is none.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(first & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The cells, which are in ascending order. Cells that are zero are left out.
pub(super) fn encode(cells: &[(u8, Tally)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut next = 0_u64;
    let mut rest = cells;
    while let Some((&(at, tally), more)) = rest.split_first() {
        rest = more;
        if tally == Tally::default() {
            continue;
        }
        let mut times = 1;
        while let Some((&(other, same), more)) = rest.split_first()
            && u64::from(other) == u64::from(at) + times
            && same == tally
        {
            times += 1;
            rest = more;
        }
        let excluded = !tally.excluded.is_zero();
        let flags = if excluded { EXCLUDED } else { 0 } | if times > 1 { REPEATS } else { 0 };
        put(&mut out, u64::from(at).saturating_sub(next) << 2 | flags);
        if times > 1 {
            put(&mut out, times - 2);
        }
        put_counts(&mut out, tally.raw);
        if excluded {
            put_counts(&mut out, tally.excluded);
        }
        next = u64::from(at) + times;
    }
    out
}

/// The cells of a row that has room for `most`. `None`: these are no such bytes.
pub(super) fn decode(mut bytes: &[u8], most: u8) -> Option<Vec<(u8, Tally)>> {
    let bytes = &mut bytes;
    let mut cells = Vec::new();
    let mut next = 0_u64;
    while !bytes.is_empty() {
        let head = take(bytes)?;
        let times = if head & REPEATS == 0 { 1 } else { take(bytes)?.checked_add(2)? };
        let raw = take_counts(bytes)?;
        let excluded = if head & EXCLUDED == 0 { Counts::default() } else { take_counts(bytes)? };
        let first = next.checked_add(head >> 2)?;
        next = first.checked_add(times).filter(|next| *next <= u64::from(most))?;
        cells.extend((first..next).map(|at| (at as u8, Tally { raw, excluded })));
    }
    Some(cells)
}

fn put_counts(out: &mut Vec<u8>, counts: Counts) {
    [counts.good, counts.bad, counts.inconclusive, counts.expected].into_iter().for_each(|count| put(out, count));
}

fn take_counts(bytes: &mut &[u8]) -> Option<Counts> {
    let (good, bad) = (take(bytes)?, take(bytes)?);
    Some(Counts { good, bad, inconclusive: take(bytes)?, expected: take(bytes)? })
}

/// The sum.
pub(super) fn total(cells: &[(u8, Tally)]) -> Tally {
    let mut sum = Tally::default();
    cells.iter().for_each(|(_, tally)| sum += *tally);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(good: u64, bad: u64, excluded: u64) -> Tally {
        let counts = |good, bad| Counts { good, bad, inconclusive: 0, expected: good + bad };
        Tally { raw: counts(good, bad), excluded: counts(excluded, 0) }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let rows: [&[(u8, Tally)]; 6] = [
            &[],
            &[(0, tally(1, 0, 0))],
            &[(59, tally(u64::MAX / 2, u64::MAX / 2, 7))],
            &[(3, tally(1, 0, 0)), (4, tally(1, 0, 0)), (5, tally(1, 0, 1)), (9, tally(0, 300, 0))],
            &(0..60).map(|at| (at, tally(1, 0, 0))).collect::<Vec<_>>(),
            &(0..60).map(|at| (at, tally(u64::from(at) + 1, u64::from(at % 2), 0))).collect::<Vec<_>>(),
        ];
        for row in rows {
            assert_eq!(decode(&encode(row), 60).as_deref(), Some(row));
        }
    }

    #[test]
    fn a_minute_takes_five_bytes_and_a_quiet_hour_six() {
        assert_eq!(encode(&[(7, tally(1, 0, 0))]).len(), 5);
        let quiet: Vec<_> = (0..60).map(|at| (at, tally(1, 0, 0))).collect();
        assert_eq!(encode(&quiet).len(), 6);
        let restless: Vec<_> = (0..60).map(|at| (at, tally(u64::from(at % 2) + 5, 0, 0))).collect();
        assert_eq!(encode(&restless).len(), 300);
    }

    #[test]
    fn zero_is_not_written() {
        let row = encode(&[(1, Tally::default()), (2, tally(1, 0, 0)), (3, Tally::default())]);
        assert_eq!(decode(&row, 60), Some(vec![(2, tally(1, 0, 0))]));
    }

    #[test]
    fn damaged_bytes_are_refused_whatever_they_are() {
        let good = encode(&[(50, tally(1, 2, 3)), (51, tally(1, 2, 3))]);
        for cut in 1..good.len() {
            assert_eq!(decode(&good[..cut], 60), None, "cut after {cut}");
        }
        assert_eq!(decode(&good, 51), None, "beyond the end of the row");
        assert_eq!(decode(&[0xff; 30], 60), None);
        // A repetition that would fill memory.
        let mut huge = Vec::new();
        [1, u64::MAX - 2, 1, 1, 1, 1].into_iter().for_each(|part| put(&mut huge, part));
        assert_eq!(decode(&huge, 60), None);
    }
}
