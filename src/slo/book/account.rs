//! One objective with its counts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Counted;
use super::causes::Causes;
use super::spent::DAY;
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome};
use crate::slo::block::{Block, SeriesKey};
use crate::slo::burn::{Evaluation, TierReading};
use crate::slo::counts::{Counts, Tally};
use crate::slo::due::{minute_of, minute_start};
use crate::slo::objective::{ANY_EVENT_WINDOW, Aggregate, Member, Objective, Triggers};
use crate::slo::sli::{Event, Sli};
use crate::slo::spending::Cause;
use crate::slo::timeline::{self, Timeline};
use crate::slo::uptime::{Closed, Ticks};
use crate::slo::window::first_minute;

/// See the module.
#[derive(Debug)]
pub struct Account {
    objective: Arc<Objective>,
    /// By region, in configured order; one without a name for `uptime`.
    series: Vec<(Arc<str>, Timeline)>,
    /// One a member, for `uptime` only.
    ticks: Vec<Ticks>,
    /// How many events its whole window has. Kept, since cron takes a while to count.
    whole: f64,
    /// What its bad events were made of.
    pub(super) spent_on: Causes,
}

/// The regions in which events of that member happen.
fn event_regions<'a>(sli: &Sli, member: &'a Member) -> &'a [Arc<str>] {
    match sli {
        Sli::Propagation(_) if !member.covers.is_empty() => &member.covers,
        _ => &member.regions,
    }
}

/// Series without counts, and ticks, for an objective.
fn layout(objective: &Objective) -> (Vec<(Arc<str>, Timeline)>, Vec<Ticks>) {
    let regions = |member| event_regions(&objective.sli, member);
    if let Aggregate::Uptime { quorum } = objective.aggregate {
        let ticks = objective.members.iter().map(|member| Ticks::new(member, regions(member).to_vec(), quorum));
        return (vec![("".into(), Timeline::default())], ticks.collect());
    }
    let mut series: Vec<(Arc<str>, Timeline)> = Vec::new();
    for region in objective.members.iter().flat_map(regions) {
        if !series.iter().any(|(known, _)| known == region) {
            series.push((region.clone(), Timeline::default()));
        }
    }
    (series, Vec::new())
}

fn key(objective: &Objective, region: &Arc<str>) -> SeriesKey {
    SeriesKey { slo: objective.name.clone(), region: region.clone() }
}

/// The hours of a series that changed.
fn take(objective: &Objective, region: &Arc<str>, timeline: &mut Timeline, room: &mut usize, into: &mut Vec<Block>) {
    let changed = timeline.take_changed(room).into_iter();
    into.extend(changed.map(|(hour, minutes)| Block { series: key(objective, region), hour, minutes }));
}

impl Account {
    /// Of that objective, with the counts and open ticks of its predecessor as far as they still mean the same; also the
    /// unsaved hours of series that are gone.
    pub fn new(objective: Arc<Objective>, before: Option<Self>, counted: &mut Vec<Counted>) -> (Self, Vec<Block>) {
        let (mut series, mut ticks) = layout(&objective);
        let (mut gone, mut room) = (Vec::new(), usize::MAX);
        let whole = match &before {
            Some(before) if before.objective == objective => before.whole,
            _ => objective.expected_per(objective.window.period()),
        };
        let Some(mut before) = before else {
            return (Self { objective, series, ticks, whole, spent_on: Causes::default() }, gone);
        };
        for (region, mut timeline) in before.series {
            match series.iter_mut().find(|(own, _)| *own == region) {
                Some((_, own)) => *own = timeline,
                None => take(&objective, &region, &mut timeline, &mut room, &mut gone),
            }
        }
        let (mut closed, mut causes) = (Vec::new(), Vec::new());
        for (member, ticks) in objective.members.iter().zip(&mut ticks) {
            let mut old = before.objective.members.iter().zip(&mut before.ticks);
            if let Some((_, old)) = old.find(|(old, _)| old.probe == member.probe) {
                let of_old = ticks.follow(old);
                let minute = of_old.first().map(|(minute, _)| *minute);
                causes
                    .extend(minute.into_iter().flat_map(|minute| old.take_causes().map(move |cause| (minute, cause))));
                closed.extend(of_old);
            }
        }
        let mut account = Self { objective, series, ticks, whole, spent_on: before.spent_on };
        for (minute, (cause, excluded)) in causes {
            account.spent_on.add(minute.div_euclid(DAY), cause, excluded);
        }
        for (minute, closed) in closed {
            counted.extend(account.count(&"".into(), minute, closed.counts, closed.excluded));
        }
        (account, gone)
    }

    /// The objective's name.
    pub fn name(&self) -> &Arc<str> {
        &self.objective.name
    }

    /// What is promised.
    pub fn objective(&self) -> &Arc<Objective> {
        &self.objective
    }

