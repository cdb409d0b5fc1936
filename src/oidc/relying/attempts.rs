//! Requests that a good client never sends: to see that they are refused.

use ::http::{HeaderValue, header};

use serde_json::{Map, Value};

use super::Relying;
use crate::fault::Fault;
use crate::oidc::http::{Endpoint, Request, Response};
use crate::oidc::metadata::Metadata;
use crate::oidc::settings::AuthMethod;

impl Relying {
    /// Sends a form to the token endpoint, and gives the answer whatever it is: as the client (`authenticated`), or
    /// exactly as it is. Whoever calls masks what is secret in it.
    pub async fn attempt(
        &self,
        metadata: &Metadata,
        form: Vec<(String, String)>,
        authenticated: bool,
    ) -> Result<Response, Fault> {
        if authenticated {
            let client = self.client()?.clone();
            return self.post(metadata, Endpoint::Token, "token_endpoint", &client, form).await;
        }
        let mut request = Request::post(Endpoint::Token, metadata.endpoint("token_endpoint")?, form);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.send(request).await
    }

    /// The public half of the key that the client signs its assertions with, as a JWK: what everybody may know. `None`
    /// without such a key. Fault: `config`.
    pub fn public_key(&self) -> Result<Option<Map<String, Value>>, Fault> {
        let client = self.client()?;
        if client.auth_method != AuthMethod::PrivateKeyJwt {
            return Ok(None);
        }
        Ok(self.key(client)?.map(|key| key.public_jwk().clone()))
    }
}
