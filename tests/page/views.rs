//! Run, objective, keys and configuration: in every scene, and with far too much.

use std::net::SocketAddr;
use std::sync::Arc;

use authprobe::clock::Timestamp;
use authprobe::fault::Class;
use authprobe::outcome::{Outcome, RequestRecord, Verdict};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::page_stage::{Scene, Stage};
use crate::support_outcome::report;

/// A page, and what came with it.
pub struct Page {
    pub status: u16,
    pub body: String,
}

impl Page {
    pub fn has(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "{text:?} is missing in\n{}", self.main());
        self
    }

    pub fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text:?} is in\n{}", self.main());
        self
    }

    pub fn main(&self) -> &str {
        self.body.split_once("<main").map_or(&self.body, |(_, main)| main)
    }

    pub fn count(&self, text: &str) -> usize {
        self.body.matches(text).count()
    }
}

pub async fn get(at: SocketAddr, path: &str) -> Page {
    get_as(at, path, "").await
}

pub async fn get_as(at: SocketAddr, path: &str, headers: &str) -> Page {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Page { status: head.split(' ').nth(1).unwrap().parse().unwrap(), body: body.to_owned() }
}

pub async fn served(stage: Stage) -> SocketAddr {
    Arc::new(stage).serve("127.0.0.1:0").await
}

/// The first run of a stage for which it holds.
pub fn run_where(stage: &Stage, holds: impl Fn(&Outcome) -> bool) -> String {
    let outcomes = stage.outcomes.lock().unwrap();
    outcomes.iter().find(|outcome| holds(outcome)).unwrap().trace_id.to_string()
}

/// Headings begin with one h1 and never skip a level, tables have headers, pictures and graphics have words or are hidden.
fn well_formed(page: &Page, what: &str) {
    let mut level = 0;
    for (at, _) in page.main().match_indices("<h") {
        let Some(next) = page.main()[at + 2..].chars().next().and_then(|c| c.to_digit(10)) else { continue };
        assert!(next <= level + 1, "{what}: h{next} after h{level}");
        level = next;
    }
    assert_eq!(page.count("<h1"), 1, "{what}");
    assert_eq!(page.count("<table"), page.count("<thead"), "{what}: a table without headers");
    for svg in page.main().split("<svg").skip(1) {
        // One within another is told by the outer.
        let tag = svg.split_once('>').unwrap().0;
        let named = tag.contains("aria-hidden") || tag.contains("aria-label") || tag.contains("viewBox");
        assert!(named, "{what}: svg without a name: {tag}");
    }
    for image in page.main().split("<img").skip(1) {
        assert!(image.split_once('>').unwrap().0.contains("alt=\""), "{what}");
    }
    // The section around it has that name: two landmarks would be one to a screen reader.
    page.lacks("role=\"region\" aria-labelledby");
    for forbidden in [" style=", "<style", "onclick=", "javascript:"] {
        page.lacks(forbidden);
    }
    let mut ids: Vec<&str> = page.body.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(all, ids.len(), "{what}: an id twice");
}

#[tokio::test]
async fn every_view_stands_in_every_scene() {
    for scene in Scene::ALL {
        let stage = Stage::of(scene);
        let run = stage.outcomes.lock().unwrap().first().map(|outcome| format!("/runs/{}", outcome.trace_id));
        let at = served(stage).await;
        let paths = ["/slos/login-availability", "/keys", "/keys?days=30", "/configuration"];
        for path in paths.into_iter().map(str::to_owned).chain(run) {
            let page = get(at, &path).await;
            assert_eq!(page.status, 200, "{scene:?} {path}");
            well_formed(&page, &format!("{scene:?} {path}"));
        }
    }
}

#[tokio::test]
async fn a_good_run_shows_its_waterfall_and_where_its_trace_is() {
    let stage = Stage::of(Scene::Healthy);
    let id = run_where(&stage, |outcome| outcome.check.kind == "browser_login");
    let page = get(served(stage).await, &format!("/runs/{id}")).await;
    page.has(&format!("href=\"https://jaeger.example.com/trace/{id}\""))
        .has(&format!("data-copy-from=\"/api/v1/runs/{id}\" hidden"))
        .has("<span class=\"badge good\">good</span>")
        .has("Cleanup: after the verdict, never part of it")
        .has("<span class=\"badge bad\">reset</span>")
        .has("again (1)")
        .has("class=\"ph-processing\"")
        .has("began in time")
        .has("0.42 s ahead of ours (within 0.02 s)")
        .has("5m (300 s)")
        .has("previous run kept")
        .lacks("What went wrong");
}

