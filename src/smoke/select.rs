//! Which checks of a plan are meant. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Complaint;
use crate::config::glob::matches;
use crate::config::nearest::{listed, nearest};
use crate::plan::{Check, Plan};
use crate::probe::KINDS;

/// The most names that an error lists.
const MAX_LISTED: usize = 30;

/// What was asked for; regions are the plan's own ([`crate::plan::BuildOptions`]). Of each that says anything, one must fit;
/// of the labels all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selectors {
    /// Names or patterns (`*`, `?`) of probes.
    pub probes: Vec<String>,
    /// Labels of the probe with their values, which may be patterns.
    pub labels: Vec<(String, String)>,
    /// Kinds.
    pub kinds: Vec<String>,
}

/// A check that will run.
#[derive(Clone)]
pub struct Selected {
    /// Which.
    pub check: Arc<Check>,
    /// Whether its probe was asked for by its very name: then what the provider does not offer is not skipped.
    pub named: bool,
}

/// The checks that fit, in the order of the plan; of a probe whose runs cover all regions, only that of its first one, as the
/// schedule has it. Errors: whatever fits nothing, and if nothing fits all of it.
pub fn select(plan: &Plan, selectors: &Selectors) -> Result<Vec<Selected>, Vec<Complaint>> {
    let complaints = mistakes(plan, selectors);
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let once = |check: &Check| {
        let probe = &check.probe;
        !probe.cost().all_regions || probe.regions.first().is_none_or(|first| first.region == check.region.region)
    };
    let chosen = plan.checks.iter().filter(|check| once(check) && fits(check, selectors));
    let named = |check: &Check| selectors.probes.iter().any(|name| **name == *check.labels.probe);
    let chosen: Vec<_> = chosen.map(|check| Selected { check: check.clone(), named: named(check) }).collect();
    if chosen.is_empty() {
        let what = "no check fits all of --probe, --label, --kind and --region together";
        return Err(vec![Complaint::new(what).help(format!("there are: {}", some(ids(plan))))]);
    }
    Ok(chosen)
}

fn fits(check: &Check, selectors: &Selectors) -> bool {
    let Selectors { probes, labels, kinds } = selectors;
    let label = |(name, value): &(String, String)| check.probe.labels.get(name).is_some_and(|own| matches(value, own));
    (probes.is_empty() || probes.iter().any(|pattern| matches(pattern, &check.labels.probe)))
        && (kinds.is_empty() || kinds.iter().any(|kind| *kind == check.labels.kind))
        && labels.iter().all(label)
}

fn mistakes(plan: &Plan, selectors: &Selectors) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let names: Vec<&str> = unique(plan.probes.iter().map(|probe| &*probe.name));
    for pattern in &selectors.probes {
        if !names.iter().any(|name| matches(pattern, name)) {
            let what = format!("--probe: no probe is called `{pattern}`");
            complaints.push(near(what, pattern, &names));
        }
    }
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let configured: Vec<&str> = unique(plan.checks.iter().map(|check| check.labels.kind));
    for kind in &selectors.kinds {
        if !configured.contains(&kind.as_str()) {
            let known = kinds.contains(&kind.as_str());
            let what = if known { "no probe is of kind" } else { "there is no kind" };
            let among = if known { &configured } else { &kinds };
            complaints.push(near(format!("--kind: {what} `{kind}`"), kind, among));
        }
    }
    let labels = || plan.probes.iter().flat_map(|probe| probe.labels.iter());
    for (name, value) in &selectors.labels {
        if labels().any(|(own, is)| own == name && matches(value, is)) {
            continue;
        }
        let values = unique(labels().filter(|(own, _)| *own == name).map(|(_, value)| value.as_str()));
        complaints.push(if values.is_empty() {
            near(
                format!("--label: no probe has a label `{name}`"),
                name,
                &unique(labels().map(|(own, _)| own.as_str())),
            )
        } else {
            near(format!("--label: no probe has the label `{name}` with the value `{value}`"), value, &values)
        });
    }
    complaints
}

fn near(what: String, meant: &str, among: &[&str]) -> Complaint {
    let complaint = match nearest(meant, among.iter().copied()) {
        Some(near) => Complaint::new(format!("{what}: did you mean `{near}`?")),
        None => Complaint::new(what),
    };
    let there =
        if among.is_empty() { "there is none".to_owned() } else { format!("there are: {}", some(among.to_vec())) };
    complaint.help(there)
}

