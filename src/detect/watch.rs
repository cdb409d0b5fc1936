//! Everything about one provider: its detectors, who is asked, which runs are under way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::confirm::{Asker, Call, wish};
use super::detector::{Detector, Seen};
use super::roster::{Index, Key, Site};
use super::ruling::{Level, Ruling, Standing};
use super::{Settings, is_evidence};
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::outcome::{CheckLabels, Outcome, RequestRecord, StepState, Trigger, Verdict};

/// A run that takes this many times as long as usual, and [`LATE`] longer, is suspicious.
const SLOWER: f64 = 1.25;
/// See [`SLOWER`].
const LATE: Duration = Duration::from_millis(500);
/// How many good runs must have shown what is usual.
const KNOWN: u32 = 5;
/// How far apart suspicions without a bad run are.
const SUSPICIONS: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct Watch {
    pub site: Site,
    pub detectors: BTreeMap<Arc<str>, Detector>,
    asker: Asker,
    index: Index,
    usual: HashMap<Key, Usual>,
    /// Runs that are under way, by when they become suspicious.
    running: BTreeSet<(Timestamp, Key)>,
    /// A run that takes suspiciously long, and how many others are still to be asked for because of it.
    late: Option<(CheckLabels, usize)>,
    suspected: Option<Timestamp>,
    /// Something could be measured since the start.
    heard: bool,
}

/// What people are told of a detector: its step, how certain it is, whether it waits, and by region whether it is down and
/// certain.
type Sign = (Arc<str>, Option<Level>, bool, Vec<(bool, bool)>);

/// What is usual of a check.
#[derive(Debug, Default)]
struct Usual {
    /// How long its longer good runs took, in seconds.
    seconds: f64,
    /// Good runs so far, as far as they matter.
    good: u32,
    /// When its run that is under way becomes suspicious.
    late_at: Option<Timestamp>,
}

impl Watch {
    /// Nothing has happened yet.
    pub fn new(site: Site) -> Self {
        Self {
            index: Index::new(&site),
            site,
            detectors: BTreeMap::new(),
            asker: Asker::default(),
            usual: HashMap::new(),
            running: BTreeSet::new(),
            late: None,
            suspected: None,
            heard: false,
        }
    }

    /// Goes on with other checks.
    pub fn replace(&mut self, site: Site) {
        self.index = Index::new(&site);
        self.site = site;
        let index = &self.index;
        let steps: BTreeSet<(&str, &str, &str)> = self
            .site
            .runs
            .iter()
            .flat_map(|runs| runs.steps.iter().map(|step| (*step, &*runs.check.probe, &*runs.check.region)))
            .collect();
        self.detectors.retain(|step, detector| {
            let Some(known) = index.step(step) else { return false };
            detector.replace(&known.regions, &|probe, region| steps.contains(&(&**step, probe, region)));
            true
        });
        self.usual.retain(|key, _| index.has(key));
        self.running.retain(|(_, key)| index.has(key));
    }

    /// A scheduled run began.
    pub fn started(&mut self, check: &CheckLabels, now: Timestamp) {
        let Some(runs) = self.index.runs(&self.site, check) else { return };
        if let Some(user) = &runs.user {
            self.asker.logs_in(user, now);
        }
        let key = runs.key();
        let usual = self.usual.entry(key.clone()).or_default();
        if usual.good >= KNOWN {
            let at = now + Duration::from_secs_f64(usual.seconds * SLOWER) + LATE;
            if let Some(before) = usual.late_at.replace(at) {
                self.running.remove(&(before, key.clone()));
            }
            self.running.insert((at, key));
        }
    }

