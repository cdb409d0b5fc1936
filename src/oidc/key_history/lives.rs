//! The life of each key of a provider, all regions together: for people, not for the judgement of rotations. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{BLIND, KeyLife, MAX_KEYS, SETTLED, Thumbprint};
use crate::clock::Timestamp;
use crate::oidc::json::short;
use crate::oidc::jwk::Key;

/// The most flaws that are told of one key: the latest.
const MAX_FLAWS: usize = 20;
/// The longest name of a key (characters).
const MAX_NAME: usize = 200;
/// A key that is published and does not sign is worth a line in the ledger once in so long (nanoseconds).
const STILL_THERE: i64 = 86_400 * 1_000_000_000;
/// A region that has not looked for longer, while others did, has no say any more in what is published: its probes fetch no
/// keys, or do not reach the provider.
const SILENT: Duration = Duration::from_secs(3600);

/// What went wrong with a key: regions tell of the same within a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It signed before clients could know it.
    Early,
    /// It was removed while its tokens lived.
    Removed,
    /// Another key came under its name.
    Replaced,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// By thumbprint.
    all: BTreeMap<Thumbprint, Life>,
    /// Regions that have looked, ever, and have a say.
    looked: BTreeMap<String, Looks>,
    /// The first look of this process.
    first: Option<Timestamp>,
}

/// When a region looked.
#[derive(Debug, Default)]
struct Looks {
    /// Last; `None`: before the start.
    last: Option<Timestamp>,
    /// How long before that it did the time before.
    gap: Duration,
}

#[derive(Debug)]
struct Life {
    told: KeyLife,
    /// What sort each of the flaws is that this process saw.
    sorts: Vec<(i64, Flaw)>,
    /// When it was last seen, published or signing (nanoseconds since the epoch).
    seen: i64,
    /// [`Life::seen`] when it was last handed over; `None`: something else changed since.
    handed: Option<i64>,
}

impl Lives {
    /// A look from a region found these keys, and only these.
    pub fn looked(&mut self, region: &Arc<str>, current: &[&Key], now: Timestamp) {
        self.first.get_or_insert(now);
        let looks = self.looked.entry(region.to_string()).or_default();
        // What came while nobody looked from there may have been published at any time of that.
        let blind = looks.last.is_none_or(|last| now.since(last) > BLIND);
        looks.gap = looks.last.map_or(Duration::ZERO, |last| now.since(last));
        looks.last = Some(now);
        let at = now.as_nanos();
        for key in current {
            let life = self.all.entry(*key.thumbprint()).or_insert_with(|| Life::new(key, blind, at));
            life.found(region, at);
            let named = |other: &&Key| other.thumbprint() == key.thumbprint() && life.is_called(other);
            // The same key under another name is the same key; a set may have it under both.
            if !current.iter().copied().any(|other| named(&other)) {
                life.told.kid = name(key);
                life.handed = None;
            }
        }
        for (thumbprint, life) in &mut self.all {
            if !current.iter().any(|key| key.thumbprint() == thumbprint) {
                life.missed(region, at);
            }
        }
        self.forget_silent(now);
        while self.all.len() > MAX_KEYS {
            let oldest = self.all.iter().min_by_key(|(_, life)| (life.told.removed_nanos.is_none(), life.seen));
            let Some(oldest) = oldest.map(|(thumbprint, _)| *thumbprint) else { return };
            self.all.remove(&oldest);
        }
    }

    /// A token that it signed was verified.
    pub fn signed(&mut self, thumbprint: &Thumbprint, now: Timestamp) {
        let Some(life) = self.all.get_mut(thumbprint) else { return };
        let at = now.as_nanos();
        let (first, last) = life.told.signed_nanos.unwrap_or((at, at));
        life.told.signed_nanos = Some((first.min(at), last.max(at)));
        life.seen = life.seen.max(at);
        life.handed = None;
    }

    /// Something of its introduction or removal breaks clients. What another region has told already is not told again.
    pub fn flawed(&mut self, thumbprint: &Thumbprint, flaw: Flaw, words: &str, now: Timestamp) {
        let Some(life) = self.all.get_mut(thumbprint) else { return };
        let told = |(at, sort): &(i64, Flaw)| *sort == flaw && now.since(Timestamp::from_nanos(*at)) < SETTLED;
        if life.sorts.iter().any(told) {
            return;
        }
        life.sorts.push((now.as_nanos(), flaw));
        life.told.flaws.push((now.as_nanos(), words.to_owned()));
        life.bound();
    }

    /// Regions that are not configured any more say nothing from now on. The last ones that looked do: what they saw is the
    /// best there is.
    pub fn retain_regions(&mut self, planned: &dyn Fn(&str) -> bool, now: Timestamp) {
        if !self.looked.keys().any(|region| planned(region)) {
            return;
        }
        let gone: Vec<String> = self.looked.keys().filter(|region| !planned(region)).cloned().collect();
        self.dismiss(&gone, now);
    }

