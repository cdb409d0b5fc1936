//! Every metric, declared once: registration, both text formats, OTLP and the documents are made from this table.

/// One metric.
#[derive(Debug, PartialEq)]
pub struct Definition {
    /// Its full name, `_total` of counters included.
    pub name: &'static str,
    /// What it counts, sets or observes.
    pub shape: Shape,
    /// One sentence for people.
    pub help: &'static str,
    /// The unit as OpenMetrics writes it; the name ends with it. Empty: none.
    pub unit: &'static str,
    /// Whose series these are: decides the first labels.
    pub scope: Scope,
    /// Labels after those of the scope.
    pub labels: &'static [&'static str],
}

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets with these upper bounds; `+Inf` is implied.
    Histogram(&'static [f64]),
}

/// Whose series a metric has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One or more a check.
    Check,
    /// One or more for each provider as seen from a region.
    Provider,
    /// One or more an objective.
    Slo,
    /// Of authprobe itself.
    Process,
}

impl Scope {
    /// The labels that its series begin with.
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Check => &["probe", "kind", "provider", "client", "probe_region"],
            Self::Provider => &["provider", "probe_region"],
            Self::Slo => &["slo"],
            Self::Process => &[],
        }
    }
}

impl Definition {
    /// All its labels in order.
    pub fn all_labels(&self) -> impl Iterator<Item = &'static str> {
        self.scope.labels().iter().chain(self.labels).copied()
    }

    /// How many time series one child makes for whoever scrapes it: buckets, `+Inf`, sum and count, or one.
    pub const fn series(&self) -> usize {
        match self.shape {
            Shape::Histogram(buckets) => buckets.len() + 3,
            Shape::Counter | Shape::Gauge => 1,
        }
    }
}

/// Runs and steps: from a cached document (5 ms) to the patience of a person (60 s).
pub const LOGIN: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0];
/// Phases of a request: from a local connection (0.5 ms) to a hanging one (10 s).
pub const PHASE: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Revocation: from immediate (0.1 s) to a cache of five minutes.
pub const PROPAGATION: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0];
/// Lifetimes as people configure them: 1, 5, 10, 15, 30 minutes, 1, 2, 4, 8, 12 hours, 1, 7, 14, 30 days.
pub const LIFETIME: &[f64] = &[
    60.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    14_400.0,
    28_800.0,
    43_200.0,
    86_400.0,
    604_800.0,
    1_209_600.0,
    2_592_000.0,
];
/// Lateness of the schedule: from the timer's resolution (0.1 ms) to a starved machine (10 s).
pub const LATENESS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

macro_rules! table {
    ($($konst:ident =
        $name:literal, $shape:expr, $scope:ident, [$($label:literal),*], $unit:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $konst: Definition = Definition {
                name: $name,
                shape: $shape,
                help: $help,
                unit: $unit,
                scope: Scope::$scope,
                labels: &[$($label),*],
            };
        )*

        /// Every metric.
        pub const TABLE: &[Definition] = &[$($konst),*];
    };
}

use Shape::{Counter, Gauge, Histogram};

