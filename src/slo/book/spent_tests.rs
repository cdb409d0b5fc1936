use super::*;
use crate::fault::{Class, Fault, Finding};
use crate::outcome::{Observation, Outcome, StepRecord, StepState, Trigger, Verdict};
use crate::slo::block::{Block, Day};
use crate::slo::counts::{Counts, Tally};
use crate::slo::objective::{Aggregate, Objective, Window};
use crate::slo::sli::Sli;
use crate::slo::spending::Cause;
use crate::slo::testing::{DAY as LONG_DAY, MINUTE, WEDNESDAY, objective, outcome};

fn at(minutes: u64) -> Timestamp {
    WEDNESDAY + MINUTE * u32::try_from(minutes).unwrap() + Duration::from_secs(17)
}

fn book(objectives: impl IntoIterator<Item = Objective>) -> Book {
    Book::new(&objectives.into_iter().map(Arc::new).collect::<Vec<_>>())
}

fn failed(region: &str, now: Timestamp, class: Class) -> Outcome {
    let fault = Fault { step: "token", ..Fault::new(class, "") };
    Outcome { fault: Some(fault), ..outcome("login", region, now, Verdict::Bad) }
}

fn cause(class: Option<Class>, step: &str, region: &str) -> Cause {
    Cause { class, blame: class.map(Class::blame), step: step.into(), region: region.into() }
}

fn causes(book: &Book, slo: &str, now: Timestamp) -> Vec<(Cause, u64, u64)> {
    book.causes(slo, now).unwrap().into_iter().map(|count| (count.cause, count.bad, count.excluded)).collect()
}

fn sum(spending: &Spending) -> Tally {
    let mut sum = Tally::default();
    spending.cells.iter().for_each(|cell| sum += *cell);
    sum
}

#[test]
fn causes_are_those_of_what_is_counted_bad() {
    let mut fast = objective("fast", 999_000);
    fast.sli = Sli::Latency { step: Some("token".into()), threshold: Duration::from_millis(50) };
    let mut valid = objective("valid", 999_000);
    valid.sli = Sli::Validation;
    let mut book = book([objective("up", 999_000), fast, valid]);
    let step = StepRecord {
        name: "token",
        span_id: crate::outcome::Id([1; 8]),
        state: StepState::Done,
        start: at(0),
        duration: Duration::from_millis(80),
        note: String::new(),
        cleanup: false,
        requests: Vec::new(),
    };
    let slow = Outcome { steps: vec![step], ..outcome("login", "eu", at(0), Verdict::Good) };
    let mut forged = failed("us", at(3), Class::HttpStatus);
    forged.fault.as_mut().unwrap().findings = vec![Finding::new(Class::ClaimNonce, "", "")];
    let runs = [slow, failed("eu", at(1), Class::Timeout), failed("us", at(2), Class::Timeout), forged];
    for (n, run) in (0..).zip(&runs) {
        book.outcome(run, n == 2, at(n));
        book.outcome(&Outcome { trigger: Trigger::Confirmation, ..run.clone() }, false, at(n));
    }
    book.outcome(&outcome("login", "eu", at(4), Verdict::Inconclusive), false, at(4));
    let (timeout, status) = (Some(Class::Timeout), Some(Class::HttpStatus));
    let up = [
        (cause(timeout, "token", "eu"), 1, 0),
        (cause(timeout, "token", "us"), 1, 1),
        (cause(status, "token", "us"), 1, 0),
    ];
    let sorted = |mut all: Vec<(Cause, u64, u64)>| {
        all.sort();
        all
    };
    assert_eq!(sorted(causes(&book, "up", at(9))), sorted(up.to_vec()));
    let slow = (cause(None, "token", "eu"), 1, 0);
    assert_eq!(sorted(causes(&book, "fast", at(9))), sorted([&[slow], &up[..]].concat()));
    assert_eq!(causes(&book, "valid", at(9)), [(cause(Some(Class::ClaimNonce), "token", "us"), 1, 0)]);
    assert_eq!(book.causes("other", at(9)), None);
    for evaluation in book.evaluate(at(9)) {
        let all = causes(&book, &evaluation.objective.name, at(9));
        let bad: (u64, u64) = all.iter().fold((0, 0), |sum, (_, bad, excluded)| (sum.0 + bad, sum.1 + excluded));
        let tally = evaluation.budget.tally;
        assert_eq!(bad, (tally.raw.bad, tally.excluded.bad), "{}", evaluation.objective.name);
    }
}

