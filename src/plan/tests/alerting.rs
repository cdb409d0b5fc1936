//! `[store]`, `[alerting]` and `[[maintenance]]`, resolved; what is watched.

use std::path::Path;
use std::time::Duration;

use super::{BASE, BuildOptions, KEYS, LOGIN, LOGIN_KIND, WIDE, build_with, config, good};
use crate::alert::text::Runbooks;
use crate::notify::{Address, Credentials, HeaderText};
use crate::schedule::Timing;
use crate::secret::SecretSource;

#[test]
fn every_check_is_watched() {
    let plan = good(&format!(
        "[alerting.thresholds]\nstale = \"1m\"\n{}\
         [[probe]]\nname = \"k\"\nkind = \"keys\"\nprovider = \"main\"\ncron = \"0 8-18 * * MON-FRI\"\nregions = [\"eu\"]\n",
        LOGIN.replace(
            "every = \"1m\"",
            "every = \"2m\"\ntimeout = \"20s\"\nlabels = { team = \"a\" }\nannotations = { x = \"y\" }"
        )
    ));
    let shown: Vec<_> = plan.watched.iter().map(|w| (w.check.to_string(), w.stale_after.as_secs())).collect();
    let expected = [("l@eu", 360 + 20 + 60), ("l@us", 440), ("k@eu", 64 * 3600 + 30 + 60)];
    assert_eq!(shown, expected.map(|(check, secs)| (check.to_owned(), secs)));
    assert_eq!((plan.watched[0].labels["team"].as_str(), plan.watched[0].annotations["x"].as_str()), ("a", "y"));
}

#[test]
fn a_store_is_there_if_it_is_asked_for() {
    assert_eq!(good(LOGIN).store, None);
    let store = |rest: &str| good(&format!("[store]\n{rest}\n{LOGIN}")).store.unwrap();
    let plain = store("");
    assert_eq!(plain.path, Path::new("authprobe.db"));
    let day = Duration::from_secs(86_400);
    assert_eq!((plain.keep_runs, plain.keep_failures, plain.max_size), (7 * day, 90 * day, 2 << 30));
    // What is kept of all is kept of failures.
    assert_eq!(store("keep_runs = \"180d\"").keep_failures, 180 * day);
    let loaded =
        config::from_str("x", &format!("{BASE}[store]\npath = \"a/b.db\"\n{LOGIN}"), Path::new("/etc/ap")).unwrap();
    let plan = build_with(&[&KEYS, &LOGIN_KIND, &WIDE], &loaded, &BuildOptions::default()).unwrap();
    assert_eq!(plan.store.unwrap().path, Path::new("/etc/ap/a/b.db"));
}

#[test]
fn alerting_has_its_receivers_and_what_is_worth_an_alert() {
    let quiet = good(LOGIN).alerting;
    assert!(quiet.evaluate && quiet.notify.alertmanagers.is_empty() && quiet.prober.is_none());
    let own = Runbooks::Own("http://127.0.0.1:9464/runbook".to_owned());
    assert_eq!(quiet.runbooks, own, "where it listens");
    let plan = good(&format!(
        "[server]\npublic_url = \"https://ap.example.com\"\n[alerting]\nevaluate = true\n\
         heartbeat_url = \"https://dead.example.com/x\"\nrunbook_url = \"https://wiki.example.com/auth\"\n\
         [alerting.thresholds]\nclock_skew = \"2s\"\n\
         [[alerting.alertmanager]]\nurl = \"http://127.0.0.1:9093\"\nbearer_token = {{ env = \"PATH\" }}\n\
         [[alerting.webhook]]\nurl = \"https://hook.example.com/y\"\nheaders = {{ X-A = \"b\", X-Key = {{ env = \"PATH\" }} }}\n{LOGIN}"
    ));
    let alerting = &plan.alerting;
    assert_eq!(alerting.runbooks, Runbooks::At("https://wiki.example.com/auth".to_owned()));
    assert_eq!(alerting.thresholds.clock_skew, Duration::from_secs(2));
    assert_eq!(alerting.thresholds.stale, Duration::from_secs(300));
    let notify = &alerting.notify;
    assert_eq!(notify.public_url.as_ref().unwrap().as_str(), "https://ap.example.com/");
    assert_eq!(notify.heartbeat, Some(Address::Plain("https://dead.example.com/x".parse().unwrap())));
    let path = || SecretSource::Env("PATH".to_owned());
    assert_eq!(notify.alertmanagers[0].credentials, Some(Credentials::Bearer(path())));
    assert_eq!(
        notify.webhooks[0].headers,
        [("X-A".to_owned(), HeaderText::Plain("b".to_owned())), ("X-Key".to_owned(), HeaderText::Kept(path()))]
    );
    assert_eq!(plan.notes, [] as [String; 0]);
}

#[test]
fn alerting_that_reaches_nobody_is_noted() {
    let notes = |alerting: &str| good(&format!("[alerting]\n{alerting}\n{LOGIN}")).notes.join("\n");
    assert!(notes("").contains("and nobody is told"));
    let peer = "[[alerting.alertmanager]]\nurl = \"http://127.0.0.1:9093\"";
    assert!(notes(peer).contains("without [server] public_url alerts link to http://127.0.0.1:9464/"));
    assert!(notes(&format!("evaluate = false\n{peer}")).contains("the receivers are told nothing by this version"));
}

#[test]
fn maintenance_has_its_probes_by_name() {
    let plan = good(&format!(
        "{LOGIN}[[maintenance]]\nname = \"release\"\ncron = \"0 2 * * SUN\"\ntimezone = \"Europe/Zurich\"\nduration = \"1h\"\n"
    ));
    let window = &plan.maintenance[0];
    assert_eq!((&*window.name, window.duration), ("release", Duration::from_secs(3600)));
    assert_eq!(window.begins, Timing::cron("0 2 * * SUN", "Europe/Zurich").unwrap());
    assert_eq!(window.probes.iter().map(|p| &**p).collect::<Vec<_>>(), ["l"], "all, if none is named");
}