    /// A run is over. Says whether anything was learned. A check that is none of ours any more teaches nothing: nobody could
    /// see its failure end.
    pub fn outcome(&mut self, outcome: &Outcome, maintained: bool, settings: &Settings, now: Timestamp) -> bool {
        let confirmation = match outcome.trigger {
            Trigger::Scheduled => false,
            Trigger::Confirmation => true,
            Trigger::Manual | Trigger::Smoke => return false,
        };
        let Some(own) = self.index.runs(&self.site, &outcome.check) else { return false };
        self.asker.over(outcome, own.user.as_ref(), confirmation);
        if !confirmation {
            learn(&mut self.usual, &mut self.running, own.key(), outcome);
        }
        if maintained {
            return false;
        }
        // A run over several regions that failed from some of them says nothing of the one that it is booked on.
        let partial = |fault: &&Fault| own.all_regions && failed_elsewhere(outcome, fault.step);
        let bad = outcome.fault.as_ref().filter(|fault| outcome.verdict == Verdict::Bad && is_evidence(fault));
        let bad = bad.filter(|fault| !partial(fault));
        self.heard |= outcome.verdict != Verdict::Inconclusive;
        if let Some(fault) = bad
            && let Some(known) = self.index.step(fault.step).filter(|known| known.regions.contains(&own.check.region))
        {
            self.detectors.entry(fault.step.into()).or_insert_with(|| Detector::new(&known.regions));
        }
        if self.detectors.is_empty() {
            return false;
        }
        for (step, detector) in &mut self.detectors {
            let Some(known) = self.index.step(step) else { continue };
            let failed = bad.filter(|fault| *fault.step == **step);
            if failed.is_some() || is_done(outcome, step) {
                let seen = Seen {
                    probe: &outcome.check.probe,
                    region: &outcome.check.region,
                    fault: failed,
                    began: outcome.start,
                    period: own.period,
                    often: known.period,
                    confirmation,
                };
                detector.add(&seen, now);
            } else if own.steps.contains(&&**step) {
                unseen(detector, outcome, now);
            }
            beside(detector, outcome, step);
            // A flood of runs that change nothing is judged now and then.
            if failed.is_some() && detector.certain.is_none() || detector.is_due(now) {
                detector.judge(settings, known.period, now);
            }
        }
        true
    }

    /// The clock was put back by so much: what happened is as long ago as it was.
    pub fn rewind(&mut self, by: Duration) {
        self.detectors.values_mut().flat_map(Detector::times).for_each(|at| *at = *at - by);
        self.asker.rewind(by);
        // Runs that are under way cannot be late by a clock that changed.
        self.running.clear();
        self.usual.values_mut().for_each(|usual| usual.late_at = None);
        self.suspected = None;
    }

    /// Draws conclusions from the time that passes, and asks for runs. `silent`: the probe is in maintenance, or paused.
    pub fn confirm(
        &mut self,
        settings: &Settings,
        silent: &dyn Fn(&str) -> bool,
        now: Timestamp,
        run: &mut dyn FnMut(&CheckLabels) -> bool,
    ) {
        let site = &self.site;
        for (step, detector) in
            self.detectors.iter_mut().filter(|(_, detector)| detector.is_open() && detector.is_due(now))
        {
            let mut runs = site.runs.iter().filter(|runs| runs.steps.contains(&&**step));
            match self.index.step(step) {
                _ if runs.all(|runs| silent(&runs.check.probe)) => detector.rest(now),
                Some(known) => detector.judge(settings, known.period, now),
                None => {}
            }
        }
        self.detectors.retain(|_, detector| !detector.is_idle(now));
        self.suspect(now);
        if self.asker.not_before.is_some_and(|not_before| now < not_before) {
            return;
        }
        let mut run = |check: &CheckLabels| !silent(&check.probe) && run(check);
        let mut call = Call { site: &self.site, settings, now, run: &mut run };
        if let Some((check, left)) = self.late.take().filter(|(_, left)| *left > 0)
            && self.asker.ask_elsewhere(&mut call, &check)
        {
            self.late = Some((check, left - 1));
            return;
        }
        let mut open: Vec<_> = self.detectors.iter_mut().filter(|(_, detector)| detector.is_open()).collect();
        // Who has not been served for longest.
        open.sort_by_key(|(_, detector)| detector.regions.values().filter_map(|region| region.asked).max());
        for (step, detector) in open {
            let Some(wish) = wish(detector, now) else { continue };
            if let Some(region) = self.asker.ask(&mut call, step, detector, &wish) {
                if let Some(region) = detector.regions.get_mut(&region) {
                    region.asked = Some(now);
                }
                return;
            }
        }
    }

    /// A scheduled run takes suspiciously long: the others are asked before it ends, each region once.
    fn suspect(&mut self, now: Timestamp) {
        let lately = self.suspected.is_some_and(|suspected| now.since(suspected) < SUSPICIONS);
        if lately || self.detectors.values().any(Detector::is_grave) {
            return;
        }
        let Some((at, key)) = self.running.first().filter(|(at, _)| *at <= now).cloned() else { return };
        self.running.remove(&(at, key.clone()));
        if let Some(runs) = self.index.check(&self.site, &key) {
            let others = self.index.regions.len().saturating_sub(1);
            self.late = Some((runs.check.clone(), others));
            self.suspected = Some(now);
        }
    }

