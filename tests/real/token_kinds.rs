//! The kinds that show tokens about, against a certified provider, and an API that verifies its tokens with a library of its
//! own.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::idp::Idp;
use crate::support::net;
use crate::support::scene::Scene;

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
"#;
    for probe in ["machine", "user", "signed"] {
        assert_eq!(ending(&scene, probes, probe), GOOD, "{probe}");
    }
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

/// A protected API on a loopback port; one that is careless reads tokens without verifying them.
struct Api;

impl Api {
    /// Its URL. It serves until the tests are over.
    fn start(issuer: &str, careful: bool) -> String {
        let answer = net::request("GET", &format!("{issuer}/jwks"), &[], "").unwrap();
        let keys: Arc<JwkSet> = Arc::new(serde_json::from_str(&answer.body).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/orders", listener.local_addr().unwrap());
        let issuer = issuer.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (keys, issuer) = (Arc::clone(&keys), issuer.clone());
                thread::spawn(move || serve(stream.unwrap(), &keys, &issuer, careful));
            }
        });
        url
    }
}

fn serve(mut stream: TcpStream, keys: &JwkSet, issuer: &str, careful: bool) {
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
        Some(token) if !careful || verifies(&token, keys, issuer) => ("200 OK", ""),
        Some(_) => ("401 Unauthorized", "www-authenticate: Bearer error=\"invalid_token\"\r\n"),
    };
    let page = "access-control-allow-origin: *\r\naccess-control-allow-headers: authorization\r\n";
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{challenge}{page}\r\n");
    let _ = stream.write_all(answer.as_bytes());
}

fn verifies(token: &str, keys: &JwkSet, issuer: &str) -> bool {
    let Ok(header) = decode_header(token) else { return false };
    let Some(key) = header.kid.and_then(|kid| keys.find(&kid)) else { return false };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["urn:example:api"]);
    validation.set_issuer(&[issuer]);
    DecodingKey::from_jwk(key).is_ok_and(|key| decode::<Value>(token, &key, &validation).is_ok())
}
