//! The words of alerts: static summaries, and descriptions that say what, where, whose fault, how much budget, how long.

use std::time::Duration;

use super::conditions::Context;
use super::{EVALUATOR, Words};
use crate::clock::Timestamp;
use crate::slo::Severity;

/// What is always the same of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `alertname`.
    pub name: &'static str,
    /// How loud, unless it depends: on the tier, or on how much is concerned.
    pub severity: Option<Severity>,
    /// The `summary` annotation: never a measured value.
    pub summary: &'static str,
}

/// Every alert of [`super::NAMES`], in that order.
pub const KINDS: &[Kind] = &[
    Kind { name: "AuthOutage", severity: Some(Severity::Page), summary: "The provider is failing" },
    Kind {
        name: "AuthRegionDown",
        severity: Some(Severity::Ticket),
        summary: "The provider is failing as seen from one region",
    },
    Kind { name: "AuthSLOBurn", severity: None, summary: "An objective's error budget burns too fast" },
    Kind {
        name: "AuthAttackAccepted",
        severity: Some(Severity::Page),
        summary: "The provider accepted an attack that it must refuse",
    },
    Kind {
        // Clients with keys in their caches refuse good tokens at this moment: our own runs fetch the keys afresh.
        name: "AuthKeyRotationUnsafe",
        severity: Some(Severity::Page),
        summary: "The provider changed its keys in a way that breaks logins at clients with cached keys",
    },
    Kind {
        name: "AuthRegionsDisagree",
        severity: Some(Severity::Ticket),
        summary: "Regions see different documents of the provider",
    },
    Kind {
        name: "AuthRevocationSlow",
        severity: Some(Severity::Ticket),
        summary: "A revoked token still works after its time",
    },
    Kind { name: "AuthClockSkew", severity: Some(Severity::Ticket), summary: "The provider's clock is wrong, or ours" },
    Kind { name: "AuthCertificateExpiring", severity: None, summary: "A certificate of the provider expires soon" },
    Kind {
        name: "AuthTokenLifetimeLong",
        severity: Some(Severity::Ticket),
        summary: "The provider issues tokens that live too long",
    },
    Kind {
        name: "AuthProbeCredentials",
        severity: Some(Severity::Ticket),
        summary: "The provider refuses the account or client of a probe",
    },
    Kind { name: "AuthProbeStale", severity: None, summary: "A probe measures nothing" },
    Kind { name: "AuthLedgerFailing", severity: Some(Severity::Ticket), summary: "authprobe cannot write its ledger" },
];

/// The summary of that alert; empty if there is none of that name.
pub fn summary(name: &str) -> &'static str {
    KINDS.iter().find(|kind| kind.name == name).map_or("", |kind| kind.summary)
}

/// Where to read what to do: the base, and the alert's name in small letters as the fragment. `None` without a base.
pub fn runbook(base: &str, name: &str) -> Option<String> {
    (!base.is_empty()).then(|| format!("{base}#{}", name.to_ascii_lowercase()))
}

/// What an alert is about, and what its SLO or probe passes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// `slo` or `probe`, and its name; empty: none.
    pub key: &'static str,
    /// See `key`.
    pub name: &'a str,
    /// The provider; empty: none, or several.
    pub provider: &'a str,
    /// Labels to pass on.
    pub labels: &'a Words,
    /// Annotations to pass on.
    pub annotations: &'a Words,
}

impl Subject<'_> {
    /// An alert's identity. Our own labels win over those that are passed on.
    pub fn identity(&self, alert: &str, severity: Severity) -> Words {
        let mut labels = self.labels.clone();
        let own = [
            ("alertname", alert),
            ("evaluator", EVALUATOR),
            ("severity", severity.as_str()),
            ("provider", self.provider),
            (self.key, self.name),
        ];
        for (name, value) in own.into_iter().filter(|(name, _)| !name.is_empty()) {
            // An empty label is none to Alertmanager: let it be the same to everyone.
            if value.is_empty() {
                labels.remove(name)
            } else {
                labels.insert(name.to_owned(), value.to_owned())
            };
        }
        labels
    }

    /// An alert's annotations. What is passed on wins (a team's own runbook), but for the description.
    pub fn tell(&self, alert: &str, description: String, context: &Context) -> Words {
        let dashboard = context.public_url.clone().map(|mut url| {
            let fragment = format!("{}-{}", self.key, self.name);
            url.set_fragment(Some(if self.key.is_empty() { "alerts" } else { &fragment }));
            url.to_string()
        });
        let own = [
            ("summary", Some(summary(alert).to_owned())),
            ("runbook_url", runbook(&context.runbook_base, alert)),
            ("dashboard_url", dashboard),
        ];
        let own = own.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
        let mut all: Words = own.collect();
        all.extend(self.annotations.clone());
        all.insert("description".to_owned(), description);
        all
    }
}

