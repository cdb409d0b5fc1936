use serde_json::{Value, json};

use super::*;
use crate::oidc::response::testing;

/// Public Ed25519 keys: RFC 8037 A.2 and RFC 8032 §7.1, tests 2 and 3.
const A: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const B: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";
const C: &str = "_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU";
const HOUR: Duration = Duration::from_secs(3600);

fn key(kid: &str, x: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x, "use": "sig"})
}

struct World {
    history: KeyHistory,
    set: KeySet,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        Self { history: KeyHistory::default(), set: KeySet::default(), now: Timestamp::from_secs(1_700_000_000) }
    }

    fn later(&mut self, by: Duration) -> &mut Self {
        self.now = self.now + by;
        self
    }

    fn look_from(&mut self, region: &str, keys: &[Value]) -> (u64, usize) {
        let answer = testing::json(200, &json!({ "keys": keys }));
        self.set = KeySet::process(&answer, &mut vec![]).unwrap().0;
        let change = self.history.saw_set(&region.into(), &self.set, self.now);
        (u64::from(change.rotated), change.broken.len())
    }

    fn look(&mut self, keys: &[Value]) -> (u64, usize) {
        self.look_from("eu", keys)
    }

    fn sign(&mut self, kid: &str, cached: bool) -> (u64, usize) {
        let key = self.set.keys().iter().find(|key| key.kid.as_deref() == Some(kid)).unwrap();
        let change = self.history.saw_signature(&"eu".into(), key, cached, Some(HOUR), self.now);
        (u64::from(change.rotated), change.broken.len())
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_first_look_is_no_rotation_and_nothing_of_it_is_judged() {
    let mut world = World::new();
    assert_eq!(world.look(&[key("a", A), key("b", B)]), (0, 0));
    assert_eq!(world.sign("a", true), (0, 0));
    assert_eq!(world.later(MINUTE).look(&[key("b", B), key("a", A)]), (0, 0));
}

#[test]
fn a_careful_rotation_is_safe_at_both_ends() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    world.sign("a", true);
    assert_eq!(world.later(MINUTE).look(&[key("a", A), key("b", B)]), (1, 0));
    assert_eq!(world.sign("a", true), (0, 0));
    assert_eq!(world.later(MINUTE).look(&[key("a", A), key("b", B)]), (0, 0));
    assert_eq!(world.sign("b", true), (0, 0));
    // The last token of a lives for an hour.
    assert_eq!(world.later(HOUR).look(&[key("b", B)]), (1, 0));
}

#[test]
fn a_key_that_signs_as_soon_as_it_is_seen_was_not_published_before() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    assert_eq!(world.later(MINUTE).look(&[key("a", A), key("b", B)]), (1, 0));
    assert_eq!(world.sign("b", true), (0, 1));
    // Told once.
    assert_eq!(world.later(MINUTE).look(&[key("a", A), key("b", B)]), (0, 0));
    assert_eq!(world.sign("b", true), (0, 0));
}

#[test]
fn a_key_that_only_a_fresh_fetch_had_was_not_published_before() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    assert_eq!(world.look(&[key("a", A), key("b", B)]), (1, 0));
    assert_eq!(world.sign("b", false), (0, 1));
}

#[test]
fn who_looks_once_an_hour_cannot_tell() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    world.later(HOUR).look(&[key("a", A), key("b", B)]);
    assert_eq!(world.sign("b", true), (0, 0));
}

#[test]
fn a_key_removed_while_its_tokens_live_is_unsafe() {
    let mut world = World::new();
    world.look(&[key("a", A), key("b", B)]);
    world.sign("a", true);
    assert_eq!(world.later(HOUR - MINUTE).look(&[key("b", B)]), (1, 1));
    // One that never signed may go at any time.
    assert_eq!(world.later(MINUTE).look(&[key("a", A)]), (1, 0));
}

#[test]
fn no_overlap_at_all_is_one_unsafe_rotation() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    world.sign("a", true);
    assert_eq!(world.later(MINUTE).look(&[key("b", B)]), (1, 1));
    assert_eq!(world.sign("b", true), (0, 0));
    // If the old key never signed, the new one tells.
    let mut world = World::new();
    world.look(&[key("a", A)]);
    assert_eq!(world.later(MINUTE).look(&[key("b", B), key("c", C)]), (1, 0));
    assert_eq!(world.sign("b", true), (0, 1));
    assert_eq!(world.sign("c", true), (0, 0));
}

#[test]
fn another_key_under_the_same_kid_is_unsafe() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    assert_eq!(world.later(MINUTE).look(&[key("a", B)]), (1, 1));
    assert_eq!(world.later(MINUTE).look(&[key("a", B)]), (0, 0));
    // Both at once: an addition (that the kid is there twice is the key set's own fault).
    assert_eq!(world.later(MINUTE).look(&[key("a", B), key("a", C)]), (1, 0));
}

#[test]
fn nodes_that_disagree_are_not_endless_rotations() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    let mut rotations = 0;
    for _ in 0..20 {
        rotations += world.later(MINUTE).look(&[key("a", A), key("b", B)]).0;
        rotations += world.later(MINUTE).look(&[key("a", A)]).0;
    }
    // b came once and went once.
    assert_eq!(rotations, 2);
    // Back for good, it may be removed again.
    world.later(MINUTE).look(&[key("a", A), key("b", B)]);
    world.later(HOUR).look(&[key("a", A), key("b", B)]);
    assert_eq!(world.later(MINUTE).look(&[key("a", A)]).0, 1);
}

#[test]
fn regions_have_histories_of_their_own_and_share_what_was_signed() {
    let mut world = World::new();
    world.look_from("eu", &[key("a", A), key("b", B)]);
    world.look_from("us", &[key("a", A), key("b", B)]);
    world.look_from("eu", &[key("a", A), key("b", B)]);
    world.sign("a", true);
    assert_eq!(world.later(MINUTE).look_from("us", &[key("b", B)]), (1, 1));
    assert_eq!(world.look_from("eu", &[key("a", A), key("b", B)]), (0, 0));
}

#[test]
fn keys_for_encryption_do_not_matter() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    let encryption = json!({"kty": "OKP", "crv": "X25519", "kid": "e", "x": A});
    assert_eq!(world.later(MINUTE).look(&[key("a", A), encryption]), (0, 0));
}

#[test]
fn memory_is_bounded() {
    let mut world = World::new();
    world.look(&[key("a", A)]);
    for n in 0..2 * MAX_KEYS {
        let jwk = json!({"kty": "RSA", "kid": n.to_string(), "e": "AQAB", "n": base64_odd(n)});
        world.later(MINUTE).look(&[jwk]);
        world.sign(&n.to_string(), true);
    }
    assert_eq!(world.history.regions.values().next().unwrap().keys.len(), MAX_KEYS);
    assert_eq!(world.history.signers.len(), MAX_KEYS);
}

/// An odd 2048-bit number that depends on `n`.
fn base64_odd(n: usize) -> String {
    use base64::Engine as _;
    let mut octets = [0xff; 256];
    octets[1..9].copy_from_slice(&(n as u64).to_be_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(octets)
}
