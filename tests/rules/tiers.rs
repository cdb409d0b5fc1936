//! Every tier, in all the ways in which counters come and go.

use super::{Case, Sample, Series, counter, hold_in};
use crate::promtool_support::Expected;

const CONFIG: &str = "tests/rules/tiers.toml";

/// A tier of `tiers.toml`; times in minutes.
#[derive(Clone, Copy)]
struct Tier {
    slo: &'static str,
    name: &'static str,
    long: u64,
    short: (&'static str, u64),
    factor: f64,
    severity: &'static str,
    /// Between scrapes, and between evaluations.
    step: u64,
}

const TIERS: [Tier; 4] = [
    Tier { slo: "t1h", name: "1h", long: 60, short: ("5m", 5), factor: 14.4, severity: "page", step: 1 },
    Tier { slo: "t6h", name: "6h", long: 360, short: ("30m", 30), factor: 6.0, severity: "page", step: 2 },
    Tier { slo: "t1d", name: "1d", long: 1440, short: ("2h", 120), factor: 3.0, severity: "ticket", step: 4 },
    Tier { slo: "t3d", name: "3d", long: 4320, short: ("6h", 360), factor: 1.0, severity: "ticket", step: 4 },
];

/// How long failures take in these tests: enough for every tier.
const OUTAGE: u64 = 40;

impl Tier {
    /// What a minute adds to events, errors and what is expected, in the region `eu`.
    fn counts(&self, minutes: u64, by: impl Fn(u64) -> [u64; 3]) -> Vec<Series> {
        self.region("eu", minutes, by)
    }

    fn region(&self, region: &str, minutes: u64, by: impl Fn(u64) -> [u64; 3]) -> Vec<Series> {
        let series = |what: &str, at: usize| {
            let name = format!(
                "authprobe_slo_{what}_total{{slo=\"{}\", probe_region=\"{region}\", job=\"authprobe\", instance=\"a:9464\"}}",
                self.slo
            );
            counter(&name, minutes, self.step, |minute| by(minute)[at])
        };
        vec![series("events", 0), series("errors", 1), series("expected", 2)]
    }

    /// An event a minute; those of `bad` fail.
    fn steady(&self, minutes: u64, bad: impl Fn(u64) -> bool) -> Vec<Series> {
        self.counts(minutes, |minute| [1, u64::from(bad(minute)), 1])
    }

    fn labels(&self) -> String {
        let team = if self.slo == "t1h" { ", team=\"identity\"" } else { "" };
        format!(
            "ALERTS{{alertname=\"AuthSLOBurn\", alertstate=\"firing\", burnrate_tier=\"{}\", evaluator=\"prometheus\", \
             provider=\"main\", severity=\"{}\", slo=\"{}\"{team}}}",
            self.name, self.severity, self.slo
        )
    }

    fn fires(&self, minute: u64) -> Expected {
        (self.at(minute), "ALERTS{alertname=\"AuthSLOBurn\"}".to_owned(), vec![(self.labels(), 1.0)])
    }

    fn quiet(&self, minute: u64) -> Expected {
        (self.at(minute), "ALERTS{alertname=\"AuthSLOBurn\"}".to_owned(), vec![])
    }

    /// It never fired up to then.
    fn never(&self, minute: u64) -> Expected {
        let expr = format!("max_over_time(ALERTS{{alertname=\"AuthSLOBurn\"}}[{minute}m])");
        (self.at(minute), expr, vec![])
    }

    /// That window of it exceeds its factor.
    fn exceeds(&self, minute: u64, series: &str) -> Expected {
        let expr = format!("{series}{{slo=\"{}\"}} > bool {}", self.slo, self.factor);
        (self.at(minute), expr, vec![(format!("{{slo=\"{}\"}}", self.slo), 1.0)])
    }

    /// The evaluation at that minute or just before.
    fn at(&self, minute: u64) -> u64 {
        minute - minute % self.step
    }

    fn hold(&self, cases: &[Case]) {
        hold_in(&format!("authprobe-slo-{}", self.slo), CONFIG, self.step * 60, cases);
    }

