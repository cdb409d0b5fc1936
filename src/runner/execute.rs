//! One run of one check: from its context to its outcome.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::browser::Browsers;
use crate::clock::{Clock, Timestamp};
use crate::fault::{Blame, Class, Fault};
use crate::journey::{Ended, Journey};
use crate::oidc::http::{clock_offset, verify_egress};
use crate::oidc::memory::{CheckMemory, Cleanup, Memories};
use crate::outcome::{Outcome, SpanId, Trigger};
use crate::plan::Check;
use crate::probe::Context;

/// How long cleanup may take after the verdict.
pub const CLEANUP_GRACE: Duration = Duration::from_secs(5);
/// How much longer than its timeout a probe may take that waits outside its steps, before it is abandoned.
const SLACK: Duration = Duration::from_secs(1);

/// Asks runs to stop early: they still clean up.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// The other end of [`Stop`].
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Nobody is asked yet.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stop(receiver))
    }

    /// Asks now.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Until it is asked.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Runs a check once. Always comes to an end: the probe has its timeout, cleanup its grace, and a panic is a fault of our
/// own. `None`: it was asked to stop, and has cleaned up.
pub async fn execute(
    check: &Check,
    memories: &Memories,
    browsers: &Arc<Browsers>,
    clock: &Clock,
    trigger: Trigger,
    scheduled: Timestamp,
    mut stop: Stop,
) -> Option<Outcome> {
    let probe = &*check.probe.probe;
    let id = check.labels.to_string();
    // What confirms may know what the schedule's runs remember; it must not use it up.
    let memory = if trigger == Trigger::Confirmation { memories.apart(&id) } else { memories.check(&id) };
    let cx = context(check, memories, memory, browsers, clock);
    let mut journey = Journey::new(clock.clone(), check.probe.timeout, probe.steps());
    let limit = journey.deadline() + SLACK;
    let walk = AssertUnwindSafe(probe.run(&cx, &mut journey)).catch_unwind();
    let end = tokio::select! {
        biased;
        end = tokio::time::timeout_at(limit, walk) => Some(end),
        () = stop.asked() => None,
    };
    let interrupted = end.is_none();
    let lost = match end {
        // What stopped the probe is on record, or it came to its end.
        Some(Ok(Ok(Ok(()) | Err(_)))) => None,
        Some(Ok(Err(_panic))) => Some("the probe panicked; the log has the place"),
        Some(Err(_elapsed)) => Some("the probe did not stop at its deadline"),
        None => Some("interrupted"),
    };
    if let Some(how) = lost {
        journey.abandon(Fault::new(Class::Internal, how));
    }
    journey.walked();
    if !interrupted {
        suspect_egress(&cx, &mut journey).await;
        suspect_clock(&cx, &mut journey).await;
    }
    let ended = journey.finish(CLEANUP_GRACE).await;
    clean_up(memories.release(&id, cx.memory)).await;
    (!interrupted).then(|| outcome(check, trigger, scheduled, ended))
}

/// Does what is left to do about what checks remembered: all at once, within [`CLEANUP_GRACE`].
pub async fn clean_up(cleanups: impl IntoIterator<Item = Cleanup>) {
    let all = cleanups.into_iter().map(|cleanup| async move {
        match tokio::time::timeout(CLEANUP_GRACE, AssertUnwindSafe(cleanup).catch_unwind()).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(fault))) => tracing::warn!(class = fault.class.as_str(), "a kept session could not be revoked"),
            Ok(Err(_)) => tracing::warn!("revoking a kept session panicked"),
            Err(_) => tracing::warn!("a kept session could not be revoked in time"),
        }
    });
    join_all(all).await;
}

/// A run that was not made because it could not: the fault is its whole content.
pub async fn refuse(check: &Check, clock: &Clock, trigger: Trigger, scheduled: Timestamp, fault: Fault) -> Outcome {
    let mut journey = Journey::new(clock.clone(), Duration::ZERO, check.probe.probe.steps());
    journey.abandon(fault);
    outcome(check, trigger, scheduled, journey.finish(Duration::ZERO).await)
}

fn context(
    check: &Check,
    memories: &Memories,
    memory: CheckMemory,
    browsers: &Arc<Browsers>,
    clock: &Clock,
) -> Context {
    Context {
        clock: clock.clone(),
        region: check.region.clone(),
        regions: check.probe.regions.clone(),
        provider: check.probe.provider.clone(),
        client: check.probe.client.clone(),
        second_client: check.probe.second_client.clone(),
        user: check.user.clone(),
        provider_memory: memories.provider(&check.probe.provider.name),
        memory,
        browsers: browsers.clone(),
        mailbox: memories.mailbox.clone(),
    }
}

/// After a fault of the network: if our own way out does not work either, that is the fault.
async fn suspect_egress(cx: &Context, journey: &mut Journey) {
    if journey.fault().is_some_and(|fault| fault.blame == Blame::Network)
        && let Err(why) = verify_egress(&cx.region, &cx.provider_memory, &cx.clock).await
    {
        journey.reclassify(Class::Egress, why);
    }
}

/// Faults that a wrong clock of ours looks like.
const TIMELY: [Class; 3] = [Class::ClaimExpired, Class::ClaimNotYetValid, Class::Certificate];
/// How far our clock may be from the references' before such a fault is ours (seconds): half of what claims are allowed.
const CLOCK_TOLERANCE: f64 = 30.0;

/// After a fault of time: if the references' clocks disagree with ours as well, it is ours that is wrong.
async fn suspect_clock(cx: &Context, journey: &mut Journey) {
    if journey.fault().is_some_and(|fault| TIMELY.contains(&fault.class))
        && let Some(ahead) = clock_offset(&cx.region, &cx.provider_memory, &cx.clock).await
        && ahead.abs() > CLOCK_TOLERANCE
    {
        journey.reclassify(Class::Clock, format!("our clock is {ahead:+.0} s from a reference's"));
    }
}

fn outcome(check: &Check, trigger: Trigger, scheduled: Timestamp, ended: Ended) -> Outcome {
    Outcome {
        check: check.labels.clone(),
        labels: check.probe.labels.clone(),
        trace_id: ended.trace_id,
        span_id: SpanId::random(),
        trigger,
        scheduled,
        start: ended.start,
        duration: ended.duration,
        verdict: ended.verdict,
        fault: ended.fault,
        warnings: ended.warnings,
        steps: ended.steps,
        observations: ended.observations,
        browser: ended.browser,
    }
}
