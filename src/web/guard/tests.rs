//! The table of rights, row by row.

use super::*;

const TOKENS: [&str; 2] = ["read-token", "admin-token"];

/// What becomes of a request with these headers, and a session that was opened with that token.
fn asked(
    need: Need,
    peer: &str,
    headers: &[(&'static str, &'static str)],
    tokens: &[&str],
    session: Option<&str>,
) -> Result<Reader, u16> {
    let folder = crate::folder::Folder::new();
    let file = |name: &str| SecretSource::File(folder.write(name, &format!("{name}-token")));
    let server = Server {
        read_token: tokens.contains(&"read").then(|| file("read")),
        admin_token: tokens.contains(&"admin").then(|| file("admin")),
        public_url: Some("https://authprobe.example.com/".parse().unwrap()),
        ..Server::at("127.0.0.1:0".parse().unwrap())
    };
    let headers = headers.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect();
    let peer = Peer(SocketAddr::new(peer.parse().unwrap(), 1));
    let papers = Papers::of(&Uri::from_static("/"), &headers, Some(&peer));
    let session = session.map(|token| Digest::of(token.as_bytes()));
    let asking = Asking { need, papers: &papers, session, server: &server, tls: tokens.contains(&"tls"), own: None };
    asking.permit().map_err(|problem| problem.status().as_u16())
}

fn status(need: Need, peer: &str, headers: &[(&'static str, &'static str)], tokens: &[&str]) -> u16 {
    asked(need, peer, headers, tokens, None).err().unwrap_or(200)
}

const LOCAL: (&str, &str) = ("host", "localhost:9464");
const READ: (&str, &str) = ("authorization", "Bearer read-token");
const FOREIGN: (&str, &str) = ("host", "rebound.example:9464");
const ADMIN: (&str, &str) = ("authorization", "bearer admin-token");

/// The contract: with none, reading for all and writing for loopback; with one, loopback is no exemption.
#[test]
fn tokens_decide() {
    use Need::{Read, Write};
    for (need, peer, headers, tokens, expected) in [
        (Read, "192.0.2.1", &[LOCAL][..], &[][..], 200),
        (Read, "192.0.2.1", &[FOREIGN], &[], 421),
        (Read, "127.0.0.1", &[FOREIGN], &[], 421),
        (Read, "192.0.2.1", &[], &[], 421),
        (Read, "127.0.0.1", &[], &[], 200),
        (Read, "192.0.2.1", &[FOREIGN], &["tls"], 200),
        (Read, "192.0.2.1", &[FOREIGN], &["admin"], 421),
        (Read, "192.0.2.1", &[FOREIGN, ADMIN], &["admin"], 200),
        (Read, "192.0.2.1", &[FOREIGN, READ], &["read"], 200),
        (Write, "127.0.0.1", &[LOCAL], &[], 200),
        (Write, "::ffff:127.0.0.1", &[LOCAL], &[], 200),
        (Write, "192.0.2.1", &[LOCAL], &[], 403),
        (Read, "127.0.0.1", &[], &["read"], 401),
        (Read, "127.0.0.1", &[READ], &["read"], 200),
        (Read, "127.0.0.1", &[ADMIN], &["read"], 401),
        (Read, "127.0.0.1", &[ADMIN], &["read", "admin"], 200),
        (Read, "192.0.2.1", &[LOCAL], &["admin"], 200),
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
    for host in ["evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "[::2]", ""] {
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
        read_token: Some(SecretSource::File("/nowhere/token".into())),
        ..Server::at("127.0.0.1:0".parse().unwrap())
    };
    let headers = [(AUTHORIZATION, HeaderValue::from_static("Bearer x"))].into_iter().collect();
    let papers = Papers::of(&Uri::from_static("/"), &headers, None);
    let asking = Asking { need: Need::Read, papers: &papers, session: None, server: &server, tls: false, own: None };
    assert_eq!(asking.permit().unwrap_err().status(), 503);
}

/// A session is worth what its token is worth now, and nothing without a page of ours when it writes.
#[test]
fn a_session_is_as_good_as_its_token() {
    use Need::{Read, Write};
    const OURS: (&str, &str) = ("origin", "http://localhost:9464");
    const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
    let [read, admin] = TOKENS;
    let both = &["read", "admin"][..];
    for (need, headers, tokens, token, expected) in [
        (Read, &[][..], both, read, Ok((true, false))),
        (Read, &[], both, admin, Ok((true, true))),
        (Read, &[], both, "what was the token before", Err(401)),
        (Read, &[], &["read"], admin, Err(401)),
        (Read, &[LOCAL], &["admin"], admin, Ok((true, true))),
        (Read, &[LOCAL], &["admin"], read, Ok((false, false))),
        (Read, &[FOREIGN], &["admin"], read, Err(421)),
        // Whoever shows a token as well is judged by that.
        (Read, &[("authorization", "Bearer nonsense")], both, admin, Err(401)),
        (Write, &[LOCAL, OURS], both, admin, Ok((true, true))),
        (Write, &[LOCAL, SAME], both, admin, Ok((true, true))),
        (Write, &[LOCAL], both, admin, Err(403)),
        (Write, &[LOCAL, ("sec-fetch-site", "none")], both, admin, Err(403)),
        (Write, &[LOCAL, ("origin", "null")], both, admin, Err(403)),
        (Write, &[LOCAL, ("origin", "http://evil.example")], both, admin, Err(403)),
        (Write, &[LOCAL, OURS, ("sec-fetch-site", "same-site")], both, admin, Err(403)),
        (Write, &[LOCAL, OURS], both, read, Err(403)),
        (Write, &[LOCAL, OURS], both, "what was the token before", Err(401)),
        // Without tokens a cookie is worth nothing.
        (Write, &[LOCAL, OURS], &[], admin, Err(403)),
    ] {
        let found = asked(need, "192.0.2.1", headers, tokens, Some(token));
        let found = found.map(|reader| (reader.session, reader.writes));
        assert_eq!(found, expected, "{need:?} {headers:?} {tokens:?} {token}");
    }
}

#[test]
fn only_people_are_shown_the_door() {
    let shown = |method: &str, headers: &[(&'static str, &'static str)], status: u16| {
        let mut request = Request::builder().method(method).uri("/keys");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let problem = Problem::new(StatusCode::from_u16(status).unwrap(), "");
        asks_a_person(&request.body(Body::empty()).unwrap(), &problem)
    };
    let browser = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    assert!(shown("GET", &[browser], 401) && shown("HEAD", &[("accept", "Text/HTML;q=0.9")], 401));
    for (method, headers, status) in [
        ("GET", &[][..], 401),
        ("GET", &[("accept", "*/*")], 401),
        ("GET", &[("accept", "application/json")], 401),
        ("GET", &[browser, ("authorization", "Bearer x")], 401),
        ("GET", &[browser], 503),
        ("GET", &[browser], 421),
        ("POST", &[browser], 401),
    ] {
        assert!(!shown(method, headers, status), "{method} {headers:?} {status}");
    }
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
        (Method::GET, "/api/v1/events", Need::Read),
        (Method::GET, "/runbook", Need::Read),
        (Method::GET, "/sign-in", Need::Nothing),
        (Method::POST, "/sign-in", Need::Nothing),
        (Method::PUT, "/sign-in", Need::Write),
        (Method::POST, "/sign-out", Need::Nothing),
        (Method::GET, "/sign-out", Need::Read),
        (Method::POST, "/sign-in/x", Need::Write),
    ] {
        assert_eq!(need(&method, path), expected, "{method} {path}");
    }
}
