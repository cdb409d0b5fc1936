//! What a `[[client]]` proves itself with: its secret, its keys, its certificate. Every mistake at once.

use super::desk::Desk;
use super::typed::Item;
use crate::config::model::{AssertionAudience, Client as Written};
use crate::config::nearest;
use crate::oidc::alg::Alg;
use crate::oidc::http::Identity;
use crate::oidc::private_key::PrivateKey;
use crate::oidc::settings::{Audience, AuthMethod, Proof};
use crate::secret::{Secret, SecretSource};

/// Algorithms of assertions (RFC 7518 §3.1, RFC 8037).
const ALGORITHMS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519", "HS256", "HS384",
    "HS512",
];
/// What HS256 wants at least (octets, RFC 7518 §3.2).
const SHORTEST_SECRET: usize = 32;

/// Reads what the client proves itself with and holds it against its method; `None`: that is wrong itself.
pub fn proof(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written, method: Option<AuthMethod>) -> Proof {
    let has = |key: &str| item.node.get(key).is_some();
    let key = written.key.as_ref().and_then(|source| private_key(desk, item, source));
    let proof = Proof {
        key: written.key.as_ref().map(|source| desk.locate(item.at("key"), source)),
        key_id: written.key_id.clone(),
        assertion_alg: written.assertion_alg.as_deref().and_then(|name| algorithm(desk, item, name)),
        audience: match written.assertion_audience {
            Some(AssertionAudience::Issuer) => Audience::Issuer,
            Some(AssertionAudience::TokenEndpoint) | None => Audience::TokenEndpoint,
        },
        certificate: certificate(desk, item, written),
        dpop: written.dpop.unwrap_or(false),
    };
    if let Some(method) = method {
        needs(desk, item, written, method);
        idle(desk, item, method, proof.dpop);
        if let Some(alg) = proof.assertion_alg {
            fits(desk, item, method, alg, key.as_ref());
        }
        if method == AuthMethod::ClientSecretJwt {
            note_short_secret(desk, item, written);
        }
    }
    if written.par == Some(true) && !has("redirect_uri") {
        let message = "`par` is for logins, and this client has no `redirect_uri`";
        desk.wrong(item.mistake("par", message));
    }
    proof
}

/// What the method cannot do without.
fn needs(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written, method: AuthMethod) {
    let has = |key: &str| item.node.get(key).is_some();
    let name = method.as_str();
    let mut lacks = |what: &str, help: &str| {
        desk.wrong(item.mistake("auth_method", format!("`{name}` needs a `{what}`")).help(help.to_owned()));
    };
    if method.needs_secret() && !has("client_secret") {
        let help = match written.auth_method {
            None if has("key") => "a client with a key of its own says auth_method = \"private_key_jwt\"",
            None if has("certificate") => "a client with a certificate says auth_method = \"tls_client_auth\"",
            _ => "a public client says auth_method = \"none\"",
        };
        lacks("client_secret", help);
    }
    if method == AuthMethod::PrivateKeyJwt && !has("key") {
        lacks("key", "the private key whose public half is registered: key = { file = \"client.pem\" }");
    }
    if method.shows_certificate() && !has("certificate") && !has("certificate_key") {
        lacks("certificate", "and the key to it: certificate_key = { file = \"client.key\" }");
    }
}

/// What the method makes no use of: more likely a mistake than wanted.
fn idle(desk: &mut Desk<'_>, item: &Item<'_, Written>, method: AuthMethod, dpop: bool) {
    let name = method.as_str();
    let has = |key: &str| item.node.get(key).is_some();
    let keyed_tokens =
        item.node.get("id_token_alg").and_then(|node| node.as_str()).is_some_and(|alg| alg.starts_with("HS"));
    if !method.needs_secret() && has("client_secret") && !keyed_tokens {
        let message = format!("`auth_method = \"{name}\"` never sends a secret");
        desk.wrong(item.mistake("client_secret", message).help("drop one of both"));
    }
    if method != AuthMethod::PrivateKeyJwt && has("key") && !dpop {
        let message = format!("`auth_method = \"{name}\"` signs nothing with a `key`");
        desk.wrong(item.mistake("key", message).help("it is for private_key_jwt, or for DPoP: dpop = true"));
    }
    if method != AuthMethod::PrivateKeyJwt && has("key_id") {
        let message = format!("`auth_method = \"{name}\"` names no key");
        desk.wrong(item.mistake("key_id", message).help("it is for private_key_jwt"));
    }
    for key in ["assertion_alg", "assertion_audience"] {
        if !method.asserts() && has(key) {
            let message = format!("`auth_method = \"{name}\"` makes no assertions");
            desk.wrong(item.mistake(key, message).help("it is for client_secret_jwt and private_key_jwt"));
        }
    }
}

