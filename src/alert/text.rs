//! The words of alerts: static summaries, and descriptions that say what, where, whose fault, how much budget, how long.

use std::time::Duration;

use url::Url;

use super::conditions::Context;
use super::{EVALUATOR, Words};
use crate::clock::Timestamp;
use crate::slo::Severity;

/// What is always the same of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `alertname`.
    pub name: &'static str,
    /// Its page in docs/runbooks, without `.md`.
    pub runbook: &'static str,
    /// How loud, unless it depends: on the tier, or on how much is concerned.
    pub severity: Option<Severity>,
    /// The `summary` annotation: never a measured value.
    pub summary: &'static str,
}

/// Every alert of [`super::NAMES`], in that order.
pub const KINDS: &[Kind] = &[
    Kind { name: "AuthOutage", runbook: "outage", severity: Some(Severity::Page), summary: "The provider is failing" },
    Kind {
        name: "AuthRegionDown",
        runbook: "region-down",
        severity: Some(Severity::Ticket),
        summary: "The provider is failing as seen from one region",
    },
    Kind {
        name: "AuthSLOBurn",
        runbook: "slo-burn",
        severity: None,
        summary: "An objective's error budget burns too fast",
    },
    Kind {
        name: "AuthAttackAccepted",
        runbook: "attack-accepted",
        severity: Some(Severity::Page),
        summary: "The provider accepted an attack that it must refuse",
    },
    Kind {
        // Clients with keys in their caches refuse good tokens at this moment: our own runs fetch the keys afresh.
        name: "AuthKeyRotationUnsafe",
        runbook: "key-rotation",
        severity: Some(Severity::Page),
        summary: "The provider changed its keys in a way that breaks logins at clients with cached keys",
    },
    Kind {
        name: "AuthRegionsDisagree",
        runbook: "regions-disagree",
        severity: Some(Severity::Ticket),
        summary: "Regions see different documents of the provider",
    },
    Kind {
        name: "AuthRevocationSlow",
        runbook: "revocation-slow",
        severity: Some(Severity::Ticket),
        summary: "A revoked token still works after its time",
    },
    Kind {
        name: "AuthClockSkew",
        runbook: "clock-skew",
        severity: Some(Severity::Ticket),
        summary: "The provider's clock is wrong, or ours",
    },
    Kind {
        name: "AuthCertificateExpiring",
        runbook: "certificate-expiring",
        severity: None,
        summary: "A certificate of the provider expires soon",
    },
    Kind {
        name: "AuthTokenLifetimeLong",
        runbook: "token-lifetime",
        severity: Some(Severity::Ticket),
        summary: "The provider issues tokens that live too long",
    },
    Kind {
        name: "AuthProbeCredentials",
        runbook: "probe-credentials",
        severity: Some(Severity::Ticket),
        summary: "The provider refuses the account or client of a probe",
    },
    Kind { name: "AuthProbeStale", runbook: "probe-stale", severity: None, summary: "A probe measures nothing" },
    Kind {
        name: "AuthLedgerFailing",
        runbook: "ledger-failing",
        severity: Some(Severity::Ticket),
        summary: "authprobe cannot write its ledger",
    },
];

/// The summary of that alert; empty if there is none of that name.
pub fn summary(name: &str) -> &'static str {
    KINDS.iter().find(|kind| kind.name == name).map_or("", |kind| kind.summary)
}

/// What only Prometheus can tell, by its rules.
pub const PROBER_DOWN: Kind = Kind {
    name: "AuthProberDown",
    runbook: "prober-down",
    severity: Some(Severity::Page),
    summary: "authprobe itself is down or not scraped: nothing is watched",
};

/// Where to read what to do about alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runbooks {
    /// In our own runbooks: below this address, which has no slash at its end, each has a page.
    Own(String),
    /// In somebody else's: the alert's name in small letters is the fragment of this address. Empty: nowhere.
    At(String),
}

