//! `[[client]]` and `[[user]]`: as whom we come.

use std::sync::Arc;

use super::desk::Desk;
use super::proofs;
use super::typed::{self, Item};
use crate::browser::Passkey;
use crate::config::model::{AuthMethod as WrittenMethod, Client as WrittenClient, User as WrittenUser};
use crate::config::nearest;
use crate::oidc::settings::{AuthMethod, Client, RedirectUri, User};

/// Algorithms of ID tokens that can be verified (RFC 7518 §3.1, RFC 8037).
const ALGORITHMS: [&str; 12] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512"];

/// What `authprobe init` writes where a person must put in a name.
pub const PLACEHOLDER: &str = "CHANGE-ME";

/// A client and the name of its provider.
pub struct Resolved {
    /// The client.
    pub client: Arc<Client>,
    /// Its provider's name.
    pub provider: String,
}

/// Resolves all clients, whose providers have these names.
pub fn clients(desk: &mut Desk<'_>, providers: &[String]) -> (Vec<Resolved>, Vec<String>) {
    let items: Vec<Item<'_, WrittenClient>> = typed::items(desk.loaded, "client", &mut desk.mistakes);
    typed::unique("client", &items, &mut desk.mistakes);
    let known: Vec<&str> = providers.iter().map(String::as_str).collect();
    let mut all = Vec::new();
    for item in &items {
        let Some(written) = &item.value else { continue };
        if !known.contains(&written.provider.as_str()) {
            let mistake = |message: String| item.mistake("provider", message);
            desk.wrong(typed::unknown(mistake, "provider", &written.provider, &known));
        }
        if written.client_id == PLACEHOLDER {
            desk.note(format!("client {}: its client_id still is {PLACEHOLDER}", written.name.0));
        }
        all.push(Resolved { client: Arc::new(client(desk, item, written)), provider: written.provider.clone() });
    }
    (all, typed::names(&items).into_iter().map(str::to_owned).collect())
}

fn client(desk: &mut Desk<'_>, item: &Item<'_, WrittenClient>, written: &WrittenClient) -> Client {
    let secret = written.client_secret.as_ref().map(|source| desk.secret(item, "client_secret", source));
    let auth_method = match written.auth_method {
        None | Some(WrittenMethod::ClientSecretBasic) => AuthMethod::ClientSecretBasic,
        Some(WrittenMethod::ClientSecretPost) => AuthMethod::ClientSecretPost,
        Some(WrittenMethod::ClientSecretJwt) => AuthMethod::ClientSecretJwt,
        Some(WrittenMethod::PrivateKeyJwt) => AuthMethod::PrivateKeyJwt,
        Some(WrittenMethod::TlsClientAuth) => AuthMethod::TlsClientAuth,
        Some(WrittenMethod::SelfSignedTlsClientAuth) => AuthMethod::SelfSignedTlsClientAuth,
        Some(WrittenMethod::None) => AuthMethod::None,
    };
    let has_secret = item.node.get("client_secret").is_some();
    // If the method itself is wrong, that is on record and what it needs is not known.
    let method_known = written.auth_method.is_some() || item.node.get("auth_method").is_none();
    let proof = proofs::proof(desk, item, written, method_known.then_some(auth_method));
    let mut address = |key: &str, text: &Option<String>| {
        let parsed = RedirectUri::parse(text.as_deref()?);
        parsed.map_err(|why| desk.wrong(item.mistake(key, why))).ok()
    };
    let redirect_uri = address("redirect_uri", &written.redirect_uri);
    let post_logout_redirect_uri = address("post_logout_redirect_uri", &written.post_logout_redirect_uri);
    let scopes = match &written.scopes {
        Some(scopes) => scopes.clone(),
        None if written.redirect_uri.is_some() => vec!["openid".to_owned()],
        None => Vec::new(),
    };
    if let Some(algorithm) = &written.id_token_alg {
        check_algorithm(desk, item, algorithm, has_secret);
    }
    Client {
        name: written.name.0.as_str().into(),
        client_id: written.client_id.as_str().into(),
        secret,
        auth_method,
        proof,
        par: written.par,
        redirect_uri,
        post_logout_redirect_uri,
        scopes,
        require_pkce: written.require_pkce.unwrap_or(false),
        id_token_alg: written.id_token_alg.clone(),
    }
}

