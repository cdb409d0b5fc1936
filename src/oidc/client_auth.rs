//! How a client proves who it is to the provider (RFC 6749 §2.3.1, OIDC Core §9). Pure.

use ::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use crate::fault::{Class, Fault};
use crate::oidc::settings::{AuthMethod, Client};
use crate::secret::Secret;

/// Adds what proves the client's identity to a request's headers or form. Fault: `config` if the method needs a secret
/// and there is none.
pub fn authenticate(
    client: &Client,
    secret: Option<&Secret>,
    headers: &mut HeaderMap,
    form: &mut Vec<(String, String)>,
) -> Result<(), Fault> {
    let needed = || {
        secret.ok_or_else(|| {
            let detail = format!("client {}: {} needs client_secret", client.name, client.auth_method.as_str());
            Fault::new(Class::Config, detail)
        })
    };
    match client.auth_method {
        AuthMethod::ClientSecretBasic => {
            let mut value = HeaderValue::from_str(&format!("Basic {}", basic(&client.client_id, needed()?)))
                .map_err(|_| Fault::new(Class::Internal, "base64 is always a header value"))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        AuthMethod::ClientSecretPost => {
            form.push(("client_id".to_owned(), client.client_id.to_string()));
            form.push(("client_secret".to_owned(), needed()?.expose().to_owned()));
        }
        // A public client still says who it is (RFC 6749 §3.2.1).
        AuthMethod::None => form.push(("client_id".to_owned(), client.client_id.to_string())),
    }
    Ok(())
}

/// The credentials of HTTP Basic: both parts are form-encoded first (RFC 6749 §2.3.1 and appendix B).
pub fn basic(client_id: &str, secret: &Secret) -> String {
    let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretSource;

    fn client(auth_method: AuthMethod) -> Client {
        Client {
            name: "web".into(),
            client_id: "web".into(),
            secret: Some(SecretSource::Env("X".into())),
            auth_method,
            redirect_uri: None,
            post_logout_redirect_uri: None,
            scopes: vec![],
            require_pkce: true,
            id_token_alg: None,
        }
    }

    /// The example of RFC 6749 §2.3.1.
    #[test]
    fn basic_as_in_the_rfc() {
        assert_eq!(
            basic("s6BhdRkqt3", &Secret::new("7Fjfp0ZBr1KtDRbnfVdmIw")),
            "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
        );
    }

    /// Appendix B's own string: " %&+£€" becomes "+%25%26%2B%C2%A3%E2%82%AC"; a colon must not end the first part.
    #[test]
    fn both_parts_are_form_encoded_first() {
        let sent = STANDARD.decode(basic("a:b", &Secret::new(" %&+£€"))).unwrap();
        assert_eq!(String::from_utf8(sent).unwrap(), "a%3Ab:+%25%26%2B%C2%A3%E2%82%AC");
    }

    #[test]
    fn each_method_puts_it_where_it_belongs() {
        let secret = Secret::new("web-secret");
        for (method, header, pairs) in [
            (AuthMethod::ClientSecretBasic, Some("Basic d2ViOndlYi1zZWNyZXQ="), &[][..]),
            (AuthMethod::ClientSecretPost, None, &[("client_id", "web"), ("client_secret", "web-secret")]),
            (AuthMethod::None, None, &[("client_id", "web")]),
        ] {
            let (mut headers, mut form) = (HeaderMap::new(), Vec::new());
            authenticate(&client(method), Some(&secret), &mut headers, &mut form).unwrap();
            assert_eq!(headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap()), header);
            let form: Vec<_> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(form, pairs);
        }
    }

    #[test]
    fn a_missing_secret_is_a_matter_of_configuration() {
        let fault =
            authenticate(&client(AuthMethod::ClientSecretBasic), None, &mut HeaderMap::new(), &mut vec![]).unwrap_err();
        assert_eq!(fault.class, Class::Config);
    }
}
