//! Who is watched, and who can be asked for confirmation.

use std::collections::BTreeMap;
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
