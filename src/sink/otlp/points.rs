//! The metrics as OTLP: cumulative sums, gauges and histograms with explicit bounds. Pure.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::clock::Timestamp;
use crate::sink::metrics::family::{Exemplar, Family, Reading, Series};
use crate::sink::metrics::table::{Definition, Shape};

/// The most data points in one request, so that it stays well below what collectors accept (4 to 20 MiB).
const MAX_POINTS: usize = 4000;

/// Hands the requests that carry `families` as of `now` to `take`, one at a time: all at once would need much memory.
pub fn requests<'a>(
    families: impl Iterator<Item = &'a Family>,
    resource: &Resource,
    now: Timestamp,
    mut take: impl FnMut(ExportMetricsServiceRequest),
) {
    let mut metrics = vec![];
    let mut points = 0;
    for family in families {
        for part in family.series().chunks(MAX_POINTS) {
            if points + part.len() > MAX_POINTS {
                take(request(std::mem::take(&mut metrics), resource));
                points = 0;
            }
            points += part.len();
            metrics.push(metric(family.definition(), part, now));
        }
    }
    if !metrics.is_empty() {
        take(request(metrics, resource));
    }
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

fn metric(definition: &Definition, all: &[Series], now: Timestamp) -> proto::Metric {
    let aggregation_temporality = proto::AggregationTemporality::Cumulative.into();
    let data = match definition.shape {
        Shape::Counter => Data::Sum(proto::Sum {
            data_points: all.iter().filter_map(|series| counter(series, now)).collect(),
            aggregation_temporality,
            is_monotonic: true,
        }),
        Shape::Gauge => {
            Data::Gauge(proto::Gauge { data_points: all.iter().filter_map(|series| number(series, now)).collect() })
        }
        Shape::Histogram(bounds) => Data::Histogram(proto::Histogram {
            data_points: all.iter().filter_map(|series| histogram(series, bounds, now)).collect(),
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
        "bytes" => "By",
        _ => "1",
    }
}

fn counter(series: &Series, now: Timestamp) -> Option<proto::NumberDataPoint> {
    Some(proto::NumberDataPoint {
        start_time_unix_nano: nanos(series.child.created()),
        exemplars: exemplars(series),
        ..number(series, now)?
    })
}

fn number(series: &Series, now: Timestamp) -> Option<proto::NumberDataPoint> {
    let Reading::Number(value) = series.child.read() else { return None };
    Some(proto::NumberDataPoint {
        attributes: attributes(series),
        time_unix_nano: nanos(now),
        value: Some(proto::number_data_point::Value::AsDouble(value)),
        ..Default::default()
    })
}

fn histogram(series: &Series, bounds: &[f64], now: Timestamp) -> Option<proto::HistogramDataPoint> {
    let Reading::Histogram { cumulative, count, sum } = series.child.read() else { return None };
    // Ours are cumulative, those of OTLP each for themselves.
    let mut below = 0;
    let each = |at: u64| at.saturating_sub(std::mem::replace(&mut below, at));
    Some(proto::HistogramDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: nanos(series.child.created()),
        time_unix_nano: nanos(now),
        count,
        sum: Some(sum),
        bucket_counts: cumulative.into_iter().chain([count]).map(each).collect(),
        explicit_bounds: bounds.to_vec(),
        exemplars: exemplars(series),
        ..Default::default()
    })
}

fn exemplars(series: &Series) -> Vec<proto::Exemplar> {
    series.child.exemplars().into_iter().map(|(_, exemplar)| convert(exemplar)).collect()
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

fn attributes(series: &Series) -> Vec<KeyValue> {
    series.labels().map(|(name, value)| attribute(name, value)).collect()
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
