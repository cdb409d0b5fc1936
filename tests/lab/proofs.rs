//! How clients prove themselves to the lab: assertions, possession of a key, pushed requests. Made by hand, as everything
//! that asks the lab here.

use authprobe::clock::Clock;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::client::{Rp, part};

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn fresh(clock: &Clock) -> (i64, String) {
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id).unwrap();
    (clock.now().as_secs(), URL_SAFE_NO_PAD.encode(id))
}

/// An assertion of `shared`, keyed with `secret` (OIDC Core §9).
fn assertion(rp: &Rp, secret: &str) -> String {
    let (now, jti) = fresh(&rp.clock);
    let claims = json!({
        "iss": "shared", "sub": "shared", "aud": rp.url("token_endpoint"), "jti": jti, "iat": now, "exp": now + 60,
    });
    let message = format!("{}.{}", encoded(&json!({"alg": "HS256"})), encoded(&claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes())))
}

const SECRET: &str = "shared-secret-that-is-long-enough-for-HS256";

async fn with_assertion(rp: &Rp, assertion: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ];
    let response = rp.post(&rp.url("token_endpoint"), &form).await;
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    match body["error"].as_str() {
        Some(error) => format!("{status}, {error}"),
        None => status.to_string(),
    }
}

/// What a client gets for an assertion.
pub async fn asserted(rp: &Rp) -> String {
    with_assertion(rp, &assertion(rp, SECRET)).await
}

#[tokio::test]
async fn an_assertion_is_good_once_and_only_with_the_secret() {
    let rp = Rp::new().await;
    let good = assertion(&rp, SECRET);
    assert_eq!(with_assertion(&rp, &good).await, "200");
    assert_eq!(with_assertion(&rp, &good).await, "401, invalid_client");
    assert_eq!(with_assertion(&rp, &assertion(&rp, "another")).await, "401, invalid_client");
    let old = assertion(&rp, SECRET);
    rp.advance(120);
    assert_eq!(with_assertion(&rp, &old).await, "401, invalid_client");
    // Who is registered for assertions is not taken at a password.
    let form = [("grant_type", "client_credentials"), ("client_id", "shared"), ("client_secret", SECRET)];
    assert_eq!(rp.post(&rp.url("token_endpoint"), &form).await.status().as_u16(), 401);
}

struct Holder(EcdsaKeyPair);

