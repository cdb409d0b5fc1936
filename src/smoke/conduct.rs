//! The running: a task for each check, whose runs follow each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::task::JoinSet;

use super::latency::Limits;
use super::pace::Pace;
use super::report::{CheckReport, Conditions, Report, SCHEMA_VERSION};
use super::select::Selected;
use super::tally::{CutOff, Tally};
use super::trial::{Test, Trial};
use super::waiting::Waiting;
use super::{Event, Progress, Teller, pictures, rolling, verdict};
use crate::clock::{Instant, Timestamp};
use crate::fault::Class;
use crate::outcome::{CheckLabels, Outcome, Trigger};
use crate::runner::{CLEANUP_GRACE, Credentials, Engine, Stop, Stopper};

/// How often in a row a run is repeated that ended because the request budget was spent.
const MAX_SPENT: u32 = 3;
/// How long before the deadline runs are stopped, so that they can clean up: as long as that may take, but at most this part
/// of all the time.
const FOR_CLEANUP: u32 = 5;

/// What to run, and what to decide by.
pub struct Settings {
    /// The checks, at least one.
    pub selected: Vec<Selected>,
    /// What to decide by.
    pub conditions: Conditions,
    /// What [`Conditions::max_latency`] means for these checks.
    pub limits: Limits,
    /// How many browsers there may be at once in one place (`[browser] max_sessions`).
    pub max_browsers: u32,
    /// Where pictures of failed logins go.
    pub screenshots: Option<PathBuf>,
}

/// Checks under way.
pub struct Smoke {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    stopper: Stopper,
}

impl Smoke {
    /// Begins with all checks at once, as far as their providers bear it. Must be called within the runtime.
    pub fn begin(engine: Arc<Engine>, settings: Settings, progress: Arc<dyn Progress>) -> Self {
        let (stopper, stop) = Stopper::new();
        let shared = Arc::new(Shared::new(engine, settings, progress, stop));
        let labels: Vec<CheckLabels> = shared.settings.selected.iter().map(|one| one.check.labels.clone()).collect();
        shared.teller.tell(&Event::Selected(&labels));
        let mut providers: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
        for (n, labels) in labels.iter().enumerate() {
            providers.entry(labels.provider.clone()).or_default().push(n);
        }
        let mut tasks = JoinSet::new();
        for checks in providers.into_values() {
            tasks.spawn(at_provider(shared.clone(), checks));
        }
        Self { shared, tasks, stopper }
    }

    /// Until every check is decided, or the time is over.
    pub async fn decided(&mut self) {
        let tasks = &mut self.tasks;
        let all = async { while tasks.join_next().await.is_some() {} };
        match self.shared.until {
            // Out of time: what there is is told.
            Some(until) => drop(tokio::time::timeout_at(until, all).await),
            None => all.await,
        }
    }

    /// Asks what still runs to stop, and says what was found: what is not decided by now could not be told.
    pub fn conclude(&self, interrupted: bool) -> Report {
        self.stopper.stop();
        let shared = &*self.shared;
        let now = shared.engine.clock.instant();
        let why = match shared.settings.conditions.deadline {
            Some(deadline) if !interrupted && shared.until.is_some_and(|until| until <= now) => {
                CutOff::Deadline(deadline)
            }
            _ if interrupted => CutOff::Interrupted,
            _ => CutOff::Lost,
        };
        let checks: Vec<CheckReport> = (0..shared.tallies.len()).map(|n| shared.concluded(n, &why, now)).collect();
        shared.teller.close();
        let (verdict, mut reason) = verdict::of(&checks);
        if interrupted {
            reason = format!("interrupted; {reason}");
        }
        Report {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            verdict,
            exit_code: verdict::exit_code(verdict, interrupted),
            reason,
            start: shared.start,
            duration: now.duration_since(shared.begun),
            interrupted,
            conditions: shared.settings.conditions.clone(),
            waited: shared.waiting.report(),
            against: None,
            checks,
        }
    }

    /// Waits until what was asked to stop has cleaned up, and ends what checks keep alive at their providers: each within
    /// [`CLEANUP_GRACE`] and a bit, all of it by the deadline.
    pub async fn end(mut self) {
        let until = self.shared.settings.conditions.deadline.map(|deadline| self.shared.begun + deadline);
        let ending = async {
            let runs = async { while self.tasks.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(2 * CLEANUP_GRACE, runs).await;
            self.shared.engine.clean_up().await;
        };
        let in_time = match until {
            Some(until) => tokio::time::timeout_at(until, ending).await.is_ok(),
            None => {
                ending.await;
                true
            }
        };
        if !in_time {
            tracing::warn!("--deadline came before everything was cleaned up: sessions may live on at the provider");
        }
    }
}

struct Shared {
    engine: Arc<Engine>,
    settings: Settings,
    pace: Pace,
    waiting: Waiting,
    teller: Teller,
    stop: Stop,
    start: Timestamp,
    begun: Instant,
    /// When runs are stopped.
    until: Option<Instant>,
    tallies: Vec<Mutex<Tally>>,
}

impl Shared {
    fn new(engine: Arc<Engine>, settings: Settings, progress: Arc<dyn Progress>, stop: Stop) -> Self {
        let clock = engine.clock.clone();
        let begun = clock.instant();
        let conditions = &settings.conditions;
        let test = conditions.sequential.as_ref().map(|what| Test::new(what, settings.selected.len()));
        let tally = |one: &Selected| Mutex::new(Tally::new(one.clone(), Trial::new(test, conditions.runs)));
        Self {
            tallies: settings.selected.iter().map(tally).collect(),
            pace: Pace::new(&settings.selected, &engine.memories, clock.clone(), settings.max_browsers),
            waiting: Waiting::new(clock.clone(), conditions.wait.map(|wait| begun + wait)),
            teller: Teller::new(progress),
            until: conditions.deadline.map(|all| begun + all - CLEANUP_GRACE.min(all / FOR_CLEANUP)),
            start: clock.now(),
            begun,
            stop,
            settings,
            engine,
        }
    }

