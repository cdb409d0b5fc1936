//! `authprobe demo`: the lab provider and the daemon in one process, nothing to configure.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::check::complain;
use super::run::{base_url, ended, prepare};
use super::{Exit, render};
use crate::alert::machine::Change;
use crate::app::{self, App};
use crate::clock::{Clock, Timestamp};
use crate::fault::Class;
use crate::judge::Told;
use crate::lab::accounts::{CLIENTS, USERS};
use crate::lab::{Lab, LabHandle, Options};
use crate::outcome::{CheckLabels, Id, Outcome, Verdict};
use crate::plan::{self, Plan};
use crate::runner::{Missed, Watch};
use crate::terminal::{Style, Terminal};

/// The configuration, with places for what is known only at run time.
const CONFIG: &str = include_str!("demo.toml");
/// How long running journeys may take to end: nothing is lost here.
const GRACE: Duration = Duration::from_secs(3);

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where page, API and metrics are served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    app::log_panics();
    match start(args.listen).await {
        Ok(exit) => exit,
        Err(why) => {
            eprintln!("error: {why}");
            Exit::Usage
        }
    }
}

async fn start(listen: SocketAddr) -> Result<Exit, String> {
    let (signals, listener) = prepare(listen).await?;
    let clock = Clock::system();
    let lab = Lab::start(Options { clock: clock.clone(), ..Options::default() }).await?;
    let folder = Secrets::write()?;
    let (text, base) = (config(listen, &lab.issuer), folder.0.clone());
    let load = move || plan::from_str("the demo's configuration", &text, &base);
    let plan = match load() {
        Ok(plan) => plan,
        Err(mistakes) => {
            complain(&mistakes);
            return Ok(Exit::Usage);
        }
    };
    let terminal = Terminal::stdout();
    say(&welcome(&base_url(&plan, &listener), &plan, &lab, &terminal));
    let also = Arc::new(Changes { terminal, last: Mutex::default() });
    let told: Told = Box::new(move |change| say(&alert_line(change, clock.now(), &terminal)));
    let (load, also, told) = (Box::new(load), Some(also as Arc<dyn Watch>), Some(told));
    let app = App { plan, load, listener, grace: GRACE, also, told, log_runs: false };
    let exit = ended(app::run(app, signals).await);
    lab.shutdown().await;
    Ok(exit)
}

/// The two regions leave from different addresses where loopback has more than one.
fn config(listen: SocketAddr, issuer: &str) -> String {
    let from = |last: u8| match cfg!(target_os = "linux") {
        true => format!("\nsource_address = \"127.0.0.{last}\""),
        false => String::new(),
    };
    CONFIG
        .replace("{listen}", &listen.to_string())
        .replace("{issuer}", issuer)
        .replace("{west}", &from(2))
        .replace("{east}", &from(3))
}

/// The lab's public secrets as files, as a configuration wants them: in a folder of our own that goes when this is
/// dropped.
struct Secrets(PathBuf);

impl Secrets {
    fn write() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("authprobe-demo-{}", Id::<8>::random()));
        let failed = |error: std::io::Error| format!("cannot write to {}: {error}", folder.display());
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        let secrets = Self(folder.clone());
        let users = USERS.iter().map(|user| (format!("{}.password", user.name), user.password));
        let clients = CLIENTS.iter().filter_map(|client| Some((format!("{}.secret", client.id), client.secret?)));
        for (name, value) in users.chain(clients) {
            std::fs::write(Path::new(&secrets.0).join(name), value).map_err(failed)?;
        }
        Ok(secrets)
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        // Nothing can be done about it, and nothing in it is secret.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn welcome(base: &str, plan: &Plan, lab: &LabHandle, terminal: &Terminal) -> String {
    let bold = |text: &str| terminal.paint(Style::Bold, text);
    let regions: Vec<_> = plan.regions.iter().map(|region| &*region.region).collect();
    let (lab, faults) = (format!("http://{}", lab.address), format!("http://{}/lab/faults", lab.address));
    format!(
        "{title}: a provider that breaks on demand, watched from {regions}\n\n\
         \x20 page      {base}/\n\
         \x20 metrics   {base}/metrics\n\
         \x20 provider  {lab}  (alice, password wonderland-7)\n\n\
         {break_it}, and see below what it does to the probes:\n\
         \x20 curl -X PUT {faults}/http_500 -d '{{\"endpoint\":\"token\"}}'\n\
         \x20 curl -X PUT {faults}/jwks_empty\n\
         \x20 curl -X DELETE {faults}          all well again\n\
         \x20 curl {faults}                    every fault there is\n\n\
         Ctrl-C ends it.\n\n",
        title = bold("authprobe demo"),
        regions = regions.join(" and "),
        break_it = bold("Break it"),
    )
}

