use serde_json::json;

use super::*;
use crate::oidc::response::testing;

const GRACE: Duration = Duration::from_secs(120);

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000) + Duration::from_secs(secs)
}

fn place(region: &str) -> Place {
    let (region, node) = match region.split_once('@') {
        Some((region, node)) => (region, Some(node.parse().unwrap())),
        None => (region, None),
    };
    Place { region: region.into(), node }
}

/// Metadata that differs by one word.
fn view(word: &str) -> View {
    View::of_metadata(json!({"issuer": "https://a.example", "word": word}).as_object().unwrap(), Duration::ZERO)
}

/// Looks, one after the other: when, where, what.
fn seen(looks: &[(u64, &str, &str)]) -> Agreement {
    let mut agreement = Agreement::default();
    for (secs, where_, word) in looks {
        agreement.saw(Document::Discovery, place(where_), view(word), at(*secs));
    }
    agreement
}

fn opinion(agreement: &Agreement, region: &str, secs: u64) -> Opinion {
    agreement.judge(Document::Discovery, region, GRACE, at(secs))
}

fn odd(opinion: &Opinion) -> bool {
    matches!(opinion, Opinion::Odd(_))
}

#[test]
fn nobody_is_compared_with_himself() {
    assert_eq!(opinion(&seen(&[]), "eu", 0), Opinion::Alone);
    assert_eq!(opinion(&seen(&[(0, "eu", "a"), (60, "eu", "b")]), "eu", 60), Opinion::Alone);
    assert_eq!(opinion(&seen(&[(0, "eu", "a"), (60, "us", "a")]), "eu", 60), Opinion::Agree);
    assert_eq!(opinion(&seen(&[(0, "us", "a"), (60, "ap", "b")]), "eu", 60), Opinion::Alone, "it has not looked");
}

/// A change that all regions saw one after the other, however long that took, is none.
#[test]
fn a_change_between_two_looks_is_no_disagreement() {
    let looks = [(0, "eu", "a"), (600, "us", "a"), (1200, "eu", "b")];
    assert_eq!(opinion(&seen(&looks), "eu", 1200), Opinion::Agree, "us may have it by now");
    let looks = [(0, "eu", "a"), (600, "us", "a"), (1200, "eu", "b"), (1800, "us", "b")];
    assert_eq!(opinion(&seen(&looks), "us", 1800), Opinion::Agree);
}

#[test]
fn what_lasts_longer_than_the_grace_is_told_with_how_long() {
    // eu has b from 60 on; us still had a at 90.
    let mut looks = vec![(0, "eu", "a"), (30, "us", "a"), (60, "eu", "b"), (90, "us", "a"), (120, "eu", "b")];
    let young = opinion(&seen(&looks), "eu", 120);
    assert!(matches!(&young, Opinion::Elsewhere(text) if text.ends_with("; that is let pass for 2m")), "{young:?}");
    looks.extend([(150, "us", "a"), (180, "eu", "b"), (210, "us", "a")]);
    // Known from 60 until 180.
    let told = opinion(&seen(&looks), "us", 210);
    let expected =
        "metadata: us differs from eu since 2023-11-14T22:14:20.000Z, for 2m at least: different member word";
    assert_eq!(told, Opinion::Odd(expected.to_owned()));
    assert!(odd(&opinion(&seen(&looks), "eu", 210)), "one against one: both are told");
    looks.push((240, "us", "b"));
    assert_eq!(opinion(&seen(&looks), "us", 240), Opinion::Agree);
}

#[test]
fn caches_may_keep_it_for_as_long_as_they_were_told() {
    let with = |word, age| View { max_age: Duration::from_secs(age), ..view(word) };
    let judged = |age| {
        let mut agreement = Agreement::default();
        for secs in [0, 300] {
            agreement.saw(Document::Discovery, place("eu"), with("a", age), at(secs));
            agreement.saw(Document::Discovery, place("us"), with("b", 0), at(secs + 1));
        }
        opinion(&agreement, "eu", 301)
    };
    // Known from 1 until 300.
    assert!(odd(&judged(179)));
    assert!(!odd(&judged(180)), "two minutes, and three for the cache");
}

#[test]
fn most_places_are_right() {
    let mut looks = Vec::new();
    for secs in [0, 200, 400] {
        looks.extend([(secs, "eu", "a"), (secs + 1, "us", "a"), (secs + 2, "ap", "old")]);
    }
    let three = seen(&looks);
    let Opinion::Odd(told) = opinion(&three, "ap", 402) else { panic!("ap is the odd one") };
    assert!(told.contains("ap differs from eu, us since"), "{told}");
    let Opinion::Elsewhere(told) = opinion(&three, "eu", 402) else { panic!("eu is one of most") };
    assert!(told.contains("eu, us differ from ap since") && !told.contains("let pass"), "{told}");
    // Two against two: nobody knows who is right.
    for secs in [0, 200, 400] {
        looks.push((secs + 3, "sa", "old"));
    }
    let four = seen(&looks);
    assert!(["eu", "us", "ap", "sa"].iter().all(|region| odd(&opinion(&four, region, 403))));
}

