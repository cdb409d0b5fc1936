//! How soon is an outage noticed, and how often is there a page without one? The shipped code itself, on a virtual clock,
//! against a provider that exists as numbers only.
//!
//! A plan is read from text, its lanes come from the agenda, afford what the budget has, and what they find goes through
//! the judge's own state: counts, burn rates, detectors, alerts. Only three things are made up here: how long a run takes,
//! what it finds, and the order of events (what tokio, the channel and the judge's thread do in the daemon).
//!
//! | module | what |
//! |---|---|
//! | `chance` | random numbers that are the same every time |
//! | `setup` | the configuration |
//! | `weather` | what fails when: independent failures, blips, the fault of a trial |
//! | `site` | runs: who may start, what it costs, what it finds |
//! | `world` | the loop of events; what the three rules say |
//! | `delays`, `years` | what is asked: delays of detection, pages a year |
//! | `report` | tables and targets |
//!
//! Method and results: docs/detection.md. `make sim` runs it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

mod chance;
mod delays;
mod report;
mod setup;
mod site;
mod weather;
mod world;
mod years;

pub use report::{Report, Target};

/// How much is simulated.
#[derive(Clone, Debug)]
pub struct Options {
    /// Faults of each sort that are waited for.
    pub trials: usize,
    /// Years of each weather.
    pub years: usize,
    /// `alpha` of the objective as it would be written; `None`: what is shipped.
    pub alpha: Option<String>,
    /// Only what has this in its name; empty: everything.
    pub only: String,
    /// What all random numbers follow from.
    pub seed: u64,
    /// How many threads; at least 1.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { trials: 200, years: 1, alpha: None, only: String::new(), seed: 1, threads }
    }
}

/// Simulates everything. The error: the configuration cannot be read, which is a mistake in here.
pub fn run(options: &Options) -> Result<Report, String> {
    let setup = |ignore| setup::Setup::new(options.alpha.as_deref(), ignore);
    let setups = (setup(Duration::ZERO)?, setup(years::IGNORED)?);
    let delays = delays::SORTS
        .iter()
        .filter(|sort| sort.name.contains(&options.only))
        .flat_map(|sort| delays::portions(sort, options))
        .map(Job::Delays);
    let years = years::WEATHERS
        .iter()
        .filter(|weather| weather.name.contains(&options.only))
        .flat_map(|weather| years::portions(weather, options))
        .map(Job::Year);
    // The long ones first, so that no thread ends alone.
    let jobs: Vec<Job> = years.chain(delays).collect();
    let done = side_by_side(&jobs, options.threads, |job| match job {
        Job::Delays(portion) => Done::Delays(portion.sort, portion.run(&setups.0)),
        Job::Year(portion) => {
            let setup = if portion.weather.ignoring { &setups.1 } else { &setups.0 };
            Done::Year(portion.weather, portion.run(setup))
        }
    });
    let mut report = Report::default();
    for done in done {
        match done {
            Done::Delays(sort, delays) => report.delays(sort, delays?),
            Done::Year(weather, year) => report.year(weather, &year?),
        }
    }
    Ok(report)
}

enum Job {
    Delays(delays::Portion),
    Year(years::Portion),
}

enum Done {
    Delays(&'static delays::Sort, Result<Vec<delays::Trial>, String>),
    Year(&'static years::Weather, Result<years::Year, String>),
}

/// Does all jobs on so many threads; results in the order of the jobs, whoever did them.
fn side_by_side<J: Sync, R: Send>(jobs: &[J], threads: usize, work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let worker = || {
        while let Some((at, job)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, jobs.get(at)?)))
        {
            let result = work(job);
            results.lock().expect("results").push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(worker);
        }
    });
    let mut results = results.into_inner().expect("results");
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests;
