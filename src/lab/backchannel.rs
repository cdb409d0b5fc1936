//! Back-Channel Logout 1.0: clients are told that a session has ended.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::accounts::{Client, redirect_allowed};
use super::fault::{Setting, Switch};
use super::jws::{Claims, TokenKind};
use super::store::random;
use super::{Moment, World};

/// How long a client may take to take a logout token.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a logout token lives (§2.4: at most two minutes are recommended).
const LIFETIME: Duration = Duration::from_secs(120);
/// The member of `events` (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Has the logout tokens of a client delivered to a loopback address.
pub fn register(world: &World, client: &str, url: &str) -> Result<(), String> {
    let client = Client::find(client).ok_or_else(|| format!("no client {client}"))?;
    let parsed = Url::parse(url).ok().filter(|_| redirect_allowed(url));
    let url = parsed.ok_or_else(|| "logout tokens go to loopback addresses only".to_owned())?;
    world.store().backchannels.insert(client.id, url);
    Ok(())
}

/// Tells the client of an ID token that its session has ended.
pub fn tell(world: &World, moment: Moment, hint: &Claims) {
    let client = hint.get("aud").and_then(Value::as_str).and_then(Client::find);
    let Some(client) = client else { return };
    let Some(url) = world.store().backchannels.get(client.id).cloned() else { return };
    if world.faults.switch(Switch::BackchannelNever).is_some() {
        return;
    }
    let late =
        world.faults.switch(Switch::BackchannelLate).map_or(Duration::ZERO, |setting| setting.seconds("seconds"));
    let mut claims = Claims::new();
    claims.insert("iss".into(), json!(world.issuer.text));
    claims.insert("aud".into(), json!(client.id));
    claims.insert("iat".into(), json!(moment.told.as_secs()));
    claims.insert("exp".into(), json!((moment.told + LIFETIME).as_secs()));
    claims.insert("jti".into(), json!(random()));
    claims.insert("events".into(), json!({EVENT: {}}));
    for claim in ["sub", "sid"] {
        if let Some(value) = hint.get(claim) {
            claims.insert(claim.into(), value.clone());
        }
    }
    let invalid = world.faults.switch(Switch::BackchannelInvalid);
    if let Some(setting) = &invalid {
        spoil(&mut claims, setting);
    }
    let mut token = world.sign(moment.now, TokenKind::Logout, claims);
    if invalid.is_some_and(|setting| setting.text("what") == "signature") {
        token = unsigned(&token);
    }
    tokio::spawn(deliver(url, token, late));
}

fn spoil(claims: &mut Claims, setting: &Setting) {
    match setting.text("what") {
        "audience" => claims.insert("aud".into(), json!("somebody-else")),
        "issuer" => claims.insert("iss".into(), json!("https://other.example.com")),
        "events" => claims.insert("events".into(), json!({"http://schemas.example.com/event/other": {}})),
        "nonce" => claims.insert("nonce".into(), json!("a logout has none")),
        "expired" => {
            let issued = claims.get("iat").and_then(Value::as_i64).unwrap_or_default();
            claims.insert("exp".into(), json!(issued - 3600))
        }
        "jti" => claims.remove("jti"),
        _ => None,
    };
}

/// The same with a signature that does not verify.
fn unsigned(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{message}.{first}{}", signature.get(1..).unwrap_or_default())
}

/// §2.5: a POST of a form.
async fn deliver(url: Url, token: String, late: Duration) {
    tokio::time::sleep(late).await;
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build();
    let sent = match client {
        Ok(client) => {
            let request = client.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
            request.send().await
        }
        Err(error) => Err(error),
    };
    match sent {
        Ok(answer) => tracing::debug!(status = answer.status().as_u16(), "a logout token was delivered"),
        Err(error) => tracing::warn!(error = %error.without_url(), "a logout token could not be delivered"),
    }
}
