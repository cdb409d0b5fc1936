//! What is promised, and when it does not count: `[[slo]]`, `[[maintenance]]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{Name, Percent};
use crate::duration::HumanDuration;

/// A service level objective.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "if" = { "not": { "required": ["catalogue"] } },
    "then" = { "required": ["objective"] }
))]
pub struct Slo {
    /// Its name: the `slo` label.
    pub name: Name,
    /// The names of its probes; `*` and `?` stand for any letters.
    #[schemars(length(min = 1))]
    pub probes: Vec<String>,
    /// An entry of the catalogue, such as `login-success`: what is not written here comes from there.
    pub catalogue: Option<String>,
    /// What is good: `availability`, `validation`, `refused`, `{ latency = "800ms" }`,
    /// `{ step = "token", latency = "200ms" }` or `{ propagation = "30s" }`. Default: `availability`.
    pub sli: Option<Sli>,
    /// The share that must be good: more than 0 %. With 100 % any bad event alerts, and there are no tiers.
    pub objective: Option<Percent>,
    /// Over which time: a duration from 1h to 366d, or `month` for calendar months. Default: 30d.
    pub window: Option<SloWindow>,
    /// The time zone of calendar months. Default: UTC.
    pub timezone: Option<String>,
    /// What is counted. Default: `reachability`.
    pub aggregate: Option<Aggregate>,
    /// With `uptime`: in how many regions a tick must succeed. At least 1. Default: more than half.
    #[schemars(range(min = 1, max = 1000))]
    pub quorum: Option<u32>,
    /// With fewer judged runs than this share of those expected, the objective is unknown. Default: 80%.
    pub min_coverage: Option<Percent>,
    /// Passed on to its alerts.
    pub labels: Option<BTreeMap<String, String>>,
    /// Passed on to its alerts.
    pub annotations: Option<BTreeMap<String, String>>,
    /// Which burn alerts. Default: the standard four, as far as they can fire.
    #[schemars(length(min = 1, max = 10))]
    pub tiers: Option<Vec<Tier>>,
    /// With an objective of 100 %: how loud any bad event is. Default: page.
    pub severity: Option<Severity>,
    /// How improbable the failures of a tier's long window must be at that tier's burn rate before they count, so that few
    /// runs do not alert by chance: from 0.01% to 50%. Default: 5%.
    pub alpha: Option<Percent>,
}

/// What makes a run good.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sli {
    /// By name.
    Named(NamedSli),
    /// By time.
    Latency(LatencySli),
    /// By how soon a revocation works everywhere.
    Propagation(PropagationSli),
}

/// What makes a run good, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NamedSli {
    /// The run is good.
    Availability,
    /// What came was valid.
    Validation,
    /// What must be refused was: tokens used twice, attacks.
    Refused,
}

/// A run or a step within a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencySli {
    /// The step. Default: the whole run.
    pub step: Option<String>,
    /// The longest it may take.
    pub latency: HumanDuration,
}

/// A revocation within a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PropagationSli {
    /// The longest it may take until a revoked token is refused.
    pub propagation: HumanDuration,
}

/// Over which time an objective holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SloWindow {
    /// The last so long.
    Rolling(HumanDuration),
    /// Calendar months.
    Month,
}

const WINDOW: &str = "a duration such as \"30d\", or \"month\"";

impl<'de> Deserialize<'de> for SloWindow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "month" => Ok(Self::Month),
            _ => text
                .parse()
                .map(Self::Rolling)
                .map_err(|_| serde::de::Error::custom(format!("expected {WINDOW}, found {text:?}"))),
        }
    }
}

impl JsonSchema for SloWindow {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SloWindow".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(month|([0-9]+(w|d|h|ms|m|s))+)$",
            "x-expects": WINDOW
        })
    }
}

/// What an objective counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// Every run.
    #[default]
    Reachability,
    /// Ticks: one is good if `quorum` regions succeeded.
    Uptime,
}

/// A burn alert: fires when `budget` of the error budget is gone `within` that time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The share of the error budget.
    pub budget: Percent,
    /// The time: whole minutes, shorter than the objective's window.
    pub within: HumanDuration,
    /// How loud. Default: page.
    pub severity: Option<Severity>,
}

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Wakes someone.
    Page,
    /// Waits for the morning.
    Ticket,
}

/// Planned maintenance: runs go on, nothing counts, nothing new alerts; what fires already stays until it is measured again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Its name, for people.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// When it begins: five fields (minute first) or six (second first), weekdays by name: `0 0 2 * * SUN`.
    pub cron: String,
    /// The time zone of `cron`. Default: UTC.
    pub timezone: Option<String>,
    /// How long it takes: from 1s to 7d.
    pub duration: HumanDuration,
    /// The names of its probes; `*` and `?` stand for any letters. Default: all.
    #[schemars(length(min = 1))]
    pub probes: Option<Vec<String>>,
}
