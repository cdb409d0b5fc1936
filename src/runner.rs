//! Who runs a check when: one scheduling task, a task a run, and what limits them.
//!
//! | module | what |
//! |---|---|
//! | `agenda` | due times of all checks (pure) |
//! | `scheduler` | the task that sleeps until one comes, and decides |
//! | `lane` | a check with its gate, its cost, its provider's budget |
//! | [`accounts`], `guard` | which credentials may be tried (pure; and its waiting) |
//! | `engine`, [`execute`] | what a run goes through; the run itself |
//! | `confirm` | runs that the outage detector asks for |
//! | `history` | the outcomes still at hand |

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::outcome::Outcome;
use crate::plan::Plan;

pub mod accounts;
pub(crate) mod agenda;
pub(crate) mod confirm;
mod engine;
pub mod execute;
mod guard;
mod history;
pub(crate) mod lane;
mod missed;
mod scheduler;
#[cfg(test)]
pub(crate) mod testing;

pub use engine::{Engine, Ran, Watch};
use execute::clean_up;
pub use execute::{CLEANUP_GRACE, Stop, Stopper};
pub use guard::{Credentials, Guard};
pub use history::History;
pub use lane::Lane;
pub use missed::Missed;
use scheduler::{Order, Scheduler};

/// How many runs there may be at once: beyond it, due runs are missed with reason `capacity`. Each holds a connection
/// or two; the usual limit of open files is 1024.
pub const CAPACITY: usize = 400;
/// How often the secrets of stopped accounts are read again.
const REREAD: Duration = Duration::from_secs(5);

/// The running engine.
pub struct Runner {
    engine: Arc<Engine>,
    state: Mutex<State>,
    capacity: Arc<Semaphore>,
    paused: Arc<AtomicBool>,
    stop: Stop,
    stopper: Stopper,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

struct State {
    plan: Arc<Plan>,
    lanes: Vec<Arc<Lane>>,
    /// `None` before the start and once draining has begun.
    running: Option<Running>,
}

struct Running {
    orders: mpsc::UnboundedSender<Order>,
    /// For those who ask for runs from a thread that is not the runtime's.
    runtime: Handle,
}

impl Runner {
    /// For a plan; nothing is scheduled yet.
    pub fn new(engine: Arc<Engine>, plan: Arc<Plan>) -> Self {
        let (stopper, stop) = Stopper::new();
        let lanes = lane::lanes(&plan, &engine.memories, &[]);
        engine.history.retain(&probe_names(&plan));
        Self {
            engine,
            state: Mutex::new(State { plan, lanes, running: None }),
            capacity: Arc::new(Semaphore::new(CAPACITY)),
            paused: Arc::default(),
            stop,
            stopper,
            tasks: Mutex::default(),
        }
    }

    /// Starts scheduling, once. Must be called within the runtime.
    pub fn start(&self) {
        let (orders, receiver) = mpsc::unbounded_channel();
        let mut state = self.state();
        state.running = Some(Running { orders, runtime: Handle::current() });
        let scheduler = Scheduler {
            engine: self.engine.clone(),
            capacity: self.capacity.clone(),
            paused: self.paused.clone(),
            stop: self.stop.clone(),
            orders: receiver,
        };
        let scheduling = tokio::spawn(scheduler.run(state.lanes.clone()));
        let rereading = tokio::spawn(reread_secrets(self.engine.clone()));
        self.tasks.lock().expect("tasks").extend([scheduling, rereading]);
    }

    /// The plan in force.
    pub fn plan(&self) -> Arc<Plan> {
        self.state().plan.clone()
    }

    /// Swaps the plan. Unchanged checks keep phase and memory, runs in progress end under the old plan, and if anything
    /// was changed refused credentials may be tried again.
    pub fn apply(&self, plan: Arc<Plan>) {
        let mut state = self.state();
        let lanes = lane::lanes(&plan, &self.engine.memories, &state.lanes);
        self.forget(&state.plan, &plan);
        self.engine.history.retain(&probe_names(&plan));
        if plan.fingerprint != state.plan.fingerprint {
            self.engine.guard.configuration_changed(|account| lanes.iter().any(|lane| lane.credentials.uses(account)));
        }
        if let Some(running) = &state.running {
            // The task ends only after the sender is gone.
            let _ = running.orders.send(Order::Lanes(lanes.clone()));
        }
        (state.plan, state.lanes) = (plan, lanes);
    }

