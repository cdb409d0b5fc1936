//! Runs that the outage detector asks for: whether one may begin now. The schedule comes first in everything: what it needs
//! while such a run lasts is not touched, and it never waits for one.

use std::sync::Arc;
use std::time::Duration;

use super::agenda::MAX_LATENESS;
use super::lane::Lane;
use super::missed::Missed;
use super::{CAPACITY, CLEANUP_GRACE, Runner};
use crate::clock::Timestamp;
use crate::oidc::totp;
use crate::outcome::{CheckLabels, Trigger};
use crate::probe::browser_login;

/// How long a provider's limit remembers a request.
const MINUTE: Duration = Duration::from_secs(60);

impl Runner {
    /// Starts a confirmation run of a check, or says why none can be made now. Never waits; from any thread.
    ///
    /// - `shutdown`: not started yet, or ending; `paused`: by hand;
    /// - `late`: the plan in force has no such check (any more), or none that may be asked for
    ///   ([`Probe::confirms`](crate::probe::Probe::confirms));
    /// - `overlap`: a run of this check is in progress, or one that must not coincide with it would be due before it is over
    ///   (the check's own if it logs somebody in or covers all regions; others that need the same one-time codes, passkey or
    ///   browser);
    /// - `capacity`: it would take the last half of [`CAPACITY`];
    /// - `rate_limited`, `budget`: the provider asked for a pause, or its limit has not enough for it beside the schedule;
    /// - `account`: its credentials are not known to work, or were tried enough (see
    ///   [`Accounts::confirm`](super::accounts::Accounts::confirm)).
    ///
    /// None of these counts as a run that was missed.
    pub fn confirm(&self, check: &CheckLabels) -> Result<(), Missed> {
        // Held to the end: draining begins before it, and no run after it, or it sees the permit.
        let state = self.state();
        let running = state.running.as_ref().ok_or(Missed::Shutdown)?;
        if self.paused() {
            return Err(Missed::Paused);
        }
        let lane = state.lanes.iter().find(|lane| lane.check.labels == *check).ok_or(Missed::Late)?;
        if !lane.check.probe.probe.confirms() {
            return Err(Missed::Late);
        }
        let gate = lane.enter_to_confirm()?;
        let now = self.engine.clock.now();
        let over = now + lane.check.probe.timeout + CLEANUP_GRACE;
        if coincides(lane, &state.lanes, now, over) || !self.has_browser(lane, &state.lanes, now, over) {
            return Err(Missed::Overlap);
        }
        if self.capacity.available_permits() <= CAPACITY / 2 {
            return Err(Missed::Capacity);
        }
        let permit = self.capacity.clone().try_acquire_owned().map_err(|_| Missed::Capacity)?;
        let reservation = lane.spare(now, &needs(lane, &state.lanes, now, over + MINUTE))?;
        // Last: from here on the attempt counts.
        let pass = self.engine.guard.confirm(&lane.credentials).ok_or(Missed::Account)?;
        let (engine, lane, stop) = (self.engine.clone(), lane.clone(), self.stop.clone());
        running.runtime.spawn(async move {
            let outcome = engine.walk(&lane.check, pass, Trigger::Confirmation, now, stop).await;
            // Whoever is told may ask for the next one at once; the end of the process waits until all are told.
            drop((gate, reservation));
            if let Some(outcome) = outcome {
                engine.tell(outcome);
            }
            drop(permit);
        });
        Ok(())
    }

    /// Whether there will be a browser for every login that is due before this one is over, if it needs one.
    fn has_browser(&self, lane: &Lane, lanes: &[Arc<Lane>], now: Timestamp, over: Timestamp) -> bool {
        let Some(place) = browser(lane) else { return true };
        let due = lanes.iter().filter(|other| browser(other) == Some(place) && due(other, now, over)).count();
        self.engine.browsers.free(place) > due
    }
}

/// Whether a run in progress, or one that is due before `over`, must not be made at the same time.
fn coincides(lane: &Lane, lanes: &[Arc<Lane>], now: Timestamp, over: Timestamp) -> bool {
    let user = lane.check.user.as_ref();
    if (user.is_some() || lane.all_regions()) && due(lane, now, over) {
        return true;
    }
    // Each code is good once, each signature must follow the one before: whoever comes second waits.
    let Some(user) = user.filter(|user| user.totp.is_some() || user.passkey.is_some()) else { return false };
    let over = if user.totp.is_some() { over + totp::STEP } else { over };
    let provider = &lane.check.labels.provider;
    let same = |other: &&Arc<Lane>| {
        other.check.labels.provider == *provider
            && other.check.user.as_ref().is_some_and(|other| other.username == user.username)
    };
    lanes.iter().filter(same).any(|other| other.is_busy() || due(other, now, over))
}

/// Whether a run is due until then, or was due so shortly ago that it may still begin.
fn due(lane: &Lane, now: Timestamp, until: Timestamp) -> bool {
    let next = lane.check.probe.timing.next_after(now - MAX_LATENESS, lane.check.spread);
    next.is_some_and(|due| due <= until)
}

/// Which browsers a check needs: those of this machine (`None`) or a remote one's.
fn browser(lane: &Lane) -> Option<Option<&url::Url>> {
    let needed = lane.check.labels.kind == browser_login::KIND.name;
    needed.then(|| lane.check.region.webdriver.as_ref().map(|webdriver| &webdriver.url))
}

/// What scheduled runs of the same provider need until then: when, and how many requests. Empty if it has no limit.
pub(crate) fn needs(lane: &Lane, lanes: &[Arc<Lane>], now: Timestamp, until: Timestamp) -> Vec<(Timestamp, u32)> {
    let provider = &lane.check.probe.provider;
    if provider.max_requests_per_minute.is_none() {
        return Vec::new();
    }
    let mut needs = Vec::new();
    for other in lanes.iter().filter(|other| other.check.labels.provider == provider.name) {
        let next = |after| other.check.probe.timing.next_after(after, other.check.spread).filter(|due| *due <= until);
        let times = std::iter::successors(next(now - MAX_LATENESS), |due| next(*due));
        needs.extend(times.map(|due| (due, other.needs())));
    }
    needs.sort_unstable();
    needs
}
