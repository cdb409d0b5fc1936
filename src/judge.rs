//! Judges what runs found: counts it for every objective, evaluates them, lets alerts fire and end, tells receivers, and
//! feeds the ledger. A thread of its own: runs hand over and go on, and neither a large configuration nor a slow disk holds
//! them up.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::alert::Alert;
use crate::alert::conditions::Deployment;
use crate::alert::machine::Change;
use crate::clock::{Clock, Timestamp};
use crate::detect::Ruling;
use crate::news::Newsroom;
use crate::notify::{self, Notifier, Sent};
use crate::outcome::{CheckLabels, Outcome};
use crate::plan::Plan;
use crate::runner::Missed;
use crate::sink::metrics::Metrics;
use crate::slo::maintenance::Window;
use crate::slo::{Evaluation, Maintenance, Tally};
use crate::store::{KeptKey, KeptRun, RunsQuery, Store};

mod cases;
mod feed;
mod herald;
mod past;
pub(crate) mod state;
mod trends;
pub(crate) mod work;

use feed::Keeper;
use state::State;
use trends::Followed;

/// How much may wait to be counted.
const INBOX: usize = 16_384;
/// How long receivers may take to hear the last news, and the ledger to be written.
const LAST: Duration = Duration::from_secs(5);

/// What happens in this time after a deployment is as good as before it, where that is counted.
const JUST_NOW: Duration = Duration::from_secs(1);

/// What was counted since a time.
#[derive(Clone, Debug, Default)]
pub struct CountedSince {
    /// From then on: the time that was asked for, or the minute in which it lies.
    pub from: Timestamp,
    /// By objective.
    pub tallies: Vec<(Arc<str>, Tally)>,
}

/// What it asks about the daemon.
pub struct Ears {
    /// Accounts whose credentials are refused, with the reason.
    pub stopped: Box<dyn Fn() -> Vec<(String, String)> + Send + Sync>,
    /// Whether scheduled runs are paused by hand.
    pub paused: Box<dyn Fn() -> bool + Send + Sync>,
    /// Whether runs are scheduled.
    pub ready: Box<dyn Fn() -> bool + Send + Sync>,
    /// Starts a confirmation run of a check, or says that it cannot be made now. Must not wait.
    pub confirm: Box<dyn Fn(&CheckLabels) -> bool + Send + Sync>,
    /// Signing keys of which more is known than at the last call.
    pub keys: Box<dyn Fn() -> Vec<KeptKey> + Send + Sync>,
}

/// Whoever is told at once when an alert fires or is over; must not wait.
pub type Told = Box<dyn Fn(&Change) + Send + Sync>;

enum News {
    Outcome(Arc<Outcome>),
    Missed(CheckLabels, u64),
    Started(CheckLabels),
    Look,
    Stop,
}

/// See the module.
pub struct Judge {
    shared: Arc<Shared>,
    inbox: SyncSender<News>,
    waiting: Mutex<Option<Receiver<News>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    clock: Clock,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    shown: Mutex<Shown>,
    keeper: Option<Arc<Keeper>>,
    notifier: Mutex<Option<(notify::Settings, Notifier)>>,
    told: Told,
    newsroom: Newsroom,
    /// What the ledger is to be told of signing keys, by provider and thumbprint.
    keys: Mutex<BTreeMap<(String, String), KeptKey>>,
    /// Whether nobody else tells of changes.
    logs: bool,
    asked: Asked,
    followed: Followed,
}

/// What the thread is asked to do soon: no full queue can lose it.
#[derive(Default)]
struct Asked {
    evaluate: AtomicBool,
    /// There are other objectives: the ledger may know their past.
    reread: AtomicBool,
    /// The hour in which they were asked for, and hours of minutes that the ledger was asked for in it.
    hours: Mutex<(i64, HashSet<i64>)>,
    /// Whatever is still being read is of no use any more.
    stopping: AtomicBool,
}

/// What readers see: they wait for nobody who counts.
#[derive(Default)]
struct Shown {
    evaluations: Arc<Vec<Evaluation>>,
    rulings: Arc<Vec<Ruling>>,
    alerts: Arc<Vec<Alert>>,
}

/// Receivers that are ready to take over.
pub struct Prepared(Option<(notify::Settings, Notifier)>);

