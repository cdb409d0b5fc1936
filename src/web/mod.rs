//! Page, API and `/metrics`.
//!
//! Whoever asks is bounded: connections, the time to send a request, its size, the time to read the answer, scrapes and
//! manual runs at once. Nothing here holds a lock that a probe needs.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::alert::Alert;
use crate::alert::conditions::Deployment;
use crate::alert::episode::{Episode, EpisodesQuery};
use crate::clock::{Clock, Timestamp};
use crate::detect::Ruling;
use crate::judge::CountedSince;
use crate::news::Newsroom;
use crate::oidc::key_history::ProviderKeys;
use crate::oidc::mailbox::Mailbox;
use crate::outcome::Outcome;
use crate::plan::{Plan, Server};
use crate::sink::metrics::Metrics;
use crate::slo::maintenance::Window;
use crate::slo::{CauseCount, Evaluation, Maintenance, Spending};
use crate::store::{KeptRun, RunsQuery};
use crate::trend::{CheckStrip, ProbeTrend};

mod alerts;
mod api;
mod assets;
pub mod backchannel;
mod body;
mod deployments;
mod detection;
mod events;
mod guard;
mod keys;
mod listen;
mod maintenance;
mod page;
mod problem;
mod runbook;
mod runs;
mod scrape;
mod session;
mod sign_in;
mod slos;
mod tls;

use problem::Problem;

/// What the web server may ask of the engine. Reading never waits.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// The time by which all of this happens.
    fn now(&self) -> Timestamp {
        Clock::system().now()
    }
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
    /// Where every objective stood at the last evaluation.
    fn evaluations(&self) -> Arc<Vec<Evaluation>>;
    /// What the detectors said at the last evaluation.
    fn rulings(&self) -> Arc<Vec<Ruling>>;
    /// All alerts that are not inactive, and those that were over lately.
    fn alerts(&self) -> Arc<Vec<Alert>>;
    /// All maintenance: configured and asked for.
    fn maintenance(&self) -> Maintenance;
    /// Adds a maintenance window, or replaces the one of that id; `action` and `by` go to the audit log. `Ok`: it is kept.
    async fn put_maintenance(&self, window: Window, action: &'static str, by: String) -> Result<(), String>;
    /// What was counted for each objective from the minute of `since` on, or from `since` itself if that is known.
    fn counted_since(&self, since: Timestamp) -> CountedSince;
    /// Deployments that were marked lately, newest first.
    fn deployments(&self) -> Vec<Deployment>;
    /// Marks a deployment. `Ok`: it is kept.
    async fn mark_deployment(&self, deployment: Deployment) -> Result<(), String>;
    /// Runs that the ledger keeps, newest first; `None`: there is no ledger.
    async fn kept_runs(&self, query: RunsQuery) -> Option<Result<Vec<KeptRun>, String>>;
    /// The run with that trace id that the ledger keeps.
    async fn kept_run(&self, trace_id: &str) -> Option<Result<Option<KeptRun>, String>>;
    /// Why the ledger cannot be written at present.
    fn ledger_failing(&self) -> Option<String>;
    /// Where logout tokens go that providers send.
    fn mailbox(&self) -> Arc<Mailbox>;
    /// Where what happens is told.
    fn newsroom(&self) -> Newsroom {
        Newsroom::default()
    }
    /// How the configuration was read last.
    fn last_reload(&self) -> Reload {
        Reload::default()
    }
    /// The last day of every check, in configured order.
    fn strips(&self) -> Arc<Vec<CheckStrip>> {
        Arc::default()
    }
    /// The last week of a probe, from the ledger if there is one; `None`: no such probe.
    async fn trend(&self, _probe: &str) -> Option<Result<ProbeTrend, String>> {
        None
    }
    /// How an objective's budget was spent over its window, in at most so many cells; `None`: no such objective.
    fn spending(&self, _slo: &str, _cells: usize) -> Option<Spending> {
        None
    }
    /// What an objective's budget was spent on since its window began, the most first.
    async fn causes(&self, _slo: &str) -> Result<Vec<CauseCount>, String> {
        Ok(Vec::new())
    }
    /// Alerts that fired, the newest first. Without a ledger: since the start.
    async fn episodes(&self, _query: EpisodesQuery) -> Result<Vec<Episode>, String> {
        Ok(Vec::new())
    }
    /// What is known of every provider's keys, in configured order.
    fn keys(&self) -> Vec<ProviderKeys> {
        Vec::new()
    }
}

