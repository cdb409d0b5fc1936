//! What pages read of the ledger: little at once. A read of a disk that hangs cannot be called off and holds a thread for
//! ever, of a pool on which the looking up of names depends, too: so it is before the thread that others wait, and not for
//! long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Instant;

/// How long one waits for others.
const WAIT: Duration = Duration::from_secs(2);
/// How long an answer is told again.
const FRESH: Duration = Duration::from_secs(15);
/// The most answers that are kept.
const MOST: usize = 64;

/// Lets in so many at once.
pub struct Door(Arc<Semaphore>);

impl Door {
    /// For so many.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// A place, to be held until the work is done; the error: there is none.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, String> {
        let place = tokio::time::timeout(WAIT, self.0.clone().acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or_else(|| "the ledger is busy: try again in a moment".to_owned())
    }
}

/// The last answers of a plan `P`, by name.
pub struct Lately<P, T>(Mutex<Answers<P, T>>);

struct Answers<P, T> {
    of: Weak<P>,
    known: HashMap<String, (Instant, T)>,
}

impl<P, T: Clone> Lately<P, T> {
    /// None yet.
    pub fn new() -> Self {
        Self(Mutex::new(Answers { of: Weak::new(), known: HashMap::new() }))
    }

    /// What was answered lately, with that very plan.
    pub fn get(&self, plan: &Arc<P>, name: &str, now: Instant) -> Option<T> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = answers.known.get(name).filter(|_| answers.is_of(plan))?;
        (now.saturating_duration_since(*at) < FRESH).then(|| answer.clone())
    }

    /// Keeps an answer; of too many the oldest goes.
    pub fn put(&self, plan: &Arc<P>, name: String, answer: T, now: Instant) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !answers.is_of(plan) {
            *answers = Answers { of: Arc::downgrade(plan), known: HashMap::new() };
        }
        answers.known.insert(name, (now, answer));
        while answers.known.len() > MOST {
            let oldest = answers.known.iter().min_by_key(|(_, (at, _))| *at).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { return };
            answers.known.remove(&oldest);
        }
    }
}

impl<P, T> Answers<P, T> {
    fn is_of(&self, plan: &Arc<P>) -> bool {
        std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_waits_and_not_for_long() {
        let (door, clock) = (Door::new(1), Clock::system());
        let first = door.enter().await.unwrap();
        let began = clock.instant();
        let refused = door.enter().await.unwrap_err();
        let refused = (refused.as_str(), began.elapsed().as_secs());
        assert_eq!(refused, ("the ledger is busy: try again in a moment", WAIT.as_secs()));
        let leaves = async {
            tokio::time::sleep(WAIT / 2).await;
            drop(first);
        };
        let (entered, ()) = tokio::join!(door.enter(), leaves);
        assert!(entered.is_ok());
        // Whoever stops waiting takes no place.
        drop(entered);
        assert!(door.enter().await.is_ok());
    }

    #[test]
    fn an_answer_is_told_again_for_a_while_with_the_same_plan() {
        let (plan, other) = (Arc::new("plan"), Arc::new("plan"));
        let (lately, now) = (Lately::new(), Clock::system().instant());
        assert_eq!(lately.get(&plan, "login", now), None);
        lately.put(&plan, "login".to_owned(), 1, now);
        let just = FRESH.saturating_sub(Duration::from_millis(1));
        for (plan, name, later, expected) in [
            (&plan, "login", Duration::ZERO, Some(1)),
            (&plan, "login", just, Some(1)),
            (&plan, "login", FRESH, None),
            (&plan, "keys", Duration::ZERO, None),
            (&other, "login", Duration::ZERO, None),
        ] {
            assert_eq!(lately.get(plan, name, now + later), expected, "{name} after {later:?}");
        }
        lately.put(&other, "keys".to_owned(), 2, now);
        assert_eq!((lately.get(&plan, "login", now), lately.get(&other, "login", now)), (None, None));
        assert_eq!(lately.get(&other, "keys", now), Some(2));
    }

    #[test]
    fn answers_are_bounded() {
        let (plan, lately, now) = (Arc::new(()), Lately::new(), Clock::system().instant());
        for n in 0..MOST + 6 {
            lately.put(&plan, n.to_string(), n, now + Duration::from_millis(n as u64));
        }
        let later = now + Duration::from_secs(1);
        let known = (0..MOST + 6).filter(|n| lately.get(&plan, &n.to_string(), later).is_some());
        assert_eq!(known.collect::<Vec<_>>(), (6..MOST + 6).collect::<Vec<_>>());
    }
}
