//! A server of the page over an engine that is in a scene: all well, failing, nothing known, nothing there.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use authprobe::alert::Alert;
use authprobe::alert::conditions::Deployment;
use authprobe::alert::episode::{Episode, EpisodesQuery};
use authprobe::clock::Timestamp;
use authprobe::detect::Ruling;
use authprobe::judge::CountedSince;
use authprobe::news::Newsroom;
use authprobe::oidc::key_history::ProviderKeys;
use authprobe::oidc::mailbox::Mailbox;
use authprobe::outcome::Outcome;
use authprobe::plan::{self, Plan};
use authprobe::sink::metrics::Metrics;
use authprobe::slo::maintenance::Window;
use authprobe::slo::{CauseCount, Evaluation, Maintenance, Spending};
use authprobe::store::{KeptRun, RunsQuery};
use authprobe::trend::{CheckStrip, ProbeTrend};
use authprobe::web::{self, Control, Reload};
use tokio::net::TcpListener;

use crate::folder::Folder;

mod pieces;
mod scenes;

/// When it is in every scene.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// What the page may be asked to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// All is well, for a month.
    Healthy,
    /// The token endpoint fails in one region; an outage pages, a budget burns.
    Failing,
    /// Everything is inconclusive, missed or not evaluated.
    Unknown,
    /// The first second of a daemon.
    Empty,
}

impl Scene {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Failing, Self::Unknown, Self::Empty];
}

/// An engine that stands still.
pub struct Stage {
    pub plan: Arc<Plan>,
    pub outcomes: Mutex<Vec<Arc<Outcome>>>,
    pub evaluations: Arc<Vec<Evaluation>>,
    pub rulings: Arc<Vec<Ruling>>,
    pub alerts: Arc<Vec<Alert>>,
    pub maintenance: Maintenance,
    pub deployments: Vec<Deployment>,
    pub strips: Arc<Vec<CheckStrip>>,
    pub trends: BTreeMap<String, ProbeTrend>,
    pub spending: BTreeMap<String, Spending>,
    pub causes: BTreeMap<String, Vec<CauseCount>>,
    pub episodes: Vec<Episode>,
    pub keys: Vec<ProviderKeys>,
    /// What the ledger has besides: runs as it keeps them. `None`: there is no ledger.
    pub kept: Option<Vec<serde_json::Value>>,
    pub reload: Reload,
    pub stopped: Vec<(String, String)>,
    pub ready: bool,
    pub newsroom: Newsroom,
    pub folder: Folder,
}

impl Stage {
    /// In that scene.
    pub fn of(scene: Scene) -> Self {
        scenes::stage(scene, scenes::CONFIG)
    }

    /// In that scene, of another configuration; its secrets are `wonderland-7`.
    pub fn with(scene: Scene, config: &str) -> Self {
        scenes::stage(scene, config)
    }

    /// All well, with so many probes in three regions.
    pub fn large(probes: usize) -> Self {
        scenes::large(probes)
    }

    /// Serves it until the end of the runtime.
    pub async fn serve(self: Arc<Self>, at: &str) -> SocketAddr {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = self.plan.server.clone();
        let served = web::serve(listener, &server, self, Metrics::new("r"), std::future::pending()).unwrap();
        tokio::spawn(served);
        address
    }

    /// Remembers a run as the newest, and tells of it.
    pub fn push(&self, outcome: Outcome) {
        let outcome = Arc::new(outcome);
        self.outcomes.lock().unwrap().insert(0, outcome.clone());
        self.newsroom.tell(authprobe::news::News::Run(outcome));
    }
}

#[async_trait]
impl Control for Stage {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn plan(&self) -> Arc<Plan> {
        self.plan.clone()
    }

    fn recent(&self, probe: &str) -> Vec<Arc<Outcome>> {
        self.outcomes.lock().unwrap().iter().filter(|outcome| &*outcome.check.probe == probe).cloned().collect()
    }

    fn outcome(&self, trace_id: &str) -> Option<Arc<Outcome>> {
        self.outcomes.lock().unwrap().iter().find(|outcome| outcome.trace_id.to_string() == trace_id).cloned()
    }

    fn ready(&self) -> bool {
        self.ready
    }

