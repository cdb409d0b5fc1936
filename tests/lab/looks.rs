//! What a client sees, in words that a table of faults can name.

use std::time::Duration;

use authprobe::clock::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use reqwest::Method;
use serde_json::Value;

use crate::client::{CALLBACK, Params, Rp, Sent, callback, location, part, verify};
pub use crate::proofs::{asserted, possession, pushed};

pub use crate::doors::{device, offered, registered, told_of_logout};
pub use crate::weaknesses::*;

pub const SCOPE: &str = "openid profile email offline_access api";

/// The answer to a GET: status, media type, `Retry-After`, and what the body is.
pub async fn fetch(rp: &Rp, url: &str) -> String {
    let response = match rp.http.get(url).timeout(Duration::from_secs(3)).send().await {
        Ok(response) => response,
        Err(error) if error.is_timeout() => return "timeout".into(),
        Err(_) => return "broken before the head".into(),
    };
    let mut words = vec![response.status().as_u16().to_string()];
    for (header, prefix) in [("content-type", ""), ("retry-after", "retry-after "), ("location", "to ")] {
        if let Some(value) = response.headers().get(header) {
            words.push(format!("{prefix}{}", value.to_str().unwrap()));
        }
    }
    match response.bytes().await {
        Ok(body) if body.len() > 1 << 20 => words.push("huge".into()),
        Ok(body) if serde_json::from_slice::<Value>(&body).is_ok() => words.push("JSON".into()),
        Ok(_) => words.push("no JSON".into()),
        Err(error) if error.is_timeout() => words.push("timeout".into()),
        Err(_) => words.push("broken in the body".into()),
    }
    words.join(", ")
}

pub async fn key_set(rp: &Rp) -> String {
    fetch(rp, &rp.url("jwks_uri")).await
}

/// Whether the key set takes two seconds or longer.
pub async fn pace(rp: &Rp) -> String {
    let (clock, url) = (Clock::system(), rp.url("jwks_uri"));
    let begun = clock.instant();
    rp.http.get(url).send().await.unwrap().bytes().await.unwrap();
    if begun.elapsed() >= Duration::from_secs(2) { "late" } else { "prompt" }.into()
}

/// `Date` and `iat`, in seconds before or after the truth.
pub async fn clock(rp: &Rp) -> String {
    let response = rp.http.get(rp.url("jwks_uri")).send().await.unwrap();
    let date = DateTime::parse_from_rfc2822(response.headers()["date"].to_str().unwrap()).unwrap().timestamp();
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let issued = part(&tokens["id_token"], 1)["iat"].as_i64().unwrap();
    let truth = rp.clock.now().as_secs();
    format!("Date {:+}, iat {:+}", date - truth, issued - truth)
}

pub async fn introspection(rp: &Rp) -> String {
    let (status, answer) = rp.as_client("introspection_endpoint", "svc", &[("token", "unknown")]).await;
    format!("{status} {answer}")
}

/// The metadata, by what a client must find in it.
pub async fn metadata(rp: &Rp) -> String {
    let document = rp.json(&format!("{}/.well-known/openid-configuration", rp.lab.issuer)).await;
    if document["issuer"] != rp.lab.issuer {
        return format!("issuer {}", document["issuer"]);
    }
    let Some(token_endpoint) = document["token_endpoint"].as_str().filter(|_| document["jwks_uri"].is_string()) else {
        return "a member is missing".into();
    };
    format!("token endpoint answers {}", rp.post(token_endpoint, &[]).await.status().as_u16())
}

/// The key set, by what a strict reader looks for.
pub async fn keys(rp: &Rp) -> String {
    let set = rp.json(&rp.url("jwks_uri")).await;
    let keys = set["keys"].as_array().unwrap();
    let mut words = vec![format!("{} keys", keys.len())];
    let mut kids: Vec<_> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    kids.sort_unstable();
    let count = kids.len();
    kids.dedup();
    if kids.len() < count {
        words.push("duplicate kid".into());
    }
    for key in keys {
        match URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()) {
            Ok(modulus) if modulus.len() == 256 => {}
            Ok(modulus) => words.push(format!("{} bits", modulus.len() * 8)),
            Err(_) => words.push("malformed".into()),
        }
        if key.get("d").is_some() {
            words.push("private".into());
        }
    }
    words.join(", ")
}

/// Whether a new ID token verifies with the key set of the start, and with a fresh one.
pub async fn signature(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let token = &tokens["id_token"];
    let fresh = rp.json(&rp.url("jwks_uri")).await;
    let alg = part(token, 0)["alg"].as_str().unwrap().to_owned();
    format!("{alg}, cached keys: {}, fresh keys: {}", verify(token, &rp.cached_keys), verify(token, &fresh))
}

