use std::collections::BTreeMap;

use super::*;

/// A small generator with a seed (SplitMix64): the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.unsigned_abs()) as i64
    }
}

fn counts(good: u64, bad: u64) -> Counts {
    Counts { good, bad, inconclusive: 0, expected: good + bad }
}

fn tally(good: u64, bad: u64) -> Tally {
    Tally { raw: counts(good, bad), excluded: Counts::default() }
}

/// Everything that was counted, by minute.
#[derive(Clone, Default)]
struct Naive(BTreeMap<i64, Tally>);

impl Naive {
    fn add(&mut self, minute: i64, tally: Tally) {
        *self.0.entry(minute).or_default() += tally;
    }

    fn sum(&self, first: i64, last: i64) -> Tally {
        let mut sum = Tally::default();
        if first <= last {
            self.0.range(first..=last).for_each(|(_, tally)| sum += *tally);
        }
        sum
    }

    fn hours(&self) -> BTreeMap<i64, Vec<(u8, Tally)>> {
        let mut hours: BTreeMap<i64, Vec<(u8, Tally)>> = BTreeMap::new();
        for (minute, tally) in &self.0 {
            hours.entry(minute.div_euclid(60)).or_default().push((minute.rem_euclid(60) as u8, *tally));
        }
        hours
    }
}

fn random_tally(random: &mut Random) -> Tally {
    let raw = Counts {
        good: random.below(4) as u64,
        // At times more than a byte holds.
        bad: if random.below(50) == 0 { random.below(400) as u64 } else { random.below(2) as u64 },
        inconclusive: random.below(2) as u64,
        expected: 1 + random.below(7) as u64,
    };
    Tally { raw, excluded: if random.below(8) == 0 { raw } else { Counts::default() } }
}

/// Days around the epoch, so that division must round down.
fn filled(random: &mut Random, events: usize) -> (Timeline, Naive) {
    let (mut timeline, mut naive) = (Timeline::default(), Naive::default());
    for _ in 0..events {
        let (minute, tally) = (random.below(9 * 1440) - 4 * 1440, random_tally(random));
        timeline.add(minute, tally);
        naive.add(minute, tally);
    }
    (timeline, naive)
}

fn compare(random: &mut Random, timeline: &Timeline, naive: &Naive, what: &str) {
    for _ in 0..300 {
        let first = random.below(10 * 1440) - 5 * 1440;
        let length = [1, 60, 300, 1440, 4320, 12_000][random.below(6) as usize];
        let last = first + random.below(length);
        assert_eq!(timeline.sum(first, last), naive.sum(first, last), "{what}: {first} to {last}");
    }
}

#[test]
fn any_window_sums_to_the_same_as_a_list_of_events() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let events = random.below(6000) as usize;
        let (timeline, naive) = filled(&mut random, events);
        compare(&mut random, &timeline, &naive, &format!("seed {seed}"));
    }
}

/// What changed goes to a ledger; another timeline takes over days, then minutes hour by hour in any order, while new counts
/// come in at any point: in the end both hold everything.
#[test]
fn a_restored_timeline_sums_to_the_same_whenever_counts_come_in_between() {
    for seed in 100..130 {
        let mut random = Random(seed);
        let (mut before, mut naive) = filled(&mut random, 3000);
        let ledger: BTreeMap<_, _> = before.take_changed(&mut usize::MAX.clone()).into_iter().collect();
        assert_eq!(ledger, naive.hours(), "seed {seed}: all that changed is there");
        let mut after = Timeline::default();
        let mut count = |random: &mut Random, after: &mut Timeline, times: i64| {
            for _ in 0..random.below(times) {
                let (minute, tally) = (random.below(9 * 1440) - 4 * 1440, random_tally(random));
                after.add(minute, tally);
                naive.add(minute, tally);
            }
        };
        count(&mut random, &mut after, 100);
        for (hour, block) in &ledger {
            let mut sum = Tally::default();
            block.iter().for_each(|(_, tally)| sum += *tally);
            after.restore_hour(*hour, sum);
        }
        count(&mut random, &mut after, 100);
        let mut wanted: Vec<i64> = after.unknown_hours(-10_000, 10_000).collect();
        while !wanted.is_empty() {
            let hour = wanted.swap_remove(random.below(wanted.len() as i64) as usize);
            after.restore_minutes(hour, &ledger[&hour]);
            if random.below(3) == 0 {
                after.restore_minutes(hour, &ledger[&hour]);
                count(&mut random, &mut after, 3);
            }
        }
        assert_eq!(after.unknown_hours(-10_000, 10_000).count(), 0);
        compare(&mut random, &after, &naive, &format!("seed {seed}"));
        // The ledger replaces whole hours: what it gets is whole.
        let mut ledger = ledger;
        ledger.extend(after.take_changed(&mut usize::MAX.clone()));
        assert_eq!(ledger, naive.hours(), "seed {seed}");
    }
}

