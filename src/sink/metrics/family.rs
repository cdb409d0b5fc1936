//! A metric with all its series. Not the `prometheus` crate's own vectors: those tell series apart by a hash of the
//! label values run together, so that `("ab", "c")` and `("a", "bc")` would be one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use prometheus::core::{Desc, Metric as _};
use prometheus::proto::Bucket;
use prometheus::{Gauge, Histogram, HistogramOpts};

use super::counters::{Counter, Show};
use super::table::{Definition, Shape};
use crate::clock::{Clock, Timestamp};
use crate::outcome::{SpanId, TraceId};

/// Stands between label values in a key: never part of UTF-8.
const SEPARATOR: u8 = 0xFF;

/// The run behind a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// Its trace.
    pub trace_id: TraceId,
    /// The root of its trace.
    pub span_id: SpanId,
    /// What was observed.
    pub value: f64,
    /// When.
    pub at: Timestamp,
}

/// What all families share: how many time series they may have together, and which value counters show.
#[derive(Debug)]
pub struct Limit {
    max: usize,
    used: AtomicUsize,
    pub(super) show: Show,
}

impl Limit {
    /// At most `max`.
    pub fn new(max: usize) -> Self {
        Self { max, used: AtomicUsize::new(0), show: Show::default() }
    }

    fn take(&self, series: usize) -> bool {
        let fits = |used: usize| used.checked_add(series).filter(|sum| *sum <= self.max);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok()
    }

    fn give_back(&self, series: usize) {
        self.used.fetch_sub(series, Ordering::AcqRel);
    }
}

/// One combination of label values.
#[derive(Debug)]
pub struct Child {
    /// In nanoseconds since the epoch.
    created: AtomicI64,
    value: Value,
    /// The latest of each bucket that was hit, by its index; of a counter at index 0.
    exemplars: Mutex<Vec<(usize, Exemplar)>>,
}

#[derive(Debug)]
enum Value {
    Counter(Counter),
    Gauge(Gauge),
    Histogram {
        buckets: &'static [f64],
        seen: Histogram,
        /// What is beyond every bucket and must not touch the sum.
        never: AtomicU64,
    },
}

/// What a series is at.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// How many observations were at or below each bound; what is beyond all of them is in `count` only.
        cumulative: Vec<u64>,
        /// Of all observations.
        count: u64,
        /// Of those that are numbers.
        sum: f64,
    },
}

impl Child {
    fn new(definition: &'static Definition, created: Timestamp, show: &Show) -> Self {
        // Name and labels are the family's business: the child's own are never shown.
        let (name, help) = ("child", "child");
        let value = match definition.shape {
            Shape::Counter => Value::Counter(Counter::new(show)),
            Shape::Gauge => Value::Gauge(Gauge::new(name, help).expect("a valid name")),
            Shape::Histogram(buckets) => {
                let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
                Value::Histogram {
                    buckets,
                    seen: Histogram::with_opts(options).expect("a valid name and buckets that grow"),
                    never: AtomicU64::new(0),
                }
            }
        };
        Self { created: AtomicI64::new(created.as_nanos()), value, exemplars: Mutex::default() }
    }

    /// Adds to a counter.
    pub fn add(&self, by: u64, exemplar: Option<Exemplar>) {
        if let Value::Counter(counter) = &self.value {
            counter.add(by);
            self.remember(0, exemplar);
        }
    }

    /// Brings a counter to what somebody else has counted since this process began; never back. One caller at a time.
    pub fn catch_up(&self, to: u64) {
        if let Value::Counter(counter) = &self.value {
            counter.catch_up(to);
        }
    }

    /// Goes on from what a counter was at and since when it had counted.
    pub(super) fn restore(&self, value: u64, since: Timestamp) {
        if let Value::Counter(counter) = &self.value {
            counter.restore(value);
            self.created.fetch_min(since.as_nanos(), Ordering::Relaxed);
        }
    }

    /// What it counts, if it is a counter.
    pub(super) fn counter(&self) -> Option<&Counter> {
        match &self.value {
            Value::Counter(counter) => Some(counter),
            _ => None,
        }
    }

    /// Sets a gauge.
    pub fn set(&self, to: f64) {
        if let Value::Gauge(gauge) = &self.value {
            gauge.set(to);
        }
    }

    /// Observes a value (what is no number is no observation).
    pub fn observe(&self, value: f64, exemplar: Option<Exemplar>) {
        if let Value::Histogram { buckets, seen, .. } = &self.value
            && value.is_finite()
        {
            seen.observe(value);
            let bucket = buckets.iter().position(|bound| value <= *bound).unwrap_or(buckets.len());
            self.remember(bucket, exemplar);
        }
    }

