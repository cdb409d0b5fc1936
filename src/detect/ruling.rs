//! What stands: for alerts, page, API and metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::fault::{Blame, Class};

/// What stands about a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// Which.
    pub provider: Arc<str>,
    /// What all of its probes pass on alike.
    pub labels: BTreeMap<String, String>,
    /// What all of its probes pass on alike.
    pub annotations: BTreeMap<String, String>,
    /// Whether it is out: `AuthOutage`.
    pub outage: Standing,
    /// Whether it is out as seen from one of several regions: `AuthRegionDown`, by region. Empty with one region.
    pub regions: Vec<(Arc<str>, Standing)>,
    /// Every open detector, the gravest first.
    pub cases: Vec<Case>,
}

/// Whether something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No.
    Clear,
    /// The evidence is there, it has not lasted long enough.
    Pending,
    /// Yes.
    Holds,
    /// Nothing is known: what was so stays so.
    Unknown,
}

/// How certain a detector is, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Something failed; being looked into.
    Suspected,
    /// One of several regions fails.
    Region,
    /// Small and everywhere: a share of all runs fails, for a while.
    Partial,
    /// Several regions fail, not all.
    Several,
    /// Every region that could be measured fails; or the only one.
    Everywhere,
}

/// How a region looks to a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Too little is known yet.
    Waiting,
    /// It has failed, not often enough to be sure.
    Suspected,
    /// It fails.
    Failing,
    /// Runs since the first failure were good.
    Clean,
    /// Nothing could be measured from there.
    Unknown,
}

/// One detector, for people and programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// The step that fails.
    pub step: Arc<str>,
    /// How certain.
    pub level: Level,
    /// The first failed run of this stretch.
    pub since: Timestamp,
    /// When the evidence was enough; absent while it is not.
    pub certain_at: Option<Timestamp>,
    /// What failed most often.
    pub class: Option<Class>,
    /// Whose fault that is.
    pub blame: Option<Blame>,
    /// The host of another identity provider at whose pages that was: the probed one had sent its users on to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Arc<str>>,
    /// How many of the failed runs were of that class (and at that host).
    pub of_class: u64,
    /// The regions of this step, in configured order.
    pub regions: Vec<RegionCase>,
    /// The probes that failed in it.
    pub probes: BTreeSet<Arc<str>>,
    /// Probes that went through the step meanwhile and never failed in it.
    pub passed: BTreeSet<Arc<str>>,
    /// It is certain, and every region has had good runs enough since: it ends then, unless it fails again. Absent while it
    /// fails.
    pub ends_at: Option<Timestamp>,
    /// How often within the last hour it had ended and came back.
    pub relapses: u64,
    /// Scheduled runs that were evidence since then.
    pub scheduled: u64,
    /// Confirmation runs that were.
    pub confirmations: u64,
    /// Other steps since then that were done and did not fail, and how often they were.
    pub clean: Vec<(Arc<str>, u64)>,
    /// How many confirmation runs it still may ask for within this hour.
    pub confirmations_left: u32,
}

/// A region of a [`Case`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegionCase {
    /// Its name.
    pub region: Arc<str>,
    /// How it looks.
    pub look: Look,
    /// Its evidence, as a share of what a page needs: 1 is all of it. At least 0, and at most 0.5 where there are several
    /// regions.
    pub evidence: f64,
    /// Since when it fails.
    pub since: Option<Timestamp>,
    /// Its last runs: so many failed one after the other, or so many were good since the last that failed (of probes that
    /// fail in this case).
    pub last_bad: u64,
    /// See `last_bad`.
    pub last_good: u64,
    /// Runs since the case began that failed here.
    pub bad: u64,
    /// Runs since the case began that were evidence here.
    pub runs: u64,
}

impl Case {
    /// In which order cases are told: what is certain before any suspicion, what fails now before what may be over, then the
    /// gravest, and of several that are as grave the one that most probes meet.
    pub fn gravity(&self) -> impl Ord + use<> {
        let suspected = self.level == Level::Suspected;
        (suspected, self.ends_at.is_some(), std::cmp::Reverse((self.level, self.probes.len())))
    }

    /// Failed runs in all regions.
    pub fn bad(&self) -> u64 {
        self.regions.iter().map(|region| region.bad).sum()
    }

    /// Runs that were evidence, in all regions.
    pub fn runs(&self) -> u64 {
        self.regions.iter().map(|region| region.runs).sum()
    }
}