#[test]
fn a_revocation_that_is_late_somewhere_is_slow_there_and_one_that_never_comes_has_a_cause() {
    let mut slo = objective("revoked", 999_000);
    slo.sli = Sli::Propagation(Duration::from_secs(5));
    slo.members[0].regions = vec!["eu".into()];
    slo.members[0].covers = ["eu", "us", "asia"].map(Into::into).to_vec();
    let mut book = book([slo]);
    let seen =
        |region: &str, seconds| Observation::RevocationPropagation { region: region.into(), seconds, interval: 0.1 };
    let observations = vec![seen("eu", Some(1.0)), seen("us", Some(9.0)), seen("asia", None)];
    book.outcome(&Outcome { observations, ..failed("eu", at(0), Class::RevocationIneffective) }, false, at(0));
    let expected = [(cause(None, "", "us"), 1, 0), (cause(Some(Class::RevocationIneffective), "token", "asia"), 1, 0)];
    assert_eq!(causes(&book, "revoked", at(1)), expected);
}

#[test]
fn bad_ticks_have_one_cause_without_a_region() {
    let mut slo = objective("up", 999_000);
    slo.aggregate = Aggregate::Uptime { quorum: 2 };
    let mut book = book([slo.clone()]);
    book.outcome(&failed("eu", at(0), Class::Timeout), false, at(0));
    assert_eq!(causes(&book, "up", at(0)), [(cause(Some(Class::Timeout), "token", ""), 1, 0)]);
    book.outcome(&failed("us", at(0), Class::Dns), false, at(0));
    assert_eq!(causes(&book, "up", at(0)).len(), 1, "the tick was counted already");
    book.outcome(&failed("us", at(1), Class::Dns), true, at(1));
    let both = [(cause(Some(Class::Timeout), "token", ""), 1, 0), (cause(Some(Class::Dns), "token", ""), 1, 1)];
    let mut found = causes(&book, "up", at(2));
    found.sort_by_key(|(_, _, excluded)| *excluded);
    assert_eq!(found, both);
    // A reload that closes an open tick counts its cause as well.
    slo.members[0].timeout = Duration::from_secs(5);
    slo.members[0].regions.push("asia".into());
    book.replace(&[Arc::new(slo)]);
    assert_eq!(book.evaluate(at(3))[0].budget.tally.raw.bad, 2);
    assert_eq!(causes(&book, "up", at(3)).iter().map(|(_, bad, _)| bad).sum::<u64>(), 2);
}

/// A ledger that adds what it is told of.
#[derive(Default)]
struct Ledger(Vec<DayCause>);

impl Ledger {
    fn open(&self, objectives: &[Arc<Objective>], counts: &[Block], now: Timestamp) -> Book {
        let mut book = Book::new(objectives);
        let days = counts.iter().map(|block| {
            let mut sum = Tally::default();
            block.minutes.iter().for_each(|(_, tally)| sum += *tally);
            let hours = vec![(block.hour.rem_euclid(24) as u8, sum)];
            Day { series: block.series.clone(), day: block.hour.div_euclid(24), hours }
        });
        book.restore(days.collect(), Vec::new());
        book.restore(Vec::new(), counts.to_vec());
        let first = book.first_day(now);
        book.restore_causes(first, self.0.iter().filter(|row| row.day >= first).cloned().collect());
        book
    }
}

