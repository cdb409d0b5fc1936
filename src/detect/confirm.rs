//! Which run would tell most, and whether it may be asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use super::detector::Detector;
use super::region::Region;
use super::roster::{Key, Runs, Site};
use crate::clock::Timestamp;
use crate::outcome::{CheckLabels, Outcome};

/// How far apart confirmation runs of one provider are while something is being found out.
const PACE: Duration = Duration::from_secs(1);
/// How far apart once it is known which regions fail and which do not, or while only the end is waited for.
const SLOW: Duration = Duration::from_secs(10);
/// How long nothing may be heard of what fails.
const SILENT: Duration = Duration::from_secs(30);
/// How far apart they are where nothing can be measured.
const MUTE: Duration = Duration::from_secs(300);
/// So many good runs in a row, and nobody asks any further.
const ENOUGH_GOOD: u64 = 10;
/// So many of the hour's runs (one in so many) are for the beginning of cases: the first runs of each.
const RESERVE: u32 = 4;
/// See [`RESERVE`].
const FIRST: u64 = 12;
/// How many are tried when one cannot be started.
const STAND_INS: usize = 3;
/// How long one that could not be started is left alone.
const REFUSED: Duration = Duration::from_secs(2);
/// A run may take so much longer than its timeout before it is given up.
const GRACE: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// How far apart confirmation logins are: of a provider, and of one account.
const LOGINS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));
/// How many there may be of one account since its last login that ended well.
const ATTEMPTS: u32 = 3;
/// How many there may be of one account within an hour, well or not.
const AN_HOUR: usize = 12;

