//! `authprobe dashboards`: what Grafana needs to show what authprobe measures.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::check::complain;
use super::{ConfigArg, Exit, files};
use crate::dashboards::{self, File};
use crate::plan::{self, BuildOptions};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Folder to write into; `-` is standard output, one JSON document a line
    #[arg(short, long, value_name = "DIR", default_value = "dashboards")]
    output: PathBuf,
}

/// Runs it.
pub async fn main(args: Args) -> Exit {
    let plan = match plan::load(args.config.config.as_deref(), &BuildOptions::default()) {
        Ok(plan) => plan,
        Err(errors) => {
            complain(&errors);
            return Exit::Usage;
        }
    };
    let made = dashboards::files(&plan);
    if args.output == Path::new("-") {
        // Whoever closed the pipe has read enough.
        let _ = std::io::stdout().write_all(lines(&made).as_bytes());
        return Exit::Good;
    }
    match files::write(&args.output, made.iter().map(|file| (file.name, file.text.as_str()))) {
        Ok(()) => {
            let _ = std::io::stdout().write_all(next_steps(&args.output, &made).as_bytes());
            Exit::Good
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::Usage
        }
    }
}

/// A document a line.
fn lines(made: &[File]) -> String {
    made.iter().map(|file| file.text.lines().map(str::trim_start).chain(["\n"]).collect::<String>()).collect()
}

fn next_steps(folder: &Path, made: &[File]) -> String {
    let mut out = String::new();
    for file in made {
        let path = folder.join(file.name);
        out.push_str(&format!("wrote {}: {}, {} panels, uid {}\n", path.display(), file.title, file.panels, file.uid));
    }
    let path = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    out.push_str(&format!(
        "\nTo load them, give Grafana a file provider (provisioning/dashboards/authprobe.yaml):\n  apiVersion: 1\n  \
         providers:\n    - name: authprobe\n      folder: authprobe\n      type: file\n      options: {{ path: '{}' }}\nor \
         import each file by hand. They ask the Prometheus that scrapes authprobe.\n",
        path.display()
    ));
    out
}
