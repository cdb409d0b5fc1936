//! Whether everyone is told the same: what each region, and each node behind a name, was last given as metadata and as key
//! set, and since when. Pure.
//!
//! Nobody looks at two places at once, so a difference between two looks may be a change in between. A place is known to
//! have shown what it shows from the first look that found it until the last: two places disagree for as long as these
//! times overlap. That is never more than the truth, however seldom anybody looks, and a place that nobody looks at any
//! more does not go on disagreeing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::oidc::json;
use crate::oidc::jwks::KeySet;

/// What a place showed is forgotten when nobody has looked for longer than this and three times as long as usual.
const FORGET: Duration = Duration::from_secs(900);
/// The most places that are remembered of a document.
const MAX_PLACES: usize = 200;
/// The most differences, and places of one opinion, that are named.
const NAMED: usize = 5;
/// Signed anew each time it is asked for (RFC 8414 §2.1): it repeats the members beside it.
const SIGNED: &str = "signed_metadata";

/// A document that must be the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// The metadata.
    Discovery,
    /// The key set.
    Jwks,
}

impl Document {
    /// The `document` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
        }
    }

    /// What it and its parts are called.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Discovery => ("metadata", "member"),
            Self::Jwks => ("key set", "key"),
        }
    }
}

/// Who was asked from where: a region, and the node if several are behind the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The region that asked.
    pub region: Arc<str>,
    /// The address that was asked; `None`: whichever answered.
    pub node: Option<IpAddr>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "{} at {node}", self.region),
            None => f.write_str(&self.region),
        }
    }
}

/// What a document says, made to be compared.
#[derive(Clone, Debug)]
pub struct View {
    /// The parts by name, as hashes.
    parts: BTreeMap<String, [u8; 32]>,
    /// How long caches may keep it.
    max_age: Duration,
}

impl View {
    /// Of a key set: its keys by `kid`, and what they are made of. Order means nothing.
    pub fn of_keys(set: &KeySet, max_age: Duration) -> Self {
        let mut parts = BTreeMap::new();
        let mut keys: Vec<_> = set.keys().iter().collect();
        keys.sort_by_key(|key| (key.kid.as_deref(), key.thumbprint()));
        for key in keys {
            let print: String = key.thumbprint().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            let name = key.kid.as_deref().map_or_else(|| format!("without kid ({print})"), |kid| json::short(kid, 60));
            // A second key under the same kid is another part.
            let name = if parts.contains_key(&name) { format!("{name} ({print})") } else { name };
            parts.insert(name, *key.thumbprint());
        }
        Self { parts, max_age }
    }

    /// Of metadata: every member. The order of names in a list of texts means nothing.
    pub fn of_metadata(members: &Map<String, Value>, max_age: Duration) -> Self {
        let members = members.iter().filter(|(name, _)| *name != SIGNED);
        let parts = members.map(|(name, value)| {
            let mut text = String::new();
            canonical(value, &mut text);
            let hash = digest(&SHA256, text.as_bytes());
            let mut bytes = [0; 32];
            bytes.copy_from_slice(hash.as_ref());
            (json::short(name, 60), bytes)
        });
        Self { parts: parts.collect(), max_age }
    }

    fn same(&self, other: &Self) -> bool {
        self.parts == other.parts
    }

