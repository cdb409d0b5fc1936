//! The loop of events: what the scheduling task and the judge's thread do in the daemon, on a clock that jumps.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::setup::Setup;
use super::site::Site;
use super::weather::{Climate, Weather};
use crate::alert::machine::Change;
use crate::alert::{self, Alert};
use crate::clock::Timestamp;
use crate::judge::state::{Judged, State};
use crate::judge::work::{EVERY, HURRY};
use crate::outcome::{Trigger, Verdict};
use crate::plan::Plan;
use crate::runner::agenda::Agenda;
use crate::runner::lane::Lane;
use crate::slo::{Severity, Tier};

/// The least time between two looks that the detectors ask for.
const LEAST: Duration = Duration::from_millis(10);
/// An evaluation is not left out for longer: the book tidies itself up once an hour.
const TIDY: Duration = Duration::from_secs(3600);
/// A window of burn rates has at least this share of the runs that its length would have (whole minutes, late runs).
const FULL: f64 = 0.9;
const MINUTE: Duration = Duration::from_secs(60);
/// How long after a blip of the provider an alert still is about it.
const AFTER: Duration = Duration::from_secs(120);

/// The alerting rules that stand side by side, and the ticket beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Burn rates over two windows, no guard: page tiers.
    Raw,
    /// `AuthSLOBurn`: the same with the guard for small samples.
    Guarded,
    /// `AuthOutage`.
    Outage,
    /// `AuthRegionDown`, a ticket.
    RegionDown,
}

/// A rule began to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Which.
    pub rule: Rule,
    /// When.
    pub at: Timestamp,
    /// Within a blip of the provider, or [`AFTER`] it.
    pub about_restart: bool,
}

/// See the module.
pub struct World {
    pub site: Site,
    /// Who fired since somebody looked.
    pub fired: Vec<Fired>,
    /// How often everything was evaluated.
    pub evaluations: u64,
    state: State,
    agenda: Agenda<Arc<Lane>>,
    now: Timestamp,
    /// When the judge evaluates next.
    due: Timestamp,
    /// When it last did.
    looked: Timestamp,
    /// When the detectors want to be asked.
    wake: Option<Timestamp>,
    thrift: Thrift,
    /// Whether each page tier burns without a guard.
    raw: Vec<bool>,
}

impl World {
    /// From `now` on; nothing has happened yet. `thrifty`: evaluations that cannot change anything are left out.
    pub fn new(
        setup: &Setup,
        plan: &Plan,
        climate: Climate,
        seed: u64,
        now: Timestamp,
        thrifty: bool,
    ) -> Result<Self, String> {
        let site = Site::new(plan, Weather::new(climate, now, seed));
        let tiers: Vec<Tier> = plan.objectives.iter().flat_map(|objective| objective.tiers()).cloned().collect();
        let allowed_ppm = plan.objectives.first().map_or(0, |objective| objective.allowed_ppm());
        Ok(Self {
            agenda: Agenda::new(site.lanes.clone(), now),
            raw: vec![false; tiers.len()],
            thrift: Thrift::new(thrifty, &tiers, allowed_ppm, site.lanes.len(), now),
            state: setup.state(plan, now)?,
            site,
            fired: Vec::new(),
            evaluations: 0,
            now,
            due: now + EVERY,
            looked: now,
            wake: None,
        })
    }

    /// Whether any rule fires, or waits, now.
    pub fn is_alarmed(&self) -> bool {
        self.thrift.alarmed
    }

