//! Claims that are asked for one by one (OIDC Core 5.5), and whether they came. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::fault::{Class, Finding};
use crate::oidc::json;

/// The `claims` parameter, by where the claims are wanted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimsRequest {
    /// Wanted in the ID token.
    pub id_token: BTreeMap<String, ClaimWanted>,
    /// Wanted from userinfo.
    pub userinfo: BTreeMap<String, ClaimWanted>,
}

/// How a claim is wanted (OIDC Core 5.5.1); without any key: if it is there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimWanted {
    /// Whether the login is of no use without it: it must be there then, with `value` or one of `values` if these are
    /// given. Default: false.
    pub essential: bool,
    /// With this value.
    pub value: Option<Value>,
    /// With one of these values, in order of preference.
    pub values: Vec<Value>,
}

impl ClaimsRequest {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// What contradicts itself: where, and what is wrong.
    pub fn mistakes(&self) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        for (place, wanted) in [("id_token", &self.id_token), ("userinfo", &self.userinfo)] {
            for (name, claim) in wanted {
                if claim.value.is_some() && !claim.values.is_empty() {
                    let message = "either `value` or `values`, not both (OIDC Core 5.5.1)";
                    mistakes.push((format!("{place}.{name}"), message.to_owned()));
                }
            }
        }
        mistakes
    }

    /// The parameter; `None` if nothing is asked for.
    pub fn to_json(&self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let mut all = Map::new();
        for (place, wanted) in [("id_token", &self.id_token), ("userinfo", &self.userinfo)] {
            if !wanted.is_empty() {
                let claims = wanted.iter().map(|(name, claim)| (name.clone(), claim.to_json())).collect();
                all.insert(place.to_owned(), Value::Object(claims));
            }
        }
        Some(Value::Object(all).to_string())
    }

    /// What is essential in the ID token and not there, or another.
    pub fn check_id_token(&self, claims: &Map<String, Value>) -> Vec<Finding> {
        check(&self.id_token, claims, "ID token")
    }

    /// What is essential from userinfo and not there, or another.
    pub fn check_userinfo(&self, claims: &Map<String, Value>) -> Vec<Finding> {
        check(&self.userinfo, claims, "userinfo")
    }
}

impl ClaimWanted {
    fn to_json(&self) -> Value {
        let mut members = Map::new();
        if self.essential {
            members.insert("essential".to_owned(), json!(true));
        }
        if let Some(value) = &self.value {
            members.insert("value".to_owned(), value.clone());
        }
        if !self.values.is_empty() {
            members.insert("values".to_owned(), json!(self.values));
        }
        // 5.5.1: in the default manner.
        if members.is_empty() { Value::Null } else { Value::Object(members) }
    }

    fn accepts(&self, found: &Value) -> bool {
        let mut wanted = self.value.iter().chain(&self.values).peekable();
        wanted.peek().is_none() || wanted.any(|wanted| wanted == found)
    }
}

fn check(wanted: &BTreeMap<String, ClaimWanted>, claims: &Map<String, Value>, place: &str) -> Vec<Finding> {
    let essential = wanted.iter().filter(|(_, claim)| claim.essential);
    let judge = |(name, claim): (&String, &ClaimWanted)| match claims.get(name) {
        None | Some(Value::Null) => {
            let detail = format!("{name} is missing in the {place} though it was asked for as essential");
            Some(Finding::new(Class::ClaimMissing, "OIDC Core 5.5.1", detail))
        }
        Some(found) if claim.accepts(found) => None,
        Some(found) => {
            // 5.5.1.1: a login that cannot reach an essential `acr` has failed.
            let (class, clause) = match name.as_str() {
                "acr" => (Class::ClaimAuth, "OIDC Core 5.5.1.1"),
                "sub" => (Class::ClaimSubject, "OIDC Core 5.5.1"),
                _ => (Class::ClaimUnexpected, "OIDC Core 5.5.1"),
            };
            let detail = format!("{name} in the {place} is {}, none of the values asked for", json::shown(found));
            Some(Finding::new(class, clause, detail))
        }
    };
    essential.filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(toml: &str) -> ClaimsRequest {
        toml::from_str(toml).unwrap()
    }

    /// The example of OIDC Core 5.5.
    #[test]
    fn the_example_of_the_specification_comes_out() {
        let asked = request(
            "[userinfo]\ngiven_name = { essential = true }\nnickname = {}\n\
             [id_token]\nauth_time = { essential = true }\n\
             acr = { values = [\"urn:mace:incommon:iap:silver\"] }",
        );
        let sent: Value = serde_json::from_str(&asked.to_json().unwrap()).unwrap();
        let expected = json!({
            "userinfo": {"given_name": {"essential": true}, "nickname": null},
            "id_token": {
                "auth_time": {"essential": true}, "acr": {"values": ["urn:mace:incommon:iap:silver"]},
            },
        });
        assert_eq!(sent, expected);
        assert_eq!(ClaimsRequest::default().to_json(), None);
    }

    #[test]
    fn only_what_is_essential_can_be_missed() {
        let asked = request(
            "[id_token]\nacr = { essential = true, values = [\"gold\", \"silver\"] }\n\
             email = { essential = true }\nsub = { essential = true, value = \"a\" }\n\
             level = { essential = true, value = 3 }\nnickname = { value = \"x\" }",
        );
        let classes = |claims: Value| -> Vec<(Class, String)> {
            let findings = asked.check_id_token(claims.as_object().unwrap());
            findings.into_iter().map(|f| (f.class, f.detail.split(' ').next().unwrap().to_owned())).collect()
        };
        let named = |class, name: &str| (class, name.to_owned());
        assert_eq!(classes(json!({"acr": "silver", "email": "a@b", "sub": "a", "level": 3})), []);
        assert_eq!(
            classes(json!({"acr": "bronze", "email": null, "sub": "b", "level": 2})),
            [
                named(Class::ClaimAuth, "acr"),
                named(Class::ClaimMissing, "email"),
                named(Class::ClaimUnexpected, "level"),
                named(Class::ClaimSubject, "sub"),
            ]
        );
        assert_eq!(asked.check_userinfo(&Map::new()), []);
    }

    #[test]
    fn value_and_values_exclude_each_other() {
        let asked = request("[userinfo]\nemail = { value = \"a\", values = [\"b\"] }");
        assert_eq!(asked.mistakes()[0].0, "userinfo.email");
    }
}
