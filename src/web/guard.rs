//! Who may do what, and what every answer says to browsers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, AUTHORIZATION, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::problem::Problem;
use super::{App, MAX_BODY, page};
use crate::oidc::mailbox;
use crate::plan::Server;
use crate::secret::SecretSource;

/// How long the body of a request may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Who is let through to write, for audit logs: by which right and from where.
#[derive(Clone, Debug)]
pub struct Writer(pub String);

impl Writer {
    /// With what they say who they are, if they do.
    pub fn called(self, name: &str) -> String {
        if name.is_empty() { self.0 } else { format!("{} ({name})", self.0) }
    }
}

/// Who is let through to read, for the page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    session: bool,
}

impl Reader {
    /// Whether they signed in, and can sign out.
    pub const fn has_session(&self) -> bool {
        self.session
    }
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Says nothing about anybody: for load balancers and kubelets.
    Nothing,
    Read,
    Write,
}

fn need(method: &Method, path: &str) -> Need {
    // Providers have no token of ours, and what they send proves itself.
    if *method == Method::POST && path.starts_with(mailbox::PATH) {
        return Need::Nothing;
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Need::Write;
    }
    match path {
        "/-/healthy" | "/-/ready" | page::STYLE | page::SCRIPT | page::ICON => Need::Nothing,
        _ => Need::Read,
    }
}

/// Lets through who may pass.
pub async fn authorize(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let need = need(request.method(), request.uri().path());
    if need != Need::Nothing {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        let (plan, headers) = (app.control.plan(), request.headers().clone());
        let right = if plan.server.admin_token.is_some() { "admin token" } else { "no token" };
        let from = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_canonical().to_string());
        // Tokens are read from files.
        let checked = tokio::task::spawn_blocking(move || permit(need, peer, &headers, &plan.server)).await;
        let failed = |_| Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "could not tell whether that is allowed"));
        if let Err(problem) = checked.unwrap_or_else(failed) {
            return problem.into_response();
        }
        if need == Need::Write {
            request.extensions_mut().insert(Writer(format!("{right}, {from}")));
        }
    }
    next.run(request).await
}

fn permit(need: Need, peer: Option<IpAddr>, headers: &HeaderMap, server: &Server) -> Result<(), Problem> {
    if need == Need::Write {
        same_origin(headers, server.public_url.as_ref())?;
    }
    match (need, &server.read_token, &server.admin_token) {
        (Need::Nothing, ..) | (Need::Read, None, _) => Ok(()),
        (Need::Read, Some(read), admin) => {
            let given = bearer(headers)?;
            let admin = admin.as_ref().map(|admin| is(given, admin)).transpose()?.unwrap_or(false);
            if is(given, read)? || admin { Ok(()) } else { Err(unknown()) }
        }
        (Need::Write, None, None) => from_here(peer, headers),
        (Need::Write, Some(_), None) => {
            Err(Problem::new(StatusCode::FORBIDDEN, "writing needs server.admin_token, which is not configured"))
        }
        (Need::Write, read, Some(admin)) => {
            let given = bearer(headers)?;
            if is(given, admin)? {
                return Ok(());
            }
            match read {
                Some(read) if is(given, read)? => Err(Problem::new(StatusCode::FORBIDDEN, "this token may only read")
                    .with(WWW_AUTHENTICATE, "Bearer realm=\"authprobe\", error=\"insufficient_scope\"")),
                _ => Err(unknown()),
            }
        }
    }
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match value.and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::new(StatusCode::UNAUTHORIZED, "a bearer token is needed")
            .with(WWW_AUTHENTICATE, "Bearer realm=\"authprobe\"")),
    }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "this is not the token")
        .with(WWW_AUTHENTICATE, "Bearer realm=\"authprobe\", error=\"invalid_token\"")
}

