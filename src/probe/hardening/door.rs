//! Authorization requests of a stranger: nobody is logged in, and nobody logs in. What comes of it is held against the
//! login page that the good request shows.

use ::http::{HeaderMap, header};
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
/// The most requests that one look at the door takes.
pub const MOST: u32 = 1 + HOPS as u32;

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
}

/// Sends a good authorization request. `sent`: what the answer might obey besides the registered redirect URI. No
/// redirect to a client or an attacker is followed.
pub async fn knock(stage: &Stage, url: Url, sent: &[String], origin: Option<&str>) -> Result<(Seen, HeaderMap), Fault> {
    let relying = stage.stranger();
    let registered = stage.redirect_uri()?;
    let leaves = |target: &Url| {
        !matches!(target.scheme(), "http" | "https")
            || is_answer(target, registered.url())
            || sent.iter().any(|sent| obeys(target, sent, registered.url()))
    };
    walk(&relying, url, origin, HOPS, leaves, |page| looks(page, stage.guide())).await
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
    let (seen, headers) = walk(&relying, url, None, most, leaves, |page| looks(page, stage.guide())).await?;
    Ok((seen, headers, trail))
}

async fn walk(
    relying: &Relying,
    url: Url,
    origin: Option<&str>,
    hops: usize,
    mut leaves: impl FnMut(&Url) -> bool,
    look: impl Fn(&crate::oidc::form::Page) -> Looks,
) -> Result<(Seen, HeaderMap), Fault> {
    let mut request = Request::get(Endpoint::Authorization, url);
    request.headers = navigation(None, &request.url);
    if let Some(origin) = origin.and_then(|origin| origin.parse().ok()) {
        request.headers.insert(header::ORIGIN, origin);
    }
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
        Seen::Sent(target) if sent.iter().any(|sent| obeys(target, sent, registered)) => {
            let with = if has(target, "code") {
                " with a code"
            } else if has(target, "error") {
                " with an error, which must not be redirected there (RFC 6749 §4.1.2.1)"
            } else {
                ""
            };
            Ok(Answer::Accepted(format!("the provider redirects there{with}")))
        }
        Seen::Sent(target) if has(target, "code") => {
            Ok(Answer::Accepted("the provider answers with a code".to_owned()))
        }
        Seen::Sent(_) => Ok(Answer::Refused),
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
        Control { looks: looks(200, asks, "Sign in"), headers: HeaderMap::new(), trail }
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