/// `4.2 %`: three digits that say something.
pub(super) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    let decimals = match percent.abs() {
        10.0.. => 1,
        0.01.. => 2,
        _ => 4,
    };
    format!("{} %", digits(percent, decimals))
}

/// Of parts per million, exactly: `99.95 %`.
pub(super) fn percent_ppm(ppm: u32) -> String {
    format!("{} %", digits(f64::from(ppm) / 10_000.0, 4))
}

/// How many times: `14.4`, `1000`.
pub(super) fn times(factor: f64) -> String {
    digits(factor, if factor.abs() >= 100.0 { 0 } else { 1 })
}

/// With at most so many decimals, without zeros at the end.
fn digits(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The two largest units: `3 d 4 h`, `8 h 40 min`, `12 min`, `45 s`.
pub(super) fn about(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let secs = duration.as_secs();
    let first = UNITS.iter().position(|(unit, _)| secs >= *unit).unwrap_or(UNITS.len() - 1);
    let (unit, name) = UNITS[first];
    let mut text = format!("{} {name}", secs / unit);
    // Seconds say nothing beside minutes.
    if let Some((smaller, name)) = UNITS.get(first + 1).filter(|(smaller, _)| *smaller > 1)
        && secs % unit / smaller > 0
    {
        text.push_str(&format!(" {} {name}", secs % unit / smaller));
    }
    text
}

/// `2026-11-21 18:05 UTC`.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `at upstream host idp.partner.example, not main's own pages`: a broker's users met it there.
pub(super) fn elsewhere(host: &str, provider: &str) -> String {
    format!("at upstream host {host}, not {provider}'s own pages")
}

/// `1 run`, `2 runs`.
pub(super) fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The first three, and how many more there are: `a, b, c and 2 more`.
pub(super) fn three(all: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::NAMES;

    #[test]
    fn every_alert_has_its_words() {
        assert!(KINDS.iter().map(|kind| kind.name).eq(NAMES.iter().copied()));
        for kind in KINDS {
            assert!(!kind.summary.ends_with('.') && !kind.summary.contains(char::is_numeric), "{}", kind.summary);
        }
        assert_eq!(summary("AuthClockSkew"), "The provider's clock is wrong, or ours");
        assert_eq!(summary("NoSuchAlert"), "");
    }

    #[test]
    fn every_alert_has_a_chapter_in_the_runbook() {
        let runbook = include_str!("../../docs/alerts.md");
        for name in NAMES {
            assert!(runbook.contains(&format!("\n### {name}\n\n*")), "{name}: what it means, how loud, what to do");
        }
    }

    #[test]
    fn runbooks_are_found_by_name() {
        assert_eq!(runbook("https://a.example/r", "AuthSLOBurn").unwrap(), "https://a.example/r#authsloburn");
        assert_eq!(runbook("", "AuthSLOBurn"), None);
    }

    #[test]
    fn numbers_read_well() {
        for (ratio, text) in [
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.0421, "4.21 %"),
            (0.183_33, "18.3 %"),
            (0.000_042, "0.0042 %"),
            (-0.5, "-50 %"),
        ] {
            assert_eq!(percent(ratio), text);
        }
        for (ppm, text) in [(999_500, "99.95 %"), (1_000_000, "100 %"), (999_999, "99.9999 %"), (900_000, "90 %")] {
            assert_eq!(percent_ppm(ppm), text);
        }
        for (factor, text) in [(14.4, "14.4"), (1000.0, "1000"), (1.0, "1"), (99.96, "100"), (250.4, "250")] {
            assert_eq!(times(factor), text);
        }
        for (secs, text) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min"), (3600, "1 h"), (31_200, "8 h 40 min"), (273_600, "3 d 4 h")]
        {
            assert_eq!(about(Duration::from_secs(secs)), text);
        }
        assert_eq!((many(1, "run"), many(0, "run")), ("1 run".to_owned(), "0 runs".to_owned()));
        let all = |n: usize| (1..=n).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!((three(&all(3)), three(&all(5))), ("1, 2, 3".to_owned(), "1, 2, 3 and 2 more".to_owned()));
    }
}
