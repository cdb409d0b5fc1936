//! Who is watched, and who can be asked for confirmation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::CheckLabels;

/// Every provider with its checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// In configured order.
    pub sites: Vec<Site>,
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub provider: Arc<str>,
    /// What all of its probes pass on alike.
    pub labels: BTreeMap<String, String>,
    /// What all of its probes pass on alike.
    pub annotations: BTreeMap<String, String>,
    /// How many requests a minute confirmation runs may send: its limit less what the schedule needs in its busiest minute.
    /// `None`: it has no limit.
    pub room: Option<u32>,
    /// Its checks.
    pub runs: Vec<Runs>,
}

/// A check as the detector sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Which.
    pub check: CheckLabels,
    /// The steps that it goes through, in order.
    pub steps: Vec<&'static str>,
    /// How many requests an ordinary run sends.
    pub requests: u32,
    /// Whom it logs in: each login is an attempt on that account.
    pub user: Option<Arc<str>>,
    /// Whether a run goes through all regions.
    pub all_regions: bool,
    /// How long it may take.
    pub timeout: Duration,
    /// How far apart its due times are: the period, or for cron the longest gap.
    pub period: Duration,
}

impl Runs {
    /// Who is asked first: the least of several. One that logs nobody in, that asks from one region, that costs least.
    pub const fn rank(&self) -> (bool, bool, u32) {
        (self.user.is_some(), self.all_regions, self.requests)
    }
}

/// A check: its probe and its region.
pub(super) type Key = (Arc<str>, Arc<str>);

/// What is asked of a site again and again.
#[derive(Debug, Default)]
pub(super) struct Index {
    places: HashMap<Key, usize>,
    steps: HashMap<&'static str, Step>,
    /// All regions, in configured order.
    pub regions: Vec<Arc<str>>,
}

/// Where and how often a step is looked at.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// In configured order.
    pub regions: Vec<Arc<str>>,
    /// The shortest period of a check that goes through it.
    pub period: Duration,
}

impl Index {
    pub fn new(site: &Site) -> Self {
        let mut index = Self::default();
        for (at, runs) in site.runs.iter().enumerate() {
            index.places.insert(runs.key(), at);
            let region = &runs.check.region;
            if !index.regions.contains(region) {
                index.regions.push(region.clone());
            }
            for step in &runs.steps {
                let step =
                    index.steps.entry(step).or_insert_with(|| Step { period: Duration::MAX, regions: Vec::new() });
                step.period = step.period.min(runs.period);
                if !step.regions.contains(region) {
                    step.regions.push(region.clone());
                }
            }
        }
        index
    }

    /// The check, unless it is another one by now.
    pub fn runs<'a>(&self, site: &'a Site, check: &CheckLabels) -> Option<&'a Runs> {
        let at = self.places.get(&(check.probe.clone(), check.region.clone()))?;
        site.runs.get(*at).filter(|runs| runs.check == *check)
    }

    /// Whether there is such a check.
    pub fn has(&self, key: &Key) -> bool {
        self.places.contains_key(key)
    }

    /// The check of that key.
    pub fn check<'a>(&self, site: &'a Site, key: &Key) -> Option<&'a Runs> {
        site.runs.get(*self.places.get(key)?)
    }

    /// What is known of a step that any check goes through.
    pub fn step(&self, step: &str) -> Option<&Step> {
        self.steps.get(step)
    }
}

impl Runs {
    /// Tells it from the others of its site.
    pub(super) fn key(&self) -> Key {
        (self.check.probe.clone(), self.check.region.clone())
    }
}
