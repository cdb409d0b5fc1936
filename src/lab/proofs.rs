//! How clients prove more than a password: assertions (RFC 7523, OIDC Core §9) and possession of a key (DPoP, RFC 9449).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::World;
use super::accounts::{self, Client};
use super::endpoint::Endpoint;
use super::fault::Switch;
use super::form::Form;
use super::reply::Reply;
use super::server::Call;
use super::store::{Access, random};

/// `client_assertion_type` (RFC 7523 §2.2).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far a proof's `iat` may be from our clock (seconds).
const FRESH: i64 = 120;
/// Where a nonce is given (RFC 9449 §8).
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The private key of `keyed`, for whoever plays it: that of RFC 7517 appendix A.2, which everybody has.
pub const PRIVATE_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","kid":"1"}"#;

/// The parts of a signed JWT that somebody else made.
struct Signed<'t> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    message: &'t str,
    signature: Vec<u8>,
}

impl<'t> Signed<'t> {
    fn read(token: &'t str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        Some(Self {
            header: part(header)?,
            claims: part(claims)?,
            message,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    fn says(&self, claim: &str, value: &str) -> bool {
        self.claims.get(claim).is_some_and(|found| found == value)
    }

    /// Whether it is signed with ES256 and that public key.
    fn is_of(&self, jwk: &Value) -> bool {
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
        let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else { return false };
        let point = [&[4][..], &x, &y].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        self.header.get("alg").is_some_and(|alg| alg == "ES256")
            && jwk.get("crv").is_some_and(|crv| crv == "P-256")
            && key.verify(self.message.as_bytes(), &self.signature).is_ok()
    }

    /// Whether it is keyed with HS256 and that secret.
    fn is_keyed(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        self.header.get("alg").is_some_and(|alg| alg == "HS256")
            && hmac::verify(&key, self.message.as_bytes(), &self.signature).is_ok()
    }
}

impl World {
    /// Which client asks: by an assertion, or as [`accounts::authenticate`] has it. Clients that are registered for
    /// assertions are taken at nothing less.
    pub fn authenticate(&self, call: &Call, form: &Form) -> Result<&'static Client, Reply> {
        let refused = |why: &str| Reply::error(StatusCode::UNAUTHORIZED, "invalid_client", why);
        let Some(assertion) = form.get("client_assertion") else {
            let client = accounts::authenticate(&call.headers, form)?;
            let way =
                if call.headers.contains_key(AUTHORIZATION) { "client_secret_basic" } else { "client_secret_post" };
            return match client.secret {
                _ if asserts(client) => Err(refused("this client proves itself by assertion")),
                Some(_) if self.faults.switch(Switch::SecretsRefused).is_some_and(|it| it.text("method") == way) => {
                    Err(refused("no secret is good enough today"))
                }
                _ => Ok(client),
            };
        };
        if form.get("client_assertion_type") != Some(ASSERTION) {
            return Err(Reply::error(StatusCode::BAD_REQUEST, "invalid_request", "client_assertion_type is unknown"));
        }
        if self.faults.switch(Switch::AssertionsRefused).is_some() {
            return Err(refused("no assertion is good enough today"));
        }
        self.asserted(call, form, assertion).ok_or_else(|| refused("the assertion is not good"))
    }