impl Judge {
    /// For a plan: opens its ledger and goes on from there. Changes of alerts are logged unless somebody is `told`. Reads files: not for async tasks, but within the runtime. The
    /// error: something configured cannot be used.
    pub fn open(plan: &Plan, metrics: Arc<Metrics>, clock: Clock, told: Option<Told>) -> Result<Self, String> {
        let notifier = Some(notifier(&plan.alerting.notify, &metrics, &clock)?);
        let (store, opened) = match &plan.store {
            None => (None, None),
            Some(settings) => {
                let (store, opened) = Store::open(settings, clock.clone())?;
                (Some(store), Some(opened))
            }
        };
        metrics.objectives(&plan.objectives);
        let state = State::new(plan, store.as_ref(), opened, &metrics, clock.now())?;
        let keeper = store.zip(plan.store.as_ref()).map(|(store, settings)| {
            metrics.keep_counters();
            Arc::new(Keeper::new(store, settings.path.clone(), metrics.clone(), clock.clone()))
        });
        let followed = Followed::new(plan, clock.now());
        let (inbox, waiting) = sync_channel(INBOX);
        let shared = Shared {
            clock,
            metrics,
            state: Mutex::new(state),
            shown: Mutex::default(),
            keeper,
            notifier: Mutex::new(notifier),
            logs: told.is_none(),
            told: told.unwrap_or_else(|| Box::new(state::log)),
            newsroom: Newsroom::default(),
            keys: Mutex::default(),
            asked: Asked::default(),
            followed,
        };
        Ok(Self { shared: Arc::new(shared), inbox, waiting: Mutex::new(Some(waiting)), thread: Mutex::default() })
    }

    /// Starts judging, once.
    pub fn start(&self, ears: Ears) -> Result<(), String> {
        let Some(waiting) = lock(&self.waiting).take() else { return Ok(()) };
        if let Some(keeper) = &self.shared.keeper {
            keeper.start(self.shared.clone());
        }
        self.shared.recall();
        let shared = self.shared.clone();
        let judging = move || shared.work(&waiting, &ears);
        let thread = std::thread::Builder::new().name("judge".to_owned()).spawn(judging);
        *lock(&self.thread) = Some(thread.map_err(|error| format!("cannot start a thread: {error}"))?);
        Ok(())
    }

    /// Takes in a run. Never waits.
    pub fn outcome(&self, outcome: &Arc<Outcome>) {
        // Pictures are large, and nothing here looks at them.
        let light = outcome.screenshot().map(|_| Arc::new(outcome.without_screenshot()));
        let light = light.unwrap_or_else(|| outcome.clone());
        if let Some(keeper) = &self.shared.keeper {
            keeper.store.outcome(&light);
        }
        self.tell(News::Outcome(light));
    }

    /// Takes in runs that did not take place. Never waits.
    pub fn missed(&self, check: &CheckLabels, why: Missed, times: u64) {
        // The run before was still under way: it covers that time.
        if why != Missed::Overlap {
            self.tell(News::Missed(check.clone(), times));
        }
    }

    /// Takes in that a scheduled run began. Never waits.
    pub fn started(&self, check: &CheckLabels) {
        self.tell(News::Started(check.clone()));
    }

    /// Where it tells what happens.
    pub fn newsroom(&self) -> &Newsroom {
        &self.shared.newsroom
    }

    fn tell(&self, news: News) {
        if let Err(TrySendError::Full(lost)) = self.inbox.try_send(news) {
            self.shared.metrics.unjudged(match lost {
                News::Outcome(_) => 1,
                News::Missed(_, times) => times,
                News::Started(_) | News::Look | News::Stop => 0,
            });
        }
    }

    fn evaluate_soon(&self) {
        self.shared.asked.evaluate.store(true, Ordering::Release);
        self.tell(News::Look);
    }

    /// Makes new receivers if a plan has others. The error: they cannot work.
    pub fn prepare(&self, plan: &Plan) -> Result<Prepared, String> {
        let running = lock(&self.shared.notifier);
        if running.as_ref().map(|(settings, _)| settings) == Some(&plan.alerting.notify) {
            return Ok(Prepared(None));
        }
        drop(running);
        Ok(Prepared(Some(notifier(&plan.alerting.notify, &self.shared.metrics, &self.shared.clock)?)))
    }

    /// Goes on with another plan and those receivers.
    pub async fn apply(&self, plan: &Plan, prepared: Prepared) {
        self.shared.replace(plan);
        self.shared.followed.replace(plan, self.shared.clock.now());
        self.shared.recall();
        if let (Some(keeper), Some(settings)) = (&self.shared.keeper, &plan.store) {
            keeper.store.configure(settings);
        }
        let old = match prepared {
            Prepared(None) => None,
            Prepared(new) => std::mem::replace(&mut *lock(&self.shared.notifier), new),
        };
        self.evaluate_soon();
        if let Some((_, old)) = old {
            old.shutdown(LAST).await;
        }
    }

    /// Where the ledger is, if there is one.
    pub fn ledger_path(&self) -> Option<&std::path::Path> {
        self.shared.keeper.as_ref().map(|keeper| &*keeper.path)
    }

    /// Where every objective stood at the last evaluation.
    pub fn evaluations(&self) -> Arc<Vec<Evaluation>> {
        lock(&self.shared.shown).evaluations.clone()
    }

