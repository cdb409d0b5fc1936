//! The step recorder. A probe hands it futures; it opens the span, applies the shared deadline, times, records and
//! classifies. A probe cannot stop without a recorded reason: [`Stopped`] has no public constructor.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::clock::{Clock, Instant, Timestamp};
use crate::fault::{Class, Fault};
use crate::oidc::json;
use crate::outcome::{BrowserReport, Observation, SpanId, StepRecord, StepState, TraceId, Verdict, Warning};

mod hosts;
mod recorder;

pub use recorder::Recorder;

/// The name of a step: declared by the kind, used in labels.
pub type StepName = &'static str;

/// The longest detail or note kept (characters).
const MAX_DETAIL: usize = 500;

/// Proof that the journey has recorded why the probe stops.
#[derive(Debug)]
pub struct Stopped(());

type CleanupWork = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

/// One run in the making.
pub struct Journey {
    clock: Clock,
    recorder: Recorder,
    declared: Vec<StepName>,
    start: Timestamp,
    begun: Instant,
    deadline: Instant,
    walked: Option<Duration>,
    steps: Vec<StepRecord>,
    fault: Option<Fault>,
    cleanups: Vec<(StepName, CleanupWork)>,
}

/// What a journey found; the runner makes an [`crate::outcome::Outcome`] of it.
#[derive(Debug)]
pub struct Ended {
    /// The run's trace.
    pub trace_id: TraceId,
    /// When it began.
    pub start: Timestamp,
    /// Until the verdict.
    pub duration: Duration,
    /// The judgement.
    pub verdict: Verdict,
    /// Present unless good.
    pub fault: Option<Fault>,
    /// Scrubbed.
    pub warnings: Vec<Warning>,
    /// Scrubbed.
    pub steps: Vec<StepRecord>,
    /// Measured values.
    pub observations: Vec<Observation>,
    /// Scrubbed.
    pub browser: Option<BrowserReport>,
}

impl Journey {
    /// Begins a run: all steps together have `timeout`; `declared` steps must all be on record for it to be good.
    pub fn new(clock: Clock, timeout: Duration, declared: Vec<StepName>) -> Self {
        let begun = clock.instant();
        Self {
            start: clock.now(),
            recorder: Recorder::new(),
            declared,
            begun,
            deadline: begun + timeout,
            walked: None,
            steps: Vec::new(),
            fault: None,
            cleanups: Vec::new(),
            clock,
        }
    }

