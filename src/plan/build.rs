//! Configuration in, plan or every mistake out.

use std::sync::Arc;

use aws_lc_rs::digest;

use super::desk::Desk;
use super::probes::{self, Known};
use super::{
    BuildOptions, Plan, alerting, browser, clients, detection, maintenance, providers, rate, regions, schema, service,
    slos, store, watched,
};
use crate::config::tree::Path;
use crate::config::walk::walk;
use crate::config::{Diagnostics, Loaded, Mistake};
use crate::probe::{KINDS, Kind};

/// Resolves a configuration: a plan without any mistake, or all of them.
pub fn build(loaded: &Loaded, options: &BuildOptions) -> Result<Plan, Diagnostics> {
    build_with(KINDS, loaded, options)
}

/// The same with other kinds of probes.
pub fn build_with(kinds: &[&'static Kind], loaded: &Loaded, options: &BuildOptions) -> Result<Plan, Diagnostics> {
    let mistakes = walk(&schema::document_of(kinds), &loaded.root, &Path::default());
    let mut desk = Desk { loaded, kinds, mistakes: mistakes.into(), notes: Vec::new() };
    let server = service::server(&mut desk);
    let telemetry = service::telemetry(&mut desk);
    let regions = regions::regions(&mut desk, options);
    let providers = providers::providers(&mut desk, telemetry.propagates);
    let clients = clients::clients(&mut desk, &providers.1);
    let users = clients::users(&mut desk);
    let known = Known { regions, providers, clients, users };
    let (planned, names) = probes::probes(&mut desk, &known);
    let checks = probes::checks(&mut desk, &planned);
    let busiest = rate::check(&mut desk, &known.providers.0, &planned, &checks);
    rate::one_time_codes(&mut desk, &checks);
    browser::remote(&mut desk);
    let (store, screenshots) = store::store(&mut desk);
    let browser = browser::settings(&mut desk, screenshots);
    let roster = detection::roster(&known.providers.0, &checks, &busiest);
    let detection = detection::settings(&mut desk, &roster);
    let mut alerting = alerting::alerting(&mut desk, &server);
    let (objectives, about) = slos::slos(&mut desk, &planned, &names).into_iter().unzip();
    let maintenance = maintenance::maintenance(&mut desk, &names);
    if names.is_empty() && desk.mistakes.is_empty() {
        let mistake = Mistake::general("the configuration has no [[probe]]: nothing would be done");
        desk.wrong(mistake.help("`authprobe init --issuer URL` writes a configuration to start from"));
    }
    selection_notes(&mut desk, &known);
    alerting.prober = prober(&known);
    if store.is_none() && desk.loaded.root.get("slo").is_some() {
        desk.note(
            "without [store] nothing is kept on disk: counts, and with them all budgets, begin anew at each start",
        );
    }
    let Desk { mistakes, notes, .. } = desk;
    if !mistakes.is_empty() {
        return Err(Diagnostics::new(mistakes.into_all(), &loaded.sources, Some(&loaded.root)));
    }
    let Known { regions, providers, clients, users } = known;
    let running = regions.all.iter().filter(|region| regions.runs(&region.region)).cloned().collect();
    Ok(Plan {
        server,
        telemetry: telemetry.export,
        traces: telemetry.traces,
        propagate_traceparent: telemetry.propagates,
        browser,
        regions: running,
        roster,
        detection,
        providers: providers.0,
        clients: clients.0.into_iter().map(|resolved| resolved.client).collect(),
        users: users.0,
        probes: planned,
        watched: watched::watched(&checks, alerting.thresholds.stale),
        checks,
        objectives,
        about,
        store,
        alerting,
        maintenance,
        files: loaded.files(),
        fingerprint: fingerprint(loaded),
        notes,
    })
}

fn fingerprint(loaded: &Loaded) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for source in loaded.sources.iter() {
        context.update(&(source.text.len() as u64).to_be_bytes());
        context.update(source.text.as_bytes());
    }
    context.finish().as_ref().try_into().unwrap_or_default()
}

/// The regions of this process, if it leaves others out.
fn prober(known: &Known) -> Option<String> {
    let mine: Vec<&str> =
        known.regions.names.iter().map(String::as_str).filter(|name| known.regions.runs(name)).collect();
    (mine.len() < known.regions.names.len()).then(|| mine.join(","))
}

/// What it costs to run only some regions.
fn selection_notes(desk: &mut Desk<'_>, known: &Known) {
    let left_out: Vec<&str> =
        known.regions.names.iter().map(String::as_str).filter(|name| !known.regions.runs(name)).collect();
    if known.regions.selected.is_none() || left_out.is_empty() {
        return;
    }
    desk.note(format!(
        "--region: {} left to other machines: what regions decide together (a quorum, whether they disagree) is decided \
         per machine",
        left_out.join(", ")
    ));
    let limits: Vec<(Arc<str>, u32)> =
        known.providers.0.iter().filter_map(|p| Some((p.name.clone(), p.max_requests_per_minute?))).collect();
    for (name, limit) in limits {
        desk.note(format!(
            "--region: provider {name}: max_requests_per_minute = {limit} holds for each machine: N machines may send N × {limit}"
        ));
    }
}
