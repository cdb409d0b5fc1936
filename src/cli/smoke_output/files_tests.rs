use super::*;
use crate::clock::Timestamp;
use crate::folder::Folder;
use crate::smoke::report::{Conditions, Judgement, SCHEMA_VERSION};
use std::time::Duration;

fn nothing() -> Report {
    Report {
        schema_version: SCHEMA_VERSION,
        version: "0",
        verdict: Judgement::Good,
        exit_code: 0,
        reason: String::new(),
        start: Timestamp::from_secs(0),
        duration: Duration::ZERO,
        interrupted: false,
        conditions: Conditions { runs: 1, sequential: None, max_latency: Vec::new(), wait: None, deadline: None },
        waited: Vec::new(),
        against: None,
        checks: Vec::new(),
    }
}

fn output(format: Format, file: impl Into<PathBuf>) -> Output {
    Output { format, file: file.into() }
}

#[test]
fn an_output_is_a_format_and_a_file() {
    assert_eq!("junit=a=b.xml".parse(), Ok(output(Format::Junit, "a=b.xml")));
    let wrong = |text: &str| text.parse::<Output>().unwrap_err();
    assert!(wrong("smoke.xml").starts_with("expected FORMAT=FILE, such as `junit=smoke.xml`; formats: human, json"));
    assert!(wrong("jsn=x").contains("unknown format `jsn` (did you mean `json`?)"), "{}", wrong("jsn=x"));
    assert!(wrong("json=").contains("no file is named"));
    assert!(wrong("json=-").contains("`--format`"));
}

#[test]
fn what_cannot_be_written_is_said_before_anything_runs_and_all_at_once() {
    let folder = Folder::new();
    std::fs::write(folder.join("file"), "").unwrap();
    std::os::unix::fs::symlink(folder.join("a.json"), folder.join("link")).unwrap();
    std::fs::write(folder.join("a.json"), "").unwrap();
    let wrong = check_outputs(&[
        output(Format::Json, folder.join("a.json")),
        output(Format::Junit, folder.join("./a.json")),
        output(Format::Human, folder.join("link")),
        output(Format::Json, folder.join("none/x.json")),
        output(Format::Json, folder.join("file/x.json")),
        output(Format::Json, folder.path()),
    ])
    .unwrap_err();
    assert_eq!(wrong.len(), 5, "{wrong:#?}");
    assert!(wrong[0].starts_with("--output junit=") && wrong[0].ends_with("`--output json=…` goes to the same file"));
    assert!(wrong[1].starts_with("--output human=") && wrong[1].contains("the same file"), "{}", wrong[1]);
    assert!(wrong[2].contains("none cannot be used: No such file"), "{}", wrong[2]);
    assert!(wrong[3].contains("file is not a folder"), "{}", wrong[3]);
    assert!(wrong[4].ends_with("is a folder; name a file"), "{}", wrong[4]);
    let fine = [output(Format::Json, "x.json"), output(Format::Human, "/dev/null"), output(Format::Junit, "/dev/null")];
    assert_eq!(check_outputs(&fine), Ok(()));
}

#[test]
fn files_are_replaced_whole_links_followed_and_devices_left_in_place() {
    let folder = Folder::new();
    let (real, link) = (folder.join("real.json"), folder.join("link.json"));
    std::fs::write(&real, "before, and longer than what comes".repeat(1000)).unwrap();
    std::os::unix::fs::symlink("real.json", &link).unwrap();
    let outputs = [
        output(Format::Json, &link),
        output(Format::Junit, folder.join("new.xml")),
        output(Format::Github, folder.join("summary.md")),
        output(Format::Human, "/dev/null"),
    ];
    assert_eq!(write_outputs(&outputs, &nothing()), Ok(()));
    assert!(link.is_symlink() && !std::path::Path::new("/dev/null").is_file());
    let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&real).unwrap()).unwrap();
    assert_eq!(read["verdict"], "good");
    assert!(std::fs::read_to_string(folder.join("new.xml")).unwrap().ends_with("<testsuites>\n</testsuites>\n"));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 4, "nothing is left beside them");
    let wrong = write_outputs(&[output(Format::Json, folder.join("none/x")), outputs[1].clone()], &nothing());
    assert!(matches!(&wrong.unwrap_err()[..], [one] if one.contains("none/x: cannot write it")));
}
