//! Tokens: asked for, and held against everything that is known.

use ::http::{HeaderValue, header};

use super::{IdTokenAsk, Relying};
use crate::fault::Fault;
use crate::oidc::access_token::{self, AccessTokenRules};
use crate::oidc::alg::Alg;
use crate::oidc::binding::{self, Binding};
use crate::oidc::http::{Endpoint, Request};
use crate::oidc::id_token::{self, IdTokenRules, LEEWAY};
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::{Accepts, Claims, Jwt};
use crate::oidc::metadata::Metadata;
use crate::oidc::token::{self, Asked, Grant, Tokens};
use crate::outcome::{Observation, Warning};
use crate::secret::Secret;

impl Relying {
    /// Asks the token endpoint (RFC 6749 §3.2). Only a JWT bearer grant needs no client (RFC 7523 §2.1).
    pub async fn token(&self, metadata: &Metadata, grant: Grant) -> Result<Tokens, Fault> {
        grant.secrets().iter().for_each(|secret| self.recorder.protect(secret.expose()));
        let mut warnings = Vec::new();
        let (answer, result) = match &self.client {
            None if matches!(grant, Grant::JwtBearer { .. }) => {
                let url = metadata.endpoint("token_endpoint")?;
                let mut request = Request::post(Endpoint::Token, url, grant.form());
                request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
                let answer = self.send(request).await?;
                let result = token::process_anonymous(&answer, &grant, &mut warnings);
                (answer, result)
            }
            _ => {
                let client = self.client()?.clone();
                let answer = self.post(metadata, Endpoint::Token, "token_endpoint", &client, grant.form()).await?;
                let result = token::process(&answer, Asked { grant: &grant, client: &client }, &mut warnings);
                (answer, result)
            }
        };
        if let Ok(tokens) = &result {
            self.memory.unlisted.worked(metadata, grant.grant_type());
            for token in [Some(&tokens.access_token), tokens.refresh_token.as_ref(), tokens.id_token.as_ref()] {
                token.inspect(|token| self.recorder.protect(token.expose()));
            }
            self.timing.saw_tokens(&answer);
            for (token, lifetime) in [("access", tokens.expires_in), ("refresh", tokens.refresh_expires_in)] {
                if let Some(lifetime) = lifetime {
                    self.recorder.observe(Observation::TokenLifetime { token, seconds: lifetime.as_secs_f64() });
                }
            }
        }
        self.recorder.warn_all(warnings);
        result
    }

    /// Verifies an ID token and holds its claims against everything that is known (OIDC Core 3.1.3.7). All failures are
    /// in the fault's findings.
    pub async fn id_token(
        &self,
        metadata: &Metadata,
        keys: &mut KeySet,
        token: &Secret,
        ask: IdTokenAsk<'_>,
    ) -> Result<Claims, Fault> {
        let client = self.client()?;
        self.recorder.protect(token.expose());
        let jwt = Jwt::decode(token.expose(), "ID token")?;
        let accepts = Accepts {
            registered: client.id_token_alg.as_deref(),
            offered: metadata.list("id_token_signing_alg_values_supported"),
        };
        let mut findings = self.verify(metadata, keys, &jwt, &accepts, "ID token").await?;
        self.saw_issued_at(&jwt.claims);
        let rules = IdTokenRules {
            issuer: metadata.issuer(),
            client_id: &client.client_id,
            nonce: ask.nonce,
            max_age: ask.max_age,
            access_token: ask.access_token,
            code: ask.code,
            subject: ask.subject,
            front_channel: ask.front_channel,
            alg: &jwt.header.alg,
            expect: ask.expect,
            userinfo_follows: ask.userinfo_follows,
            now: self.clock.now(),
            leeway: LEEWAY,
            skew: self.timing.skew(),
        };
        let report = id_token::validate(&jwt.claims, &rules);
        if let Some(seconds) = jwt.claims.lifetime() {
            self.recorder.observe(Observation::TokenLifetime { token: "id", seconds });
        }
        self.conclude(report, &mut findings)?;
        Ok(jwt.claims)
    }

    /// Verifies an access token if it is a JWT; an opaque one passes.
    pub async fn access_token(&self, metadata: &Metadata, keys: &mut KeySet, tokens: &Tokens) -> Result<(), Fault> {
        self.verify_access_token(metadata, keys, tokens).await.map(drop)
    }

    /// The same, for its claims; `None`: it is opaque.
    pub async fn verify_access_token(
        &self,
        metadata: &Metadata,
        keys: &mut KeySet,
        tokens: &Tokens,
    ) -> Result<Option<Claims>, Fault> {
        let text = tokens.access_token.expose();
        if !Jwt::is_jwt(text) {
            return Ok(None);
        }
        let jwt = Jwt::decode(text, "access token")?;
        let mut findings = if Alg::from_name(&jwt.header.alg).is_some_and(Alg::is_symmetric) {
            let detail = format!("signed with {}: only the provider can verify it", jwt.header.alg);
            self.recorder.warn(Warning::new("access_token_hmac", "RFC 9068 §2.1", detail));
            Vec::new()
        } else {
            self.verify(metadata, keys, &jwt, &Accepts::default(), "access token").await?
        };
        self.saw_issued_at(&jwt.claims);
        let rules = AccessTokenRules {
            issuer: metadata.issuer(),
            client_id: self.client.as_ref().map(|client| &*client.client_id),
            expires_in: tokens.expires_in,
            now: self.clock.now(),
            leeway: LEEWAY,
            skew: self.timing.skew(),
        };
        let mut report = access_token::validate(&jwt, &rules);
        let binding = self.client.as_ref().map_or(Ok(Binding::default()), |client| self.binding(metadata, client))?;
        binding::check(&jwt.claims, &binding, &mut report.findings, &mut report.warnings);
        if let (None, Some(seconds)) = (tokens.expires_in, jwt.claims.lifetime()) {
            self.recorder.observe(Observation::TokenLifetime { token: "access", seconds });
        }
        self.conclude(report, &mut findings)?;
        Ok(Some(jwt.claims))
    }
}
