//! What is known of providers' keys: from the memories of the runs to whoever asks, to the ledger and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use crate::clock::Timestamp;
use crate::oidc::key_history::{KeyHistory, ProviderKeys};
use crate::oidc::memory::Memories;
use crate::plan::Plan;
use crate::store::KeptKey;

/// Of every provider, in configured order.
pub fn told(memories: &Memories, plan: &Plan) -> Vec<ProviderKeys> {
    let of = |provider: &Arc<str>| {
        let (longest, keys) = look(memories, provider, |history| history.told()).unwrap_or_default();
        ProviderKeys { provider: provider.clone(), longest, keys }
    };
    plan.providers.iter().map(|provider| of(&provider.name)).collect()
}

/// Keys of which more is known than at the last call, for the ledger.
pub fn changed(memories: &Memories, plan: &Plan, now: Timestamp) -> Vec<KeptKey> {
    let mut changed = Vec::new();
    for provider in plan.providers.iter().map(|provider| &provider.name) {
        let mine = plan.probes.iter().filter(|probe| probe.provider.name == *provider);
        let regions: BTreeSet<&str> =
            mine.flat_map(|probe| probe.regions.iter().map(|egress| &*egress.region)).collect();
        let lives = look(memories, provider, |history| {
            history.retain_regions(&|region| regions.contains(region), now);
            history.changed_lives()
        });
        let kept = |(seen_nanos, life)| KeptKey { provider: provider.to_string(), seen_nanos, life };
        changed.extend(lives.unwrap_or_default().into_iter().map(kept));
    }
    changed
}

/// Hands what the ledger knows to the memories of those providers of the plan that are `new` to this process.
pub fn restore(memories: &Memories, plan: &Plan, kept: Vec<KeptKey>, new: impl Fn(&str) -> bool) {
    let mut by_provider: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for KeptKey { provider, seen_nanos, life } in kept {
        by_provider.entry(provider).or_default().push((seen_nanos, life));
    }
    for provider in plan.providers.iter().map(|provider| &provider.name).filter(|name| new(name)) {
        if let Some(lives) = by_provider.remove(&**provider) {
            let memory = memories.provider(provider);
            memory.keys.lock().unwrap_or_else(PoisonError::into_inner).restore_lives(lives);
        }
    }
}

/// `None`: nothing is known of that provider yet. Nothing is made for it.
fn look<T>(memories: &Memories, provider: &str, look: impl FnOnce(&mut KeyHistory) -> T) -> Option<T> {
    let memory = memories.known_provider(provider)?;
    let mut history = memory.keys.lock().unwrap_or_else(PoisonError::into_inner);
    Some(look(&mut history))
}
