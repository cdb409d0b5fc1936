//! Where logout tokens that providers send us (OIDC Back-Channel Logout 1.0 §2.5) meet the runs that wait for them.
//!
//! Nothing is kept for later: a letter goes to those who wait at its address now, and is gone with them. Whoever waits
//! looks whether it is meant for him; every run of a client sees every letter to that client.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::clock::Instant;
use crate::secret::Secret;

/// The path below `public_url` that addresses begin with; a client's name follows.
pub const PATH: &str = "/backchannel-logout/";
/// The largest letter (bytes).
pub const MAX_LETTER: usize = 8 * 1024;
/// How many letters may wait at one address; the oldest make room.
const MAX_WAITING: usize = 32;

/// A logout token that came.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The token: nothing about it is verified.
    pub token: Secret,
    /// When it came.
    pub received: Instant,
    votes: watch::Sender<Votes>,
}

/// What those who got a letter say of it.
#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    /// Whether it was accepted.
    accepted: Option<bool>,
    /// How many say that it is not about them.
    passed: usize,
}

impl Letter {
    /// Says whether it was accepted, for the sender. One that somebody accepts is accepted.
    pub fn answer(&self, accepted: bool) {
        self.votes.send_modify(|votes| votes.accepted = Some(accepted || votes.accepted == Some(true)));
    }

    /// Says that it is about somebody else. Once all say so, its sender need not wait.
    pub fn pass(&self) {
        self.votes.send_modify(|votes| votes.passed += 1);
    }
}

/// See the module.
#[derive(Debug)]
pub struct Mailbox {
    addresses: Mutex<HashMap<String, broadcast::Sender<Letter>>>,
    closed: Mutex<Option<String>>,
}

impl Default for Mailbox {
    /// One that nothing can come to yet.
    fn default() -> Self {
        let closed = "nothing of this process listens for them".to_owned();
        Self { addresses: Mutex::default(), closed: Mutex::new(Some(closed)) }
    }
}

impl Mailbox {
    /// From now on letters can come.
    pub fn open(&self) {
        *self.closed() = None;
    }

    /// No letters can come, and why.
    pub fn close(&self, why: impl Into<String>) {
        *self.closed() = Some(why.into());
    }

    /// Waits at an address from now on. The error: why no letters can come.
    pub fn wait_at(&self, address: &str) -> Result<Waiting, String> {
        if let Some(why) = &*self.closed() {
            return Err(why.clone());
        }
        let mut addresses = self.addresses();
        addresses.retain(|_, sender| sender.receiver_count() > 0);
        let sender = addresses.entry(address.to_owned()).or_insert_with(|| broadcast::channel(MAX_WAITING).0);
        Ok(Waiting(sender.subscribe()))
    }

    /// Hands a token to everybody who waits at its address. `None`: nobody does.
    pub fn post(&self, address: &str, token: Secret, received: Instant) -> Option<Posted> {
        let sender = self.addresses().get(address).cloned()?;
        let (sent, votes) = watch::channel(Votes::default());
        let readers = sender.send(Letter { token, received, votes: sent }).ok()?;
        Some(Posted { votes, readers })
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<String, broadcast::Sender<Letter>>> {
        self.addresses.lock().expect("mailbox")
    }

    fn closed(&self) -> MutexGuard<'_, Option<String>> {
        self.closed.lock().expect("mailbox")
    }
}

/// Somebody who waits at an address.
#[derive(Debug)]
pub struct Waiting(broadcast::Receiver<Letter>);

