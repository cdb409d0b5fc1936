//! `authprobe run`: the daemon.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use super::check::complain;
use super::{ConfigArg, Exit};
use crate::app::{self, App, Ended, Failed, GRACE, Signals};
use crate::plan::{self, BuildOptions, Plan};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Run only this region (repeatable): one file serves a machine per region
    #[arg(long = "region", value_name = "NAME")]
    regions: Vec<String>,
    /// How long running journeys may take to end after SIGTERM (seconds)
    #[arg(long, value_name = "SECONDS", default_value_t = GRACE.as_secs(), value_parser = clap::value_parser!(u64).range(..=3600))]
    grace: u64,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    app::log_panics();
    let options = BuildOptions { regions: (!args.regions.is_empty()).then_some(args.regions) };
    let path = args.config.config;
    let plan = match plan::load(path.as_deref(), &options) {
        Ok(plan) => plan,
        Err(mistakes) => {
            complain(&mistakes);
            return Exit::Usage;
        }
    };
    let (signals, listener) = match prepare(plan.server.listen).await {
        Ok(ready) => ready,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Usage;
        }
    };
    announce(&plan, &listener);
    let grace = Duration::from_secs(args.grace);
    let load = Box::new(move || plan::load(path.as_deref(), &options));
    ended(app::run(App { plan, load, listener, grace, also: None, told: None, log_runs: true }, signals).await)
}

/// What must work before anything is started.
pub async fn prepare(listen: SocketAddr) -> Result<(Signals, TcpListener), String> {
    let signals = Signals::new()?;
    let listener = TcpListener::bind(listen).await;
    Ok((signals, listener.map_err(|error| format!("cannot listen on {listen} ([server] listen): {error}"))?))
}

/// The exit status of a daemon that ended.
pub fn ended(ended: Result<Ended, Failed>) -> Exit {
    match ended {
        Ok(Ended::Clean) => Exit::Good,
        Ok(Ended::AtOnce) => Exit::Interrupted,
        Err(Failed::Start(why)) => {
            eprintln!("error: {why}");
            Exit::Usage
        }
        Err(Failed::Running(why)) => {
            eprintln!("error: {why}");
            Exit::Unknown
        }
    }
}

/// Says in the log what is done and where to look.
fn announce(plan: &Plan, listener: &TcpListener) {
    let base = base_url(plan, listener);
    let count = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        "watching {}: {}, {} over {}",
        count(plan.providers.len(), "provider"),
        count(plan.probes.len(), "probe"),
        count(plan.checks.len(), "check"),
        count(plan.regions.len(), "region")
    );
    tracing::info!("page {base}/  metrics {base}/metrics");
    if let Some(telemetry) = &plan.telemetry {
        tracing::info!("traces and metrics go to {}", telemetry.endpoint);
    }
    plan.notes.iter().for_each(|note| tracing::warn!("{note}"));
}

/// Where the daemon is reached on this machine, without a final slash.
pub fn base_url(plan: &Plan, listener: &TcpListener) -> String {
    let scheme = if plan.server.tls.is_some() { "https" } else { "http" };
    let address = listener.local_addr().unwrap_or(plan.server.listen);
    format!("{scheme}://{address}")
}