/// A login from end to end, by what is wrong in the ID token and around it; `good` otherwise.
pub async fn login(rp: &Rp) -> String {
    let (sent, params) = match rp.log_in("web", SCOPE).await {
        Ok(done) => done,
        Err(why) => return why,
    };
    let mut wrong = response_problems(rp, &sent, &params);
    match rp.exchange(&sent, &params["code"]).await {
        (200, tokens) => {
            wrong.extend(token_problems(&tokens));
            if tokens["id_token"].is_string() {
                wrong.extend(id_token_problems(rp, &sent, &tokens));
            }
            wrong.extend(userinfo_problems(rp, &tokens).await);
        }
        (status, _) => wrong.push(format!("token endpoint {status}")),
    }
    if wrong.is_empty() { "good".into() } else { wrong.join(", ") }
}

fn response_problems(rp: &Rp, sent: &Sent, params: &Params) -> Vec<String> {
    let mut wrong = Vec::new();
    if params.get("state") != Some(&sent.state) {
        wrong.push("state".to_owned());
    }
    match params.get("iss") {
        None => wrong.push("no response iss".into()),
        Some(iss) if *iss != rp.lab.issuer => wrong.push("response iss".into()),
        Some(_) => {}
    }
    wrong
}

fn token_problems(tokens: &Value) -> Vec<String> {
    let checks = [
        ("no token_type", tokens["token_type"] == "Bearer"),
        ("expires_in is no number", tokens["expires_in"].is_u64()),
        ("no id_token", tokens["id_token"].is_string()),
        ("no refresh_token", tokens["refresh_token"].is_string()),
    ];
    checks.iter().filter(|(_, fine)| !fine).map(|(name, _)| (*name).to_owned()).collect()
}

fn id_token_problems(rp: &Rp, sent: &Sent, tokens: &Value) -> Vec<String> {
    let claims = part(&tokens["id_token"], 1);
    let now = rp.clock.now().as_secs();
    let access_token = tokens["access_token"].as_str().unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access_token.as_bytes());
    let checks = [
        ("iss", claims["iss"] == rp.lab.issuer),
        ("aud", claims["aud"] == sent.client),
        ("azp", claims["azp"] == sent.client),
        ("exp", claims["exp"].as_i64().unwrap() > now),
        ("nonce", claims["nonce"] == sent.nonce),
        ("at_hash", claims["at_hash"] == URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])),
        ("auth_time", claims["auth_time"].as_i64().unwrap() <= now),
        ("sub", claims["sub"].is_string()),
    ];
    checks.iter().filter(|(_, fine)| !fine).map(|(name, _)| (*name).to_owned()).collect()
}

async fn userinfo_problems(rp: &Rp, tokens: &Value) -> Vec<String> {
    let response = rp.request(Method::GET, &rp.url("userinfo_endpoint"), &[], tokens["access_token"].as_str()).await;
    let claims: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let fine = claims["sub"] == "5f1f9a0c-alice";
    if fine { Vec::new() } else { vec!["userinfo sub".into()] }
}

/// The token response itself, as bytes.
pub async fn token_response(rp: &Rp) -> String {
    let (status, body) = rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await;
    format!("{status}, {}", if body.is_object() { "JSON" } else { "no JSON" })
}

/// The claims of a JWT access token that a client may check.
pub async fn access_token(rp: &Rp) -> String {
    let (_, response) = rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await;
    let claims = part(&response["access_token"], 1);
    format!("iss {}, aud {}", claims["iss"] == rp.lab.issuer, claims["aud"] == format!("{}/resource", rp.lab.issuer))
}

/// The login page, by what an HTTP client finds in it.
pub async fn page(rp: &Rp) -> String {
    let response = rp.begin("web", SCOPE, &[("prompt", "login")]).await.1;
    let status = response.status().as_u16();
    let html = response.text().await.unwrap();
    let document = scraper::Html::parse_document(&html);
    let inputs = scraper::Selector::parse("form input:not([type=hidden])").unwrap();
    let names: Vec<_> = document.select(&inputs).filter_map(|input| input.attr("name")).collect();
    let script = if html.contains("<script") { ", script" } else { "" };
    format!("{status}, fields: {}{script}", names.join(" "))
}

