//! What the lab does when it is told to be weak: decisions that no provider may make. Each is asked where the right one is
//! made.

use std::collections::HashSet;

use super::World;
use super::accounts::{Client, USERS};
use super::authorize::AuthRequest;
use super::fault::Switch;
use super::form::Form;
use super::jws::{self, s256};
use super::reply::Reply;
use super::server::Call;
use super::store::{Session, random};

/// The only host that is registered; without an end it is the beginning of many others.
const HOST: &str = "http://127.0.0.1";

/// Whether answers go there though it is not registered.
pub fn redirect(world: &World, uri: &str) -> bool {
    world.faults.switch(Switch::LooseRedirect).is_some_and(|setting| match setting.text("match") {
        "prefix" => uri.starts_with(HOST),
        _ => true,
    })
}

/// A form in which the last of several values counts.
pub fn form(world: &World, call: &Call) -> Option<Form> {
    world.faults.switch(Switch::LooseRedirect)?;
    let query = call.uri.query().unwrap_or_default();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let last = |at: usize| !pairs[at + 1..].iter().any(|(name, _)| *name == pairs[at].0);
    let kept = pairs.iter().enumerate().filter(|(at, _)| last(*at)).map(|(_, pair)| pair);
    let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    Form::parse(text.as_bytes()).ok()
}

/// The `S256` code challenge of a request; empty where none is asked for. `None`: it is refused.
pub fn challenge(world: &World, form: &Form) -> Option<String> {
    let challenge = form.get("code_challenge").unwrap_or_default();
    let (sound, method) = (challenge.len() == 43, form.get("code_challenge_method"));
    match method {
        Some("S256") if sound => Some(challenge.to_owned()),
        // RFC 7636 §4.3: without a method it is `plain`.
        Some("plain") | None if sound => world.faults.switch(Switch::PlainChallenge).map(|_| s256(challenge)),
        None if challenge.is_empty() => world.faults.switch(Switch::NoChallenge).map(|_| String::new()),
        _ => None,
    }
}

/// A code for somebody who never logged in.
pub fn silent(world: &World, call: &Call, request: &AuthRequest) -> Reply {
    let session = Session { id: random(), user: &USERS[0], auth_time: call.moment.told, consents: HashSet::new() };
    world.grant_code(call.moment, request, &session)
}

/// The client of a token request that has not proved to be it.
pub fn unproven(world: &World, form: &Form) -> Option<&'static Client> {
    let Some(assertion) = form.get("client_assertion") else {
        let named = form.get("client_id").filter(|_| form.get("client_secret").is_none()).and_then(Client::find)?;
        return world.faults.switch(Switch::ClientUnproven).map(|_| named);
    };
    let unsigned = assertion.ends_with('.');
    let claims = jws::read(assertion, |_, _| true)?;
    let client = Client::find(claims.get("sub")?.as_str()?)?;
    let keyed = |input: &[u8], signature: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, client.id.as_bytes());
        aws_lc_rs::hmac::verify(&key, input, signature).is_ok()
    };
    let believed = world.faults.switch(Switch::AssertionUnverified).is_some()
        || (unsigned && world.faults.switch(Switch::AssertionUnsigned).is_some())
        || (!unsigned
            && jws::read(assertion, keyed).is_some()
            && world.faults.switch(Switch::AssertionKeyedWithName).is_some());
    believed.then_some(client)
}