    /// Lives until then.
    pub fn advance(&mut self, to: Timestamp) {
        loop {
            let tick = self.thrift.is_restless(self.now).then_some(self.due);
            let next = [self.agenda.next(), self.site.next_end(), self.wake, tick].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= to) else { break };
            self.pass(next);
            self.happen();
        }
        self.pass(to);
    }

    /// Nothing happens until then but evaluations that change nothing.
    fn pass(&mut self, to: Timestamp) {
        self.now = to;
        if self.due < to {
            let late = to.since(self.due).as_nanos().div_ceil(EVERY.as_nanos());
            self.due = self.due + EVERY * u32::try_from(late).unwrap_or(u32::MAX);
        }
    }

    /// Everything that happens now.
    fn happen(&mut self) {
        let now = self.now;
        while let Some(outcome) = self.site.land(now) {
            if outcome.trigger == Trigger::Scheduled {
                self.thrift.counted(outcome.verdict == Verdict::Bad, now);
            }
            self.state.outcome(outcome, now);
        }
        while let Some(came) = self.agenda.pop(now) {
            let lane = came.what.clone();
            if came.run && self.site.schedule(&lane, came.scheduled, now) {
                self.state.detect.started(&lane.check.labels, now);
            } else {
                self.state.missed(&lane.check.labels, 1, now);
            }
        }
        let site = &mut self.site;
        let news = self.state.confirm(false, now, &mut |check| site.confirm(check, now));
        if self.state.hurries() {
            self.due = self.due.min((self.looked + HURRY).max(now));
        }
        if news || self.due <= now {
            (self.due, self.looked) = (now + EVERY, now);
            if news || self.thrift.may_change(now) {
                self.evaluate();
            }
        }
        self.wake = self.state.detect.next().map(|next| next.max(now + LEAST));
    }

    fn evaluate(&mut self) {
        let now = self.now;
        self.evaluations += 1;
        let judged = self.state.evaluate(now, &[], false, None);
        for change in &judged.changes {
            if let Change::Fired(alert) = change
                && let Some(rule) = rule_of(alert)
            {
                self.fires(rule);
            }
        }
        self.look_at_raw(&judged);
        self.thrift.evaluated(&judged.alerts, self.raw.contains(&true), now);
    }

    /// What the rule of the book would say, from the same numbers (SRE workbook ch. 5, "multiwindow, multi-burn-rate").
    fn look_at_raw(&mut self, judged: &Judged) {
        let Some(evaluation) = judged.evaluations.first() else { return };
        let tiers = evaluation.objective.tiers().iter().zip(&evaluation.tiers);
        let mut begin = 0;
        for ((tier, reading), burns) in
            tiers.zip(&mut self.raw).filter(|((tier, _), _)| tier.severity == Severity::Page)
        {
            let factor = tier.factor_milli as f64 / 1000.0;
            let over = |burn: Option<f64>| burn.is_some_and(|burn| burn > factor);
            let before = std::mem::replace(burns, over(reading.long.burn) && over(reading.short.burn));
            begin += usize::from(*burns && !before);
        }
        (0..begin).for_each(|_| self.fires(Rule::Raw));
    }

    fn fires(&mut self, rule: Rule) {
        let about_restart = self.site.weather.restarted(self.now, AFTER);
        self.fired.push(Fired { rule, at: self.now, about_restart });
    }
}

/// Whose alert it is; `None`: one that is not compared here.
fn rule_of(alert: &Alert) -> Option<Rule> {
    let severity = alert.labels.get("severity").map(String::as_str);
    match (alert.name(), severity == Some(Severity::Page.as_str())) {
        ("AuthSLOBurn", true) => Some(Rule::Guarded),
        ("AuthOutage", true) => Some(Rule::Outage),
        ("AuthRegionDown", _) => Some(Rule::RegionDown),
        _ => None,
    }
}

/// Knows which evaluations cannot change anything that is looked at: years would take hours otherwise.
///
/// A burn alert can begin only while its windows hold enough failures, and then only after another failure or at a full
/// minute (windows are whole minutes; good runs only dilute). It can end only after a run or at a full minute. Detectors
/// say themselves when they have news. While one of their alerts waits for something, every evaluation is made.
#[derive(Debug)]
struct Thrift {
    thrifty: bool,
    /// By page tier: the windows, and how many failures the long one needs at least.
    needs: Vec<(Duration, Duration, usize)>,
    longest: Duration,
    /// The failed scheduled runs of the longest window.
    failed: VecDeque<Timestamp>,
    last: Timestamp,
    /// Since the last evaluation: whether any run was counted, whether a failed one was.
    any: bool,
    bad: bool,
    /// As of the last evaluation: whether anything that is looked at fires or waits, and whether it waits.
    alarmed: bool,
    waiting: bool,
}

