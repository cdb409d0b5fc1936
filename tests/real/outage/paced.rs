//! What confirmation must not do: hammer accounts, spend the request budget, take a refusal for an outage.

use std::time::Duration;

use serde_json::json;

use super::lab::Lab;
use super::stage::{PROBES, Seen, Stage, now};
use crate::support::eventually;
use crate::support::idp::{Idp, Options};

const BOTH: [&str; 2] = ["AuthOutage", "AuthRegionDown"];
/// How far apart the logins of an account are at least.
const BETWEEN_LOGINS: Duration = Duration::from_secs(10);

fn login(user: &str) -> String {
    format!("[[probe]]\nname = \"login-{user}\"\nkind = \"form_login\"\nclient = \"web\"\nuser = \"{user}\"\n\n")
}

fn user(name: &str) -> String {
    format!("[[user]]\nname = \"{name}\"\nusername = \"{name}\"\npassword = {{ file = \"{name}.password\" }}\n\n")
}

#[test]
fn what_only_logins_show_is_confirmed_slowly_and_few_times() {
    let users = json!({ "bob": "wonderland-7", "carol": "wonderland-7" }).to_string();
    let idp = Idp::with(&Options { environment: &[("USERS", &users)], ..Options::default() });
    let mut stage = Stage::new(&idp.issuer, "45s");
    stage.scene.regions = "[[region]]\nname = \"only\"\n\n".to_owned();
    for name in ["bob", "carol"] {
        stage.scene.folder.write(&format!("{name}.password"), "wonderland-7");
        stage.scene.more.push_str(&user(name));
    }
    let watch = stage.watch(&["alice", "bob", "carol"].map(login).concat());
    let broken = now();
    idp.fail(json!({ "/token": { "status": 500 } }));
    let first = watch.first_bad(broken, &[]);
    assert_eq!(first.fault, "http_status/provider at token");
    std::thread::sleep(Duration::from_secs(90).saturating_sub(now().since(first.end)));
    let cases = watch.cases();
    assert_eq!((cases.len(), &cases[0]["step"]), (1, &json!("token")), "{cases:#?}");
    let runs = watch.runs(broken - Duration::from_secs(60));
    let confirmations = runs.iter().filter(|run| run.is_confirmation()).count();
    assert!(confirmations > 0, "logins are what there is: {runs:#?}");
    for name in ["alice", "bob", "carol"] {
        let own: Vec<&Seen> = runs.iter().filter(|run| run.probe == format!("login-{name}")).collect();
        for pair in own.windows(2).filter(|pair| pair[1].is_confirmation()) {
            let apart = pair[1].start.since(pair[0].start);
            assert!(apart >= BETWEEN_LOGINS, "{apart:?} between {:?} and {:?}", pair[0], pair[1]);
        }
        let asked = own.iter().filter(|run| run.is_confirmation()).count();
        assert!(asked <= 4, "{asked} confirmation logins of {name}");
    }
    let all: Vec<&Seen> = runs.iter().filter(|run| run.is_confirmation()).collect();
    for pair in all.windows(2) {
        assert!(pair[1].start >= pair[0].end, "one login during another: {:?} and {:?}", pair[0], pair[1]);
    }
}

#[test]
fn a_wrong_password_is_no_outage_and_is_not_tried_again() {
    let lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "5s");
    stage.scene.folder.write("bob.password", "not builder's");
    stage.scene.more.push_str(&user("bob"));
    let began = now();
    let watch = stage.start(&["alice", "bob"].map(login).concat());
    watch.daemon.until("authprobe_run_faults_total", &["class=\"credentials\"", "login-bob"], |faults| faults >= 1.0);
    watch.daemon.until("authprobe_runs_total", &["login-alice"], |runs| runs >= 9.0);
    stage.quiet(&BOTH, Duration::from_secs(5));
    assert_eq!(watch.confirmations(began).len(), 0);
    assert!(watch.cases().is_empty(), "{:#?}", watch.cases());
    let bobs = watch.runs(began).into_iter().filter(|run| run.probe == "login-bob").collect::<Vec<_>>();
    assert!(bobs.iter().filter(|run| run.fault.starts_with("credentials/")).count() <= 3, "once a region: {bobs:#?}");
}

#[test]
fn a_provider_that_wants_fewer_requests_is_not_sent_more() {
    let lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "5s");
    let watch = stage.watch(PROBES);
    let limited = now();
    // Without Retry-After, so that runs go on and meet it again and again.
    lab.fault("rate_limited", &json!({ "retry_after": 0 }));
    watch.daemon.until("authprobe_run_faults_total", &["class=\"rate_limited\""], |faults| faults >= 18.0);
    stage.quiet(&BOTH, Duration::from_secs(3));
    assert_eq!(watch.confirmations(limited).len(), 0);
    assert!(watch.cases().is_empty(), "{:#?}", watch.cases());
    assert_eq!((watch.fired("AuthOutage"), watch.fired("AuthRegionDown")), (0, 0));
}

#[test]
fn the_request_budget_is_kept_and_the_schedule_does_not_pay_for_it() {
    const LIMIT: u64 = 200;
    let lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "10s");
    // The schedule needs up to 144: 18 runs a minute of 2, 2 and 4 requests each.
    stage.scene.provider = format!("max_requests_per_minute = {LIMIT}");
    let watch = stage.watch(PROBES);
    let broken = now();
    // Every other time, so that there is much to be asked.
    lab.fault("http_500", &json!({ "endpoint": "token", "rate": 0.5 }));
    let mut counts = Vec::new();
    while now().since(broken) < Duration::from_secs(80) {
        counts.push((now(), lab.requests()));
        std::thread::sleep(Duration::from_millis(250));
    }
    for (at, before) in &counts {
        // A second less: requests take time on their way.
        let later = counts.iter().take_while(|(then, _)| then.since(*at) < Duration::from_secs(59)).last();
        let sent = later.map_or(0, |(_, count)| count - before);
        assert!(sent <= LIMIT, "{sent} requests within a minute from {at:?}");
    }
    let asked = watch.confirmations(broken);
    assert!(!asked.is_empty(), "the schedule alone");
    let missed = watch.daemon.sample("authprobe_runs_missed_total", &["reason=\"budget\""]).unwrap_or(0.0);
    assert_eq!(missed, 0.0, "scheduled runs gave way");
    println!("{} confirmations", asked.len());
}

#[test]
fn an_hour_has_so_many_confirmations_and_no_more() {
    let mut lab = Lab::start("127.0.0.1");
    let mut stage = Stage::new(&lab.issuer, "5s");
    stage.detection = "confirmations_per_hour = 7";
    let watch = stage.watch(PROBES);
    let stopped = now();
    lab.stop();
    stage.page("AuthOutage");
    std::thread::sleep(Duration::from_secs(20));
    let asked = watch.confirmations(stopped).len();
    assert!((1..=7).contains(&asked), "{asked}");
    lab.restart();
    // The schedule alone shows that it is over.
    eventually("the end", || stage.alertmanager.find("AuthOutage").is_none().then_some(()));
    assert!(watch.confirmations(stopped).len() <= 7);
}
