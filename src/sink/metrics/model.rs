//! Families in the model of the `prometheus` crate, for its registry and whoever speaks it.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, Bucket, LabelPair, Metric, MetricFamily, MetricType};

use super::family::{Family, Reading, Series};
use super::table::{Definition, Shape};

impl Collector for Family {
    fn desc(&self) -> Vec<&Desc> {
        vec![Family::desc(self)]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let definition = self.definition();
        let mut family = MetricFamily::default();
        family.set_name(definition.name.to_owned());
        family.set_help(definition.help.to_owned());
        family.set_field_type(match definition.shape {
            Shape::Counter => MetricType::COUNTER,
            Shape::Gauge => MetricType::GAUGE,
            Shape::Histogram(_) => MetricType::HISTOGRAM,
        });
        family.set_metric(self.series().iter().map(|series| metric(definition, series)).collect());
        vec![family]
    }
}

/// In the model of the `prometheus` crate.
fn metric(definition: &Definition, series: &Series) -> Metric {
    let pairs = series.labels().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    });
    let mut metric = Metric::from_label(pairs.collect());
    match (definition.shape, series.child.read()) {
        (Shape::Histogram(bounds), Reading::Histogram { cumulative, count, sum }) => {
            let buckets = bounds.iter().zip(cumulative).map(|(bound, count)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(count);
                bucket
            });
            let mut histogram = proto::Histogram::default();
            histogram.set_bucket(buckets.collect());
            histogram.set_sample_count(count);
            histogram.set_sample_sum(sum);
            metric.set_histogram(histogram);
        }
        (Shape::Counter, Reading::Number(value)) => {
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        }
        (_, Reading::Number(value)) => {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        (_, Reading::Histogram { .. }) => {}
    }
    metric
}
