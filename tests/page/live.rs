//! A real daemon over the lab, and a person before its page.

use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::lab::{Lab, Options};
use chrono::DateTime;
use serde_json::json;

use crate::eyes::Eyes;
use crate::folder::Folder;
use crate::support::authprobe::Daemon;
use crate::support::{PATIENCE, net};

/// Asks the page until a script says more than nothing.
async fn until(eyes: &Eyes, what: &str, script: &str) -> serde_json::Value {
    let clock = Clock::system();
    let end = clock.instant() + PATIENCE;
    loop {
        let answer = eyes.ask(script).await;
        if !answer.is_null() {
            return answer;
        }
        assert!(clock.instant() < end, "{what}: {}", eyes.text("main").await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_is_seen_within_two_seconds_of_its_end() {
    let clock = Clock::system();
    let lab = Lab::start(Options { clock: clock.clone(), ..Options::default() }).await.unwrap();
    let (folder, listen) = (Folder::new(), format!("127.0.0.1:{}", net::free_port()));
    let config = folder.write(
        "authprobe.toml",
        &format!(
            "[server]\nlisten = \"{listen}\"\n[store]\npath = \"ledger.db\"\n[[provider]]\nname = \"lab\"\nissuer = \"{}\"\n\
             max_requests_per_minute = 600\n[[probe]]\nname = \"keys\"\nkind = \"jwks\"\nprovider = \"lab\"\nevery = \"2s\"\n",
            lab.issuer
        ),
    );
    let daemon = tokio::task::spawn_blocking(move || Daemon::start(&config, &listen, &[])).await.unwrap();
    let eyes = Eyes::open().await;
    eyes.adapt(1280, false).await;
    eyes.see(&format!("{}/", daemon.url)).await;
    until(&eyes, "live", "return document.querySelector('#live')?.dataset.state === 'on' || null").await;
    let good = "return document.querySelector('#probe-keys .badge.good') ? 1 : null";
    until(&eyes, "a good run", good).await;

    lab.set_fault("jwks_empty", &json!({})).unwrap();
    // When it is there, by the clock that daemon and browser have in common.
    let bad = "const a = document.querySelector('#probe-keys a.badge.bad'); \
               return a ? [a.getAttribute('href'), Date.now()] : null";
    let seen = until(&eyes, "the failed run", bad).await;
    let id = seen[0].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let run = daemon.get(&format!("/api/v1/runs/{id}")).json();
    assert_eq!(run["fault"]["class"], "jwks_invalid", "{run}");
    let start = DateTime::parse_from_rfc3339(run["start"].as_str().unwrap()).unwrap();
    let end = start.timestamp_millis() as f64 + 1000.0 * run["duration_seconds"].as_f64().unwrap();
    let late = seen[1].as_f64().unwrap() - end;
    assert!((-100.0..2000.0).contains(&late), "{late} ms after its end");
    assert!(eyes.text("#verdict").await.contains("lab"), "{}", eyes.text("#verdict").await);
    eyes.close().await;
    lab.shutdown().await;
}

/// A page that needs a token, before anybody has shown it: and after.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_gets_where_he_wanted() {
    let (folder, listen) = (Folder::new(), format!("127.0.0.1:{}", net::free_port()));
    folder.write("read.token", "the-token-of-those-who-read");
    let config = folder.write(
        "authprobe.toml",
        &format!(
            "[server]\nlisten = \"{listen}\"\nread_token = {{ file = \"read.token\" }}\n[[provider]]\nname = \"nobody\"\n\
             issuer = \"http://127.0.0.1:9\"\n[[probe]]\nname = \"keys\"\nkind = \"jwks\"\nprovider = \"nobody\"\nevery = \"1h\"\n"
        ),
    );
    let daemon = tokio::task::spawn_blocking(move || Daemon::start(&config, &listen, &[])).await.unwrap();
    let eyes = Eyes::open().await;
    for (width, dark) in [(360, true), (1280, false), (2560, false)] {
        eyes.adapt(width, dark).await;
        eyes.see(&format!("{}/probes/keys?region=local", daemon.url)).await;
        assert_eq!(eyes.ask("return location.pathname").await, "/sign-in");
        assert_eq!((eyes.axe().await, eyes.overflow().await), (vec![], 0), "{width}");
        eyes.picture(&format!("sign-in-form-{width}")).await;
    }
    let send = |token: &str| {
        format!(
            "document.querySelector('input[type=password]').value = '{token}'; document.querySelector('main form').requestSubmit()"
        )
    };
    eyes.ask(&send("no-such-token")).await;
    until(&eyes, "a refusal", "return document.body.innerText.includes('not the token') || null").await;
    assert_eq!(eyes.axe().await, Vec::<String>::new());
    eyes.ask(&send("the-token-of-those-who-read")).await;
    let there = "return location.pathname === '/probes/keys' && document.querySelector('h1') ? location.search : null";
    assert_eq!(until(&eyes, "the probe", there).await, "?region=local", "where he wanted");
    let cookie =
        eyes.client.get_all_cookies().await.unwrap().into_iter().find(|c| c.name().contains("session")).unwrap();
    assert_eq!((cookie.http_only(), cookie.path()), (Some(true), Some("/")));
    assert_eq!(eyes.ask("return document.cookie").await, "", "no script reads it");
    until(&eyes, "live", "return document.querySelector('#live')?.dataset.state === 'on' || null").await;
    eyes.ask("document.querySelector('form[action=\"/sign-out\"]').requestSubmit()").await;
    until(&eyes, "the form", "return location.pathname === '/sign-in' || null").await;
    eyes.see(&format!("{}/keys", daemon.url)).await;
    assert_eq!(eyes.ask("return location.pathname").await, "/sign-in", "the session is over");
    eyes.close().await;
}