#[test]
fn what_is_known_is_not_counted_twice() {
    let mut timeline = Timeline::default();
    timeline.restore_hour(10, tally(60, 0));
    timeline.restore_hour(10, tally(60, 0));
    timeline.restore_minutes(10, &[(0, tally(30, 0)), (59, tally(30, 0))]);
    timeline.restore_minutes(10, &[(0, tally(30, 0)), (59, tally(30, 0))]);
    timeline.restore_hour(10, tally(60, 0));
    timeline.add(605, tally(1, 0));
    timeline.restore_hour(10, tally(60, 0));
    assert_eq!(timeline.sum(600, 659).raw, counts(61, 0));
    assert_eq!(timeline.sum(600, 600).raw, counts(30, 0));
    // Given to the ledger: what it says of that hour from now on is our own.
    let mut own = Timeline::default();
    own.add(605, tally(1, 0));
    own.take_changed(&mut usize::MAX.clone());
    own.restore_hour(10, tally(1, 0));
    own.restore_minutes(10, &[(5, tally(1, 0))]);
    assert_eq!(own.sum(600, 659).raw, counts(1, 0));
}

#[test]
fn an_hour_counts_by_its_share_until_its_minutes_are_there() {
    let mut timeline = Timeline::default();
    let excluded = counts(12, 0);
    timeline.restore_hour(10, Tally { raw: counts(54, 6), excluded });
    assert_eq!(timeline.sum(600, 609), Tally { raw: Counts { expected: 10, ..counts(9, 1) }, excluded: counts(2, 0) });
    assert_eq!(timeline.sum(500, 700), Tally { raw: counts(54, 6), excluded });
    // A count beside it is known exactly, the rest still by share.
    timeline.add(605, tally(0, 100));
    assert_eq!(timeline.sum(600, 609).raw, counts(9, 101));
    assert_eq!(timeline.sum(610, 619).raw, counts(9, 1));
    assert_eq!(timeline.unsettled_hours().collect::<Vec<_>>(), [10]);
    assert_eq!(timeline.take_changed(&mut 1000), [], "half an hour must not replace a whole one");
    timeline.restore_minutes(10, &[(0, Tally { raw: counts(54, 6), excluded })]);
    assert_eq!(timeline.sum(600, 600), Tally { raw: counts(54, 6), excluded });
    assert_eq!(timeline.sum(601, 659).raw, counts(0, 100));
    let changed = timeline.take_changed(&mut 1000);
    assert_eq!(changed, [(10, vec![(0, Tally { raw: counts(54, 6), excluded }), (5, tally(0, 100))])]);
}

#[test]
fn minutes_are_forgotten_but_those_at_the_edge_and_those_not_saved() {
    let mut timeline = Timeline::default();
    for hour in [0, 1, 30, 60, 100] {
        timeline.add(hour * 60 + 7, Tally { raw: counts(1, 0), excluded: counts(1, 0) });
    }
    timeline.take_changed(&mut usize::MAX.clone());
    timeline.add(60 * 60 + 7, tally(1, 0));
    timeline.forget(80, 30, 1);
    let unknown: Vec<i64> = timeline.unknown_hours(0, 200).collect();
    assert_eq!(unknown, [0, 1], "30 is the edge, 60 waits for the ledger, 100 is recent");
    assert_eq!(timeline.sum(0, 200 * 60).raw, counts(6, 0), "days are forgotten whole");
    assert_eq!(timeline.sum(60, 119), Tally { raw: counts(1, 0), excluded: counts(1, 0) });
    timeline.forget(200, 100, 48);
    assert_eq!(timeline.sum(0, 200 * 60), Tally { raw: counts(3, 0), excluded: counts(2, 0) });
    assert_eq!(timeline.take_changed(&mut 1000), [], "after a day more nobody waits");
}

#[test]
fn bad_minutes_are_those_outside_maintenance() {
    let mut timeline = Timeline::default();
    timeline.add(3, tally(1, 0));
    timeline.add(5, tally(0, 1));
    timeline.add(59, tally(0, 300));
    timeline.add(7, Tally { raw: counts(0, 2), excluded: counts(0, 2) });
    timeline.add(8, Tally { raw: counts(0, 2), excluded: counts(0, 1) });
    timeline.add(25 * 60, Tally { raw: counts(0, 1), excluded: counts(0, 1) });
    assert_eq!(timeline.bad_minutes(0), 1 << 5 | 1 << 8 | 1 << 59);
    assert_eq!(timeline.bad_minutes(25), 0);
    assert_eq!(timeline.bad_hours(-100, 100).collect::<Vec<_>>(), [25, 0]);
    assert_eq!(timeline.bad_hours(1, 24).count(), 0);
    timeline.restore_hour(2, tally(0, 1));
    assert_eq!(timeline.bad_minutes(2).count_ones(), 60, "some minute, nobody knows which");
}

#[test]
fn counts_too_large_for_a_cell_saturate_and_do_not_panic() {
    let mut timeline = Timeline::default();
    let many = Counts { expected: u64::MAX, ..counts(300, 0) };
    for _ in 0..3 {
        timeline.add(0, Tally { raw: many, excluded: many });
    }
    assert_eq!(timeline.sum(0, 0).raw, Counts { expected: u32::MAX.into(), ..counts(900, 0) });
    assert_eq!(timeline.sum(i64::MIN, i64::MAX), timeline.sum(0, 0));
    assert_eq!(timeline.sum(1, 0), Tally::default());
}