#[test]
fn nodes_are_places_of_their_own() {
    let mut looks = Vec::new();
    for secs in [0, 200] {
        looks.extend([(secs, "eu@192.0.2.7", "a"), (secs, "eu@192.0.2.8", "old"), (secs, "us@192.0.2.7", "a")]);
    }
    let nodes = seen(&looks);
    let Opinion::Odd(told) = opinion(&nodes, "eu", 200) else { panic!("one of its nodes is odd") };
    assert!(told.contains("eu at 192.0.2.8 differs from eu at 192.0.2.7, us at 192.0.2.7"), "{told}");
    assert!(matches!(opinion(&nodes, "us", 200), Opinion::Elsewhere(_)));
}

#[test]
fn whoever_is_asked_no_more_has_no_voice() {
    let mut agreement = seen(&[(0, "eu", "a"), (0, "us", "b"), (300, "eu", "a"), (300, "us", "b")]);
    assert!(odd(&opinion(&agreement, "eu", 300)));
    for secs in (600..2000).step_by(300) {
        agreement.saw(Document::Discovery, place("eu"), view("a"), at(secs));
    }
    assert_eq!(opinion(&agreement, "eu", 1900), Opinion::Alone, "us was not asked for more than a quarter of an hour");
    let hourly = seen(&[(0, "eu", "a"), (1, "us", "b"), (3600, "eu", "a"), (3601, "us", "b")]);
    assert!(odd(&opinion(&hourly, "eu", 7000)), "hourly looks are looks");
}

#[test]
fn order_and_repeated_signatures_mean_nothing() {
    let of = |value: Value| View::of_metadata(value.as_object().unwrap(), Duration::ZERO);
    let one = of(json!({"a": ["x", "y"], "b": {"c": 1, "d": 2}, "signed_metadata": "x.y.z"}));
    let other = of(json!({"b": {"d": 2, "c": 1}, "a": ["y", "x"], "signed_metadata": "x.y.w"}));
    assert!(one.same(&other));
    assert!(!one.same(&of(json!({"a": ["x", "y"], "b": {"c": 1, "d": 3}}))));
    assert!(!of(json!({"a": [1, 2]})).same(&of(json!({"a": [2, 1]}))), "only names are a set");
    assert!(!of(json!({"a": "1"})).same(&of(json!({"a": 1}))));
}

/// A key set of Ed25519 keys: names, and the first letters of what they are made of.
fn keys(all: &[(&str, char)]) -> View {
    // A of RFC 8037 A.2 with another beginning: nothing is verified with it.
    let key = |(kid, first): &(&str, char)| {
        let x = format!("{first}1qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x, "use": "sig"})
    };
    let all: Vec<Value> = all.iter().map(key).collect();
    let (set, _) = KeySet::process(&testing::json(200, &json!({ "keys": all })), &mut vec![]).unwrap();
    assert_eq!(set.len(), all.len());
    View::of_keys(&set, Duration::ZERO)
}

#[test]
fn keys_are_compared_by_name_and_by_what_they_are() {
    assert!(keys(&[("k1", 'A'), ("k2", 'B')]).same(&keys(&[("k2", 'B'), ("k1", 'A')])));
    assert!(keys(&[("k", 'A'), ("k", 'B')]).same(&keys(&[("k", 'B'), ("k", 'A')])), "the order of namesakes neither");
    let told = |mine: &[(&str, char)], theirs: &[(&str, char)]| keys(mine).difference(&keys(theirs), "key");
    assert_eq!(told(&[("k1", 'A')], &[("k2", 'B')]), "missing key k2; additional key k1");
    assert_eq!(told(&[("k1", 'A')], &[("k1", 'B')]), "different key k1");
    let many = ["a", "b", "c", "d", "e", "f", "g"].map(|kid| (kid, 'C'));
    assert_eq!(told(&[("k", 'A')], &many), "missing keys a, b, c, d, e and 2 more; additional key k");
}

#[test]
fn names_and_memory_are_bounded() {
    let mut agreement = Agreement::default();
    let long: Map<String, Value> =
        (0..500).map(|n| (format!("{n}{}", "x".repeat(5000)), Value::from("\u{1b}[2J"))).collect();
    for n in 0..300 {
        for secs in [n, n + 300] {
            let view = if n == 0 { View::of_metadata(&long, Duration::ZERO) } else { view("a") };
            agreement.saw(Document::Discovery, place(&format!("r{n}")), view, at(secs));
        }
    }
    assert!(agreement.places.len() <= MAX_PLACES);
    let one = View::of_metadata(&long, Duration::ZERO);
    assert!(one.difference(&view("a"), "member").len() < 1000);
}
