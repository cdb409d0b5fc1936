//! ID token claims: OIDC Core 3.1.3.7 and 3.3.2.11 point by point, every failure listed. Pure; the signature is
//! [`crate::oidc::jwt`]'s.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::fault::{Class, Finding};
use crate::oidc::alg::Alg;
use crate::oidc::clock_skew::Skew;
use crate::oidc::expect::Expect;
use crate::oidc::json;
use crate::oidc::jwt::Claims;
use crate::outcome::Warning;

/// How far clocks may differ before a claim is wrong: what ordinary clients allow.
pub const LEEWAY: Duration = Duration::from_secs(60);
/// A fresh ID token that is older than this was not made for this request.
const STALE: f64 = 600.0;

/// What an ID token is held against.
#[derive(Clone, Copy, Debug)]
pub struct IdTokenRules<'a> {
    /// The configured issuer.
    pub issuer: &'a str,
    /// Our `client_id`.
    pub client_id: &'a str,
    /// The nonce that was sent, if one was.
    pub nonce: Option<&'a str>,
    /// The `max_age` that was asked for.
    pub max_age: Option<Duration>,
    /// The access token that came with it, for `at_hash`.
    pub access_token: Option<&'a str>,
    /// The authorization code that came with it, for `c_hash`.
    pub code: Option<&'a str>,
    /// Whom it must be about: after a refresh, the subject of the first (OIDC Core 12.2).
    pub subject: Option<&'a str>,
    /// Whether it came from the authorization endpoint: the hashes of what came with it are then required (OIDC Core
    /// 3.2.2.9, 3.3.2.9, 3.3.2.11).
    pub front_channel: bool,
    /// The `alg` of its header, for the hashes.
    pub alg: &'a str,
    /// What the probe demands.
    pub expect: &'a Expect,
    /// Whether userinfo is asked next, which may have what the probe demands and the token lacks (OIDC Core 5.4).
    pub userinfo_follows: bool,
    /// Now.
    pub now: Timestamp,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// What is known of the provider's clock: told with every failure of time.
    pub skew: Option<Skew>,
}

/// What was found out about a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What makes it unacceptable.
    pub findings: Vec<Finding>,
    /// What a client survives.
    pub warnings: Vec<Warning>,
}

impl Report {
    fn wrong(&mut self, class: Class, clause: &'static str, detail: impl Into<String>) {
        self.findings.push(Finding::new(class, clause, detail));
    }

    /// A claim that must be a string; `None` and a finding otherwise.
    pub(crate) fn required<'c>(&mut self, claims: &'c Claims, name: &str, clause: &'static str) -> Option<&'c str> {
        match claims.get(name) {
            None => {
                self.wrong(Class::ClaimMissing, clause, format!("{name} is missing"));
                None
            }
            Some(Value::String(value)) => Some(value),
            Some(other) => {
                self.wrong(Class::Malformed, clause, format!("{name} is {}, not a string", json::kind(other)));
                None
            }
        }
    }

    /// `iss` is there and is the issuer, character by character.
    pub(crate) fn issuer(&mut self, claims: &Claims, issuer: &str, clause: &'static str) {
        if let Some(found) = self.required(claims, "iss", clause)
            && found != issuer
        {
            let found = json::short(found, 200);
            self.wrong(Class::ClaimIssuer, clause, format!("iss: expected {issuer}, found {found}"));
        }
    }

    /// `aud` is there and is a string or a list of strings.
    pub(crate) fn audience<'c>(&mut self, claims: &'c Claims, clause: &'static str) -> Option<Vec<&'c str>> {
        match claims.get("aud") {
            None => self.wrong(Class::ClaimMissing, clause, "aud is missing"),
            Some(Value::String(_)) => return Some(claims.audience()),
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => return Some(claims.audience()),
            Some(_) => self.wrong(Class::Malformed, clause, "aud is neither a string nor a list of strings"),
        }
        None
    }
}

/// The times of a token, checked alike for every kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub now: Timestamp,
    pub leeway: Duration,
    pub skew: Option<Skew>,
}

impl Times {
    /// A NumericDate; absent or unreadable ones become findings (absent: only if `required` names a clause).
    pub fn read(
        &self,
        report: &mut Report,
        claims: &Claims,
        name: &str,
        required: Option<&'static str>,
    ) -> Option<f64> {
        match claims.date(name) {
            Err(finding) => {
                report.findings.push(finding);
                None
            }
            Ok(None) => {
                if let Some(clause) = required {
                    report.wrong(Class::ClaimMissing, clause, format!("{name} is missing"));
                }
                None
            }
            Ok(at) => at,
        }
    }

    /// `exp` must lie ahead.
    pub fn expiry(&self, report: &mut Report, claims: &Claims, clause: &'static str, required: bool) {
        let Some(exp) = self.read(report, claims, "exp", required.then_some(clause)) else { return };
        let past = self.now.as_secs_f64() - exp;
        if past >= self.leeway.as_secs_f64() {
            report.wrong(Class::ClaimExpired, clause, format!("exp was {past:.0} s ago{}", self.told()));
        }
    }

