//! Who may do what.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, ACCEPT, AUTHORIZATION, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::problem::Problem;
use super::session::Digest;
use super::{App, MAX_BODY, assets, sign_in};
use crate::oidc::mailbox;
use crate::plan::Server;
use crate::secret::SecretSource;

mod headers;
pub mod host;

pub use headers::headers;

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

/// Who is let through, and to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    session: bool,
    /// With the admin token, or as this machine where there is no token.
    writes: bool,
}

impl Reader {
    /// Whether they signed in, and can sign out.
    pub const fn has_session(&self) -> bool {
        self.session
    }

    /// What they may do, in words.
    pub const fn right(&self) -> &'static str {
        if self.writes { "may read and write" } else { "may read" }
    }
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Says nothing about anybody: for load balancers and kubelets.
    Nothing,
    /// To see.
    Read,
    /// To change something.
    Write,
}

fn need(method: &Method, path: &str) -> Need {
    // Providers have no token of ours, and what they send proves itself. Whoever signs in or out asks for himself.
    let open = path.starts_with(mailbox::PATH) || matches!(path, sign_in::IN | sign_in::OUT);
    if *method == Method::POST && open {
        return Need::Nothing;
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Need::Write;
    }
    match path {
        "/-/healthy" | "/-/ready" | sign_in::IN | assets::STYLE | assets::SCRIPT | assets::ICON => Need::Nothing,
        _ => Need::Read,
    }
}

/// Everything about a request that says whose it is. Streams keep it, to ask again whether it still opens the door.
#[derive(Clone)]
pub struct Papers {
    peer: Option<IpAddr>,
    headers: HeaderMap,
    named: Result<Option<Authority>, ()>,
}

impl Papers {
    /// Of a request.
    pub fn of(uri: &Uri, headers: &HeaderMap, peer: Option<&Peer>) -> Self {
        let peer = peer.map(|peer| peer.0.ip());
        Self { peer, named: host::asked_for(uri, headers), headers: headers.clone() }
    }

    /// Where they stand.
    pub const fn peer(&self) -> Option<IpAddr> {
        self.peer
    }
}

impl axum::extract::FromRequestParts<App> for Papers {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri, &parts.headers, parts.extensions.get()))
    }
}

/// Lets through who may pass.
pub async fn authorize(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let need = need(request.method(), request.uri().path());
    if need != Need::Nothing {
        let papers = Papers::of(request.uri(), request.headers(), request.extensions().get());
        let from = papers.peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_canonical().to_string());
        let reader = match admit(&app, need, papers).await {
            Ok(reader) => reader,
            Err(problem) if asks_a_person(&request, &problem) => return sign_in::first(request.uri()),
            Err(problem) => return problem.into_response(),
        };
        if need == Need::Write {
            let right = match (app.control.plan().server.admin_token.is_some(), reader.session) {
                (true, true) => "admin session",
                (true, false) => "admin token",
                (false, _) => "no token",
            };
            request.extensions_mut().insert(Writer(format!("{right}, {from}")));
        }
        request.extensions_mut().insert(reader);
    }
    next.run(request).await
}

/// Whether somebody with these papers may do that.
pub async fn admit(app: &App, need: Need, papers: Papers) -> Result<Reader, Problem> {
    let (plan, now, tls, own) = (app.control.plan(), app.control.now(), app.tls, app.own_name.clone());
    let session = sign_in::cookie(&papers.headers, tls).and_then(|value| app.sessions.token(value, now));
    // Tokens are read from files.
    let checked = tokio::task::spawn_blocking(move || {
        Asking { need, papers: &papers, session, server: &plan.server, tls, own: own.as_deref() }.permit()
    });
    let failed = |_| Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "could not tell whether that is allowed"));
    checked.await.unwrap_or_else(failed)
}

/// Whether a browser asks for a page because somebody wants to see it, who could sign in.
fn asks_a_person(request: &Request, problem: &Problem) -> bool {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let accepts = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    reads
        && problem.status() == StatusCode::UNAUTHORIZED
        && !request.headers().contains_key(AUTHORIZATION)
        && accepts
            .flat_map(|value| value.split(','))
            .any(|range| range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case("text/html")))
}

/// A request before the door.
struct Asking<'a> {
    need: Need,
    papers: &'a Papers,
    /// The token with which the session was opened whose cookie is shown.
    session: Option<Digest>,
    server: &'a Server,
    tls: bool,
    own: Option<&'a str>,
}

/// What somebody shows who asks for more than nothing.
struct Shown {
    token: Digest,
    by_session: bool,
}

