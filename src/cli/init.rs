//! `authprobe init`: a real provider's metadata becomes a configuration to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Exit;
use super::check::complain;
use crate::browser::Browsers;
use crate::clock::Clock;
use crate::fault::Blame;
use crate::journey::{Ended, Journey};
use crate::oidc::memory::{CheckMemory, ProviderMemory};
use crate::oidc::metadata::Metadata;
use crate::oidc::settings::Provider;
use crate::plan;
use crate::probe::Context;

mod starter;

pub use starter::{Ask, starter};

/// How long the provider may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The provider's issuer, exactly as its metadata says it
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// A client that is registered there; without one only what needs no client is enabled
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// PEM file with certificates to believe besides the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Where to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long, requires = "output")]
    force: bool,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    // From another folder a relative path would lead elsewhere.
    let ca_file = args.ca_file.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    let mut ask = Ask { issuer: &args.issuer, client_id: args.client_id.as_deref(), ca_file: ca_file.as_deref() };
    // The same checks as any configuration's, before anything is sent.
    let provider = match provider(&ask) {
        Ok(provider) => provider,
        Err(exit) => return exit,
    };
    if let Some(path) = args.output.as_deref().filter(|path| path.exists() && !args.force) {
        eprintln!("error: {} exists already (--force overwrites it)", path.display());
        return Exit::Usage;
    }
    let (ended, metadata) = fetch(provider).await;
    for warning in &ended.warnings {
        eprintln!("warning: {}{}", warning.detail, clause(warning.clause));
    }
    let Some(metadata) = metadata else { return failed(&ended, ask.issuer) };
    ask.issuer = metadata.issuer();
    let text = starter(&ask, &metadata);
    match write(args.output.as_deref(), args.force, &text) {
        Ok(()) => {
            next_steps(&text, args.output.as_deref());
            Exit::Good
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::Usage
        }
    }
}

fn provider(ask: &Ask<'_>) -> Result<Arc<Provider>, Exit> {
    let text = starter::smallest(ask);
    match plan::from_str("(arguments)", &text, Path::new("")) {
        Ok(plan) => plan.providers.first().cloned().ok_or(Exit::Unknown),
        Err(errors) => {
            complain(&errors);
            Err(Exit::Usage)
        }
    }
}

/// Reads the metadata as every probe does: same client, same bounds, same faults.
async fn fetch(provider: Arc<Provider>) -> (Ended, Option<Metadata>) {
    let clock = Clock::system();
    let region = Arc::new(plan::direct("local"));
    let mut journey = Journey::new(clock.clone(), TIMEOUT, vec!["metadata"]);
    let context = Context {
        clock,
        regions: vec![region.clone()],
        region,
        provider,
        client: None,
        second_client: None,
        user: None,
        provider_memory: Arc::new(ProviderMemory::default()),
        memory: CheckMemory::default(),
        browsers: Arc::new(Browsers::new(Clock::system())),
        mailbox: Arc::default(),
    };
    let relying = context.relying(&journey);
    let wanted = relying.metadata_with(&[], &["revocation_endpoint", "introspection_endpoint"]);
    let metadata = journey.step("metadata", wanted).await.ok();
    (journey.finish(Duration::ZERO).await, metadata)
}

fn failed(ended: &Ended, issuer: &str) -> Exit {
    let Some(fault) = &ended.fault else { return Exit::Unknown };
    eprintln!("error: cannot read the metadata of {issuer}");
    eprintln!("  {fault}");
    for finding in &fault.findings {
        eprintln!("  - {}{}", finding.detail, clause(finding.clause));
    }
    eprintln!("  what to look at: {}", fault.class.hint());
    match fault.class.blame() {
        Blame::Network | Blame::Provider => Exit::Bad,
        Blame::Configuration => Exit::Usage,
        Blame::Monitor => Exit::Unknown,
    }
}

fn clause(clause: &str) -> String {
    if clause.is_empty() { String::new() } else { format!(" ({clause})") }
}

fn write(path: Option<&Path>, force: bool, text: &str) -> Result<(), String> {
    let Some(path) = path else {
        // Whoever closed the pipe has read enough.
        let _ = std::io::stdout().write_all(text.as_bytes());
        return Ok(());
    };
    let shown = path.display();
    // Looked at once more: another may have written it meanwhile.
    let file = OpenOptions::new().write(true).create(true).create_new(!force).truncate(force).open(path);
    let mut file = file.map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => format!("{shown} exists already (--force overwrites it)"),
        _ => format!("cannot write {shown}: {e}"),
    })?;
    file.write_all(text.as_bytes()).map_err(|e| format!("cannot write {shown}: {e}"))
}

/// Says on stderr what is left to do.
fn next_steps(text: &str, path: Option<&Path>) {
    for (word, sentence) in starter::TO_DO {
        if text.lines().any(|line| !line.starts_with('#') && line.contains(word)) {
            eprintln!("{sentence}");
        }
    }
    if let Some(path) = path {
        eprintln!("then: authprobe check --config {}", path.display());
    }
}
