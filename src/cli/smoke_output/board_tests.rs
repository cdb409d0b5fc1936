use std::sync::Arc;

use super::*;
use crate::fault::{Class, Fault};
use crate::runner::testing::{labels, outcome};
use crate::smoke::report::{CheckReport, Counts};

const PLAIN: Terminal = Terminal { width: 80, colour: false, unicode: true };

fn start() -> Instant {
    crate::clock::Clock::system().instant()
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn decided(probe: &str, verdict: Judgement, fault: Option<Class>) -> CheckReport {
    let fault = fault.map(|class| {
        let mut fault = Fault::new(class, "x");
        fault.step = "token";
        fault
    });
    CheckReport {
        check: labels(probe, "eu"),
        labels: Arc::default(),
        verdict,
        reason: "why".to_owned(),
        counts: Counts::default(),
        duration: ms(1234),
        median: None,
        fault,
        runs: Vec::new(),
        screenshot: None,
    }
}

fn drawn(board: &Board, now: Instant, height: usize) -> String {
    board.frame(now, &PLAIN, 79, height).iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn every_check_has_a_line_that_follows_it() {
    let now = start();
    let mut board = Board::new(now);
    let checks = ["login", "keys", "machine", "who"].map(|probe| labels(probe, "eu"));
    board.tell(&Event::Selected(&checks), now);
    board.tell(&Event::Waiting { provider: "main", why: "503", tries: 1 }, now);
    board.tell(&Event::Waiting { provider: "main", why: "connect", tries: 3 }, now + ms(900));
    assert_eq!(
        drawn(&board, now + ms(1100), 20),
        "0 of 4 checks decided · 1.10 s\n\
         ⠙ waiting for main: connect; tried 3 times, 1.10 s\n\
         · login@eu             to come\n\
         · keys@eu              to come\n\
         · machine@eu           to come\n\
         · who@eu               to come\n"
    );
    board.tell(&Event::Waited { provider: "main", ready: true }, now + ms(1200));
    for check in &checks[..3] {
        board.tell(&Event::Started { check, run: 1 }, now + ms(1200));
    }
    board.tell(&Event::Decided(&decided("login", Judgement::Bad, Some(Class::HttpStatus))), now + ms(1300));
    board.tell(&Event::Decided(&decided("keys", Judgement::Good, None)), now + ms(1300));
    for run in 1..=3 {
        board.tell(&Event::Started { check: &checks[2], run }, now + ms(1300));
        let found = outcome("machine", 1, Verdict::Good);
        let found = Arc::new(crate::outcome::Outcome { check: checks[2].clone(), ..(*found).clone() });
        board.tell(&Event::Ran { outcome: &found, slow: run == 2 }, now + ms(1400));
    }
    assert_eq!(
        drawn(&board, now + ms(1500), 20),
        "2 of 4 checks decided: 1 bad, 1 good · 1.50 s\n\
         ✘ login@eu     1.23 s  http_status in token (provider)\n\
         ✔ keys@eu      1.23 s  good\n\
         ⠴ machine@eu   300 ms  run 3: 1 bad, 2 good\n\
         · who@eu               to come\n"
    );
}

/// Never more lines than the terminal has, and those that matter.
#[test]
fn what_there_is_no_room_for_is_counted() {
    let now = start();
    let mut board = Board::new(now);
    let checks: Vec<_> = (0..50).map(|n| labels(&format!("p{n:02}"), "eu")).collect();
    board.tell(&Event::Selected(&checks), now);
    checks.iter().take(40).for_each(|check| board.tell(&Event::Started { check, run: 1 }, now));
    for n in 0..30 {
        let verdict = match n {
            3 | 29 => Judgement::Bad,
            7 => Judgement::Inconclusive,
            _ => Judgement::Good,
        };
        board.tell(&Event::Decided(&decided(&format!("p{n:02}"), verdict, None)), now);
    }
    let frame = drawn(&board, now, 8);
    let lines: Vec<_> = frame.lines().collect();
    assert_eq!(lines.len(), 8, "{frame}");
    let shown: Vec<_> = lines[1..7].iter().map(|line| &line[..line.len().min(8)]).collect();
    assert!(shown[0].contains("p03") && shown[1].contains("p07") && shown[2].contains("p29"), "{frame}");
    assert!(lines[4].contains("p30") && lines[6].contains("p32"), "then what runs:\n{frame}");
    assert_eq!(lines[7], "… 44 more: 7 running, 10 to come, 27 good");
    for height in 0..60 {
        assert!(board.frame(now, &PLAIN, 79, height).len() <= height, "{height}");
    }
    assert_eq!(board.frame(now, &PLAIN, 79, 51).len(), 51, "all have room");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_foreign_text_cannot_drive_it() {
    let now = start();
    let mut board = Board::new(now);
    let odd = format!("\u{1b}[2J\nx{}", "登録".repeat(150));
    board.tell(&Event::Selected(&[labels(&odd, "eu")]), now);
    board.tell(&Event::Waiting { provider: &odd, why: &odd, tries: 1 }, now);
    let mut bad = decided(&odd, Judgement::Bad, None);
    bad.reason = odd.clone();
    board.tell(&Event::Decided(&bad), now);
    for width in [1, 10, 40, 79, 120, 300] {
        for line in board.frame(now, &PLAIN, width, 10) {
            assert!(line.chars().map(columns).sum::<usize>() <= width, "{width}: {line}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}
