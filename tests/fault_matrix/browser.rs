//! The rows of a real browser: through the command, which looks after Chromium as it does for everybody.

use std::fmt::Write as _;
use std::path::PathBuf;

use authprobe::lab::proofs::PRIVATE_KEY;
use authprobe::lab::{Lab, LabHandle, Options};
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

use crate::row::{Row, With};
use crate::rows;
use crate::stage::shown_json;
use crate::support::Folder;
use crate::support::authprobe::{authprobe, runs};

/// How many browsers run at a time; `.config/nextest.toml` runs one table after the other.
const AT_ONCE: usize = 2;
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// How long a run may take that is to hang (seconds): a browser has to start as well.
const HASTY: u64 = 10;
/// How long any other may take (seconds).
const PATIENT: u64 = 20;

/// The probes, their clients, and the keys that make them different.
pub const PROBES: &[(&str, &str, &str)] = &[
    ("browser_login", "web", ""),
    ("browser_login.hybrid", "web", "response_type = \"code id_token token\""),
    ("browser_login.code_id_token", "web", "response_type = \"code id_token\""),
    ("browser_login.implicit", "web", "response_type = \"id_token token\""),
    ("browser_login.id_token", "web", "response_type = \"id_token\""),
    ("browser_login.form_post", "web", "response_mode = \"form_post\""),
    ("browser_login.silent", "web", "prompt = \"none\""),
    ("browser_login.max_age", "web", "max_age = \"10m\""),
    ("browser_login.acr", "web", ACR),
    ("browser_login.claims", "narrow", CLAIMS),
    ("browser_login.resource", "web", RESOURCE),
    ("browser_login.pushed", "pushed", ""),
    ("browser_login.bound", "bound", RESOURCE),
    ("browser_login.keyed", "keyed", ""),
];

/// A wish, and a demand of it.
const ACR: &str = "acr_values = [\"urn:authprobe:lab:password\"]\nexpect = { acr = \"urn:authprobe:lab:password\" }";

/// From both places; no scope of this client asks for `email`.
const CLAIMS: &str = "[probe.claims]\nid_token = { auth_time = { essential = true } }\n\
                      userinfo = { email = { essential = true } }";

/// The access token is looked into then.
const RESOURCE: &str = "resource = [\"urn:authprobe:lab:api\"]";

/// Clients that prove themselves otherwise than by a secret alone.
const PROVING: &str = r#"
[[client]]
name = "bound"
provider = "lab"
client_id = "bound"
client_secret = { file = "bound" }
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid"]
dpop = true

[[client]]
name = "keyed"
provider = "lab"
client_id = "keyed"
key = { file = "keyed" }
auth_method = "private_key_jwt"
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid"]
"#;

/// How often a run is tried whose browser came late, or whose little time was over before it came to the fault, each time with
/// more of it: what a starved machine did not measure says nothing about the table.
const TRIES: u64 = 4;
/// What is said where the browser came late.
const LATE: &[&str] = &["no browser was ready within", "the browser did not start", "the browser opened no window"];

/// As a user would write it, for that try.
fn configuration(row: &Row, lab: &LabHandle, folder: &Folder, attempt: u64) -> PathBuf {
    for (name, secret) in
        [("web", "web-secret"), ("bound", "bound-secret"), ("keyed", PRIVATE_KEY), ("alice", "wonderland-7")]
    {
        folder.write(name, secret);
    }
    let mut text = format!("[[region]]\nname = \"here\"\n[[provider]]\nname = \"lab\"\nissuer = \"{}\"\n", lab.issuer);
    if let Some(authority) = &lab.authority {
        folder.write("ca.pem", authority);
        text.push_str("ca_file = \"ca.pem\"\n");
    }
    text.push_str(crate::stage::WEB);
    text.push_str(PROVING);
    let timeout = attempt * if row.has(With::Hasty) { HASTY } else { PATIENT };
    for (name, client, own) in PROBES {
        let _ = write!(
            text,
            "\n[[probe]]\nname = \"{name}\"\nkind = \"browser_login\"\nclient = \"{client}\"\nuser = \"alice\"\n\
             every = \"5m\"\ntimeout = \"{timeout}s\"\n{own}\n"
        );
    }
    folder.write("authprobe.toml", &text)
}

/// What differs, of all probes that the row names.
async fn differs(row: &'static Row) -> Vec<String> {
    let issuer = row.has(With::Tls).then(|| "https://localhost:0".to_owned());
    let options = Options { issuer, tls: row.has(With::Tls), ..Options::default() };
    let lab = Lab::start(options).await.expect("the lab starts");
    let mut wrong = Vec::new();
    for (probe, expected) in row.each() {
        let (found, detail) = judged(row, &lab, (probe, expected)).await;
        if found != expected {
            wrong.push(format!(
                "{} {} {:?}: {probe}: expected {expected:?}, found {found:?} ({detail})",
                row.fault, row.parameters, row.with
            ));
        }
    }
    lab.shutdown().await;
    wrong
}

/// What one probe comes to, and the fault's words.
async fn judged(row: &Row, lab: &LabHandle, (probe, expected): (&str, &str)) -> (String, String) {
    let folder = Folder::new();
    for attempt in 1.. {
        let file = configuration(row, lab, &folder, attempt).to_str().expect("a path").to_owned();
        if !row.fault.is_empty() {
            lab.set_fault(row.fault, &row.parameters()).unwrap_or_else(|why| panic!("{why}"));
        }
        let name = probe.to_owned();
        let command = move || authprobe(&["probe", &name, "--config", &file, "--json"], &[]);
        let finished = {
            let _place = PLACES.acquire().await.expect("places");
            tokio::task::spawn_blocking(command).await.expect("the command ends")
        };
        let came = runs(&finished.stdout);
        let Some(run) = came.first() else { return (format!("{finished:?}"), String::new()) };
        let (found, detail) = (shown_json(&run.0), run.0["fault"]["detail"].to_string());
        let late = LATE.iter().any(|words| detail.contains(words));
        let elsewhere = row.has(With::Hasty) && found != expected && found.starts_with("bad timeout/network");
        if attempt == TRIES || !(late || elsewhere) {
            return (found, detail);
        }
    }
    unreachable!("the last try is judged as it is")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_tells_them_apart() {
    hold(rows::browser::ROWS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_what_happens_beside_it() {
    hold(rows::browser_beside::ROWS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_what_happens_on_the_way_from_page_to_page() {
    hold(rows::browser_pages::ROWS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_what_more_it_can_ask_for() {
    hold(rows::browser_asking::ROWS).await;
}

async fn hold(rows: &'static [Row]) {
    let only = std::env::var("MATRIX_ONLY").ok();
    let rows = rows.iter().filter(|row| only.as_ref().is_none_or(|only| row.fault == only));
    let mut wrong: Vec<Vec<String>> = futures_util::stream::iter(rows)
        .map(|row| tokio::spawn(differs(row)))
        .buffer_unordered(AT_ONCE)
        .map(|joined| joined.unwrap_or_else(|panic| vec![panic.to_string()]))
        .collect()
        .await;
    wrong.sort();
    let wrong = wrong.concat().join("\n");
    assert!(wrong.is_empty(), "\n{wrong}");
}
