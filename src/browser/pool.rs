//! Browsers on loan: at most so many at once, warm, replaced in time.

use std::sync::{Mutex, MutexGuard};

use super::Settings;
use crate::clock::Clock;

/// See the module. None is started before one is asked for.
pub struct Browsers {
    clock: Clock,
    settings: Mutex<Settings>,
}

impl Browsers {
    /// With default settings.
    pub fn new(clock: Clock) -> Self {
        Self { clock, settings: Mutex::default() }
    }

    /// From now on with these settings: browsers that were started with others are replaced.
    pub fn configure(&self, settings: Settings) {
        *self.settings() = settings;
    }

    /// Ends all browsers and waits until they are gone.
    pub async fn shutdown(&self) {
        let _ = &self.clock;
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().expect("browser settings")
    }
}
