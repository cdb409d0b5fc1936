//! JSON and XML held against their schemas by validators that others wrote (tests/requirements.txt).
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use authprobe::smoke::report::schema;
use serde_json::{Value, json};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support_validate")
}

/// The schema of Jenkins' xUnit plugin (MIT), as pytest 9.2.0 ships it.
pub fn junit_schema() -> PathBuf {
    here().join("junit-10.xsd")
}

/// Python with the packages of tests/requirements.txt.
pub fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".authprobe-test/venv/bin/python3");
    assert!(python.exists(), "{} is missing: run ci/setup.sh (make test does)", python.display());
    python
}

/// What the validator says of these files: nothing of valid ones.
pub fn validate(schema: &Path, files: &[PathBuf]) -> String {
    let output = Command::new(python()).arg(here().join("validate.py")).arg(schema).args(files).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let held = said.lines().last().unwrap_or_default();
    assert_eq!(held, format!("{} files held against {}", files.len(), schema.display()));
    said.lines().filter(|line| *line != held).map(|line| format!("{line}\n")).collect()
}

/// The schema of a smoke report. It lets members be added; here none may be that it does not know.
pub fn strict_schema() -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(members) => {
                if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                    members.insert("unevaluatedProperties".to_owned(), json!(false));
                }
                members.values_mut().for_each(close);
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut schema = schema::document();
    close(&mut schema);
    schema
}
