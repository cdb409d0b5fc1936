//! Devices without a browser: RFC 8628.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::accounts::{Client, DEVICE_CODE};
use super::authorize::AuthRequest;
use super::endpoint::Endpoint;
use super::fault::Switch;
use super::grants::{Asked, OauthError, login_tokens};
use super::metadata::SCOPES;
use super::pages;
use super::reply::Reply;
use super::server::Call;
use super::store::{Death, Grant, Session, random, token_key};
use super::{Moment, World};
use crate::clock::Timestamp;

/// How long codes live.
const LIFETIME: Duration = Duration::from_secs(300);
/// How far apart polls must be at first.
const INTERVAL: Duration = Duration::from_secs(1);
/// Letters that are not mistaken for each other and make no words (RFC 8628 §6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// A device that waits for its user.
#[derive(Debug)]
pub struct Device {
    client: &'static Client,
    scopes: Vec<String>,
    until: Timestamp,
    interval: Duration,
    polled: Option<Timestamp>,
    answer: Option<Answer>,
}

#[derive(Clone, Debug)]
enum Answer {
    Yes(Arc<Grant>),
    No,
}

/// Hands out codes (§3.1, §3.2).
pub fn authorize(world: &World, call: &Call) -> Reply {
    let form = match call.form() {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let client = match world.authenticate(call, &form) {
        Ok(client) => client,
        Err(refused) => return refused,
    };
    if !client.may(DEVICE_CODE) {
        return Reply::error(StatusCode::BAD_REQUEST, "unauthorized_client", "this client is no device");
    }
    let scopes = form.words("scope").into_iter().filter(|scope| SCOPES.contains(&scope.as_str())).collect();
    let now = call.moment.now;
    let (device_code, user_code) = (random(), user_code());
    let device = Device { client, scopes, until: now + LIFETIME, interval: INTERVAL, polled: None, answer: None };
    {
        let mut store = world.store();
        store.devices.insert(now, normal(&user_code), device);
        store.device_codes.insert(now, token_key(&device_code), normal(&user_code));
    }
    let verification_uri = world.issuer.url(Endpoint::Device);
    let document = json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": verification_uri,
        "verification_uri_complete": format!("{verification_uri}?user_code={user_code}"),
        "expires_in": LIFETIME.as_secs(),
        "interval": INTERVAL.as_secs(),
    });
    Reply::json(StatusCode::OK, &world.document(Endpoint::DeviceAuthorization, document)).no_store()
}

/// Where the user types the code (§3.3): what follows is a login like any other.
pub fn verify(world: &World, call: &Call) -> Reply {
    let form = match call.form() {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let action = format!("{}{}", world.issuer.path, Endpoint::Device.path());
    let typed = form.get("user_code").unwrap_or_default();
    if call.method != Method::POST {
        return pages::user_code(&action, typed, None);
    }
    let request = {
        let mut store = world.store();
        let device = store.devices.get(call.moment.now, &normal(typed));
        device
            .filter(|device| device.answer.is_none() && call.moment.now < device.until)
            .map(|device| AuthRequest::of_device(device.client, device.scopes.clone(), normal(typed)))
    };
    match request {
        Some(request) => world.interact(call, Arc::new(request), None),
        None => pages::user_code(&action, "", Some("This code is unknown or too old.")),
    }
}

impl World {
    /// The user has said yes.
    pub fn device_approved(&self, moment: Moment, user_code: &str, session: &Session) -> Reply {
        if self.faults.switch(Switch::DeviceNeverApproved).is_none() {
            let no = self.faults.switch(Switch::DeviceDenied).is_some();
            self.answer_device(moment, user_code, |device| match no {
                true => Answer::No,
                false => Answer::Yes(Arc::new(Grant {
                    client: device.client,
                    user: Some(session.user),
                    subject: session.user.sub.to_owned(),
                    scopes: device.scopes.clone(),
                    auth_time: Some(session.auth_time),
                    session: Some(session.id.clone()),
                    nonce: None,
                    extras: Arc::default(),
                    made: moment.now,
                    death: Death::default(),
                })),
            });
        }
        pages::message(StatusCode::OK, "Device connected", "You can close this page and go back to your device.")
    }

    /// The user has said no.
    pub fn device_refused(&self, moment: Moment, user_code: &str) -> Reply {
        self.answer_device(moment, user_code, |_| Answer::No);
        pages::message(StatusCode::OK, "Device refused", "It gets nothing.")
    }

    fn answer_device(&self, moment: Moment, user_code: &str, answer: impl FnOnce(&Device) -> Answer) {
        if let Some(device) = self.store().devices.get(moment.now, &user_code.to_owned()) {
            device.answer = Some(answer(device));
        }
    }
}

/// A poll (§3.4, §3.5).
pub fn device_code(world: &World, asked: &Asked) -> Result<Value, OauthError> {
    let now = asked.moment.now;
    let code = asked.form.get("device_code").ok_or(("invalid_request", "device_code is missing"))?;
    if world.faults.switch(Switch::DeviceExpires).is_some() {
        return Err(("expired_token", "the device code is too old"));
    }
    let slow_down = world.faults.switch(Switch::DeviceSlowDown).is_some();
    let unapproved = world.faults.switch(Switch::DeviceUnapproved).is_some();
    let (grant, user_code) = {
        let mut store = world.store();
        let unknown = ("invalid_grant", "unknown or used device code");
        let user_code = store.device_codes.get(now, &token_key(code)).ok_or(unknown)?.clone();
        let device = store.devices.get(now, &user_code).ok_or(unknown)?;
        if device.client.id != asked.client.id {
            return Err(unknown);
        }
        if now >= device.until {
            return Err(("expired_token", "the device code is too old"));
        }
        let hasty = device.polled.is_some_and(|at| now.since(at) < device.interval);
        device.polled = Some(now);
        if hasty || slow_down {
            device.interval += Duration::from_secs(5);
            return Err(("slow_down", "polls come too quickly"));
        }
        match &device.answer {
            Some(Answer::Yes(grant)) => (Arc::clone(grant), user_code),
            Some(Answer::No) => return Err(("access_denied", "the user said no")),
            None if unapproved => (Arc::new(nobodys(asked, device)), user_code),
            None => return Err(("authorization_pending", "the user has not answered yet")),
        }
    };
    world.store().devices.remove(now, &user_code);
    login_tokens(world, asked, &grant, false)
}

/// What a provider grants that does not wait for its user.
fn nobodys(asked: &Asked, device: &Device) -> Grant {
    Grant {
        client: device.client,
        user: None,
        subject: device.client.id.to_owned(),
        scopes: device.scopes.clone(),
        auth_time: None,
        session: None,
        nonce: None,
        extras: Arc::default(),
        made: asked.moment.now,
        death: Death::default(),
    }
}

fn user_code() -> String {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    let letters: String = bytes.iter().map(letter).collect();
    format!("{}-{}", &letters[..4], &letters[4..])
}

/// As it is kept: people leave out the dash, and type small letters.
fn normal(user_code: &str) -> String {
    user_code.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).take(8).collect()
}
