//! What the real binary writes about a real (lab) provider, held against the schemas.

use serde_json::{Value, json};

use crate::stage::{DOORS, LOGIN, MACHINE, SESSION, Stage};
use crate::support::authprobe::authprobe;
use crate::support_validate::{junit_schema, strict_schema, validate};

/// Every format at once, of good and bad and many runs.
#[test]
fn real_results_fit_their_schemas() {
    let stage = Stage::new();
    let strict = stage.folder.write("schema.json", &strict_schema().to_string());
    let tv = "[[probe]]\nname = \"tv\"\nkind = \"device\"\nclient = \"svc\"\nuser = \"alice\"\nevery = \"1h\"\n";
    let probes = [DOORS, MACHINE, LOGIN, SESSION, tv].concat();
    let (mut jsons, mut junits) = (Vec::new(), Vec::new());
    for (name, fault, code, more) in [
        ("good", None, 3, &[][..]),
        ("bad", Some(("http_500", json!({"endpoint": "token"}))), 1, &[]),
        ("token", Some(("bad_signature", json!({}))), 1, &["--runs", "3", "--max-latency", "keys=1ms"]),
        (
            "compared",
            None,
            3,
            &["--accept", "99%", "--probe", "keys", "--probe", "tv", "--against", "bad.json", "--wait", "1s"],
        ),
    ] {
        stage.lab.clear_faults();
        if let Some((fault, parameters)) = &fault {
            stage.break_it(fault, parameters);
        }
        let file = |ending: &str| stage.folder.file(&format!("{name}.{ending}"));
        let outputs: Vec<_> = [("json", "json"), ("junit", "xml"), ("github", "md"), ("human", "txt")]
            .iter()
            .map(|(format, ending)| format!("--output={format}={}", file(ending).display()))
            .collect();
        let before = stage.folder.file("bad.json").display().to_string();
        let mut arguments: Vec<&str> = more.iter().map(|one| if *one == "bad.json" { &*before } else { one }).collect();
        arguments.extend(outputs.iter().map(String::as_str));
        arguments.extend(["--format", "json"]);
        let finished = stage.smoke(&probes, &arguments);
        assert_eq!(finished.code, code, "{name}: {finished:?}");
        let written = std::fs::read_to_string(file("json")).unwrap();
        assert_eq!(written, finished.stdout, "the same document in both places");
        let human = std::fs::read_to_string(file("txt")).unwrap();
        assert!(human.contains(&format!("; exit {code}\n")), "{human}");
        assert!(std::fs::read_to_string(file("md")).unwrap().starts_with("## "));
        let read: Value = serde_json::from_str(&written).unwrap();
        let checks = read["checks"].as_array().unwrap().len();
        let junit = std::fs::read_to_string(file("xml")).unwrap();
        assert_eq!(junit.matches("<testcase ").count(), checks, "{junit}");
        jsons.push(file("json"));
        junits.push(file("xml"));
    }
    assert_eq!(validate(&strict, &jsons), "");
    assert_eq!(validate(&junit_schema(), &junits), "");
    let compared: Value = serde_json::from_slice(&std::fs::read(stage.folder.file("compared.json")).unwrap()).unwrap();
    let against = &compared["against"];
    assert_eq!(
        (&against["gone"], &against["new_checks"]),
        (&json!(["discovery@eu", "machine@eu", "login@eu", "session@eu"]), &json!([]))
    );
    assert_eq!(against["unknown"], json!(["machine@eu", "login@eu", "session@eu"]), "{against:#}");
    stage.end();
}

/// As GitHub runs it: commands on stdout, the summary added to what the step has written already.
#[test]
fn github_gets_annotations_and_a_summary() {
    let stage = Stage::new();
    stage.break_it("http_500", &json!({"endpoint": "token"}));
    let config = stage.config(&[DOORS, MACHINE].concat());
    let summary = stage.folder.write("summary.md", "# before\n");
    let environment = [("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()), ("CI", "true"), ("GITHUB_ACTIONS", "true")];
    let finished = authprobe(
        &["smoke", "--config", config.to_str().unwrap(), "--region", "eu", "--format", "github"],
        &environment,
    );
    assert_eq!(finished.code, 1, "{finished:?}");
    assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.stdout);
    let start =
        "::error title=authprobe%3A http_status in step token (provider)::machine is broken: the provider's fault";
    assert!(finished.stdout.starts_with(start), "{}", finished.stdout);
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("# before\n\n## ❌ authprobe smoke: bad\n\n- ❌ `machine` is broken: "), "{summary}");
    assert!(summary.contains("<details><summary>❌ <code>machine@eu</code>"), "{summary}");
    // One that cannot be written is said; what is bad stays bad.
    let environment = [("GITHUB_STEP_SUMMARY", "/no/such/folder/summary")];
    let finished = authprobe(
        &["smoke", "--config", config.to_str().unwrap(), "--region", "eu", "--format", "github"],
        &environment,
    );
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.contains("cannot write the step's summary to /no/such/folder/summary"), "{finished:?}");
    stage.end();
}
