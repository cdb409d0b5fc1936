//! Both text formats. The `prometheus` crate's encoder knows neither OpenMetrics nor exemplars and takes several times
//! as long; what it writes is what a test holds the classic format to. No `_created` lines: a scraper would take each
//! for a series of its own.

use std::fmt::Arguments;
use std::io::Write as _;

use super::Format;
use super::family::{Exemplar, Family, Reading, Series};
use super::table::{Definition, Shape};

/// The media type of the classic format.
pub const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The media type of OpenMetrics.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Appends one family, unless it has no series.
pub fn family(out: &mut Vec<u8>, family: &Family, format: Format) {
    let definition = family.definition();
    let all = family.series();
    if all.is_empty() {
        return;
    }
    head(out, definition, format);
    let bounds = match definition.shape {
        Shape::Histogram(bounds) => bounds.iter().map(|bound| written(*bound, format)).collect(),
        Shape::Counter | Shape::Gauge => vec![],
    };
    let mut labels = String::with_capacity(160);
    for series in &all {
        labels.clear();
        write_labels(&mut labels, series);
        let exemplars = match format {
            Format::Prometheus => vec![],
            Format::OpenMetrics => series.child.exemplars(),
        };
        match series.child.read() {
            Reading::Number(value) => {
                sample(out, definition.name, "", &labels, value, exemplars.first().map(|(_, exemplar)| exemplar));
            }
            Reading::Histogram { cumulative, count, sum } => {
                let counts = cumulative.into_iter().chain([count]);
                let bounds = bounds.iter().map(String::as_str).chain(["+Inf"]);
                buckets(out, definition.name, &labels, bounds.zip(counts), &exemplars);
                sample(out, definition.name, "_sum", &labels, sum, None);
                sample(out, definition.name, "_count", &labels, count as f64, None);
            }
        }
    }
}

/// Appends what ends a complete exposition in OpenMetrics.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"# EOF\n");
}

fn head(out: &mut Vec<u8>, definition: &Definition, format: Format) {
    let shape = match definition.shape {
        Shape::Counter => "counter",
        Shape::Gauge => "gauge",
        Shape::Histogram(_) => "histogram",
    };
    // In OpenMetrics the family of a counter lacks the suffix that its samples have.
    let name = match format {
        Format::Prometheus => definition.name,
        Format::OpenMetrics => definition.name.strip_suffix("_total").unwrap_or(definition.name),
    };
    write(out, format_args!("# HELP {name} {}\n# TYPE {name} {shape}\n", definition.help));
    if format == Format::OpenMetrics && !definition.unit.is_empty() {
        write(out, format_args!("# UNIT {name} {}\n", definition.unit));
    }
}

/// A bound: OpenMetrics wants whole numbers with a decimal point, which is what `{:?}` writes.
fn written(bound: f64, format: Format) -> String {
    match format {
        Format::Prometheus => bound.to_string(),
        Format::OpenMetrics => format!("{bound:?}"),
    }
}

fn buckets<'a>(
    out: &mut Vec<u8>,
    name: &str,
    labels: &str,
    counts: impl Iterator<Item = (&'a str, u64)>,
    exemplars: &[(usize, Exemplar)],
) {
    for (index, (bound, count)) in counts.enumerate() {
        push(out, &[name, "_bucket{", labels, if labels.is_empty() { "le=\"" } else { ",le=\"" }, bound, "\"} "]);
        integer(out, count);
        if let Some((_, exemplar)) = exemplars.iter().find(|(i, _)| *i == index) {
            append(out, exemplar);
        }
        out.push(b'\n');
    }
}

fn sample(out: &mut Vec<u8>, name: &str, suffix: &str, labels: &str, value: f64, exemplar: Option<&Exemplar>) {
    match labels {
        "" => push(out, &[name, suffix, " "]),
        _ => push(out, &[name, suffix, "{", labels, "} "]),
    }
    number(out, value);
    if let Some(exemplar) = exemplar {
        append(out, exemplar);
    }
    out.push(b'\n');
}

fn append(out: &mut Vec<u8>, exemplar: &Exemplar) {
    write(out, format_args!(" # {{trace_id=\"{}\"}} ", exemplar.trace_id));
    number(out, exemplar.value);
    let millis = exemplar.at.as_nanos().rem_euclid(1_000_000_000) / 1_000_000;
    write(out, format_args!(" {}.{millis:03}", exemplar.at.as_secs()));
}

/// Whole numbers, most of all there are, without the detour of formatting.
fn number(out: &mut Vec<u8>, value: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if (0.0..EXACT).contains(&value) && value.fract() == 0.0 && value.is_sign_positive() {
        integer(out, value as u64);
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        write(out, format_args!("{value}"));
    }
}

fn integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}

/// `name="value"` pairs with commas between, without braces.
fn write_labels(out: &mut String, series: &Series) {
    for (name, value) in series.labels() {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}

fn write(out: &mut Vec<u8>, text: Arguments<'_>) {
    out.write_fmt(text).expect("memory takes all");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_both_formats_read_them() {
        for (value, expected) in [
            (0.0, "0"),
            (10.0, "10"),
            (1_700_000_000.0, "1700000000"),
            (0.25, "0.25"),
            (-3.0, "-3"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut out = vec![];
            number(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut out = vec![];
        integer(&mut out, u64::MAX);
        assert_eq!(out, u64::MAX.to_string().into_bytes());
    }
}
