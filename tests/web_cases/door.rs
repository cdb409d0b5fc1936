//! Who gets in, and how: sign-in, sessions, names of ours.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::secret::SecretSource;
use base64::Engine as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::folder::Folder;
use crate::web_support::{Answer, Engine, NOW, Web};

const HERE: &str = "http://localhost";
const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// A server with both tokens, which are `read-secret` and `admin-secret`.
async fn guarded(folder: &Folder) -> Web {
    Web::start(engine(folder, &["read", "admin"])).await
}

fn engine(folder: &Folder, tokens: &[&str]) -> Engine {
    let mut engine = Engine::default();
    let source = |name: &str| {
        let file = folder.write(name, &format!("{name}-secret\n"));
        tokens.contains(&name).then_some(SecretSource::File(file))
    };
    (engine.server.read_token, engine.server.admin_token) = (source("read"), source("admin"));
    engine
}

/// The session's cookie of a successful sign-in.
async fn sign_in(web: &Web, token: &str) -> String {
    let answer = web.submit("/sign-in", HERE, "", &format!("token={token}&next=%2F")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

async fn with(web: &Web, method: &str, path: &str, cookie: &str, more: &[(&str, &str)]) -> Answer {
    web.ask(method, path, &[&[("Cookie", cookie)], more].concat()).await
}

#[tokio::test]
async fn people_are_led_to_the_form_and_programs_are_told() {
    let folder = Folder::new();
    let web = guarded(&folder).await;
    for (path, location) in [
        ("/", "/sign-in"),
        ("/slos/a%20b?x=1", "/sign-in?next=%2Fslos%2Fa%2520b%3Fx%3D1"),
        ("/runbook/outage", "/sign-in?next=%2Frunbook%2Foutage"),
        ("/metrics", "/sign-in?next=%2Fmetrics"),
    ] {
        let answer = web.ask("GET", path, &[HTML]).await;
        assert_eq!((answer.status, answer.header("location")), (303, location), "{path}");
    }
    for headers in [&[][..], &[("Accept", "*/*")], &[HTML, ("Authorization", "Bearer x")]] {
        let answer = web.ask("GET", "/", headers).await;
        assert_eq!((answer.status, answer.header("content-type")), (401, "application/problem+json"), "{headers:?}");
    }
    assert_eq!(web.ask("POST", "/api/v1/pause", &[HTML]).await.status, 401);

    let form = web.get("/sign-in?next=%2Fslos%2Fa%3Fx%3D1%26y%3D%22%3E").await;
    assert_eq!((form.status, form.header("content-type")), (200, "text/html; charset=utf-8"));
    for part in [
        "<form method=\"post\" action=\"/sign-in\">",
        "<input type=\"hidden\" name=\"next\" value=\"/slos/a?x=1&amp;y=%22%3E\">",
        "type=\"password\" name=\"token\"",
        "<label for=\"token\">",
    ] {
        assert!(form.body.contains(part), "{part}\n{}", form.body);
    }
    // What only readers may know: accounts that are stopped, versions, names of probes.
    for secret in ["alice", env!("CARGO_PKG_VERSION"), "login", "Overview", "<script"] {
        assert!(!form.body.replace("/sign-in", "").contains(secret), "{secret}\n{}", form.body);
    }
}

#[tokio::test]
async fn a_token_opens_a_session_that_reads_and_one_that_writes() {
    let folder = Folder::new();
    let web = guarded(&folder).await;
    let answer = web.submit("/sign-in", HERE, "", "next=%2Fslos%2Fx%3Fy%3D1&token=+read-secret%0A").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/slos/x?y=1"));
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("authprobe_session="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{cookie}");
    let read = cookie.split(';').next().unwrap();
    let page = with(&web, "GET", "/", read, &[HTML]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("action=\"/sign-out\"") && page.body.contains("title=\"may read\""), "{}", page.body);
    assert_eq!(with(&web, "GET", "/metrics", read, &[]).await.status, 200);
    assert_eq!(with(&web, "GET", "/sign-in?next=%2Fkeys", read, &[]).await.header("location"), "/keys");
    assert_eq!(with(&web, "POST", "/api/v1/pause", read, &[("Origin", HERE)]).await.status, 403);

    let admin = sign_in(&web, "admin-secret").await;
    for (headers, status) in [
        (&[("Origin", HERE)][..], 200),
        (&[("Sec-Fetch-Site", "same-origin")], 200),
        (&[], 403),
        (&[("Sec-Fetch-Site", "none")], 403),
        (&[("Origin", "http://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Origin", HERE), ("Sec-Fetch-Site", "cross-site")], 403),
    ] {
        assert_eq!(with(&web, "POST", "/api/v1/resume", &admin, headers).await.status, status, "{headers:?}");
    }
    let body = r#"{"probes":["login"],"duration":"1h","comment":"c"}"#;
    let request = format!(
        "POST /api/v1/maintenance HTTP/1.1\r\nHost: localhost\r\nOrigin: {HERE}\r\nCookie: {admin}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(web.raw(&request).await.status, 201);
    assert_eq!(web.engine.audit.lock().unwrap()[0].1, "admin session, 127.0.0.1");
}

#[tokio::test]
async fn a_session_ends_by_sign_out_by_time_and_with_its_token() {
    let folder = Folder::new();
    let web = guarded(&folder).await;
    let status = async |cookie: &str| with(&web, "GET", "/api/v1/slos", cookie, &[]).await.status;
    let (one, other) = (sign_in(&web, "read-secret").await, sign_in(&web, "read-secret").await);
    assert_eq!((status(&one).await, status(&other).await), (200, 200));
    let out = web.submit("/sign-out", HERE, &one, "").await;
    assert_eq!((out.status, out.header("location")), (303, "/sign-in"));
    let gone = "authprobe_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0";
    assert_eq!(out.header("set-cookie"), gone);
    assert_eq!((status(&one).await, status(&other).await), (401, 200));

    folder.write("read", "another-secret\n");
    assert_eq!(status(&other).await, 401, "the token is another now");
    let admin = sign_in(&web, "admin-secret").await;
    web.engine.clock.set(NOW + Duration::from_secs(12 * 3600 - 1));
    assert_eq!(status(&admin).await, 200);
    web.engine.clock.set(NOW + Duration::from_secs(12 * 3600));
    assert_eq!(status(&admin).await, 401, "used or not");
    for nonsense in ["authprobe_session=", "authprobe_session=x", "x=y", "authprobe_session"] {
        assert_eq!(status(nonsense).await, 401, "{nonsense}");
    }
}

/// A browser has one cookie of a name for all ports of a host: two of us must not sign each other's people out.
#[tokio::test]
async fn two_on_one_host_keep_their_people_apart() {
    let folder = Folder::new();
    let (one, other) = (guarded(&folder).await, guarded(&folder).await);
    let mut jar = Vec::new();
    for web in [&one, &other] {
        let form = "token=read-secret";
        let answer = at_its_port(web, "POST", "/sign-in", "", form).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let pair = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        assert!(pair.starts_with(&format!("authprobe_session_{}=", web.at.port())), "{pair}");
        jar.retain(|held: &String| held.split('=').next() != pair.split('=').next());
        jar.push(pair);
    }
    let jar = jar.join("; ");
    for web in [&one, &other] {
        assert_eq!(at_its_port(web, "GET", "/api/v1/slos", &jar, "").await.status, 200);
    }
    let out = at_its_port(&one, "POST", "/sign-out", &jar, "").await;
    let gone = format!("authprobe_session_{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", one.at.port());
    assert_eq!((out.status, out.header("set-cookie")), (303, gone.as_str()));
    let status = async |web| at_its_port(web, "GET", "/api/v1/slos", &jar, "").await.status;
    assert_eq!((status(&one).await, status(&other).await), (401, 200));
}

/// As a browser asks that has the address with its port.
async fn at_its_port(web: &Web, method: &str, path: &str, cookies: &str, form: &str) -> Answer {
    let host = web.at.to_string();
    let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {cookies}\r\n") };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n{cookies}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    web.raw(&request).await
}

#[tokio::test]
async fn wrong_tokens_are_refused_counted_and_then_not_looked_at() {
    let folder = Folder::new();
    let web = guarded(&folder).await;
    for n in 0..10 {
        let answer = web.submit("/sign-in", HERE, "", "token=wrong%3Cb%3E&next=%2Fkeys").await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, ""), "{n}");
        assert!(answer.body.contains("role=\"alert\">This is not the token"), "{}", answer.body);
        assert!(answer.body.contains("value=\"/keys\"") && !answer.body.contains("wrong"), "{}", answer.body);
    }
    web.engine.clock.set(NOW + Duration::from_secs(20));
    let answer = web.submit("/sign-in", HERE, "", "token=read-secret").await;
    assert_eq!((answer.status, answer.header("retry-after"), answer.header("set-cookie")), (429, "41", ""));
    // Programs are not kept out, nor anybody else behind a proxy.
    assert_eq!(web.ask("GET", "/metrics", &[("Authorization", "Bearer read-secret")]).await.status, 200);
    let head = "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.9\r\n";
    let form = format!("{head}Origin: {HERE}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    assert_eq!(web.raw(&format!("{form}Content-Length: 17\r\n\r\ntoken=read-secret")).await.status, 303);
    web.engine.clock.set(NOW + Duration::from_secs(60));
    sign_in(&web, "read-secret").await;
}

#[tokio::test]
async fn nobody_is_signed_in_or_out_by_another_page() {
    let folder = Folder::new();
    let web = guarded(&folder).await;
    let cookie = sign_in(&web, "read-secret").await;
    for origin in ["http://evil.example", "null", "http://localhost:9999"] {
        assert_eq!(web.submit("/sign-in", origin, "", "token=read-secret").await.status, 403, "{origin}");
        assert_eq!(web.submit("/sign-out", origin, &cookie, "").await.status, 403, "{origin}");
    }
    assert_eq!(with(&web, "POST", "/sign-out", &cookie, &[]).await.status, 403, "not even without a word");
    let answer = with(&web, "POST", "/sign-in", &cookie, &[("Origin", HERE), ("Content-Type", "text/plain")]).await;
    assert_eq!(answer.status, 415);
    assert_eq!(with(&web, "GET", "/sign-out", &cookie, &[]).await.status, 405, "nothing is changed by GET");
    assert_eq!(with(&web, "GET", "/api/v1/slos", &cookie, &[]).await.status, 200, "still signed in");
    for foreign in ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2F..%2F%2Fevil.example", "%2F%5Cevil.example"]
    {
        let answer = web.submit("/sign-in", HERE, "", &format!("token=read-secret&next={foreign}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{foreign}");
    }
}

/// A link in a message: the browser keeps a strict cookie to itself, until a page of ours asks for the same.
#[tokio::test]
async fn whoever_comes_from_elsewhere_is_asked_once_more() {
    let folder = Folder::new();
    let web = guarded(&folder).await;
    let cookie = sign_in(&web, "read-secret").await;
    let path = "/sign-in?next=%2Fslos%2Fa%3Fb";
    let elsewhere = web.ask("GET", path, &[HTML, ("Sec-Fetch-Site", "cross-site")]).await;
    let again = "<meta http-equiv=\"refresh\" content=\"0; url=/sign-in?next=%2Fslos%2Fa%3Fb\">";
    assert!(elsewhere.status == 200 && elsewhere.body.contains(again), "{}", elsewhere.body);
    let same = ("Sec-Fetch-Site", "same-origin");
    assert_eq!(with(&web, "GET", path, &cookie, &[HTML, same]).await.header("location"), "/slos/a?b");
    let form = web.ask("GET", path, &[HTML, same]).await;
    assert!(form.body.contains("name=\"token\"") && !form.body.contains("refresh"), "once is enough: {}", form.body);
}

#[tokio::test]
async fn where_no_token_is_needed_nobody_signs_in() {
    let web = Web::start(Engine::default()).await;
    assert_eq!(web.get("/sign-in?next=%2Fkeys").await.header("location"), "/keys");
    let answer = web.submit("/sign-in", HERE, "", "token=x&next=%2Fkeys").await;
    assert_eq!((answer.status, answer.header("location"), answer.header("set-cookie")), (303, "/keys", ""));
    assert!(!web.ask("GET", "/keys", &[HTML]).await.body.contains("sign-out"));
    // With an admin token alone everybody reads, and who signs in writes.
    let folder = Folder::new();
    let web = Web::start(engine(&folder, &["admin"])).await;
    assert_eq!(web.ask("GET", "/keys", &[HTML]).await.status, 200);
    let admin = sign_in(&web, "admin-secret").await;
    assert!(with(&web, "GET", "/keys", &admin, &[HTML]).await.body.contains("title=\"may read and write\""));
    assert_eq!(web.submit("/sign-out", HERE, &admin, "").await.header("location"), "/");
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let folder = Folder::new();
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web_tls");
    let mut engine = engine(&folder, &["read"]);
    engine.server.tls = Some((fixture.join("cert.pem"), fixture.join("key.pem")));
    let web = Web::start(engine).await;
    let ask = async |request: String| {
        let mut stream = crate::web_support::tls(web.at, &fixture.join("cert.pem")).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let head = "Host: localhost\r\nConnection: close\r\nOrigin: https://localhost\r\n";
    let kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 17";
    let answer = ask(format!("POST /sign-in HTTP/1.1\r\n{head}{kind}\r\n\r\ntoken=read-secret")).await;
    let cookie = answer.split("set-cookie: ").nth(1).unwrap().lines().next().unwrap();
    assert!(cookie.starts_with("__Host-authprobe_session=") && cookie.ends_with("; Secure"), "{cookie}");
    let value = cookie.split(';').next().unwrap();
    let get = |cookie: &str| format!("GET /metrics HTTP/1.1\r\n{head}Cookie: {cookie}\r\n\r\n");
    assert!(ask(get(value)).await.starts_with("HTTP/1.1 200 "));
    let unbound = value.strip_prefix("__Host-").unwrap();
    assert!(ask(get(unbound)).await.starts_with("HTTP/1.1 401 "), "a neighbour could have set that one");

    // Behind a proxy that ends TLS, as the browser says; asked directly, as it is.
    let behind = {
        let mut engine = self::engine(&folder, &["read"]);
        engine.server.public_url = Some("https://authprobe.example.com/".parse().unwrap());
        Web::start(engine).await
    };
    for (origin, name) in [("https://authprobe.example.com", "__Host-authprobe_session="), (HERE, "authprobe_session=")]
    {
        let answer = behind.submit("/sign-in", origin, "", "token=read-secret").await;
        assert!(answer.header("set-cookie").starts_with(name), "{origin}: {}", answer.whole());
    }
}

#[tokio::test]
async fn without_tokens_only_names_of_ours_are_answered() {
    let mut engine = Engine::default();
    engine.server.hosts = vec!["probe.example.net".into()];
    let web = Web::start(engine).await;
    for host in ["evil.example", "localhost.evil.example:9464"] {
        for path in ["/", "/metrics", "/api/v1/probes", "/runbook", "/api/v1/events"] {
            let answer = web.ask("GET", path, &[("Host", host)]).await;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (421, "application/problem+json"),
                "{host} {path}"
            );
            assert!(answer.body.contains("[server] hosts"), "{}", answer.body);
        }
        for path in ["/-/healthy", "/-/ready", "/style.css"] {
            assert_eq!(web.ask("GET", path, &[("Host", host)]).await.status, 200, "{path}");
        }
        let logout = web.ask("POST", "/backchannel-logout/web", &[("Host", host)]).await;
        assert_eq!(logout.status, 404, "looked at by the receiver: {}", logout.body);
    }
    for host in ["localhost", "127.0.0.1:9464", "authprobe.monitoring.svc:9464", "probe.example.net:9464"] {
        assert_eq!(web.ask("GET", "/metrics", &[("Host", host)]).await.status, 200, "{host}");
    }
    assert_eq!(web.raw("GET /metrics HTTP/1.0\r\n\r\n").await.status, 200, "no browser, and this machine");
    assert_eq!(
        web.raw("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.status,
        421
    );
}

#[tokio::test]
async fn what_is_built_in_may_be_kept_and_nothing_else() {
    let web = Web::start(Engine::default()).await;
    let page = web.get("/").await;
    assert_eq!(page.header("cache-control"), "no-store");
    for name in ["/style.css?v=", "/live.js?v=", "/icon.svg?v="] {
        let at = page.body.find(name).unwrap_or_else(|| panic!("{name}\n{}", page.body));
        let address = page.body[at..].split('"').next().unwrap();
        let answer = web.get(address).await;
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{address}");
        let (bare, tag) = (address.split('?').next().unwrap(), answer.header("etag"));
        assert_eq!(web.get(bare).await.header("cache-control"), "public, no-cache", "{bare}");
        let again = web.ask("GET", bare, &[("If-None-Match", tag)]).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{bare}");
    }
    for path in ["/metrics", "/nowhere", "/sign-in", "/runbook", "/-/healthy"] {
        let answer = web.get(path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert!(answer.header("content-security-policy").contains("; trusted-types 'none'"), "{path}");
        assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
    }
}

#[tokio::test]
async fn runbooks_are_pages() {
    let folder = Folder::new();
    let web = guarded(&folder).await;
    assert_eq!(web.get("/runbook").await.status, 401);
    let bearer = [("Authorization", "Bearer read-secret")];
    let alerts = web.ask("GET", "/runbook", &bearer).await;
    assert_eq!((alerts.status, alerts.header("content-type")), (200, "text/html; charset=utf-8"));
    for part in ["<h3 id=\"authsloburn\">AuthSLOBurn</h3>", "href=\"/runbook/outage\"", "aria-current=\"page\""] {
        assert!(alerts.body.contains(part), "{part}");
    }
    let outage = web.ask("GET", "/runbook/outage", &bearer).await.body;
    for part in ["<title>Outage · authprobe</title>", "<a href=\"/runbook#authoutage\">", "Afterwards</h2>"] {
        assert!(outage.contains(part), "{part}\n{outage}");
    }
    for name in ["nothing", "..%2Falerts", "outage.md"] {
        assert_eq!(web.ask("GET", &format!("/runbook/{name}"), &bearer).await.status, 404, "{name}");
    }
}

/// What is written to it, as one text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Tokens, what was tried as one, and sessions: on no page, in no header but the cookie's own, in no log at any level.
#[tokio::test]
async fn nothing_of_tokens_and_sessions_is_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole program: what other threads and tests say belongs there as well.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let folder = Folder::new();
    let web = guarded(&folder).await;
    let mut shown = vec![];
    let tried = "planted+wrong%2Ftoken";
    shown.push(web.submit("/sign-in", HERE, "", &format!("token={tried}&next=%2Fkeys")).await.whole());
    let mut sessions = vec![];
    for token in ["read-secret", "admin-secret"] {
        let cookie = sign_in(&web, token).await;
        for path in ["/", "/keys", "/configuration", "/metrics", "/api/v1/probes", "/sign-in", "/runbook", "/nowhere"] {
            shown.push(with(&web, "GET", path, &cookie, &[HTML]).await.whole());
        }
        let mut stream = tokio::net::TcpStream::connect(web.at).await.unwrap();
        let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        web.engine.newsroom.tell(authprobe::news::News::Changed);
        let mut told = [0; 4096];
        let length = stream.read(&mut told).await.unwrap();
        shown.push(String::from_utf8_lossy(&told[..length]).into_owned());
        shown.push(with(&web, "POST", "/api/v1/pause", &cookie, &[("Origin", HERE)]).await.whole());
        sessions.push(cookie.split_once('=').unwrap().1.to_owned());
    }
    let out = web.submit("/sign-out", HERE, &format!("authprobe_session={}", sessions[0]), "").await;
    shown.push(out.whole());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("signed in") && log.contains("no token"), "{log}");
    shown.push(log);
    let mut secrets = vec!["read-secret", "admin-secret", "planted+wrong/token", "planted wrong/token", tried];
    secrets.extend(sessions.iter().map(String::as_str));
    for secret in secrets {
        let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret);
        for text in &shown {
            for form in [secret, &base64] {
                assert!(!text.contains(form), "{form} in\n{text}");
            }
        }
    }
}
