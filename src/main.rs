//! Parse, run, exit status.

use std::io::IsTerminal;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use authprobe::cli::{Cli, Exit, LogFormat, main as run};
use clap::Parser;
use futures_util::FutureExt as _;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

fn main() -> ExitCode {
    // A helper process of authprobe's own: before anything that starts threads or says something.
    if let Some(exit) = authprobe::browser::keep(std::env::args_os().skip(1)) {
        return exit;
    }
    let cli = Cli::parse();
    log_to_stderr(cli.log_format, cli.command.log_level());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::from(3);
        }
    };
    // A fault of our own is "could not tell", whatever it is; the panic itself is in the log.
    let exit = runtime.block_on(AssertUnwindSafe(run(cli)).catch_unwind()).unwrap_or(Exit::Unknown);
    // Nothing may hold up the exit: what had to be flushed has been, within its own bound.
    runtime.shutdown_background();
    exit.into()
}

fn log_to_stderr(format: LogFormat, level: &str) {
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // What libraries say below info is made of what passes through them: cookies, headers, URLs with codes.
    let discreet = filter_fn(|event| *event.level() <= Level::INFO || event.target().starts_with("authprobe"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    let layer = match format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(wanted.and(discreet))).init();
}
