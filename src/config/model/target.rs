//! Who looks at what: `[[region]]`, `[[provider]]`, `[[client]]`, `[[user]]` and what all `[[probe]]`s share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::values::{Address, Addresses, Name, TextOrSecret, WebUrl};
use crate::duration::HumanDuration;
use crate::secret::SecretSource;

/// A way out of this machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its name: the `probe_region` label.
    pub name: Name,
    /// Everything goes through this proxy: an `http`, `https`, `socks5` (names are resolved here) or `socks5h` (the proxy
    /// resolves) URL. With user name and password only as `{ env = … }` or `{ file = … }`.
    pub proxy: Option<TextOrSecret>,
    /// Host names with fixed addresses: `{ "login.example.com" = "192.0.2.7" }`, or an array of addresses.
    pub resolve: Option<BTreeMap<String, Addresses>>,
    /// The local address that connections start from.
    pub source_address: Option<Address>,
    /// URLs that are tried after a network fault: if these fail too, the fault is our own way out.
    pub reference: Option<Vec<WebUrl>>,
    /// A WebDriver elsewhere for browser_login (chromedriver, geckodriver, Selenium Grid), such as
    /// `http://127.0.0.1:9515`: its browser leaves from where it is, so `proxy`, `resolve` and `source_address` are errors
    /// where browser_login runs. With user name and password only as `{ env = … }` or `{ file = … }`. Default: a browser
    /// on this machine.
    pub webdriver: Option<TextOrSecret>,
}

/// An OpenID Connect or OAuth 2.0 provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its name.
    pub name: Name,
    /// Its issuer, exactly as its metadata says it (OIDC Discovery 1.0 §3): https, or http on loopback; no query, no
    /// fragment.
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// Which metadata document describes it. Default: `auto`.
    pub metadata: Option<Metadata>,
    /// PEM file with certificates that are believed besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The most requests a minute, all probes and regions together; probing beyond it is an error here. At least 1.
    /// Default: no limit.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_requests_per_minute: Option<u32>,
    /// Members of the metadata that are known better here: `{ revocation_endpoint = "https://…" }`.
    pub endpoints: Option<BTreeMap<String, String>>,
    /// Hosts of other identity providers that it sends its users on to (a broker): `["idp.partner.example"]`, some with a
    /// port. Their pages are measured and blamed apart. Default: every host that is neither the issuer's nor an endpoint's;
    /// `[]`: none.
    #[schemars(length(max = 100))]
    pub upstream: Option<Vec<String>>,
    /// Sent with every request to it, so that its operators can tell probes apart; `{ env = … }` or `{ file = … }` for
    /// what is secret.
    pub headers: Option<BTreeMap<String, TextOrSecret>>,
}

/// Which metadata document describes a provider.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Metadata {
    /// OpenID Connect Discovery first; RFC 8414 if there is none.
    Auto,
    /// OpenID Connect Discovery 1.0: `/.well-known/openid-configuration` after the issuer's path.
    Oidc,
    /// RFC 8414: `/.well-known/oauth-authorization-server` between host and path.
    Oauth,
    /// None: `endpoints` names everything.
    None,
}