impl Holder {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({"crv": "P-256", "kty": "EC", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    }

    fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.jwk().to_string().as_bytes()))
    }

    /// A proof (RFC 9449 §4.2) with these claims besides its own.
    fn proof(&self, rp: &Rp, method: &str, url: &str, more: &Value) -> String {
        let (iat, jti) = fresh(&rp.clock);
        let mut claims = json!({"jti": jti, "htm": method, "htu": url, "iat": iat});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        let message = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    async fn token(&self, rp: &Rp, more: &Value) -> (u16, Option<String>, Value) {
        let url = rp.url("token_endpoint");
        let request = rp.http.post(&url).header("dpop", self.proof(rp, "POST", &url, more));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.basic_auth("bound", Some("bound-secret")).body("grant_type=client_credentials");
        let response = request.send().await.unwrap();
        let nonce = response.headers().get("dpop-nonce").map(|nonce| nonce.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, nonce, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }
}

/// What a client gets for a proof of possession.
pub async fn possession(rp: &Rp) -> String {
    let holder = Holder::new();
    let (status, mut nonce, mut answer) = holder.token(rp, &json!({})).await;
    let mut words = Vec::new();
    if answer["error"] == "use_dpop_nonce" {
        words.push(format!("{status}, {} nonce, then ", if nonce.is_some() { "a" } else { "no" }));
        if let Some(given) = &nonce {
            (_, nonce, answer) = holder.token(rp, &json!({"nonce": given})).await;
        }
    }
    let _ = nonce;
    if let Some(error) = answer["error"].as_str() {
        return words.concat() + error;
    }
    let claims = part(&answer["access_token"], 1);
    let key = match claims["cnf"]["jkt"].as_str() {
        Some(jkt) if jkt == holder.thumbprint() => "our key",
        Some(_) => "another key",
        None => "no key",
    };
    words.concat() + &format!("{}, {key}", answer["token_type"].as_str().unwrap())
}

#[tokio::test]
async fn a_bound_token_is_good_with_its_key_only() {
    let rp = Rp::new().await;
    let holder = Holder::new();
    let (status, _, answer) = holder.token(&rp, &json!({})).await;
    assert_eq!((status, &answer["token_type"]), (200, &json!("DPoP")));
    let token = answer["access_token"].as_str().unwrap();
    let resource = format!("{}/resource", rp.lab.issuer);
    let ath = json!({"ath": URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))});
    let shown = async |scheme: &str, proof: Option<String>| {
        let mut request = rp.http.get(&resource).header("authorization", format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let proof = holder.proof(&rp, "GET", &resource, &ath);
    assert_eq!(shown("DPoP", Some(proof.clone())).await, 200);
    assert_eq!(shown("DPoP", Some(proof)).await, 401, "a proof is good once");
    assert_eq!(shown("DPoP", Some(holder.proof(&rp, "GET", &resource, &json!({})))).await, 401, "without ath");
    assert_eq!(shown("DPoP", Some(holder.proof(&rp, "POST", &resource, &ath))).await, 401, "of another method");
    assert_eq!(shown("DPoP", Some(Holder::new().proof(&rp, "GET", &resource, &ath))).await, 401, "of another key");
    assert_eq!(shown("DPoP", None).await, 401);
    assert_eq!(shown("Bearer", None).await, 401);
    // The client is registered for bound tokens.
    let (status, answer) = rp.as_client("token_endpoint", "bound", &[("grant_type", "client_credentials")]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_dpop_proof")));
}

const REQUEST: &[(&str, &str)] = &[
    ("response_type", "code"),
    ("client_id", "web"),
    ("redirect_uri", "http://127.0.0.1:8765/cb"),
    ("scope", "openid"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ("code_challenge_method", "S256"),
];

async fn page(rp: &Rp, query: &[(&str, &str)]) -> u16 {
    let url = url::Url::parse_with_params(&rp.url("authorization_endpoint"), query).unwrap();
    rp.follow(rp.http.get(url).send().await.unwrap()).await.status().as_u16()
}

/// What becomes of a request that is pushed, and of one that is not.
pub async fn pushed(rp: &Rp) -> String {
    let plain = page(rp, REQUEST).await;
    let (status, answer) = rp.as_client("pushed_authorization_request_endpoint", "web", REQUEST).await;
    let then = match answer["request_uri"].as_str() {
        Some(reference) => page(rp, &[("client_id", "web"), ("request_uri", reference)]).await.to_string(),
        None => answer["error"].as_str().unwrap_or("no reference").to_owned(),
    };
    format!("pushed: {status}, then {then}; plain: {plain}")
}

#[tokio::test]
async fn a_reference_leads_to_its_request_once_and_for_its_client() {
    let rp = Rp::new().await;
    let reference = async || {
        let (status, answer) = rp.as_client("pushed_authorization_request_endpoint", "web", REQUEST).await;
        assert_eq!((status, &answer["expires_in"]), (201, &json!(60)));
        answer["request_uri"].as_str().unwrap().to_owned()
    };
    let one = reference().await;
    assert_eq!(page(&rp, &[("client_id", "web"), ("request_uri", &one)]).await, 200);
    assert_eq!(page(&rp, &[("client_id", "web"), ("request_uri", &one)]).await, 400);
    assert_eq!(page(&rp, &[("client_id", "spa"), ("request_uri", &reference().await)]).await, 400);
    let late = reference().await;
    rp.advance(61);
    assert_eq!(page(&rp, &[("client_id", "web"), ("request_uri", &late)]).await, 400);
}
