use serde_json::json;

use super::*;
use crate::journey::Journey;
use crate::oidc::http::Trust;
use crate::oidc::memory::Memories;
use crate::oidc::settings::MetadataSource;

const TAB: &str = "TAB";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

struct Scene {
    traffic: Traffic,
    journey: Journey,
}

/// A window's parties, and the run that it belongs to.
pub(in crate::browser) fn parties(limit: Option<u32>) -> (Parties, Journey) {
    let journey = Journey::new(Clock::system(), Duration::from_secs(5), Vec::new());
    let provider = Provider {
        name: "main".into(),
        issuer: "https://login.example.com".into(),
        metadata: MetadataSource::Auto,
        endpoints: Default::default(),
        upstream: None,
        headers: Default::default(),
        trust: Trust::default(),
        max_requests_per_minute: limit,
        propagate_traceparent: false,
    };
    let mut hosts = Hosts::of(&provider);
    hosts.add([url("https://login.example.com")].iter());
    let parties = Parties {
        region: "eu".into(),
        hosts,
        provider: Arc::new(provider),
        memory: Memories::default().provider(&"main".into()),
        origins: vec![url("https://login.example.com").origin()],
        authorization: Some(url("https://login.example.com/auth")),
        recorder: journey.recorder().clone(),
    };
    (parties, journey)
}

fn scene(limit: Option<u32>) -> Scene {
    let (parties, journey) = parties(limit);
    Scene { traffic: Traffic::new(parties, Clock::system()), journey }
}

fn request(id: &str, address: &str, destination: &str, redirects: u64) -> Value {
    json!({
        "context": TAB, "redirectCount": redirects, "isBlocked": false,
        "navigation": if destination == "document" { json!("N") } else { Value::Null },
        "request": {
            "request": id, "url": address, "method": "GET", "destination": destination, "timings": {
                "dnsStart": 1.0, "dnsEnd": 3.0, "connectStart": 3.0, "tlsStart": 4.0, "connectEnd": 9.0,
                "requestStart": 9.0, "responseStart": 29.0, "responseEnd": 30.0,
            },
        },
    })
}

fn with(mut params: Value, member: &str, value: Value) -> Value {
    params[member] = value;
    params
}

fn answer(params: Value, status: u16) -> Value {
    let said = |name: &str, value: &str| json!({ "name": name, "value": { "type": "string", "value": value } });
    let headers = json!([said("Retry-After", "7"), said("Content-Type", "text/html; charset=utf-8")]);
    with(
        params,
        "response",
        json!({
            "status": status, "mimeType": "Text/HTML; charset=utf-8", "bodySize": 12, "headers": headers,
        }),
    )
}

#[test]
fn a_redirect_is_a_request_of_its_own_and_the_last_answer_is_the_page() {
    let Scene { mut traffic, journey } = scene(None);
    let first = request("1", "https://login.example.com/auth?state=secret-state-1", "document", 0);
    let sent = traffic.sent(&first, TAB).unwrap().unwrap();
    assert!(sent.provider && sent.document);
    traffic.answered(&answer(first, 303), |_| None);
    assert!(traffic.document().is_none() && traffic.pending(None).is_none());
    let second = request("1", "https://login.example.com/login", "document", 1);
    traffic.sent(&second, TAB).unwrap();
    assert_eq!(traffic.pending(None).unwrap().place, "https://login.example.com/login");
    traffic.answered(&answer(second, 200), |_| None);
    let document = traffic.document().unwrap();
    assert_eq!((document.status, document.media_type.as_str(), document.redirects), (200, "text/html", 1));
    let records = journey.recorder().requests();
    let shown: Vec<_> = records.iter().map(|r| (r.endpoint, r.status)).collect();
    assert_eq!(shown, [("authorization", Some(303)), ("login_page", Some(200))]);
    assert!(!records[0].url.contains("secret-state-1"));
    let phases = records[1].phases;
    let millis = |took: Option<Duration>| took.map(|took| took.as_millis());
    assert_eq!((millis(phases.resolve), millis(phases.connect), millis(phases.tls)), (Some(2), Some(1), Some(5)));
    assert_eq!((millis(phases.processing), records[1].duration.as_millis()), (Some(20), 30));
}

