//! The rows of a real browser: through the command, which looks after Chromium as it does for everybody.

use std::fmt::Write as _;

use authprobe::lab::{Lab, Options};
use futures_util::StreamExt as _;

use crate::row::Row;
use crate::rows;
use crate::stage::shown_json;
use crate::support::Folder;
use crate::support::authprobe::{authprobe, runs};

/// How many browsers run at a time.
const AT_ONCE: usize = 2;

const PROBE: &str = r#"
[[probe]]
name = "browser_login"
kind = "browser_login"
client = "web"
user = "alice"
every = "5m"
timeout = "20s"
"#;

async fn differs(row: &'static Row) -> Option<String> {
    let lab = Lab::start(Options::default()).await.expect("the lab starts");
    let folder = Folder::new();
    folder.write("web", "web-secret");
    folder.write("alice", "wonderland-7");
    let text = format!(
        "[[region]]\nname = \"here\"\n[[provider]]\nname = \"lab\"\nissuer = \"{}\"\n{}{PROBE}",
        lab.issuer,
        crate::stage::WEB
    );
    let file = folder.write("authprobe.toml", &text);
    if !row.fault.is_empty() {
        lab.set_fault(row.fault, &row.parameters()).unwrap_or_else(|why| panic!("{why}"));
    }
    let file = file.to_str().expect("a path").to_owned();
    let command = move || authprobe(&["probe", "browser_login", "--config", &file, "--json"], &[]);
    let finished = tokio::task::spawn_blocking(command).await.expect("the command ends");
    lab.shutdown().await;
    let came = runs(&finished.stdout);
    let found = came.first().map_or_else(|| format!("{finished:?}"), |run| shown_json(&run.0));
    let expected = row.of("browser_login").unwrap_or("good");
    (found != expected).then(|| format!("{} {}: expected {expected:?}, found {found:?}", row.fault, row.parameters))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_tells_them_apart() {
    let only = std::env::var("MATRIX_ONLY").ok();
    let rows = rows::browser::ROWS.iter().filter(|row| only.as_ref().is_none_or(|only| row.fault == only));
    let mut wrong: Vec<String> = futures_util::stream::iter(rows)
        .map(|row| tokio::spawn(differs(row)))
        .buffer_unordered(AT_ONCE)
        .filter_map(async |joined| joined.unwrap_or_else(|panic| Some(panic.to_string())))
        .collect()
        .await;
    wrong.sort();
    let lines = wrong.into_iter().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{line}");
        out
    });
    assert!(lines.is_empty(), "\n{lines}");
}
