//! `authprobe gate`: watches a deployment bake, and says whether the next stage may go on.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use url::Url;

use super::{Exit, results};
use crate::app::{self, Signals};
use crate::clock::{Clock, Timestamp};
use crate::duration::HumanDuration;
use crate::gate::daemon::Daemon;
use crate::gate::prometheus::Prometheus;
use crate::gate::report::{self, Report, Verdict};
use crate::gate::screen::{Live, Plain};
use crate::gate::source::{Asker, Source};
use crate::gate::watch::{self, End, LONGEST, Settings, Since};
use crate::gate::{github, human};
use crate::outbound::ATTEMPT;
use crate::terminal::Terminal;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 open, 1 closed, 2 usage, 3 could not tell, 130 interrupted.")]
pub struct Args {
    /// Watch a running daemon
    #[arg(long, value_name = "URL", required_unless_present = "prometheus")]
    server: Option<String>,
    /// The file that holds the daemon's bearer token
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
    /// Watch a Prometheus that has the rules of `authprobe rules`
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
    /// The file that holds Prometheus' bearer token
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    prometheus_token_file: Option<PathBuf>,
    /// Certificates (PEM) to believe besides the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Only these objectives (`*` and `?` stand for any letters) [default: all]
    #[arg(long, value_name = "GLOB")]
    slo: Vec<String>,
    /// What counts happened since: a time (RFC 3339) or so long ago (10m) [default: now]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// How long to watch, from that time on
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    watch: HumanDuration,
    /// How many times as fast as allowed the error budget may burn
    #[arg(long, value_name = "RATE", default_value_t = 2.0)]
    max_burn: f64,
    /// How long the server may be out of reach
    #[arg(long, value_name = "DURATION", default_value = "2m")]
    patience: HumanDuration,
    /// Mark this deployment in the daemon (--server), once; what counts happened since that mark
    #[arg(long, value_name = "ID")]
    deployment: Option<String>,
    /// What is written on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Write the result into a file besides; several at once
    #[arg(long, value_name = "FORMAT=FILE", value_parser = output)]
    output: Vec<(Format, PathBuf)>,
}

/// The form of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
    /// Annotations, and a summary in $GITHUB_STEP_SUMMARY
    Github,
}

impl Format {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Github => "github",
        }
    }
}

fn output(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("write FORMAT=FILE, such as json=gate.json")?;
    let format = Format::from_str(format, false).map_err(|_| "the format is human, json or github")?;
    if file.is_empty() { Err("the file is missing".to_owned()) } else { Ok((format, file.into())) }
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    app::log_panics();
    let (settings, source) = match prepare(&args) {
        Ok(prepared) => prepared,
        Err(mistakes) => return complain(&mistakes),
    };
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::Unknown;
        }
    };
    let (clock, terminal) = (Clock::system(), Terminal::stdout());
    let live = std::io::stderr().is_terminal() && std::env::var("TERM").is_ok_and(|term| term != "dumb");
    let end = if live {
        let mut screen = Live::new(std::io::stderr(), terminal);
        let end = watch::run(settings, source, &clock, &mut screen, signals.stop()).await;
        screen.clear();
        end
    } else {
        let plain = Terminal { colour: false, ..terminal };
        let mut screen = Plain::new(std::io::stderr(), plain);
        watch::run(settings, source, &clock, &mut screen, signals.stop()).await
    };
    match end {
        End::Usage(mistakes) => complain(&mistakes),
        End::Report(report) => tell(&args, &report, &terminal),
    }
}

fn complain(mistakes: &[String]) -> Exit {
    mistakes.iter().for_each(|mistake| eprintln!("error: {mistake}"));
    Exit::Usage
}

