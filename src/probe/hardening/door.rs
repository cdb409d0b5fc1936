//! Authorization requests of a stranger: nobody is logged in, and nobody logs in. What comes of it is held against the
//! login page that the good request shows.

use ::http::HeaderMap;
use url::Url;

use super::attack::{Answer, Group, Judged};
use super::redirect_uri::obeys;
use super::stage::Stage;
use crate::fault::{Class, Fault};
use crate::oidc::authorize::is_answer;
use crate::oidc::form::looks::{Looks, looks, shape};
use crate::oidc::form::walker::{location, navigation, page, redirects};
use crate::oidc::http::{Endpoint, Request};
use crate::oidc::relying::Relying;
use crate::outcome::Warning;

/// Where an attacker would want answers: a name that resolves nowhere (RFC 6761 §6.5).
pub const ATTACKER: &str = "attacker.example";
/// How many redirects are followed.
pub const HOPS: usize = 2;
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
    /// only once somebody is logged in, and its login page says nothing. Nor does it where such a client meets a failure.
    pub blind: bool,
    /// Whether it is shown whatever the redirect URI is, even one that is nobody's: such a provider looks at redirect URIs
    /// only once somebody is logged in, or never.
    pub late: bool,
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
    if !control.blind && (!control.late || sent.is_empty()) {
        let (seen, _) = knock(stage, url, sent).await?;
        return judge(control, &seen, sent, registered);
    }
    if !stage.inside {
        let why = "what the provider shows to strangers says nothing of their request; it takes a `user`";
        return Ok(Answer::Skipped(why.to_owned()));
    }
    attack_inside(stage, url, sent).await
}

async fn attack_inside(stage: &Stage, url: Url, sent: &[String]) -> Judged {
    let (seen, _) = knock_as(&stage.relying, stage, url, sent).await?;
    if let Seen::Sent(target) = &seen {
        stage.received(target);
    }
    judge_inside(&seen, sent, stage.redirect_uri()?.url())
}

/// The control with that login page: asks what else it is shown to. A failure there must not pass for a refusal: where
/// everybody sees the page, every attack would seem to be accepted.
pub async fn strangers(stage: &Stage, looks: Looks, headers: HeaderMap, trail: Vec<String>) -> Result<Control, Fault> {
    let mut control = Control { looks, headers, trail, blind: false, late: false };
    let unknown = stage.request(&[("client_id", Some("authprobe-unknown"))])?;
    control.blind = match is_shown(stage, &control, unknown.url, &[]).await {
        // It may be that one request, or how the provider refuses: only a session can tell.
        Err(fault) if fault.class == Class::HttpStatus => {
            let detail = format!("instead of telling of a client that does not exist: {}", fault.detail);
            stage.relying.recorder.warn(Warning::new("unknown_client_error", "RFC 6749 §4.1.2.1", detail));
            true
        }
        shown => shown?,
    };
    if !control.blind {
        let sent = [nobodys()];
        control.late = match stage.ask(&[("redirect_uri", Some(sent[0].as_str()))]).await? {
            Some(pending) => match is_shown(stage, &control, pending.url, &sent).await {
                // It may be that one request, or how the provider refuses: only a session can tell.
                Err(fault) if fault.class == Class::HttpStatus => true,
                shown => shown?,
            },
            None => false,
        };
    }
    Ok(control)
}

/// A redirect URI that nobody has registered.
fn nobodys() -> String {
    format!("https://{ATTACKER}/authprobe")
}

async fn is_shown(stage: &Stage, control: &Control, url: Url, sent: &[String]) -> Result<bool, Fault> {
    let (seen, _) = knock(stage, url, sent).await?;
    Ok(shows(&judge(control, &seen, sent, stage.redirect_uri()?.url())?, &seen))
}

/// Whether that is a login page, or the way to one. In doubt it is: in a session doubts can be settled.
fn shows(answer: &Answer, seen: &Seen) -> bool {
    match (answer, seen) {
        (_, Seen::Sent(_)) => false,
        (Answer::Accepted(_), _) => true,
        (Answer::Unknown(_), Seen::Page(page)) => page.asks,
        _ => false,
    }
}

/// Whether a group's attacks are tried in the session of the good login.
pub fn is_judged_inside(stage: &Stage, group: Group) -> bool {
    stage.control.as_ref().is_some_and(|control| {
        (control.blind && group.is_at_the_door()) || (control.late && group == Group::RedirectUri)
    })
}