/// How the configuration was read last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reload {
    /// When.
    pub at: Timestamp,
    /// What was wrong with it, a mistake a line; the one before stays in force. Empty: nothing.
    pub mistakes: Vec<String>,
}

/// The largest body of a request (bytes).
const MAX_BODY: usize = 64 * 1024;
/// How many overviews may be written at once; whoever asks besides waits.
const MAX_OVERVIEWS: usize = 4;
/// How many manual runs may be under way at once.
const MAX_RUNS: usize = 8;

/// What every handler may use.
#[derive(Clone)]
struct App {
    control: Arc<dyn Control>,
    metrics: Arc<Metrics>,
    scrapes: Arc<Semaphore>,
    runs: Arc<Semaphore>,
    overviews: Arc<Semaphore>,
    writing: maintenance::Writing,
    streams: Arc<Semaphore>,
    sessions: Arc<session::Sessions>,
    failures: Arc<session::Failures>,
    /// Whether we serve HTTPS ourselves.
    tls: bool,
    /// This machine's name.
    own_name: Option<Arc<str>>,
    /// Whether the end has begun: what would go on for long must not.
    stopping: watch::Receiver<bool>,
}

/// Serves until `shutdown` is ready; then answers what was asked already, for a few seconds at most. Tokens are those of
/// the plan in force, so that a reload changes them; address and certificate files are those of `server` (the files'
/// contents are read again when they change).
///
/// # Errors
/// When certificate or key cannot be used.
pub fn serve(
    listener: TcpListener,
    server: &Server,
    control: Arc<dyn Control>,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<impl Future<Output = ()> + Send + 'static, String> {
    let tls = server.tls.clone().map(|(cert, key)| tls::Tls::load(cert, key)).transpose()?;
    let (stop, stopping) = watch::channel(false);
    let app = App {
        control,
        metrics,
        scrapes: Arc::new(Semaphore::new(scrape::MAX_SCRAPES)),
        runs: Arc::new(Semaphore::new(MAX_RUNS)),
        overviews: Arc::new(Semaphore::new(MAX_OVERVIEWS)),
        writing: maintenance::Writing::default(),
        streams: Arc::new(Semaphore::new(events::MAX_STREAMS)),
        sessions: Arc::default(),
        failures: Arc::default(),
        tls: tls.is_some(),
        own_name: guard::host::own_name().map(Arc::from),
        stopping,
    };
    let shutdown = async move {
        shutdown.await;
        stop.send_replace(true);
    };
    Ok(listen::run(listener, tls, router(app), shutdown))
}

fn router(app: App) -> Router {
    let control = app.control.clone();
    let expects = move |client: &str| {
        let plan = control.plan();
        plan.checks.iter().any(|check| *check.labels.client == *client && check.probe.probe.receives_logouts())
    };
    let receiver = backchannel::Receiver::new(app.control.mailbox(), Arc::new(expects));
    Router::new()
        .merge(receiver.routes())
        .merge(assets::routes())
        .merge(page::routes())
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/runbook", get(runbook::alerts))
        .route("/runbook/{name}", get(runbook::one))
        .route("/api/v1/events", get(events::events))
        .route("/metrics", get(scrape::metrics))
        .route("/-/healthy", get(api::healthy))
        .route("/-/ready", get(api::ready))
        .route("/-/reload", post(api::reload))
        .route("/api/v1/probes", get(api::probes))
        .route("/api/v1/regions", get(api::regions))
        .route("/api/v1/slos", get(slos::list))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/alerts/history", get(alerts::history))
        .route("/api/v1/keys", get(keys::list))
        .route("/api/v1/detection", get(detection::list))
        .route("/api/v1/probes/{name}/runs", get(runs::list))
        .route("/api/v1/probes/{name}/run", post(api::run_now))
        .route("/api/v1/runs/{id}", get(runs::one))
        .route("/api/v1/runs/{id}/screenshot", get(runs::screenshot))
        .route("/api/v1/accounts/{name}/resume", post(api::resume_account))
        .route("/api/v1/maintenance", get(maintenance::list).post(maintenance::create).delete(maintenance::end_asked))
        .route("/api/v1/maintenance/{id}", get(maintenance::one).delete(maintenance::end))
        .route("/api/v1/deployments", get(deployments::list).post(deployments::create))
        .route("/api/v1/pause", post(api::pause))
        .route("/api/v1/resume", post(api::resume))
        .fallback(async |uri: Uri| Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path())))
        .method_not_allowed_fallback(async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "see the Allow header"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(guard::bounded_body))
        .layer(from_fn_with_state(app.clone(), guard::authorize))
        .layer(from_fn(guard::headers))
        .with_state(app)
}
