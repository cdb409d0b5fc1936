//! What a plan costs its providers: requests, on average and at once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::desk::Desk;
use super::{Check, PlannedProbe};
use crate::clock::Timestamp;
use crate::config::Mistake;
use crate::config::tree::{Node, Path};
use crate::oidc::settings::Provider;
use crate::schedule::Timing;

/// A Monday, 2026-01-05T00:00:00Z: the week over which cron is counted, always the same one.
const WEEK_START: Timestamp = Timestamp::from_secs(1_767_571_200);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);
/// The most due times that are counted.
const MAX_COUNTED: u32 = 20_000;

/// How many runs a minute, on average.
pub fn runs_per_minute(timing: &Timing) -> f64 {
    match timing {
        Timing::Every(period) => 60.0 / period.as_secs_f64(),
        Timing::Cron(_) => {
            let (mut at, mut count) = (WEEK_START, 0);
            while count < MAX_COUNTED
                && let Some(next) = timing.next_after(at, Duration::ZERO)
                && next.since(WEEK_START) <= WEEK
            {
                (at, count) = (next, count + 1);
            }
            let over = if count == MAX_COUNTED { at.since(WEEK_START) } else { WEEK };
            f64::from(count) * 60.0 / over.as_secs_f64()
        }
    }
}

/// How many requests a minute a check sends, on average.
pub fn of_check(check: &Check) -> f64 {
    runs_per_minute(&check.probe.timing) * f64::from(check.probe.cost().requests)
}

/// How many requests a minute a probe sends, all its checks together.
pub fn of_probe(probe: &PlannedProbe) -> f64 {
    let cost = probe.cost();
    let checks = if cost.all_regions { 1 } else { probe.regions.len() };
    runs_per_minute(&probe.timing) * f64::from(cost.requests) * checks as f64
}

/// Requests a minute as people say them.
pub fn shown(rate: f64) -> String {
    let digits = if rate >= 100.0 || (rate - rate.round()).abs() < 0.005 {
        0
    } else if rate >= 10.0 {
        1
    } else {
        2
    };
    format!("{rate:.digits$}")
}

/// The most requests that may be sent within a minute: due times are known beforehand, so a day of them is gone through
/// (or less, if there are very many). A run counts as an ordinary one, but one that covers all regions as its burst:
/// there polling until a bound is what is ordinary, and by how much is the provider's doing.
pub fn busiest_minute<'a>(checks: impl Iterator<Item = &'a Arc<Check>>) -> u32 {
    let checks: Vec<&Arc<Check>> = checks.collect();
    let average: f64 = checks.iter().map(|check| of_check(check)).sum();
    let next = |check: &Check, after| check.probe.timing.next_after(after, check.spread);
    let mut due: BinaryHeap<Reverse<(Timestamp, usize)>> =
        checks.iter().enumerate().filter_map(|(i, check)| Some(Reverse((next(check, WEEK_START)?, i)))).collect();
    let mut window: VecDeque<(Timestamp, u64)> = VecDeque::new();
    let (mut sum, mut busiest) = (0_u64, 0);
    for _ in 0..MAX_COUNTED {
        let Some(Reverse((at, i))) = due.pop() else { break };
        if at.since(WEEK_START) > DAY {
            break;
        }
        while let Some(&(first, requests)) = window.front()
            && at.since(first) >= MINUTE
        {
            window.pop_front();
            sum -= requests;
        }
        let cost = checks[i].probe.cost();
        let requests = u64::from(if cost.all_regions { cost.burst } else { cost.requests });
        window.push_back((at, requests));
        sum += requests;
        busiest = busiest.max(sum);
        due.extend(next(checks[i], at).map(|later| Reverse((later, i))));
    }
    // A day's beginning that was all there was room for may be less than a minute.
    u32::try_from(busiest).unwrap_or(u32::MAX).max(average as u32)
}