    /// `iat` or `nbf` must not lie ahead.
    pub fn not_ahead(&self, report: &mut Report, name: &str, at: f64, clause: &'static str) {
        let ahead = at - self.now.as_secs_f64();
        if ahead > self.leeway.as_secs_f64() {
            report.wrong(
                Class::ClaimNotYetValid,
                clause,
                format!("{name} is {ahead:.0} s in the future{}", self.told()),
            );
        }
    }

    /// What else is known about the clocks, for a detail.
    fn told(&self) -> String {
        let leeway = self.leeway.as_secs();
        match self.skew {
            Some(skew) => format!(" ({leeway} s allowed); {skew}"),
            None => format!(" ({leeway} s allowed)"),
        }
    }
}

/// Holds the claims against the rules; lists all failures in the order of the specification.
pub fn validate(claims: &Claims, rules: &IdTokenRules<'_>) -> Report {
    let mut report = Report::default();
    report.issuer(claims, rules.issuer, "OIDC Core 3.1.3.7-2");
    audience(&mut report, claims, rules.client_id);
    times(&mut report, claims, rules);
    nonce(&mut report, claims, rules.nonce);
    authentication(&mut report, claims, rules);
    subject(&mut report, claims, rules);
    hash(&mut report, claims, "at_hash", rules.access_token, rules);
    hash(&mut report, claims, "c_hash", rules.code, rules);
    report.findings.extend(match rules.userinfo_follows {
        true => rules.expect.check_present(&claims.0),
        false => rules.expect.check_claims(&claims.0),
    });
    report
}

/// 3.1.3.7-3 to -5.
fn audience(report: &mut Report, claims: &Claims, client_id: &str) {
    let clause = "OIDC Core 3.1.3.7-3";
    let azp = match claims.get("azp") {
        None => None,
        Some(Value::String(azp)) => Some(azp.as_str()),
        Some(other) => {
            report.wrong(Class::Malformed, "OIDC Core 2", format!("azp is {}, not a string", json::kind(other)));
            None
        }
    };
    if let Some(audience) = report.audience(claims, clause) {
        if !audience.contains(&client_id) {
            let found = json::short(&audience.join(" "), 200);
            report.wrong(Class::ClaimAudience, clause, format!("aud: expected {client_id}, found {found}"));
        } else if audience.iter().any(|aud| *aud != client_id) {
            let others: Vec<&str> = audience.iter().copied().filter(|aud| *aud != client_id).collect();
            let detail = format!("aud names others too: {}", json::short(&others.join(" "), 200));
            report.warnings.push(Warning::new("additional_audience", clause, detail));
            if azp.is_none() {
                let detail = "several audiences, but no azp";
                report.warnings.push(Warning::new("azp_missing", "OIDC Core 3.1.3.7-4", detail));
            }
        }
    }
    if let Some(azp) = azp.filter(|azp| *azp != client_id) {
        let detail = format!("azp: expected {client_id}, found {}", json::short(azp, 100));
        report.wrong(Class::ClaimAudience, "OIDC Core 3.1.3.7-5", detail);
    }
}

/// 3.1.3.7-9 and -10; RFC 7519 §4.1.5.
fn times(report: &mut Report, claims: &Claims, rules: &IdTokenRules<'_>) {
    let times = Times { now: rules.now, leeway: rules.leeway, skew: rules.skew };
    times.expiry(report, claims, "OIDC Core 3.1.3.7-9", true);
    if let Some(iat) = times.read(report, claims, "iat", Some("OIDC Core 3.1.3.7-10")) {
        times.not_ahead(report, "iat", iat, "OIDC Core 3.1.3.7-10");
        let age = rules.now.as_secs_f64() - iat;
        if age > STALE {
            let detail = format!("iat was {age:.0} s ago though the token was asked for just now{}", times.told());
            report.warnings.push(Warning::new("iat_old", "OIDC Core 3.1.3.7-10", detail));
        }
        if let Ok(Some(exp)) = claims.date("exp")
            && exp <= iat
        {
            report.wrong(Class::Malformed, "OIDC Core 2", format!("exp is {:.0} s before iat", iat - exp));
        }
    }
    if let Some(nbf) = times.read(report, claims, "nbf", None) {
        times.not_ahead(report, "nbf", nbf, "RFC 7519 §4.1.5");
    }
}

/// 3.1.3.7-11.
fn nonce(report: &mut Report, claims: &Claims, sent: Option<&str>) {
    let Some(sent) = sent else { return };
    let clause = "OIDC Core 3.1.3.7-11";
    match claims.get("nonce") {
        None => report.wrong(Class::ClaimNonce, clause, "nonce is missing though one was sent"),
        Some(Value::String(found)) if found == sent => {}
        // Neither is quoted: a nonce ties a session to its answer.
        Some(Value::String(_)) => report.wrong(Class::ClaimNonce, clause, "nonce is not the one that was sent"),
        Some(other) => {
            report.wrong(Class::ClaimNonce, clause, format!("nonce is {}, not a string", json::kind(other)));
        }
    }
}