    /// How this one differs from `other`, in words.
    pub(crate) fn difference(&self, other: &Self, part: &str) -> String {
        let without = |these: &Self, those: &Self| {
            these.parts.keys().filter(|name| !those.parts.contains_key(*name)).cloned().collect::<Vec<_>>()
        };
        let differs = self.parts.iter().filter(|(name, hash)| other.parts.get(*name).is_some_and(|o| o != *hash));
        let differs: Vec<_> = differs.map(|(name, _)| name.clone()).collect();
        let said = |verb: &str, names: &[String]| match names.len() {
            0 => None,
            1 => Some(format!("{verb} {part} {}", names[0])),
            _ => Some(format!("{verb} {part}s {}", named(names.iter()))),
        };
        let parts = [
            said("missing", &without(other, self)),
            said("additional", &without(self, other)),
            said("different", &differs),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// The same text for the same value, whatever the order of members, and of names in a list.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            out.push('{');
            for (name, value) in sorted {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            let mut texts: Vec<String> = Vec::with_capacity(items.len());
            for item in items {
                let mut text = String::new();
                canonical(item, &mut text);
                texts.push(text);
            }
            if items.iter().all(Value::is_string) {
                texts.sort_unstable();
            }
            out.push('[');
            out.push_str(&texts.join(","));
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// The first few, and how many more there are.
fn named(all: impl ExactSizeIterator<Item = impl fmt::Display>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let shown = all.take(NAMED).map(|one| one.to_string()).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// What is known of one place.
#[derive(Clone, Debug)]
struct Sighting {
    view: View,
    /// The first look that found this view, and the last.
    first: Timestamp,
    last: Timestamp,
    /// Between the last two looks.
    gap: Duration,
}

impl Sighting {
    fn is_current(&self, now: Timestamp) -> bool {
        now.since(self.last) <= FORGET.max(self.gap.saturating_mul(3))
    }

    /// For how long both are known to have shown what they show; `None`: at no time.
    fn overlap(&self, other: &Self) -> Option<(Timestamp, Duration)> {
        let (begin, end) = (self.first.max(other.first), self.last.min(other.last));
        (begin <= end).then(|| (begin, end.since(begin)))
    }
}

/// What a region's run is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// Nobody else has looked.
    Alone,
    /// Everyone is told the same, as far as is known.
    Agree,
    /// Somebody is told something else, which is not this region's fault, or too young to be one: in words.
    Elsewhere(String),
    /// This region is told something else than most, or it is one against one: in words.
    Odd(String),
}

/// Everything seen of one provider's documents.
#[derive(Debug, Default)]
pub struct Agreement {
    places: BTreeMap<(Document, Place), Sighting>,
}

impl Agreement {
    /// A document was read at that place; it arrived at `now`.
    pub fn saw(&mut self, document: Document, place: Place, view: View, now: Timestamp) {
        let key = (document, place);
        match self.places.get_mut(&key) {
            // A look that arrived before one that is known already says nothing new.
            Some(known) if now < known.last => {}
            Some(known) => {
                known.gap = now.since(known.last);
                known.last = now;
                if !known.view.same(&view) {
                    known.first = now;
                }
                known.view = view;
            }
            None => {
                self.places.insert(key, Sighting { view, first: now, last: now, gap: Duration::ZERO });
                self.prune();
            }
        }
    }

    /// What the runs of `region` are to make of it. A difference counts once it is known to have lasted for `grace`, and for
    /// as long as caches may keep the document. Most places are right: the region of another view is the odd one; where
    /// no view has most, all are.
    pub fn judge(&self, document: Document, region: &str, grace: Duration, now: Timestamp) -> Opinion {
        let current = self.places.iter().filter(|((of, _), known)| *of == document && known.is_current(now));
        let all: Vec<(&Place, &Sighting)> = current.map(|((_, place), known)| (place, known)).collect();
        if all.len() < 2 || all.iter().all(|(place, _)| &*place.region != region) {
            return Opinion::Alone;
        }
        let votes = |view: &View| all.iter().filter(|(_, known)| known.view.same(view)).count();
        let mut worst: Option<(u8, Duration, String)> = None;
        for (_, mine) in all.iter().filter(|(place, _)| &*place.region == region) {
            for (_, theirs) in all.iter().filter(|(_, known)| !known.view.same(&mine.view)) {
                let Some((since, lasted)) = mine.overlap(theirs) else { continue };
                let patience = grace.saturating_add(mine.view.max_age.max(theirs.view.max_age));
                let odd = votes(&mine.view) <= votes(&theirs.view);
                let rank = match (lasted >= patience, odd) {
                    (true, true) => 2,
                    (true, false) => 1,
                    (false, _) => 0,
                };
                if worst.as_ref().is_none_or(|(known, longest, _)| (rank, lasted) > (*known, *longest)) {
                    let pair = Pair { document, mine, theirs, since, lasted, patience };
                    worst = Some((rank, lasted, pair.tell(&all)));
                }
            }
        }
        match worst {
            None => Opinion::Agree,
            Some((2, _, text)) => Opinion::Odd(text),
            Some((_, _, text)) => Opinion::Elsewhere(text),
        }
    }

    fn prune(&mut self) {
        while self.places.len() > MAX_PLACES {
            let oldest = self.places.iter().min_by_key(|(_, known)| known.last).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.places.remove(&oldest);
        }
    }
}

/// Two places that disagree.
struct Pair<'a> {
    document: Document,
    mine: &'a Sighting,
    theirs: &'a Sighting,
    since: Timestamp,
    lasted: Duration,
    patience: Duration,
}

impl Pair<'_> {
    fn tell(&self, all: &[(&Place, &Sighting)]) -> String {
        let alike = |of: &View| -> BTreeSet<&Place> {
            all.iter().filter(|(_, known)| known.view.same(of)).map(|(place, _)| *place).collect()
        };
        let (ours, theirs) = (alike(&self.mine.view), alike(&self.theirs.view));
        let differ = if ours.len() == 1 { "differs" } else { "differ" };
        let (what, part) = self.document.words();
        let whole = |time: Duration| HumanDuration::from_secs(time.as_secs());
        let young = match self.lasted < self.patience {
            true => format!("; that is let pass for {}", whole(self.patience)),
            false => String::new(),
        };
        format!(
            "{what}: {} {differ} from {} since {}, for {} at least: {}{young}",
            named(ours.into_iter()),
            named(theirs.into_iter()),
            self.since,
            whole(self.lasted),
            self.mine.view.difference(&self.theirs.view, part),
        )
    }
}

#[cfg(test)]
mod tests;
