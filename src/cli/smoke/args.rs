//! What was asked for: read whole, with every mistake at once.

use std::path::PathBuf;
use std::time::Duration;

use super::super::ConfigArg;
use super::super::smoke_output::{Format, Output, check_outputs};
use crate::config::nearest::{listed, nearest};
use crate::config::values::Percent;
use crate::duration::HumanDuration;
use crate::smoke::Complaint;
use crate::smoke::attain;
use crate::smoke::report::{Conditions, MaxLatency, Sequential};
use crate::smoke::select::Selectors;
use crate::smoke::trial::Test;

/// The most runs of a check that can be asked for.
const MAX_RUNS: u32 = 10_000;
/// The fewest runs that a sequential test is given unless told otherwise.
const RUNS: u32 = 100;
/// The longest time that anything may take.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// What is good, what is bad and how sure that must be, unless told otherwise.
const DEFAULTS: [(&str, &str); 3] = [("--accept", "99%"), ("--reject", "90%"), ("--confidence", "95%")];

/// Its arguments.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub config: ConfigArg,
    /// Only probes with this name (`*` and `?` stand for others; repeatable: any of them). What a probe that is named
    /// exactly does not find offered is not skipped
    #[arg(long = "probe", value_name = "GLOB", help_heading = "What runs")]
    pub probes: Vec<String>,
    /// Only probes with this label (`*` and `?` in the value; repeatable: all of them)
    #[arg(long = "label", value_name = "KEY=VALUE", help_heading = "What runs")]
    pub labels: Vec<String>,
    /// Only probes of this kind (repeatable: any of them)
    #[arg(long = "kind", value_name = "KIND", help_heading = "What runs")]
    pub kinds: Vec<String>,
    /// Only from this region (repeatable)
    #[arg(long = "region", value_name = "NAME", help_heading = "What runs")]
    pub regions: Vec<String>,
    #[command(flatten)]
    pub door: Door,
    /// How often each check runs; with --accept or --reject at most so often [default: 1; with those six times what it takes to accept]
    #[arg(long, value_name = "N", help_heading = "What decides")]
    pub runs: Option<String>,
    /// Run until it is sure, and no longer (Wald's sequential test): this share of good runs is good [default: 99%]
    #[arg(long, value_name = "PERCENT", help_heading = "What decides")]
    pub accept: Option<String>,
    /// This share of good runs is bad [default: 90%]
    #[arg(long, value_name = "PERCENT", help_heading = "What decides")]
    pub reject: Option<String>,
    /// How sure: a good provider is rejected, and a bad one accepted, no more often than the rest [default: 95%]
    #[arg(long, value_name = "PERCENT", help_heading = "What decides")]
    pub confidence: Option<String>,
    /// A run is bad that takes longer: NAME is a probe (or a pattern), PROBE/STEP, or a step (repeatable)
    #[arg(long = "max-latency", value_name = "NAME=TIME", help_heading = "What decides")]
    pub max_latency: Vec<String>,
    /// Wait so long for a provider that is still rolling: connection faults, 502, 503, 504 are tried again
    #[arg(long, value_name = "TIME", help_heading = "How long")]
    pub wait: Option<String>,
    /// All together, waiting and cleanup included: what is not decided by then could not be told
    #[arg(long, value_name = "TIME", help_heading = "How long")]
    pub deadline: Option<String>,
    /// What goes to standard output: human, json, junit or github
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "What is told")]
    pub format: String,
    /// Write the result to a file as well (repeatable)
    #[arg(long = "output", value_name = "FORMAT=FILE", help_heading = "What is told")]
    pub outputs: Vec<String>,
    /// Say what is newly bad and what was bad before, compared with an earlier JSON result
    #[arg(long, value_name = "FILE", help_heading = "What is told")]
    pub against: Option<PathBuf>,
    /// Write the pictures of pages on which browser logins failed into this folder
    #[arg(long, value_name = "FOLDER", help_heading = "What is told")]
    pub screenshots: Option<PathBuf>,
}

/// A provider without a configuration.
#[derive(Debug, Default, clap::Args)]
pub struct Door {
    /// The provider's issuer, exactly as its metadata says it: its discovery and its keys are checked
    #[arg(long, value_name = "URL", help_heading = "Without a configuration")]
    pub issuer: Option<String>,
    /// A client that gets a token there by its credentials: that is checked as well
    #[arg(long, value_name = "ID", help_heading = "Without a configuration")]
    pub client_id: Option<String>,
    /// The environment variable with the client's secret
    #[arg(long, value_name = "NAME", help_heading = "Without a configuration")]
    pub client_secret_env: Option<String>,
    /// The file with the client's secret
    #[arg(long, value_name = "FILE", help_heading = "Without a configuration")]
    pub client_secret_file: Option<PathBuf>,
    /// PEM file with certificates to believe besides the system's
    #[arg(long, value_name = "FILE", help_heading = "Without a configuration")]
    pub ca_file: Option<PathBuf>,
}