#[tokio::test]
async fn a_failed_login_shows_why_and_what_was_on_the_page() {
    let stage = Stage::of(Scene::Failing);
    let id = run_where(&stage, |outcome| outcome.browser.is_some());
    let page = get(served(stage).await, &format!("/runs/{id}")).await;
    page.has("What went wrong")
        .has("expected 200, found 503 Service Unavailable")
        .has(Class::HttpStatus.meaning())
        .has(Class::HttpStatus.hint())
        .has("href=\"/runbook/outage\"")
        .has("AuthRegionDown</a> <span class=\"badge bad\">firing now</span>")
        .has(&format!("<img src=\"/api/v1/runs/{id}/screenshot\" alt=\"Screenshot of the page"))
        .has("width=\"800\" height=\"600\"")
        .has("error: as usual")
        .has("heading: Sign in")
        .has("largest paint")
        .has("WebDriver took 123 ms")
        .has("<span class=\"badge bad\">503</span>");
}

#[tokio::test]
async fn a_run_of_the_ledger_is_as_whole_as_it_is_kept() {
    let mut stage = Stage::of(Scene::Healthy);
    let whole = {
        let mut outcome = (**stage.outcomes.lock().unwrap().first().unwrap()).clone();
        outcome.verdict = Verdict::Inconclusive;
        outcome.browser = Some(report("x"));
        serde_json::to_value(outcome.without_screenshot()).unwrap()
    };
    let id = |n: u8| format!("{n:032x}");
    let mut bad = whole.clone();
    bad["trace_id"] = json!(id(0xb));
    // As the ledger packs good ones.
    let step = |name: &str| {
        json!({ "name": name, "span_id": "0000000000000000", "state": "done", "start": "2027-01-15T07:00:00.100Z",
                "duration_seconds": 0.25, "cleanup": false, "requests": [] })
    };
    let good = json!({
        "probe": "login", "kind": "browser_login", "provider": "main", "client": "web", "probe_region": "eu-west-1",
        "trace_id": id(0xa), "span_id": "0000000000000000", "trigger": "scheduled",
        "scheduled": "2027-01-15T07:00:00.000Z", "start": "2027-01-15T07:00:00.050Z", "duration_seconds": 0.5,
        "verdict": "good", "warnings": [], "steps": [step("discovery"), step("login")], "observations": [],
        "kept": "summary",
    });
    let odd = json!({ "trace_id": id(0xc), "start": 5 });
    stage.kept = Some(vec![bad, good, odd]);
    let at = served(stage).await;
    let page = get(at, &format!("/runs/{}", id(0xa))).await;
    page.has("which keeps a summary of good runs").has("began 50 ms late").has(">login</th>").lacks("In numbers");
    let page = get(at, &format!("/runs/{}", id(0xb))).await;
    page.has("From the ledger: whole, but for a screenshot")
        .has("No picture: pictures are kept in memory only")
        .has("GET");
    let page = get(at, &format!("/runs/{}", id(0xc))).await;
    assert_eq!(page.status, 404);
    page.has("does not understand");
    assert_eq!(get(at, &format!("/runs/{}", id(0xd))).await.status, 404);
}

#[tokio::test]
async fn a_run_of_thousands_of_requests_is_bounded_and_says_so() {
    let stage = Stage::of(Scene::Healthy);
    let mut outcome = (**stage.outcomes.lock().unwrap().first().unwrap()).clone();
    let request: RequestRecord = outcome.requests().next().unwrap().clone();
    outcome.steps[0].requests = vec![request; 5000];
    let (id, all) = (outcome.trace_id.to_string(), outcome.requests().count());
    *stage.outcomes.lock().unwrap() = vec![Arc::new(outcome)];
    let page = get(served(stage).await, &format!("/runs/{id}")).await;
    let shown = page.count("<tr class=\"request\"");
    assert!((290..=300).contains(&shown), "{shown}");
    page.has(&format!("300 of {all} requests are shown")).has("more requests …");
}

#[tokio::test]
async fn an_objective_that_burns_says_on_what_and_why_it_fired() {
    let mut stage = Stage::of(Scene::Failing);
    // Three of them are of a time before causes were kept.
    stage.causes.get_mut("login-availability").unwrap().pop();
    let page = get(served(stage).await, "/slos/login-availability").await;
    page.has("<span class=\"badge bad\">burning</span>")
        .has("99.95% availability over the last 30d")
        .has("href=\"/probes/login\"")
        .has("<p class=\"figure\">5.8%")
        .has("<polyline class=\"stroke thick s-accent\"")
        .has("not measured")
        .has("http_status")
        .has("too slow")
        .has("counted before causes were kept")
        .has("spent 1.6 times")
        .has("database upgrade")
        .has("Burnt 333 × over 1h (at least 167 × by Byar's bound)")
        .has("lasted 42m")
        .has("<span class=\"badge bad\">firing</span>")
        .has("href=\"/runbook/slo-burn\"");
}

