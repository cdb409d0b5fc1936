use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::outcome::Verdict;
use crate::schedule::Timing;
use crate::slo::counts::Tally;
use crate::slo::objective::{Aggregate, Window};
use crate::slo::testing::{DAY, MINUTE, WEDNESDAY, check, member, objective, outcome};

/// What a ledger keeps: whole hours, replaced by what comes later.
#[derive(Default)]
struct Ledger(BTreeMap<(SeriesKey, i64), Vec<(u8, Tally)>>);

impl Ledger {
    fn write(&mut self, changed: Vec<Block>) {
        self.0.extend(changed.into_iter().map(|block| ((block.series, block.hour), block.minutes)));
    }

    fn days(&self, from: i64) -> Vec<Day> {
        let mut days: BTreeMap<(SeriesKey, i64), Vec<(u8, Tally)>> = BTreeMap::new();
        for ((series, hour), minutes) in self.0.iter().filter(|((_, hour), _)| hour.div_euclid(24) >= from) {
            let mut sum = Tally::default();
            minutes.iter().for_each(|(_, tally)| sum += *tally);
            days.entry((series.clone(), hour.div_euclid(24))).or_default().push((hour.rem_euclid(24) as u8, sum));
        }
        days.into_iter().map(|((series, day), hours)| Day { series, day, hours }).collect()
    }

    fn minutes(&self, hours: &[i64]) -> Vec<Block> {
        let wanted = self.0.iter().filter(|((_, hour), _)| hours.contains(hour));
        wanted
            .map(|((series, hour), minutes)| Block { series: series.clone(), hour: *hour, minutes: minutes.clone() })
            .collect()
    }

    /// A process starts with it.
    fn open(&self, objectives: &[Arc<Objective>], now: Timestamp) -> Book {
        let mut book = Book::new(objectives);
        book.restore(self.days(book.first_day(now)), Vec::new());
        self.serve(&mut book, now);
        book
    }

    fn serve(&self, book: &mut Book, now: Timestamp) {
        let wanted = book.hours_wanted(now);
        wanted.chunks(5).for_each(|hours| book.restore(Vec::new(), self.minutes(hours)));
        assert!(book.hours_wanted(now).is_empty(), "all were there");
    }
}

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

fn at(minutes: u64) -> Timestamp {
    WEDNESDAY + Duration::from_secs(minutes * 60 + 17)
}

fn four_days() -> Vec<Arc<Objective>> {
    let short = |name: &str| Objective { window: Window::Rolling(DAY * 4 + MINUTE * 90), ..objective(name, 999_000) };
    let mut up = short("up");
    up.aggregate = Aggregate::Uptime { quorum: 1 };
    let mut month = short("month");
    month.window = Window::Month(chrono_tz::Asia::Kathmandu);
    [short("plain"), up, month].map(Arc::new).to_vec()
}

fn minute(books: [&mut Book; 2], minute: u64, seed: &mut u64) {
    let now = at(minute);
    let verdict = match random(seed) % 40 {
        0 => Verdict::Bad,
        1 => Verdict::Inconclusive,
        _ => Verdict::Good,
    };
    let (excluded, missed) = (random(seed).is_multiple_of(15), random(seed).is_multiple_of(20));
    let run = outcome("login", "eu", now, verdict);
    for book in books {
        book.outcome(&run, excluded, now);
        if missed {
            book.missed(&check("login", "us"), 1, excluded, now);
        } else {
            book.outcome(&outcome("login", "us", now, Verdict::Good), excluded, now);
        }
        book.tick(now);
    }
}

/// Everything that an evaluation says, in words.
fn said(book: &Book, now: Timestamp) -> Vec<String> {
    let say = |e: Evaluation| {
        format!("{} {:?} {:?} {:?} {:?} {:?}", e.objective.name, e.at, e.budget, e.tiers, e.regions, e.failing_since)
    };
    book.evaluate(now).into_iter().map(say).collect()
}