/// What the arguments say, as far as they say it without the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Which checks.
    pub selectors: Selectors,
    /// What goes to standard output.
    pub format: Format,
    /// What is written to files.
    pub outputs: Vec<Output>,
    /// What decides. Without `--runs` beside a sequential test, its bound is found once the number of checks is known
    /// ([`Wanted::bound`]).
    pub conditions: Conditions,
    /// Whether `--runs` was given.
    runs_given: bool,
}

impl Wanted {
    /// Reads the arguments. `complaints` gets whatever is wrong; then what is returned is of no use.
    pub fn read(args: &Args, complaints: &mut Vec<Complaint>) -> Self {
        let sequential = sequential(args, complaints);
        let conditions = Conditions {
            runs: args.runs.as_deref().map_or(1, |text| runs(text, complaints)),
            sequential,
            max_latency: args.max_latency.iter().filter_map(|text| max_latency(text, complaints)).collect(),
            wait: args.wait.as_deref().and_then(|text| time("--wait", text, complaints)).filter(|wait| !wait.is_zero()),
            deadline: args.deadline.as_deref().and_then(|text| time("--deadline", text, complaints)),
        };
        if conditions.deadline.is_some_and(|deadline| deadline.is_zero()) {
            complaints.push(Complaint::new("--deadline 0s: nothing could be probed"));
        }
        complaints.extend(attain::contradictions(&conditions));
        let labels = args.labels.iter().filter_map(|text| label(text, complaints)).collect();
        let selectors = Selectors { probes: args.probes.clone(), labels, kinds: args.kinds.clone() };
        let (format, outputs) = (format(&args.format, complaints), outputs(&args.outputs, complaints));
        Self { selectors, format, outputs, conditions, runs_given: args.runs.is_some() }
    }

    /// Sets the bound of a sequential test over so many checks that nobody gave: six times what it takes to accept, so that
    /// failures among them seldom leave it open.
    pub fn bound(&mut self, checks: usize) {
        if let Some(what) = self.conditions.sequential.as_ref().filter(|_| !self.runs_given) {
            let clean = Test::new(what, checks).clean_runs();
            self.conditions.runs = clean.saturating_mul(6).clamp(RUNS, MAX_RUNS);
        }
    }
}

fn sequential(args: &Args, complaints: &mut Vec<Complaint>) -> Option<Sequential> {
    let given = [&args.accept, &args.reject, &args.confidence];
    if given.iter().all(|text| text.is_none()) {
        return None;
    }
    let mut shares = [0.0; 3];
    let mut readable = true;
    for ((share, text), (option, default)) in shares.iter_mut().zip(given).zip(DEFAULTS) {
        let text = text.as_deref().unwrap_or(default);
        match Percent::parse(text) {
            Some(percent) => *share = f64::from(percent.ppm) / 1e6,
            None => {
                readable = false;
                let said = format!("{option} {text}: expected a percentage such as {default} (at most four decimals)");
                complaints.push(Complaint::new(said));
            }
        }
    }
    let [accept, reject, confidence] = shares;
    readable.then_some(Sequential { accept, reject, confidence })
}

fn runs(text: &str, complaints: &mut Vec<Complaint>) -> u32 {
    let runs = text.parse().ok().filter(|runs| (1..=MAX_RUNS).contains(runs));
    runs.unwrap_or_else(|| {
        complaints.push(Complaint::new(format!("--runs {text}: expected a whole number from 1 to {MAX_RUNS}")));
        MAX_RUNS
    })
}

fn format(text: &str, complaints: &mut Vec<Complaint>) -> Format {
    let names = Format::ALL.map(Format::as_str);
    Format::ALL.into_iter().find(|format| format.as_str() == text).unwrap_or_else(|| {
        let near = nearest(text, names).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        let said = format!("--format: there is no format `{text}`{near}");
        complaints.push(Complaint::new(said).help(format!("there are: {}", listed(names))));
        Format::default()
    })
}

fn outputs(texts: &[String], complaints: &mut Vec<Complaint>) -> Vec<Output> {
    let wrong = |text: &String, why| Complaint::new(format!("--output {text}: {why}"));
    let mut read = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(output) => read.push(output),
            Err(why) => complaints.push(wrong(text, why)),
        }
    }
    complaints.extend(check_outputs(&read).err().into_iter().flatten().map(Complaint::new));
    read
}

