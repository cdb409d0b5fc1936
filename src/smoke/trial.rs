//! When a check is decided. Pure.
//!
//! With `--accept` and `--reject` it is Wald's sequential probability ratio test (A. Wald, Sequential Tests of Statistical
//! Hypotheses, 1945) of the share of good runs: each run moves a score, and the check is good or bad once the score passes a
//! bound. The bounds are `1/α` and `1/β` as likelihood ratios, which holds both error rates exactly whatever the overshoot and
//! however early the test is cut off (Ville's inequality); Wald's own, a trifle narrower, hold them only nearly. α is shared out
//! among the checks (Bonferroni), since each of them alone can close the gate; β is not, since a bad provider is accepted only
//! if its bad check is.

use super::report::Sequential;

/// Runs that could not tell: so many end a check, or a tenth of its runs if that is more.
const MAX_INCONCLUSIVE: u32 = 3;

/// The sequential test of one check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// What a good run adds to the score: the log of how much likelier it is if the provider is bad. Below 0.
    good: f64,
    /// What a bad run adds. Above 0.
    bad: f64,
    /// At or below this: good.
    accept: f64,
    /// At or above this: bad.
    reject: f64,
}

impl Test {
    /// For one of so many checks that are judged together (at least one).
    pub fn new(what: &Sequential, checks: usize) -> Self {
        let error = 1.0 - what.confidence;
        // As many as a plan can have are exact as a float.
        let alpha = error / checks.max(1) as f64;
        Self {
            good: (what.reject / what.accept).ln(),
            bad: ((1.0 - what.reject) / (1.0 - what.accept)).ln(),
            accept: error.ln(),
            reject: -alpha.ln(),
        }
    }

    /// How many good runs without a bad one it takes to accept: the least.
    pub fn clean_runs(&self) -> u32 {
        runs(self.accept / self.good)
    }

    /// How many bad runs without a good one it takes to reject: the least.
    pub fn failing_runs(&self) -> u32 {
        runs(self.reject / self.bad)
    }

    fn score(&self, good: u32, bad: u32) -> f64 {
        f64::from(good) * self.good + f64::from(bad) * self.bad
    }
}

/// At least so many; the cast saturates.
fn runs(least: f64) -> u32 {
    // What is a whole number but for rounding is that number.
    (least - 1e-9).ceil().max(1.0) as u32
}

/// What a run found, as far as it counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Good, and fast enough.
    Good,
    /// Bad, or too slow.
    Bad,
    /// Could not tell; another run may.
    Inconclusive,
    /// Could not tell, and no other run could: refused credentials, what the provider does not offer.
    Hopeless,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// Too many runs could not tell, or one that no other could mend.
    Inconclusive,
    /// The bound was reached, or cannot decide it any more.
    Undecided,
}

/// A check on trial.
#[derive(Clone, Debug)]
pub struct Trial {
    test: Option<Test>,
    most: u32,
    good: u32,
    bad: u32,
    inconclusive: u32,
}

impl Trial {
    /// Of at most so many runs (at least one). Without a test a single bad run is bad, and all must be good.
    pub fn new(test: Option<Test>, most: u32) -> Self {
        Self { test, most: most.max(1), good: 0, bad: 0, inconclusive: 0 }
    }

    /// Counts a run. `None`: another one is needed.
    pub fn add(&mut self, found: Found) -> Option<Decision> {
        match found {
            Found::Good => self.good += 1,
            Found::Bad => self.bad += 1,
            Found::Inconclusive | Found::Hopeless => self.inconclusive += 1,
        }
        let decision = match self.test {
            Some(test) => self.sequential(&test),
            None => self.plain(),
        };
        let in_vain = found == Found::Hopeless || self.inconclusive >= MAX_INCONCLUSIVE.max(self.most / 10);
        decision.or(in_vain.then_some(Decision::Inconclusive))
    }

    /// How many runs were counted.
    pub fn runs(&self) -> u32 {
        self.good + self.bad + self.inconclusive
    }

    /// The most runs.
    pub fn most(&self) -> u32 {
        self.most
    }

    fn plain(&self) -> Option<Decision> {
        match () {
            () if self.bad > 0 => Some(Decision::Bad),
            () if self.runs() < self.most => None,
            () if self.inconclusive > 0 => Some(Decision::Inconclusive),
            () => Some(Decision::Good),
        }
    }

    fn sequential(&self, test: &Test) -> Option<Decision> {
        let score = test.score(self.good, self.bad);
        if score <= test.accept {
            return Some(Decision::Good);
        }
        if score >= test.reject {
            return Some(Decision::Bad);
        }
        let left = self.most.saturating_sub(self.runs());
        let in_reach = score + test.score(left, 0) <= test.accept || score + test.score(0, left) >= test.reject;
        (!in_reach).then_some(Decision::Undecided)
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
