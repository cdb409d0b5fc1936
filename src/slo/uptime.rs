//! Ticks of several regions: good if a quorum of them succeeded, bad if a quorum no longer can, else unknown. A region that
//! is missing is missing, not failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::book::causes::most_frequent;
use super::counts::Counts;
use super::due;
use super::objective::Member;
use super::sli::Event;
use super::spending::Cause;
use crate::clock::Timestamp;
use crate::schedule::Timing;

/// The most ticks of a probe that are held at once.
const MOST: usize = 1024;
/// How much longer than its period and the timeout a tick waits for its regions.
const PATIENCE: Duration = Duration::from_secs(60);
/// A clock that goes back further than this was put back.
const STEP: Duration = Duration::from_secs(1);
/// How far back the due times of a cron expression that were missed are looked for.
const LOOK_BACK: Duration = Duration::from_secs(366 * 86_400);

/// What a tick that is over adds to the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// One expected event for each tick, and what it was.
    pub counts: Counts,
    /// Whether it lay in maintenance.
    pub excluded: bool,
}

/// The ticks of one probe that may still change.
#[derive(Clone, Debug)]
pub struct Ticks {
    regions: Vec<Arc<str>>,
    quorum: usize,
    timing: Timing,
    timeout: Duration,
    /// By the moment they begin.
    held: BTreeMap<Timestamp, Tick>,
    /// Up to there all are over and forgotten.
    over: Option<Timestamp>,
    now: Timestamp,
    /// Of each tick that was closed as bad since they were asked for: what most of its bad runs failed of, and whether it lay
    /// in maintenance.
    causes: Vec<(Cause, bool)>,
}

#[derive(Clone, Debug, Default)]
struct Tick {
    /// By region; `None`: nothing was heard from it.
    events: Vec<Option<Event>>,
    /// Why those were bad that were.
    why: Vec<Cause>,
    excluded: bool,
    /// It is counted already: later events change nothing.
    closed: bool,
}

impl Ticks {
    /// Of that probe, seen from `regions`. With fewer regions than the quorum nothing can be told.
    pub fn new(member: &Member, regions: Vec<Arc<str>>, quorum: u32) -> Self {
        Self {
            regions,
            quorum: usize::try_from(quorum).unwrap_or(usize::MAX),
            timing: member.timing.clone(),
            timeout: member.timeout,
            held: BTreeMap::new(),
            over: None,
            now: Timestamp::from_nanos(i64::MIN),
            causes: Vec::new(),
        }
    }

    /// Takes the place of others: goes on with theirs if they mean the same; else these are closed, and what they count is
    /// returned with its minute.
    pub fn follow(&mut self, before: &mut Self) -> Vec<(i64, Closed)> {
        if self.is_like(before) {
            std::mem::swap(self, before);
            return Vec::new();
        }
        let minute = due::minute_of(before.now);
        let closed = before.close_all().into_iter().map(|closed| (minute, closed)).collect();
        if self.timing == before.timing {
            // The same ticks: those that are over stay so.
            (self.over, self.now) = (before.over, before.now);
        }
        closed
    }

    /// Whether these ticks mean the same as others.
    fn is_like(&self, other: &Self) -> bool {
        (&self.regions, self.quorum, &self.timing, self.timeout)
            == (&other.regions, other.quorum, &other.timing, other.timeout)
    }

    /// When the tick begins to which a due time belongs: with a period that of all regions, whatever their spread is.
    fn tick_of(&self, due: Timestamp) -> Timestamp {
        match &self.timing {
            Timing::Every(period) => {
                let period = i64::try_from(period.as_nanos()).unwrap_or(i64::MAX).max(1);
                Timestamp::from_nanos(due.as_nanos().div_euclid(period).saturating_mul(period))
            }
            Timing::Cron(_) => due,
        }
    }

    fn deadline(&self, tick: Timestamp) -> Timestamp {
        let period = match &self.timing {
            Timing::Every(period) => *period,
            Timing::Cron(_) => Duration::ZERO,
        };
        tick + period + self.timeout + PATIENCE
    }

    /// Why ticks were bad that were closed since the last call, and whether they lay in maintenance.
    pub fn take_causes(&mut self) -> impl Iterator<Item = (Cause, bool)> + use<> {
        std::mem::take(&mut self.causes).into_iter()
    }

    /// Takes in what the run that was due then said of some regions; `why` says what of one was bad.
    pub fn event(
        &mut self,
        scheduled: Timestamp,
        events: &[(Arc<str>, Event)],
        why: &dyn Fn(&str) -> Cause,
        excluded: bool,
        now: Timestamp,
    ) -> Vec<Closed> {
        let mut closed = self.expire(now);
        let key = self.tick_of(scheduled);
        if self.over.is_some_and(|over| key <= over) {
            return closed;
        }
        let (regions, quorum) = (&self.regions, self.quorum);
        let tick = self.held.entry(key).or_insert_with(|| Tick::of(regions.len()));
        for (region, event) in events {
            if let Some(at) = regions.iter().position(|own| own == region) {
                if *event == Event::Bad && tick.events[at].is_none() && !tick.closed {
                    tick.why.push(why(region));
                }
                tick.events[at].get_or_insert(*event);
            }
        }
        tick.excluded |= excluded;
        if !tick.closed && tick.is_decided(quorum) {
            closed.push(tick.close(quorum, &mut self.causes));
        }
        closed.extend(self.limit());
        closed
    }

