//! JSON held against `docs/smoke.schema.json`, and JUnit XML against the schema of Jenkins' xUnit plugin (junit-10.xsd), by
//! validators that others wrote (tests/requirements.txt).

use std::path::Path;
use std::process::Command;

use authprobe::cli::smoke_output::{json, junit};
use authprobe::smoke::report::schema;
use serde_json::{Value, json};

use super::folder::Folder;
use super::reports;
use super::support_validate::{junit_schema, strict_schema, validate};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_schema_in_the_docs_is_what_the_binary_prints() {
    let said = Command::new(env!("CARGO_BIN_EXE_authprobe")).args(["schema", "--of", "smoke"]).output().unwrap();
    assert_eq!(said.status.code(), Some(0));
    let said = String::from_utf8(said.stdout).unwrap();
    let file = repository().join("docs/smoke.schema.json");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &said).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == said, "authprobe schema --of smoke > docs/smoke.schema.json");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), schema::document());
}

#[test]
fn json_fits_its_schema_and_nothing_in_it_is_unknown_to_it() {
    let folder = Folder::new();
    let strict = folder.join("schema.json");
    std::fs::write(&strict, strict_schema().to_string()).unwrap();
    let mut files = Vec::new();
    for (name, report) in reports::all() {
        let file = folder.join(format!("{name}.json"));
        std::fs::write(&file, json(&report)).unwrap();
        files.push(file);
    }
    assert_eq!(validate(&strict, &files), "");
    // A validator that minds nothing would prove nothing.
    let mut wrong: Value = serde_json::from_str(&json(&reports::bad())).unwrap();
    wrong["checks"][0]["verdict"] = json!("splendid");
    wrong["checks"][1]["duration_seconds"] = json!("long");
    wrong["checks"][1]["runs"][0]["trace_id"] = json!("xyz");
    wrong["more"] = json!(1);
    wrong.as_object_mut().unwrap().remove("exit_code");
    let file = folder.join("wrong.json");
    std::fs::write(&file, wrong.to_string()).unwrap();
    let said = validate(&strict, &[file]);
    for part in ["splendid", "long", "xyz", "more", "exit_code"] {
        assert!(said.contains(part), "{part} is not minded:\n{said}");
    }
}

#[test]
fn junit_fits_the_schema_of_jenkins() {
    let folder = Folder::new();
    let schema = junit_schema();
    let mut files = Vec::new();
    for (name, report) in reports::all() {
        let file = folder.join(format!("{name}.xml"));
        std::fs::write(&file, junit(&report)).unwrap();
        files.push(file);
    }
    assert_eq!(validate(&schema, &files), "");
    let wrong = folder.join("wrong.xml");
    std::fs::write(&wrong, junit(&reports::bad()).replace("<testcase ", "<testcase odd=\"1\" ")).unwrap();
    assert!(validate(&schema, &[wrong]).contains("odd"));
}

/// What CI systems count.
#[test]
fn every_check_is_one_test_case_and_ends_as_it_was_judged() {
    let text = junit(&reports::bad());
    let count = |what: &str| text.matches(what).count();
    assert_eq!((count("<testcase "), count("<testsuite ")), (6, 6));
    assert_eq!((count("<failure type=\"http_status\""), count("<error type=\"credentials\"")), (3, 1));
    assert_eq!((count("<skipped type=\"unsupported\""), count("tests=\"1\"")), (1, 6));
    assert_eq!((count("failures=\"1\""), count("errors=\"1\""), count("skipped=\"1\"")), (3, 1, 1));
    assert_eq!((count("<system-out>"), count("<system-err/>")), (6, 6), "a waterfall each, good ones as well");
    assert_eq!(count("name=\"against\" value=\"newly bad\""), 2);
    let trial = junit(&reports::trial());
    assert!(trial.contains("<failure type=\"latency\""), "{trial}");
    assert!(junit(&reports::interrupted()).contains("<error type=\"undecided\""));
}
