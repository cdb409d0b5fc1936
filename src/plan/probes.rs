//! `[[probe]]`: what is done, and when.

use std::sync::Arc;
use std::time::Duration;

use super::clients::Resolved;
use super::desk::Desk;
use super::regions::Regions;
use super::typed::{self, Item};
use super::{Check, PlannedProbe, parties, words};
use crate::config::model::{COMMON_KEYS, Probe as Written};
use crate::config::nearest;
use crate::config::tree::{Seg, Value};
use crate::duration::HumanDuration;
use crate::oidc::form::presets::{self, About, Standing};
use crate::oidc::http::Egress;
use crate::oidc::settings::{Provider, User};
use crate::outcome::CheckLabels;
use crate::probe::{Kind, Need, ParseContext, Probe};
use crate::schedule::Timing;

/// The shortest period (10 a second).
const MIN_PERIOD: Duration = Duration::from_millis(100);
/// The longest period: more than a year says something else was meant.
const MAX_PERIOD: Duration = Duration::from_secs(366 * 86_400);
/// The shortest and longest time a run may be given.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));
/// The time a run is given when nothing is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// The most checks of a plan.
const MAX_CHECKS: usize = 100_000;

/// What probes refer to.
pub struct Known {
    /// Ways out.
    pub regions: Regions,
    /// Providers, and the names of those that could not be read too.
    pub providers: (Vec<Arc<Provider>>, Vec<String>),
    /// Clients.
    pub clients: (Vec<Resolved>, Vec<String>),
    /// Users.
    pub users: (Vec<Arc<User>>, Vec<String>),
}

/// Resolves all probes: those that this process runs, and the names of all.
pub fn probes(desk: &mut Desk<'_>, known: &Known) -> (Vec<Arc<PlannedProbe>>, Vec<String>) {
    let items: Vec<Item<'_, Written>> = typed::items(desk.loaded, "probe", &mut desk.mistakes);
    typed::unique("probe", &items, &mut desk.mistakes);
    let mut all = Vec::new();
    for item in &items {
        let Some(written) = &item.value else { continue };
        if let Some(probe) = planned(desk, known, item, written) {
            all.push(Arc::new(probe));
        }
    }
    (all, typed::names(&items).into_iter().map(str::to_owned).collect())
}

fn planned(desk: &mut Desk<'_>, known: &Known, item: &Item<'_, Written>, written: &Written) -> Option<PlannedProbe> {
    let regions = regions(desk, known, item, written);
    let (provider, client) = parties::who(desk, known, item, written);
    let users = parties::users(desk, known, item, written, regions.len());
    let running = regions.iter().filter(|region| known.regions.runs(&region.region)).count().max(1);
    // An unknown kind is on record already.
    let kind = desk.kinds.iter().copied().find(|kind| kind.name == written.kind);
    // Before what is common to all kinds: what is wrong there says nothing about the kind's own keys.
    let (probe, own) = kind.and_then(|kind| parse(desk, item, kind, running)).unzip();
    let second_client = probe.as_deref().and_then(|probe| parties::second(desk, known, item, written, probe));
    let timing = timing(desk, item, written);
    untried(desk, item, written);
    words::check(desk, item);
    let kind = kind?;
    needs(desk, item, kind, written);
    let waits = probe.as_ref().map_or(Duration::ZERO, |probe| probe.cost().waits);
    let timeout = timeout(desk, item, written, timing.as_ref(), waits);
    if let Some(probe) = &probe
        && probe.cost().all_regions
        && users.len() > 1
    {
        let message = format!("one run of kind `{}` covers all regions: name one `user`", kind.name);
        desk.wrong(item.mistake("users", message));
    }
    let server = desk.loaded.root.get("server");
    if probe.as_ref().is_some_and(|probe| probe.receives_logouts())
        && server.and_then(|server| server.get("public_url")).is_none()
    {
        desk.note(format!(
            "probe {}: without server.public_url only a provider on this machine can deliver logout tokens",
            written.name.0
        ));
    }
    let timing = timing?;
    let mut planned = PlannedProbe {
        name: written.name.0.as_str().into(),
        kind,
        probe: probe?,
        provider: provider?,
        client,
        second_client,
        users,
        spreads: timing.spreads(&written.name.0, regions.len()),
        timing,
        timeout,
        configured_regions: regions.len(),
        regions,
        own: Arc::new(own?),
        labels: Arc::new(written.labels.clone().unwrap_or_default()),
        annotations: written.annotations.clone().unwrap_or_default(),
    };
    select(desk, known, &mut planned);
    (!planned.regions.is_empty()).then_some(planned)
}

/// Says so if the login pages are those of a preset that nobody has seen working yet.
fn untried(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written) {
    let page = item.node.get("page").and_then(|page| page.as_str());
    let Some(About { name, standing: Standing::Untried(what), .. }) = page.and_then(presets::about) else { return };
    desk.note(format!(
        "probe {}: page `{name}` is untried: written from the public templates of {what}; try it with `authprobe probe {0}`",
        written.name.0
    ));
}

