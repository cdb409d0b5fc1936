//! `[detection]`, and who can be asked for confirmation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::Check;
use super::desk::Desk;
use super::due;
use crate::alert::facts::shared;
use crate::detect::{Roster, Runs, Settings, Site};
use crate::oidc::settings::Provider;

/// Where cron has one due time only.
const NEVER_AGAIN: Duration = Duration::from_secs(366 * 86_400);

/// Resolves `[detection]`.
pub fn settings(_desk: &mut Desk<'_>) -> Settings {
    Settings::default()
}

/// Every provider with its checks. `busiest`: what the schedule sends within a minute at most, by provider, for those with
/// a limit.
pub fn roster(providers: &[Arc<Provider>], checks: &[Arc<Check>], busiest: &BTreeMap<Arc<str>, u32>) -> Roster {
    let mut gaps = due::Longest::of(1, NEVER_AGAIN);
    let mut by_provider: HashMap<&str, Vec<&Check>> = HashMap::new();
    for check in checks {
        by_provider.entry(&check.labels.provider).or_default().push(check);
    }
    let site = |provider: &Arc<Provider>| {
        let mine = by_provider.get(&*provider.name)?;
        let scheduled = busiest.get(&provider.name).copied().unwrap_or_default();
        Some(Site {
            provider: provider.name.clone(),
            labels: shared(mine.iter().map(|check| &*check.probe.labels)),
            annotations: shared(mine.iter().map(|check| &check.probe.annotations)),
            room: provider.max_requests_per_minute.map(|limit| limit.saturating_sub(scheduled)),
            runs: mine.iter().map(|check| runs(check, &mut gaps)).collect(),
        })
    };
    Roster { sites: providers.iter().filter_map(site).collect() }
}

fn runs(check: &Check, gaps: &mut due::Longest) -> Runs {
    let probe = &check.probe;
    let cost = probe.probe.cost();
    Runs {
        check: check.labels.clone(),
        steps: probe.probe.steps(),
        requests: cost.requests,
        user: check.user.as_ref().map(|user| user.name.clone()),
        all_regions: cost.all_regions,
        timeout: probe.timeout,
        period: gaps.within(&probe.timing),
    }
}
