//! What keeps a browser from a page at all: the classes that plain HTTP has too, found by the browser itself.
//!
//! Where discovery would find it first, only the authorization endpoint is elsewhere.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::{assert_good, assert_says, login, now, on_demand, once, probe, scene};
use crate::support::certs::certificate;
use crate::support::idp::{Idp, Options};
use crate::support::net::free_port;
use crate::support::scene::Scene;
use crate::support::{Folder, eventually};

/// The key of a provider whose pages are there.
fn pages_at(url: &str) -> String {
    format!("endpoints = {{ authorization_endpoint = \"{url}\" }}")
}

#[test]
fn pages_that_never_come_are_a_timeout() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    // Cold, on a busy machine, a browser alone may take seconds.
    let names = ["hang", "hanging-script", "slow-endpoint"];
    let daemon = on_demand(
        &mut stage,
        &names.map(|name| {
            let scene = if name == "slow-endpoint" { String::new() } else { scene(name) };
            probe(name, &format!("timeout = \"6s\"\n{scene}"))
        }),
    );
    idp.fail(json!({ "/auth": { "delay": 60_000 } }));
    let run = now(&daemon, "slow-endpoint");
    assert_eq!((run.verdict(), run.fault().as_str()), ("bad", "timeout/network at authorize"));
    assert_says(&run, &[&format!("{}/auth", idp.issuer)]);
    idp.fail(json!({}));
    let run = now(&daemon, "hang");
    assert_eq!((run.verdict(), run.fault().as_str()), ("bad", "timeout/network at authorize"));
    assert_says(&run, &["no answer from"]);
    let run = now(&daemon, "hanging-script");
    assert_eq!((run.verdict(), run.fault().as_str()), ("bad", "timeout/network at authorize"));
    assert_says(&run, &[&format!("{}/hang", idp.issuer)]);
    let took = run.0["duration_seconds"].as_f64().unwrap();
    assert!((4.5..7.5).contains(&took), "took {took} s");
}

#[test]
fn the_network_is_to_blame_where_it_is() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let closed = free_port();
    for (pages, class, says) in [
        (format!("http://127.0.0.1:{closed}/auth"), "connect", format!("127.0.0.1:{closed}")),
        ("http://127.0.0.1:6667/auth".to_owned(), "connect", "browsers refuse".to_owned()),
        ("https://login.authprobe.invalid/auth".to_owned(), "dns", "login.authprobe.invalid".to_owned()),
        (format!("https://127.0.0.1:{}/auth", idp.port()), "tls", format!("127.0.0.1:{}", idp.port())),
    ] {
        stage.provider = pages_at(&pages);
        let (code, run) = once(&stage, "");
        assert_eq!(
            (code, run.fault()),
            (1, format!("{class}/network at authorize")),
            "{pages}: {}",
            super::detail(&run)
        );
        assert_says(&run, &[&says]);
    }
}

#[test]
fn a_provider_that_stops_in_the_middle_refuses_the_connection() {
    let mut idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let daemon = on_demand(&mut stage, &[login("")]);
    assert_good(&now(&daemon, "login"), "before");
    idp.stop();
    let run = now(&daemon, "login");
    assert_eq!((run.verdict(), run.fault().as_str()), ("bad", "connect/network at discovery"));
}

#[test]
fn what_the_pages_answer_is_judged_as_over_http() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let daemon = on_demand(&mut stage, &[login("")]);
    for (fault, expected) in [
        (json!({ "status": 503 }), "http_status/provider at authorize"),
        (json!({ "status": 429, "headers": { "retry-after": "1" } }), "rate_limited/provider at authorize"),
        (json!({ "status": 302, "headers": { "location": "/auth" } }), "redirect/provider at authorize"),
    ] {
        idp.fail(json!({ "/auth": fault }));
        let run = now(&daemon, "login");
        assert_eq!((run.verdict(), run.fault().as_str()), ("bad", expected), "{fault}: {}", super::detail(&run));
    }
    idp.fail(json!({}));
    eventually("the pause that was asked for to be over", || (now(&daemon, "login").verdict() == "good").then_some(()));
}

