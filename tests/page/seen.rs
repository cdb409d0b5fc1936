//! What a person sees of the page in a real Chromium, in every scene.

#![allow(clippy::disallowed_methods)] // The clock of the machine is right for the deadlines of tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use authprobe::fault::{Class, Fault};
use authprobe::outcome::{Id, StepState, Verdict};

use crate::eyes::Eyes;
use crate::page_stage::{Scene, Stage};

/// How wide windows are: a phone, a laptop, a wall.
const WIDTHS: [u32; 3] = [360, 1280, 2560];

/// Every view: its name and where it is in that scene.
fn views(stage: &Stage) -> Vec<(&'static str, String)> {
    let failed = |outcome: &&Arc<authprobe::outcome::Outcome>| outcome.browser.is_some();
    let outcomes = stage.outcomes.lock().unwrap();
    let run = outcomes.iter().find(failed).or(outcomes.first()).map(|outcome| outcome.trace_id.to_string());
    let mut views = vec![
        ("overview", "/".to_owned()),
        ("probe", "/probes/login".to_owned()),
        ("slo", "/slos/login-availability".to_owned()),
        ("keys", "/keys".to_owned()),
        ("configuration", "/configuration".to_owned()),
        ("runbooks", "/runbook".to_owned()),
        ("runbook", "/runbook/slo-burn".to_owned()),
        ("missing", "/probes/nothing".to_owned()),
    ];
    views.extend(run.map(|id| ("run", format!("/runs/{id}"))));
    views
}

