//! `authprobe smoke`: a deploy that breaks login does not go out.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Exit;
use super::check::complain;
use super::oneshot::{END_BROWSERS, Nobody, Reception};
use super::smoke_output::{Format, Output, Show, add_summary, document, github, human, write_outputs};
use crate::app::{self, Signals};
use crate::clock::{Clock, Instant};
use crate::config::nearest::{listed, nearest};
use crate::config::{self, Diagnostics};
use crate::oidc::http::warm_up;
use crate::outcome::Id;
use crate::plan::{self, BuildOptions, Plan};
use crate::runner::Engine;
use crate::smoke::against::{self, Earlier};
use crate::smoke::attain;
use crate::smoke::latency::Limits;
use crate::smoke::report::{Judgement, Report};
use crate::smoke::select::select;
use crate::smoke::{Complaint, Settings, Smoke};
use crate::terminal::Terminal;

mod args;
mod door;

pub use args::Args;
use args::Wanted;

/// Runs it.
pub async fn main(args: Args) -> Exit {
    app::log_panics();
    let ready = match prepare(&args) {
        Ok(ready) => ready,
        Err(wrong) => {
            wrong.tell();
            return Exit::Usage;
        }
    };
    let clock = Clock::system();
    let begun = Signals::new().and_then(|signals| Ok((signals, Engine::new(clock.clone(), Arc::new(Nobody))?)));
    let (signals, engine) = match begun {
        Ok((signals, engine)) => (signals, Arc::new(engine)),
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Unknown;
        }
    };
    warm_up();
    judge(ready, engine, signals).await
}

/// Runs, tells, cleans up: in this order, so that nobody waits for what was found.
async fn judge(ready: Ready, engine: Arc<Engine>, mut signals: Signals) -> Exit {
    let Ready { plan, settings, earlier, format, outputs } = ready;
    let until = settings.conditions.deadline.map(|deadline| engine.clock.instant() + deadline);
    engine.browsers.configure(plan.browser.clone());
    let receiver = Reception::begin(&engine, &plan, settings.selected.iter().map(|one| &one.check)).await;
    let show = Arc::new(Show::new(&engine.clock));
    let mut smoke = Smoke::begin(engine.clone(), settings, show.clone());
    let interrupted = tokio::select! {
        () = smoke.decided() => false,
        () = signals.stop() => true,
    };
    let mut report = smoke.conclude(interrupted);
    report.against = earlier.map(|earlier| against::compare(&earlier, &report.checks));
    // Nobody else has it now.
    if let Some(show) = Arc::into_inner(show) {
        show.end();
    }
    let written = tell(&report, format, &outputs);
    let ending = async {
        smoke.end().await;
        receiver.end().await;
        // What is not gone by then goes with this process.
        let _ = tokio::time::timeout(END_BROWSERS, engine.browsers.shutdown()).await;
    };
    tokio::select! {
        () = in_time(until, ending) => {}
        () = signals.stop() => {}
    }
    exit(&report, written)
}

async fn in_time(until: Option<Instant>, work: impl Future<Output = ()>) {
    match until {
        Some(until) => drop(tokio::time::timeout_at(until, work).await),
        None => work.await,
    }
}

/// Prints the result and writes the files. Whether everything was written that should be.
fn tell(report: &Report, format: Format, outputs: &[Output]) -> bool {
    let mut wrong = Vec::new();
    let text = match format {
        Format::Human => human(report, &Terminal::stdout()),
        Format::Json | Format::Junit => document(format, report),
        Format::Github => {
            let told = github(report);
            let summary = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty());
            wrong.extend(summary.and_then(|file| add_summary(&told, Path::new(&file)).err()));
            told.annotations
        }
    };
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    wrong.extend(write_outputs(outputs, report).err().into_iter().flatten());
    wrong.iter().for_each(|why| eprintln!("error: {why}"));
    wrong.is_empty()
}

/// A result that could not be written is our own fault; what is bad is bad all the same.
fn exit(report: &Report, written: bool) -> Exit {
    match report.verdict {
        _ if report.interrupted => Exit::Interrupted,
        Judgement::Bad => Exit::Bad,
        Judgement::Good | Judgement::Skipped if written => Exit::Good,
        _ => Exit::Unknown,
    }
}

