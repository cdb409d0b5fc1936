//! Logout tokens, verified as a client that holds the keys already (OIDC Back-Channel Logout 1.0 §2.6).

use super::Relying;
use crate::fault::Fault;
use crate::oidc::id_token::LEEWAY;
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::{Accepts, Jwt};
use crate::oidc::logout_token::{self, Rules, Session};
use crate::oidc::metadata::Metadata;

impl Relying {
    /// Verifies a logout token and holds it against the rules. All failures are in the fault's findings.
    pub async fn logout_token(
        &self,
        metadata: &Metadata,
        keys: &mut KeySet,
        jwt: &Jwt,
        session: &Session,
    ) -> Result<(), Fault> {
        let client = self.client()?;
        // §2.4: signed as ID tokens are.
        let accepts = Accepts {
            registered: client.id_token_alg.as_deref(),
            offered: metadata.list("id_token_signing_alg_values_supported"),
        };
        let mut findings = self.verify(metadata, keys, jwt, &accepts, "logout token").await?;
        let rules = Rules {
            issuer: metadata.issuer(),
            client_id: &client.client_id,
            session,
            now: self.clock.now(),
            leeway: LEEWAY,
            skew: self.timing.skew(),
        };
        self.conclude(logout_token::validate(jwt, &rules), &mut findings)
    }
}
