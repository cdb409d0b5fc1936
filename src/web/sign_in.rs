//! How people get in where a token is needed: they show it once, and a cookie remembers that they did.

use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use maud::{DOCTYPE, Markup, html};
use url::Url;

use super::guard::{self, Need, Papers};
use super::page::shell::mark;
use super::page::words::rough;
use super::problem::Problem;
use super::session::{Digest, LASTS, Who};
use super::{App, assets};
use crate::plan::Server;
use crate::secret::Secret;

/// Where people sign in.
pub const IN: &str = "/sign-in";
/// Where they sign out.
pub const OUT: &str = "/sign-out";

/// What the session's cookie is called, but for its port.
const COOKIE_NAME: &str = "authprobe_session";
/// Before it over HTTPS: browsers take a cookie of such a name from this very host only (RFC 6265bis §4.1.3.2).
const HOST_PREFIX: &str = "__Host-";
/// The longest address to go on to (bytes).
const MAX_NEXT: usize = 2048;

/// To the form first, and then to what was asked for.
pub fn first(uri: &Uri) -> Response {
    let next = uri.path_and_query().map_or("/", |path| path.as_str());
    see(&if next == "/" { IN.to_owned() } else { with_next(next) })
}

fn with_next(next: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{IN}?next={next}")
}

fn see(location: &str) -> Response {
    // What is no header's value is no path of ours either.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// A path of ours, whatever was written: everything else is the overview.
fn ours(next: &str) -> String {
    let written = next.len() <= MAX_NEXT
        && next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.chars().any(char::is_control);
    let here = Url::parse("http://authprobe.invalid").ok().filter(|_| written);
    let there = here.as_ref().and_then(|here| here.join(next).ok());
    match (here, there) {
        // Dots may leave two slashes at the front.
        (Some(here), Some(there)) if there.origin() == here.origin() && !there.path().starts_with("//") => {
            let query = there.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}{query}", there.path())
        }
        _ => "/".to_owned(),
    }
}

/// `GET /sign-in`: the form. Whoever has a session, or needs none, goes on at once.
pub async fn form(State(app): State<App>, papers: Papers, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let next = ours(&field(query.unwrap_or_default().as_bytes(), "next"));
    let server = &app.control.plan().server;
    let signed_in = async || guard::admit(&app, Need::Read, papers).await.is_ok_and(|reader| reader.has_session());
    if needs_none(server) || signed_in().await {
        return see(&next);
    }
    // Browsers keep the cookie (SameSite=Strict) to themselves when a link elsewhere led here. Asked for once more by a page
    // of ours they send it: a link in an alert opens what it names.
    if headers.get(guard::FETCH_SITE).is_some_and(|site| site == "cross-site") {
        return page(
            StatusCode::OK,
            Some(&with_next(&next)),
            &html! {
                p { a href=(with_next(&next)) { "Go on" } }
            },
        );
    }
    page(StatusCode::OK, None, &fields(&next, None))
}

const fn needs_none(server: &Server) -> bool {
    server.read_token.is_none() && server.admin_token.is_none()
}

/// `POST /sign-in`: a token for a session.
///
/// # Errors
/// When no page of ours asks.
pub async fn sign_in(
    State(app): State<App>,
    papers: Papers,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let plan = app.control.plan();
    by_our_page(&headers, &plan.server)?;
    let Given { token, next } = Given::read(&headers, &body)?;
    if needs_none(&plan.server) {
        return Ok(see(&next));
    }
    let now = app.control.now();
    let from = papers.peer().map(|peer| peer.to_canonical());
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    // Every connection has another end.
    let who = Who::new(from.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into()), forwarded);
    if let Err(wait) = app.failures.begin(who, now) {
        let seconds = wait.as_secs() + 1;
        let why =
            format!("Too many attempts from here. Try again in {}.", rough(std::time::Duration::from_secs(seconds)));
        let mut response = page(StatusCode::TOO_MANY_REQUESTS, None, &fields(&next, Some(&why)));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return Ok(response);
    }
    let digest = Digest::of(token.expose().as_bytes());
    let from = from.map_or_else(|| "unknown".to_owned(), |from| from.to_string());
    match known(digest, plan.server.clone()).await? {
        None => {
            tracing::warn!(%from, "somebody tried to sign in with what is no token");
            let why = "This is not the token, or it was changed.";
            Ok(page(StatusCode::FORBIDDEN, None, &fields(&next, Some(why))))
        }
        Some(right) => {
            app.failures.succeeded(who);
            tracing::info!(%from, right, "signed in");
            let mut response = see(&next);
            let value = app.sessions.open(digest, now);
            let name = cookie_name(&headers, over_https(&app, &headers));
            let cookie = set_cookie(&name, value.expose(), LASTS.as_secs());
            response.headers_mut().append(SET_COOKIE, cookie);
            Ok(response)
        }
    }
}

