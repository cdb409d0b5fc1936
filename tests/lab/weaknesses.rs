//! What an attacker sees: a sound provider refuses each of these.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{CALLBACK, Rp, callback, location};

/// The first answer to the login of `spa`, with these parameters changed: its status, and where it leads to.
async fn first(rp: &Rp, more: &[(&str, &str)]) -> String {
    let mut query = rp.good_request("spa").to_vec();
    query.retain(|(name, _)| !more.iter().any(|(replaced, _)| replaced == name));
    query.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    let url = url::Url::parse_with_params(&rp.url("authorization_endpoint"), &query).unwrap();
    let response = rp.http.get(url).send().await.unwrap();
    match location(&response) {
        Some(to) if to.starts_with(CALLBACK) => {
            let params = callback(&response).unwrap();
            params.get("error").cloned().unwrap_or_else(|| "a code".into())
        }
        Some(_) => "login".into(),
        None => response.status().as_u16().to_string(),
    }
}

pub async fn elsewhere(rp: &Rp) -> String {
    let like = first(rp, &[("redirect_uri", "http://127.0.0.1.evil.example/cb")]).await;
    let other = first(rp, &[("redirect_uri", "https://evil.example/cb")]).await;
    let twice = first(rp, &[("redirect_uri", CALLBACK), ("redirect_uri", "http://127.0.0.1/other")]).await;
    format!("like: {like}, other: {other}, twice: {twice}")
}

pub async fn odd_type(rp: &Rp) -> String {
    first(rp, &[("response_type", "odd")]).await
}

pub async fn unasked(rp: &Rp) -> String {
    first(rp, &[("prompt", "none")]).await
}

/// Whether scripts of others may read the authorization endpoint.
pub async fn cors(rp: &Rp) -> String {
    let response = rp.http.get(rp.url("authorization_endpoint")).send().await.unwrap();
    let allowed = response.headers().get("access-control-allow-origin");
    allowed.map_or("nobody", |value| value.to_str().unwrap()).to_owned()
}

/// Whether the login page may be inside another.
pub async fn framed(rp: &Rp) -> String {
    let (_, page) = rp.begin("spa", "openid", &[]).await;
    let policy = page.headers().get("content-security-policy").map(|value| value.to_str().unwrap());
    policy.is_some_and(|policy| policy.contains("frame-ancestors 'none'")).to_string()
}

/// Requests without a challenge, and with a plain one.
pub async fn challenges(rp: &Rp) -> String {
    let none = first(rp, &[("code_challenge", ""), ("code_challenge_method", "")]).await;
    let plain = first(rp, &[("code_challenge_method", "plain")]).await;
    format!("none: {none}, plain: {plain}")
}

/// A code of `web`, and the token request for it with these changes, as the client or by its name alone.
async fn redeemed(rp: &Rp, changes: &[(&str, &str)]) -> (u16, Value, Vec<(String, String)>) {
    let (sent, params) = rp.log_in("web", "openid").await.unwrap();
    let mut form = vec![
        ("grant_type".to_owned(), "authorization_code".to_owned()),
        ("code".to_owned(), params["code"].clone()),
        ("redirect_uri".to_owned(), CALLBACK.to_owned()),
        ("code_verifier".to_owned(), sent.verifier.clone()),
    ];
    form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    form.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (status, answer) = rp.as_client("token_endpoint", "web", &pairs).await;
    (status, answer, form)
}

pub async fn verifier(rp: &Rp) -> String {
    redeemed(rp, &[("code_verifier", "not the one of the request, but as long as one is")]).await.0.to_string()
}

pub async fn code_redirect(rp: &Rp) -> String {
    redeemed(rp, &[("redirect_uri", "http://127.0.0.1:8765/other")]).await.0.to_string()
}

/// A code that comes twice, and what becomes of its token.
pub async fn code_again(rp: &Rp) -> String {
    let (status, tokens, form) = redeemed(rp, &[]).await;
    assert_eq!(status, 200);
    let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let again = rp.as_client("token_endpoint", "web", &pairs).await.0;
    format!("again: {again}, alive: {}", rp.active(&tokens["access_token"]).await)
}

pub async fn by_get(rp: &Rp) -> String {
    let url = format!("{}?grant_type=client_credentials", rp.url("token_endpoint"));
    let response = rp.http.get(url).basic_auth("svc", Some("svc-secret")).send().await.unwrap();
    response.status().as_u16().to_string()
}

pub async fn token_in_query(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", "openid").await.unwrap();
    let url = format!("{}?access_token={}", rp.url("userinfo_endpoint"), tokens["access_token"].as_str().unwrap());
    rp.request(Method::GET, &url, &[], None).await.status().as_u16().to_string()
}

/// Token requests of `svc` that prove nothing: by its name, with an unsigned assertion, one keyed with its name, one keyed
/// with something else.
pub async fn proofs(rp: &Rp) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims =
        json!({"iss": "svc", "sub": "svc", "aud": rp.url("token_endpoint"), "exp": 4_000_000_000_u64, "jti": "x"});
    let message = |alg: &str| format!("{}.{}", part(json!({"alg": alg})), part(claims.clone()));
    let keyed = |key: &str| {
        let message = message("HS256");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
        let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let mut answers = Vec::new();
    for (name, assertion) in [
        ("name", None),
        ("none", Some(format!("{}.", message("none")))),
        ("keyed", Some(keyed("svc"))),
        ("any", Some(keyed("?"))),
    ] {
        let mut form = vec![("grant_type", "client_credentials"), ("client_id", "svc")];
        if let Some(assertion) = &assertion {
            form.extend([("client_assertion_type", kind), ("client_assertion", assertion)]);
        }
        let status = rp.post(&rp.url("token_endpoint"), &form).await.status().as_u16();
        answers.push(format!("{name}: {status}"));
    }
    answers.join(", ")
}