/// Chromium tells of the break after the end.
#[test]
fn a_document_that_broke_off_was_not_complete() {
    let Scene { mut traffic, journey } = scene(None);
    let page = request("1", "https://login.example.com/login", "document", 0);
    traffic.sent(&page, TAB).unwrap();
    assert!(traffic.answered(&answer(page.clone(), 200), |_| None).is_none());
    let replaced = with(page.clone(), "errorText", json!("net::ERR_ABORTED"));
    assert_eq!(traffic.failed(&replaced, |_| None), None);
    let other = request("2", "https://login.example.com/logo.png", "image", 0);
    assert_eq!(traffic.failed(&with(other, "errorText", json!("net::ERR_CONNECTION_RESET")), |_| None), None);
    let broke = with(page, "errorText", json!("net::ERR_CONNECTION_RESET"));
    assert_eq!(traffic.failed(&broke, |_| None).unwrap().class, Class::Reset);
    let records = journey.recorder().requests();
    assert_eq!((records.len(), records[0].status, records[0].error), (1, Some(200), Some("reset")));
}

/// An answer that says nothing of itself is not what a browser guesses of it: of a bare refusal it guesses plain text.
#[test]
fn a_guess_is_no_media_type() {
    let mut bare = answer(json!({}), 401)["response"].take();
    bare["mimeType"] = json!("text/plain");
    assert_eq!(events::media_type(&bare), "text/plain", "as it was read");
    bare["headers"] = json!([]);
    assert_eq!(events::media_type(&bare), "");
}

#[test]
fn what_our_own_proxy_knows_takes_the_place_of_what_the_browser_sees() {
    let Scene { mut traffic, journey } = scene(None);
    let page = request("1", "https://login.example.com/login", "document", 0);
    traffic.sent(&page, TAB).unwrap();
    let tunnel = Tunnel { resolve: None, connect: Duration::from_millis(40) };
    traffic.answered(&answer(page, 200), |_| Some(tunnel));
    let phases = journey.recorder().requests()[0].phases;
    assert_eq!((phases.resolve, phases.connect), (None, Some(Duration::from_millis(40))));
    let page = request("2", "https://login.example.com/next", "document", 0);
    traffic.sent(&page, TAB).unwrap();
    let failed = with(page, "errorText", json!("net::ERR_SOCKS_CONNECTION_FAILED"));
    let fault = traffic.failed(&failed, |_| Some(Fault::new(Class::Dns, "does not resolve"))).unwrap();
    assert_eq!((fault.class, journey.recorder().requests()[1].error), (Class::Dns, Some("dns")));
}

#[test]
fn only_the_windows_own_document_ends_a_login_by_failing() {
    let Scene { mut traffic, journey } = scene(None);
    for (id, address, destination) in [
        ("1", "https://login.example.com/logo.png", "image"),
        ("2", "https://cdn.example.net/app.js", "script"),
        ("3", "https://login.example.com/frame", "iframe"),
    ] {
        let part = request(id, address, destination, 0);
        traffic.sent(&part, TAB).unwrap();
        let failed = with(part, "errorText", json!("net::ERR_CONNECTION_REFUSED"));
        assert!(traffic.failed(&failed, |_| None).is_none(), "{address}");
    }
    let page = request("4", "https://login.example.com/", "document", 0);
    traffic.sent(&page, TAB).unwrap();
    let replaced = with(page, "errorText", json!("net::ERR_ABORTED"));
    assert!(traffic.failed(&replaced, |_| None).is_none(), "another took its place");
    let endpoints: Vec<_> = journey.recorder().requests().iter().map(|r| r.endpoint).collect();
    assert_eq!(endpoints, ["login_resource", "login_resource"], "of the provider only");
}

