use super::*;
use crate::clock::Clock;
use crate::outcome::Id;
use crate::sink::metrics::family::Limit;
use crate::sink::metrics::table::{KEYS, PROPAGATION, PROPAGATION_TIME, ROTATIONS};

const BEGUN: Timestamp = Timestamp::from_secs(10);
const NOW: Timestamp = Timestamp::from_secs(20);

fn family(definition: &'static Definition) -> Family {
    Family::new(definition, std::sync::Arc::new(Limit::new(1_000_000)), Clock::manual(BEGUN))
}

fn converted(family: &Family) -> Vec<ExportMetricsServiceRequest> {
    let mut all = vec![];
    requests(std::iter::once(family), &Resource::default(), NOW, |request| all.push(request));
    all
}

fn only(family: &Family) -> proto::Metric {
    converted(family).remove(0).resource_metrics.remove(0).scope_metrics.remove(0).metrics.remove(0)
}

#[test]
fn counters_are_monotonic_cumulative_sums_with_a_start() {
    let family = family(&ROTATIONS);
    let exemplar = Exemplar { trace_id: Id([7; 16]), span_id: Id([1; 8]), value: 1.0, at: Timestamp::from_secs(15) };
    family.with(&["keys", "jwks", "main", "", "eu"]).unwrap().add(3, Some(exemplar));
    let metric = only(&family);
    assert_eq!((metric.name.as_str(), metric.unit.as_str()), ("authprobe_jwks_rotations_total", "1"));
    let Some(Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality(), proto::AggregationTemporality::Cumulative);
    let point = &sum.data_points[0];
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (10_000_000_000, 20_000_000_000));
    assert_eq!(point.value, Some(proto::number_data_point::Value::AsDouble(3.0)));
    assert_eq!(
        point.attributes,
        [
            attribute("probe", "keys"),
            attribute("kind", "jwks"),
            attribute("provider", "main"),
            attribute("client", ""),
            attribute("probe_region", "eu")
        ]
    );
    assert_eq!(point.exemplars[0].trace_id, [7; 16]);
    assert_eq!(point.exemplars[0].span_id, [1; 8]);
    assert_eq!(point.exemplars[0].time_unix_nano, 15_000_000_000);
}

#[test]
fn gauges_have_no_start() {
    let family = family(&KEYS);
    family.with(&["keys", "jwks", "main", "", "eu"]).unwrap().set(2.0);
    let Some(Data::Gauge(gauge)) = only(&family).data else { panic!("a gauge") };
    let point = &gauge.data_points[0];
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (0, 20_000_000_000));
    assert_eq!(point.value, Some(proto::number_data_point::Value::AsDouble(2.0)));
}

#[test]
fn buckets_count_each_for_themselves_and_add_up() {
    let family = family(&PROPAGATION_TIME);
    let child = family.with(&["p", "revocation", "main", "web", "eu"]).unwrap();
    for seconds in [0.1, 0.2, 0.2, 500.0] {
        child.observe(seconds, None);
    }
    child.observe_never();
    let metric = only(&family);
    assert_eq!(metric.unit, "s");
    let Some(Data::Histogram(histogram)) = metric.data else { panic!("a histogram") };
    let point = &histogram.data_points[0];
    assert_eq!(point.explicit_bounds, PROPAGATION);
    assert_eq!(point.bucket_counts, [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!((point.count, point.sum), (5, Some(500.5)));
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
}

#[test]
fn many_series_go_in_several_requests_and_none_is_lost() {
    let family = family(&KEYS);
    for i in 0..9001 {
        family.with(&["keys", "jwks", "main", "", &format!("region-{i}")]).unwrap().set(1.0);
    }
    let sizes: Vec<_> = converted(&family)
        .iter()
        .map(|request| match &request.resource_metrics[0].scope_metrics[0].metrics[0].data {
            Some(Data::Gauge(gauge)) => gauge.data_points.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sizes, [4000, 4000, 1001]);
}
