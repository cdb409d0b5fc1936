//! What is served without TLS where there is TLS. Nothing of ours that is secret is ever sent in the clear: the client is
//! made up.

use std::time::Duration;

use ::http::{HeaderValue, header};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use url::Url;

use super::attack::{Answer, Attack, How, Judged, Needs, Strength};
use super::stage::Stage;
use crate::fault::{Class, Fault};
use crate::oidc::form::walker::{location, redirects};
use crate::oidc::http::{Endpoint, Request, Response};
use crate::oidc::metadata::Document;
use crate::oidc::response::OauthError;

/// Where nothing listens, a firewall may swallow what is sent: that is a refusal too.
const PATIENCE: Duration = Duration::from_secs(3);
/// A client that does not exist.
const NOBODY: &str = "authprobe-nobody";

/// The attacks of this group.
pub const TABLE: &[Attack] = &[
    Attack {
        name: "http_discovery",
        summary: "the metadata is read over plain http",
        clause: "RFC 8414 §3",
        strength: Strength::Must,
        needs: Needs::Https,
        requests: 1,
        how: How::By(discovery),
    },
    Attack {
        name: "http_authorization",
        summary: "a login is begun over plain http",
        clause: "RFC 6749 §3.1",
        strength: Strength::Must,
        needs: Needs::Https,
        requests: 1,
        how: How::By(authorization),
    },
    Attack {
        name: "http_token",
        summary: "a token request (of a client that does not exist) is sent over plain http",
        clause: "RFC 6749 §3.2",
        strength: Strength::Must,
        needs: Needs::Https,
        requests: 1,
        how: How::By(token),
    },
    Attack {
        name: "hsts_missing",
        summary: "browsers are not told to come back by https only (Strict-Transport-Security)",
        clause: "RFC 6797 §7.1",
        strength: Strength::Should,
        needs: Needs::Https,
        requests: 1,
        how: How::By(hsts),
    },
];

/// The same place by plain http: on port 80 where https is on 443, else on the same port.
fn in_the_clear(url: &Url) -> Option<Url> {
    if url.scheme() != "https" {
        return None;
    }
    let mut plain = url.clone();
    plain.set_scheme("http").ok()?;
    Some(plain)
}

/// `None`: nothing answers there, which is as it should be. Plain http to a TLS port ends in all kinds of ways.
async fn ask(stage: &Stage, request: Request) -> Result<Option<Response>, Fault> {
    let relying = stage.stranger();
    match relying.http.with_timeout(PATIENCE).send(request).await {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if matches!(fault.class, Class::Connect | Class::Reset | Class::Timeout | Class::Malformed) => {
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

fn skipped(why: &str) -> Judged {
    Ok(Answer::Skipped(why.to_owned()))
}

fn discovery(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let document = stage.metadata.document().unwrap_or(Document::Oidc);
        let Some(url) = in_the_clear(&document.url(stage.metadata.issuer())?) else {
            return skipped("it is not served by https");
        };
        let Some(answer) = ask(stage, Request::get(Endpoint::Discovery, url)).await? else {
            return Ok(Answer::Refused);
        };
        let named = serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok_and(|it| it["issuer"].is_string());
        Ok(if answer.status == 200 && named {
            Answer::Accepted("the document is served, and can be changed on the way".to_owned())
        } else {
            Answer::Refused
        })
    }
    .boxed()
}

fn authorization(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        if stage.control.is_none() {
            return skipped("the client has no `redirect_uri`");
        }
        let Some(url) = in_the_clear(&stage.request(&[])?.url) else { return skipped("it is not served by https") };
        let Some(answer) = ask(stage, Request::get(Endpoint::Authorization, url)).await? else {
            return Ok(Answer::Refused);
        };
        if redirects(answer.status) {
            let target = location(&answer)?;
            let https = target.scheme() == "https";
            let away = target.host_str() != answer.url.host_str();
            return Ok(if https || away {
                Answer::Refused
            } else {
                Answer::Accepted("the provider leads on over plain http".to_owned())
            });
        }
        let page = crate::oidc::form::walker::page(answer);
        let asks = crate::oidc::form::looks::looks(&page, stage.guide()).asks;
        Ok(if page.status < 400 && asks {
            Answer::Accepted("the provider shows its login page".to_owned())
        } else {
            Answer::Refused
        })
    }
    .boxed()
}

fn token(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let Some(endpoint) = stage.metadata.optional_endpoint("token_endpoint") else {
            return skipped("the provider has no token_endpoint");
        };
        let Some(url) = in_the_clear(&endpoint) else { return skipped("it is not served by https") };
        let form = [("grant_type", "authorization_code"), ("code", NOBODY), ("client_id", NOBODY)];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut request = Request::post(Endpoint::Token, url, form);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Ok(match ask(stage, request).await? {
            Some(answer) if OauthError::from_body(&answer.body).is_some() => {
                Answer::Accepted("the token endpoint reads and answers it".to_owned())
            }
            _ => Answer::Refused,
        })
    }
    .boxed()
}

/// Any answer will do: it holds for the whole host (RFC 6797 §8.1).
fn hsts(stage: &Stage) -> BoxFuture<'_, Judged> {
    async move {
        let (headers, url) = match &stage.control {
            Some(control) => (control.headers.clone(), stage.metadata.endpoint("authorization_endpoint")?),
            None => {
                let document = stage.metadata.document().unwrap_or(Document::Oidc);
                let url = document.url(stage.metadata.issuer())?;
                (stage.stranger().http.send(Request::get(Endpoint::Discovery, url.clone())).await?.headers, url)
            }
        };
        if url.host().is_some_and(|host| !matches!(host, url::Host::Domain(_))) {
            return skipped("it holds for names, not for addresses (RFC 6797 §8.1.1)");
        }
        let lasting =
            headers.get(header::STRICT_TRANSPORT_SECURITY).and_then(|value| value.to_str().ok()).is_some_and(|value| {
                let age = value
                    .split(';')
                    .find_map(|part| part.trim().to_ascii_lowercase().strip_prefix("max-age=").map(str::to_owned));
                age.is_some_and(|age| age.trim_matches('"').parse::<u64>().is_ok_and(|seconds| seconds > 0))
            });
        Ok(if lasting { Answer::Refused } else { Answer::Accepted("the header is missing".to_owned()) })
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_on_443_is_http_on_80() {
        let plain = |url: &str| in_the_clear(&Url::parse(url).unwrap()).map(|url| url.to_string());
        assert_eq!(plain("https://a.example/token").as_deref(), Some("http://a.example/token"));
        assert_eq!(plain("https://a.example:8443/token").as_deref(), Some("http://a.example:8443/token"));
        assert_eq!(plain("http://127.0.0.1/token"), None);
    }
}