    /// The counts of a region.
    pub fn timeline(&mut self, region: &str) -> Option<&mut Timeline> {
        self.series.iter_mut().find(|(own, _)| **own == *region).map(|(_, timeline)| timeline)
    }

    /// Whether nothing was ever counted.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|(_, timeline)| timeline.is_empty())
    }

    /// Counts events of a region, if it has such a series.
    pub fn count(&mut self, region: &Arc<str>, minute: i64, counts: Counts, excluded: bool) -> Option<Counted> {
        if counts.is_zero() {
            return None;
        }
        let tally = Tally { raw: counts, excluded: if excluded { counts } else { Counts::default() } };
        self.timeline(region)?.add(minute, tally);
        Some(Counted { series: key(&self.objective, region), counts })
    }

    /// See [`super::Book::outcome`].
    pub fn outcome(
        &mut self,
        member: usize,
        outcome: &Outcome,
        excluded: bool,
        now: Timestamp,
        counted: &mut Vec<Counted>,
    ) {
        let objective = self.objective.clone();
        if !objective.members[member].regions.contains(&outcome.check.region) {
            return;
        }
        let events = objective.sli.judge(outcome);
        if let Some(ticks) = self.ticks.get_mut(member) {
            let why = |region: &str| Cause { region: "".into(), ..Cause::of(&objective.sli, outcome, &region.into()) };
            let closed = ticks.event(outcome.scheduled, &events, &why, excluded, now);
            return self.close(closed, now, counted);
        }
        let minute = minute_of(now);
        for region in regions_of_run(&objective, member, &outcome.check) {
            let event = events.iter().find(|(of, _)| of == region).map_or(Event::Inconclusive, |(_, event)| *event);
            let one = self.count(region, minute, one(event), excluded);
            if event == Event::Bad && one.is_some() {
                let cause = Cause::of(&objective.sli, outcome, region);
                self.spent_on.add(minute.div_euclid(DAY), cause, excluded);
            }
            counted.extend(one);
        }
    }

    /// See [`super::Book::missed`].
    pub fn missed(
        &mut self,
        member: usize,
        check: &CheckLabels,
        times: u64,
        excluded: bool,
        now: Timestamp,
        counted: &mut Vec<Counted>,
    ) {
        let objective = self.objective.clone();
        let of = &objective.members[member];
        let mut dues = of.regions.iter().zip(&of.spreads);
        let Some((_, spread)) = dues.find(|(region, _)| **region == check.region) else { return };
        if let Some(ticks) = self.ticks.get_mut(member) {
            let closed = ticks.missed(*spread, times, excluded, now);
            return self.close(closed, now, counted);
        }
        let expected = Counts { expected: times, ..Counts::default() };
        for region in regions_of_run(&objective, member, check) {
            counted.extend(self.count(region, minute_of(now), expected, excluded));
        }
    }

    /// See [`super::Book::tick`].
    pub fn expire(&mut self, now: Timestamp, counted: &mut Vec<Counted>) {
        let closed: Vec<Closed> = self.ticks.iter_mut().flat_map(|ticks| ticks.expire(now)).collect();
        self.close(closed, now, counted);
    }

    fn close(&mut self, closed: Vec<Closed>, now: Timestamp, counted: &mut Vec<Counted>) {
        let minute = minute_of(now);
        let counts = closed.into_iter().filter_map(|tick| self.count(&"".into(), minute, tick.counts, tick.excluded));
        counted.extend(counts);
        for (cause, excluded) in self.ticks.iter_mut().flat_map(Ticks::take_causes) {
            self.spent_on.add(minute.div_euclid(DAY), cause, excluded);
        }
    }

    /// Its regions, in configured order; one without a name for `uptime`.
    pub fn regions(&self) -> impl Iterator<Item = &Arc<str>> {
        self.series.iter().map(|(region, _)| region)
    }

    /// The longest of its windows that are counted by minutes.
    fn longest(&self) -> Duration {
        self.objective.tiers().iter().map(|tier| tier.long).fold(ANY_EVENT_WINDOW, Duration::max)
    }

    /// The first hour whose minutes the shorter windows need, and the one in which the budget's begins.
    fn minutes_needed(&self, now: Timestamp) -> (i64, i64) {
        let first = timeline::hour_of(minute_start(first_minute(self.longest(), now)));
        (first, timeline::hour_of(self.objective.window.begin(now)))
    }

    /// The first hour of any window.
    pub fn first_hour(&self, now: Timestamp) -> i64 {
        let (first, edge) = self.minutes_needed(now);
        first.min(edge)
    }

    /// See [`super::Book::hours_wanted`].
    pub fn hours_wanted(&self, now: Timestamp) -> BTreeSet<i64> {
        let (first, edge) = self.minutes_needed(now);
        let last = timeline::hour_of(now);
        let of = |timeline: &Timeline| -> Vec<i64> {
            let unknown = timeline.unknown_hours(first, last).chain(timeline.unknown_hours(edge, edge));
            unknown.chain(timeline.unsettled_hours()).collect()
        };
        self.series.iter().flat_map(|(_, timeline)| of(timeline)).collect()
    }

    /// Forgets what no window needs.
    pub fn forget(&mut self, now: Timestamp) {
        let (first, edge) = self.minutes_needed(now);
        let longest = self.objective.window.longest().max(self.longest());
        let oldest = timeline::hour_of(minute_start(first_minute(longest, now)));
        self.series.iter_mut().for_each(|(_, timeline)| timeline.forget(first, edge, oldest));
        self.spent_on.forget(oldest.div_euclid(24));
    }

    /// See [`super::Book::changed`].
    pub fn take_changed(&mut self, room: &mut usize, into: &mut Vec<Block>) {
        let Self { objective, series, .. } = self;
        series.iter_mut().for_each(|(region, timeline)| take(objective, region, timeline, room, into));
    }

    /// What was counted from the minute `first` to the minute `last`, both included.
    pub fn sum(&self, first: i64, last: i64) -> Tally {
        let mut tally = Tally::default();
        self.series.iter().for_each(|(_, timeline)| tally += timeline.sum(first, last));
        tally
    }

    /// See [`super::Book::evaluate`]; `minute` is that of `now`.
    pub fn evaluate(&self, now: Timestamp, minute: i64) -> Evaluation {
        let since = self.objective.window.begin(now);
        let tally = self.sum(minute_of(since), minute);
        let within = |timeline: &Timeline, window| timeline.sum(first_minute(window, now), minute).adjusted();
        let all = |window| self.series.iter().map(|(_, timeline)| within(timeline, window)).sum::<Counts>();
        let tiers: Vec<TierReading> = match &self.objective.triggers {
            Triggers::AnyEvent(_) => vec![self.objective.any_event_reading(all(ANY_EVENT_WINDOW))],
            Triggers::Burn(tiers) => {
                tiers.iter().map(|tier| self.objective.tier_reading(tier, all(tier.long), all(tier.short))).collect()
            }
        };
        let first = self.objective.tiers().first().map_or(ANY_EVENT_WINDOW, |tier| tier.long);
        Evaluation {
            objective: self.objective.clone(),
            at: now,
            budget: self.objective.budget(since, tally, self.whole),
            tiers,
            regions: self.series.iter().map(|(region, timeline)| (region.clone(), within(timeline, first))).collect(),
            failing_since: self.failing_since(minute_of(since), minute, first),
        }
    }

    /// Back from the last bad minute to the first that has no other before it within `pause`.
    fn failing_since(&self, from: i64, to: i64, pause: Duration) -> Option<Timestamp> {
        let pause = i64::try_from(pause.as_secs() / 60).unwrap_or(i64::MAX);
        let (first, mut last) = (from.div_euclid(timeline::HOUR), to.div_euclid(timeline::HOUR));
        let mut begin: Option<i64> = None;
        let bad_hour =
            |last| self.series.iter().filter_map(|(_, timeline)| timeline.bad_hours(first, last).next()).max();
        while let Some(hour) = bad_hour(last) {
            let mut bits = self.series.iter().fold(0, |bits, (_, timeline)| bits | timeline.bad_minutes(hour));
            while bits != 0 {
                let at = 63 - bits.leading_zeros();
                bits ^= 1 << at;
                let minute = hour * timeline::HOUR + i64::from(at);
                if (from..=to).contains(&minute) {
                    match begin {
                        Some(begin) if begin - minute > pause => return Some(minute_start(begin)),
                        _ => begin = Some(minute),
                    }
                }
            }
            if begin.is_some_and(|begin| begin - hour * timeline::HOUR > pause) {
                break;
            }
            last = hour - 1;
        }
        begin.map(minute_start)
    }
}

/// The series of a run of that check, one a region; none, if it is not the member's.
pub(super) fn regions_of_run<'a>(objective: &'a Objective, member: usize, check: &CheckLabels) -> &'a [Arc<str>] {
    let member = &objective.members[member];
    let Some(own) = member.regions.iter().position(|region| *region == check.region) else { return &[] };
    match objective.sli {
        Sli::Propagation(_) if !member.covers.is_empty() => &member.covers,
        _ => &member.regions[own..=own],
    }
}

fn one(event: Event) -> Counts {
    let mut counts = Counts { expected: 1, ..Counts::default() };
    match event {
        Event::Good => counts.good = 1,
        Event::Bad => counts.bad = 1,
        Event::Inconclusive => counts.inconclusive = 1,
    }
    counts
}