/// Whether somebody who is logged in is sent wherever the request says. Then the door's word does: the provider looks at
/// no redirect URI ever. `false` if it cannot be told.
pub async fn obeys_anybody(stage: &Stage) -> bool {
    if stage.control.as_ref().is_none_or(|control| !control.late) {
        return false;
    }
    let sent = [nobodys()];
    match stage.ask(&[("redirect_uri", Some(sent[0].as_str()))]).await {
        Ok(Some(pending)) => matches!(attack_inside(stage, pending.url, &sent).await, Ok(Answer::Accepted(_))),
        _ => false,
    }
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
        Seen::Page(page) if page.asks && same_page(page, &control.looks) => {
            Ok(Answer::Accepted("the provider shows its login page".to_owned()))
        }
        Seen::Page(page) if page.asks => Ok(Answer::Unknown(
            "one can log in on the page that the provider shows, but it is not that of a good request".to_owned(),
        )),
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

/// Whether both have the same title, and are in the same place but for identifiers: long segments of a path. Error pages
/// may well have a box to log in.
fn same_page(one: &Looks, other: &Looks) -> bool {
    let is_identifier = |segment: &str| segment == "*" || segment.len() >= 16;
    let (one_path, other_path): (Vec<&str>, Vec<&str>) =
        (one.place.split('/').skip(3).collect(), other.place.split('/').skip(3).collect());
    let same = |(one, other): (&&str, &&str)| one == other || (is_identifier(one) && is_identifier(other));
    let origin = |place: &str| place.split('/').take(3).map(str::to_owned).collect::<Vec<_>>();
    one.title == other.title
        && origin(&one.place) == origin(&other.place)
        && one_path.len() == other_path.len()
        && one_path.iter().zip(&other_path).all(same)
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
        Control { looks: looks(200, asks, "Sign in"), headers: HeaderMap::new(), trail, blind: false, late: false }
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

    #[test]
    fn an_error_page_with_a_box_to_log_in_is_no_acceptance() {
        let there = |place: &str, title: &str| {
            let page = Looks { place: place.to_owned(), ..looks(200, true, title) };
            judged(&control(true), Seen::Page(page)).unwrap()
        };
        assert!(matches!(there("https://a.example/login", "Sign in"), Answer::Accepted(_)));
        assert!(matches!(there("https://a.example/login", "Invalid request"), Answer::Unknown(_)));
        assert!(matches!(there("https://a.example/error", "Sign in"), Answer::Unknown(_)));
    }

    #[test]
    fn the_same_page_has_the_same_title_and_place_but_for_identifiers() {
        let at = |place: &str| Looks { place: place.to_owned(), ..looks(200, true, "Sign in") };
        let same = |one: &str, other: &str| same_page(&at(one), &at(other));
        assert!(same("https://a.example/x/*/login", "https://a.example/x/*/login"));
        assert!(same("https://a.example/x/*", "https://a.example/x/abcdefghijklmnopqrstu"));
        assert!(!same("https://a.example/x/*", "https://a.example/x/error"));
        assert!(!same("https://a.example/x", "https://b.example/x"));
        assert!(!same("https://a.example/x", "https://a.example/x/y"));
    }

    /// A provider with a long way to its login page, and one with another page for whom it does not know.
    #[test]
    fn whoever_shows_strangers_a_login_page_or_the_way_to_it_is_blind() {
        let shown = |seen: Seen| shows(&judged(&control(true), seen.clone()).unwrap(), &seen);
        assert!(shown(Seen::Page(looks(200, true, "Sign in"))));
        assert!(shown(Seen::Page(looks(200, true, "Sign in to nothing"))));
        assert!(shown(Seen::Further(control(true).trail)));
        assert!(!shown(Seen::Page(looks(400, false, "Error"))));
        assert!(!shown(Seen::Page(looks(200, false, "Error"))));
        assert!(!shown(Seen::Sent(Url::parse("https://attacker.example/collect?error=x").unwrap())));
        let pages_by_scripts = Seen::Page(looks(200, false, "Sign in"));
        assert!(!shows(&judged(&control(false), pages_by_scripts.clone()).unwrap(), &pages_by_scripts));
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