impl Thrift {
    fn new(thrifty: bool, tiers: &[Tier], allowed_ppm: u32, checks: usize, now: Timestamp) -> Self {
        let need = |tier: &Tier| {
            let runs = checks as f64 * tier.long.as_secs_f64() / MINUTE.as_secs_f64() * FULL;
            // Above the threshold; no more than a few hundred.
            let least = (runs * tier.threshold(allowed_ppm)).floor() as usize + 1;
            (tier.long, tier.short, least)
        };
        let needs: Vec<_> = tiers.iter().filter(|tier| tier.severity == Severity::Page).map(need).collect();
        Self {
            thrifty,
            longest: needs.iter().map(|(long, ..)| *long).max().unwrap_or_default(),
            needs,
            failed: VecDeque::new(),
            last: now,
            any: false,
            bad: false,
            alarmed: false,
            waiting: false,
        }
    }

    fn counted(&mut self, bad: bool, now: Timestamp) {
        self.any = true;
        if bad {
            self.bad = true;
            self.failed.push_back(now);
            while self.failed.front().is_some_and(|oldest| now.since(*oldest) > self.longest + MINUTE) {
                self.failed.pop_front();
            }
        }
    }

    fn evaluated(&mut self, alerts: &[Alert], raw: bool, now: Timestamp) {
        let watched = |alert: &&Alert| rule_of(alert).is_some();
        let is = |alert: &Alert, states: &[alert::State]| states.contains(&alert.state);
        let mut watched = alerts.iter().filter(watched);
        self.waiting = watched.clone().any(|alert| is(alert, &[alert::State::Pending, alert::State::Resolving]));
        self.alarmed = raw || self.waiting || watched.any(|alert| is(alert, &[alert::State::Firing]));
        (self.last, self.any, self.bad) = (now, false, false);
    }

    /// Whether enough failed for any page tier.
    fn could_burn(&self, now: Timestamp) -> bool {
        let within = |window: Duration| {
            let old = self.failed.partition_point(|at| now.since(*at) > window + MINUTE);
            self.failed.len() - old
        };
        self.needs
            .iter()
            .any(|(long, short, least)| self.failed.len() >= *least && within(*short) > 0 && within(*long) >= *least)
    }

    /// Whether evaluations may matter, even if nothing happens.
    fn is_restless(&self, now: Timestamp) -> bool {
        !self.thrifty || self.alarmed || self.could_burn(now)
    }

    /// Whether an evaluation now could say anything else than the last one.
    fn may_change(&self, now: Timestamp) -> bool {
        let minute = |at: Timestamp| at.as_secs().div_euclid(60);
        let rolled = minute(now) != minute(self.last);
        !self.thrifty
            || self.waiting
            || now.since(self.last) >= TIDY
            || (self.alarmed && (self.any || rolled))
            || ((self.bad || rolled) && self.could_burn(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::setup::Setup;

    fn history(thrifty: bool, climate: Climate, seed: u64, hours: u64) -> (Vec<Fired>, u64) {
        let setup = Setup::new(None, Duration::ZERO).unwrap();
        let from = Timestamp::from_secs(1_750_000_000);
        let mut world = World::new(&setup, setup.plan(seed as usize), climate, seed, from, thrifty).unwrap();
        // From then on all windows are full.
        world.advance(from + Duration::from_secs(7 * 3600));
        world.fired.clear();
        world.advance(from + Duration::from_secs((7 + hours) * 3600));
        (world.fired, world.evaluations)
    }

    #[test]
    fn evaluations_that_are_left_out_would_have_changed_nothing() {
        let climate = Climate { independent: 1e-3, blips_a_day: 30.0, restarts_a_week: 20.0 };
        let mut fired = 0;
        for seed in 0..2 {
            let (all, every) = history(false, climate, seed, 16);
            let (few, some) = history(true, climate, seed, 16);
            assert_eq!(all, few);
            assert!(some < every / 2, "{some} of {every}");
            fired += all.len();
        }
        assert!(fired > 4, "{fired}: nothing was compared");
    }
}
