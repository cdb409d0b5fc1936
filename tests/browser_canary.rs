//! Planted secrets that a login page shows everywhere it can: none of them leaves by what is made of a browser's report.

mod support_outcome;
#[allow(dead_code, reason = "shared with the tests of the server, which use all of it")]
mod web_support;

use web_support::NOW as STANDING_NOW;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::cli::render;
use authprobe::clock::Clock;
use authprobe::fault::{Class, Fault};
use authprobe::journey::Journey;
use authprobe::outcome::Outcome;
use authprobe::sink::metrics::{Format, Metrics};
use authprobe::sink::otlp::{Otlp, Settings};
use authprobe::terminal::Terminal;
use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use support_outcome::{check, failed_in_browser, report};
use tokio::net::TcpListener;
use web_support::{Engine, Web};

const PASSWORD: &str = "pl@nted/pass word+7&=é";
const CODE: &str = "SplxlOBeZQQYbYS6WxSbIA-planted";
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg-planted";

/// As a page, a URL or a console may write a value.
fn forms(value: &str) -> Vec<String> {
    let percent = url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
    vec![
        value.to_owned(),
        percent.replace('+', "%20"),
        percent,
        serde_json::to_string(value).unwrap().trim_matches('"').to_owned(),
        STANDARD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
    ]
}

/// A run whose browser has met all secrets in every form, ended as every run does.
async fn run() -> Outcome {
    let mut journey = Journey::new(Clock::system(), Duration::from_secs(5), vec!["login"]);
    let secrets = [PASSWORD, CODE, KEY];
    secrets.iter().for_each(|secret| journey.recorder().protect(secret));
    let written = secrets.iter().flat_map(|secret| forms(secret)).collect::<Vec<_>>().join(" ");
    let recorder = journey.recorder().clone();
    let mut seen = report(&written);
    seen.name = format!("browser {written}");
    let work = async {
        recorder.browser(seen);
        Err::<(), _>(Fault::new(Class::LoginPage, format!("instead of #password: {written}")))
    };
    journey.step("login", work).await.unwrap_err();
    let ended = journey.finish(Duration::ZERO).await;
    Outcome {
        fault: ended.fault,
        steps: ended.steps,
        browser: ended.browser,
        verdict: ended.verdict,
        ..failed_in_browser(&check("login", "eu"), "")
    }
}

/// Everything that an exporter sends.
async fn exported(outcome: &Arc<Outcome>, metrics: &Arc<Metrics>) -> String {
    let received: Arc<Mutex<Vec<u8>>> = Arc::default();
    let keep = received.clone();
    let app = Router::new().fallback(async move |uri: Uri, body: Bytes| {
        let mut received = keep.lock().unwrap();
        received.extend_from_slice(uri.path().as_bytes());
        received.extend_from_slice(&body);
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let settings = Settings { endpoint, headers: vec![], ca_file: None, interval: Duration::from_secs(3600) };
    let otlp = Otlp::start(settings, "host-1".into(), metrics.clone(), Clock::system()).unwrap();
    otlp.outcome(outcome.clone());
    otlp.shutdown(Duration::from_secs(20)).await;
    let bytes = received.lock().unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn nothing_secret_of_a_page_is_shown_anywhere() {
    let outcome = run().await;
    let web = Web::start(Engine::default()).await;
    web.metrics.declare(std::slice::from_ref(&outcome.check));
    web.metrics.outcome(&outcome);
    web.engine.push(outcome.clone());
    let outcome = Arc::new(outcome);
    let run = format!("/api/v1/runs/{}", outcome.trace_id);
    let mut shown = vec![
        ("traces and metrics", exported(&outcome, &web.metrics).await),
        ("OpenMetrics", String::from_utf8(web.metrics.render(Format::OpenMetrics)).unwrap()),
        ("debugging", format!("{outcome:?}")),
    ];
    for path in ["/", "/metrics", "/api/v1/probes", "/api/v1/probes/login/runs", &run, &format!("{run}/screenshot")] {
        let answer = web.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        shown.push(("the server", format!("{answer:?}")));
        shown.push(("the server", answer.body));
    }
    for width in [80, 4000] {
        let terminal = Terminal { width, colour: false, unicode: true };
        shown.push(("the terminal", render::outcome(&outcome, &terminal)));
    }
    for (place, text) in &shown {
        for form in [PASSWORD, CODE, KEY].iter().flat_map(|secret| forms(secret)) {
            assert!(!text.contains(&form), "{place} shows {form}:\n{text}");
        }
    }
    // The searched texts are those of the page: what is harmless on it is there.
    let says = |place: &str, what: &str| shown.iter().any(|(shown, text)| *shown == place && text.contains(what));
    assert!(says("the server", "heading: Sign in") && says("the terminal", "heading: Sign in"));
    assert!(says("traces and metrics", "https://login.example.com/consent?x=[redacted]"));
    assert!(says("OpenMetrics", "phase=\"largest_paint\""));
}
