use super::*;
use crate::gate::decide::decide;
use crate::gate::{Alert, Look, Slo, Terms};
use crate::slo::Counts;

const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);
const TERMINAL: Terminal = Terminal { width: 80, colour: false, unicode: true };

fn after(seconds: u64) -> Timestamp {
    BEGIN + Duration::from_secs(seconds)
}

fn terms() -> Terms {
    Terms { since: BEGIN, until: after(600), max_burn: 2.0, patience: Duration::from_secs(120) }
}

fn slo(good: u64, bad: u64) -> Slo {
    let counts = Counts { good, bad, inconclusive: 0, expected: good + bad };
    let provider = Some("main".to_owned());
    Slo {
        name: "login".into(),
        provider,
        allowed: 0.0005,
        alpha_ppm: 50_000,
        min_coverage: 0.8,
        counts,
        seen: 1.0,
        ..Slo::default()
    }
}

/// Seconds, good and bad runs, alerts, trouble.
type Step<'a> = (u64, u64, u64, &'a [Alert], Option<&'a str>);

/// What a screen writes of these.
fn written(screen: &mut dyn Show, steps: &[Step<'_>]) {
    let terms = terms();
    for (at, good, bad, alerts, trouble) in steps {
        let look = Look { at: after(*at), slos: vec![slo(*good, *bad)], alerts: alerts.to_vec(), notes: vec![] };
        let judged = decide(&terms, &["login".to_owned()], Some(&look), after(*at));
        screen.show(&Standing {
            now: after(*at),
            terms: Some(&terms),
            look: Some(&look),
            judged: Some(&judged),
            trouble: *trouble,
            mark: None,
        });
    }
}

#[test]
fn without_a_terminal_a_line_comes_with_news_and_once_a_minute() {
    let mut out = Vec::new();
    let outage = Alert { name: "AuthOutage".into(), provider: "main".into(), ..Alert::default() };
    written(
        &mut Plain::new(&mut out, TERMINAL),
        &[
            (1, 0, 0, &[], None),
            (5, 1, 0, &[], None),
            (30, 3, 0, &[], None),
            (61, 6, 0, &[], None),
            (65, 6, 0, &[], Some("http://localhost:9464/: connection refused")),
            (70, 6, 0, &[], Some("http://localhost:9464/: connection refused")),
            (75, 7, 1, &[], None),
            (80, 7, 2, &[outage], None),
        ],
    );
    let expected = "\
gate 0:01/10:00 · nothing judged yet · 0 bad of 0 · no alerts
gate 1:01/10:00 · burn 0 of 2 · coverage 100% · 0 bad of 6 · no alerts
gate 1:05/10:00 · burn 0 of 2 · coverage 100% · 0 bad of 6 · no alerts · retrying: http://localhost:9464/: connection refused
gate 1:15/10:00 · burn 250 of 2 (login) · coverage 100% · 1 bad of 8 · no alerts
gate 1:20/10:00 · burn 444 of 2 (login) · coverage 100% · 2 bad of 9 · AuthOutage
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn on_a_terminal_one_line_is_written_over_and_taken_away() {
    let mut out = Vec::new();
    let mut live = Live::new(&mut out, Terminal { colour: true, ..TERMINAL });
    written(&mut live, &[(1, 1, 0, &[], None), (2, 1, 0, &[], Some(&"x".repeat(100)))]);
    live.clear();
    live.clear();
    let out = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = out.split("\r\x1b[2K").collect();
    assert_eq!(lines.len(), 4, "{out:?}");
    assert_eq!((lines[1], lines[3]), ("gate 0:01/10:00 · burn 0 of 2 · coverage 100% · 0 bad of 1 · no alerts", ""));
    assert!(lines[2].starts_with("\x1b[33mgate 0:02") && lines[2].ends_with("…\x1b[0m"), "{out:?}");
    assert_eq!(lines[2].chars().count(), 79 + "\x1b[33m\x1b[0m".len(), "one less than the terminal's width");
}

#[test]
fn before_the_first_answer_it_says_what_it_waits_for() {
    let mut out = Vec::new();
    let waiting = Standing {
        now: BEGIN,
        terms: None,
        look: None,
        judged: None,
        trouble: Some("http://localhost:9464/: connection\x1b[31m refused"),
        mark: None,
    };
    let ascii = Terminal { unicode: false, ..TERMINAL };
    Plain::new(&mut out, ascii).show(&waiting);
    assert_eq!(String::from_utf8(out).unwrap(), "gate | waiting: http://localhost:9464/: connection?[31m refused\n");
}

#[test]
fn times_are_short() {
    let shown = [0, 59, 61, 3600 + 65].map(|seconds| clock(Duration::from_secs(seconds)));
    assert_eq!(shown, ["0:00", "0:59", "1:01", "1:01:05"]);
}
