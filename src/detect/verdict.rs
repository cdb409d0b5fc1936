//! What follows from the evidence of a detector: whether its provider is out, everywhere or in part, and which regions are.

use std::time::Duration;

use super::Settings;
use super::detector::{Certain, Detector, MEMORY};
use super::evidence::{ENOUGH, MOST, SOME, SOME_SLOW};
use super::region::Region;
use super::ruling::Level;
use crate::clock::Timestamp;

/// Failures that begin so close are one.
const TOGETHER: Duration = Duration::from_secs(30);
/// How much longer it is waited whether what is over stays so, each time that it came back.
const RELAPSE: Duration = Duration::from_secs(300);
/// The longest that is waited.
const LONGEST: Duration = Duration::from_secs(900);
/// A region that fails on and off is believed to be well after two periods of its probes, but within these bounds.
const QUIET: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(120));

impl Detector {
    /// Draws the conclusions. `period`: the shortest of what watches this step.
    pub fn judge(&mut self, settings: &Settings, period: Duration, now: Timestamp) {
        self.judged = Some(now);
        self.ended.retain(|ended| now.since(*ended) < MEMORY);
        let quiet = self.quiet(period);
        for region in self.regions.values_mut() {
            let enough = region.quick(now) >= MOST || region.slow(now) >= ENOUGH;
            let enough = enough || region.fails_in_a_row(settings.several_after);
            region.down |= region.since.is_some() && enough;
            let believed = self.certain.is_some() || region.certain;
            if region.since.is_some() && region.is_well(if believed { quiet } else { Duration::ZERO }, now) {
                region.acquit();
            }
            region.fade(now);
        }
        self.judge_all(settings, now);
        self.judge_regions(settings, now);
        if self.certain.is_none() && self.regions.values().all(|region| region.since.is_none()) {
            self.began = None;
            (self.patient_until, self.setbacks) = (None, 0);
        }
    }

    pub(super) fn quiet(&self, period: Duration) -> Duration {
        let relapses = u32::try_from(self.ended.len()).unwrap_or(u32::MAX);
        (period * 2).clamp(QUIET.0, QUIET.1).max((RELAPSE.saturating_mul(relapses)).min(LONGEST))
    }

    /// `AuthOutage`.
    fn judge_all(&mut self, settings: &Settings, now: Timestamp) {
        if let Some(certain) = self.certain {
            // Regions of which nothing is known, or not yet, decide nothing.
            let live = || self.measurable().filter(|region| region.heard.is_some());
            let down = || live().filter(|region| region.down);
            let least = live().count().min(2);
            // One that is about to be found well is not a region that is down alone.
            if least > 0 && down().count() < least && down().all(|region| region.streak == 0) {
                (self.certain, self.pending) = (None, false);
                self.ended.push(now);
            } else if certain.level < Level::Everywhere && self.everywhere(now) && self.mostly() {
                self.certain = Some(Certain { level: Level::Everywhere, ..certain });
            }
            return;
        }
        let ignore = settings.ignore_shorter_than;
        let (level, since, after) = if self.everywhere(now) {
            (Level::Everywhere, self.last(), ignore)
        } else if let several @ Some(_) = self.since(self.least()) {
            (self.spread(), several, ignore.max(settings.several_after))
        } else if self.partial(now) {
            (Level::Partial, self.opened, ignore)
        } else {
            self.pending = false;
            return;
        };
        let lasted = now.since(since.unwrap_or(now)) >= after;
        let fails = after.is_zero()
            || self.regions.values().filter(|region| region.fails_now(now)).count()
                > usize::from(level == Level::Several);
        self.pending = true;
        if lasted && fails {
            self.certain = Some(Certain { level, at: now });
            self.pending = false;
            (self.patient_until, self.setbacks) = (None, 0);
            let opened = self.opened.unwrap_or(now);
            for region in self.regions.values_mut() {
                if level == Level::Partial && region.slow(now) >= SOME_SLOW {
                    region.join(opened);
                }
                region.down |= region.since.is_some() && region.quick(now) >= SOME;
            }
        }
    }

    /// The most that one region gives: all of it where there is no other.
    pub(super) fn most(&self) -> f64 {
        if self.regions.len() == 1 { ENOUGH } else { MOST }
    }

    /// The regions of which it is not known that nothing can be measured there.
    fn measurable(&self) -> impl Iterator<Item = &Region> {
        self.regions.values().filter(|region| region.mute.is_none())
    }

    /// Evidence from every region that can be measured, at least two of them; or from the only one.
    fn everywhere(&self, now: Timestamp) -> bool {
        let heard: Vec<f64> = self.measurable().map(|region| region.quick(now)).collect();
        heard.len() >= self.regions.len().min(2)
            && heard.iter().all(|quick| *quick >= SOME)
            && heard.iter().map(|quick| quick.min(self.most())).sum::<f64>() >= ENOUGH
    }

    /// How far it reaches when regions are down for long: whether those are all that can be measured.
    fn spread(&self) -> Level {
        if self.measurable().all(|region| region.down) { Level::Everywhere } else { Level::Several }
    }

    /// Whether most runs of this stretch failed.
    fn mostly(&self) -> bool {
        let sum = |of: fn(&Region) -> u64| self.regions.values().map(of).sum::<u64>();
        sum(|region| region.stretch.0) * 2 > sum(|region| region.stretch.1)
    }

    /// A small failure, everywhere: evidence of the slow test from at least two regions; or from the only one.
    fn partial(&self, now: Timestamp) -> bool {
        let slow: Vec<f64> = self.regions.values().map(|region| region.slow(now)).collect();
        slow.iter().filter(|slow| **slow >= SOME_SLOW).count() >= self.regions.len().min(2)
            && slow.iter().map(|slow| slow.min(self.most())).sum::<f64>() >= ENOUGH
            && self.regions.values().any(|region| region.fails_now(now))
    }

    /// Since when more than `others` regions are down at once. Those that began together failed together: who was looked at
    /// first is chance.
    fn since(&self, others: usize) -> Option<Timestamp> {
        let down = self.regions.values().filter(|region| region.down);
        let mut since: Vec<Timestamp> = down.filter_map(|region| region.since).collect();
        since.sort_unstable();
        let (first, last) = (*since.first()?, *since.get(others)?);
        Some(if last.since(first) <= TOGETHER { first } else { last })
    }

    /// How many others must be down as well for more than one region's trouble: one, if that can be measured.
    fn least(&self) -> usize {
        self.measurable().count().clamp(1, 2) - 1
    }

    /// Since when all that fail do.
    fn last(&self) -> Option<Timestamp> {
        self.regions.values().filter_map(|region| region.since).max()
    }

    /// The beginning of the first failure.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.regions.values().filter_map(|region| region.since).min()
    }

    /// `AuthRegionDown`.
    fn judge_regions(&mut self, settings: &Settings, now: Timestamp) {
        if self.regions.len() < 2 || self.pending {
            return;
        }
        let after = settings.several_after;
        for region in self.regions.values_mut().filter(|region| region.down) {
            let lasted = region.since.is_some_and(|since| now.since(since) >= after);
            region.certain |= lasted && region.fails_now(now);
        }
    }
}
