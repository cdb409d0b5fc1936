//! What a run has made and must take away, and what a check remembers of clients that are left behind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared};

use super::{CREATE, DELETE};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, Stopped};
use crate::oidc::http::Response;
use crate::oidc::memory::CheckMemory;
use crate::oidc::registration::{Left, Management};
use crate::oidc::relying::Relying;
use crate::outcome::Warning;
use crate::probe::Context;

/// How long cleanup waits for an answer that the run did not wait for.
const PATIENCE: Duration = Duration::from_secs(4);

/// For how long none is registered after the first attempt that may have left one behind, doubled with each further one.
const HOLD: Duration = Duration::from_secs(60);
/// At most for so long.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// What a check remembers: clients that could not be taken away.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    /// One whose deletion failed: tried again before another is made.
    pub(super) left: Option<Left>,
    /// The provider lets none be deleted: no other is made.
    unmanaged: Option<String>,
    /// How many attempts in a row may each have left one behind that we know nothing of.
    unknown: u32,
    /// Until then no other is made.
    held_until: Option<Timestamp>,
}

impl Remembered {
    /// Holds back, the longer the more may have been left. Returns for how long.
    fn hold(&mut self, now: Timestamp) -> Duration {
        let hold = HOLD.saturating_mul(1 << self.unknown.min(10)).min(LONGEST_HOLD);
        self.unknown = self.unknown.saturating_add(1);
        self.held_until = Some(now + hold);
        hold
    }
}

/// What an attempt to register leaves behind.
#[derive(Debug)]
enum Trace {
    Nothing,
    Client(Left),
    /// Perhaps a client of which we know nothing.
    Unknown,
}

impl Trace {
    fn of(result: &Result<Response, Fault>) -> Self {
        match result {
            Ok(answer) if !answer.status.is_success() => Self::Nothing,
            Ok(answer) => Left::of(answer).map_or(Self::Unknown, Self::Client),
            // The request was under way, or may have been.
            Err(fault) => match fault.class {
                Class::Timeout | Class::Reset | Class::Malformed | Class::TooLarge => Self::Unknown,
                _ => Self::Nothing,
            },
        }
    }
}

/// What a run has made, or is about to.
#[derive(Clone, Default)]
pub(super) struct Made(Arc<Mutex<Making>>);

#[derive(Default)]
pub(super) struct Making {
    /// The request that makes a client: it goes on though nobody waits for it.
    pub(super) asked: Option<Shared<BoxFuture<'static, Result<Response, Fault>>>>,
    /// What must be taken away.
    pub(super) left: Option<Left>,
}

impl Made {
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Making) -> R) -> R {
        work(&mut self.0.lock().expect("made"))
    }

    /// It has another address or token now.
    pub(super) fn managed_at(&self, management: Option<&Management>) {
        self.with(|making| {
            if let (Some(left), Some(management)) = (&mut making.left, management) {
                left.management = Some(management.clone());
            }
        });
    }
}

/// What is to be taken away after the attempt; what cannot be is remembered, and a warning.
pub(super) fn take_note(relying: &Relying, memory: &CheckMemory, made: &Made, result: &Result<Response, Fault>) {
    let warn = |detail: String| relying.recorder.warn(Warning::new("client_left_behind", "RFC 7592", detail));
    match Trace::of(result) {
        Trace::Nothing => {}
        Trace::Client(left) => {
            memory.with(|memory: &mut Remembered| memory.unknown = 0);
            if left.management.is_none() {
                memory.with(|memory: &mut Remembered| memory.unmanaged = Some(left.shown()));
                let shown = left.shown();
                warn(format!("client {shown} cannot be deleted by us and was left behind: delete it by hand"));
            }
            made.with(|making| making.left = Some(left));
        }
        Trace::Unknown => hold_back(relying, memory, "the answer to the registration tells of no client"),
    }
}

/// Nobody knows whether a client was made: the next attempt has to wait.
fn hold_back(relying: &Relying, memory: &CheckMemory, why: &str) {
    let hold = HumanDuration(memory.with(|memory: &mut Remembered| memory.hold(relying.clock.now())));
    let detail = format!("{why}: if one was made it is left behind; no other is registered for {hold}");
    relying.recorder.warn(Warning::new("client_left_behind", "RFC 7592", detail));
}

