//! Counts, packed: 1 000 series over 30 days must fit into memory.

use super::super::counts::Counts;

/// Counts of a minute or an hour: good, bad, inconclusive, expected. Saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum([u32; 4]);

impl Sum {
    /// Nothing.
    pub const ZERO: Self = Self([0; 4]);

    /// Whether all are zero.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Unpacked.
    pub fn counts(self) -> Counts {
        let [good, bad, inconclusive, expected] = self.0.map(u64::from);
        Counts { good, bad, inconclusive, expected }
    }

    /// Adds.
    pub fn add(&mut self, other: Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }

    /// What is left without those; at least zero.
    pub fn minus(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].saturating_sub(other.0[i])))
    }

    /// What so many minutes of the hour have of it, rounded.
    pub fn share(self, minutes: usize) -> Self {
        Self(self.0.map(|count| {
            let share = (u64::from(count) * minutes as u64 + 30) / 60;
            u32::try_from(share).unwrap_or(u32::MAX)
        }))
    }
}

impl From<Counts> for Sum {
    fn from(counts: Counts) -> Self {
        let Counts { good, bad, inconclusive, expected } = counts;
        Self([good, bad, inconclusive, expected].map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
    }
}

/// The minutes of an hour: a byte a count, which is enough for most.
#[derive(Clone, Debug)]
pub enum Cells {
    /// One minute only: what runs once an hour, and long absences.
    One(u8, Sum),
    /// No count above 255.
    Narrow(Box<[[u8; 4]; 60]>),
    /// Others.
    Wide(Box<[Sum; 60]>),
}

impl Default for Cells {
    fn default() -> Self {
        Self::One(0, Sum::ZERO)
    }
}

impl Cells {
    /// Adds to the minute `at`, which is below 60.
    pub fn add(&mut self, at: usize, counts: Sum) {
        if let Self::One(minute, sum) = self {
            if sum.is_zero() {
                // Below 60.
                *minute = at as u8;
            }
            if usize::from(*minute) == at {
                sum.add(counts);
                return;
            }
            let (minute, sum) = (usize::from(*minute), *sum);
            *self = Self::Narrow(Box::new([[0; 4]; 60]));
            self.add(minute, sum);
        }
        if let Self::Narrow(cells) = self {
            let sums: [u64; 4] = std::array::from_fn(|i| u64::from(cells[at][i]) + u64::from(counts.0[i]));
            if sums.iter().all(|sum| *sum <= u64::from(u8::MAX)) {
                // Just compared.
                cells[at] = sums.map(|sum| sum as u8);
                return;
            }
            *self = Self::Wide(Box::new(cells.map(|cell| Sum(cell.map(u32::from)))));
        }
        if let Self::Wide(cells) = self {
            cells[at].add(counts);
        }
    }

    /// The minutes `from` to `to`, both included.
    pub fn between(&self, from: usize, to: usize) -> Sum {
        match self {
            Self::One(minute, sum) if (from..=to).contains(&usize::from(*minute)) => *sum,
            Self::One(..) => Sum::ZERO,
            Self::Narrow(cells) => {
                // 60 times 255 fit into sixteen bits.
                let mut sum = [0_u16; 4];
                for cell in &cells[from..=to] {
                    (0..4).for_each(|i| sum[i] += u16::from(cell[i]));
                }
                Sum(sum.map(u32::from))
            }
            Self::Wide(cells) => {
                let mut sum = Sum::ZERO;
                cells[from..=to].iter().for_each(|cell| sum.add(*cell));
                sum
            }
        }
    }

    /// The minutes with something bad in them, as bits.
    pub fn bad(&self) -> u64 {
        let bits = |bits: u64, (at, bad): (usize, bool)| bits | u64::from(bad) << at;
        match self {
            Self::One(minute, sum) => bits(0, (usize::from(*minute), sum.0[1] > 0)),
            Self::Narrow(cells) => cells.iter().map(|cell| cell[1] > 0).enumerate().fold(0, bits),
            Self::Wide(cells) => cells.iter().map(|sum| sum.0[1] > 0).enumerate().fold(0, bits),
        }
    }

    /// All.
    pub fn total(&self) -> Sum {
        self.between(0, 59)
    }
}

/// The hours of a day, and what they add up to.
#[derive(Clone, Debug, Default)]
pub struct Hours {
    hours: [Sum; 24],
    total: Counts,
}

impl Hours {
    /// Adds to the hour `at`, which is below 24.
    pub fn add(&mut self, at: usize, counts: Sum) {
        let mut sum = self.hours[at];
        sum.add(counts);
        self.set(at, sum);
    }

    /// Sets the hour `at`, which is below 24.
    pub fn set(&mut self, at: usize, sum: Sum) {
        self.total = self.total - self.hours[at].counts() + sum.counts();
        self.hours[at] = sum;
    }

    /// One hour.
    pub fn hour(&self, at: usize) -> Sum {
        self.hours[at]
    }

    /// The hours `from` to `to`, both included.
    pub fn between(&self, from: usize, to: usize) -> Counts {
        match (from, to) {
            (0, 23) => self.total,
            _ => self.hours[from..=to].iter().map(|sum| sum.counts()).sum(),
        }
    }

    /// The day.
    pub fn total(&self) -> Counts {
        self.total
    }
}
