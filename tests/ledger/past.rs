//! Alerts that were, and signing keys: kept, chosen, made from a file of the version before, gone when they are old.

use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::Words;
use authprobe::alert::episode::{Episode, EpisodesQuery, FiredReading};
use authprobe::clock::Clock;
use authprobe::oidc::key_history::KeyLife;
use authprobe::store::{Batch, KeptKey, Store};
use rusqlite::Connection;

use crate::stage::{self, Folder, Hand, NOW, PACE, ask, open, running, wait};

fn words(pairs: &[(&str, &str)]) -> Words {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn episode(slo: &str, ago_seconds: i64, over: bool) -> Episode {
    let fired_nanos = NOW.as_nanos() - ago_seconds * 1_000_000_000;
    Episode {
        labels: words(&[("alertname", "AuthSLOBurn"), ("slo", slo), ("provider", "main")]),
        fired_nanos,
        resolved_nanos: over.then_some(fired_nanos + 1),
        description: format!("{slo} burns \"fast\""),
        reading: Some(FiredReading {
            seconds: (3600, 300),
            burn: (50.0, 200.5),
            guarded: 35.98,
            factor: 14.4,
            bad: 30,
            judged: 600,
        }),
    }
}

fn probe_episode() -> Episode {
    let labels = words(&[("alertname", "AuthProbeStale"), ("probe", "login"), ("provider", "other")]);
    Episode { labels, reading: None, ..episode("x", 30, true) }
}

fn found(store: &Store, slo: &str, probe: &str, provider: &str, limit: usize) -> Vec<Episode> {
    let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    store.episodes(&EpisodesQuery { slo: some(slo), probe: some(probe), provider: some(provider), limit }).unwrap()
}

#[test]
fn episodes_are_kept_chosen_and_ended() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    let (old, new) = (episode("a", 50, true), episode("a", 10, false));
    hand.keep(Batch { episodes: vec![new.clone(), old.clone(), episode("b", 20, false)], ..Batch::default() });
    hand.keep(Batch { episodes: vec![probe_episode(), episode("b", 20, true)], ..Batch::default() });
    stage::close(&store);
    let (store, mut opened) = open(&folder.settings()).unwrap();
    opened.episodes.sort_by_key(|episode| std::cmp::Reverse(episode.fired_nanos));
    let all = [new.clone(), episode("b", 20, true), probe_episode(), old.clone()];
    assert_eq!(opened.episodes, all);
    assert_eq!(found(&store, "", "", "", 9), all);
    assert_eq!(found(&store, "", "", "", 2), all[..2]);
    assert_eq!(found(&store, "a", "", "", 9), [new, old]);
    assert_eq!(found(&store, "", "login", "", 9), [probe_episode()]);
    assert_eq!(found(&store, "", "", "other", 9), [probe_episode()]);
    assert_eq!(found(&store, "a", "", "other", 9), []);
    assert_eq!(found(&store, "a' OR 1=1 --", "", "", 9), []);
    stage::close(&store);
}

#[test]
fn a_start_goes_on_from_the_latest_and_from_all_that_fires() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    let mut many: Vec<Episode> = (0..600).map(|n| episode(&format!("s{n}"), 1000 + n, true)).collect();
    many.push(episode("fires", 90_000, false));
    hand.keep(Batch { episodes: many, ..Batch::default() });
    stage::close(&store);
    let (store, opened) = open(&folder.settings()).unwrap();
    assert_eq!(opened.episodes.len(), 501);
    assert!(opened.episodes.iter().any(|episode| episode.labels["slo"] == "fires"));
    assert!(opened.episodes.iter().any(|episode| episode.labels["slo"] == "s499"));
    assert!(!opened.episodes.iter().any(|episode| episode.labels["slo"] == "s500"));
    assert_eq!(found(&store, "s599", "", "", 9).len(), 1, "the file has them all");
    stage::close(&store);
}

