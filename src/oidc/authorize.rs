//! The authorization request (RFC 6749 §4.1.1, OIDC Core 3.1.2.1, RFC 7636 §4.3) and what comes back (RFC 6749 §4.1.2,
//! RFC 9207). Pure: how the user agent gets from one to the other is [`super::form`]'s business.

use std::collections::BTreeMap;

use url::{Host, Url};

use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::pkce;
use crate::oidc::settings::RedirectUri;
use crate::outcome::Warning;
use crate::secret::Secret;

/// The longest `error_description` that is passed on (characters).
const MAX_DESCRIPTION: usize = 200;

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// `scope`, in order.
    pub scopes: Vec<String>,
    /// `prompt`, such as `login` or `consent`.
    pub prompt: Option<String>,
    /// `max_age` (seconds).
    pub max_age: Option<u64>,
    /// `acr_values`, in order of preference.
    pub acr_values: Vec<String>,
    /// Further parameters that this provider wants, such as `audience`.
    pub parameters: BTreeMap<String, String>,
}

/// Parameters that are ours to set: not allowed among [`Ask::parameters`].
pub const RESERVED: [&str; 11] = [
    "response_type",
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
}

impl Pending {
    /// Masks what ties the answer to us.
    pub fn protect(&self, recorder: &Recorder) {
        [&self.state, &self.nonce, &self.verifier].into_iter().for_each(|secret| recorder.protect(secret.expose()));
    }
}

/// Makes an authorization request with fresh `state`, `nonce` and PKCE `S256` challenge. What the endpoint's URL has in
/// its query stays (RFC 6749 §3.1).
pub fn request(endpoint: &Url, client_id: &str, redirect_uri: &RedirectUri, ask: &Ask) -> Pending {
    let (state, nonce, verifier) = (pkce::random(), pkce::random(), pkce::random());
    let mut url = endpoint.clone();
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("scope", &ask.scopes.join(" "))
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &pkce::challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        if let Some(prompt) = &ask.prompt {
            query.append_pair("prompt", prompt);
        }
        if let Some(max_age) = ask.max_age {
            query.append_pair("max_age", &max_age.to_string());
        }
        if !ask.acr_values.is_empty() {
            query.append_pair("acr_values", &ask.acr_values.join(" "));
        }
        query.extend_pairs(&ask.parameters);
    }
    Pending { url, state, nonce, verifier, redirect_uri: redirect_uri.clone() }
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

/// What an answer is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The `state` that was sent.
    pub state: &'a Secret,
    /// The issuer that was asked.
    pub issuer: &'a str,
    /// Metadata's `authorization_response_iss_parameter_supported` (RFC 9207 §3).
    pub iss_promised: bool,
}

/// Processes the parameters of an answer: `state` first, then `iss`, then error or code.
///
/// Faults: `malformed` (a parameter twice, no code), `state_mismatch`, `response_issuer`, `oauth_error`.
pub fn process(params: &[(String, String)], expected: Expected<'_>) -> Result<(Secret, Vec<Warning>), Fault> {
    let once = |name: &str| -> Result<Option<&str>, Fault> {
        let mut values = params.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Fault::new(Class::Malformed, format!("`{name}` is in the answer more than once (RFC 6749 §3.1)"))),
        }
    };
    let error = once("error")?;
    let with_error = || error.map(|code| format!("; error={}", shown_code(code))).unwrap_or_default();
    match once("state")? {
        Some(state) if state == expected.state.expose() => {}
        Some(_) => {
            let detail = format!("`state` came back changed (RFC 6749 §10.12){}", with_error());
            return Err(Fault::new(Class::StateMismatch, detail));
        }
        None => {
            let detail = format!("`state` did not come back (RFC 6749 §4.1.2){}", with_error());
            return Err(Fault::new(Class::StateMismatch, detail));
        }
    }
    let mut warnings = Vec::new();
    match once("iss")? {
        Some(iss) if iss != expected.issuer => {
            let found: String = iss.chars().take(MAX_DESCRIPTION).collect();
            let detail = format!("`iss` is {found:?} instead of {:?} (RFC 9207 §2.4){}", expected.issuer, with_error());
            return Err(Fault::new(Class::ResponseIssuer, detail));
        }
        None if expected.iss_promised => {
            let detail = format!("`iss` is promised by the metadata but missing (RFC 9207 §2.4){}", with_error());
            return Err(Fault::new(Class::ResponseIssuer, detail));
        }
        Some(_) if !expected.iss_promised => warnings.push(Warning::new(
            "response_issuer",
            "RFC 9207 §2.4",
            "the answer carries `iss`, but the metadata does not say so: clients may discard it",
        )),
        _ => {}
    }
    if let Some(code) = error {
        return Err(refusal(code, once("error_description")?));
    }
    match once("code")? {
        Some(code) if !code.is_empty() => Ok((Secret::new(code), warnings)),
        Some(_) => Err(Fault::new(Class::Malformed, "`code` is empty (RFC 6749 §4.1.2)")),
        None => Err(Fault::new(Class::Malformed, "neither `code` nor `error` is in the answer (RFC 6749 §4.1.2)")),
    }
}

