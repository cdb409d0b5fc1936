//! What a detector knows of one region.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, NONE, left, runs_to_acquit};
use super::ruling::Look;
use crate::clock::Timestamp;

/// Good runs in a row after which a region that has not failed is called clean.
const CLEAN: u64 = 2;
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
    /// Bad runs since this region fails, and good ones before its last bad one.
    bad: u64,
    good: u64,
    /// Good runs since its last bad one. Like `good`: of probes that failed in this stretch.
    pub streak: u64,
    /// The longest period of a probe that failed here, and the shortest of any that looks.
    rare: Duration,
    often: Duration,
    /// The most evidence of any probe, where it is known: looking for it among thousands takes time.
    #[serde(skip)]
    top: Option<Top>,
}

/// All evidence of a test fades alike: whose is most stays so until a run says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Top {
    quick: f64,
    slow: f64,
    at: Timestamp,
}

/// One probe in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// What speaks against it.
    pub evidence: Evidence,
    /// Bad runs in a row.
    pub row: u64,
    /// Good runs of this stretch.
    pub good: u64,
}

/// A run, as a region takes it.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Of which probe.
    pub probe: &'a Arc<str>,
    /// Whether it failed.
    pub bad: bool,
    /// Whether its probe failed in this stretch, here or elsewhere: others say nothing about the end.
    pub telling: bool,
    /// When it began.
    pub began: Timestamp,
    /// How often the schedule runs it.
    pub period: Duration,
    /// How often anything looks at this step.
    pub often: Duration,
}

impl Region {
    /// Takes in a run.
    pub fn add(&mut self, run: &Run<'_>, now: Timestamp) {
        // Time in which nobody looked is no quiet time.
        self.often = run.often;
        let unseen = self.heard.map(|heard| now.since(heard)).filter(|gap| *gap > self.patience());
        self.last_bad = self.last_bad.map(|bad| bad + unseen.unwrap_or_default());
        self.heard = Some(now);
        self.mute = None;
        for count in [&mut self.stretch, &mut self.whole] {
            *count = (count.0 + u64::from(run.bad), count.1 + 1);
        }
        self.weigh(run, now);
        if !run.bad {
            self.streak += u64::from(run.telling);
            return;
        }
        if self.since.is_none() {
            (self.since, self.bad, self.good, self.streak) = (Some(run.began), 0, 0, 0);
        }
        self.bad += 1;
        self.good += std::mem::take(&mut self.streak);
        self.rare = self.rare.max(run.period);
        self.last_bad = Some(now);
    }

    fn weigh(&mut self, run: &Run<'_>, now: Timestamp) {
        let (quick, slow) = (self.quick(now), self.slow(now));
        let track = self.tracks.entry(run.probe.clone()).or_default();
        let before = track.evidence;
        track.evidence.add(run.bad, track.row == 0, now);
        if run.bad {
            track.row += 1;
        } else {
            (track.row, track.good) = (0, track.good + 1);
        }
        let mine = track.evidence;
        // One that had the most and has less now: somebody else may have it.
        let less = !run.bad && (before.quick(now) >= quick || before.slow(now) >= slow);
        let top = Top { quick: quick.max(mine.quick(now)), slow: slow.max(mine.slow(now)), at: now };
        self.top = (!less).then_some(top);
    }

    /// Nothing could be measured by a run, and nothing by another just now.
    pub fn mute(&mut self, now: Timestamp) {
        if self.heard.is_none_or(|heard| now.since(heard) > HEARD) {
            self.mute.get_or_insert(now);
        }
    }

    /// The whole provider fails a little, this region with it. What failed before this stretch counts as well: that is what
    /// the opposite test has to explain away.
    pub fn join(&mut self, since: Timestamp) {
        self.down = true;
        self.since.get_or_insert(since);
        let (bad, runs) = self.whole;
        (self.bad, self.good) = (bad.max(1), runs.saturating_sub(bad));
    }

