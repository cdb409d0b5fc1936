//! Registering a client and managing it (RFC 7591, RFC 7592).

use ::http::{HeaderValue, Method, header};
use serde_json::Value;
use url::Url;

use super::Relying;
use crate::fault::{Class, Fault};
use crate::oidc::http::{Endpoint, Request, Response};
use crate::oidc::metadata::Metadata;
use crate::oidc::registration::{self, Known, Left, Management, Registered};
use crate::oidc::{client_auth, pkce};
use crate::outcome::Warning;
use crate::secret::Secret;

impl Relying {
    /// Asks for a client (RFC 7591 §3.1); the answer is for [`registration::created`]. Its secrets are masked.
    pub async fn register(&self, url: Url, document: Value, initial: Option<&Secret>) -> Result<Response, Fault> {
        let mut request = Request::json(Method::POST, Endpoint::Registration, url, document);
        if let Some(token) = initial {
            self.recorder.protect(token.expose());
            request.headers.insert(header::AUTHORIZATION, bearer(token)?);
        }
        let answer = self.ask_registrar(request).await?;
        if let Some(Left { management: Some(management), .. }) = Left::of(&answer) {
            self.recorder.protect(management.token.expose());
        }
        Ok(answer)
    }

    /// Processes an answer with a client in it: warnings go to the recorder, secrets are masked.
    pub fn registered(
        &self,
        process: impl FnOnce(&mut Vec<Warning>) -> Result<Registered, Fault>,
    ) -> Result<Registered, Fault> {
        let mut warnings = Vec::new();
        let result = process(&mut warnings);
        if let Ok(client) = &result {
            let token = client.management.as_ref().map(|management| &management.token);
            client.secret.iter().chain(token).for_each(|secret| self.recorder.protect(secret.expose()));
        }
        self.recorder.warn_all(warnings);
        result
    }

    /// Reads a client (RFC 7592 §2.1).
    pub async fn read_client(&self, client: &Registered, at: &Management) -> Result<Registered, Fault> {
        let answer = self.manage(Method::GET, at, None).await?;
        self.registered(|warnings| registration::managed(&answer, client, "read of the client", warnings))
    }

    /// Updates its name (RFC 7592 §2.2).
    pub async fn update_client(&self, client: &Registered, at: &Management) -> Result<Registered, Fault> {
        let answer = self.manage(Method::PUT, at, Some(registration::update(client))).await?;
        self.registered(|warnings| {
            let updated = registration::managed(&answer, client, "update of the client", warnings)?;
            registration::check_update(client, &updated, warnings);
            Ok(updated)
        })
    }

    /// Deletes it (RFC 7592 §2.3).
    pub async fn delete_client(&self, at: &Management) -> Result<(), Fault> {
        let answer = self.manage(Method::DELETE, at, None).await?;
        self.warned(|warnings| registration::deleted(&answer, warnings))
    }

    /// Whether it is gone: a read must be refused (RFC 7592 §2.1).
    pub async fn client_is_gone(&self, at: &Management) -> Result<(), Fault> {
        let answer = self.manage(Method::GET, at, None).await?;
        self.warned(|warnings| registration::gone(&answer, warnings))
    }

    /// Whether the token endpoint knows the client and its secret. Nothing is issued: the code is made up.
    pub async fn knows_client(
        &self,
        metadata: &Metadata,
        client: &Registered,
        secret: &Secret,
    ) -> Result<Known, Fault> {
        let form = [
            ("grant_type", "authorization_code".to_owned()),
            ("code", pkce::random().expose().to_owned()),
            ("redirect_uri", "http://127.0.0.1:8765/cb".to_owned()),
            ("code_verifier", pkce::random().expose().to_owned()),
        ];
        let form = form.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut request = Request::post(Endpoint::Token, metadata.endpoint("token_endpoint")?, form);
        let basic = client_auth::basic(&client.client_id, secret);
        self.recorder.protect(&basic);
        request.headers.insert(header::AUTHORIZATION, sensitive(&format!("Basic {basic}"))?);
        registration::knows_client(&self.ask_registrar(request).await?)
    }

    async fn manage(&self, method: Method, at: &Management, document: Option<Value>) -> Result<Response, Fault> {
        let mut request = match document {
            Some(document) => Request::json(method, Endpoint::Registration, at.uri.clone(), document),
            None => Request::new(method, Endpoint::Registration, at.uri.clone()),
        };
        request.headers.insert(header::AUTHORIZATION, bearer(&at.token)?);
        self.ask_registrar(request).await
    }

    async fn ask_registrar(&self, mut request: Request) -> Result<Response, Fault> {
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.send(request).await
    }

    fn warned(&self, process: impl FnOnce(&mut Vec<Warning>) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut warnings = Vec::new();
        let result = process(&mut warnings);
        self.recorder.warn_all(warnings);
        result
    }
}

/// `Authorization: Bearer` (RFC 6750 §2.1).
fn bearer(token: &Secret) -> Result<HeaderValue, Fault> {
    sensitive(&format!("Bearer {}", token.expose()))
}

fn sensitive(value: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Fault::new(Class::Malformed, "the token holds characters that cannot be in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