    /// Forgets what the new plan has no use for: a check of another kind, provider or client is another one.
    fn forget(&self, old: &Plan, new: &Plan) {
        let before: HashSet<_> = old.checks.iter().map(|check| &check.labels).collect();
        let same = new.checks.iter().filter(|check| before.contains(&check.labels));
        let kept: HashSet<String> = same.map(|check| check.labels.to_string()).collect();
        let cleanups = self
            .engine
            .memories
            .retain(|provider| new.providers.iter().any(|own| &*own.name == provider), |id| kept.contains(id));
        if !cleanups.is_empty() {
            // Counts as a run, so that the end of the process waits for it.
            let permit = self.capacity.clone().try_acquire_owned();
            tokio::spawn(async move {
                clean_up(cleanups).await;
                drop(permit);
            });
        }
    }

    /// Pauses or resumes scheduled runs.
    pub fn pause(&self, pause: bool) {
        self.paused.store(pause, Ordering::Relaxed);
    }

    /// Whether scheduled runs are paused.
    pub fn paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Whether it schedules: false before the start and once it drains.
    pub fn ready(&self) -> bool {
        self.state().running.is_some()
    }

    /// What runs go through.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Runs a probe now, in all its regions at once or in that one; one run over all of them, if its kind runs so.
    /// `None`: no such probe or region. Waits for a run of the same check that is in progress.
    pub async fn run_now(&self, probe: &str, region: Option<&str>) -> Option<Vec<Arc<Outcome>>> {
        let lanes: Vec<_> = self.state().lanes.iter().filter(|lane| is(lane, probe, region)).cloned().collect();
        if lanes.is_empty() {
            return None;
        }
        let runs = lanes.iter().map(|lane| async move {
            let _gate = lane.wait().await?;
            let _permit = self.capacity.acquire().await.ok()?;
            self.engine.run_now(&lane.check, &lane.credentials, self.stop.clone()).await
        });
        Some(futures_util::future::join_all(runs).await.into_iter().flatten().collect())
    }

    /// Starts no more runs and waits for those in progress: `grace`, then they are asked to stop and may still clean up.
    /// Says how many were left behind even so.
    pub async fn shutdown(&self, grace: Duration) -> usize {
        let running = self.state().running.take();
        if let Some(running) = &running {
            let _ = running.orders.send(Order::Drain);
        }
        let all = || self.capacity.acquire_many(u32::try_from(CAPACITY).unwrap_or(u32::MAX));
        let mut over = tokio::time::timeout(grace, all()).await;
        if over.is_err() {
            tracing::warn!(runs = CAPACITY - self.capacity.available_permits(), "grace time is over: stopping runs");
            self.stopper.stop();
            over = tokio::time::timeout(CLEANUP_GRACE + Duration::from_secs(1), all()).await;
        }
        let left = if over.is_ok() { 0 } else { CAPACITY - self.capacity.available_permits() };
        self.capacity.close();
        self.engine.clean_up().await;
        drop(running);
        self.tasks.lock().expect("tasks").iter().for_each(JoinHandle::abort);
        left
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("runner state")
    }
}

fn is(lane: &Lane, probe: &str, region: Option<&str>) -> bool {
    let labels = &lane.check.labels;
    &*labels.probe == probe && region.is_none_or(|region| lane.check.probe.covers(&labels.region, region))
}

fn probe_names(plan: &Plan) -> Vec<Arc<str>> {
    plan.probes.iter().map(|probe| probe.name.clone()).collect()
}

/// A stopped account goes on when its secret changes.
async fn reread_secrets(engine: Arc<Engine>) {
    loop {
        tokio::time::sleep(REREAD).await;
        if !engine.guard.stopped().is_empty() {
            let guard = engine.guard.clone();
            let _ = tokio::task::spawn_blocking(move || guard.reread()).await;
        }
    }
}

#[cfg(test)]
mod confirm_tests;
#[cfg(test)]
mod tests;