fn life(name: &str) -> KeyLife {
    KeyLife {
        kid: Some(name.to_owned()),
        kty: "RSA".to_owned(),
        alg: None,
        thumbprint: format!("{name:0>64}"),
        published_nanos: 1,
        or_before: true,
        signed_nanos: Some((2, 3)),
        removed_nanos: None,
        regions: vec!["eu".to_owned()],
        flaws: vec![(4, "signed before it was published".to_owned())],
    }
}

fn kept(provider: &str, name: &str, seen_days_ago: i64) -> KeptKey {
    let seen_nanos = NOW.as_nanos() - seen_days_ago * 86_400_000_000_000;
    KeptKey { provider: provider.to_owned(), seen_nanos, life: life(name) }
}

#[test]
fn what_is_old_goes_but_not_what_fires() {
    let folder = Folder::new();
    let clock = Clock::manual(NOW);
    let (store, _) = Store::open(&folder.settings(), clock.clone()).unwrap();
    let hand = Arc::new(Hand::default());
    store.start_every(hand.clone(), PACE);
    let day = 86_400;
    let episodes = vec![episode("new", day, true), episode("old", 399 * day, true), episode("fires", 500 * day, false)];
    let keys = vec![kept("main", "new", 1), kept("main", "old", 399)];
    hand.keep(Batch { episodes, keys, ..Batch::default() });
    assert_eq!((found(&store, "", "", "", 9).len(), store.keys().unwrap().len()), (3, 2));
    clock.set(NOW + Duration::from_secs(2 * 86_400));
    wait("an old episode to go", || found(&store, "", "", "", 9).len() == 2);
    assert_eq!(found(&store, "old", "", "", 9), []);
    wait("an old key to go", || store.keys().unwrap().len() == 1);
    assert_eq!(store.keys().unwrap()[0].life.kid.as_deref(), Some("new"));
    stage::close(&store);
}

#[test]
fn lives_of_keys_are_kept_and_hold_no_key() {
    let folder = Folder::new();
    let (store, hand) = running(&folder.settings());
    hand.keep(Batch { keys: vec![kept("main", "a", 2), kept("other", "a", 0)], ..Batch::default() });
    let later = KeptKey {
        seen_nanos: NOW.as_nanos(),
        life: KeyLife { removed_nanos: Some(9), regions: vec![], ..life("a") },
        ..kept("main", "a", 0)
    };
    hand.keep(Batch { keys: vec![later.clone(), kept("main", "b", 1)], ..Batch::default() });
    stage::close(&store);
    let (store, _) = open(&folder.settings()).unwrap();
    assert_eq!(store.keys().unwrap(), [later, kept("main", "b", 1), kept("other", "a", 0)]);
    stage::close(&store);
    let members: String = ask(
        &folder.file(),
        "SELECT group_concat(key ORDER BY key) FROM (SELECT DISTINCT j.key FROM signing_key AS k, json_each(k.json) AS j)",
    );
    let told = "alg,flaws,kid,kty,or_before,published_nanos,regions,removed_nanos,signed_nanos,thumbprint";
    assert_eq!(members, told);
}

/// A file as the version before made it.
#[test]
fn a_file_of_version_2_gets_the_tables() {
    let folder = Folder::new();
    let file = Connection::open(folder.file()).unwrap();
    file.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    file.execute_batch(include_str!("../../src/store/v1.sql")).unwrap();
    file.execute_batch(include_str!("../../src/store/v2.sql")).unwrap();
    file.execute_batch("PRAGMA application_id = 0x61707262; PRAGMA user_version = 2;").unwrap();
    file.execute("INSERT INTO detector VALUES ('main', 'token', '{}')", []).unwrap();
    drop(file);
    let (store, opened) = open(&folder.settings()).unwrap();
    assert_eq!((opened.detectors.len(), opened.episodes.len(), store.keys().unwrap().len()), (1, 0, 0));
    stage::close(&store);
    assert_eq!(ask::<i64>(&folder.file(), "PRAGMA user_version"), 3);
    let (store, hand) = running(&folder.settings());
    hand.keep(Batch { episodes: vec![probe_episode()], keys: vec![kept("main", "a", 0)], ..Batch::default() });
    assert_eq!((found(&store, "", "", "", 9).len(), store.keys().unwrap().len()), (1, 1));
    stage::close(&store);
}
