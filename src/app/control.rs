//! What people and signals may ask of the running daemon.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::export::Export;
use super::{Load, keys, labels};
use crate::alert::Alert;
use crate::alert::conditions::Deployment;
use crate::alert::episode::{Episode, EpisodesQuery};
use crate::clock::{Clock, Timestamp};
use crate::detect::Ruling;
use crate::judge::{CountedSince, Judge};
use crate::news::{News, Newsroom};
use crate::oidc::key_history::ProviderKeys;
use crate::oidc::mailbox::Mailbox;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::runner::Runner;
use crate::sink::metrics::Metrics;
use crate::slo::maintenance::Window;
use crate::slo::{CauseCount, Evaluation, Maintenance, Spending};
use crate::store::{KeptKey, KeptRun, RunsQuery};
use crate::trend::{CheckStrip, ProbeTrend};
use crate::web::{Control, Reload};

mod reads;

use reads::{Door, Lately};

/// How many weeks of runs may be read at once: seconds of work each.
const WEEKS: usize = 1;
/// How much else may be read at once.
const READS: usize = 4;
/// How long a reload waits for what the ledger knows of keys.
const REMEMBER: Duration = Duration::from_secs(5);
/// How long a replaced exporter may take to send what it holds.
const HAND_OVER: Duration = Duration::from_secs(5);

/// The running daemon.
pub struct Daemon {
    runner: Runner,
    load: Arc<Load>,
    metrics: Arc<Metrics>,
    export: Arc<Export>,
    judge: Arc<Judge>,
    clock: Clock,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
    last_reload: Mutex<Reload>,
    /// Where weeks are read, and where everything else.
    weeks: Door,
    reads: Door,
    /// The last week of probes as it was read lately.
    trends: Lately<Plan, ProbeTrend>,
}

impl Daemon {
    /// Of these parts.
    pub fn new(
        runner: Runner,
        load: Load,
        metrics: Arc<Metrics>,
        export: Arc<Export>,
        judge: Arc<Judge>,
        clock: Clock,
    ) -> Self {
        // The start is a reading, and a good one: with mistakes there would be none.
        let last_reload = Mutex::new(Reload { at: clock.now(), mistakes: Vec::new() });
        let (load, reloading) = (Arc::new(load), tokio::sync::Mutex::default());
        let (weeks, reads, trends) = (Door::new(WEEKS), Door::new(READS), Lately::new());
        Self { runner, load, metrics, export, judge, clock, reloading, last_reload, weeks, reads, trends }
    }

    /// The engine.
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// Reads the configuration again and applies it whole, or keeps the old one and says every mistake.
    pub async fn reload_now(&self) -> Result<(), String> {
        let _one = self.reloading.lock().await;
        let result = self.try_reload().await;
        let at = self.clock.now();
        self.metrics.reloaded(result.is_ok(), at);
        let mistakes = result.as_ref().err().map_or_else(Vec::new, |all| all.lines().map(str::to_owned).collect());
        *self.last_reload.lock().unwrap_or_else(PoisonError::into_inner) = Reload { at, mistakes };
        self.judge.newsroom().tell(News::Reloaded(result.is_ok()));
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
        let receivers = self.judge.prepare(&plan)?;
        let plan = Arc::new(plan);
        self.mind_what_needs_a_restart(&plan);
        plan.notes.iter().for_each(|note| tracing::warn!("{note}"));
        self.metrics.declare(&labels(&plan));
        self.runner.engine().browsers.configure(plan.browser.clone());
        let before = self.runner.plan();
        self.runner.apply(plan.clone());
        self.judge.apply(&plan, receivers).await;
        // What follows may be slow, or fail: runner and judge are of one plan by now.
        self.restore_keys(&before, &plan).await;
        if let Some(exporter) = exporter {
            self.export.replace(exporter, HAND_OVER).await;
        }
        Ok(())
    }

