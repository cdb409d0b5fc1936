//! How soon a person sees the overview: first contentful paint in a real Chromium on this machine, and what the server
//! needs of it. Ends well whatever was reached; lines that begin with `row` are for the table of `make bench`.

#[path = "../tests/page/eyes.rs"]
#[allow(dead_code)]
mod eyes;
#[path = "../tests/page_stage/mod.rs"]
mod page_stage;
#[path = "../tests/support/mod.rs"]
#[allow(dead_code)]
mod support;
#[path = "../tests/support_outcome/mod.rs"]
mod support_outcome;
#[path = "../tests/web_support/standing.rs"]
mod web_standing;

use std::sync::Arc;

use eyes::Eyes;
use page_stage::{NOW as STANDING_NOW, Stage};
use support::folder;
use tokio::net::TcpListener;

/// How often each is loaded, after one that does not count.
const LOADS: usize = 15;
/// The goal (milliseconds).
const GOAL: f64 = 50.0;

const TIMES: &str = "const n = performance.getEntriesByType('navigation')[0]; \
                     const p = performance.getEntriesByName('first-contentful-paint')[0]; \
                     return [p ? p.startTime : null, n.responseStart - n.requestStart, n.decodedBodySize, n.loadEventEnd]";

fn main() {
    // `cargo test --all-targets` and `cargo bench -- --list` only want to know whether it is there.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let eyes = Eyes::open().await;
        let least = least(&eyes).await;
        // Two hundred checks: probes × regions; and two hundred probes.
        measure(&eyes, 61, least).await;
        measure(&eyes, 200, least).await;
        eyes.close().await;
    });
}

/// What this browser on this machine needs for a page of one word.
async fn least(eyes: &Eyes) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let page = axum::Router::new()
        .route("/", axum::routing::get(async || axum::response::Html("<!doctype html><h1>Hello</h1>")));
    tokio::spawn(async { axum::serve(listener, page).await });
    load(eyes, &format!("http://{address}/")).await.paint
}

async fn measure(eyes: &Eyes, probes: usize, least: f64) {
    let stage = Arc::new(Stage::large(probes));
    let checks = stage.plan.checks.len();
    let base = format!("http://{}/", stage.serve("127.0.0.1:0").await);
    let Loaded { paint, answer, whole, size } = load(eyes, &base).await;
    let fits = if paint <= GOAL { "yes" } else { "no" };
    println!(
        "row\tfirst paint of the overview at {checks} checks (median of {LOADS}; a page of one word {least:.0} ms; the answer \
         began after {answer:.0} ms; loaded whole, {:.0} kB, {whole:.0} ms)\t{paint:.0} ms\t≤ {GOAL:.0} ms\t{fits}",
        size / 1000.0
    );
}

/// Medians, in milliseconds, and a size in bytes.
struct Loaded {
    paint: f64,
    answer: f64,
    whole: f64,
    size: f64,
}

async fn load(eyes: &Eyes, url: &str) -> Loaded {
    // A window of that size, not the emulation of one: with that each page waits for frames of its own.
    eyes.client.set_window_size(1280, 900).await.expect("a window");
    let (mut paints, mut answers, mut wholes, mut size) = (vec![], vec![], vec![], 0.0);
    for load in 0..=LOADS {
        eyes.see(url).await;
        let (paint, times) = loop {
            let times = eyes.ask(TIMES).await;
            if let Some(paint) = times[0].as_f64() {
                break (paint, times);
            }
        };
        if load > 0 {
            paints.push(paint);
            answers.push(times[1].as_f64().unwrap_or(f64::NAN));
            wholes.push(times[3].as_f64().unwrap_or(f64::NAN));
            size = times[2].as_f64().unwrap_or(f64::NAN);
        }
    }
    Loaded { paint: median(&mut paints), answer: median(&mut answers), whole: median(&mut wholes), size }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
