use super::*;
use crate::oidc::settings::AuthMethod;

pub(crate) fn client() -> Client {
    Client {
        name: "main-web".into(),
        client_id: "web".into(),
        secret: None,
        auth_method: AuthMethod::ClientSecretBasic,
        redirect_uri: None,
        scopes: vec!["openid".into(), "profile".into()],
        require_pkce: true,
        id_token_alg: None,
    }
}
