//! What the good login's answers lack. It sends no request of its own.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::attack::{Answer, Attack, How, Judged, Needs, Strength};
use super::stage::{Session, Stage};
use crate::oidc::jwt::Jwt;

/// The attacks of this group.
pub const TABLE: &[Attack] = &[
    Attack {
        name: "state_not_echoed",
        summary: "the answer comes without the `state` of the request, so that one cannot tell whose it is",
        clause: "RFC 6749 §4.1.2",
        strength: Strength::Must,
        needs: Needs::Login,
        requests: 0,
        how: How::By(state),
    },
    Attack {
        name: "nonce_missing",
        summary: "the ID token comes without the `nonce` of the request, so that it can be injected",
        clause: "OIDC Core 3.1.3.6",
        strength: Strength::Must,
        needs: Needs::Login,
        requests: 0,
        how: How::By(nonce),
    },
    Attack {
        name: "response_issuer_missing",
        summary: "the answer comes without the `iss` that the metadata promises, so that issuers can be mixed up",
        clause: "RFC 9207 §2",
        strength: Strength::Must,
        needs: Needs::Login,
        requests: 0,
        how: How::By(issuer),
    },
];

fn observed(stage: &Stage, judge: impl FnOnce(&Session) -> Answer + Send) -> BoxFuture<'_, Judged> {
    let answer = match &stage.session {
        Some(session) => judge(session),
        None => Answer::Skipped("nobody is logged in".to_owned()),
    };
    async move { Ok(answer) }.boxed()
}

/// Missing, or another than was sent.
fn held(found: Option<&str>, sent: &str, name: &str) -> Answer {
    match found {
        Some(found) if found == sent => Answer::Refused,
        Some(_) => Answer::Accepted(format!("`{name}` is another than was sent")),
        None => Answer::Accepted(format!("`{name}` is missing")),
    }
}

fn param<'s>(session: &'s Session, wanted: &str) -> Option<&'s str> {
    session.params.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
}

fn state(stage: &Stage) -> BoxFuture<'_, Judged> {
    observed(stage, |session| held(param(session, "state"), session.pending.state.expose(), "state"))
}

fn nonce(stage: &Stage) -> BoxFuture<'_, Judged> {
    observed(stage, |session| {
        let Some(token) = &session.tokens.id_token else {
            return Answer::Skipped("no ID token was issued".to_owned());
        };
        match Jwt::decode(token.expose(), "ID token") {
            Ok(jwt) => held(jwt.claims.string("nonce"), session.pending.nonce.expose(), "nonce"),
            Err(_) => Answer::Unknown("the ID token cannot be read".to_owned()),
        }
    })
}

fn issuer(stage: &Stage) -> BoxFuture<'_, Judged> {
    observed(stage, |session| {
        if stage.metadata.flag("authorization_response_iss_parameter_supported") != Some(true) {
            return Answer::Skipped("the metadata does not promise it".to_owned());
        }
        held(param(session, "iss"), stage.metadata.issuer(), "iss")
    })
}
