//! How often is there a page without an outage?

use std::time::Duration;

use super::Options;
use super::chance::Chance;
use super::setup::Setup;
use super::site::Cost;
use super::weather::Climate;
use super::world::{Rule, World};
use crate::clock::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);
/// How long a part of a year is: so that no thread ends long after the other.
const PART: u32 = 73;
/// Parts of a year.
const PARTS: usize = 5;
/// Longer than the longest window that pages: what happens before is not counted.
const BEFORE: Duration = Duration::from_secs(6 * 3600 + 900);
/// Outages that are shorter, where some are to be ignored.
pub const IGNORED: Duration = Duration::from_secs(60);
/// The first of January 2025.
const FROM: Timestamp = Timestamp::from_secs(1_735_689_600);

/// A sort of year.
#[derive(Debug, PartialEq)]
pub struct Weather {
    /// In words.
    pub name: &'static str,
    /// What fails how often.
    pub climate: Climate,
    /// Whether outages shorter than [`IGNORED`] are to be ignored.
    pub ignoring: bool,
}

const fn weather(name: &'static str, independent: f64, blips_a_day: f64) -> Weather {
    let climate = Climate { independent, blips_a_day, restarts_a_week: 0.0 };
    Weather { name, climate, ignoring: false }
}

const fn restarts(name: &'static str, ignoring: bool) -> Weather {
    let climate = Climate { independent: 3e-4, blips_a_day: 2.0, restarts_a_week: 2.0 };
    Weather { name, climate, ignoring }
}

/// What is lived through.
pub static WEATHERS: [Weather; 8] = [
    weather("3 in 10 000, no blips", 3e-4, 0.0),
    weather("3 in 10 000, 2 blips a day and region", 3e-4, 2.0),
    weather("3 in 10 000, 10 blips a day and region", 3e-4, 10.0),
    weather("1 in 1 000, no blips", 1e-3, 0.0),
    weather("1 in 1 000, 2 blips a day and region", 1e-3, 2.0),
    weather("1 in 1 000, 10 blips a day and region", 1e-3, 10.0),
    restarts("as the second; 2 blips of the provider a week", false),
    restarts("the same, `ignore_shorter_than = \"60s\"`", true),
];

/// What a stretch of time had.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Year {
    /// How long it was (years of 365 days).
    pub years: f64,
    /// Pages (and tickets) by rule: not about a blip of the provider.
    pub fired: [u64; 4],
    /// Those about one: begun within it or shortly after.
    pub about_restarts: [u64; 4],
    /// Blips of the provider.
    pub restarts: u64,
    /// What was asked of the provider.
    pub cost: Cost,
}

impl Year {
    /// Adds another stretch.
    pub fn add(&mut self, other: &Self) {
        self.years += other.years;
        self.restarts += other.restarts;
        for (own, more) in
            self.fired.iter_mut().zip(other.fired).chain(self.about_restarts.iter_mut().zip(other.about_restarts))
        {
            *own += more;
        }
        self.cost.scheduled += other.cost.scheduled;
        self.cost.confirmations += other.cost.confirmations;
        self.cost.scheduled_requests += other.cost.scheduled_requests;
        self.cost.confirmation_requests += other.cost.confirmation_requests;
    }

    /// How often a rule fired a year, blips of the provider left out.
    pub fn a_year(&self, rule: Rule) -> f64 {
        self.fired[rule as usize] as f64 / self.years
    }

    /// The share of requests that confirmation adds.
    pub fn extra(&self) -> f64 {
        self.cost.confirmation_requests as f64 / self.cost.scheduled_requests.max(1) as f64
    }
}

/// A part of a year.
pub struct Portion {
    pub weather: &'static Weather,
    seed: u64,
    n: usize,
}

/// All parts of all years of that weather.
pub fn portions(weather: &'static Weather, options: &Options) -> Vec<Portion> {
    (0..options.years * PARTS).map(|n| Portion { weather, seed: options.seed, n }).collect()
}

impl Portion {
    /// The first part of that weather.
    #[cfg(test)]
    pub fn first(weather: &'static Weather) -> Self {
        Self { weather, seed: 1, n: 0 }
    }

    /// Lives through it. The error: the ledger of nobody cannot be read.
    pub fn run(&self, setup: &Setup) -> Result<Year, String> {
        self.days(setup, PART)
    }

    /// Lives through so many days of it.
    pub fn days(&self, setup: &Setup, days: u32) -> Result<Year, String> {
        let mut chance = Chance::part(self.seed.wrapping_add(1_000_003), self.n as u64);
        let from = FROM + DAY * PART * u32::try_from(self.n % PARTS).unwrap_or(0);
        let seed = (chance.unit() * 1e15) as u64;
        let mut world = World::new(setup, setup.plan(self.n), self.weather.climate, seed, from, true)?;
        world.advance(from + BEFORE);
        world.fired.clear();
        let (spent, restarts) = (world.site.cost, world.site.weather.restarts());
        world.advance(from + BEFORE + DAY * days);
        let mut year = Year { years: f64::from(days) / 365.0, ..Year::default() };
        for fired in &world.fired {
            let counts = if fired.about_restart { &mut year.about_restarts } else { &mut year.fired };
            counts[fired.rule as usize] += 1;
        }
        year.restarts = world.site.weather.restarts() - restarts;
        let cost = world.site.cost;
        year.cost = Cost {
            scheduled: cost.scheduled - spent.scheduled,
            confirmations: cost.confirmations - spent.confirmations,
            scheduled_requests: cost.scheduled_requests - spent.scheduled_requests,
            confirmation_requests: cost.confirmation_requests - spent.confirmation_requests,
        };
        Ok(year)
    }
}
