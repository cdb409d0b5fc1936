//! The lab's clients as a configuration would have them.

use authprobe::oidc::settings::{AuthMethod, Client, Proof, RedirectUri};
use authprobe::secret::SecretSource;

/// The client of that identifier; without a secret, it has none.
pub fn of(id: &str, secret: SecretSource) -> Client {
    let machine = id == "svc";
    let scopes: &[&str] = if machine { &[] } else { &["openid", "profile", "email", "api"] };
    let public = id == "spa";
    Client {
        name: id.into(),
        client_id: id.into(),
        secret: (!public).then_some(secret),
        auth_method: if public { AuthMethod::None } else { AuthMethod::ClientSecretBasic },
        proof: Proof::default(),
        par: None,
        post_logout_redirect_uri: None,
        redirect_uri: Some(RedirectUri::parse("http://127.0.0.1:8765/cb").unwrap()),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        require_pkce: false,
        id_token_alg: None,
    }
}
