//! The thread: counts what comes, looks after the ledger, evaluates now and then.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::herald::{self, Herald};
use super::{Ears, News, Shared, Shown, cases, lock, state};
use crate::alert::machine::Change;
use crate::clock::Timestamp;
use crate::news;

/// How often objectives are evaluated.
pub const EVERY: Duration = Duration::from_secs(10);
/// How soon after another evaluation a bad run may bring about the next.
pub const HURRY: Duration = Duration::from_secs(1);
/// How soon after the start they are for the first time.
const FIRST: Duration = Duration::from_secs(1);
/// How often the ledger is told what is new of signing keys.
const KEYS: Duration = Duration::from_secs(60);
/// How often the thread looks around when nothing happens.
const NAP: Duration = Duration::from_secs(1);

impl Shared {
    /// Until it is told to stop.
    pub(super) fn work(&self, waiting: &Receiver<News>, ears: &Ears) {
        let mut due = self.clock.instant() + FIRST;
        let mut last = self.clock.instant();
        let (mut look, mut keys) = (self.clock.instant(), self.clock.instant() + KEYS);
        let mut herald = Herald::default();
        loop {
            let nap = due.saturating_duration_since(self.clock.instant()).min(self.until_next());
            let news = match waiting.recv_timeout(nap) {
                Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(news) => Some(news),
                Err(RecvTimeoutError::Timeout) => None,
            };
            self.safely(|| self.handle(news));
            self.safely(|| self.detect(ears));
            if self.clock.instant() >= look {
                look = self.clock.instant() + NAP;
                self.safely(|| self.keeper.iter().for_each(|keeper| keeper.look()));
            }
            if self.clock.instant() >= keys {
                keys = self.clock.instant() + KEYS;
                self.safely(|| self.look_at_keys(ears));
            }
            let now = self.clock.instant();
            let hurries = now >= last + HURRY && self.state().hurries();
            if self.asked.evaluate.swap(false, Ordering::AcqRel) || hurries || now >= due {
                (due, last) = (now + EVERY, now);
                self.safely(|| herald.evaluated(self.evaluate(ears)));
            }
            if herald.tells(self.clock.instant()) {
                self.newsroom.tell(news::News::Evaluated);
            }
        }
        self.safely(|| _ = self.evaluate(ears));
        self.safely(|| self.look_at_keys(ears));
    }

    /// A panic of ours is logged, and the heart stops beating until the next evaluation succeeds.
    fn safely(&self, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("judging failed; the log has the place");
            self.beat(false);
        }
    }

    fn handle(&self, news: Option<News>) {
        let now = self.clock.now();
        if let Some(news) = &news {
            self.followed.hear(news, now);
        }
        // Counters and counts change together: the ledger takes both at once.
        let mut state = self.state();
        let counted = match news {
            Some(News::Outcome(outcome)) => state.outcome(&outcome, now),
            Some(News::Missed(check, times)) => state.missed(&check, times, now),
            Some(News::Started(check)) => {
                state.detect.started(&check, now);
                return;
            }
            Some(News::Look | News::Stop) | None => return,
        };
        self.metrics.slo_counted(&counted);
    }

    /// Until the detectors want to be asked again.
    fn until_next(&self) -> Duration {
        let now = self.clock.now();
        self.state().detect.next().map_or(NAP, |next| next.since(now)).min(NAP)
    }

    /// Lets the detectors ask for runs; what is certain now is not left waiting for the next evaluation.
    fn detect(&self, ears: &Ears) {
        let now = self.clock.now();
        let mut state = self.state();
        if state.confirm((ears.paused)(), now, &mut |check| (ears.confirm)(check)) {
            self.asked.evaluate.store(true, Ordering::Release);
        }
    }

    /// Says whether it found something else than the last time.
    fn evaluate(&self, ears: &Ears) -> bool {
        let now = self.clock.now();
        if self.asked.reread.swap(false, Ordering::AcqRel) {
            self.reread(now);
        }
        self.fetch(now);
        let failing = self.keeper.as_ref().and_then(|keeper| keeper.store.failing());
        let (stopped, paused) = ((ears.stopped)(), (ears.paused)());
        let mut state = self.state();
        let judged = state.evaluate(now, &stopped, paused, failing.as_deref());
        self.metrics.deployments(&state.deployments);
        self.metrics.slo_counted(&judged.counted);
        drop(state);
        self.metrics.paused(paused);
        self.metrics.evaluations(&judged.evaluations);
        self.metrics.alert_states(&judged.possible, &judged.alerts);
        self.metrics.detection(&judged.rulings);
        if self.logs {
            cases::log(&lock(&self.shown).rulings, &judged.rulings, now);
        }
        judged.changes.iter().for_each(|change| (self.told)(change));
        let alerts = Arc::new(judged.alerts);
        let changed = self.show(Shown {
            evaluations: Arc::new(judged.evaluations),
            rulings: Arc::new(judged.rulings),
            alerts: alerts.clone(),
        });
        self.announce(judged.changes);
        if let Some((_, notifier)) = &*lock(&self.notifier) {
            notifier.update(alerts);
        }
        self.beat((ears.ready)());
        changed
    }

    /// What readers see from now on; says whether it is something else than before.
    fn show(&self, now: Shown) -> bool {
        let mut shown = lock(&self.shown);
        // Only pages that are open want to know.
        let changed = self.newsroom.is_heard() && herald::differ(&shown, &now);
        *shown = now;
        changed
    }

    /// To whoever watches, once readers see it.
    fn announce(&self, changes: Vec<Change>) {
        changes.into_iter().for_each(|change| self.newsroom.tell(news::News::Alert(change)));
    }

    /// There are other objectives: declares their series, and reads the past of those that are new or look further back.
    fn reread(&self, now: Timestamp) {
        let state = self.state();
        let (objectives, first) = (state.book.objectives().to_vec(), state.book.first_day(now));
        drop(state);
        self.metrics.objectives(&objectives);
        *lock(&self.asked.hours) = <_>::default();
        let Some(keeper) = &self.keeper else { return };
        // Nobody waits for the disk.
        self.reread_causes(keeper, first);
        for day in first..=now.as_secs().div_euclid(86_400) {
            match keeper.store.days_of(day..=day) {
                Ok(days) => self.state().book.restore(days, Vec::new()),
                Err(why) => return tracing::warn!(why, "new objectives begin without a past"),
            }
        }
    }

    /// Reads from the ledger what windows need that begin in the past; each hour of minutes once an hour at most: what is
    /// too old for it is not there.
    fn fetch(&self, now: Timestamp) {
        let Some(keeper) = &self.keeper else { return };
        let mut wanted = self.state().book.hours_wanted(now);
        if wanted.is_empty() {
            return;
        }
        let mut asked = lock(&self.asked.hours);
        let hour = now.as_secs().div_euclid(3600);
        if asked.0 != hour {
            *asked = (hour, HashSet::new());
        }
        wanted.retain(|wanted| asked.1.insert(*wanted));
        drop(asked);
        for hours in wanted.chunks(state::HOURS) {
            match keeper.store.minutes(hours) {
                Ok(minutes) => self.state().book.restore(Vec::new(), minutes),
                Err(why) => tracing::debug!(why, "the ledger cannot be read"),
            }
        }
    }

    fn beat(&self, well: bool) {
        if let Some((_, notifier)) = &*lock(&self.notifier) {
            notifier.healthy(well);
        }
    }
}