#[test]
fn pictures_are_not_waited_for_and_calls_not_for_ever() {
    let Scene { mut traffic, .. } = scene(None);
    traffic.sent(&request("1", "https://login.example.com/logo.png", "image", 0), TAB).unwrap();
    assert_eq!(traffic.pending(None), None);
    let mut call = request("2", "https://login.example.com/api/status", "", 0);
    call["request"]["initiatorType"] = json!("fetch");
    traffic.sent(&call, TAB).unwrap();
    assert!(traffic.pending(None).unwrap().until.is_some());
    let earlier = traffic.clock.instant() - Duration::from_secs(1);
    assert_eq!(traffic.pending(Some(earlier)).unwrap().until, None, "it may be the answer to what was pressed");
    let script = request("3", "https://cdn.example.net/app.js", "script", 0);
    traffic.sent(&script, TAB).unwrap();
    traffic.answered(&answer(call, 200), |_| None);
    assert!(traffic.pending(Some(earlier)).unwrap().until.is_some(), "nor are scripts");
    traffic.sent(&request("4", "https://login.example.com/next", "document", 0), TAB).unwrap();
    let pending = traffic.pending(None).unwrap();
    assert!(pending.document && pending.until.is_none() && pending.place.ends_with("/next"));
}

#[test]
fn the_providers_limit_holds_for_browsers_too() {
    let Scene { mut traffic, .. } = scene(Some(2));
    for id in ["1", "2"] {
        traffic.sent(&request(id, "https://login.example.com/", "image", 0), TAB).unwrap();
    }
    traffic.sent(&request("3", "https://cdn.example.net/", "image", 0), TAB).unwrap();
    let fault = traffic.sent(&request("4", "https://login.example.com/", "image", 0), TAB).err().unwrap();
    assert_eq!(fault.class, Class::Budget);
}

#[test]
fn a_pause_that_a_browser_is_asked_for_holds_for_all() {
    let Scene { mut traffic, .. } = scene(None);
    let page = request("1", "https://login.example.com/", "document", 0);
    traffic.sent(&page, TAB).unwrap();
    traffic.answered(&answer(page, 429), |_| None);
    let now = traffic.clock.now();
    assert!(traffic.parties.memory.budget.lock().unwrap().paused(now).is_some_and(|wait| wait.as_secs() >= 5));
}

#[test]
fn a_document_that_came_to_nothing_is_told_unless_another_took_its_place() {
    let Scene { mut traffic, .. } = scene(None);
    let abort = |page: &Value| with(page.clone(), "errorText", json!("net::ERR_ABORTED"));
    let download = request("1", "https://login.example.com/export", "document", 0);
    traffic.sent(&download, TAB).unwrap();
    traffic.answered(&answer(download.clone(), 200), |_| None);
    traffic.sent(&download, TAB).unwrap();
    traffic.failed(&abort(&download), |_| None);
    let fault = traffic.dropped().unwrap();
    assert_eq!(fault.class, Class::Malformed);
    assert!(fault.detail.contains("status 200, text/html"), "{}", fault.detail);
    // Another is on its way when the first is given up.
    let (first, second) = (
        request("2", "https://login.example.com/a", "document", 0),
        request("3", "https://login.example.com/b", "document", 0),
    );
    traffic.sent(&first, TAB).unwrap();
    traffic.sent(&second, TAB).unwrap();
    traffic.failed(&abort(&first), |_| None);
    assert!(traffic.dropped().is_none());
    traffic.answered(&answer(second, 200), |_| None);
    assert!(traffic.dropped().is_none());
}

#[test]
fn what_is_still_worth_waiting_for_comes_first() {
    let Scene { mut traffic, .. } = scene(None);
    for (id, address) in [("1", "https://cdn.example.net/old.js"), ("2", "https://cdn.example.net/new.js")] {
        traffic.sent(&request(id, address, "script", 0), TAB).unwrap();
    }
    assert!(traffic.pending(None).unwrap().place.ends_with("/new.js"));
}
