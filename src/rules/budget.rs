//! What is left of error budgets, cheaply: hours that were recorded already are added up.

use std::time::Duration;

use super::objective::{HOUR, ratio, series};
use super::yaml::{Group, Rule};
use crate::duration::HumanDuration;
use crate::slo::{Objective, Window};

/// Where a length is needed of a month.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// The window that a budget is reckoned over here: of a calendar month, the last 30 days.
pub fn period(window: Window) -> Duration {
    match window {
        Window::Rolling(length) => length,
        Window::Month(_) => MONTH,
    }
}

/// The recorded series of what is left: `slo:authprobe_slo_error_budget_remaining:ratio30d{slo="…"}`.
pub fn remaining_series(objective: &Objective) -> String {
    series(&format!("error_budget_remaining:ratio{}", HumanDuration(period(objective.window))), &objective.name)
}

/// The budgets of all objectives.
pub fn group<'a>(objectives: impl Iterator<Item = &'a Objective>) -> Group {
    Group {
        name: "authprobe-budgets".to_owned(),
        interval: "5m",
        comment: Vec::new(),
        rules: objectives.flat_map(rules).collect(),
    }
}

fn rules(objective: &Objective) -> [Rule; 2] {
    [remaining(objective), coverage(objective)].map(|mut rule| {
        rule.labels.insert("slo".to_owned(), objective.name.to_string());
        rule
    })
}

/// The sum of the hours of the window, each recorded at its end; up to now where the window has few.
fn sum(what: &str, objective: &Objective) -> String {
    let window = period(objective.window);
    let hourly = series(&format!("{what}:increase{}", HumanDuration(HOUR)), &objective.name);
    format!("sum_over_time({hourly}[{}:{}])", HumanDuration(window), HumanDuration(HOUR))
}

fn remaining(objective: &Objective) -> Rule {
    let window = HumanDuration(period(objective.window));
    let (errors, events) = (sum("errors", objective), sum("events", objective));
    let expr = if objective.allowed_ppm() == 0 {
        // Whole, or gone.
        format!("1 - ({errors} > bool 0) and {events} > 0")
    } else {
        format!("1 - {errors} / ({events} > 0) / {}", ratio(objective.allowed_ppm()))
    };
    Rule::record(format!("slo:authprobe_slo_error_budget_remaining:ratio{window}"), expr)
}

fn coverage(objective: &Objective) -> Rule {
    let window = HumanDuration(period(objective.window));
    let expr = format!("{} / ({} > 0)", sum("events", objective), sum("expected", objective));
    // The window of an alert may be as long: that series is another.
    Rule::record(format!("slo:authprobe_slo_budget_coverage:ratio{window}"), expr)
}
