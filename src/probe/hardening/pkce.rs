//! Proof keys (RFC 7636): whoever steals a code must not be able to use it. What counts is whether tokens come of it: some
//! providers look at the request only when the user is logged in, others only at the token endpoint.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::attack::{Answer, Attack, How, Judged, Needs, Strength};
use super::stage::{Change, Code, Redeemed, Stage, form, with};
use crate::oidc::pkce;

/// An authorization request in a session that exists, and a token request.
const REQUESTS: u32 = 4;

/// The attacks of this group.
pub const TABLE: &[Attack] = &[
    Attack {
        name: "pkce_missing",
        summary: "a code is asked for without `code_challenge`, and exchanged without `code_verifier`",
        clause: "RFC 9700 §2.1.1",
        strength: Strength::Must,
        needs: Needs::Pkce,
        requests: REQUESTS,
        how: How::By(missing),
    },
    Attack {
        name: "pkce_plain",
        summary: "the code challenge is the verifier itself (method `plain`), so that whoever sees the request can use the code",
        clause: "RFC 9700 §2.1.1",
        strength: Strength::Must,
        needs: Needs::Pkce,
        requests: REQUESTS,
        how: How::By(plain),
    },
    Attack {
        name: "pkce_wrong_verifier",
        summary: "a code is exchanged with another verifier than its own",
        clause: "RFC 7636 §4.6",
        strength: Strength::Must,
        needs: Needs::Pkce,
        requests: REQUESTS,
        how: How::By(wrong_verifier),
    },
    Attack {
        name: "pkce_no_verifier",
        summary: "a code that was asked for with `code_challenge` is exchanged without `code_verifier`",
        clause: "RFC 7636 §4.6",
        strength: Strength::Must,
        needs: Needs::Pkce,
        requests: REQUESTS,
        how: How::By(no_verifier),
    },
];

/// The whole attack: a request with these changes, and the verifier that is sent for its code (`None`: none).
async fn attack(stage: &Stage, changes: &[Change<'_>], verifier: Option<&str>, what: &str) -> Judged {
    let (code, pending) = match stage.code(changes).await? {
        Code::Got(code, pending) => (code, pending),
        Code::Refused if changes.is_empty() => {
            return Ok(Answer::Unknown("the provider gives no second code in a session".to_owned()));
        }
        Code::Refused => return Ok(Answer::Refused),
        Code::Unknown(why) => return Ok(Answer::Unknown(why)),
    };
    let form = with(form(code, &pending), "code_verifier", verifier);
    Ok(match stage.redeem(form, true).await? {
        Redeemed::Tokens(..) => Answer::Accepted(format!("the provider {what}: tokens were issued")),
        Redeemed::Refused(_) => Answer::Refused,
    })
}

fn missing(stage: &Stage) -> BoxFuture<'_, Judged> {
    let without = [("code_challenge", None), ("code_challenge_method", None)];
    async move { attack(stage, &without, None, "does not enforce PKCE").await }.boxed()
}

fn plain(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let verifier = pkce::random();
        stage.relying.recorder.protect(verifier.expose());
        let changes = [("code_challenge", Some(verifier.expose())), ("code_challenge_method", Some("plain"))];
        attack(stage, &changes, Some(verifier.expose()), "takes `plain` code challenges").await
    }
    .boxed()
}

fn wrong_verifier(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let other = pkce::random();
        attack(stage, &[], Some(other.expose()), "does not compare the verifier").await
    }
    .boxed()
}

fn no_verifier(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move { attack(stage, &[], None, "does not ask for the verifier").await }.boxed()
}
