//! Waiting for providers that are still rolling: before the first run, and between runs while `--wait` lasts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::report::Waited;
use super::rolling::{self, Answer};
use super::select::Selected;
use super::{Event, Teller};
use crate::clock::{Clock, Instant};
use crate::oidc::memory::Memories;

/// How long to leave a provider alone whose request budget is spent.
const SPENT: Duration = Duration::from_secs(1);

/// What is known of each provider that was waited for.
pub struct Waiting {
    clock: Clock,
    /// When no provider is waited for any more. `None`: none ever is.
    until: Option<Instant>,
    providers: Mutex<BTreeMap<Arc<str>, State>>,
}

#[derive(Debug)]
struct State {
    begun: Instant,
    waited: Waited,
    /// How many checks have a run to repeat.
    repeating: u32,
}

impl Waiting {
    /// Until then.
    pub fn new(clock: Clock, until: Option<Instant>) -> Self {
        Self { clock, until, providers: Mutex::default() }
    }

    /// Waits until the provider of that check answers, or the time is over.
    pub async fn ready(&self, of: &Selected, memories: &Memories, teller: &Teller) {
        let check = &of.check;
        let (name, provider) = (&check.labels.provider, &check.probe.provider);
        let memory = memories.provider(name);
        let mut tries = 0;
        while let Some(left) = self.left() {
            let why = match rolling::ask(&check.region, provider, &memory, &self.clock, left).await {
                Answer::There => return self.over(name, true, teller),
                Answer::Rolling(why) => why,
                Answer::Spent => {
                    tokio::time::sleep(SPENT.min(left)).await;
                    continue;
                }
            };
            tries += 1;
            self.failed(name, &why, teller);
            let Some(left) = self.left() else { break };
            tokio::time::sleep(rolling::pause(tries).min(left)).await;
        }
        self.over(name, false, teller);
    }

    /// A run ended as if its provider were still rolling, for that many times in a row: waits a moment and says `true`, if
    /// there is time to repeat it.
    pub async fn again(&self, provider: &Arc<str>, why: &str, row: u32, teller: &Teller) -> bool {
        let Some(left) = self.left() else { return false };
        self.failed(provider, why, teller);
        if row == 1
            && let Some(state) = self.providers().get_mut(provider)
        {
            state.repeating += 1;
        }
        tokio::time::sleep(rolling::pause(row).min(left)).await;
        true
    }

    /// A run that was repeated is over, and that is the end of it: well or not.
    pub fn repeated(&self, provider: &Arc<str>, well: bool, teller: &Teller) {
        let last = match self.providers().get_mut(provider) {
            Some(state) => {
                state.repeating = state.repeating.saturating_sub(1);
                state.repeating == 0
            }
            None => false,
        };
        if last {
            self.over(provider, well, teller);
        }
    }

    /// Whom there was to wait for.
    pub fn report(&self) -> Vec<Waited> {
        self.providers().values().map(|state| state.waited.clone()).collect()
    }

    fn left(&self) -> Option<Duration> {
        let left = self.until?.duration_since(self.clock.instant());
        (!left.is_zero()).then_some(left)
    }

    fn failed(&self, provider: &Arc<str>, why: &str, teller: &Teller) {
        let now = self.clock.instant();
        let tries = {
            let mut providers = self.providers();
            let state = providers.entry(provider.clone()).or_insert_with(|| State {
                begun: now,
                waited: Waited {
                    provider: provider.clone(),
                    took: Duration::ZERO,
                    tries: 0,
                    why: String::new(),
                    ready: false,
                },
                repeating: 0,
            });
            state.waited.tries = state.waited.tries.saturating_add(1);
            why.clone_into(&mut state.waited.why);
            state.waited.ready = false;
            state.waited.took = now.duration_since(state.begun);
            state.waited.tries
        };
        teller.tell(&Event::Waiting { provider, why, tries });
    }

    /// Says so, if there was anything to wait for.
    fn over(&self, provider: &Arc<str>, ready: bool, teller: &Teller) {
        {
            let mut providers = self.providers();
            let Some(state) = providers.get_mut(provider) else { return };
            state.waited.ready = ready;
            state.waited.took = self.clock.instant().duration_since(state.begun);
        }
        teller.tell(&Event::Waited { provider, ready });
    }

    fn providers(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, State>> {
        self.providers.lock().expect("waiting")
    }
}
