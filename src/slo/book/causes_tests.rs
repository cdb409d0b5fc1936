use super::*;
use crate::fault::{Blame, Class};

fn cause(class: Class, step: &str, region: &str) -> Cause {
    Cause { class: Some(class), blame: Some(class.blame()), step: step.into(), region: region.into() }
}

fn slow() -> Cause {
    Cause { class: None, blame: None, step: "token".into(), region: "eu".into() }
}

fn add(causes: &mut Causes, day: i64, cause: &Cause, times: u64, excluded: u64) {
    (0..times).for_each(|n| causes.add(day, cause.clone(), n < excluded));
}

/// The whole of a day and all later ones.
fn all(causes: &Causes, day: i64, last: i64) -> Vec<(Cause, u64, u64)> {
    window(causes, Edge { day, part: 1, whole: 1 }, last)
}

fn window(causes: &Causes, edge: Edge, last: i64) -> Vec<(Cause, u64, u64)> {
    causes.within(edge, last, |_| true).into_iter().map(|count| (count.cause, count.bad, count.excluded)).collect()
}

#[test]
fn days_add_up_and_the_most_comes_first() {
    let mut causes = Causes::default();
    let timeout = cause(Class::Timeout, "token", "eu");
    add(&mut causes, 10, &slow(), 2, 1);
    add(&mut causes, 11, &timeout, 5, 0);
    add(&mut causes, 12, &slow(), 1, 0);
    assert_eq!(all(&causes, 10, 12), [(timeout.clone(), 5, 0), (slow(), 3, 1)]);
    assert_eq!(all(&causes, 11, 12), [(timeout.clone(), 5, 0), (slow(), 1, 0)]);
    assert_eq!(all(&causes, 10, 11), [(timeout.clone(), 5, 0), (slow(), 2, 1)], "what lies ahead is no part");
    causes.forget(11);
    assert_eq!(all(&causes, 10, 12), [(timeout, 5, 0), (slow(), 1, 0)]);
    let own = causes.within(Edge { day: 10, part: 0, whole: 0 }, 12, |cause| cause.class.is_none());
    assert_eq!(own.len(), 1);
}

#[test]
fn of_the_first_day_each_cause_has_its_share_and_the_sum_is_right() {
    let mut causes = Causes::default();
    let [a, b, c] = [(Class::Timeout, 7), (Class::Dns, 5), (Class::HttpStatus, 1)].map(|(class, times)| {
        add(&mut causes, 10, &cause(class, "token", "eu"), times, times / 2);
        cause(class, "token", "eu")
    });
    add(&mut causes, 11, &c, 2, 0);
    for part in 0..=13 {
        let shared = window(&causes, Edge { day: 10, part, whole: 13 }, 10);
        assert_eq!(shared.iter().map(|(_, bad, _)| bad).sum::<u64>(), part, "{shared:?}");
        assert!(shared.iter().all(|(_, bad, excluded)| bad >= excluded));
    }
    // 7, 5 and 1 of 13, of which 6 are in: 3.2, 2.3 and 0.5.
    let edge = Edge { day: 10, part: 6, whole: 13 };
    assert_eq!(window(&causes, edge, 11), [(a, 3, 1), (c, 3, 0), (b, 2, 1)]);
    // Of 26 bad events half were counted before causes were: so it is of the 12 that are in.
    let part = window(&causes, Edge { day: 10, part: 12, whole: 26 }, 10);
    assert_eq!(part.iter().map(|(_, bad, _)| bad).sum::<u64>(), 6);
    let huge = Edge { day: 10, part: u64::MAX - 1, whole: u64::MAX };
    assert_eq!(window(&causes, huge, 10).iter().map(|(_, bad, _)| bad).sum::<u64>(), 13);
}