impl Waiting {
    /// The next letter; waits for ever if none comes.
    pub async fn next(&mut self) -> Letter {
        loop {
            match self.0.recv().await {
                Ok(letter) => return letter,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                // The mailbox outlives its runs.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

/// A letter that somebody has got.
#[derive(Debug)]
pub struct Posted {
    votes: watch::Receiver<Votes>,
    readers: usize,
}

impl Posted {
    /// Whether it was accepted; `None`: it is about nobody who is there, or nobody said within that time.
    pub async fn verdict(mut self, within: Duration) -> Option<bool> {
        let readers = self.readers;
        let said = |votes: &Votes| votes.accepted.is_some() || votes.passed >= readers;
        let answered = tokio::time::timeout(within, self.votes.wait_for(said)).await;
        answered.ok()?.ok().and_then(|votes| votes.accepted)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::clock::Clock;

    fn post(mailbox: &Mailbox, address: &str, token: &str) -> Option<Posted> {
        mailbox.post(address, Secret::new(token), Clock::system().instant())
    }

    #[tokio::test]
    async fn every_run_at_an_address_gets_every_letter_and_others_none() {
        let mailbox = Mailbox::default();
        mailbox.open();
        let (mut one, mut two) = (mailbox.wait_at("web").unwrap(), mailbox.wait_at("web").unwrap());
        let mut other = mailbox.wait_at("spa").unwrap();
        assert!(post(&mailbox, "web", "a").is_some());
        assert_eq!((one.next().await.token.expose(), two.next().await.token.expose()), ("a", "a"));
        assert!(other.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn nothing_is_kept_for_those_who_come_later() {
        let mailbox = Mailbox::default();
        mailbox.open();
        assert!(post(&mailbox, "web", "a").is_none());
        let mut late = mailbox.wait_at("web").unwrap();
        assert!(late.next().now_or_never().is_none());
        drop(late);
        assert!(post(&mailbox, "web", "b").is_none(), "they have gone");
        assert!(mailbox.wait_at("spa").is_ok());
        assert_eq!(mailbox.addresses().len(), 1, "and so has their address");
    }

    #[tokio::test]
    async fn the_oldest_letters_make_room() {
        let mailbox = Mailbox::default();
        mailbox.open();
        let mut waiting = mailbox.wait_at("web").unwrap();
        for number in 0..=MAX_WAITING {
            post(&mailbox, "web", &number.to_string()).unwrap();
        }
        assert_eq!(waiting.next().await.token.expose(), "1");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_posts_learns_whether_it_was_accepted() {
        let mailbox = Mailbox::default();
        mailbox.open();
        let (mut one, mut two) = (mailbox.wait_at("web").unwrap(), mailbox.wait_at("web").unwrap());
        let second = Duration::from_secs(1);
        let posted = post(&mailbox, "web", "a").unwrap();
        one.next().await.answer(true);
        two.next().await.answer(false);
        assert_eq!(posted.verdict(second).await, Some(true), "one of them accepted it");
        let posted = post(&mailbox, "web", "b").unwrap();
        one.next().await.answer(false);
        assert_eq!(posted.verdict(second).await, Some(false));
        assert_eq!(post(&mailbox, "web", "c").unwrap().verdict(second).await, None);
    }

    /// What nobody knows holds nobody up; one who knows it is waited for.
    #[tokio::test(start_paused = true)]
    async fn a_letter_that_is_about_nobody_is_answered_at_once() {
        let mailbox = Mailbox::default();
        mailbox.open();
        let (mut one, mut two) = (mailbox.wait_at("web").unwrap(), mailbox.wait_at("web").unwrap());
        let begun = Clock::system().instant();
        let posted = post(&mailbox, "web", "a").unwrap();
        one.next().await.pass();
        two.next().await.pass();
        assert_eq!(posted.verdict(Duration::from_secs(1)).await, None);
        assert_eq!(Clock::system().instant(), begun, "it did not wait");
        let posted = post(&mailbox, "web", "b").unwrap();
        one.next().await.pass();
        two.next().await.answer(true);
        assert_eq!(posted.verdict(Duration::from_secs(1)).await, Some(true));
    }

    #[test]
    fn a_closed_one_says_why() {
        let mailbox = Mailbox::default();
        assert!(mailbox.wait_at("web").unwrap_err().contains("listens"));
        mailbox.close("the address is taken");
        assert_eq!(mailbox.wait_at("web").unwrap_err(), "the address is taken");
    }

    #[test]
    fn letters_show_nothing() {
        let mailbox = Mailbox::default();
        mailbox.open();
        let mut waiting = mailbox.wait_at("web").unwrap();
        post(&mailbox, "web", "a-logout-token").unwrap();
        let letter = waiting.next().now_or_never().unwrap();
        assert!(!format!("{letter:?}").contains("a-logout-token"));
    }
}
