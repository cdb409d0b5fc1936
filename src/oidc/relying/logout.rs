//! Logout tokens, verified as a client that holds the keys already (OIDC Back-Channel Logout 1.0 §2.6).

use super::Relying;
use crate::fault::{Class, Fault, Finding};
use crate::oidc::id_token::LEEWAY;
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::{Accepts, Jwt, Refusal};
use crate::oidc::logout_token::{self, Rules, Session};
use crate::oidc::metadata::Metadata;

/// Why a logout token is not accepted.
#[derive(Debug)]
pub struct Refused {
    /// Whether the provider has signed it; if not, it may be anybody's.
    pub signed: bool,
    /// What is wrong with it.
    pub fault: Fault,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { signed: false, fault }
    }
}

impl Relying {
    /// Verifies a logout token and, if it is the provider's, holds it against the rules. All failures are in the fault's
    /// findings. `fetches`: how often a fresh key set may still be asked for, because anybody can name a key that there
    /// is not.
    pub async fn logout_token(
        &self,
        metadata: &Metadata,
        keys: &mut KeySet,
        jwt: &Jwt,
        session: &Session,
        fetches: &mut u32,
    ) -> Result<(), Refused> {
        let client = self.client()?;
        // §2.4: signed as ID tokens are.
        let accepts = Accepts {
            registered: client.id_token_alg.as_deref(),
            offered: metadata.list("id_token_signing_alg_values_supported"),
        };
        let secret = match accepts.registered.is_some_and(|alg| alg.starts_with("HS")) {
            true => self.secret(client)?,
            false => None,
        };
        if let Err(Refusal::KeyNotFound(finding)) = jwt.verify(keys, &accepts, secret.as_ref()) {
            match fetches.checked_sub(1) {
                Some(left) => *fetches = left,
                None => return Err(unproven(vec![finding])),
            }
        }
        let mut findings = self.verify(metadata, keys, jwt, &accepts, "logout token").await?;
        if !findings.is_empty() {
            return Err(unproven(findings));
        }
        let rules = Rules {
            issuer: metadata.issuer(),
            client_id: &client.client_id,
            session,
            now: self.clock.now(),
            leeway: LEEWAY,
            skew: self.timing.skew(),
        };
        let concluded = self.conclude(logout_token::validate(jwt, &rules), &mut findings);
        concluded.map_err(|fault| Refused { signed: true, fault })
    }
}

/// Nobody knows whose it is.
fn unproven(findings: Vec<Finding>) -> Refused {
    let nothing = || Fault::new(Class::SignatureInvalid, "logout token: not verified");
    Fault::from_findings(findings).unwrap_or_else(nothing).into()
}
