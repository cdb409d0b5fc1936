//! What has been seen of a provider's keys over time, and whether its rotations keep the promises that clients live by:
//! a new key is published before it signs, an old one stays until its last token has expired, a `kid` keeps its key.
//! Pure.
//!
//! Each region has a history of its own, so that a node that lags behind is not taken for endless rotations; when keys
//! signed, and how long tokens live, is true everywhere.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::oidc::jwk::Key;
use crate::oidc::jwks::KeySet;

/// If nobody looked for longer than this, a key may well have been published long enough before it signed.
const BLIND: Duration = Duration::from_secs(600);
/// A key that came back is taken as back only after this: behind a load balancer nodes may disagree for a while.
const SETTLED: Duration = Duration::from_secs(3600);
/// The most keys that are remembered a region, and signers in all.
const MAX_KEYS: usize = 200;

type Thumbprint = [u8; 32];

/// What changed since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Keys added, removed, or replaced under their `kid`.
    pub rotations: u64,
    /// Those that broke a promise to clients, in words.
    pub unsafe_rotations: Vec<String>,
}

/// Everything seen of one provider's signing keys.
#[derive(Debug, Default)]
pub struct KeyHistory {
    regions: HashMap<Arc<str>, Region>,
    signers: HashMap<Thumbprint, Timestamp>,
    longest: Duration,
}

#[derive(Debug, Default)]
struct Region {
    keys: Vec<Known>,
    last_look: Option<Timestamp>,
}

#[derive(Debug)]
struct Known {
    thumbprint: Thumbprint,
    kid: Option<String>,
    kty: &'static str,
    /// The last look that did not find it; `None`: it was there at the first look of all.
    absent_until: Option<Timestamp>,
    /// How many looks found it.
    looks: u64,
    last_seen: Timestamp,
    present: bool,
    /// When it was found again after it had gone.
    back: Option<Timestamp>,
    /// Whether its first signature was judged.
    signed: bool,
}

impl Known {
    fn is(&self, key: &Key) -> bool {
        self.thumbprint == *key.thumbprint()
    }

    fn replaces(&self, key: &Key) -> bool {
        key.kid.is_some() && self.kid == key.kid && self.kty == key.kty()
    }

    fn name(&self) -> String {
        match &self.kid {
            Some(kid) => format!("the {} key with kid {}", self.kty, crate::oidc::json::short(kid, 60)),
            None => format!("an {} key without kid", self.kty),
        }
    }
}

impl KeyHistory {
    /// A key set was read in a region.
    pub fn saw_set(&mut self, region: &Arc<str>, set: &KeySet, now: Timestamp) -> Change {
        let mut change = Change::default();
        let current: Vec<&Key> = set.keys().iter().filter(|key| key.verifies()).collect();
        let here = self.regions.entry(region.clone()).or_default();
        for key in &current {
            here.found(key, &current, now, &mut change);
        }
        for known in here.keys.iter_mut().filter(|known| known.present) {
            if current.iter().any(|key| known.is(key)) {
                continue;
            }
            known.present = false;
            // The second disappearance shortly after a return is the same one, seen through two nodes.
            if known.back.is_some_and(|back| now.since(back) < SETTLED) {
                continue;
            }
            change.rotations += 1;
            let last = self.signers.get(&known.thumbprint);
            let until = last.map(|last| *last + self.longest);
            if let Some(left) = until.map(|until| until.since(now)).filter(|left| !left.is_zero()) {
                let detail = format!("{} was removed; tokens that it signed live for {left:.0?} more", known.name());
                change.unsafe_rotations.push(detail);
            }
        }
        here.last_look = Some(now);
        here.prune();
        change
    }

    /// A token was verified in a region. `cached`: the key was in the set that was fetched before the token; otherwise
    /// only a fresh fetch had it. `lifetime`: from its `iat` to its `exp`.
    pub fn saw_signature(
        &mut self,
        region: &Arc<str>,
        key: &Key,
        cached: bool,
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Change {
        let mut change = Change::default();
        self.longest = self.longest.max(lifetime.unwrap_or_default());
        self.signers.insert(*key.thumbprint(), now);
        if self.signers.len() > MAX_KEYS
            && let Some(oldest) = self.signers.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key)
        {
            self.signers.remove(&oldest);
        }
        let Some(here) = self.regions.get_mut(region) else { return change };
        let Some(known) = here.keys.iter_mut().find(|known| known.is(key)) else { return change };
        if std::mem::replace(&mut known.signed, true) {
            return change;
        }
        // One look: that of this very run. The key was published for less than the time since the look before it.
        let lead = known.absent_until.filter(|_| known.looks <= 1).map(|at| known.last_seen.since(at));
        if !cached || lead.is_some_and(|lead| lead <= BLIND) {
            let how = match lead {
                Some(lead) if cached => format!("less than {lead:.0?} after it was published"),
                _ => "before it was published".to_owned(),
            };
            change.unsafe_rotations.push(format!("{} signed {how}", known.name()));
        }
        change
    }
}

impl Region {
    fn found(&mut self, key: &Key, current: &[&Key], now: Timestamp, change: &mut Change) {
        if let Some(known) = self.keys.iter_mut().find(|known| known.is(key)) {
            known.looks += 1;
            known.last_seen = now;
            if !known.present {
                known.present = true;
                known.back = Some(now);
            }
            return;
        }
        if self.last_look.is_some() {
            change.rotations += 1;
        }
        let gone = |known: &Known| !current.iter().any(|key| known.is(key));
        if let Some(old) = self.keys.iter_mut().find(|known| known.present && known.replaces(key) && gone(known)) {
            // One change, not an addition and a removal. Whoever holds the old key will not even look for another.
            old.present = false;
            change.unsafe_rotations.push(format!("{} became another key under the same kid", old.name()));
        }
        self.keys.push(Known {
            thumbprint: *key.thumbprint(),
            kid: key.kid.clone(),
            kty: key.kty(),
            absent_until: self.last_look,
            looks: 1,
            last_seen: now,
            present: true,
            back: None,
            signed: false,
        });
    }

    fn prune(&mut self) {
        while self.keys.len() > MAX_KEYS {
            let oldest = self.keys.iter().enumerate().min_by_key(|(_, known)| (known.present, known.last_seen));
            let Some((index, _)) = oldest else { return };
            self.keys.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
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
            (change.rotations, change.unsafe_rotations.len())
        }

        fn look(&mut self, keys: &[Value]) -> (u64, usize) {
            self.look_from("eu", keys)
        }

        fn sign(&mut self, kid: &str, cached: bool) -> (u64, usize) {
            let key = self.set.keys().iter().find(|key| key.kid.as_deref() == Some(kid)).unwrap();
            let change = self.history.saw_signature(&"eu".into(), key, cached, Some(HOUR), self.now);
            (change.rotations, change.unsafe_rotations.len())
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
    fn a_careful_rotation_is_two_changes_and_safe() {
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
    fn no_overlap_at_all_breaks_both_promises() {
        let mut world = World::new();
        world.look(&[key("a", A)]);
        world.sign("a", true);
        assert_eq!(world.later(MINUTE).look(&[key("b", B)]), (2, 1));
        assert_eq!(world.sign("b", true), (0, 1));
    }

    #[test]
    fn another_key_under_the_same_kid_is_one_unsafe_change() {
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
}