#[test]
fn after_a_restart_and_with_a_window_that_moves_on_the_sum_is_the_budgets() {
    let short = Objective { window: Window::Rolling(LONG_DAY + MINUTE * 90), ..objective("up", 999_000) };
    let objectives = [Arc::new(short)];
    let (mut ledger, mut counts) = (Ledger::default(), std::collections::BTreeMap::new());
    let mut book = ledger.open(&objectives, &[], at(0));
    let mut seed: u64 = 5;
    for minute in (0..6000).step_by(3) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (pick, now) = (seed >> 40, at(minute));
        let class = [Class::Timeout, Class::Dns, Class::HttpStatus][pick as usize % 3];
        let region = if pick % 5 < 3 { "eu" } else { "us" };
        book.outcome(&failed(region, now, class), pick.is_multiple_of(7), now);
        book.tick(now);
        if minute % 500 > 2 {
            continue;
        }
        let tally = book.evaluate(now)[0].budget.tally;
        let bad: u64 = causes(&book, "up", now).iter().map(|(_, bad, _)| bad).sum();
        assert_eq!(bad, tally.raw.bad, "at {minute}");
        for cells in [1, 2, 7, 120, 1000] {
            assert_eq!(sum(&book.spending("up", cells, now).unwrap()), tally, "{cells} at {minute}");
        }
        let before = causes(&book, "up", now);
        counts.extend(book.changed().into_iter().map(|block| ((block.series.clone(), block.hour), block)));
        ledger.0.extend(book.changed_causes());
        assert_eq!(book.changed_causes(), []);
        book = ledger.open(&objectives, &counts.values().cloned().collect::<Vec<_>>(), now);
        assert_eq!(causes(&book, "up", now), before, "restarted at {minute}");
    }
}

#[test]
fn what_was_counted_before_causes_were_is_not_known() {
    let objectives = [Arc::new(objective("up", 999_000))];
    let mut before = Book::new(&objectives);
    (0..10).for_each(|n| drop(before.outcome(&failed("eu", at(n), Class::Dns), false, at(n))));
    let mut book = Ledger::default().open(&objectives, &before.changed(), at(10));
    book.outcome(&failed("eu", at(10), Class::Timeout), false, at(10));
    assert_eq!(book.evaluate(at(10))[0].budget.tally.raw.bad, 11);
    assert_eq!(causes(&book, "up", at(10)), [(cause(Some(Class::Timeout), "token", "eu"), 1, 0)]);
}

#[test]
fn a_reload_keeps_causes_waits_for_the_ledger_of_new_ones_and_leaves_out_regions_that_are_gone() {
    let one = objective("up", 999_000);
    let mut book = Ledger::default().open(&[Arc::new(one.clone())], &[], at(0));
    for (n, region) in [(0, "eu"), (1, "us"), (2, "us")] {
        book.outcome(&failed(region, at(n), Class::Dns), false, at(n));
    }
    let mut only_eu = one.clone();
    only_eu.members[0].regions = vec!["eu".into()];
    book.replace(&[only_eu, objective("new", 999_000)].map(Arc::new));
    assert_eq!(causes(&book, "up", at(3)), [(cause(Some(Class::Dns), "token", "eu"), 1, 0)]);
    book.outcome(&failed("eu", at(3), Class::Dns), false, at(3));
    let told = |book: &mut Book| {
        let rows = book.changed_causes().into_iter().map(|row| (row.slo.to_string(), row.count.bad));
        let mut rows: Vec<_> = rows.collect();
        rows.sort();
        rows
    };
    assert_eq!(told(&mut book), [("up".to_owned(), 2), ("up".to_owned(), 2)], "of the new one not yet");
    let day = WEDNESDAY.as_secs() / 86_400;
    let count = CauseCount { cause: cause(Some(Class::Dns), "token", "eu"), bad: 4, excluded: 0 };
    book.restore_causes(day - 30, vec![DayCause { slo: "new".into(), day, count }]);
    assert_eq!(causes(&book, "new", at(3)), [(cause(Some(Class::Dns), "token", "eu"), 5, 0)]);
    assert_eq!(told(&mut book), [("new".to_owned(), 1)]);
    // What was not told of those that are gone still is.
    book.outcome(&failed("eu", at(4), Class::Dns), false, at(4));
    book.replace(&[]);
    assert_eq!(told(&mut book), [("new".to_owned(), 1), ("up".to_owned(), 1)]);
}

