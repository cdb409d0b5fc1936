//! The outcomes that are still at hand: of each probe the last ones, and failures that are older than those. Pictures of
//! failed logins are memory too: few of them are kept, and a run outlives its picture. Confirmation runs take no room from
//! others: they have a bound of their own, go when they are older than the recent ones, and bring no pictures.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::outcome::{Outcome, Trigger, Verdict};

/// The most recent outcomes kept of a probe.
const RECENT: usize = 50;
/// The most failures kept of a probe that are older than its recent outcomes.
const FAILURES: usize = 20;
/// The most confirmation runs kept of a probe.
const CONFIRMATIONS: usize = 20;
/// How many outcomes are kept of all probes: with many probes each has fewer, so that memory stays bounded.
const TOTAL: usize = 6000;
/// The most pictures kept of a probe.
const PICTURES: usize = 3;
/// How much all pictures together may hold (bytes).
const PICTURE_BYTES: usize = 64 * 1024 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct History(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    probes: HashMap<Arc<str>, Ring>,
    recent: usize,
    failures: usize,
    confirmations: usize,
}

#[derive(Debug, Default)]
struct Ring {
    /// With the confirmation runs among them.
    recent: VecDeque<Arc<Outcome>>,
    failures: VecDeque<Arc<Outcome>>,
}

impl History {
    /// Keeps outcomes of these probes only, and makes room for all of them.
    pub fn retain(&self, probes: &[Arc<str>]) {
        let mut kept = self.kept();
        kept.probes.retain(|name, _| probes.contains(name));
        let share = TOTAL / probes.len().max(1);
        let of = |most: usize| share * most / (RECENT + FAILURES + CONFIRMATIONS);
        kept.recent = of(RECENT).clamp(3, RECENT);
        kept.failures = of(FAILURES).clamp(2, FAILURES);
        kept.confirmations = of(CONFIRMATIONS).clamp(1, CONFIRMATIONS);
    }

