//! When an error budget is gone, if it goes on as it does. Pure.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::slo::objective::WHOLE;
use crate::slo::{Budget, Objective, Window};

/// When it is gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exhaustion {
    /// It is gone already.
    Spent,
    /// At the present rate, after so long.
    In(Duration),
    /// Not at the present rate.
    NotAtThisRate,
    /// Nothing was judged, or lately nothing.
    Unknown,
    /// It has no rate: any failure spends it.
    AtAnyFailure,
}

/// The present rate, `burn`, is that of a tier's long window; `None`: nothing was judged in it. At a rate of one a whole budget
/// lasts for the whole window (SRE workbook, ch. 5); below it a rolling window gives back as much as is spent, while a calendar
/// month gives nothing back before it ends. While a window fills, its budget is that of a whole one.
pub fn exhaustion(objective: &Objective, budget: &Budget, burn: Option<f64>, now: Timestamp) -> Exhaustion {
    let Some(remaining) = budget.remaining else { return Exhaustion::Unknown };
    if remaining <= 0.0 {
        return Exhaustion::Spent;
    }
    if objective.allowed_ppm() == 0 {
        return Exhaustion::AtAnyFailure;
    }
    let Some(burn) = burn else { return Exhaustion::Unknown };
    let counts = budget.tally.adjusted();
    let allowed = budget.whole * f64::from(objective.allowed_ppm()) / f64::from(WHOLE);
    let left = match objective.is_filling(counts, budget.whole) && allowed > 0.0 {
        true => 1.0 - counts.bad as f64 / allowed,
        false => remaining,
    };
    let ends = match objective.window {
        Window::Rolling(_) if burn <= 1.0 => return Exhaustion::NotAtThisRate,
        Window::Rolling(length) => length,
        // 32 days after its beginning the next month has begun, wherever.
        Window::Month(_) => objective.window.begin(budget.since + Duration::from_secs(32 * 86_400)).since(now),
    };
    if burn <= 0.0 {
        return Exhaustion::NotAtThisRate;
    }
    let lasts = Duration::try_from_secs_f64(objective.window.period().as_secs_f64() * left.max(0.0) / burn);
    match lasts {
        Ok(lasts) if lasts < ends => Exhaustion::In(lasts),
        _ => Exhaustion::NotAtThisRate,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::slo::{Aggregate, Counts, Severity, Sli, Tally, Triggers};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn objective(window: Window) -> Objective {
        Objective {
            name: "x".into(),
            provider: "main".into(),
            members: vec![],
            sli: Sli::Availability,
            target_ppm: 999_000,
            window,
            aggregate: Aggregate::Reachability,
            min_coverage_ppm: 800_000,
            alpha_ppm: 50_000,
            triggers: Triggers::AnyEvent(Severity::Page),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }

    fn budget(remaining: Option<f64>, good: u64, bad: u64) -> Budget {
        let raw = Counts { good, bad, inconclusive: 0, expected: good + bad };
        let tally = Tally { raw, excluded: Counts::default() };
        Budget {
            since: NOW - DAY * 30,
            tally,
            remaining,
            remaining_raw: remaining,
            coverage: Some(1.0),
            whole: 100_000.0,
        }
    }

    #[test]
    fn a_budget_lasts_as_long_as_its_rate_lets_it() {
        let rolling = objective(Window::Rolling(DAY * 30));
        let full = |remaining| budget(Some(remaining), 99_950, 50);
        for (budget, burn, expected) in [
            (full(0.5), Some(15.0), Exhaustion::In(DAY)),
            (full(0.5), Some(1.0), Exhaustion::NotAtThisRate),
            (full(0.3), Some(0.5), Exhaustion::NotAtThisRate),
            (full(0.5), Some(0.0), Exhaustion::NotAtThisRate),
            (full(0.5), None, Exhaustion::Unknown),
            (full(0.0), Some(0.0), Exhaustion::Spent),
            (full(-3.0), None, Exhaustion::Spent),
            (budget(None, 0, 0), Some(5.0), Exhaustion::Unknown),
            // A tenth of the window has come: 10 of the 100 bad ones that a whole one allows. 0 of what was allowed so far.
            (budget(Some(0.01), 9_990, 10), Some(9.0), Exhaustion::In(DAY * 3)),
            (full(0.5), Some(1e-320), Exhaustion::NotAtThisRate),
        ] {
            assert_eq!(exhaustion(&rolling, &budget, burn, NOW), expected, "{burn:?} {budget:?}");
        }
    }

    #[test]
    fn an_objective_that_allows_nothing_has_no_rate() {
        let whole = Objective { target_ppm: WHOLE, ..objective(Window::Rolling(DAY * 30)) };
        for (budget, expected) in [
            (budget(Some(1.0), 1000, 0), Exhaustion::AtAnyFailure),
            (budget(Some(0.0), 999, 1), Exhaustion::Spent),
            (budget(None, 0, 0), Exhaustion::Unknown),
        ] {
            assert_eq!(exhaustion(&whole, &budget, None, NOW), expected, "{budget:?}");
        }
    }

    #[test]
    fn a_month_gives_nothing_back_before_it_ends() {
        let month = objective(Window::Month(chrono_tz::UTC));
        // 2027-01-15T08:00: 16 d 16 h before the month ends.
        let since = month.window.begin(NOW);
        let budget = Budget { since, ..budget(Some(0.2), 99_920, 80) };
        let told = |burn| exhaustion(&month, &budget, Some(burn), NOW);
        assert_eq!(told(0.5), Exhaustion::In(DAY * 12));
        assert_eq!(told(0.3), Exhaustion::NotAtThisRate, "the month ends before");
    }
}
