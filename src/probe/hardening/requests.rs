//! Authorization requests that are wrong in another way than by their redirect URI. Nobody is logged in.

use ::http::{HeaderValue, header};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::attack::{Answer, Attack, How, Judged, Needs, Strength};
use super::door::{self, ATTACKER, Seen};
use super::framing;
use super::stage::{Change, Stage};
use crate::fault::{Class, Fault};
use crate::oidc::http::{Endpoint, Request};

/// The attacks of this group.
pub const TABLE: &[Attack] = &[
    Attack {
        name: "prompt_none_without_session",
        summary: "a code is asked for with `prompt=none` though nobody is logged in",
        clause: "OIDC Core 3.1.2.1",
        strength: Strength::Must,
        needs: Needs::LoginPage,
        requests: door::MOST,
        how: How::By(prompt_none),
    },
    Attack {
        name: "response_type_unknown",
        summary: "a response type that no specification knows",
        clause: "RFC 6749 §3.1.1",
        strength: Strength::Must,
        needs: Needs::LoginPage,
        requests: door::MOST,
        how: How::By(unknown_response_type),
    },
    Attack {
        name: "response_type_token",
        summary: "an access token in the authorization response (implicit grant)",
        clause: "RFC 9700 §2.1.2",
        strength: Strength::Should,
        needs: Needs::LoginPage,
        requests: door::MOST,
        how: How::By(implicit),
    },
    Attack {
        name: "authorization_cors",
        summary: "a script of another site reads the authorization endpoint (CORS)",
        clause: "RFC 9700 §2.6",
        strength: Strength::Should,
        needs: Needs::LoginPage,
        requests: door::MOST,
        how: How::By(cors),
    },
    Attack {
        name: "login_page_framed",
        summary: "another site shows the login page inside its own (clickjacking)",
        clause: "RFC 9700 §4.16",
        strength: Strength::Should,
        needs: Needs::LoginPage,
        requests: 0,
        how: How::By(framed),
    },
];

/// `None`: it was refused where it was pushed.
async fn seen(stage: &Stage, changes: &[Change<'_>]) -> Result<Option<Seen>, Fault> {
    match stage.ask(changes).await? {
        Some(pending) => Ok(Some(door::knock(stage, pending.url, &[]).await?.0)),
        None => Ok(None),
    }
}

async fn judged(stage: &Stage, changes: &[Change<'_>]) -> Judged {
    match stage.ask(changes).await? {
        Some(pending) => door::attack(stage, pending.url, &[]).await,
        None => Ok(Answer::Refused),
    }
}

/// A page is no attack, though §3.1.2.6 wants an error.
fn prompt_none(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        Ok(match seen(stage, &[("prompt", Some("none"))]).await? {
            Some(Seen::Sent(target)) if target.query_pairs().any(|(name, _)| name == "code") => {
                Answer::Accepted("the provider answers with a code".to_owned())
            }
            Some(Seen::Page(page)) if page.status >= 500 => {
                let detail = format!("the authorization endpoint answered {}", page.status);
                return Err(Fault::new(Class::HttpStatus, detail));
            }
            _ => Answer::Refused,
        })
    }
    .boxed()
}

fn unknown_response_type(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move { judged(stage, &[("response_type", Some("authprobe-unknown"))]).await }.boxed()
}

fn implicit(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move { judged(stage, &[("response_type", Some("token"))]).await }.boxed()
}

fn cors(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let origin = format!("https://{ATTACKER}");
        let Some(pending) = stage.ask(&[]).await? else {
            return Ok(Answer::Unknown("a good request is refused".to_owned()));
        };
        let mut request = Request::get(Endpoint::Authorization, pending.url);
        if let Ok(value) = HeaderValue::from_str(&origin) {
            request.headers.insert(header::ORIGIN, value);
        }
        let headers = stage.stranger().http.send(request).await?.headers;
        let allowed =
            headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(match allowed {
            Some(allowed) if allowed == "*" || allowed == origin => {
                Answer::Accepted("the answer has Access-Control-Allow-Origin for any site".to_owned())
            }
            _ => Answer::Refused,
        })
    }
    .boxed()
}

/// Told by the headers of the login page that the good request showed.
fn framed(stage: &Stage) -> BoxFuture<'_, Judged> {
    let Some(control) = &stage.control else {
        return async { Ok(Answer::Skipped("there is no login page".to_owned())) }.boxed();
    };
    let answer = if framing::forbids(&control.headers) {
        Answer::Refused
    } else {
        Answer::Accepted("neither frame-ancestors nor X-Frame-Options keeps other sites from showing it".to_owned())
    };
    async move { Ok(answer) }.boxed()
}
