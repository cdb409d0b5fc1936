//! Labels and annotations of alerts as Prometheus expands them: what says how much is asked for when the alert is made.

use url::Url;

use super::budget;
use super::objective::series;
use super::yaml::literal;
use crate::alert::text::{PROBER_DOWN, Runbooks};
use crate::alert::{PROMETHEUS, Words, text};
use crate::duration::HumanDuration;
use crate::plan::Plan;
use crate::sink::metrics::table;
use crate::slo::objective::ANY_EVENT_WINDOW;
use crate::slo::{Objective, Tier};

/// `99.95` of parts per million.
pub fn percent(ppm: u32) -> String {
    milli_like(u64::from(ppm), 10_000, 4)
}

/// Thousandths as a decimal: `14.4`.
pub fn milli(value: u64) -> String {
    milli_like(value, 1000, 3)
}

fn milli_like(value: u64, whole: u64, digits: usize) -> String {
    let text = format!("{}.{:0digits$}", value / whole, value % whole);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The labels of an alert: ours win over what an SLO or probe passes on; an empty one is none, as Alertmanager has it.
pub fn labels(passed_on: &Words, own: &[(&str, &str)], provider: &str, severity: &str) -> Words {
    let mut labels: Words = passed_on.iter().map(|(name, value)| (name.clone(), literal(value))).collect();
    let ours = [("evaluator", PROMETHEUS), ("severity", severity), ("provider", provider)];
    for (name, value) in ours.iter().chain(own) {
        if value.is_empty() {
            labels.remove(*name)
        } else {
            labels.insert((*name).to_owned(), (*value).to_owned())
        };
    }
    labels
}

/// What annotations are made with.
#[derive(Clone, Debug)]
pub struct Texts {
    runbooks: Runbooks,
    public_url: Option<Url>,
}

impl Texts {
    /// Of that plan.
    pub fn new(plan: &Plan) -> Self {
        Self { runbooks: plan.alerting.runbooks.clone(), public_url: Some(plan.server.url()) }
    }

    /// Ours and what is passed on, which wins (a team's own runbook) but for the description. `about`: `slo` or `probe` and
    /// its name, or nothing.
    pub fn annotations(&self, alert: &str, passed_on: &Words, about: (&str, &str), description: String) -> Words {
        let summary = if alert == PROBER_DOWN.name { PROBER_DOWN.summary } else { text::summary(alert) };
        let dashboard = self.public_url.as_ref().map(|url| literal(&text::dashboard(url, alert, about.0, about.1)));
        let own = [
            ("summary", Some(summary.to_owned())),
            ("runbook_url", self.runbooks.of(alert).map(|url| literal(&url))),
            ("dashboard_url", dashboard),
        ];
        let mut all: Words = own.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect();
        all.extend(passed_on.iter().map(|(name, text)| (name.clone(), literal(text))));
        all.insert("description".to_owned(), description);
        all
    }

    /// Of a tier.
    pub fn burn(&self, objective: &Objective, tier: &Tier) -> Words {
        let slo = &*objective.name;
        let long = HumanDuration(tier.long);
        let burn = series(&format!("burn:ratio{long}"), slo);
        let what = format!(
            "{slo}: {{{{ if eq $value 0.0 }}}}too little is measured to tell whether this is over{{{{ else }}}}in the last \
             {long} the error budget burned {} times as fast as allowed{{{{ end }}}} ({}, objective {} %); the alert begins \
             at {}.",
            first(&burn, TIMES),
            objective.sli.describe(),
            percent(objective.target_ppm),
            milli(tier.factor_milli),
        );
        let left = budget::remaining_series(objective);
        let period = budget::period(objective.window).as_secs();
        let lasts = format!("{left} / ({burn} > 0) * {period} > 0");
        let budget = format!(
            " Budget left: {}{{{{ with query `{lasts}` }}}}, gone in {{{{ . | first | value | humanizeDuration }}}} at this \
             rate{{{{ end }}}}.",
            first(&left, "humanizePercentage"),
        );
        let description = [what, places(slo, &long), faults(objective, &long), budget].concat();
        self.annotations(super::objective::BURN, &objective.annotations, ("slo", slo), description)
    }

    /// Of an objective of 100 %.
    pub fn any_event(&self, objective: &Objective) -> Words {
        let (slo, window) = (&*objective.name, HumanDuration(ANY_EVENT_WINDOW));
        let errors = series(&format!("errors:increase{window}"), slo);
        let what = format!(
            "{slo}: {} bad in the last {window} ({}); the objective of 100 % allows none. The alert ends {window} after the \
             last.",
            first(&errors, "printf \"%.0f\""),
            objective.sli.describe(),
        );
        let description = [what, places(slo, &window), faults(objective, &window)].concat();
        self.annotations(super::objective::BURN, &objective.annotations, ("slo", slo), description)
    }
}

/// How a burn rate is shown.
const TIMES: &str = "printf \"%.1f\"";

/// The first value of a query, or `unknown`.
fn first(query: &str, shown: &str) -> String {
    format!("{{{{ with query `{query}` }}}}{{{{ . | first | value | {shown} }}}}{{{{ else }}}}unknown{{{{ end }}}}")
}

/// In which regions.
fn places(slo: &str, window: &HumanDuration) -> String {
    let errors = format!(
        "sum by (probe_region) (increase({}{{slo=\"{slo}\", probe_region!=\"\"}}[{window}])) > 0",
        table::SLO_ERRORS.name
    );
    seen_from(&errors)
}

/// The regions of a query's result, after a space: ` Seen from eu, us.`
pub fn seen_from(query: &str) -> String {
    format!(
        "{{{{ with query `{query}` }}}} Seen from{{{{ range $i, $one := . }}}}{{{{ if $i }}}},{{{{ end }}}} \
         {{{{ $one.Labels.probe_region }}}}{{{{ end }}}}.{{{{ end }}}}"
    )
}

/// Whose fault most failures are, after a space.
fn faults(objective: &Objective, window: &HumanDuration) -> String {
    let probes = any_of(objective.members.iter().map(|member| &*member.probe));
    let faults = format!(
        "topk(1, sum by (class, blame, step) (increase({}{{probe=~\"{probes}\", blame=~\"network|provider\"}}[{window}])) > 0)",
        table::FAULTS.name
    );
    format!(
        "{{{{ with query `{faults}` }}}}{{{{ with (first .).Labels }}}} Most failures: {{{{ .class }}}} (blame: {{{{ .blame }}}}) \
         at step {{{{ .step }}}}.{{{{ end }}}}{{{{ end }}}}"
    )
}

/// A regular expression that matches just these names. Of what names may hold only the dot means something there.
pub fn any_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| name.replace('.', "\\\\.")).collect::<Vec<_>>().join("|")
}