/// Which token that is. Tokens are read from files.
async fn known(digest: Digest, server: Server) -> Result<Option<&'static str>, Problem> {
    let work = move || {
        for (source, right) in [(&server.admin_token, "admin"), (&server.read_token, "read")] {
            if let Some(source) = source
                && guard::is(&digest, source)?
            {
                return Ok(Some(right));
            }
        }
        Ok(None)
    };
    let failed = |_| Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "could not tell whether that is the token"));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(failed)
}

/// `POST /sign-out`: the session is over, here and in the browser.
///
/// # Errors
/// When no page of ours asks.
pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let plan = app.control.plan();
    by_our_page(&headers, &plan.server)?;
    let mut response = see(if plan.server.read_token.is_some() { IN } else { "/" });
    for secure in [false, true] {
        let name = cookie_name(&headers, secure);
        if let Some(value) = named(&headers, &name) {
            app.sessions.close(value);
            response.headers_mut().append(SET_COOKIE, set_cookie(&name, "", 0));
        }
    }
    Ok(response)
}

/// Nobody is signed in or out by a page of somebody else's.
fn by_our_page(headers: &HeaderMap, server: &Server) -> Result<(), Problem> {
    guard::same_origin(headers, server.public_url.as_ref())?;
    if guard::proves_our_page(headers) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "the request must say that our own page makes it (Origin); use a bearer token",
    ))
}

/// What the form sends.
struct Given {
    token: Secret,
    next: String,
}

impl Given {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let detail = "the body must be application/x-www-form-urlencoded";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        // Pasted from a file with its newline, mostly.
        Ok(Self { token: Secret::new(field(body, "token").trim()), next: ours(&field(body, "next")) })
    }
}

/// A field of a form or a query; empty: it is not there.
fn field(form: &[u8], wanted: &str) -> String {
    url::form_urlencoded::parse(form)
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// What the session's cookie says. Over our own TLS only the one that browsers bind to this host counts.
pub fn cookie(headers: &HeaderMap, tls: bool) -> Option<&str> {
    let of = |secure| named(headers, &cookie_name(headers, secure));
    of(true).or_else(|| of(false).filter(|_| !tls))
}

/// What the session's cookie is called. Browsers send a host's cookies to every port of it (RFC 6265 §8.5), so another
/// authprobe there would take ours for its own, and put its own in the place of ours. The port is that of the address in
/// the browser: ours may be the same in two containers.
fn cookie_name(headers: &HeaderMap, secure: bool) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let port = host.and_then(|host| host.rsplit_once(':')?.1.parse::<u16>().ok());
    let prefix = if secure { HOST_PREFIX } else { "" };
    match port {
        Some(port) => format!("{prefix}{COOKIE_NAME}_{port}"),
        // The scheme's own.
        None => format!("{prefix}{COOKIE_NAME}"),
    }
}

fn named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Whether the browser came here by HTTPS: to us, or to a proxy before us.
fn over_https(app: &App, headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).and_then(|origin| Url::parse(origin).ok());
    let plan = app.control.plan();
    app.tls || origin.as_ref().or(plan.server.public_url.as_ref()).is_some_and(|url| url.scheme() == "https")
}

