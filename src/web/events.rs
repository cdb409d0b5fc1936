//! `GET /api/v1/events`: what happens, as it happens, as server-sent events (HTML Living Standard §9.2).
//!
//! A stream is a place for a while: there are so many, each ends by itself and comes again, and none outlives what let its
//! reader in.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::{Interval, MissedTickBehavior, Sleep};

use super::App;
use super::guard::{Need, Papers, admit};
use super::problem::Problem;
use crate::alert::machine::Change;
use crate::news::News;
use crate::outcome::Outcome;

/// How many streams there may be at once.
pub const MAX_STREAMS: usize = 64;
/// After how long one ends; its reader comes again.
const LASTS: Duration = Duration::from_secs(15 * 60);
/// How often something is said where nothing happens, so that proxies see that it lives.
const ALIVE: Duration = Duration::from_secs(15);
/// How often is looked whether its reader may still read.
const CHECK: Duration = Duration::from_secs(5);
/// How soon a reader should come again.
const AGAIN: Duration = Duration::from_secs(2);

/// `GET /api/v1/events`.
pub async fn events(State(app): State<App>, papers: Papers) -> Response {
    let Ok(place) = app.streams.clone().try_acquire_owned() else {
        let detail = format!("{MAX_STREAMS} streams are open already");
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, "30").into_response();
    };
    let mut check = tokio::time::interval(CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    check.reset();
    let stream = Stream {
        news: app.control.newsroom().listen(),
        stopping: app.stopping.clone(),
        over: Box::pin(tokio::time::sleep(LASTS)),
        check,
        app,
        papers,
        begun: false,
        _place: place,
    };
    let events =
        unfold(stream, async |mut stream| stream.next().await.map(|event| (Ok::<_, Infallible>(event), stream)));
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}

/// Somebody who listens.
struct Stream {
    news: broadcast::Receiver<News>,
    stopping: watch::Receiver<bool>,
    over: std::pin::Pin<Box<Sleep>>,
    check: Interval,
    app: App,
    papers: Papers,
    begun: bool,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// What is to be told next; `None`: it is over.
    async fn next(&mut self) -> Option<Event> {
        if !self.begun {
            self.begun = true;
            return Some(Event::default().retry(AGAIN).comment("authprobe"));
        }
        loop {
            tokio::select! {
                biased;
                // An end without word is one, too.
                () = async { drop(self.stopping.wait_for(|stop| *stop).await) } => return None,
                () = &mut self.over => return None,
                _ = self.check.tick() => {
                    if admit(&self.app, Need::Read, self.papers.clone()).await.is_err() {
                        return None;
                    }
                }
                news = self.news.recv() => return match news {
                    Ok(news) => Some(told(&news)),
                    Err(broadcast::error::RecvError::Lagged(missed)) => Some(event("lagged", &json!({ "missed": missed }))),
                    Err(broadcast::error::RecvError::Closed) => None,
                },
            }
        }
    }
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

fn told(news: &News) -> Event {
    let (name, data) = words(news);
    event(name, &data)
}

/// Its type, and what it says.
fn words(news: &News) -> (&'static str, Value) {
    match news {
        News::Run(outcome) => ("run", run(outcome)),
        News::Alert(change) => ("alert", alert(change)),
        News::Evaluated => ("evaluated", json!({})),
        News::Reloaded(successful) => ("reloaded", json!({ "successful": successful })),
        News::Changed => ("changed", json!({})),
    }
}

/// What a reader needs to know whether to look closer.
fn run(outcome: &Outcome) -> Value {
    let fault = outcome.fault.as_ref();
    json!({
        "probe": outcome.check.probe,
        "region": outcome.check.region,
        "trigger": outcome.trigger,
        "verdict": outcome.verdict,
        "class": fault.map(|fault| fault.class),
        "blame": fault.map(|fault| fault.blame),
        "step": fault.map(|fault| fault.step),
        "trace_id": outcome.trace_id,
        "duration_seconds": outcome.duration.as_secs_f64(),
    })
}

fn alert(change: &Change) -> Value {
    let alert = change.alert();
    let state = match change {
        Change::Fired(_) => "firing",
        Change::Resolved(_) => "resolved",
    };
    json!({ "state": state, "labels": alert.labels, "summary": alert.annotations.get("summary") })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alert::{Alert, State as Phase, Words};
    use crate::fault::{Class, Fault};
    use crate::outcome::{CheckLabels, Id, Trigger, Verdict};

    fn outcome() -> Outcome {
        let check = CheckLabels {
            probe: "login".into(),
            kind: "form_login",
            provider: "main".into(),
            client: "web".into(),
            region: "eu".into(),
        };
        Outcome {
            check,
            labels: Arc::default(),
            trace_id: Id([7; 16]),
            span_id: Id([1; 8]),
            trigger: Trigger::Confirmation,
            scheduled: crate::clock::Timestamp::from_secs(1),
            start: crate::clock::Timestamp::from_secs(1),
            duration: Duration::from_millis(750),
            verdict: Verdict::Bad,
            fault: None,
            warnings: vec![],
            steps: vec![],
            observations: vec![],
            browser: None,
        }
    }

    #[test]
    fn a_run_is_told_in_short_and_without_what_its_fault_says() {
        let mut fault = Fault::new(Class::HttpStatus, "503 from <somewhere>");
        fault.step = "token";
        let (name, data) = words(&News::Run(Arc::new(Outcome { fault: Some(fault), ..outcome() })));
        let expected = json!({
            "probe": "login", "region": "eu", "trigger": "confirmation", "verdict": "bad", "class": "http_status",
            "blame": "provider", "step": "token", "trace_id": "07".repeat(16), "duration_seconds": 0.75,
        });
        assert_eq!((name, data), ("run", expected));
        let (_, data) = words(&News::Run(Arc::new(Outcome { verdict: Verdict::Good, ..outcome() })));
        assert_eq!((&data["class"], &data["blame"], &data["step"]), (&Value::Null, &Value::Null, &Value::Null));
    }

    #[test]
    fn everything_else_has_its_name() {
        let word = |key: &str, value: &str| -> Words { [(key.to_owned(), value.to_owned())].into() };
        let alert = Alert {
            labels: word("alertname", "AuthOutage"),
            annotations: word("summary", "Login is down"),
            state: Phase::Firing,
            active_nanos: 0,
            fired_nanos: Some(0),
            cleared_nanos: None,
        };
        let told = |state: &str| {
            let labels = json!({ "alertname": "AuthOutage" });
            ("alert", json!({ "state": state, "labels": labels, "summary": "Login is down" }))
        };
        for (news, expected) in [
            (News::Alert(Change::Fired(alert.clone())), told("firing")),
            (News::Alert(Change::Resolved(alert)), told("resolved")),
            (News::Evaluated, ("evaluated", json!({}))),
            (News::Reloaded(false), ("reloaded", json!({ "successful": false }))),
            (News::Changed, ("changed", json!({}))),
        ] {
            assert_eq!(words(&news), expected);
        }
    }
}