/// Leaves the regions that this process runs, and their users.
fn select(desk: &mut Desk<'_>, known: &Known, probe: &mut PlannedProbe) {
    let runs: Vec<bool> = probe.regions.iter().map(|region| known.regions.runs(&region.region)).collect();
    if probe.users.len() == probe.regions.len() && probe.users.len() > 1 {
        let mut keep = runs.iter();
        probe.users.retain(|_| *keep.next().unwrap_or(&false));
    }
    let mut keep = runs.iter();
    probe.spreads.retain(|_| *keep.next().unwrap_or(&false));
    let mut keep = runs.iter();
    probe.regions.retain(|_| *keep.next().unwrap_or(&false));
    if probe.regions.is_empty() {
        desk.note(format!("probe {}: none of its regions is selected: it does not run here", probe.name));
    }
}

fn regions(desk: &mut Desk<'_>, known: &Known, item: &Item<'_, Written>, written: &Written) -> Vec<Arc<Egress>> {
    let Some(wanted) = &written.regions else { return known.regions.all.clone() };
    let names: Vec<&str> = known.regions.names.iter().map(String::as_str).collect();
    let mut found: Vec<Arc<Egress>> = Vec::new();
    for (i, name) in wanted.iter().enumerate() {
        let key = format!("regions.{i}");
        if !names.contains(&name.as_str()) {
            desk.wrong(typed::unknown(|message| item.mistake(&key, message), "region", name, &names));
        } else if wanted.iter().take(i).any(|earlier| earlier == name) {
            desk.wrong(item.mistake(&key, format!("region `{name}` is there already")));
        }
        found.extend(known.regions.all.iter().find(|region| *region.region == **name).cloned());
    }
    found
}

fn timing(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written) -> Option<Timing> {
    let has = |key: &str| item.node.get(key).is_some();
    if has("timezone") && !has("cron") {
        desk.wrong(item.mistake("timezone", "`timezone` belongs to `cron`; `every` knows none"));
    }
    if !has("every") && !has("cron") {
        if !item.misspells("every", &COMMON_KEYS) && !item.misspells("cron", &COMMON_KEYS) {
            let help = "every = \"1m\", or cron = \"0 */5 * * * *\" with a timezone";
            desk.wrong(item.mistake("", "neither `every` nor `cron` says when it runs").help(help));
        }
        return None;
    }
    // Where both are given, either may be wrong in itself as well.
    let every = written.every.and_then(|period| every(desk, item, period.0));
    let zone = written.timezone.as_deref().unwrap_or("UTC");
    let cron = written.cron.as_deref().and_then(|expression| cron(desk, item, expression, zone));
    if has("every") && has("cron") {
        desk.wrong(item.mistake("cron", "either `every` or `cron`, not both"));
        return None;
    }
    every.or(cron)
}

fn every(desk: &mut Desk<'_>, item: &Item<'_, Written>, period: Duration) -> Option<Timing> {
    if (MIN_PERIOD..=MAX_PERIOD).contains(&period) {
        return Some(Timing::Every(period));
    }
    let message = format!("{} is out of range: from 100ms to 366d", HumanDuration(period));
    desk.wrong(item.mistake("every", message));
    None
}

/// Reads a cron expression, and says whether it or its zone is wrong.
pub fn cron<T>(desk: &mut Desk<'_>, item: &Item<'_, T>, expression: &str, zone: &str) -> Option<Timing> {
    match Timing::cron(expression, zone) {
        Ok(timing) => Some(timing),
        Err(why) => {
            let wrong_zone = Timing::cron("0 0 * * *", zone).is_err();
            desk.wrong(item.mistake(if wrong_zone { "timezone" } else { "cron" }, why));
            // The zone is looked at first: what it hides must not wait for the next try.
            if wrong_zone && let Err(why) = Timing::cron(expression, "UTC") {
                desk.wrong(item.mistake("cron", why));
            }
            None
        }
    }
}

/// The time of a run. `waits` of it pass on purpose, and by default come on top.
fn timeout(
    desk: &mut Desk<'_>,
    item: &Item<'_, Written>,
    written: &Written,
    timing: Option<&Timing>,
    waits: Duration,
) -> Duration {
    let period = match timing {
        Some(Timing::Every(period)) => Some(*period),
        _ => None,
    };
    let Some(timeout) = written.timeout else {
        return waits + period.map_or(DEFAULT_TIMEOUT, |period| period.min(DEFAULT_TIMEOUT));
    };
    let (least, most) = TIMEOUTS;
    if !(least..=most).contains(&timeout.0) {
        desk.wrong(item.mistake("timeout", format!("{timeout} is out of range: from 100ms to 1h")));
    } else if timeout.0 <= waits {
        let waits = HumanDuration(waits);
        desk.wrong(item.mistake("timeout", format!("{timeout} is too short: the run itself may wait for {waits}")));
    }
    if let Some(period) = period.filter(|period| *period < timeout.0) {
        desk.note(format!(
            "probe {}: a run may take {timeout}, longer than its period of {}: runs that are due meanwhile are skipped",
            written.name.0,
            HumanDuration(period)
        ));
    }
    timeout.0
}