/// What comes of alice's right password, typed into the one form there is.
pub async fn password(rp: &Rp) -> String {
    let (_, response) = rp.begin("spa", "openid", &[("prompt", "login")]).await;
    let response = rp.submit(response, &[("username", "alice"), ("password", "wonderland-7")]).await.unwrap();
    if callback(&response).is_ok() {
        return "logged in".into();
    }
    let html = response.text().await.unwrap();
    if html.contains("name=\"otp\"") {
        return "asked for otp".into();
    }
    let alert = scraper::Selector::parse("[role=alert]").unwrap();
    scraper::Html::parse_document(&html).select(&alert).flat_map(|alert| alert.text()).collect()
}

/// Whether revoked tokens still work: access token, refresh token.
pub async fn revocation(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let mut alive = Vec::new();
    for token in ["access_token", "refresh_token"] {
        assert!(rp.active(&tokens[token]).await);
        assert_eq!(rp.revoke(&tokens[token]).await, 200);
        alive.push(rp.active(&tokens[token]).await);
    }
    format!("alive: {alive:?}")
}

/// Refreshing, then using the old refresh token again.
pub async fn refreshing(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let (status, new) = rp.refresh(&tokens["refresh_token"]).await;
    if status != 200 {
        return format!("refused: {}", new["error"]);
    }
    let rotated = new["refresh_token"].is_string();
    let (reused, _) = rp.refresh(&tokens["refresh_token"]).await;
    format!("rotated: {rotated}, reuse: {reused}")
}

/// Whether the browser is still logged in after logging out.
pub async fn logout(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let hint = tokens["id_token"].as_str().unwrap();
    let query = [("id_token_hint", hint), ("post_logout_redirect_uri", CALLBACK), ("state", "bye")];
    let url = url::Url::parse_with_params(&rp.url("end_session_endpoint"), query).unwrap();
    let back = location(&rp.http.get(url).send().await.unwrap());
    assert_eq!(back.as_deref(), Some("http://127.0.0.1:8765/cb?state=bye"));
    let answer = callback(&rp.begin("web", SCOPE, &[("prompt", "none")]).await.1).unwrap();
    answer.get("error").cloned().unwrap_or_else(|| "still logged in".into())
}

/// Whether a client that believes the lab's authority gets an answer.
pub async fn handshake(rp: &Rp) -> String {
    match rp.http.get(rp.url("jwks_uri")).send().await {
        Ok(answer) => answer.status().as_u16().to_string(),
        Err(_) => "no handshake".into(),
    }
}

/// What is told to somebody who comes without TLS: of the keys, and of a login.
pub async fn in_the_clear(rp: &Rp) -> String {
    let plain = |member: &str| rp.url(member).replacen("https:", "http:", 1);
    let keys = rp.http.get(plain("jwks_uri")).send().await.unwrap().status().as_u16();
    let url = url::Url::parse_with_params(&plain("authorization_endpoint"), &rp.good_request("spa")).unwrap();
    let mut page = rp.http.get(url).send().await.unwrap();
    while let Some(next) = location(&page).filter(|next| next.starts_with("http:")) {
        page = rp.http.get(next).send().await.unwrap();
    }
    format!("keys {keys}, login {}", page.status().as_u16())
}

/// What a machine's secret is worth in either way (RFC 6749 §2.3.1).
pub async fn secrets(rp: &Rp) -> String {
    let grant = ("grant_type", "client_credentials");
    let (basic, _) = rp.as_client("token_endpoint", "svc", &[grant]).await;
    let form = [grant, ("client_id", "svc"), ("client_secret", "svc-secret")];
    let post = rp.post(&rp.url("token_endpoint"), &form).await.status().as_u16();
    format!("basic {basic}, post {post}")
}

/// Whether somebody who has just logged in is still known (`prompt=none`).
pub async fn renewed(rp: &Rp) -> String {
    rp.log_in("spa", "openid").await.unwrap();
    unasked(rp).await
}

/// What browsers are told about coming back (RFC 6797).
pub async fn hsts(rp: &Rp) -> String {
    let answer = rp.http.get(rp.url("jwks_uri")).send().await.unwrap();
    let said = answer.headers().get("strict-transport-security").map(|value| value.to_str().unwrap().to_owned());
    said.unwrap_or_else(|| "none".into())
}

