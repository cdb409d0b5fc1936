//! Log-likelihood ratios with decay: how much better "broken" explains what was seen than "healthy" (Wald 1945; never below
//! zero, as in Page's CUSUM 1954, so that a good year is no credit).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// One way of weighing runs.
struct Test {
    /// What a bad run adds: ln(share of failures when broken ÷ when healthy).
    bad: f64,
    /// What a good run takes: ln of the shares of successes.
    good: f64,
    /// Evidence is worth half after so long.
    half_life: Duration,
}

/// The share of failures of a healthy provider: 0.2 %. With 10 % when broken (quick) or 5 % (slow).
const QUICK: Test = Test { bad: 3.912_023, good: -0.103_358, half_life: Duration::from_secs(60) };
/// See [`QUICK`].
const SLOW: Test = Test { bad: 3.218_876, good: -0.049_291, half_life: Duration::from_secs(20 * 60) };

/// What an alert needs: an error probability of 1 in 100 000.
pub const ENOUGH: f64 = 11.512_925;
/// The most that one of several regions gives.
pub const MOST: f64 = ENOUGH / 2.0;
/// From here on a region has a say in "everywhere": one bad run in the last minute.
pub const SOME: f64 = QUICK.bad / 2.0;
/// The same of the slow test.
pub const SOME_SLOW: f64 = SLOW.bad / 2.0;
/// Less than this is none.
pub const NONE: f64 = 0.3;

/// What speaks against one probe in one region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    quick: f64,
    slow: f64,
    /// When it was last weighed.
    #[serde(with = "super::nanos")]
    pub at: Timestamp,
}

impl Evidence {
    /// Takes in a run. `fresh`: a bad one after a good one, or the first. The slow test counts only those, so that a short
    /// total failure, however often it was looked at, is one event to it.
    pub fn add(&mut self, bad: bool, fresh: bool, now: Timestamp) {
        (self.quick, self.slow) = (self.quick(now), self.slow(now));
        self.at = now;
        if bad {
            self.quick += QUICK.bad;
            self.slow += if fresh { SLOW.bad } else { 0.0 };
        } else {
            self.quick += QUICK.good;
            self.slow += SLOW.good;
        }
        self.quick = self.quick.clamp(0.0, ENOUGH);
        self.slow = self.slow.clamp(0.0, ENOUGH);
    }

    /// Of the quick test, at `now`: 0 to [`ENOUGH`].
    pub fn quick(&self, now: Timestamp) -> f64 {
        self.quick * QUICK.left(now.since(self.at))
    }

    /// Of the slow test, at `now`: 0 to [`ENOUGH`].
    pub fn slow(&self, now: Timestamp) -> f64 {
        self.slow * SLOW.left(now.since(self.at))
    }

    /// Whether there is any, as it was last weighed.
    pub fn is_some(&self) -> bool {
        self.quick.max(self.slow) >= NONE
    }

    /// Found healthy. `down`: of what was found broken; what was only suspected stays in the memory of the slow test.
    pub fn acquit(&mut self, down: bool) {
        self.quick = 0.0;
        if down {
            self.slow = 0.0;
        }
    }
}

/// What is left of evidence of the quick and of the slow test that is so old.
pub fn left(age: Duration) -> (f64, f64) {
    (QUICK.left(age), SLOW.left(age))
}

impl Test {
    /// What is left of evidence that is so old.
    fn left(&self, age: Duration) -> f64 {
        (-age.as_secs_f64() / self.half_life.as_secs_f64()).exp2()
    }
}

/// The share of failures of a healthy provider.
const HEALTHY: f64 = 0.002;
/// The error probability of the opposite test.
const RELAPSE: f64 = 1e-3;

/// How many good runs in a row say that what failed `bad` times beside `good` good runs is over: as many as would be seen
/// once in a thousand times if it went on like that.
pub fn runs_to_acquit(bad: u64, good: u64) -> u64 {
    // Laplace's rule; a total failure of few runs may be one of nine in ten.
    let share = ((bad + 1) as f64 / (bad + good + 2) as f64).clamp(0.05, 0.9);
    let each = ((1.0 - share) / (1.0 - HEALTHY)).ln();
    (RELAPSE.ln() / each).ceil() as u64
}
