//! Authorization requests of a stranger: nobody is logged in, and nobody logs in. What comes of it is held against the
//! login page that the good request shows.

use ::http::HeaderMap;
use url::Url;

use super::attack::{Answer, Judged};
use super::redirect_uri::obeys;
use super::stage::Stage;
use crate::fault::{Class, Fault};
use crate::oidc::authorize::is_answer;
use crate::oidc::form::looks::{Looks, looks, shape};
use crate::oidc::form::walker::{location, navigation, page, redirects};
use crate::oidc::http::{Endpoint, Request};
use crate::oidc::relying::Relying;

/// Where an attacker would want answers: a name that resolves nowhere (RFC 6761 §6.5).
pub const ATTACKER: &str = "attacker.example";
/// How many redirects are followed.
const HOPS: usize = 2;
/// The most requests that one look at the door takes: a pushed request is one more.
pub const MOST: u32 = 2 + HOPS as u32;

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A page.
    Page(Looks),
    /// A redirect that ends the way: to the client, or to where the attacker wants it. It is never followed.
    Sent(Url),
    /// Redirects within the provider, one more than are followed: the shapes of all their targets.
    Further(Vec<String>),
}

/// The login page of the good request, and the way there.
#[derive(Clone, Debug)]
pub struct Control {
    /// The page.
    pub looks: Looks,
    /// The headers with which it came.
    pub headers: HeaderMap,
    /// The shapes of the redirects to it.
    pub trail: Vec<String>,
    /// Whether it is shown whatever was asked, even to a client that does not exist: such a provider looks at a request
    /// only once somebody is logged in, and its login page says nothing.
    pub blind: bool,
}

/// Sends a good authorization request. `sent`: what the answer might obey besides the registered redirect URI. No
/// redirect to a client or an attacker is followed.
pub async fn knock(stage: &Stage, url: Url, sent: &[String]) -> Result<(Seen, HeaderMap), Fault> {
    knock_as(&stage.stranger(), stage, url, sent).await
}

async fn knock_as(relying: &Relying, stage: &Stage, url: Url, sent: &[String]) -> Result<(Seen, HeaderMap), Fault> {
    let registered = stage.redirect_uri()?;
    let leaves = |target: &Url| {
        !matches!(target.scheme(), "http" | "https")
            || is_answer(target, registered.url())
            || sent.iter().any(|sent| obeys(target, sent, registered.url()))
    };
    walk(relying, url, HOPS, leaves, |page| looks(page, stage.guide())).await
}

/// Tries an attack on the request `sent` (empty: the redirect URI is the registered one): as a stranger, or in the session
/// of the good login where a stranger is told nothing.
pub async fn attack(stage: &Stage, url: Url, sent: &[String]) -> Judged {
    let Some(control) = &stage.control else { return Ok(Answer::Skipped("there is no login page".to_owned())) };
    let registered = stage.redirect_uri()?.url();
    if !control.blind {
        let (seen, _) = knock(stage, url, sent).await?;
        return judge(control, &seen, sent, registered);
    }
    if stage.session.is_none() {
        let why = "the provider looks at a request only once somebody is logged in";
        return Ok(Answer::Skipped(why.to_owned()));
    }
    let (seen, _) = knock_as(&stage.relying, stage, url, sent).await?;
    if let Seen::Sent(target) = &seen {
        stage.received(target);
    }
    judge_inside(&seen, sent, registered)
}

/// Whether a client that does not exist is shown a login page as well.
pub async fn is_blind(stage: &Stage) -> bool {
    let Ok(pending) = stage.request(&[("client_id", Some("authprobe-unknown"))]) else { return false };
    let seen = knock(stage, pending.url, &[]).await;
    matches!(seen, Ok((Seen::Page(page), _)) if page.asks && page.status < 400)
}

/// The way of the good request, which may be longer.
pub async fn control(stage: &Stage, url: Url, most: usize) -> Result<(Seen, HeaderMap, Vec<String>), Fault> {
    let relying = stage.stranger();
    let registered = stage.redirect_uri()?;
    let mut trail = Vec::new();
    let leaves = |target: &Url| {
        trail.push(shape(target));
        is_answer(target, registered.url())
    };
    let (seen, headers) = walk(&relying, url, most, leaves, |page| looks(page, stage.guide())).await?;
    Ok((seen, headers, trail))
}

