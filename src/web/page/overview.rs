//! `GET /`: is login working, now, for whom; what alerts, what was measured, how much budget is left, what happened.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

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

/// See the module. What has thousands of checks takes a while to write: so many at once, and where nobody else waits for it.
pub async fn page(Shared(app): Shared<App>, reader: Reader) -> Response {
    let episodes = day::episodes(&app).await;
    // It is never closed.
    let place = app.overviews.clone().acquire_owned().await.ok();
    let work = move || {
        let _place = place;
        render(&app, &reader, episodes)
    };
    let failed =
        |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the overview could not be written").into_response();
    tokio::task::spawn_blocking(work).await.unwrap_or_else(failed)
}

fn render(app: &App, reader: &Reader, episodes: Result<Vec<Episode>, String>) -> Response {
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
    let day = day::read(app, &state, &maintenance, episodes);
    let view = html! {
        (headline(&told, &state))
        (alerts::section(app, &state))
        (grid::section(&state))
        (objectives::section(app, now))
        (day::section(&day))
    };
    shell::view(app, reader, Tab::Overview, title(told.tone), true, &view)
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
