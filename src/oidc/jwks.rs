//! The provider's key set, read strictly (RFC 7517 §5). Pure.

use serde_json::Value;

use crate::fault::{Class, Fault, Finding};
use crate::oidc::alg::Alg;
use crate::oidc::http::Response;
use crate::oidc::jwk::{self, Key};
use crate::oidc::{json, response};
use crate::outcome::Warning;

/// The most keys that are read.
const MAX_KEYS: usize = 1000;

/// The keys of a set that are well-formed and of a known type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Key>,
    fetched: bool,
}

impl KeySet {
    /// Reads the answer of `jwks_uri`. What is wrong with single keys, which an ordinary client leaves out, is in the
    /// findings (class `jwks_invalid`). Faults: `http_status`, `redirect`, `malformed`, `jwks_invalid`.
    pub fn process(answer: &Response, warnings: &mut Vec<Warning>) -> Result<(Self, Vec<Finding>), Fault> {
        let what = "key set";
        if answer.status != 200 {
            return Err(response::status_fault(answer, what));
        }
        let types = ["application/jwk-set+json", "application/json"];
        let (members, duplicates) = response::json_object_as(answer, what, &types, warnings)?;
        let keys = match members.get("keys") {
            Some(Value::Array(keys)) => keys,
            Some(other) => {
                let detail = format!("key set: keys is {}, not a list", json::kind(other));
                return Err(Fault::new(Class::JwksInvalid, detail));
            }
            None => return Err(Fault::new(Class::JwksInvalid, "key set: keys is missing")),
        };
        let mut findings = Vec::new();
        let mut find = |clause, detail: String| findings.push(Finding::new(Class::JwksInvalid, clause, detail));
        if !duplicates.is_empty() {
            find("RFC 7517 §5", format!("a member is named twice: {}", duplicates.join(", ")));
        }
        if keys.len() > MAX_KEYS {
            find("", format!("{} keys; only the first {MAX_KEYS} were read", keys.len()));
        }
        let mut set = Self { keys: Vec::new(), fetched: true };
        for (index, value) in keys.iter().take(MAX_KEYS).enumerate() {
            set.keys.extend(jwk::read(&name(index, value), value, &mut findings));
        }
        findings.extend(set.examine(keys.is_empty(), warnings));
        Ok((set, findings))
    }

    /// All keys, in order.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Whether it was read from a provider: the default, an empty set, was not.
    pub fn was_fetched(&self) -> bool {
        self.fetched
    }

    /// How many keys are usable.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that a signature of that algorithm with that `kid` may be verified with. Without `kid`: all that fit.
    pub fn candidates<'k, 't>(
        &'k self,
        alg: &'static Alg,
        kid: Option<&'t str>,
    ) -> impl Iterator<Item = &'k Key> + use<'k, 't> {
        self.keys.iter().filter(move |key| key.fits(alg) && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid)))
    }

    fn examine(&self, nothing: bool, warnings: &mut Vec<Warning>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |clause, detail: String| findings.push(Finding::new(Class::JwksInvalid, clause, detail));
        if nothing {
            find("RFC 7517 §5.1", "the key set is empty".to_owned());
        } else if !self.keys.iter().any(Key::verifies) {
            find("OIDC Discovery §3", "no key of the set can verify a signature".to_owned());
        }
        let mut reported = Vec::new();
        for (n, key) in self.keys.iter().enumerate() {
            let Some(kid) = &key.kid else { continue };
            let same = |other: &&Key| other.kid.as_ref() == Some(kid) && other.kty() == key.kty();
            let count = 1 + self.keys.iter().skip(n + 1).filter(same).count();
            if count > 1 && !reported.contains(&(kid, key.kty())) {
                reported.push((kid, key.kty()));
                find("RFC 7517 §4.5", format!("{count} {} keys have the kid {}", key.kty(), json::short(kid, 60)));
            }
        }
        let signing = self.keys.iter().filter(|key| key.verifies());
        let (named, nameless): (Vec<_>, Vec<_>) = signing.partition(|key| key.kid.is_some());
        if !nameless.is_empty() && named.len() + nameless.len() > 1 {
            let detail = format!(
                "{} of several signing keys have no kid: a token cannot say which one it needs",
                nameless.len()
            );
            warnings.push(Warning::new("kid_missing", "OIDC Core 10.1", detail));
        }
        findings
    }
}

/// How a key is called in findings: its place, and its `kid` if it has one.
fn name(index: usize, value: &Value) -> String {
    match value.get("kid").and_then(Value::as_str) {
        Some(kid) => format!("key {index} (kid {})", json::short(kid, 60)),
        None => format!("key {index}"),
    }
}

#[cfg(test)]
pub(crate) mod tests;
