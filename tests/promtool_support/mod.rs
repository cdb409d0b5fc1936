//! `promtool test rules`, with series made by tests.

#![allow(dead_code)] // Each test uses a part of it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::support::process::Process;

/// What a scrape finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample {
    /// A value.
    Is(u64),
    /// The first scrape that fails: Prometheus marks the series as gone.
    Stale,
    /// Nothing, again.
    Nothing,
}

/// Series under one name and labels, a sample an interval.
#[derive(Clone, Debug)]
pub struct Series {
    /// As PromQL writes it.
    pub name: String,
    /// From time 0 on.
    pub samples: Vec<Sample>,
}

impl Series {
    /// Of values.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = u64>) -> Self {
        Self { name: name.into(), samples: values.into_iter().map(Sample::Is).collect() }
    }
}

/// When (minutes), which expression, and its result: each labels and value.
pub type Expected = (u64, String, Vec<(String, f64)>);

/// One test: its series, and what must be.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// For people.
    pub name: String,
    /// What is scraped.
    pub series: Vec<Series>,
    /// In order of time.
    pub expect: Vec<Expected>,
}

/// A file of tests. `interval`: of scrapes and of evaluations, in seconds.
pub fn file(rule_files: &[&str], order: &[&str], interval: u64, cases: &[Case]) -> String {
    let mut out = format!("rule_files: [{}]\nevaluation_interval: {interval}s\n", rule_files.join(", "));
    if !order.is_empty() {
        let _ = writeln!(out, "group_eval_order: [{}]", order.join(", "));
    }
    out.push_str("tests:\n");
    for case in cases {
        let _ = writeln!(out, "- name: '{}'\n  interval: {interval}s\n  input_series:", case.name);
        for series in &case.series {
            let _ = writeln!(out, "  - series: '{}'\n    values: '{}'", series.name, notation(&series.samples));
        }
        out.push_str("  promql_expr_test:\n");
        for (minute, expr, samples) in &case.expect {
            let _ = writeln!(out, "  - expr: '{expr}'\n    eval_time: {minute}m\n    exp_samples:");
            for (labels, value) in samples {
                let _ = writeln!(out, "    - {{labels: '{labels}', value: {value}}}");
            }
        }
    }
    out
}

fn notation(samples: &[Sample]) -> String {
    let mut out = String::with_capacity(samples.len() * 4);
    for sample in samples {
        let _ = match sample {
            Sample::Is(value) => write!(out, "{value} "),
            Sample::Stale => write!(out, "stale "),
            Sample::Nothing => write!(out, "_ "),
        };
    }
    out
}

/// Runs the tests in a file; what it wrote if any failed.
pub fn test(file: &Path) -> Result<(), String> {
    run("promtool", &["test", "rules", &file.to_string_lossy()])
}

/// Runs a program of Prometheus or Alertmanager to its end; what it wrote if it failed.
pub fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let mut process = Process::start(program, |command| {
        // It makes and drops much; memory is cheaper here than time.
        command.args(arguments).env("GOGC", "1000");
    });
    let status = process.wait(Duration::from_secs(300)).ok_or_else(|| format!("{program} does not end"))?;
    if status.success() {
        return Ok(());
    }
    // Its last lines may still be on their way.
    std::thread::sleep(Duration::from_millis(100));
    Err(process.output())
}
