//! Screens and documents as they were last looked at.

use std::path::{Path, PathBuf};

use authprobe::cli::smoke_output::{github, human, junit};
use authprobe::smoke::report::Report;
use authprobe::terminal::Terminal;

use super::reports;

const NARROW: Terminal = Terminal { width: 80, colour: false, unicode: true };
const WIDE: Terminal = Terminal { width: 200, ..NARROW };
const COLOUR: Terminal = Terminal { colour: true, ..NARROW };
const ASCII: Terminal = Terminal { unicode: false, ..NARROW };

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smoke_output/golden")
}

/// Compares with the file, or writes it.
fn expect(wrong: &mut Vec<String>, name: &str, said: &str) {
    let file = folder().join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, said).unwrap();
    } else if std::fs::read_to_string(&file).unwrap_or_default() != said {
        wrong.push(format!("{name} is otherwise now:\n{said}"));
    }
}

#[test]
fn screens_are_as_they_were_looked_at() {
    let screens: [(&str, &str, Report, Terminal); 13] = [
        ("good", "80", reports::good(), NARROW),
        ("good", "200", reports::good(), WIDE),
        ("good", "80.colour", reports::good(), COLOUR),
        ("bad", "80", reports::bad(), NARROW),
        ("bad", "200", reports::bad(), WIDE),
        ("bad", "80.colour", reports::bad(), COLOUR),
        ("bad", "80.ascii", reports::bad(), ASCII),
        ("inconclusive", "80", reports::inconclusive(), NARROW),
        ("token", "80", reports::token(), NARROW),
        ("many", "80", reports::many(), NARROW),
        ("many", "200", reports::many(), WIDE),
        ("trial", "80", reports::trial(), NARROW),
        ("interrupted", "80", reports::interrupted(), NARROW),
    ];
    let mut wrong = Vec::new();
    for (name, how, report, terminal) in screens {
        expect(&mut wrong, &format!("{name}.{how}.txt"), &human(&report, &terminal));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_screen_is_wider_than_the_terminal_and_colours_change_no_text() {
    for (name, report) in reports::all() {
        for width in [80, 81, 99, 133, 200, 240] {
            for unicode in [false, true] {
                let plain = human(&report, &Terminal { width, colour: false, unicode });
                for line in plain.lines() {
                    // What is made harmless is a column longer.
                    let columns = line.replace("## ", "##").chars().count();
                    assert!(columns <= width, "{name}: {columns} of {width}: {line}");
                    assert_eq!(line, line.trim_end(), "{name}: spaces at the end");
                    assert!(unicode || line.is_ascii(), "{name}: {line}");
                }
                assert!(plain.ends_with('\n') && !plain.contains("\n\n\n"), "{name} at {width}:\n{plain}");
                // A colour before it keeps `::` from being a command.
                if name != "hostile" {
                    let coloured = human(&report, &Terminal { width, colour: true, unicode });
                    assert_eq!(uncoloured(&coloured), plain, "{name} at {width}");
                }
            }
        }
    }
}

/// Without SGR sequences; spaces that they held at the end of a line go as well.
fn uncoloured(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split('\u{1b}');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (code, rest) = part.strip_prefix('[').and_then(|part| part.split_once('m')).expect("colours only");
        assert!(code.bytes().all(|b| b.is_ascii_digit()), "{code}");
        out.push_str(rest);
    }
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Whoever glances at the last screenful knows what is broken and whose fault it is.
#[test]
fn the_last_lines_say_what_failed_and_whose_fault_it_is() {
    let last = |report: &Report| {
        let text = human(report, &NARROW);
        let lines: Vec<_> = text.lines().rev().take(14).map(str::trim).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" ")
    };
    let bad = last(&reports::bad());
    assert!(
        bad.contains(
            "login and renewal are broken in eu-west-1 and us-east-1: the provider's fault, http_status in step token"
        ),
        "{bad}"
    );
    assert!(bad.contains("api could not be judged in eu-west-1: the configuration's fault, credentials"), "{bad}");
    assert!(bad.contains("newly bad: login@eu-west-1, login@us-east-1"), "{bad}");
    let many = last(&reports::many());
    assert!(many.contains("are broken in eu-1 and eu-2: the provider's fault, http_status"), "{many}");
    assert!(many.contains("the network's fault, connect"), "{many}");
}

#[test]
fn what_github_is_told_is_as_it_was_looked_at() {
    let mut wrong = Vec::new();
    for (name, report) in reports::all() {
        let output = github(&report);
        expect(&mut wrong, &format!("{name}.annotations.txt"), &output.annotations);
        expect(&mut wrong, &format!("{name}.summary.md"), &output.summary);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn junit_is_as_it_was_looked_at() {
    let mut wrong = Vec::new();
    for (name, report) in [("bad", reports::bad()), ("trial", reports::trial()), ("hostile", reports::hostile())] {
        expect(&mut wrong, &format!("{name}.junit.xml"), &junit(&report));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
