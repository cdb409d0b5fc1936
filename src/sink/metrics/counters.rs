//! Counters that go on after a restart. While a ledger keeps them, what is shown is what is on disk: whoever scrapes never
//! sees a count that a kill could take back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Metrics;
use super::declared::Wanted;
use super::family::values;
use super::table::{Scope, Shape};
use crate::clock::Timestamp;

/// Whether counters show what is on disk (`true`) or what was counted. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Show(Arc<AtomicBool>);

impl Show {
    fn only_kept(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A count and what of it is known to last.
#[derive(Debug)]
pub(super) struct Counter {
    show: Show,
    /// What was counted, restored counts included.
    live: AtomicU64,
    /// What an earlier process had counted.
    restored: AtomicU64,
    /// What was handed over last.
    handed: AtomicU64,
    /// The highest that was ever shown, or is known to be on disk.
    shown: AtomicU64,
}

impl Counter {
    pub(super) fn new(show: &Show) -> Self {
        let zero = AtomicU64::default;
        Self { show: show.clone(), live: zero(), restored: zero(), handed: zero(), shown: zero() }
    }

    pub(super) fn add(&self, by: u64) {
        self.live.fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn catch_up(&self, to: u64) {
        let to = to.saturating_add(self.restored.load(Ordering::Relaxed));
        self.live.fetch_max(to, Ordering::Relaxed);
    }

    pub(super) fn restore(&self, value: u64) {
        self.live.fetch_add(value, Ordering::Relaxed);
        self.restored.fetch_add(value, Ordering::Relaxed);
        self.handed.fetch_add(value, Ordering::Relaxed);
        self.shown.fetch_add(value, Ordering::Relaxed);
    }

    /// Never less than before.
    pub(super) fn shown(&self) -> u64 {
        if self.show.only_kept() {
            return self.shown.load(Ordering::Relaxed);
        }
        let live = self.live.load(Ordering::Relaxed);
        self.shown.fetch_max(live, Ordering::Relaxed).max(live)
    }

    /// What it is at, if that was not handed over yet.
    fn hand_over(&self) -> Option<u64> {
        let live = self.live.load(Ordering::Relaxed);
        (self.handed.swap(live, Ordering::Relaxed) != live).then_some(live)
    }

    /// What was handed over is on disk.
    fn kept(&self) {
        self.shown.fetch_max(self.handed.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The value of a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The metric.
    pub name: String,
    /// Its label values, in the order of its definition.
    pub labels: Vec<String>,
    /// What it is at.
    pub value: u64,
    /// Since when it counts.
    pub since: Timestamp,
}

impl Metrics {
    /// From now on counters show what [`Metrics::counters_kept`] said is on disk. Call it before the first scrape, when a
    /// ledger is in use.
    pub fn keep_counters(&self) {
        self.show_live(false);
    }

    /// `true`: counters show what was counted, since nothing can be kept at present (or nothing is kept at all: so it is
    /// from the start). Back again they stand still until the disk has caught up: they never go back.
    pub fn show_live(&self, live: bool) {
        self.limit.show.0.store(!live, Ordering::Release);
    }

    /// Counters that have changed since the last call, for whoever keeps them. One caller at a time. Takes about 20 ns a
    /// series; nobody who counts waits meanwhile.
    pub fn changed_counters(&self) -> Vec<Kept> {
        let mut changed = Vec::new();
        for family in self.counters() {
            family.each(|key, child| {
                if let Some(value) = child.counter().and_then(Counter::hand_over) {
                    let definition = family.definition();
                    // Without labels a key is one empty text: not a label's value.
                    let labels = definition.all_labels().zip(values(key)).map(|(_, value)| value.to_owned()).collect();
                    let name = definition.name.to_owned();
                    changed.push(Kept { name, labels, value, since: child.created() });
                }
            });
        }
        changed
    }

    /// Everything that [`Metrics::changed_counters`] returned is on disk. By the same caller.
    pub fn counters_kept(&self) {
        for family in self.counters() {
            family.each(|_, child| child.counter().into_iter().for_each(Counter::kept));
        }
    }

    /// Goes on from what an earlier process counted. Call it once, when all checks and objectives are declared: series that
    /// the configuration no longer has stay away.
    pub fn restore_counters(&self, kept: impl IntoIterator<Item = Kept>) {
        let declared = self.declared.read().expect("declared checks");
        let checks: Vec<_> = declared.iter().cloned().collect();
        let wanted = Wanted::new(&checks);
        for Kept { name, labels, value, since } in kept {
            let Some(family) = self.families.get(name.as_str()) else { continue };
            let definition = family.definition();
            if definition.shape != Shape::Counter || labels.len() != definition.all_labels().count() {
                continue;
            }
            let values: Vec<&str> = labels.iter().map(String::as_str).collect();
            // Some series of a check begin to exist with the first occurrence; all others are there by now.
            let child = match definition.scope {
                Scope::Check if wanted.check(&values) => self.series(definition, &values),
                Scope::Provider if wanted.provider(&values) => self.series(definition, &values),
                Scope::Check | Scope::Provider => None,
                Scope::Slo | Scope::Process => family.find(&values),
            };
            if let Some(child) = child {
                child.restore(value, since);
            }
        }
    }

    fn counters(&self) -> impl Iterator<Item = &super::Family> {
        self.families.values().filter(|family| family.definition().shape == Shape::Counter)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::table::{BROWSER_STARTS, DROPPED};
    use super::*;
    use crate::clock::Clock;
    use crate::outcome::CheckLabels;

    const BORN: Timestamp = Timestamp::from_secs(50);

    fn check(probe: &str) -> CheckLabels {
        let (provider, client, region) = ("main".into(), "web".into(), "eu".into());
        CheckLabels { probe: probe.into(), kind: "form_login", provider, client, region }
    }

    fn metrics() -> Arc<Metrics> {
        let metrics = Metrics::with("r", Clock::manual(Timestamp::from_secs(100)), 10_000);
        metrics.declare(&[check("login")]);
        metrics
    }

    fn kept(name: &str, labels: &[&str], value: u64) -> Kept {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        Kept { name: name.to_owned(), labels, value, since: BORN }
    }

    /// The value of the only series that has this in its line.
    fn shown(metrics: &Metrics, part: &str) -> Option<u64> {
        let text = String::from_utf8(metrics.render(Format::Prometheus)).unwrap();
        let line = text.lines().find(|line| !line.starts_with('#') && line.contains(part))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    const LATE: &str = r#"reason="late""#;

    #[test]
    fn what_is_not_on_disk_is_not_shown() {
        let metrics = metrics();
        metrics.keep_counters();
        metrics.missed(&check("login"), "late");
        assert_eq!(shown(&metrics, LATE), Some(0));
        let changed = metrics.changed_counters();
        let labels = ["login", "form_login", "main", "web", "eu", "late"];
        let expected = Kept { since: Timestamp::from_secs(100), ..kept("authprobe_runs_missed_total", &labels, 1) };
        assert_eq!(changed, [expected]);
        metrics.missed(&check("login"), "late");
        assert_eq!(shown(&metrics, LATE), Some(0), "handed over is not kept");
        metrics.counters_kept();
        assert_eq!(shown(&metrics, LATE), Some(1), "what came after is not kept yet");
        assert_eq!(metrics.changed_counters()[0].value, 2);
        metrics.counters_kept();
        assert_eq!((shown(&metrics, LATE), metrics.changed_counters()), (Some(2), vec![]));
    }

    #[test]
    fn nothing_that_was_shown_is_taken_back() {
        let metrics = metrics();
        metrics.keep_counters();
        metrics.missed_times(&check("login"), "late", 5);
        metrics.changed_counters();
        metrics.missed_times(&check("login"), "late", 5);
        metrics.show_live(true);
        assert_eq!(shown(&metrics, LATE), Some(10));
        metrics.show_live(false);
        metrics.counters_kept();
        assert_eq!(shown(&metrics, LATE), Some(10), "five are on disk, ten were shown");
    }

    #[test]
    fn counters_go_on_where_they_were() {
        let metrics = metrics();
        metrics.keep_counters();
        let labels = ["login", "form_login", "main", "web", "eu"];
        let with = |more: &[&'static str]| [&labels, more].concat();
        metrics.missed(&check("login"), "late");
        metrics.restore_counters([
            kept("authprobe_runs_missed_total", &with(&["late"]), 40),
            kept("authprobe_run_faults_total", &with(&["dns", "network", "discovery"]), 3),
            kept("authprobe_runs_missed_total", &["gone", "form_login", "main", "web", "eu", "late"], 9),
            kept("authprobe_slo_events_total", &["gone", "eu"], 9),
            kept("authprobe_sink_dropped_total", &["traces"], 7),
            kept("authprobe_sink_dropped_total", &["elsewhere"], 7),
            // Not ours, no counter, or of another version.
            kept("nothing_total", &[], 1),
            kept("authprobe_probe_success", &labels, 1),
            kept("authprobe_runs_total", &["login"], 1),
        ]);
        assert_eq!(shown(&metrics, LATE), Some(40), "the one of this process is not on disk yet");
        assert_eq!(shown(&metrics, "authprobe_run_faults_total"), Some(3), "though it did not exist yet");
        assert_eq!(shown(&metrics, r#"sink="traces""#), Some(7));
        for gone in ["gone", "elsewhere", "nothing", "success"] {
            assert_eq!(shown(&metrics, gone), None, "{gone}");
        }
        let changed: Vec<_> = metrics.changed_counters().iter().map(|counter| (counter.value, counter.since)).collect();
        assert_eq!(changed, [(41, BORN)], "it counts since the first process had it");
        metrics.counters_kept();
        assert_eq!(shown(&metrics, LATE), Some(41));
    }

    #[test]
    fn what_somebody_else_counts_is_added_to_what_was_restored() {
        let metrics = metrics();
        metrics.restore_counters([kept(BROWSER_STARTS.name, &[], 50), kept(DROPPED.name, &["metrics"], 2)]);
        let starts = metrics.series(&BROWSER_STARTS, &[]).unwrap();
        let at = [3, 5, 4].map(|to| {
            starts.catch_up(to);
            shown(&metrics, BROWSER_STARTS.name).unwrap()
        });
        assert_eq!(at, [53, 55, 55]);
        assert_eq!(metrics.changed_counters(), [kept(BROWSER_STARTS.name, &[], 55)]);
    }
}
