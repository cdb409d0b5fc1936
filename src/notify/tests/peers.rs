use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use super::receiver::{Counts, Heard, QUICK, Receiver, ago, eventually, firing, resolved, start, time};
use crate::alert::{Alert, State};
use crate::clock::Clock;
use crate::notify::courier::BATCH;
use crate::notify::{Pace, Peer, Sent, Settings};

const ONE: &str = "alertmanager 1";

fn peers(urls: &[&Url]) -> Settings {
    let peer = |url: &&Url| Peer { url: (*url).clone(), credentials: None, ca_file: None };
    Settings { alertmanagers: urls.iter().map(peer).collect(), ..Settings::default() }
}

fn ok(_: &Heard) -> Option<Response> {
    Some(StatusCode::OK.into_response())
}

#[tokio::test]
async fn what_fires_is_told_at_once_with_its_start_and_an_end_ahead() {
    let (receiver, counts) = (Receiver::willing().await, Counts::default());
    let public_url = Some(Url::parse("https://authprobe.example.com/").unwrap());
    let notifier = start(&Settings { public_url, ..peers(&[&receiver.url]) }, &counts, QUICK);
    let since = ago(3600);
    let before = Clock::system().now();
    notifier.update(Arc::new(vec![firing("A", since), Alert { state: State::Pending, ..firing("Pending", since) }]));
    let heard = receiver.until(1).await.remove(0);
    assert_eq!((heard.method.as_str(), heard.path.as_str()), ("POST", "/base/api/v2/alerts"), "below the base path");
    assert_eq!(heard.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(heard.names(), ["A"], "nobody is told of what is pending");
    let alert = &heard.json[0];
    assert_eq!(time(&alert["startsAt"]).as_nanos(), since, "to the nanosecond");
    let ahead = time(&alert["endsAt"]).since(before);
    assert!((240..=260).contains(&ahead.as_secs()), "{ahead:?}");
    assert_eq!(alert["generatorURL"], "https://authprobe.example.com/");
    assert_eq!(alert["annotations"]["summary"], "words");
    eventually("the count", || (counts.of(ONE, Sent::Delivered) == 1).then_some(())).await;
}

#[tokio::test]
async fn what_fires_is_told_again_and_words_alone_are_no_news() {
    let (receiver, counts) = (Receiver::willing().await, Counts::default());
    let pace = Pace { resend: Duration::from_millis(700), ..QUICK };
    let notifier = start(&peers(&[&receiver.url]), &counts, pace);
    let since = ago(60);
    notifier.update(Arc::new(vec![firing("A", since)]));
    receiver.until(1).await;
    for text in ["one", "two", "three"] {
        let mut alert = firing("A", since);
        alert.annotations.insert("summary".to_owned(), text.to_owned());
        notifier.update(Arc::new(vec![alert]));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let heard = receiver.until(3).await;
    for pair in heard.windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_millis(600), "only in its time");
    }
    assert_eq!(heard[1].json[0]["annotations"]["summary"], "three", "with the newest words");
    assert!(time(&heard[1].json[0]["endsAt"]) > time(&heard[0].json[0]["endsAt"]));
    assert_eq!(time(&heard[1].json[0]["startsAt"]).as_nanos(), since);
}

#[tokio::test]
async fn what_is_over_is_told_at_once_and_for_as_long_as_it_is_there() {
    let (receiver, counts) = (Receiver::willing().await, Counts::default());
    let pace = Pace { resend: Duration::from_millis(300), ..QUICK };
    let notifier = start(&peers(&[&receiver.url]), &counts, pace);
    let (since, over) = (ago(60), ago(5));
    notifier.update(Arc::new(vec![firing("A", since)]));
    receiver.until(1).await;
    notifier.update(Arc::new(vec![resolved("A", since, over)]));
    let heard = receiver.until(3).await;
    for heard in &heard[1..] {
        assert_eq!(time(&heard.json[0]["endsAt"]).as_nanos(), over);
        assert_eq!(time(&heard.json[0]["startsAt"]).as_nanos(), since);
    }
    notifier.update(Arc::new(vec![]));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let many = receiver.heard().len();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.heard().len(), many, "nothing is left to tell");
}

