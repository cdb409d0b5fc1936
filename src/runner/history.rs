//! The outcomes that are still at hand: of each probe the last ones, and failures that are older than those.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::outcome::{Outcome, Verdict};

/// The most recent outcomes kept of a probe.
const RECENT: usize = 50;
/// The most failures kept of a probe that are older than its recent outcomes.
const FAILURES: usize = 20;
/// How many outcomes are kept of all probes: with many probes each has fewer, so that memory stays bounded.
const TOTAL: usize = 6000;

/// See the module.
#[derive(Debug, Default)]
pub struct History(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    probes: HashMap<Arc<str>, Ring>,
    recent: usize,
    failures: usize,
}

#[derive(Debug, Default)]
struct Ring {
    recent: VecDeque<Arc<Outcome>>,
    failures: VecDeque<Arc<Outcome>>,
}

impl History {
    /// Keeps outcomes of these probes only, and makes room for all of them.
    pub fn retain(&self, probes: &[Arc<str>]) {
        let mut kept = self.kept();
        kept.probes.retain(|name, _| probes.contains(name));
        let share = TOTAL / probes.len().max(1);
        kept.recent = (share * RECENT / (RECENT + FAILURES)).clamp(3, RECENT);
        kept.failures = (share * FAILURES / (RECENT + FAILURES)).clamp(2, FAILURES);
    }

    /// Remembers a run; the oldest gives way, failures later than others.
    pub fn push(&self, outcome: Arc<Outcome>) {
        let mut kept = self.kept();
        let (recent, failures) = (kept.recent.max(1), kept.failures);
        let ring = kept.probes.entry(outcome.check.probe.clone()).or_default();
        ring.recent.push_front(outcome);
        while ring.recent.len() > recent {
            if let Some(oldest) = ring.recent.pop_back()
                && oldest.verdict != Verdict::Good
            {
                ring.failures.push_front(oldest);
            }
        }
        ring.failures.truncate(failures);
    }

    /// Of a probe, newest first.
    pub fn recent(&self, probe: &str) -> Vec<Arc<Outcome>> {
        let kept = self.kept();
        kept.probes.get(probe).map(|ring| ring.iter().cloned().collect()).unwrap_or_default()
    }

    /// The run with that trace id (hexadecimal).
    pub fn find(&self, trace_id: &str) -> Option<Arc<Outcome>> {
        let wanted = u128::from_str_radix(trace_id, 16).ok().filter(|_| trace_id.len() == 32)?.to_be_bytes();
        let kept = self.kept();
        kept.probes.values().flat_map(Ring::iter).find(|outcome| outcome.trace_id.0 == wanted).cloned()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("history")
    }
}

impl Ring {
    fn iter(&self) -> impl Iterator<Item = &Arc<Outcome>> {
        self.recent.iter().chain(&self.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::testing::outcome;

    fn names(outcomes: &[Arc<Outcome>]) -> Vec<(u64, Verdict)> {
        outcomes.iter().map(|outcome| (outcome.duration.as_secs(), outcome.verdict)).collect()
    }

    #[test]
    fn failures_outlive_good_runs() {
        let history = History::default();
        history.retain(&["login".into()]);
        for n in 0..200 {
            let verdict = if n % 10 == 0 { Verdict::Bad } else { Verdict::Good };
            history.push(outcome("login", n, verdict));
        }
        let kept = names(&history.recent("login"));
        let newest: Vec<_> = kept[..50].iter().map(|(n, _)| *n).collect();
        assert_eq!(newest, (150..200).rev().collect::<Vec<_>>());
        let failures: Vec<_> = kept[50..].to_vec();
        assert_eq!(failures, (0..15).rev().map(|n| (n * 10, Verdict::Bad)).collect::<Vec<_>>());
    }

    #[test]
    fn runs_are_found_by_trace_id_until_their_probe_goes() {
        let history = History::default();
        history.retain(&["login".into()]);
        let one = outcome("login", 1, Verdict::Good);
        history.push(one.clone());
        let id = one.trace_id.to_string();
        assert!(Arc::ptr_eq(&history.find(&id).unwrap(), &one));
        assert!(history.find(&id[..31]).is_none() && history.find("+").is_none() && history.find("é").is_none());
        history.retain(&["other".into()]);
        assert!(history.find(&id).is_none() && history.recent("login").is_empty());
    }

    #[test]
    fn many_probes_share_the_room() {
        let history = History::default();
        let probes: Vec<Arc<str>> = (0..1000).map(|n| format!("p{n}").into()).collect();
        history.retain(&probes);
        for n in 0..60 {
            for probe in &probes {
                history.push(outcome(probe, n, Verdict::Bad));
            }
        }
        let kept: usize = probes.iter().map(|probe| history.recent(probe).len()).sum();
        assert!((5000..=6000).contains(&kept), "{kept}");
    }
}
