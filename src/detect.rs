//! Is a provider out, now? A sequential test over everything that runs find, which asks for runs of its own where it would
//! otherwise have to wait for the schedule. Pure: it is told the time, and what to run is asked of whoever runs.
//!
//! One detector a provider and failing step. Every run is evidence for each step that it went through: the step in which
//! it failed (by fault of the network or the provider) against it, the steps that it did for them. What could not be
//! measured is no evidence, and neither is a 429.
//!
//! | module | what |
//! |---|---|
//! | `evidence` | two accumulators of log-likelihood ratios with decay: a quick one and a slow one |
//! | `region`, `detector` | what is known of one region; of one provider and step |
//! | `verdict` | the evidence of all regions, graded; the opposite test |
//! | `confirm` | which run would tell most, and whether it may be asked for |
//! | [`roster`] | who can be asked: checks, their steps, what they cost |
//! | [`ruling`] | what stands, for alerts, page and API |
//!
//! Numbers, their reasons, and what they reach: docs/detection.md.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::fault::{Class, Fault};
use crate::outcome::{CheckLabels, Outcome};

mod confirm;
mod detector;
mod evidence;
mod failures;
mod nanos;
mod region;
pub mod roster;
pub mod ruling;
mod verdict;
mod watch;

use detector::Detector;
use watch::Watch;

pub use roster::{Roster, Runs, Site};
pub use ruling::{Case, Ruling, Standing};

/// How long several regions, but not all, must fail before that is an outage, unless told otherwise.
pub const SEVERAL_AFTER: Duration = Duration::from_secs(120);
/// How many confirmation runs a provider bears within an hour, unless told otherwise.
pub const CONFIRMATIONS_PER_HOUR: u32 = 240;

/// `[detection]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// An outage pages once it has lasted so long, measured from its first failed run. Zero: as soon as it is certain.
    pub ignore_shorter_than: Duration,
    /// How long some but not all regions must fail: several for `AuthOutage`, one for `AuthRegionDown`.
    pub several_after: Duration,
    /// The most confirmation runs within an hour, for each provider; 0: none.
    pub confirmations_per_hour: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ignore_shorter_than: Duration::ZERO,
            several_after: SEVERAL_AFTER,
            confirmations_per_hour: CONFIRMATIONS_PER_HOUR,
        }
    }
}

/// What a ledger keeps of one detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of which provider.
    pub provider: String,
    /// Of which step.
    pub step: String,
    /// Everything else: JSON that only this module reads.
    pub json: String,
}

/// A clock that goes back further than this was put back.
const STEP: Duration = Duration::from_secs(1);

/// How old what is only remembered may be in the ledger.
const REMEMBERED: Duration = Duration::from_secs(60);

/// All detectors.
#[derive(Debug, Default)]
pub struct Detect {
    settings: Settings,
    /// In the roster's order.
    watches: Vec<Watch>,
    /// Where each provider's is.
    places: HashMap<Arc<str>, usize>,
    /// When each wants to be asked, and those that were told something.
    wakes: BTreeSet<(Timestamp, usize)>,
    wake: Vec<Option<Timestamp>>,
    touched: Vec<usize>,
    /// There may be other rulings.
    news: bool,
    /// The ledger's are old.
    dirty: bool,
    /// When they were last found to be, with nothing open.
    marked: Option<Timestamp>,
    /// The time when it was last told, or the latest that a ledger knows.
    last: Option<Timestamp>,
}

impl Detect {
    /// For a configuration; nothing has happened yet.
    pub fn new(roster: Roster, settings: Settings) -> Self {
        let mut detect = Self { settings, ..Self::default() };
        detect.take(roster.sites.into_iter().map(Watch::new).collect());
        detect
    }

    /// Goes on with another configuration: detectors of providers, steps and regions that stay go on.
    pub fn replace(&mut self, roster: Roster, settings: Settings) {
        self.settings = settings;
        let before = std::mem::take(&mut self.watches).into_iter();
        let mut before: HashMap<_, _> = before.map(|watch| (watch.site.provider.clone(), watch)).collect();
        let watches = roster.sites.into_iter().map(|site| match before.remove(&site.provider) {
            Some(mut watch) => {
                watch.replace(site);
                watch
            }
            None => Watch::new(site),
        });
        self.take(watches.collect());
        (self.news, self.dirty) = (true, true);
    }

    fn take(&mut self, watches: Vec<Watch>) {
        self.places = watches.iter().enumerate().map(|(at, watch)| (watch.site.provider.clone(), at)).collect();
        self.touched = (0..watches.len()).collect();
        self.wake = vec![None; watches.len()];
        self.wakes.clear();
        self.watches = watches;
    }

    /// Goes on from what a ledger holds. What cannot be read, or is of nobody any more, is left out.
    pub fn restore(&mut self, kept: Vec<Kept>) {
        for Kept { provider, step, json } in kept {
            let Some(watch) = self.places.get(&*provider).and_then(|at| self.watches.get_mut(*at)) else { continue };
            match serde_json::from_str::<Detector>(&json) {
                Ok(mut detector) => {
                    self.last = self.last.max(detector.times().max().copied());
                    watch.detectors.insert(step.into(), detector);
                }
                Err(error) => {
                    tracing::warn!(provider, step, %error, "a detector's state cannot be read: it begins anew")
                }
            }
        }
        for watch in self.watches.iter_mut().filter(|watch| !watch.detectors.is_empty()) {
            watch.replace(watch.site.clone());
        }
        // What was left out goes from the ledger as well.
        self.dirty = true;
    }