    /// Counts in `+Inf` and nowhere else.
    pub fn observe_never(&self) {
        if let Value::Histogram { never, .. } = &self.value {
            never.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// When the series began to exist: of a counter that a ledger keeps, in the process that had it first.
    pub fn created(&self) -> Timestamp {
        Timestamp::from_nanos(self.created.load(Ordering::Relaxed))
    }

    /// The latest exemplar of each bucket that has one, in no order.
    pub fn exemplars(&self) -> Vec<(usize, Exemplar)> {
        self.exemplars.lock().expect("exemplars").clone()
    }

    fn remember(&self, bucket: usize, exemplar: Option<Exemplar>) {
        let Some(exemplar) = exemplar else { return };
        let mut kept = self.exemplars.lock().expect("exemplars");
        match kept.iter_mut().find(|(index, _)| *index == bucket) {
            Some((_, old)) => *old = exemplar,
            None => kept.push((bucket, exemplar)),
        }
    }

    /// What it is at now; a histogram's parts belong together.
    pub fn read(&self) -> Reading {
        match &self.value {
            Value::Counter(counter) => Reading::Number(counter.shown() as f64),
            Value::Gauge(gauge) => Reading::Number(gauge.get()),
            Value::Histogram { seen, never, .. } => {
                let metric = seen.metric();
                let histogram = metric.get_histogram();
                Reading::Histogram {
                    cumulative: histogram.get_bucket().iter().map(Bucket::cumulative_count).collect(),
                    count: histogram.get_sample_count() + never.load(Ordering::Relaxed),
                    sum: histogram.get_sample_sum(),
                }
            }
        }
    }
}

/// A series as it is listed: its label values and what it counts.
#[derive(Clone, Debug)]
pub struct Series {
    definition: &'static Definition,
    key: Arc<[u8]>,
    /// What it counts.
    pub child: Arc<Child>,
}

impl Series {
    /// Names and values of its labels, in order.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.definition.all_labels().zip(values(&self.key))
    }
}

/// A metric and its series. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Family(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    definition: &'static Definition,
    desc: Desc,
    limit: Arc<Limit>,
    clock: Clock,
    children: RwLock<HashMap<Arc<[u8]>, Arc<Child>>>,
}

impl Family {
    /// Without series yet.
    pub fn new(definition: &'static Definition, limit: Arc<Limit>, clock: Clock) -> Self {
        let labels = definition.all_labels().map(str::to_owned).collect();
        let desc = Desc::new(definition.name.to_owned(), definition.help.to_owned(), labels, HashMap::new())
            .expect("the table's names are valid");
        Self(Arc::new(Inner { definition, desc, limit, clock, children: RwLock::default() }))
    }

    /// In the terms of the `prometheus` crate.
    pub fn desc(&self) -> &Desc {
        &self.0.desc
    }

    /// How it was declared.
    pub fn definition(&self) -> &'static Definition {
        self.0.definition
    }

    /// The series with these label values, in order; made if it is not there. `None` beyond the limit.
    pub fn with(&self, values: &[&str]) -> Option<Arc<Child>> {
        debug_assert_eq!(values.len(), self.0.definition.all_labels().count(), "{}", self.0.definition.name);
        let key = key(values.iter().copied());
        if let Some(child) = self.0.children.read().expect("series").get(key.as_slice()) {
            return Some(child.clone());
        }
        let mut children = self.0.children.write().expect("series");
        if let Some(child) = children.get(key.as_slice()) {
            return Some(child.clone());
        }
        if !self.0.limit.take(self.0.definition.series()) {
            return None;
        }
        let child = Arc::new(Child::new(self.0.definition, self.0.clock.now(), &self.0.limit.show));
        children.insert(key.into(), child.clone());
        Some(child)
    }

    /// The series with these label values, in order, if it is there.
    pub(super) fn find(&self, values: &[&str]) -> Option<Arc<Child>> {
        self.0.children.read().expect("series").get(key(values.iter().copied()).as_slice()).cloned()
    }

    /// Looks at each of its series, in no order; whoever makes a new one waits meanwhile, whoever counts does not.
    pub(super) fn each(&self, mut look: impl FnMut(&[u8], &Child)) {
        self.0.children.read().expect("series").iter().for_each(|(key, child)| look(key, child));
    }

    /// All its series, sorted by their label values. The lock is only held to copy the list: whoever counts meanwhile
    /// does not wait for the reading.
    pub fn series(&self) -> Vec<Series> {
        let definition = self.0.definition;
        let children = self.0.children.read().expect("series");
        let list =
            |(key, child): (&Arc<[u8]>, &Arc<Child>)| Series { definition, key: key.clone(), child: child.clone() };
        let mut all: Vec<Series> = children.iter().map(list).collect();
        drop(children);
        all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        all
    }

    /// Removes the series whose label values `keep` does not want.
    pub fn retain(&self, keep: impl Fn(&[&str]) -> bool) {
        let mut children = self.0.children.write().expect("series");
        let before = children.len();
        children.retain(|key, _| keep(&values(key).collect::<Vec<_>>()));
        self.0.limit.give_back((before - children.len()) * self.0.definition.series());
    }
}

fn key<'a>(values: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut key = Vec::with_capacity(96);
    for (i, value) in values.enumerate() {
        if i > 0 {
            key.push(SEPARATOR);
        }
        key.extend_from_slice(value.as_bytes());
    }
    key
}

/// The label values of a key.
pub(super) fn values(key: &[u8]) -> impl Iterator<Item = &str> {
    key.split(|byte| *byte == SEPARATOR).map(|value| std::str::from_utf8(value).unwrap_or_default())
}

#[cfg(test)]
#[path = "family_tests.rs"]
mod tests;
