//! Export to collectors that behave, answer late, hang or are not there.

mod folder;
mod support_outcome;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::outcome::{Outcome, SpanId, TraceId};
use authprobe::secret::SecretSource;
use authprobe::sink::metrics::{Format, Metrics};
use authprobe::sink::otlp::{Otlp, Settings};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use folder::Folder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use prost::Message;
use support_outcome::{check, outcome, request, step};
use tokio::net::TcpListener;

/// What a collector has received.
#[derive(Clone, Default)]
struct Collector {
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
    refuse_first: Arc<AtomicU32>,
}

impl Collector {
    async fn start(&self) -> SocketAddr {
        let (traces, metrics) = (self.clone(), self.clone());
        let app = Router::new()
            .route(
                "/base/v1/traces",
                post(async move |headers: HeaderMap, body: Bytes| {
                    traces.headers.lock().unwrap().push(headers);
                    let refuse = |left: u32| left.checked_sub(1);
                    if traces.refuse_first.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse).is_ok() {
                        return StatusCode::SERVICE_UNAVAILABLE;
                    }
                    traces.traces.lock().unwrap().push(Message::decode(body).unwrap());
                    StatusCode::OK
                }),
            )
            .route(
                "/base/v1/metrics",
                post(async move |body: Bytes| {
                    metrics.metrics.lock().unwrap().push(Message::decode(body).unwrap());
                    StatusCode::OK
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        at
    }
}

fn settings(at: SocketAddr) -> Settings {
    Settings {
        endpoint: format!("http://{at}/base/").parse().unwrap(),
        headers: vec![],
        ca_file: None,
        interval: Duration::from_secs(3600),
    }
}

fn metrics() -> Arc<Metrics> {
    let metrics = Metrics::new("r");
    metrics.declare(&[check("login", "eu")]);
    metrics
}

fn dropped(metrics: &Metrics, sink: &str) -> u64 {
    let text = String::from_utf8(metrics.render(Format::Prometheus)).unwrap();
    let series = format!("authprobe_sink_dropped_total{{sink=\"{sink}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
}

fn start(settings: Settings, metrics: &Arc<Metrics>) -> Otlp {
    Otlp::start(settings, "host-1".into(), metrics.clone(), Clock::system()).unwrap()
}

/// A run from two regions with ids of its own.
fn run() -> Outcome {
    let mut outcome = outcome(&check("login", "eu"));
    (outcome.trace_id, outcome.span_id) = (TraceId::random(), SpanId::random());
    outcome.steps = ["authorize", "token"]
        .map(|name| {
            let mut step = step(name, vec![request("token", "eu"), request("userinfo", "us")]);
            step.span_id = SpanId::random();
            step.requests.iter_mut().for_each(|request| request.span_id = SpanId::random());
            step
        })
        .into();
    outcome
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match &attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value {
        Some(any_value::Value::StringValue(text)) => Some(text),
        _ => None,
    }
}

#[tokio::test]
async fn every_run_arrives_as_one_connected_trace_with_the_resource_of_its_region() {
    let collector = Collector::default();
    let metrics = metrics();
    let otlp = start(settings(collector.start().await), &metrics);
    let runs = [run(), run(), run()];
    for run in &runs {
        otlp.outcome(Arc::new(run.clone()));
    }
    otlp.shutdown(Duration::from_secs(20)).await;

    let mut spans: HashMap<Vec<u8>, HashMap<Vec<u8>, Vec<u8>>> = HashMap::new();
    for resource in collector.traces.lock().unwrap().iter().flat_map(|request| &request.resource_spans) {
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        assert_eq!(text(attributes, "service.name"), Some("authprobe"));
        assert_eq!(text(attributes, "service.instance.id"), Some("host-1"));
        assert_eq!(text(attributes, "service.version"), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(text(attributes, "telemetry.sdk.language"), Some("rust"));
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            assert_eq!(text(attributes, "cloud.region"), text(&span.attributes, "authprobe.region"));
            spans.entry(span.trace_id.clone()).or_default().insert(span.span_id.clone(), span.parent_span_id.clone());
        }
    }
    assert_eq!(spans.len(), 3);
    for run in &runs {
        let trace = &spans[run.trace_id.0.as_slice()];
        assert_eq!(trace.len(), 7, "a root, two steps, four requests");
        let roots: Vec<_> = trace.iter().filter(|(_, parent)| parent.is_empty()).map(|(id, _)| id).collect();
        assert_eq!(roots, [run.span_id.0.as_slice()]);
        assert!(trace.values().filter(|parent| !parent.is_empty()).all(|parent| trace.contains_key(parent)));
    }
    assert_eq!(dropped(&metrics, "traces"), 0);
}

#[tokio::test]
async fn the_same_metrics_arrive_at_the_latest_on_shutdown() {
    let collector = Collector::default();
    let metrics = metrics();
    let otlp = start(settings(collector.start().await), &metrics);
    metrics.outcome(&run());
    otlp.shutdown(Duration::from_secs(20)).await;
    let requests = collector.metrics.lock().unwrap();
    let last = &requests.last().unwrap().resource_metrics[0];
    let attributes = &last.resource.as_ref().unwrap().attributes;
    assert_eq!(text(attributes, "service.instance.id"), Some("host-1"));
    assert_eq!(text(attributes, "cloud.region"), None, "a region is a label of points");
    let pushed: HashSet<&str> = last.scope_metrics[0].metrics.iter().map(|metric| metric.name.as_str()).collect();
    let gathered = metrics.gather();
    assert_eq!(pushed, gathered.iter().map(|family| family.name()).collect());
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again_and_gets_the_configured_headers() {
    let folder = Folder::new();
    let secret = folder.write("authorization", "Bearer collector-secret\n");
    let collector = Collector { refuse_first: Arc::new(AtomicU32::new(1)), ..Default::default() };
    let metrics = metrics();
    let headers = vec![("Authorization".to_owned(), SecretSource::File(secret))];
    let otlp = start(Settings { headers, ..settings(collector.start().await) }, &metrics);
    otlp.outcome(Arc::new(run()));
    otlp.shutdown(Duration::from_secs(20)).await;
    assert!(!collector.traces.lock().unwrap().is_empty());
    assert_eq!(dropped(&metrics, "traces"), 0);
    let headers = collector.headers.lock().unwrap();
    assert!(headers.len() >= 2);
    assert!(headers.iter().all(|h| h["authorization"] == "Bearer collector-secret"));
    assert!(headers.iter().all(|h| h["content-type"] == "application/x-protobuf"));
}

#[tokio::test]
async fn a_collector_that_hangs_costs_nothing_but_counted_drops() {
    // Accepts connections (the kernel does) and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = metrics();
    let otlp = start(settings(listener.local_addr().unwrap()), &metrics);
    let run = Arc::new(run());
    let clock = Clock::system();
    let begun = clock.instant();
    for _ in 0..10_000 {
        otlp.outcome(run.clone());
        // Lets the worker take what it wants.
        tokio::task::yield_now().await;
    }
    let taking = clock.instant().duration_since(begun);
    assert!(taking < Duration::from_secs(5), "{taking:?}");
    let before = dropped(&metrics, "traces");
    assert!((1..10_000).contains(&before), "{before}");
    let begun = clock.instant();
    otlp.shutdown(Duration::from_millis(200)).await;
    assert!(clock.instant().duration_since(begun) < Duration::from_secs(5));
    assert_eq!(dropped(&metrics, "traces"), 10_000, "none was delivered, and each is accounted for");
    otlp.outcome(run);
    assert_eq!(dropped(&metrics, "traces"), 10_001);
}

#[tokio::test]
async fn a_dead_collector_costs_nothing_but_counted_drops() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let metrics = metrics();
    let otlp = start(settings(free), &metrics);
    for _ in 0..3 {
        otlp.outcome(Arc::new(run()));
    }
    otlp.shutdown(Duration::from_secs(20)).await;
    assert_eq!(dropped(&metrics, "traces"), 3);
    assert!(dropped(&metrics, "otlp_metrics") >= 1);
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    let at = "127.0.0.1:1".parse().unwrap();
    let refused = |settings| match Otlp::start(settings, "i".into(), metrics(), Clock::system()) {
        Ok(_) => panic!("started"),
        Err(error) => error,
    };
    let headers = vec![("Authorization".to_owned(), SecretSource::Env("AUTHPROBE_TEST_UNSET".into()))];
    let error = refused(Settings { headers, ..settings(at) });
    assert_eq!(error, "environment variable AUTHPROBE_TEST_UNSET: not set");
    let https = Settings { endpoint: "https://127.0.0.1:1".parse().unwrap(), ..settings(at) };
    let error = refused(Settings { ca_file: Some("/nowhere/ca.pem".into()), ..https });
    assert!(error.starts_with("/nowhere/ca.pem: "), "{error}");
}