    /// What a ledger is to keep, if it has changed since the last call: all of it.
    pub fn changed(&mut self) -> Option<Vec<Kept>> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        let kept = self.watches.iter().flat_map(|watch| {
            let provider = &watch.site.provider;
            // Numbers, names, times: nothing that JSON cannot say.
            watch.detectors.iter().filter_map(|(step, detector)| {
                let json = serde_json::to_string(detector).ok()?;
                Some(Kept { provider: provider.to_string(), step: step.to_string(), json })
            })
        });
        Some(kept.collect())
    }

    /// A scheduled run began. One that takes much longer than usual is reason enough to ask elsewhere before it ends.
    pub fn started(&mut self, check: &CheckLabels, now: Timestamp) {
        self.mind_clock(now);
        if let Some(at) = self.touch(&check.provider) {
            self.watches[at].started(check, now);
        }
    }

    /// A run is over: those of the schedule and those that were asked for here are evidence. Runs in maintenance are none.
    pub fn outcome(&mut self, outcome: &Outcome, maintained: bool, now: Timestamp) {
        self.mind_clock(now);
        let Some(at) = self.touch(&outcome.check.provider) else { return };
        let watch = &mut self.watches[at];
        let before = watch.signature();
        let learned = watch.outcome(outcome, maintained, &self.settings, now);
        let after = watch.signature();
        let (news, open) = (learned && after != before, !after.is_empty());
        self.news |= news;
        // What is only remembered may be a minute old in the ledger.
        let old = || self.marked.is_none_or(|marked| now.since(marked) >= REMEMBERED);
        if news || learned && (open || old()) {
            self.marked = Some(now);
            self.dirty = true;
        }
    }

    /// Asks for the runs that are wanted now: `run` starts a confirmation run of a check and says whether it did (false: it
    /// is under way already, its account or the provider does not bear it). `silent`: the probe is in maintenance, or runs
    /// are paused. To be called when anything was told, and at [`Detect::next`].
    pub fn confirm(
        &mut self,
        silent: &dyn Fn(&str) -> bool,
        now: Timestamp,
        run: &mut dyn FnMut(&CheckLabels) -> bool,
    ) {
        self.mind_clock(now);
        let mut due = std::mem::take(&mut self.touched);
        let woken = self.wakes.range(..=(now, usize::MAX)).map(|(_, at)| *at);
        due.extend(woken);
        due.sort_unstable();
        due.dedup();
        for at in due {
            let Some(watch) = self.watches.get_mut(at) else { continue };
            let before = watch.signature();
            watch.confirm(&self.settings, silent, now, run);
            if watch.signature() != before {
                (self.news, self.dirty) = (true, true);
            }
            let next = watch.next(now);
            if let Some(before) = std::mem::replace(&mut self.wake[at], next) {
                self.wakes.remove(&(before, at));
            }
            self.wakes.extend(next.map(|next| (next, at)));
        }
    }

    /// When there may be something to do or to say again, if nothing is told meanwhile.
    pub fn next(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(next, _)| *next)
    }

    /// Whether there may be other rulings than at the last call of this.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// What stands about every provider of the roster, in its order. `maintained`: the probe is in maintenance, or paused.
    pub fn rulings(&self, now: Timestamp, maintained: &dyn Fn(&str) -> bool) -> Vec<Ruling> {
        self.watches.iter().map(|watch| watch.ruling(&self.settings, now, maintained)).collect()
    }

    /// A clock that was put back must not leave anything in the future: it would be waited for.
    fn mind_clock(&mut self, now: Timestamp) {
        let back = self.last.map_or(Duration::ZERO, |last| last.since(now));
        if back > STEP {
            self.watches.iter_mut().for_each(|watch| watch.rewind(back));
            self.touched = (0..self.watches.len()).collect();
            self.wakes.clear();
            self.wake.fill(None);
            self.dirty = true;
        }
        self.last = Some(now);
    }

    /// Where that provider's are; they are to be asked again.
    fn touch(&mut self, provider: &str) -> Option<usize> {
        let at = *self.places.get(provider)?;
        if self.touched.last() != Some(&at) {
            self.touched.push(at);
        }
        Some(at)
    }
}

/// Findings of runs that got through a door that should have been shut: each has an alert or an SLI of its own, and nobody
/// is locked out.
const OPEN_DOORS: [Class; 6] = [
    Class::RefreshNotRotated,
    Class::ReuseAccepted,
    Class::RevocationIneffective,
    Class::LogoutIneffective,
    Class::AttackAccepted,
    Class::RegionsDisagree,
];

/// Whether a fault says that the provider fails. That it asks us to slow down (429) does not.
pub fn is_evidence(fault: &Fault) -> bool {
    fault.blame.is_bad() && fault.class != Class::RateLimited && !OPEN_DOORS.contains(&fault.class)
}

#[cfg(test)]
mod restart_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trouble_tests;