/// Runs six days with windows of four, in three processes one after the other, beside one that never stops.
#[test]
fn a_book_that_was_restarted_says_the_same_as_one_that_was_not() {
    let mut seed = 1;
    let objectives = four_days();
    let (mut ledger, mut whole_ledger) = (Ledger::default(), Ledger::default());
    let (mut restarted, mut whole) = (Book::new(&objectives), Book::new(&objectives));
    for m in 0..6 * 1440 {
        let restarts = m == 1500 || m == 6400;
        minute([&mut restarted, &mut whole], m, &mut seed);
        if m % 7 == 0 || restarts {
            ledger.write(restarted.changed());
            whole_ledger.write(whole.changed());
        }
        if restarts {
            restarted = ledger.open(&objectives, at(m));
        }
        if m % 197 == 0 || restarts {
            ledger.serve(&mut restarted, at(m));
            whole_ledger.serve(&mut whole, at(m));
            assert_eq!(said(&restarted, at(m)), said(&whole, at(m)), "minute {m}");
        }
    }
}

#[test]
fn what_a_ledger_holds_of_others_is_left_out() {
    let mut book = Book::new(&[Arc::new(objective("a", 999_000))]);
    let one = Tally { raw: Counts { good: 1, expected: 1, ..Counts::default() }, ..Tally::default() };
    let series = |slo: &str, region: &str| SeriesKey { slo: slo.into(), region: region.into() };
    let day = WEDNESDAY.as_secs() / 86_400;
    let days = [series("a", "eu"), series("a", "mars"), series("b", "eu")].map(|series| Day {
        series,
        day,
        hours: vec![(0, one), (99, one)],
    });
    book.restore(days.to_vec(), vec![Block { series: series("c", ""), hour: day * 24, minutes: vec![(0, one)] }]);
    assert_eq!(book.evaluate(at(60))[0].budget.tally, one);
    assert_eq!(book.changed(), [], "it is there already");
}

/// What would have run, one by one, by minute.
fn due(timing: &Timing, spread: Duration, from: Timestamp, to: Timestamp) -> BTreeMap<i64, u64> {
    let mut minutes = BTreeMap::new();
    let mut now = from;
    while let Some(next) = timing.next_after(now, spread).filter(|next| *next <= to) {
        *minutes.entry(minute_of(next)).or_default() += 1;
        now = next;
    }
    minutes
}

/// The expected events of the first objective, by minute.
fn expected(book: &mut Book, region: &str) -> BTreeMap<i64, u64> {
    let blocks = book.changed().into_iter().filter(|block| *block.series.region == *region);
    let minutes = blocks.flat_map(|block| block.minutes.into_iter().map(move |(at, tally)| (block.hour, at, tally)));
    minutes.map(|(hour, at, tally)| (hour * 60 + i64::from(at), tally.raw.expected)).collect()
}

/// A book that has counted something long ago, so that it is known that its objectives existed.
fn known(mut slo: Objective, timing: Timing) -> Book {
    slo.members = vec![member("login", timing)];
    slo.window = Window::Rolling(DAY * 60);
    let mut book = Book::new(&[Arc::new(slo)]);
    let long_ago = WEDNESDAY - DAY * 59;
    book.outcome(&outcome("login", "eu", long_ago, Verdict::Good), false, long_ago);
    book.tick(long_ago + DAY);
    book.changed();
    book
}