/// Looks at every view of a scene: nothing that axe-core minds, nothing wider than the window, nothing in the console.
async fn look(scene: Scene) {
    let stage = Arc::new(Stage::of(scene));
    let views = views(&stage);
    let base = format!("http://{}", stage.serve("127.0.0.1:0").await);
    let eyes = Eyes::open().await;
    let mut wrong = vec![];
    for (name, path) in &views {
        for dark in [false, true] {
            for width in WIDTHS {
                eyes.adapt(width, dark).await;
                eyes.see(&format!("{base}{path}")).await;
                let scheme = if dark { "dark" } else { "light" };
                let what = format!("{name}-{}-{width}-{scheme}", format!("{scene:?}").to_lowercase());
                let overflow = eyes.overflow().await;
                if overflow > 0 {
                    wrong.push(format!("{what}: {overflow} pixels wider than the window: {}", eyes.too_wide().await));
                }
                // What depends on the width alone is the same in both schemes, and on a wall as on a laptop.
                if width == 1280 || (width == 360 && !dark) {
                    wrong.extend(eyes.axe().await.into_iter().map(|line| format!("{what}: {line}")));
                }
                // A page that is not there says so with its status.
                let said = eyes.console().await.into_iter().filter(|line| !line.contains("404 (Not Found)"));
                wrong.extend(said.map(|line| format!("{what}: console: {line}")));
                eyes.picture(&what).await;
            }
        }
    }
    eyes.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_when_all_is_well() {
    look(Scene::Healthy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_when_something_fails() {
    look(Scene::Failing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_when_nothing_is_known() {
    look(Scene::Unknown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_when_nothing_is_there() {
    look(Scene::Empty).await;
}

/// What is read is the same with and without a script.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_complete_without_a_script() {
    let stage = Arc::new(Stage::of(Scene::Failing));
    let views = views(&stage);
    let base = format!("http://{}", stage.serve("127.0.0.1:0").await);
    let (with, without) = (Eyes::open().await, Eyes::open().await);
    without.allow_scripts(false).await;
    for (name, path) in views {
        let mut texts = vec![];
        for eyes in [&with, &without] {
            eyes.adapt(1280, false).await;
            eyes.see(&format!("{base}{path}")).await;
            // What only a script can do is hidden where there is none.
            texts.push(
                eyes.text("main").await.replace("Copy as JSON", "").split_whitespace().collect::<Vec<_>>().join(" "),
            );
        }
        assert!(!texts[0].is_empty(), "{name}");
        assert_eq!(texts[0], texts[1], "{name}");
    }
    with.close().await;
    without.close().await;
}

/// Waits until a script says so; how long that took.
async fn until(eyes: &Eyes, what: &str, script: &str) -> Duration {
    let begun = Instant::now();
    while eyes.ask(script).await != true {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {}", eyes.text("main").await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_run_appears_within_two_seconds() {
    let stage = Arc::new(Stage::of(Scene::Healthy));
    let base = format!("http://{}", stage.clone().serve("127.0.0.1:0").await);
    let eyes = Eyes::open().await;
    eyes.adapt(1280, false).await;
    eyes.see(&format!("{base}/")).await;
    until(&eyes, "live", "return document.querySelector('#live')?.dataset.state === 'on'").await;
    let before = eyes.text("main").await;
    assert!(!before.contains("invalid_grant"), "{before}");
    // Somebody reads on: an objective's card, below everything that is about to change.
    let reads = "const a = document.querySelector('#slo-token-latency a'); a.scrollIntoView({ block: 'center' }); \
                 a.focus({ preventScroll: true }); window.mine = 1; return a.getBoundingClientRect().top";
    let stood = eyes.ask(reads).await.as_f64().unwrap();

    let mut failed =
        (**stage.outcomes.lock().unwrap().iter().find(|outcome| outcome.check.kind == "form_login").unwrap()).clone();
    let mut fault = Fault::new(Class::OauthError, "invalid_grant: the code is not known");
    fault.step = "token";
    failed.trace_id = Id([0xfa; 16]);
    failed.verdict = Verdict::Bad;
    failed.steps.iter_mut().filter(|step| step.name == "token").for_each(|step| step.state = StepState::Failed);
    failed.fault = Some(fault);
    let link = format!("/runs/{}", failed.trace_id);
    stage.push(failed);
    let appears = format!("return document.querySelector('main a[href=\"{link}\"]') !== null");
    let took = until(&eyes, "the run", &appears).await;
    assert!(took < Duration::from_secs(2), "{took:?}");

    let kept =
        "const a = document.activeElement; return [window.mine, a.closest('[id]').id, a.getBoundingClientRect().top]";
    let kept = eyes.ask(kept).await;
    assert_eq!(kept[0], 1, "the page is the same, only its content is another");
    assert_eq!(kept[1], "slo-token-latency", "whoever reads keeps the focus");
    let stands = kept[2].as_f64().unwrap();
    assert!((stands - stood).abs() < 3.0, "and what is read stays where it was: {stood} {stands}");
    assert_eq!(eyes.console().await, Vec::<String>::new());
    eyes.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_everything_in_order() {
    let stage = Arc::new(Stage::of(Scene::Failing));
    let base = format!("http://{}", stage.serve("127.0.0.1:0").await);
    let eyes = Eyes::open().await;
    eyes.adapt(1280, false).await;
    eyes.see(&format!("{base}/")).await;
    eyes.press("Tab").await;
    let first = eyes.ask("return document.activeElement.getAttribute('href')").await;
    assert_eq!(first, "#main", "the first leads past the navigation");
    let reachable = "return document.querySelectorAll('main a[href], main button:not([hidden]), main summary, main [tabindex=\"0\"]').length";
    let wanted = eyes.ask(reachable).await.as_u64().unwrap();
    assert!(wanted > 10, "{wanted}");
    let (mut seen, mut invisible) = (std::collections::BTreeSet::new(), vec![]);
    for _ in 0..wanted + 40 {
        eyes.press("Tab").await;
        let look = "const a = document.activeElement; if (!a.closest('main')) return null; window.ids ??= new Map(); \
                    if (!window.ids.has(a)) window.ids.set(a, window.ids.size); const s = getComputedStyle(a); \
                    return [window.ids.get(a), s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2, a.outerHTML.slice(0, 120)]";
        let at = eyes.ask(look).await;
        let Some(id) = at[0].as_u64() else { continue };
        seen.insert(id);
        if at[1] != true {
            invisible.push(at[2].clone());
        }
    }
    assert_eq!(seen.len() as u64, wanted, "all of them, and no other");
    assert!(invisible.is_empty(), "focus is not seen at {invisible:?}");
    eyes.close().await;
}

/// The figure that counts is that of a release build, which `make bench` measures.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_checks_are_no_burden() {
    let stage = Arc::new(Stage::large(200));
    let base = format!("http://{}", stage.clone().serve("127.0.0.1:0").await);
    let eyes = Eyes::open().await;
    let mut wrong = vec![];
    for width in WIDTHS {
        eyes.adapt(width, false).await;
        eyes.see(&format!("{base}/")).await;
        wrong.extend((eyes.overflow().await > 0).then(|| format!("{width}: wider than the window")));
        eyes.picture(&format!("large-{width}")).await;
    }
    wrong.extend(eyes.axe().await);
    let size = eyes.ask("return performance.getEntriesByType('navigation')[0].decodedBodySize").await.as_u64().unwrap();
    let nodes = eyes.ask("return document.querySelectorAll('*').length").await.as_u64().unwrap();
    eyes.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(size < 1_000_000, "{size} bytes");
    assert!(nodes < 20_000, "{nodes} elements");
}
