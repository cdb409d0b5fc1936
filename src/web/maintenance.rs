//! `/api/v1/maintenance`: windows of the configuration, and those that people ask for. Nothing is ever erased: a window
//! that is ended early keeps what it covered.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::api::{bad_query, unhurried};
use super::body::Fields;
use super::guard::Writer;
use super::problem::Problem;
use crate::clock::Timestamp;
use crate::config::glob;
use crate::config::nearest::{listed, nearest};
use crate::duration::HumanDuration;
use crate::outcome::Id;
use crate::plan::Plan;
use crate::slo::maintenance::{Recurring, Window};

/// How many windows that are not over may be kept, and how many at all: every run is held against them.
const MAX_WINDOWS: (usize, usize) = (1000, 5000);
/// The longest window, and the farthest ahead that one may begin.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
const FARTHEST: Duration = Duration::from_secs(366 * 86_400);
/// How long ago a window may begin: what was counted before is not changed.
const LATEST: Duration = Duration::from_secs(60);
/// How many patterns a window may have, and how long they are.
const PATTERNS: (usize, usize) = (100, 200);
/// The longest comment and name of whoever asks (characters).
const COMMENT: usize = 1000;
const NAME: usize = 200;
/// How many beginnings of a window that comes again are told.
const AHEAD: usize = 3;

/// Whether a window is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Active,
    Planned,
    Over,
}

/// A window as it is told.
#[derive(Serialize)]
struct WindowView<'a> {
    id: &'a str,
    state: Phase,
    from: Timestamp,
    to: Timestamp,
    probes: &'a [String],
    comment: &'a str,
    created_by: &'a str,
}

impl<'a> WindowView<'a> {
    fn of(window: &'a Window, now: Timestamp) -> Self {
        let (from, to) = ends(window);
        Self {
            id: &window.id,
            state: state(window, now),
            from,
            to,
            probes: &window.probes,
            comment: &window.comment,
            created_by: &window.created_by,
        }
    }
}

fn ends(window: &Window) -> (Timestamp, Timestamp) {
    (Timestamp::from_nanos(window.from_nanos), Timestamp::from_nanos(window.to_nanos))
}

fn state(window: &Window, now: Timestamp) -> Phase {
    let (from, to) = ends(window);
    match (from <= now, now < to) {
        (_, false) => Phase::Over,
        (true, true) => Phase::Active,
        (false, true) => Phase::Planned,
    }
}

/// Until when a window that comes again is in force now; `None`: it is not.
fn in_force(recurring: &Recurring, now: Timestamp) -> Option<Timestamp> {
    // The latest of its beginnings that are not over: a window may be longer than the time between two.
    let mut after = now - recurring.duration;
    let mut latest = None;
    while let Some(begins) = recurring.begins.next_after(after, Duration::ZERO).filter(|begins| *begins <= now) {
        (after, latest) = (begins, Some(begins));
    }
    latest.map(|begins| begins + recurring.duration)
}

/// Maintenance that is in force: for people.
pub struct InForce {
    /// The name or the comment.
    pub what: String,
    /// Its probes or patterns.
    pub probes: Vec<String>,
    /// Until then.
    pub until: Timestamp,
    /// Who asked for it; empty: the configuration, or nobody said.
    pub by: String,
}

/// All maintenance that is in force.
pub fn now_in_force(app: &App, now: Timestamp) -> Vec<InForce> {
    let all = app.control.maintenance();
    let configured = all.recurring.iter().filter_map(|recurring| {
        in_force(recurring, now).map(|until| InForce {
            what: recurring.name.to_string(),
            probes: recurring.probes.iter().map(ToString::to_string).collect(),
            until,
            by: String::new(),
        })
    });
    let asked = all.windows.iter().filter(|window| state(window, now) == Phase::Active).map(|window| InForce {
        what: window.comment.clone(),
        probes: window.probes.clone(),
        until: ends(window).1,
        by: window.created_by.clone(),
    });
    configured.chain(asked).collect()
}

/// `GET /api/v1/maintenance`.
pub async fn list(State(app): State<App>) -> Response {
    let now = app.control.now();
    let all = app.control.maintenance();
    let recurring: Vec<_> = all.recurring.iter().map(|recurring| repeated(recurring, now)).collect();
    let mut windows: Vec<_> = all.windows.iter().map(|window| WindowView::of(window, now)).collect();
    windows.sort_by_key(|window| std::cmp::Reverse(window.from));
    Json(json!({ "recurring": recurring, "windows": windows })).into_response()
}

