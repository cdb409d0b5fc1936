//! For benches/compare.py, so that neither side of a comparison waits for the other end:
//!
//! - `serve PORT`: a key set and a token endpoint that answer at once; `GET /count` tells how often.
//! - `drive URL RATE SECONDS`: GETs a URL so often a second, over connections that are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};

const KEYS: &str = include_str!("jwks.json");
const TOKEN: &str =
    r#"{"access_token":"SlAV32hkKG3nZfA7xQ","token_type":"Bearer","expires_in":300,"scope":"api:read"}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = std::env::args().skip(1).filter(|a| a != "--bench").collect::<Vec<_>>();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", port] => serve(port.parse().expect("a port")).await,
        ["drive", url, rate, seconds] => {
            drive(url, rate.parse().expect("a rate"), seconds.parse().expect("seconds")).await;
        }
        _ => eprintln!("usage: endpoint serve PORT | drive URL RATE SECONDS"),
    }
}

async fn serve(port: u16) {
    let (keys, tokens) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let answer = |count: &Arc<AtomicU64>, body: &'static str| {
        let count = count.clone();
        move || async move {
            count.fetch_add(1, Ordering::Relaxed);
            ([(CONTENT_TYPE, "application/json")], body)
        }
    };
    let (keys_asked, tokens_asked) = (keys.clone(), tokens.clone());
    let count = move || async move {
        let (keys, tokens) = (keys_asked.load(Ordering::Relaxed), tokens_asked.load(Ordering::Relaxed));
        format!(r#"{{"keys":{keys},"tokens":{tokens}}}"#)
    };
    let router = axum::Router::new()
        .route("/jwks", get(answer(&keys, KEYS)))
        .route("/token", post(answer(&tokens, TOKEN)))
        .route("/count", get(count));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
    axum::serve(listener, router).await.expect("serving");
}

async fn drive(url: &str, rate: u32, seconds: u64) {
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("the first to choose");
    let client = reqwest::Client::builder().build().expect("a client");
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..seconds * u64::from(rate) {
        ticks.tick().await;
        while running.try_join_next().is_some() {}
        let request = client.get(url).send();
        running.spawn(async move { request.await.expect("an answer").bytes().await.expect("its body") });
    }
    running.join_all().await;
}
