//! What people and signals may ask of the running daemon.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::export::Export;
use super::{Load, labels};
use crate::alert::Alert;
use crate::alert::conditions::Deployment;
use crate::clock::Clock;
use crate::outcome::Outcome;
use crate::plan::{Plan, Server};
use crate::runner::Runner;
use crate::sink::metrics::Metrics;
use crate::slo::maintenance::Window;
use crate::slo::{Evaluation, Maintenance};
use crate::store::{KeptRun, RunsQuery};
use crate::web::Control;

/// How long a replaced exporter may take to send what it holds.
const HAND_OVER: Duration = Duration::from_secs(5);

/// The running daemon.
pub struct Daemon {
    runner: Runner,
    load: Arc<Load>,
    metrics: Arc<Metrics>,
    export: Arc<Export>,
    clock: Clock,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
}

impl Daemon {
    /// Of these parts.
    pub fn new(runner: Runner, load: Load, metrics: Arc<Metrics>, export: Arc<Export>, clock: Clock) -> Self {
        Self { runner, load: Arc::new(load), metrics, export, clock, reloading: tokio::sync::Mutex::default() }
    }

    /// The engine.
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// Reads the configuration again and applies it whole, or keeps the old one and says every mistake.
    pub async fn reload_now(&self) -> Result<(), String> {
        let _one = self.reloading.lock().await;
        let result = self.try_reload().await;
        self.metrics.reloaded(result.is_ok(), self.clock.now());
        match &result {
            Ok(()) => tracing::info!(checks = self.runner.plan().checks.len(), "configuration reloaded"),
            Err(mistakes) => {
                mistakes.lines().for_each(|mistake| tracing::error!("{mistake}"));
                tracing::error!("configuration not reloaded: the one before stays in force");
            }
        }
        result
    }

    async fn try_reload(&self) -> Result<(), String> {
        let load = self.load.clone();
        let loaded = tokio::task::spawn_blocking(move || load()).await;
        let plan = loaded.map_err(|panic| panic.to_string())?.map_err(|mistakes| mistakes.plain())?;
        // Everything that can fail comes before anything is changed.
        let exporter = self.export.prepare(plan.telemetry.clone())?;
        let plan = Arc::new(plan);
        self.mind_what_needs_a_restart(&plan.server);
        plan.notes.iter().for_each(|note| tracing::warn!("{note}"));
        self.metrics.declare(&labels(&plan));
        self.runner.engine().browsers.configure(plan.browser.clone());
        self.runner.apply(plan);
        if let Some(exporter) = exporter {
            self.export.replace(exporter, HAND_OVER).await;
        }
        Ok(())
    }

    fn mind_what_needs_a_restart(&self, new: &Server) {
        let plan = self.runner.plan();
        let old = &plan.server;
        let changed = [("listen", old.listen != new.listen), ("tls", old.tls != new.tls)];
        for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
            tracing::warn!("[server] {key} was changed: that needs a restart");
        }
    }
}

#[async_trait]
impl Control for Daemon {
    fn plan(&self) -> Arc<Plan> {
        self.runner.plan()
    }

    fn recent(&self, probe: &str) -> Vec<Arc<Outcome>> {
        self.runner.engine().history.recent(probe)
    }

    fn outcome(&self, trace_id: &str) -> Option<Arc<Outcome>> {
        self.runner.engine().history.find(trace_id)
    }

    fn ready(&self) -> bool {
        self.runner.ready()
    }

    fn paused(&self) -> bool {
        self.runner.paused()
    }

    fn pause(&self, pause: bool) {
        self.runner.pause(pause);
        tracing::info!("scheduled runs {} by hand", if pause { "paused" } else { "resumed" });
    }

    fn stopped_accounts(&self) -> Vec<(String, String)> {
        let stopped = self.runner.engine().guard.stopped();
        stopped.into_iter().map(|stopped| (stopped.account.to_string(), stopped.reason)).collect()
    }

    fn resume_account(&self, name: &str) -> bool {
        let resumed = self.runner.engine().guard.resume(name);
        if resumed {
            tracing::info!(account = name, "resumed by hand");
        }
        resumed
    }

    async fn run_now(&self, probe: &str, region: Option<&str>) -> Option<Vec<Arc<Outcome>>> {
        self.runner.run_now(probe, region).await
    }

    async fn reload(&self) -> Result<(), String> {
        self.reload_now().await
    }

    fn evaluations(&self) -> Arc<Vec<Evaluation>> {
        todo!("app")
    }

    fn alerts(&self) -> Arc<Vec<Alert>> {
        todo!("app")
    }

    fn maintenance(&self) -> Maintenance {
        todo!("app")
    }

    async fn put_maintenance(&self, _window: Window, _action: &'static str, _by: String) -> Result<(), String> {
        todo!("app")
    }

    fn deployments(&self) -> Vec<Deployment> {
        todo!("app")
    }

    async fn mark_deployment(&self, _deployment: Deployment) -> Result<(), String> {
        todo!("app")
    }

    async fn kept_runs(&self, _query: RunsQuery) -> Option<Result<Vec<KeptRun>, String>> {
        todo!("app")
    }

    async fn kept_run(&self, _trace_id: &str) -> Option<Result<Option<KeptRun>, String>> {
        todo!("app")
    }

    fn ledger_failing(&self) -> Option<String> {
        todo!("app")
    }
}
