//! One provider and step: evidence by region, and what is told of it. What follows from it: `verdict`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::{ENOUGH, NONE};
use super::failures::Failures;
use super::region::{Region, Run};
use super::roster::Step;
use super::ruling::{Case, Level, RegionCase, Standing};
use crate::clock::Timestamp;
use crate::fault::Fault;

/// How often conclusions are drawn from runs that nobody waits for.
const OFTEN: Duration = Duration::from_millis(200);
/// How long nobody asks after something seemed to get well and did not: at first, doubled each time, and at most.
const SETBACK: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));
/// How long a detector remembers that it was certain: what comes back within that time is believed over only after longer.
pub(super) const MEMORY: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    /// The regions in which this step is watched.
    pub regions: BTreeMap<Arc<str>, Region>,
    /// The first bad run of this stretch, when it was seen.
    #[serde(with = "super::nanos::option")]
    pub began: Option<Timestamp>,
    /// The first of the bad runs that the slow test remembers.
    #[serde(with = "super::nanos::option")]
    pub opened: Option<Timestamp>,
    /// `AuthOutage` holds: how, and since when.
    pub certain: Option<Certain>,
    /// The evidence is there; it has not lasted long enough.
    pub pending: bool,
    /// What failed in this stretch.
    faults: Failures,
    /// Which probes failed in this stretch.
    probes: BTreeSet<Arc<str>>,
    /// Other steps in this stretch: bad, good.
    others: BTreeMap<Arc<str>, (u64, u64)>,
    /// Runs of this stretch that were evidence: scheduled, confirmation.
    runs: (u64, u64),
    /// The last time that a region failed again, or the first of all did.
    #[serde(with = "super::nanos::option")]
    pub turned: Option<Timestamp>,
    /// Probes whose good runs left this step out.
    skips: BTreeSet<Arc<str>>,
    /// When conclusions were last drawn.
    #[serde(skip)]
    pub(super) judged: Option<Timestamp>,
    /// Good runs in a row, wherever they were made.
    pub calm: u64,
    /// When it ceased to be certain, within [`MEMORY`].
    #[serde(with = "super::nanos::list")]
    pub(super) ended: Vec<Timestamp>,
    /// In bad order once more after it seemed to get well: no confirmation until then.
    #[serde(with = "super::nanos::option")]
    pub patient_until: Option<Timestamp>,
    /// How often that was so.
    pub setbacks: u32,
}

/// That it is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certain {
    /// How.
    pub level: Level,
    /// Since when.
    #[serde(with = "super::nanos")]
    pub at: Timestamp,
}

/// A run as evidence.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Of which probe.
    pub probe: &'a Arc<str>,
    /// From where.
    pub region: &'a Arc<str>,
    /// What went wrong in this step; `None`: it was done.
    pub fault: Option<&'a Fault>,
    /// When the run began.
    pub began: Timestamp,
    /// How often the schedule runs it.
    pub period: Duration,
    /// How often anything looks at this step.
    pub often: Duration,
    /// Whether it was asked for here.
    pub confirmation: bool,
}

impl<'a> Seen<'a> {
    fn run(&self, telling: bool) -> Run<'a> {
        let Self { probe, fault, began, period, often, .. } = *self;
        Run { probe, bad: fault.is_some(), telling, began, period, often }
    }
}

impl Detector {
    /// Nothing has happened yet.
    pub fn new(regions: &[Arc<str>]) -> Self {
        Self {
            regions: regions.iter().map(|region| (region.clone(), Region::default())).collect(),
            began: None,
            opened: None,
            certain: None,
            pending: false,
            faults: Failures::default(),
            probes: BTreeSet::new(),
            others: BTreeMap::new(),
            runs: (0, 0),
            turned: None,
            skips: BTreeSet::new(),
            judged: None,
            calm: 0,
            ended: Vec::new(),
            patient_until: None,
            setbacks: 0,
        }
    }

    /// Goes on with these regions.
    pub fn replace(&mut self, regions: &[Arc<str>], is_run: &dyn Fn(&str, &str) -> bool) {
        self.regions.retain(|name, _| regions.contains(name));
        for name in regions {
            let region = self.regions.entry(name.clone()).or_default();
            let believed = self.certain.is_some() || region.certain;
            region.keep(|probe| is_run(probe, name), believed);
        }
        self.probes.retain(|probe| regions.iter().any(|region| is_run(probe, region)));
        if !self.regions.values().any(|region| region.down) {
            self.certain = None;
        }
    }