    fn mind_what_needs_a_restart(&self, plan: &Plan) {
        let before = self.runner.plan();
        let (old, new) = (&before.server, &plan.server);
        let ledger = plan.store.as_ref().map(|store| &*store.path);
        let changed = [
            ("[server] listen", old.listen != new.listen),
            ("[server] tls", old.tls != new.tls),
            ("[store] path", self.judge.ledger_path() != ledger),
        ];
        for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
            tracing::warn!("{key} was changed: that needs a restart");
        }
    }

    /// Signing keys of which more is known than at the last call.
    pub fn changed_keys(&self) -> Vec<KeptKey> {
        keys::changed(&self.runner.engine().memories, &self.runner.plan(), self.clock.now())
    }

    /// The ledger may know keys of providers that were not planned before.
    async fn restore_keys(&self, before: &Plan, plan: &Plan) {
        let new = |name: &str| !before.providers.iter().any(|provider| *provider.name == *name);
        if !plan.providers.iter().any(|provider| new(&provider.name)) {
            return;
        }
        let read = tokio::time::timeout(REMEMBER, self.read(&self.reads, Judge::kept_keys)).await;
        match read.unwrap_or_else(|_| Err("the ledger did not answer in time".to_owned())).and_then(|kept| kept) {
            Ok(kept) => keys::restore(&self.runner.engine().memories, plan, kept, new),
            Err(why) => tracing::warn!(why, "the past of signing keys is not told"),
        }
    }

    /// Tells whoever watches that something is other than before.
    fn tell_changed(&self) {
        self.judge.newsroom().tell(News::Changed);
    }

    /// Does what waits for the disk where waiting holds nobody up.
    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce(&Judge) -> T + Send + 'static) -> Result<T, String> {
        let judge = self.judge.clone();
        let done = tokio::task::spawn_blocking(move || work(&judge)).await;
        done.map_err(|_| "the work ended early; see the log".to_owned())
    }

    /// The same behind a door. Whoever stops waiting does not end the work: its place is free when it is done.
    async fn read<T: Send + 'static>(
        &self,
        door: &Door,
        work: impl FnOnce(&Judge) -> T + Send + 'static,
    ) -> Result<T, String> {
        let place = door.enter().await?;
        self.on_disk(move |judge| {
            let _place = place;
            work(judge)
        })
        .await
    }

    /// The week of a probe from the ledger.
    async fn week(&self, probe: &str) -> Result<Option<ProbeTrend>, String> {
        let plan = self.runner.plan();
        let known = || self.trends.get(&plan, probe, self.clock.instant());
        if let Some(trend) = known() {
            return Ok(Some(trend));
        }
        let place = self.weeks.enter().await?;
        // Meanwhile another may have read it.
        if let Some(trend) = known() {
            return Ok(Some(trend));
        }
        let (of, name) = (plan.clone(), probe.to_owned());
        let read = self.on_disk(move |judge| {
            let read = judge.trend(&of, &name);
            drop(place);
            read
        });
        let Some(read) = read.await? else { return Ok(None) };
        let trend = read?;
        self.trends.put(&plan, probe.to_owned(), trend.clone(), self.clock.instant());
        Ok(Some(trend))
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
        self.tell_changed();
    }

    fn stopped_accounts(&self) -> Vec<(String, String)> {
        let stopped = self.runner.engine().guard.stopped();
        stopped.into_iter().map(|stopped| (stopped.account.to_string(), stopped.reason)).collect()
    }

    fn resume_account(&self, name: &str) -> bool {
        let resumed = self.runner.engine().guard.resume(name);
        if resumed {
            tracing::info!(account = name, "resumed by hand");
            self.tell_changed();
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
        self.judge.evaluations()
    }

    fn rulings(&self) -> Arc<Vec<Ruling>> {
        self.judge.rulings()
    }

    fn alerts(&self) -> Arc<Vec<Alert>> {
        self.judge.alerts()
    }

    fn maintenance(&self) -> Maintenance {
        self.judge.maintenance()
    }

    async fn put_maintenance(&self, window: Window, action: &'static str, by: String) -> Result<(), String> {
        let kept = self.on_disk(move |judge| judge.put_maintenance(window, action, &by)).await?;
        kept.inspect(|()| self.tell_changed())
    }

    fn counted_since(&self, since: Timestamp) -> CountedSince {
        self.judge.counted_since(since)
    }

    fn deployments(&self) -> Vec<Deployment> {
        self.judge.deployments()
    }

    async fn mark_deployment(&self, deployment: Deployment) -> Result<(), String> {
        let kept = self.on_disk(move |judge| judge.mark_deployment(deployment)).await?;
        kept.inspect(|()| self.tell_changed())
    }

    async fn kept_runs(&self, query: RunsQuery) -> Option<Result<Vec<KeptRun>, String>> {
        self.read(&self.reads, move |judge| judge.kept_runs(&query)).await.unwrap_or_else(|why| Some(Err(why)))
    }

    async fn kept_run(&self, trace_id: &str) -> Option<Result<Option<KeptRun>, String>> {
        let id = trace_id.to_owned();
        self.read(&self.reads, move |judge| judge.kept_run(&id)).await.unwrap_or_else(|why| Some(Err(why)))
    }

    fn strips(&self) -> Arc<Vec<CheckStrip>> {
        self.judge.strips()
    }

    async fn trend(&self, probe: &str) -> Option<Result<ProbeTrend, String>> {
        if self.judge.ledger_path().is_none() {
            // Nothing is read: it takes no longer than what it has to count.
            let (plan, probe) = (self.runner.plan(), probe.to_owned());
            let counted = self.on_disk(move |judge| judge.trend(&plan, &probe)).await;
            return counted.unwrap_or_else(|why| Some(Err(why)));
        }
        self.week(probe).await.transpose()
    }

    fn spending(&self, slo: &str, cells: usize) -> Option<Spending> {
        self.judge.spending(slo, cells)
    }

    async fn causes(&self, slo: &str) -> Result<Vec<CauseCount>, String> {
        Ok(self.judge.causes(slo).unwrap_or_default())
    }

    fn ledger_failing(&self) -> Option<String> {
        self.judge.ledger_failing()
    }

    fn mailbox(&self) -> Arc<Mailbox> {
        self.runner.engine().memories.mailbox.clone()
    }

    fn newsroom(&self) -> Newsroom {
        self.judge.newsroom().clone()
    }

    async fn episodes(&self, query: EpisodesQuery) -> Result<Vec<Episode>, String> {
        self.read(&self.reads, move |judge| judge.episodes(&query)).await?
    }

    fn keys(&self) -> Vec<ProviderKeys> {
        keys::told(&self.runner.engine().memories, &self.runner.plan())
    }

    fn last_reload(&self) -> Reload {
        self.last_reload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
