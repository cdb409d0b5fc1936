//! Whether a provider offers what is to be asked for, as far as its metadata tells (OIDC Discovery §3, RFC 8414 §2).

use super::Ask;
use crate::fault::{Class, Fault};
use crate::oidc::grants;
use crate::oidc::metadata::Metadata;

/// Fault: `unsupported`, naming the member of the metadata that says so. Without a document nothing is said.
pub fn offered(metadata: &Metadata, ask: &Ask) -> Result<(), Fault> {
    if metadata.document().is_none() {
        return Ok(());
    }
    let response_type = ask.response_type;
    if let Some(listed) = metadata.list("response_types_supported")
        && !response_type.is_among(&listed)
    {
        let detail = format!("the provider's response_types_supported does not list {response_type}");
        return Err(Fault::new(Class::Unsupported, detail));
    }
    // The default comes with the response type, whatever a list forgets.
    if let Some(mode) = ask.response_mode.filter(|mode| *mode != response_type.default_mode()) {
        metadata.offers("response_modes_supported", mode.as_str(), &["query", "fragment"])?;
    }
    if !response_type.code {
        metadata.offers(grants::MEMBER, "implicit", grants::DEFAULT)?;
    }
    if ask.claims.is_some() && metadata.flag("claims_parameter_supported") != Some(true) {
        let detail = "the provider's claims_parameter_supported is not true";
        return Err(Fault::new(Class::Unsupported, detail));
    }
    if let Some(listed) = metadata.list("acr_values_supported")
        && !ask.acr_values.is_empty()
        && !ask.acr_values.iter().any(|acr| listed.contains(&acr.as_str()))
    {
        let asked = ask.acr_values.join(" ");
        let detail = format!("the provider's acr_values_supported lists none of {asked}");
        return Err(Fault::new(Class::Unsupported, detail));
    }
    // OpenID Connect Prompt Create 1.0 §4; who has no such list says nothing.
    match (&ask.prompt, metadata.has("prompt_values_supported")) {
        (Some(prompt), true) => {
            prompt.split(' ').try_for_each(|value| metadata.offers("prompt_values_supported", value, &[]))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::super::{ResponseMode, ResponseType};
    use super::*;
    use crate::oidc::metadata::Document;
    use crate::oidc::response::testing;

    const ISSUER: &str = "https://a.example.com";

    /// What is missing, by the name of its member.
    fn missing(members: Value, ask: Ask) -> String {
        let mut body = json!({"issuer": ISSUER});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = testing::json(200, &body);
        let metadata = Metadata::process(&answer, Document::Oauth, ISSUER, &BTreeMap::new(), &mut vec![]).unwrap();
        match offered(&metadata, &ask) {
            Ok(()) => String::new(),
            Err(fault) => {
                assert_eq!(fault.class, Class::Unsupported);
                fault.detail.split(' ').nth(2).unwrap().to_owned()
            }
        }
    }

    fn asking(response_type: &str) -> Ask {
        Ask { response_type: ResponseType::parse(response_type).unwrap(), ..Ask::default() }
    }

    #[test]
    fn what_is_not_listed_is_named() {
        let types = json!({"response_types_supported": ["code", "id_token code", "id_token"]});
        assert_eq!(missing(types.clone(), asking("code id_token")), "");
        assert_eq!(missing(types.clone(), asking("code id_token token")), "response_types_supported");
        assert_eq!(missing(types, asking("id_token")), "", "the implicit grant is among the defaults");
        let code_only = json!({"grant_types_supported": ["authorization_code"]});
        assert_eq!(missing(code_only.clone(), asking("id_token")), "grant_types_supported");
        assert_eq!(missing(code_only, asking("code id_token")), "", "a list of types says more");
        let claims = Ask { claims: Some("{}".into()), ..Ask::default() };
        assert_eq!(missing(json!({}), claims.clone()), "claims_parameter_supported");
        assert_eq!(missing(json!({"claims_parameter_supported": true}), claims), "");
        let acr = Ask { acr_values: vec!["gold".into(), "silver".into()], ..Ask::default() };
        assert_eq!(missing(json!({"acr_values_supported": ["0"]}), acr.clone()), "acr_values_supported");
        assert_eq!(missing(json!({"acr_values_supported": ["silver"]}), acr.clone()), "");
        assert_eq!(missing(json!({}), acr), "");
        let silent = Ask { prompt: Some("none".into()), ..Ask::default() };
        assert_eq!(missing(json!({"prompt_values_supported": ["login"]}), silent.clone()), "prompt_values_supported");
        assert_eq!(missing(json!({}), silent), "");
    }

    #[test]
    fn a_mode_must_be_listed_where_it_is_asked_for() {
        let posted = |response_type| Ask { response_mode: Some(ResponseMode::FormPost), ..asking(response_type) };
        assert_eq!(missing(json!({}), posted("code")), "response_modes_supported", "query and fragment by default");
        assert_eq!(missing(json!({"response_modes_supported": ["form_post"]}), posted("code id_token")), "");
        let fragment = Ask { response_mode: Some(ResponseMode::Fragment), ..asking("id_token") };
        assert_eq!(missing(json!({"response_modes_supported": ["query"]}), fragment), "");
        assert!(offered(&Metadata::configured(ISSUER, &BTreeMap::new()), &posted("id_token")).is_ok());
    }
}
