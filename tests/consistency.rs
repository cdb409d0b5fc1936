//! Regions, and nodes behind one name, that are told different things: two small providers at one port of two loopback
//! addresses, and regions whose `resolve` leads to the one or the other.

#[allow(dead_code)] // Its part of it.
mod support;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::authprobe::{Daemon, Run, authprobe, runs};
use support::{Folder, eventually, net};

/// What each node answers by path; a status in place of a document is an error.
type Documents = Arc<Mutex<BTreeMap<&'static str, Result<Value, u16>>>>;

const METADATA: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/jwks";
const TOKEN: &str = "/token";
const INTROSPECT: &str = "/introspect";
/// What is posted there makes tokens inactive, at that node.
const REVOKE: &str = "/revoke";

/// Providers that call themselves `http://localhost:PORT`, at `127.0.0.number` each.
struct Nodes {
    port: u16,
    documents: BTreeMap<u8, Documents>,
}

impl Nodes {
    /// They all say the same, but for their keys: each has one of its own.
    fn start(numbers: &[u8]) -> Self {
        let port = net::free_port();
        let documents = numbers.iter().map(|number| {
            let token = json!({"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 300});
            let answers = BTreeMap::from([
                (METADATA, Ok(metadata(port))),
                (KEYS, Ok(keys(*number))),
                (TOKEN, Ok(token)),
                (REVOKE, Ok(json!({}))),
                (INTROSPECT, Ok(json!({"active": true}))),
            ]);
            let documents: Documents = Arc::new(Mutex::new(answers));
            let listener = TcpListener::bind((format!("127.0.0.{number}"), port)).unwrap();
            let served = documents.clone();
            // Ends with the test's process.
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    answer(stream, &served);
                }
            });
            (*number, documents)
        });
        Self { port, documents: documents.collect() }
    }

    fn say(&self, number: u8, path: &'static str, what: Result<Value, u16>) {
        self.documents[&number].lock().unwrap().insert(path, what);
    }

    /// A configuration with these regions, each with the numbers of its nodes.
    fn config(&self, folder: &Folder, listen: &str, regions: &[(&str, &[u8])], own: &str) -> std::path::PathBuf {
        let mut text = format!("[server]\nlisten = \"{listen}\"\n");
        for (name, nodes) in regions {
            let nodes: Vec<_> = nodes.iter().map(|number| format!("\"127.0.0.{number}\"")).collect();
            let nodes = nodes.join(", ");
            text.push_str(&format!("[[region]]\nname = \"{name}\"\nresolve = {{ \"localhost\" = [{nodes}] }}\n"));
        }
        text.push_str(&format!("[[provider]]\nname = \"main\"\nissuer = \"http://localhost:{}\"\n", self.port));
        for kind in ["discovery", "jwks"] {
            text.push_str(&format!(
                "[[probe]]\nname = \"{kind}\"\nkind = \"{kind}\"\nprovider = \"main\"\nevery = \"1s\"\n{own}\n"
            ));
        }
        folder.write("authprobe.toml", &text)
    }

    fn watched(&self, folder: &Folder, regions: &[(&str, &[u8])], own: &str) -> Daemon {
        let listen = format!("127.0.0.1:{}", net::free_port());
        Daemon::start(&self.config(folder, &listen, regions, own), &listen, &[])
    }
}

fn metadata(port: u16) -> Value {
    let at = |path: &str| format!("http://localhost:{port}{path}");
    json!({
        "issuer": at(""),
        "authorization_endpoint": at("/auth"),
        "token_endpoint": at(TOKEN),
        "introspection_endpoint": at(INTROSPECT),
        "revocation_endpoint": at(REVOKE),
        "jwks_uri": at(KEYS),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    })
}

/// The public key of RFC 8037 A.2 under that name.
fn keys(number: u8) -> Value {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": format!("key-{number}"), "x": x}]})
}

/// One request, one answer. Nobody is told to keep it.
fn answer(mut stream: TcpStream, documents: &Documents) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    // A connection that is closed with bytes unread is reset, and the answer may go with it.
    let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
    let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let mut answers = documents.lock().unwrap();
    if path == REVOKE {
        answers.insert(INTROSPECT, Ok(json!({"active": false})));
    }
    let known = answers.get(path).cloned();
    drop(answers);
    let (status, body) = match known.unwrap_or(Err(404)) {
        Ok(document) => (200, document.to_string()),
        Err(status) => (status, String::new()),
    };
    let length = body.len();
    // Whoever is gone has had enough.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

/// The latest run of a probe in a region that fits.
fn run(daemon: &Daemon, probe: &str, region: &str, what: &str, fits: impl Fn(&Run) -> bool) -> Run {
    eventually(what, || daemon.runs(probe).into_iter().find(|run| run.region() == region).filter(&fits))
}

