//! `AuthOutage` and `AuthRegionDown` from what the detectors say.

use std::time::Duration;

use super::conditions::Context;
use super::text::Subject;
use super::{Condition, Holds, Words};
use crate::clock::Timestamp;
use crate::detect::ruling::{Case, Look};
use crate::detect::{Ruling, Standing};
use crate::slo::Severity;

mod numbers;
mod story;

pub use story::{headline, how};

/// The provider is out.
pub const OUTAGE: &str = "AuthOutage";
/// It is out as seen from one of several regions.
pub const REGION_DOWN: &str = "AuthRegionDown";
/// Where `AuthRegionDown` has the region.
pub const REGION: &str = "probe_region";

/// The conditions of these rulings: `AuthOutage` (page), one a provider; `AuthRegionDown` (ticket), one a provider and
/// region (label `probe_region`) where there are several. How long something must last the detectors know: what is
/// pending waits for them, and what they say is over is over at once.
pub fn conditions(rulings: &[Ruling], now: Timestamp, context: &Context) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for ruling in rulings {
        let told = |over| story::outage(ruling, over, now, context);
        conditions.push(condition(ruling, None, ruling.outage, context, told));
        for (region, standing) in &ruling.regions {
            let told = |over| story::region(ruling, region, over, now, context);
            conditions.push(condition(ruling, Some(region), *standing, context, told));
        }
    }
    conditions
}

fn condition(
    ruling: &Ruling,
    region: Option<&str>,
    standing: Standing,
    context: &Context,
    told: impl Fn(bool) -> String,
) -> Condition {
    let Ruling { provider, labels, annotations, .. } = ruling;
    let subject = Subject { key: "", name: "", provider, labels, annotations };
    let (name, severity) = match region {
        None => (OUTAGE, Severity::Page),
        Some(_) => (REGION_DOWN, Severity::Ticket),
    };
    let mut labels = subject.identity(name, severity);
    labels.extend(region.map(|region| (REGION.to_owned(), region.to_owned())));
    let (holds, pending_for) = match standing {
        Standing::Clear => (Holds::No, Duration::ZERO),
        Standing::Unknown => (Holds::Unknown, Duration::ZERO),
        Standing::Pending => (Holds::Yes, Duration::MAX),
        Standing::Holds => (Holds::Yes, Duration::ZERO),
    };
    let words = |over| match holds {
        Holds::Yes => subject.tell(name, told(over), context),
        Holds::No | Holds::Unknown => Words::new(),
    };
    let (annotations, afterwards) = (words(false), words(true));
    Condition { labels, annotations, afterwards, holds, pending_for, resolving_for: Duration::ZERO }
}

/// The evidence behind an alert with these labels, the gravest first; `None`: it is none of this module. Of
/// `AuthRegionDown` those cases in which its region has failed.
pub fn evidence<'a>(labels: &Words, rulings: &'a [Ruling]) -> Option<Vec<&'a Case>> {
    let label = |name: &str| labels.get(name).map(String::as_str);
    let region = match label("alertname") {
        Some(OUTAGE) => None,
        Some(REGION_DOWN) => Some(label(REGION)?),
        _ => return None,
    };
    let ruling = rulings.iter().find(|ruling| Some(&*ruling.provider) == label("provider"));
    let cases = ruling.into_iter().flat_map(|ruling| &ruling.cases);
    let mut cases: Vec<_> = cases.filter(|case| region.is_none_or(|region| has_failed_in(case, region))).collect();
    cases.sort_by_key(|case| case.gravity());
    Some(cases)
}

/// Whether that region stands against the provider in this case.
fn has_failed_in(case: &Case, region: &str) -> bool {
    let failed = |look: Look| matches!(look, Look::Failing | Look::Suspected);
    case.regions.iter().any(|seen| &*seen.region == region && (seen.bad > 0 || failed(seen.look)))
}

#[cfg(test)]
mod tests;
