use super::super::table::{BUILD, DROPPED, PROPAGATION_TIME, RELOAD_OK};
use super::*;

fn family(definition: &'static Definition, max: usize) -> (Family, Arc<Limit>) {
    let limit = Arc::new(Limit::new(max));
    (Family::new(definition, limit.clone(), Clock::manual(Timestamp::from_secs(9))), limit)
}

#[test]
fn label_values_that_run_together_alike_are_different_series() {
    let (family, _) = family(&BUILD, 10);
    family.with(&["ab", "c"]).unwrap().set(1.0);
    family.with(&["a", "bc"]).unwrap().set(2.0);
    family.with(&["", "abc"]).unwrap().set(3.0);
    let list = |series: &Series| {
        let values: Vec<_> = series.labels().map(|(_, value)| value).collect();
        (values.join("|"), series.child.read())
    };
    let mut seen: Vec<_> = family.series().iter().map(list).collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        seen,
        [("ab|c", 1.0), ("a|bc", 2.0), ("|abc", 3.0)].map(|(values, at)| (values.to_owned(), Reading::Number(at)))
    );
}

#[test]
fn the_limit_counts_every_line_of_a_histogram_and_gets_back_what_is_removed() {
    let (family, limit) = family(&PROPAGATION_TIME, 20);
    let five = |region| ["p", "revocation", "main", "web", region];
    assert!(family.with(&five("eu")).is_some(), "12 buckets, +Inf, sum and count: 15 series");
    assert!(family.with(&five("us")).is_none());
    assert!(family.with(&five("eu")).is_some(), "what is there stays usable");
    family.retain(|values| values[4] != "eu");
    assert_eq!(limit.used.load(Ordering::SeqCst), 0);
    assert!(family.with(&five("us")).is_some());
}

#[test]
fn never_counts_in_infinity_and_adds_nothing_to_the_sum() {
    let (family, _) = family(&PROPAGATION_TIME, 100);
    let child = family.with(&["p", "revocation", "main", "web", "eu"]).unwrap();
    child.observe(0.2, None);
    child.observe(f64::NAN, None);
    child.observe_never();
    let cumulative = vec![0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    assert_eq!(child.read(), Reading::Histogram { cumulative, count: 2, sum: 0.2 });
}

#[test]
fn the_latest_exemplar_of_a_bucket_is_kept() {
    let (family, _) = family(&PROPAGATION_TIME, 100);
    let child = family.with(&["p", "revocation", "main", "web", "eu"]).unwrap();
    let exemplar = |value, secs| Exemplar {
        trace_id: crate::outcome::Id([7; 16]),
        span_id: crate::outcome::Id([1; 8]),
        value,
        at: Timestamp::from_secs(secs),
    };
    for (value, secs) in [(0.1, 1), (0.05, 2), (400.0, 3)] {
        child.observe(value, Some(exemplar(value, secs)));
    }
    // A bound belongs to its bucket (le); 400 is beyond the twelve.
    assert_eq!(child.exemplars(), [(0, exemplar(0.05, 2)), (12, exemplar(400.0, 3))]);
    assert_eq!(child.created(), Timestamp::from_secs(9));
}

#[test]
fn a_counter_follows_another_and_never_goes_back() {
    let (family, _) = family(&DROPPED, 10);
    let child = family.with(&["metrics"]).unwrap();
    let at = [3, 5, 4, 5].map(|to| {
        child.catch_up(to);
        child.read()
    });
    assert_eq!(at, [3.0, 5.0, 5.0, 5.0].map(Reading::Number));
}

#[test]
fn without_labels_there_is_one_series() {
    let (family, _) = family(&RELOAD_OK, 10);
    family.with(&[]).unwrap().set(1.0);
    assert_eq!(family.series().iter().map(|series| series.labels().count()).collect::<Vec<_>>(), [0]);
    assert_eq!(DROPPED.series(), 1);
}
