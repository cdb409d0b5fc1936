//! `authprobe demo`

use super::Exit;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    let Args {} = args;
    Exit::Unknown
}
