//! The composition root: everything that the daemon is made of, put together in one place, and taken apart in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::browser::Browsers;
use crate::clock::Clock;
use crate::config::Diagnostics;
use crate::judge::{Ears, Judge, Told};
use crate::oidc::http::warm_up;
use crate::outcome::{CheckLabels, Id};
use crate::plan::{Check, Plan};
use crate::probe::browser_login;
use crate::runner::{Engine, Runner, Watch};
use crate::schedule::Timing;
use crate::sink::metrics::Metrics;
use crate::web::{self, Control as _};

mod control;
mod export;
mod keys;
mod signals;
mod watcher;

use control::Daemon;
use export::Export;
pub use signals::Signals;
use watcher::Sinks;

/// How long running journeys may take to end after SIGTERM, unless told otherwise.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long exporters may take to send what they hold.
const FLUSH: Duration = Duration::from_secs(5);
/// How long browsers may take to end once no run needs one.
const END_BROWSERS: Duration = Duration::from_secs(5);
/// How long the web server may take to end its answers.
const CLOSE: Duration = Duration::from_secs(2);
/// The commit that was built, if the build said so.
const REVISION: Option<&str> = option_env!("AUTHPROBE_REVISION");

/// Reads the configuration again. Reads files: not for async tasks.
pub type Load = Box<dyn Fn() -> Result<Plan, Diagnostics> + Send + Sync>;

/// What the daemon is made from.
pub struct App {
    /// What to do.
    pub plan: Plan,
    /// For SIGHUP and `POST /-/reload`.
    pub load: Load,
    /// Where page, API and `/metrics` are served.
    pub listener: TcpListener,
    /// How long running journeys may take to end.
    pub grace: Duration,
    /// Who else wants to know what happens.
    pub also: Option<Arc<dyn Watch>>,
    /// Who hears of alerts instead of the log.
    pub told: Option<Told>,
    /// Whether each run that is not good is worth a warning in the log.
    pub log_runs: bool,
}

/// How the daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Asked to, everything drained and flushed.
    Clean,
    /// Asked twice: at once.
    AtOnce,
}

/// Why the daemon does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Something configured cannot be used: nothing was started.
    Start(String),
    /// Something that it cannot work without has ended.
    Running(String),
}

/// Runs the daemon until it is told to stop.
pub async fn run(app: App, mut signals: Signals) -> Result<Ended, Failed> {
    warm_up();
    let clock = Clock::system();
    let plan = Arc::new(app.plan);
    let metrics = Metrics::new(REVISION.unwrap_or("unknown"));
    metrics.declare(&labels(&plan));
    metrics.reloaded(true, clock.now());
    let instance = Id::<16>::random().to_string();
    let export = Export::start(plan.telemetry.clone(), instance, metrics.clone(), clock.clone());
    let export = Arc::new(export.map_err(Failed::Start)?);
    let judge = Arc::new(Judge::open(&plan, metrics.clone(), clock.clone(), app.told).map_err(Failed::Start)?);
    let sinks = Sinks {
        metrics: metrics.clone(),
        export: export.clone(),
        judge: judge.clone(),
        newsroom: judge.newsroom().clone(),
        also: app.also,
        log_runs: app.log_runs,
    };
    let engine = Arc::new(Engine::new(clock.clone(), Arc::new(sinks)).map_err(Failed::Start)?);
    let browsers = engine.browsers.clone();
    let mailbox = engine.memories.mailbox.clone();
    match judge.kept_keys() {
        Ok(kept) => keys::restore(&engine.memories, &plan, kept, |_| true),
        Err(why) => tracing::warn!(why, "the past of signing keys is not told"),
    }
    browsers.configure(plan.browser.clone());
    have_a_browser_ready(&plan, &browsers);
    let read = browsers.clone();
    metrics.watch_browsers(move || read.stats());
    let runner = Runner::new(engine, plan.clone());
    let daemon = Arc::new(Daemon::new(runner, app.load, metrics.clone(), export.clone(), judge.clone(), clock));
    let (close, closed) = oneshot::channel::<()>();
    let closed = async {
        let _ = closed.await;
    };
    let server = web::serve(app.listener, &plan.server, daemon.clone(), metrics, closed).map_err(Failed::Start)?;
    let mut web = tokio::spawn(server);
    mailbox.open();
    judge.start(ears(&daemon)).map_err(Failed::Start)?;
    daemon.runner().start();

    tokio::select! {
        () = signals.until_stop(&daemon) => {}
        _ = &mut web => return Err(Failed::Running("the web server has ended; see the log".to_owned())),
    }
    tracing::info!(grace_seconds = app.grace.as_secs(), "stopping: no more runs; waiting for those in progress");
    let drained = async {
        let left = daemon.runner().shutdown(app.grace).await;
        if left > 0 {
            tracing::warn!(runs = left, "left behind");
        }
        // What is not gone by then goes with this process.
        if tokio::time::timeout(END_BROWSERS, browsers.shutdown()).await.is_err() {
            tracing::warn!("browsers took too long to end");
        }
        judge.shutdown().await;
        export.shutdown(FLUSH).await;
        // Last, so that a scrape still sees the last runs.
        let _ = close.send(());
        let _ = tokio::time::timeout(CLOSE, web).await;
    };
    tokio::select! {
        () = drained => {
            tracing::info!("stopped");
            Ok(Ended::Clean)
        }
        () = signals.stop() => {
            tracing::warn!("told to stop again: exiting at once");
            Ok(Ended::AtOnce)
        }
    }
}

/// What the judge asks about the daemon.
fn ears(daemon: &Arc<Daemon>) -> Ears {
    let (stopped, paused, ready, confirm) = (daemon.clone(), daemon.clone(), daemon.clone(), daemon.clone());
    let keys = daemon.clone();
    Ears {
        stopped: Box::new(move || stopped.stopped_accounts()),
        paused: Box::new(move || paused.runner().paused()),
        ready: Box::new(move || ready.runner().ready()),
        confirm: Box::new(move |check| confirm.runner().confirm(check).is_ok()),
        keys: Box::new(move || keys.changed_keys()),
    }
}

/// Has a browser ready before the first login that is due in no time: its start would be taken for the provider's.
fn have_a_browser_ready(plan: &Plan, browsers: &Browsers) {
    let logs_in = |check: &&Arc<Check>| {
        check.labels.kind == browser_login::KIND.name
            && check.region.webdriver.is_none()
            && matches!(check.probe.timing, Timing::Every(_))
    };
    if let Some(check) = plan.checks.iter().find(logs_in) {
        browsers.warm_up(check.probe.provider.trust.ca_file.clone());
    }
}

/// The labels of a plan's checks.
fn labels(plan: &Plan) -> Vec<CheckLabels> {
    plan.checks.iter().map(|check| check.labels.clone()).collect()
}

/// What a panic says may hold anything, a token too: only its place is logged.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "internal error: panic; please report it");
    }));
}