/// Compared in constant time, as digests so that not even the length shows.
fn is(given: &str, source: &SecretSource) -> Result<bool, Problem> {
    use aws_lc_rs::constant_time::verify_slices_are_equal;
    use aws_lc_rs::digest::{SHA256, digest};
    let expected = source.read().map_err(|error| {
        tracing::error!(error, "a token of the server cannot be read");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server cannot read its token; see its log")
    })?;
    let (given, expected) = (digest(&SHA256, given.as_bytes()), digest(&SHA256, expected.expose().as_bytes()));
    Ok(verify_slices_are_equal(given.as_ref(), expected.as_ref()).is_ok())
}

/// Without tokens only this machine may write: the connection must come from it, meant for it by name (else any web page
/// could reach us through a name of its own that resolves to us), and not be handed on by a proxy.
fn from_here(peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Problem> {
    const FORWARDED: [HeaderName; 3] = [header::FORWARDED, header::VIA, HeaderName::from_static("x-forwarded-for")];
    let refuse = |detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, detail));
    if !peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
        return refuse("without server.admin_token only this machine may write");
    }
    if FORWARDED.iter().any(|name| headers.contains_key(name)) {
        return refuse("handed on by a proxy: without server.admin_token only this machine may write");
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse::<Authority>().ok());
    if !host.is_some_and(|host| names_this_machine(host.host())) {
        return refuse("without server.admin_token the Host must be localhost or a loopback address");
    }
    Ok(())
}

fn names_this_machine(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A browser says where a request comes from: only our own page may write.
fn same_origin(headers: &HeaderMap, public_url: Option<&Url>) -> Result<(), Problem> {
    let foreign = || Err(Problem::new(StatusCode::FORBIDDEN, "asked by a page of another origin"));
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return foreign();
    }
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let Some(origin) = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok()) else { return foreign() };
    let ours = headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| {
        ["http", "https"]
            .iter()
            .any(|scheme| Url::parse(&format!("{scheme}://{host}")).is_ok_and(|ours| ours.origin() == origin.origin()))
    });
    let public = public_url.is_some_and(|url| url.origin() == origin.origin());
    if origin.origin().is_tuple() && (ours || public) { Ok(()) } else { foreign() }
}

