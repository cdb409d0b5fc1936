//! Codes and tokens that are used as they must not be. Tokens and grants die of it, as they should: so it comes last.

use std::time::Duration;

use ::http::{HeaderValue, Method, header};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Rotation;
use super::attack::{Answer, Attack, How, Judged, Needs, Strength};
use super::stage::{Redeemed, Stage, Works, form, with};
use crate::fault::{Class, Fault};
use crate::oidc::client_auth::{self, Means};
use crate::oidc::http::{Endpoint, Request};
use crate::oidc::response;
use crate::oidc::settings::AuthMethod;
use crate::oidc::token::Grant;
use crate::probe::login_flow as flow;
use crate::secret::Secret;

/// How long after the second use of a code its tokens are looked at, once more after each: a revocation takes its time to
/// be known everywhere (RFC 7009 §2.1).
const LOOKS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2)];

/// The attacks of this group. Whatever they are given comes of a session that exists.
pub const TABLE: &[Attack] = &[
    Attack {
        name: "code_other_redirect_uri",
        summary: "a code is exchanged with another redirect URI than it was asked for with",
        clause: "RFC 6749 §4.1.3",
        strength: Strength::Must,
        needs: Needs::Login,
        requests: 4,
        how: How::By(other_redirect_uri),
    },
    Attack {
        name: "token_by_get",
        summary: "a code is exchanged by GET, with everything in the URL",
        clause: "RFC 6749 §3.2",
        strength: Strength::Must,
        needs: Needs::Login,
        requests: 4,
        how: How::By(by_get),
    },
    Attack {
        name: "access_token_in_query",
        summary: "userinfo is asked with the access token in the URL, where logs keep it",
        clause: "RFC 9700 §4.3.2",
        strength: Strength::Should,
        needs: Needs::Login,
        requests: 2,
        how: How::By(token_in_query),
    },
    Attack {
        name: "refresh_replay",
        summary: "a refresh token that was used is used again",
        clause: "RFC 9700 §4.14.2",
        strength: Strength::Must,
        needs: Needs::Login,
        requests: 2,
        how: How::By(refresh_replay),
    },
    Attack {
        name: "code_replay",
        summary: "a code that was exchanged is exchanged again",
        clause: "RFC 6749 §4.1.2",
        strength: Strength::Must,
        needs: Needs::Login,
        requests: 7,
        how: How::By(code_replay),
    },
    Attack {
        name: "code_replay_keeps_tokens",
        summary: "the access token of a code that was used twice goes on working",
        clause: "RFC 6749 §4.1.2",
        strength: Strength::Should,
        needs: Needs::Login,
        requests: LOOKS.len() as u32,
        how: How::By(tokens_of_replay),
    },
];

/// What that is for an attack; `what`: what the provider did if it issued tokens.
pub fn judged(redeemed: &Redeemed, what: &str) -> Answer {
    match redeemed {
        Redeemed::Tokens(..) => Answer::Accepted(format!("{what}: tokens were issued")),
        // RFC 9449 §5, §8: forged requests come without a proof of possession. Nothing else of them was looked at.
        Redeemed::Refused(error) if matches!(error.as_str(), "invalid_dpop_proof" | "use_dpop_nonce") => {
            Answer::Unknown(format!("it was refused for its DPoP proof: {error}"))
        }
        Redeemed::Refused(_) => Answer::Refused,
    }
}

/// RFC 9700 §2.2.2: refresh tokens of public clients are rotated, or bound to a key.
fn must_rotate(rotation: Rotation, auth_method: AuthMethod, bound: bool) -> bool {
    rotation == Rotation::Required || (auth_method == AuthMethod::None && !bound)
}

fn other_redirect_uri(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let (code, pending) = match stage.good_code().await? {
            Ok(good) => good,
            Err(why) => return Ok(Answer::Unknown(why)),
        };
        let other = format!("{}/other", pending.redirect_uri.as_str());
        let redeemed = stage.redeem(with(form(code, &pending), "redirect_uri", Some(&other)), true).await?;
        Ok(judged(&redeemed, "the provider does not compare it"))
    }
    .boxed()
}

/// The client's secret never goes into a URL: only Basic and public clients can try it.
fn by_get(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let client = &stage.client;
        let secret = match (client.auth_method, &client.secret) {
            (AuthMethod::None, _) => None,
            (AuthMethod::ClientSecretBasic, Some(source)) => {
                Some(source.read().map_err(|why| Fault::new(Class::Config, why))?)
            }
            _ => {
                let why = "the client's secret would have to be in the URL".to_owned();
                return Ok(Answer::Skipped(why));
            }
        };
        let (code, pending) = match stage.good_code().await? {
            Ok(good) => good,
            Err(why) => return Ok(Answer::Unknown(why)),
        };
        let mut url = stage.metadata.endpoint("token_endpoint")?;
        let mut request = Request::new(Method::GET, Endpoint::Token, url.clone());
        let mut form = form(code, &pending);
        if let Some(secret) = &secret {
            stage.relying.recorder.protect(&client_auth::basic(&client.client_id, secret));
        }
        let now = stage.relying.clock.now();
        let means = Means { secret: secret.as_ref(), key: None, audience: stage.metadata.issuer(), now };
        client_auth::authenticate(client, &means, &mut request.headers, &mut form)?;
        url.query_pairs_mut().extend_pairs(&form);
        request.url = url;
        let answer = stage.relying.http.send(request).await?;
        // 404 is what some servers answer to a method that they do not know.
        if answer.status == 404 {
            return Ok(Answer::Refused);
        }
        Ok(judged(&stage.read(&answer)?, "the token endpoint answers GET"))
    }
    .boxed()
}

