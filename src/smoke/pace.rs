//! When a run may begin: our own limits must never become the reason why one fails, nor a part of the time that it takes. So
//! runs wait here, before they begin: for room in their provider's request budget, for a one-time code that nobody has used,
//! for a browser.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::select::Selected;
use crate::clock::{Clock, Instant};
use crate::oidc::memory::{Memories, ProviderMemory};
use crate::oidc::totp;
use crate::plan::Check;
use crate::probe::browser_login;
use crate::runner::CAPACITY;

/// How often a budget is looked at again.
const LOOK: Duration = Duration::from_millis(100);
/// How long a pause that the provider asked for is waited out where no deadline says how much time there is.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Pace {
    clock: Clock,
    providers: BTreeMap<Arc<str>, Room>,
    /// By provider and what the user is called there: its codes and signatures follow each other.
    logins: BTreeMap<(Arc<str>, String), Login>,
    /// By place: this machine, or a remote WebDriver.
    browsers: BTreeMap<String, Arc<Semaphore>>,
    capacity: Arc<Semaphore>,
}

/// A provider's request budget.
struct Room {
    limit: Option<u32>,
    memory: Arc<ProviderMemory>,
    /// First come, first served: else a cheap run would always overtake a dear one.
    queue: Mutex<()>,
    /// What the runs in progress will cost by their kinds' word.
    reserved: Arc<AtomicU32>,
}

struct Login {
    turn: Arc<Mutex<()>>,
    /// What the configuration calls it: more than one name, if it is there more than once.
    names: Vec<Arc<str>>,
    codes: bool,
}

/// Leave to begin a run; given back when it is over.
#[derive(Debug)]
pub struct Turn {
    _reservation: Option<Reservation>,
    _login: Option<OwnedMutexGuard<()>>,
    _browser: Option<OwnedSemaphorePermit>,
    _capacity: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Reservation(Arc<AtomicU32>, u32);

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// The provider asked to be left alone (429 or 503 with `Retry-After`) for so much longer: more than there is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftAlone(pub Duration);

impl Pace {
    /// For these checks, with so many browsers at once in each place.
    pub fn new(selected: &[Selected], memories: &Memories, clock: Clock, max_browsers: u32) -> Self {
        let mut pace = Self {
            clock,
            providers: BTreeMap::new(),
            logins: BTreeMap::new(),
            browsers: BTreeMap::new(),
            capacity: Arc::new(Semaphore::new(CAPACITY)),
        };
        for Selected { check, .. } in selected {
            let name = &check.labels.provider;
            pace.providers.entry(name.clone()).or_insert_with(|| Room {
                limit: check.probe.provider.max_requests_per_minute,
                memory: memories.provider(name),
                queue: Mutex::default(),
                reserved: Arc::default(),
            });
            if let Some(key) = login(check)
                && let Some(user) = &check.user
            {
                let fresh = || Login { turn: Arc::default(), names: Vec::new(), codes: false };
                let login = pace.logins.entry(key).or_insert_with(fresh);
                login.codes |= user.totp.is_some();
                if !login.names.contains(&user.name) {
                    login.names.push(user.name.clone());
                }
            }
            if let Some(place) = place(check) {
                let most = max_browsers.max(1) as usize;
                pace.browsers.entry(place).or_insert_with(|| Arc::new(Semaphore::new(most)));
            }
        }
        pace
    }

    /// Waits until a run of that check may begin. `most`: room for all that a run may send at worst, and not only for what it
    /// usually does. `until`: when there is no more time.
    pub async fn turn(&self, check: &Check, most: bool, until: Option<Instant>) -> Result<Turn, LeftAlone> {
        let login = match login(check).and_then(|key| self.logins.get(&key)) {
            Some(login) => Some(self.login(login, &check.labels.provider).await),
            None => None,
        };
        let browser = match place(check).and_then(|place| self.browsers.get(&place)) {
            // Never closed.
            Some(browsers) => browsers.clone().acquire_owned().await.ok(),
            None => None,
        };
        let reservation = match self.providers.get(&check.labels.provider) {
            Some(room) => self.room(room, check, most, until).await?,
            None => None,
        };
        // Last: whoever waits for one provider holds up no other.
        let capacity = self.capacity.clone().acquire_owned().await.ok();
        Ok(Turn { _reservation: reservation, _login: login, _browser: browser, _capacity: capacity })
    }

