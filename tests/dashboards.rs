//! `authprobe dashboards`: what is shipped is what it writes, Grafana's own types accept it, and would not accept anything.
//! Whether the panels show anything is seen in `real`, with a daemon and Prometheus.

#[allow(dead_code)] // Its part of it.
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::authprobe::authprobe;
use support::{Folder, installed, repository};

/// What the shipped example reads its secrets from.
const SECRETS: &[(&str, &str)] = &[
    ("WEB_SECRET", "x"),
    ("SERVICE_SECRET", "x"),
    ("SYNTHETIC_PASSWORD", "x"),
    ("DEADMAN_URL", "https://deadman.example.com/x"),
];
const NAMES: [&str; 4] = ["executive.json", "on-call.json", "debug.json", "slo.json"];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What Grafana's types say of dashboards: nothing, or what is wrong.
fn typed(dashboards: &[PathBuf]) -> Result<(), String> {
    installed("tests/grafana/node_modules");
    let check = repository().join("tests/grafana/check.mjs");
    let checked = Command::new("node").arg(check).args(dashboards).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    if checked.status.success() { Ok(()) } else { Err(said) }
}

#[test]
fn what_is_shipped_is_what_the_command_writes() {
    let folder = Folder::new();
    let config = repository().join("probes/example.toml");
    let out = folder.file("new/dashboards");
    let done = authprobe(&["dashboards", "-c", &config.to_string_lossy(), "-o", &out.to_string_lossy()], SECRETS);
    assert_eq!(done.code, 0, "{}", done.stderr);
    for name in NAMES {
        assert!(done.stdout.contains(name), "{}", done.stdout);
        assert!(
            read(&repository().join("dashboards").join(name)) == read(&out.join(name)),
            "dashboards/{name} is not what `authprobe dashboards -c probes/example.toml` writes: run it, and look at the \
             difference"
        );
    }
    let printed = authprobe(&["dashboards", "-c", &config.to_string_lossy(), "-o", "-"], SECRETS).stdout;
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shipped = NAMES.map(|name| serde_json::from_str::<Value>(&read(&out.join(name))).unwrap());
    assert_eq!(lines, shipped, "one document a line");
}

#[test]
fn grafanas_types_accept_what_is_shipped() {
    let shipped = NAMES.map(|name| repository().join("dashboards").join(name));
    typed(&shipped).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn grafanas_types_do_not_accept_anything() {
    let folder = Folder::new();
    let whole: Value = serde_json::from_str(&read(&repository().join("dashboards/on-call.json"))).unwrap();
    let graph = |value: &Value| {
        value["panels"].as_array().unwrap().iter().position(|panel| panel["type"] == "timeseries").unwrap()
    };
    let panel = graph(&whole);
    let mistakes = [
        ("/schemaVersion".to_owned(), json!("41")),
        ("/editable".to_owned(), json!(true)),
        ("/templating/list/0/type".to_owned(), json!("datasauce")),
        (format!("/panels/{panel}/type"), json!("timeserie")),
        (format!("/panels/{panel}/options/tooltip/mode"), json!("several")),
        (format!("/panels/{panel}/fieldConfig/defaults/custom/drawStyle"), json!("curve")),
        (format!("/panels/{panel}/fieldConfig/defaults/thresholds/mode"), json!("relative")),
        (format!("/panels/{panel}/targets/0/expr"), json!(1)),
        (format!("/panels/{panel}/gridPos"), json!({ "x": 0, "y": 0, "w": 12, "hight": 8 })),
    ];
    let broken = |(n, (pointer, with)): (usize, &(String, Value))| {
        let mut broken = whole.clone();
        *broken.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = with.clone();
        folder.write(&format!("broken-{n}.json"), &broken.to_string())
    };
    let files: Vec<PathBuf> = mistakes.iter().enumerate().map(broken).collect();
    let wrong = typed(&files).expect_err("mistakes are found");
    for (n, (pointer, _)) in mistakes.iter().enumerate() {
        assert!(wrong.contains(&format!("broken-{n}.json.ts(")), "{pointer} is not found: {wrong}");
    }
}
