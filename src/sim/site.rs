//! Runs: who may start, what it costs, what it finds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::weather::{FINDINGS, Found, Weather};
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::oidc::memory::{Memories, ProviderMemory};
use crate::outcome::{CheckLabels, Id, Outcome, StepRecord, StepState, Trigger, Verdict};
use crate::plan::{Check, Plan};
use crate::runner::CLEANUP_GRACE;
use crate::runner::confirm::needs;
use crate::runner::lane::{self, Lane, Reservation};

/// How much was asked of the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Scheduled runs.
    pub scheduled: u64,
    /// Confirmation runs.
    pub confirmations: u64,
    /// Requests of scheduled runs.
    pub scheduled_requests: u64,
    /// Requests of confirmation runs.
    pub confirmation_requests: u64,
}

/// See the module.
pub struct Site {
    /// What is scheduled.
    pub lanes: Vec<Arc<Lane>>,
    /// So far.
    pub cost: Cost,
    provider: Arc<ProviderMemory>,
    pub weather: Weather,
    /// By lane, what each finding looks like.
    outcomes: Vec<Vec<(Found, Outcome)>>,
    flights: Vec<Flight>,
}

/// A run under way.
struct Flight {
    end: Timestamp,
    lane: usize,
    trigger: Trigger,
    scheduled: Timestamp,
    start: Timestamp,
    found: Found,
    _taken: Taken,
}

/// What a run holds as long as it lasts: its check, and a part of the provider's budget.
type Taken = (OwnedSemaphorePermit, Reservation);

impl Site {
    /// Of a plan with one provider.
    pub fn new(plan: &Plan, weather: Weather) -> Self {
        let memories = Memories::default();
        let lanes = lane::lanes(plan, &memories, &[]);
        let name = plan.providers.first().map_or_else(|| "".into(), |provider| provider.name.clone());
        let looks = |lane: &Arc<Lane>| FINDINGS.iter().map(|found| (*found, outcome(&lane.check, *found))).collect();
        Self {
            outcomes: lanes.iter().map(looks).collect(),
            lanes,
            cost: Cost::default(),
            provider: memories.provider(&name),
            weather,
            flights: Vec::new(),
        }
    }

    /// A scheduled run, if the check and the provider bear it.
    pub fn schedule(&mut self, lane: &Arc<Lane>, scheduled: Timestamp, now: Timestamp) -> bool {
        let Some(at) = self.lanes.iter().position(|own| Arc::ptr_eq(own, lane)) else { return false };
        let Ok(gate) = lane.enter() else { return false };
        let Ok(reservation) = lane.afford(now) else { return false };
        self.start(at, Trigger::Scheduled, (gate, reservation), scheduled, now);
        true
    }

    /// A confirmation run, if they bear it beside the schedule: see [`crate::runner::Runner::confirm`].
    pub fn confirm(&mut self, check: &CheckLabels, now: Timestamp) -> bool {
        let Some(at) = self.lanes.iter().position(|lane| lane.check.labels == *check) else { return false };
        let lane = &self.lanes[at];
        let Ok(gate) = lane.enter_to_confirm() else { return false };
        let until = now + lane.check.probe.timeout + CLEANUP_GRACE + Duration::from_secs(60);
        let Ok(reservation) = lane.spare(now, &needs(lane, &self.lanes, now, until)) else { return false };
        self.start(at, Trigger::Confirmation, (gate, reservation), now, now);
        true
    }

    fn start(&mut self, at: usize, trigger: Trigger, taken: Taken, scheduled: Timestamp, now: Timestamp) {
        let probe = &self.lanes[at].check.probe;
        let requests = probe.cost().requests;
        if let Some(limit) = probe.provider.max_requests_per_minute {
            // All at once, and the reservation stays: no kinder than a run that sends them one after the other.
            self.provider.budget.lock().expect("budget").take(now, limit, requests);
        }
        let (runs, sent) = match trigger {
            Trigger::Scheduled => (&mut self.cost.scheduled, &mut self.cost.scheduled_requests),
            _ => (&mut self.cost.confirmations, &mut self.cost.confirmation_requests),
        };
        *runs += 1;
        *sent += u64::from(requests);
        let (found, took) = self.weather.run(at, now);
        let end = now + took;
        self.flights.push(Flight { end, lane: at, trigger, scheduled, start: now, found, _taken: taken });
    }

    /// When the next run ends.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.flights.iter().map(|flight| flight.end).min()
    }

    /// Takes a run that is over.
    pub fn land(&mut self, now: Timestamp) -> Option<&Outcome> {
        let at = self.flights.iter().position(|flight| flight.end <= now)?;
        let flight = self.flights.swap_remove(at);
        let (_, outcome) = self.outcomes[flight.lane].iter_mut().find(|(found, _)| *found == flight.found)?;
        outcome.trigger = flight.trigger;
        outcome.scheduled = flight.scheduled;
        outcome.start = flight.start;
        outcome.duration = flight.end.since(flight.start);
        for step in &mut outcome.steps {
            step.start = flight.start;
        }
        Some(outcome)
    }
}

/// How a finding looks like in a run's record; times are filled in when a run is over.
fn outcome(check: &Check, found: Found) -> Outcome {
    let names = check.probe.probe.steps();
    let (done, wrong) = match found {
        Found::Good => (names.len(), None),
        Found::Wrong(step, class) => (step, Some((step, class))),
    };
    let step = |(at, name): (usize, &&'static str)| StepRecord {
        name,
        span_id: Id([1; 8]),
        state: if at < done { StepState::Done } else { StepState::Failed },
        start: Timestamp::default(),
        duration: Duration::ZERO,
        note: String::new(),
        cleanup: false,
        requests: Vec::new(),
    };
    let gone = wrong.map_or(names.len(), |(step, _)| step + 1);
    let fault = wrong.map(|(step, class)| Fault { step: names[step], ..Fault::new(class, "simulated") });
    Outcome {
        check: check.labels.clone(),
        labels: check.probe.labels.clone(),
        trace_id: Id([1; 16]),
        span_id: Id([1; 8]),
        trigger: Trigger::Scheduled,
        scheduled: Timestamp::default(),
        start: Timestamp::default(),
        duration: Duration::ZERO,
        verdict: if wrong.is_some() { Verdict::Bad } else { Verdict::Good },
        fault,
        warnings: Vec::new(),
        steps: names.iter().take(gone).enumerate().map(step).collect(),
        observations: Vec::new(),
        browser: None,
    }
}
