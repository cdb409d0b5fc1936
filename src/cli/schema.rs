//! `authprobe schema`: JSON Schemas, for editors, generators and readers of results.

use std::io::Write as _;

use super::Exit;
use crate::plan::schema;
use crate::smoke::report;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of what
    #[arg(long, value_enum, default_value_t = Of::Configuration)]
    of: Of,
}

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Of {
    /// The configuration
    Configuration,
    /// What `smoke --format json` writes
    Smoke,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    let document = match args.of {
        Of::Configuration => schema::document(),
        Of::Smoke => report::schema::document(),
    };
    let mut text = format!("{document:#}");
    text.push('\n');
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Good
}
