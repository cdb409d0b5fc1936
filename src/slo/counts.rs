//! What was counted.

use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// Events of some stretch of time. Judged = good + bad; expected ≥ judged + inconclusive, unless runs came early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Judged and good.
    pub good: u64,
    /// Judged and bad.
    pub bad: u64,
    /// Took place and could not tell.
    pub inconclusive: u64,
    /// Should have been judged: what ran, and what was missed for any reason but that the run before was not over.
    pub expected: u64,
}

impl Counts {
    /// Good and bad.
    pub const fn judged(self) -> u64 {
        self.good + self.bad
    }

    /// Judged ÷ expected, at most 1; `None` if nothing was expected.
    pub fn coverage(self) -> Option<f64> {
        (self.expected > 0).then(|| (self.judged() as f64 / self.expected as f64).min(1.0))
    }

    /// Bad ÷ judged; `None` if nothing was judged.
    pub fn error_ratio(self) -> Option<f64> {
        (self.judged() > 0).then(|| self.bad as f64 / self.judged() as f64)
    }

    /// Whether all are zero.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            good: self.good + other.good,
            bad: self.bad + other.bad,
            inconclusive: self.inconclusive + other.inconclusive,
            expected: self.expected + other.expected,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Saturates at zero.
impl Sub for Counts {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            good: self.good.saturating_sub(other.good),
            bad: self.bad.saturating_sub(other.bad),
            inconclusive: self.inconclusive.saturating_sub(other.inconclusive),
            expected: self.expected.saturating_sub(other.expected),
        }
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// Everything, and what of it lies in maintenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Everything: the raw budget, which Prometheus' rules see.
    pub raw: Counts,
    /// What of it lies in maintenance.
    pub excluded: Counts,
}

impl Tally {
    /// Without maintenance: the adjusted budget, which our own alerts use.
    pub fn adjusted(self) -> Counts {
        self.raw - self.excluded
    }
}

/// Saturates at zero.
impl Sub for Tally {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { raw: self.raw - other.raw, excluded: self.excluded - other.excluded }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.raw += other.raw;
        self.excluded += other.excluded;
    }
}
