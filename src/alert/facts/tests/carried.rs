//! What `alert::carriers` says is what really happens: each class goes through the facts, the detector and an objective.

use std::collections::BTreeSet;

use super::*;
use crate::alert::carriers::carriers;
use crate::detect::{Detect, Roster, Runs, Settings, Site};
use crate::slo::{Event, Sli};

/// Both regions of `login` fail with it every five minutes for 21 minutes.
fn runs(class: Class) -> Vec<Outcome> {
    let times = [60, 360, 660, 960, 1260];
    let mut all = Vec::new();
    for (secs, region) in times.into_iter().flat_map(|secs| [(secs, "eu"), (secs + 1, "us")]) {
        let mut fault = Fault::new(class, "as told");
        fault.step = "token";
        all.push(fails(region, secs, fault));
    }
    all
}

/// Alerts of facts.
fn by_facts(class: Class) -> BTreeSet<String> {
    let mut facts = facts();
    for outcome in runs(class) {
        let ended = (outcome.start + outcome.duration).since(START).as_secs();
        watch(&mut facts, ended);
        facts.outcome(&outcome);
    }
    let holds = |condition: &Condition| {
        condition.holds == Holds::Yes && condition.labels.get("probe").is_some_and(|probe| probe == "login")
    };
    all(&mut facts, 1290).iter().filter(|c| holds(c)).map(|c| c.labels["alertname"].clone()).collect()
}

/// Whether the detector looks into it.
fn detected(class: Class) -> bool {
    let runs_of = |region: &str| Runs {
        check: watched("login", region).check,
        steps: vec!["discovery", "token"],
        requests: 4,
        user: None,
        all_regions: false,
        timeout: Duration::from_secs(10),
        period: Duration::from_secs(300),
    };
    let site = Site {
        provider: "main".into(),
        labels: Words::new(),
        annotations: Words::new(),
        room: None,
        runs: vec![runs_of("eu"), runs_of("us")],
    };
    let mut detect = Detect::new(Roster { sites: vec![site] }, Settings::default());
    for outcome in runs(class) {
        detect.outcome(&outcome, false, outcome.start + outcome.duration);
    }
    !detect.rulings(at(1261), &|_| false)[0].cases.is_empty()
}

#[test]
fn the_alerts_that_carry_a_class_are_those_that_it_raises() {
    for class in Class::ALL.iter().copied() {
        let mut real = by_facts(class);
        if detected(class) {
            real.extend(["AuthOutage".to_owned(), "AuthRegionDown".to_owned()]);
        }
        if Sli::Availability.judge(&runs(class)[0])[0].1 == Event::Bad {
            real.insert("AuthSLOBurn".to_owned());
        }
        let told: BTreeSet<String> = carriers(class).iter().map(|carrier| carrier.alert.to_owned()).collect();
        assert_eq!(told, real, "{class}");
    }
}
