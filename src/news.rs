//! What happens, as it happens, for whoever watches: pages that are open. Who is slow misses some; nobody waits for them.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::alert::machine::Change;
use crate::outcome::Outcome;

/// How many may be on their way to somebody slow.
const ROOM: usize = 1024;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum News {
    /// A run ended.
    Run(Arc<Outcome>),
    /// An alert fires or is over.
    Alert(Change),
    /// Objectives were evaluated, and something of what is shown may be another than before.
    Evaluated,
    /// The configuration was read again: with or without success.
    Reloaded(bool),
    /// Something else that is shown was changed: maintenance, a deployment, a pause.
    Changed,
}

/// Where news is told.
#[derive(Clone, Debug)]
pub struct Newsroom(broadcast::Sender<News>);

impl Default for Newsroom {
    fn default() -> Self {
        Self(broadcast::Sender::new(ROOM))
    }
}

impl Newsroom {
    /// Tells all who listen. Never waits.
    pub fn tell(&self, news: News) {
        // Nobody listening is no failure.
        let _ = self.0.send(news);
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// All that is told from now on.
    pub fn listen(&self) -> broadcast::Receiver<News> {
        self.0.subscribe()
    }
}