async fn walk(
    relying: &Relying,
    url: Url,
    hops: usize,
    mut leaves: impl FnMut(&Url) -> bool,
    look: impl Fn(&crate::oidc::form::Page) -> Looks,
) -> Result<(Seen, HeaderMap), Fault> {
    let mut request = Request::get(Endpoint::Authorization, url);
    request.headers = navigation(None, &request.url);
    let mut trail = Vec::new();
    loop {
        let response = relying.http.send(request.clone()).await?;
        let headers = response.headers.clone();
        if !redirects(response.status) {
            return Ok((Seen::Page(look(&page(response))), headers));
        }
        let target = location(&response)?;
        if leaves(&target) {
            return Ok((Seen::Sent(target), headers));
        }
        trail.push(shape(&target));
        if trail.len() > hops {
            return Ok((Seen::Further(trail), headers));
        }
        let from = std::mem::replace(&mut request, Request::get(Endpoint::LoginPage, target));
        request.headers = navigation(Some(&from.url), &request.url);
    }
}

/// What that is for an attack on the request `sent` (empty: the redirect URI is the registered one).
pub fn judge(control: &Control, seen: &Seen, sent: &[String], registered: &Url) -> Judged {
    match seen {
        Seen::Sent(target) => Ok(judge_answer(target, sent, registered)),
        Seen::Page(page) if page.status >= 500 => {
            Err(Fault::new(Class::HttpStatus, format!("the authorization endpoint answered {}", page.status)))
        }
        Seen::Page(page) if page.status >= 400 => Ok(Answer::Refused),
        Seen::Page(page) if page.asks => Ok(Answer::Accepted("the provider shows its login page".to_owned())),
        Seen::Page(page) if control.looks.asks || page.place != control.looks.place => Ok(Answer::Refused),
        Seen::Page(page) if page.title != control.looks.title => Ok(Answer::Refused),
        Seen::Page(_) => Ok(Answer::Unknown(
            "the provider's pages are drawn by scripts: its login page cannot be told from an error page".to_owned(),
        )),
        Seen::Further(trail) if control.trail.starts_with(trail) => {
            Ok(Answer::Accepted("the provider leads on to its login as after a good request".to_owned()))
        }
        Seen::Further(_) => Ok(Answer::Unknown("the provider redirects further than was followed".to_owned())),
    }
}

/// The same, of somebody who is logged in: a good request would be answered at once.
fn judge_inside(seen: &Seen, sent: &[String], registered: &Url) -> Judged {
    match seen {
        Seen::Sent(target) => Ok(judge_answer(target, sent, registered)),
        Seen::Page(page) if page.status >= 500 => {
            Err(Fault::new(Class::HttpStatus, format!("the authorization endpoint answered {}", page.status)))
        }
        Seen::Page(page) if page.status >= 400 => Ok(Answer::Refused),
        Seen::Page(_) | Seen::Further(_) => Ok(Answer::Unknown(
            "somebody who is logged in gets neither an answer nor an error from the provider".to_owned(),
        )),
    }
}

fn judge_answer(target: &Url, sent: &[String], registered: &Url) -> Answer {
    if sent.iter().any(|sent| obeys(target, sent, registered)) {
        let with = if has(target, "code") {
            " with a code"
        } else if has(target, "error") {
            " with an error, which must not be redirected there (RFC 6749 §4.1.2.1)"
        } else {
            ""
        };
        return Answer::Accepted(format!("the provider redirects there{with}"));
    }
    match ["code", "access_token", "id_token"].into_iter().find(|name| has(target, name)) {
        Some("code") => Answer::Accepted("the provider answers with a code".to_owned()),
        Some(_) => Answer::Accepted("the provider answers with a token".to_owned()),
        None => Answer::Refused,
    }
}

