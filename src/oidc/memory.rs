//! What outlives a run, in memory only: request budgets, key histories, and what a check remembers of its last run.
//! Survives a reload as long as the provider's or check's name does.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::oidc::http::Budget;
use crate::oidc::key_history::KeyHistory;
use crate::oidc::totp::OneTimeCodes;

/// What is remembered of one provider.
#[derive(Debug, Default)]
pub struct ProviderMemory {
    /// The request budget that all probes and regions share.
    pub budget: Mutex<Budget>,
    /// What has been seen of its keys, in every region.
    pub keys: Mutex<KeyHistory>,
    /// Which one-time codes of its users were used.
    pub one_time_codes: OneTimeCodes,
}

/// What one check keeps between its runs: a value of the kind's own type, created on first use.
#[derive(Clone, Default)]
pub struct CheckMemory(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl CheckMemory {
    /// Works on the remembered value; one of another type (the probe's kind was changed) is forgotten.
    pub fn with<T: Any + Send + Default, R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut slot = self.0.lock().expect("check memory");
        if !slot.as_ref().is_some_and(|value| value.is::<T>()) {
            *slot = Some(Box::new(T::default()));
        }
        let value = slot.as_mut().and_then(|value| value.downcast_mut()).expect("just made");
        work(value)
    }
}

/// All memories, by name.
#[derive(Default)]
pub struct Memories {
    providers: Mutex<HashMap<Arc<str>, Arc<ProviderMemory>>>,
    checks: Mutex<HashMap<String, CheckMemory>>,
}

impl Memories {
    /// Of the provider with that name.
    pub fn provider(&self, name: &Arc<str>) -> Arc<ProviderMemory> {
        self.providers.lock().expect("memories").entry(name.clone()).or_default().clone()
    }

    /// Of the check with that id (`probe@region`).
    pub fn check(&self, id: &str) -> CheckMemory {
        let mut checks = self.checks.lock().expect("memories");
        if let Some(memory) = checks.get(id) {
            return memory.clone();
        }
        checks.entry(id.to_owned()).or_default().clone()
    }

    /// Forgets what is no longer planned.
    pub fn retain(&self, provider: impl Fn(&str) -> bool, check: impl Fn(&str) -> bool) {
        self.providers.lock().expect("memories").retain(|name, _| provider(name));
        self.checks.lock().expect("memories").retain(|id, _| check(id));
    }
}
