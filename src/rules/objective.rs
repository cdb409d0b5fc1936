//! The rules of one objective: what was counted in each window, how fast the budget burns, how much is known, who is told.
//! They say in PromQL what [`crate::slo::Book`] and [`crate::alert::Machine`] do, on the raw counts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::words::{self, Texts};
use super::yaml::{Group, Makes, Rule};
use crate::alert::PROMETHEUS;
use crate::duration::HumanDuration;
use crate::sink::metrics::table;
use crate::slo::objective::{ANY_EVENT_WINDOW, WHOLE};
use crate::slo::{Objective, Severity, Tier, Triggers, burn};

/// `AuthSLOBurn`.
pub const BURN: &str = "AuthSLOBurn";
/// The `burnrate_tier` of an objective of 100 %.
pub const ANY: &str = "any";
/// How long an alert stays when its series vanish, and how long a region that is not heard of any more counts as missing.
pub const VANISHED: &str = "1h";
/// Budgets add up hours: each objective has this window.
pub const HOUR: Duration = Duration::from_secs(3600);

/// What is counted: the name in recorded series, and the counter.
const COUNTED: [(&str, &str); 3] =
    [("events", table::SLO_EVENTS.name), ("errors", table::SLO_ERRORS.name), ("expected", table::SLO_EXPECTED.name)];

/// A recorded series of that objective: `slo:authprobe_slo_{what}{slo="…"}`.
pub fn series(what: &str, slo: &str) -> String {
    format!("slo:authprobe_slo_{what}{{slo=\"{slo}\"}}")
}

/// Of that window.
fn windowed(what: &str, window: Duration, slo: &str) -> String {
    series(&format!("{what}{}", HumanDuration(window)), slo)
}

/// Parts per million as PromQL writes a ratio, exactly.
pub fn ratio(ppm: u32) -> String {
    let text = format!("{}.{:06}", ppm / WHOLE, ppm % WHOLE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// All rules of one objective, in the order in which they need each other.
pub fn group(objective: &Objective, texts: &Texts) -> Group {
    let slo = &*objective.name;
    let mut rules = vec![present(slo)];
    for window in windows(objective) {
        rules.extend(COUNTED.iter().map(|(what, counter)| increase(what, counter, slo, window)));
    }
    for (window, guarded) in watched(objective) {
        rules.push(coverage(slo, window));
        if objective.allowed_ppm() > 0 {
            rules.push(burn(objective, window));
            rules.extend(guarded.then(|| lower(objective, window)));
        }
    }
    match &objective.triggers {
        Triggers::Burn(tiers) => rules.extend(tiers.iter().map(|tier| burns(objective, tier, texts))),
        Triggers::AnyEvent(severity) => rules.push(any_event(objective, *severity, texts)),
    }
    for rule in &mut rules {
        // The expressions say so already; a checker of rules wants to see that no two are the same.
        rule.labels.entry("slo".to_owned()).or_insert_with(|| slo.to_owned());
    }
    let comment = vec![
        format!("{slo}: {} % {}.", words::percent(objective.target_ppm), objective.sli.describe()),
        format!(
            "Allowed to fail: {}. Least coverage: {}.",
            ratio(objective.allowed_ppm()),
            ratio(objective.min_coverage_ppm)
        ),
    ];
    Group { name: format!("authprobe-slo-{slo}"), interval: "30s", comment, rules }
}

/// Every window that is counted, shortest first.
fn windows(objective: &Objective) -> BTreeSet<Duration> {
    watched(objective).into_iter().map(|(window, _)| window).chain([HOUR]).collect()
}

/// The windows that alerts look at, and whether the guard applies to them: it does to long ones.
fn watched(objective: &Objective) -> Vec<(Duration, bool)> {
    let mut all: Vec<(Duration, bool)> = match &objective.triggers {
        Triggers::Burn(tiers) => tiers.iter().flat_map(|tier| [(tier.long, true), (tier.short, false)]).collect(),
        Triggers::AnyEvent(_) => vec![(ANY_EVENT_WINDOW, false)],
    };
    // A window may be long in one tier and short in another: guarded first, so that this one stays.
    all.sort_by_key(|(window, guarded)| (*window, !guarded));
    all.dedup_by_key(|(window, _)| *window);
    all
}

/// How much of the objective is heard of at all.
fn present(slo: &str) -> Rule {
    let (expected, record) = (table::SLO_EXPECTED.name, "slo:authprobe_slo_present:ratio");
    let regions = |series: &str| format!("count by (slo) (group by (slo, probe_region) ({series}))");
    let now = format!("{expected}{{slo=\"{slo}\"}}");
    let expr = format!(
        "{}\n  / {}\nor\n0 * last_over_time({record}{{slo=\"{slo}\"}}[{VANISHED}])",
        regions(&now),
        regions(&format!("last_over_time({now}[{VANISHED}])")),
    );
    Rule::record(record, expr)
}

/// What was counted in a window. See the file's header.
fn increase(what: &str, counter: &str, slo: &str, window: Duration) -> Rule {
    let (window, counter) = (HumanDuration(window), format!("{counter}{{slo=\"{slo}\"}}"));
    let expr = format!(
        "\
sum by (slo) (
  (
    {counter} - ({counter} offset {window} or min_over_time({counter}[{window}])) >= 0
    and resets({counter}[{window}]) == 0
  )
  or increase({counter}[{window}])
)"
    );
    Rule::record(format!("slo:authprobe_slo_{what}:increase{window}"), expr)
}

/// How much of what was expected in a window is known.
fn coverage(slo: &str, window: Duration) -> Rule {
    let (events, expected) = (windowed("events:increase", window, slo), windowed("expected:increase", window, slo));
    let (present, window) = (series("present:ratio", slo), HumanDuration(window));
    let expr = format!(
        "\
({events} > 0) / {expected}
  * (
    (avg_over_time({present}[{window}]) and {present} offset {window} == 0)
    or {present} ^ 0
  )
and {present} > 0"
    );
    Rule::record(format!("slo:authprobe_slo_coverage:ratio{window}"), expr)
}

/// How many times as fast as allowed the budget burns.
fn burn(objective: &Objective, window: Duration) -> Rule {
    let slo = &*objective.name;
    let (errors, events) = (windowed("errors:increase", window, slo), windowed("events:increase", window, slo));
    let expr = format!("{errors} / (({events} > 0) * {})", ratio(objective.allowed_ppm()));
    Rule::record(format!("slo:authprobe_slo_burn:ratio{}", HumanDuration(window)), expr)
}

/// The same, as far as the failures are too many for chance.
fn lower(objective: &Objective, window: Duration) -> Rule {
    let slo = &*objective.name;
    let (errors, events) = (windowed("errors:increase", window, slo), windowed("events:increase", window, slo));
    let (allowed, z) = (ratio(objective.allowed_ppm()), burn::quantile(objective.alpha_ppm));
    let expr = format!(
        "\
clamp_min(
  ({errors} > 0) * (1 - 1 / (9 * {errors}) - {z:.6} / (3 * sqrt({errors}))) ^ 3,
  0
) / (({events} > 0) * {allowed})
or 0 * {events}"
    );
    Rule::record(format!("slo:authprobe_slo_burn:lower{}", HumanDuration(window)), expr)
}

