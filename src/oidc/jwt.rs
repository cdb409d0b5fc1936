//! JSON Web Tokens: taken apart by ourselves, the signature alone by `jsonwebtoken` (RFC 7515, RFC 7519). Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::fault::{Class, Fault, Finding};
use crate::oidc::alg::Alg;
use crate::oidc::json;
use crate::oidc::jwk::{Key, MAX_RSA_BITS, MIN_RSA_BITS};
use crate::oidc::jwks::KeySet;
use crate::secret::Secret;

/// The longest token that is read (bytes).
pub const MAX_TOKEN: usize = 64 * 1024;
/// Beyond this a NumericDate must be milliseconds (the year 5138).
const MAX_DATE: f64 = 1e11;

/// A signed token, taken apart; nothing is verified yet.
#[derive(Clone, Debug)]
pub struct Jwt {
    /// Its header.
    pub header: Header,
    /// Its claims.
    pub claims: Claims,
    signing_input: String,
    signature: String,
}

/// A JOSE header (RFC 7515 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `alg`.
    pub alg: String,
    /// `kid`.
    pub kid: Option<String>,
    /// `typ`.
    pub typ: Option<String>,
}

/// The claims of a token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(pub Map<String, Value>);

impl Claims {
    /// A claim, as it is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a string.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// `sub`; empty if there is none (a validated token has one).
    pub fn subject(&self) -> &str {
        self.string("sub").unwrap_or_default()
    }

    /// `aud`, one or several.
    pub fn audience(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        }
    }

    /// A NumericDate: seconds since the epoch, which may be a fraction (RFC 7519 §2). `Ok(None)`: absent.
    pub fn date(&self, name: &str) -> Result<Option<f64>, Finding> {
        let wrong = |why: String| Err(Finding::new(Class::Malformed, "RFC 7519 §2", format!("{name} {why}")));
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => match number.as_f64() {
                Some(seconds) if seconds.abs() > MAX_DATE => {
                    wrong(format!("is {number}: that is no number of seconds; milliseconds?"))
                }
                Some(seconds) => Ok(Some(seconds)),
                None => wrong("is no number of seconds".to_owned()),
            },
            Some(other) => wrong(format!("is {}, not a number of seconds", json::kind(other))),
        }
    }

    /// From `iat` to `exp` (seconds), if both are there and in order.
    pub fn lifetime(&self) -> Option<f64> {
        let lifetime = self.date("exp").ok()?? - self.date("iat").ok()??;
        (lifetime > 0.0).then_some(lifetime)
    }
}