fn repeated(recurring: &Recurring, now: Timestamp) -> serde_json::Value {
    let until = in_force(recurring, now);
    let begins = |after: &Timestamp| recurring.begins.next_after(*after, Duration::ZERO);
    let next: Vec<_> = std::iter::successors(begins(&now), begins).take(AHEAD).collect();
    json!({
        "name": recurring.name,
        "state": if until.is_some() { Phase::Active } else { Phase::Planned },
        "until": until,
        "duration": HumanDuration(recurring.duration).to_string(),
        "probes": recurring.probes,
        "next": next,
    })
}

/// `GET /api/v1/maintenance/{id}`.
pub async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let window = find(&app, &id)?;
    Ok(Json(WindowView::of(&window, app.control.now())).into_response())
}

fn find(app: &App, id: &str) -> Result<Window, Problem> {
    let found = app.control.maintenance().windows.into_iter().find(|window| window.id == id);
    let short: String = id.chars().take(40).collect();
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("no maintenance window {short:?}")))
}

/// `POST /api/v1/maintenance`: answered when the window is kept.
pub async fn create(
    State(app): State<App>,
    Extension(writer): Extension<Writer>,
    body: Bytes,
) -> Result<Response, Problem> {
    let now = app.control.now();
    let asked = wanted(&body, &app.control.plan(), now)?;
    let by = writer.called(&asked.created_by);
    let window = unhurried(async move {
        // One at a time, so that what is bounded stays so.
        let _alone = app.writing.clone().lock_owned().await;
        let kept = app.control.maintenance().windows;
        bounded(&kept, now)?;
        let window = Window { id: fresh_id(|id| kept.iter().any(|window| window.id == id)), ..asked };
        app.control.put_maintenance(window.clone(), "create", by).await.map_err(not_kept)?;
        Ok::<_, Problem>(window)
    });
    let window = window.await??;
    let location = [(LOCATION, format!("/api/v1/maintenance/{}", window.id))];
    Ok((StatusCode::CREATED, location, Json(WindowView::of(&window, now))).into_response())
}

fn bounded(kept: &[Window], now: Timestamp) -> Result<(), Problem> {
    let ahead = kept.iter().filter(|window| state(window, now) != Phase::Over).count();
    if ahead < MAX_WINDOWS.0 && kept.len() < MAX_WINDOWS.1 {
        return Ok(());
    }
    let detail = format!(
        "{ahead} windows are planned or in force and {} kept: at most {} and {} may be",
        kept.len(),
        MAX_WINDOWS.0,
        MAX_WINDOWS.1
    );
    Err(Problem::new(StatusCode::CONFLICT, detail))
}

/// The window that a body asks for, without its id.
fn wanted(body: &[u8], plan: &Plan, now: Timestamp) -> Result<Window, Problem> {
    let mut fields = Fields::of(body, &["probes", "from", "to", "duration", "comment", "created_by"])?;
    let probes = fields.lines("probes", PATTERNS.0, PATTERNS.1);
    for (n, pattern) in probes.iter().enumerate() {
        if let Some(detail) = stands_for_none(pattern, plan) {
            fields.mistake(&format!("probes/{n}"), detail);
        }
    }
    let (from, to) = span(&mut fields, now);
    let comment = fields.needed("comment", COMMENT);
    let created_by = fields.text("created_by", NAME);
    fields.end()?;
    Ok(Window { id: String::new(), from_nanos: from.as_nanos(), to_nanos: to.as_nanos(), probes, comment, created_by })
}

