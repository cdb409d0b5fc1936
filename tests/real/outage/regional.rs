//! Some regions see an outage, others do not, or see nothing at all.

use std::time::Duration;

use super::lab::{Lab, Way};
use super::stage::{OVER, PROBES, SOON, Stage, now, says, soon};
use crate::support::proxies::Proxy;

const BOTH: [&str; 2] = ["AuthOutage", "AuthRegionDown"];
/// `several_after` of these stories.
const AFTER: Duration = Duration::from_secs(10);

/// A lab, and three ways to it.
fn ways() -> (Lab, [Way; 3], Stage) {
    let lab = Lab::start("localhost");
    let ways = [2, 3, 4].map(|number| lab.way(number));
    let mut stage = Stage::new(&lab.issuer, "5s");
    let regions = ways.iter().zip(["north", "south", "west"]).map(|(way, name)| way.region(name));
    stage.scene.regions = regions.collect();
    stage.detection = "several_after = \"10s\"";
    (lab, ways, stage)
}

#[test]
fn one_region_of_three_is_a_ticket_of_its_own_after_a_while() {
    let (_lab, [north, _south, _west], mut stage) = ways();
    let watch = stage.watch(PROBES);
    let cut = now();
    north.cut();
    let (told, alert) = stage.page("AuthRegionDown");
    let first = watch.first_bad(cut, &["north"]);
    let lasted = told.since(first.start);
    assert!(lasted >= AFTER && lasted <= AFTER + Duration::from_secs(15), "{lasted:?}");
    for (label, value) in [("severity", "ticket"), ("provider", "main"), ("probe_region", "north")] {
        assert_eq!(alert["labels"][label], value, "{alert}");
    }
    says(&alert, &["north", "discovery", "connect"]);
    stage.quiet(&["AuthOutage"], Duration::from_secs(10));
    let told: Vec<_> =
        stage.alertmanager.firing().into_iter().map(|alert| alert["labels"]["probe_region"].clone()).collect();
    assert!(!told.contains(&"south".into()) && !told.contains(&"west".into()), "{told:?}");
    north.mend();
    stage.over("AuthRegionDown", now(), OVER);
    assert_eq!((watch.fired("AuthOutage"), watch.fired("AuthRegionDown")), (0, 1));
}

#[test]
fn two_regions_of_three_are_an_outage_once_it_has_lasted() {
    let (_lab, [north, south, _west], mut stage) = ways();
    let watch = stage.watch(PROBES);
    let cut = now();
    north.cut();
    south.cut();
    let (paged, alert) = stage.page("AuthOutage");
    let both = watch.first_bad(cut, &["north"]).start.max(watch.first_bad(cut, &["south"]).start);
    let earliest = watch.first_bad(cut, &[]).start;
    assert!(paged.since(earliest) >= AFTER, "{:?} after the first failure", paged.since(earliest));
    assert!(paged.since(both) <= AFTER + Duration::from_secs(15), "{:?} after both failed", paged.since(both));
    assert_eq!(alert["labels"]["severity"], "page", "{alert}");
    says(&alert, &["north", "south", "west"]);
    north.mend();
    south.mend();
    stage.over("AuthOutage", now(), OVER);
    assert_eq!(watch.fired("AuthOutage"), 1);
}

#[test]
fn a_region_that_cannot_measure_is_unknown_and_holds_up_nobody() {
    let mut lab = Lab::start("127.0.0.1");
    let mut proxy = Proxy::tinyproxy();
    let mut stage = Stage::new(&lab.issuer, "5s");
    stage.scene.regions = stage.scene.regions.replace("\"west\"", &format!("\"west\"\nproxy = \"{}\"", proxy.url));
    let watch = stage.watch(PROBES);
    proxy.stop();
    let inconclusive = |count| count >= 6.0;
    watch.daemon.until("authprobe_runs_inconclusive_total", &["probe_region=\"west\""], inconclusive);
    // That says nothing about the provider.
    assert!(watch.cases().is_empty(), "{:#?}", watch.cases());
    stage.quiet(&BOTH, Duration::from_secs(5));
    let stopped = now();
    lab.stop();
    // The others are enough, at once: `several_after` is two minutes here.
    let (paged, alert) = stage.page("AuthOutage");
    let first = watch.first_bad(stopped, &[]);
    soon(paged, &first, SOON);
    says(&alert, &["north", "south", "west"]);
    let case = watch.cases().remove(0);
    let west = case["regions"].as_array().unwrap().iter().find(|region| region["region"] == "west").unwrap();
    assert_eq!(west["look"], "unknown", "{case:#}");
    assert_eq!(case["level"], "everywhere", "{case:#}");
    lab.restart();
    stage.over("AuthOutage", now(), OVER);
    assert_eq!(watch.fired("AuthRegionDown"), 0);
}