    /// Remembers a run; the oldest gives way, failures later than others.
    pub fn push(&self, outcome: Arc<Outcome>) {
        let mut kept = self.kept();
        let (recent, failures, confirmations) = (kept.recent.max(1), kept.failures, kept.confirmations);
        let ring = kept.probes.entry(outcome.check.probe.clone()).or_default();
        if confirms(&outcome) {
            let bare = if outcome.screenshot().is_some() { Arc::new(outcome.without_screenshot()) } else { outcome };
            ring.recent.push_front(bare);
            return ring.drop_confirmations_after(confirmations);
        }
        let picture = outcome.screenshot().is_some();
        ring.recent.push_front(outcome);
        ring.let_age(recent);
        ring.failures.truncate(failures);
        if picture {
            ring.drop_pictures_after(PICTURES);
            kept.make_room(PICTURE_BYTES);
        }
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

impl Kept {
    /// Drops the oldest pictures until all together hold at most so much.
    fn make_room(&mut self, bytes: usize) {
        let size = |outcome: &Arc<Outcome>| outcome.screenshot().map_or(0, |picture| picture.0.len());
        let mut used: usize = self.probes.values().flat_map(Ring::iter).map(size).sum();
        while used > bytes {
            let all = self.probes.values_mut().flat_map(Ring::iter_mut).filter(|outcome| size(outcome) > 0);
            let Some(oldest) = all.min_by_key(|outcome| outcome.start) else { return };
            used -= size(oldest);
            *oldest = Arc::new(oldest.without_screenshot());
        }
    }
}

fn confirms(outcome: &Outcome) -> bool {
    outcome.trigger == Trigger::Confirmation
}

impl Ring {
    /// Keeps that many recent runs; the failures among the others are kept apart. Confirmation runs that nothing recent
    /// is older than go.
    fn let_age(&mut self, most: usize) {
        let mut surplus = self.recent.iter().filter(|outcome| !confirms(outcome)).count().saturating_sub(most);
        if surplus == 0 {
            return;
        }
        while let Some(oldest) = self.recent.pop_back_if(|oldest| surplus > 0 || confirms(oldest)) {
            if confirms(&oldest) {
                continue;
            }
            surplus -= 1;
            if oldest.verdict != Verdict::Good {
                self.failures.push_front(oldest);
            }
        }
    }

    fn drop_confirmations_after(&mut self, most: usize) {
        let mut seen = 0;
        self.recent.retain(|outcome| {
            seen += usize::from(confirms(outcome));
            !confirms(outcome) || seen <= most
        });
    }

    /// Drops the pictures of this probe but those of its `most` newest runs that have one.
    fn drop_pictures_after(&mut self, most: usize) {
        for outcome in self.iter_mut().filter(|outcome| outcome.screenshot().is_some()).skip(most) {
            *outcome = Arc::new(outcome.without_screenshot());
        }
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Arc<Outcome>> {
        self.recent.iter_mut().chain(&mut self.failures)
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Outcome>> {
        self.recent.iter().chain(&self.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{BrowserReport, Evidence, Screenshot};
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

    fn pictured(probe: &str, n: u64, bytes: usize) -> Arc<Outcome> {
        let mut outcome = Outcome::clone(&outcome(probe, n, Verdict::Bad));
        outcome.start = outcome.start + std::time::Duration::from_secs(n);
        let picture = Screenshot(vec![0; bytes].into());
        let evidence = Evidence { title: "Sign in".to_owned(), screenshot: Some(picture), ..Evidence::default() };
        let report = BrowserReport { evidence: Some(evidence), ..BrowserReport::default() };
        outcome.browser = Some(report);
        Arc::new(outcome)
    }

    /// Seconds of the runs that have a picture, newest first.
    fn pictures(history: &History, probe: &str) -> Vec<u64> {
        let recent = history.recent(probe);
        recent.iter().filter(|outcome| outcome.screenshot().is_some()).map(|o| o.duration.as_secs()).collect()
    }

    #[test]
    fn a_probe_keeps_its_newest_pictures_and_all_of_its_runs() {
        let history = History::default();
        history.retain(&["login".into(), "other".into()]);
        history.push(pictured("other", 0, 1));
        for n in 1..=60 {
            // Also where the newest runs are good, and pictures belong to older failures.
            history.push(if n % 20 == 0 { pictured("login", n, 1) } else { outcome("login", n, Verdict::Good) });
        }
        for n in 61..=63 {
            history.push(outcome("login", n, Verdict::Good));
        }
        assert_eq!(pictures(&history, "login"), [60, 40, 20]);
        history.push(pictured("login", 64, 1));
        assert_eq!(pictures(&history, "login"), [64, 60, 40]);
        assert_eq!(pictures(&history, "other"), [0], "another probe's are its own");
        let run = history.recent("login").into_iter().find(|run| run.duration.as_secs() == 20).unwrap();
        let evidence = run.browser.as_ref().unwrap().evidence.as_ref().unwrap();
        assert_eq!(evidence.title, "Sign in", "only the picture goes");
    }

    fn confirming(outcome: &Arc<Outcome>) -> Arc<Outcome> {
        Arc::new(Outcome { trigger: Trigger::Confirmation, ..Outcome::clone(outcome) })
    }

    #[test]
    fn confirmation_runs_take_no_room_from_others_and_go_with_them() {
        let history = History::default();
        history.retain(&["login".into()]);
        for n in 0..100 {
            history.push(if n % 10 == 0 { pictured("login", n, 1) } else { outcome("login", n, Verdict::Good) });
        }
        let (before, shown) = (names(&history.recent("login")), pictures(&history, "login"));
        for n in 1000..1500 {
            history.push(confirming(&pictured("login", n, 1)));
        }
        let kept = history.recent("login");
        let (confirming_runs, others): (Vec<_>, Vec<_>) = kept.into_iter().partition(|outcome| confirms(outcome));
        assert_eq!((names(&others), pictures(&history, "login")), (before, shown));
        let seconds: Vec<_> = confirming_runs.iter().map(|run| run.duration.as_secs()).collect();
        assert_eq!(seconds, (1480..1500).rev().collect::<Vec<_>>(), "the newest");
        for n in 2000..2050 {
            assert!(history.recent("login").iter().any(|outcome| confirms(outcome)), "{n}");
            history.push(outcome("login", n, Verdict::Good));
        }
        assert!(!history.recent("login").iter().any(|outcome| confirms(outcome)), "older than all that is recent");
        assert_eq!(history.recent("login").iter().filter(|run| run.verdict != Verdict::Good).count(), 10);
    }

    #[test]
    fn all_pictures_together_have_a_limit() {
        let history = History::default();
        let probes: Vec<Arc<str>> = (0..40).map(|n| format!("p{n}").into()).collect();
        history.retain(&probes);
        for (n, probe) in probes.iter().enumerate() {
            history.push(pictured(probe, n as u64, 4 << 20));
        }
        let left: Vec<u64> = probes.iter().flat_map(|probe| pictures(&history, probe)).collect();
        assert_eq!(left, (24..40).collect::<Vec<_>>(), "sixteen of 4 MiB, the newest");
        history.push(pictured("p0", 99, 65 << 20));
        let left: Vec<u64> = probes.iter().flat_map(|probe| pictures(&history, probe)).collect();
        assert!(left.is_empty(), "one that alone is too large makes no exception");
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
