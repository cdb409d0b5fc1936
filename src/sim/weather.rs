//! What fails when.

use std::time::Duration;

use super::chance::Chance;
use super::setup::{REGIONS, TIMEOUT};
use crate::clock::Timestamp;
use crate::fault::Class;

const DAY: f64 = 86_400.0;
/// How long a run takes that is answered, well or not (seconds).
const ANSWERED: (f64, f64) = (0.1, 0.9);
/// How long a region's blip lasts on average (seconds).
const BLIP: f64 = 30.0;
/// How long the provider's own blips last (seconds).
const RESTART: (f64, f64) = (5.0, 30.0);
/// How many independent failures, and how many blips of a region, hang until the timeout instead of failing at once.
const HANGING: f64 = 0.5;

/// What a run finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing wrong.
    Good,
    /// That wrong, at the step of this number.
    Wrong(usize, Class),
}

/// No connection, at the first step.
const REFUSED: Found = Found::Wrong(0, Class::Connect);
/// No answer, at the first step.
const SILENT: Found = Found::Wrong(0, Class::Timeout);
/// An error, at the last step.
const BROKEN: Found = Found::Wrong(1, Class::HttpStatus);

/// Everything that can be found, for whoever prepares outcomes.
pub const FINDINGS: [Found; 4] = [Found::Good, REFUSED, SILENT, BROKEN];

/// How often what fails without a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Climate {
    /// The share of runs that fail on their own.
    pub independent: f64,
    /// Blips a day in each region: exponential waits, 30 s on average; everything in that region fails during one.
    pub blips_a_day: f64,
    /// Blips of the provider a week, 5 to 30 s: everything fails everywhere.
    pub restarts_a_week: f64,
}

/// A fault of the provider: from a moment on, in some regions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// From then on.
    pub begin: Timestamp,
    /// The share of runs that fail.
    pub share: f64,
    /// In how many regions.
    pub regions: usize,
    /// Whether they hang until the timeout; else they are answered with an error.
    pub hanging: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Weather {
    climate: Climate,
    /// By region.
    blips: Vec<Blips>,
    restarts: Blips,
    fault: Option<Fault>,
    runs: Chance,
}

impl Weather {
    /// From then on.
    pub fn new(climate: Climate, from: Timestamp, seed: u64) -> Self {
        let regional = |n| Blips::new(climate.blips_a_day / DAY, Length::Mean(BLIP), from, Chance::part(seed, n));
        Self {
            climate,
            blips: (0..REGIONS.len() as u64).map(regional).collect(),
            restarts: Blips::new(
                climate.restarts_a_week / (7.0 * DAY),
                Length::Between(RESTART),
                from,
                Chance::part(seed, 100),
            ),
            fault: None,
            runs: Chance::part(seed, 101),
        }
    }

    /// Lets a fault begin.
    pub fn strike(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// What a run finds that begins now in that region, and how long it takes. Time never goes back.
    pub fn run(&mut self, region: usize, now: Timestamp) -> (Found, Duration) {
        let found = self.found(region, now);
        let took = match found {
            SILENT => TIMEOUT,
            _ => Duration::from_secs_f64(self.runs.between(ANSWERED.0, ANSWERED.1)),
        };
        (found, took)
    }

    fn found(&mut self, region: usize, now: Timestamp) -> Found {
        let hangs = |hangs| if hangs { SILENT } else { REFUSED };
        if self.restarts.at(now).is_some() {
            return REFUSED;
        }
        if let Some(hanging) = self.blips[region].at(now) {
            return hangs(hanging);
        }
        if let Some(fault) = self.fault.filter(|fault| fault.begin <= now && region < fault.regions)
            && self.runs.happens(fault.share)
        {
            return if fault.hanging { SILENT } else { BROKEN };
        }
        if self.runs.happens(self.climate.independent) {
            return if self.runs.happens(HANGING) { SILENT } else { BROKEN };
        }
        Found::Good
    }

    /// Whether the provider has a blip now, or had one so shortly before.
    pub fn restarted(&mut self, now: Timestamp, within: Duration) -> bool {
        self.restarts.at(now);
        self.restarts.last_end.is_some_and(|end| now.since(end) <= within)
    }

    /// How many blips the provider has had.
    pub const fn restarts(&self) -> u64 {
        self.restarts.begun
    }
}

#[derive(Clone, Copy, Debug)]
enum Length {
    Mean(f64),
    Between((f64, f64)),
}

/// Blips of one place, one after the other; they may overlap.
#[derive(Debug)]
struct Blips {
    /// A second.
    rate: f64,
    length: Length,
    next: Option<Timestamp>,
    last_end: Option<Timestamp>,
    begun: u64,
    hanging: bool,
    chance: Chance,
}

impl Blips {
    fn new(rate: f64, length: Length, from: Timestamp, chance: Chance) -> Self {
        let mut blips = Self { rate, length, next: None, last_end: None, begun: 0, hanging: false, chance };
        blips.plan(from);
        blips
    }

