//! Alerts from single metrics, in the real rule engine.

use super::{Case, Sample, Series, hold};

const CONFIG: &str = "tests/rules/tiers.toml";
const KEYS: &str = "probe=\"keys\", kind=\"jwks\", provider=\"main\", client=\"\", probe_region=\"eu\"";
const REVOCATION: &str =
    "probe=\"revocation\", kind=\"revocation\", provider=\"main\", client=\"web\", probe_region=\"us\"";
const UP: &str = "up{job=\"authprobe\", instance=\"a:9464\"}";

/// A series of that metric with these labels, from pairs of a value and for how many minutes it stays.
fn series(metric: &str, labels: &str, values: &[(u64, usize)]) -> Series {
    Series::new(
        format!("{metric}{{{labels}}}"),
        values.iter().flat_map(|(value, times)| std::iter::repeat_n(*value, *times)),
    )
}

/// A case with a prober that is up.
fn case(name: &str, mut all: Vec<Series>, expect: Vec<(u64, Option<&str>)>) -> Case {
    all.push(Series::new(UP, std::iter::repeat_n(1, 240)));
    let expect = expect.into_iter().map(|(minute, labels)| (minute, "ALERTS".to_owned(), firing(labels))).collect();
    Case { name: name.to_owned(), series: all, expect }
}

fn firing(labels: Option<&str>) -> Vec<(String, f64)> {
    let full = |labels| format!("ALERTS{{alertstate=\"firing\", evaluator=\"prometheus\", {labels}}}");
    labels.map(|labels| (full(labels), 1.0)).into_iter().collect()
}

fn probe(alert: &str, severity: &str, probe: &str) -> String {
    let team = if probe == "keys" { ", team=\"identity\"" } else { "" };
    format!("alertname=\"{alert}\", severity=\"{severity}\", provider=\"main\", probe=\"{probe}\"{team}")
}

/// Judged a minute ago, all the time.
fn judged(minutes: usize) -> Vec<Series> {
    let last = Series::new(
        format!("authprobe_probe_last_run_timestamp_seconds{{{KEYS}}}"),
        (0..minutes as u64).map(|minute| (minute * 60).saturating_sub(60)),
    );
    vec![last, Series::new(format!("authprobe_runs_total{{{KEYS}}}"), 0..minutes as u64)]
}

#[test]
fn what_is_well_alerts_nobody() {
    let mut all = judged(200);
    let labels = |more: &str| format!("{KEYS}, {more}");
    for (metric, labels, value) in [
        ("authprobe_jwks_unsafe_rotations_total", KEYS.to_owned(), 3),
        ("authprobe_probe_credentials_refused", KEYS.to_owned(), 0),
        ("authprobe_clock_skew_seconds", KEYS.to_owned(), 29),
        ("authprobe_attacks_accepted_total", labels("attack=\"alg_none\""), 2),
        ("authprobe_regions_disagree", "provider=\"main\", probe_region=\"eu\", document=\"jwks\"".to_owned(), 0),
        ("authprobe_ledger_failing", "job=\"authprobe\", instance=\"a:9464\"".to_owned(), 0),
        ("authprobe_alert_state", "alertname=\"AuthOutage\", provider=\"main\", severity=\"page\"".to_owned(), 1),
        (
            "authprobe_tls_certificate_not_after_timestamp_seconds",
            "provider=\"main\", probe_region=\"eu\", endpoint=\"token\"".to_owned(),
            15 * 86_400,
        ),
        ("authprobe_token_lifetime_seconds_bucket", labels("token=\"access\", le=\"86400\""), 7),
        ("authprobe_token_lifetime_seconds_count", labels("token=\"access\""), 7),
        ("authprobe_revocation_propagation_seconds_bucket", format!("{REVOCATION}, le=\"300\""), 7),
        ("authprobe_revocation_propagation_seconds_count", REVOCATION.to_owned(), 7),
    ] {
        all.push(series(metric, &labels, &[(value, 200)]));
    }
    let expect = [1, 2, 3, 60, 100, 199].map(|minute| (minute, None)).to_vec();
    hold(CONFIG, 60, &[case("well", all, expect)]);
}

