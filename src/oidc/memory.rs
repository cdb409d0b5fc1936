//! What outlives a run, in memory only: request budgets, key histories, and what a check remembers of its last run.
//! Survives a reload as long as the provider's or check's name does.

use std::any::Any;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::oidc::agreement::Agreement;
use crate::oidc::dpop;
use crate::oidc::grants;
use crate::oidc::http::{Budget, SystemRoots, TlsCache};
use crate::oidc::key_history::KeyHistory;
use crate::oidc::mailbox::Mailbox;
use crate::oidc::totp::OneTimeCodes;

/// What is remembered of one provider.
#[derive(Debug, Default)]
pub struct ProviderMemory {
    /// The request budget that all probes and regions share.
    pub budget: Mutex<Budget>,
    /// What has been seen of its keys, in every region.
    pub keys: Mutex<KeyHistory>,
    /// What each region, and each node behind its name, was given as metadata and keys.
    pub agreement: Mutex<Agreement>,
    /// Which one-time codes of its users were used.
    pub one_time_codes: OneTimeCodes,
    /// The turns of its users' passkeys.
    pub passkeys: Turns,
    /// The TLS settings of its connections.
    pub tls: TlsCache,
    /// The keys that its clients' tokens are bound to.
    pub dpop: dpop::Keys,
    /// Which grants it offers without saying so.
    pub unlisted: grants::Unlisted,
    /// Whether its userinfo has ever been signed, whatever the metadata says of it.
    pub signs_userinfo: AtomicBool,
}

/// Whose turn it is to log in with a passkey, and the signature counter that its next login starts from. Providers refuse
/// a counter that does not grow (WebAuthn §6.1.1), so logins with one passkey go one after the other.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<u32>>>>);

/// A turn, until it is dropped.
pub type Turn = tokio::sync::OwnedMutexGuard<u32>;

impl Turns {
    /// How many signatures one login may take.
    const ROOM: u32 = 3;
    /// The start of 2024, from which tenths of a second fit until 2037.
    const BEGIN: Timestamp = Timestamp::from_secs(1_704_067_200);

    /// Waits for the turn of that credential. The counter grows with the time, quicker than logins can use it up: another
    /// process, or this one after a restart, goes on from there.
    pub async fn take(&self, credential: &str, now: Timestamp) -> Turn {
        let slot = self.0.lock().expect("passkeys").entry(credential.to_owned()).or_default().clone();
        let mut turn = slot.lock_owned().await;
        let tenths = now.since(Self::BEGIN).as_millis() / 100;
        *turn = turn.saturating_add(Self::ROOM).max(u32::try_from(tenths).unwrap_or(u32::MAX));
        turn
    }
}

/// What has to be done at a provider once something remembered is forgotten, such as revoking a session's tokens.
pub type Cleanup = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

/// What one check keeps between its runs: a value of the kind's own type, created on first use, and what is to be done
/// if no other run follows.
#[derive(Clone, Default)]
pub struct CheckMemory {
    own: Arc<Mutex<Slot>>,
    /// The memory that this one stands beside.
    beside: Option<Weak<Mutex<Slot>>>,
}

#[derive(Default)]
struct Slot {
    value: Option<Box<dyn Any + Send>>,
    cleanup: Option<Cleanup>,
}

impl CheckMemory {
    /// Works on the remembered value; one of another type (the probe's kind was changed) is forgotten.
    pub fn with<T: Any + Send + Default, R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let slot = &mut self.slot().value;
        if !slot.as_ref().is_some_and(|value| value.is::<T>()) {
            *slot = Some(Box::new(T::default()));
        }
        let value = slot.as_mut().and_then(|value| value.downcast_mut()).expect("just made");
        work(value)
    }

    /// A copy of what is remembered, and where nothing is, of what the memory beside it remembers. For what a run may know
    /// without its being used up: a session is not, for then two runs would go on with it.
    pub fn look<T: Any + Send + Default + Clone>(&self) -> T {
        let of = |slot: &Mutex<Slot>| slot.lock().expect("check memory").value.as_ref()?.downcast_ref::<T>().cloned();
        let beside = || of(&*self.beside.as_ref()?.upgrade()?);
        of(&self.own).or_else(beside).unwrap_or_default()
    }

    /// Registers what is to be done if no other run follows, instead of what was registered before.
    pub fn set_cleanup(&self, work: impl Future<Output = Result<(), Fault>> + Send + 'static) {
        self.slot().cleanup = Some(Box::pin(work));
    }

    /// Takes what was registered: whoever forgets the value does it, or need not.
    pub fn take_cleanup(&self) -> Option<Cleanup> {
        self.slot().cleanup.take()
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.own.lock().expect("check memory")
    }
}

/// All memories, by name.
#[derive(Default)]
pub struct Memories {
    providers: Mutex<HashMap<Arc<str>, Arc<ProviderMemory>>>,
    checks: Mutex<HashMap<String, CheckMemory>>,
    roots: SystemRoots,
    /// Where logout tokens arrive, for whichever run waits for them.
    pub mailbox: Arc<Mailbox>,
}

impl Memories {
    /// Of the provider with that name.
    pub fn provider(&self, name: &Arc<str>) -> Arc<ProviderMemory> {
        let fresh = || ProviderMemory { tls: TlsCache::new(self.roots.clone()), ..ProviderMemory::default() };
        self.providers.lock().expect("memories").entry(name.clone()).or_insert_with(|| Arc::new(fresh())).clone()
    }