    fn paused(&self) -> bool {
        false
    }

    fn pause(&self, _: bool) {}

    fn stopped_accounts(&self) -> Vec<(String, String)> {
        self.stopped.clone()
    }

    fn resume_account(&self, _: &str) -> bool {
        false
    }

    async fn run_now(&self, _: &str, _: Option<&str>) -> Option<Vec<Arc<Outcome>>> {
        None
    }

    async fn reload(&self) -> Result<(), String> {
        Ok(())
    }

    fn evaluations(&self) -> Arc<Vec<Evaluation>> {
        self.evaluations.clone()
    }

    fn rulings(&self) -> Arc<Vec<Ruling>> {
        self.rulings.clone()
    }

    fn alerts(&self) -> Arc<Vec<Alert>> {
        self.alerts.clone()
    }

    fn maintenance(&self) -> Maintenance {
        self.maintenance.clone()
    }

    async fn put_maintenance(&self, _: Window, _: &'static str, _: String) -> Result<(), String> {
        Ok(())
    }

    fn counted_since(&self, _: Timestamp) -> CountedSince {
        CountedSince::default()
    }

    fn deployments(&self) -> Vec<Deployment> {
        self.deployments.clone()
    }

    async fn mark_deployment(&self, _: Deployment) -> Result<(), String> {
        Ok(())
    }

    async fn kept_runs(&self, _: RunsQuery) -> Option<Result<Vec<KeptRun>, String>> {
        None
    }

    async fn kept_run(&self, id: &str) -> Option<Result<Option<KeptRun>, String>> {
        let run = self.kept.as_ref()?.iter().find(|run| run["trace_id"] == id);
        Some(Ok(run.map(|json| KeptRun { json: json.clone() })))
    }

    fn ledger_failing(&self) -> Option<String> {
        None
    }

    fn mailbox(&self) -> Arc<Mailbox> {
        Arc::default()
    }

    fn newsroom(&self) -> Newsroom {
        self.newsroom.clone()
    }

    fn last_reload(&self) -> Reload {
        self.reload.clone()
    }

    fn strips(&self) -> Arc<Vec<CheckStrip>> {
        self.strips.clone()
    }

    async fn trend(&self, probe: &str) -> Option<Result<ProbeTrend, String>> {
        self.trends.get(probe).cloned().map(Ok)
    }

    fn spending(&self, slo: &str, _: usize) -> Option<Spending> {
        self.spending.get(slo).cloned()
    }

    async fn causes(&self, slo: &str) -> Result<Vec<CauseCount>, String> {
        Ok(self.causes.get(slo).cloned().unwrap_or_default())
    }

    async fn episodes(&self, query: EpisodesQuery) -> Result<Vec<Episode>, String> {
        let is = |episode: &Episode, label: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| episode.labels.get(label) == Some(wanted))
        };
        let fits = |episode: &&Episode| {
            is(episode, "slo", &query.slo)
                && is(episode, "probe", &query.probe)
                && is(episode, "provider", &query.provider)
        };
        Ok(self.episodes.iter().filter(fits).take(query.limit).cloned().collect())
    }

    fn keys(&self) -> Vec<ProviderKeys> {
        self.keys.clone()
    }
}

/// A plan from its text; secrets lie in `folder`.
fn planned(text: &str, folder: &Folder) -> Arc<Plan> {
    for name in ["web.secret", "alice.password", "bob.password"] {
        folder.write(name, "wonderland-7");
    }
    folder.write("proxy.secret", "socks5h://someone:wonderland-8@127.0.0.1:1080");
    match plan::from_str("authprobe.toml", text, folder) {
        Ok(plan) => Arc::new(plan),
        Err(mistakes) => panic!("{}", mistakes.plain()),
    }
}

/// A number between 0 and 1 that is always the same for the same two.
fn noise(a: u64, b: u64) -> f64 {
    let mut x = a.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 29;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// A latency around `middle` ms, with a tail.
fn took(middle: f64, a: u64, b: u64) -> Duration {
    let x = noise(a, b);
    Duration::from_secs_f64(middle / 1000.0 * (0.7 + 0.6 * x + 2.0 * x.powi(24)))
}