#[test]
fn cells_are_aligned_whole_hours_and_one_without_counts_was_not_measured() {
    let mut book = book([objective("up", 999_000)]);
    for n in [0, 100, 800] {
        book.outcome(&outcome("login", "eu", at(n), Verdict::Good), false, at(n));
    }
    let spending = book.spending("up", 120, at(800)).unwrap();
    assert_eq!((spending.cell, spending.begin.as_secs() % (7 * 3600)), (Duration::from_secs(7 * 3600), 0));
    let since = Window::Rolling(LONG_DAY * 30).begin(at(800));
    assert!(spending.begin <= since && since < spending.begin + spending.cell && spending.cells.len() <= 120);
    let end = spending.begin + spending.cell * spending.cells.len() as u32;
    assert!(at(800) < end && end - spending.cell <= at(800), "the last holds the present");
    let good: Vec<u64> = spending.cells.iter().map(|cell| cell.raw.good).filter(|good| *good > 0).collect();
    assert_eq!(good.iter().sum::<u64>(), 3);
    assert_eq!(spending.cells[3], Tally { raw: Counts::default(), excluded: Counts::default() });
    for cells in [0, 1, 2, 3, 100, 721, usize::MAX] {
        let spending = book.spending("up", cells, at(800)).unwrap();
        assert!((1..=cells.max(1)).contains(&spending.cells.len()), "{cells}: {}", spending.cells.len());
        assert_eq!(sum(&spending).raw.good, 3);
    }
    assert_eq!(book.spending("up", usize::MAX, at(800)).unwrap().cell, Duration::from_secs(3600));
    for now in [i64::MIN, i64::MAX] {
        book.spending("up", 120, Timestamp::from_nanos(now));
        book.causes("up", Timestamp::from_nanos(now));
    }
}

/// `cargo test --lib slo::book::spent -- --ignored --nocapture`: how long readers of the page keep the judge waiting.
#[test]
#[ignore = "a measurement"]
fn how_long_fifty_objectives_of_thirty_days_take() {
    let objectives = (0..50).map(|n| {
        let mut slo = objective(&format!("slo-{n}"), 999_000);
        slo.members[0].regions.push("asia".into());
        slo.members[0].spreads.push(Duration::ZERO);
        slo
    });
    let mut book = book(objectives);
    let today = WEDNESDAY.as_secs() / 86_400;
    let hour = Tally { raw: Counts { good: 59, bad: 1, inconclusive: 0, expected: 60 }, ..Tally::default() };
    for account in &mut book.accounts {
        for (region, day) in
            ["eu", "us", "asia"].iter().flat_map(|region| (today - 31..today).map(move |day| (*region, day)))
        {
            let timeline = account.timeline(region).unwrap();
            (0..24).for_each(|at| timeline.restore_hour(day * 24 + at, hour));
            for class in [Class::Timeout, Class::Dns, Class::HttpStatus, Class::Tls] {
                (0..6).for_each(|_| account.spent_on.add(day, cause(Some(class), "token", region), false));
            }
        }
    }
    let clock = crate::clock::Clock::system();
    let began = clock.instant();
    let cells: usize = (0..50).map(|n| book.spending(&format!("slo-{n}"), 120, at(0)).unwrap().cells.len()).sum();
    println!("spending: {cells} cells in {:?}", began.elapsed());
    let began = clock.instant();
    let causes: usize = (0..50).map(|n| book.causes(&format!("slo-{n}"), at(0)).unwrap().len()).sum();
    println!("causes: {causes} in {:?}", began.elapsed());
}
