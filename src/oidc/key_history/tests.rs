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

fn region(name: &str) -> Arc<str> {
    name.into()
}

impl World {
    /// What is told of the key with that `kid`.
    fn life(&self, kid: &str) -> KeyLife {
        let (_, all) = self.history.told();
        all.into_iter().find(|life| life.kid.as_deref() == Some(kid)).expect(kid)
    }

    fn nanos(&self) -> i64 {
        self.now.as_nanos()
    }
}

#[test]
fn a_life_is_told_over_all_regions() {
    let mut world = World::new();
    let begin = world.nanos();
    world.look_from("eu", &[key("a", A)]);
    world.look_from("us", &[key("a", A)]);
    assert!(world.life("a").or_before, "it was there at the first look");
    world.later(MINUTE).sign("a", true);
    let first = world.nanos();
    world.later(MINUTE).look_from("us", &[key("a", A), key("b", B)]);
    let came = world.nanos();
    assert_eq!((world.life("b").published_nanos, world.life("b").or_before), (came, false));
    assert_eq!(world.life("b").regions, ["us"], "not everywhere yet");
    world.later(MINUTE).look_from("eu", &[key("a", A), key("b", B)]);
    assert_eq!(world.life("b").regions, ["eu", "us"]);
    assert_eq!(world.life("b").published_nanos, came);
    world.later(MINUTE).sign("a", true);
    assert_eq!(world.life("a").signed_nanos, Some((first, world.nanos())));
    world.later(HOUR / 2).look_from("us", &[key("a", A), key("b", B)]);
    world.later(HOUR / 2).look_from("eu", &[key("b", B)]);
    assert_eq!((world.life("a").removed_nanos, world.life("a").regions), (None, vec!["us".to_owned()]));
    world.later(MINUTE).look_from("us", &[key("b", B)]);
    let a = world.life("a");
    assert_eq!((a.removed_nanos, a.published_nanos), (Some(world.nanos()), begin));
    assert_eq!((a.kty.as_str(), a.alg, a.flaws), ("OKP", None, vec![]));
    let (longest, all) = world.history.told();
    assert_eq!(longest, HOUR);
    assert_eq!(all.iter().map(|life| life.kid.as_deref()).collect::<Vec<_>>(), [Some("b"), Some("a")], "latest first");
    // RFC 8037 A.3: kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k
    assert_eq!(all[1].thumbprint, "90facafea9b1556698540f70c0117a22ea37bd5cf3ed3c47093c1707282b4b89");
    // It came back: it is published, since it first was.
    world.later(MINUTE).look_from("us", &[key("a", A), key("b", B)]);
    assert_eq!((world.life("a").removed_nanos, world.life("a").published_nanos), (None, begin));
}

#[test]
fn a_region_that_never_looked_does_not_tell_how_old_a_key_is() {
    let mut world = World::new();
    world.look_from("eu", &[key("a", A)]);
    world.later(MINUTE).look_from("us", &[key("a", A), key("b", B)]);
    assert!(world.life("b").or_before, "us may have had it for long");
}

#[test]
fn what_breaks_clients_is_told_of_the_key_that_it_is_about() {
    let mut world = World::new();
    world.look_from("eu", &[key("a", A)]);
    world.look_from("us", &[key("a", A)]);
    world.sign("a", true);
    world.later(MINUTE).look_from("eu", &[key("b", B)]);
    let removed = world.nanos();
    // The same removal as seen from another region.
    world.later(MINUTE).look_from("us", &[key("b", B)]);
    let flaws = world.life("a").flaws;
    let words = "the OKP key with kid a was removed; tokens that it signed live for 3540s more".to_owned();
    assert_eq!(flaws, [(removed, words)]);
    assert_eq!(world.life("b").flaws, []);
    // Another one without overlap, of a key that never signed: its successor is to blame.
    let mut world = World::new();
    world.look(&[key("a", A)]);
    world.later(MINUTE).look(&[key("a", A), key("b", B)]);
    world.sign("b", true);
    let words = "the OKP key with kid b signed less than 60s after it was published".to_owned();
    assert_eq!(world.life("b").flaws, [(world.nanos(), words)]);
    world.later(HOUR).look(&[key("b", C)]);
    let (_, all) = world.history.told();
    let old = all.iter().find(|life| !life.flaws.is_empty() && life.removed_nanos.is_some()).unwrap();
    assert_eq!(old.flaws[1].1, "the OKP key with kid b became another key under the same kid");
}

#[test]
fn lives_go_on_after_a_restart_and_the_judgement_does_not() {
    let mut before = World::new();
    before.look(&[key("a", A), key("b", B)]);
    before.sign("a", true);
    let signed = before.nanos();
    let kept = before.history.changed_lives();
    assert_eq!(kept.len(), 2);
    assert_eq!(before.history.changed_lives(), [], "told once");
    let mut after = World { now: before.now, ..World::new() };
    after.history.restore_lives(kept);
    assert_eq!(after.history.changed_lives(), [], "nothing new");
    after.later(HOUR / 2);
    // While nobody looked, a went although its tokens live, and c came.
    assert_eq!(after.look(&[key("b", B), key("c", C)]), (0, 0), "nobody saw it: no rotation is judged");
    let (a, c) = (after.life("a"), after.life("c"));
    assert_eq!((a.removed_nanos, a.signed_nanos, a.or_before), (Some(after.nanos()), Some((signed, signed)), true));
    assert_eq!((c.published_nanos, c.or_before), (after.nanos(), true), "it may have come while nobody looked");
    assert_eq!(after.life("b").published_nanos, before.nanos());
    let mut changed: Vec<_> = after.history.changed_lives().into_iter().filter_map(|(_, life)| life.kid).collect();
    changed.sort();
    assert_eq!(changed, ["a", "c"]);
    // A day later it is worth a line that b is still there.
    after.later(24 * HOUR).look(&[key("b", B), key("c", C)]);
    assert_eq!(after.history.changed_lives().len(), 2);
}