    /// When to ask again if nothing is told.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        const LOOK: Duration = Duration::from_millis(500);
        if self.late.is_some() || self.detectors.values().any(Detector::is_open) {
            return Some(self.asker.not_before.filter(|at| *at > now).map_or(now + LOOK, |at| at.min(now + LOOK)));
        }
        let (late, _) = self.running.first()?;
        Some(self.suspected.map_or(*late, |suspected| (suspected + SUSPICIONS).max(*late)))
    }

    /// What stands.
    pub fn ruling(&self, settings: &Settings, now: Timestamp, maintained: &dyn Fn(&str) -> bool) -> Ruling {
        let site = &self.site;
        let blind = !self.heard && !self.detectors.values().any(Detector::is_open);
        let unknown = blind || site.runs.iter().all(|runs| maintained(&runs.check.probe));
        let of = |standing: &dyn Fn(&Detector) -> Standing| {
            if unknown {
                return Standing::Unknown;
            }
            let all = || self.detectors.values().map(standing);
            [Standing::Holds, Standing::Pending, Standing::Unknown]
                .into_iter()
                .find(|one| all().any(|own| own == *one))
                .unwrap_or(Standing::Clear)
        };
        let left = self.asker.left(settings, now);
        let open = self.detectors.iter().filter(|(_, detector)| detector.is_open());
        let mut cases: Vec<_> =
            open.filter_map(|(step, detector)| Some(detector.case(step, self.index.step(step)?, left, now))).collect();
        cases.sort_by_key(|case| (case.gravity(), case.since));
        let outage = of(&Detector::outage);
        let names = &self.index.regions;
        let regions = if names.len() < 2 { Vec::new() } else { names.clone() };
        // What the whole provider is out for needs no word on each region.
        let alone = outage != Standing::Holds;
        let regions = regions.into_iter().map(|region| {
            let standing = of(&|detector| if alone { detector.region(&region) } else { Standing::Clear });
            (region, standing)
        });
        Ruling {
            provider: site.provider.clone(),
            labels: site.labels.clone(),
            annotations: site.annotations.clone(),
            outage,
            regions: regions.collect(),
            cases,
        }
    }

    /// Tells whether anything has changed that people are told of.
    pub fn signature(&self) -> Vec<Sign> {
        let open = self.detectors.iter().filter(|(_, detector)| detector.is_open());
        open.map(|(step, detector)| {
            let regions = detector.regions.values().map(|region| (region.down, region.certain)).collect();
            (step.clone(), detector.certain.map(|certain| certain.level), detector.pending, regions)
        })
        .collect()
    }
}

/// Learns how long runs take.
fn learn(usual: &mut HashMap<Key, Usual>, running: &mut BTreeSet<(Timestamp, Key)>, key: Key, outcome: &Outcome) {
    let Some(usual) = usual.get_mut(&key) else { return };
    if let Some(at) = usual.late_at.take() {
        running.remove(&(at, key));
    }
    if outcome.verdict == Verdict::Good {
        let took = outcome.duration.as_secs_f64();
        usual.seconds = took.max(0.95 * usual.seconds + 0.05 * took);
        usual.good = usual.good.saturating_add(1).min(KNOWN);
    }
}

/// A run of a check that goes through this step did not get there.
fn unseen(detector: &mut Detector, outcome: &Outcome, now: Timestamp) {
    if outcome.verdict == Verdict::Good {
        detector.skipped(&outcome.check.probe);
    }
    let ours = outcome.fault.as_ref().is_some_and(|fault| !fault.blame.is_bad());
    if ours && let Some(region) = detector.regions.get_mut(&outcome.check.region) {
        region.mute(now);
    }
}

/// Counts the other steps of a run.
fn beside(detector: &mut Detector, outcome: &Outcome, step: &str) {
    for other in outcome.steps.iter().filter(|other| !other.cleanup && *other.name != *step) {
        match other.state {
            StepState::Done => detector.beside(other.name, false),
            StepState::Failed => detector.beside(other.name, true),
            StepState::Skipped => {}
        }
    }
}

/// Whether in that step one region was answered well and another was not.
fn failed_elsewhere(outcome: &Outcome, step: &str) -> bool {
    let requests = || {
        let own = outcome.steps.iter().filter(|record| record.name == step && !record.cleanup);
        own.flat_map(|record| &record.requests).filter(|request| request.is_providers())
    };
    let failed = |request: &&RequestRecord| {
        request.error.is_some() || request.status.is_none_or(|status| status >= 500 || status == 429)
    };
    let regions: BTreeSet<&str> = requests().filter(failed).map(|request| &*request.region).collect();
    !regions.is_empty() && requests().any(|request| !regions.contains(&*request.region))
}

fn is_done(outcome: &Outcome, step: &str) -> bool {
    outcome.steps.iter().any(|record| record.name == step && record.state == StepState::Done && !record.cleanup)
}