impl Asking<'_> {
    fn permit(&self) -> Result<Reader, Problem> {
        let (headers, server) = (&self.papers.headers, self.server);
        if self.need == Need::Write {
            same_origin(headers, server.public_url.as_ref())?;
        }
        match (self.need, &server.read_token, &server.admin_token) {
            (Need::Nothing, ..) => Ok(Reader::default()),
            (Need::Read, None, admin) => self.open_to_read(admin.as_ref()),
            (Need::Read, Some(read), admin) => {
                let shown = self.shown()?;
                let writes = admin.as_ref().map(|admin| shown.is(admin)).transpose()?.unwrap_or(false);
                if writes || shown.is(read)? {
                    Ok(Reader { session: shown.by_session, writes })
                } else {
                    Err(unknown())
                }
            }
            (Need::Write, None, None) => {
                from_here(self.papers.peer, headers).map(|()| Reader { session: false, writes: true })
            }
            (Need::Write, Some(_), None) => {
                Err(Problem::new(StatusCode::FORBIDDEN, "writing needs server.admin_token, which is not configured"))
            }
            (Need::Write, read, Some(admin)) => self.write(read.as_ref(), admin),
        }
    }

    /// Reading where no token is needed for it. Whoever shows the admin token needs no name of ours.
    fn open_to_read(&self, admin: Option<&SecretSource>) -> Result<Reader, Problem> {
        match (admin, self.shown()) {
            (Some(admin), Ok(shown)) if shown.is(admin)? => {
                return Ok(Reader { session: shown.by_session, writes: true });
            }
            _ => {}
        }
        if !self.tls {
            host::check(self.papers.named.as_ref(), self.papers.peer, self.server, self.own)?;
        }
        let writes = admin.is_none() && from_here(self.papers.peer, &self.papers.headers).is_ok();
        Ok(Reader { session: false, writes })
    }

    fn write(&self, read: Option<&SecretSource>, admin: &SecretSource) -> Result<Reader, Problem> {
        let shown = self.shown()?;
        if shown.by_session && !proves_our_page(&self.papers.headers) {
            let detail = "with a session's cookie a request must say that our own page makes it (Origin)";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        if shown.is(admin)? {
            return Ok(Reader { session: shown.by_session, writes: true });
        }
        match read {
            Some(read) if shown.is(read)? => Err(Problem::new(StatusCode::FORBIDDEN, "this token may only read")
                .with(WWW_AUTHENTICATE, "Bearer realm=\"authprobe\", error=\"insufficient_scope\"")),
            _ => Err(unknown()),
        }
    }

    /// The token of `Authorization: Bearer` (RFC 6750 §2.1), or the one that opened a session.
    fn shown(&self) -> Result<Shown, Problem> {
        let bearer = self.papers.headers.get(AUTHORIZATION);
        if let (None, Some(token)) = (bearer, self.session) {
            return Ok(Shown { token, by_session: true });
        }
        let value = bearer.and_then(|value| value.to_str().ok());
        match value.and_then(|value| value.split_once(' ')) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Shown { token: Digest::of(token.trim().as_bytes()), by_session: false })
            }
            _ => Err(Problem::new(StatusCode::UNAUTHORIZED, "a bearer token is needed")
                .with(WWW_AUTHENTICATE, "Bearer realm=\"authprobe\"")),
        }
    }
}

impl Shown {
    fn is(&self, source: &SecretSource) -> Result<bool, Problem> {
        is(&self.token, source)
    }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "this is not the token")
        .with(WWW_AUTHENTICATE, "Bearer realm=\"authprobe\", error=\"invalid_token\"")
}

/// Whether that is the token of a source, which is read anew. Compared in constant time, as digests so that not even the
/// length shows.
///
/// # Errors
/// When the source cannot be read: then nobody is let in.
pub fn is(given: &Digest, source: &SecretSource) -> Result<bool, Problem> {
    let expected = source.read().map_err(|error| {
        tracing::error!(error, "a token of the server cannot be read");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server cannot read its token; see its log")
    })?;
    Ok(given.is(&Digest::of(expected.expose().as_bytes())))
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
    host.eq_ignore_ascii_case("localhost") || host::bare(host).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a browser says at all that a page of ours asks; whether it is true, [`same_origin`] has seen.
pub fn proves_our_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.get(FETCH_SITE).is_some_and(|site| site == "same-origin")
}

/// Where a request comes from, as a browser says (Fetch Metadata).
pub const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A browser says where a request comes from: only our own page may write.
///
/// # Errors
/// When it is another page.
pub fn same_origin(headers: &HeaderMap, public_url: Option<&Url>) -> Result<(), Problem> {
    let foreign = || Err(Problem::new(StatusCode::FORBIDDEN, "asked by a page of another origin"));
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
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

#[cfg(test)]
mod tests;
