//! The authorization request (RFC 6749 §4.1.1, OIDC Core 3.1.2.1, RFC 7636 §4.3, RFC 8707 §2) and what comes back
//! ([`answer`]). Pure: how the user agent gets from one to the other is [`super::form`]'s business.

use std::collections::BTreeMap;

use url::{Host, Url};

use crate::journey::Recorder;
use crate::oidc::pkce;
use crate::oidc::settings::RedirectUri;
use crate::secret::Secret;

pub mod answer;
mod offered;
mod response;

pub use answer::{Answer, Expected, FrontToken, Granted, process};
pub use offered::offered;
pub use response::{ResponseMode, ResponseType};

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// `response_type`.
    pub response_type: ResponseType,
    /// `response_mode`; `None`: the default of the response type.
    pub response_mode: Option<ResponseMode>,
    /// `scope`, in order.
    pub scopes: Vec<String>,
    /// `prompt`, such as `login` or `consent`.
    pub prompt: Option<String>,
    /// `max_age` (seconds).
    pub max_age: Option<u64>,
    /// `acr_values`, in order of preference.
    pub acr_values: Vec<String>,
    /// `claims`, as JSON (OIDC Core 5.5).
    pub claims: Option<String>,
    /// `resource`, once each (RFC 8707 §2).
    pub resource: Vec<String>,
    /// An ID token of the session that is asked about (`id_token_hint`).
    pub id_token_hint: Option<Secret>,
    /// Further parameters that this provider wants, such as `audience`.
    pub parameters: BTreeMap<String, String>,
}

/// Parameters that are ours to set: not allowed among [`Ask::parameters`].
pub const RESERVED: [&str; 15] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "resource",
    "id_token_hint",
];

/// A request on its way: what must be remembered until the answer is back.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Where to send the user agent.
    pub url: Url,
    /// `state`: must come back unchanged.
    pub state: Secret,
    /// `nonce`: must be in the ID token.
    pub nonce: Secret,
    /// The PKCE verifier: proves at the token endpoint that it was us who asked.
    pub verifier: Secret,
    /// `redirect_uri`: where the answer is sent to, and part of the token request.
    pub redirect_uri: RedirectUri,
    /// What must come back.
    pub response_type: ResponseType,
    /// How it must come back.
    pub response_mode: ResponseMode,
}

impl Pending {
    /// Masks what ties the answer to us.
    pub fn protect(&self, recorder: &Recorder) {
        [&self.state, &self.nonce, &self.verifier].into_iter().for_each(|secret| recorder.protect(secret.expose()));
    }
}

/// Makes an authorization request with fresh `state` and `nonce`, and a PKCE `S256` challenge where a code is to come back.
/// What the endpoint's URL has in its query stays (RFC 6749 §3.1).
pub fn request(endpoint: &Url, client_id: &str, redirect_uri: &RedirectUri, ask: &Ask) -> Pending {
    let (state, nonce, verifier) = (pkce::random(), pkce::random(), pkce::random());
    let (response_type, default_mode) = (ask.response_type, ask.response_type.default_mode());
    let response_mode = ask.response_mode.unwrap_or(default_mode);
    let mut url = endpoint.clone();
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", response_type.as_str());
        if response_mode != default_mode {
            // Multiple Response Types §2.1: not to be sent where it is the default.
            query.append_pair("response_mode", response_mode.as_str());
        }
        query
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("scope", &ask.scopes.join(" "))
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose());
        if response_type.code {
            query
                .append_pair("code_challenge", &pkce::challenge(&verifier))
                .append_pair("code_challenge_method", "S256");
        }
        if let Some(prompt) = &ask.prompt {
            query.append_pair("prompt", prompt);
        }
        if let Some(max_age) = ask.max_age {
            query.append_pair("max_age", &max_age.to_string());
        }
        if !ask.acr_values.is_empty() {
            query.append_pair("acr_values", &ask.acr_values.join(" "));
        }
        if let Some(claims) = &ask.claims {
            query.append_pair("claims", claims);
        }
        query.extend_pairs(ask.resource.iter().map(|resource| ("resource", resource)));
        if let Some(hint) = &ask.id_token_hint {
            query.append_pair("id_token_hint", hint.expose());
        }
        query.extend_pairs(&ask.parameters);
    }
    Pending { url, state, nonce, verifier, redirect_uri: redirect_uri.clone(), response_type, response_mode }
}