    fn tally(&self, n: usize) -> MutexGuard<'_, Tally> {
        self.tallies[n].lock().expect("tally")
    }

    fn concluded(&self, n: usize, why: &CutOff, now: Instant) -> CheckReport {
        let mut tally = self.tally(n);
        if let Some(report) = tally.decided() {
            return report.clone();
        }
        tally.cut_off(why, now);
        self.picture(&mut tally);
        let report = tally.cut_off(why, now).clone();
        self.teller.tell(&Event::Decided(&report));
        report
    }

    /// Counts a run. Whether that decides the check.
    fn judge(&self, n: usize, outcome: &Arc<Outcome>) -> bool {
        let slow = self.settings.limits.exceeded(outcome);
        self.teller.tell(&Event::Ran { outcome, slow: slow.is_some() });
        let mut tally = self.tally(n);
        let decided = tally.add(outcome, slow, self.engine.clock.instant()).is_some();
        if decided {
            self.picture(&mut tally);
            tally.decided().into_iter().for_each(|report| self.teller.tell(&Event::Decided(report)));
        }
        decided
    }

    fn picture(&self, tally: &mut Tally) {
        let Some(folder) = &self.settings.screenshots else { return };
        let written =
            tally.pictured().and_then(|run| Some(pictures::write_into(folder, &run.check, run.screenshot()?)));
        match written {
            Some(Ok(file)) => tally.written(file.display().to_string()),
            Some(Err(why)) => tracing::warn!("{why}"),
            None => {}
        }
    }
}

/// Waits for a provider, then runs its checks, all at once.
async fn at_provider(shared: Arc<Shared>, checks: Vec<usize>) {
    let mut stop = shared.stop.clone();
    if let Some(first) = checks.first() {
        let of = &shared.settings.selected[*first];
        tokio::select! {
            () = shared.waiting.ready(of, &shared.engine.memories, &shared.teller) => {}
            () = stop.asked() => return,
        }
    }
    let mut tasks = JoinSet::new();
    for n in checks {
        tasks.spawn(of_check(shared.clone(), n));
    }
    while tasks.join_next().await.is_some() {}
}

/// The runs of one check, one after the other, until it is decided or has to stop.
async fn of_check(shared: Arc<Shared>, n: usize) {
    let check = shared.settings.selected[n].check.clone();
    let provider = &check.labels.provider;
    let credentials = Credentials::of(&check);
    // How many runs in a row were repeated, for which reason.
    let (mut rolled, mut spent) = (0, 0);
    loop {
        let mut stop = shared.stop.clone();
        let turn = tokio::select! {
            turn = shared.pace.turn(&check, spent > 0, shared.until) => turn,
            () = stop.asked() => return,
        };
        let turn = match turn {
            Ok(turn) => turn,
            Err(left) => return shared.leave_alone(n, &CutOff::LeftAlone(left.0)),
        };
        let run = shared.started(n);
        shared.teller.tell(&Event::Started { check: &check.labels, run });
        let ran = shared.engine.run_for(Trigger::Smoke, &check, &credentials, shared.stop.clone()).await;
        drop(turn);
        let Some(outcome) = ran else { return };
        // A provider that has been judged is not rolling any more: what fails now counts.
        if let Some(why) = rolling::of_run(&outcome).filter(|_| shared.tally(n).is_new()) {
            rolled += 1;
            let again = tokio::select! {
                again = shared.waiting.again(provider, &why, rolled, &shared.teller) => again,
                () = stop.asked() => return,
            };
            if again {
                shared.tally(n).repeat();
                continue;
            }
            rolled -= 1;
        }
        if rolled > 0 {
            rolled = 0;
            shared.waiting.repeated(provider, rolling::of_run(&outcome).is_none(), &shared.teller);
        }
        if spent < MAX_SPENT && outcome.fault.as_ref().is_some_and(|fault| fault.class == Class::Budget) {
            spent += 1;
            shared.tally(n).repeat();
            continue;
        }
        spent = 0;
        if shared.judge(n, &outcome) {
            return;
        }
    }
}

impl Shared {
    /// The number of the run that begins.
    fn started(&self, n: usize) -> u32 {
        let mut tally = self.tally(n);
        tally.begin(self.engine.clock.instant());
        tally.next()
    }

    fn leave_alone(&self, n: usize, why: &CutOff) {
        let now = self.engine.clock.instant();
        self.concluded(n, why, now);
    }
}

#[cfg(test)]
#[path = "conduct_tests.rs"]
mod tests;
