//! `[detection]`, and who can be asked for confirmation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::Check;
use super::desk::Desk;
use super::due;
use super::probes::counted;
use super::typed::{self, Item};
use crate::alert::facts::shared;
use crate::config::model::Detection as Written;
use crate::detect::{Roster, Runs, Settings, Site};
use crate::duration::HumanDuration;
use crate::oidc::settings::Provider;

/// Where cron has one due time only.
const NEVER_AGAIN: Duration = Duration::from_secs(366 * 86_400);

/// How long an outage may be ignored.
const IGNORED: (HumanDuration, HumanDuration) = (HumanDuration::from_secs(0), HumanDuration::from_secs(3600));
/// How long some regions must fail.
const SEVERAL: (HumanDuration, HumanDuration) = (HumanDuration::from_secs(10), HumanDuration::from_secs(3600));

/// Resolves `[detection]`, and says of whom it is weak.
pub fn settings(desk: &mut Desk<'_>, roster: &Roster) -> Settings {
    let items: Vec<Item<'_, Written>> = typed::items(desk.loaded, "detection", &mut desk.mistakes);
    let mut settings = Settings::default();
    if let Some((item, written)) = items.first().and_then(|item| Some((item, item.value.as_ref()?))) {
        let mut read =
            |key: &str, value: Option<HumanDuration>, default, (least, most): (HumanDuration, HumanDuration)| {
                let Some(value) = value else { return default };
                if !(least..=most).contains(&value) {
                    desk.wrong(item.mistake(key, format!("{value} is out of range: from {least} to {most}")));
                }
                value.0
            };
        settings = Settings {
            ignore_shorter_than: read(
                "ignore_shorter_than",
                written.ignore_shorter_than,
                settings.ignore_shorter_than,
                IGNORED,
            ),
            several_after: read("several_after", written.several_after, settings.several_after, SEVERAL),
            confirmations_per_hour: written.confirmations_per_hour.unwrap_or(settings.confirmations_per_hour),
        };
    }
    notes(desk, roster, &settings);
    settings
}

/// Where nothing can be confirmed: an outage is then found as fast as the schedule lets it.
fn notes(desk: &mut Desk<'_>, roster: &Roster, settings: &Settings) {
    if settings.confirmations_per_hour == 0 {
        if !roster.sites.is_empty() {
            desk.note("detection: with confirmations_per_hour = 0 outages are found by scheduled runs alone");
        }
        return;
    }
    for site in &roster.sites {
        let cheapest = site.runs.iter().map(|run| run.requests).min();
        let Some((room, cheapest)) = site.room.zip(cheapest).filter(|(room, cheapest)| room < cheapest) else {
            continue;
        };
        let room = match room {
            0 => "nothing".to_owned(),
            _ => format!("{} ({cheapest} are needed)", counted(room as usize, "request")),
        };
        desk.note(format!(
            "provider {}: the busiest minute leaves {room} of max_requests_per_minute for confirmation runs: outages are \
             found by scheduled runs alone; probe less often, or raise the limit",
            site.provider
        ));
    }
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
    let cost = probe.cost();
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