#[test]
fn many_causes_of_a_day_lose_what_makes_them_many() {
    let mut causes = Causes::default();
    for n in 0..300 {
        causes.add(10, cause(Class::Timeout, "token", &format!("region-{n}")), false);
    }
    causes.add(10, cause(Class::Dns, "token", "eu"), true);
    causes.add(10, cause(Class::Timeout, "token", "region-7"), false);
    let found = all(&causes, 10, 10);
    assert_eq!(found.len(), 202);
    assert_eq!(found[0], (cause(Class::Timeout, "", ""), 100, 0));
    assert_eq!(found[1], (cause(Class::Timeout, "token", "region-7"), 2, 0), "what is known still is");
    assert!(found.contains(&(cause(Class::Dns, "", ""), 1, 1)));
    assert_eq!(found.iter().map(|(_, bad, _)| bad).sum::<u64>(), 302);
    (0..2000).for_each(|day| causes.add(day, slow(), false));
    assert_eq!(causes.days.len(), 400, "whatever the clock does");
}

fn row(day: i64, cause: &Cause, bad: u64) -> (i64, CauseCount) {
    (day, CauseCount { cause: cause.clone(), bad, excluded: 0 })
}

#[test]
fn what_the_ledger_has_is_taken_over_once_and_told_of_what_is_new() {
    let (mut causes, timeout) = (Causes::default(), cause(Class::Timeout, "token", "eu"));
    add(&mut causes, 11, &timeout, 2, 0);
    assert_eq!(causes.take_changed(), [], "not before it was read");
    causes.restore(10, [row(10, &timeout, 5), row(11, &timeout, 1), row(9, &slow(), 9)].into_iter());
    assert_eq!(all(&causes, 9, 11), [(timeout.clone(), 8, 0)]);
    assert_eq!(causes.take_changed(), [row(11, &timeout, 2)], "what it adds to what it has");
    assert_eq!(causes.take_changed(), []);
    // The window became longer.
    causes.restore(8, [row(8, &slow(), 1), row(9, &slow(), 9), row(10, &timeout, 5), row(11, &timeout, 3)].into_iter());
    causes.restore(10, [row(10, &timeout, 5)].into_iter());
    assert_eq!(all(&causes, 8, 11), [(slow(), 10, 0), (timeout.clone(), 8, 0)]);
    add(&mut causes, 11, &slow(), 1, 1);
    let mut one = row(11, &slow(), 1);
    one.1.excluded = 1;
    assert_eq!(causes.take_changed(), [one]);
}

#[test]
fn days_that_were_forgotten_are_taken_over_again_when_the_window_becomes_longer() {
    let (mut causes, timeout) = (Causes::default(), cause(Class::Timeout, "token", "eu"));
    let ledger = || [row(8, &timeout, 1), row(9, &timeout, 2), row(10, &timeout, 4), row(11, &timeout, 8)].into_iter();
    causes.restore(8, ledger());
    causes.forget(11);
    assert_eq!(all(&causes, 8, 11), [(timeout.clone(), 8, 0)]);
    causes.restore(9, ledger());
    assert_eq!(all(&causes, 8, 11), [(timeout.clone(), 14, 0)], "each day once");
    causes.forget(7);
    causes.restore(8, ledger());
    assert_eq!(all(&causes, 8, 11), [(timeout.clone(), 15, 0)], "what was not there is not forgotten");
    // As many days as fit push out the first, which may be read again then.
    (12..411).for_each(|day| causes.add(day, slow(), false));
    assert_eq!(causes.days.first_key_value().map(|(day, _)| *day), Some(11));
    assert_eq!(causes.known_from, Some(11));
}

#[test]
fn the_most_frequent_is_always_the_same() {
    let (a, b) = (cause(Class::Timeout, "token", ""), cause(Class::Dns, "token", ""));
    assert_eq!(most_frequent(&[]), None);
    assert_eq!(most_frequent(&[a.clone(), b.clone(), a.clone()]), Some(a.clone()));
    assert_eq!(most_frequent(&[a.clone(), b.clone()]), most_frequent(&[b, a]));
    assert_eq!(Class::Timeout.blame(), Blame::Network);
}
