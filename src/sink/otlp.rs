//! OTLP/HTTP export of traces and metrics. It never waits for the collector: outcomes go into a bounded queue, what
//! does not fit or cannot be delivered is dropped and counted, and nothing that a collector does delays a probe.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use url::Url;

use crate::clock::Clock;
use crate::outcome::Outcome;
use crate::secret::SecretSource;
use crate::sink::metrics::{Metrics, TRACES};

mod points;
mod push;
mod spans;
mod transport;

use transport::Transport;

/// Where traces and metrics are pushed.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The base URL of an OTLP/HTTP receiver; `/v1/traces` and `/v1/metrics` are appended.
    pub endpoint: Url,
    /// Sent with each export.
    pub headers: Vec<(String, SecretSource)>,
    /// A PEM file believed besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How often metrics are pushed.
    pub interval: Duration,
}

impl Settings {
    fn signal(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.endpoint.as_str().trim_end_matches('/'))
    }
}

/// How many outcomes may wait.
const QUEUE: usize = 2048;
/// How many spans make a batch full; one more outcome may exceed it.
const BATCH_SPANS: usize = 4096;
/// How long a batch waits to become full.
const LINGER: Duration = Duration::from_secs(1);

/// A running export. Ends with [`Otlp::shutdown`]; dropped without, it stops at once.
pub struct Otlp {
    queue: mpsc::Sender<Arc<Outcome>>,
    /// Taken in and neither delivered nor dropped yet.
    pending: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl Otlp {
    /// Starts exporting; call it on a tokio runtime. `instance_id` tells this process from others of the same service.
    ///
    /// # Errors
    /// When certificates or headers cannot be read: whether the collector is there does not matter.
    pub fn start(settings: Settings, instance_id: String, metrics: Arc<Metrics>, clock: Clock) -> Result<Self, String> {
        let transport = Arc::new(Transport::new(&settings)?);
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (stop, stopped) = watch::channel(false);
        let pending = Arc::new(AtomicU64::new(0));
        let exporters = Exporters {
            endpoint: settings.signal("traces"),
            transport: transport.clone(),
            instance_id: instance_id.clone(),
            by_region: HashMap::new(),
        };
        // Any region will do to see whether the exporter can be built at all.
        exporters.build("")?;
        let traces = Traces {
            queue: waiting,
            stopped: stopped.clone(),
            exporters,
            metrics: metrics.clone(),
            pending: pending.clone(),
            health: Health::new("traces"),
        };
        let push = push::Push {
            url: settings.signal("metrics"),
            transport,
            resource: resource(&instance_id, None),
            metrics: metrics.clone(),
            clock,
            every: settings.interval.max(Duration::from_secs(1)),
            stopped,
            health: Health::new("metrics"),
        };
        let workers = Mutex::new(vec![tokio::spawn(traces.run()), tokio::spawn(push.run())]);
        Ok(Self { queue, pending, metrics, stop, workers })
    }

    /// Takes a run in, or drops and counts it. Never waits.
    pub fn outcome(&self, outcome: Arc<Outcome>) {
        self.pending.fetch_add(1, Ordering::AcqRel);
        if self.queue.try_send(outcome).is_err() {
            self.pending.fetch_sub(1, Ordering::AcqRel);
            self.metrics.dropped(TRACES, 1);
        }
    }

    /// Delivers what is waiting and the last state of the metrics, for as long as `grace`; then drops the rest.
    /// Outcomes that come later are dropped.
    pub async fn shutdown(&self, grace: Duration) {
        self.stop.send_replace(true);
        let workers = std::mem::take(&mut *self.workers.lock().expect("workers"));
        let aborts: Vec<_> = workers.iter().map(JoinHandle::abort_handle).collect();
        let all = futures_util::future::join_all(workers);
        if tokio::time::timeout(grace, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
            let lost = self.pending.swap(0, Ordering::AcqRel);
            self.metrics.dropped(TRACES, lost);
            tracing::warn!(lost, "the collector did not take everything within the grace time");
        }
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        self.workers.lock().expect("workers").iter().for_each(JoinHandle::abort);
    }
}

/// What all telemetry of this process says about its origin. Attributes of `OTEL_RESOURCE_ATTRIBUTES` are added; ours
/// win.
fn resource(instance_id: &str, region: Option<&str>) -> Resource {
    let ours = [
        KeyValue::new("service.name", "authprobe"),
        KeyValue::new("service.instance.id", instance_id.to_owned()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let region = region.map(|region| KeyValue::new("cloud.region", region.to_owned()));
    Resource::builder().with_attributes(ours.into_iter().chain(region)).build()
}

/// One exporter for each region, since the resource is the exporter's.
struct Exporters {
    endpoint: String,
    transport: Arc<Transport>,
    instance_id: String,
    by_region: HashMap<Arc<str>, SpanExporter>,
}

impl Exporters {
    fn build(&self, region: &str) -> Result<SpanExporter, String> {
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(self.transport.clone())
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(self.endpoint.clone())
            // The transport tries again by itself: the exporter would put the thread to sleep meanwhile.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|error| error.to_string())?;
        exporter.set_resource(&resource(&self.instance_id, Some(region)));
        Ok(exporter)
    }

    async fn export(&mut self, region: &Arc<str>, spans: Vec<SpanData>) -> Result<(), String> {
        if !self.by_region.contains_key(region) {
            let exporter = self.build(region)?;
            self.by_region.insert(region.clone(), exporter);
        }
        let Some(exporter) = self.by_region.get(region) else { return Ok(()) };
        exporter.export(spans).await.map_err(|error| error.to_string())
    }
}

/// The worker that turns outcomes into traces.
struct Traces {
    queue: mpsc::Receiver<Arc<Outcome>>,
    stopped: watch::Receiver<bool>,
    exporters: Exporters,
    metrics: Arc<Metrics>,
    pending: Arc<AtomicU64>,
    health: Health,
}

impl Traces {
    async fn run(mut self) {
        loop {
            let batch = self.batch().await;
            if batch.is_empty() {
                return;
            }
            let lost = self.deliver(&batch).await;
            self.metrics.dropped(TRACES, lost);
            self.pending.fetch_sub(batch.len() as u64, Ordering::AcqRel);
        }
    }

    /// The next batch; empty when everything was taken and no more will come.
    async fn batch(&mut self) -> Vec<Arc<Outcome>> {
        let Some(first) = self.next().await else { return vec![] };
        let mut spans = spans::count(&first);
        let mut batch = vec![first];
        let fill = async {
            while spans < BATCH_SPANS {
                let Some(outcome) = self.next().await else { break };
                spans += spans::count(&outcome);
                batch.push(outcome);
            }
        };
        let _ = tokio::time::timeout(LINGER, fill).await;
        batch
    }

    async fn next(&mut self) -> Option<Arc<Outcome>> {
        tokio::select! {
            outcome = self.queue.recv() => return outcome,
            () = told(&mut self.stopped) => {}
        }
        // Take what is there, and no more.
        self.queue.close();
        self.queue.recv().await
    }

    /// Sends a batch region by region; says how many outcomes were not, or not wholly, delivered.
    async fn deliver(&mut self, batch: &[Arc<Outcome>]) -> u64 {
        let mut groups: BTreeMap<Arc<str>, (Vec<SpanData>, BTreeSet<usize>)> = BTreeMap::new();
        for (index, outcome) in batch.iter().enumerate() {
            for (region, spans) in spans::of(outcome) {
                let (group, members) = groups.entry(region).or_default();
                group.extend(spans);
                members.insert(index);
            }
        }
        let mut lost = BTreeSet::new();
        for (region, (spans, members)) in groups {
            let result = self.exporters.export(&region, spans).await;
            if result.is_err() {
                lost.extend(members);
            }
            self.health.report(result);
        }
        lost.len() as u64
    }
}

/// Until told to stop, or nobody is left to tell.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Says once that exports fail and once that they work again.
struct Health {
    signal: &'static str,
    failing: bool,
}

impl Health {
    fn new(signal: &'static str) -> Self {
        Self { signal, failing: false }
    }

    fn report(&mut self, result: Result<(), String>) {
        match result {
            Err(error) if !self.failing => {
                tracing::warn!(signal = self.signal, error, "the collector does not take what is sent; dropping");
                self.failing = true;
            }
            Ok(()) if self.failing => {
                tracing::info!(signal = self.signal, "the collector takes what is sent again");
                self.failing = false;
            }
            _ => {}
        }
    }
}
