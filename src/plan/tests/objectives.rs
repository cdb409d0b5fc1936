//! `[[slo]]`, resolved.

use std::path::Path;
use std::time::Duration;

use super::{BuildOptions, LOGIN, build, good, wrong};
use crate::plan::catalogue;
use crate::slo::{Aggregate, Severity, Triggers, Window};

fn slo(rest: &str) -> String {
    format!("{LOGIN}\n[[slo]]\nname = \"s\"\nprobes = [\"l\"]\n{rest}\n")
}

#[test]
fn an_objective_has_everything_that_is_left_unsaid() {
    let plan = good(&slo("sli = \"availability\"\nobjective = \"99.95%\"\nwindow = \"30d\""));
    let objective = &plan.objectives[0];
    assert_eq!((&*objective.name, &*objective.provider), ("s", "main"));
    assert_eq!((objective.target_ppm, objective.min_coverage_ppm, objective.alpha_ppm), (999_500, 800_000, 50_000));
    assert_eq!(objective.window, Window::Rolling(Duration::from_secs(30 * 86_400)));
    assert_eq!(objective.aggregate, Aggregate::Reachability);
    let tiers: Vec<_> = objective.tiers().iter().map(|t| (&*t.name, t.factor_milli, t.severity)).collect();
    let expected = [
        ("1h", 14_400, Severity::Page),
        ("6h", 6000, Severity::Page),
        ("1d", 3000, Severity::Ticket),
        ("3d", 1000, Severity::Ticket),
    ];
    assert_eq!(tiers, expected);
    let member = &objective.members[0];
    assert_eq!((&*member.probe, member.kind, member.timeout.as_secs()), ("l", "login", 30));
    assert_eq!(member.regions.iter().map(|r| &**r).collect::<Vec<_>>(), ["eu", "us"]);
    assert!(member.covers.is_empty());
    assert_eq!(
        plan.notes,
        ["without [store] nothing is kept on disk: counts, and with them all budgets, begin anew at each start"]
    );
}

#[test]
fn name_probes_and_objective_are_enough_and_the_catalogue_wins_over_defaults() {
    let plan = good(&slo("objective = \"99.9%\""));
    let objective = &plan.objectives[0];
    assert_eq!((objective.target_ppm, &objective.sli), (999_000, &crate::slo::Sli::Availability));
    assert_eq!(objective.window, Window::Rolling(Duration::from_secs(30 * 86_400)));
    let mut written = toml::from_str("name = \"s\"\nprobes = [\"l\"]").unwrap();
    let entries = catalogue::entries().unwrap();
    let taken = catalogue::fill(&mut written, entries.iter().find(|entry| entry.name == "token-validation").unwrap());
    assert_eq!(taken.keys, ["sli", "objective", "window"]);
    assert_eq!(wrong(&slo("sli = \"availability\""))[0], "slo \"s\": `objective` is missing");
}

#[test]
fn a_tier_that_pages_for_one_failure_is_noted() {
    let noted = |rest: &str| {
        let plan = good(&slo(&format!("{rest}\nobjective = \"99.99%\"")));
        plan.notes.iter().find(|note| note.contains("one failed run pages")).cloned()
    };
    // 120 runs an hour: a lower bound of 0.04 of 120 is below 14.4 × 0.01 %, of 20 it is above 12.96 × 0.01 %.
    assert_eq!(noted(""), None);
    let note = noted("tiers = [{ budget = \"0.3%\", within = \"10m\" }, { budget = \"10%\", within = \"1h\" }]");
    let expected = "slo s: one failed run pages (tier 10m): a smaller `alpha`, a shorter `every` or a lower `objective` asks for more";
    assert_eq!(note.as_deref(), Some(expected));
}

#[test]
fn a_run_over_all_regions_is_scheduled_in_one_and_covers_all() {
    let plan = good(
        "[store]\n[[probe]]\nname = \"w\"\nkind = \"wide\"\nclient = \"web\"\nevery = \"1m\"\n\
         [[slo]]\nname = \"s\"\nprobes = [\"*\"]\nsli = \"availability\"\nobjective = \"99%\"\nwindow = \"month\"\n\
         timezone = \"Europe/Zurich\"\naggregate = \"uptime\"\n",
    );
    let objective = &plan.objectives[0];
    let names = |regions: &[std::sync::Arc<str>]| regions.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&objective.members[0].regions), ["eu"]);
    assert_eq!(names(&objective.members[0].covers), ["eu", "us"]);
    assert_eq!(objective.window, Window::Month(chrono_tz::Europe::Zurich));
    assert_eq!(objective.aggregate, Aggregate::Uptime { quorum: 1 }, "its run has one verdict");
}