    /// Its turn, and the half minute of a code that nobody has used: a run that had to wait for one would be slow for no fault
    /// of the provider's.
    async fn login(&self, login: &Login, provider: &Arc<str>) -> OwnedMutexGuard<()> {
        let turn = login.turn.clone().lock_owned().await;
        let memory = self.providers.get(provider).map(|room| &room.memory).filter(|_| login.codes);
        loop {
            let now = self.clock.now();
            let step = totp::step(now);
            let free =
                |memory: &Arc<ProviderMemory>| login.names.iter().all(|name| memory.one_time_codes.is_free(name, step));
            if memory.is_none_or(free) {
                return turn;
            }
            tokio::time::sleep(totp::until_next(now)).await;
        }
    }

    async fn room(
        &self,
        room: &Room,
        check: &Check,
        most: bool,
        until: Option<Instant>,
    ) -> Result<Option<Reservation>, LeftAlone> {
        let cost = check.probe.cost();
        let _first = room.queue.lock().await;
        loop {
            let now = self.clock.now();
            let wait = {
                let mut budget = room.memory.budget.lock().expect("budget");
                if let Some(left) = budget.paused(now) {
                    let patience = until.map_or(MAX_PAUSE, |until| until.duration_since(self.clock.instant()));
                    if left > patience {
                        return Err(LeftAlone(left));
                    }
                    left
                } else {
                    let Some(limit) = room.limit else { return Ok(None) };
                    let needs = if most { cost.burst.max(cost.requests) } else { cost.requests }.min(limit);
                    let reserved = room.reserved.load(Ordering::Relaxed);
                    if budget.available(now, limit) >= reserved.saturating_add(needs) {
                        room.reserved.fetch_add(needs, Ordering::Relaxed);
                        return Ok(Some(Reservation(room.reserved.clone(), needs)));
                    }
                    LOOK
                }
            };
            tokio::time::sleep(wait).await;
        }
    }
}

/// Whose logins must follow each other: those with one-time codes or a passkey.
fn login(check: &Check) -> Option<(Arc<str>, String)> {
    let user = check.user.as_ref().filter(|user| user.totp.is_some() || user.passkey.is_some())?;
    Some((check.labels.provider.clone(), user.username.to_string()))
}

/// Where a check needs a browser.
fn place(check: &Check) -> Option<String> {
    let needs = check.labels.kind == browser_login::KIND.name;
    needs.then(|| check.region.webdriver.as_ref().map(|webdriver| webdriver.url.to_string()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::probe::Cost;
    use crate::runner::testing::{Planner, START, Script, user};
    use crate::secret::SecretSource;

    struct Stage {
        clock: Clock,
        memories: Memories,
        selected: Vec<Selected>,
        pace: Pace,
    }

    fn stage(planner: Planner) -> Stage {
        let (clock, memories) = (Clock::following(START), Memories::default());
        let checks = planner.plan().checks.clone();
        let selected: Vec<_> = checks.into_iter().map(|check| Selected { check, named: false }).collect();
        let pace = Pace::new(&selected, &memories, clock.clone(), 2);
        Stage { clock, memories, selected, pace }
    }

    impl Stage {
        fn check(&self, n: usize) -> &Check {
            &self.selected[n].check
        }

        /// Seconds until a run may begin.
        async fn waits(&self, n: usize, most: bool) -> (u64, Turn) {
            let begun = self.clock.instant();
            let turn = self.pace.turn(self.check(n), most, None).await.unwrap();
            (self.clock.instant().duration_since(begun).as_secs(), turn)
        }
    }

    fn costing(requests: u32, burst: u32, limit: u32) -> Stage {
        let script = Script::costing(Cost { requests, burst, ..Cost::default() }, []);
        let mut planner = Planner::new(&["eu", "us"]);
        planner.provider.max_requests_per_minute = Some(limit);
        stage(planner.probe("login", 60, &script))
    }

    #[tokio::test(start_paused = true)]
    async fn runs_wait_for_room_in_the_budget() {
        let stage = costing(10, 30, 25);
        let (waited, first) = stage.waits(0, false).await;
        let (waited_too, _second) = stage.waits(1, false).await;
        assert_eq!((waited, waited_too), (0, 0));
        assert!(stage.pace.turn(stage.check(0), false, None).now_or_never().is_none(), "five are left");
        let budget = &stage.memories.provider(&"main".into()).budget;
        assert!(budget.lock().unwrap().take(stage.clock.now(), 25, 10));
        drop(first);
        assert_eq!(stage.waits(0, false).await.0, 60, "what was sent is gone for a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn at_worst_a_run_has_the_budget_for_itself() {
        let stage = costing(10, 30, 25);
        let (_, first) = stage.waits(0, false).await;
        assert!(stage.pace.turn(stage.check(1), true, None).now_or_never().is_none());
        drop(first);
        assert_eq!(stage.waits(1, true).await.0, 0, "more than there is cannot be had");
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_asks_for_it_is_left_alone() {
        let stage = costing(1, 1, 100);
        let pause = |secs| {
            let until = stage.clock.now() + Duration::from_secs(secs);
            stage.memories.provider(&"main".into()).budget.lock().unwrap().pause_until(until);
        };
        pause(40);
        assert_eq!(stage.waits(0, false).await.0, 40);
        pause(300);
        let soon = stage.clock.instant() + Duration::from_secs(200);
        let left = Err(LeftAlone(Duration::from_secs(300)));
        assert_eq!(stage.pace.turn(stage.check(0), false, Some(soon)).await.map(drop), left);
        assert_eq!(stage.pace.turn(stage.check(0), false, None).await.map(drop), left);
        let late = stage.clock.instant() + Duration::from_secs(301);
        assert!(stage.pace.turn(stage.check(0), false, Some(late)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_time_codes_are_waited_for_before_a_run() {
        let mut planner = Planner::new(&["eu", "us"]);
        let named = |name: &str, identity: &str| {
            let mut user = (*user(name, Path::new("none"))).clone();
            (user.username, user.totp) = (identity.into(), Some(SecretSource::Env("NONE".into())));
            Arc::new(user)
        };
        // Two names of one account, and another account.
        planner.add("a", 60, &Script::of([]), None, vec![named("tess", "t@example.com")]);
        planner.add("b", 60, &Script::of([]), None, vec![named("tess2", "t@example.com")]);
        planner.add("c", 60, &Script::of([]), None, vec![named("rob", "rob")]);
        let stage = stage(planner);
        let (_, first) = stage.waits(0, false).await;
        assert!(stage.pace.turn(stage.check(1), false, None).now_or_never().is_none(), "one login at a time");
        let (_, _other) = stage.waits(4, false).await;
        let codes = &stage.memories.provider(&"main".into()).one_time_codes;
        assert!(codes.take(&"tess".into(), totp::step(stage.clock.now())));
        drop(first);
        let (waited, second) = stage.waits(2, false).await;
        assert_eq!(waited, 30, "the code of this half minute was used, under another name");
        drop(second);
        assert_eq!(stage.waits(1, false).await.0, 0, "it took no code");
    }

    #[tokio::test(start_paused = true)]
    async fn no_run_waits_for_a_browser_while_its_time_runs() {
        let mut planner = Planner::new(&["eu", "us", "asia"]);
        planner.kind = browser_login::KIND.name;
        let stage = stage(planner.probe("login", 60, &Script::of([])));
        let (_, first) = stage.waits(0, false).await;
        let (_, _second) = stage.waits(1, false).await;
        assert!(stage.pace.turn(stage.check(2), false, None).now_or_never().is_none());
        drop(first);
        assert_eq!(stage.waits(2, false).await.0, 0);
    }
}
