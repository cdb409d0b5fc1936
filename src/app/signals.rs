//! What the operating system tells the daemon.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::control::Daemon;

/// SIGTERM and SIGINT: stop; SIGHUP: reload. From its making on, none of them ends the process by itself.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes over the signals. Must be called within the runtime. The error: the system does not let us.
    pub fn new() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Until the next that says stop.
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Until one says stop; reloads meanwhile.
    pub(super) async fn until_stop(&mut self, daemon: &Arc<Daemon>) {
        loop {
            tokio::select! {
                biased;
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    let daemon = daemon.clone();
                    // Its result is logged there, and must not hold up a stop.
                    tokio::spawn(async move { daemon.reload_now().await.is_ok() });
                }
            }
        }
    }
}
