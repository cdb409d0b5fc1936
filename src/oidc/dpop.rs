//! Demonstrating Proof of Possession (RFC 9449): proofs, nonces, and what ties a token to our key. Pure, but for what is
//! remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, Method};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use url::Url;

use crate::clock::Timestamp;
use crate::fault::{Class, Fault};
use crate::oidc::alg::Alg;
use crate::oidc::http::Response;
use crate::oidc::jws::{self, Signer};
use crate::oidc::metadata::Metadata;
use crate::oidc::private_key::PrivateKey;
use crate::oidc::response::OauthError;
use crate::secret::Secret;

/// `token_type` and authentication scheme (RFC 9449 §5 and §7.1).
pub const SCHEME: &str = "DPoP";
/// The metadata's list of algorithms for proofs (RFC 9449 §5.1).
const ALGS: &str = "dpop_signing_alg_values_supported";
/// What fresh keys are made for, the most common first. (RSA keys take too long to make.)
const FRESH: [&str; 4] = ["ES256", "EdDSA", "Ed25519", "ES384"];
/// The longest nonce that is sent back (characters).
const MAX_NONCE: usize = 1000;

/// What a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// Where it goes.
    pub url: &'a Url,
    /// The access token that goes with it.
    pub access: Option<&'a Secret>,
    /// What the server wants to see.
    pub nonce: Option<&'a str>,
    /// Good once.
    pub jti: &'a str,
    /// When it is made.
    pub now: Timestamp,
}

/// Makes a proof (RFC 9449 §4.2). Fault: `config`, if the key cannot sign.
pub fn proof(key: &PrivateKey, alg: &'static Alg, what: Use<'_>) -> Result<Secret, Fault> {
    let header = Map::from_iter([
        ("typ".to_owned(), json!("dpop+jwt")),
        ("jwk".to_owned(), Value::Object(key.public_jwk().clone())),
    ]);
    let mut claims = Map::from_iter([
        ("jti".to_owned(), json!(what.jti)),
        ("htm".to_owned(), json!(what.method.as_str())),
        ("htu".to_owned(), json!(target(what.url))),
        ("iat".to_owned(), json!(what.now.as_secs())),
    ]);
    claims.extend(what.access.map(|token| ("ath".to_owned(), json!(hash(token)))));
    claims.extend(what.nonce.map(|nonce| ("nonce".to_owned(), json!(nonce))));
    jws::sign(header, &claims, &Signer::Key(alg, key.encoding()))
}

/// `htu`: the URL without query and fragment.
fn target(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// `ath`: the base64url SHA-256 of an access token.
fn hash(token: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.expose().as_bytes()))
}

/// A key and how it signs.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub key: Arc<PrivateKey>,
    /// One of the algorithms that the provider offers.
    pub alg: &'static Alg,
}

/// What the metadata says of proofs.
fn offered(metadata: &Metadata) -> Result<Option<Vec<&str>>, Fault> {
    // Without metadata nobody has said anything.
    if metadata.document().is_none() {
        return Ok(None);
    }
    let absent = || Fault::new(Class::Unsupported, format!("the provider's metadata has no {ALGS}"));
    metadata.list(ALGS).map(Some).ok_or_else(absent)
}

/// The algorithm with which that key signs proofs for this provider; without metadata its customary one. Fault:
/// `unsupported`.
pub fn algorithm(key: &PrivateKey, metadata: Option<&Metadata>) -> Result<&'static Alg, Fault> {
    let offered = metadata.map_or(Ok(None), offered)?;
    let fits = |alg: &&'static Alg| offered.as_ref().is_none_or(|listed| listed.contains(&alg.name));
    key.algs().find(fits).ok_or_else(|| none_fits(&format!("the client's {} can sign", key.describe())))
}