fn algorithm(desk: &mut Desk<'_>, item: &Item<'_, Written>, name: &str) -> Option<&'static Alg> {
    if ALGORITHMS.contains(&name) {
        return Alg::from_name(name);
    }
    let mut message = format!("unknown algorithm `{name}`");
    if name == "none" {
        message = "an unsigned assertion proves nothing".to_owned();
    } else if let Some(near) = nearest::nearest(name, ALGORITHMS) {
        message.push_str(&format!(": did you mean `{near}`?"));
    }
    desk.wrong(item.mistake("assertion_alg", message).help(format!("one of {}", nearest::listed(ALGORITHMS))));
    None
}

fn fits(desk: &mut Desk<'_>, item: &Item<'_, Written>, method: AuthMethod, alg: &Alg, key: Option<&PrivateKey>) {
    let name = alg.name;
    let message = match (method, key) {
        (AuthMethod::ClientSecretJwt, _) if !alg.is_symmetric() => {
            format!("{name} is for a private key, and `client_secret_jwt` keys its assertions with the secret")
        }
        (AuthMethod::PrivateKeyJwt, _) if alg.is_symmetric() => {
            format!("{name} is keyed with a secret, and `private_key_jwt` signs with the `key`")
        }
        (AuthMethod::PrivateKeyJwt, Some(key)) if !key.fits(alg) => {
            format!("the `key` ({}) cannot sign with {name}", key.describe())
        }
        _ => return,
    };
    desk.wrong(item.mistake("assertion_alg", message));
}

fn private_key(desk: &mut Desk<'_>, item: &Item<'_, Written>, source: &SecretSource) -> Option<PrivateKey> {
    let text = desk.secret_value(item, "key", source)?;
    match PrivateKey::parse(text.expose()) {
        Ok(key) => Some(key),
        Err(why) => {
            desk.wrong(item.mistake("key", format!("{source}: {why}")));
            None
        }
    }
}

fn certificate(
    desk: &mut Desk<'_>,
    item: &Item<'_, Written>,
    written: &Written,
) -> Option<(SecretSource, SecretSource)> {
    for (there, missing) in [("certificate", "certificate_key"), ("certificate_key", "certificate")] {
        if item.node.get(there).is_some() && item.node.get(missing).is_none() {
            desk.wrong(item.mistake(there, format!("`{there}` without `{missing}`")));
        }
    }
    let mut read = |key: &str, source: &Option<SecretSource>| -> Option<(SecretSource, Option<Secret>)> {
        let source = source.as_ref()?;
        let value = desk.secret_value(item, key, source);
        Some((desk.locate(item.at(key), source), value))
    };
    let chain = read("certificate", &written.certificate);
    let key = read("certificate_key", &written.certificate_key);
    let ((chain, chain_text), (key, key_text)) = (chain?, key?);
    if let (Some(chain_text), Some(key_text)) = (chain_text, key_text)
        && let Err(why) = Identity::parse(chain_text.expose(), key_text.expose())
    {
        desk.wrong(item.mistake("certificate", why));
    }
    Some((chain, key))
}

fn note_short_secret(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &Written) {
    let Some(source) = &written.client_secret else { return };
    let located = desk.locate(item.at("client_secret"), source);
    if located.read().is_ok_and(|secret| secret.expose().len() < SHORTEST_SECRET) {
        let name = &written.name.0;
        desk.note(format!(
            "client {name}: its secret is shorter than HS256 needs it ({SHORTEST_SECRET} octets, RFC 7518 §3.2)"
        ));
    }
}
