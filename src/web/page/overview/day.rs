//! What happened in the last day: alerts, deployments, maintenance, and when nothing was measured, over one axis; and the same
//! in words.

use std::time::Duration;

use maud::{Markup, html};

use super::state::State;
use crate::alert::conditions::Deployment;
use crate::alert::episode::{Episode, EpisodesQuery};
use crate::alert::{State as Phase, Words};
use crate::clock::Timestamp;
use crate::slo::Maintenance;
use crate::trend::Cell;
use crate::web::App;
use crate::web::maintenance::{InForce, now_in_force};
use crate::web::page::draw::{Lane, Mark, Shape, Tone, timeline};
use crate::web::page::recurrence::newest;
use crate::web::page::words::ago;

/// How long it is.
const LENGTH: Duration = Duration::from_secs(86_400);
/// How many alerts, windows, deployments are drawn; and told in words.
const DRAWN: usize = 100;
const MAX_WINDOWS: usize = 20;
const MAX_DEPLOYMENTS: usize = 5;
/// How many probes of a window are named.
const MAX_NAMES: usize = 8;

/// What there is to draw.
pub struct Day {
    lanes: Vec<Lane>,
    begin: Timestamp,
    now: Timestamp,
    deployments: Vec<Deployment>,
    in_force: Vec<InForce>,
    /// Why the alerts of the day are not known.
    failed: Option<String>,
}

/// The alerts that were; those that are over come from the ledger.
pub async fn episodes(app: &App) -> Result<Vec<Episode>, String> {
    app.control.episodes(EpisodesQuery { limit: DRAWN, ..EpisodesQuery::default() }).await
}