/// 3.1.3.7-12 and -13.
fn authentication(report: &mut Report, claims: &Claims, rules: &IdTokenRules<'_>) {
    if let Some(expected) = &rules.expect.acr {
        let clause = "OIDC Core 3.1.3.7-12";
        match claims.string("acr") {
            Some(found) if found == expected => {}
            Some(found) => {
                let found = json::short(found, 100);
                report.wrong(Class::ClaimAuth, clause, format!("acr: expected {expected}, found {found}"));
            }
            None => report.wrong(Class::ClaimAuth, clause, format!("acr is missing; expected {expected}")),
        }
    }
    let clause = "OIDC Core 3.1.3.7-13";
    let auth_time = match claims.date("auth_time") {
        Ok(at) => at,
        Err(finding) => {
            report.findings.push(finding);
            return;
        }
    };
    match (rules.max_age, auth_time) {
        (Some(_), None) => report.wrong(Class::ClaimAuth, clause, "auth_time is missing though max_age was asked for"),
        (Some(max_age), Some(at)) => {
            let age = rules.now.as_secs_f64() - at;
            if age > max_age.as_secs_f64() + rules.leeway.as_secs_f64() {
                let detail = format!("auth_time was {age:.0} s ago; max_age was {} s", max_age.as_secs());
                report.wrong(Class::ClaimAuth, clause, detail);
            }
        }
        _ => {}
    }
    if let Some(at) = auth_time {
        let ahead = at - rules.now.as_secs_f64();
        if ahead > rules.leeway.as_secs_f64() {
            report.wrong(Class::ClaimAuth, "OIDC Core 2", format!("auth_time is {ahead:.0} s in the future"));
        }
    }
}

/// §2: at most 255 ASCII characters; 12.2, 3.3.3.6 and 5.3.2: always the same.
fn subject(report: &mut Report, claims: &Claims, rules: &IdTokenRules<'_>) {
    let clause = "OIDC Core 2";
    let Some(value) = claims.get("sub") else {
        report.wrong(Class::ClaimSubject, clause, "sub is missing");
        return;
    };
    let Some(sub) = value.as_str() else {
        report.wrong(Class::ClaimSubject, clause, format!("sub is {}, not a string", json::kind(value)));
        return;
    };
    if sub.is_empty() {
        report.wrong(Class::ClaimSubject, clause, "sub is empty");
    } else if sub.len() > 255 || !sub.is_ascii() {
        report.wrong(Class::ClaimSubject, clause, "sub is not at most 255 ASCII characters");
    }
    if rules.subject.is_some_and(|expected| expected != sub) {
        let clause = if rules.code.is_some() { "OIDC Core 3.3.3.6" } else { "OIDC Core 12.2" };
        report.wrong(Class::ClaimSubject, clause, "sub is not the one of the first ID token");
    }
}

/// 3.1.3.8 and 3.3.2.11: if the claim is there, it must fit; 3.2.2.9 and 3.3.2.9: beside what it is the hash of, it must be
/// there.
fn hash(report: &mut Report, claims: &Claims, name: &str, of: Option<&str>, rules: &IdTokenRules<'_>) {
    let Some(of) = of else { return };
    let (clause, alg) = (if name == "at_hash" { "OIDC Core 3.1.3.8" } else { "OIDC Core 3.3.2.11" }, rules.alg);
    let Some(value) = claims.get(name) else {
        if rules.front_channel {
            let (clause, with) = match (name, rules.code) {
                ("c_hash", _) => (clause, "a code"),
                (_, Some(_)) => ("OIDC Core 3.3.2.9", "an access token"),
                (_, None) => ("OIDC Core 3.2.2.9", "an access token"),
            };
            report.wrong(Class::ClaimMissing, clause, format!("{name} is missing though {with} came with it"));
        }
        return;
    };
    let Some(found) = value.as_str() else {
        report.wrong(Class::ClaimHash, clause, format!("{name} is {}, not a string", json::kind(value)));
        return;
    };
    // Without a hash function of that name the signature was refused already.
    let Some(expected) = half_hash(of, alg) else { return };
    if found != expected {
        report.wrong(Class::ClaimHash, clause, format!("{name} is not the left half of the hash that {alg} uses"));
    }
}

/// The left half of the hash, base64url (3.1.3.6). `None` if the algorithm has no hash that we know.
pub fn half_hash(of: &str, alg: &str) -> Option<String> {
    let digest = digest::digest(Alg::from_name(alg)?.hash?, of.as_bytes());
    let half = digest.as_ref().get(..digest.as_ref().len() / 2)?;
    Some(URL_SAFE_NO_PAD.encode(half))
}

#[cfg(test)]
mod tests;
