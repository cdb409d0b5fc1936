//! What later versions act on: checked as strictly as everything else, and said plainly.

use std::time::Duration;

use super::PlannedProbe;
use super::desk::Desk;
use super::probes::{counted, cron};
use super::providers::headers;
use super::slo::{self, PlannedSlo};
use super::typed::{self, Item};
use crate::config::model::{Aggregate, Alerting, Maintenance, Screenshots, Sli, Slo, SloWindow, Store};
use crate::config::values::{TextOrSecret, WebUrl};
use crate::config::{Mistake, glob, nearest};
use crate::duration::HumanDuration;

/// A calendar month, where a length is needed.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Checks `[store]`. What it says of screenshots is acted on already: those of runs in memory.
pub fn store(desk: &mut Desk<'_>) -> Option<Screenshots> {
    let items: Vec<Item<'_, Store>> = typed::items(desk.loaded, "store", &mut desk.mistakes);
    for item in &items {
        desk.note("store: nothing is kept on disk yet: this version holds recent runs in memory only");
        let Some(written) = &item.value else { continue };
        let least = Duration::from_secs(60);
        for (key, kept) in [("keep_runs", written.keep_runs), ("keep_failures", written.keep_failures)] {
            if kept.is_some_and(|kept| kept.0 < least) {
                desk.wrong(item.mistake(key, "out of range: at least 1m"));
            }
        }
        if written.max_size.is_some_and(|size| size.0 < 1 << 20) {
            desk.wrong(item.mistake("max_size", "out of range: at least 1MiB"));
        }
    }
    items.first()?.value.as_ref()?.screenshots
}

/// Checks `[alerting]`.
pub fn alerting(desk: &mut Desk<'_>) {
    let items: Vec<Item<'_, Alerting>> = typed::items(desk.loaded, "alerting", &mut desk.mistakes);
    for item in &items {
        desk.note("alerting: nobody is alerted yet: this version measures and exports only; alert on its metrics");
        let Some(written) = &item.value else { continue };
        if let Some(url) = &written.heartbeat_url {
            receiver_url(desk, item, "heartbeat_url", url);
        }
        for (i, peer) in written.alertmanager.iter().flatten().enumerate() {
            let key = |name: &str| format!("alertmanager.{i}.{name}");
            if peer.bearer_token.is_some() && peer.basic_auth.is_some() {
                desk.wrong(item.mistake(&key("basic_auth"), "either `bearer_token` or `basic_auth`, not both"));
            }
            if let Some(source) = &peer.bearer_token {
                desk.secret(item, &key("bearer_token"), source);
            }
            if let Some(basic) = &peer.basic_auth {
                desk.secret(item, &key("basic_auth.password"), &basic.password);
            }
            desk.ca_file(item, &key("ca_file"), peer.ca_file.as_ref());
        }
        for (i, webhook) in written.webhook.iter().flatten().enumerate() {
            receiver_url(desk, item, &format!("webhook.{i}.url"), &webhook.url);
            desk.ca_file(item, &format!("webhook.{i}.ca_file"), webhook.ca_file.as_ref());
            if let Some(node) = item.node.get("webhook").and_then(|hooks| hooks.items().get(i)) {
                let path = item.path.join("webhook").join(i);
                let hook = Item { node, path, value: Some(()) };
                headers(desk, &hook, webhook.headers.as_ref(), &["host", "content-length", "transfer-encoding"]);
            }
        }
    }
}

fn receiver_url<T>(desk: &mut Desk<'_>, item: &Item<'_, T>, key: &str, url: &TextOrSecret) {
    if let Some((text, kept)) = desk.text(item, key, url)
        && let Err(why) = WebUrl::parse(&text)
    {
        let message = if kept { "what is kept there is not an http or https URL".to_owned() } else { why };
        desk.wrong(item.mistake(key, message).mask(item.at(key)));
    }
}

/// Checks `[[slo]]`; `probes` are those that could be read, `names` those of all.
pub fn slos(desk: &mut Desk<'_>, probes: &[std::sync::Arc<PlannedProbe>], names: &[String]) -> Vec<PlannedSlo> {
    let items: Vec<Item<'_, Slo>> = typed::items(desk.loaded, "slo", &mut desk.mistakes);
    typed::unique("slo", &items, &mut desk.mistakes);
    if !items.is_empty() {
        desk.note("slo: objectives are not evaluated yet: this version counts runs only");
    }
    let mut all = Vec::new();
    for item in &items {
        let Some(written) = &item.value else { continue };
        let meant = matching(desk, item, &written.probes, names);
        let mine: Vec<&PlannedProbe> =
            probes.iter().map(AsRef::as_ref).filter(|probe| meant.iter().any(|name| *name == *probe.name)).collect();
        check_sli(desk, item, written, &mine);
        check_quorum(desk, item, written, &mine);
        all.extend(planned(desk, item, written, meant));
    }
    all
}