    /// Regions from which nobody looks any more say nothing from now on, which is the time of another's look. Those whose
    /// probes run rarely may be silent for twice as long as last time.
    fn forget_silent(&mut self, now: Timestamp) {
        let silent = |looks: &Looks| {
            let since = looks.last.or(self.first).unwrap_or(now);
            now.since(since) > SILENT.max(looks.gap.saturating_mul(2))
        };
        let gone = self.looked.iter().filter(|(_, looks)| silent(looks));
        let gone: Vec<String> = gone.map(|(region, _)| region.clone()).collect();
        self.dismiss(&gone, now);
    }

    fn dismiss(&mut self, regions: &[String], now: Timestamp) {
        for region in regions {
            self.looked.remove(region);
            self.all.values_mut().for_each(|life| life.missed(region, now.as_nanos()));
        }
    }

    /// All, the latest published first.
    pub fn told(&self) -> Vec<KeyLife> {
        let mut all: Vec<KeyLife> = self.all.values().map(|life| life.told.clone()).collect();
        all.sort_by(|one, other| {
            other.published_nanos.cmp(&one.published_nanos).then_with(|| one.thumbprint.cmp(&other.thumbprint))
        });
        all
    }

    /// Of which more is known than at the last call, with the time at which each was last seen.
    pub fn changed(&mut self) -> Vec<(i64, KeyLife)> {
        let news = |life: &&mut Life| life.handed.is_none_or(|handed| life.seen - handed >= STILL_THERE);
        let hand = |life: &mut Life| {
            life.handed = Some(life.seen);
            (life.seen, life.told.clone())
        };
        self.all.values_mut().filter(news).map(hand).collect()
    }

    /// Goes on from what was known before the start. Looks may have come already: what they found stays.
    pub fn restore(&mut self, kept: Vec<(i64, KeyLife)>) {
        for (seen, before) in kept {
            let Some(thumbprint) = parse(&before.thumbprint) else { continue };
            for region in &before.regions {
                self.looked.entry(region.clone()).or_default();
            }
            if let Some(life) = self.all.get_mut(&thumbprint) {
                life.began(before);
            } else if self.all.len() < MAX_KEYS {
                let life = Life { told: before, sorts: Vec::new(), seen, handed: Some(seen) };
                self.all.insert(thumbprint, life);
            }
        }
    }
}

impl Life {
    /// `blind`: nobody had looked from there for a while, or ever.
    fn new(key: &Key, blind: bool, at: i64) -> Self {
        let told = KeyLife {
            kid: name(key),
            kty: key.kty().to_owned(),
            alg: key.alg.as_deref().map(|alg| short(alg, MAX_NAME)),
            thumbprint: key.thumbprint().iter().map(|byte| format!("{byte:02x}")).collect(),
            published_nanos: at,
            or_before: blind,
            signed_nanos: None,
            removed_nanos: None,
            regions: Vec::new(),
            flaws: Vec::new(),
        };
        Self { told, sorts: Vec::new(), seen: at, handed: None }
    }

    fn is_called(&self, key: &Key) -> bool {
        self.told.kid == name(key)
    }

    fn found(&mut self, region: &str, at: i64) {
        self.seen = self.seen.max(at);
        if !self.told.regions.iter().any(|known| known == region) {
            self.told.regions.push(region.to_owned());
            self.told.regions.sort_unstable();
            self.told.removed_nanos = None;
            self.handed = None;
        }
    }

    fn missed(&mut self, region: &str, at: i64) {
        let before = self.told.regions.len();
        self.told.regions.retain(|known| known != region);
        if self.told.regions.len() == before {
            return;
        }
        if self.told.regions.is_empty() {
            self.told.removed_nanos = Some(at);
        }
        self.handed = None;
    }

    /// It is older than this process.
    fn began(&mut self, before: KeyLife) {
        let told = &mut self.told;
        told.published_nanos = told.published_nanos.min(before.published_nanos);
        told.or_before = before.or_before;
        told.signed_nanos = match (before.signed_nanos, told.signed_nanos) {
            (Some((first, last)), Some((own_first, own_last))) => Some((first.min(own_first), last.max(own_last))),
            (one, other) => one.or(other),
        };
        for region in before.regions {
            // Regions that have not looked yet saw it last time.
            if !self.told.regions.contains(&region) {
                self.told.regions.push(region);
            }
        }
        self.told.regions.sort_unstable();
        self.told.flaws.splice(0..0, before.flaws);
        self.bound();
    }

    fn bound(&mut self) {
        let surplus = |len: usize| len.saturating_sub(MAX_FLAWS);
        self.told.flaws.drain(..surplus(self.told.flaws.len()));
        self.sorts.drain(..surplus(self.sorts.len()));
        self.handed = None;
    }
}

fn name(key: &Key) -> Option<String> {
    key.kid.as_deref().map(|kid| short(kid, MAX_NAME))
}

/// Hexadecimal digits.
fn parse(thumbprint: &str) -> Option<Thumbprint> {
    let mut out = Thumbprint::default();
    if thumbprint.len() != 2 * out.len() || !thumbprint.is_ascii() {
        return None;
    }
    for (place, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(thumbprint.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(out)
}
