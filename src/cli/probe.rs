//! `authprobe probe NAME`: one run now, and its waterfall.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::check::complain;
use super::oneshot::{END_BROWSERS, Nobody, Reception};
use super::{ConfigArg, Exit, picture, render};
use crate::app::{self, Signals};
use crate::clock::Clock;
use crate::config::nearest::{listed, nearest};
use crate::oidc::http::warm_up;
use crate::outcome::{Outcome, Verdict};
use crate::plan::{self, BuildOptions, Check, Plan};
use crate::runner::{CLEANUP_GRACE, Credentials, Engine, Stop, Stopper};
use crate::terminal::Terminal;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The probe's name in the configuration
    name: String,
    #[command(flatten)]
    config: ConfigArg,
    /// Only from this region
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Print the run's record, one JSON object a line
    #[arg(long)]
    json: bool,
    /// Write the picture of the page on which a browser_login failed there (PNG); several regions: one file each
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    app::log_panics();
    let options = BuildOptions { regions: args.region.as_ref().map(|region| vec![region.clone()]) };
    let plan = match plan::load(args.config.config.as_deref(), &options) {
        Ok(plan) => plan,
        Err(mistakes) => {
            complain(&mistakes);
            return Exit::Usage;
        }
    };
    let checks: Vec<_> = plan.checks.iter().filter(|check| *check.labels.probe == *args.name).cloned().collect();
    if checks.is_empty() {
        eprintln!("error: {}", unknown(&plan, &args));
        return Exit::Usage;
    }
    let ready = Signals::new().and_then(|signals| Ok((signals, Engine::new(Clock::system(), Arc::new(Nobody))?)));
    let (signals, engine) = match ready {
        Ok(ready) => ready,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Unknown;
        }
    };
    warm_up();
    engine.browsers.configure(plan.browser.clone());
    let receiver = Reception::begin(&engine, &plan, checks.iter()).await;
    let outcomes = run(&engine, &checks, signals).await;
    receiver.end().await;
    // What is not gone by then goes with this process.
    let _ = tokio::time::timeout(END_BROWSERS, engine.browsers.shutdown()).await;
    match outcomes {
        Some(outcomes) => {
            show(&outcomes, args.json, args.screenshot.as_deref());
            if let Some(file) = &args.screenshot
                && let Err(why) = picture::write(&outcomes, file)
            {
                eprintln!("error: {why}");
            }
            exit(&outcomes)
        }
        None => {
            eprintln!("interrupted");
            Exit::Interrupted
        }
    }
}

/// Runs the checks, all at once. `None`: interrupted; what was issued has been cleaned up, unless that was interrupted
/// too.
async fn run(engine: &Engine, checks: &[Arc<Check>], mut signals: Signals) -> Option<Vec<Arc<Outcome>>> {
    let (stopper, stop) = Stopper::new();
    let mut runs = std::pin::pin!(join_all(checks.iter().map(|check| one(engine, check, stop.clone()))));
    tokio::select! {
        outcomes = &mut runs => {
            // What was found is shown even if the end of the sessions is not waited for.
            tokio::select! {
                () = engine.clean_up() => {}
                () = signals.stop() => {}
            }
            return Some(outcomes.into_iter().flatten().collect());
        }
        () = signals.stop() => stopper.stop(),
    }
    let ending = async {
        let _ = tokio::time::timeout(CLEANUP_GRACE + Duration::from_secs(1), runs).await;
        engine.clean_up().await;
    };
    tokio::select! {
        () = ending => {}
        () = signals.stop() => {}
    }
    None
}

async fn one(engine: &Engine, check: &Check, stop: Stop) -> Option<Arc<Outcome>> {
    engine.run_now(check, &Credentials::of(check), stop).await
}

fn show(outcomes: &[Arc<Outcome>], json: bool, screenshot: Option<&Path>) {
    let terminal = Terminal::stdout();
    let mut text = String::new();
    for (n, outcome) in outcomes.iter().enumerate() {
        if json {
            text.push_str(
                &serde_json::to_string(&**outcome).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")),
            );
            text.push('\n');
            continue;
        }
        if n > 0 {
            text.push('\n');
        }
        text.push_str(&render::outcome(outcome, &terminal));
        if screenshot.is_none() {
            text.push_str(&picture::offer(outcome));
        }
    }
    if !json && outcomes.len() > 1 {
        text.push_str(&format!("\n{}\n", render::summary(outcomes.iter().map(|outcome| &**outcome))));
    }
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Any bad, else any inconclusive, else good.
fn exit(outcomes: &[Arc<Outcome>]) -> Exit {
    let any = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
    match () {
        () if any(Verdict::Bad) => Exit::Bad,
        () if any(Verdict::Inconclusive) || outcomes.is_empty() => Exit::Unknown,
        () => Exit::Good,
    }
}

fn unknown(plan: &Plan, args: &Args) -> String {
    let names = || plan.probes.iter().map(|probe| &*probe.name);
    let name = &args.name;
    if let Some(region) = args.region.as_ref().filter(|_| names().any(|known| known == name)) {
        return format!("probe `{name}` does not run in region `{region}`");
    }
    let nearest = nearest(name, names()).map(|nearest| format!(": did you mean `{nearest}`?")).unwrap_or_default();
    format!("unknown probe `{name}`{nearest}\n = help: configured: {}", listed(names()))
}
