//! Everything about one provider: its detectors, who is asked, which runs are under way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::confirm::{Asker, Call, wish};
use super::detector::{Detector, Seen};
use super::roster::{Runs, Site};
use super::ruling::{Level, Ruling, Standing};
use super::{Settings, is_evidence};
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome, StepState, Trigger, Verdict};

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
    /// Where in the site's runs each check is.
    places: HashMap<Key, usize>,
    usual: HashMap<Key, Usual>,
    /// Runs that are under way, by when they become suspicious.
    running: BTreeSet<(Timestamp, Key)>,
    /// A run that takes suspiciously long, and how many others are still to be asked for because of it.
    late: Option<(CheckLabels, usize)>,
    suspected: Option<Timestamp>,
    /// Something could be measured since the start.
    heard: bool,
}

/// A check: its probe and its region.
type Key = (Arc<str>, Arc<str>);

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
            places: places(&site),
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
        self.places = places(&site);
        self.site = site;
        let (site, places) = (&self.site, &self.places);
        self.detectors.retain(|step, detector| {
            let regions = regions(site, step);
            detector.replace(&regions, &|probe, region| runs(site, step).any(|r| is(r, probe, region)));
            !regions.is_empty()
        });
        self.usual.retain(|key, _| places.contains_key(key));
        self.running.retain(|(_, key)| places.contains_key(key));
    }

    /// A scheduled run began.
    pub fn started(&mut self, check: &CheckLabels, now: Timestamp) {
        let key = (check.probe.clone(), check.region.clone());
        let Some(runs) = self.places.get(&key).and_then(|at| self.site.runs.get(*at)) else { return };
        if let Some(user) = &runs.user {
            self.asker.logs_in(user, now);
        }
        let usual = self.usual.entry(key.clone()).or_default();
        if usual.good >= KNOWN {
            let at = now + Duration::from_secs_f64(usual.seconds * SLOWER) + LATE;
            usual.late_at = Some(at);
            self.running.insert((at, key));
        }
    }

    /// A run is over. Says whether anything was learned.
    pub fn outcome(&mut self, outcome: &Outcome, maintained: bool, settings: &Settings, now: Timestamp) -> bool {
        let confirmation = match outcome.trigger {
            Trigger::Scheduled => false,
            Trigger::Confirmation => true,
            Trigger::Manual | Trigger::Smoke => return false,
        };
        let key = (outcome.check.probe.clone(), outcome.check.region.clone());
        let own = self.places.get(&key).and_then(|at| self.site.runs.get(*at));
        let period = own.map(|runs| runs.period).unwrap_or_default();
        self.asker.over(outcome, own.and_then(|runs| runs.user.as_ref()), confirmation);
        if !confirmation {
            self.learn(key, outcome);
        }
        if maintained {
            return false;
        }
        let bad = outcome.fault.as_ref().filter(|fault| outcome.verdict == Verdict::Bad && is_evidence(fault));
        self.heard |= outcome.verdict != Verdict::Inconclusive;
        if let Some(fault) = bad {
            let regions = regions(&self.site, fault.step);
            if regions.contains(&outcome.check.region) {
                self.detectors.entry(fault.step.into()).or_insert_with(|| Detector::new(&regions));
            }
        }
        if self.detectors.is_empty() {
            return false;
        }
        let mut seen = Seen {
            probe: &outcome.check.probe,
            region: &outcome.check.region,
            fault: None,
            began: outcome.start,
            period,
            confirmation,
        };
        for (step, detector) in &mut self.detectors {
            let failed = bad.filter(|fault| *fault.step == **step);
            seen.fault = failed.map(|fault| (fault.class, fault.blame));
            if failed.is_some() || is_done(outcome, step) {
                detector.add(&seen, now);
            } else if outcome.fault.as_ref().is_some_and(|fault| !fault.blame.is_bad())
                && runs(&self.site, step).any(|runs| runs.check == outcome.check)
                && let Some(region) = detector.regions.get_mut(&outcome.check.region)
            {
                region.mute(now);
            }
            let others = outcome.steps.iter().filter(|other| !other.cleanup && *other.name != **step);
            for other in others {
                match other.state {
                    StepState::Done => detector.beside(other.name, false),
                    StepState::Failed => detector.beside(other.name, true),
                    StepState::Skipped => {}
                }
            }
            let period = runs(&self.site, step).map(|runs| runs.period).min().unwrap_or_default();
            detector.judge(settings, period, now);
        }
        true
    }

    /// Learns how long runs take.
    fn learn(&mut self, key: Key, outcome: &Outcome) {
        let Some(usual) = self.usual.get_mut(&key) else { return };
        if let Some(at) = usual.late_at.take() {
            self.running.remove(&(at, key));
        }
        if outcome.verdict == Verdict::Good {
            let took = outcome.duration.as_secs_f64();
            usual.seconds = took.max(0.95 * usual.seconds + 0.05 * took);
            usual.good = usual.good.saturating_add(1).min(KNOWN);
        }
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

    /// Draws conclusions from the time that passes, and asks for runs.
    pub fn confirm(&mut self, settings: &Settings, now: Timestamp, run: &mut dyn FnMut(&CheckLabels) -> bool) {
        for (step, detector) in &mut self.detectors {
            if detector.is_open() {
                let period = runs(&self.site, step).map(|runs| runs.period).min().unwrap_or_default();
                detector.judge(settings, period, now);
            }
        }
        self.detectors.retain(|_, detector| !detector.is_idle(now));
        self.suspect(now);
        if self.asker.not_before.is_some_and(|not_before| now < not_before) {
            return;
        }
        let mut call = Call { site: &self.site, settings, now, run };
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
        if lately || self.detectors.values().any(Detector::is_open) {
            return;
        }
        let Some((at, key)) = self.running.first().filter(|(at, _)| *at <= now).cloned() else { return };
        self.running.remove(&(at, key.clone()));
        if let Some(runs) = self.places.get(&key).and_then(|at| self.site.runs.get(*at)) {
            let others = all_regions(&self.site).len().saturating_sub(1);
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
            [Standing::Holds, Standing::Pending]
                .into_iter()
                .find(|one| all().any(|own| own == *one))
                .unwrap_or(Standing::Clear)
        };
        let names = all_regions(site);
        let left = self.asker.left(settings, now);
        let open = self.detectors.iter().filter(|(_, detector)| detector.is_open());
        let mut cases: Vec<_> =
            open.map(|(step, detector)| detector.case(step, &regions(site, step), left, now)).collect();
        cases.sort_by_key(|case| (std::cmp::Reverse(case.level), case.since));
        let outage = of(&Detector::outage);
        let regions = if names.len() < 2 { Vec::new() } else { names };
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

fn places(site: &Site) -> HashMap<Key, usize> {
    let key = |runs: &Runs| (runs.check.probe.clone(), runs.check.region.clone());
    site.runs.iter().enumerate().map(|(at, runs)| (key(runs), at)).collect()
}

/// Those that go through a step.
fn runs<'a>(site: &'a Site, step: &'a str) -> impl Iterator<Item = &'a Runs> {
    site.runs.iter().filter(move |runs| runs.steps.contains(&step))
}

fn is(runs: &Runs, probe: &str, region: &str) -> bool {
    *runs.check.probe == *probe && *runs.check.region == *region
}

/// The regions in which a step is watched, in configured order.
pub fn regions(site: &Site, step: &str) -> Vec<Arc<str>> {
    distinct(runs(site, step))
}

fn all_regions(site: &Site) -> Vec<Arc<str>> {
    distinct(site.runs.iter())
}

fn distinct<'a>(runs: impl Iterator<Item = &'a Runs>) -> Vec<Arc<str>> {
    let mut regions: Vec<Arc<str>> = Vec::new();
    for runs in runs {
        if !regions.contains(&runs.check.region) {
            regions.push(runs.check.region.clone());
        }
    }
    regions
}

fn is_done(outcome: &Outcome, step: &str) -> bool {
    outcome.steps.iter().any(|record| record.name == step && record.state == StepState::Done && !record.cleanup)
}
