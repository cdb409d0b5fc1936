//! What is served without TLS where there is TLS. Nothing of ours that is secret is ever sent in the clear: the client is
//! made up.

use std::time::Duration;

use ::http::{HeaderValue, header};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use url::Url;

use super::attack::{Answer, Attack, How, Judged, Needs, Strength};
use super::door::HOPS;
use super::stage::Stage;
use crate::fault::{Class, Fault};
use crate::oidc::form::looks::{Looks, looks};
use crate::oidc::form::walker::{location, page, redirects};
use crate::oidc::http::{Endpoint, Request, Response};
use crate::oidc::metadata::Document;
use crate::oidc::relying::Relying;
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
        requests: 1 + HOPS as u32,
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
async fn ask(relying: &Relying, request: Request) -> Result<Option<Response>, Fault> {
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
        let Some(answer) = ask(&stage.stranger(), Request::get(Endpoint::Discovery, url)).await? else {
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
        let Some(control) = &stage.control else { return skipped("the client has no `redirect_uri`") };
        let Some(url) = in_the_clear(&stage.request(&[])?.url) else { return skipped("it is not served by https") };
        let relying = stage.stranger();
        let mut request = Request::get(Endpoint::Authorization, url);
        for _ in 0..=HOPS {
            let Some(answer) = ask(&relying, request).await? else { return Ok(Answer::Refused) };
            if !redirects(answer.status) {
                return Ok(shown(&looks(&page(answer), stage.guide()), &control.looks));
            }
            let target = location(&answer)?;
            if target.scheme() == "https" || target.host_str() != answer.url.host_str() {
                return Ok(Answer::Refused);
            }
            request = Request::get(Endpoint::LoginPage, target);
        }
        Ok(Answer::Unknown("the provider leads on over plain http, further than was followed".to_owned()))
    }
    .boxed()
}

/// What a page over plain http is: port 80 may be another application's, with pages (and a login) of its own.
fn shown(page: &Looks, login: &Looks) -> Answer {
    match () {
        () if page.status >= 400 || !page.asks => Answer::Refused,
        () if page.title == login.title => Answer::Accepted("the provider shows its login page".to_owned()),
        () => Answer::Unknown("one can log in over plain http, but not on the page of a good request".to_owned()),
    }
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
        Ok(match ask(&stage.stranger(), request).await? {
            Some(answer) if is_processed(answer.status.as_u16(), &answer.body) => {
                Answer::Accepted("the token endpoint reads and answers it".to_owned())
            }
            _ => Answer::Refused,
        })
    }
    .boxed()
}

/// Whether the token endpoint looked at who asks, and with which code (RFC 6749 §5.2). Gateways speak JSON as well, and a
/// provider may say by an OAuth error that it wants TLS.
fn is_processed(status: u16, body: &[u8]) -> bool {
    let Some(error) = OauthError::from_body(body).filter(|_| matches!(status, 400 | 401)) else { return false };
    let description = error.description.unwrap_or_default().to_ascii_lowercase();
    matches!(error.code.as_str(), "invalid_client" | "invalid_grant" | "unauthorized_client")
        && !["https", "ssl", "tls"].iter().any(|word| description.contains(word))
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
    fn a_token_request_was_processed_if_its_client_or_code_was_looked_at() {
        for code in ["invalid_client", "invalid_grant", "unauthorized_client"] {
            let body = format!(r#"{{"error":"{code}","error_description":"client not found"}}"#);
            assert!(is_processed(401, body.as_bytes()) && is_processed(400, body.as_bytes()), "{code}");
            assert!(!is_processed(403, body.as_bytes()) && !is_processed(404, body.as_bytes()), "{code}");
        }
        for body in [
            r#"{"error":"invalid_request","error_description":"HTTPS required"}"#,
            r#"{"error":"invalid_client","error_description":"SSL required"}"#,
            r#"{"error":"Not Found"}"#,
            "<h1>Bad Request</h1>",
        ] {
            assert!(!is_processed(400, body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn over_plain_http_only_the_providers_own_login_page_is_acceptance() {
        let looks = |status, asks, title: &str| Looks {
            status,
            asks,
            title: title.to_owned(),
            place: "http://a.example/login".to_owned(),
        };
        let login = Looks { place: "https://a.example/login".to_owned(), ..looks(200, true, "Sign in") };
        assert!(matches!(shown(&looks(200, true, "Sign in"), &login), Answer::Accepted(_)));
        assert!(matches!(shown(&looks(200, true, "Router"), &login), Answer::Unknown(_)));
        assert_eq!(shown(&looks(200, false, "Welcome to nginx!"), &login), Answer::Refused);
        assert_eq!(shown(&looks(403, true, "Sign in"), &login), Answer::Refused);
    }

    #[test]
    fn https_on_443_is_http_on_80() {
        let plain = |url: &str| in_the_clear(&Url::parse(url).unwrap()).map(|url| url.to_string());
        assert_eq!(plain("https://a.example/token").as_deref(), Some("http://a.example/token"));
        assert_eq!(plain("https://a.example:8443/token").as_deref(), Some("http://a.example:8443/token"));
        assert_eq!(plain("http://127.0.0.1/token"), None);
    }
}
