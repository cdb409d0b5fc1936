//! Back-Channel Logout 1.0: clients are told that a session has ended.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::accounts::{Client, audience, on_loopback};
use super::fault::{Setting, Switch};
use super::jws::{Claims, TokenKind};
use super::store::random;
use super::{Moment, World};

/// How long a client may take to take a logout token.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most of an answer that is read (bytes).
const MAX_ANSWER: u64 = 4096;
/// How long a logout token lives (§2.4: at most two minutes are recommended).
const LIFETIME: Duration = Duration::from_secs(120);
/// The member of `events` (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Has the logout tokens of a client delivered to a loopback address.
pub fn register(world: &World, client: &str, url: &str) -> Result<(), String> {
    let client = Client::find(client).ok_or_else(|| format!("no client {client}"))?;
    let parsed = Url::parse(url).ok().filter(|_| on_loopback(url));
    let url = parsed.ok_or_else(|| "logout tokens go to loopback addresses by http only".to_owned())?;
    world.store().backchannels.insert(client.id, url);
    Ok(())
}

/// Tells the client of an ID token that its session has ended.
pub fn tell(world: &World, moment: Moment, hint: &Claims) {
    let client = hint.get("aud").and_then(audience);
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

/// §2.5: a POST of a form. By hand: it only ever goes to this machine.
async fn deliver(url: Url, token: String, late: Duration) {
    tokio::time::sleep(late).await;
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    match tokio::time::timeout(PATIENCE, post(&url, &body)).await {
        Ok(Ok(status)) => tracing::debug!(status, "a logout token was delivered"),
        Ok(Err(error)) => tracing::warn!(%error, "a logout token could not be delivered"),
        Err(_) => tracing::warn!("a logout token was not taken in time"),
    }
}

/// The status line that came back.
async fn post(url: &Url, body: &str) -> std::io::Result<String> {
    let address = url.socket_addrs(|| None)?;
    let mut stream = TcpStream::connect(address.as_slice()).await?;
    let host = url.authority();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        url.path(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}
