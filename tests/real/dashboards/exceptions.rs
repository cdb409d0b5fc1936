//! Which questions have no answer while all is well, by hand, each with its reason. Everything else has one then; these have
//! one in the scene of troubles. So there is no question that no scene answers.

/// A question and why it has no answer.
pub type Exception = (&'static str, &'static str);

/// Bad news: an answer would be a false alarm.
pub const BAD_NEWS: &[Exception] = &[
    ("on-call.json: Firing/A", "nothing fires"),
    ("on-call.json: Why: faults of the last 30 minutes/A", "no run had a fault"),
    ("on-call.json: Evidence of an outage/A", "nothing is suspected"),
    ("on-call.json: Token endpoint errors/A", "no run failed there"),
    ("on-call.json: Validation failures/A", "every token was right"),
    ("on-call.json: Top failing clients/A", "no run of a client was bad"),
    ("on-call.json: Credentials refused/A", "all were accepted"),
    ("debug.json: Attacks accepted, 24 hours/A", "no attack was accepted"),
    ("debug.json: Attacks accepted/A", "no attack was accepted"),
    ("slo.json: Time to exhaustion/A", "no budget burns faster than allowed"),
    ("executive.json: Pages/Anno", "no page fires"),
    ("on-call.json: Pages/Anno", "no page fires"),
    ("debug.json: Pages/Anno", "no page fires"),
    ("slo.json: Pages/Anno", "no page fires"),
];

/// What the healthy daemon does not do or was not told: no answer is neither good nor bad.
pub const ELSEWHERE: &[Exception] = &[
    ("executive.json: Last deployments/A", "none was marked"),
    ("on-call.json: Last deployments/A", "none was marked"),
    ("executive.json: Deployments/Anno", "none was marked"),
    ("on-call.json: Deployments/Anno", "none was marked"),
    ("debug.json: Deployments/Anno", "none was marked"),
    ("slo.json: Deployments/Anno", "none was marked"),
    ("debug.json: Registration and devices/A", "no probe of these kinds"),
    ("debug.json: Registration and devices/B", "no probe of these kinds"),
    ("debug.json: Back-channel logout, p95/A", "no probe that waits for logout tokens"),
    ("debug.json: Notifications/A", "no receiver"),
];

/// Metrics that have no series before something goes wrong, or is done: they have one in the scene of troubles.
pub const METRICS_OF_TROUBLE: &[&str] = &[
    "authprobe_attacks_accepted_total",
    "authprobe_backchannel_logout_seconds_bucket",
    "authprobe_deployment_timestamp_seconds",
    "authprobe_detection_evidence_ratio",
    "authprobe_notifications_total",
    "authprobe_run_faults_total",
];

/// Whether the question stands in that list.
pub fn is_in(list: &[Exception], target: &str) -> bool {
    list.iter().any(|(name, _)| *name == target)
}