/// Prints a line whenever a check's result is another than before.
struct Changes {
    terminal: Terminal,
    last: Mutex<HashMap<CheckLabels, (Verdict, Option<Class>)>>,
}

impl Watch for Changes {
    fn outcome(&self, outcome: &Arc<Outcome>) {
        let now = (outcome.verdict, outcome.fault.as_ref().map(|fault| fault.class));
        let before = self.last.lock().expect("last results").insert(outcome.check.clone(), now);
        if before != Some(now) {
            say(&line(outcome, &self.terminal));
        }
    }

    fn missed(&self, _: &CheckLabels, _: Missed, _: u64) {}

    fn started(&self, _: &CheckLabels) {}

    fn lateness(&self, _: Duration) {}
}

fn line(outcome: &Outcome, terminal: &Terminal) -> String {
    let (mark, style) = render::verdict_mark(outcome.verdict, terminal);
    let time = terminal.paint(Style::Dim, &outcome.start.to_utc().format("%H:%M:%S").to_string());
    let name = format!("{:<24}", outcome.check.to_string());
    let what = match &outcome.fault {
        Some(fault) => format!("{} in {} ({}): {}", fault.class, fault.step, fault.blame, fault.detail),
        None => format!("good, {}", render::short(outcome.duration)),
    };
    let what = terminal.cut(&terminal.clean(&what), terminal.width.saturating_sub(37));
    format!("{time}  {} {name} {what}\n", terminal.paint(style, mark))
}

/// An alert that fires or is over.
fn alert_line(change: &Change, now: Timestamp, terminal: &Terminal) -> String {
    let (alert, style, state) = match change {
        Change::Fired(alert) => (alert, Style::Bad, "fires"),
        Change::Resolved(alert) => (alert, Style::Good, "is over"),
    };
    let label = |name: &str| alert.labels.get(name).map_or("", String::as_str);
    let time = terminal.paint(Style::Dim, &now.to_utc().format("%H:%M:%S").to_string());
    let head = format!("{} {} {state}", alert.name(), label("severity"));
    let what = match (change, alert.annotations.get("description")) {
        (Change::Fired(_), Some(description)) => description.clone(),
        _ => {
            let named = ["slo", "probe", "probe_region"].map(label);
            let named: Vec<_> = named.into_iter().filter(|name| !name.is_empty()).collect();
            if named.is_empty() { label("provider").to_owned() } else { named.join(" ") }
        }
    };
    let mark = terminal.pick("▲", "!");
    let what = terminal.cut(&terminal.clean(&what), terminal.width.saturating_sub(14 + head.len()));
    format!("{time}  {} {what}\n", terminal.paint(style, &format!("{mark} {head} ")))
}

/// Whoever closed the pipe does not listen any more.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The embedded configuration is one, with two ways out that differ.
    #[test]
    fn its_configuration_is_valid() {
        let folder = Secrets::write().unwrap();
        let text = config(([127, 0, 0, 1], 9464).into(), "http://127.0.0.1:9000");
        let plan = plan::from_str("demo", &text, &folder.0).unwrap_or_else(|mistakes| panic!("{}", mistakes.plain()));
        let kinds: Vec<_> = plan.probes.iter().map(|probe| probe.kind.name).collect();
        assert_eq!(
            kinds,
            [
                "discovery",
                "jwks",
                "client_credentials",
                "browser_login",
                "form_login",
                "refresh",
                "revocation",
                "token_exchange",
                "userinfo",
                "introspection",
                "hardening"
            ]
        );
        assert_eq!(plan.regions.len(), 2);
        if cfg!(target_os = "linux") {
            assert_ne!(plan.regions[0].source_address, plan.regions[1].source_address);
        }
        let kept = folder.0.clone();
        drop(folder);
        assert!(!kept.exists());
    }
}