/// RFC 6749 §4.1.2.1, OIDC Core 3.1.2.6: the error code in words, and the provider's description, cut.
fn refusal(code: &str, description: Option<&str>) -> Fault {
    let means = match code {
        "access_denied" => ": user or provider refused",
        "login_required" | "interaction_required" | "account_selection_required" | "consent_required" => {
            ": the user would have to act, though the request leaves no room for it"
        }
        "invalid_scope" => ": a scope is unknown or not allowed for this client",
        "unauthorized_client" => ": this client may not use the code flow",
        "server_error" => ": the provider failed",
        "temporarily_unavailable" => ": the provider is overloaded or under maintenance",
        _ => "",
    };
    let mut detail = format!("the authorization endpoint answered {}{means}", shown_code(code));
    if let Some(description) = description.filter(|text| !text.is_empty()) {
        let cut: String = description.chars().take(MAX_DESCRIPTION).collect();
        detail.push_str(&format!(" ({})", cut.escape_debug()));
    }
    // The client's registration does not cover the flow: the same as at the token endpoint.
    let class = if code == "unauthorized_client" { Class::Config } else { Class::OauthError };
    Fault::new(class, detail)
}

/// An error code as far as it is one: RFC 6749 §4.1.2.1 allows visible ASCII less `"` and `\`.
fn shown_code(code: &str) -> String {
    code.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://server.example.com";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn answer(query: &str, iss_promised: bool) -> Result<(Secret, Vec<Warning>), Fault> {
        let params: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        process(&params, Expected { state: &Secret::new("xyz"), issuer: ISSUER, iss_promised })
    }

    fn class(query: &str, iss_promised: bool) -> Class {
        answer(query, iss_promised).unwrap_err().class
    }

    #[test]
    fn the_request_has_what_the_specifications_want_and_keeps_the_endpoints_query() {
        let ask = Ask {
            scopes: vec!["openid".into(), "offline_access".into()],
            prompt: Some("consent".into()),
            max_age: Some(0),
            acr_values: vec!["gold".into(), "silver".into()],
            parameters: BTreeMap::from([("audience".into(), "urn:api".into())]),
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
            ("audience", "urn:api"),
        ] {
            assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(query.len(), 13);
        assert!(!pending.url.as_str().contains(pending.verifier.expose()));
    }

    /// RFC 6749 §4.1.2 and RFC 9207 §2.3.
    #[test]
    fn the_answers_of_the_rfcs_are_accepted() {
        let (code, warnings) = answer("code=SplxlOBeZQQYbYS6WxSbIA&state=xyz", false).unwrap();
        assert_eq!((code.expose(), warnings.len()), ("SplxlOBeZQQYbYS6WxSbIA", 0));
        let (_, warnings) =
            answer("code=x1848ZT64p4IirMPT0R-X3141MFPTuBX&state=xyz&iss=https%3A%2F%2Fserver.example.com", true)
                .unwrap();
        assert!(warnings.is_empty());
        let (_, warnings) = answer("code=a&state=xyz&iss=https%3A%2F%2Fserver.example.com", false).unwrap();
        assert_eq!(warnings[0].code, "response_issuer");
    }

    #[test]
    fn state_is_compared_before_anything_else() {
        assert_eq!(class("error=access_denied&state=XYZ", false), Class::StateMismatch);
        assert_eq!(class("code=a", false), Class::StateMismatch);
        assert_eq!(class("code=a&state=xyz%20&iss=https://evil.example", true), Class::StateMismatch);
        let detail = answer("error=login_required", false).unwrap_err().detail;
        assert!(detail.ends_with("error=login_required"), "{detail}");
    }

    #[test]
    fn the_issuer_must_be_right_in_errors_as_well() {
        assert_eq!(class("code=a&state=xyz", true), Class::ResponseIssuer);
        assert_eq!(class("error=access_denied&state=xyz", true), Class::ResponseIssuer);
        assert_eq!(class("code=a&state=xyz&iss=https%3A%2F%2Fserver.example.com%2F", true), Class::ResponseIssuer);
        assert_eq!(class("code=a&state=xyz&iss=https%3A%2F%2Fevil.example", false), Class::ResponseIssuer);
    }

    #[test]
    fn errors_are_passed_on_cut() {
        let query = format!("error=access_denied&error_description={}&state=xyz", "x".repeat(5000));
        let fault = answer(&query, false).unwrap_err();
        assert_eq!(fault.class, Class::OauthError);
        assert!(fault.detail.starts_with("the authorization endpoint answered access_denied"));
        assert!(fault.detail.len() < 400);
        for code in ["login_required", "interaction_required", "consent_required", "server_error", "made%0aup"] {
            assert_eq!(class(&format!("error={code}&state=xyz"), false), Class::OauthError);
        }
    }

    #[test]
    fn what_is_no_answer_is_malformed() {
        for query in ["state=xyz", "code=&state=xyz", "code=a&code=b&state=xyz", "code=a&state=xyz&state=xyz"] {
            assert_eq!(class(query, false), Class::Malformed, "{query}");
        }
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