    /// For the HTTP client and the protocol functions.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// When the run must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Runs one step. An error or the deadline ends the journey: the fault is recorded with the step's name.
    pub async fn step<T>(
        &mut self,
        name: StepName,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Stopped> {
        let (start, begun) = (self.clock.now(), self.clock.instant());
        let result = match tokio::time::timeout_at(self.deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(self.ran_out(name)),
        };
        let took = self.clock.instant().duration_since(begun);
        let state = if result.is_ok() { StepState::Done } else { StepState::Failed };
        self.record(name, state, start, took, String::new(), false);
        result.map_err(|fault| self.stop(name, fault))
    }

    /// Puts a declared step on record as not applicable, with the reason.
    pub fn skip(&mut self, name: StepName, why: impl Into<String>) {
        let start = self.clock.now();
        self.record(name, StepState::Skipped, start, Duration::ZERO, why.into(), false);
    }

    /// Work that must follow the run whatever becomes of it, such as revoking what was issued. Done last in, first out,
    /// within a budget of its own; never part of the verdict.
    pub fn defer(&mut self, name: StepName, work: impl Future<Output = Result<(), Fault>> + Send + 'static) {
        self.cleanups.push((name, Box::pin(work)));
    }

    /// Whether a fault is on record already.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Puts a fault on record that no step returned, such as a panic: blamed on the first declared step that is not on
    /// record. The first fault stays the cause.
    pub fn abandon(&mut self, fault: Fault) -> Stopped {
        let name = self.missing_step().or(self.declared.last().copied()).unwrap_or("");
        self.stop(name, fault)
    }

    /// Puts a fault on record that is known only when several steps are over. It happened in `step`, and outweighs what was
    /// on record before.
    pub fn conclude(&mut self, step: StepName, mut fault: Fault) -> Stopped {
        if let Some(was) = self.fault.take().filter(|was| was.class != fault.class) {
            fault.detail.push_str(&format!("; besides, {} ended with {}: {}", was.step, was.class, was.detail));
        }
        fault.step = step;
        self.fault = Some(fault);
        Stopped(())
    }

    /// Adds a remark to the last record of a step: what it left out, and why.
    pub fn remark(&mut self, step: StepName, note: impl Into<String>) {
        if let Some(record) = self.steps.iter_mut().rev().find(|record| record.name == step && !record.cleanup) {
            record.note = note.into();
        }
    }

    /// The probe is done: what follows (a look at the references, cleanup) is not part of the run's duration.
    pub fn walked(&mut self) {
        self.walked.get_or_insert(self.clock.instant().duration_since(self.begun));
    }

    /// Replaces the recorded fault in the light of more evidence (such as references that fail as well).
    pub fn reclassify(&mut self, class: Class, detail: impl Into<String>) {
        if let Some(fault) = &mut self.fault {
            let was = std::mem::replace(fault, Fault::new(class, ""));
            fault.step = was.step;
            fault.detail = format!("{} (seen as {}: {})", detail.into(), was.class, was.detail);
        }
    }

    /// Does the cleanup within `grace`, and judges.
    pub async fn finish(mut self, grace: Duration) -> Ended {
        self.walked();
        let duration = self.walked.unwrap_or_default();
        self.clean_up(grace).await;
        if self.fault.is_none()
            && let Some(missing) = self.missing_step()
        {
            let mut fault = Fault::new(Class::Internal, format!("step {missing} was never taken"));
            fault.step = missing;
            self.fault = Some(fault);
        }
        let verdict = match &self.fault {
            None => Verdict::Good,
            Some(fault) if fault.blame.is_bad() => Verdict::Bad,
            Some(_) => Verdict::Inconclusive,
        };
        self.into_ended(verdict, duration)
    }

    async fn clean_up(&mut self, grace: Duration) {
        let until = self.clock.instant() + grace;
        while let Some((name, work)) = self.cleanups.pop() {
            let (start, begun) = (self.clock.now(), self.clock.instant());
            let result = match tokio::time::timeout_at(until, AssertUnwindSafe(work).catch_unwind()).await {
                Ok(Ok(result)) => result.map_err(|fault| fault.to_string()),
                Ok(Err(_)) => Err("the cleanup panicked".to_owned()),
                Err(_) => Err("no answer within the grace time".to_owned()),
            };
            let took = self.clock.instant().duration_since(begun);
            let state = if result.is_ok() { StepState::Done } else { StepState::Failed };
            self.record(name, state, start, took, result.err().unwrap_or_default(), true);
        }
    }

    fn missing_step(&self) -> Option<StepName> {
        self.declared
            .iter()
            .copied()
            .find(|name| !self.steps.iter().any(|s| s.name == *name && !s.cleanup && s.state != StepState::Failed))
    }

    fn ran_out(&self, name: StepName) -> Fault {
        let budget = self.deadline.duration_since(self.begun);
        let mut fault = Fault::new(Class::Timeout, format!("the run's {budget:?} were over in step {name}"));
        if let Some(last) = self.recorder.log().requests.last().filter(|last| last.error.is_some()) {
            let whose = if last.is_upstream() { ", of an upstream provider" } else { "" };
            fault.detail.push_str(&format!("; last request: {} {}{whose}", last.method, last.url));
            fault.upstream = last.is_upstream().then(|| last.host.as_str().into());
        }
        fault
    }

    fn stop(&mut self, name: StepName, mut fault: Fault) -> Stopped {
        fault.step = name;
        // The first reason is the cause; what follows from it is not.
        self.fault.get_or_insert(fault);
        Stopped(())
    }

    fn record(
        &mut self,
        name: StepName,
        state: StepState,
        start: Timestamp,
        duration: Duration,
        note: String,
        cleanup: bool,
    ) {
        let requests = std::mem::take(&mut self.recorder.log().requests);
        self.steps.push(StepRecord {
            name,
            span_id: SpanId::random(),
            state,
            start,
            duration,
            note,
            cleanup,
            requests,
        });
    }

    /// The one way out: everything in words is scrubbed and cut here, and none of it commands a terminal.
    fn into_ended(self, verdict: Verdict, duration: Duration) -> Ended {
        let recorder = self.recorder;
        let clean = |text: &mut String| {
            *text = recorder.scrub(text);
            if text.contains(char::is_control) {
                *text = json::short(text, MAX_DETAIL);
            }
            if let Some((cut, _)) = text.char_indices().nth(MAX_DETAIL) {
                text.truncate(cut);
                text.push('…');
            }
        };
        let (mut fault, mut steps) = (self.fault, self.steps);
        let log = std::mem::take(&mut *recorder.log());
        let mut warnings = log.warnings;
        let mut observations = log.observations;
        observations.extend(hosts::times(&steps));
        if let Some(fault) = &mut fault {
            clean(&mut fault.detail);
            fault.findings.iter_mut().for_each(|finding| clean(&mut finding.detail));
            // It comes from a redirect.
            fault.upstream = fault.upstream.take().map(|host| recorder.scrub(&host).into());
        }
        warnings.iter_mut().for_each(|warning| clean(&mut warning.detail));
        for step in &mut steps {
            clean(&mut step.note);
            step.requests.iter_mut().for_each(|request| clean(&mut request.url));
        }
        Ended {
            trace_id: recorder.trace_id,
            start: self.start,
            duration,
            verdict,
            fault,
            warnings,
            steps,
            observations,
            browser: log.browser.map(|report| report.cleaned(|text| recorder.scrub(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn journey(declared: &[StepName]) -> Journey {
        Journey::new(Clock::system(), Duration::from_secs(5), declared.to_vec())
    }

    #[tokio::test]
    async fn an_empty_run_is_inconclusive() {
        let ended = journey(&["token"]).finish(Duration::ZERO).await;
        let fault = ended.fault.unwrap();
        assert_eq!((ended.verdict, fault.class, fault.step), (Verdict::Inconclusive, Class::Internal, "token"));
    }

    #[tokio::test]
    async fn every_declared_step_on_record_is_good() {
        let mut journey = journey(&["token", "userinfo"]);
        assert_eq!(journey.step("token", async { Ok(7) }).await.unwrap(), 7);
        journey.skip("userinfo", "not offered");
        assert_eq!(journey.finish(Duration::ZERO).await.verdict, Verdict::Good);
    }

    #[tokio::test]
    async fn a_fault_names_its_step_and_secrets_are_masked() {
        let mut journey = journey(&["token"]);
        journey.recorder().protect("hunter2-secret");
        let fault = Fault::new(Class::HttpStatus, "500 for hunter2-secret");
        journey.step("token", async { Err::<(), _>(fault) }).await.unwrap_err();
        let ended = journey.finish(Duration::ZERO).await;
        let fault = ended.fault.unwrap();
        assert_eq!((ended.verdict, fault.step, fault.detail.as_str()), (Verdict::Bad, "token", "500 for [redacted]"));
    }

    #[tokio::test]
    async fn a_conclusion_outweighs_what_was_on_record() {
        let mut journey = journey(&["login", "token"]);
        journey.step("token", async { Err::<(), _>(Fault::new(Class::Timeout, "late")) }).await.unwrap_err();
        journey.conclude("login", Fault::new(Class::AttackAccepted, "one"));
        journey.remark("token", "left out: all");
        let ended = journey.finish(Duration::ZERO).await;
        let fault = ended.fault.unwrap();
        assert_eq!((fault.class, fault.step), (Class::AttackAccepted, "login"));
        assert_eq!(fault.detail, "one; besides, token ended with timeout: late");
        assert_eq!(ended.steps[0].note, "left out: all");
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_a_step_and_cleanup_still_happens() {
        let mut journey = journey(&["token"]);
        let done = Arc::new(Mutex::new(false));
        let seen = done.clone();
        journey.defer("revoke", async move {
            *seen.lock().unwrap() = true;
            Ok(())
        });
        journey.step("token", std::future::pending::<Result<(), Fault>>()).await.unwrap_err();
        let ended = journey.finish(Duration::from_secs(1)).await;
        assert_eq!((ended.verdict, ended.fault.unwrap().class), (Verdict::Bad, Class::Timeout));
        assert!(*done.lock().unwrap());
        assert!(ended.steps.last().unwrap().cleanup);
        assert_eq!(ended.duration, Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_the_probe_is_not_its_duration() {
        let mut journey = journey(&["token", "userinfo"]);
        journey.step("token", async { Ok(()) }).await.unwrap();
        journey.abandon(Fault::new(Class::Internal, "it panicked"));
        journey.walked();
        journey.defer("revoke", async { panic!("in cleanup") });
        tokio::time::advance(Duration::from_secs(3)).await;
        let ended = journey.finish(Duration::from_secs(1)).await;
        assert_eq!((ended.duration, ended.fault.unwrap().step), (Duration::ZERO, "userinfo"));
        assert_eq!((ended.steps[1].name, ended.steps[1].note.as_str()), ("revoke", "the cleanup panicked"));
    }

    #[tokio::test(start_paused = true)]
    async fn cleanup_that_hangs_is_bounded_and_changes_no_verdict() {
        let mut journey = journey(&["token"]);
        journey.defer("revoke", std::future::pending());
        journey.step("token", async { Ok(()) }).await.unwrap();
        let ended = journey.finish(Duration::from_secs(1)).await;
        assert_eq!(ended.verdict, Verdict::Good);
        assert_eq!(ended.steps[1].state, StepState::Failed);
    }
}