    /// The evidence of the probe that has most of it: probes that fail together are one event.
    pub fn quick(&self, now: Timestamp) -> f64 {
        match self.top {
            Some(top) => top.quick * left(now.since(top.at)).0,
            None => self.tracks.values().map(|track| track.evidence.quick(now)).fold(0.0, f64::max),
        }
    }

    /// See [`Region::quick`].
    pub fn slow(&self, now: Timestamp) -> f64 {
        match self.top {
            Some(top) => top.slow * left(now.since(top.at)).1,
            None => self.tracks.values().map(|track| track.evidence.slow(now)).fold(0.0, f64::max),
        }
    }

    /// Whether its last run that tells anything was bad, and not long ago.
    pub fn fails_now(&self, now: Timestamp) -> bool {
        self.streak == 0 && self.last_bad.is_some_and(|bad| now.since(bad) <= NOW.max(self.rare.saturating_mul(2)))
    }

    /// Whether runs enough failed, one after the other, however rare they are: three, or all for `long`.
    pub fn fails_in_a_row(&self, long: Duration) -> bool {
        let lasted = self.since.zip(self.last_bad).is_some_and(|(since, last)| last.since(since) >= long);
        self.tracks.values().any(|track| track.row >= ROW || lasted && track.row > 1)
    }

    /// For how long nothing may be heard.
    fn patience(&self) -> Duration {
        SILENT.max(self.often.saturating_mul(2))
    }

    /// The opposite test, no bad run for `quiet`, and somebody looked just now.
    pub fn is_well(&self, quiet: Duration, now: Timestamp) -> bool {
        let seen = self.heard.is_some_and(|heard| now.since(heard) <= self.patience());
        seen && self.last_bad.is_none_or(|bad| now.since(bad) >= quiet) && self.is_convinced()
    }

    /// The opposite test: enough good runs in a row of probes that failed.
    pub fn is_convinced(&self) -> bool {
        self.bad > 0 && self.streak >= runs_to_acquit(self.bad, self.good)
    }

    /// How many failed one after the other, now.
    pub fn row(&self) -> u64 {
        self.tracks.values().map(|track| track.row).max().unwrap_or(0)
    }

    /// Finds it well: a new stretch begins with the next bad run.
    pub fn acquit(&mut self) {
        self.top = None;
        let down = std::mem::take(&mut self.down);
        (self.since, self.certain) = (None, false);
        for track in self.tracks.values_mut() {
            track.evidence.acquit(down);
            track.row = 0;
        }
        (self.bad, self.good, self.streak, self.rare) = (0, 0, 0, Duration::ZERO);
        // The others say nothing any more.
        self.tracks.retain(|_, track| track.evidence.is_some());
    }

    /// Forgets what is too old to mean anything.
    pub fn fade(&mut self, now: Timestamp) {
        if !self.down && self.since.is_some() && self.quick(now) < NONE && !self.fails_now(now) {
            self.acquit();
        }
    }

    /// Forgets probes that do not run here any more. What is certain stays, as long as the step is watched.
    pub fn keep(&mut self, is_run: impl Fn(&str) -> bool, believed: bool) {
        self.top = None;
        self.tracks.retain(|probe, _| is_run(probe));
        if self.since.is_some() && !believed && self.tracks.is_empty() {
            self.acquit();
        }
    }

    /// A new stretch begins, here or elsewhere.
    pub fn begin(&mut self) {
        self.stretch = (0, 0);
        self.tracks.values_mut().for_each(|track| track.good = 0);
    }

    /// All times in it.
    pub fn times(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        self.top = None;
        let own = [&mut self.since, &mut self.last_bad, &mut self.heard, &mut self.mute, &mut self.asked];
        own.into_iter().flatten().chain(self.tracks.values_mut().map(|track| &mut track.evidence.at))
    }

    /// How it looks.
    pub fn look(&self) -> Look {
        match (self.since, self.mute) {
            (_, Some(_)) => Look::Unknown,
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
}
