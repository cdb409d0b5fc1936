//! What a detector knows of one region.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, NONE, SOME_SLOW, runs_to_acquit};
use super::ruling::Look;
use crate::clock::Timestamp;

/// Good runs in a row after which a region that has not failed is called clean.
const CLEAN: u64 = 3;
/// A region fails now if its last failure is not longer ago than this, or two periods of its probes.
const NOW: Duration = Duration::from_secs(30);
/// So many bad runs in a row are no accident.
const ROW: u64 = 3;
/// Without a run for so long, or for two periods, nothing is known of the time between.
const SILENT: Duration = Duration::from_secs(60);
/// What was measured so lately is not unknown because another run could not measure it.
const HEARD: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// By probe: what is cheap to run and never fails must not outvote what fails each time.
    pub tracks: BTreeMap<Arc<str>, Track>,
    /// The beginning of the first bad run of this stretch.
    #[serde(with = "super::nanos::option")]
    pub since: Option<Timestamp>,
    /// Found to be failing, by the quick test or with the whole provider; until the opposite test.
    pub down: bool,
    /// `AuthRegionDown` holds.
    pub certain: bool,
    /// The last bad run.
    #[serde(with = "super::nanos::option")]
    pub last_bad: Option<Timestamp>,
    /// The last run that could tell anything.
    #[serde(with = "super::nanos::option")]
    pub heard: Option<Timestamp>,
    /// Nothing could be measured since then.
    #[serde(with = "super::nanos::option")]
    pub mute: Option<Timestamp>,
    /// The last confirmation run that was asked for.
    #[serde(with = "super::nanos::option")]
    pub asked: Option<Timestamp>,
    /// Of this stretch: bad runs, all runs.
    pub stretch: (u64, u64),
    /// Since the detector was opened: bad runs, all runs.
    pub whole: (u64, u64),
}

/// One probe in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// What speaks against it.
    pub evidence: Evidence,
    /// How often the schedule runs it.
    pub period: Duration,
    /// Bad runs of this stretch.
    pub bad: u64,
    /// Bad runs in a row.
    pub row: u64,
    /// Good runs of this stretch up to the region's last bad one.
    pub good: u64,
    /// Good runs since the region's last bad one.
    pub streak: u64,
}

impl Region {
    /// Takes in a run of that probe.
    pub fn add(&mut self, probe: &Arc<str>, bad: bool, began: Timestamp, period: Duration, now: Timestamp) {
        self.tracks.entry(probe.clone()).or_default().period = period;
        // Time in which nobody looked is no quiet time.
        let unseen = self.heard.map(|heard| now.since(heard)).filter(|gap| *gap > self.patience());
        self.last_bad = self.last_bad.map(|bad| bad + unseen.unwrap_or_default());
        self.heard = Some(now);
        self.mute = None;
        for count in [&mut self.stretch, &mut self.whole] {
            *count = (count.0 + u64::from(bad), count.1 + 1);
        }
        let track = self.tracks.entry(probe.clone()).or_default();
        track.evidence.add(bad, track.streak > 0 || track.bad == 0, now);
        if !bad {
            (track.streak, track.row) = (track.streak + 1, 0);
            return;
        }
        (track.bad, track.row) = (track.bad + 1, track.row + 1);
        self.since.get_or_insert(began);
        self.last_bad = Some(now);
        for track in self.tracks.values_mut() {
            track.good += std::mem::take(&mut track.streak);
        }
    }

    /// Nothing could be measured by a run, and nothing by another just now.
    pub fn mute(&mut self, now: Timestamp) {
        if self.heard.is_none_or(|heard| now.since(heard) > HEARD) {
            self.mute.get_or_insert(now);
        }
    }

    /// The whole provider fails a little, this region with it. What failed before this stretch counts as well: that is what
    /// the opposite test has to explain away.
    pub fn join(&mut self, since: Timestamp, now: Timestamp) {
        self.down = true;
        self.since.get_or_insert(since);
        let (bad, runs) = self.whole;
        for track in self.tracks.values_mut().filter(|track| track.evidence.slow(now) >= SOME_SLOW) {
            (track.bad, track.good) = (bad.max(1), runs.saturating_sub(bad));
        }
    }