    /// Takes in that the last so many runs that were due in that region, up to now, did not take place.
    pub fn missed(&mut self, spread: Duration, times: u64, excluded: bool, now: Timestamp) -> Vec<Closed> {
        let mut closed = self.expire(now);
        let (recent, before) = self.last_due(spread, times, now);
        if before > 0 {
            // Too long ago for any region to be heard of.
            let counts = Counts { expected: before, ..Counts::default() };
            closed.push(Closed { counts, excluded });
        }
        for due in recent {
            let key = self.tick_of(due);
            if self.over.is_none_or(|over| key > over) {
                let regions = self.regions.len();
                self.held.entry(key).or_insert_with(|| Tick::of(regions)).excluded |= excluded;
            }
        }
        closed.extend(self.limit());
        closed.extend(self.expire(now));
        closed
    }

    /// The last due times up to now, `times` of them: those whose ticks may still change, and how many ticks lie before and
    /// were not counted yet. These count as over from now on.
    fn last_due(&mut self, spread: Duration, times: u64, now: Timestamp) -> (Vec<Timestamp>, u64) {
        let most = MOST as u64;
        let Timing::Every(period) = self.timing else {
            return (self.last_due_of_cron(usize::try_from(times.min(most)).unwrap_or(MOST), now), 0);
        };
        let Some(last) = self.timing.next_after(now - period, spread).filter(|due| *due <= now) else {
            return (Vec::new(), 0);
        };
        let back = |n: u64| last - period.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
        let recent: Vec<_> = (0..times.min(most)).map(back).collect();
        if times <= most {
            return (recent, 0);
        }
        let (first, newest) = (self.tick_of(back(times - 1)), self.tick_of(back(most)));
        let after = self.over.map_or(first - period, |over| over.max(first - period));
        let before = due::every(period, Duration::ZERO, after, newest);
        // What is held of them is closed on its own.
        let held = self.held.range(..=newest).filter(|(key, _)| **key > after).count() as u64;
        self.over = Some(self.over.map_or(newest, |over| over.max(newest)));
        (recent, before.saturating_sub(held))
    }

    fn last_due_of_cron(&self, times: usize, now: Timestamp) -> Vec<Timestamp> {
        let mut back = PATIENCE;
        loop {
            let mut due: Vec<Timestamp> = Vec::new();
            let mut at = now - back;
            while let Some(next) = self.timing.next_after(at, Duration::ZERO).filter(|next| *next <= now) {
                due.push(next);
                at = next;
            }
            if due.len() >= times || back >= LOOK_BACK {
                return due.split_off(due.len().saturating_sub(times));
            }
            back = back.saturating_mul(2);
        }
    }

    /// Closes what no region will complete any more.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Closed> {
        let mut closed = Vec::new();
        if self.now.since(now) > STEP {
            // Put back: the same ticks will come again, as other ones.
            closed.extend(self.close_all());
            self.over = None;
        }
        self.now = now;
        while let Some((&key, _)) = self.held.first_key_value()
            && self.deadline(key) < now
        {
            closed.extend(self.close_first());
        }
        closed
    }

    /// Closes everything as it stands.
    pub fn close_all(&mut self) -> Vec<Closed> {
        std::iter::from_fn(|| (!self.held.is_empty()).then(|| self.close_first())).flatten().collect()
    }

    fn limit(&mut self) -> Vec<Closed> {
        let surplus = self.held.len().saturating_sub(MOST);
        (0..surplus).filter_map(|_| self.close_first()).collect()
    }

    fn close_first(&mut self) -> Option<Closed> {
        let (key, mut tick) = self.held.pop_first()?;
        self.over = Some(self.over.map_or(key, |over| over.max(key)));
        (!tick.closed).then(|| tick.close(self.quorum, &mut self.causes))
    }
}

impl Tick {
    fn of(regions: usize) -> Self {
        Self { events: vec![None; regions], ..Self::default() }
    }

    fn count(&self, event: Event) -> usize {
        self.events.iter().filter(|seen| **seen == Some(event)).count()
    }

    fn verdict(&self, quorum: usize) -> Event {
        if self.count(Event::Good) >= quorum {
            Event::Good
        } else if self.events.len() >= quorum && self.events.len() - self.count(Event::Bad) < quorum {
            Event::Bad
        } else {
            Event::Inconclusive
        }
    }

    fn is_decided(&self, quorum: usize) -> bool {
        self.verdict(quorum) != Event::Inconclusive || self.events.iter().all(Option::is_some)
    }

    fn close(&mut self, quorum: usize, causes: &mut Vec<(Cause, bool)>) -> Closed {
        self.closed = true;
        let why = std::mem::take(&mut self.why);
        let mut counts = Counts { expected: 1, ..Counts::default() };
        match self.verdict(quorum) {
            Event::Good => counts.good = 1,
            Event::Bad => {
                counts.bad = 1;
                causes.extend(most_frequent(&why).map(|cause| (cause, self.excluded)));
            }
            // Nobody ran: expected, no more.
            Event::Inconclusive => counts.inconclusive = u64::from(self.events.iter().any(Option::is_some)),
        }
        Closed { counts, excluded: self.excluded }
    }
}

#[cfg(test)]
#[path = "uptime_tests.rs"]
mod tests;
