//! The one scheduling task: sleeps until something is due, decides whether it runs, and never waits for a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::agenda::Agenda;
use super::engine::{Engine, Ran};
use super::execute::Stop;
use super::lane::Lane;
use super::missed::Missed;
use crate::clock::{Instant, Timestamp};
use crate::outcome::Trigger;

/// The longest sleep: so often the wall clock is compared with what has passed.
const NAP: Duration = Duration::from_secs(1);
/// A wall clock that goes back further than this was put back; less is it being slowed down.
const STEP: Duration = Duration::from_secs(1);

/// What the scheduling task is told.
pub enum Order {
    /// These checks from now on.
    Lanes(Vec<Arc<Lane>>),
    /// Start no more runs; due times are counted as missed until the orders end.
    Drain,
}

/// See the module.
pub struct Scheduler {
    pub engine: Arc<Engine>,
    /// How many runs there may be at once.
    pub capacity: Arc<Semaphore>,
    /// By hand.
    pub paused: Arc<AtomicBool>,
    pub stop: Stop,
    pub orders: mpsc::UnboundedReceiver<Order>,
}

impl Scheduler {
    /// Until nobody can give orders any more.
    pub async fn run(mut self, lanes: Vec<Arc<Lane>>) {
        let mut agenda = Agenda::new(lanes, self.engine.clock.now());
        let mut watch = StepWatch::new(&self.engine);
        let mut draining = false;
        loop {
            let now = self.engine.clock.now();
            if watch.went_back(&self.engine) {
                tracing::warn!("the clock was put back: all due times are planned anew");
                agenda.restart(now);
            }
            while let Some(came) = agenda.pop(self.engine.clock.now()) {
                if came.run && !draining {
                    self.due(came.what, came.scheduled);
                }
                let missed = came.missed + u64::from(draining && came.run);
                if missed > 0 {
                    let why = if draining { Missed::Shutdown } else { Missed::Late };
                    self.engine.watch.missed(&came.what.check.labels, why, missed);
                }
            }
            let nap = agenda.next().map_or(NAP, |due| due.since(self.engine.clock.now()).min(NAP));
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Lanes(lanes)) => agenda.replace(lanes, self.engine.clock.now()),
                    Some(Order::Drain) => draining = true,
                    None => return,
                },
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Starts a run, or counts why not.
    fn due(&self, lane: &Arc<Lane>, scheduled: Timestamp) {
        if let Err(why) = self.start(lane, scheduled) {
            self.engine.watch.missed(&lane.check.labels, why, 1);
        }
    }

    fn start(&self, lane: &Arc<Lane>, scheduled: Timestamp) -> Result<(), Missed> {
        if self.paused.load(Ordering::Relaxed) {
            return Err(Missed::Paused);
        }
        let gate = lane.enter()?;
        if self.engine.guard.is_stopped(&lane.credentials) {
            return Err(Missed::Account);
        }
        let reservation = lane.afford(self.engine.clock.now())?;
        let permit = self.capacity.clone().try_acquire_owned().map_err(|_| Missed::Capacity)?;
        self.engine.watch.started(&lane.check.labels);
        let (engine, lane, stop) = (self.engine.clone(), lane.clone(), self.stop.clone());
        tokio::spawn(async move {
            engine.watch.lateness(engine.clock.now().since(scheduled));
            let ran = engine.run(&lane.check, &lane.credentials, Trigger::Scheduled, scheduled, stop).await;
            match ran {
                Ran::Done(_) => {}
                Ran::Stopped(_) => engine.watch.missed(&lane.check.labels, Missed::Account, 1),
                Ran::Interrupted => engine.watch.missed(&lane.check.labels, Missed::Shutdown, 1),
            }
            drop((gate, reservation, permit));
        });
        Ok(())
    }
}

/// Notices that the wall clock went back. A step forward needs no notice: what is due by then is late.
struct StepWatch {
    wall: Timestamp,
    monotonic: Instant,
}

impl StepWatch {
    fn new(engine: &Engine) -> Self {
        Self { wall: engine.clock.now(), monotonic: engine.clock.instant() }
    }

    fn went_back(&mut self, engine: &Engine) -> bool {
        let Self { wall, monotonic } = std::mem::replace(self, Self::new(engine));
        let expected = wall + self.monotonic.duration_since(monotonic);
        expected.since(self.wall) > STEP
    }
}
