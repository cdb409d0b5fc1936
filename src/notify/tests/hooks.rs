use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use super::receiver::{Counts, Heard, QUICK, Receiver, ago, eventually, firing, resolved, start, time};
use crate::alert::{Alert, State};
use crate::clock::Clock;
use crate::notify::{Address, HeaderText, Hook, Notifier, Pace, Sent, Settings};

const ONE: &str = "webhook 1";

fn hook(receiver: &Receiver) -> Settings {
    let headers = vec![("X-Team".to_owned(), HeaderText::Plain("identity".to_owned()))];
    let hook = Hook { url: Address::Plain(receiver.url.clone()), headers, ca_file: None };
    Settings { webhooks: vec![hook], ..Settings::default() }
}

/// `+A -B`: what a message says.
fn said(heard: &Heard) -> String {
    let alerts = heard.json["alerts"].as_array().unwrap();
    let sign = |alert: &serde_json::Value| if alert["status"] == "firing" { "+" } else { "-" };
    let word = |(alert, name): (_, String)| format!("{}{name}", sign(alert));
    alerts.iter().zip(heard.names()).map(word).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn changes_are_told_once_as_plain_json() {
    let (receiver, counts) = (Receiver::willing().await, Counts::default());
    let notifier = start(&hook(&receiver), &counts, QUICK);
    let (since, over) = (ago(60), ago(1));
    notifier.update(Arc::new(vec![firing("A", since), Alert { state: State::Pending, ..firing("P", since) }]));
    let first = receiver.until(1).await.remove(0);
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/base"), "just there");
    assert_eq!(first.headers["x-team"], "identity");
    assert_eq!((&first.json["version"], said(&first).as_str()), (&1.into(), "+A"));
    let alert = &first.json["alerts"][0];
    assert_eq!((time(&alert["starts_at"]).as_nanos(), alert["ends_at"].is_null()), (since, true));
    assert!(time(&first.json["sent_at"]).as_nanos() > since);
    assert_eq!(alert["labels"]["provider"], "main");
    assert_eq!(alert["annotations"]["summary"], "words");

    let mut again = firing("A", since);
    again.annotations.insert("summary".to_owned(), "others".to_owned());
    notifier.update(Arc::new(vec![again.clone()]));
    notifier.update(Arc::new(vec![again, firing("B", since)]));
    let second = receiver.until(2).await.remove(1);
    assert_eq!(said(&second), "+B", "only what is new");
    notifier.update(Arc::new(vec![resolved("A", since, over), firing("B", since)]));
    let third = receiver.until(3).await.remove(2);
    assert_eq!((said(&third).as_str(), time(&third.json["alerts"][0]["ends_at"]).as_nanos()), ("-A", over));
    notifier.update(Arc::new(vec![firing("A", over), firing("B", since)]));
    assert_eq!(said(&receiver.until(4).await[3]), "+A", "it fires anew");
    notifier.update(Arc::new(vec![firing("A", over)]));
    assert_eq!(said(&receiver.until(5).await[4]), "-B", "what is gone is over");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((receiver.heard().len(), counts.of(ONE, Sent::Delivered)), (5, 5));
}

#[tokio::test]
async fn what_fires_on_is_told_again_after_hours() {
    let (receiver, counts) = (Receiver::willing().await, Counts::default());
    let notifier = start(&hook(&receiver), &counts, Pace { repeat: Duration::from_millis(600), ..QUICK });
    notifier.update(Arc::new(vec![firing("A", ago(1)), resolved("B", ago(60), ago(1))]));
    let heard = receiver.until(3).await;
    assert_eq!(heard.iter().take(3).map(said).collect::<Vec<_>>(), ["+A -B", "+A", "+A"]);
    assert!(heard[1].at - heard[0].at >= Duration::from_millis(550));
}

#[tokio::test]
async fn what_was_not_taken_is_sent_until_it_is_or_something_newer_takes_its_place() {
    let broken = |_: &Heard| Some(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let (receiver, counts) = (Receiver::new(broken).await, Counts::default());
    let notifier = start(&hook(&receiver), &counts, QUICK);
    let since = ago(60);
    notifier.update(Arc::new(vec![firing("A", since), firing("B", since)]));
    receiver.until(1).await;
    notifier.update(Arc::new(vec![firing("A", since), resolved("B", since, ago(1))]));
    receiver.answer(|_| Some(StatusCode::NO_CONTENT.into_response()));
    let heard = receiver.until(2).await;
    assert_eq!(said(&heard[1]), "+A -B");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((counts.of(ONE, Sent::Failed), counts.of(ONE, Sent::Delivered)), (1, 1));
}

#[tokio::test]
async fn one_alert_that_is_refused_is_dropped_and_the_others_are_told() {
    let choosy = |heard: &Heard| {
        let bad = heard.names().iter().any(|name| name == "Bad");
        Some(if bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }.into_response())
    };
    let (receiver, counts) = (Receiver::new(choosy).await, Counts::default());
    let notifier = start(&hook(&receiver), &counts, QUICK);
    notifier.update(Arc::new(vec![firing("A", ago(1)), firing("Bad", ago(1))]));
    let heard = receiver.until(3).await;
    assert_eq!(heard.iter().map(said).collect::<Vec<_>>(), ["+A +Bad", "+A", "+Bad"]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((receiver.heard().len(), counts.of(ONE, Sent::Rejected), counts.of(ONE, Sent::Delivered)), (3, 1, 1));
}

#[tokio::test]
async fn the_heart_beats_only_while_all_is_well() {
    let (receiver, counts) = (Receiver::willing().await, Counts::default());
    let settings = Settings { heartbeat: Some(Address::Plain(receiver.url.clone())), ..Settings::default() };
    assert_eq!(Notifier::receivers(&settings), ["heartbeat"]);
    let notifier = start(&settings, &counts, Pace { beat: Duration::from_millis(300), ..QUICK });
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(receiver.heard().len(), 0, "nobody has said yet that all is well");
    notifier.healthy(true);
    let heard = receiver.until(3).await;
    assert_eq!((heard[0].method.as_str(), heard[0].path.as_str()), ("GET", "/base"));
    assert!(heard[1].at - heard[0].at >= Duration::from_millis(250));
    notifier.healthy(false);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let many = receiver.heard().len();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.heard().len(), many, "silence is the alarm");
    notifier.healthy(true);
    receiver.until(many + 1).await;
    assert!(counts.of("heartbeat", Sent::Delivered) >= 3);
    let begin = Clock::system().instant();
    notifier.shutdown(Duration::from_secs(5)).await;
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_beat_that_is_missed_is_made_up_for() {
    let (receiver, counts) =
        (Receiver::new(|_| Some(StatusCode::BAD_GATEWAY.into_response())).await, Counts::default());
    let settings = Settings { heartbeat: Some(Address::Plain(receiver.url.clone())), ..Settings::default() };
    let notifier = start(&settings, &counts, QUICK);
    notifier.healthy(true);
    receiver.until(1).await;
    receiver.answer(|_| Some(StatusCode::OK.into_response()));
    eventually("a beat", || (counts.of("heartbeat", Sent::Delivered) == 1).then_some(())).await;
    assert_eq!(counts.of("heartbeat", Sent::Failed), 1, "a second later, not a minute");
    drop(notifier);
}