/// Reads the rest.
pub fn read(app: &App, state: &State, maintenance: &Maintenance, episodes: Result<Vec<Episode>, String>) -> Day {
    let now = state.now;
    let begin = now - LENGTH;
    let (episodes, failed) = match episodes {
        Ok(episodes) => (episodes, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let deployments = app.control.deployments();
    let lanes = vec![
        Lane { name: "Alerts".into(), label: None, marks: alerts(app, &episodes, now) },
        Lane { name: "Deployments".into(), label: None, marks: marks(&deployments) },
        Lane { name: "Maintenance".into(), label: None, marks: windows(maintenance, begin, now) },
        Lane { name: "Failed runs".into(), label: None, marks: failures(state) },
        Lane { name: "Not measured".into(), label: None, marks: gaps(state) },
    ];
    let lanes = lanes.into_iter().map(|lane| Lane { label: Some(label(&lane, begin)), ..lane }).collect();
    Day { lanes, begin, now, deployments, in_force: now_in_force(app, now), failed }
}

/// How many marks of a lane are seen, in words.
fn label(lane: &Lane, begin: Timestamp) -> String {
    let within = lane.marks.iter().filter(|mark| mark.to >= begin).count();
    match within {
        0 => format!("{}: none in the last 24 hours", lane.name),
        n if lane.name == "Failed runs" || lane.name == "Not measured" => {
            format!("{}: {n} stretches in the last 24 hours", lane.name)
        }
        n => format!("{}: {n} in the last 24 hours", lane.name),
    }
}

/// Those that were, and those that fire now.
fn alerts(app: &App, episodes: &[Episode], now: Timestamp) -> Vec<Mark> {
    let all = app.control.alerts();
    let open = all.iter().filter(|alert| alert.state != Phase::Pending).filter_map(|alert| {
        let over = alert.cleared_nanos.filter(|_| alert.state == Phase::Resolved);
        Some((&alert.labels, alert.fired_nanos?, over))
    });
    let were = episodes.iter().map(|episode| (&episode.labels, episode.fired_nanos, episode.resolved_nanos));
    let mut seen = std::collections::BTreeSet::new();
    let each = open.chain(were).filter(|(labels, fired, _)| seen.insert((*labels, *fired))).take(DRAWN);
    each.map(|(labels, fired, over)| mark(labels, Timestamp::from_nanos(fired), over.map(Timestamp::from_nanos), now))
        .collect()
}

fn mark(labels: &Words, fired: Timestamp, over: Option<Timestamp>, now: Timestamp) -> Mark {
    let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
    let page = label("severity") == "page";
    let named = ["alertname", "slo", "probe", "provider", "probe_region"].map(label);
    let named: Vec<_> = named.into_iter().filter(|text| !text.is_empty()).collect();
    Mark {
        from: fired,
        to: over.unwrap_or(now),
        shape: Shape::Bar,
        tone: if page { Tone::Bad } else { Tone::Warn },
        title: format!("{}, {}, fired {}", named.join(" "), label("severity"), clock(fired)),
    }
}

fn clock(at: Timestamp) -> String {
    at.to_utc().format("%a %H:%M UTC").to_string()
}

fn marks(deployments: &[Deployment]) -> Vec<Mark> {
    let mark = |deployment: &Deployment| {
        let at = Timestamp::from_nanos(deployment.at_nanos);
        let followed = !deployment.followed.is_empty();
        Mark {
            from: at,
            to: at,
            shape: Shape::Dot,
            tone: if followed { Tone::Bad } else { Tone::Accent },
            title: format!(
                "{} {}, {}{}",
                deployment.service,
                deployment.version,
                clock(at),
                if followed { ", followed by alerts" } else { "" }
            ),
        }
    };
    deployments.iter().take(DRAWN).map(mark).collect()
}

/// Windows that touch the day: those that were asked for, and those that come again and again; the newest of them.
fn windows(all: &Maintenance, begin: Timestamp, now: Timestamp) -> Vec<Mark> {
    let mark = |from: Timestamp, to: Timestamp, what: &str| Mark {
        from,
        to,
        shape: Shape::Bar,
        tone: Tone::Unknown,
        title: format!("{what}, from {} to {}", clock(from), clock(to)),
    };
    let (from, to) = (begin.as_nanos(), now.as_nanos());
    let asked = all
        .windows
        .iter()
        .filter(|window| window.from_nanos < window.to_nanos && window.from_nanos <= to && window.to_nanos >= from);
    let mut marks: Vec<_> = asked
        .map(|w| mark(Timestamp::from_nanos(w.from_nanos), Timestamp::from_nanos(w.to_nanos), &w.comment))
        .collect();
    for recurring in &all.recurring {
        let times = newest(&recurring.begins, begin - recurring.duration, now, DRAWN);
        marks.extend(times.into_iter().map(|at| mark(at, at + recurring.duration, &recurring.name)));
    }
    marks.sort_by_key(|mark| std::cmp::Reverse(mark.from));
    marks.truncate(DRAWN);
    marks
}

/// Stretches of the strips' cells in which a share of all checks is so.
fn stretches(
    state: &State,
    is: impl Fn(&Cell) -> bool,
    least: f64,
    mark: impl Fn(Timestamp, Timestamp) -> Mark,
) -> Vec<Mark> {
    let Some(first) = state.strips.iter().map(|check| &check.strip).max_by_key(|strip| strip.cells.len()) else {
        return Vec::new();
    };
    let mut marks: Vec<Mark> = Vec::new();
    for n in 0..first.cells.len() {
        let cells = state.strips.iter().filter_map(|check| check.strip.cells.get(n));
        let (so, all) = cells.fold((0_usize, 0_usize), |(so, all), cell| (so + usize::from(is(cell)), all + 1));
        if so == 0 || (so as f64) < least * all as f64 {
            continue;
        }
        let from = first.begin + first.cell.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
        let to = (from + first.cell).min(state.now);
        match marks.last_mut().filter(|last| last.to == from) {
            Some(last) => last.to = to,
            None => marks.push(mark(from, to)),
        }
    }
    marks
}

fn failures(state: &State) -> Vec<Mark> {
    stretches(
        state,
        |cell| cell.bad > 0,
        0.0,
        |from, to| Mark {
            from,
            to,
            shape: Shape::Thread,
            tone: Tone::Bad,
            title: format!("failed runs from {} on", clock(from)),
        },
    )
}

/// Half-hours in which at least half of all checks measured nothing, or nothing that could be judged. Those of single checks are in their rows.
fn gaps(state: &State) -> Vec<Mark> {
    stretches(
        state,
        |cell| cell.availability().is_none(),
        0.5,
        |from, to| Mark {
            from,
            to,
            shape: Shape::Gap,
            tone: Tone::Unknown,
            title: format!("half of all checks or more measured nothing that could be judged from {} on", clock(from)),
        },
    )
}

/// The drawing, and what it shows in words.
pub fn section(day: &Day) -> Markup {
    html! {
        section aria-labelledby="day" {
            h2 #day { "Last 24 hours" }
            @if let Some(why) = &day.failed { p.notice { "Alerts that are over are not shown: " (why) } }
            div.card {
                (timeline(day.begin, day.now, &day.lanes))
                p.faint.small {
                    "A dot is a deployment, a bar an alert or a maintenance window, a thread failed runs, a grey ground time in \
                     which half of all checks or more measured nothing that could be judged."
                }
            }
            @if !day.in_force.is_empty() || !day.deployments.is_empty() {
                div.cards.happened { (maintenance(day)) (deployments(day)) }
            }
        }
    }
}

fn maintenance(day: &Day) -> Markup {
    html! {
        @if !day.in_force.is_empty() {
            div.card {
                h3 #maintenance { "Maintenance now" }
                ul.plain {
                    @for window in day.in_force.iter().take(MAX_WINDOWS) {
                        li {
                            b { (window.what) } " ends " (ago(window.until, day.now)) ": "
                            (window.probes.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", "))
                            @if window.probes.len() > MAX_NAMES { " and " (window.probes.len() - MAX_NAMES) " more" }
                            @if !window.by.is_empty() { " (asked for by " (window.by) ")" }
                        }
                    }
                }
                @if day.in_force.len() > MAX_WINDOWS {
                    p { (day.in_force.len() - MAX_WINDOWS) " more are in " a href="/api/v1/maintenance" { "/api/v1/maintenance" } "." }
                }
            }
        }
    }
}

fn deployments(day: &Day) -> Markup {
    html! {
        @if !day.deployments.is_empty() {
            div.card {
                h3 #deployments { "Last deployments" }
                ul.plain {
                    @for deployment in day.deployments.iter().take(MAX_DEPLOYMENTS) {
                        li {
                            b { (deployment.service) } " " (deployment.version) ", "
                            (ago(Timestamp::from_nanos(deployment.at_nanos), day.now))
                            @for text in [&deployment.provider, &deployment.comment] {
                                @if !text.is_empty() { " · " (text) }
                            }
                            @let followed = followed(deployment);
                            @if !followed.is_empty() { " · " b { "followed by " (followed) } }
                        }
                    }
                }
            }
        }
    }
}

fn followed(deployment: &Deployment) -> String {
    let names = deployment.followed.iter().filter_map(|alert| Some(alert.labels.get("alertname")?.as_str()));
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Timing;
    use crate::slo::maintenance::{Recurring, Window};

    #[test]
    fn of_too_many_windows_the_newest_are_drawn() {
        let now = Timestamp::from_secs(1_800_000_000);
        let recurring = |name: &str, cron: &str| Recurring {
            name: name.into(),
            begins: Timing::cron(cron, "UTC").unwrap(),
            duration: Duration::from_secs(30),
            probes: vec![],
        };
        let asked = |ago: Duration| Window {
            id: "0".repeat(8),
            from_nanos: (now - ago).as_nanos(),
            to_nanos: now.as_nanos(),
            probes: vec![],
            comment: "asked for".to_owned(),
            created_by: String::new(),
        };
        let all = Maintenance {
            recurring: vec![recurring("minutes", "* * * * *"), recurring("hours", "30 * * * *")],
            windows: vec![asked(LENGTH), asked(Duration::from_secs(90))],
        };
        let marks = windows(&all, now - LENGTH, now);
        assert_eq!((marks.len(), marks[0].from), (DRAWN, now));
        let count = |what: &str| marks.iter().filter(|mark| mark.title.starts_with(what)).count();
        // The last hundred began within 97 minutes: at 07:30 and 06:30 the other one did, too.
        assert_eq!((count("minutes"), count("hours"), count("asked for")), (97, 2, 1));
    }
}