fn planned(desk: &mut Desk<'_>, item: &Item<'_, Slo>, written: &Slo, probes: Vec<String>) -> Option<PlannedSlo> {
    if !(1..1_000_000).contains(&written.objective.ppm) {
        desk.wrong(item.mistake("objective", "out of range: more than 0% and less than 100%"));
        return None;
    }
    let has_zone = item.node.get("timezone").is_some();
    let window = match &written.window {
        SloWindow::Month => {
            if let Some(zone) = &written.timezone {
                cron(desk, item, "0 0 * * *", zone);
            }
            MONTH
        }
        SloWindow::Rolling(window) => {
            if !(Duration::from_secs(3600)..=Duration::from_secs(366 * 86_400)).contains(&window.0) {
                desk.wrong(item.mistake("window", format!("{window} is out of range: from 1h to 366d")));
            }
            if has_zone {
                desk.wrong(item.mistake("timezone", "`timezone` belongs to `window = \"month\"`"));
            }
            window.0
        }
    };
    let tiers = match &written.tiers {
        None => slo::standard(written.objective, window),
        Some(tiers) => {
            for (i, tier) in tiers.iter().enumerate() {
                if !(1..=1_000_000).contains(&tier.budget.ppm) {
                    desk.wrong(item.mistake(&format!("tiers.{i}.budget"), "out of range: more than 0%"));
                }
                if tier.within.0 < Duration::from_secs(60) || tier.within.0 >= window {
                    let message = format!("out of range: from 1m to less than the window of {}", HumanDuration(window));
                    desk.wrong(item.mistake(&format!("tiers.{i}.within"), message));
                }
            }
            tiers.iter().map(|t| slo::tier(t.budget, t.within.0, t.severity, written.objective, window)).collect()
        }
    };
    Some(PlannedSlo {
        name: written.name.0.clone(),
        probes,
        sli: written.sli.clone(),
        objective: written.objective,
        window,
        calendar: written.window == SloWindow::Month,
        aggregate: written.aggregate.unwrap_or_default(),
        quorum: written.quorum,
        tiers,
    })
}

fn check_sli(desk: &mut Desk<'_>, item: &Item<'_, Slo>, written: &Slo, probes: &[&PlannedProbe]) {
    match &written.sli {
        Sli::Latency(sli) => {
            if sli.latency.0.is_zero() {
                desk.wrong(item.mistake("sli.latency", "out of range: more than 0s"));
            }
            let Some(step) = &sli.step else { return };
            for probe in probes {
                let steps = probe.probe.steps();
                if !steps.contains(&step.as_str()) {
                    let mut message = format!("probe `{}` has no step `{step}`", probe.name);
                    if let Some(near) = nearest::nearest(step, steps.iter().copied()) {
                        message.push_str(&format!(": did you mean `{near}`?"));
                    }
                    let help = format!("its steps: {}", nearest::listed(steps));
                    desk.wrong(item.mistake("sli.step", message).help(help));
                }
            }
        }
        Sli::Propagation(_) => {
            for probe in probes.iter().filter(|probe| probe.kind.name != "revocation") {
                let message = format!(
                    "only kind `revocation` measures propagation: probe `{}` is `{}`",
                    probe.name, probe.kind.name
                );
                desk.wrong(item.mistake("sli", message));
            }
        }
        Sli::Named(_) => {}
    }
}

fn check_quorum(desk: &mut Desk<'_>, item: &Item<'_, Slo>, written: &Slo, probes: &[&PlannedProbe]) {
    let Some(quorum) = written.quorum else { return };
    if written.aggregate.unwrap_or_default() != Aggregate::Uptime {
        desk.wrong(item.mistake("quorum", "`quorum` belongs to `aggregate = \"uptime\"`"));
        return;
    }
    for probe in probes {
        let regions = probe.configured_regions;
        if quorum as usize > regions {
            let message = format!(
                "a quorum of {quorum} can never be reached: probe `{}` runs in {}",
                probe.name,
                counted(regions, "region")
            );
            desk.wrong(item.mistake("quorum", message));
        } else if quorum as usize > probe.regions.len() {
            desk.note(format!(
                "slo {}: this process runs {} of {regions} regions of probe {}: alone it cannot reach the quorum of {quorum}",
                written.name.0,
                probe.regions.len(),
                probe.name
            ));
        }
    }
}

/// Checks `[[maintenance]]`.
pub fn maintenance(desk: &mut Desk<'_>, names: &[String]) {
    let items: Vec<Item<'_, Maintenance>> = typed::items(desk.loaded, "maintenance", &mut desk.mistakes);
    typed::unique("maintenance", &items, &mut desk.mistakes);
    if !items.is_empty() {
        desk.note("maintenance: windows are not observed yet: runs in them count like any other");
    }
    for item in &items {
        let Some(written) = &item.value else { continue };
        cron(desk, item, &written.cron, written.timezone.as_deref().unwrap_or("UTC"));
        if !(Duration::from_secs(1)..=Duration::from_secs(7 * 86_400)).contains(&written.duration.0) {
            desk.wrong(item.mistake("duration", format!("{} is out of range: from 1s to 7d", written.duration)));
        }
        if let Some(patterns) = &written.probes {
            matching(desk, item, patterns, names);
        }
    }
}

/// The probes that `patterns` name; each must name one.
fn matching<T>(desk: &mut Desk<'_>, item: &Item<'_, T>, patterns: &[String], names: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (i, pattern) in patterns.iter().enumerate() {
        let mut any = false;
        for name in names.iter().filter(|name| glob::matches(pattern, name)) {
            any = true;
            if !found.contains(name) {
                found.push(name.clone());
            }
        }
        if !any {
            let mistake = |message: String| -> Mistake { item.mistake(&format!("probes.{i}"), message) };
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            desk.wrong(typed::unknown(mistake, "probe", pattern, &known));
        }
    }
    found
}
