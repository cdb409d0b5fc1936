//! What a person can get wrong: told at once, with what is allowed, and nothing is probed.

use serde_json::json;

use crate::stage::{DOORS, LOGIN, MACHINE, Stage};
use crate::support::authprobe::authprobe;

fn said(stage: &Stage, probes: &str, arguments: &[&str]) -> String {
    let asked = stage.asked("discovery");
    let finished = stage.smoke(probes, arguments);
    assert_eq!((finished.code, finished.stdout.as_str()), (2, ""), "{arguments:?}: {finished:?}");
    assert_eq!(stage.asked("discovery"), asked, "{arguments:?}: nothing is probed");
    finished.stderr
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_the_nearest_name() {
    let stage = Stage::new();
    let probes = [DOORS, MACHINE, LOGIN].concat();
    let arguments = [
        "--probe",
        "logn",
        "--probe",
        "mach*",
        "--kind",
        "jwk",
        "--label",
        "team=identiti",
        "--region",
        "ue",
        "--runs",
        "many",
        "--deadline",
        "5 minutes",
        "--max-latency",
        "login",
        "--format",
        "yaml",
        "--output",
        "junit=/no/such/folder/x.xml",
    ];
    assert_says(
        &said(&stage, &probes, &arguments),
        &[
            "no probe is called `logn`: did you mean `login`?",
            "there is no kind `jwk`: did you mean `jwks`?",
            "the value `identiti`: did you mean `identity`?",
            "there is no region `ue`: did you mean `eu`?",
            "--runs many",
            "--deadline: \"5 minutes\" is not a duration",
            "--max-latency login: expected NAME=TIME",
            "there is no format `yaml`",
            "/no/such/folder",
        ],
    );
    let limit = said(&stage, &probes, &["--max-latency", "logni=2s", "--max-latency", "machine/tokn=1s"]);
    assert_says(&limit, &["`logni`: did you mean `login`?", "it takes no step `tokn`: did you mean `token`?"]);
    assert_says(
        &said(&stage, &probes, &["--issuer", "https://a.example"]),
        &["--issuer and --config exclude each other"],
    );
    assert_says(&said(&stage, &probes, &["--client-id", "a"]), &["--client-id belongs to --issuer"]);
    assert_says(&said(&stage, &probes, &["--probe", "keys", "--label", "team=identity"]), &["no check fits all of"]);
    assert_says(&said(&stage, &probes, &["--against", "no-such.json"]), &["--against no-such.json: cannot read it"]);
    assert_says(&said(&stage, "[[probe]]\nname = \"x\"\nkind = \"jwk\"\n", &["--runs", "0"]), &["--runs 0", "jwks"]);
    stage.end();
}

#[test]
fn what_cannot_be_attained_is_told_before_anything_is_probed() {
    let mut stage = Stage::new();
    stage.provider = "max_requests_per_minute = 30".into();
    let gate = ["--accept", "99%", "--reject", "90%"];
    let with = |more: &[&str]| said(&stage, MACHINE, &[&gate, more].concat());
    assert_says(&with(&["--runs", "31"]), &["--runs 31: it takes 32 good runs"]);
    assert_says(&with(&["--deadline", "2m"]), &["--deadline 2m", "max_requests_per_minute", "30 a minute"]);
    assert_says(&with(&["--wait", "5m", "--deadline", "5m"]), &["--deadline 5m is over when --wait 5m is"]);
    assert_says(
        &said(&stage, MACHINE, &["--accept", "90%", "--reject", "95%", "--confidence", "40%"]),
        &["--reject 95% is not below --accept 90%", "--confidence 40%"],
    );
    stage.end();
}

#[test]
fn checks_are_chosen_by_name_label_kind_and_region() {
    let stage = Stage::new();
    let probes = [DOORS, MACHINE, LOGIN].concat();
    for (arguments, chosen) in [
        (&["--probe", "*i*"][..], &["discovery", "machine", "login"][..]),
        (&["--label", "team=identity"], &["login"]),
        (&["--label", "team=*", "--probe", "machine"], &["machine"]),
        (&["--kind", "jwks", "--kind", "discovery"], &["discovery", "keys"]),
    ] {
        let found = stage.found(&probes, arguments);
        assert_eq!((found.code, found.probes().as_slice()), (0, chosen), "{arguments:?}");
    }
    let both = stage.found(&probes, &["--region", "us", "--probe", "keys"]);
    let regions: Vec<_> = both.checks("keys").iter().map(|check| check["probe_region"].clone()).collect();
    assert_eq!(regions, [json!("eu"), json!("us")]);
    stage.end();
}

#[test]
fn help_names_every_argument() {
    let help = authprobe(&["smoke", "--help"], &[]);
    assert_eq!(help.code, 0);
    for option in [
        "--probe",
        "--label",
        "--kind",
        "--region",
        "--runs",
        "--wait",
        "--deadline",
        "--accept",
        "--reject",
        "--confidence",
        "--max-latency",
        "--against",
        "--format",
        "--output",
        "--screenshots",
        "--issuer",
        "--client-id",
        "--client-secret-env",
        "--client-secret-file",
        "--ca-file",
    ] {
        assert!(help.stdout.contains(option), "no {option}:\n{}", help.stdout);
    }
}