/// What it is to do. The error: every mistake.
fn prepare(args: &Args) -> Result<(Settings, Source), Vec<String>> {
    let mut mistakes = Vec::new();
    let mut note = |result: Result<(), String>| mistakes.extend(result.err());
    let (watch, patience) = (args.watch.0, args.patience.0);
    note(within("--watch", watch, Duration::from_secs(1)));
    note(within("--patience", patience, Duration::from_secs(1)));
    if !(args.max_burn.is_finite() && args.max_burn > 0.0) {
        note(Err("--max-burn: must be above 0".to_owned()));
    }
    let since = args.since.as_deref().map_or(Ok(Since::Now), since);
    note(since.as_ref().map(|_| ()).map_err(Clone::clone));
    match (&args.deployment, &args.server, &args.prometheus) {
        (Some(_), None, _) => {
            note(Err(
                "--deployment: Prometheus cannot be marked\n = help: name the daemon with --server besides".to_owned()
            ));
        }
        (None, Some(_), Some(_)) => {
            note(Err("--server and --prometheus: watch one of them; both only with --deployment".to_owned()));
        }
        _ => {}
    }
    let files: Vec<_> = args.output.iter().map(|(format, file)| (format.as_str(), &**file)).collect();
    results::check(&files).err().into_iter().flatten().for_each(|why| note(Err(why)));
    if args.deployment.as_ref().is_some_and(|id| id.trim().is_empty() || id.chars().count() > 100) {
        note(Err("--deployment: an ID of 1 to 100 characters is needed".to_owned()));
    }
    let attempt = watch.clamp(Duration::from_secs(2), ATTEMPT);
    let ca = args.ca_file.as_deref();
    let mut asker = |option: &'static str, url: &Option<String>, token: &Option<PathBuf>, named: &'static str| {
        let made =
            address(option, url.as_deref()?).and_then(|url| Asker::new(url, token.as_deref(), named, ca, attempt));
        made.map_err(|why| note(Err(why))).ok()
    };
    let server = asker("--server", &args.server, &args.token_file, "--token-file");
    let prometheus = asker("--prometheus", &args.prometheus, &args.prometheus_token_file, "--prometheus-token-file");
    // The one that marks, beside the one that watches.
    let marker = match (&args.deployment, &prometheus) {
        (Some(_), None) => asker("--server", &args.server, &args.token_file, "--token-file"),
        _ => None,
    };
    if !mistakes.is_empty() {
        mistakes.dedup();
        return Err(mistakes);
    }
    let id = args.deployment.clone().map(|id| id.trim().to_owned());
    let (source, marker) = match (server, prometheus) {
        (server, Some(prometheus)) => (Source::Prometheus(Prometheus::new(prometheus)), server),
        (Some(server), None) => (Source::Daemon(Daemon::new(server)), marker),
        (None, None) => return Err(vec!["--server or --prometheus is needed".to_owned()]),
    };
    let settings = Settings {
        slos: args.slo.clone(),
        since: since.unwrap_or(Since::Now),
        watch,
        max_burn: args.max_burn,
        patience,
        deployment: marker.zip(id),
    };
    Ok((settings, source))
}

fn within(option: &str, time: Duration, least: Duration) -> Result<(), String> {
    if time < least {
        return Err(format!("{option}: must be at least {}", HumanDuration(least)));
    }
    if time > LONGEST { Err(format!("{option}: must be at most {}", HumanDuration(LONGEST))) } else { Ok(()) }
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(HumanDuration(ago)) = text.parse() {
        return Ok(Since::Ago(ago));
    }
    let at = chrono::DateTime::parse_from_rfc3339(text).map(|at| Timestamp::from_utc(at.to_utc()));
    let wrong = |_| {
        format!(
            "--since: {text:?} is neither a time (RFC 3339) such as \"2026-01-31T02:00:00Z\" nor a duration such as \"10m\""
        )
    };
    at.map(Since::At).map_err(wrong)
}

/// An address that is asked below; the error never quotes what may be secret in it.
fn address(option: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{option}: {error}; write http://HOST:PORT or https://HOST"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("{option}: write http://HOST:PORT or https://HOST"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{option}: no credentials in addresses: they show in process lists\n = help: use a token file"
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{option}: only an address and a path, without `?` and `#`"));
    }
    Ok(url)
}

/// Writes the result everywhere.
fn tell(args: &Args, report: &Report, terminal: &Terminal) -> Exit {
    let wide = Terminal { width: 120, colour: false, unicode: true };
    let rendered = |format: Format, terminal: &Terminal| match format {
        Format::Human => human::human(report, terminal),
        Format::Json => report::json(report),
        Format::Github => github::annotations(report),
    };
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(rendered(args.format, terminal).as_bytes());
    let github = args.format == Format::Github || args.output.iter().any(|(format, _)| *format == Format::Github);
    let mut written = true;
    if let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| github && !file.is_empty()) {
        written &= append(Path::new(&file), &github::summary(report));
    }
    for (format, file) in &args.output {
        let text = match format {
            Format::Github => github::summary(report),
            format => rendered(*format, &wide),
        };
        written &= write(file, &text);
    }
    match report.verdict {
        Verdict::Open if !written => Exit::Unknown,
        Verdict::Open => Exit::Good,
        Verdict::Closed => Exit::Bad,
        Verdict::Unknown => Exit::Unknown,
        Verdict::Interrupted => Exit::Interrupted,
    }
}

fn write(file: &Path, text: &str) -> bool {
    said(file, results::put(file, text.as_bytes()))
}

fn append(file: &Path, text: &str) -> bool {
    let opened = OpenOptions::new().append(true).create(true).open(file);
    said(file, opened.and_then(|mut file| file.write_all(text.as_bytes())))
}

fn said(file: &Path, result: std::io::Result<()>) -> bool {
    if let Err(error) = &result {
        eprintln!("error: {}: {error}", file.display());
    }
    result.is_ok()
}
