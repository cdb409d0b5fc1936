//! `authprobe rules`: what is shipped is what it writes, Prometheus and Alertmanager take it, and the alerts come and go as
//! they should, in the real rule engine (`promtool test rules`).

mod promtool_support;
#[allow(dead_code)] // Its part of it.
mod support;

use std::path::{Path, PathBuf};

use promtool_support::{Case, Sample, Series, file, run, test};
use support::authprobe::{Finished, authprobe};
use support::{Folder, repository};

#[path = "rules/facts.rs"]
mod facts;
#[path = "rules/tiers.rs"]
mod tiers;

/// What the shipped example reads its secrets from.
const SECRETS: &[(&str, &str)] = &[
    ("WEB_SECRET", "x"),
    ("SERVICE_SECRET", "x"),
    ("SYNTHETIC_PASSWORD", "x"),
    ("DEADMAN_URL", "https://deadman.example.com/x"),
];

fn rules(arguments: &[&str]) -> Finished {
    let done = authprobe(&[&["rules"], arguments].concat(), SECRETS);
    assert_eq!(done.code, 0, "{}", done.stderr);
    done
}

/// Writes the rules of a configuration of the repository.
fn written(config: &str, folder: &Folder) -> PathBuf {
    let config = repository().join(config);
    rules(&["-c", &config.to_string_lossy(), "-o", &folder.path().to_string_lossy()]);
    folder.file("authprobe.rules.yml")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs these cases against the rules of a configuration.
fn hold(config: &str, interval: u64, cases: &[Case]) {
    hold_in("", config, interval, cases);
}

/// Against one group of them (those of an objective need no other), or all: the fewer, the faster.
fn hold_in(group: &str, config: &str, interval: u64, cases: &[Case]) {
    let folder = Folder::new();
    let path = written(config, &folder);
    if !group.is_empty() {
        folder.write("authprobe.rules.yml", &only(&read(&path), group));
    }
    let path = folder.write("test.yml", &file(&["authprobe.rules.yml"], &[], interval, cases));
    if let Err(output) = test(&path) {
        panic!("{output}");
    }
}

#[test]
fn what_is_shipped_is_what_the_command_writes() {
    let folder = Folder::new();
    written("probes/example.toml", &folder);
    for name in ["authprobe.rules.yml", "alertmanager.yml"] {
        let shipped = repository().join("alerts").join(name);
        assert!(
            read(&shipped) == read(&folder.file(name)),
            "alerts/{name} is not what `authprobe rules -c probes/example.toml` writes: run it, and look at the difference"
        );
    }
}

#[test]
fn prometheus_and_alertmanager_take_them() {
    for config in ["probes/example.toml", "tests/rules/tiers.toml"] {
        let folder = Folder::new();
        let rules = written(config, &folder);
        run("promtool", &["check", "rules", "--lint=all", "--lint-fatal", &rules.to_string_lossy()]).unwrap();
        run("amtool", &["check-config", &folder.file("alertmanager.yml").to_string_lossy()]).unwrap();
    }
}

#[test]
fn pages_and_tickets_go_their_ways() {
    let folder = Folder::new();
    written("tests/rules/tiers.toml", &folder);
    let config = format!("--config.file={}", folder.file("alertmanager.yml").display());
    for (name, severity, receiver) in [
        ("AuthSLOBurn", "page", "pager"),
        ("AuthSLOBurn", "ticket", "tickets"),
        ("AuthOutage", "page", "pager"),
        ("AuthRegionDown", "ticket", "tickets"),
    ] {
        let (labels, wanted) = (format!("severity={severity}"), format!("--verify.receivers={receiver}"));
        run("amtool", &["config", "routes", "test", &config, &wanted, &labels, &format!("alertname={name}")]).unwrap();
    }
    // The first route that matches takes an alert: that of outages must stand before that of pages.
    let text = read(&folder.file("alertmanager.yml"));
    let [outage, page] = ["group_wait: 0s", "matchers: ['severity=\"page\"']"].map(|part| text.find(part).unwrap());
    assert!(outage < page, "{text}");
}

#[test]
fn it_says_what_it_wrote_and_how_to_load_it() {
    let folder = Folder::new();
    let config = repository().join("tests/rules/tiers.toml");
    let out = folder.file("new/alerts");
    let done = rules(&["-c", &config.to_string_lossy(), "-o", &out.to_string_lossy()]);
    assert!(done.stdout.contains("recording rules, ") && done.stdout.contains("rule_files: ['"), "{}", done.stdout);
    let mut names: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["alertmanager.yml", "authprobe.rules.yml"]);
}

#[test]
fn a_dash_is_standard_output() {
    let folder = Folder::new();
    let path = written("tests/rules/tiers.toml", &folder);
    let config = repository().join("tests/rules/tiers.toml");
    let done = rules(&["-c", &config.to_string_lossy(), "-o", "-", "--job", "prober"]);
    let expected = read(&path).replace("job=\"authprobe\"", "job=\"prober\"");
    assert!(done.stdout.contains(&expected), "{}", done.stdout);
    assert!(done.stdout.contains("inhibit_rules:") && done.stdout.contains("up{job=\"prober\"}"));
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let folder = Folder::new();
    let blocked = folder.write("file", "");
    let config = repository().join("tests/rules/tiers.toml");
    let arguments = ["rules", "-c", &config.to_string_lossy(), "-o", &blocked.to_string_lossy()];
    let done = authprobe(&arguments, &[]);
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    assert!(done.stderr.contains("error: cannot"), "{}", done.stderr);
}

#[test]
fn without_objectives_there_are_rules_for_probes() {
    let folder = Folder::new();
    let text = "[[region]]\nname = 'eu'\n[[provider]]\nname = 'main'\nissuer = 'https://login.example.com'\n\
                [[probe]]\nname = 'keys'\nkind = 'jwks'\nprovider = 'main'\nevery = '1m'\n";
    let config = folder.write("a.toml", text);
    let done = rules(&["-c", &config.to_string_lossy(), "-o", &folder.path().to_string_lossy()]);
    assert!(done.stderr.contains("no [[slo]] is configured"), "{}", done.stderr);
    let rules = folder.file("authprobe.rules.yml");
    run("promtool", &["check", "rules", "--lint=all", "--lint-fatal", &rules.to_string_lossy()]).unwrap();
    assert!(!read(&rules).contains("alert: AuthSLOBurn") && read(&rules).contains("AuthProbeStale"));
}

/// The text of rules with that group alone.
fn only(text: &str, group: &str) -> String {
    let (head, groups) = text.split_once("groups:\n").unwrap();
    let name = format!("  - name: {group}\n");
    let found = groups.split("\n\n").find(|one| one.contains(&name)).unwrap_or_else(|| panic!("no {group}"));
    format!("{head}groups:\n{found}\n")
}

/// One series of a counter that a minute adds `by(minute)` to; from 0, a sample every `step` minutes.
fn counter(name: &str, minutes: u64, step: u64, by: impl Fn(u64) -> u64) -> Series {
    let mut sum = 0;
    let mut samples = vec![Sample::Is(0)];
    for minute in 0..minutes {
        sum += by(minute);
        if (minute + 1) % step == 0 {
            samples.push(Sample::Is(sum));
        }
    }
    Series { name: name.to_owned(), samples }
}
