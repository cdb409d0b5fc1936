//! What would have run while the process did not, by stretches of time rather than run by run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Counted;
use super::account::{Account, regions_of_run};
use crate::clock::Timestamp;
use crate::outcome::CheckLabels;
use crate::schedule::Timing;
use crate::slo::block::SeriesKey;
use crate::slo::counts::Counts;
use crate::slo::due::{self, minute_of, minute_start};
use crate::slo::objective::{Aggregate, Member, Objective};

/// The longest absence (minutes) that is counted in steps of so many; a longer one hour by hour. All divide an hour.
const STEPS: [(i64, i64); 3] = [(6 * 60, 1), (30 * 60, 5), (90 * 60, 15)];

type Excluded<'a> = &'a dyn Fn(&str, Timestamp) -> bool;

/// A stretch of time: what was due in it counts in its first minute.
#[derive(Clone, Copy)]
struct Slot {
    minute: i64,
    /// After that moment …
    from: Timestamp,
    /// … up to that one.
    to: Timestamp,
}

fn slots(from: Timestamp, to: Timestamp) -> Vec<Slot> {
    let (first, last) = (minute_of(from), minute_of(to));
    let step = STEPS.iter().find(|(longest, _)| last - first <= *longest).map_or(60, |(_, step)| *step);
    let mut slots = Vec::new();
    let mut begin = first.div_euclid(step) * step;
    while begin <= last {
        let before = |minute| Timestamp::from_nanos(minute_start(minute).as_nanos().saturating_sub(1));
        let slot = Slot { minute: begin.max(first), from: from.max(before(begin)), to: to.min(before(begin + step)) };
        slots.push(slot);
        begin += step;
    }
    slots
}

/// Counts it; see [`super::Book::absent`].
pub fn count<'a>(
    accounts: impl Iterator<Item = &'a mut Account>,
    from: Timestamp,
    to: Timestamp,
    excluded: Excluded<'_>,
) -> Vec<Counted> {
    let mut counted = Vec::new();
    let mut known = Known { excluded, by_probe: HashMap::new() };
    for account in accounts {
        // Before that nobody asks.
        let oldest = minute_start(account.first_hour(to).saturating_mul(60));
        let from = from.max(oldest);
        if from >= to {
            continue;
        }
        let objective = account.objective().clone();
        for member in 0..objective.members.len() {
            count_member(account, &objective, member, (from, to), &mut known, &mut counted);
        }
    }
    counted
}

/// What was worked out for a probe already, by where it begins (several objectives ask the same).
struct Known<'a> {
    excluded: Excluded<'a>,
    by_probe: HashMap<(Arc<str>, Timestamp), Arc<OfProbe>>,
}

struct OfProbe {
    slots: Vec<Slot>,
    /// By slot: whether it lies in maintenance.
    excluded: Vec<bool>,
    /// By slot, for cron: how many runs a region has.
    cron: Option<Vec<u64>>,
}

impl Known<'_> {
    fn of(&mut self, member: &Member, from: Timestamp, to: Timestamp) -> Arc<OfProbe> {
        let excluded = self.excluded;
        let key = (member.probe.clone(), from);
        let work = || {
            let slots = slots(from, to);
            let excluded =
                slots.iter().map(|slot| excluded(&member.probe, minute_start(slot.minute).max(from))).collect();
            let cron = matches!(member.timing, Timing::Cron(_)).then(|| cron_runs(&member.timing, &slots, from, to));
            Arc::new(OfProbe { slots, excluded, cron })
        };
        self.by_probe.entry(key).or_insert_with(work).clone()
    }
}

fn cron_runs(timing: &Timing, slots: &[Slot], from: Timestamp, to: Timestamp) -> Vec<u64> {
    let mut runs = vec![0; slots.len()];
    due::by_minute(timing, Duration::ZERO, from, to, |minute, times| {
        let after = slots.partition_point(|slot| slot.minute <= minute);
        if let Some(runs) = after.checked_sub(1).and_then(|at| runs.get_mut(at)) {
            *runs += times;
        }
    });
    runs
}

fn count_member(
    account: &mut Account,
    objective: &Objective,
    member: usize,
    (from, to): (Timestamp, Timestamp),
    known: &mut Known<'_>,
    counted: &mut Vec<Counted>,
) {
    let of = &objective.members[member];
    let known = known.of(of, from, to);
    for (spread, series) in checks(objective, member) {
        let mut sum = Counts::default();
        for (at, slot) in known.slots.iter().enumerate() {
            let runs = match (&of.timing, &known.cron) {
                (Timing::Every(period), _) => due::every(*period, spread, slot.from, slot.to),
                (Timing::Cron(_), cron) => cron.as_ref().map_or(0, |cron| cron[at]),
            };
            let counts = Counts { expected: runs, ..Counts::default() };
            for region in &series {
                account.count(region, slot.minute, counts, known.excluded[at]);
            }
            sum += counts;
        }
        for region in series.into_iter().filter(|_| !sum.is_zero()) {
            counted.push(Counted { series: SeriesKey { slo: objective.name.clone(), region }, counts: sum });
        }
    }
}

/// The checks of a member: the spread of each, and in which series its runs are events. A tick is expected once, at the time
/// of its last region: one that the restart cut in two is then counted once.
fn checks(objective: &Objective, member: usize) -> Vec<(Duration, Vec<Arc<str>>)> {
    let of = &objective.members[member];
    let check = |region: &Arc<str>| CheckLabels {
        probe: of.probe.clone(),
        kind: of.kind,
        provider: objective.provider.clone(),
        client: "".into(),
        region: region.clone(),
    };
    match objective.aggregate {
        Aggregate::Uptime { .. } => of.spreads.iter().max().map(|last| (*last, vec!["".into()])).into_iter().collect(),
        Aggregate::Reachability => of
            .regions
            .iter()
            .zip(&of.spreads)
            .map(|(region, spread)| (*spread, regions_of_run(objective, member, &check(region)).to_vec()))
            .collect(),
    }
}
