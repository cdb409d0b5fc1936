//! `authprobe rules`: what Prometheus and Alertmanager need to do the alerting.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::check::complain;
use super::{ConfigArg, Exit, files};
use crate::plan::{self, BuildOptions};
use crate::rules::{self, File, Options};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Folder to write into; `-` is standard output
    #[arg(short, long, value_name = "DIR", default_value = "alerts")]
    output: PathBuf,
    /// The job label under which Prometheus scrapes authprobe
    #[arg(long, value_name = "NAME", default_value = "authprobe", value_parser = job)]
    job: String,
}

/// What can stand in a matcher as it is.
fn job(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains(['"', '\\', '`']) || text.chars().any(char::is_control) {
        true => Err("not empty, without quotes and backslashes".to_owned()),
        false => Ok(text.to_owned()),
    }
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
    if plan.objectives.is_empty() {
        eprintln!("warning: no [[slo]] is configured: the rules watch probes only");
    }
    let made = rules::files(&plan, &Options { job: args.job });
    if args.output == Path::new("-") {
        // Whoever closed the pipe has read enough.
        let _ = std::io::stdout().write_all(shown(&made).as_bytes());
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

/// Both files, one document after the other.
fn shown(files: &[File]) -> String {
    files.iter().map(|file| format!("---\n# {}\n{}", file.name, file.text)).collect()
}

fn next_steps(folder: &Path, files: &[File]) -> String {
    let mut out = String::new();
    for file in files {
        let alerts = file.text.matches("- alert:").count();
        let recorded = file.text.matches("- record:").count();
        let inhibits = file.text.matches("- source_matchers:").count();
        let what = match file.name {
            rules::RULES => format!("{recorded} recording rules, {alerts} alert rules"),
            _ => format!("{inhibits} inhibition rules, an example route"),
        };
        out.push_str(&format!("wrote {}: {what}\n", folder.join(file.name).display()));
    }
    let path = std::path::absolute(folder.join(rules::RULES)).unwrap_or_else(|_| folder.join(rules::RULES));
    out.push_str(&format!(
        "\nTo load them:\n  in prometheus.yml      rule_files: ['{}']\n  in alertmanager.yml    take over route and \
         inhibit_rules of {}\n  then                   promtool check rules {1}/{2} && kill -HUP $(pidof prometheus)\n\
         Once Prometheus alerts, set `evaluate = false` in [alerting], so that nobody hears everything twice.\n",
        path.display(),
        folder.display(),
        rules::RULES,
    ));
    out
}
