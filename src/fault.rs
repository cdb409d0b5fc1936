//! What can go wrong, and whose fault each thing is. A closed vocabulary: metrics, alerts and documents use these names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod classes;

pub use classes::Class;

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// Something between us and the provider.
    Network,
    /// The provider itself.
    Provider,
    /// The account, client or settings that this probe was given.
    Configuration,
    /// authprobe and the machine it runs on.
    Monitor,
}

impl Blame {
    /// Every blame.
    pub const ALL: [Self; 4] = [Self::Network, Self::Provider, Self::Configuration, Self::Monitor];

    /// The name in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Provider => "provider",
            Self::Configuration => "configuration",
            Self::Monitor => "monitor",
        }
    }

    /// Whether a run with such a fault counts against the provider (network and provider), or could not tell.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Network | Self::Provider)
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Class {
    /// The class of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.as_str() == name)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing found wrong, with the clause that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The class it would have on its own.
    pub class: Class,
    /// Where it is written, such as `OIDC Core 3.1.3.7-2` or `RFC 7517 §5`.
    pub clause: &'static str,
    /// Expected and found, in words.
    pub detail: String,
    /// The attack that was accepted, by the name that metrics have for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack: Option<&'static str>,
}

impl Finding {
    /// One finding.
    pub fn new(class: Class, clause: &'static str, detail: impl Into<String>) -> Self {
        Self { class, clause, detail: detail.into(), attack: None }
    }

    /// Names the attack that was accepted.
    #[must_use]
    pub const fn of_attack(mut self, attack: &'static str) -> Self {
        self.attack = Some(attack);
        self
    }
}

/// Which credentials were refused: their runs stop until somebody acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind", content = "name")]
pub enum Account {
    /// A `[[user]]`, by name.
    User(String),
    /// A `[[client]]`, by name.
    Client(String),
}

/// `user:NAME` or `client:NAME`.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Client(name) => write!(f, "client:{name}"),
        }
    }
}

/// Why a run did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fault {
    /// What went wrong.
    pub class: Class,
    /// Whose fault it is: the class's, unless evidence says otherwise.
    pub blame: Blame,
    /// The step in which it happened; the journey fills it in.
    pub step: &'static str,
    /// Redacted and short: allow-listed fields and our own words, never a body.
    pub detail: String,
    /// Everything found wrong at that place, when a document or a token was checked as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// With `credentials`: whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Box<Account>>,
    /// The host of another identity provider, if it happened there: the probed one had sent us on to it (a broker). Class
    /// and blame are what they are anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Arc<str>>,
    /// With `rate_limited` and 503: how long the provider asked us to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault of that class, blamed as the class says.
    pub fn new(class: Class, detail: impl Into<String>) -> Self {
        Self {
            class,
            blame: class.blame(),
            step: "",
            detail: detail.into(),
            findings: Vec::new(),
            account: None,
            upstream: None,
            retry_after: None,
        }
    }

    /// A fault made of findings: the first gives class and detail. `None` without any.
    pub fn from_findings(findings: Vec<Finding>) -> Option<Self> {
        let first = findings.first()?;
        let more = match findings.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let mut fault = Self::new(first.class, format!("{}{more}", first.detail));
        fault.findings = findings;
        Some(fault)
    }

    /// Names the attack that all findings are about.
    #[must_use]
    pub fn of_attack(mut self, attack: &'static str) -> Self {
        self.findings.iter_mut().for_each(|finding| finding.attack = Some(attack));
        self
    }

    /// Names the credentials that were refused.
    #[must_use]
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = Some(Box::new(account));
        self
    }

    /// Says how long the provider asked us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.class, self.blame, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's table, written by hand.
    #[test]
    fn classes_and_blames_are_the_contracts() {
        let by_blame =
            |blame| Class::ALL.iter().filter(|c| c.blame() == blame).map(|c| c.as_str()).collect::<Vec<_>>().join(" ");
        assert_eq!(by_blame(Blame::Network), "dns connect tls timeout reset");
        assert_eq!(
            by_blame(Blame::Provider),
            "certificate http_status rate_limited oauth_error malformed too_large redirect issuer_mismatch \
             metadata_invalid jwks_invalid key_not_found signature_invalid algorithm_forbidden claim_issuer \
             claim_audience claim_expired claim_not_yet_valid claim_nonce claim_hash claim_subject claim_auth \
             claim_missing claim_unexpected state_mismatch response_issuer login_page refresh_not_rotated \
             reuse_accepted revocation_ineffective logout_ineffective attack_accepted regions_disagree"
        );
        assert_eq!(by_blame(Blame::Configuration), "credentials challenge unsupported config");
        assert_eq!(by_blame(Blame::Monitor), "browser egress clock budget internal");
    }

    #[test]
    fn every_class_says_what_it_means_why_and_where_to_look() {
        for class in Class::ALL.iter().copied() {
            assert!(class.meaning().ends_with('.') && class.hint().ends_with(['.', '?']), "{class}");
            assert!(!class.causes().is_empty() && class.causes().len() <= 4, "{class}");
            for cause in class.causes() {
                assert!(!cause.ends_with('.') && cause.chars().count() <= 90, "{class}: {cause}");
            }
        }
    }

    #[test]
    fn findings_make_one_fault() {
        let fault = Fault::from_findings(vec![
            Finding::new(Class::ClaimIssuer, "OIDC Core 3.1.3.7-2", "a"),
            Finding::new(Class::ClaimNonce, "OIDC Core 3.1.3.7-11", "b"),
        ])
        .unwrap();
        assert_eq!(
            (fault.class, fault.detail.as_str(), fault.findings.len()),
            (Class::ClaimIssuer, "a (and 1 more)", 2)
        );
        assert_eq!(Fault::from_findings(vec![]), None);
    }
}
