//! Burn alerts from evaluations.

use url::Url;

use super::Condition;
use crate::clock::Timestamp;
use crate::slo::Evaluation;

/// What every alert's annotations are made with.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Where people reach this server: `dashboard_url` is this and a fragment.
    pub public_url: Option<Url>,
    /// `runbook_url` is this and the alert's name in small letters as a fragment.
    pub runbook_base: String,
    /// Deployments of the last hours, newest first.
    pub deployments: Vec<Deployment>,
}

/// A marked deploy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deployment {
    /// Its id: eight hexadecimal digits.
    pub id: String,
    /// When, in nanoseconds since the epoch.
    pub at_nanos: i64,
    /// What, such as `keycloak`.
    pub service: String,
    /// Which version.
    pub version: String,
    /// The provider that it concerns; empty: any.
    pub provider: String,
    /// For people.
    pub comment: String,
}

/// The burn alerts of these objectives: `AuthSLOBurn`, one a tier. Below `min_coverage`, and in maintenance of all of its
/// probes (`maintained`), unknown. A burn that begins at most 15 minutes after a deployment names it in its description,
/// and the one cause of most failures if `cause` knows it (class, blame, step, region).
pub fn burns(
    evaluations: &[Evaluation],
    now: Timestamp,
    context: &Context,
    maintained: &dyn Fn(&str) -> bool,
    cause: &dyn Fn(&Evaluation) -> Option<String>,
) -> Vec<Condition> {
    let _ = (evaluations, now, context, maintained, cause);
    todo!("alert")
}
