//! Why probes failed lately: so that whoever is paged reads the one cause of most failures.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;

use super::text;
use crate::clock::Timestamp;
use crate::fault::{Blame, Class};
use crate::outcome::{Outcome, Trigger, Verdict};
use crate::slo::{Evaluation, Objective};

/// The most failures remembered of a probe.
const MOST: usize = 200;
/// How long a failure is remembered.
const LONG: Duration = Duration::from_secs(6 * 3600);

/// See the module.
#[derive(Debug, Default)]
pub struct Causes(HashMap<Arc<str>, VecDeque<Failure>>);

#[derive(Clone, Debug)]
struct Failure {
    at: Timestamp,
    region: Arc<str>,
    class: Class,
    blame: Blame,
    step: Arc<str>,
    /// The host of another identity provider at whose pages it was.
    upstream: Option<Arc<str>>,
}

impl Failure {
    /// What makes failures alike.
    fn why(&self) -> (Class, Blame, &str, Option<&str>) {
        (self.class, self.blame, &self.step, self.upstream.as_deref())
    }
}

impl Causes {
    /// Remembers a failure that the schedule found.
    pub fn outcome(&mut self, outcome: &Outcome) {
        let Some(fault) = &outcome.fault else { return };
        if outcome.trigger != Trigger::Scheduled || outcome.verdict != Verdict::Bad {
            return;
        }
        let (at, region) = (outcome.start + outcome.duration, outcome.check.region.clone());
        let known = self.0.entry(outcome.check.probe.clone()).or_default();
        let (step, upstream) = (fault.step.into(), fault.upstream.clone());
        known.push_back(Failure { at, region, class: fault.class, blame: fault.blame, step, upstream });
        while known.len() > MOST || known.front().is_some_and(|oldest| at.since(oldest.at) > LONG) {
            known.pop_front();
        }
    }

    /// Remembers a failed run as the ledger kept it: an outcome's JSON. What cannot be read is left out.
    pub fn restore(&mut self, run: &Value) {
        let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str);
        let read = || {
            let at = DateTime::parse_from_rfc3339(text("/start")?).ok()?;
            let blame = text("/fault/blame")?;
            let failure = Failure {
                at: Timestamp::from_utc(at.to_utc()),
                region: text("/probe_region")?.into(),
                class: Class::from_name(text("/fault/class")?)?,
                blame: Blame::ALL.into_iter().find(|known| known.as_str() == blame)?,
                step: text("/fault/step").unwrap_or_default().into(),
                upstream: text("/fault/upstream").map(Into::into),
            };
            (text("/trigger")? == Trigger::Scheduled.as_str()).then_some((text("/probe")?, failure))
        };
        if let Some((probe, failure)) = read() {
            self.0.entry(probe.into()).or_default().push_back(failure);
        }
    }

    /// Forgets probes that are gone.
    pub fn retain(&mut self, objectives: &[Arc<Objective>]) {
        self.0.retain(|probe, _| objectives.iter().flat_map(|o| &o.members).any(|member| member.probe == *probe));
    }

    /// The cause of most failures of an objective's probes since they fail, in words such as
    /// ``timeout (blame: network) at step token in eu-west-1, 31 of 33 failures``. `None`: none of them failed, as when runs
    /// are good and slow.
    pub fn of(&self, evaluation: &Evaluation) -> Option<String> {
        let members = &evaluation.objective.members;
        self.most(members.iter().map(|member| &*member.probe), evaluation.failing_since?)
    }

    fn most<'a>(&self, probes: impl Iterator<Item = &'a str>, since: Timestamp) -> Option<String> {
        let all: Vec<&Failure> =
            probes.filter_map(|probe| self.0.get(probe)).flatten().filter(|failure| failure.at >= since).collect();
        let mut count: HashMap<_, usize> = HashMap::new();
        for failure in &all {
            *count.entry(failure.why()).or_default() += 1;
        }
        // Of two that are as frequent always the same: a description must not flicker.
        let (why, times) = count.into_iter().max_by_key(|(why, times)| (*times, std::cmp::Reverse(*why)))?;
        let (class, blame, step, upstream) = why;
        let here = all.iter().filter(|failure| failure.why() == why);
        let regions: BTreeSet<&str> = here.map(|failure| &*failure.region).collect();
        let regions = regions.into_iter().collect::<Vec<_>>().join(", ");
        let mut at = if step.is_empty() { String::new() } else { format!(" at step {step}") };
        if let Some(host) = upstream {
            at.push_str(&format!(", {},", text::elsewhere(host, "the provider")));
        }
        let share = match all.len() {
            1 => String::new(),
            many if many == times => format!(", all {many} failures"),
            many => format!(", {times} of {many} failures"),
        };
        Some(format!("{class} (blame: {blame}){at} in {regions}{share}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(causes: &mut Causes, probe: &str, region: &str, minute: u32, class: &str, blame: &str, trigger: &str) {
        causes.restore(&json!({
            "probe": probe,
            "probe_region": region,
            "trigger": trigger,
            "start": format!("2026-05-06T10:{minute:02}:00.000Z"),
            "fault": { "class": class, "blame": blame, "step": "token" },
        }));
    }

    #[test]
    fn the_most_frequent_cause_of_what_the_ledger_kept() {
        let at = |minute: i64| Timestamp::from_secs(1_778_061_600 + minute * 60);
        let mut causes = Causes::default();
        let most = |causes: &Causes, since| causes.most(["login", "machine"].into_iter(), at(since));
        assert_eq!(most(&causes, 0), None, "good runs that are slow have no cause");
        failed(&mut causes, "login", "eu", 1, "timeout", "network", "scheduled");
        assert_eq!(most(&causes, 0).unwrap(), "timeout (blame: network) at step token in eu");
        failed(&mut causes, "login", "us", 2, "http_status", "provider", "scheduled");
        failed(&mut causes, "machine", "eu", 3, "http_status", "provider", "scheduled");
        failed(&mut causes, "machine", "eu", 4, "timeout", "network", "manual");
        failed(&mut causes, "other", "eu", 4, "dns", "network", "scheduled");
        failed(&mut causes, "login", "eu", 4, "no such class", "network", "scheduled");
        assert_eq!(most(&causes, 0).unwrap(), "http_status (blame: provider) at step token in eu, us, 2 of 3 failures");
        assert_eq!(
            most(&causes, 3).unwrap(),
            "http_status (blame: provider) at step token in eu",
            "what came before the failing began is another story"
        );
    }

    #[test]
    fn what_failed_at_an_upstream_host_is_a_cause_of_its_own() {
        let run = |host: Option<&str>| {
            let mut run = json!({
                "probe": "login", "probe_region": "eu", "trigger": "scheduled", "start": "2026-05-06T10:00:00.000Z",
                "fault": { "class": "http_status", "blame": "provider", "step": "login" },
            });
            if let Some(host) = host {
                run["fault"]["upstream"] = host.into();
            }
            run
        };
        let mut causes = Causes::default();
        for host in [Some("idp.partner.example"), None, Some("idp.partner.example")] {
            causes.restore(&run(host));
        }
        assert_eq!(
            causes.most(["login"].into_iter(), Timestamp::from_secs(0)).unwrap(),
            "http_status (blame: provider) at step login, at upstream host idp.partner.example, not the provider's own \
             pages, in eu, 2 of 3 failures"
        );
    }
}
