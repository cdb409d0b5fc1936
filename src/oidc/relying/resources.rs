//! What is done with tokens: userinfo, protected resources, introspection, revocation.

use ::http::{HeaderValue, Method, header};
use serde_json::{Map, Value};
use url::Url;

use super::Relying;
use crate::fault::{Class, Fault};
use crate::oidc::http::{Endpoint, Request, Response};
use crate::oidc::jwt::{Accepts, Jwt};
use crate::oidc::metadata::Metadata;
use crate::oidc::{bearer, introspection, revocation, userinfo};
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
        let answer = self.show_userinfo(metadata, Method::GET, Some(access)).await?;
        self.read_userinfo(metadata, &answer, subject).await
    }

    /// Sends userinfo a request with that token, or none, in the header (OIDC Core 5.3.1: by GET or POST).
    pub async fn show_userinfo(
        &self,
        metadata: &Metadata,
        method: Method,
        access: Option<&Secret>,
    ) -> Result<Response, Fault> {
        let url = match &self.client {
            Some(client) => self.address(metadata, "userinfo_endpoint", client)?,
            None => metadata.endpoint("userinfo_endpoint")?,
        };
        let mut request = Request::new(method.clone(), Endpoint::Userinfo, url);
        if method == Method::POST {
            request.form = Some(Vec::new());
        }
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        match access {
            Some(access) => self.send_with_token(request, access).await,
            None => self.send(request).await,
        }
    }

    /// What userinfo answered; the inner error is the code of a refusal.
    pub async fn read_userinfo(
        &self,
        metadata: &Metadata,
        answer: &Response,
        subject: Option<&str>,
    ) -> Result<Result<Map<String, Value>, String>, Fault> {
        let mut warnings = Vec::new();
        let result = userinfo::process(answer, &mut warnings);
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

    /// What the provider says of the token (RFC 7662 §2.2); with `signed` as a JWT (RFC 9701), whose signature and claims
    /// are verified. Faults besides those of the request: `unsupported` if it signs nothing, and the classes of tokens.
    pub async fn introspection(
        &self,
        metadata: &Metadata,
        token: &Secret,
        signed: bool,
    ) -> Result<Map<String, Value>, Fault> {
        let client = self.client()?.clone();
        let form = vec![
            ("token".to_owned(), token.expose().to_owned()),
            ("token_type_hint".to_owned(), "access_token".to_owned()),
        ];
        let accept = if signed { introspection::SIGNED } else { "application/json" };
        let member = "introspection_endpoint";
        let answer = self.post_for(accept, metadata, Endpoint::Introspection, member, &client, form).await?;
        let mut warnings = Vec::new();
        let result = introspection::read(&answer, &client, &mut warnings);
        self.recorder.warn_all(warnings);
        match result? {
            introspection::Answer::Document(members) if !signed => Ok(members),
            introspection::Answer::Document(_) => {
                let member = "introspection_signing_alg_values_supported";
                let offered = metadata.has(member);
                let (class, why) = match offered {
                    true => (Class::Malformed, "though the metadata lists"),
                    false => (Class::Unsupported, "and the metadata has no"),
                };
                Err(Fault::new(class, format!("introspection answers with plain JSON, {why} {member} (RFC 9701)")))
            }
            introspection::Answer::Token(token) => self.signed_introspection(metadata, &token).await,
        }
    }

    /// RFC 9701 §5: the document is inside a JWT of the provider's for us.
    async fn signed_introspection(&self, metadata: &Metadata, token: &str) -> Result<Map<String, Value>, Fault> {
        self.recorder.protect(token);
        let jwt = Jwt::decode(token, "introspection response")?;
        let mut keys = self.keys(metadata).await?;
        let offered = metadata.list("introspection_signing_alg_values_supported");
        let accepts = Accepts { registered: None, offered };
        let mut findings = self.verify(metadata, &mut keys, &jwt, &accepts, "introspection response").await?;
        let report = introspection::validate(&jwt, metadata.issuer(), &self.client()?.client_id);
        self.conclude(report, &mut findings)?;
        introspection::document(&jwt.claims)
    }

    /// Introspects as nobody in particular: how the endpoint answers to those it must not (RFC 7662 §2.1).
    pub async fn introspect_unauthenticated(&self, metadata: &Metadata, token: &Secret) -> Result<Response, Fault> {
        let form = vec![("token".to_owned(), token.expose().to_owned())];
        let mut request = Request::post(Endpoint::Introspection, metadata.endpoint("introspection_endpoint")?, form);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.send(request).await
    }

    /// Sends a protected resource that need not be the provider's a request with that token, or none. Faults name its
    /// host.
    pub async fn show_resource(&self, method: Method, url: &Url, access: Option<&Secret>) -> Result<Response, Fault> {
        let request = Request::new(method, Endpoint::Resource, url.clone());
        let answer = match access {
            Some(access) => self.send_with_token(request, access).await,
            None => self.send(request).await,
        };
        answer.map_err(|fault| bearer::of_resource(url, fault))
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
