//! The OTLP exporter of the plan in force, if it has one: a reload may bring another.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::clock::Clock;
use crate::outcome::Outcome;
use crate::sink::metrics::Metrics;
use crate::sink::otlp::{Otlp, Settings};

/// See the module.
pub struct Export {
    instance: String,
    metrics: Arc<Metrics>,
    clock: Clock,
    running: Mutex<Option<(Settings, Otlp)>>,
}

impl Export {
    /// Starts exporting if there are settings. The error: they cannot work, such as a CA file that is none.
    pub fn start(
        settings: Option<Settings>,
        instance: String,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, String> {
        let export = Self { instance, metrics, clock, running: Mutex::default() };
        *export.running() = export.build(settings)?;
        Ok(export)
    }

    /// Hands a run over.
    pub fn outcome(&self, outcome: &Arc<Outcome>) {
        if let Some((_, otlp)) = &*self.running() {
            // Spans show no pictures, and many runs may be waiting.
            let light = outcome.screenshot().map(|_| Arc::new(outcome.without_screenshot()));
            otlp.outcome(light.unwrap_or_else(|| outcome.clone()));
        }
    }

    /// The exporter of new settings, or `None` if these are what runs already. The error: they cannot work.
    pub fn prepare(&self, settings: Option<Settings>) -> Result<Option<Prepared>, String> {
        if self.running().as_ref().map(|(settings, _)| settings) == settings.as_ref() {
            return Ok(None);
        }
        Ok(Some(Prepared(self.build(settings)?)))
    }

    /// Goes on with that one; the other sends what it holds.
    pub async fn replace(&self, new: Prepared, grace: Duration) {
        let old = std::mem::replace(&mut *self.running(), new.0);
        if let Some((_, old)) = old {
            old.shutdown(grace).await;
        }
    }

    /// Sends what it holds, as far as that works within `grace`, and ends.
    pub async fn shutdown(&self, grace: Duration) {
        let last = self.running().take();
        if let Some((_, last)) = last {
            last.shutdown(grace).await;
        }
    }

    fn build(&self, settings: Option<Settings>) -> Result<Option<(Settings, Otlp)>, String> {
        let Some(settings) = settings else { return Ok(None) };
        let otlp = Otlp::start(settings.clone(), self.instance.clone(), self.metrics.clone(), self.clock.clone())?;
        Ok(Some((settings, otlp)))
    }

    fn running(&self) -> MutexGuard<'_, Option<(Settings, Otlp)>> {
        self.running.lock().expect("exporter")
    }
}

/// An exporter that is ready to take over.
pub struct Prepared(Option<(Settings, Otlp)>);