/// From when until when; what is wrong is noted.
fn span(fields: &mut Fields, now: Timestamp) -> (Timestamp, Timestamp) {
    let begins = fields.has("from");
    let from = fields.time("from");
    if let Some(from) = from {
        if from < now - LATEST {
            fields.mistake("from", "must not be more than a minute ago: what was counted is not changed");
        } else if from > now + FARTHEST {
            fields.mistake("from", "must not be more than 366d ahead");
        }
    }
    let given = (fields.has("to"), fields.has("duration"));
    let (to, duration) = (fields.time("to"), fields.duration("duration"));
    // A beginning that is no time is a mistake of its own: nothing is said of the length then.
    let start = from.or((!begins).then_some(now));
    let end = match given {
        (true, true) => {
            fields.mistake("duration", "must not be given with `to`");
            None
        }
        (false, false) => {
            fields.mistake("duration", "is needed, or `to`");
            None
        }
        (true, false) => to,
        (false, true) => start.zip(duration).map(|(start, duration)| start + duration),
    };
    let member = if given.0 { "to" } else { "duration" };
    if let (Some(start), Some(end)) = (start, end) {
        if end <= start {
            fields.mistake(member, "must end the window after it begins");
        } else if end <= now {
            fields.mistake(member, "must not end the window in the past");
        } else if end.since(start) > LONGEST {
            fields.mistake(member, format!("must make the window no longer than {}", HumanDuration(LONGEST)));
        }
    }
    (start.unwrap_or(now), end.unwrap_or(now))
}

/// Why a pattern is a mistake: no probe fits it.
fn stands_for_none(pattern: &str, plan: &Plan) -> Option<String> {
    let names = || plan.probes.iter().map(|probe| &*probe.name);
    if names().any(|name| glob::matches(pattern, name)) {
        return None;
    }
    Some(match nearest(pattern, names()) {
        Some(near) => format!("no probe fits {pattern:?}; did you mean `{near}`?"),
        None if plan.probes.len() <= 20 => format!("no probe fits {pattern:?}; there are {}", listed(names())),
        None => format!("no probe fits {pattern:?}"),
    })
}

/// Which window is to end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndQuery {
    id: String,
}

/// `DELETE /api/v1/maintenance?id=`.
pub async fn end_asked(
    app: State<App>,
    writer: Extension<Writer>,
    query: Result<Query<EndQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(EndQuery { id }) = query.map_err(bad_query)?;
    end(app, writer, Path(id)).await
}

/// `DELETE /api/v1/maintenance/{id}`: ends it now, and tells what it is then. One that is over stays as it is.
pub async fn end(
    State(app): State<App>,
    Extension(writer): Extension<Writer>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = app.control.now();
    let window = unhurried(async move {
        let _alone = app.writing.clone().lock_owned().await;
        let mut window = find(&app, &id)?;
        if state(&window, now) == Phase::Over {
            return Ok(window);
        }
        window.to_nanos = now.as_nanos();
        // One that had not begun has never been: it covers no moment.
        window.from_nanos = window.from_nanos.min(window.to_nanos);
        app.control.put_maintenance(window.clone(), "end", writer.0).await.map_err(not_kept)?;
        Ok::<_, Problem>(window)
    });
    let window = window.await??;
    Ok(Json(WindowView::of(&window, now)).into_response())
}

/// Eight hexadecimal digits that are not taken.
pub fn fresh_id(taken: impl Fn(&str) -> bool) -> String {
    std::iter::repeat_with(|| Id::<4>::random().to_string()).find(|id| !taken(id)).unwrap_or_default()
}

/// The ledger cannot be written.
pub fn not_kept(error: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("not kept: {error}"))
}

/// For handlers that change what is kept, one at a time.
pub type Writing = Arc<tokio::sync::Mutex<()>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Timing;

    #[test]
    fn a_recurring_window_is_in_force_from_its_beginning_to_before_its_end() {
        let recurring = Recurring {
            name: "release".into(),
            begins: Timing::cron("0 0 2 * * SUN", "Europe/Zurich").unwrap(),
            duration: Duration::from_secs(3600),
            probes: vec!["login".into()],
        };
        // Sunday 2026-03-01, 02:00 in Zurich is 01:00 UTC.
        let at = |text: &str| super::super::body::rfc3339(text).unwrap();
        let end = at("2026-03-01T02:00:00Z");
        for (now, expected) in [
            ("2026-03-01T00:59:59.999Z", None),
            ("2026-03-01T01:00:00Z", Some(end)),
            ("2026-03-01T01:59:59.999Z", Some(end)),
            ("2026-03-01T02:00:00Z", None),
        ] {
            assert_eq!(in_force(&recurring, at(now)), expected, "{now}");
        }
        let longer = Recurring {
            begins: Timing::cron("0 */10 * * * *", "UTC").unwrap(),
            duration: Duration::from_secs(1500),
            ..recurring
        };
        assert_eq!(in_force(&longer, at("2026-03-01T01:09:00Z")), Some(at("2026-03-01T01:25:00Z")));
    }
}
