//! Who we talk to, and as whom: what a plan resolves the configuration to.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::oidc::alg::Alg;
use crate::oidc::http::Trust;
use crate::secret::SecretSource;

/// A provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The issuer, exactly as configured: it is compared character by character.
    pub issuer: Arc<str>,
    /// Which documents to read.
    pub metadata: MetadataSource,
    /// Members of the metadata that we know better, by their names (`revocation_endpoint`).
    pub endpoints: BTreeMap<String, Url>,
    /// Hosts of identity providers that it sends its users on to, some with a port; `None`: every host that is neither the
    /// issuer's nor an endpoint's.
    pub upstream: Option<Vec<String>>,
    /// Sent with every request to it.
    pub headers: HeaderMap,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// All probes and regions together; `None`: no limit.
    pub max_requests_per_minute: Option<u32>,
    /// Whether requests carry W3C `traceparent`.
    pub propagate_traceparent: bool,
}

/// Which metadata document describes the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetadataSource {
    /// OpenID Connect Discovery 1.0 §4 first, RFC 8414 if that is a 404.
    #[default]
    Auto,
    /// OpenID Connect Discovery 1.0 §4: after the issuer's path.
    Oidc,
    /// RFC 8414 §3: between host and path.
    Oauth,
    /// None: `endpoints` names everything.
    None,
}

/// How a client proves who it is at the token endpoint (OIDC Core §9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// HTTP Basic with form-encoded parts (RFC 6749 §2.3.1).
    #[default]
    ClientSecretBasic,
    /// In the body (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// An assertion keyed with the secret (OIDC Core §9).
    ClientSecretJwt,
    /// An assertion signed with a private key (OIDC Core §9, RFC 7523).
    PrivateKeyJwt,
    /// A certificate that an authority signed (RFC 8705 §2.1).
    TlsClientAuth,
    /// A certificate that is registered itself (RFC 8705 §2.2).
    SelfSignedTlsClientAuth,
    /// A public client.
    None,
}

impl AuthMethod {
    /// The name in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }

    /// Whether `client_secret` proves it.
    pub const fn needs_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }

    /// Whether an assertion proves it.
    pub const fn asserts(self) -> bool {
        matches!(self, Self::ClientSecretJwt | Self::PrivateKeyJwt)
    }

    /// Whether a certificate proves it.
    pub const fn shows_certificate(self) -> bool {
        matches!(self, Self::TlsClientAuth | Self::SelfSignedTlsClientAuth)
    }
}

/// Whom a client's assertions are made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The token endpoint, wherever the assertion is sent (OIDC Core §9, RFC 7523 §3).
    #[default]
    TokenEndpoint,
    /// The issuer, as FAPI 2.0 and newer providers want it.
    Issuer,
}

/// What a client proves itself with, besides its secret. All of it is read anew for every request.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Its private key: for assertions (`private_key_jwt`), else for DPoP.
    pub key: Option<SecretSource>,
    /// `kid` of its assertions; `None`: what the key says.
    pub key_id: Option<String>,
    /// The algorithm of its assertions; `None`: the key's customary one, HS256 with a secret.
    pub assertion_alg: Option<&'static Alg>,
    /// Whom its assertions are made for.
    pub audience: Audience,
    /// Its certificate with intermediates, and the key to it (PEM): shown wherever the client says who it is (RFC 8705).
    pub certificate: Option<(SecretSource, SecretSource)>,
    /// Whether its tokens are bound to a key (RFC 9449).
    pub dpop: bool,
}

impl Proof {
    /// Everything that is kept somewhere.
    pub fn sources(&self) -> impl Iterator<Item = &SecretSource> {
        let certificate = self.certificate.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.key.iter().chain(certificate)
    }
}

/// Where answers are sent. Providers compare it character by character (RFC 6749 §3.1.2.3), so it travels as it was
/// written: as a URL, `https://app.example` would grow a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri {
    text: Arc<str>,
    url: Url,
}

impl RedirectUri {
    /// Absolute and without a fragment (RFC 6749 §3.1.2), of any scheme: native applications have their own (RFC 8252
    /// §7.1). The error says what it is not.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("not an absolute URI: {e} (RFC 6749 §3.1.2)"))?;
        if url.fragment().is_some() {
            return Err("a redirect URI must not have a fragment (RFC 6749 §3.1.2)".to_owned());
        }
        Ok(Self { text: text.into(), url })
    }

    /// As it was written, for requests.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// To compare what comes back with.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// A client that is registered with a provider.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// `client_id`.
    pub client_id: Arc<str>,
    /// `client_secret`, if it has one.
    pub secret: Option<SecretSource>,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// With what, besides the secret.
    pub proof: Proof,
    /// Whether its authorization requests are pushed (RFC 9126); `None`: if the provider takes no others.
    pub par: Option<bool>,
    /// Where answers are sent.
    pub redirect_uri: Option<RedirectUri>,
    /// Where the browser is sent after a logout (OIDC RP-Initiated Logout 1.0 §3).
    pub post_logout_redirect_uri: Option<RedirectUri>,
    /// What it asks for, in order.
    pub scopes: Vec<String>,
    /// Whether the provider must insist on PKCE (RFC 9700 §2.1.1).
    pub require_pkce: bool,
    /// The only algorithm for its ID tokens (`id_token_signed_response_alg`); `None`: what the metadata offers, less
    /// `none` and HMAC.
    pub id_token_alg: Option<String>,
}

/// A synthetic user account.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What is typed as the user name.
    pub username: Arc<str>,
    /// Its password.
    pub password: SecretSource,
    /// Its TOTP seed (base32, RFC 6238).
    pub totp: Option<SecretSource>,
    /// Its passkey for a real browser: a JSON object as WebDriver's virtual authenticators have it (WebAuthn §11.6).
    pub passkey: Option<SecretSource>,
}