#[test]
fn what_was_known_joins_what_was_seen_meanwhile() {
    let mut before = World::new();
    before.look(&[key("a", A)]);
    before.sign("a", true);
    let began = before.nanos();
    let kept = before.history.changed_lives();
    let mut after = World { now: before.now + HOUR, ..World::new() };
    after.look_from("us", &[key("a", A)]);
    after.history.saw_signature(&region("us"), &after.set.keys()[0], true, None, after.now);
    after.history.restore_lives(kept);
    let a = after.life("a");
    assert_eq!((a.published_nanos, a.signed_nanos), (began, Some((began, after.nanos()))));
    assert_eq!(a.regions, ["eu", "us"]);
    let mut broken = after.history.changed_lives();
    broken[0].1.thumbprint = "é".repeat(32);
    after.history.restore_lives(broken);
    assert_eq!(after.history.told().1.len(), 1, "what is no thumbprint is nobody's");
}

#[test]
fn regions_that_are_not_configured_any_more_have_no_say() {
    let mut world = World::new();
    world.look_from("eu", &[key("a", A), key("b", B)]);
    world.look_from("us", &[key("b", B)]);
    let at = world.later(MINUTE).now;
    world.history.retain_regions(&|_| false, at);
    assert_eq!(world.life("a").regions, ["eu"], "nobody else has looked");
    world.history.retain_regions(&|region| region == "us", at);
    assert_eq!((world.life("a").removed_nanos, world.life("a").regions), (Some(world.nanos()), vec![]));
    assert_eq!(world.life("b").regions, ["us"]);
}

#[test]
fn what_comes_while_nobody_looks_may_have_come_at_any_time_of_that() {
    let blind = BLIND.as_secs();
    for (gap, or_before) in [(1, false), (blind, false), (blind + 1, true), (86_400, true)] {
        let mut world = World::new();
        world.look(&[key("a", A)]);
        world.later(Duration::from_secs(gap)).look(&[key("a", A), key("b", B)]);
        let b = world.life("b");
        assert_eq!((b.or_before, b.published_nanos), (or_before, world.nanos()), "after {gap} s");
    }
}

#[test]
fn regions_that_stopped_to_look_have_no_say() {
    // us looked so often, so many minutes apart; then eu looks so many minutes after its last look.
    for (times, apart, silent, has_a_say) in
        [(1, 0, 60, true), (1, 0, 61, false), (5, 1, 61, false), (5, 50, 100, true), (5, 50, 101, false)]
    {
        let mut world = World::new();
        for n in 0..times {
            world.later(MINUTE * apart * u32::from(n > 0)).look_from("us", &[key("a", A), key("b", B)]);
            world.look_from("eu", &[key("b", B)]);
        }
        world.later(MINUTE * silent).look_from("eu", &[key("b", B)]);
        let what = format!("{times} times {apart} min apart, silent for {silent} min");
        let removed = (!has_a_say).then(|| world.nanos());
        assert_eq!(world.life("a").removed_nanos, removed, "{what}");
        assert_eq!(world.life("b").regions, if has_a_say { vec!["eu", "us"] } else { vec!["eu"] }, "{what}");
        // It looks again.
        world.later(MINUTE).look_from("us", &[key("a", A), key("b", B), key("c", C)]);
        assert_eq!((world.life("a").removed_nanos, world.life("b").regions.len()), (None, 2), "{what}");
        assert!(world.life("c").or_before, "{what}");
    }
    // One that looked before the start only.
    let mut before = World::new();
    before.look_from("us", &[key("a", A), key("b", B)]);
    let mut after = World { now: before.now + 24 * HOUR, ..World::new() };
    after.history.restore_lives(before.history.changed_lives());
    after.look_from("eu", &[key("b", B)]);
    assert_eq!(after.life("a").removed_nanos, None, "it has an hour to look");
    after.later(HOUR + MINUTE).look_from("eu", &[key("b", B)]);
    assert_eq!((after.life("a").removed_nanos, after.life("b").regions), (Some(after.nanos()), vec!["eu".to_owned()]));
}

#[test]
fn lives_are_bounded_too() {
    let mut world = World::new();
    world.look(&[key("stays", A)]);
    for n in 0..MAX_KEYS + 10 {
        let jwk = json!({"kty": "RSA", "kid": format!("{n}{}", "x".repeat(500)), "e": "AQAB", "n": base64_odd(n)});
        world.later(MINUTE).look(&[key("stays", A), jwk]);
    }
    let (_, all) = world.history.told();
    assert_eq!(all.len(), MAX_KEYS);
    assert!(all.iter().all(|life| life.kid.as_deref().is_some_and(|kid| kid.chars().count() <= 201)));
    world.life("stays");
    for n in 0..50 {
        world.later(2 * HOUR).look(&[key("stays", if n % 2 == 0 { B } else { C })]);
    }
    let (_, all) = world.history.told();
    assert!(all.iter().all(|life| life.flaws.len() <= 20));
}
