//! What is told of the past: alerts that fired, and providers' keys.

use super::{Ears, Judge, Shared, lock};
use crate::alert::episode::{Episode, EpisodesQuery};
use crate::store::KeptKey;

impl Judge {
    /// Alerts that fired, newest first: those at hand, and where they are not enough, those that the ledger keeps, which
    /// reads files.
    pub fn episodes(&self, query: &EpisodesQuery) -> Result<Vec<Episode>, String> {
        let (at_hand, whole) = self.shared.state().episodes.select(query);
        match &self.shared.keeper {
            Some(keeper) if !whole => Ok(joined(at_hand, keeper.store.episodes(query)?, query.limit)),
            _ => Ok(at_hand),
        }
    }

    /// What the ledger knows of providers' signing keys. Reads files. Empty without a ledger.
    pub fn kept_keys(&self) -> Result<Vec<KeptKey>, String> {
        self.shared.keeper.as_ref().map_or_else(|| Ok(Vec::new()), |keeper| keeper.store.keys())
    }
}

impl Shared {
    /// Takes what is new of signing keys, for the ledger.
    pub(super) fn look_at_keys(&self, ears: &Ears) {
        if self.keeper.is_some() {
            let changed = (ears.keys)();
            let by_name = |key: KeptKey| ((key.provider.clone(), key.life.thumbprint.clone()), key);
            lock(&self.keys).extend(changed.into_iter().map(by_name));
        }
    }
}

/// Both, newest first; what is at hand is newer than what was kept of it.
fn joined(at_hand: Vec<Episode>, kept: Vec<Episode>, limit: usize) -> Vec<Episode> {
    let mut all = at_hand;
    for episode in kept {
        let known = |own: &Episode| own.fired_nanos == episode.fired_nanos && own.labels == episode.labels;
        if !all.iter().any(known) {
            all.push(episode);
        }
    }
    all.sort_by(|one, other| other.fired_nanos.cmp(&one.fired_nanos).then_with(|| one.labels.cmp(&other.labels)));
    all.truncate(limit);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(name: &str, fired_nanos: i64, resolved_nanos: Option<i64>) -> Episode {
        let labels = [("alertname".to_owned(), name.to_owned())].into();
        Episode { labels, fired_nanos, resolved_nanos, description: String::new(), reading: None }
    }

    #[test]
    fn what_is_at_hand_and_what_is_kept_are_one_list() {
        let at_hand = vec![episode("a", 30, None), episode("a", 20, Some(25))];
        let kept = vec![episode("a", 20, None), episode("b", 20, Some(21)), episode("a", 10, Some(11))];
        let all = joined(at_hand.clone(), kept.clone(), 9);
        let expected = [at_hand[0].clone(), at_hand[1].clone(), kept[1].clone(), kept[2].clone()];
        assert_eq!(all, expected);
        assert_eq!(joined(at_hand, kept, 3), expected[..3]);
    }
}
