//! From what is known to what is told.

use std::time::Duration;

use super::known::{Certificate, Known, Last, SKEWED_RUNS};
use super::{Fact, View};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::slo::Severity;

use super::super::text::{about, many, moment, three};

/// How long an unsafe rotation alerts: it is an event, and keys are cached for about so long.
const ROTATION: Duration = Duration::from_secs(3600);

/// Judges the checks of one probe.
type Judge = fn(&View<'_>, &[&Known], Severity) -> Fact;

/// The alerts that are one a probe: name, severity (`None`: the usual one), judgement.
pub const OF_PROBES: &[(&str, Option<Severity>, Judge)] = &[
    ("AuthAttackAccepted", None, |_, checks, _| {
        let what =
            "The provider accepted an attack that must be refused; treat it as an incident until shown otherwise.";
        wrong(checks, |known| &known.attack, what)
    }),
    ("AuthKeyRotationUnsafe", None, rotation),
    ("AuthRegionsDisagree", None, |_, checks, _| {
        wrong(
            checks,
            |known| &known.disagree,
            "Regions see different documents: a stale cache or node answers some of them.",
        )
    }),
    ("AuthRevocationSlow", None, |_, checks, _| {
        wrong(
            checks,
            |known| &known.revocation,
            "A revoked token is still accepted: whoever stole one can still use it.",
        )
    }),
    ("AuthClockSkew", None, skew),
    ("AuthCertificateExpiring", Some(Severity::Ticket), certificate),
    ("AuthCertificateExpiring", Some(Severity::Page), certificate),
    ("AuthTokenLifetimeLong", None, lifetime),
    ("AuthProbeCredentials", None, credentials),
    ("AuthProbeStale", Some(Severity::Ticket), stale),
];

/// Over all regions: one that holds is enough; else one that does not know leaves it open.
fn any(facts: impl IntoIterator<Item = Fact>, tell: impl FnOnce(Vec<String>) -> String) -> Fact {
    let (mut parts, mut unknown, mut known) = (Vec::new(), false, false);
    for fact in facts {
        match fact {
            Fact::Yes(part) => parts.push(part),
            Fact::Unknown => unknown = true,
            Fact::No => known = true,
        }
    }
    match () {
        () if !parts.is_empty() => Fact::Yes(tell(parts)),
        () if unknown || !known => Fact::Unknown,
        () => Fact::No,
    }
}

fn region(known: &Known) -> &str {
    &known.watched.check.region
}

fn wrong(checks: &[&Known], pick: impl Fn(&Known) -> &Last, what: &str) -> Fact {
    let facts = checks.iter().map(|known| match pick(known) {
        Last::Wrong(detail) => Fact::Yes(format!("{}: {detail}", region(known))),
        Last::Fine => Fact::No,
        Last::Unknown => Fact::Unknown,
    });
    any(facts, |parts| format!("{what} Seen from {}.", three(&parts)))
}

fn rotation(view: &View<'_>, checks: &[&Known], _: Severity) -> Fact {
    let facts = checks.iter().map(|known| match known.rotation {
        Some((at, changes)) if view.now.since(at) < ROTATION => {
            Fact::Yes(format!("{} at {} from {}", many(changes, "change"), moment(at), region(known)))
        }
        // What an earlier process saw within the hour is not known here.
        None if view.now.since(known.since) < ROTATION => Fact::Unknown,
        _ => Fact::No,
    });
    any(facts, |parts| {
        format!(
            "The key set was changed in a way that breaks a promise to clients (a key signed before it was published, or was \
             withdrawn while its tokens were valid): clients with cached keys refuse good tokens until they fetch again. Seen: \
             {}. This alert ends an hour after the last such change.",
            three(&parts)
        )
    })
}

fn skew(view: &View<'_>, checks: &[&Known], _: Severity) -> Fact {
    let facts = checks.iter().map(|known| {
        let (seconds, uncertainty) = known.skew.last;
        match known.skew.streak {
            SKEWED_RUNS.. => {
                let side = if seconds > 0.0 { "ahead" } else { "behind" };
                Fact::Yes(format!("{} {:.1} s ± {uncertainty:.1} s {side}", region(known), seconds.abs()))
            }
            _ if known.skew.settled => Fact::No,
            _ => Fact::Unknown,
        }
    });
    any(facts, |parts| {
        format!(
            "The provider's clock differs from this machine's by more than {} in {SKEWED_RUNS} runs in a row: its tokens \
             seem to come from the future, or expire early. Seen from {}. If several providers show it, look at this \
             machine's clock first.",
            HumanDuration(view.thresholds.clock_skew),
            three(&parts)
        )
    })
}

fn certificate(view: &View<'_>, checks: &[&Known], severity: Severity) -> Fact {
    let within = match severity {
        Severity::Ticket => view.thresholds.certificate_ticket,
        Severity::Page => view.thresholds.certificate_page,
    };
    let all = checks.iter().flat_map(|known| &known.certificates);
    let Some(((endpoint, region), first)) =
        all.min_by_key(|((endpoint, region), certificate)| (certificate.not_after, *endpoint, region.clone()))
    else {
        return Fact::Unknown;
    };
    let Certificate { not_after, host, .. } = first;
    if view.now + within <= *not_after {
        // A region from which nobody has looked yet may see an older one.
        return if checks.iter().any(|known| unseen(known)) { Fact::Unknown } else { Fact::No };
    }
    let when = match *not_after > view.now {
        true => format!("expires in {}, at {}", about(not_after.since(view.now)), moment(*not_after)),
        false => format!("expired at {}: every client refuses it", moment(*not_after)),
    };
    Fact::Yes(format!(
        "The certificate that {host} shows at the {endpoint} endpoint {when} (seen from {region}). It is the earliest of \
         those that this probe sees; the alert begins {} before.",
        HumanDuration(within)
    ))
}

/// Whether no run has been judged since the start.
fn unseen(known: &Known) -> bool {
    known.judged.is_none()
}

fn lifetime(view: &View<'_>, checks: &[&Known], _: Severity) -> Fact {
    let most = view.thresholds.token_lifetime;
    let facts = checks.iter().flat_map(|known| {
        // Refresh tokens are meant to live long.
        let lifetimes = known.lifetimes.iter().filter(|(token, _)| **token != "refresh");
        let facts = lifetimes.map(|(token, seconds)| {
            let lives = Duration::try_from_secs_f64(*seconds).unwrap_or(Duration::MAX);
            match lives > most {
                true => Fact::Yes(format!("{token} token {} from {}", about(lives), region(known))),
                false => Fact::No,
            }
        });
        facts.chain(unseen(known).then_some(Fact::Unknown))
    });
    any(facts, |parts| {
        format!(
            "The provider says that its tokens live longer than {}: a stolen one can be used for as long. {}.",
            HumanDuration(most),
            three(&parts)
        )
    })
}

fn credentials(view: &View<'_>, checks: &[&Known], _: Severity) -> Fact {
    let facts = checks.iter().map(|known| {
        let client = format!("client:{}", known.watched.check.client);
        let mine = |account: &str| known.account.as_deref() == Some(account) || account == client;
        if let Some((account, reason)) = view.stopped.iter().find(|(account, _)| mine(account)) {
            return Fact::Yes(format!("{}: {account}: {reason}", region(known)));
        }
        match &known.credentials {
            Last::Wrong(detail) => Fact::Yes(format!("{}: {detail}", region(known))),
            Last::Fine => Fact::No,
            Last::Unknown => Fact::Unknown,
        }
    });
    any(facts, |parts| {
        format!(
            "The provider refuses what this probe logs in with, so that nothing is measured; real users may be fine. {}. \
             Correct the secret, unlock the account, or resume it by POST /api/v1/accounts/NAME/resume.",
            three(&parts)
        )
    })
}

/// Since when a check has been silent though runs were expected.
fn silent_since(known: &Known) -> Timestamp {
    known.judged.map_or(known.quiet, |judged| judged.max(known.quiet))
}

fn stale(view: &View<'_>, checks: &[&Known], _: Severity) -> Fact {
    let facts = checks.iter().map(|known| {
        let patience = known.watched.stale_after;
        let silent = view.now.since(silent_since(known));
        if silent > patience {
            Fact::Yes(format!("{} for {}{}", region(known), about(silent), blind(known)))
        } else if judged_within(known, view.now, patience) {
            Fact::No
        } else {
            Fact::Unknown
        }
    });
    any(facts, |parts| {
        format!("No run of this probe was judged for too long: nothing is known of it. {}.", three(&parts))
    })
}

fn judged_within(known: &Known, now: Timestamp, time: Duration) -> bool {
    known.judged.is_some_and(|judged| now.since(judged) <= time)
}

fn blind(known: &Known) -> String {
    match &known.blind {
        Some(fault) => format!(" (the last run could not tell: {}, {}: {})", fault.class, fault.blame, fault.detail),
        None => " (no run took place)".to_owned(),
    }
}

/// Whether no check of a provider has measured anything for longer than the most frequent one of them may be silent.
pub fn nothing_measured(view: &View<'_>, checks: &[&Known]) -> Fact {
    let latest = checks.iter().map(|known| silent_since(known)).max();
    let Some((latest, often)) = latest.zip(checks.iter().min_by_key(|known| known.watched.stale_after)) else {
        return Fact::Unknown;
    };
    let (silent, patience) = (view.now.since(latest), often.watched.stale_after);
    if silent > patience {
        Fact::Yes(format!(
            "No probe of this provider has measured anything for {}{}: an outage would not be seen.",
            about(silent),
            blind(often)
        ))
    } else if checks.iter().any(|known| judged_within(known, view.now, patience)) {
        Fact::No
    } else {
        Fact::Unknown
    }
}

/// Why the ledger cannot be written.
pub fn ledger(reason: &str) -> Fact {
    Fact::Yes(format!(
        "{reason}. Probing, budgets and alerts go on from memory, and what they count is written once that works again; what \
         is not written by the end of the process is lost.",
        reason = reason.trim_end_matches('.')
    ))
}
