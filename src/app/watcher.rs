//! Where outcomes go: metrics, traces, the log. None of them is waited for.

use std::sync::Arc;
use std::time::Duration;

use super::export::Export;
use crate::judge::Judge;
use crate::news::{News, Newsroom};
use crate::outcome::{CheckLabels, Outcome, Trigger, Verdict};
use crate::runner::{Missed, Watch};
use crate::sink::metrics::Metrics;

/// See the module.
pub struct Sinks {
    /// To scrape.
    pub metrics: Arc<Metrics>,
    /// To push.
    pub export: Arc<Export>,
    /// To count, evaluate and keep.
    pub judge: Arc<Judge>,
    /// Whoever watches.
    pub newsroom: Newsroom,
    /// Who else wants to know.
    pub also: Option<Arc<dyn Watch>>,
    /// Whether runs are logged.
    pub log_runs: bool,
}

impl Watch for Sinks {
    fn outcome(&self, outcome: &Arc<Outcome>) {
        self.metrics.outcome(outcome);
        self.export.outcome(outcome);
        self.judge.outcome(outcome);
        self.news(outcome);
        if self.log_runs {
            log(outcome);
        }
        if let Some(also) = &self.also {
            also.outcome(outcome);
        }
    }

    fn missed(&self, check: &CheckLabels, why: Missed, times: u64) {
        self.metrics.missed_times(check, why.as_str(), times);
        self.judge.missed(check, why, times);
        tracing::debug!(probe = %check.probe, region = %check.region, reason = why.as_str(), times, "run missed");
        if let Some(also) = &self.also {
            also.missed(check, why, times);
        }
    }

    fn started(&self, check: &CheckLabels) {
        self.judge.started(check);
    }

    fn lateness(&self, late: Duration) {
        self.metrics.lateness(late);
    }
}

impl Sinks {
    /// For pages that are open. Many may wait for somebody slow: without their pictures, which are large.
    fn news(&self, outcome: &Arc<Outcome>) {
        if self.newsroom.is_heard() {
            let light = outcome.screenshot().map(|_| Arc::new(outcome.without_screenshot()));
            self.newsroom.tell(News::Run(light.unwrap_or_else(|| outcome.clone())));
        }
    }
}

/// One line a run. An outcome holds nothing secret: the journey has scrubbed it. What fails is a warning, but not in runs
/// for confirmation: there failures are expected, up to one a second, and the detector says what they came to.
fn log(outcome: &Outcome) {
    let Outcome { check, trace_id, trigger, .. } = outcome;
    let (probe, region, kind) = (&*check.probe, &*check.region, check.kind);
    let (seconds, trigger, verdict) = (outcome.duration.as_secs_f64(), trigger.as_str(), outcome.verdict.as_str());
    match &outcome.fault {
        Some(fault) if outcome.verdict != Verdict::Good && outcome.trigger != Trigger::Confirmation => tracing::warn!(
            probe,
            region,
            kind,
            trigger,
            verdict,
            class = fault.class.as_str(),
            blame = fault.blame.as_str(),
            step = fault.step,
            detail = fault.detail,
            duration_seconds = seconds,
            %trace_id,
            "run {verdict}"
        ),
        _ => tracing::debug!(
            probe,
            region,
            kind,
            trigger,
            verdict,
            class = outcome.fault.as_ref().map(|fault| fault.class.as_str()),
            step = outcome.fault.as_ref().map(|fault| fault.step),
            warnings = outcome.warnings.len(),
            duration_seconds = seconds,
            %trace_id,
            "run {verdict}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::metrics::MISSED_REASONS;

    /// Every reason has its series at 0 before the first run.
    #[test]
    fn runner_and_metrics_know_the_same_reasons() {
        assert_eq!(Missed::ALL.map(Missed::as_str).as_slice(), MISSED_REASONS);
    }
}