/// What the kind needs besides its own keys. What it must not have is on record already.
fn needs(desk: &mut Desk<'_>, item: &Item<'_, Written>, kind: &Kind, written: &Written) {
    let has = |key: &str| item.node.get(key).is_some();
    let logs_in = has("user") || has("users");
    let misspelt = |key: &str| item.misspells(key, &COMMON_KEYS);
    if kind.user == Need::Required && !logs_in && !misspelt("user") && !misspelt("users") {
        let message = format!("kind `{}` logs somebody in: `user` (or `users`) is missing", kind.name);
        desk.wrong(item.mistake("", message));
    }
    if kind.client == Need::Optional && !has("client") && !has("provider") {
        desk.wrong(item.mistake("", "`client` or `provider` is missing"));
    }
    if let Some(client) = &written.client
        && logs_in
        && kind.client != Need::Forbidden
        && kind.user != Need::Forbidden
        && kind.comes_back()
        && lacks_redirect_uri(desk, client)
    {
        let message = format!("a login needs the `redirect_uri` of client `{client}`, and it has none");
        desk.wrong(item.mistake("client", message));
    }
}

/// Whether there is a client of that name and none such says a `redirect_uri`: as written, since a client that is wrong
/// elsewhere could not be read. One that is there and wrong, or misspelt, is on record already.
fn lacks_redirect_uri(desk: &Desk<'_>, client: &str) -> bool {
    let clients = desk.loaded.root.get("client").map_or(&[][..], |node| node.items());
    let named: Vec<_> =
        clients.iter().filter(|node| node.get("name").and_then(|name| name.as_str()) == Some(client)).collect();
    let mut keys = named.iter().filter_map(|node| node.as_table()).flat_map(|table| &table.0);
    !named.is_empty() && !keys.any(|entry| nearest::nearest(&entry.name, ["redirect_uri"]).is_some())
}

/// Lets the kind read its own keys, unless something about them is on record already: what it makes of them, and they.
fn parse(
    desk: &mut Desk<'_>,
    item: &Item<'_, Written>,
    kind: &Kind,
    regions: usize,
) -> Option<(Box<dyn Probe>, toml::Table)> {
    let depth = item.path.0.len();
    // Of the table itself: something is missing, perhaps a key of the kind's own.
    let mut incomplete = false;
    for mistake in desk.mistakes.under(&item.path) {
        match mistake.path().0.get(depth) {
            Some(Seg::Key(key)) if COMMON_KEYS.contains(&key.as_str()) => {}
            None => incomplete = true,
            Some(_) => return None,
        }
    }
    let mut own = item.node.clone();
    if let Value::Table(table) = &mut own.value {
        table.0.retain(|entry| !COMMON_KEYS.contains(&entry.name.as_str()));
    }
    let toml::Value::Table(own) = own.to_toml() else { return None };
    let context = ParseContext {
        regions,
        base: desk.loaded.base(item.node.at).to_owned(),
        client: item.node.get("client").is_some(),
    };
    match (kind.parse)(own.clone(), &context) {
        Ok(probe) => Some((probe, own)),
        Err(_) if incomplete => None,
        Err(problems) => {
            for problem in problems {
                desk.wrong(item.mistake(&problem.key, problem.message));
            }
            None
        }
    }
}

/// A number of things.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Probe × region, in order.
pub fn checks(desk: &mut Desk<'_>, probes: &[Arc<PlannedProbe>]) -> Vec<Arc<Check>> {
    let mut checks = Vec::new();
    for probe in probes {
        let whole = usize::from(probe.cost().all_regions);
        let count = if whole == 1 { 1 } else { probe.regions.len() };
        for (i, (region, spread)) in probe.regions.iter().zip(&probe.spreads).take(count).enumerate() {
            let labels = CheckLabels {
                probe: probe.name.clone(),
                kind: probe.kind.name,
                provider: probe.provider.name.clone(),
                client: probe.client.as_ref().map_or_else(|| "".into(), |client| client.name.clone()),
                region: region.region.clone(),
            };
            let user = match probe.users.as_slice() {
                [] => None,
                [one] => Some(one.clone()),
                several => several.get(i).cloned(),
            };
            let (region, spread) = (region.clone(), *spread);
            checks.push(Arc::new(Check { labels, probe: probe.clone(), region, user, spread }));
        }
    }
    if checks.len() > MAX_CHECKS {
        let message = format!("{} checks (probes × regions): at most {MAX_CHECKS}", checks.len());
        desk.wrong(crate::config::Mistake::general(message));
    }
    checks
}