/// What an earlier run could not take away: as long as it is there, no other client is made.
pub(super) async fn settle(cx: &Context, journey: &mut Journey, relying: &Relying) -> Result<(), Stopped> {
    let remembered: Remembered = cx.memory.look();
    if let Some(client) = remembered.unmanaged {
        let detail = format!(
            "the provider does not let clients be deleted (RFC 7592), so no other is registered; client {client} of an \
             earlier run is still there"
        );
        return journey.step(CREATE, async { Err(Fault::new(Class::Unsupported, detail)) }).await;
    }
    if let Some(until) = remembered.held_until.filter(|until| relying.clock.now() < *until) {
        let detail = format!(
            "no client is registered before {until}: the last attempt may have left one behind that we know nothing of"
        );
        return journey.step(CREATE, async { Err(Fault::new(Class::Budget, detail)) }).await;
    }
    let Some(left) = remembered.left else { return Ok(()) };
    let shown = left.shown();
    let delete = async {
        let result = match (remove(relying, &left).await, &left.management) {
            (Ok(()), Some(management)) => relying.client_is_gone(management).await,
            (result, _) => result,
        };
        result.map_err(|fault| {
            let still = format!("client {shown} of an earlier run is still there, so no other is registered");
            Fault { detail: format!("{}; {still}", fault.detail), ..fault }
        })
    };
    journey.step(DELETE, delete).await?;
    cx.memory.with(|memory: &mut Remembered| memory.left = None);
    drop(cx.memory.take_cleanup());
    Ok(())
}

/// Cleanup: takes away what the run has made, once it is known.
pub(super) async fn take_away(relying: Relying, memory: CheckMemory, made: Made) -> Result<(), Fault> {
    let relying = relying.for_cleanup();
    if let Some(asked) = made.with(|making| making.asked.take()) {
        match tokio::time::timeout(PATIENCE, asked.clone()).await {
            Ok(answer) => take_note(&relying, &memory, &made, &answer),
            Err(_) => {
                hold_back(&relying, &memory, "the registration was not answered in time");
                // The last try, as long as the request lives.
                tokio::spawn(async move {
                    let Trace::Client(left) = Trace::of(&asked.await) else { return };
                    if left.management.is_none() {
                        memory.with(|memory: &mut Remembered| memory.unmanaged = Some(left.shown()));
                    } else if remove(&relying, &left).await.is_err() {
                        memory.with(|memory: &mut Remembered| memory.left = Some(left));
                    }
                });
                return Ok(());
            }
        }
    }
    let Some(left) = made.with(|making| making.left.take()) else { return Ok(()) };
    if left.management.is_none() {
        // On record since its answer came.
        return Ok(());
    }
    let Err(fault) = remove(&relying, &left).await else { return Ok(()) };
    let detail = format!("client {} could not be deleted and was left behind: {}", left.shown(), fault.detail);
    relying.recorder.warn(Warning::new("client_left_behind", "RFC 7592 §2.3", detail));
    let again = left.clone();
    memory.with(|memory: &mut Remembered| memory.left = Some(left));
    memory.set_cleanup(async move { remove(&relying.for_cleanup(), &again).await });
    Err(fault)
}

/// Deletes a client; one that is not there is fine.
async fn remove(relying: &Relying, left: &Left) -> Result<(), Fault> {
    let Some(management) = &left.management else { return Ok(()) };
    match relying.delete_client(management).await {
        Ok(()) => Ok(()),
        Err(fault) => match relying.client_is_gone(management).await {
            Ok(()) => Ok(()),
            Err(_) => Err(fault),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_tells_of_no_client_may_have_made_one() {
        use crate::oidc::response::testing;
        let of = |status, body| match Trace::of(&Ok(testing::response(status, &[], body))) {
            Trace::Nothing => "nothing",
            Trace::Client(_) => "client",
            Trace::Unknown => "unknown",
        };
        assert_eq!((of(201, "{\"client_id\": \"x\"}"), of(400, "{}"), of(503, "")), ("client", "nothing", "nothing"));
        assert_eq!((of(201, "{\"client_id\": "), of(201, "{}"), of(200, "<html>")), ("unknown", "unknown", "unknown"));
        let failed = |class| matches!(Trace::of(&Err(Fault::new(class, "x"))), Trace::Unknown);
        assert!(failed(Class::Timeout) && failed(Class::Reset));
        assert!(!failed(Class::Connect) && !failed(Class::Dns) && !failed(Class::RateLimited));
    }

    #[test]
    fn each_further_attempt_waits_longer() {
        let (mut memory, now) = (Remembered::default(), Timestamp::from_secs(0));
        let holds: Vec<_> = (0..8).map(|_| memory.hold(now).as_secs() / 60).collect();
        assert_eq!(holds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(memory.held_until, Some(Timestamp::from_secs(3600)));
        memory.unknown = u32::MAX - 1;
        assert_eq!(memory.hold(now), LONGEST_HOLD);
    }
}