/// What is asked for, and what was: of one provider. Not kept over a restart.
#[derive(Debug, Default)]
pub struct Asker {
    /// When, and how many requests: of the last hour.
    asked: VecDeque<(Timestamp, u32)>,
    /// Runs that are under way, and when they are given up.
    running: BTreeMap<Key, Timestamp>,
    /// Those that could not be started, and until when they are left alone.
    refused: BTreeMap<Key, Timestamp>,
    accounts: BTreeMap<Arc<str>, Account>,
    /// Not before then.
    pub not_before: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Account {
    last: Option<Timestamp>,
    attempts: u32,
    /// Confirmation logins of the last hour.
    asked: VecDeque<Timestamp>,
}

/// What a detector would like to know.
pub struct Wish {
    /// From where, the most telling first.
    pub regions: Vec<Arc<str>>,
    /// Only from probes that failed there: what ends is what failed.
    pub failed: bool,
    /// Whether it is worth a login.
    pub logins: bool,
    /// Whether it is the beginning of a case: a share of the hour's runs is kept for that.
    pub first: bool,
    /// When the next wish may come.
    pub pace: Duration,
}

/// What this detector would like to know now.
pub fn wish(detector: &Detector, now: Timestamp) -> Option<Wish> {
    let all: Vec<Named<'_>> = detector.regions.iter().collect();
    let of =
        |wanted: &dyn Fn(&Region) -> bool| all.iter().copied().filter(|(_, region)| wanted(region)).collect::<Vec<_>>();
    let ends_only = |region: &Region| region.down && (detector.certain.is_some() || region.certain);
    let ending = of(&ends_only);
    // Another region that fails beside one that has for long is a new question.
    let joined = detector.certain.is_none() && all.iter().any(|(_, region)| region.since.is_some() && !region.certain);
    if !ending.is_empty() && !joined {
        return ends(detector, ending, now);
    }
    if all.iter().all(|(_, region)| region.since.is_none()) {
        return None;
    }
    let failing = of(&|region| region.down);
    let told_apart = |region: &Region| region.down || region.is_clean(detector.turned) || region.mute.is_some();
    if detector.pending || !failing.is_empty() && all.iter().all(|(_, region)| told_apart(region)) {
        // Who fails is known: what is left to see is for how long.
        let turns = failing.iter().any(|(_, region)| region.streak > 0);
        let known = |region: &Region| region.since.is_some() && region.mute.is_none();
        return wanted(of(&known), false, if turns { PACE } else { SLOW });
    }
    if detector.calm >= ENOUGH_GOOD && failing.is_empty() {
        return None;
    }
    // While an answer from where it failed is awaited, those that are clean have said enough.
    let awaited = all.iter().any(|(_, region)| region.since.is_some() && region.asked > region.heard);
    let wish = wanted(of(&|region| !(awaited && region.is_clean(detector.turned))), false, PACE);
    wish.map(|wish| Wish { first: detector.asked() < FIRST, ..wish })
}

type Named<'a> = (&'a Arc<str>, &'a Region);

/// Of what is known to fail: whether it is over.
fn ends(detector: &Detector, ending: Vec<Named<'_>>, now: Timestamp) -> Option<Wish> {
    // What comes and goes in step with the schedule must not look like the failure of whoever happens to meet it.
    let unheard = |region: &Region| region.mute.is_none() && region.heard.max(region.asked) < detector.turned;
    let unheard: Vec<_> = detector.regions.iter().filter(|(_, region)| unheard(region)).collect();
    if !unheard.is_empty() {
        return wanted(unheard, false, PACE);
    }
    if ending.iter().all(|(_, region)| region.streak == 0) {
        // The schedule will see the end, unless it is a slow one.
        let heard = ending.iter().filter_map(|(_, region)| region.heard.max(region.asked)).max();
        let mute = ending.iter().all(|(_, region)| region.mute.is_some());
        let silent = heard.is_none_or(|heard| now.since(heard) >= if mute { MUTE } else { SILENT });
        let wish = if silent { wanted(ending, true, SLOW) } else { None };
        return wish.map(|wish| Wish { logins: false, ..wish });
    }
    if detector.patient_until.is_some_and(|until| now < until) {
        return None;
    }
    // Where it still fails one look in a while will do.
    let old = |region: &Region| {
        let patience = if region.mute.is_some() { MUTE } else { SLOW };
        region.heard.max(region.asked).is_none_or(|last| now.since(last) >= patience)
    };
    let open = |region: &Region| !region.is_convinced() && (region.streak > 0 && region.mute.is_none() || old(region));
    wanted(ending.into_iter().filter(|(_, region)| open(region)).collect(), true, PACE)
}

/// Round robin: who was heard or asked of last comes last.
fn wanted(mut regions: Vec<Named<'_>>, failed: bool, pace: Duration) -> Option<Wish> {
    regions.sort_by_key(|(_, region)| region.asked.max(region.heard));
    let regions: Vec<_> = regions.into_iter().map(|(name, _)| name.clone()).collect();
    (!regions.is_empty()).then_some(Wish { regions, failed, logins: true, first: false, pace })
}

/// Whom to ask, within which limits, and how.
pub struct Call<'a> {
    /// The provider.
    pub site: &'a Site,
    /// The hourly bound.
    pub settings: &'a Settings,
    /// Now.
    pub now: Timestamp,
    /// Starts a run, or says that it cannot.
    pub run: &'a mut dyn FnMut(&CheckLabels) -> bool,
}

impl Asker {
    /// Starts the run that `wish` is best served with, if any may be asked for, and says where.
    pub fn ask(&mut self, call: &mut Call<'_>, step: &str, detector: &Detector, wish: &Wish) -> Option<Arc<str>> {
        let site = call.site;
        for region in &wish.regions {
            let any = |runs: &&Runs| {
                runs.check.region == *region && runs.steps.contains(&step) && (wish.logins || runs.user.is_none())
            };
            let fits = |runs: &&Runs| match wish.failed {
                true => detector.is_telling(&runs.check.probe),
                false => !detector.is_blind(&runs.check.probe),
            };
            let mut candidates: Vec<&Runs> = site.runs.iter().filter(any).filter(fits).collect();
            candidates.sort_by_key(|runs| runs.rank());
            let spare = if wish.first { 0 } else { call.settings.confirmations_per_hour / RESERVE };
            if self.left(call.settings, call.now) <= spare {
                return None;
            }
            for runs in candidates.into_iter().take(STAND_INS) {
                if self.start(call, runs) {
                    self.not_before = Some(call.now + wish.pace);
                    return Some(region.clone());
                }
                // Another one stands in only for what could not be started.
                if !self.refused.contains_key(&runs.key()) {
                    break;
                }
            }
        }
        None
    }

