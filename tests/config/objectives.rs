//! What `check` says of detection, objectives, the ledger and alerts: word by word.
//! `UPDATE_EXPECTED=1 cargo test --test config objectives` writes it down anew: read the difference.

use super::{Folder, authprobe, root, text};

/// The part of the plan from detection on, without the date that changes.
fn said(columns: &str) -> String {
    let folder = Folder::new(&format!("objectives-{columns}"));
    folder.write("authprobe.toml", include_str!("objectives.toml"));
    folder.write("webhook.url", "https://hooks.example.com/s3cret-of-the-webhook\n");
    let output = super::command(&folder.0, &["check"]).env("COLUMNS", columns).output().unwrap();
    let (said, errors) = (text(output.stdout), text(output.stderr));
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""));
    let part = &said[said.find("\nDetection\n").unwrap() + 1..];
    let width: usize = columns.parse().unwrap();
    assert!(part.lines().all(|line| line.chars().count() <= width), "{columns} columns:\n{part}");
    assert!(!part.contains("s3cret"), "{part}");
    let dated = |word: &str| word.starts_with("20") && word.len() == 10;
    part.lines()
        .map(|line| {
            line.split(' ').map(|w| if dated(w) { "YYYY-MM-DD" } else { w }).collect::<Vec<_>>().join(" ") + "\n"
        })
        .collect()
}

#[test]
fn objectives_are_told_with_what_they_mean() {
    for columns in ["80", "120"] {
        let path = root().join(format!("tests/config/objectives.{columns}.txt"));
        let said = said(columns);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&path, &said).unwrap();
        }
        assert_eq!(said, std::fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn nothing_is_said_of_what_is_not_there() {
    let folder = Folder::new("no-objectives");
    let probe = "[[provider]]\nname = \"main\"\nissuer = \"https://login.example.com\"\n\
                 [[probe]]\nname = \"keys\"\nkind = \"jwks\"\nprovider = \"main\"\nevery = \"1m\"\n";
    folder.write("authprobe.toml", probe);
    let said = text(authprobe(&folder.0, &["check"]).stdout);
    for heading in ["Objectives", "Maintenance", "Ledger", "Alerts", "Notes"] {
        assert!(!said.contains(heading), "{heading} in {said}");
    }
    // An objective without a ledger, and with nobody to tell.
    let slo = "[[slo]]\nname = \"keys\"\nprobes = [\"keys\"]\nsli = \"availability\"\nobjective = \"99%\"\nwindow = \"30d\"\n";
    folder.write("authprobe.toml", &format!("{probe}{slo}"));
    let said = text(authprobe(&folder.0, &["check"]).stdout);
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("told to nobody: on the page, in the API and in authprobe_alert_state only"), "{said}");
    assert!(words.contains("without [store] nothing is kept on disk"), "{said}");
}