table! {
    RUNS = "authprobe_runs_total", Counter, Check, [], "",
        "Scheduled runs that were judged good or bad.";
    FAILURES = "authprobe_run_failures_total", Counter, Check, [], "",
        "Scheduled runs that were judged bad.";
    INCONCLUSIVE = "authprobe_runs_inconclusive_total", Counter, Check, [], "",
        "Scheduled runs that could not tell; they enter no SLI.";
    FAULTS = "authprobe_run_faults_total", Counter, Check, ["class", "blame", "step"], "",
        "Faults of scheduled runs, for people: a series exists from its first fault, so never alert on it.";
    MISSED = "authprobe_runs_missed_total", Counter, Check, ["reason"], "",
        "Scheduled runs that did not take place.";
    CONFIRMATIONS = "authprobe_confirmation_runs_total", Counter, Check, [], "",
        "Runs that the outage detector asked for, however they ended; they enter no SLI and no other count of runs.";
    RUN_DURATION = "authprobe_run_duration_seconds", Histogram(LOGIN), Check, [], "seconds",
        "How long judged scheduled runs took, cleanup not included.";
    STEP_DURATION = "authprobe_step_duration_seconds", Histogram(LOGIN), Check, ["step"], "seconds",
        "How long the steps of judged scheduled runs took, skipped ones and cleanup not included.";
    PHASE_DURATION = "authprobe_http_phase_duration_seconds", Histogram(PHASE), Provider, ["endpoint", "phase"],
        "seconds",
        "How the time of requests of scheduled runs went.";
    SUCCESS = "authprobe_probe_success", Gauge, Check, [], "",
        "Whether the last judged scheduled run was good.";
    LAST_RUN = "authprobe_probe_last_run_timestamp_seconds", Gauge, Check, [], "seconds",
        "When the last judged scheduled run ended.";
    CERTIFICATE = "authprobe_tls_certificate_not_after_timestamp_seconds", Gauge, Provider, ["endpoint"], "seconds",
        "When the certificate of an endpoint expires; the earliest, if it showed several in one run.";
    KEYS = "authprobe_jwks_keys", Gauge, Check, [], "",
        "Usable keys in the key set.";
    KEYS_LAST_SUCCESS = "authprobe_jwks_last_success_timestamp_seconds", Gauge, Check, [], "seconds",
        "When the key set was last fetched and read.";
    ROTATIONS = "authprobe_jwks_rotations_total", Counter, Check, [], "",
        "Changes of the key set; each counts once, at the check that saw it first.";
    UNSAFE_ROTATIONS = "authprobe_jwks_unsafe_rotations_total", Counter, Check, [], "",
        "Changes of the key set that broke a promise to clients: signed before published, or withdrawn too early.";
    CLOCK_SKEW = "authprobe_clock_skew_seconds", Gauge, Check, [], "seconds",
        "The provider's clock minus ours, corrected by half the round trip.";
    TOKEN_LIFETIME = "authprobe_token_lifetime_seconds", Histogram(LIFETIME), Check, ["token"], "seconds",
        "Lifetimes that the provider stated for the tokens of scheduled runs.";
    PROPAGATION_TIME = "authprobe_revocation_propagation_seconds", Histogram(PROPAGATION), Check, [], "seconds",
        "From an acknowledged revocation to its effect; what had none counts in +Inf and adds nothing to the sum.";
    BACKCHANNEL_TIME = "authprobe_backchannel_logout_seconds", Histogram(PROPAGATION), Check, [], "seconds",
        "From a logout to a valid logout token at our receiver; none in time counts in +Inf and adds nothing to the sum.";
    PAGE_DURATION = "authprobe_browser_page_duration_seconds", Histogram(LOGIN), Check, ["phase"], "seconds",
        "How long pages took in the browsers of scheduled runs, from the start of the navigation.";
    BROWSERS = "authprobe_browser_sessions", Gauge, Process, [], "",
        "Browsers that run on this machine now.";
    BROWSER_STARTS = "authprobe_browser_starts_total", Counter, Process, [], "",
        "Browsers that were started, replacements included.";
    BROWSER_MEMORY = "authprobe_browser_memory_bytes", Gauge, Process, [], "bytes",
        "Memory of all browsers on this machine with their drivers (proportional set size).";
    CREDENTIALS_REFUSED = "authprobe_probe_credentials_refused", Gauge, Check, [], "",
        "Whether the provider refused the account or client of this check when it was last tried.";
    ATTACKS = "authprobe_attacks_accepted_total", Counter, Check, ["attack"], "",
        "Attacks that should have been refused and were not.";
    DISAGREE = "authprobe_regions_disagree", Gauge, Provider, ["document"], "",
        "Whether this region sees another document than the others.";
    SLO_INFO = "authprobe_slo_info", Gauge, Slo, ["objective", "window", "sli"], "",
        "1; the labels tell the objective.";
    SLO_EVENTS = "authprobe_slo_events_total", Counter, Slo, ["probe_region"], "",
        "Judged events, maintenance included.";
    SLO_ERRORS = "authprobe_slo_errors_total", Counter, Slo, ["probe_region"], "",
        "Bad events, maintenance included.";
    SLO_EXPECTED = "authprobe_slo_expected_total", Counter, Slo, ["probe_region"], "",
        "Events that should have been judged; what was missed, inconclusive or not running lowers the coverage.";
    SLO_OBJECTIVE = "authprobe_slo_objective_ratio", Gauge, Slo, [], "",
        "The share of events that must be good.";
    SLO_MIN_COVERAGE = "authprobe_slo_min_coverage_ratio", Gauge, Slo, [], "",
        "With less coverage than this nothing is known.";
    SLO_ALPHA = "authprobe_slo_alpha_ratio", Gauge, Slo, [], "",
        "How improbable failures must be before they count: guards small samples.";
    SLO_REMAINING = "authprobe_slo_error_budget_remaining_ratio", Gauge, Slo, [], "",
        "What is left of the error budget: 1 is all of it, below 0 it is overspent. Maintenance left out.";
    SLO_REMAINING_RAW = "authprobe_slo_error_budget_remaining_raw_ratio", Gauge, Slo, [], "",
        "The same with maintenance counted like any other time.";
    SLO_COVERAGE = "authprobe_slo_coverage_ratio", Gauge, Slo, [], "",
        "Judged events of those expected, over the objective's window.";
    SLO_BURN = "authprobe_slo_burn_rate", Gauge, Slo, ["long_window"], "",
        "How many times as fast as allowed the budget burns over that window; 1 is exactly the budget.";
    ALERT_STATE = "authprobe_alert_state", Gauge, Process, ["alertname", "provider", "slo", "severity"], "",
        "0 inactive, 1 pending, 2 firing; the highest of the alerts with these labels.";
    DETECTION_CASES = "authprobe_detection_cases", Gauge, Process, ["provider"], "",
        "Steps of the provider that are being looked into since a run failed in them; 0 when all is well.";
    DETECTION_EVIDENCE = "authprobe_detection_evidence_ratio", Gauge, Process, ["provider", "step", "probe_region"], "",
        "Evidence against a step as a share of what a page needs; there while it is being looked into.";
    NOTIFICATIONS = "authprobe_notifications_total", Counter, Process, ["receiver", "outcome"], "",
        "Messages to receivers of alerts and of the heartbeat.";
    DEPLOYMENT = "authprobe_deployment_timestamp_seconds", Gauge, Process, ["provider"], "seconds",
        "When a deployment of the provider was last marked; empty provider: of any.";
    LEDGER_FAILING = "authprobe_ledger_failing", Gauge, Process, [], "",
        "Whether the ledger cannot be written at present.";
    LEDGER_SIZE = "authprobe_ledger_size_bytes", Gauge, Process, [], "bytes",
        "Size of the ledger on disk, its log included.";
    PAUSED = "authprobe_paused", Gauge, Process, [], "",
        "Whether scheduled runs are paused by hand.";
    LATENESS_TIME = "authprobe_schedule_lateness_seconds", Histogram(LATENESS), Process, [], "seconds",
        "How much later than due scheduled runs began.";
    DROPPED = "authprobe_sink_dropped_total", Counter, Process, ["sink"], "",
        "What a sink had to drop: outcomes (traces, ledger, slo), pushes (otlp_metrics), updates beyond the series limit (metrics).";
    RELOAD_OK = "authprobe_config_last_reload_successful", Gauge, Process, [], "",
        "Whether the configuration last read was valid and is in force.";
    RELOAD_TIME = "authprobe_config_last_reload_success_timestamp_seconds", Gauge, Process, [], "seconds",
        "When a configuration was last put in force.";
    BUILD = "authprobe_build_info", Gauge, Process, ["version", "revision"], "",
        "1; the labels tell the build.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's table, written by hand, as far as this version measures it: name, type, all labels.
    const CONTRACT: &[(&str, &str, &str)] = &[
        ("authprobe_runs_total", "counter", "probe kind provider client probe_region"),
        ("authprobe_run_failures_total", "counter", "probe kind provider client probe_region"),
        ("authprobe_runs_inconclusive_total", "counter", "probe kind provider client probe_region"),
        ("authprobe_run_faults_total", "counter", "probe kind provider client probe_region class blame step"),
        ("authprobe_runs_missed_total", "counter", "probe kind provider client probe_region reason"),
        ("authprobe_confirmation_runs_total", "counter", "probe kind provider client probe_region"),
        ("authprobe_run_duration_seconds", "histogram", "probe kind provider client probe_region"),
        ("authprobe_step_duration_seconds", "histogram", "probe kind provider client probe_region step"),
        ("authprobe_http_phase_duration_seconds", "histogram", "provider probe_region endpoint phase"),
        ("authprobe_probe_success", "gauge", "probe kind provider client probe_region"),
        ("authprobe_probe_last_run_timestamp_seconds", "gauge", "probe kind provider client probe_region"),
        ("authprobe_tls_certificate_not_after_timestamp_seconds", "gauge", "provider probe_region endpoint"),
        ("authprobe_jwks_keys", "gauge", "probe kind provider client probe_region"),
        ("authprobe_jwks_last_success_timestamp_seconds", "gauge", "probe kind provider client probe_region"),
        ("authprobe_jwks_rotations_total", "counter", "probe kind provider client probe_region"),
        ("authprobe_jwks_unsafe_rotations_total", "counter", "probe kind provider client probe_region"),
        ("authprobe_clock_skew_seconds", "gauge", "probe kind provider client probe_region"),
        ("authprobe_token_lifetime_seconds", "histogram", "probe kind provider client probe_region token"),
        ("authprobe_revocation_propagation_seconds", "histogram", "probe kind provider client probe_region"),
        ("authprobe_backchannel_logout_seconds", "histogram", "probe kind provider client probe_region"),
        ("authprobe_browser_page_duration_seconds", "histogram", "probe kind provider client probe_region phase"),
        ("authprobe_browser_sessions", "gauge", ""),
        ("authprobe_browser_starts_total", "counter", ""),
        ("authprobe_browser_memory_bytes", "gauge", ""),
        ("authprobe_probe_credentials_refused", "gauge", "probe kind provider client probe_region"),
        ("authprobe_attacks_accepted_total", "counter", "probe kind provider client probe_region attack"),
        ("authprobe_regions_disagree", "gauge", "provider probe_region document"),
        ("authprobe_slo_info", "gauge", "slo objective window sli"),
        ("authprobe_slo_events_total", "counter", "slo probe_region"),
        ("authprobe_slo_errors_total", "counter", "slo probe_region"),
        ("authprobe_slo_expected_total", "counter", "slo probe_region"),
        ("authprobe_slo_objective_ratio", "gauge", "slo"),
        ("authprobe_slo_min_coverage_ratio", "gauge", "slo"),
        ("authprobe_slo_alpha_ratio", "gauge", "slo"),
        ("authprobe_slo_error_budget_remaining_ratio", "gauge", "slo"),
        ("authprobe_slo_error_budget_remaining_raw_ratio", "gauge", "slo"),
        ("authprobe_slo_coverage_ratio", "gauge", "slo"),
        ("authprobe_slo_burn_rate", "gauge", "slo long_window"),
        ("authprobe_alert_state", "gauge", "alertname provider slo severity"),
        ("authprobe_detection_cases", "gauge", "provider"),
        ("authprobe_detection_evidence_ratio", "gauge", "provider step probe_region"),
        ("authprobe_notifications_total", "counter", "receiver outcome"),
        ("authprobe_deployment_timestamp_seconds", "gauge", "provider"),
        ("authprobe_ledger_failing", "gauge", ""),
        ("authprobe_ledger_size_bytes", "gauge", ""),
        ("authprobe_paused", "gauge", ""),
        ("authprobe_schedule_lateness_seconds", "histogram", ""),
        ("authprobe_sink_dropped_total", "counter", "sink"),
        ("authprobe_config_last_reload_successful", "gauge", ""),
        ("authprobe_config_last_reload_success_timestamp_seconds", "gauge", ""),
        ("authprobe_build_info", "gauge", "version revision"),
    ];

    #[test]
    fn the_table_is_the_contracts() {
        let ours: Vec<_> = TABLE
            .iter()
            .map(|d| {
                let shape = match d.shape {
                    Counter => "counter",
                    Gauge => "gauge",
                    Histogram(_) => "histogram",
                };
                (d.name, shape, d.all_labels().collect::<Vec<_>>().join(" "))
            })
            .collect();
        let theirs: Vec<_> =
            CONTRACT.iter().map(|(name, shape, labels)| (*name, *shape, (*labels).to_owned())).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn names_follow_the_rules_of_openmetrics() {
        for d in TABLE {
            assert_eq!(d.shape == Counter, d.name.ends_with("_total"), "{}", d.name);
            assert!(d.name.ends_with(d.unit), "{} ends with its unit", d.name);
            assert!(d.help.ends_with('.'), "{} has a sentence", d.name);
            assert!(!d.help.contains(['\\', '"', '\n']), "{}: nothing to escape", d.name);
        }
    }

    #[test]
    fn buckets_grow_and_span_what_they_promise() {
        for (buckets, first, last) in [
            (LOGIN, 0.005, 60.0),
            (PHASE, 0.0005, 10.0),
            (PROPAGATION, 0.1, 300.0),
            (LIFETIME, 60.0, 2_592_000.0),
            (LATENESS, 0.0001, 10.0),
        ] {
            assert!(buckets.is_sorted_by(|a, b| a < b));
            assert_eq!((buckets.first(), buckets.last()), (Some(&first), Some(&last)));
        }
    }
}