/// A tier of an objective that allows failures.
fn burns(objective: &Objective, tier: &Tier, texts: &Texts) -> Rule {
    let slo = &*objective.name;
    let factor = words::milli(tier.factor_milli);
    let lower = windowed("burn:lower", tier.long, slo);
    let short = windowed("burn:ratio", tier.short, slo);
    let burning = format!("{lower} > {factor}\nand {short} > {factor}");
    let known = known(objective, &[tier.long, tier.short]);
    let annotations = texts.burn(objective, tier);
    alert(objective, &burning, &known, &tier.name, tier.severity, annotations)
}

/// An objective of 100 %: one bad event is one too many.
fn any_event(objective: &Objective, severity: Severity, texts: &Texts) -> Rule {
    let burning = format!("{} > 0", windowed("errors:increase", ANY_EVENT_WINDOW, &objective.name));
    let known = known(objective, &[ANY_EVENT_WINDOW]);
    alert(objective, &burning, &known, ANY, severity, texts.any_event(objective))
}

/// That enough is known of these windows.
fn known(objective: &Objective, windows: &[Duration]) -> Vec<String> {
    let least = ratio(objective.min_coverage_ppm);
    let mut known: Vec<String> = windows
        .iter()
        .map(|window| format!("{} >= {least}", windowed("coverage:ratio", *window, &objective.name)))
        .collect();
    known.dedup();
    known
}

fn alert(
    objective: &Objective,
    burning: &str,
    known: &[String],
    tier: &str,
    severity: Severity,
    annotations: crate::alert::Words,
) -> Rule {
    let (slo, severity) = (&*objective.name, severity.as_str());
    let present = series("present:ratio", slo);
    let expr = format!(
        "\
{burning}
and {}
or
0 * max by (slo) (ALERTS{{alertname=\"{BURN}\", alertstate=\"firing\", evaluator=\"{PROMETHEUS}\", slo=\"{slo}\", \
         burnrate_tier=\"{tier}\", severity=\"{severity}\"}})
  unless (
    {}
    and {present} == 1
  )
  and max_over_time({present}[{VANISHED}]) > 0",
        known.join("\nand "),
        known.join("\n    and "),
    );
    let own = [("slo", slo), ("burnrate_tier", tier)];
    let labels = words::labels(&objective.labels, &own, &objective.provider, severity);
    let makes = Makes::Alert { name: BURN, pending: "", annotations };
    Rule { comment: Vec::new(), makes, expr, labels }
}
