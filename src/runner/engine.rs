//! What every run goes through, scheduled or asked for: its account's gate, execution, history, whoever watches.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::Stopped;
use super::execute::{Stop, clean_up, execute, refuse};
use super::guard::{Credentials, Guard, Pass};
use super::history::History;
use super::missed::Missed;
use crate::browser::Browsers;
use crate::clock::{Clock, Timestamp};
use crate::fault::{Class, Fault};
use crate::oidc::memory::Memories;
use crate::outcome::{CheckLabels, Outcome, Trigger};
use crate::plan::Check;

/// Whoever is told what happens. Never waits, never fails: a run must not be held up by those who look at it.
pub trait Watch: Send + Sync + 'static {
    /// A run is over.
    fn outcome(&self, outcome: &Arc<Outcome>);
    /// So many due times passed without a run.
    fn missed(&self, check: &CheckLabels, why: Missed, times: u64);
    /// A scheduled run began.
    fn started(&self, check: &CheckLabels);
    /// A scheduled run began so long after it was due.
    fn lateness(&self, late: Duration);
}

/// See the module.
pub struct Engine {
    /// The time.
    pub clock: Clock,
    /// What outlives runs.
    pub memories: Arc<Memories>,
    /// Real browsers.
    pub browsers: Arc<Browsers>,
    /// Which credentials may be tried.
    pub guard: Arc<Guard>,
    /// Outcomes still at hand.
    pub history: History,
    /// Whoever is told.
    pub watch: Arc<dyn Watch>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ran {
    /// With an outcome.
    Done(Arc<Outcome>),
    /// Its account is stopped: nothing was sent.
    Stopped(Stopped),
    /// It was asked to stop, and has cleaned up.
    Interrupted,
}

impl Engine {
    /// With empty memories and no browser yet. The error: the system has no random numbers.
    pub fn new(clock: Clock, watch: Arc<dyn Watch>) -> Result<Self, String> {
        let guard = Arc::new(Guard::new(clock.clone())?);
        let browsers = Arc::new(Browsers::new(clock.clone()));
        Ok(Self { clock, browsers, memories: Arc::default(), guard, history: History::default(), watch })
    }

    /// Runs a check once its credentials may be tried.
    pub async fn run(
        &self,
        check: &Check,
        credentials: &Credentials,
        trigger: Trigger,
        scheduled: Timestamp,
        stop: Stop,
    ) -> Ran {
        let mut asked = stop.clone();
        let pass = tokio::select! {
            biased;
            pass = self.guard.admit(credentials) => match pass {
                Ok(pass) => pass,
                Err(stopped) => return Ran::Stopped(stopped),
            },
            () = asked.asked() => return Ran::Interrupted,
        };
        match self.walk(check, pass, trigger, scheduled, stop).await {
            Some(outcome) => Ran::Done(self.tell(outcome)),
            None => Ran::Interrupted,
        }
    }

    /// Runs a check whose credentials may be tried, and tells nobody yet. `None`: it was asked to stop.
    pub(super) async fn walk(
        &self,
        check: &Check,
        pass: Pass,
        trigger: Trigger,
        scheduled: Timestamp,
        stop: Stop,
    ) -> Option<Outcome> {
        let run = execute(check, &self.memories, &self.browsers, &self.clock, trigger, scheduled, stop);
        let mut outcome = run.await?;
        pass.judge(&mut outcome);
        Some(outcome)
    }

    /// Runs a check that a person asked for: a stopped account becomes an outcome that says so.
    pub async fn run_now(&self, check: &Check, credentials: &Credentials, stop: Stop) -> Option<Arc<Outcome>> {
        self.run_for(Trigger::Manual, check, credentials, stop).await
    }

    /// The same for another reason than a person's.
    pub async fn run_for(
        &self,
        trigger: Trigger,
        check: &Check,
        credentials: &Credentials,
        stop: Stop,
    ) -> Option<Arc<Outcome>> {
        let now = self.clock.now();
        match self.run(check, credentials, trigger, now, stop).await {
            Ran::Done(outcome) => Some(outcome),
            Ran::Interrupted => None,
            Ran::Stopped(Stopped { account, reason }) => {
                let detail = format!("not tried: {account} was {reason}");
                let fault = Fault::new(Class::Credentials, detail).with_account(account);
                Some(self.tell(refuse(check, &self.clock, trigger, now, fault).await))
            }
        }
    }

    /// No run will follow: ends at the providers what checks keep alive between runs, in at most
    /// [`super::CLEANUP_GRACE`].
    pub async fn clean_up(&self) {
        clean_up(self.memories.drain_cleanups()).await;
    }

    /// Hands a run to the history and to whoever watches.
    pub(super) fn tell(&self, outcome: Outcome) -> Arc<Outcome> {
        let outcome = Arc::new(outcome);
        self.history.push(outcome.clone());
        self.watch.outcome(&outcome);
        outcome
    }
}