/// A client that is registered with a provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its name here.
    pub name: Name,
    /// The name of its provider.
    pub provider: String,
    /// `client_id`.
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// `client_secret`; absent for a public client.
    pub client_secret: Option<SecretSource>,
    /// How it authenticates at the token endpoint (OIDC Core §9). Default: `client_secret_basic`. A public client says
    /// `none`.
    pub auth_method: Option<AuthMethod>,
    /// Its private key, for `private_key_jwt`; with another method, for DPoP: PEM (PKCS #8, PKCS #1 or SEC 1) or a private
    /// JWK.
    pub key: Option<SecretSource>,
    /// `kid` of its assertions. Default: what the JWK says.
    #[schemars(length(min = 1))]
    pub key_id: Option<String>,
    /// The algorithm of its assertions (`token_endpoint_auth_signing_alg`), such as `PS256`. Default: RS256, ES256, ES384
    /// or EdDSA, as its key is; HS256 with a secret.
    #[schemars(length(min = 1))]
    pub assertion_alg: Option<String>,
    /// Whom its assertions are made for: the provider's `token_endpoint` (OIDC Core §9) or its `issuer` (FAPI 2.0).
    /// Default: `token_endpoint`.
    pub assertion_audience: Option<AssertionAudience>,
    /// Its certificate, with intermediates (PEM): for `tls_client_auth` and `self_signed_tls_client_auth`, and for tokens
    /// that are bound to it (RFC 8705).
    pub certificate: Option<SecretSource>,
    /// The private key of its certificate (PEM).
    pub certificate_key: Option<SecretSource>,
    /// Whether its tokens are bound to a key that every request proves (RFC 9449): `key`, unless that signs its assertions,
    /// else one that authprobe makes when it starts. Default: false.
    pub dpop: Option<bool>,
    /// Whether its authorization requests are pushed (RFC 9126). Default: if the provider's metadata says that it takes no
    /// others.
    pub par: Option<bool>,
    /// Where answers are sent: must be registered. Nothing listens there: authprobe stops before following it.
    pub redirect_uri: Option<String>,
    /// Where the browser is sent after a logout (OIDC RP-Initiated Logout 1.0 §3): must be registered. Nothing listens
    /// there either.
    pub post_logout_redirect_uri: Option<String>,
    /// What it asks for. Default: `["openid"]` with a `redirect_uri`, nothing without.
    #[schemars(length(max = 100), inner(length(min = 1), regex(pattern = r"^[\x21\x23-\x5B\x5D-\x7E]+$")))]
    pub scopes: Option<Vec<String>>,
    /// Whether the provider must insist on PKCE (RFC 9700 §2.1.1). Default: false.
    pub require_pkce: Option<bool>,
    /// The only algorithm for its ID tokens (`id_token_signed_response_alg`), such as `ES256`. Default: those the
    /// metadata offers, less `none` and HMAC.
    #[schemars(length(min = 1))]
    pub id_token_alg: Option<String>,
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// HTTP Basic (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// In the body (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// By an assertion keyed with the secret (OIDC Core §9).
    ClientSecretJwt,
    /// By an assertion signed with `key` (OIDC Core §9, RFC 7523).
    PrivateKeyJwt,
    /// By a certificate that an authority signed (RFC 8705 §2.1).
    TlsClientAuth,
    /// By a certificate that is registered itself (RFC 8705 §2.2).
    SelfSignedTlsClientAuth,
    /// Not at all: a public client.
    None,
}

/// Whom assertions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The token endpoint.
    TokenEndpoint,
    /// The issuer.
    Issuer,
}

/// A synthetic user account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Its name here.
    pub name: Name,
    /// What is typed as the user name.
    #[schemars(length(min = 1))]
    pub username: String,
    /// Its password.
    pub password: SecretSource,
    /// Its TOTP seed, in base32 (RFC 6238).
    pub totp: Option<SecretSource>,
    /// Its passkey, for browser_login: a JSON object with `credentialId`, `rpId`, `privateKey` (PKCS #8) and `userHandle`,
    /// all but `rpId` in base64url (WebAuthn §11.6).
    pub passkey: Option<SecretSource>,
}

/// What all probes share; the rest belongs to their kind.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Probe {
    /// Its name: the `probe` label.
    pub name: Name,
    /// What it does.
    pub kind: String,
    /// The name of the provider, for kinds that need no client.
    pub provider: Option<String>,
    /// The name of the client.
    pub client: Option<String>,
    /// The name of the user who logs in, the same in every region.
    pub user: Option<String>,
    /// The names of users, one each region in order.
    #[schemars(length(min = 1))]
    pub users: Option<Vec<String>>,
    /// Runs every so often, at least 100ms apart: `1m`. Either this or `cron`.
    pub every: Option<HumanDuration>,
    /// Runs at these times: five fields (minute first) or six (second first), weekdays by name: `0 */5 * * * *`.
    pub cron: Option<String>,
    /// The time zone of `cron`, such as `Europe/Zurich`. Default: UTC.
    pub timezone: Option<String>,
    /// All steps of a run together: from 100ms to 1h. Default: 30s, or the period if that is shorter.
    pub timeout: Option<HumanDuration>,
    /// The names of the regions it runs in. Default: all.
    #[schemars(length(min = 1))]
    pub regions: Option<Vec<String>>,
    /// Passed on to alerts.
    pub labels: Option<BTreeMap<String, String>>,
    /// Passed on to alerts.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// The keys that all probes share: the fields of [`Probe`].
pub const COMMON_KEYS: [&str; 13] = [
    "name",
    "kind",
    "provider",
    "client",
    "user",
    "users",
    "every",
    "cron",
    "timezone",
    "timeout",
    "regions",
    "labels",
    "annotations",
];

#[cfg(test)]
mod tests {
    #[test]
    fn common_keys_are_the_fields() {
        let schema = schemars::schema_for!(super::Probe);
        let mut fields: Vec<&str> =
            schema.get("properties").unwrap().as_object().unwrap().keys().map(|k| &**k).collect();
        let mut keys = super::COMMON_KEYS.to_vec();
        fields.sort_unstable();
        keys.sort_unstable();
        assert_eq!(fields, keys);
    }
}