/// Holds the plan against each provider's limit. Gives the [`busiest_minute`] of each provider that has one and bears the
/// plan.
pub fn check(
    desk: &mut Desk<'_>,
    providers: &[Arc<Provider>],
    probes: &[Arc<PlannedProbe>],
    checks: &[Arc<Check>],
) -> BTreeMap<Arc<str>, u32> {
    let mut all = BTreeMap::new();
    for provider in providers {
        let mine: Vec<&Arc<PlannedProbe>> =
            probes.iter().filter(|probe| probe.provider.name == provider.name).collect();
        let Some(limit) = provider.max_requests_per_minute else { continue };
        let total: f64 = mine.iter().map(|probe| of_probe(probe)).sum();
        let wrong = |desk: &mut Desk<'_>, message: String, help: String| {
            let (at, path) = limit_of(desk, &provider.name);
            let mistake = at.map_or_else(|| Mistake::general(&*message), |node| Mistake::at(node.at, path, &*message));
            desk.wrong(mistake.help(help).help("probe less often or from fewer regions, or raise the limit"));
        };
        if total > f64::from(limit) {
            let shown = shown(total);
            let message = format!("the plan needs {shown} requests a minute, and max_requests_per_minute is {limit}");
            wrong(desk, message, shares(&mine));
            continue;
        }
        for probe in &mine {
            let cost = probe.cost();
            if cost.requests > limit {
                let message = format!(
                    "one run of probe `{}` sends {} requests, and max_requests_per_minute is {limit}",
                    probe.name, cost.requests
                );
                wrong(desk, message, "no such run could ever end well".to_owned());
            } else if cost.burst > limit {
                desk.note(format!(
                    "probe {}: at worst a run sends {} requests, more than provider {} is to bear in a minute ({limit}): it \
                     then ends as `budget`",
                    probe.name, cost.burst, provider.name
                ));
            }
        }
        let busiest = busiest_minute(checks.iter().filter(|check| check.labels.provider == provider.name));
        if busiest > limit {
            desk.note(format!(
                "provider {}: in the busiest minute up to {busiest} requests are due, and its limit is {limit}: runs that \
                 find nothing left end as `budget`; probe less often, or raise the limit",
                provider.name
            ));
        }
        all.insert(provider.name.clone(), busiest);
    }
    all
}

/// A code of an authenticator is good once (RFC 6238 §5.2), and a new one comes every 30 seconds.
pub fn one_time_codes(desk: &mut Desk<'_>, checks: &[Arc<Check>]) {
    let mut rates: BTreeMap<&str, f64> = BTreeMap::new();
    for check in checks {
        if let Some(user) = check.user.as_ref().filter(|user| user.totp.is_some()) {
            *rates.entry(&user.name).or_default() += runs_per_minute(&check.probe.timing);
        }
    }
    for (user, rate) in rates.into_iter().filter(|(_, rate)| *rate > 1.0) {
        desk.note(format!(
            "user {user}: {} logins a minute with a one-time code that changes every 30 seconds and is good once: some \
             may be refused; give each region a user of its own, or probe less often",
            shown(rate)
        ));
    }
}

/// Who needs how much, the greediest first.
fn shares(probes: &[&Arc<PlannedProbe>]) -> String {
    let mut shares: Vec<(f64, String)> = probes
        .iter()
        .map(|probe| {
            let cost = probe.cost();
            let checks = if cost.all_regions { 1 } else { probe.regions.len() };
            let runs = shown(runs_per_minute(&probe.timing) * checks as f64);
            let rate = of_probe(probe);
            (rate, format!("{} {} ({runs} × {})", probe.name, shown(rate), cost.requests))
        })
        .collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let more = shares.len().saturating_sub(8);
    let mut texts: Vec<String> = shares.into_iter().take(8).map(|(_, text)| text).collect();
    if more > 0 {
        texts.push(format!("{more} more"));
    }
    format!("requests a minute (runs × requests): {}", texts.join(", "))
}

fn limit_of<'a>(desk: &Desk<'a>, provider: &str) -> (Option<&'a Node>, Path) {
    let items = desk.loaded.root.get("provider").map_or(&[][..], Node::items);
    let found = items.iter().position(|node| node.get("name").and_then(Node::as_str) == Some(provider));
    let path = Path::default().join("provider").join(found.unwrap_or_default()).join("max_requests_per_minute");
    (found.and_then(|i| items[i].get("max_requests_per_minute")), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(shown(runs_per_minute(&Timing::Every(Duration::from_secs(30)))), "2");
        let rate = |cron: &str| runs_per_minute(&Timing::cron(cron, "Europe/Zurich").unwrap());
        assert_eq!(shown(rate("0 */5 * * * *")), "0.20");
        assert_eq!(shown(rate("*/10 * * * * *")), "6");
        assert_eq!(shown(rate("0 2 * * SUN") * 7.0 * 1440.0), "1");
        assert_eq!(shown(rate("0 0 1 1 *")), "0");
        assert_eq!(shown(123.456), "123");
    }
}