fn time(option: &str, text: &str, complaints: &mut Vec<Complaint>) -> Option<Duration> {
    match text.parse::<HumanDuration>() {
        Ok(time) if time.0 > LONGEST => {
            complaints.push(Complaint::new(format!("{option} {text}: at most 24h")));
            None
        }
        Ok(time) => Some(time.0),
        Err(why) => {
            complaints.push(Complaint::new(format!("{option}: {why}")));
            None
        }
    }
}

fn label(text: &str, complaints: &mut Vec<Complaint>) -> Option<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Some((name.to_owned(), value.to_owned())),
        _ => {
            complaints.push(Complaint::new(format!("--label {text}: expected KEY=VALUE, such as team=identity")));
            None
        }
    }
}

fn max_latency(text: &str, complaints: &mut Vec<Complaint>) -> Option<MaxLatency> {
    let Some((name, limit)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        complaints.push(Complaint::new(format!("--max-latency {text}: expected NAME=TIME, such as login=2s")));
        return None;
    };
    let limit = time(&format!("--max-latency {name}"), limit, complaints)?;
    if limit.is_zero() {
        complaints.push(Complaint::new(format!("--max-latency {text}: nothing takes no time at all")));
    }
    Some(MaxLatency { name: name.to_owned(), limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &Args) -> Result<Wanted, Vec<String>> {
        let mut complaints = Vec::new();
        let wanted = Wanted::read(args, &mut complaints);
        if complaints.is_empty() { Ok(wanted) } else { Err(complaints.iter().map(ToString::to_string).collect()) }
    }

    /// As clap makes them of nothing.
    fn none() -> Args {
        Args { format: "human".into(), ..Args::default() }
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn without_anything_each_check_runs_once() {
        let mut wanted = read(&none()).unwrap();
        wanted.bound(5);
        assert_eq!((wanted.conditions.runs, wanted.conditions.sequential, wanted.conditions.deadline), (1, None, None));
    }

    #[test]
    fn any_part_of_the_sequential_test_turns_it_on() {
        let sequential = |args: &Args| {
            let mut wanted = read(args).unwrap();
            wanted.bound(1);
            (wanted.conditions.runs, wanted.conditions.sequential.unwrap())
        };
        let promised = Sequential { accept: 0.99, reject: 0.90, confidence: 0.95 };
        assert_eq!(sequential(&Args { accept: Some("99%".into()), ..none() }), (192, promised));
        assert_eq!(sequential(&Args { confidence: Some("95%".into()), ..none() }), (192, promised));
        let narrow = Args { accept: Some("99.9%".into()), reject: Some("99%".into()), ..none() };
        // 332 clean runs.
        assert_eq!(sequential(&narrow).0, 1992);
        assert_eq!(sequential(&Args { runs: Some("40".into()), ..narrow }).0, 40, "as it was said");
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let args = Args {
            runs: Some("0".into()),
            accept: Some("99".into()),
            wait: Some("2 m".into()),
            deadline: Some("0s".into()),
            labels: texts(&["team", "=x"]),
            max_latency: texts(&["login", "login=2", "login=0s"]),
            format: "jnuit".into(),
            outputs: texts(&["junit=smoke.xml", "json=no/such/folder/x.json", "xml=x"]),
            ..none()
        };
        let said = read(&args).unwrap_err().join("\n");
        for part in [
            "--runs 0: expected a whole number from 1 to 10000",
            "--accept 99: expected a percentage such as 99%",
            "--wait: \"2 m\" is not a duration",
            "--deadline 0s",
            "--label team: expected KEY=VALUE",
            "--label =x",
            "--max-latency login: expected NAME=TIME",
            "--max-latency login: \"2\" is not a duration",
            "--max-latency login=0s: nothing takes no time",
            "--format: there is no format `jnuit`: did you mean `junit`?",
            "--output json=no/such/folder/x.json: the folder no/such/folder cannot be used",
            "--output xml=x: unknown format `xml`",
        ] {
            assert!(said.contains(part), "no {part:?} in\n{said}");
        }
        let long = Args { deadline: Some("25h".into()), ..none() };
        assert_eq!(read(&long).unwrap_err(), ["--deadline 25h: at most 24h"]);
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let args = Args {
            labels: texts(&["team=a=b"]),
            max_latency: texts(&["login=1s500ms", "login/token=200ms"]),
            wait: Some("2m".into()),
            deadline: Some("5m".into()),
            ..none()
        };
        let wanted = read(&args).unwrap();
        assert_eq!(wanted.selectors.labels, [("team".to_owned(), "a=b".to_owned())]);
        let limits: Vec<_> =
            wanted.conditions.max_latency.iter().map(|max| (&*max.name, max.limit.as_millis())).collect();
        assert_eq!(limits, [("login", 1500), ("login/token", 200)]);
        assert_eq!(wanted.conditions.wait, Some(Duration::from_secs(120)));
    }
}