fn has(url: &Url, name: &str) -> bool {
    let in_fragment = url
        .fragment()
        .is_some_and(|fragment| url::form_urlencoded::parse(fragment.as_bytes()).any(|(found, _)| found == name));
    in_fragment || url.query_pairs().any(|(found, _)| found == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(status: u16, asks: bool, title: &str) -> Looks {
        Looks { status, asks, title: title.to_owned(), place: "https://a.example/login".to_owned() }
    }

    fn control(asks: bool) -> Control {
        let trail = ["https://a.example/1", "https://a.example/2", "https://a.example/3"].map(str::to_owned).to_vec();
        Control { looks: looks(200, asks, "Sign in"), headers: HeaderMap::new(), trail, blind: false }
    }

    fn judged(control: &Control, seen: Seen) -> Judged {
        let registered = Url::parse("https://app.example.com/cb").unwrap();
        judge(control, &seen, &["https://attacker.example/collect".to_owned()], &registered)
    }

    #[test]
    fn error_pages_are_refusals_whatever_their_status() {
        for page in [looks(400, false, "Error"), looks(403, true, "Sign in"), looks(200, false, "Error")] {
            assert_eq!(judged(&control(true), Seen::Page(page)), Ok(Answer::Refused));
        }
    }

    #[test]
    fn a_login_page_is_acceptance() {
        let answer = judged(&control(true), Seen::Page(looks(200, true, "Sign in"))).unwrap();
        assert!(matches!(answer, Answer::Accepted(_)));
    }

    /// RFC 6749 §4.1.2.1: it must not redirect there, not even with an error.
    #[test]
    fn an_error_sent_to_the_attacker_is_acceptance() {
        let sent = |url: &str| judged(&control(true), Seen::Sent(Url::parse(url).unwrap())).unwrap();
        assert!(matches!(sent("https://attacker.example/collect?error=invalid_request"), Answer::Accepted(_)));
        assert_eq!(sent("https://app.example.com/cb?error=invalid_request"), Answer::Refused);
        assert!(matches!(sent("https://app.example.com/cb?code=x"), Answer::Accepted(_)));
    }

    /// Django and others show their login page before they look at anything.
    #[test]
    fn in_a_session_only_an_answer_is_acceptance() {
        let registered = Url::parse("https://app.example.com/cb").unwrap();
        let inside = |seen| judge_inside(&seen, &["https://attacker.example/collect".to_owned()], &registered);
        let sent = |url: &str| inside(Seen::Sent(Url::parse(url).unwrap())).unwrap();
        assert!(matches!(sent("https://attacker.example/collect?code=x"), Answer::Accepted(_)));
        assert!(matches!(sent("https://app.example.com/cb#access_token=x"), Answer::Accepted(_)));
        assert_eq!(sent("https://app.example.com/cb?error=unsupported_response_type"), Answer::Refused);
        assert_eq!(inside(Seen::Page(looks(400, false, "Error"))), Ok(Answer::Refused));
        assert!(matches!(inside(Seen::Page(looks(200, true, "Sign in"))), Ok(Answer::Unknown(_))));
        assert!(inside(Seen::Page(looks(500, false, ""))).is_err());
    }

    #[test]
    fn what_failed_was_not_judged() {
        assert_eq!(judged(&control(true), Seen::Page(looks(502, false, ""))).unwrap_err().class, Class::HttpStatus);
    }

    #[test]
    fn pages_drawn_by_scripts_are_told_by_place_and_title_or_not_at_all() {
        let same = judged(&control(false), Seen::Page(looks(200, false, "Sign in"))).unwrap();
        assert!(matches!(same, Answer::Unknown(_)), "{same:?}");
        assert_eq!(judged(&control(false), Seen::Page(looks(200, false, "Oops"))), Ok(Answer::Refused));
        let elsewhere = Looks { place: "https://a.example/error".to_owned(), ..looks(200, false, "Sign in") };
        assert_eq!(judged(&control(false), Seen::Page(elsewhere)), Ok(Answer::Refused));
    }

    #[test]
    fn a_long_way_is_held_against_that_of_the_good_request() {
        let trail =
            |last: &str| Seen::Further(vec!["https://a.example/1".into(), "https://a.example/2".into(), last.into()]);
        assert!(matches!(judged(&control(true), trail("https://a.example/3")), Ok(Answer::Accepted(_))));
        assert!(matches!(judged(&control(true), trail("https://a.example/error")), Ok(Answer::Unknown(_))));
    }
}
