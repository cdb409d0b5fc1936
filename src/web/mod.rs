//! Page, API and `/metrics`.

use std::sync::Arc;

use async_trait::async_trait;

use crate::outcome::Outcome;
use crate::plan::Plan;

/// What the web server may ask of the engine. Reading never waits.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// The plan in force.
    fn plan(&self) -> Arc<Plan>;
    /// Recent outcomes of a probe, newest first: the last ones and older failures.
    fn recent(&self, probe: &str) -> Vec<Arc<Outcome>>;
    /// The outcome whose trace has that id (hexadecimal), if it is still kept.
    fn outcome(&self, trace_id: &str) -> Option<Arc<Outcome>>;
    /// Whether the scheduler runs and has a plan.
    fn ready(&self) -> bool;
    /// Whether scheduled runs are paused by hand.
    fn paused(&self) -> bool;
    /// Pauses (`true`) or resumes all scheduled runs; manual ones still work.
    fn pause(&self, pause: bool);
    /// Accounts whose credentials were refused and whose runs are stopped: `user:NAME` or `client:NAME`, with the reason.
    fn stopped_accounts(&self) -> Vec<(String, String)>;
    /// Lets a stopped account's runs go on; `false` if no such account is stopped.
    fn resume_account(&self, name: &str) -> bool;
    /// Runs a probe now, in that region or in all of its own; `None`: no such probe or region.
    async fn run_now(&self, probe: &str, region: Option<&str>) -> Option<Vec<Arc<Outcome>>>;
    /// Reads the configuration again: applied whole, or the errors and nothing changed.
    async fn reload(&self) -> Result<(), String>;
}