#[test]
fn a_fact_alerts_while_it_is_one() {
    let one = |name: &str, all: Vec<Series>, before: u64, on: &[u64], labels: &str, after: u64| {
        let mut expect = vec![(before, None)];
        expect.extend(on.iter().map(|minute| (*minute, Some(labels))));
        expect.push((after, None));
        case(name, all, expect)
    };
    let mut cases = vec![
        one(
            "an unsafe rotation is an event of an hour",
            vec![series("authprobe_jwks_unsafe_rotations_total", KEYS, &[(0, 10), (1, 100)])],
            9,
            &[10, 69],
            &probe("AuthKeyRotationUnsafe", "page", "keys"),
            71,
        ),
        one(
            "credentials",
            vec![series("authprobe_probe_credentials_refused", KEYS, &[(0, 10), (1, 20), (0, 20)])],
            9,
            &[10, 29],
            &probe("AuthProbeCredentials", "ticket", "keys"),
            30,
        ),
        one(
            "an attack",
            vec![series(
                "authprobe_attacks_accepted_total",
                &format!("{KEYS}, attack=\"alg_none\""),
                &[(0, 10), (1, 90)],
            )],
            9,
            &[10, 69],
            &format!("{}, attack=\"alg_none\"", probe("AuthAttackAccepted", "page", "keys")),
            71,
        ),
        // One odd round trip is not enough; three runs are.
        one(
            "a clock",
            vec![series("authprobe_clock_skew_seconds", KEYS, &[(0, 5), (40, 1), (0, 14), (31, 20), (3, 20)])],
            19,
            &[30, 39],
            &probe("AuthClockSkew", "ticket", "keys"),
            40,
        ),
        one(
            "documents",
            vec![series(
                "authprobe_regions_disagree",
                "provider=\"main\", probe_region=\"eu\", document=\"jwks\"",
                &[(0, 10), (1, 20), (0, 20)],
            )],
            9,
            &[10, 29],
            "alertname=\"AuthRegionsDisagree\", severity=\"ticket\", provider=\"main\", document=\"jwks\"",
            30,
        ),
        one(
            "the ledger",
            vec![series("authprobe_ledger_failing", "job=\"authprobe\", instance=\"a\"", &[(0, 10), (1, 9), (0, 20)])],
            9,
            &[10, 18],
            "alertname=\"AuthLedgerFailing\", severity=\"ticket\", job=\"authprobe\", instance=\"a\"",
            19,
        ),
    ];
    for (alert, severity) in [("AuthOutage", "page"), ("AuthRegionDown", "ticket")] {
        let labels = format!("alertname=\"{alert}\", provider=\"main\", severity=\"{severity}\"");
        let states = series("authprobe_alert_state", &labels, &[(0, 5), (1, 5), (2, 9), (0, 20)]);
        cases.push(one(alert, vec![states], 9, &[10, 18], &labels, 19));
    }
    hold(CONFIG, 60, &cases);
}

/// A probe that comes seldom and is scraped late: the first that Prometheus hears of it is that it is 1. It fires with the
/// first bad run, and not with the second.
#[test]
fn an_attack_that_was_accepted_before_anybody_looked_pages() {
    let attacks = |values: &[(u64, usize)]| {
        series("authprobe_attacks_accepted_total", &format!("{KEYS}, attack=\"alg_none\""), values)
    };
    let success = |values: &[(u64, usize)]| series("authprobe_probe_success", KEYS, values);
    let labels = format!("{}, attack=\"alg_none\"", probe("AuthAttackAccepted", "page", "keys"));
    let pages = Some(&*labels);
    let cases = [
        case(
            "late",
            vec![attacks(&[(1, 90)]), success(&[(0, 10), (1, 80)])],
            vec![(0, pages), (1, pages), (9, pages), (59, pages), (61, None), (89, None)],
        ),
        // It goes on: what comes in between is counted as ever.
        case(
            "and again",
            vec![attacks(&[(1, 30), (2, 100)]), success(&[(0, 130)])],
            vec![(1, pages), (59, pages), (89, pages), (91, None)],
        ),
        // Prometheus is new and authprobe is not: whatever it once was, it is refused now.
        case("old", vec![attacks(&[(3, 90)]), success(&[(1, 90)])], vec![(0, None), (1, None), (59, None), (89, None)]),
        // A restart of Prometheus, or a scrape that failed, makes nothing new of it; nor does another failure of the probe.
        case(
            "a gap",
            vec![
                Series { samples: gap(3, 30, 20, 120), ..attacks(&[]) },
                Series { samples: gap(0, 30, 20, 120), ..success(&[]) },
            ],
            vec![(75, None), (95, None), (115, None), (140, None)],
        ),
    ];
    hold(CONFIG, 60, &cases);
}

