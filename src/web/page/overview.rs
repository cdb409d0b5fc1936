//! `GET /`: is login working, now, for whom; what alerts, what was measured, how much budget is left, what happened.

use std::future::ready;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header::{CONTENT_TYPE, UPGRADE_INSECURE_REQUESTS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use futures_util::future::join;
use futures_util::stream::{once, unfold};
use maud::{Markup, html};
use tokio::select;
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use self::state::State;
use self::verdict::{Situation, Verdict};
use super::draw::Tone;
use super::shell::{self, Tab};
use super::words::ago;
use crate::alert::episode::Episode;
use crate::clock::Timestamp;
use crate::slo::Maintenance;
use crate::web::App;
use crate::web::guard::Reader;
use crate::web::problem::Problem;

mod alerts;
mod cards;
mod day;
mod evidence;
pub mod exhaustion;
mod grid;
mod objectives;
mod state;
mod verdict;

/// By how much the sentence goes before the rest where a browser opens the page: three frames of a screen at 60 Hz. A browser that
/// gets both at once lays out all of it before it shows any; with two frames it missed its own every third time.
const HEAD_START: Duration = Duration::from_millis(50);

/// A part of the page as it is sent.
type Part = Result<String, io::Error>;

/// See the module. The sentence is sent before anything else is written, or asked of the ledger.
pub async fn page(Shared(app): Shared<App>, reader: Reader, headers: HeaderMap) -> Response {
    // Both parts fit in: nobody who writes waits for somebody who reads.
    let (parts, mut written) = mpsc::channel::<Part>(2);
    let head_start = if opens(&headers) { HEAD_START } else { Duration::ZERO };
    tokio::spawn(write(app, reader, parts, head_start));
    let Some(first) = written.recv().await else {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the overview could not be written").into_response();
    };
    let rest = unfold(written, async |mut written| Some((written.recv().await?, written)));
    let body = Body::from_stream(once(ready(first)).chain(rest));
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}

/// Whether somebody opens the page in a browser, unlike a script or a program that asks for it: Fetch Metadata §2.1, and where
/// there is none (plain HTTP), Upgrade Insecure Requests §3.2.1.
fn opens(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-dest") {
        Some(dest) => dest == "document",
        None => headers.contains_key(UPGRADE_INSECURE_REQUESTS),
    }
}

async fn write(app: App, reader: Reader, parts: mpsc::Sender<Part>, head_start: Duration) {
    let own = app.clone();
    let Some(Ok(mut begin)) = in_place(&app, &parts, move || Begin::write(&own, &reader)).await else { return };
    if parts.send(Ok(std::mem::take(&mut begin.text))).await.is_err() {
        return;
    }
    let rest = async {
        let episodes = day::episodes(&app).await;
        let own = app.clone();
        in_place(&app, &parts, move || begin.rest(&own, episodes)).await
    };
    let (Some(rest), ()) = join(rest, sleep(head_start)).await else { return };
    // Without its end a browser shows what there is, and whoever keeps an older page keeps it.
    let rest = rest.inspect_err(|error| tracing::error!(%error, "the rest of the overview could not be written"));
    let _ = parts.send(rest.map_err(io::Error::other)).await;
}

/// What has thousands of checks takes a while to write: so many at once, and where nobody else waits for it. Whoever waits for
/// something else meanwhile has no place. `None`: the reader has gone.
async fn in_place<T: Send + 'static>(
    app: &App,
    parts: &mpsc::Sender<Part>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<Result<T, JoinError>> {
    let place = select! {
        biased;
        () = parts.closed() => return None,
        place = app.overviews.clone().acquire_owned() => place,
    };
    let work = move || {
        let _place = place;
        work()
    };
    Some(spawn_blocking(work).await)
}

/// The page up to its sentence, and what the rest is written from.
struct Begin {
    text: String,
    end: String,
    state: State,
    maintenance: Maintenance,
}

impl Begin {
    fn write(app: &App, reader: &Reader) -> Self {
        let now = app.control.now();
        let maintenance = app.control.maintenance();
        let state = State::read(app, &in_force(&maintenance, now), now);
        let checks = state.checks();
        let situation = Situation {
            checks: &checks,
            rulings: &state.rulings,
            paused: app.control.paused(),
            newest: state.newest(),
            now,
        };
        let told = verdict::verdict(&situation);
        let (text, end) = shell::around(app, reader, Tab::Overview, title(told.tone), &headline(&told, &state));
        Self { text, end, state, maintenance }
    }

    fn rest(self, app: &App, episodes: Result<Vec<Episode>, String>) -> String {
        let Self { end, state, maintenance, .. } = self;
        let day = day::read(app, &state, &maintenance, episodes);
        let rest = html! {
            (alerts::section(app, &state))
            (grid::section(&state))
            (objectives::section(app, state.now))
            (day::section(&day))
        };
        rest.into_string() + &end
    }
}

/// Windows that are neither over nor still to come: a server may remember thousands.
fn in_force(all: &Maintenance, now: Timestamp) -> Maintenance {
    let now = now.as_nanos();
    let windows = all.windows.iter().filter(|window| window.from_nanos <= now && now < window.to_nanos);
    Maintenance { recurring: all.recurring.clone(), windows: windows.cloned().collect() }
}

/// What the browser's tab says: whoever has many of them open sees it there.
const fn title(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "✓ Overview",
        Tone::Bad => "✕ Failing",
        Tone::Warn => "! Overview",
        Tone::Unknown | Tone::Accent => "○ Not known",
    }
}

fn headline(told: &Verdict, state: &State) -> Markup {
    let class = match told.tone {
        Tone::Good => "verdict good",
        Tone::Bad => "verdict bad",
        Tone::Warn => "verdict warn",
        Tone::Unknown | Tone::Accent => "verdict unknown",
    };
    let probes = state.rows.len();
    html! {
        section class=(class) aria-labelledby="verdict" {
            (mark(told.tone))
            div {
                h1 #verdict { (told.sentence) }
                @for sentence in &told.more { p { (sentence) } }
                p.faint.small {
                    (probes) @if probes == 1 { " probe" } @else { " probes" } " in "
                    (state.plan.regions.len()) @if state.plan.regions.len() == 1 { " region" } @else { " regions" }
                    @match state.newest() {
                        Some(at) => { ", newest run " (ago(at, state.now)) }
                        None if state.remembers() => { ", no run since the start" }
                        None => { ", no run yet" }
                    }
                }
            }
        }
    }
}

/// A shape of its own for every tone.
fn mark(tone: Tone) -> Markup {
    let path = match tone {
        Tone::Good => "M6 12.5l4 4 8-9",
        Tone::Bad => "M7 7l10 10M17 7L7 17",
        Tone::Warn => "M12 6v8M12 17.6v.1",
        Tone::Unknown | Tone::Accent => "M9 9.3a3 3 0 1 1 4.4 2.7c-1 .6-1.4 1-1.4 2.2M12 17.6v.1",
    };
    html! {
        svg.mark viewBox="0 0 24 24" aria-hidden="true" {
            circle class=(tone.fill()) cx="12" cy="12" r="12" {}
            path d=(path) {}
        }
    }
}
