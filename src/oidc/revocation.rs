//! Token revocation: RFC 7009. Pure.

use crate::fault::Fault;
use crate::oidc::http::Response;
use crate::oidc::settings::Client;
use crate::oidc::token;
use crate::outcome::Warning;

/// Whether the provider acknowledged (§2.2: status 200, the body means nothing; unknown tokens get the same). Faults:
/// `credentials`, `oauth_error`, `http_status` (a 503 with `Retry-After` among them), `redirect`, `malformed`.
pub fn process(answer: &Response, client: &Client, warnings: &mut Vec<Warning>) -> Result<(), Fault> {
    match answer.status.as_u16() {
        200 => Ok(()),
        status @ (202 | 204) => {
            let detail = format!("revocation is acknowledged with 200, not {status}");
            warnings.push(Warning::new("revocation_status", "RFC 7009 §2.2", detail));
            Ok(())
        }
        _ => Err(token::failure(answer, "revocation endpoint", client, warnings)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::Class;
    use crate::oidc::response::testing::response;
    use crate::oidc::token::tests::client;

    #[test]
    fn only_200_acknowledges_and_the_body_means_nothing() {
        assert_eq!(process(&response(200, &[], "<html>"), &client(), &mut vec![]), Ok(()));
        let mut warnings = Vec::new();
        assert_eq!(process(&response(204, &[], ""), &client(), &mut warnings), Ok(()));
        assert_eq!(warnings[0].code, "revocation_status");
    }

    #[test]
    fn refusals_are_told_apart() {
        let fail = |status, headers: &[_], body: &'static str| {
            process(&response(status, headers, body), &client(), &mut vec![]).unwrap_err()
        };
        assert_eq!(fail(400, &[], r#"{"error":"unsupported_token_type"}"#).class, Class::OauthError);
        assert_eq!(fail(401, &[], r#"{"error":"invalid_client"}"#).class, Class::Credentials);
        let busy = fail(503, &[("retry-after", "5")], "");
        assert_eq!((busy.class, busy.retry_after), (Class::HttpStatus, Some(Duration::from_secs(5))));
    }
}