/// Whether a redirect (or form) to `target` is the answer to `redirect_uri`: the same scheme, host, port and path. On a
/// loopback address the port may vary (RFC 8252 §7.3).
pub fn is_answer(target: &Url, redirect_uri: &Url) -> bool {
    let port_matters = match redirect_uri.host() {
        Some(Host::Ipv4(ip)) => !ip.is_loopback(),
        Some(Host::Ipv6(ip)) => !ip.is_loopback(),
        _ => true,
    };
    target.scheme() == redirect_uri.scheme()
        && target.host() == redirect_uri.host()
        && (!port_matters || target.port_or_known_default() == redirect_uri.port_or_known_default())
        && target.path() == redirect_uri.path()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_request_has_what_the_specifications_want_and_keeps_the_endpoints_query() {
        let ask = Ask {
            scopes: vec!["openid".into(), "offline_access".into()],
            prompt: Some("consent".into()),
            max_age: Some(0),
            acr_values: vec!["gold".into(), "silver".into()],
            claims: Some(r#"{"id_token":{"acr":{"essential":true}}}"#.into()),
            resource: vec!["https://api.example.com".into()],
            parameters: BTreeMap::from([("audience".into(), "urn:api".into())]),
            ..Ask::default()
        };
        let cb = RedirectUri::parse("http://127.0.0.1:8765/cb").unwrap();
        let pending = request(&url("https://server.example.com/authorize?tenant=a"), "s6BhdRkqt3", &cb, &ask);
        let query: BTreeMap<String, String> = pending.url.query_pairs().into_owned().collect();
        let challenge = pkce::challenge(&pending.verifier);
        for (name, value) in [
            ("tenant", "a"),
            ("response_type", "code"),
            ("client_id", "s6BhdRkqt3"),
            ("redirect_uri", "http://127.0.0.1:8765/cb"),
            ("scope", "openid offline_access"),
            ("state", pending.state.expose()),
            ("nonce", pending.nonce.expose()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("prompt", "consent"),
            ("max_age", "0"),
            ("acr_values", "gold silver"),
            ("claims", r#"{"id_token":{"acr":{"essential":true}}}"#),
            ("resource", "https://api.example.com"),
            ("audience", "urn:api"),
        ] {
            assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(query.len(), 15);
        assert!(!pending.url.as_str().contains(pending.verifier.expose()));
    }

    #[test]
    fn a_mode_is_asked_for_only_where_it_is_not_the_default_and_a_challenge_only_with_a_code() {
        let cb = RedirectUri::parse("http://127.0.0.1:8765/cb").unwrap();
        let asked = |response_type: &str, mode: Option<ResponseMode>| {
            let ask = Ask {
                response_type: ResponseType::parse(response_type).unwrap(),
                response_mode: mode,
                resource: vec!["urn:a".into(), "urn:b".into()],
                ..Ask::default()
            };
            let pending = request(&url("https://server.example.com/authorize"), "s6BhdRkqt3", &cb, &ask);
            let all: Vec<(String, String)> = pending.url.query_pairs().into_owned().collect();
            let get = |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
            assert_eq!(all.iter().filter(|(name, _)| name == "resource").count(), 2, "once each (RFC 8707 §2)");
            (
                get("response_type").unwrap(),
                get("response_mode"),
                get("code_challenge").is_some(),
                pending.response_mode,
            )
        };
        let implicit = asked("id_token", None);
        assert_eq!(implicit, ("id_token".into(), None, false, ResponseMode::Fragment));
        let hybrid = asked("id_token code", Some(ResponseMode::FormPost));
        assert_eq!(hybrid, ("code id_token".into(), Some("form_post".into()), true, ResponseMode::FormPost));
        assert_eq!(asked("code", Some(ResponseMode::Query)).1, None);
        assert_eq!(asked("code", Some(ResponseMode::Fragment)).1.as_deref(), Some("fragment"));
    }

    #[test]
    fn the_redirect_uri_is_matched_but_for_loopback_ports() {
        let loopback = url("http://127.0.0.1:8765/cb");
        assert!(is_answer(&url("http://127.0.0.1:8765/cb?code=a"), &loopback));
        assert!(is_answer(&url("http://127.0.0.1:1/cb?code=a"), &loopback));
        assert!(is_answer(&url("http://[::1]:1/cb"), &url("http://[::1]/cb")));
        for other in ["https://127.0.0.1:8765/cb", "http://127.0.0.1:8765/cb/", "http://localhost:8765/cb"] {
            assert!(!is_answer(&url(other), &loopback), "{other}");
        }
        let web = url("https://app.example.com/cb");
        assert!(is_answer(&url("https://app.example.com:443/cb?state=a"), &web));
        assert!(!is_answer(&url("https://app.example.com:8443/cb"), &web));
        assert!(is_answer(&url("com.example.app:/cb?code=a"), &url("com.example.app:/cb")));
    }
}
