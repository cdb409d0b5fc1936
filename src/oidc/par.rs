//! Pushed authorization requests (RFC 9126): the request goes to the provider first, and only a reference to it through the
//! user agent. Pure.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::fault::{Class, Fault};
use crate::oidc::http::Response;
use crate::oidc::metadata::Metadata;
use crate::oidc::settings::Client;
use crate::oidc::{json, response, token};
use crate::outcome::Warning;
use crate::secret::Secret;

/// The metadata's name for where requests are pushed to.
pub const ENDPOINT: &str = "pushed_authorization_request_endpoint";

/// What the provider gave for the request.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// `request_uri`: stands for the request, once.
    pub request_uri: Secret,
    /// How long it is good.
    pub expires_in: Option<Duration>,
}

/// Whether that client's requests are pushed: as it says, else if the provider takes no others (RFC 9126 §5).
pub fn applies(client: &Client, metadata: &Metadata) -> bool {
    client.par.unwrap_or_else(|| metadata.flag("require_pushed_authorization_requests") == Some(true))
}

/// What is pushed of an authorization request: everything that was added to the endpoint's own URL. `client_id` is left to
/// the client's authentication, which every method but Basic puts into the form.
pub fn form(endpoint: &Url, request: &Url) -> Vec<(String, String)> {
    request
        .query_pairs()
        .into_owned()
        .skip(endpoint.query_pairs().count())
        .filter(|(name, _)| name != "client_id")
        .collect()
}

/// The authorization request that is left (RFC 9126 §4).
pub fn request(endpoint: &Url, client_id: &str, pushed: &Pushed) -> Url {
    let mut url = endpoint.clone();
    url.query_pairs_mut().append_pair("client_id", client_id).append_pair("request_uri", pushed.request_uri.expose());
    url
}

/// Reads the answer (RFC 9126 §2.2 and §2.3). Faults: `credentials` (naming the client), `oauth_error`, `http_status`,
/// `redirect`, `malformed`.
pub fn process(answer: &Response, client: &Client, warnings: &mut Vec<Warning>) -> Result<Pushed, Fault> {
    let what = "pushed authorization request";
    match answer.status.as_u16() {
        201 => {}
        200 => {
            let detail = "a pushed request is answered with status 201, not 200";
            warnings.push(Warning::new("par_status", "RFC 9126 §2.2", detail));
        }
        _ => return Err(token::failure(answer, what, client, warnings)),
    }
    let members = response::json_object(answer, what, warnings)?;
    let wrong = |why: String| Fault::new(Class::Malformed, format!("{what}: {why} (RFC 9126 §2.2)"));
    let request_uri = match members.get("request_uri") {
        Some(Value::String(uri)) if Url::parse(uri).is_ok() => Secret::new(uri.as_str()),
        Some(Value::String(_)) => return Err(wrong("request_uri is no absolute URI".to_owned())),
        Some(other) => return Err(wrong(format!("request_uri is {}, not a string", json::kind(other)))),
        None => return Err(wrong("request_uri is missing".to_owned())),
    };
    let expires_in = match members.get("expires_in") {
        Some(Value::Number(seconds)) => seconds.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        _ => None,
    };
    match expires_in {
        Some(Duration::ZERO) => return Err(wrong("expires_in is 0: the request is gone already".to_owned())),
        Some(_) => {}
        None => {
            let detail = match members.get("expires_in") {
                None => "expires_in is missing".to_owned(),
                Some(found) => format!("expires_in is no number of seconds: {}", json::shown(found)),
            };
            warnings.push(Warning::new("par_expires_in", "RFC 9126 §2.2", detail));
        }
    }
    Ok(Pushed { request_uri, expires_in })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::oidc::metadata::Document;
    use crate::oidc::response::testing;
    use crate::oidc::token::tests::client;

    /// RFC 9126 §2.2 and §4.
    #[test]
    fn the_rfcs_example_makes_its_authorization_request() {
        let body =
            json!({"request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c", "expires_in": 60});
        let mut warnings = Vec::new();
        let pushed = process(&testing::json(201, &body), &client(), &mut warnings).unwrap();
        assert_eq!((pushed.expires_in, warnings.len()), (Some(Duration::from_secs(60)), 0));
        let url = request(&Url::parse("https://server.example.com/authorize").unwrap(), "s6BhdRkqt3", &pushed);
        assert_eq!(
            url.as_str(),
            "https://server.example.com/authorize?client_id=s6BhdRkqt3\
             &request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6esc_11ACC5bwc014ltc14eY22c"
        );
        assert!(!format!("{pushed:?}").contains("6esc"));
    }

    #[test]
    fn the_endpoints_own_query_is_not_pushed() {
        let endpoint = Url::parse("https://a.example.com/authorize?tenant=a").unwrap();
        let asked = Url::parse("https://a.example.com/authorize?tenant=a&client_id=web&scope=a+b&state=%26").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(form(&endpoint, &asked), [pair("scope", "a b"), pair("state", "&")]);
    }

    #[test]
    fn answers_are_held_against_the_rfc() {
        let class = |status, body: serde_json::Value| {
            process(&testing::json(status, &body), &client(), &mut vec![]).unwrap_err().class
        };
        assert_eq!(class(201, json!({"expires_in": 60})), Class::Malformed);
        assert_eq!(class(201, json!({"request_uri": 1, "expires_in": 60})), Class::Malformed);
        assert_eq!(class(201, json!({"request_uri": "no uri", "expires_in": 60})), Class::Malformed);
        assert_eq!(class(201, json!({"request_uri": "urn:a:b", "expires_in": 0})), Class::Malformed);
        assert_eq!(class(401, json!({"error": "invalid_client"})), Class::Credentials);
        assert_eq!(class(400, json!({"error": "invalid_request"})), Class::OauthError);
        assert_eq!(class(405, json!({})), Class::HttpStatus);
        assert_eq!(class(500, json!({})), Class::HttpStatus);
        assert_eq!(class(302, json!({})), Class::Redirect);
        let mut warnings = Vec::new();
        for (status, expires_in) in [(200, json!(60)), (201, json!("60")), (201, json!(null))] {
            let body = json!({"request_uri": "urn:a:b", "expires_in": expires_in});
            assert!(process(&testing::json(status, &body), &client(), &mut warnings).is_ok());
        }
        let codes: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(codes, ["par_status", "par_expires_in", "par_expires_in"]);
    }

    #[test]
    fn a_provider_may_take_no_others() {
        let metadata = |members: serde_json::Value| {
            let answer = testing::json(200, &members);
            Metadata::process(&answer, Document::Oauth, "https://a.example.com", &BTreeMap::new(), &mut vec![]).unwrap()
        };
        let issuer = "https://a.example.com";
        let required = metadata(json!({"issuer": issuer, "require_pushed_authorization_requests": true}));
        let free = metadata(json!({"issuer": issuer}));
        let with = |par| Client { par, ..client() };
        assert!(applies(&with(None), &required) && !applies(&with(None), &free));
        assert!(applies(&with(Some(true)), &free) && !applies(&with(Some(false)), &required));
    }
}
