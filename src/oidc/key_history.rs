//! What has been seen of a provider's keys over time, and whether its rotations keep the promises that clients live by:
//! a new key is published before it signs, an old one stays until its last token has expired, a `kid` keeps its key.
//! Pure.
//!
//! Each region has a history of its own, so that a node that lags behind is not taken for endless rotations; when keys
//! signed, and how long tokens live, is true everywhere. Beside that the life of each key is kept for people ([`KeyLife`]),
//! over all regions and restarts; no judgement is made of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::oidc::jwk::Key;
use crate::oidc::jwks::KeySet;

mod lives;

use lives::{Flaw, Lives};

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
    /// Whether keys were added, removed, or replaced under their `kid`: together one rotation.
    pub rotated: bool,
    /// Which promises to clients this, or the last rotation, broke. A rotation is told once.
    pub broken: Vec<String>,
}

/// One key's life, as it is told and kept. Times are nanoseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLife {
    /// Its `kid`.
    pub kid: Option<String>,
    /// Its `kty`, and its `alg` if the set says one.
    pub kty: String,
    /// See `kty`.
    pub alg: Option<String>,
    /// RFC 7638, in hexadecimal digits.
    pub thumbprint: String,
    /// Since when it is published: the first look, in any region, that found it.
    pub published_nanos: i64,
    /// Nobody had looked from its region for a while, or ever, when it was found: it may have been published long before.
    pub or_before: bool,
    /// When a token that it signed was first verified, and when last.
    pub signed_nanos: Option<(i64, i64)>,
    /// The first look after which no region's set had it any more; `None`: it is published.
    pub removed_nanos: Option<i64>,
    /// The regions whose last look found it, without those that have stopped to look.
    pub regions: Vec<String>,
    /// What of its introduction or removal breaks clients, and when that was seen.
    pub flaws: Vec<(i64, String)>,
}

/// The lives of a provider's keys, the latest published first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderKeys {
    /// Which provider.
    pub provider: Arc<str>,
    /// The longest lifetime of a token that was seen: so long must an old key stay after it signed last.
    pub longest: Duration,
    /// Its keys.
    pub keys: Vec<KeyLife>,
}

/// Everything seen of one provider's signing keys.
#[derive(Debug, Default)]
pub struct KeyHistory {
    regions: HashMap<Arc<str>, Region>,
    signers: HashMap<Thumbprint, Timestamp>,
    longest: Duration,
    lives: Lives,
}

/// A promise that was broken: with which key, how, and in words.
type Broken = (Thumbprint, Flaw, String);

#[derive(Debug, Default)]
struct Region {
    keys: Vec<Known>,
    last_look: Option<Timestamp>,
    looks: u64,
}

