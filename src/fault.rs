//! What can go wrong, and whose fault each thing is. A closed vocabulary: metrics, alerts and documents use these names.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

macro_rules! classes {
    ($($variant:ident $name:literal $blame:ident $means:literal $hint:literal;)*) => {
        /// What went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Class {
            $(#[doc = $means] $variant,)*
        }

        impl Class {
            /// Every class, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in labels and documents.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Who is to blame by default.
            pub const fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)* }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $means,)* }
            }

            /// What to look at first.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }
        }
    };
}

classes! {
    Dns "dns" Network "The provider's name did not resolve." "Resolve the name from this region; compare with another; look for an expired zone or a broken resolver.";
    Connect "connect" Network "No TCP connection could be made." "Is the provider up and listening? Check load balancer, firewall and routes from this region.";
    Tls "tls" Network "The TLS handshake failed for another reason than the certificate." "Compare protocol versions and cipher suites; look for a middlebox or a server that closes the handshake.";
    Timeout "timeout" Network "No answer came in time." "See in the waterfall which phase hung: connect points to the network, processing to the provider.";
    Reset "reset" Network "The connection broke before the answer was complete." "Look for crashing or restarting processes behind the load balancer, and idle timeouts on the way.";
    Certificate "certificate" Provider "The provider's certificate is not acceptable." "Check expiry, host names and chain of the certificate that this endpoint serves; is an intermediate missing?";
    HttpStatus "http_status" Provider "The status is not one that the protocol allows here." "Read the provider's log at the time of the run; 5xx points to the provider, 404 to a moved endpoint.";
    RateLimited "rate_limited" Provider "The provider answered 429." "Ask for a higher limit for this client, or probe less often; scheduled runs honour Retry-After.";
    OauthError "oauth_error" Provider "The provider answered with an OAuth error." "The error code names the cause: compare the client's registration with what the probe asks for.";
    Malformed "malformed" Provider "The answer is not what the specification says." "Look at the content type and the first bytes: an error page or a proxy may stand where JSON should be.";
    TooLarge "too_large" Provider "The answer is larger than the limit." "Fetch the endpoint by hand: is it serving another document, or one that grows without end?";
    Redirect "redirect" Provider "Redirects lead nowhere, in a circle, or where they must not." "Follow the chain in the waterfall; check base URLs and proxy headers of the provider.";
    IssuerMismatch "issuer_mismatch" Provider "The metadata names another issuer than the one configured." "Compare character by character, the final slash included (OIDC Discovery §4.3).";
    MetadataInvalid "metadata_invalid" Provider "The metadata lacks what it must have or points where it must not." "See the findings: each names the member of the document and the clause.";
    JwksInvalid "jwks_invalid" Provider "The key set cannot be used as it is." "See the findings: each names the key and what is wrong with it.";
    KeyNotFound "key_not_found" Provider "A token names a key that the key set does not hold, even after a fresh fetch." "Was a key rotated before it was published, or is one node serving an old set?";
    SignatureInvalid "signature_invalid" Provider "A token's signature does not verify." "Same kid with another key? Nodes with different keys? Compare the key sets node by node.";
    AlgorithmForbidden "algorithm_forbidden" Provider "A token is signed with an algorithm that must not be accepted." "Compare the header's alg with the client's registration; `none` and confused HMAC are attacks.";
    ClaimIssuer "claim_issuer" Provider "`iss` is not the configured issuer." "Check the provider's external URL settings (OIDC Core 3.1.3.7-2).";
    ClaimAudience "claim_audience" Provider "`aud` or `azp` is not for this client." "Check the client's audience mappings (OIDC Core 3.1.3.7-3 to 5).";
    ClaimExpired "claim_expired" Provider "The token is expired already." "Compare the clocks; see clock skew in the waterfall (OIDC Core 3.1.3.7-9).";
    ClaimNotYetValid "claim_not_yet_valid" Provider "The token says it comes from the future." "Compare the clocks: the provider's runs ahead (`iat`, `nbf`).";
    ClaimNonce "claim_nonce" Provider "`nonce` is missing or not the one sent." "A mixed-up session or a cached answer (OIDC Core 3.1.3.7-11).";
    ClaimHash "claim_hash" Provider "`at_hash` or `c_hash` does not fit." "The token was swapped, or hashed with the wrong algorithm (OIDC Core 3.1.3.6).";
    ClaimSubject "claim_subject" Provider "`sub` is missing, not constant, or not who logged in." "Check account linking and subject mappers; userinfo must name the same `sub` (OIDC Core 5.3.2).";
    ClaimAuth "claim_auth" Provider "`auth_time`, `acr` or `amr` is not what was asked for." "Check the authentication flow that this client is bound to.";
    ClaimMissing "claim_missing" Provider "A required or expected claim is missing." "Check scopes and claim mappers.";
    ClaimUnexpected "claim_unexpected" Provider "A claim has another value than expected." "Compare the `expect` of the probe with the account's attributes.";
    StateMismatch "state_mismatch" Provider "`state` did not come back as it was sent." "A mixed-up session, or a proxy that rewrites queries (RFC 6749 §10.12).";
    ResponseIssuer "response_issuer" Provider "The authorization response's `iss` is missing or wrong though promised." "RFC 9207 §2.4: compare with the metadata's issuer.";
    LoginPage "login_page" Provider "The login page is not what it was." "See what was on the page instead; update the probe's steps if the page was changed on purpose.";
    RefreshNotRotated "refresh_not_rotated" Provider "The refresh token was not rotated though it must be, or was though it must not." "Compare the client's rotation setting with the probe's `rotation`.";
    ReuseAccepted "reuse_accepted" Provider "A refresh token that was used already was accepted again." "Turn reuse detection on (RFC 9700 §4.14.2).";
    RevocationIneffective "revocation_ineffective" Provider "A revoked token still works." "Check caches of introspection and gateways; self-contained tokens live until they expire.";
    LogoutIneffective "logout_ineffective" Provider "The session lives on after logout." "Check session caches and back-channel logout.";
    AttackAccepted "attack_accepted" Provider "An attack that must be refused was not." "Treat as an incident: see which attack in the findings.";
    RegionsDisagree "regions_disagree" Provider "Regions see different documents." "Look for stale caches or nodes: compare both documents.";
    Credentials "credentials" Configuration "The provider refuses our account or client." "Was the password or secret changed, or the account locked? A password is not tried again until you act, a client every 15 minutes.";
    Challenge "challenge" Configuration "The provider asks for something we have no answer to." "Exempt the synthetic account from the CAPTCHA, or configure its second factor.";
    Unsupported "unsupported" Configuration "The provider does not offer what this probe needs." "Remove the probe, or name the endpoint under `endpoints` if metadata hides it.";
    Config "config" Configuration "The probe's own settings cannot work." "The detail names the key.";
    Browser "browser" Monitor "Our browser failed." "Is Chromium with its driver installed and allowed to start?";
    Egress "egress" Monitor "Our proxy or uplink failed." "The region's proxy or references do not answer: this says nothing about the provider.";
    Clock "clock" Monitor "Our clock is wrong." "Check time synchronisation of this machine.";
    Budget "budget" Monitor "Our own request limit was reached." "Raise `max_requests_per_minute` or probe less often.";
    Internal "internal" Monitor "authprobe failed." "Please report it, with the log around this run.";
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The class it would have on its own.
    pub class: Class,
    /// Where it is written, such as `OIDC Core 3.1.3.7-2` or `RFC 7517 §5`.
    pub clause: &'static str,
    /// Expected and found, in words.
    pub detail: String,
}

impl Finding {
    /// One finding.
    pub fn new(class: Class, clause: &'static str, detail: impl Into<String>) -> Self {
        Self { class, clause, detail: detail.into() }
    }
}

/// Which credentials were refused: their runs stop until somebody acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    pub account: Option<Account>,
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

    /// Names the credentials that were refused.
    #[must_use]
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = Some(account);
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
