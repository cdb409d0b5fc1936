//! How soon is a fault noticed?

use std::time::Duration;

use super::Options;
use super::chance::Chance;
use super::setup::Setup;
use super::weather::{Climate, Fault};
use super::world::{Rule, World};
use crate::clock::Timestamp;

/// What fails on its own meanwhile.
const CLIMATE: Climate = Climate { independent: 3e-4, blips_a_day: 2.0, restarts_a_week: 0.0 };
/// How long it was fine before: longer than the longest window that pages.
const BEFORE: Duration = Duration::from_secs(6 * 3600 + 900);
/// The same where burn rates are of no interest.
const SHORTLY_BEFORE: Duration = Duration::from_secs(600);
/// How long a page is waited for.
pub const PATIENCE: Duration = Duration::from_secs(6 * 3600);
/// How many trials one job has.
const PORTION: usize = 50;
/// Somewhere in 2025; each trial begins within an hour of it.
const FROM: Timestamp = Timestamp::from_secs(1_750_000_000);
/// How often a trial is drawn again in which something was firing or waiting already when the fault began.
const REDRAWS: u64 = 20;

/// A sort of fault.
#[derive(Debug, PartialEq)]
pub struct Sort {
    /// In words.
    pub name: &'static str,
    /// The share of runs that fail.
    pub share: f64,
    /// In how many regions.
    pub regions: usize,
    /// Whether they hang until the timeout.
    pub hanging: bool,
}

const fn sort(name: &'static str, share: f64, regions: usize) -> Sort {
    Sort { name, share, regions, hanging: false }
}

/// What is tried.
pub static SORTS: [Sort; 7] = [
    sort("all regions, 100 %", 1.0, 3),
    Sort { name: "all regions, 100 %, hanging until the timeout of 10 s", share: 1.0, regions: 3, hanging: true },
    sort("all regions, 50 %", 0.5, 3),
    sort("all regions, 10 %", 0.1, 3),
    sort("all regions, 3 %", 0.03, 3),
    sort("two regions of three, 100 %", 1.0, 2),
    sort("one region of three, 100 %", 1.0, 1),
];

/// When each rule fired after the fault began; `None`: not within [`PATIENCE`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial([Option<Duration>; 4]);

impl Trial {
    /// After how long it fired.
    pub fn of(&self, rule: Rule) -> Option<Duration> {
        self.0[rule as usize]
    }
}

/// Some trials of a sort.
pub struct Portion {
    pub sort: &'static Sort,
    seed: u64,
    trials: std::ops::Range<usize>,
    /// Only what the detector says is of interest.
    only_detector: bool,
}

/// All trials of a sort.
pub fn portions(sort: &'static Sort, options: &Options) -> Vec<Portion> {
    let trials = |from: usize| from..options.trials.min(from + PORTION);
    (0..options.trials)
        .step_by(PORTION)
        .map(|from| Portion { sort, seed: options.seed, trials: trials(from), only_detector: false })
        .collect()
}

impl Portion {
    /// So many trials of a sort, for the detector alone.
    #[cfg(test)]
    pub fn of_detector(sort: &'static Sort, trials: usize) -> Self {
        Self { sort, seed: 1, trials: 0..trials, only_detector: true }
    }

    /// Tries. The error: the ledger of nobody cannot be read.
    pub fn run(&self, setup: &Setup) -> Result<Vec<Trial>, String> {
        self.trials.clone().map(|n| self.trial(setup, n)).collect()
    }

    fn trial(&self, setup: &Setup, n: usize) -> Result<Trial, String> {
        let mut seeds = Chance::part(self.seed, n as u64);
        let mut last = None;
        for _ in 0..REDRAWS {
            let from = FROM + Duration::from_secs_f64(seeds.between(0.0, 3600.0));
            let before = if self.only_detector { SHORTLY_BEFORE } else { BEFORE };
            let begin = from + before + Duration::from_secs_f64(seeds.between(0.0, 3600.0));
            let seed = (seeds.unit() * 1e15) as u64;
            let mut world = World::new(setup, setup.plan(n), CLIMATE, seed, from, true)?;
            world.advance(begin);
            let alarmed = world.is_alarmed();
            last = Some((world, begin));
            if !alarmed {
                break;
            }
        }
        Ok(last.map_or_else(Trial::default, |(world, begin)| self.wait(world, begin)))
    }

    /// Lets the fault begin and waits until everybody has noticed.
    fn wait(&self, mut world: World, begin: Timestamp) -> Trial {
        let Sort { share, regions, hanging, .. } = *self.sort;
        world.fired.clear();
        world.site.weather.strike(Fault { begin, share, regions, hanging });
        let mut trial = Trial::default();
        let mut now = begin;
        while now < begin + PATIENCE {
            now = now + Duration::from_secs(60);
            world.advance(now);
            for fired in world.fired.drain(..) {
                trial.0[fired.rule as usize].get_or_insert(fired.at.since(begin));
            }
            let expected: &[Rule] = if self.only_detector { &[] } else { &[Rule::Raw, Rule::Guarded] };
            if expected.iter().chain([&self.sort.detector()]).all(|rule| trial.of(*rule).is_some()) {
                break;
            }
        }
        trial
    }
}

impl Sort {
    /// What the detector has to say to it.
    pub fn detector(&self) -> Rule {
        if self.regions == 1 { Rule::RegionDown } else { Rule::Outage }
    }
}
