//! `authprobe schema`: the JSON Schema of the configuration, for editors and generators.

use std::io::Write as _;

use super::Exit;
use crate::plan::schema;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub async fn main(Args {}: Args) -> Exit {
    let mut text = format!("{:#}", schema::document());
    text.push('\n');
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Good
}
