//! `make sim`: how soon is an outage noticed, and how often is there a page without one? Tables as in docs/detection.md,
//! made by the shipped code on a virtual clock.
//!
//! `cargo bench --bench sim -- [--check] [--trials N] [--years N] [--alpha PERCENT] [--only TEXT] [--seed N]`; `--check` ends with an
//! error if a target is missed.

use std::process::ExitCode;

use authprobe::clock::Clock;
use authprobe::sim::{self, Options};

fn options() -> Result<(Options, bool), String> {
    let (mut options, mut check) = (Options::default(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: String| text.parse::<usize>().map_err(|_| format!("{text} is not a number"));
        match argument.as_str() {
            "--check" => check = true,
            "--trials" => options.trials = number(value()?)?,
            "--years" => options.years = number(value()?)?,
            "--seed" => options.seed = number(value()?)? as u64,
            "--only" => options.only = value()?,
            "--alpha" => options.alpha = Some(value()?),
            // Cargo's own.
            "--bench" => {}
            other => {
                return Err(format!("{other}: unknown; there are --check, --trials, --years, --alpha, --only, --seed"));
            }
        }
    }
    Ok((options, check))
}

fn main() -> ExitCode {
    let clock = Clock::system();
    let begun = clock.instant();
    let report = options().and_then(|(options, check)| Ok((sim::run(&options)?, check)));
    let (report, check) = match report {
        Ok(report) => report,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    println!("{report}");
    println!("simulated in {:.1} s", clock.instant().duration_since(begun).as_secs_f64());
    let targets = report.targets();
    let missed = targets.iter().filter(|target| !target.is_met()).count();
    println!("{} of {} targets reached", targets.len() - missed, targets.len());
    if check && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
