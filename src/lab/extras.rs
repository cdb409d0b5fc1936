//! What an authorization request asks for beyond scopes: `acr_values` and `claims` (OIDC Core 5.5), `resource` (RFC 8707).

use serde_json::{Map, Value, json};

use super::accounts::User;
use super::endpoint::Endpoint;
use super::form::Form;
use super::issuer::Issuer;

/// The one authentication context that a password makes here.
pub const ACR: &str = "urn:authprobe:lab:password";
/// A resource besides the lab's own, that access tokens can be for.
pub const OTHER_API: &str = "urn:authprobe:lab:api";

/// See the module. What is not asked for is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Whether the ID token says how somebody logged in.
    pub acr: bool,
    /// Claims for the ID token, by name.
    pub id_token: Vec<String>,
    /// Claims for userinfo, by name.
    pub userinfo: Vec<String>,
    /// What access tokens are for.
    pub resource: Vec<String>,
}

impl Extras {
    /// From a request. The error is an OAuth error and what is wrong.
    pub fn read(form: &Form, issuer: &Issuer) -> Result<Self, (&'static str, &'static str)> {
        let claims: Value = match form.get("claims").map(serde_json::from_str) {
            None => json!({}),
            Some(Ok(claims @ Value::Object(_))) => claims,
            Some(_) => return Err(("invalid_request", "claims is no JSON object")),
        };
        let names = |place: &str| claims[place].as_object().map(|of| of.keys().cloned().collect()).unwrap_or_default();
        let acr = &claims["id_token"]["acr"];
        if acr["essential"] == true && !reaches(acr) {
            // OIDC Core 5.5.1.1; OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
            return Err(("unmet_authentication_requirements", "no such acr can be reached"));
        }
        let wanted = claims["id_token"].as_object().is_some_and(|of| of.contains_key("acr"));
        let extras = Self {
            acr: wanted || form.words("acr_values").iter().any(|acr| acr == ACR),
            id_token: names("id_token"),
            userinfo: names("userinfo"),
            resource: form.all("resource").to_vec(),
        };
        match extras.resource.iter().all(|resource| known(resource, issuer)) {
            true => Ok(extras),
            false => Err(("invalid_target", "resource is none of this provider's")),
        }
    }

    /// The audience of an access token that is asked for with `form`: all that was granted, or what of it is named
    /// (RFC 8707 §2.2).
    pub fn audience(&self, form: &Form) -> Result<Vec<String>, (&'static str, &'static str)> {
        let named = form.all("resource");
        match named.iter().all(|resource| self.resource.contains(resource)) {
            _ if named.is_empty() => Ok(self.resource.clone()),
            true => Ok(named.to_vec()),
            false => Err(("invalid_target", "resource is more than was granted")),
        }
    }
}

fn known(resource: &str, issuer: &Issuer) -> bool {
    resource == OTHER_API || resource == issuer.url(Endpoint::Resource)
}

/// Whether what we can do is among what is wanted.
fn reaches(wanted: &Value) -> bool {
    let mut values = wanted["value"]
        .as_str()
        .into_iter()
        .chain(wanted["values"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str));
    (wanted["value"].is_null() && wanted["values"].is_null()) || values.any(|value| value == ACR)
}

/// Those of a user's claims that are asked for by name, whatever the scopes.
pub fn named(user: &User, names: &[String]) -> Map<String, Value> {
    let all = user.claims(&["profile".to_owned(), "email".to_owned()]);
    all.into_iter().filter(|(name, _)| names.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Extras, &'static str> {
        let issuer = Issuer::new(None, ([127, 0, 0, 1], 4000).into(), false).unwrap();
        Extras::read(&Form::parse(query.as_bytes()).unwrap(), &issuer).map_err(|(error, _)| error)
    }

    #[test]
    fn what_is_asked_for_is_read_and_what_cannot_be_had_refused() {
        let extras =
            read("claims=%7B%22id_token%22:%7B%22acr%22:null,%22email%22:null%7D%7D&resource=urn:authprobe:lab:api");
        let extras = extras.unwrap();
        assert!(extras.acr && extras.userinfo.is_empty());
        assert_eq!(extras.id_token, ["acr", "email"]);
        let form = |query: &str| Form::parse(query.as_bytes()).unwrap();
        assert_eq!(extras.audience(&form("")).unwrap(), [OTHER_API]);
        assert!(extras.audience(&form("resource=http://127.0.0.1:4000/resource")).is_err());
        assert_eq!(read("acr_values=urn:a"), Ok(Extras::default()), "voluntary");
        let essential = "claims=%7B%22id_token%22:%7B%22acr%22:%7B%22essential%22:true,%22value%22:%22x%22%7D%7D%7D";
        assert_eq!(read(essential), Err("unmet_authentication_requirements"));
        assert_eq!(read("claims=x"), Err("invalid_request"));
        assert_eq!(read("resource=urn:a"), Err("invalid_target"));
    }
}
