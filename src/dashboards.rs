//! Grafana dashboards, made from a plan: executive, on call, debug, one objective in detail. Pure: the same plan gives the
//! same bytes. Conventions are those of monitoring-mixins: data source and selection are variables, `$__rate_interval`,
//! units, a description on every panel, a stable `uid`, links that keep variables and time, not editable.

use crate::plan::Plan;

mod debug;
mod executive;
mod model;
mod on_call;
mod panels;
mod slo;
mod variables;

/// A file of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// The dashboard's `uid`: its address in Grafana.
    pub uid: &'static str,
    /// Its title.
    pub title: &'static str,
    /// How many panels it has.
    pub panels: usize,
    /// JSON, as Grafana imports and provisions it.
    pub text: String,
}

/// All dashboards, in the order in which people go through them.
pub fn files(plan: &Plan) -> Vec<File> {
    let dashboards = [executive::dashboard(), on_call::dashboard(), debug::dashboard(), slo::dashboard(plan)];
    dashboards.into_iter().map(model::Dashboard::file).collect()
}

#[cfg(test)]
mod tests;