    fn plan(&mut self, from: Timestamp) {
        let wait = |blips: &mut Self| Duration::from_secs_f64(blips.chance.exponential(1.0 / blips.rate));
        self.next = (self.rate > 0.0).then(|| from + wait(self));
    }

    /// Whether there is one now, and whether it lets runs hang.
    fn at(&mut self, now: Timestamp) -> Option<bool> {
        while let Some(begin) = self.next.filter(|begin| *begin <= now) {
            let length = match self.length {
                Length::Mean(mean) => self.chance.exponential(mean),
                Length::Between((low, high)) => self.chance.between(low, high),
            };
            let end = begin + Duration::from_secs_f64(length);
            self.last_end = self.last_end.max(Some(end));
            self.begun += 1;
            self.hanging = self.chance.happens(HANGING);
            self.plan(begin);
        }
        self.last_end.filter(|end| *end > now).map(|_| self.hanging)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Timestamp = Timestamp::from_secs(1_700_000_000);
    const CALM: Climate = Climate { independent: 0.0, blips_a_day: 0.0, restarts_a_week: 0.0 };

    /// The shares of bad runs by region, asked once a second for so many days.
    fn shares(climate: Climate, days: u64) -> Vec<f64> {
        let mut weather = Weather::new(climate, FROM, 3);
        let mut bad = [0.0; REGIONS.len()];
        for second in 0..days * 86_400 {
            for (region, bad) in bad.iter_mut().enumerate() {
                let (found, took) = weather.run(region, FROM + Duration::from_secs(second));
                assert!(took <= TIMEOUT && (found != SILENT || took == TIMEOUT));
                *bad += f64::from(u8::from(found != Found::Good));
            }
        }
        bad.iter().map(|bad| bad / (days * 86_400) as f64).collect()
    }

    #[test]
    fn each_kind_of_weather_fails_as_often_as_it_says() {
        let near = |share: f64, expected: f64| (share / expected - 1.0).abs() < 0.2;
        assert_eq!(shares(CALM, 1), [0.0; 3]);
        assert!(shares(Climate { independent: 1e-2, ..CALM }, 1).iter().all(|share| near(*share, 1e-2)));
        // 30 s each, in every region on its own.
        let expected = 100.0 * 30.0 / 86_400.0;
        let blips = shares(Climate { blips_a_day: 100.0, ..CALM }, 6);
        assert!(blips.iter().all(|share| near(*share, expected)) && blips[0] != blips[1], "{blips:?}");
        // 17.5 s each, everywhere at once.
        let restarts = shares(Climate { restarts_a_week: 700.0, ..CALM }, 6);
        assert!(near(restarts[0], 100.0 * 17.5 / 86_400.0) && restarts[0] == restarts[2], "{restarts:?}");
    }

    #[test]
    fn a_fault_strikes_its_share_in_its_regions_from_its_begin_on() {
        let mut weather = Weather::new(CALM, FROM, 3);
        weather.strike(Fault { begin: FROM + Duration::from_secs(10), share: 0.5, regions: 2, hanging: true });
        let mut bad = |region, second| weather.run(region, FROM + Duration::from_secs(second)).0 == SILENT;
        assert_eq!((bad(0, 9), bad(2, 11)), (false, false));
        let struck = (0..1000).filter(|_| bad(1, 12)).count();
        assert!((430..570).contains(&struck), "{struck}");
    }
}
