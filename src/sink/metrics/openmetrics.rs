//! OpenMetrics 1.0 text, with exemplars: what the `prometheus` crate's encoder does not know. No `_created` lines: a
//! scraper would take each for a series of its own.

use std::io::Write as _;

use prometheus::proto::{Metric, MetricFamily};

use super::family::{Exemplar, Family};
use super::table::Shape;

/// Its media type.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Appends one family.
pub fn family(out: &mut Vec<u8>, gathered: &MetricFamily, family: &Family) {
    let definition = family.definition();
    // The metric family of a counter lacks the suffix that its samples have.
    let name = definition.name.strip_suffix("_total").unwrap_or(definition.name);
    let shape = match definition.shape {
        Shape::Counter => "counter",
        Shape::Gauge => "gauge",
        Shape::Histogram(_) => "histogram",
    };
    line(out, format_args!("# TYPE {name} {shape}\n"));
    if !definition.unit.is_empty() {
        line(out, format_args!("# UNIT {name} {}\n", definition.unit));
    }
    line(out, format_args!("# HELP {name} {}\n", escaped(definition.help)));
    for metric in gathered.get_metric() {
        let labels = labels(metric);
        let exemplars = family.child_of(metric).map(|child| child.exemplars()).unwrap_or_default();
        match definition.shape {
            Shape::Gauge => sample(out, name, &labels, metric.get_gauge().get_value(), None),
            Shape::Counter => {
                let exemplar = exemplars.first().map(|(_, exemplar)| exemplar);
                sample(out, definition.name, &labels, metric.get_counter().get_value(), exemplar);
            }
            Shape::Histogram(_) => histogram(out, name, &labels, metric, &exemplars),
        }
    }
}

/// Appends what ends a complete exposition.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"# EOF\n");
}

fn histogram(out: &mut Vec<u8>, name: &str, labels: &str, metric: &Metric, exemplars: &[(usize, Exemplar)]) {
    let histogram = metric.get_histogram();
    let buckets = histogram.get_bucket();
    let comma = if labels.is_empty() { "" } else { "," };
    let mut bucket = |index: usize, bound: &str, count: u64| {
        line(out, format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"));
        if let Some((_, exemplar)) = exemplars.iter().find(|(i, _)| *i == index) {
            append(out, exemplar);
        }
        out.push(b'\n');
    };
    for (index, at) in buckets.iter().enumerate() {
        // `{:?}` writes whole numbers with a decimal point, as OpenMetrics wants bounds to be.
        bucket(index, &format!("{:?}", at.upper_bound()), at.cumulative_count());
    }
    bucket(buckets.len(), "+Inf", histogram.get_sample_count());
    sample(out, &format!("{name}_sum"), labels, histogram.get_sample_sum(), None);
    sample(out, &format!("{name}_count"), labels, histogram.get_sample_count() as f64, None);
}

fn sample(out: &mut Vec<u8>, name: &str, labels: &str, value: f64, exemplar: Option<&Exemplar>) {
    match labels {
        "" => line(out, format_args!("{name} ")),
        _ => line(out, format_args!("{name}{{{labels}}} ")),
    }
    number(out, value);
    if let Some(exemplar) = exemplar {
        append(out, exemplar);
    }
    out.push(b'\n');
}

fn append(out: &mut Vec<u8>, exemplar: &Exemplar) {
    line(out, format_args!(" # {{trace_id=\"{}\"}} ", exemplar.trace_id));
    number(out, exemplar.value);
    let nanos = exemplar.at.as_nanos();
    let millis = nanos.rem_euclid(1_000_000_000) / 1_000_000;
    line(out, format_args!(" {}.{millis:03}", exemplar.at.as_secs()));
}

fn number(out: &mut Vec<u8>, value: f64) {
    if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        line(out, format_args!("{value}"));
    }
}

/// `name="value"` pairs with commas between, without braces.
fn labels(metric: &Metric) -> String {
    let mut out = String::with_capacity(128);
    for pair in metric.get_label() {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(pair.name());
        out.push_str("=\"");
        out.push_str(&escaped(pair.value()));
        out.push('"');
    }
    out
}

fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(['\\', '"', '\n']) {
        return text.into();
    }
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into()
}

fn line(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes all");
}