    fn case(&self, name: &str, series: Vec<Series>) -> Case {
        Case { name: format!("{}: {name}", self.slo), series, expect: Vec::new() }
    }
}

/// Runs a case for each tier, with a history as long as its long window.
fn each(make: impl Fn(Tier) -> Case) {
    for tier in TIERS {
        tier.hold(&[make(tier)]);
    }
}

/// The same with a history of a few hours, where nothing hangs on the beginning of the long window.
fn each_briefly(make: impl Fn(Tier) -> Case) {
    each(|tier| make(Tier { long: tier.long.min(2 * tier.short.1.max(60)), ..tier }));
}

fn scraped_until(series: Vec<Series>, minute: u64, step: u64) -> Vec<Series> {
    let mut series = series;
    for one in &mut series {
        let samples = one.samples.iter_mut().enumerate().skip(usize::try_from(minute / step).unwrap());
        for (i, sample) in samples {
            *sample = if i as u64 == minute / step { Sample::Stale } else { Sample::Nothing };
        }
    }
    series
}

#[test]
fn fires_when_both_windows_burn_and_resolves_soon_after() {
    each(|tier| {
        let (begin, end) = (tier.long, tier.long + OUTAGE);
        let minutes = end + tier.short.1 + 30;
        let mut case = tier.case("fires", tier.steady(minutes, |minute| (begin..end).contains(&minute)));
        // Three failures may be chance; the short window ends it.
        let over = end + tier.short.1 + 2 * tier.step;
        case.expect = vec![tier.never(begin + 3), tier.fires(end), tier.fires(end + tier.step), tier.quiet(over)];
        case
    });
}

#[test]
fn what_is_over_does_not_fire() {
    each(|tier| {
        let (begin, end) = (tier.long, tier.long + OUTAGE);
        let over = end + tier.short.1 + 2 * tier.step;
        let mut case = tier.case("long only", tier.steady(over, |minute| (begin..end).contains(&minute)));
        case.expect = vec![tier.exceeds(over, &format!("slo:authprobe_slo_burn:lower{}", tier.name)), tier.quiet(over)];
        case
    });
}

#[test]
fn what_has_only_begun_does_not_fire() {
    each_briefly(|tier| {
        let begin = tier.long;
        let mut case = tier.case("short only", tier.steady(begin + 20, |minute| (begin..begin + 2).contains(&minute)));
        let short = format!("slo:authprobe_slo_burn:ratio{}", tier.short.0);
        case.expect = vec![tier.exceeds(begin + 4, &short), tier.never(begin + 20)];
        case
    });
}

/// All counters begin anew at that minute.
fn reset(series: Vec<Series>, minute: u64, step: u64) -> Vec<Series> {
    let mut series = series;
    for one in &mut series {
        let at = usize::try_from(minute / step).unwrap();
        let Sample::Is(before) = one.samples[at - 1] else { panic!("no value there") };
        for sample in &mut one.samples[at..] {
            if let Sample::Is(value) = sample {
                *value -= before;
            }
        }
    }
    series
}

#[test]
fn a_counter_that_begins_anew_neither_begins_nor_ends_an_alert() {
    each(|tier| {
        let (begin, end) = (tier.long, tier.long + OUTAGE + 20);
        let steady = tier.steady(end, |minute| (begin..end).contains(&minute));
        let mut case = tier.case("reset while firing", reset(steady, end - 12, tier.step));
        case.expect = (0..20).step_by(4).map(|minute| tier.fires(end - minute)).collect();
        case
    });
    each(|tier| {
        let end = tier.long + 60;
        // One failure, long ago, in what the counter has.
        let mut case = tier.case("reset", reset(tier.steady(end, |minute| minute == 40), tier.long - 12, tier.step));
        case.expect = vec![tier.never(end)];
        case
    });
}

#[test]
fn without_its_series_an_alert_does_not_begin() {
    for missing in ["events", "errors", "expected"] {
        each_briefly(|tier| {
            let end = tier.long + OUTAGE;
            let mut series = tier.steady(end, |minute| minute >= tier.long);
            series.retain(|one| !one.name.contains(missing));
            let mut case = tier.case(&format!("no {missing}"), series);
            case.expect = vec![tier.never(end)];
            case
        });
    }
}

#[test]
fn an_alert_outlives_its_prober_for_an_hour() {
    each_briefly(|tier| {
        let (begin, gone) = (tier.long, tier.long + OUTAGE);
        let steady = tier.steady(gone + 80, |minute| minute >= begin);
        let mut case = tier.case("stale prober", scraped_until(steady, gone, tier.step));
        case.expect = vec![tier.fires(gone), tier.fires(gone + 20), tier.fires(gone + 52), tier.quiet(gone + 72)];
        case
    });
}

#[test]
fn a_prober_that_is_gone_begins_no_alert() {
    each_briefly(|tier| {
        let (begin, gone) = (tier.long, tier.long + 4);
        let steady = tier.steady(gone + 40, |minute| minute >= begin);
        let mut case = tier.case("gone before", scraped_until(steady, gone, tier.step));
        case.expect = vec![tier.never(gone + 40)];
        case
    });
}

#[test]
fn without_traffic_nothing_is_known() {
    each_briefly(|tier| {
        let (begin, end) = (tier.long, tier.long + OUTAGE);
        let minutes = end + 2 * tier.long;
        // It fires, and then nothing is expected any more.
        let counts = tier.counts(minutes, |minute| match minute {
            _ if minute < begin => [1, 0, 1],
            _ if minute < end => [1, 1, 1],
            _ => [0, 0, 0],
        });
        let mut case = tier.case("traffic ends", counts);
        case.expect = vec![tier.fires(end), tier.fires(end + tier.short.1 + 4), tier.fires(minutes)];
        case
    });
    each_briefly(|tier| {
        let mut case = tier.case("no traffic", tier.counts(2 * tier.long, |_| [0, 0, 0]));
        case.expect = vec![tier.never(2 * tier.long)];
        case
    });
}

#[test]
fn too_little_coverage_freezes() {
    each_briefly(|tier| {
        let (begin, end) = (tier.long, tier.long + OUTAGE);
        let minutes = end + tier.short.1 + 60;
        // Runs take place and cannot tell: the failures leave the short window, and nothing says that they are over.
        let counts = tier.counts(minutes, |minute| match minute {
            _ if minute < begin => [1, 0, 1],
            _ if minute < end => [1, 1, 1],
            _ => [0, 0, 1],
        });
        let mut case = tier.case("blind while firing", counts);
        case.expect = vec![tier.fires(end), tier.fires(end + tier.short.1), tier.fires(minutes)];
        case
    });
    each_briefly(|tier| {
        let minutes = tier.long + OUTAGE;
        // Every other run could not tell; all that could say that it fails.
        let counts = tier.counts(minutes, |minute| match minute {
            _ if minute < tier.long => [1, 0, 1],
            _ => [minute % 2, minute % 2, 1],
        });
        let mut case = tier.case("half blind", counts);
        // The long window still has enough; the short one is what keeps it quiet, once it is all of that time.
        case.expect = match tier.short.1 < 20 {
            true => vec![tier.never(minutes)],
            false => vec![tier.exceeds(minutes, &format!("slo:authprobe_slo_burn:lower{}", tier.name))],
        };
        case
    });
}

#[test]
fn a_region_that_falls_silent_does_not_end_its_alert() {
    each_briefly(|tier| {
        let (begin, gone) = (tier.long, tier.long + 2 * OUTAGE);
        let minutes = gone + tier.short.1 + 90;
        let mut series =
            scraped_until(tier.region("us", minutes, |minute| [1, u64::from(minute >= begin), 1]), gone, tier.step);
        series.extend(tier.steady(minutes, |_| false));
        let mut case = tier.case("region gone", series);
        case.expect = vec![tier.fires(gone), tier.fires(gone + 52)];
        if tier.short.1 < 60 {
            // From then on it counts as taken out of the configuration.
            case.expect.push(tier.quiet(gone + 76));
        }
        case
    });
}

/// Of an objective whose probe runs every ten minutes.
#[test]
fn one_failure_of_six_is_chance_and_three_are_not() {
    let sparse =
        Tier { slo: "sparse", name: "1h", long: 60, short: ("40m", 40), factor: 14.4, severity: "page", step: 1 };
    let run = |minute: u64| u64::from(minute % 10 == 5);
    let counts = |bad: std::ops::Range<u64>| {
        sparse.counts(300, move |minute| [run(minute), run(minute) * u64::from(bad.contains(&minute)), run(minute)])
    };
    let mut one = sparse.case("one", counts(200..206));
    one.expect = vec![
        sparse.exceeds(208, "slo:authprobe_slo_burn:ratio1h"),
        sparse.exceeds(208, "slo:authprobe_slo_burn:ratio40m"),
        sparse.never(300),
    ];
    let mut three = sparse.case("three", counts(200..230));
    three.expect = vec![sparse.never(225), sparse.fires(227), sparse.quiet(280)];
    sparse.hold(&[one, three]);
}

#[test]
fn where_nothing_may_fail_one_failure_alerts_for_an_hour() {
    let any = Tier { slo: "any", name: "any", long: 60, short: ("1h", 60), factor: 0.0, severity: "page", step: 1 };
    let mut case = any.case("any", any.steady(300, |minute| minute == 100));
    case.expect = vec![any.never(100), any.fires(101), any.fires(160), any.quiet(162)];
    let mut reset = any.case("reset", reset(any.steady(300, |minute| minute == 1), 200, 1));
    reset.expect = vec![any.quiet(199), any.quiet(201), any.quiet(300)];
    any.hold(&[case, reset]);
}

/// Of an alert that fires, and of one that is kept: what a person reads.
#[test]
fn annotations_say_what_where_and_how_long() {
    let tier = TIERS[0];
    let steady = tier.steady(tier.long + 120, |minute| minute >= tier.long);
    let faults = "authprobe_run_faults_total{probe=\"keys\", class=\"http_status\", blame=\"provider\", step=\"keys\"}";
    let mut series = scraped_until(steady, tier.long + OUTAGE, 1);
    series.push(counter(faults, tier.long + OUTAGE, 1, |minute| u64::from(minute >= tier.long)));
    let folder = super::Folder::new();
    super::written(CONFIG, &folder);
    let case = Case { name: "annotations".into(), series, expect: vec![] };
    let mut text = super::file(&["authprobe.rules.yml"], &[], 60, &[case]).replace("  promql_expr_test:\n", "");
    text.push_str("  alert_rule_test:\n");
    for (minute, wanted) in [
        (
            90,
            "t1h: in the last 1h the error budget burned 100.0 times as fast as allowed (availability, objective 99.5 %); the \
              alert begins at 14.4. Seen from eu. Most failures: http_status (blame: provider) at step keys. Budget left: \
              100%, gone in 7h 12m 0s at this rate.",
        ),
        (
            130,
            "t1h: too little is measured to tell whether this is over (availability, objective 99.5 %); the alert begins at \
               14.4. Seen from eu. Most failures: http_status (blame: provider) at step keys. Budget left: -7840%.",
        ),
    ] {
        text.push_str(&format!(
            "  - alertname: AuthSLOBurn\n    eval_time: {minute}m\n    exp_alerts:\n    - exp_labels: {{burnrate_tier: 1h, \
             evaluator: prometheus, provider: main, severity: page, slo: t1h, team: identity}}\n      exp_annotations:\n        \
             summary: \"An objective's error budget burns too fast\"\n        description: '{wanted}'\n        \
             dashboard_url: 'http://127.0.0.1:9464/slos/t1h'\n        \
             runbook_url: 'http://127.0.0.1:9464/runbook/slo-burn'\n"
        ));
    }
    if let Err(output) = super::test(&folder.write("test.yml", &text)) {
        panic!("{output}");
    }
}
