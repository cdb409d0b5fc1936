//! What is done with tokens: userinfo, introspection, revocation.

use ::http::{HeaderValue, header};
use serde_json::{Map, Value};

use super::Relying;
use crate::fault::{Class, Fault};
use crate::oidc::http::{Endpoint, Request};
use crate::oidc::jwt::{Accepts, Jwt};
use crate::oidc::metadata::Metadata;
use crate::oidc::{introspection, revocation, userinfo};
use crate::secret::Secret;

impl Relying {
    /// Asks who the user is (OIDC Core 5.3). `sub` must be `subject`, if one is given. Faults besides those of the
    /// request: `oauth_error` if the token is refused, `claim_subject`.
    pub async fn userinfo(
        &self,
        metadata: &Metadata,
        access: &Secret,
        subject: Option<&str>,
    ) -> Result<Map<String, Value>, Fault> {
        match self.ask_userinfo(metadata, access, subject).await? {
            Ok(claims) => Ok(claims),
            Err(code) => Err(Fault::new(Class::OauthError, format!("userinfo refuses the access token: {code}"))),
        }
    }

    /// The same, where a refusal is an answer (revocation): the inner error is its code.
    pub async fn ask_userinfo(
        &self,
        metadata: &Metadata,
        access: &Secret,
        subject: Option<&str>,
    ) -> Result<Result<Map<String, Value>, String>, Fault> {
        let url = match &self.client {
            Some(client) => self.address(metadata, "userinfo_endpoint", client)?,
            None => metadata.endpoint("userinfo_endpoint")?,
        };
        let mut request = Request::get(Endpoint::Userinfo, url);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.send_with_token(metadata, request, access).await?;
        let mut warnings = Vec::new();
        let result = userinfo::process(&answer, &mut warnings);
        self.recorder.warn_all(warnings);
        let claims = match result? {
            userinfo::Answer::Refused(error) => {
                return Ok(Err(error.map_or_else(|| "401".to_owned(), |e| e.to_string())));
            }
            userinfo::Answer::Claims(claims) => claims,
            userinfo::Answer::Token(token) => self.signed_userinfo(metadata, &token).await?,
        };
        userinfo::check_subject(&claims, subject)?;
        Ok(Ok(claims))
    }

    /// 5.3.2: a signed answer names issuer and audience.
    async fn signed_userinfo(&self, metadata: &Metadata, token: &str) -> Result<Map<String, Value>, Fault> {
        self.recorder.protect(token);
        let jwt = Jwt::decode(token, "userinfo")?;
        let mut keys = self.keys(metadata).await?;
        let accepts = Accepts { registered: None, offered: metadata.list("userinfo_signing_alg_values_supported") };
        let mut findings = self.verify(metadata, &mut keys, &jwt, &accepts, "userinfo").await?;
        let report = userinfo::validate(&jwt.claims, metadata.issuer(), &self.client()?.client_id);
        self.conclude(report, &mut findings)?;
        Ok(jwt.claims.0)
    }

    /// Whether the provider calls the token active (RFC 7662).
    pub async fn introspect(&self, metadata: &Metadata, token: &Secret) -> Result<bool, Fault> {
        let client = self.client()?.clone();
        let form = vec![("token".to_owned(), token.expose().to_owned())];
        let answer = self.post(metadata, Endpoint::Introspection, "introspection_endpoint", &client, form).await?;
        let mut warnings = Vec::new();
        let result = introspection::process(&answer, &client, &mut warnings);
        self.recorder.warn_all(warnings);
        result
    }

    /// Revokes a token (RFC 7009); `hint` is `access_token` or `refresh_token`.
    pub async fn revoke(&self, metadata: &Metadata, token: &Secret, hint: &'static str) -> Result<(), Fault> {
        let client = self.client()?.clone();
        let form =
            vec![("token".to_owned(), token.expose().to_owned()), ("token_type_hint".to_owned(), hint.to_owned())];
        let answer = self.post(metadata, Endpoint::Revocation, "revocation_endpoint", &client, form).await?;
        let mut warnings = Vec::new();
        let result = revocation::process(&answer, &client, &mut warnings);
        self.recorder.warn_all(warnings);
        result
    }
}