#[test]
fn an_absence_counts_what_would_have_run() {
    let timings = [
        Timing::Every(Duration::from_secs(45)),
        Timing::Every(Duration::from_secs(3600)),
        Timing::cron("*/25 */3 * * * *", "Europe/Zurich").unwrap(),
    ];
    for timing in timings {
        let mut book = known(objective("a", 999_000), timing.clone());
        let (from, to) = (at(0), at(5 * 60 + 3));
        let counted = book.absent(from, to, &|_, _| false);
        for (region, spread) in ["eu", "us"].into_iter().zip(timing.spreads("login", 2)) {
            let all = due(&timing, spread, from, to);
            let sum = all.values().sum();
            let of = counted.iter().filter(|counted| *counted.series.region == *region).map(|counted| counted.counts);
            assert_eq!(of.sum::<Counts>(), Counts { expected: sum, ..Counts::default() });
        }
        let spread = timing.spreads("login", 2)[1];
        assert_eq!(expected(&mut book, "us"), due(&timing, spread, from, to), "{timing:?}, by minute");
        assert_eq!(book.absent(to, from, &|_, _| false), [], "a clock that went back");
    }
}

#[test]
fn a_long_absence_is_counted_in_steps_and_whole() {
    for (hours, step) in [(20, 5), (70, 15), (30 * 24, 60)] {
        let timing = Timing::Every(MINUTE);
        let mut book = known(objective("a", 999_000), timing.clone());
        let (from, to) = (at(0), at(hours * 60 + 3));
        book.absent(from, to, &|_, _| false);
        let mut expected_in_steps = BTreeMap::new();
        for (minute, times) in due(&timing, timing.spreads("login", 2)[0], from, to) {
            let begin = minute.div_euclid(step) * step;
            *expected_in_steps.entry(begin.max(minute_of(from))).or_default() += times;
        }
        assert_eq!(expected(&mut book, "eu"), expected_in_steps, "{hours}");
    }
}

#[test]
fn an_absence_in_maintenance_is_left_out_of_the_coverage() {
    let mut book = known(objective("a", 999_000), Timing::Every(MINUTE));
    let (from, to) = (WEDNESDAY, WEDNESDAY + MINUTE * 120);
    let maintenance = |probe: &str, moment: Timestamp| probe == "login" && moment >= WEDNESDAY + MINUTE * 60;
    book.absent(from, to, &maintenance);
    let tally = book.evaluate(to)[0].budget.tally;
    // The run long ago beside them.
    assert_eq!((tally.raw.expected, tally.adjusted().expected), (241, 121));
}

#[test]
fn an_absence_counts_ticks_once() {
    let mut slo = objective("up", 999_000);
    slo.aggregate = Aggregate::Uptime { quorum: 2 };
    let timing = Timing::Every(Duration::from_secs(120));
    let mut book = known(slo, timing.clone());
    let (from, to) = (WEDNESDAY, WEDNESDAY + Duration::from_secs(3600));
    let counted = book.absent(from, to, &|_, _| false);
    assert_eq!(counted.iter().map(|counted| counted.counts.expected).sum::<u64>(), 30);
}

#[test]
fn nothing_is_expected_of_an_objective_that_was_not_there() {
    let mut book = Book::new(&[Arc::new(objective("new", 999_000))]);
    assert_eq!(book.absent(at(0), at(60), &|_, _| false), []);
    assert_eq!(book.evaluate(at(60))[0].budget.coverage, None);
}

#[test]
fn very_many_changes_are_handed_out_in_portions_and_none_is_lost() {
    let objectives: Vec<_> = (0..150).map(|n| Arc::new(objective(&format!("slo-{n}"), 999_000))).collect();
    let mut book = Book::new(&objectives);
    for m in 0..24 * 60 {
        let now = at(m);
        book.outcome(&outcome("login", "eu", now, Verdict::Good), false, now);
        if m % 2 == 0 {
            book.missed(&check("login", "us"), 1, false, now);
        }
    }
    let portions: Vec<usize> = std::iter::from_fn(|| {
        let minutes = book.changed().iter().map(|block| block.minutes.len()).sum();
        (minutes > 0).then_some(minutes)
    })
    .collect();
    assert_eq!(portions.iter().sum::<usize>(), 150 * 24 * 90);
    assert!(portions.len() == 2 && portions[0] < ROOM + 60, "{portions:?}");
}
