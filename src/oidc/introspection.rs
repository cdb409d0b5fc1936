//! Token introspection: RFC 7662. Pure.

use serde_json::Value;

use crate::fault::{Class, Fault};
use crate::oidc::http::Response;
use crate::oidc::settings::Client;
use crate::oidc::{json, response, token};
use crate::outcome::Warning;

/// Whether the token is active (§2.2). Faults: `credentials`, `oauth_error`, `http_status`, `redirect`, `malformed`.
pub fn process(answer: &Response, client: &Client, warnings: &mut Vec<Warning>) -> Result<bool, Fault> {
    if answer.status != 200 {
        return Err(token::failure(answer, "introspection endpoint", client, warnings));
    }
    let members = response::json_object(answer, "introspection response", warnings)?;
    match members.get("active") {
        Some(Value::Bool(active)) => Ok(*active),
        Some(other) => {
            let detail = format!("introspection response: active is {}, not a boolean", json::kind(other));
            Err(Fault::new(Class::Malformed, detail))
        }
        None => Err(Fault::new(Class::Malformed, "introspection response: active is missing (RFC 7662 §2.2)")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oidc::response::testing;
    use crate::oidc::token::tests::client;

    #[test]
    fn active_is_a_boolean_and_nothing_else() {
        let read = |body| process(&testing::json(200, &body), &client(), &mut vec![]).map_err(|f| f.class);
        assert_eq!(read(json!({"active": true, "exp": 1.5})), Ok(true));
        assert_eq!(read(json!({"active": false})), Ok(false));
        for body in [json!({}), json!({"active": "true"}), json!({"active": 1}), json!([true])] {
            assert_eq!(read(body), Err(Class::Malformed));
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        let read = |status, body| process(&testing::json(status, &body), &client(), &mut vec![]).unwrap_err().class;
        assert_eq!(read(401, json!({"error": "invalid_client"})), Class::Credentials);
        assert_eq!(read(403, json!({"error": "access_denied"})), Class::OauthError);
        assert_eq!(read(500, json!({})), Class::HttpStatus);
    }
}
