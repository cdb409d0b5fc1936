//! Rules for Prometheus and Alertmanager, made from a plan: recording rules, alert rules, inhibition, an example route. Pure:
//! the same plan gives the same bytes.

use crate::plan::Plan;

/// A file of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// What is in it.
    pub text: String,
}

/// All files: `authprobe.rules.yml` (recording and alert rules), `alertmanager.yml` (inhibition and an example route).
pub fn files(plan: &Plan) -> Vec<File> {
    let _ = plan;
    todo!("rules")
}
