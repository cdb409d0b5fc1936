//! Commands: one file each, with its arguments and its `main`.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub mod check;
pub mod completions;
pub mod dashboards;
pub mod demo;
pub mod docs;
mod files;
pub mod gate;
pub mod init;
pub mod lab;
mod oneshot;
mod picture;
pub mod probe;
pub mod render;
mod render_bars;
mod render_browser;
mod results;
pub mod rules;
pub mod run;
pub mod schema;
pub mod smoke;
pub mod smoke_output;
pub mod test_alert;

/// How a command ends; the contract's exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: good; for `run`, a clean stop.
    Good,
    /// 1: the provider is bad.
    Bad,
    /// 2: usage or configuration error; nothing was probed.
    Usage,
    /// 3: could not tell.
    Unknown,
    /// 130: interrupted, after cleaning up.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::Bad => 1,
            Exit::Usage => 2,
            Exit::Unknown => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// Watches the login door of OpenID Connect and OAuth 2.0 providers.
#[derive(Debug, Parser)]
#[command(name = "authprobe", version, about, long_about = None, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// How logs are written on stderr (RUST_LOG says how much)
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The form of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Where the configuration is.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigArg {
    /// Configuration file [default: ./authprobe.toml, else /etc/authprobe/authprobe.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: schedule probes, serve /metrics
    Run(run::Args),
    /// Validate the configuration and print the plan
    Check(check::Args),
    /// Run one probe now and draw its waterfall
    Probe(probe::Args),
    /// Judge a deploy: run selected checks now, once or until it is decided whether they are good
    Smoke(Box<smoke::Args>),
    /// Watch a deployment bake: burn, alerts and budget from a daemon or Prometheus
    Gate(gate::Args),
    /// Read a provider's discovery and write a commented starter configuration
    Init(init::Args),
    /// Send one test alert to every receiver and say what each answered
    TestAlert(test_alert::Args),
    /// Write Prometheus recording and alert rules, and Alertmanager inhibition
    Rules(rules::Args),
    /// Write Grafana dashboards
    Dashboards(dashboards::Args),
    /// Start the lab provider, with faults on demand (loopback only)
    Lab(lab::Args),
    /// Lab, daemon and page together; no configuration needed
    Demo(demo::Args),
    /// Print the JSON Schema of the configuration, or of what smoke found
    Schema(schema::Args),
    /// Print shell completions
    Completions(completions::Args),
    /// Print a chapter of the documentation that is made from the code
    #[command(hide = true)]
    Docs(docs::Args),
}

impl Command {
    /// What is logged unless `RUST_LOG` says otherwise, as `tracing_subscriber::EnvFilter` reads it. Where progress is shown
    /// on stderr, only what somebody must know.
    pub fn log_level(&self) -> &'static str {
        match self {
            Self::Smoke(_) => "warn",
            _ => "warn,authprobe=info",
        }
    }
}

/// Runs the command that was asked for.
pub async fn main(cli: Cli) -> Exit {
    match cli.command {
        Command::Run(args) => run::main(args).await,
        Command::Check(args) => check::main(args).await,
        Command::Probe(args) => probe::main(args).await,
        Command::Smoke(args) => smoke::main(*args).await,
        Command::Gate(args) => gate::main(args).await,
        Command::Init(args) => init::main(args).await,
        Command::TestAlert(args) => test_alert::main(args).await,
        Command::Rules(args) => rules::main(args).await,
        Command::Dashboards(args) => dashboards::main(args).await,
        Command::Lab(args) => lab::main(args).await,
        Command::Demo(args) => demo::main(args).await,
        Command::Schema(args) => schema::main(args).await,
        Command::Completions(args) => completions::main(args).await,
        Command::Docs(args) => docs::main(args).await,
    }
}