fn check_algorithm(desk: &mut Desk<'_>, item: &Item<'_, WrittenClient>, algorithm: &str, has_secret: bool) {
    if !ALGORITHMS.contains(&algorithm) {
        let mut message = format!("unknown algorithm `{algorithm}`");
        if algorithm == "none" {
            message = "an unsigned ID token proves nothing".to_owned();
        } else if let Some(near) = nearest::nearest(algorithm, ALGORITHMS) {
            message.push_str(&format!(": did you mean `{near}`?"));
        }
        let help = format!("one of {}", nearest::listed(ALGORITHMS));
        desk.wrong(item.mistake("id_token_alg", message).help(help));
    } else if algorithm.starts_with("HS") && !has_secret {
        let message = format!("{algorithm} is keyed with the `client_secret`, and there is none");
        desk.wrong(item.mistake("id_token_alg", message));
    }
}

/// Resolves all users.
pub fn users(desk: &mut Desk<'_>) -> (Vec<Arc<User>>, Vec<String>) {
    let items: Vec<Item<'_, WrittenUser>> = typed::items(desk.loaded, "user", &mut desk.mistakes);
    typed::unique("user", &items, &mut desk.mistakes);
    let mut all = Vec::new();
    for item in &items {
        let Some(written) = &item.value else { continue };
        if written.username == PLACEHOLDER {
            desk.note(format!("user {}: its username still is {PLACEHOLDER}", written.name.0));
        }
        let password = desk.secret(item, "password", &written.password);
        let totp = written.totp.as_ref().map(|source| {
            if let Some(seed) = desk.secret_value(item, "totp", source)
                && !is_base32(seed.expose())
            {
                desk.wrong(item.mistake("totp", format!("{source} is not a TOTP seed in base32 (A to Z, 2 to 7)")));
            }
            desk.locate(item.at("totp"), source)
        });
        let passkey = written.passkey.as_ref().map(|source| {
            if let Some(secret) = desk.secret_value(item, "passkey", source)
                && let Err(why) = Passkey::parse(&secret)
            {
                desk.wrong(item.mistake("passkey", format!("{source} is not a passkey: {why}")));
            }
            desk.locate(item.at("passkey"), source)
        });
        all.push(Arc::new(User {
            name: written.name.0.as_str().into(),
            username: written.username.as_str().into(),
            password,
            totp,
            passkey,
        }));
    }
    (all, typed::names(&items).into_iter().map(str::to_owned).collect())
}

/// RFC 4648 §6 as people write it: any case, spaces and padding allowed; at least 80 bits (RFC 4226 wants 128, many
/// services give 80).
fn is_base32(seed: &str) -> bool {
    let letters: String = seed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let letters = letters.trim_end_matches('=');
    letters.len() >= 16 && letters.bytes().all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds() {
        for (seed, good) in [
            ("JBSWY3DPEHPK3PXP", true),
            ("jbsw y3dp ehpk 3pxp", true),
            ("JBSWY3DPEHPK3PXPJA======", true),
            ("JBSWY3DPEHPK3PX0", false),
            ("JBSW", false),
            ("", false),
        ] {
            assert_eq!(is_base32(seed), good, "{seed}");
        }
    }

    #[test]
    fn redirect_uris() {
        for (text, good) in [
            ("http://127.0.0.1:8765/cb", true),
            ("com.example.app:/cb", true),
            ("https://app.example.com/cb?x=1", true),
            ("/cb", false),
            ("https://app.example.com/cb#x", false),
        ] {
            assert_eq!(RedirectUri::parse(text).is_ok(), good, "{text}");
        }
    }
}