    /// Takes in a run that got as far as this step.
    pub fn add(&mut self, seen: &Seen<'_>, now: Timestamp) {
        let Some(fault) = seen.fault else {
            return self.good(seen, now);
        };
        let first = self.began.is_none();
        let joins = self.certain.is_none() && self.regions.values().any(|region| region.certain);
        self.begin(seen.began, now);
        self.count(seen);
        self.faults.count(fault);
        self.probes.insert(seen.probe.clone());
        self.calm = 0;
        let Some(region) = self.regions.get_mut(seen.region) else { return };
        // One that joins others which were known to fail is news of all.
        let joins = region.since.is_none() && joins;
        if first || joins || region.streak > 0 {
            self.turned = Some(now);
        }
        if region.streak > 0 && region.down && (self.certain.is_some() || region.certain) {
            self.setbacks += 1;
            let patience = SETBACK.0 * 2_u32.saturating_pow(self.setbacks.min(6) - 1);
            self.patient_until = Some(now + patience.min(SETBACK.1));
        }
        region.add(&seen.run(true), now);
    }

    fn good(&mut self, seen: &Seen<'_>, now: Timestamp) {
        let (open, telling) = (self.began.is_some(), self.is_telling(seen.probe));
        if open {
            self.count(seen);
            self.calm += u64::from(!self.is_blind(seen.probe));
        }
        if let Some(region) = self.regions.get_mut(seen.region)
            && (open || region.tracks.contains_key(seen.probe))
        {
            // Where those that failed are gone by a reload, whoever goes through the step has to do.
            region.add(&seen.run(telling), now);
        }
    }

    fn count(&mut self, seen: &Seen<'_>) {
        match seen.confirmation {
            true => self.runs.1 += 1,
            false => self.runs.0 += 1,
        }
    }

    /// The first bad run after a while: what is told of a case begins here.
    fn begin(&mut self, began: Timestamp, now: Timestamp) {
        if self.began.is_some() {
            return;
        }
        if self.regions.values().all(|region| region.slow(now) < NONE) {
            self.opened = Some(began);
            self.regions.values_mut().for_each(|region| region.whole = (0, 0));
        }
        self.began = Some(began);
        self.faults = Failures::default();
        self.probes.clear();
        self.others.clear();
        self.runs = (0, 0);
        self.skips.clear();
        self.regions.values_mut().for_each(Region::begin);
    }

    /// A good run of that probe left this step out.
    pub fn skipped(&mut self, probe: &Arc<str>) {
        if !self.skips.contains(probe) {
            self.skips.insert(probe.clone());
        }
    }

    /// Its probes are in maintenance, or paused: what was only suspected is not followed any further, and what is certain
    /// stays as it is.
    pub fn rest(&mut self, now: Timestamp) {
        self.judged = Some(now);
        if self.certain.is_some() {
            return;
        }
        self.pending = false;
        self.regions.values_mut().filter(|region| !region.certain).for_each(Region::acquit);
        if self.regions.values().all(|region| region.since.is_none()) {
            self.began = None;
        }
    }

