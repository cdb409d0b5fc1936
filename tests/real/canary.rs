//! Planted passwords and client secrets, and every token, code, verifier and cookie that the provider has seen: none of
//! it is anywhere in what authprobe shows, plain, percent-encoded or base64.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Inbox};
use crate::support::authprobe::authprobe;
use crate::support::collector::Collector;
use crate::support::eventually;
use crate::support::idp::{Idp, Options};
use crate::support::net;
use crate::support::scene::{EVERY_KIND, Scene};

const PASSWORD: &str = "pl@nted/pass word+7&=é";
const SECRET: &str = "planted+client/secret%3D 42";

/// Every way a value may show: plain, percent-encoded twice over, base64 at any offset and in both alphabets.
pub fn forms(value: &str) -> Vec<String> {
    let percent = url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
    let mut forms = vec![value.to_owned(), percent.replace('+', "%20"), percent.clone()];
    forms.push(url::form_urlencoded::byte_serialize(percent.as_bytes()).collect());
    forms.push(serde_json::to_string(value).unwrap().trim_matches('"').to_owned());
    for offset in 0..3 {
        let shifted = [&b"\0\0\0"[..offset], value.as_bytes()].concat();
        let whole = STANDARD_NO_PAD.encode(&shifted);
        // Characters that depend on the neighbours are cut off at either end.
        let end = if shifted.len() % 3 == 0 { whole.len() } else { whole.len() - 1 };
        let inner = whole[[0, 2, 3][offset]..end].to_owned();
        forms.push(inner.replace('+', "-").replace('/', "_"));
        forms.push(inner);
    }
    forms
}

#[test]
fn forms_are_found_where_they_are() {
    let whole = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("web:{SECRET}!")));
    assert!(forms(SECRET).iter().any(|form| whole.contains(form.as_str())));
    assert!(forms(PASSWORD).iter().any(|form| "a=pl%40nted%2Fpass+word%2B7%26%3D%C3%A9".contains(form.as_str())));
}

/// What no other story needs.
const TOKEN_KINDS: &str = r#"

[[probe]]
name = "introspect"
kind = "introspection"
client = "web"
user = "alice"

[[probe]]
name = "who"
kind = "userinfo"
client = "web"
user = "alice"

[[probe]]
name = "api"
kind = "resource"
client = "web"
user = "alice"
url = "ISSUER/me"
revoked = true

[[probe]]
name = "workload"
kind = "jwt_bearer"
client = "svc"
assertion = { file = "assertion" }
"#;

/// An assertion that looks good, and is signed by nobody.
fn assertion() -> String {
    let part = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": "https://ci.example.com", "sub": "planted-job", "aud": "x", "exp": 4_000_000_000_u64 });
    format!("{}.{}.{}", part(json!({ "alg": "RS256" })), part(claims), part(json!("planted signature")))
}