/// So often that value, then nothing for a while, then the value again.
fn gap(value: u64, before: usize, nothing: usize, after: usize) -> Vec<Sample> {
    let is = |times| std::iter::repeat_n((), times).map(move |()| Sample::Is(value));
    let nothing = std::iter::once(Sample::Stale).chain(std::iter::repeat_n((), nothing).map(|()| Sample::Nothing));
    is(before).chain(nothing).chain(is(after)).collect()
}

/// In both text formats: OpenMetrics writes the bounds of buckets with a decimal point.
#[test]
fn what_lies_beyond_the_last_bucket_alerts() {
    let mut cases = Vec::new();
    for point in ["", ".0"] {
        for (alert, name, metric, labels, bound) in [
            (
                "AuthRevocationSlow",
                "revocation",
                "authprobe_revocation_propagation_seconds",
                REVOCATION.to_owned(),
                300,
            ),
            (
                "AuthTokenLifetimeLong",
                "keys",
                "authprobe_token_lifetime_seconds",
                format!("{KEYS}, token=\"access\""),
                86_400,
            ),
        ] {
            // A run a minute; those of ten minutes lie beyond the bound, in series that had others before.
            let within: Vec<(u64, usize)> =
                (0..60).map(|n| (n, 1)).chain([(60, 10)]).chain((61..131).map(|n| (n, 1))).collect();
            let all: Vec<(u64, usize)> = (0..140).map(|n| (n, 1)).collect();
            let bucket = format!("{labels}, le=\"{bound}{point}\"");
            let series = vec![
                series(&format!("{metric}_bucket"), &bucket, &within),
                series(&format!("{metric}_count"), &labels, &all),
            ];
            let labels = probe(alert, "ticket", name);
            let expect = vec![(59, None), (62, Some(&*labels)), (120, Some(&*labels)), (139, None)];
            cases.push(case(alert, series, expect));
        }
    }
    hold(CONFIG, 60, &cases);
}

#[test]
fn a_certificate_is_a_ticket_and_then_a_page() {
    const DAY: u64 = 86_400;
    let labels = "provider=\"main\", probe_region=\"eu\", endpoint=\"token\"";
    let certificate =
        |expires: u64| series("authprobe_tls_certificate_not_after_timestamp_seconds", labels, &[(expires, 30)]);
    let alert = |severity: &str| {
        format!("alertname=\"AuthCertificateExpiring\", severity=\"{severity}\", provider=\"main\", endpoint=\"token\"")
    };
    // Its last ten minutes of the fourteen days.
    let ticket = case("ticket", vec![certificate(14 * DAY + 600)], vec![(9, None), (11, Some(&alert("ticket")))]);
    let mut page = case("page", vec![certificate(3 * DAY + 600)], vec![(9, Some(&alert("ticket")))]);
    let both = ["page", "ticket"].iter().flat_map(|severity| firing(Some(&alert(severity)))).collect();
    page.expect.push((11, "ALERTS".to_owned(), both));
    hold(CONFIG, 60, &[ticket, page]);
}