#[test]
fn the_quorum_is_more_than_half_unless_said() {
    let uptime = "sli = \"availability\"\nobjective = \"99%\"\nwindow = \"30d\"\naggregate = \"uptime\"";
    let quorum = |rest: &str| good(&slo(&format!("{uptime}\n{rest}"))).objectives[0].aggregate;
    assert_eq!(quorum(""), Aggregate::Uptime { quorum: 2 }, "more than half of two");
    assert_eq!(quorum("quorum = 1"), Aggregate::Uptime { quorum: 1 });
}

#[test]
fn a_process_of_some_regions_leaves_out_what_it_cannot_decide() {
    let uptime = "sli = \"availability\"\nobjective = \"99%\"\nwindow = \"30d\"\naggregate = \"uptime\"";
    let only = |region: &str| BuildOptions { regions: Some(vec![region.to_owned()]) };
    let plan = build(&slo(uptime), &only("eu")).unwrap();
    assert!(plan.objectives.is_empty() && plan.about.is_empty());
    let notes = plan.notes.join("\n");
    assert!(
        notes.contains("slo s: this process runs 1 of 2 regions of probe l: alone it cannot reach the quorum of 2")
    );
    let plan = build(&slo(&format!("{uptime}\nquorum = 1")), &only("eu")).unwrap();
    assert_eq!(plan.objectives.len(), 1);
    let notes = plan.notes.join("\n");
    assert!(notes.contains("it decides by those whether a tick reached the quorum of 1"), "{notes}");
    // None of its probes runs here at all.
    let elsewhere = slo("sli = \"availability\"\nobjective = \"99%\"\nwindow = \"30d\"")
        .replace("every = \"1m\"", "every = \"1m\"\nregions = [\"us\"]");
    let plan = build(&elsewhere, &only("eu")).unwrap();
    assert!(plan.objectives.is_empty());
    assert!(!plan.notes.join("\n").contains("tier"), "{:?}", plan.notes);
}

#[test]
fn standard_tiers_that_cannot_fire_are_dropped_and_named() {
    let plan = good(&slo("sli = \"availability\"\nobjective = \"90%\"\nwindow = \"2d\""));
    let names: Vec<&str> = plan.objectives[0].tiers().iter().map(|tier| &*tier.name).collect();
    assert_eq!(names, ["1h", "6h", "1d"]);
    assert_eq!(&*plan.about[0].dropped[0].tier.name, "3d");
    let note = "slo s: tier 3d dropped: no shorter than the objective's window of 2d";
    assert!(plan.notes.iter().any(|n| n == note), "{:?}", plan.notes);
    // One run a day says nothing about an hour, nor about three days.
    let seldom = slo("sli = \"availability\"\nobjective = \"99%\"\nwindow = \"30d\"")
        .replace("every = \"1m\"", "cron = \"0 4 * * *\"\nregions = [\"eu\"]");
    let plan = good(&seldom);
    let left: Vec<&str> = plan.objectives[0].tiers().iter().map(|tier| &*tier.name).collect();
    assert_eq!(left, ["1d", "3d"]);
    let none = good(&seldom.replace("99%", "50%"));
    assert!(none.objectives[0].tiers().is_empty());
    assert!(none.notes.join("\n").contains("slo s: no tier is left: it is evaluated and never alerts"));
}

#[test]
fn what_is_never_to_fail_alerts_at_any_failure() {
    let whole = "sli = \"validation\"\nobjective = \"100%\"\nwindow = \"30d\"";
    assert_eq!(good(&slo(whole)).objectives[0].triggers, Triggers::AnyEvent(Severity::Page));
    let quiet = good(&slo(&format!("{whole}\nseverity = \"ticket\"")));
    assert_eq!(quiet.objectives[0].triggers, Triggers::AnyEvent(Severity::Ticket));
    assert!(quiet.about[0].dropped.is_empty());
}

#[test]
fn several_providers_have_no_name_in_common() {
    let plan = good(&format!(
        "{}[[provider]]\nname = \"other\"\nissuer = \"https://other.example.com\"\n\
         [[probe]]\nname = \"lk\"\nkind = \"keys\"\nprovider = \"other\"\nevery = \"1m\"\n",
        slo("sli = \"availability\"\nobjective = \"99%\"\nwindow = \"30d\"").replace("[\"l\"]", "[\"l*\"]")
    ));
    assert_eq!(&*plan.objectives[0].provider, "");
    assert!(
        plan.notes.join("\n").contains("slo s: its probes ask several providers (main, other)"),
        "{:?}",
        plan.notes
    );
}