/// For which algorithm a fresh key for this provider is made. Fault: `unsupported`.
pub fn fresh_algorithm(metadata: &Metadata) -> Result<&'static Alg, Fault> {
    let offered = offered(metadata)?;
    let fits = |name: &&&str| offered.as_ref().is_none_or(|listed| listed.contains(*name));
    let alg = FRESH.iter().find(fits).and_then(|name| Alg::from_name(name));
    alg.ok_or_else(|| none_fits("fresh keys are made for (name one under the client's `key`)"))
}

fn none_fits(whose: &str) -> Fault {
    Fault::new(Class::Unsupported, format!("the provider's {ALGS} lists none of the algorithms that {whose}"))
}

/// Whether an answer demands a nonce: at the token endpoint by its error (RFC 9449 §8), at a resource by its challenge
/// (§9).
pub fn wants_nonce(answer: &Response) -> bool {
    let error = match answer.status.as_u16() {
        400 => OauthError::from_body(&answer.body),
        401 => OauthError::from_challenge(&answer.headers).or_else(|| OauthError::from_body(&answer.body)),
        _ => None,
    };
    error.is_some_and(|error| error.code == "use_dpop_nonce")
}

/// The nonce to use from now on, if the answer brings one (RFC 9449 §8.1: printable ASCII without `"` and `\`).
pub fn nonce(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("dpop-nonce")?.to_str().ok()?;
    let valid = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (!value.is_empty() && value.len() <= MAX_NONCE && value.bytes().all(valid)).then_some(value)
}

/// What is wrong if a nonce is demanded in vain: none was given, or the one that was given is not taken (nodes that do not
/// know of each other's).
pub fn insists(answer: &Response, what: &str) -> Fault {
    match nonce(&answer.headers) {
        None => {
            let detail = format!("{what} demands a DPoP nonce and gives none in DPoP-Nonce (RFC 9449 §8)");
            Fault::new(Class::Malformed, detail)
        }
        Some(_) => {
            let detail = "demands another DPoP nonce instead of the one that it gave (RFC 9449 §8)";
            Fault::new(Class::OauthError, format!("use_dpop_nonce: {what} {detail}"))
        }
    }
}

/// The nonces that servers gave in this run, by origin.
#[derive(Clone, Debug, Default)]
pub struct Nonces(Arc<Mutex<HashMap<String, String>>>);

impl Nonces {
    /// The one for that server.
    pub fn of(&self, url: &Url) -> Option<String> {
        self.0.lock().expect("nonces").get(&url.origin().ascii_serialization()).cloned()
    }

    /// An answer of that server came; whether it brought a nonce.
    pub fn saw(&self, answer: &Response) -> bool {
        let Some(nonce) = nonce(&answer.headers) else { return false };
        let origin = answer.url.origin().ascii_serialization();
        self.0.lock().expect("nonces").insert(origin, nonce.to_owned());
        true
    }
}

/// Fresh keys of clients, by name: as long as the process, since refresh tokens of public clients are bound to them
/// (RFC 9449 §5).
#[derive(Debug, Default)]
pub struct Keys(Mutex<HashMap<Arc<str>, Key>>);

impl Keys {
    /// That client's key, which its tokens were asked for with. Fault: `internal`.
    pub fn known(&self, client: &Arc<str>) -> Result<Key, Fault> {
        let known = self.0.lock().expect("DPoP keys").get(client).cloned();
        known.ok_or_else(|| Fault::new(Class::Internal, "a token is to be shown that nobody asked for with a proof"))
    }

    /// That client's key; a new one if it has none that signs so. Fault: `internal`.
    pub fn of(&self, client: &Arc<str>, alg: &'static Alg) -> Result<Key, Fault> {
        let mut keys = self.0.lock().expect("DPoP keys");
        if let Some(known) = keys.get(client).filter(|known| known.key.fits(alg)) {
            return Ok(Key { alg, ..known.clone() });
        }
        let made = Key { key: Arc::new(PrivateKey::generate(alg)?), alg };
        keys.insert(client.clone(), made.clone());
        Ok(made)
    }
}

#[cfg(test)]
mod tests;
