//! How a client proves who it is to the provider in what it sends (RFC 6749 §2.3.1, OIDC Core §9, RFC 7523, RFC 8705). Pure,
//! but for what makes an assertion unique.

use ::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use jsonwebtoken::EncodingKey;

use crate::clock::Timestamp;
use crate::fault::{Class, Fault};
use crate::oidc::alg::Alg;
use crate::oidc::jws::Signer;
use crate::oidc::private_key::PrivateKey;
use crate::oidc::settings::{AuthMethod, Client};
use crate::oidc::{assertion, pkce};
use crate::secret::Secret;

/// What a client has to prove itself with, as it reads now.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// Its secret.
    pub secret: Option<&'a Secret>,
    /// Its private key.
    pub key: Option<&'a PrivateKey>,
    /// `aud` of its assertions.
    pub audience: &'a str,
    /// Now, by our clock.
    pub now: Timestamp,
}

/// Adds what proves the client's identity to a request's headers or form; gives the assertion, if one was made: it must be
/// masked. A certificate is shown elsewhere, in the handshake. Fault: `config` if the method needs what is not there.
pub fn authenticate(
    client: &Client,
    means: &Means<'_>,
    headers: &mut HeaderMap,
    form: &mut Vec<(String, String)>,
) -> Result<Option<Secret>, Fault> {
    let lacks = |what: &str| {
        let detail = format!("client {}: {} needs {what}", client.name, client.auth_method.as_str());
        Fault::new(Class::Config, detail)
    };
    let needed = || means.secret.ok_or_else(|| lacks("client_secret"));
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
        AuthMethod::ClientSecretJwt => {
            let alg = client.proof.assertion_alg.or_else(|| Alg::from_name("HS256"));
            let key = EncodingKey::from_secret(needed()?.expose().as_bytes());
            return assert(client, means, alg, &key, None, form).map(Some);
        }
        AuthMethod::PrivateKeyJwt => {
            let key = means.key.ok_or_else(|| lacks("key"))?;
            let alg = client.proof.assertion_alg.or_else(|| key.algs().next());
            let key_id = client.proof.key_id.as_deref().or(key.kid());
            return assert(client, means, alg, key.encoding(), key_id, form).map(Some);
        }
        // Who shows a certificate says whose it is (RFC 8705 §2), and so does a public client (RFC 6749 §3.2.1).
        AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth | AuthMethod::None => {
            form.push(("client_id".to_owned(), client.client_id.to_string()));
        }
    }
    Ok(None)
}

fn assert(
    client: &Client,
    means: &Means<'_>,
    alg: Option<&'static Alg>,
    key: &EncodingKey,
    key_id: Option<&str>,
    form: &mut Vec<(String, String)>,
) -> Result<Secret, Fault> {
    let alg = alg.ok_or_else(|| Fault::new(Class::Internal, "no algorithm for the assertion"))?;
    let claims = assertion::claims(&client.client_id, means.audience, pkce::random().expose(), means.now);
    let made = assertion::sign(&claims, key_id, &Signer::Key(alg, key))
        .map_err(|fault| Fault { detail: format!("client {}: {}", client.name, fault.detail), ..fault })?;
    form.extend(assertion::parameters(&client.client_id, &made));
    Ok(made)
}

/// The credentials of HTTP Basic: both parts are form-encoded first (RFC 6749 §2.3.1 and appendix B).
pub fn basic(client_id: &str, secret: &Secret) -> String {
    let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::jwt::Jwt;
    use crate::oidc::settings::Proof;
    use crate::secret::SecretSource;

    fn client(auth_method: AuthMethod) -> Client {
        Client {
            name: "web".into(),
            client_id: "web".into(),
            secret: Some(SecretSource::Env("X".into())),
            auth_method,
            proof: Proof::default(),
            par: None,
            redirect_uri: None,
            post_logout_redirect_uri: None,
            scopes: vec![],
            require_pkce: true,
            id_token_alg: None,
        }
    }

    fn means<'a>(secret: Option<&'a Secret>, key: Option<&'a PrivateKey>) -> Means<'a> {
        Means { secret, key, audience: "https://a.example.com/token", now: Timestamp::from_secs(1_700_000_000) }
    }

    fn sent(client: &Client, means: &Means<'_>) -> (Option<String>, Vec<(String, String)>) {
        let (mut headers, mut form) = (HeaderMap::new(), Vec::new());
        authenticate(client, means, &mut headers, &mut form).unwrap();
        (headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned()), form)
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
            (AuthMethod::TlsClientAuth, None, &[("client_id", "web")]),
            (AuthMethod::SelfSignedTlsClientAuth, None, &[("client_id", "web")]),
            (AuthMethod::None, None, &[("client_id", "web")]),
        ] {
            let (sent, form) = sent(&client(method), &means(Some(&secret), None));
            assert_eq!(sent.as_deref(), header);
            let form: Vec<_> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(form, pairs);
        }
    }

    /// OIDC Core §9.
    #[test]
    fn an_assertion_is_made_anew_for_every_request() {
        let (secret, es256) = (Secret::new("a shared secret of thirty-two oct"), Alg::from_name("ES256").unwrap());
        let key = PrivateKey::generate(es256).unwrap();
        for (method, alg) in [(AuthMethod::ClientSecretJwt, "HS256"), (AuthMethod::PrivateKeyJwt, "ES256")] {
            let mut client = client(method);
            client.proof.key_id = Some("k1".to_owned());
            let means = means(Some(&secret), Some(&key));
            let assertion = || {
                let (headers, form) = sent(&client, &means);
                assert_eq!(headers, None);
                let names: Vec<_> = form.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, ["client_id", "client_assertion_type", "client_assertion"]);
                Jwt::decode(&form[2].1, "assertion").unwrap()
            };
            let (one, other) = (assertion(), assertion());
            assert_eq!(one.header.alg, alg);
            assert_eq!(one.header.kid.as_deref(), (alg == "ES256").then_some("k1"));
            assert_eq!(one.claims.string("aud"), Some("https://a.example.com/token"));
            assert_ne!(one.claims.get("jti"), other.claims.get("jti"));
        }
    }

    #[test]
    fn a_missing_secret_is_a_matter_of_configuration() {
        for method in [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretJwt, AuthMethod::PrivateKeyJwt] {
            let made = authenticate(&client(method), &means(None, None), &mut HeaderMap::new(), &mut vec![]);
            assert_eq!(made.unwrap_err().class, Class::Config);
        }
    }
}