impl Default for Runbooks {
    fn default() -> Self {
        Self::At(String::new())
    }
}

impl Runbooks {
    /// `runbook_url` of that alert, if there is one.
    pub fn of(&self, alert: &str) -> Option<String> {
        match self {
            Self::Own(base) => {
                let kind = KINDS.iter().chain([&PROBER_DOWN]).find(|kind| kind.name == alert)?;
                Some(format!("{base}/{}", kind.runbook))
            }
            Self::At(base) => (!base.is_empty()).then(|| format!("{base}#{}", alert.to_ascii_lowercase())),
        }
    }
}

/// A name as a segment of a path (RFC 3986 §3.3): all but unreserved characters are encoded.
pub fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(one).collect()
}

/// `dashboard_url`: where on the page of authprobe at `public` an alert is looked into. `key`: `slo`, `probe` or empty, what
/// `name` is.
pub fn dashboard(public: &Url, alert: &str, key: &str, name: &str) -> String {
    let mut url = public.clone();
    url.set_query(None);
    url.set_fragment(None);
    let base = url.as_str().trim_end_matches('/');
    match (alert, key) {
        ("AuthKeyRotationUnsafe", _) => format!("{base}/keys"),
        (_, "slo") => format!("{base}/slos/{}", encoded(name)),
        (_, "probe") => format!("{base}/probes/{}", encoded(name)),
        _ => format!("{base}/"),
    }
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
        let dashboard = context.public_url.as_ref().map(|url| dashboard(url, alert, self.key, self.name));
        let own = [
            ("summary", Some(summary(alert).to_owned())),
            ("runbook_url", context.runbooks.of(alert)),
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
    fn every_alert_leads_to_the_runbook_that_its_chapter_names() {
        let chapters = include_str!("../../docs/alerts.md");
        for kind in KINDS.iter().chain([&PROBER_DOWN]) {
            let begin = chapters.find(&format!("\n### {}\n", kind.name)).expect(kind.name) + 5;
            let chapter = chapters[begin..].split("\n### ").next().unwrap();
            let linked: Vec<&str> = chapter.split("](runbooks/").skip(1).collect();
            assert_eq!(linked.len(), 1, "{}", kind.name);
            assert!(linked[0].starts_with(&format!("{}.md)", kind.runbook)), "{}: {}", kind.name, linked[0]);
        }
    }

    #[test]
    fn runbooks_are_pages_of_ours_or_found_by_name_elsewhere() {
        let own = Runbooks::Own("https://a.example/runbook".to_owned());
        assert_eq!(own.of("AuthSLOBurn").unwrap(), "https://a.example/runbook/slo-burn");
        assert_eq!(own.of("AuthProberDown").unwrap(), "https://a.example/runbook/prober-down");
        assert_eq!(own.of("NoSuchAlert"), None);
        let wiki = Runbooks::At("https://a.example/r".to_owned());
        assert_eq!(wiki.of("AuthSLOBurn").unwrap(), "https://a.example/r#authsloburn");
        assert_eq!(Runbooks::default().of("AuthSLOBurn"), None);
    }

    #[test]
    fn every_alert_leads_to_where_it_is_looked_into() {
        let at = |public: &str, alert, key, name| dashboard(&Url::parse(public).unwrap(), alert, key, name);
        let (bare, below) = ("https://a.example", "https://a.example/auth/#x");
        assert_eq!(at(bare, "AuthSLOBurn", "slo", "login"), "https://a.example/slos/login");
        assert_eq!(at(below, "AuthProbeStale", "probe", "a b/ü"), "https://a.example/auth/probes/a%20b%2F%C3%BC");
        assert_eq!(at(below, "AuthKeyRotationUnsafe", "probe", "jwks"), "https://a.example/auth/keys");
        assert_eq!(at(bare, "AuthOutage", "", ""), "https://a.example/");
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