    /// What the detectors said at the last evaluation.
    pub fn rulings(&self) -> Arc<Vec<Ruling>> {
        lock(&self.shared.shown).rulings.clone()
    }

    /// All alerts that are not inactive, and those that were over lately.
    pub fn alerts(&self) -> Arc<Vec<Alert>> {
        lock(&self.shared.shown).alerts.clone()
    }

    /// All maintenance.
    pub fn maintenance(&self) -> Maintenance {
        self.shared.state().maintenance.clone()
    }

    /// Adds a window or replaces that of its id. Waits some seconds for the disk: not for async tasks. `Ok`: it is in force,
    /// and kept (where the disk hangs: as soon as it answers). The error: it is neither.
    pub fn put_maintenance(&self, window: Window, action: &str, by: &str) -> Result<(), String> {
        if let Some(keeper) = &self.shared.keeper {
            keeper.store.put_window(&window, action, by)?;
        }
        tracing::info!(id = window.id, action, by, probes = ?window.probes, "maintenance");
        self.shared.state().put_window(window, self.shared.clock.now());
        self.evaluate_soon();
        Ok(())
    }

    /// What was counted for each objective from the minute of `since` on; from `since` itself, if a deployment was marked
    /// just then.
    pub fn counted_since(&self, since: Timestamp) -> CountedSince {
        self.shared.state().counted_since(since, self.shared.clock.now())
    }

    /// Deployments that were marked lately, newest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        self.shared.state().deployments.clone()
    }

    /// Marks a deployment. As above.
    pub fn mark_deployment(&self, mut deployment: Deployment) -> Result<(), String> {
        let now = self.shared.clock.now();
        let at = Timestamp::from_nanos(deployment.at_nanos);
        let minute = |at: Timestamp| at.as_secs().div_euclid(60);
        // What this minute has counted so far was before it: of another minute, or of a moment to come, that says nothing.
        if at <= now && minute(at) == minute(now) && now.since(at) < JUST_NOW {
            deployment.before = Some(self.shared.state().counted_in_minute(now));
        }
        if let Some(keeper) = &self.shared.keeper {
            keeper.store.put_deployment(&deployment)?;
        }
        tracing::info!(service = deployment.service, version = deployment.version, "deployment");
        self.shared.state().put_deployment(deployment);
        Ok(())
    }

    /// Runs that the ledger keeps. Reads files. `None`: there is no ledger.
    pub fn kept_runs(&self, query: &RunsQuery) -> Option<Result<Vec<KeptRun>, String>> {
        Some(self.shared.keeper.as_ref()?.store.runs(query))
    }

    /// The run with that trace id that the ledger keeps. Reads files.
    pub fn kept_run(&self, trace_id: &str) -> Option<Result<Option<KeptRun>, String>> {
        Some(self.shared.keeper.as_ref()?.store.run(trace_id))
    }

    /// Why the ledger cannot be written at present.
    pub fn ledger_failing(&self) -> Option<String> {
        self.shared.keeper.as_ref()?.store.failing()
    }

    /// Counts what it was told, evaluates once more, tells receivers, writes the ledger, and ends.
    pub async fn shutdown(&self) {
        self.shared.asked.stopping.store(true, Ordering::Release);
        let (inbox, thread, shared) = (self.inbox.clone(), lock(&self.thread).take(), self.shared.clone());
        // Both wait: for what is in the queue, and for the disk.
        let ending = tokio::task::spawn_blocking(move || {
            let _ = inbox.send(News::Stop);
            if let Some(thread) = thread {
                let _ = thread.join();
            }
            if let Some(keeper) = &shared.keeper {
                keeper.store.shutdown(LAST);
            }
        });
        if tokio::time::timeout(2 * LAST, ending).await.is_err() {
            tracing::warn!("the last counts could not be written in time");
        }
        let notifier = lock(&self.shared.notifier).take();
        if let Some((_, notifier)) = notifier {
            notifier.shutdown(LAST).await;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Counts for another plan from now on.
    fn replace(&self, plan: &Plan) {
        let mut state = self.state();
        // The ledger has nothing to say of what is as it was.
        if state.book.objectives() != plan.objectives {
            self.asked.reread.store(true, Ordering::Release);
        }
        // Counters and counts change together.
        let counted = state.replace(plan, self.clock.now());
        self.metrics.slo_counted(&counted);
    }
}

fn notifier(
    settings: &notify::Settings,
    metrics: &Arc<Metrics>,
    clock: &Clock,
) -> Result<(notify::Settings, Notifier), String> {
    metrics.receivers(&Notifier::receivers(settings), &Sent::ALL.map(Sent::as_str));
    let counting = metrics.clone();
    let count: notify::Count = Arc::new(move |receiver, sent| counting.notified(receiver, sent.as_str()));
    Ok((settings.clone(), Notifier::start(settings, count, clock.clone())?))
}

/// What was being changed when somebody panicked is still the best there is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