fn token_in_query(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let (Some(session), Some(mut url)) = (&stage.session, stage.metadata.optional_endpoint("userinfo_endpoint"))
        else {
            return Ok(Answer::Skipped("the provider has no userinfo_endpoint".to_owned()));
        };
        if !flow::asked_for_openid(&stage.relying) {
            return Ok(Answer::Skipped("`openid` is not among the scopes".to_owned()));
        }
        url.query_pairs_mut().append_pair("access_token", session.tokens.access_token.expose());
        let mut request = Request::get(Endpoint::Userinfo, url);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = stage.relying.http.send(request).await?;
        Ok(match answer.status.as_u16() {
            200 => Answer::Accepted("userinfo answers".to_owned()),
            500.. => return Err(response::status_fault(&answer, "userinfo")),
            _ if works(stage, &session.tokens.access_token).await? == Some(false) => {
                Answer::Unknown("userinfo refuses that token in the header as well".to_owned())
            }
            _ => Answer::Refused,
        })
    }
    .boxed()
}

fn refresh_replay(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let Some(first) = stage.session.as_ref().and_then(|session| session.tokens.refresh_token.clone()) else {
            return Ok(Answer::Skipped("the login brought no refresh token".to_owned()));
        };
        let next = match refresh(stage, &first).await? {
            Redeemed::Tokens(_, next) => next,
            Redeemed::Refused(error) => {
                return Ok(Answer::Unknown(format!("the first refresh was refused: {error}")));
            }
        };
        let rotated = next.is_some_and(|next| next != first);
        let must = must_rotate(stage.rotation, stage.client.auth_method, stage.client.proof.dpop);
        if !rotated && !must {
            let why = "refresh tokens are not rotated, and need not be for such a client".to_owned();
            return Ok(Answer::Skipped(why));
        }
        if !stage.reuse_grace.is_zero() {
            flow::pause(&stage.relying.clock, stage.reuse_grace).await;
        }
        let what = if rotated { "reuse is not detected" } else { "refresh tokens are not rotated (RFC 9700 §2.2.2)" };
        Ok(judged(&refresh(stage, &first).await?, what))
    }
    .boxed()
}

async fn refresh(stage: &Stage, token: &Secret) -> Result<Redeemed, Fault> {
    let grant = Grant::Refresh { token: token.clone(), scopes: Vec::new() };
    stage.redeem(grant.form(), true).await
}

fn code_replay(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let (code, pending) = match stage.good_code().await? {
            Ok(good) => good,
            Err(why) => return Ok(Answer::Unknown(why)),
        };
        let form = form(code, &pending);
        let first = match stage.redeem(form.clone(), true).await {
            Ok(Redeemed::Tokens(access, _)) => access,
            Ok(Redeemed::Refused(error)) => {
                let detail = format!("{error}: a good code is refused, so other refusals since the login say nothing");
                return Ok(Answer::Broken(Fault::new(Class::OauthError, detail)));
            }
            // Who asked for time gets it.
            Err(fault) if matches!(fault.class, Class::RateLimited | Class::Budget) => return Err(fault),
            Err(fault) => return Ok(Answer::Broken(fault)),
        };
        let works = works(stage, &first).await;
        let again = stage.redeem(form, true).await?;
        *stage.replayed.lock().expect("replayed") = Some((first, works));
        Ok(judged(&again, "the provider takes a code twice"))
    }
    .boxed()
}

/// RFC 6749 §4.1.2: the tokens of a code that is used twice SHOULD be revoked.
fn tokens_of_replay(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let replayed = stage.replayed.lock().expect("replayed").take();
        let Some((token, worked)) = replayed else {
            return Ok(Answer::Skipped("no code was used twice".to_owned()));
        };
        match worked? {
            Some(true) => {}
            Some(false) => return Ok(Answer::Unknown("its token did not work before either".to_owned())),
            None => return Ok(Answer::Skipped("nothing tells whether a token works".to_owned())),
        }
        for pause in LOOKS {
            flow::pause(&stage.relying.clock, pause).await;
            if works(stage, &token).await? != Some(true) {
                return Ok(Answer::Refused);
            }
        }
        Ok(Answer::Accepted("it still works".to_owned()))
    }
    .boxed()
}

/// Whether an access token works.
async fn works(stage: &Stage, token: &Secret) -> Works {
    let (metadata, relying) = (&stage.metadata, &stage.relying);
    Ok(if metadata.optional_endpoint("userinfo_endpoint").is_some() && flow::asked_for_openid(relying) {
        Some(relying.ask_userinfo(metadata, token, None).await?.is_ok())
    } else if metadata.optional_endpoint("introspection_endpoint").is_some() {
        Some(relying.introspect(metadata, token).await?)
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_for_want_of_a_proof_says_nothing() {
        let refused = |error: &str| judged(&Redeemed::Refused(error.to_owned()), "x");
        assert_eq!(refused("invalid_client"), Answer::Refused);
        for error in ["invalid_dpop_proof", "use_dpop_nonce"] {
            assert!(matches!(refused(error), Answer::Unknown(_)), "{error}");
        }
        assert!(matches!(judged(&Redeemed::Tokens(Secret::new("t"), None), "x"), Answer::Accepted(_)));
    }

    /// RFC 9700 §2.2.2: rotation or sender constraint.
    #[test]
    fn refresh_tokens_that_are_bound_to_a_key_need_no_rotation() {
        assert!(must_rotate(Rotation::Auto, AuthMethod::None, false));
        assert!(!must_rotate(Rotation::Auto, AuthMethod::None, true));
        assert!(!must_rotate(Rotation::Auto, AuthMethod::ClientSecretBasic, false));
        assert!(must_rotate(Rotation::Required, AuthMethod::None, true));
        assert!(must_rotate(Rotation::Required, AuthMethod::ClientSecretBasic, false));
    }
}