/// Whether the hashes of a token that comes with a code and an access token are theirs (OIDC Core 3.3.2.11).
pub async fn code_hash(rp: &Rp) -> String {
    let (_, mut done) = rp.begin("spa", "openid", &[("response_type", "code id_token token")]).await;
    if location(&done).is_none() {
        done = rp.submit(done, &[("username", "alice"), ("password", "wonderland-7")]).await.unwrap();
    }
    let to = url::Url::parse(&location(&done).unwrap()).unwrap();
    let params: Params = url::form_urlencoded::parse(to.fragment().unwrap().as_bytes()).into_owned().collect();
    let claims = part(&Value::from(params["id_token"].as_str()), 1);
    let half = |of: &str| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, params[of].as_bytes());
        URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
    };
    format!("c_hash {}, at_hash {}", claims["c_hash"] == half("code"), claims["at_hash"] == half("access_token"))
}

/// What an ID token says of how somebody logged in, where that is asked for.
pub async fn acr(rp: &Rp) -> String {
    let asked = [("response_type", "id_token"), ("acr_values", "urn:authprobe:lab:password")];
    let (_, mut done) = rp.begin("spa", "openid", &asked).await;
    if location(&done).is_none() {
        done = rp.submit(done, &[("username", "alice"), ("password", "wonderland-7")]).await.unwrap();
    }
    let to = url::Url::parse(&location(&done).unwrap()).unwrap();
    let params: Params = url::form_urlencoded::parse(to.fragment().unwrap().as_bytes()).into_owned().collect();
    part(&Value::from(params["id_token"].as_str()), 1)["acr"].to_string()
}

pub async fn discovery(rp: &Rp) -> String {
    fetch(rp, &format!("{}/.well-known/openid-configuration", rp.lab.issuer)).await
}

/// Where the metadata has the token endpoint, and what is there.
pub async fn named(rp: &Rp) -> String {
    let document = rp.json(&format!("{}/.well-known/openid-configuration", rp.lab.issuer)).await;
    let url = url::Url::parse(document["token_endpoint"].as_str().unwrap()).unwrap();
    let host = format!("{}://{}", url.scheme(), url.host_str().unwrap());
    if url.host_str() != Some("127.0.0.1") {
        return format!("{host}, on another host");
    }
    match rp.http.post(url).send().await {
        Ok(answer) => format!("{host}, answers {}", answer.status().as_u16()),
        Err(error) if error.is_connect() => format!("{host}, nobody there"),
        Err(error) => error.to_string(),
    }
}

fn names(document: &Value) -> String {
    let mut names: Vec<_> = document.as_object().unwrap().keys().cloned().collect();
    names.sort_unstable();
    names.join(", ")
}

pub async fn key_names(rp: &Rp) -> String {
    names(&rp.json(&rp.url("jwks_uri")).await)
}

/// What each key is for.
pub async fn uses(rp: &Rp) -> String {
    let set = rp.json(&rp.url("jwks_uri")).await;
    let keys = set["keys"].as_array().unwrap().iter();
    let uses = keys.map(|key| {
        let kid = if key.get("kid").is_some() { "" } else { " without kid" };
        format!("{}{kid}", key["use"].as_str().unwrap())
    });
    uses.collect::<Vec<_>>().join(", ")
}

/// How many parts an ID token has.
pub async fn parts(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    format!("{} parts", tokens["id_token"].as_str().unwrap().split('.').count())
}

/// What the token endpoint says to a good client.
pub async fn token_answer(rp: &Rp) -> String {
    let (status, answer) = rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await;
    format!("{status} {}", answer["error"])
}

/// The members of a token response.
pub async fn members(rp: &Rp) -> String {
    names(&rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await.1)
}

/// The status with which a code is refused that nobody gave out.
pub async fn bad_code(rp: &Rp) -> String {
    let (sent, _) = rp.begin("web", SCOPE, &[]).await;
    rp.exchange(&sent, "never-issued").await.0.to_string()
}

/// Some claims of an ID token.
pub async fn claims(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let claims = part(&tokens["id_token"], 1);
    let sub = if claims["sub"] == "5f1f9a0c-alice" { "alice" } else { "another" };
    let auth_time = match rp.clock.now().as_secs() - claims["auth_time"].as_i64().unwrap() {
        0 => "now".to_owned(),
        ago => format!("{ago} s ago"),
    };
    format!("aud {}, azp {}, sub {sub}, nbf {}, auth_time {auth_time}", claims["aud"], claims["azp"], claims["nbf"])
}

/// The parameters that come back from a login, by name.
pub async fn answer(rp: &Rp) -> String {
    let (_, mut response) = rp.begin("web", SCOPE, &[]).await;
    for fill in [&[("username", "alice"), ("password", "wonderland-7")][..], &[("decision", "allow")]] {
        if location(&response).is_none() {
            response = rp.submit(response, fill).await.unwrap();
        }
    }
    let url = url::Url::parse(&location(&response).unwrap()).unwrap();
    let mut names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    names.retain(|name| name != "error_description");
    names.sort_unstable();
    names.join(" ")
}