    fn asserted(&self, call: &Call, form: &Form, assertion: &str) -> Option<&'static Client> {
        let signed = Signed::read(assertion)?;
        let client = Client::find(signed.claims.get("sub")?.as_str()?).filter(|client| asserts(client))?;
        let proven = match client.secret {
            Some(secret) => signed.is_keyed(secret),
            None => signed.is_of(&serde_json::from_str(PRIVATE_KEY).ok()?),
        };
        let us = [self.issuer.text.clone(), self.issuer.url(Endpoint::Token)];
        let for_us =
            signed.claims.get("aud").and_then(Value::as_str).is_some_and(|aud| us.iter().any(|own| own == aud));
        let now = call.moment.told.as_secs();
        let live = signed.claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| exp > now && exp <= now + FRESH);
        let named = form.get("client_id").is_none_or(|id| id == client.id);
        let good = proven && for_us && live && named && signed.says("iss", client.id);
        (good && self.is_new(call, &signed)).then_some(client)
    }

    /// Whether `jti` was never seen before, as far as we remember.
    fn is_new(&self, call: &Call, signed: &Signed) -> bool {
        let Some(id) = signed.claims.get("jti").and_then(Value::as_str) else { return false };
        let mut store = self.store();
        let new = store.proofs.get(call.moment.now, &id.to_owned()).is_none();
        store.proofs.insert(call.moment.now, id.to_owned(), ());
        new
    }

    /// The thumbprint of the key that a request proves to hold (RFC 9449 §4.3); `None` if it proves nothing. `access`: the
    /// token that it comes with.
    pub fn possession(&self, call: &Call, access: Option<&str>) -> Result<Option<String>, Reply> {
        let Some(proof) = call.headers.get("dpop").and_then(|value| value.to_str().ok()) else { return Ok(None) };
        if self.faults.switch(Switch::ProofIgnored).is_some() {
            return Ok(None);
        }
        let status = if access.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let refused = |error: &str, why: &str| {
            let reply = Reply::error(status, error, why);
            let challenge = format!(r#"DPoP error="{error}", algs="ES256""#);
            if access.is_some() { reply.header(WWW_AUTHENTICATE, &challenge) } else { reply }
        };
        let bad = |why: &str| refused("invalid_dpop_proof", why);
        let signed = Signed::read(proof).ok_or_else(|| bad("it is no JWT"))?;
        let jwk = signed.header.get("jwk").cloned().unwrap_or_default();
        if signed.header.get("typ").is_none_or(|typ| typ != "dpop+jwt") || jwk.get("d").is_some() || !signed.is_of(&jwk)
        {
            return Err(bad("it is not signed with its own key"));
        }
        let origin = self.issuer.base.strip_suffix(&self.issuer.path).unwrap_or(&self.issuer.base);
        let here = format!("{origin}{}", call.uri.path());
        if !signed.says("htm", call.method.as_str()) || !signed.says("htu", &here) {
            return Err(bad("it is for another request"));
        }
        if access.is_some_and(|token| !signed.says("ath", &URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())))) {
            return Err(bad("it is for another token"));
        }
        let issued = signed.claims.get("iat").and_then(Value::as_i64).unwrap_or(0);
        if (call.moment.told.as_secs() - issued).abs() > FRESH || !self.is_new(call, &signed) {
            return Err(bad("it is old, or was used before"));
        }
        if let Some(setting) = self.faults.switch(Switch::ProofNonce) {
            let given = signed.claims.get("nonce").and_then(Value::as_str).unwrap_or_default().to_owned();
            let known = self.store().proofs.remove(call.moment.now, &nonce_key(&given)).is_some();
            if !known || setting.text("mode") == "endless" {
                let wanted = refused("use_dpop_nonce", "a nonce is needed");
                let nonce = random();
                self.store().proofs.insert(call.moment.now, nonce_key(&nonce), ());
                return Err(if setting.text("mode") == "absent" { wanted } else { wanted.header(NONCE, &nonce) });
            }
        }
        thumbprint(&jwk).map(Some).ok_or_else(|| bad("its key is incomplete"))
    }

    /// Whether the request may use that token: one that is bound to a key comes with its proof (RFC 9449 §7.1).
    pub fn check_possession(&self, call: &Call, access: &Access, token: &str) -> Result<(), Reply> {
        let Some(key) = &access.key else { return Ok(()) };
        let shown = self.possession(call, Some(token))?;
        if possessed(&call.headers).is_some() && shown.as_ref() == Some(key) {
            return Ok(());
        }
        let challenge =
            r#"DPoP error="invalid_token", error_description="the token is bound to another key", algs="ES256""#;
        Err(Reply::new(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, challenge).no_store())
    }
}

/// Nonces are kept beside the identifiers of proofs, under names that those cannot have.
fn nonce_key(nonce: &str) -> String {
    format!("nonce {nonce}")
}

/// Whether a client is registered for assertions.
fn asserts(client: &Client) -> bool {
    matches!(client.id, "keyed" | "shared")
}

/// Whether a client is registered for tokens that are bound to a key.
pub fn must_possess(client: &Client) -> bool {
    client.id == "bound"
}

/// The token of a request that says `Authorization: DPoP` (RFC 9449 §7.1).
pub fn possessed(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("dpop").then_some(token.trim())
}

/// RFC 7638 of a key on P-256.
fn thumbprint(jwk: &Value) -> Option<String> {
    let (x, y) = (jwk.get("x")?.as_str()?, jwk.get("y")?.as_str()?);
    // In the order of the alphabet and without white space, as `serde_json` writes it.
    let members = json!({"crv": "P-256", "kty": "EC", "x": x, "y": y}).to_string();
    Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proof of RFC 9449 §4.1 and its thumbprint in §6.1.
    const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

    #[test]
    fn the_rfcs_proof_is_of_its_key() {
        let signed = Signed::read(PROOF).unwrap();
        let jwk = signed.header["jwk"].clone();
        assert!(
            signed.is_of(&jwk) && signed.says("htm", "POST") && signed.says("htu", "https://server.example.com/token")
        );
        assert_eq!(thumbprint(&jwk).as_deref(), Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));
        let forged = PROOF.replace("eyJqdGki", "eyJqdGkj");
        assert!(Signed::read(&forged).is_none_or(|signed| !signed.is_of(&jwk)));
        assert!(!signed.is_of(&serde_json::from_str(PRIVATE_KEY).unwrap()));
        assert!(!signed.is_keyed("secret"));
    }
}