impl Jwt {
    /// Takes a token apart; `what` names it in details. Faults: `malformed`, `too_large`, `unsupported` (encrypted).
    pub fn decode(token: &str, what: &str) -> Result<Self, Fault> {
        let malformed = |why: &str| Fault::new(Class::Malformed, format!("{what}: {why}"));
        if token.len() > MAX_TOKEN {
            return Err(Fault::new(
                Class::TooLarge,
                format!("{what}: {} bytes; the limit is {MAX_TOKEN}", token.len()),
            ));
        }
        let parts: Vec<&str> = token.split('.').collect();
        let &[header, payload, signature] = parts.as_slice() else {
            return Err(match parts.len() {
                5 => Fault::new(Class::Unsupported, format!("{what}: it is encrypted (RFC 7516), and we have no key")),
                n => malformed(&format!("{n} parts; a signed token has 3 (RFC 7515 §7.1)")),
            });
        };
        let header = Header::read(&object(header, &format!("{what} header"))?, what)?;
        let claims = Claims(object(payload, &format!("{what} claims"))?);
        if URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(malformed("the signature is not base64url without padding (RFC 7515 §2)"));
        }
        let signing_input = token.rsplit_once('.').map(|(input, _)| input.to_owned()).unwrap_or_default();
        Ok(Self { header, claims, signing_input, signature: signature.to_owned() })
    }

    /// Whether a token that may be opaque is a signed JWT: three parts, the first a JSON object with `alg`.
    pub fn is_jwt(token: &str) -> bool {
        let Some(header) = token.split('.').next().filter(|_| token.split('.').count() == 3) else { return false };
        let Ok(header) = URL_SAFE_NO_PAD.decode(header) else { return false };
        json::parse(&header).is_ok_and(|parsed| parsed.value.get("alg").is_some())
    }

    /// Verifies the signature, under an algorithm that is accepted, with a key of the set (or `secret`, for HMAC).
    pub fn verify<'k>(
        &self,
        keys: &'k KeySet,
        accepts: &Accepts<'_>,
        secret: Option<&Secret>,
    ) -> Result<Option<&'k Key>, Refusal> {
        let alg = accepts.alg(&self.header.alg)?;
        let unsupported = |why: String| Refusal::Unsupported(Fault::new(Class::Unsupported, why));
        let Some(verify) = alg.verify else {
            return Err(unsupported(format!("{} is an algorithm that authprobe cannot verify", alg.name)));
        };
        if alg.is_symmetric() {
            let Some(secret) = secret else {
                return Err(unsupported(format!("{} needs the client's secret, and there is none", alg.name)));
            };
            let key = DecodingKey::from_secret(secret.expose().as_bytes());
            return if self.checks(&key, verify) { Ok(None) } else { Err(self.invalid("the client's secret")) };
        }
        let candidates: Vec<&Key> = keys.candidates(alg, self.header.kid.as_deref()).collect();
        if candidates.is_empty() {
            return Err(Refusal::KeyNotFound(self.key_not_found(keys, alg)));
        }
        let mut cannot = None;
        for key in &candidates {
            match key.decoding_key() {
                Some(decoding) if self.checks(&decoding, verify) => return Ok(Some(key)),
                Some(_) => cannot = too_weak_or_strong(key).or(cannot),
                None => {
                    let crv = key.crv().unwrap_or("this");
                    cannot = Some(unsupported(format!("{crv} is a curve that authprobe cannot verify with")));
                }
            }
        }
        Err(cannot.unwrap_or_else(|| {
            self.invalid(&match candidates.as_slice() {
                [key] => {
                    format!("key {}", key.kid.as_deref().map_or("without kid".to_owned(), |kid| json::short(kid, 60)))
                }
                several => format!("any of {} keys that fit", several.len()),
            })
        }))
    }

    fn checks(&self, key: &DecodingKey, alg: jsonwebtoken::Algorithm) -> bool {
        jsonwebtoken::crypto::verify(&self.signature, self.signing_input.as_bytes(), key, alg).unwrap_or(false)
    }

    fn invalid(&self, with: &str) -> Refusal {
        let detail = format!("the {} signature does not verify with {with}", self.header.alg);
        Refusal::Wrong(Finding::new(Class::SignatureInvalid, "RFC 7515 §5.2", detail))
    }

    fn key_not_found(&self, keys: &KeySet, alg: &Alg) -> Finding {
        let detail = match &self.header.kid {
            Some(kid) => {
                let kid_short = json::short(kid, 60);
                match keys.keys().iter().find(|key| key.kid.as_ref() == Some(kid)) {
                    Some(key) => format!(
                        "the key with kid {kid_short} ({}{}{}) is not one for {}",
                        key.kty(),
                        key.alg.as_deref().map(|a| format!(", alg {}", json::short(a, 20))).unwrap_or_default(),
                        key.usage.as_deref().map(|u| format!(", use {}", json::short(u, 20))).unwrap_or_default(),
                        alg.name
                    ),
                    None => format!("no key of the set has the kid {kid_short}"),
                }
            }
            None => format!("the token names no kid, and no key of the set is one for {}", alg.name),
        };
        Finding::new(Class::KeyNotFound, "OIDC Core 10.1", detail)
    }
}