#[tokio::test]
async fn a_clock_put_back_makes_no_alert_that_ends_before_it_starts() {
    let (receiver, counts) = (Receiver::willing().await, Counts::default());
    let notifier = start(&peers(&[&receiver.url]), &counts, QUICK);
    // Of the future, as of a clock that was an hour ahead.
    let future = (Clock::system().now() + Duration::from_secs(3600)).as_nanos();
    notifier.update(Arc::new(vec![
        firing("A", future),
        resolved("B", future, ago(60)),
        resolved("C", ago(60), ago(90)),
        resolved("D", ago(60), future),
    ]));
    let heard = receiver.until(1).await.remove(0);
    assert_eq!(heard.names().len(), 4);
    for alert in heard.json.as_array().unwrap() {
        assert!(time(&alert["startsAt"]) <= time(&alert["endsAt"]), "{alert}");
        assert!(time(&alert["startsAt"]) <= Clock::system().now(), "{alert}");
    }
}

#[tokio::test]
async fn one_bad_alert_takes_no_other_along_and_is_tried_alone_from_then_on() {
    let bad = |heard: &Heard| heard.names().iter().any(|name| name == "Bad");
    let receiver = Receiver::new(move |heard| match bad(heard) {
        true => Some((StatusCode::BAD_REQUEST, "invalid label").into_response()),
        false => ok(heard),
    })
    .await;
    let counts = Counts::default();
    let notifier = start(&peers(&[&receiver.url]), &counts, Pace { resend: Duration::from_millis(500), ..QUICK });
    let since = ago(60);
    notifier.update(Arc::new(vec![firing("A", since), firing("Bad", since), firing("C", since)]));
    let heard = receiver.until(6).await;
    let names: Vec<_> = heard.iter().take(6).map(|heard| heard.names().join(" ")).collect();
    assert_eq!(names, ["A Bad C", "A", "Bad", "C", "A C", "Bad"], "split once, apart in the next round");
    assert!(heard[4].at - heard[3].at >= Duration::from_millis(400), "in its time: nothing is owed");
    eventually("counts", || (counts.of(ONE, Sent::Rejected) == 2).then_some(())).await;
    assert_eq!(counts.of(ONE, Sent::Delivered), 3);
    assert_eq!(counts.of(ONE, Sent::Failed), 0);
    receiver.answer(ok);
    let healed = receiver.until(9).await;
    let last: BTreeSet<_> = healed.iter().skip(6).map(|heard| heard.names().join(" ")).collect();
    assert!(last.contains("A Bad C"), "back among the others once it is taken: {last:?}");
}

#[tokio::test]
async fn many_alerts_go_in_bounded_messages() {
    let (receiver, counts) = (Receiver::willing().await, Counts::default());
    let notifier = start(&peers(&[&receiver.url]), &counts, QUICK);
    let many = 2 * BATCH + 3;
    notifier.update(Arc::new((0..many).map(|n| firing(&format!("A{n:04}"), ago(1))).collect()));
    let heard = receiver.until(3).await;
    assert_eq!(heard.iter().map(|heard| heard.names().len()).collect::<Vec<_>>(), [BATCH, BATCH, 3]);
    assert_eq!(heard.iter().flat_map(Heard::names).collect::<BTreeSet<_>>().len(), many);
}