    /// The evidence of the probe that has most of it: probes that fail together are one event.
    pub fn quick(&self, now: Timestamp) -> f64 {
        self.tracks.values().map(|track| track.evidence.quick(now)).fold(0.0, f64::max)
    }

    /// See [`Region::quick`].
    pub fn slow(&self, now: Timestamp) -> f64 {
        self.tracks.values().map(|track| track.evidence.slow(now)).fold(0.0, f64::max)
    }

    /// Good runs in a row, of a probe that failed here; 0 while it fails.
    pub fn streak(&self) -> u64 {
        self.failed().map(|track| track.streak).max().unwrap_or(0)
    }

    /// Whether its last run that tells anything was bad, and not long ago.
    pub fn fails_now(&self, now: Timestamp) -> bool {
        let period = self.failed().map(|track| track.period).max().unwrap_or_default();
        self.streak() == 0 && self.last_bad.is_some_and(|bad| now.since(bad) <= NOW.max(period * 2))
    }

    /// Whether runs enough failed, one after the other, however rare they are: three, or all for `long`.
    pub fn fails_in_a_row(&self, long: Duration) -> bool {
        let lasted = self.since.zip(self.last_bad).is_some_and(|(since, last)| last.since(since) >= long);
        self.failed().any(|track| track.row >= ROW || lasted && track.row > 1)
    }

    /// For how long nothing may be heard.
    fn patience(&self) -> Duration {
        SILENT.max(self.tracks.values().map(|track| track.period).min().unwrap_or_default() * 2)
    }

    /// The opposite test, no bad run for `quiet`, and somebody looked just now.
    pub fn is_well(&self, quiet: Duration, now: Timestamp) -> bool {
        let seen = self.heard.is_some_and(|heard| now.since(heard) <= self.patience());
        seen && self.last_bad.is_none_or(|bad| now.since(bad) >= quiet) && self.is_convinced()
    }

    /// The opposite test: enough good runs in a row of a probe that failed here.
    pub fn is_convinced(&self) -> bool {
        self.failed().any(|track| track.streak >= runs_to_acquit(track.bad, track.good))
    }

    /// Finds it well: a new stretch begins with the next bad run.
    pub fn acquit(&mut self) {
        let down = std::mem::take(&mut self.down);
        (self.since, self.certain) = (None, false);
        for track in self.tracks.values_mut() {
            track.evidence.acquit(down);
            (track.bad, track.row, track.good) = (0, 0, 0);
        }
        // The others say nothing any more.
        self.tracks.retain(|_, track| track.evidence.is_some());
    }

    /// Forgets what is too old to mean anything.
    pub fn fade(&mut self, now: Timestamp) {
        if !self.down && self.since.is_some() && self.quick(now) < NONE && !self.fails_now(now) {
            self.acquit();
        }
    }

    /// All times in it.
    pub fn times(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let own = [&mut self.since, &mut self.last_bad, &mut self.heard, &mut self.mute, &mut self.asked];
        own.into_iter().flatten().chain(self.tracks.values_mut().map(|track| &mut track.evidence.at))
    }

    /// How it looks.
    pub fn look(&self) -> Look {
        match (self.since, self.mute) {
            (None, Some(_)) => Look::Unknown,
            (Some(_), _) if self.down => Look::Failing,
            (Some(_), _) => Look::Suspected,
            (None, None) if self.stretch.1 > 0 => Look::Clean,
            (None, None) => Look::Waiting,
        }
    }

    /// Whether it does not fail while others do: it was heard of since that time.
    pub fn is_clean(&self, since: Option<Timestamp>) -> bool {
        self.since.is_none() && self.stretch.1 >= CLEAN && self.heard >= since
    }

    fn failed(&self) -> impl Iterator<Item = &Track> {
        self.tracks.values().filter(|track| track.bad > 0)
    }
}