#[tokio::test]
async fn what_is_not_known_of_an_objective_is_never_zero() {
    for scene in [Scene::Unknown, Scene::Empty] {
        let page = get(served(Stage::of(scene)).await, "/slos/login-availability").await;
        page.has("<span class=\"badge\">unknown</span>").has("Unknown: nothing was counted in this window yet.");
        page.lacks("<p class=\"figure\">0").lacks("<polyline").lacks("0 × ").lacks("NaN").lacks("inf");
    }
    let page = get(served(Stage::of(Scene::Unknown)).await, "/slos/login-availability").await;
    assert_eq!(page.count("<p class=\"figure\">unknown"), 3, "{}", page.main());
    page.has("Unknown: nothing was judged in this window.").has("nothing judged");
}

#[tokio::test]
async fn keys_are_told_with_their_flaws() {
    let at = served(Stage::of(Scene::Failing)).await;
    let page = get(at, "/keys").await;
    page.has("2027-01")
        .has("✕ the RSA key with kid 2027-01 was removed; tokens that it signed live for 47 min more")
        .has("class=\"f-bad\"")
        .has("</time> or before")
        .has("not seen")
        .has("tokens live up to 1h");
    get(at, "/keys?days=30").await.has("1 was removed before this time").has("aria-current=\"true\">30 days");
    get(served(Stage::of(Scene::Healthy)).await, "/keys").await.lacks("✕ the");
    get(served(Stage::of(Scene::Empty)).await, "/keys").await.has("No key has been seen yet.").has("<code>jwks</code>");
}

#[tokio::test]
async fn the_configuration_says_what_is_in_force_and_how_it_was_read_last() {
    let page = get(served(Stage::of(Scene::Failing)).await, "/configuration").await;
    page.has("<span class=\"badge bad\">not applied</span>")
        .has("did you mean &quot;5s&quot;?")
        .has("https://login.partner.example")
        .has("file:")
        .has("web.secret</code>")
        .has("page = &quot;keycloak&quot;")
        .has("https://jaeger.example.com/trace/{trace_id}")
        .has("every 30s")
        .lacks("wonderland");
    get(served(Stage::of(Scene::Healthy)).await, "/configuration").await.has("without a mistake");
}

#[tokio::test]
async fn two_hundred_probes_are_all_there() {
    let page = get(served(Stage::large(200)).await, "/configuration").await;
    assert_eq!(page.count("id=\"probe-keys-"), 200);
}

#[tokio::test]
async fn unknown_names_are_not_found_and_the_nearest_is_named() {
    let at = served(Stage::of(Scene::Healthy)).await;
    let page = get(at, "/slos/login-availabilty").await;
    assert_eq!(page.status, 404);
    page.has("Did you mean").has("href=\"/slos/login-availability\"").has("<nav aria-label=\"Views\"");
    let page = get(at, "/slos/%3Cscript%3E").await;
    assert_eq!(page.status, 404);
    page.has("&lt;script&gt;").lacks("Did you mean");
    for id in ["nonsense", "%22%3E%3Cb%3E", "ffffffffffffffffffffffffffffffff", &"a".repeat(4000)] {
        let page = get(at, &format!("/runs/{id}")).await;
        assert_eq!(page.status, 404, "{id}");
        page.has("No such run").lacks("\"><b>");
        assert!(page.body.len() < 10_000);
    }
}

#[tokio::test]
async fn the_same_run_reads_the_same_from_memory_and_from_the_ledger() {
    let mut stage = Stage::of(Scene::Failing);
    let failed = |outcome: &&Arc<Outcome>| outcome.fault.is_some() && outcome.browser.is_none();
    let mut outcome = (**stage.outcomes.lock().unwrap().iter().find(failed).unwrap()).clone();
    // The ledger keeps milliseconds.
    let whole = |at: Timestamp| Timestamp::from_nanos(at.as_nanos() / 1_000_000 * 1_000_000);
    (outcome.start, outcome.scheduled) = (whole(outcome.start), whole(outcome.scheduled));
    for step in &mut outcome.steps {
        step.start = whole(step.start);
        step.requests.iter_mut().for_each(|request| request.start = whole(request.start));
    }
    let id = outcome.trace_id.to_string();
    let json: Value = serde_json::to_value(&outcome).unwrap();
    *stage.outcomes.lock().unwrap() = vec![Arc::new(outcome)];
    let memory = Arc::new(Stage { kept: None, ..Stage::of(Scene::Failing) });
    *memory.outcomes.lock().unwrap() = stage.outcomes.lock().unwrap().clone();
    stage.outcomes.lock().unwrap().clear();
    stage.kept = Some(vec![json]);
    let one = get(memory.serve("127.0.0.1:0").await, &format!("/runs/{id}")).await;
    let other = get(served(stage).await, &format!("/runs/{id}")).await;
    let kept = "<p class=\"faint\">From the ledger: whole, but for a screenshot.</p>";
    other.has(kept);
    assert_eq!(one.main(), other.main().replace(kept, ""));
}