#[test]
fn a_probe_that_measures_nothing_is_stale_and_a_provider_without_any_pages() {
    let stale = probe("AuthProbeStale", "ticket", "keys");
    let page = "alertname=\"AuthProbeStale\", severity=\"page\", provider=\"main\"";
    let both = || [page, &*stale].iter().flat_map(|labels| firing(Some(labels))).collect::<Vec<_>>();
    let mut cases = Vec::new();
    // The last judged run was after five minutes.
    let last = Series::new(
        format!("authprobe_probe_last_run_timestamp_seconds{{{KEYS}}}"),
        (0..60_u64).map(|minute| minute.min(5) * 60),
    );
    let mut one = case("stopped", vec![last], vec![(12, None)]);
    one.expect.push((20, "ALERTS".to_owned(), both()));
    cases.push(one);
    // None since the start; what the counter had is from before.
    let mut none = case("never", vec![series("authprobe_runs_total", KEYS, &[(7, 60)])], vec![(7, None)]);
    none.expect.push((20, "ALERTS".to_owned(), both()));
    cases.push(none);
    // Another probe of the provider is well.
    let mut all = judged(60);
    let other = KEYS.replace("keys", "discovery").replace("jwks", "discovery");
    let old = |minute: u64| minute.min(1) * 60;
    all.push(Series::new(format!("authprobe_probe_last_run_timestamp_seconds{{{other}}}"), (0..60).map(old)));
    let labels = probe("AuthProbeStale", "ticket", "discovery");
    cases.push(case("one of two", all, vec![(30, None), (50, Some(&labels))]));
    hold(CONFIG, 60, &cases);
}

#[test]
fn a_fact_outlives_its_prober_for_an_hour() {
    let mut refused = series("authprobe_probe_credentials_refused", KEYS, &[(0, 10), (1, 20)]);
    refused.samples.extend([Sample::Stale, Sample::Nothing]);
    let labels = probe("AuthProbeCredentials", "ticket", "keys");
    let case = case("gone", vec![refused], vec![(9, None), (29, Some(&labels)), (85, Some(&labels)), (92, None)]);
    hold(CONFIG, 60, &[case]);
}

#[test]
fn a_prober_that_is_down_or_unknown_pages() {
    let labels = "alertname=\"AuthProberDown\", severity=\"page\", job=\"authprobe\"";
    let expect = |minute: u64, labels: &str| (minute, "ALERTS{alertstate=\"firing\"}".to_owned(), firing(Some(labels)));
    let down = Series::new(UP, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    let quiet = (6, "ALERTS{alertstate=\"firing\"}".to_owned(), vec![]);
    let down = Case {
        name: "down".into(),
        series: vec![down],
        expect: vec![quiet, expect(8, &format!("{labels}, instance=\"a:9464\""))],
    };
    let other = Series::new("up{job=\"other\"}", std::iter::repeat_n(1, 20));
    let absent = Case { name: "absent".into(), series: vec![other], expect: vec![expect(3, labels)] };
    hold(CONFIG, 60, &[down, absent]);
}

/// What a person reads: which regions are odd, and for how long.
#[test]
fn a_disagreement_says_where_and_how_long() {
    let of = |region: &str| format!("provider=\"main\", probe_region=\"{region}\", document=\"jwks\"");
    let series = vec![
        series("authprobe_regions_disagree", &of("ap"), &[(0, 10), (1, 40)]),
        series("authprobe_regions_disagree", &of("eu"), &[(0, 50)]),
    ];
    let folder = super::Folder::new();
    super::written(CONFIG, &folder);
    let case = Case { name: "annotations".into(), series, expect: vec![] };
    let mut text = super::file(&["authprobe.rules.yml"], &[], 60, &[case]).replace("  promql_expr_test:\n", "");
    text.push_str(
        "  alert_rule_test:\n  - alertname: AuthRegionsDisagree\n    eval_time: 30m\n    exp_alerts:\n    - exp_labels: \
         {evaluator: prometheus, provider: main, severity: ticket, document: jwks}\n      exp_annotations:\n        \
         summary: \"Regions see different documents of the provider\"\n        description: \"Regions, or nodes behind one \
         name, are given different versions of the provider's jwks: a stale cache or node answers some of them. Odd: ap. For \
         21m 0s of the last day.\"\n        dashboard_url: 'http://127.0.0.1:9464/'\n        \
         runbook_url: 'http://127.0.0.1:9464/runbook/regions-disagree'\n",
    );
    if let Err(output) = super::test(&folder.write("test.yml", &text)) {
        panic!("{output}");
    }
}
