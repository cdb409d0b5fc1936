//! `authprobe completions`

use std::io::Write as _;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::{Cli, Exit};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "authprobe", &mut script);
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(&script);
    Exit::Good
}
