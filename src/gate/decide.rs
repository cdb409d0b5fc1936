//! Whether a gate opens. Pure: plain values and `now` in, a decision out.
//!
//! Only what happened since the beginning counts. A gate is closed by failures that burn the budget faster than `max_burn`,
//! as far as they are too many for chance (Byar's lower bound, as in the burn alerts), and by alerts of what people are woken
//! for. It opens when the whole watch has passed and enough of it was measured. What cannot be told is neither.

use std::time::Duration;

use serde::Serialize;

use super::{Alert, Look, Slo, State, Terms};
use crate::slo::burn::{byar_lower, quantile};

/// So many failures at least close a gate by their number, unless the objective allows none: with few runs even one is a high
/// rate, and one is what a dropped packet makes.
pub const MIN_FAILURES: u64 = 2;
/// How long the source may be out of reach when the watch is over.
pub const LAST_LOOK: Duration = Duration::from_secs(15);

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Not decided yet.
    Watching,
    /// All is well.
    Open,
    /// The provider is bad.
    Closed,
    /// Could not tell.
    Unknown,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The budget burns faster than `max_burn`.
    Burn,
    /// Something was bad for an objective that allows nothing.
    AnyEvent,
    /// An alert fired since the beginning.
    Alert,
    /// An alert fired before, and does still.
    BrokenBefore,
    /// Too little was measured.
    Coverage,
    /// The source was out of reach for too long.
    OutOfReach,
    /// An objective is not there any more.
    Gone,
}

/// One reason for a decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Of which kind.
    pub why: Why,
    /// The objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo: Option<String>,
    /// The alert's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// In a sentence.
    pub text: String,
}

/// A decision with what led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The decision.
    pub decision: Decision,
    /// Why; while watching, what keeps it from opening as things are.
    pub reasons: Vec<Reason>,
    /// What decides nothing and is worth a look.
    pub warnings: Vec<String>,
}

/// How fast the budget burns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burn {
    /// Error ratio ÷ allowed ratio; `None`: nothing was judged, or nothing is allowed.
    pub burn: Option<f64>,
    /// As much as the failures prove: Byar's lower bound at the objective's alpha. 0 where `burn` is `None`.
    pub lower: f64,
}

impl Slo {
    /// How fast its budget burns since the beginning.
    pub fn burn(&self) -> Burn {
        let ratio = self.counts.error_ratio().filter(|_| self.allowed > 0.0);
        let lower = byar_lower(self.counts.bad, quantile(self.alpha_ppm)) / self.counts.judged().max(1) as f64;
        Burn { burn: ratio.map(|ratio| ratio / self.allowed), lower: ratio.map_or(0.0, |_| lower / self.allowed) }
    }

    /// Judged ÷ expected since the beginning; `None`: nothing was expected.
    pub fn coverage(&self) -> Option<f64> {
        self.counts.coverage().map(|coverage| coverage * self.seen)
    }

    fn closes(&self, max_burn: f64) -> Option<Reason> {
        let (counts, burn) = (self.counts, self.burn());
        let of = format!("{} of {} bad since the beginning", counts.bad, runs(counts.judged()));
        let (why, text) = if self.allowed <= 0.0 && counts.bad > 0 {
            (Why::AnyEvent, format!("{}: {of}, and an objective of 100% allows none", self.name))
        } else if counts.bad >= MIN_FAILURES && burn.lower > max_burn {
            let rate = three(burn.burn.unwrap_or_default());
            let text = format!(
                "{} burns its budget {rate} times as fast as allowed (at least {}; the limit is {}): {of}",
                self.name,
                three(burn.lower),
                three(max_burn)
            );
            (Why::Burn, text)
        } else {
            return None;
        };
        Some(Reason { why, slo: Some(self.name.clone()), alert: None, text })
    }

    fn unknown(&self) -> Option<Reason> {
        let counts = self.counts;
        let enough = self.coverage().is_some_and(|coverage| coverage >= self.min_coverage) && counts.judged() > 0;
        if enough {
            return None;
        }
        let text = match self.coverage() {
            None if self.excluded.expected > 0 => "all of the watch lies in maintenance".to_owned(),
            None => "nothing was measured: no run was due; watch for longer than its probes' period".to_owned(),
            Some(coverage) => {
                let mut parts = Vec::new();
                if counts.inconclusive > 0 {
                    parts.push(format!("{} inconclusive", counts.inconclusive));
                }
                let missed = counts.expected.saturating_sub(counts.judged() + counts.inconclusive);
                if missed > 0 {
                    parts.push(format!("{missed} did not take place"));
                }
                if self.seen < 1.0 {
                    parts.push(format!("{} of the time was seen", percent(self.seen)));
                }
                let rest = if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) };
                format!(
                    "too little was measured: {} of {} judged, coverage {} where {} are needed{rest}",
                    counts.judged(),
                    runs(counts.expected),
                    percent(coverage),
                    percent(self.min_coverage),
                )
            }
        };
        let text = format!("{}: {text}", self.name);
        Some(Reason { why: Why::Coverage, slo: Some(self.name.clone()), alert: None, text })
    }
}

/// What an alert has to do with what is watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matter {
    /// Closes the gate; if it fired before, keeps it from opening.
    Closes,
    /// Closes the gate if it fired since: its windows look back beyond the beginning.
    ClosesIfNew,
    /// Is told.
    Told,
    /// Is of others.
    None,
}

impl Slo {
    /// Whether enough failed since the beginning that an alert may be of that: its windows look further back.
    fn failed_since(&self) -> bool {
        self.counts.bad >= if self.allowed <= 0.0 { 1 } else { MIN_FAILURES }
    }
}

