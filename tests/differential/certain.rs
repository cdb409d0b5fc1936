//! Where both evaluators must agree.
//!
//! At each minute a condition holds, does not hold, or is unknown. Near a threshold, which is within 5 % of it, more than one
//! of these is **possible**: a burn rate or a coverage that is nearly at its threshold may be on either side. Either
//! evaluator may also be late by a scrape and an evaluation, so what was possible two minutes before or will be two minutes
//! later is possible too. From the possible conditions follow the possible states of an alert (unknown leaves it as it
//! is), starting from not firing. A minute is **certain** if just one state is possible.

use authprobe::slo::{Counts, Objective, Tier, TierReading};

/// How far from a threshold is near.
const NEAR: f64 = 0.05;
/// A scrape and an evaluation, in minutes.
const LATE: usize = 2;

/// A set of conditions, or of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set(u8);

/// It holds; or the alert fires.
const YES: u8 = 1;
/// It does not hold; or the alert does not fire.
const NO: u8 = 2;
/// Too little is known.
const UNKNOWN: u8 = 4;

impl Set {
    /// Nothing is measured.
    pub const BLIND: Self = Self(UNKNOWN);

    /// Of a state: whether it is one of these.
    pub fn contains(self, firing: bool) -> bool {
        self.0 & if firing { YES } else { NO } != 0
    }

    /// 1: firing, 0: not firing, 2: either.
    pub fn wanted(self) -> u64 {
        match self.0 {
            YES => 1,
            NO => 0,
            _ => 2,
        }
    }

    /// What is possible of a reading; `tier` is `None` where any event alerts.
    pub fn of(objective: &Objective, tier: Option<&Tier>, reading: &TierReading) -> Self {
        let (short, long) = (reading.short.counts, reading.long.counts);
        let known = known(objective, short).and(known(objective, long));
        let burns = match tier {
            None => exactly(long.bad > 0),
            Some(tier) => {
                let factor = tier.factor_milli as f64 / 1000.0;
                above(reading.guarded, factor).and(above(reading.short.burn.unwrap_or_default(), factor))
            }
        };
        let mut set = 0;
        if known.0 & YES != 0 {
            set |= burns.0;
        }
        if known.0 & NO != 0 {
            set |= UNKNOWN;
        }
        Self(set)
    }

    fn and(self, other: Self) -> Self {
        Self((self.0 & other.0 & YES) | ((self.0 | other.0) & NO))
    }
}

fn exactly(holds: bool) -> Set {
    Set(if holds { YES } else { NO })
}

fn above(value: f64, threshold: f64) -> Set {
    if (value / threshold - 1.0).abs() <= NEAR { Set(YES | NO) } else { exactly(value > threshold) }
}

fn known(objective: &Objective, counts: Counts) -> Set {
    match counts.coverage() {
        Some(coverage) if counts.judged() > 0 => above(coverage, f64::from(objective.min_coverage_ppm) / 1e6),
        _ => exactly(false),
    }
}

/// The possible states at each minute.
pub fn states(possible: &[Set]) -> Vec<Set> {
    let mut state = NO;
    (0..possible.len())
        .map(|at| {
            let around = at.saturating_sub(LATE)..(at + LATE + 1).min(possible.len());
            let conditions = possible[around].iter().fold(0, |all, set| all | set.0);
            let kept = if conditions & UNKNOWN != 0 { state } else { 0 };
            state = kept | (conditions & (YES | NO));
            Set(state)
        })
        .collect()
}

#[test]
fn unknown_leaves_a_state_as_it_is() {
    let alone = |sets: &[u8]| {
        // Far enough apart for none to be near another.
        let spread: Vec<Set> = sets.iter().flat_map(|set| [Set(*set); 5]).collect();
        states(&spread).iter().skip(2).step_by(5).map(|set| set.wanted()).collect::<Vec<_>>()
    };
    assert_eq!(alone(&[UNKNOWN, YES, UNKNOWN, NO, UNKNOWN]), [0, 1, 1, 0, 0]);
    assert_eq!(alone(&[YES | NO, UNKNOWN, YES, NO | UNKNOWN, NO]), [2, 2, 1, 2, 0]);
}
