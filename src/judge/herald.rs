//! When whoever watches is told that objectives were evaluated: not with every evaluation, or open pages would be drawn
//! anew all the time. Pure.

use std::sync::Arc;
use std::time::Duration;

use super::Shown;
use crate::clock::Instant;
use crate::slo::Evaluation;

/// At most once in so long.
const AT_MOST: Duration = Duration::from_secs(5);
/// At least once in so long: what is shown ages ("3 minutes ago"), and windows begin and end.
const AT_LEAST: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub struct Herald {
    told: Option<Instant>,
    owed: bool,
}

impl Herald {
    /// An evaluation took place, which found something else than the one before, or not.
    pub fn evaluated(&mut self, changed: bool) {
        self.owed |= changed;
    }

    /// Whether it is time to tell; if so, it is told.
    pub fn tells(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(*self.told.get_or_insert(now));
        let tells = since >= if self.owed { AT_MOST } else { AT_LEAST };
        if tells {
            *self = Self { told: Some(now), owed: false };
        }
        tells
    }
}

/// Whether a page would say something else.
pub fn differ(before: &Shown, now: &Shown) -> bool {
    before.alerts != now.alerts || before.rulings != now.rulings || !same(&before.evaluations, &now.evaluations)
}

/// Windows move with every evaluation: only what they hold counts.
fn same(before: &[Evaluation], now: &[Evaluation]) -> bool {
    let alike = |(one, other): (&Evaluation, &Evaluation)| {
        Arc::ptr_eq(&one.objective, &other.objective)
            && (one.budget.tally, one.failing_since) == (other.budget.tally, other.failing_since)
            && one.tiers == other.tiers
            && one.regions == other.regions
    };
    before.len() == now.len() && before.iter().zip(now).all(alike)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Timestamp};

    #[test]
    fn changes_are_told_soon_not_all_the_time_and_pages_age_well() {
        let mut herald = Herald::default();
        let begin = Clock::manual(Timestamp::from_secs(0)).instant();
        let mut told = Vec::new();
        for second in 0..80 {
            // Quiet, then every second another change, then one, then quiet again.
            herald.evaluated(matches!(second, 2..=12 | 20));
            if herald.tells(begin + Duration::from_secs(second)) {
                told.push(second);
            }
        }
        assert_eq!(told, [5, 10, 15, 20, 50]);
    }

    #[test]
    fn what_came_too_soon_is_told_later() {
        let mut herald = Herald::default();
        let begin = Clock::manual(Timestamp::from_secs(0)).instant();
        assert!(!herald.tells(begin));
        herald.evaluated(true);
        herald.evaluated(false);
        assert!(!herald.tells(begin + Duration::from_millis(4999)));
        assert!(herald.tells(begin + AT_MOST));
        assert!(!herald.tells(begin + 2 * AT_MOST));
    }
}