/// What the newest of a family is worth after a used one was shown.
pub async fn family(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let (_, newest) = rp.refresh(&tokens["refresh_token"]).await;
    let (reused, _) = rp.refresh(&tokens["refresh_token"]).await;
    let (then, _) = rp.refresh(&newest["refresh_token"]).await;
    format!("reuse: {reused}, then: {then}")
}

/// What becomes of the key that signs when another one takes over.
pub async fn retired(rp: &Rp) -> String {
    let kids = async || {
        let set = rp.json(&rp.url("jwks_uri")).await;
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    let signs = kids().await.remove(0);
    assert_eq!(rp.control(Method::POST, "rotate", None).await.0, 200);
    if kids().await.contains(&signs) { "still published" } else { "gone" }.into()
}

/// What the resource answers to a good token, to one whose signature was altered, and to none.
pub async fn protected(rp: &Rp) -> String {
    let (_, response) = rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await;
    let good = response["access_token"].as_str().unwrap();
    let altered = altered(good);
    let url = format!("{}/resource", rp.lab.issuer);
    let mut words = Vec::new();
    for (name, token) in [("good", Some(good)), ("altered", Some(altered.as_str())), ("none", None)] {
        let status = rp.request(Method::GET, &url, &[], token).await.status().as_u16();
        words.push(format!("{name} {status}"));
    }
    words.join(", ")
}

/// Another signature: the character in its middle is another.
fn altered(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (before, after) = signature.split_at(signature.len() / 2);
    let other = if after.starts_with('A') { "B" } else { "A" };
    format!("{message}.{before}{other}{}", &after[1..])
}

/// How the resource refuses a request without a token.
pub async fn challenge(rp: &Rp) -> String {
    let response = rp.request(Method::GET, &format!("{}/resource", rp.lab.issuer), &[], None).await;
    let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    challenge.unwrap_or_else(|| "none".into())
}

/// Which page may send what to the resource.
pub async fn preflight(rp: &Rp) -> String {
    let request = rp.http.request(Method::OPTIONS, format!("{}/resource", rp.lab.issuer));
    let request = request.header("origin", "https://app.example.com").header("access-control-request-method", "GET");
    let response = request.header("access-control-request-headers", "authorization").send().await.unwrap();
    let said = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let origin = said("access-control-allow-origin").unwrap_or_else(|| "nobody".into());
    format!("{origin} may send {}", said("access-control-allow-headers").unwrap_or_default())
}

/// What introspection tells of a living token.
pub async fn told(rp: &Rp) -> String {
    let (_, response) = rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await;
    let token = response["access_token"].as_str().unwrap();
    let (_, answer) = rp.as_client("introspection_endpoint", "svc", &[("token", token)]).await;
    let texts = ["client_id", "scope", "sub"].into_iter().filter_map(|name| Some((name, answer[name].as_str()?)));
    let words = texts.map(|(name, value)| format!("{name} {value}"));
    std::iter::once(format!("active {}", answer["active"])).chain(words).collect::<Vec<_>>().join(", ")
}

/// What introspection answers to somebody who does not say who he is.
pub async fn asked_by_nobody(rp: &Rp) -> String {
    rp.post(&rp.url("introspection_endpoint"), &[("token", "unknown")]).await.status().as_u16().to_string()
}

/// What userinfo answers to a good token by GET and POST, and to an altered one.
pub async fn who(rp: &Rp) -> String {
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let (token, url) = (tokens["access_token"].as_str().unwrap(), rp.url("userinfo_endpoint"));
    let get = rp.request(Method::GET, &url, &[], Some(token)).await;
    let media = get.headers()["content-type"].to_str().unwrap().to_owned();
    let post = rp.request(Method::POST, &url, &[], Some(token)).await.status().as_u16();
    let bad = rp.request(Method::GET, &url, &[], Some(&altered(token))).await.status().as_u16();
    format!("GET {} {media}, POST {post}, altered {bad}", get.status().as_u16())
}

/// Whether a machine finds its grant in the metadata.
pub async fn grants(rp: &Rp) -> String {
    let document = rp.json(&format!("{}/.well-known/openid-configuration", rp.lab.issuer)).await;
    let grants = document["grant_types_supported"].as_array().unwrap();
    let offered = grants.iter().any(|grant| grant == "client_credentials");
    if offered { "client_credentials" } else { "only authorization_code" }.into()
}