#[test]
fn nothing_secret_is_shown_anywhere() {
    let users = json!({ "alice": PASSWORD }).to_string();
    let environment = [("USERS", users.as_str()), ("CLIENT_SECRET", SECRET)];
    let idp = Idp::with(&Options { environment: &environment, ..Options::default() });
    let collector = Collector::start();
    let mut scene = Scene::new(&idp);
    scene.folder.write("alice.password", PASSWORD);
    (scene.web_secret, scene.svc_secret) = (SECRET.into(), SECRET.into());
    let inbox = Inbox::new();
    let alertmanager = Alertmanager::start(&inbox, "");
    scene.more = format!(
        "[telemetry]\notlp_endpoint = \"{}\"\ninterval = \"1s\"\n[[alerting.alertmanager]]\nurl = \"{}\"\n",
        collector.url, alertmanager.url
    );
    let mut shown = Vec::new();
    let every = format!("{EVERY_KIND}{TOKEN_KINDS}").replace("ISSUER", &idp.issuer);
    let assertion = assertion();
    scene.folder.write("assertion", &assertion);
    // It offers no such grant: where the endpoint is configured, the assertion is sent all the same.
    scene.provider = format!("endpoints = {{ token_endpoint = \"{}/token\" }}", idp.issuer);

    // Every library may say what it likes.
    let mut daemon = scene.daemon_with(&every, &[("RUST_LOG", "debug")]);
    let probes =
        ["discovery", "keys", "machine", "login", "refresh", "revocation", "exchange", "introspect", "who", "api"];
    for probe in probes {
        daemon.until("authprobe_runs_total", &[&format!("probe=\"{probe}\"")], |runs| runs >= 1.0);
    }
    daemon.until("authprobe_runs_inconclusive_total", &["probe=\"workload\""], |runs| runs >= 1.0);
    let events = listen(&daemon.url);
    // And when things go wrong: answers that echo what was sent, errors at every step.
    let headers =
        json!({ "content-type": "application/json", "www-authenticate": format!("Bearer realm=\"{PASSWORD}\"") });
    let echo =
        |value: &str| json!({ "error": "invalid_grant", "error_description": format!("no {value}") }).to_string();
    idp.fail(json!({ "/token": { "status": 400, "headers": headers, "body": echo(SECRET) } }));
    daemon.until("authprobe_run_faults_total", &["probe=\"login\"", "step=\"token\""], |faults| faults >= 1.0);
    daemon.until("authprobe_run_faults_total", &["probe=\"machine\"", "step=\"token\""], |faults| faults >= 1.0);
    let down = json!({ "status": 500 });
    idp.fail(
        json!({ "/me": { "status": 403, "headers": headers, "body": echo(PASSWORD) }, "/token/revocation": down }),
    );
    daemon.until("authprobe_run_faults_total", &["probe=\"login\"", "step=\"userinfo\""], |faults| faults >= 1.0);
    idp.fail(json!({ "/jwks": down, "/token/introspection": down }));
    daemon.until("authprobe_run_faults_total", &["probe=\"login\"", "step=\"jwks\""], |faults| faults >= 1.0);
    // What is told of it to people.
    daemon.until("authprobe_alert_state", &["alertname=\"AuthOutage\""], |state| state == 2.0);
    let told = inbox.eventually("firing", "AuthOutage");
    shown.extend([("Alertmanager", alertmanager.firing()), ("webhook", vec![told])].map(|(place, alerts)| {
        assert!(alerts.iter().any(|alert| !alert["annotations"]["description"].as_str().unwrap().is_empty()));
        (place, Value::from(alerts).to_string())
    }));

    for probe in probes {
        shown.extend(daemon.runs(probe).iter().map(|run| ("API run", run.0.to_string())));
        shown.push(("API runs", daemon.get(&format!("/api/v1/probes/{probe}/runs")).body));
    }
    for path in ["/", "/metrics", "/api/v1/probes", "/api/v1/regions", "/api/v1/alerts", "/api/v1/detection"] {
        shown.push(("page", daemon.get(path).body));
    }
    for path in ["/probes/login", "/probes/workload", "/keys", "/configuration"] {
        shown.push(("view", daemon.get(path).body));
    }
    let runs: Vec<String> =
        daemon.runs("login").iter().map(|run| run.0["trace_id"].as_str().unwrap().to_owned()).collect();
    shown.extend(runs.iter().map(|run| ("view of a run", daemon.get(&format!("/runs/{run}")).body)));
    let open = net::request("GET", &format!("{}/metrics", daemon.url), &["Accept: application/openmetrics-text"], "");
    shown.push(("OpenMetrics", open.unwrap().body));
    eventually("spans of a failed run", || collector.output().contains("STATUS_CODE_ERROR").then_some(()));
    assert_eq!(daemon.terminate(crate::support::PATIENCE), 0);
    shown.push(("events", events.join().unwrap()));
    shown.push(("traces and metrics", collector.output()));
    shown.push(("logs", daemon.process.output()));

    // What failed, then what works, for people and for programs.
    for faults in [json!({ "/me": { "status": 500 } }), json!({})] {
        idp.fail(faults);
        for arguments in [&["login"][..], &["login", "--json"], &["refresh"], &["exchange"]] {
            let finished = scene.command(&every, "probe", arguments);
            shown.extend([("probe", finished.stdout), ("stderr", finished.stderr)]);
        }
        shown.extend(smoke(&scene, &every));
    }
    scene.folder.write("alice.password", "another planted/password");
    let refused = scene.command(&every, "probe", &["login"]);
    assert_eq!(refused.code, 3);
    shown.extend([("probe", refused.stdout), ("stderr", refused.stderr)]);
    let check = scene.command(&every, "check", &[]);
    shown.extend([("check", check.stdout), ("stderr", check.stderr)]);

    let mut secrets = idp.secrets();
    let seen = secrets.len();
    assert!(seen > 50, "the provider saw only {seen} secrets");
    secrets.extend([PASSWORD, SECRET, "another planted/password", &assertion].map(str::to_owned));
    assert_nowhere(&secrets, &shown);
}

/// All that is told as it happens, until the end.
fn listen(url: &str) -> std::thread::JoinHandle<String> {
    let host = url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let mut stream = std::net::TcpStream::connect(&host).unwrap();
    stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    write!(stream, "GET /api/v1/events HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    std::thread::spawn(move || {
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        String::from_utf8_lossy(&told).into_owned()
    })
}

/// Everything that `smoke` says, in every form.
fn smoke(scene: &Scene, probes: &str) -> Vec<(&'static str, String)> {
    let (config, summary) = (scene.config(probes), scene.folder.file("summary.md"));
    let files = ["human", "json", "junit", "github"].map(|format| (format, scene.folder.file(format)));
    let outputs = files.each_ref().map(|(format, file)| format!("--output={format}={}", file.display()));
    let own = [("RUST_LOG", "debug"), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    let environment = [&scene.environment()[..], &own].concat();
    let mut shown = Vec::new();
    for (format, _) in &files {
        let arguments = ["smoke", "--config", config.to_str().unwrap(), "--format", *format];
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let finished = authprobe(&[&arguments[..], &outputs].concat(), &environment);
        assert_ne!(finished.code, 2, "{finished:?}");
        shown.extend([("smoke", finished.stdout), ("stderr", finished.stderr)]);
        shown.extend(files.iter().map(|(format, file)| (*format, std::fs::read_to_string(file).unwrap())));
    }
    shown.push(("step summary", std::fs::read_to_string(summary).unwrap()));
    shown
}

/// That none of these values is in any of those texts, each with its place; and that there was something to search.
pub fn assert_nowhere(secrets: &[String], shown: &[(&str, String)]) {
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        for (place, text) in shown {
            if let Some(at) = text.find(&form) {
                let from = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
                let line = text[from..].lines().next().unwrap_or_default();
                // Lines may be as long as a page.
                let (start, end) = (text[from..at].len().saturating_sub(200), text[from..at].len() + form.len() + 200);
                let around: String = line.bytes().skip(start).take(end - start).map(char::from).collect();
                panic!("{place} shows {form}: {around}");
            }
        }
    }
    for (place, text) in shown {
        assert!(*place == "stderr" || !text.is_empty(), "{place} is empty: nothing was searched");
    }
}
