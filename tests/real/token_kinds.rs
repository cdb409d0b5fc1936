//! The kinds that show tokens about, against a certified provider, and an API that verifies its tokens with a library of its
//! own.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::authprobe::Run;
use crate::support::idp::{Idp, Options};
use crate::support::scene::Scene;
use crate::support::{eventually, net};

/// What each probe comes to.
fn ending(scene: &Scene, probes: &str, name: &str) -> (i32, String, Vec<String>) {
    let (code, run) = scene.probe_once(probes, name);
    let warnings = run.0["warnings"].as_array().into_iter().flatten().map(|w| w["code"].as_str().unwrap().to_owned());
    (code, run.fault(), warnings.collect())
}

const GOOD: (i32, String, Vec<String>) = (0, String::new(), Vec::new());

fn scene(idp: &Idp) -> Scene {
    let mut scene = Scene::new(idp);
    scene.folder.write("signed.secret", "signed-secret");
    for (name, scopes) in [("signed-userinfo", r#"["openid", "profile"]"#), ("signed-introspection", "[]")] {
        scene.more.push_str(&format!(
            "[[client]]\nname = \"{name}\"\nprovider = \"main\"\nclient_id = \"{name}\"\n\
             client_secret = {{ file = \"signed.secret\" }}\nredirect_uri = \"http://127.0.0.1:8765/cb\"\n\
             scopes = {scopes}\nrequire_pkce = true\n\n"
        ));
    }
    scene.more.push_str(
        "[[client]]\nname = \"wrong\"\nprovider = \"main\"\nclient_id = \"svc\"\n\
         client_secret = { file = \"signed.secret\" }\n\n",
    );
    scene
}

#[test]
fn introspection_of_what_the_provider_can_introspect() {
    let idp = Idp::start();
    let scene = scene(&idp);
    let probes = r#"
[[probe]]
name = "machine"
kind = "introspection"
client = "svc"

[[probe]]
name = "user"
kind = "introspection"
client = "web"
user = "alice"

[[probe]]
name = "signed"
kind = "introspection"
client = "signed-introspection"
signed = true

[[probe]]
name = "jwt"
kind = "introspection"
client = "svc"
resource = ["urn:example:api"]

[[probe]]
name = "of-another"
kind = "introspection"
client = "web"
user = "alice"
introspection_client = "svc"

[[probe]]
name = "of-another-signed"
kind = "introspection"
client = "web"
user = "alice"
introspection_client = "signed-introspection"
signed = true

[[probe]]
name = "refused"
kind = "introspection"
client = "web"
user = "alice"
introspection_client = "wrong"
"#;
    for probe in ["machine", "user", "signed", "of-another", "of-another-signed"] {
        assert_eq!(ending(&scene, probes, probe), GOOD, "{probe}");
    }
    // The other client's credentials are refused, and it is named: not the one that the token was issued to.
    let (code, run) = scene.probe_once(probes, "refused");
    assert_eq!((code, run.fault().as_str()), (3, "credentials/configuration at active"), "{:#}", run.0);
    assert_eq!(run.0["fault"]["account"], json!({"kind": "client", "name": "wrong"}));
    // It introspects no JWTs, and says so.
    let (code, fault, _) = ending(&scene, probes, "jwt");
    assert_eq!((code, fault.as_str()), (3, "unsupported/configuration at active"));
    // RFC 7662 §2.2: what the answer says is held against the token.
    let lie = json!({"active": true, "client_id": "somebody-else"}).to_string();
    let answer = json!({"status": 200, "headers": {"content-type": "application/json"}, "body": lie});
    idp.fail(json!({ "/token/introspection": answer }));
    let (code, fault, _) = ending(&scene, probes, "machine");
    assert_eq!((code, fault.as_str()), (1, "claim_audience/provider at active"));
}

#[test]
fn userinfo_plain_and_signed() {
    let idp = Idp::start();
    let scene = scene(&idp);
    let probes = r#"
[[probe]]
name = "plain"
kind = "userinfo"
client = "web"
user = "alice"
signed = false
expect = { claims = { email_verified = true } }

[[probe]]
name = "signed"
kind = "userinfo"
client = "signed-userinfo"
user = "alice"
signed = true

[[probe]]
name = "not-signed"
kind = "userinfo"
client = "web"
user = "alice"
signed = true
"#;
    for probe in ["plain", "signed"] {
        assert_eq!(ending(&scene, probes, probe), GOOD, "{probe}");
    }
    let (code, fault, _) = ending(&scene, probes, "not-signed");
    assert_eq!((code, fault.as_str()), (1, "malformed/provider at userinfo"));
}

#[test]
fn assertions_are_not_offered_and_that_is_not_bad() {
    let idp = Idp::start();
    let scene = scene(&idp);
    scene.folder.write("token", "a.b.c");
    let probes = r#"
[[probe]]
name = "workload"
kind = "jwt_bearer"
provider = "main"
assertion = { file = "token" }
"#;
    let (code, run) = scene.probe_once(probes, "workload");
    assert_eq!((code, run.fault().as_str()), (3, "unsupported/configuration at discovery"));
    assert!(run.0["fault"]["detail"].as_str().unwrap().contains("grant_types_supported"), "{}", run.0);
}

#[test]
fn apis_are_told_apart_by_what_they_refuse() {
    let idp = Idp::start();
    let scene = scene(&idp);
    let careful = Api::start(&idp.issuer, true);
    let careless = Api::start(&idp.issuer, false);
    let probe = |name: &str, own: &str| format!("[[probe]]\nname = \"{name}\"\nkind = \"resource\"\n{own}\n\n");
    let machine = |url: &str| {
        format!(
            "client = \"svc\"\nurl = \"{url}\"\nresource = [\"urn:example:api\"]\norigin = \"https://app.example.com\""
        )
    };
    let probes = [
        probe("careful", &machine(&careful)),
        probe("careless", &machine(&careless)),
        // The provider's own: opaque tokens, and revocation counts at once.
        probe("own", &format!("client = \"web\"\nuser = \"alice\"\nurl = \"{}/me\"\nrevoked = true", idp.issuer)),
    ]
    .concat();
    assert_eq!(ending(&scene, &probes, "careful"), GOOD);
    let (code, run) = scene.probe_once(&probes, "careless");
    assert_eq!((code, run.fault().as_str()), (1, "attack_accepted/provider at tampered"));
    assert_eq!(run.0["fault"]["findings"].as_array().unwrap().len(), 6, "{}", run.0);
    let (code, fault, _) = ending(&scene, &probes, "own");
    assert_eq!((code, fault), (0, String::new()));
}

/// Whether an API looks at `exp` shows only a token that was good. One is kept for that until it is older than what any API
/// may leave to clocks that differ: ten minutes, which pass by this process's clock being turned.
#[test]
fn a_token_that_has_grown_old_is_shown_when_every_leeway_is_over() {
    let idp = Idp::with(&Options { environment: &[("TOKEN_TTL", "5")], ..Options::default() });
    let mut scene = scene(&idp);
    scene.every = "2s";
    let probe = |name: &str, url: &str| {
        format!(
            "[[probe]]\nname = \"{name}\"\nkind = \"resource\"\nclient = \"svc\"\nurl = \"{url}\"\nresource = [\"urn:example:api\"]\n\n"
        )
    };
    let (careful, ageless) = (Api::start(&idp.issuer, true), Api::start_with(&idp.issuer, true, false));
    let clock = scene.folder.write("clock", "+0");
    let library = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output().unwrap();
    let library = String::from_utf8(library.stdout).unwrap();
    let environment = [
        ("LD_PRELOAD", library.trim()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        // Time passes as ever; only what the clock shows is turned.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let daemon = scene.daemon_with(&[probe("careful", &careful), probe("ageless", &ageless)].concat(), &environment);
    // How often bad tokens were shown in step `expired`, newest run first: a forged one always, and now and then the old one.
    let shown = |name: &str| -> Vec<usize> {
        let of = |run: &Run| {
            let steps = run.0["steps"].as_array().unwrap().clone();
            steps.iter().find(|step| step["name"] == "expired").map(|step| step["requests"].as_array().unwrap().len())
        };
        daemon.runs(name).iter().filter_map(of).collect()
    };
    let more_runs = || {
        let judged = || daemon.sample("authprobe_runs_total", &["probe=\"careful\""]).unwrap_or(0.0);
        let before = judged();
        daemon.until("authprobe_runs_total", &["probe=\"careful\""], |runs| runs >= before + 3.0);
    };
    more_runs();
    // Expired for six minutes: an API that leaves clocks five (as .NET does) refuses it, one that leaves them eight does not.
    std::fs::write(&clock, "+6m").unwrap();
    more_runs();
    assert!(shown("careful").iter().all(|times| *times == 1), "{:?}", shown("careful"));
    std::fs::write(&clock, "+11m").unwrap();
    eventually("the old token is shown", || shown("careful").contains(&2).then_some(()));
    eventually("and accepted", || {
        daemon
            .sample("authprobe_attacks_accepted_total", &["probe=\"ageless\"", "attack=\"expired\""])
            .filter(|n| *n > 0.0)
    });
    let accepted = |name: &str| daemon.sample("authprobe_attacks_accepted_total", &[&format!("probe=\"{name}\"")]);
    assert_eq!(accepted("careful"), Some(0.0), "{:?}", daemon.runs("careful").first().map(|run| &run.0));
    let faults: BTreeSet<String> = daemon.runs("careful").iter().map(Run::fault).collect();
    assert_eq!(faults, BTreeSet::from([String::new()]), "the clock is turned, and nothing else changes");
}

/// What every kind may find accepted counts from 0, as the first scrape has it.
#[test]
fn attacks_of_every_kind_count_from_zero_and_name_their_clause_when_they_alert() {
    let idp = Idp::start();
    let mut scene = scene(&idp);
    scene.every = "2s";
    let careless = Api::start(&idp.issuer, false);
    let probes = format!(
        "[[probe]]\nname = \"api\"\nkind = \"resource\"\nclient = \"svc\"\nurl = \"{careless}\"\nresource = \
         [\"urn:example:api\"]\n\n[[probe]]\nname = \"me\"\nkind = \"userinfo\"\nclient = \"web\"\nuser = \"alice\"\n\n\
         [[probe]]\nname = \"asked\"\nkind = \"introspection\"\nclient = \"svc\"\n"
    );
    let daemon = scene.daemon(&probes);
    let attacks = |probe: &str| daemon.sample("authprobe_attacks_accepted_total", &[&format!("probe=\"{probe}\"")]);
    for probe in ["me", "asked"] {
        daemon.until("authprobe_runs_total", &[&format!("probe=\"{probe}\"")], |runs| runs >= 1.0);
        assert_eq!(attacks(probe), Some(0.0), "{probe}");
    }
    let series = |probe: &str| {
        let of = format!("probe=\"{probe}\"");
        let metrics = daemon.metrics();
        metrics
            .lines()
            .filter(|line| line.starts_with("authprobe_attacks_accepted_total{") && line.contains(&of))
            .count()
    };
    assert_eq!((series("api"), series("me"), series("asked")), (8, 2, 1));
    // The alert says what was accepted, and where it is written that it must not be.
    let description = eventually("an alert", || {
        let alerts = daemon.get("/api/v1/alerts").json();
        let all = alerts["alerts"].as_array()?.clone();
        let attack = all.into_iter().find(|alert| alert["labels"]["alertname"] == "AuthAttackAccepted")?;
        Some(attack["annotations"]["description"].as_str()?.to_owned())
    });
    assert!(
        description.contains("127.0.0.1 accepts a token with alg none: status 200 (RFC 8725 §3.2)"),
        "{description}"
    );
}

/// A protected API on a loopback port; one that is careless reads tokens without verifying them.
struct Api;

impl Api {
    /// Its URL. It serves until the tests are over.
    fn start(issuer: &str, careful: bool) -> String {
        Self::start_with(issuer, careful, true)
    }

    /// One that does not look at `exp`.
    fn start_with(issuer: &str, careful: bool, ages: bool) -> String {
        let answer = net::request("GET", &format!("{issuer}/jwks"), &[], "").unwrap();
        let keys: Arc<JwkSet> = Arc::new(serde_json::from_str(&answer.body).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/orders", listener.local_addr().unwrap());
        let issuer = issuer.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (keys, issuer) = (Arc::clone(&keys), issuer.clone());
                thread::spawn(move || serve(stream.unwrap(), &keys, &issuer, careful, ages));
            }
        });
        url
    }
}

fn serve(mut stream: TcpStream, keys: &JwkSet, issuer: &str, careful: bool, ages: bool) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let header = |name: &str| {
        let mut lines = request.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let token = header("authorization").and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
    let (status, challenge) = match token {
        _ if request.starts_with("OPTIONS ") => ("204 No Content", ""),
        None => ("401 Unauthorized", "www-authenticate: Bearer\r\n"),
        Some(token) if !careful || verifies(&token, keys, issuer, ages) => ("200 OK", ""),
        Some(_) => ("401 Unauthorized", "www-authenticate: Bearer error=\"invalid_token\"\r\n"),
    };
    let page = "access-control-allow-origin: *\r\naccess-control-allow-headers: authorization\r\n";
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{challenge}{page}\r\n");
    let _ = stream.write_all(answer.as_bytes());
}

fn verifies(token: &str, keys: &JwkSet, issuer: &str, ages: bool) -> bool {
    let Ok(header) = decode_header(token) else { return false };
    let Some(key) = header.kid.and_then(|kid| keys.find(&kid)) else { return false };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["urn:example:api"]);
    validation.set_issuer(&[issuer]);
    (validation.validate_exp, validation.leeway) = (ages, 0);
    DecodingKey::from_jwk(key).is_ok_and(|key| decode::<Value>(token, &key, &validation).is_ok())
}