fn matter(alert: &Alert, slos: &[Slo]) -> Matter {
    let own = |slo: &Slo| slo.provider.as_ref().is_none_or(|own| alert.provider.is_empty() || *own == alert.provider);
    let provider = slos.iter().any(own);
    match alert.name.as_str() {
        "AuthSLOBurn" => match slos.iter().any(|slo| slo.name == alert.slo) {
            true if alert.severity == "page" => {
                let failed = slos.iter().any(|slo| slo.name == alert.slo && slo.failed_since());
                if failed { Matter::ClosesIfNew } else { Matter::Told }
            }
            true => Matter::Told,
            false => Matter::None,
        },
        "AuthOutage" | "AuthRegionDown" | "AuthAttackAccepted" if provider => Matter::Closes,
        _ if provider => Matter::Told,
        _ => Matter::None,
    }
}

/// Whether an alert says something of what is watched.
pub fn matters(alert: &Alert, slos: &[Slo]) -> bool {
    matter(alert, slos) != Matter::None
}

/// What alerts say: what closes at once, what keeps from opening, what is told.
fn alerts(look: &Look) -> (Vec<Reason>, Vec<Reason>, Vec<String>) {
    let (mut closing, mut keeping, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for alert in &look.alerts {
        let reason = |why, text| Reason {
            why,
            slo: Some(alert.slo.clone()).filter(|slo| !slo.is_empty()),
            alert: Some(alert.name.clone()),
            text,
        };
        let (name, subject) = (&alert.name, alert.subject());
        let over = alert.state == State::Resolved;
        match (matter(alert, &look.slos), alert.before) {
            (Matter::None, _) => {}
            _ if alert.state == State::Pending => {}
            (Matter::Closes | Matter::ClosesIfNew, false) => {
                let tense = if over { "fired since the beginning (it is over)" } else { "fires since the beginning" };
                closing.push(reason(Why::Alert, format!("{name} of {subject} {tense}")));
            }
            (_, true) if over => {}
            (Matter::Closes, true) => {
                let text = format!("{name} of {subject} was firing before, and does still: it was broken before");
                keeping.push(reason(Why::BrokenBefore, text));
            }
            (Matter::ClosesIfNew, true) => {
                told.push(format!("{name} of {subject} was firing before; what counts is what failed since"));
            }
            (Matter::Told, before) => {
                let tense = if before { "was firing before" } else { "fires since the beginning" };
                told.push(format!("{name} ({}) of {subject} {tense}", alert.severity));
            }
        }
    }
    (closing, keeping, told)
}

/// The decision at `now`, after the last look. `names`: the objectives that were chosen at the beginning.
pub fn decide(terms: &Terms, names: &[String], look: Option<&Look>, now: crate::clock::Timestamp) -> Judged {
    let Some(look) = look else {
        let text = "the source was never reached".to_owned();
        let late = now.since(terms.since) > terms.patience || now >= terms.until;
        let reasons = vec![Reason { why: Why::OutOfReach, slo: None, alert: None, text }];
        let decision = if late { Decision::Unknown } else { Decision::Watching };
        return Judged { decision, reasons, warnings: Vec::new() };
    };
    let (mut closing, keeping, mut warnings) = alerts(look);
    warnings.extend(look.notes.iter().cloned());
    closing.extend(look.slos.iter().filter_map(|slo| slo.closes(terms.max_burn)));
    warnings.extend(
        look.slos
            .iter()
            .filter(|slo| slo.budget.is_some_and(|left| left <= 0.0))
            .map(|slo| format!("{}: its error budget is spent already", slo.name)),
    );
    let end = |decision, reasons| Judged { decision, reasons, warnings: warnings.clone() };
    if !closing.is_empty() {
        closing.extend(keeping);
        return end(Decision::Closed, closing);
    }
    let silent = now.since(look.at);
    let late = now >= terms.until && look.at < terms.until && now.since(terms.until) > LAST_LOOK.min(terms.patience);
    if silent > terms.patience || late {
        let text = format!("the source is out of reach for {} s", silent.as_secs());
        return end(Decision::Unknown, vec![Reason { why: Why::OutOfReach, slo: None, alert: None, text }]);
    }
    let gone = names.iter().filter(|name| !look.slos.iter().any(|slo| slo.name == **name));
    let gone = gone.map(|name| Reason {
        why: Why::Gone,
        slo: Some(name.clone()),
        alert: None,
        text: format!("{name} is not there any more"),
    });
    let unknown: Vec<Reason> = gone.chain(look.slos.iter().filter_map(Slo::unknown)).collect();
    let over = look.at >= terms.until;
    match (over, keeping.is_empty(), unknown.is_empty()) {
        (false, ..) => end(Decision::Watching, keeping.into_iter().chain(unknown).collect()),
        (true, false, _) => end(Decision::Closed, keeping),
        (true, true, false) => end(Decision::Unknown, unknown),
        (true, true, true) => end(Decision::Open, Vec::new()),
    }
}

fn runs(count: u64) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{count} runs") }
}

/// To three digits that matter, as people read rates.
pub fn three(rate: f64) -> String {
    match rate {
        rate if rate >= 100.0 => format!("{rate:.0}"),
        rate if rate >= 10.0 => trimmed(format!("{rate:.1}")),
        rate => trimmed(format!("{rate:.2}")),
    }
}

/// A share in percent, rounded towards "less than all".
pub fn percent(share: f64) -> String {
    let tenths = (share * 1000.0 + 1e-9).floor() / 10.0;
    format!("{}%", trimmed(format!("{tenths:.1}")))
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