    /// Of the provider with that name, if there is any memory of it yet.
    pub fn known_provider(&self, name: &str) -> Option<Arc<ProviderMemory>> {
        self.providers.lock().expect("memories").get(name).cloned()
    }

    /// Of the check with that id (`probe@region`).
    pub fn check(&self, id: &str) -> CheckMemory {
        let mut checks = self.checks.lock().expect("memories");
        if let Some(memory) = checks.get(id) {
            return memory.clone();
        }
        checks.entry(id.to_owned()).or_default().clone()
    }

    /// One that is forgotten after the run, beside that of the check with that id: for a run that others must not notice.
    pub fn apart(&self, id: &str) -> CheckMemory {
        let beside = self.checks.lock().expect("memories").get(id).map(|memory| Arc::downgrade(&memory.own));
        CheckMemory { beside, ..CheckMemory::default() }
    }

    /// Forgets what is no longer planned, and returns what has to be done about it. A check whose run is in progress is
    /// left to [`Memories::release`].
    #[must_use]
    pub fn retain(&self, provider: impl Fn(&str) -> bool, check: impl Fn(&str) -> bool) -> Vec<Cleanup> {
        self.providers.lock().expect("memories").retain(|name, _| provider(name));
        let mut cleanups = Vec::new();
        self.checks.lock().expect("memories").retain(|id, memory| {
            let kept = check(id);
            if !kept && Arc::strong_count(&memory.own) == 1 {
                cleanups.extend(memory.take_cleanup());
            }
            kept
        });
        cleanups
    }

    /// A run gives its memory back: what has to be done if the check was forgotten meanwhile, or the memory was one apart.
    #[must_use]
    pub fn release(&self, id: &str, memory: CheckMemory) -> Option<Cleanup> {
        // Under this lock, so that either `retain` sees that nobody uses it any more, or it is seen here to be forgotten.
        let checks = self.checks.lock().expect("memories");
        let known = checks.get(id).is_some_and(|known| Arc::ptr_eq(&known.own, &memory.own));
        if known { None } else { memory.take_cleanup() }
    }

    /// Takes what has to be done when no run will follow at all.
    #[must_use]
    pub fn drain_cleanups(&self) -> Vec<Cleanup> {
        self.checks.lock().expect("memories").values().filter_map(CheckMemory::take_cleanup).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passkeys_take_turns_and_their_counters_grow() {
        let turns = Turns::default();
        let now = Timestamp::from_secs(1_800_000_000);
        let first = turns.take("a", now).await;
        let other = turns.take("b", now).await;
        assert_eq!((*first, *other), (959_328_000, 959_328_000));
        assert!(futures_util::FutureExt::now_or_never(turns.take("a", now)).is_none(), "one after the other");
        drop(first);
        assert_eq!(*turns.take("a", now).await, 959_328_003);
    }

    fn keeps(memories: &Memories, id: &str) -> CheckMemory {
        let memory = memories.check(id);
        memory.set_cleanup(async { Ok(()) });
        memory
    }

    #[test]
    fn whoever_forgets_a_check_gets_its_cleanup_once() {
        let memories = Memories::default();
        drop(keeps(&memories, "gone@eu"));
        drop(keeps(&memories, "stays@eu"));
        assert_eq!(memories.retain(|_| true, |id| id == "stays@eu").len(), 1);
        assert_eq!(memories.drain_cleanups().len(), 1);
        assert_eq!(memories.drain_cleanups().len(), 0);
    }

    #[test]
    fn a_memory_apart_knows_and_leaves_no_trace() {
        let memories = Memories::default();
        let memory = keeps(&memories, "login@eu");
        memory.with(|seen: &mut u32| *seen = 7);
        let apart = memories.apart("login@eu");
        assert_eq!((apart.look::<u32>(), apart.with(|seen: &mut u32| *seen)), (7, 0), "it may look, and has its own");
        apart.with(|seen: &mut u32| *seen = 9);
        apart.set_cleanup(async { Ok(()) });
        assert_eq!((apart.look::<u32>(), memory.look::<u32>()), (9, 7));
        assert!(memories.release("login@eu", apart).is_some(), "nobody goes on with it");
        drop(memory);
        assert_eq!(memories.drain_cleanups().len(), 1, "that of the check is still there");
        let apart = memories.apart("login@eu");
        keeps(&memories, "login@eu");
        assert_eq!(memories.retain(|_| true, |_| false).len(), 1, "it does not count as a run that will give it back");
        assert_eq!(apart.look::<u32>(), 0, "forgotten");
        assert_eq!(memories.apart("nobody@eu").look::<u32>(), 0);
    }

    #[test]
    fn a_check_that_is_forgotten_while_it_runs_is_cleaned_up_after_the_run() {
        let memories = Memories::default();
        let running = keeps(&memories, "gone@eu");
        assert_eq!(memories.retain(|_| true, |_| false).len(), 0, "the run still uses it");
        // Planned again meanwhile: that is another memory.
        drop(keeps(&memories, "gone@eu"));
        assert!(memories.release("gone@eu", running).is_some());
        assert!(memories.release("gone@eu", memories.check("gone@eu")).is_none(), "the next run goes on with it");
        assert_eq!(memories.drain_cleanups().len(), 1);
    }
}