#[derive(Debug)]
struct Known {
    thumbprint: Thumbprint,
    kid: Option<String>,
    kty: &'static str,
    /// The last look that did not find it; `None`: it was there at the first look of all.
    absent_until: Option<Timestamp>,
    /// The first look that found it, and how many did.
    first_look: u64,
    looks: u64,
    last_seen: Timestamp,
    present: bool,
    /// When it was found again after it had gone.
    back: Option<Timestamp>,
    /// Whether it was judged how it was introduced.
    judged: bool,
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
    /// A key set was read in a region; it arrived at `now`.
    pub fn saw_set(&mut self, region: &Arc<str>, set: &KeySet, now: Timestamp) -> Change {
        let mut change = Change::default();
        let mut broken: Vec<Broken> = Vec::new();
        let current: Vec<&Key> = set.keys().iter().filter(|key| key.verifies()).collect();
        let here = self.regions.entry(region.clone()).or_default();
        if here.last_look.is_some_and(|last| now < last) {
            // A set that arrived before one that was looked at already: the past of what is known.
            return change;
        }
        here.looks += 1;
        for key in &current {
            change.rotated |= here.found(key, &current, now, &mut broken);
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
            change.rotated = true;
            let last = self.signers.get(&known.thumbprint);
            let until = last.map(|last| *last + self.longest);
            if let Some(left) = until.map(|until| until.since(now)).filter(|left| !left.is_zero()) {
                let detail = format!("{} was removed; tokens that it signed live for {left:.0?} more", known.name());
                broken.push((known.thumbprint, Flaw::Removed, detail));
            }
        }
        if !broken.is_empty() {
            here.judge(here.looks);
        }
        here.last_look = Some(now);
        here.prune();
        self.lives.looked(region, &current, now);
        for (thumbprint, flaw, words) in broken {
            self.lives.flawed(&thumbprint, flaw, &words, now);
            change.broken.push(words);
        }
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
        self.lives.signed(key.thumbprint(), now);
        if self.signers.len() > MAX_KEYS
            && let Some(oldest) = self.signers.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key)
        {
            self.signers.remove(&oldest);
        }
        let Some(here) = self.regions.get_mut(region) else { return change };
        let Some(known) = here.keys.iter_mut().find(|known| known.is(key)) else { return change };
        if std::mem::replace(&mut known.judged, true) {
            return change;
        }
        // One look: that of this very run. The key was published for less than the time since the look before it.
        let lead = known.absent_until.filter(|_| known.looks <= 1).map(|at| known.last_seen.since(at));
        if !cached || lead.is_some_and(|lead| lead <= BLIND) {
            let how = match lead {
                Some(lead) if cached => format!("less than {lead:.0?} after it was published"),
                _ => "before it was published".to_owned(),
            };
            let words = format!("{} signed {how}", known.name());
            self.lives.flawed(key.thumbprint(), Flaw::Early, &words, now);
            change.broken.push(words);
            let rotation = known.first_look;
            here.judge(rotation);
        }
        change
    }

    /// What is known of the keys, the latest published first, and the longest lifetime of a token since the start.
    pub fn told(&self) -> (Duration, Vec<KeyLife>) {
        (self.longest, self.lives.told())
    }

    /// Keys of which more is known than at the last call, each with the time at which it was last seen, published or
    /// signing (nanoseconds since the epoch).
    pub fn changed_lives(&mut self) -> Vec<(i64, KeyLife)> {
        self.lives.changed()
    }

    /// Tells of what was known before the start, too, in the form of [`KeyHistory::changed_lives`]. Rotations are judged by
    /// what is seen since the start: how long nobody looked before it is not known.
    pub fn restore_lives(&mut self, kept: Vec<(i64, KeyLife)>) {
        self.lives.restore(kept);
    }

    /// Regions that are not configured any more have no say in where a key is published, unless nobody else has looked.
    pub fn retain_regions(&mut self, planned: &dyn Fn(&str) -> bool, now: Timestamp) {
        self.lives.retain_regions(planned, now);
    }
}

impl Region {
    /// Says whether it came new.
    fn found(&mut self, key: &Key, current: &[&Key], now: Timestamp, broken: &mut Vec<Broken>) -> bool {
        if let Some(known) = self.keys.iter_mut().find(|known| known.is(key)) {
            known.looks += 1;
            known.last_seen = now;
            if !known.present {
                known.present = true;
                known.back = Some(now);
            }
            return false;
        }
        let gone = |known: &Known| !current.iter().any(|key| known.is(key));
        if let Some(old) = self.keys.iter_mut().find(|known| known.present && known.replaces(key) && gone(known)) {
            // Whoever holds the old key will not even look for another.
            old.present = false;
            let words = format!("{} became another key under the same kid", old.name());
            broken.push((old.thumbprint, Flaw::Replaced, words));
        }
        self.keys.push(Known {
            thumbprint: *key.thumbprint(),
            kid: key.kid.clone(),
            kty: key.kty(),
            absent_until: self.last_look,
            first_look: self.looks,
            looks: 1,
            last_seen: now,
            present: true,
            back: None,
            judged: false,
        });
        self.last_look.is_some()
    }

    /// The rotation that this look found is told: what came with it is no further one.
    fn judge(&mut self, look: u64) {
        self.keys.iter_mut().filter(|known| known.first_look == look).for_each(|known| known.judged = true);
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
mod tests;