/// Each once, in their order.
fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

fn some<'a>(names: impl IntoIterator<Item = impl AsRef<str> + 'a>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    let shown = listed(names.iter().take(MAX_LISTED).map(String::as_str));
    match names.len().saturating_sub(MAX_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn ids(plan: &Plan) -> Vec<String> {
    plan.checks.iter().map(|check| check.labels.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::testing::{Planner, Script};

    fn plan() -> Arc<Plan> {
        let script = Script::of([]);
        let mut planner = Planner::new(&["eu", "us"]).probe("login", 60, &script).probe("logout", 60, &script);
        for probe in planner.probes.iter_mut().filter_map(Arc::get_mut) {
            probe.labels = Arc::new([("team".to_owned(), format!("{}-team", probe.name))].into());
            probe.probe = Box::new(Nothing);
        }
        planner.plan()
    }

    /// One run covers all regions.
    struct Nothing;

    #[async_trait::async_trait]
    impl crate::probe::Probe for Nothing {
        fn steps(&self) -> Vec<crate::journey::StepName> {
            vec!["act"]
        }

        fn cost(&self) -> crate::probe::Cost {
            crate::probe::Cost { all_regions: true, ..Default::default() }
        }

        async fn run(
            &self,
            _: &crate::probe::Context,
            _: &mut crate::journey::Journey,
        ) -> Result<(), crate::journey::Stopped> {
            Ok(())
        }
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn chosen(plan: &Plan, selectors: &Selectors) -> Vec<(String, bool)> {
        let chosen = select(plan, selectors).unwrap_or_else(|why| panic!("{why:?}"));
        chosen.iter().map(|one| (one.check.labels.to_string(), one.named)).collect()
    }

    fn wrong(selectors: &Selectors) -> String {
        let Err(complaints) = select(&plan(), selectors) else { panic!("something fits") };
        complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn probes_are_chosen_by_name_pattern_label_and_kind() {
        let script = Script::of([]);
        let two = Planner::new(&["eu", "us"]).probe("login", 60, &script).probe("keys", 60, &script).plan();
        let all = |named| ["login@eu", "login@us", "keys@eu", "keys@us"].map(|id| (id.to_owned(), named)).to_vec();
        assert_eq!(chosen(&two, &Selectors::default()), all(false));
        let by = |probes: &[&str]| Selectors { probes: texts(probes), ..Selectors::default() };
        assert_eq!(chosen(&two, &by(&["*"])), all(false));
        assert_eq!(chosen(&two, &by(&["keys", "login"])), all(true), "in the order of the plan");
        assert_eq!(chosen(&two, &by(&["lo*"])), all(false)[..2]);
        let kind = Selectors { kinds: texts(&["fake"]), ..by(&["k?ys"]) };
        assert_eq!(chosen(&two, &kind), all(false)[2..]);
        let label = Selectors { labels: vec![("team".into(), "logout-*".into())], ..Selectors::default() };
        assert_eq!(chosen(&plan(), &label), [("logout@eu".to_owned(), false)], "and one run covers all regions");
    }

    #[test]
    fn what_fits_nothing_is_said_all_at_once_with_what_there_is() {
        let said = wrong(&Selectors {
            probes: texts(&["logn", "x*"]),
            labels: vec![("taem".into(), "a".into()), ("team".into(), "login-tam".into())],
            kinds: texts(&["jwk", "jwks"]),
        });
        for part in [
            "--probe: no probe is called `logn`: did you mean `login`?",
            "there are: `login`, `logout`",
            "`x*`",
            "no probe has a label `taem`: did you mean `team`?",
            "the label `team` with the value `login-tam`: did you mean `login-team`?",
            "there is no kind `jwk`: did you mean `jwks`?",
            "no probe is of kind `jwks`",
            "there are: `fake`",
        ] {
            assert!(said.contains(part), "no {part:?} in\n{said}");
        }
        let neither = Selectors {
            probes: texts(&["login"]),
            labels: vec![("team".into(), "logout-team".into())],
            kinds: Vec::new(),
        };
        assert!(wrong(&neither).contains("no check fits all of"), "{}", wrong(&neither));
    }
}