    /// Starts a run from another region, whatever its steps: one that nobody logs in with, of the same probe if possible.
    pub fn ask_elsewhere(&mut self, call: &mut Call<'_>, check: &CheckLabels) -> bool {
        let other = |runs: &&Runs| runs.check.region != check.region && runs.user.is_none();
        let mut candidates: Vec<&Runs> = call.site.runs.iter().filter(other).collect();
        candidates.sort_by_key(|runs| (runs.check.probe != check.probe, runs.all_regions, runs.requests));
        let started = candidates.into_iter().take(STAND_INS).any(|runs| self.start(call, runs));
        if started {
            self.not_before = Some(call.now + PACE);
        }
        started
    }

    /// How many runs may still be asked for within this hour.
    pub fn left(&self, settings: &Settings, now: Timestamp) -> u32 {
        let used = self.asked.iter().filter(|(at, _)| now.since(*at) < HOUR).count();
        settings.confirmations_per_hour.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }

    /// A run is over.
    pub fn over(&mut self, outcome: &Outcome, user: Option<&Arc<str>>, confirmation: bool) {
        if confirmation {
            self.running.remove(&key(&outcome.check));
        }
        if let Some(user) = user
            && outcome.credentials_accepted() == Some(true)
        {
            self.accounts.entry(user.clone()).or_default().attempts = 0;
        }
    }

    /// A scheduled run logs somebody in.
    pub fn logs_in(&mut self, user: &Arc<str>, now: Timestamp) {
        self.accounts.entry(user.clone()).or_default().last = Some(now);
    }

    /// The clock was put back by so much.
    pub fn rewind(&mut self, by: Duration) {
        self.not_before = None;
        self.refused.clear();
        let asked = self.asked.iter_mut().map(|(at, _)| at);
        let logins =
            self.accounts.values_mut().flat_map(|account| account.last.as_mut().into_iter().chain(&mut account.asked));
        asked.chain(self.running.values_mut()).chain(logins).for_each(|at| *at = *at - by);
    }

    fn may(&mut self, call: &Call<'_>, runs: &Runs) -> bool {
        let now = call.now;
        self.forget(now);
        let key = runs.key();
        if self.running.contains_key(&key) || self.refused.contains_key(&key) || self.left(call.settings, now) == 0 {
            return false;
        }
        let spent: u32 =
            self.asked.iter().filter(|(at, _)| now.since(*at) < MINUTE).map(|(_, requests)| *requests).sum();
        if call.site.room.is_some_and(|room| spent.saturating_add(runs.requests) > room) {
            return false;
        }
        let Some(user) = &runs.user else { return true };
        let last = self.accounts.values().filter_map(|account| account.last).max();
        let own = self.accounts.get(user);
        last.is_none_or(|last| now.since(last) >= LOGINS.0)
            && own.is_none_or(|own| {
                let rested = own.last.is_none_or(|last| now.since(last) >= LOGINS.1);
                rested && own.attempts < ATTEMPTS && own.asked.len() < AN_HOUR
            })
    }

    fn start(&mut self, call: &mut Call<'_>, runs: &Runs) -> bool {
        if !self.may(call, runs) {
            return false;
        }
        let (key, now) = (runs.key(), call.now);
        if !(call.run)(&runs.check) {
            self.refused.insert(key, now + REFUSED);
            return false;
        }
        self.running.insert(key, now + runs.timeout + GRACE);
        self.asked.push_back((now, runs.requests));
        if let Some(user) = &runs.user {
            let account = self.accounts.entry(user.clone()).or_default();
            (account.last, account.attempts) = (Some(now), account.attempts + 1);
            account.asked.push_back(now);
        }
        true
    }

    fn forget(&mut self, now: Timestamp) {
        while self.asked.front().is_some_and(|(at, _)| now.since(*at) >= HOUR) {
            self.asked.pop_front();
        }
        for account in self.accounts.values_mut() {
            while account.asked.front().is_some_and(|at| now.since(*at) >= HOUR) {
                account.asked.pop_front();
            }
        }
        self.running.retain(|_, until| now < *until);
        self.refused.retain(|_, until| now < *until);
    }
}

fn key(check: &CheckLabels) -> Key {
    (check.probe.clone(), check.region.clone())
}
