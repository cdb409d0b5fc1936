//! The real binary on a real terminal (a pty, read by a terminal emulator: screen.py).

use std::process::Command;

use serde_json::{Value, json};

use crate::stage::{DOORS, LOGIN, MACHINE, Stage};
use crate::support_validate::python;

/// What was to be seen.
struct Seen(Value);

impl Seen {
    fn lines(&self, what: &str) -> Vec<String> {
        self.0[what].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// Everything that is left on the terminal, what scrolled off included.
    fn left(&self) -> String {
        [self.lines("history"), self.lines("last")].concat().join("\n")
    }

    /// The screens while it ran.
    fn frames(&self) -> Vec<String> {
        let text = |line: &Value| format!("{}\n", line.as_str().unwrap());
        let frame = |frame: &Value| frame.as_array().unwrap().iter().map(text).collect();
        self.0["frames"].as_array().unwrap().iter().map(frame).collect()
    }

    fn raw(&self) -> &str {
        self.0["raw"].as_str().unwrap()
    }

    fn code(&self) -> i64 {
        self.0["code"].as_i64().unwrap()
    }

    /// Whoever goes on typing finds a terminal as it was.
    fn is_as_it_was(&self) {
        assert_eq!((&self.0["cursor"][2], &self.0["wrap"]), (&json!(false), &json!(true)), "hidden, wraps");
        assert!(!self.raw().contains("\u{1b}[?"), "no mode is changed: {:?}", self.raw());
    }
}

/// `smoke` on a terminal of that size. `how`: when it is interrupted or killed, or how long it waits.
fn seen(stage: &Stage, probes: &str, size: [&str; 2], how: &[&str], variables: &[(&str, &str)]) -> Seen {
    let config = stage.config(probes);
    let mut command = Command::new(python());
    let (ours, smokes) = if how.first() == Some(&"--wait") { (&[][..], how) } else { (how, &[][..]) };
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smoke/screen.py")).args(size).args(ours);
    command.args(["--", env!("CARGO_BIN_EXE_authprobe"), "smoke", "--config"]).arg(config).args(smokes);
    for name in ["CI", "NO_COLOR", "RUST_LOG", "COLUMNS", "LC_CTYPE", "LANG"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Seen(serde_json::from_slice(&output.stdout).unwrap())
}

/// Twenty-two checks, which take a while.
fn many(stage: &Stage) -> String {
    stage.break_it("latency", &json!({"delay_ms": 700}));
    let more =
        (0..9).map(|n| format!("[[probe]]\nname = \"k{n}\"\nkind = \"jwks\"\nprovider = \"lab\"\nevery = \"1h\"\n"));
    [DOORS.to_owned(), more.collect()].concat()
}

const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

#[test]
fn live_progress_never_scrolls_and_leaves_nothing_behind() {
    let stage = Stage::new();
    let probes = many(&stage);
    for (size, room) in [(["80", "12"], 12), (["200", "40"], 40)] {
        let seen = seen(&stage, &probes, size, &[], &[]);
        assert_eq!(seen.code(), 0, "{}", seen.left());
        seen.is_as_it_was();
        let live: Vec<_> = seen.frames().into_iter().filter(|frame| frame.contains(" of 22 checks decided")).collect();
        assert!(live.iter().any(|frame| frame.contains(SPINNER)), "{live:#?}");
        for frame in &live {
            assert!(frame.trim_end().lines().count() < room, "{frame}");
        }
        // The table is the first and only thing that stays; had the picture been higher than the terminal, parts of it would.
        let left = seen.left();
        assert!(left.starts_with("  check ") && left.contains("all 22 checks are good"), "{left}");
        assert!(!left.contains(SPINNER) && !left.contains("checks decided"), "{left}");
        assert_eq!(seen.0["colours"], true);
    }
    stage.end();
}

#[test]
fn no_colour_and_no_unicode_where_they_are_not_wanted() {
    let stage = Stage::new();
    stage.break_it("http_500", &json!({"endpoint": "token"}));
    let variables = [("NO_COLOR", "1"), ("LC_ALL", "C")];
    let seen = seen(&stage, &[DOORS, MACHINE].concat(), ["80", "24"], &[], &variables);
    assert_eq!((seen.code(), &seen.0["colours"]), (1, &json!(false)));
    assert!(seen.raw().is_ascii(), "{}", seen.raw());
    let left = seen.left().split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = "x machine is broken in eu and us: the provider's fault, http_status in step token";
    assert!(left.contains(sentence), "{left}");
    stage.end();
}

/// A CI system may well give its jobs a terminal.
#[test]
fn ci_systems_get_plain_lines_in_any_case() {
    let stage = Stage::new();
    stage.break_it("http_500", &json!({"endpoint": "token"}));
    let probes = [DOORS, MACHINE].concat();
    let seen = seen(&stage, &probes, ["120", "24"], &[], &[("CI", "true"), ("NO_COLOR", "1")]);
    assert!(!seen.raw().contains('\u{1b}'), "{:?}", seen.raw());
    assert!(seen.left().contains("smoke: 6 checks"), "{}", seen.left());
    // Piped, as most do it: the progress apart from the result.
    let finished = stage.smoke(&probes, &[]);
    let mut lines: Vec<_> = finished.stderr.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    lines[1..].sort_unstable();
    assert_eq!(lines, ["smoke:", "discovery@eu", "keys@eu", "machine@eu"], "{}", finished.stderr);
    assert!(finished.stderr.contains("bad: http_status in token (provider): "), "{}", finished.stderr);
    for text in [&finished.stderr, &finished.stdout] {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
    assert!(finished.stdout.starts_with("  check "), "{}", finished.stdout);
    stage.end();
}

#[test]
fn a_provider_that_is_waited_for_has_a_line() {
    let stage = Stage::new();
    stage.break_it("http_503", &json!({"endpoint": "discovery", "count": 3, "retry_after": 1}));
    let seen = seen(&stage, DOORS, ["100", "24"], &["--wait", "60s"], &[]);
    let left = seen.left();
    assert_eq!(seen.code(), 0, "{left}");
    assert!(seen.frames().iter().any(|frame| frame.contains("waiting for lab: 503; tried ")), "{:#?}", seen.frames());
    assert!(left.contains(" for lab (503; ") && left.contains(" tries), then it answered"), "{left}");
    stage.end();
}

#[test]
fn after_ctrl_c_or_a_kill_the_terminal_is_as_it_was() {
    let stage = Stage::new();
    stage.break_it("latency", &json!({"delay_ms": 20_000}));
    let probes = [DOORS, MACHINE, LOGIN].concat();
    let interrupted = seen(&stage, &probes, ["80", "24"], &["--interrupt", "checks decided"], &[]);
    let left = interrupted.left();
    assert_eq!(interrupted.code(), 130, "{left}");
    interrupted.is_as_it_was();
    assert!(interrupted.frames().iter().any(|frame| frame.contains(SPINNER)));
    assert!(!left.contains(SPINNER) && left.contains("interrupted: what was not decided"), "{left}");
    let killed = seen(&stage, &probes, ["80", "24"], &["--kill", "checks decided"], &[]);
    assert_eq!(killed.code(), -9);
    killed.is_as_it_was();
    assert!(killed.left().contains(SPINNER), "nobody could take it away");
    stage.end();
}