    /// Whether conclusions were not drawn for a while.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.judged.is_none_or(|judged| judged > now || now.since(judged) >= OFTEN)
    }

    /// Another step of a run of this provider was done, or failed.
    pub fn beside(&mut self, step: &'static str, bad: bool) {
        if self.began.is_none() {
            return;
        }
        let (failed, done) = match self.others.get_mut(step) {
            Some(counts) => counts,
            None => self.others.entry(step.into()).or_default(),
        };
        *(if bad { failed } else { done }) += 1;
    }

    /// All times in it.
    pub fn times(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let own = [&mut self.began, &mut self.opened, &mut self.patient_until, &mut self.turned].into_iter().flatten();
        let certain = self.certain.iter_mut().map(|certain| &mut certain.at);
        own.chain(certain).chain(&mut self.ended).chain(self.regions.values_mut().flat_map(Region::times))
    }

    /// Whether `AuthOutage` stands.
    pub fn outage(&self) -> Standing {
        match (self.certain, self.pending) {
            (Some(_), _) => Standing::Holds,
            (None, true) => Standing::Pending,
            (None, false) => Standing::Clear,
        }
    }

    /// Whether `AuthRegionDown` stands. An outage says it already.
    pub fn region(&self, name: &str) -> Standing {
        let alone = self.certain.is_none() && self.regions.len() > 1;
        match self.regions.get(name).filter(|_| alone) {
            Some(region) if region.down && region.mute.is_some() => Standing::Unknown,
            Some(region) if region.certain => Standing::Holds,
            Some(region) if region.down && !self.pending => Standing::Pending,
            _ => Standing::Clear,
        }
    }

    /// Whether anything is open: something failed and is not over.
    pub fn is_open(&self) -> bool {
        self.began.is_some() || self.certain.is_some()
    }

    /// Whether it is more than a suspicion.
    pub fn is_grave(&self) -> bool {
        self.certain.is_some() || self.regions.values().any(|region| region.down)
    }

    /// Whether it can be forgotten.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        let forgotten = self.ended.iter().all(|ended| now.since(*ended) >= MEMORY);
        !self.is_open() && forgotten && self.regions.values().all(|region| region.slow(now) < NONE)
    }

    /// Whether that probe fails in this stretch: only such runs tell of its end.
    pub fn is_telling(&self, probe: &str) -> bool {
        self.probes.is_empty() || self.probes.contains(probe)
    }

    /// How many confirmation runs of this stretch are over.
    pub fn asked(&self) -> u64 {
        self.runs.1
    }

    /// Whether that probe says nothing of what fails: it never fails, while others failed more than once where it was good.
    pub fn is_blind(&self, probe: &str) -> bool {
        const GOOD: u64 = 5;
        const BAD: u64 = 2;
        if self.probes.contains(probe) {
            return false;
        }
        if self.skips.contains(probe) {
            return true;
        }
        self.regions.values().any(|region| {
            let good = region.tracks.get(probe).map_or(0, |track| track.good);
            good >= GOOD && region.stretch.0 >= BAD
        })
    }

    /// Probes that go through the step and never failed in it.
    fn passed(&self) -> BTreeSet<Arc<str>> {
        let all = self.regions.values().flat_map(|region| &region.tracks);
        let passed = all.filter(|(probe, track)| track.good > 0 && !self.probes.contains(*probe));
        passed.map(|(probe, _)| probe.clone()).collect()
    }

    /// When it ends if nothing fails any more.
    fn ends_at(&self, quiet: Duration) -> Option<Timestamp> {
        let mut down = self.regions.values().filter(|region| region.down && region.mute.is_none());
        let over = self.certain.is_some() && down.clone().all(Region::is_convinced) && down.next().is_some();
        let last = self.regions.values().filter_map(|region| region.last_bad).max().filter(|_| over)?;
        Some(last + quiet)
    }

    /// For people and programs.
    pub fn case(&self, step: &Arc<str>, known: &Step, confirmations_left: u32, now: Timestamp) -> Case {
        let (order, quiet) = (&known.regions, self.quiet(known.period));
        let fault = self.faults.most();
        let partial = self.certain.is_some_and(|certain| certain.level == Level::Partial);
        let region = |name: &Arc<str>| {
            let region = self.regions.get(name)?;
            let (bad, runs) = if partial { region.whole } else { region.stretch };
            let evidence = region.quick(now).max(region.slow(now)).min(self.most()) / ENOUGH;
            let (look, since) = (region.look(), region.since);
            Some(RegionCase {
                region: name.clone(),
                look,
                evidence,
                since,
                last_bad: region.row(),
                last_good: region.streak,
                bad,
                runs,
            })
        };
        let certain_region = self.regions.values().any(|region| region.certain);
        let level = match self.certain {
            Some(certain) => certain.level,
            None if certain_region => Level::Region,
            None => Level::Suspected,
        };
        let clean = self.others.iter().filter(|(_, (bad, good))| *bad == 0 && *good > 0);
        Case {
            step: step.clone(),
            level,
            since: if partial { self.opened } else { self.first() }.or(self.began).unwrap_or(now),
            certain_at: self.certain.map(|certain| certain.at),
            class: fault.map(|fault| fault.class),
            blame: fault.map(|fault| fault.blame),
            upstream: fault.and_then(|fault| fault.upstream.clone()),
            of_class: fault.map_or(0, |fault| fault.times),
            regions: order.iter().filter_map(region).collect(),
            probes: self.probes.clone(),
            passed: self.passed(),
            ends_at: self.ends_at(quiet),
            relapses: self.ended.len() as u64,
            scheduled: self.runs.0,
            confirmations: self.runs.1,
            clean: clean.map(|(step, (_, good))| (step.clone(), *good)).collect(),
            confirmations_left,
        }
    }
}
