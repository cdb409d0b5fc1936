//! The gathered metrics as OTLP: cumulative sums, gauges and histograms with explicit bounds. Pure.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prometheus::proto::{LabelPair, Metric, MetricFamily};

use crate::clock::Timestamp;
use crate::sink::metrics::family::{Child, Exemplar, Family};
use crate::sink::metrics::table::{Definition, Shape};

/// The most data points in one request, so that it stays well below what collectors accept (4 to 20 MiB).
const MAX_POINTS: usize = 4000;

/// The requests that carry `gathered` (each family with its source) as of `now`.
pub fn requests<'a>(
    gathered: impl IntoIterator<Item = (&'a MetricFamily, &'a Family)>,
    resource: &Resource,
    now: Timestamp,
) -> Vec<ExportMetricsServiceRequest> {
    let mut requests = vec![];
    let mut metrics = vec![];
    let mut points = 0;
    for (family, source) in gathered {
        for part in family.get_metric().chunks(MAX_POINTS) {
            if points + part.len() > MAX_POINTS {
                requests.push(request(std::mem::take(&mut metrics), resource));
                points = 0;
            }
            points += part.len();
            metrics.push(metric(source, part, now));
        }
    }
    if !metrics.is_empty() {
        requests.push(request(metrics, resource));
    }
    requests
}

fn request(metrics: Vec<proto::Metric>, resource: &Resource) -> ExportMetricsServiceRequest {
    let scope = InstrumentationScope {
        name: "authprobe".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![proto::ResourceMetrics {
            resource: Some(resource.clone()),
            scope_metrics: vec![proto::ScopeMetrics { scope: Some(scope), metrics, ..Default::default() }],
            ..Default::default()
        }],
    }
}

fn metric(source: &Family, metrics: &[Metric], now: Timestamp) -> proto::Metric {
    let definition = source.definition();
    let each = || metrics.iter().map(|metric| Point { metric, child: source.child_of(metric), now });
    let aggregation_temporality = proto::AggregationTemporality::Cumulative.into();
    let data = match definition.shape {
        Shape::Counter => Data::Sum(proto::Sum {
            data_points: each().map(|point| point.counter()).collect(),
            aggregation_temporality,
            is_monotonic: true,
        }),
        Shape::Gauge => Data::Gauge(proto::Gauge { data_points: each().map(|point| point.gauge()).collect() }),
        Shape::Histogram(bounds) => Data::Histogram(proto::Histogram {
            data_points: each().map(|point| point.histogram(bounds)).collect(),
            aggregation_temporality,
        }),
    };
    proto::Metric {
        name: definition.name.to_owned(),
        description: definition.help.to_owned(),
        unit: unit(definition).to_owned(),
        data: Some(data),
        ..Default::default()
    }
}

/// In UCUM.
fn unit(definition: &Definition) -> &'static str {
    match definition.unit {
        "seconds" => "s",
        _ => "1",
    }
}

struct Point<'a> {
    metric: &'a Metric,
    child: Option<std::sync::Arc<Child>>,
    now: Timestamp,
}

impl Point<'_> {
    fn counter(&self) -> proto::NumberDataPoint {
        proto::NumberDataPoint {
            start_time_unix_nano: self.start(),
            exemplars: self.exemplars(),
            ..self.number(self.metric.get_counter().get_value())
        }
    }

    fn gauge(&self) -> proto::NumberDataPoint {
        self.number(self.metric.get_gauge().get_value())
    }

    fn number(&self, value: f64) -> proto::NumberDataPoint {
        proto::NumberDataPoint {
            attributes: attributes(self.metric),
            time_unix_nano: nanos(self.now),
            value: Some(proto::number_data_point::Value::AsDouble(value)),
            ..Default::default()
        }
    }

    fn histogram(&self, bounds: &[f64]) -> proto::HistogramDataPoint {
        let histogram = self.metric.get_histogram();
        // Ours are cumulative, those of OTLP each for themselves.
        let mut below = 0;
        let ends = histogram.get_bucket().iter().map(|bucket| bucket.cumulative_count());
        let bucket_counts = ends
            .chain([histogram.get_sample_count()])
            .map(|count| count.saturating_sub(std::mem::replace(&mut below, count)))
            .collect();
        proto::HistogramDataPoint {
            attributes: attributes(self.metric),
            start_time_unix_nano: self.start(),
            time_unix_nano: nanos(self.now),
            count: histogram.get_sample_count(),
            sum: Some(histogram.get_sample_sum()),
            bucket_counts,
            explicit_bounds: bounds.to_vec(),
            exemplars: self.exemplars(),
            ..Default::default()
        }
    }

    /// When the series began; unknown if it was removed since it was gathered.
    fn start(&self) -> u64 {
        self.child.as_ref().map_or(0, |child| nanos(child.created()))
    }

    fn exemplars(&self) -> Vec<proto::Exemplar> {
        let all = self.child.as_ref().map(|child| child.exemplars()).unwrap_or_default();
        all.into_iter().map(|(_, exemplar)| convert(exemplar)).collect()
    }
}

fn convert(exemplar: Exemplar) -> proto::Exemplar {
    proto::Exemplar {
        time_unix_nano: nanos(exemplar.at),
        trace_id: exemplar.trace_id.0.to_vec(),
        span_id: exemplar.span_id.0.to_vec(),
        value: Some(proto::exemplar::Value::AsDouble(exemplar.value)),
        ..Default::default()
    }
}

fn attributes(metric: &Metric) -> Vec<KeyValue> {
    let pair = |pair: &LabelPair| attribute(pair.name(), pair.value());
    metric.get_label().iter().map(pair).collect()
}

/// One attribute.
pub fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(0)
}

#[cfg(test)]
#[path = "points_tests.rs"]
mod tests;