fn set_cookie(name: &str, value: &str, seconds: u64) -> HeaderValue {
    let secure = if name.starts_with(HOST_PREFIX) { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    // Names, base64 and digits.
    let mut cookie = HeaderValue::from_str(&text).expect("a header's value");
    cookie.set_sensitive(true);
    cookie
}

fn fields(next: &str, mistake: Option<&str>) -> Markup {
    html! {
        h1 { "Sign in" }
        @if let Some(mistake) = mistake { p #mistake.notice role="alert" { (mistake) } }
        form method="post" action=(IN) {
            input type="hidden" name="next" value=(next);
            label for="token" { "Read or admin token" }
            input #token type="password" name="token" required autofocus autocomplete="current-password"
                spellcheck="false" aria-invalid=[mistake.map(|_| "true")] aria-describedby=[mistake.map(|_| "mistake")];
            button type="submit" { "Sign in" }
        }
        p.small.faint {
            "It is what " code { "[server] read_token" } " or " code { "admin_token" } " of the configuration names. You stay "
            "signed in for " (rough(LASTS)) ", and no longer than the token is the token."
        }
    }
}

/// In the look of all others, but with nothing of what only readers may see.
fn page(status: StatusCode, refresh: Option<&str>, main: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(refresh) = refresh { meta http-equiv="refresh" content={ "0; url=" (refresh) }; }
                title { "Sign in · authprobe" }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" href=(assets::icon()) type="image/svg+xml";
            }
            body {
                header.top { a.brand href="/" { (mark()) "authprobe" } }
                main #main.door { div.card { (main) } }
            }
        }
    };
    (status, markup).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_gone_on_to() {
        for (next, expected) in [
            ("/", "/"),
            ("/slos/login?x=1&y=%2F", "/slos/login?x=1&y=%2F"),
            ("/probes/ü b", "/probes/%C3%BC%20b"),
            ("/keys#main", "/keys"),
            ("/a/../keys", "/keys"),
            ("/http://evil.example", "/http://evil.example"),
        ] {
            assert_eq!(ours(next), expected, "{next}");
        }
        let long = format!("/{}", "x".repeat(MAX_NEXT));
        for foreign in [
            "",
            "keys",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/x\\..\\\\evil.example",
            "http://evil.example/",
            "https:/evil.example",
            "javascript:alert(1)",
            "/..//evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2e%2e//evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            "/\n/evil.example",
            "/x\r\nSet-Cookie: a=b",
            "/\u{7f}",
            &long,
        ] {
            assert_eq!(ours(foreign), "/", "{foreign:?}");
        }
    }

    #[test]
    fn the_form_is_asked_for_with_what_was_wanted() {
        let location = |uri: &'static str| {
            let response = first(&Uri::from_static(uri));
            assert_eq!(response.status(), StatusCode::SEE_OTHER);
            response.headers()[LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(location("/"), "/sign-in");
        assert_eq!(location("/slos/a%20b?x=1&y=2"), "/sign-in?next=%2Fslos%2Fa%2520b%3Fx%3D1%26y%3D2");
    }

    #[test]
    fn cookies_are_found_by_their_whole_name_and_over_tls_by_the_bound_one_only() {
        let headers = |values: &[&'static str]| -> HeaderMap {
            values.iter().map(|value| (COOKIE, HeaderValue::from_static(value))).collect()
        };
        for (values, plain, tls) in [
            (&["a=b; authprobe_session=one; c=d"][..], Some("one"), None),
            (&["authprobe_session=one; __Host-authprobe_session=two"], Some("two"), Some("two")),
            (&["a=b", "__Host-authprobe_session=two"], Some("two"), Some("two")),
            (&["xauthprobe_session=one; authprobe_sessionx=two; authprobe_session"], None, None),
            (&[], None, None),
        ] {
            let headers = headers(values);
            assert_eq!((cookie(&headers, false), cookie(&headers, true)), (plain, tls), "{values:?}");
        }
    }

    /// RFC 6265 §8.5: cookies do not tell ports apart.
    #[test]
    fn every_port_of_a_host_has_a_cookie_of_its_own() {
        let name = |host: &'static str, secure| {
            cookie_name(&HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]), secure)
        };
        for (host, expected) in [
            ("localhost:9464", "authprobe_session_9464"),
            ("localhost:9465", "authprobe_session_9465"),
            ("[::1]:9464", "authprobe_session_9464"),
            ("[::1]", "authprobe_session"),
            ("probe.example.com", "authprobe_session"),
            ("probe.example.com:", "authprobe_session"),
            ("probe.example.com:x;y", "authprobe_session"),
        ] {
            assert_eq!(name(host, false), expected, "{host}");
            assert_eq!(name(host, true), format!("__Host-{expected}"), "{host}");
        }
        assert_eq!(cookie_name(&HeaderMap::new(), false), "authprobe_session");
    }

    #[test]
    fn a_cookie_is_for_browsers_only_and_for_this_host() {
        let plain = set_cookie("authprobe_session", "value", 43_200);
        assert_eq!(plain, "authprobe_session=value; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200");
        let secure = set_cookie("__Host-authprobe_session_8443", "value", 43_200);
        let expected = "__Host-authprobe_session_8443=value; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure";
        assert_eq!(secure, expected);
        assert!(!format!("{plain:?}{secure:?}").contains("value"));
    }
}
