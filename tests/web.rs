//! Page, API and `/metrics` over real connections, with an engine that only remembers.

mod folder;
mod support_outcome;
mod web_cases;
mod web_support;

use web_support::NOW as STANDING_NOW;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::fault::{Class, Fault};
use authprobe::outcome::Verdict;
use authprobe::secret::SecretSource;
use folder::Folder;
use serde_json::{Value, json};
use support_outcome::{PICTURE, START, check, failed_in_browser, outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use web_support::{Answer, Engine, Web};

#[tokio::test]
async fn metrics_are_negotiated() {
    let web = Web::start(Engine::default()).await;
    web.metrics.declare(&[check("login", "eu")]);
    let plain = web.get("/metrics").await;
    assert_eq!((plain.status, plain.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert!(plain.body.starts_with("# HELP authprobe_browser_memory_bytes "), "{}", plain.body);
    let open = web.ask("GET", "/metrics", &[("Accept", "application/openmetrics-text; version=1.0.0")]).await;
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(open.header("vary"), "Accept");
    assert!(open.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let web = Web::start(Engine::default()).await;
    for path in ["/", "/style.css", "/metrics", "/-/healthy", "/api/v1/probes", "/nowhere"] {
        let answer = web.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"), "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
    }
}

#[tokio::test]
async fn errors_are_problems() {
    let web = Web::start(Engine::default()).await;
    let is_problem = |answer: &Answer, status: u16, title: &str| {
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"));
        let body = answer.json();
        assert_eq!(
            (&body["type"], &body["title"], &body["status"]),
            (&json!("about:blank"), &json!(title), &json!(status))
        );
        assert!(body["detail"].is_string());
    };
    for path in ["/nowhere", "/api/v1/runs/0", "/api/v1/probes/none/runs"] {
        is_problem(&web.get(path).await, 404, "Not Found");
    }
    is_problem(&web.get("/api/v1/probes/login/runs?limit=x").await, 400, "Bad Request");
    is_problem(&web.get("/api/v1/probes/login/runs?verdict=fine").await, 400, "Bad Request");
    is_problem(&web.get("/api/v1/probes/login/runs?regoin=eu").await, 400, "Bad Request");
    is_problem(&web.post("/api/v1/probes/login/run?region=mars").await, 404, "Not Found");
    is_problem(&web.post("/api/v1/accounts/user:nobody/resume").await, 404, "Not Found");
    let answer = web.post("/metrics").await;
    is_problem(&answer, 405, "Method Not Allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
    is_problem(&web.get("/api/v1/pause").await, 405, "Method Not Allowed");
}

#[tokio::test]
async fn health_and_readiness_are_apart() {
    let web = Web::start(Engine::default()).await;
    web.engine.ready.store(false, Ordering::SeqCst);
    assert_eq!(web.get("/-/healthy").await.status, 200);
    let answer = web.get("/-/ready").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    web.engine.ready.store(true, Ordering::SeqCst);
    assert_eq!(web.get("/-/ready").await.status, 200);
}

#[tokio::test]
async fn probes_regions_and_runs_can_be_read() {
    let web = Web::start(Engine::default()).await;
    let mut bad = outcome(&check("login", "eu"));
    bad.trace_id = authprobe::outcome::Id([5; 16]);
    bad.start = START - Duration::from_secs(60);
    let mut fault = Fault::new(Class::HttpStatus, "503");
    fault.step = "token";
    (bad.verdict, bad.fault) = (Verdict::Bad, Some(fault));
    web.engine.push(bad);
    web.engine.push(outcome(&check("login", "us")));

    let probes = web.get("/api/v1/probes").await.json();
    assert_eq!(probes["paused"], json!(false));
    let login = &probes["probes"][0];
    assert_eq!((&login["name"], &login["kind"], &login["provider"]), (&json!("login"), &json!("fake"), &json!("main")));
    assert_eq!(login["steps"], json!(["token"]));
    assert_eq!(login["regions"][0]["region"], json!("eu"));
    assert_eq!(login["regions"][0]["last"]["fault"]["class"], json!("http_status"));
    assert_eq!(login["regions"][1]["last"]["verdict"], json!("good"));

    let regions = web.get("/api/v1/regions").await.json();
    assert_eq!(regions["regions"][1]["name"], json!("us"));
    assert_eq!(regions["regions"][1]["proxy"], json!("socks5h://127.0.0.1:1080"));
    assert_eq!(regions["regions"][0]["probes"], json!(["login"]));

    let all = web.get("/api/v1/probes/login/runs").await.json();
    let ids = |runs: &Value| {
        runs["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["trace_id"].as_str().unwrap()[..2].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&all), ["07", "05"], "newest first");
    assert_eq!(all["runs"][1]["steps"][0]["requests"][0]["status"], json!(200), "runs are whole");
    assert_eq!(login["regions"][0]["last"]["steps"][0]["requests"], json!(1), "only counted here");
    assert_eq!(all["runs"][1]["probe_region"], json!("eu"));
    for (query, expected) in
        [("region=eu", &["05"][..]), ("verdict=good", &["07"]), ("limit=1", &["07"]), ("limit=0", &[])]
    {
        assert_eq!(ids(&web.get(&format!("/api/v1/probes/login/runs?{query}")).await.json()), expected, "{query}");
    }

    let run = web.get(&format!("/api/v1/runs/{}", "05".repeat(16))).await.json();
    assert_eq!(run["steps"][0]["requests"][0]["endpoint"], json!("token"));
    assert_eq!(run["fault"]["blame"], json!("provider"));
}

#[tokio::test]
async fn a_picture_is_served_to_those_who_may_read_and_linked() {
    let folder = Folder::new();
    let token = folder.write("read", "read-secret\n");
    let mut engine = Engine::default();
    engine.server.read_token = Some(SecretSource::File(token.clone()));
    let web = Web::start(engine).await;
    let mut failed = failed_in_browser(&check("login", "eu"), "text of the page");
    failed.trace_id = authprobe::outcome::Id([5; 16]);
    web.engine.push(failed);
    web.engine.push(outcome(&check("login", "us")));
    let run = format!("/api/v1/runs/{}", "05".repeat(16));
    let picture = format!("{run}/screenshot");
    let bearer = [("Authorization", "Bearer read-secret")];

    assert_eq!(web.get(&picture).await.status, 401);
    let answer = web.ask("GET", &picture, &bearer).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"));
    assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
    assert_eq!(answer.body.as_bytes(), PICTURE);

    let json = web.ask("GET", &run, &bearer).await.json();
    let browser = &json["browser"];
    assert_eq!(browser["overhead_seconds"], json!(0.123));
    assert_eq!(browser["pages"][0]["largest_paint_seconds"], json!(0.07));
    assert_eq!(browser["evidence"]["title"], json!("Sign in text of the page"));
    assert_eq!(browser["evidence"]["screenshot_bytes"], json!(PICTURE.len()), "the picture itself is elsewhere");
    let page = web.ask("GET", "/", &bearer).await.body;
    assert_eq!(page.matches("/screenshot\">").count(), 1, "one run has a picture\n{page}");
    assert!(page.contains(&format!("<a href=\"{picture}\">screenshot</a>")), "{page}");

    for missing in ["07", "99"].map(|byte| format!("/api/v1/runs/{}/screenshot", byte.repeat(16))) {
        let none = web.ask("GET", &missing, &bearer).await;
        assert_eq!((none.status, none.header("content-type")), (404, "application/problem+json"), "{missing}");
    }
}

#[tokio::test]
async fn the_engine_does_what_it_is_told() {
    let web = Web::start(Engine::default()).await;
    assert_eq!(web.post("/api/v1/pause").await.json(), json!({ "paused": true }));
    assert!(web.get("/").await.body.contains("Scheduled runs are paused."));
    assert_eq!(web.post("/api/v1/resume").await.json(), json!({ "paused": false }));
    assert_eq!(web.post("/api/v1/accounts/user%3Aalice/resume").await.json(), json!({ "resumed": "user:alice" }));
    let runs = web.post("/api/v1/probes/login/run?region=us").await.json();
    assert_eq!(runs["runs"][0]["probe_region"], json!("us"));
    assert_eq!(runs["runs"][0]["steps"][0]["requests"][0]["status"], json!(200));
    assert_eq!(web.post("/api/v1/probes/login/run").await.json()["runs"].as_array().unwrap().len(), 2);
    assert_eq!(web.post("/-/reload").await.json(), json!({ "reloaded": true }));
    *web.engine.reload_error.lock().unwrap() = Some("authprobe.toml:3:1: unknown key `evry`".into());
    let refused = web.post("/-/reload").await;
    assert_eq!((refused.status, &refused.json()["detail"]), (422, &json!("authprobe.toml:3:1: unknown key `evry`")));
}

#[tokio::test]
async fn a_run_goes_on_when_whoever_asked_hangs_up() {
    let web = Web::start(Engine::default()).await;
    web.engine.gate.store(true, Ordering::SeqCst);
    let mut stream = TcpStream::connect(web.at).await.unwrap();
    stream.write_all(b"POST /api/v1/probes/login/run HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    web.engine.begun.notified().await;
    drop(stream);
    // The connection's end is noticed before the next answer.
    assert_eq!(web.get("/-/healthy").await.status, 200);
    web.engine.release.notify_one();
    tokio::time::timeout(Duration::from_secs(10), web.engine.ended.notified()).await.expect("the run ends by itself");
}

#[tokio::test]
async fn writing_is_for_this_machine_and_not_for_web_pages() {
    let web = Web::start(Engine::default()).await;
    for headers in [
        &[("Host", "evil.example:9464")][..],
        &[("Origin", "http://evil.example")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("X-Forwarded-For", "192.0.2.1")],
    ] {
        let answer = web.ask("POST", "/api/v1/pause", headers).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert_eq!(web.get("/api/v1/probes").await.json()["paused"], json!(false));
}

#[tokio::test]
async fn with_tokens_everybody_needs_one() {
    let folder = Folder::new();
    let file = |name: &str| folder.write(name, &format!("{name}-secret\n"));
    let (read, admin) = (file("read"), file("admin"));
    let mut engine = Engine::default();
    engine.server.read_token = Some(SecretSource::File(read.clone()));
    engine.server.admin_token = Some(SecretSource::File(admin.clone()));
    let web = Web::start(engine).await;
    let ask = async |method, path, token: &str| {
        let header = format!("Bearer {token}");
        web.ask(method, path, &[("Authorization", header.as_str())]).await.status
    };
    let refused = web.get("/metrics").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer realm=\"authprobe\""));
    assert_eq!(web.get("/-/healthy").await.status, 200);
    assert_eq!(ask("GET", "/metrics", "read-secret").await, 200);
    assert_eq!(ask("GET", "/", "admin-secret").await, 200);
    assert_eq!(ask("GET", "/metrics", "read-secre").await, 401);
    assert_eq!(ask("POST", "/api/v1/pause", "read-secret").await, 403);
    assert_eq!(ask("POST", "/api/v1/pause", "admin-secret").await, 200);
    std::fs::write(&read, "another-secret\n").unwrap();
    assert_eq!(ask("GET", "/metrics", "read-secret").await, 401, "a file is read anew");
    assert_eq!(ask("GET", "/metrics", "another-secret").await, 200);
}

#[tokio::test]
async fn requests_are_bounded() {
    let web = Web::start(Engine::default()).await;
    let post = |length: usize| {
        let head = "POST /api/v1/resume HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        format!("{head}Content-Length: {length}\r\n\r\n{}", "x".repeat(length))
    };
    assert_eq!(web.raw(&post(64 * 1024)).await.status, 200);
    assert_eq!(web.raw(&post(64 * 1024 + 1)).await.status, 413);
    let head = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100_000));
    assert!(matches!(web.raw(&head).await.status, 414 | 431));
    assert_eq!(web.raw("nonsense\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn the_page_escapes_everything() {
    let mut engine = Engine::default();
    engine.rename("<script>alert('1')</script>&\"");
    let web = Web::start(engine).await;
    let mut bad = outcome(&check("<script>alert('1')</script>&\"", "eu"));
    let mut fault = Fault::new(Class::LoginPage, "\"><img src=x onerror=alert(1)>");
    fault.step = "login";
    (bad.verdict, bad.fault) = (Verdict::Bad, Some(fault));
    web.engine.push(bad);
    web.engine.stopped.lock().unwrap().push(("user:<b>".into(), "refused & stopped".into()));
    let page = web.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for hostile in ["<script>", "<img", "user:<b>", "style=", "onerror=alert(1)>"] {
        assert!(!page.body.contains(hostile), "{hostile}\n{}", page.body);
    }
    assert!(page.body.contains("&lt;script&gt;alert('1')&lt;/script&gt;&amp;&quot;"));
    assert!(page.body.contains("<b>login_page</b> in login, provider"));
    assert!(page.body.contains("refused &amp; stopped"));
    assert!(page.body.contains("href=\"/probes/%3Cscript%3Ealert%28%271%27%29%3C%2Fscript%3E%26%22\""));
    assert_eq!(web.get("/style.css").await.header("content-type"), "text/css; charset=utf-8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrapers_that_do_not_read_hold_up_nobody() {
    let web = Web::start(Engine::default()).await;
    let checks: Vec<_> = (0..3000).map(|i| check(&format!("probe-{i}"), "eu")).collect();
    web.metrics.declare(&checks);
    let mut idle = vec![];
    for _ in 0..4 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(web.at).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        // Its head is here: the exposition is rendered, and most of it waits for this reader.
        stream.read_exact(&mut [0; 16]).await.unwrap();
        idle.push(stream);
    }
    let clock = Clock::system();
    let begun = clock.instant();
    web.metrics.outcome(&outcome(&checks[0]));
    assert!(clock.instant().duration_since(begun) < Duration::from_millis(100));
    assert_eq!(web.get("/-/healthy").await.status, 200);
    let refused = web.get("/metrics").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    drop(idle);
    // Gone readers give their places back.
    let again = async {
        while web.get("/metrics").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("a place is free again");
}

#[tokio::test]
async fn what_was_asked_is_answered_before_the_end_and_new_ones_are_refused() {
    let mut web = Web::start(Engine::default()).await;
    web.engine.gate.store(true, Ordering::SeqCst);
    let mut stream = TcpStream::connect(web.at).await.unwrap();
    stream.write_all(b"POST /api/v1/probes/login/run?region=eu HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    web.engine.begun.notified().await;
    web.stop();
    let refused = async {
        while TcpStream::connect(web.at).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("no new connections");
    web.engine.release.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    web.ended().await;
}

#[tokio::test]
async fn the_drain_is_bounded() {
    let mut web = Web::start(Engine::default()).await;
    web.engine.gate.store(true, Ordering::SeqCst);
    let mut stream = TcpStream::connect(web.at).await.unwrap();
    stream.write_all(b"POST /api/v1/probes/login/run HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    web.engine.begun.notified().await;
    web.stop();
    tokio::time::timeout(Duration::from_secs(20), web.ended()).await.expect("it does not wait for ever");
}

#[tokio::test]
async fn https_is_served_from_files() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web_tls");
    let mut engine = Engine::default();
    engine.server.tls = Some((folder.join("cert.pem"), folder.join("key.pem")));
    let web = Web::start(engine).await;
    let mut stream = web_support::tls(web.at, &folder.join("cert.pem")).await;
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("healthy\n"), "{answer}");

    let mut broken = Engine::default();
    broken.server.tls = Some((folder.join("cert.pem"), folder.join("none.pem")));
    let error = web_support::refused(Arc::new(broken)).await;
    assert!(error.contains("none.pem"), "{error}");
}
