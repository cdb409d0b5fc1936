//! Writes that somebody waits for: not for ever. A disk that hangs can neither be hurried nor called off, so each is
//! written by a thread of its own, and there is one such thread at a time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::ledger::Ledger;
use super::{Shared, locked, schema};

/// How long one waits for the place, and then for the disk. Longer than SQLite waits for others that hold the file.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon what was promised is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The one place where is written.
#[derive(Debug, Default)]
pub(super) struct Place {
    taken: Mutex<Taken>,
    bell: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Taken {
    #[default]
    Free,
    Busy,
    /// Nobody waits for it any more: others need not begin to.
    Hangs,
}

/// How far a write is. Whoever waits and whoever writes agree on it before either goes on.
#[derive(Debug)]
enum Turn {
    /// The ledger is in another's hands.
    Waiting,
    /// It has begun: nobody can tell any more whether it will be on disk.
    Begun,
    /// It was refused before it began, and never begins.
    Refused,
    /// It was promised while it was under way, and is tried until it is on disk.
    Promised,
    /// The end: what became of it.
    Done(Result<(), String>),
}

type Waited = (Mutex<Turn>, Condvar);

/// `Ok`: it is on disk; or it is under way for so long that nobody waits any more, and will be there when the disk answers.
/// An error: it is not on disk, and will not be. Waits for the disk, but not for longer than some seconds.
pub(super) fn write(
    shared: &Arc<Shared>,
    work: impl FnMut(&mut Ledger) -> rusqlite::Result<()> + Send + 'static,
) -> Result<(), String> {
    write_within(shared, PATIENCE, work)
}

fn write_within(
    shared: &Arc<Shared>,
    patience: Duration,
    mut work: impl FnMut(&mut Ledger) -> rusqlite::Result<()> + Send + 'static,
) -> Result<(), String> {
    shared.place.take(patience)?;
    let turn: Arc<Waited> = Arc::new((Mutex::new(Turn::Waiting), Condvar::new()));
    let (theirs, ledger) = (turn.clone(), shared.clone());
    let thread = std::thread::Builder::new().name("ledger-change".to_owned()).spawn(move || {
        let _place = Leave(&ledger, &theirs);
        see_through(&ledger, &theirs, &mut work);
    });
    if let Err(error) = thread {
        shared.place.set(Taken::Free);
        return Err(format!("the ledger cannot be written: {error}"));
    }
    let (turn, bell) = &*turn;
    let going = |turn: &mut Turn| !matches!(turn, Turn::Done(_));
    let (mut turn, _) = bell.wait_timeout_while(locked(turn), patience, going).unwrap_or_else(PoisonError::into_inner);
    match &*turn {
        Turn::Done(result) => result.clone(),
        Turn::Waiting => {
            *turn = Turn::Refused;
            shared.place.hangs();
            Err(format!("the disk has not answered for {} s", patience.as_secs()))
        }
        _ => {
            *turn = Turn::Promised;
            shared.place.hangs();
            tracing::warn!("the disk is slow: a change is in force, and on disk when the disk answers");
            Ok(())
        }
    }
}

/// Writes, as long as somebody waits for it or it was promised.
fn see_through(shared: &Shared, (turn, bell): &Waited, work: &mut impl FnMut(&mut Ledger) -> rusqlite::Result<()>) {
    let mut told = String::new();
    loop {
        let result = match locked(&shared.ledger).as_mut() {
            Some(ledger) => {
                {
                    let mut turn = locked(turn);
                    match &*turn {
                        Turn::Refused => return,
                        Turn::Waiting => *turn = Turn::Begun,
                        Turn::Begun | Turn::Promised | Turn::Done(_) => {}
                    }
                }
                work(ledger)
                    .map_err(|error| (false, format!("the ledger cannot be written: {}", schema::reason(&error))))
            }
            None => Err((true, "the ledger is closed".to_owned())),
        };
        let mut turn = locked(turn);
        match (&*turn, result) {
            (Turn::Promised, Ok(())) => tracing::info!("the change that was waited for is on disk"),
            (Turn::Promised, Err((false, why))) => {
                if why != told {
                    tracing::warn!(why, "a change that is in force is not on disk yet");
                    told = why;
                }
                drop(turn);
                std::thread::sleep(AGAIN);
                continue;
            }
            (Turn::Promised, Err((true, why))) => tracing::error!(why, "a change that was in force is lost"),
            (_, result) => {
                *turn = Turn::Done(result.map_err(|(_, why)| why));
                bell.notify_all();
            }
        }
        return;
    }
}

impl Place {
    fn take(&self, patience: Duration) -> Result<(), String> {
        let busy = |taken: &mut Taken| *taken == Taken::Busy;
        let waited = self.bell.wait_timeout_while(locked(&self.taken), patience, busy);
        let (mut taken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *taken != Taken::Free {
            return Err("an earlier change is not on disk yet".to_owned());
        }
        *taken = Taken::Busy;
        Ok(())
    }

    fn set(&self, to: Taken) {
        *locked(&self.taken) = to;
        self.bell.notify_all();
    }

    /// Unless it has just ended.
    fn hangs(&self) {
        let mut taken = locked(&self.taken);
        if *taken == Taken::Busy {
            *taken = Taken::Hangs;
        }
        self.bell.notify_all();
    }
}

/// Leaves the place, and nobody waiting, whatever happens.
struct Leave<'s>(&'s Shared, &'s Waited);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let Self(shared, (turn, bell)) = self;
        let mut turn = locked(turn);
        // After a panic.
        if matches!(*turn, Turn::Waiting | Turn::Begun) {
            *turn = Turn::Done(Err("the ledger cannot be written; the log has the place".to_owned()));
            bell.notify_all();
        }
        drop(turn);
        shared.place.set(Taken::Free);
    }
}

#[cfg(test)]
#[path = "patient_tests.rs"]
mod tests;
