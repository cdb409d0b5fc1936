//! `--against`: what was bad before, and what is newly so. Pure but for the reading of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use super::Complaint;
use super::report::{Against, CheckReport, Judgement, SCHEMA_VERSION};

/// The largest earlier result that is read (bytes).
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// An earlier result, as far as it matters here. Of unknown members nobody minds.
#[derive(Clone, Debug, Deserialize)]
pub struct Earlier {
    schema_version: u32,
    #[serde(default)]
    start: String,
    checks: Vec<EarlierCheck>,
    #[serde(skip)]
    file: String,
}

#[derive(Clone, Debug, Deserialize)]
struct EarlierCheck {
    probe: String,
    probe_region: String,
    verdict: String,
}

/// Reads a result that `--format json` wrote.
pub fn read(path: &Path) -> Result<Earlier, Complaint> {
    let file = path.display().to_string();
    let wrong = |why: String| Complaint::new(format!("--against {file}: {why}"));
    let open = std::fs::File::open(path).map_err(|error| wrong(format!("cannot read it: {error}")))?;
    let mut text = Vec::new();
    let read = open.take(MAX_FILE + 1).read_to_end(&mut text);
    read.map_err(|error| wrong(format!("cannot read it: {error}")))?;
    if text.len() as u64 > MAX_FILE {
        return Err(wrong(format!("larger than {MAX_FILE} bytes")));
    }
    parse(&text, &file).map_err(wrong)
}

fn parse(text: &[u8], file: &str) -> Result<Earlier, String> {
    let expects = "expected what `authprobe smoke --format json` or `--output json=FILE` wrote";
    // What it says of the document may quote it; the place is enough.
    let place = |error: serde_json::Error| format!("{expects} (line {}, column {})", error.line(), error.column());
    let earlier: Earlier = serde_json::from_slice(text).map_err(place)?;
    if earlier.schema_version != SCHEMA_VERSION {
        return Err(format!(
            "its schema_version is {}, and this authprobe reads {SCHEMA_VERSION}",
            earlier.schema_version
        ));
    }
    let known = |verdict: &str| ["good", "skipped", "inconclusive", "bad"].contains(&verdict);
    if earlier.checks.iter().any(|check| !known(&check.verdict)) {
        return Err(format!("{expects}: a verdict in it is not known"));
    }
    Ok(Earlier { file: file.to_owned(), ..earlier })
}

/// Compares, check by check.
pub fn compare(earlier: &Earlier, checks: &[CheckReport]) -> Against {
    let id = |check: &EarlierCheck| format!("{}@{}", check.probe, check.probe_region);
    let before: BTreeMap<String, &str> = earlier.checks.iter().map(|check| (id(check), &*check.verdict)).collect();
    let mut against = Against { file: earlier.file.clone(), start: earlier.start.clone(), ..Against::default() };
    let mut seen = BTreeSet::new();
    for check in checks {
        let id = check.check.to_string();
        seen.insert(id.clone());
        let was = before.get(&id).copied();
        if was.is_none() {
            against.new_checks.push(id.clone());
        }
        match (check.verdict, was) {
            (Judgement::Bad, Some("bad")) => against.bad_before.push(id),
            (Judgement::Bad, Some("good" | "skipped")) => against.newly_bad.push(id),
            (Judgement::Bad, _) => against.bad_since_unknown.push(id),
            (Judgement::Good, Some("bad")) => against.mended.push(id),
            (_, Some("bad")) => against.unknown.push(id),
            _ => {}
        }
    }
    for check in &earlier.checks {
        let id = id(check);
        // Each once, whatever the file says.
        if seen.insert(id.clone()) {
            if before.get(&id) == Some(&"bad") {
                against.unknown.push(id.clone());
            }
            against.gone.push(id);
        }
    }
    against
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::runner::testing::labels;
    use crate::smoke::report::Counts;

    fn check(probe: &str, verdict: Judgement) -> CheckReport {
        CheckReport {
            check: labels(probe, "eu"),
            labels: Arc::default(),
            verdict,
            reason: String::new(),
            counts: Counts::default(),
            duration: Duration::ZERO,
            median: None,
            fault: None,
            runs: Vec::new(),
            screenshot: None,
        }
    }

    fn earlier(checks: &[(&str, &str)]) -> Value {
        let check = |(probe, verdict): &(&str, &str)| json!({"probe": probe, "probe_region": "eu", "verdict": verdict, "more": [1]});
        let checks: Vec<Value> = checks.iter().map(check).collect();
        json!({"schema_version": 1, "start": "2026-01-01T00:00:00.000Z", "checks": checks, "more": {}})
    }

    #[test]
    fn bad_is_new_old_mended_or_unknown() {
        use Judgement::{Bad, Good, Inconclusive};
        let before =
            earlier(&[("a", "bad"), ("b", "good"), ("c", "bad"), ("d", "bad"), ("e", "inconclusive"), ("g", "bad")]);
        let before = parse(before.to_string().as_bytes(), "last.json").unwrap();
        let now = [("a", Bad), ("b", Bad), ("c", Good), ("d", Inconclusive), ("e", Bad), ("f", Bad), ("h", Good)];
        let now: Vec<_> = now.into_iter().map(|(probe, verdict)| check(probe, verdict)).collect();
        let against = compare(&before, &now);
        assert_eq!(against.newly_bad, ["b@eu"]);
        assert_eq!(against.bad_since_unknown, ["e@eu", "f@eu"], "not told then, and not asked");
        assert_eq!(against.bad_before, ["a@eu"]);
        assert_eq!(against.mended, ["c@eu"]);
        assert_eq!(against.unknown, ["d@eu", "g@eu"], "not told, and not asked");
        assert_eq!(
            (against.new_checks, against.gone),
            (vec!["f@eu".to_owned(), "h@eu".to_owned()], vec!["g@eu".to_owned()])
        );
        assert_eq!((against.file.as_str(), against.start.as_str()), ("last.json", "2026-01-01T00:00:00.000Z"));
    }

    /// What we write is what we read.
    #[test]
    fn a_written_check_is_read() {
        let written = serde_json::to_value(check("a", Judgement::Bad)).unwrap();
        let whole = json!({"schema_version": SCHEMA_VERSION, "checks": [written]});
        let read = parse(whole.to_string().as_bytes(), "x").unwrap();
        assert_eq!(compare(&read, &[check("a", Judgement::Bad)]).bad_before, ["a@eu"]);
    }

    #[test]
    fn what_is_no_result_is_refused_without_being_quoted() {
        let refused = |text: &str| parse(text.as_bytes(), "x").unwrap_err();
        for text in ["", "[]", "{\"checks\": \"hunter2\"}", "{\"schema_version\": 1}"] {
            let why = refused(text);
            assert!(why.contains("--output json=FILE") && !why.contains("hunter2"), "{why}");
        }
        assert!(refused("{\"schema_version\": 2, \"checks\": []}").contains("schema_version is 2"));
        assert!(refused(&earlier(&[("a", "great")]).to_string()).contains("not known"));
        let missing = read(Path::new("no/such/file.json")).unwrap_err();
        assert!(missing.to_string().starts_with("--against no/such/file.json: cannot read it"), "{missing}");
    }
}
