//! The rows of a real browser: through the command, which looks after Chromium as it does for everybody.

use std::fmt::Write as _;
use std::path::PathBuf;

use authprobe::lab::{Lab, LabHandle, Options};
use futures_util::StreamExt as _;

use crate::row::{Row, With};
use crate::rows;
use crate::stage::shown_json;
use crate::support::Folder;
use crate::support::authprobe::{authprobe, runs};

/// How many browsers run at a time.
const AT_ONCE: usize = 2;

/// The probes, and the keys that make them different.
pub const PROBES: &[(&str, &str)] = &[
    ("browser_login", ""),
    ("browser_login.hybrid", "response_type = \"code id_token token\""),
    ("browser_login.form_post", "response_mode = \"form_post\""),
    ("browser_login.silent", "prompt = \"none\""),
];

/// As a user would write it.
fn configuration(lab: &LabHandle, folder: &Folder) -> PathBuf {
    folder.write("web", "web-secret");
    folder.write("alice", "wonderland-7");
    let mut text = format!("[[region]]\nname = \"here\"\n[[provider]]\nname = \"lab\"\nissuer = \"{}\"\n", lab.issuer);
    if let Some(authority) = &lab.authority {
        folder.write("ca.pem", authority);
        text.push_str("ca_file = \"ca.pem\"\n");
    }
    text.push_str(crate::stage::WEB);
    for (name, own) in PROBES {
        let _ = write!(
            text,
            "\n[[probe]]\nname = \"{name}\"\nkind = \"browser_login\"\nclient = \"web\"\nuser = \"alice\"\nevery = \"5m\"\n\
             timeout = \"20s\"\n{own}\n"
        );
    }
    folder.write("authprobe.toml", &text)
}

/// What differs, of all probes that the row names.
async fn differs(row: &'static Row) -> Vec<String> {
    let issuer = row.has(With::Tls).then(|| "https://localhost:0".to_owned());
    let options = Options { issuer, tls: row.has(With::Tls), ..Options::default() };
    let lab = Lab::start(options).await.expect("the lab starts");
    let folder = Folder::new();
    let file = configuration(&lab, &folder).to_str().expect("a path").to_owned();
    let mut wrong = Vec::new();
    for (probe, expected) in row.each() {
        if !row.fault.is_empty() {
            lab.set_fault(row.fault, &row.parameters()).unwrap_or_else(|why| panic!("{why}"));
        }
        let (file, name) = (file.clone(), probe.to_owned());
        let command = move || authprobe(&["probe", &name, "--config", &file, "--json"], &[]);
        let finished = tokio::task::spawn_blocking(command).await.expect("the command ends");
        let came = runs(&finished.stdout);
        let found = came.first().map_or_else(|| format!("{finished:?}"), |run| shown_json(&run.0));
        if found != expected {
            let detail = came.first().map(|run| run.0["fault"]["detail"].to_string()).unwrap_or_default();
            wrong.push(format!(
                "{} {} {:?}: {probe}: expected {expected:?}, found {found:?} ({detail})",
                row.fault, row.parameters, row.with
            ));
        }
    }
    lab.shutdown().await;
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_tells_them_apart() {
    hold(rows::browser::ROWS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_what_happens_beside_it() {
    hold(rows::browser_beside::ROWS).await;
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
