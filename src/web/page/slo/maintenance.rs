//! Maintenance within the window of an objective: what is left out of the adjusted budget.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::config::glob;
use crate::slo::{Maintenance, Objective};
use crate::web::page::recurrence::newest;
use crate::web::page::run::cut;
use crate::web::page::words::{ago, rough};

/// How many windows are shown, the latest ones.
const MAX_WINDOWS: usize = 20;
/// How many times of a window that comes again are told of at most, the newest: one an hour for six weeks.
const MAX_TIMES: usize = 1000;

/// A window, or one time of a window that comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Time {
    from: Timestamp,
    to: Timestamp,
    what: String,
    by: String,
}

/// What of it touches the window of an objective, the latest first.
pub fn list(maintenance: &Maintenance, objective: &Objective, since: Timestamp, now: Timestamp) -> Markup {
    let all = within(maintenance, objective, since, now);
    html! {
        h3 { "Maintenance in this window" }
        @if all.is_empty() {
            p.faint { "None." }
        } @else {
            table {
                thead {
                    tr {
                        th scope="col" { "what" }
                        th scope="col" { "from (UTC)" }
                        th scope="col" { "lasted" }
                        th scope="col" { "asked for by" }
                    }
                }
                tbody {
                    @for time in all.iter().take(MAX_WINDOWS) {
                        tr {
                            th scope="row" { (cut(&time.what, 200)) }
                            td { (time.from.to_utc().format("%Y-%m-%d %H:%M")) ", " (ago(time.from, now)) }
                            td {
                                (rough(time.to.since(time.from)))
                                @if time.to > now { " (in force)" }
                            }
                            td { (cut(&time.by, 200)) }
                        }
                    }
                }
            }
            @if all.len() > MAX_WINDOWS { p.faint { (all.len() - MAX_WINDOWS) " earlier ones are not shown." } }
        }
    }
}

fn within(maintenance: &Maintenance, objective: &Objective, since: Timestamp, now: Timestamp) -> Vec<Time> {
    let mut all = Vec::new();
    for window in &maintenance.windows {
        let (from, to) = (Timestamp::from_nanos(window.from_nanos), Timestamp::from_nanos(window.to_nanos));
        let mine = window.probes.iter().any(|pattern| members(objective).any(|probe| glob::matches(pattern, probe)));
        if mine && from < to && from <= now && to > since {
            let what = if window.comment.is_empty() { format!("window {}", window.id) } else { window.comment.clone() };
            all.push(Time { from, to, what, by: window.created_by.clone() });
        }
    }
    for recurring in &maintenance.recurring {
        if !recurring.probes.iter().any(|name| members(objective).any(|probe| *probe == **name)) {
            continue;
        }
        for from in newest(&recurring.begins, since - recurring.duration, now, MAX_TIMES) {
            let by = "the configuration".to_owned();
            all.push(Time { from, to: from + recurring.duration, what: recurring.name.to_string(), by });
        }
    }
    all.sort_by_key(|time| std::cmp::Reverse(time.from));
    all
}

fn members(objective: &Objective) -> impl Iterator<Item = &str> {
    objective.members.iter().map(|member| &*member.probe)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::schedule::Timing;
    use crate::slo::maintenance::{Recurring, Window};
    use crate::slo::objective::Severity;
    use crate::slo::{Aggregate, Member, Sli, Triggers, Window as Over};

    const DAY: i64 = 86_400;

    fn objective() -> Objective {
        let member = Member {
            probe: "login".into(),
            kind: "form_login",
            timing: Timing::Every(Duration::from_secs(60)),
            timeout: Duration::from_secs(30),
            regions: vec!["eu".into()],
            spreads: vec![Duration::ZERO],
            covers: vec![],
        };
        Objective {
            name: "a".into(),
            provider: "main".into(),
            members: vec![member],
            sli: Sli::Availability,
            target_ppm: 1_000_000,
            window: Over::Rolling(Duration::from_secs(30 * 86_400)),
            aggregate: Aggregate::Reachability,
            min_coverage_ppm: 800_000,
            alpha_ppm: 50_000,
            triggers: Triggers::AnyEvent(Severity::Page),
            labels: Default::default(),
            annotations: Default::default(),
        }
    }

    fn window(from: i64, to: i64, pattern: &str) -> Window {
        Window {
            id: format!("{from}"),
            from_nanos: from * 1_000_000_000,
            to_nanos: to * 1_000_000_000,
            probes: vec![pattern.to_owned()],
            comment: String::new(),
            created_by: String::new(),
        }
    }

    #[test]
    fn windows_that_touch_the_objectives_are_found_the_latest_first() {
        let objective = objective();
        let maintenance = Maintenance {
            recurring: vec![Recurring {
                name: "nightly".into(),
                begins: Timing::cron("0 2 * * *", "UTC").unwrap(),
                duration: Duration::from_secs(3600),
                probes: vec!["login".into()],
            }],
            windows: vec![
                window(DAY, DAY + 60, "*"),
                window(5 * DAY, 5 * DAY + 60, "*"),
                // Of another probe, empty, still to come.
                window(6 * DAY, 6 * DAY + 60, "nobody"),
                window(6 * DAY, 6 * DAY, "*"),
                window(9 * DAY, 9 * DAY + 60, "*"),
            ],
        };
        let (since, now) = (Timestamp::from_secs(4 * DAY), Timestamp::from_secs(6 * DAY));
        let found: Vec<(String, i64)> =
            within(&maintenance, &objective, since, now).into_iter().map(|t| (t.what, t.from.as_secs())).collect();
        assert_eq!(
            found,
            [
                ("nightly".to_owned(), 5 * DAY + 7200),
                (format!("window {}", 5 * DAY), 5 * DAY),
                ("nightly".to_owned(), 4 * DAY + 7200),
            ]
        );
    }
}