fn detail(run: &Run) -> &str {
    run.0["fault"]["detail"].as_str().unwrap_or_default()
}

fn warned(run: &Run, code: &str, part: &str) -> bool {
    let warnings = run.0["warnings"].as_array().unwrap().iter();
    warnings.filter(|w| w["code"] == code).any(|w| w["detail"].as_str().unwrap().contains(part))
}

#[test]
fn the_region_that_is_given_other_keys_is_named_and_the_others_stay_good() {
    let (nodes, folder) = (Nodes::start(&[1, 2]), Folder::new());
    let regions: &[(&str, &[u8])] = &[("eu", &[1]), ("us", &[1]), ("ap", &[2])];
    let daemon = nodes.watched(&folder, regions, "grace = \"3s\"");
    // Young differences are let pass, and said.
    run(&daemon, "jwks", "ap", "a young difference", |run| {
        run.verdict() == "good" && warned(run, "documents_differ", "let pass for 3s")
    });
    let odd = run(&daemon, "jwks", "ap", "the odd region", |run| run.verdict() == "bad");
    assert_eq!(odd.fault(), "regions_disagree/provider at agreement");
    let told = detail(&odd);
    assert!(told.starts_with("key set: ap differs from eu, us since 20"), "{told}");
    assert!(told.contains(" at least: missing key key-1; additional key key-2"), "{told}");
    let right =
        run(&daemon, "jwks", "eu", "one of most", |run| warned(run, "documents_differ", "eu, us differ from ap"));
    assert_eq!(right.verdict(), "good");
    let gauge = |region: &str, document: &str| {
        let labels = [format!("probe_region=\"{region}\""), format!("document=\"{document}\"")];
        daemon.sample("authprobe_regions_disagree", &[&labels[0], &labels[1], "provider=\"main\""])
    };
    assert_eq!((gauge("ap", "jwks"), gauge("eu", "jwks")), (Some(1.0), Some(0.0)));
    // The metadata is the same everywhere.
    run(&daemon, "discovery", "ap", "metadata that agrees", |run| run.verdict() == "good");
    eventually("metadata that was compared", || gauge("ap", "discovery").filter(|value| *value == 0.0));
    let alert = eventually("the alert", || {
        let alerts = daemon.get("/api/v1/alerts").json();
        let mut found = alerts["alerts"].as_array().unwrap().iter();
        found.find(|alert| alert["labels"]["alertname"] == "AuthRegionsDisagree" && alert["state"] == "firing").cloned()
    });
    assert_eq!(alert["labels"]["probe"], "jwks");
    let told = alert["annotations"]["description"].as_str().unwrap();
    assert!(told.contains("ap differs from eu, us since") && told.contains(" at least"), "{told}");
    let names: Vec<_> = daemon.get("/api/v1/alerts").json()["alerts"].as_array().unwrap().to_vec();
    assert!(names.iter().all(|alert| alert["labels"]["alertname"] != "AuthOutage"), "nobody is locked out: {names:?}");
}

#[test]
fn two_against_one_another_are_both_told_until_they_agree() {
    let (nodes, folder) = (Nodes::start(&[1, 2]), Folder::new());
    let mut other = metadata(nodes.port);
    other["service_documentation"] = json!("https://www.example.org/");
    nodes.say(2, METADATA, Ok(other));
    let daemon = nodes.watched(&folder, &[("eu", &[1]), ("us", &[2])], "grace = \"1s\"");
    for region in ["eu", "us"] {
        let odd = run(&daemon, "discovery", region, "one against one", |run| !run.fault().is_empty());
        assert_eq!(odd.fault(), "regions_disagree/provider at agreement", "{}", detail(&odd));
        assert!(detail(&odd).contains(" member service_documentation"), "{}", detail(&odd));
    }
    nodes.say(2, METADATA, Ok(metadata(nodes.port)));
    for region in ["eu", "us"] {
        run(&daemon, "discovery", region, "agreement", |run| run.verdict() == "good");
    }
    daemon.until("authprobe_regions_disagree", &["document=\"discovery\""], |value| value == 0.0);
}