#[test]
fn what_is_written_wins_over_the_catalogue() {
    let plan = |rest: &str| {
        let text = format!(
            "{}\n[store]\n[[probe]]\nname = \"j\"\nkind = \"jwks\"\nprovider = \"main\"\nevery = \"1m\"\n\
             [[slo]]\nname = \"s\"\nprobes = [\"j\"]\ncatalogue = \"jwks-success\"\n{rest}\n",
            super::BASE
        );
        crate::plan::from_str("test.toml", &text, Path::new("")).unwrap_or_else(|errors| panic!("{errors}"))
    };
    let whole = plan("");
    let taken = whole.about[0].catalogue.clone().unwrap();
    assert_eq!(
        (taken.name.as_str(), taken.keys),
        ("jwks-success", vec!["sli", "objective", "window", "aggregate", "severity"])
    );
    assert_eq!(whole.objectives[0].triggers, Triggers::AnyEvent(Severity::Page));
    assert_eq!(whole.objectives[0].aggregate, Aggregate::Uptime { quorum: 2 });
    let own = plan("objective = \"99%\"\nwindow = \"7d\"\naggregate = \"reachability\"");
    assert_eq!(own.about[0].catalogue.clone().unwrap().keys, ["sli"], "`severity` of another target is not taken");
    assert_eq!(own.objectives[0].window, Window::Rolling(Duration::from_secs(7 * 86_400)));
    assert_eq!((own.objectives[0].aggregate, own.objectives[0].tiers().len()), (Aggregate::Reachability, 4));
}

/// Whatever the catalogue offers is an objective without a mistake, for each kind that it names.
#[test]
fn every_entry_of_the_catalogue_fits_the_kinds_it_names() {
    let entries = catalogue::entries().unwrap();
    assert!(entries.len() >= 16);
    let mut names = std::collections::BTreeSet::new();
    for entry in &entries {
        assert!(names.insert(&entry.name), "{} twice", entry.name);
        assert!(!entry.kinds.is_empty() && !entry.title.is_empty(), "{}", entry.name);
        for sentence in [Some(&entry.measures), entry.instead.as_ref()].into_iter().flatten() {
            assert!(sentence.ends_with('.') && sentence.len() > 20, "{}: {sentence}", entry.name);
        }
        for kind in &entry.kinds {
            let text = format!(
                "{}{}[store]\n[[slo]]\nname = \"s\"\nprobes = [\"p\"]\ncatalogue = \"{}\"\n",
                super::BASE,
                probe_of(kind),
                entry.name
            );
            let plan = crate::plan::from_str("test.toml", &text, Path::new(""));
            let plan = plan.unwrap_or_else(|errors| panic!("{} for {kind}: {errors}", entry.name));
            let objective = &plan.objectives[0];
            assert_eq!(objective.target_ppm, entry.objective.ppm, "{}", entry.name);
            assert!(plan.about[0].dropped.len() < 4, "{} for {kind}: nothing alerts", entry.name);
            assert!(!plan.about[0].catalogue.as_ref().unwrap().keys.is_empty());
        }
    }
}

/// A probe of a real kind.
fn probe_of(kind: &str) -> String {
    let about = crate::probe::kind(kind).unwrap_or_else(|| panic!("there is no kind `{kind}`"));
    let mut text = format!("[[probe]]\nname = \"p\"\nkind = \"{kind}\"\nevery = \"1m\"\n");
    text.push_str(if about.client == crate::probe::Need::Forbidden {
        "provider = \"main\"\n"
    } else {
        "client = \"web\"\n"
    });
    if about.user == crate::probe::Need::Required || ["introspection", "resource", "revocation"].contains(&kind) {
        text.push_str("user = \"alice\"\n");
    }
    text.push_str(match kind {
        "refresh" => "rotation = \"required\"\n",
        "jwt_bearer" => "assertion = { env = \"ASSERTION\" }\n",
        "resource" => "url = \"https://api.example.com/me\"\n",
        _ => "",
    });
    text
}

#[test]
fn an_entry_that_does_not_fit_says_what_does() {
    let said = wrong(&slo("catalogue = \"jwks-success\"")).join("|");
    assert_eq!(said, "slo \"s\".catalogue: `jwks-success` is for probes of kind `jwks`: probe `l` is `login`");
    let said = wrong(&slo("catalogue = \"login-sucess\"")).join("|");
    assert_eq!(said, "slo \"s\".catalogue: the catalogue has no `login-sucess`: did you mean `login-success`?");
}