/// Everything that must be right before anything is probed.
struct Ready {
    plan: Plan,
    settings: Settings,
    earlier: Option<Earlier>,
    format: Format,
    outputs: Vec<Output>,
}

/// What is wrong: with the arguments, with the configuration.
#[derive(Default)]
struct Wrong {
    complaints: Vec<Complaint>,
    configuration: Option<Diagnostics>,
}

impl Wrong {
    fn tell(&self) {
        for complaint in &self.complaints {
            eprintln!("error: {complaint}");
        }
        if let Some(mistakes) = &self.configuration {
            complain(mistakes);
        }
    }
}

/// Reads arguments and configuration; every mistake at once.
fn prepare(args: &Args) -> Result<Ready, Wrong> {
    let mut wrong = Wrong::default();
    let complaints = &mut wrong.complaints;
    let wanted = Wanted::read(args, complaints);
    let text = door::configuration(args, complaints);
    let earlier = args.against.as_deref().and_then(|file| against::read(file).map_err(|why| complaints.push(why)).ok());
    if args.door.issuer.is_some() && text.is_none() {
        return Err(wrong);
    }
    let plan = match load(args, text.as_deref(), complaints) {
        Ok(plan) => plan,
        Err(mistakes) => {
            wrong.configuration = Some(mistakes);
            return Err(wrong);
        }
    };
    let (format, outputs) = (wanted.format, wanted.outputs.clone());
    let settings = settings(args, wanted, &plan, complaints);
    match settings {
        Some(settings) if wrong.complaints.is_empty() => Ok(Ready { plan, settings, earlier, format, outputs }),
        _ => Err(wrong),
    }
}

/// The plan of the regions that were asked for. An unknown one is a mistake among others; then all count.
fn load(args: &Args, text: Option<&str>, complaints: &mut Vec<Complaint>) -> Result<Plan, Diagnostics> {
    let loaded = match text {
        Some(text) => config::from_str(door::NAME, text, Path::new(""))?,
        None => config::load(args.config.config.as_deref())?,
    };
    let whole = plan::build(&loaded, &BuildOptions::default())?;
    let names = || whole.regions.iter().map(|region| &*region.region);
    let unknown: Vec<_> = args.regions.iter().filter(|name| !names().any(|known| known == **name)).collect();
    for name in &unknown {
        let near = nearest(name, names()).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        let said = format!("--region: there is no region `{name}`{near}");
        complaints.push(Complaint::new(said).help(format!("there are: {}", listed(names()))));
    }
    if args.regions.is_empty() || !unknown.is_empty() {
        return Ok(whole);
    }
    plan::build(&loaded, &BuildOptions { regions: Some(args.regions.clone()) })
}

fn settings(args: &Args, mut wanted: Wanted, plan: &Plan, complaints: &mut Vec<Complaint>) -> Option<Settings> {
    let fits = complaints.is_empty();
    let mut selected = select(plan, &wanted.selectors).map_err(|wrong| complaints.extend(wrong)).ok()?;
    if args.door.issuer.is_some() {
        // Whoever names a client asks for its token.
        selected.iter_mut().for_each(|one| one.named |= &*one.check.labels.probe == door::TOKEN);
    }
    let limits = Limits::resolve(&wanted.conditions.max_latency, &selected);
    let limits = limits.map_err(|wrong| complaints.extend(wrong)).ok()?;
    wanted.bound(selected.len());
    if fits {
        complaints.extend(attain::unattainable(&wanted.conditions, &selected));
    }
    Some(Settings {
        selected,
        conditions: wanted.conditions,
        limits,
        max_browsers: plan.browser.max_sessions,
        screenshots: args.screenshots.clone().or_else(own_folder),
    })
}

/// On a terminal pictures of failed logins are always kept, in a folder of the run's own: whoever sees one fail wants to look.
/// It is made when there is one to write.
fn own_folder() -> Option<PathBuf> {
    let folder = || std::env::temp_dir().join(format!("authprobe-smoke-{}", Id::<8>::random()));
    std::io::stdout().is_terminal().then(folder)
}
