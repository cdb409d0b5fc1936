//! Signatures verified with the keys of a client that holds them already, and what that tells of rotations.

use std::time::Duration;

use super::Relying;
use crate::clock::Timestamp;
use crate::fault::{Fault, Finding};
use crate::oidc::id_token::Report;
use crate::oidc::jwk::Key;
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::{Accepts, Claims, Jwt, Refusal};
use crate::oidc::key_history::{Change, KeyHistory};
use crate::oidc::metadata::Metadata;
use crate::outcome::{Observation, Warning};

impl Relying {
    pub(super) fn conclude(&self, report: Report, findings: &mut Vec<Finding>) -> Result<(), Fault> {
        self.recorder.warn_all(report.warnings);
        findings.extend(report.findings);
        Fault::from_findings(std::mem::take(findings)).map_or(Ok(()), Err)
    }

    /// Verifies a signature; an unknown key is looked for in a fresh key set once. Findings: what is wrong with it.
    pub(super) async fn verify(
        &self,
        metadata: &Metadata,
        keys: &mut KeySet,
        jwt: &Jwt,
        accepts: &Accepts<'_>,
        what: &str,
    ) -> Result<Vec<Finding>, Fault> {
        let secret = match &self.client {
            Some(client) if accepts.registered.is_some_and(|alg| alg.starts_with("HS")) => self.secret(client)?,
            _ => None,
        };
        // A run that expected an opaque token has no set yet: nothing can be said of when the key was published.
        let cached = keys.was_fetched();
        let first = match jwt.verify(keys, accepts, secret.as_ref()) {
            Ok(key) => {
                self.signed(key, jwt, true);
                return Ok(Vec::new());
            }
            Err(Refusal::Wrong(finding)) => return Ok(vec![finding]),
            Err(Refusal::Unsupported(fault)) => return Err(fault),
            Err(Refusal::KeyNotFound(finding)) => finding,
        };
        *keys = self.keys(metadata).await?;
        match jwt.verify(keys, accepts, secret.as_ref()) {
            Ok(key) => {
                if cached {
                    let detail = format!("{what}: {}; a fresh fetch had it", first.detail);
                    self.recorder.warn(Warning::new("key_not_published", "OIDC Core 10.1.1", detail));
                }
                self.signed(key, jwt, !cached);
                Ok(Vec::new())
            }
            Err(Refusal::KeyNotFound(mut finding)) => {
                finding.detail.push_str(", even after a fresh fetch");
                Ok(vec![finding])
            }
            Err(Refusal::Wrong(finding)) => Ok(vec![finding]),
            Err(Refusal::Unsupported(fault)) => Err(fault),
        }
    }

    /// Tells the history that a key signed; `cached`: it was in the set that was fetched before the token.
    pub(super) fn signed(&self, key: Option<&Key>, jwt: &Jwt, cached: bool) {
        let Some(key) = key else { return };
        let lifetime = jwt.claims.lifetime().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.rotated(|history, now| history.saw_signature(&self.region, key, cached, lifetime, now));
    }

    pub(super) fn rotated(&self, look: impl FnOnce(&mut KeyHistory, Timestamp) -> Change) {
        let change = look(&mut self.memory.keys.lock().expect("key history"), self.clock.now());
        let (rotations, unsafe_rotations) = (u64::from(change.rotated), u64::from(!change.broken.is_empty()));
        if rotations + unsafe_rotations > 0 {
            self.recorder.observe(Observation::KeyRotation { rotations, unsafe_rotations });
        }
        for detail in change.broken {
            self.recorder.warn(Warning::new("unsafe_rotation", "OIDC Core 10.1.1", detail));
        }
    }

    pub(super) fn saw_issued_at(&self, claims: &Claims) {
        let before = self.timing.skew();
        if let Ok(Some(iat)) = claims.date("iat")
            && let Some(skew) = self.timing.saw_issued_at(iat)
            && before != Some(skew)
        {
            self.recorder.observe(skew.observation());
        }
    }
}