#[tokio::test]
async fn a_peer_that_hangs_delays_no_other_and_gets_the_newest_when_it_is_back() {
    let (stuck, fine, counts) = (Receiver::new(|_| None).await, Receiver::willing().await, Counts::default());
    let notifier = start(&peers(&[&stuck.url, &fine.url]), &counts, QUICK);
    let since = ago(60);
    notifier.update(Arc::new(vec![firing("A", since)]));
    stuck.until(1).await;
    for name in ["B", "C", "D"] {
        notifier.update(Arc::new(vec![firing("A", since), firing(name, since)]));
        eventually(name, || fine.heard().last()?.names().contains(&name.to_owned()).then_some(())).await;
    }
    assert_eq!(stuck.heard().len(), 1, "still the first");
    stuck.answer(ok);
    let heard = stuck.until(2).await;
    assert_eq!(heard[1].names(), ["A", "D"], "what came in between is old");
    eventually("counts", || (counts.of(ONE, Sent::Failed) == 1).then_some(())).await;
    let (first, second) = (heard[0].at, heard[1].at);
    assert!(second - first >= Duration::from_millis(1500), "half a second, then at least one: {:?}", second - first);
}

#[tokio::test]
async fn errors_are_waited_out_as_asked() {
    let busy =
        |_: &Heard| Some((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")], "busy").into_response());
    let (receiver, counts) = (Receiver::new(busy).await, Counts::default());
    let notifier = start(&peers(&[&receiver.url]), &counts, QUICK);
    notifier.update(Arc::new(vec![firing("A", ago(1))]));
    receiver.until(1).await;
    receiver.answer(ok);
    let heard = receiver.until(2).await;
    assert!(heard[1].at - heard[0].at >= Duration::from_millis(1900), "{:?}", heard[1].at - heard[0].at);
    eventually("counts", || (counts.of(ONE, Sent::Delivered) == 1).then_some(())).await;
    assert_eq!((counts.of(ONE, Sent::Failed), counts.of(ONE, Sent::Rejected)), (1, 0));
}

#[tokio::test]
async fn a_refusal_of_everything_is_not_split_and_redirects_are_not_followed() {
    let other = Receiver::willing().await;
    let target = other.url.to_string();
    let (receiver, counts) =
        (Receiver::new(|_| Some(StatusCode::UNAUTHORIZED.into_response())).await, Counts::default());
    let notifier = start(&peers(&[&receiver.url]), &counts, QUICK);
    notifier.update(Arc::new(vec![firing("A", ago(1)), firing("B", ago(1))]));
    let heard = receiver.until(2).await;
    assert!(heard.iter().all(|heard| heard.names() == ["A", "B"]));
    receiver
        .answer(move |_| Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target.clone())]).into_response()));
    receiver.until(3).await;
    eventually("redirects", || (counts.of(ONE, Sent::Rejected) == 3).then_some(())).await;
    assert_eq!(other.heard().len(), 0);
    assert_eq!(counts.of(ONE, Sent::Delivered) + counts.of(ONE, Sent::Failed), 0);
}

#[tokio::test]
async fn the_end_waits_for_what_is_new_but_not_for_ever() {
    let (receiver, counts) =
        (Receiver::new(|_| Some(StatusCode::BAD_GATEWAY.into_response())).await, Counts::default());
    let notifier = start(&peers(&[&receiver.url]), &counts, QUICK);
    notifier.update(Arc::new(vec![firing("A", ago(60))]));
    receiver.until(1).await;
    receiver.answer(ok);
    notifier.update(Arc::new(vec![resolved("A", ago(60), ago(0))]));
    notifier.shutdown(Duration::from_secs(5)).await;
    let heard = receiver.heard();
    assert_eq!(counts.of(ONE, Sent::Delivered), 1, "without waiting for the next attempt's time");
    assert!(time(&heard.last().unwrap().json[0]["endsAt"]) <= Clock::system().now());

    let stuck = Receiver::new(|_| None).await;
    let notifier = start(&peers(&[&stuck.url]), &counts, Pace { attempt: Duration::from_secs(30), ..QUICK });
    notifier.update(Arc::new(vec![firing("A", ago(60))]));
    stuck.until(1).await;
    let begin = Clock::system().instant();
    notifier.shutdown(Duration::from_millis(300)).await;
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}