fn too_weak_or_strong(key: &Key) -> Option<Refusal> {
    let bits = key.rsa_bits()?;
    if bits < MIN_RSA_BITS {
        let detail = format!("signed with an RSA key of {bits} bits; at least {MIN_RSA_BITS} are required");
        return Some(Refusal::Wrong(Finding::new(Class::JwksInvalid, "RFC 7518 §3.3", detail)));
    }
    (bits > MAX_RSA_BITS).then(|| {
        let detail = format!("an RSA key of {bits} bits is more than authprobe can verify with");
        Refusal::Unsupported(Fault::new(Class::Unsupported, detail))
    })
}

impl Header {
    fn read(members: &Map<String, Value>, what: &str) -> Result<Self, Fault> {
        let malformed = |why: String| Fault::new(Class::Malformed, format!("{what}: {why}"));
        let string = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value.clone())),
            Some(other) => Err(malformed(format!("header {name} is {}, not a string", json::kind(other)))),
        };
        let alg = string("alg")?.ok_or_else(|| malformed("header alg is missing (RFC 7515 §4.1.1)".to_owned()))?;
        // RFC 7515 §4.1.11: what is critical and not understood makes a token invalid; we understand no extension.
        if let Some(critical) = members.get("crit") {
            let names = json::shown(critical);
            return Err(malformed(format!("header crit {names} names what a client need not understand")));
        }
        Ok(Self { alg, kid: string("kid")?, typ: string("typ")? })
    }
}

fn object(part: &str, what: &str) -> Result<Map<String, Value>, Fault> {
    let malformed = |why: &str| Fault::new(Class::Malformed, format!("{what}: {why}"));
    let octets = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("not base64url without padding (RFC 7515 §2)"))?;
    let parsed = json::parse(&octets).map_err(|why| malformed(&format!("expected JSON, found {why}")))?;
    if parsed.bom {
        return Err(malformed("begins with a byte order mark (RFC 7519 §7.2)"));
    }
    if !parsed.duplicates.is_empty() {
        let names = parsed.duplicates.join(", ");
        return Err(malformed(&format!("named twice: {names} (RFC 7515 §4, RFC 7519 §4)")));
    }
    match parsed.value {
        Value::Object(members) => Ok(members),
        other => Err(malformed(&format!("expected an object, found {}", json::kind(&other)))),
    }
}

/// Why a signature was not verified.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// No key for it: a fresh key set may have one.
    KeyNotFound(Finding),
    /// The token is not acceptable.
    Wrong(Finding),
    /// We cannot tell.
    Unsupported(Fault),
}

/// Which algorithms a client accepts.
#[derive(Clone, Debug, Default)]
pub struct Accepts<'a> {
    /// The one that the client is registered with; HMAC only this way.
    pub registered: Option<&'a str>,
    /// Those that the metadata offers; `None`: it does not say.
    pub offered: Option<Vec<&'a str>>,
}

impl Accepts<'_> {
    fn alg(&self, name: &str) -> Result<&'static Alg, Refusal> {
        let forbidden =
            |clause, detail: String| Err(Refusal::Wrong(Finding::new(Class::AlgorithmForbidden, clause, detail)));
        let shown = json::short(name, 30);
        if name.eq_ignore_ascii_case("none") {
            return forbidden("RFC 8725 §3.2", "the token is not signed (alg none)".to_owned());
        }
        if let Some(registered) = self.registered
            && registered != name
        {
            let detail = format!("expected alg {registered} (the client's registration), found {shown}");
            return forbidden("OIDC Core 3.1.3.7-7", detail);
        }
        let known = Alg::from_name(name);
        if known.is_some_and(Alg::is_symmetric) && self.registered.is_none() {
            let detail = format!("alg {shown} needs a shared secret; accepted only where id_token_alg says so");
            return forbidden("RFC 8725 §3.1", detail);
        }
        if let Some(offered) = self.offered.as_ref().filter(|_| self.registered.is_none())
            && !offered.contains(&name)
        {
            let detail = format!(
                "alg {shown} is none of those that the metadata offers: {}",
                json::short(&offered.join(" "), 120)
            );
            return forbidden("OIDC Core 3.1.3.7-7", detail);
        }
        known.ok_or_else(|| {
            Refusal::Unsupported(Fault::new(Class::Unsupported, format!("alg {shown} is unknown to authprobe")))
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