#[test]
fn certificates_are_judged_by_the_browser() {
    let folder = Folder::new();
    let expired = certificate(&folder, "-400d", 30);
    let pages = Idp::with(&Options { certificate: Some(&expired), ..Options::default() });
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let at = pages_at(&format!("{}/auth", pages.issuer));
    stage.provider = format!("ca_file = \"{}\"\n{at}", expired.authority.display());
    let (code, run) = once(&stage, "");
    assert_eq!((code, run.fault().as_str()), (1, "certificate/provider at authorize"), "{}", super::detail(&run));
    assert_says(&run, &["CERT_DATE_INVALID"]);

    let folder = Folder::new();
    let good = certificate(&folder, "+0d", 30);
    let idp = Idp::with(&Options { certificate: Some(&good), ..Options::default() });
    let mut stage = Scene::new(&idp);
    stage.provider = format!("ca_file = \"{}\"", good.authority.display());
    let (code, run) = once(&stage, "");
    assert_good(&run, "believed");
    assert_eq!(code, 0);
    let phases = |endpoint: &str| {
        let found = run.requests().into_iter().find(|request| request["endpoint"] == endpoint);
        found.unwrap_or_else(|| panic!("no request of {endpoint}"))["phases_seconds"].clone()
    };
    assert!(phases("authorization")["tls"].as_f64().is_some_and(|tls| tls > 0.0), "{}", phases("authorization"));

    // Nobody believes it without the file.
    let plain = Idp::start();
    let mut stage = Scene::new(&plain);
    stage.provider = pages_at(&format!("{}/auth", idp.issuer));
    let (code, run) = once(&stage, "");
    assert_eq!((code, run.fault().as_str()), (1, "certificate/provider at authorize"), "{}", super::detail(&run));
    assert_says(&run, &["CERT_AUTHORITY_INVALID"]);
}

#[test]
fn a_browser_that_cannot_be_had_is_our_own_fault() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let before = idp.forms_sent();
    // Neither a browser nor a driver.
    for key in ["path", "driver"] {
        stage.more = format!("[browser]\n{key} = \"/bin/true\"\n");
        let (code, run) = once(&stage, "");
        assert_eq!((code, run.verdict()), (3, "inconclusive"), "{key}");
        assert_eq!(run.fault(), "browser/monitor at browser", "{key}: {}", super::detail(&run));
    }
    // Gone since the configuration was read.
    let program = stage.folder.write("browser", "#!/bin/sh\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    stage.more = format!("[browser]\npath = \"{}\"\n", program.display());
    let daemon = on_demand(&mut stage, &[login("")]);
    std::fs::remove_file(&program).unwrap();
    let run = now(&daemon, "login");
    assert_eq!((run.verdict(), run.fault().as_str()), ("inconclusive", "browser/monitor at browser"));
    assert_says(&run, &[program.to_str().unwrap()]);
    assert_eq!(idp.forms_sent(), before);
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0), "it is not the provider's fault");
    // One that is configured and not there is told before anything runs.
    let check = stage.command(&login(""), "check", &[]);
    assert_eq!(check.code, 2, "{check:?}");
    assert!(check.stderr.contains("path"), "{check:?}");
}

#[test]
fn browsers_that_are_all_in_use_are_our_own_fault() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    stage.more = "[browser]\nmax_sessions = 1\n".into();
    let probes = [probe("long", &format!("timeout = \"20s\"\n{}", scene("hang"))), probe("short", "timeout = \"6s\"")];
    let daemon = on_demand(&mut stage, &probes);
    // An account that was never tried is tried by one run alone.
    assert_good(&now(&daemon, "short"), "alone");
    let asked = || idp.requests().get("GET /interaction").copied();
    let before = asked();
    std::thread::scope(|scope| {
        let long = scope.spawn(|| now(&daemon, "long"));
        eventually("the only browser to be in use", || asked().filter(|_| asked() > before));
        let run = now(&daemon, "short");
        assert_eq!((run.verdict(), run.fault().as_str()), ("inconclusive", "browser/monitor at browser"));
        assert_says(&run, &["max_sessions"]);
        assert_eq!(long.join().unwrap().fault(), "timeout/network at authorize");
    });
    assert_eq!(daemon.sample("authprobe_browser_starts_total", &[]), Some(1.0));
}