#[test]
fn every_node_behind_a_name_is_asked() {
    let (nodes, folder) = (Nodes::start(&[1, 2]), Folder::new());
    let daemon = nodes.watched(&folder, &[("eu", &[1, 2])], "grace = \"1s\"");
    let odd = run(&daemon, "jwks", "eu", "nodes that differ", |run| run.verdict() == "bad");
    assert_eq!(odd.fault(), "regions_disagree/provider at agreement");
    let told = detail(&odd);
    let both = ["eu at 127.0.0.1", "eu at 127.0.0.2"];
    assert!(both.iter().all(|node| told.contains(node)), "{told}");
    // Metadata and keys once by name, keys once a node.
    assert_eq!(odd.requests().len(), 4, "{:?}", odd.requests());
    // A node that answers wrongly is no matter of taste.
    nodes.say(2, METADATA, Err(500));
    let broken = run(&daemon, "discovery", "eu", "a broken node", |run| {
        run.fault() == "http_status/provider at agreement" && detail(run).starts_with("node 127.0.0.2: ")
    });
    assert_eq!(broken.verdict(), "bad");
}

#[test]
fn a_node_that_is_down_is_a_warning_while_another_answers() {
    let (nodes, folder) = (Nodes::start(&[1]), Folder::new());
    let config = nodes.config(&folder, "127.0.0.1:0", &[("eu", &[3, 1])], "");
    let done = authprobe(&["probe", "jwks", "--config", &config.to_string_lossy(), "--json"], &[]);
    let run = &runs(&done.stdout)[0];
    assert_eq!((done.code, run.verdict()), (0, "good"), "{}", done.stdout);
    assert!(warned(run, "node_unreachable", "one of 2 nodes takes no connection: 127.0.0.3: "), "{}", run.0);
    assert_eq!(run.steps(), ["discovery", "jwks", "agreement"]);
}

#[test]
fn one_region_and_one_address_have_nothing_to_compare() {
    let (nodes, folder) = (Nodes::start(&[1]), Folder::new());
    let config = nodes.config(&folder, "127.0.0.1:0", &[("eu", &[1])], "");
    let done = authprobe(&["probe", "discovery", "--config", &config.to_string_lossy(), "--json"], &[]);
    let run = &runs(&done.stdout)[0];
    assert_eq!(run.verdict(), "good", "{}", done.stdout);
    let step = run.0["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((step["name"].as_str(), step["state"].as_str()), (Some("agreement"), Some("skipped")));
    let done = authprobe(&["check", "--config", &config.to_string_lossy()], &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

/// One run revokes at the node of its own region, and looks from all.
#[test]
fn a_revocation_is_seen_from_every_region() {
    let (nodes, folder) = (Nodes::start(&[1, 2]), Folder::new());
    folder.write("secret", "svc-secret");
    let run = |regions: &[(&str, &[u8])]| {
        let config = nodes.config(&folder, "127.0.0.1:0", regions, "");
        let mut text = std::fs::read_to_string(&config).unwrap();
        text.push_str(
            "[[client]]\nname = \"svc\"\nprovider = \"main\"\nclient_id = \"svc\"\n\
             client_secret = { file = \"secret\" }\n[[probe]]\nname = \"out\"\nkind = \"revocation\"\nclient = \"svc\"\n\
             every = \"1m\"\ngrant = \"client_credentials\"\nbound = \"2s\"\n",
        );
        std::fs::write(&config, text).unwrap();
        for number in [1, 2] {
            nodes.say(number, INTROSPECT, Ok(json!({"active": true})));
        }
        let done = authprobe(&["probe", "out", "--config", &config.to_string_lossy(), "--json"], &[]);
        runs(&done.stdout).remove(0)
    };
    let everywhere = run(&[("eu", &[1]), ("us", &[1])]);
    assert_eq!(everywhere.verdict(), "good", "{}", everywhere.0);
    let reached = |run: &Run| {
        let all = run.0["observations"].as_array().unwrap().iter();
        let all = all.filter(|one| one["what"] == "revocation_propagation");
        all.map(|one| (one["region"].as_str().unwrap().to_owned(), one["seconds"].is_number())).collect::<Vec<_>>()
    };
    let of = |region: &str, seen| (region.to_owned(), seen);
    assert_eq!(reached(&everywhere), [of("eu", true), of("us", true)]);
    // The node of us is not told.
    let partly = run(&[("eu", &[1]), ("us", &[2])]);
    assert_eq!(partly.fault(), "revocation_ineffective/provider at propagation", "{}", partly.0);
    assert!(detail(&partly).starts_with("us: the revoked access token still works 2s after"), "{}", detail(&partly));
    assert_eq!(reached(&partly), [of("eu", true), of("us", false)]);
}

#[test]
fn a_grace_has_an_end() {
    let (nodes, folder) = (Nodes::start(&[1]), Folder::new());
    let config = nodes.config(&folder, "127.0.0.1:0", &[("eu", &[1])], "grace = \"2d\"");
    let done = authprobe(&["check", "--config", &config.to_string_lossy()], &[]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("grace") && done.stderr.contains("at most \"1d\""), "{}", done.stderr);
}
