//! `authprobe check`: the plan that a person would want to approve.

use std::io::{IsTerminal, Write as _};

use super::{ConfigArg, Exit};
use crate::clock::Clock;
use crate::config::Diagnostics;
use crate::plan::{self, BuildOptions};
use crate::terminal::Terminal;

mod detection;
mod objectives;
mod report;
mod table;

pub use report::render;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Show the plan of a process that runs only this region (repeatable)
    #[arg(long = "region", value_name = "NAME", num_args = 1..)]
    regions: Vec<String>,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    let options = BuildOptions { regions: (!args.regions.is_empty()).then_some(args.regions) };
    let plan = match plan::load(args.config.config.as_deref(), &options) {
        Ok(plan) => plan,
        Err(errors) => {
            complain(&errors);
            return Exit::Usage;
        }
    };
    let text = render(&plan, Clock::system().now(), &Terminal::stdout());
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Good
}

/// Writes what is wrong with a configuration to stderr.
pub fn complain(errors: &Diagnostics) {
    eprint!("{}", errors.render(colour(&std::io::stderr())));
}

/// Whether to write in colour there.
fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