/// Reads the body of a request before it is handled, so that size and time are bounded whoever handles it.
pub async fn bounded_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let detail = format!("the body is larger than {MAX_BODY} bytes, or broke off");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
        }
        Err(_) => return Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long").into_response(),
    };
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// Tells browsers to run nothing, guess nothing and keep nothing.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let all = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in all {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(need: Need, peer: &str, headers: &[(&'static str, &'static str)], tokens: &[&str]) -> u16 {
        let folder = crate::folder::Folder::new();
        let file = |name: &str| SecretSource::File(folder.write(name, &format!("{name}-token")));
        let server = Server {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            read_token: tokens.contains(&"read").then(|| file("read")),
            admin_token: tokens.contains(&"admin").then(|| file("admin")),
            public_url: Some("https://authprobe.example.com/".parse().unwrap()),
        };
        let headers = headers.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect();
        match permit(need, Some(peer.parse().unwrap()), &headers, &server) {
            Ok(()) => 200,
            Err(problem) => problem.into_response().status().as_u16(),
        }
    }

    const LOCAL: (&str, &str) = ("host", "localhost:9464");
    const READ: (&str, &str) = ("authorization", "Bearer read-token");
    const ADMIN: (&str, &str) = ("authorization", "bearer admin-token");

    /// The contract: with none, reading for all and writing for loopback; with one, loopback is no exemption.
    #[test]
    fn tokens_decide() {
        use Need::{Read, Write};
        for (need, peer, headers, tokens, expected) in [
            (Read, "192.0.2.1", &[][..], &[][..], 200),
            (Write, "127.0.0.1", &[LOCAL], &[], 200),
            (Write, "::ffff:127.0.0.1", &[LOCAL], &[], 200),
            (Write, "192.0.2.1", &[LOCAL], &[], 403),
            (Read, "127.0.0.1", &[], &["read"], 401),
            (Read, "127.0.0.1", &[READ], &["read"], 200),
            (Read, "127.0.0.1", &[ADMIN], &["read"], 401),
            (Read, "127.0.0.1", &[ADMIN], &["read", "admin"], 200),
            (Read, "192.0.2.1", &[], &["admin"], 200),
            (Write, "127.0.0.1", &[LOCAL, READ], &["read"], 403),
            (Write, "127.0.0.1", &[LOCAL], &["admin"], 401),
            (Write, "192.0.2.1", &[ADMIN], &["admin"], 200),
            (Write, "192.0.2.1", &[READ], &["read", "admin"], 403),
            (Write, "192.0.2.1", &[("authorization", "Bearer nonsense")], &["read", "admin"], 401),
            (Write, "192.0.2.1", &[("authorization", "Basic YTpi")], &["admin"], 401),
        ] {
            assert_eq!(status(need, peer, headers, tokens), expected, "{need:?} {peer} {headers:?} {tokens:?}");
        }
    }

    #[test]
    fn without_tokens_neither_other_names_nor_proxies_count_as_local() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:9464", "127.8.8.8", "[::1]:9464"] {
            assert_eq!(status(Need::Write, "::1", &[("host", host)], &[]), 200, "{host}");
        }
        for host in ["evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "[::2]", ""]
        {
            assert_eq!(status(Need::Write, "::1", &[("host", host)], &[]), 403, "{host}");
        }
        assert_eq!(status(Need::Write, "::1", &[], &[]), 403);
        for header in ["x-forwarded-for", "forwarded", "via"] {
            assert_eq!(status(Need::Write, "127.0.0.1", &[LOCAL, (header, "x")], &[]), 403, "{header}");
        }
    }

    #[test]
    fn pages_of_other_origins_may_not_write() {
        let with = |header, value| status(Need::Write, "127.0.0.1", &[LOCAL, (header, value)], &[]);
        for origin in ["http://localhost:9464", "https://authprobe.example.com"] {
            assert_eq!(with("origin", origin), 200, "{origin}");
        }
        for origin in ["http://evil.example", "http://localhost:9465", "null", "", "file:///x", "http://localhost"] {
            assert_eq!(with("origin", origin), 403, "{origin}");
        }
        for (site, expected) in [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)] {
            assert_eq!(with("sec-fetch-site", site), expected, "{site}");
        }
        let admin = [ADMIN, ("host", "probe.internal:9464"), ("origin", "http://evil.example")];
        assert_eq!(status(Need::Write, "192.0.2.1", &admin, &["admin"]), 403, "not even with the token");
    }

    #[test]
    fn a_token_that_cannot_be_read_admits_nobody() {
        let server = Server {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            read_token: Some(SecretSource::File("/nowhere/token".into())),
            admin_token: None,
            public_url: None,
        };
        let headers = [(AUTHORIZATION, HeaderValue::from_static("Bearer x"))].into_iter().collect();
        let problem = permit(Need::Read, None, &headers, &server).unwrap_err();
        assert_eq!(problem.into_response().status(), 503);
    }

    #[test]
    fn only_reading_and_only_what_tells_nothing_is_open() {
        for (method, path, expected) in [
            (Method::GET, "/-/ready", Need::Nothing),
            (Method::HEAD, "/-/healthy", Need::Nothing),
            (Method::POST, "/-/ready", Need::Write),
            (Method::POST, "/backchannel-logout/web", Need::Nothing),
            (Method::PUT, "/backchannel-logout/web", Need::Write),
            (Method::POST, "/backchannel-logout", Need::Write),
            (Method::GET, "/metrics", Need::Read),
            (Method::OPTIONS, "/metrics", Need::Write),
            (Method::GET, "/", Need::Read),
        ] {
            assert_eq!(need(&method, path), expected, "{method} {path}");
        }
    }
}
