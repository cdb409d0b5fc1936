//! What a good exchange sends, reads and puts on record.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::clock::Timestamp;
use authprobe::fault::Class;
use authprobe::oidc::http::{Endpoint, Request, retry_after, verify_egress};
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::server::{Setup, answering, closed_port, get, listen, ok, read_head, records, replying};

fn header<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
        .collect()
}

#[tokio::test]
async fn a_request_says_who_we_are_and_no_more() {
    let mut setup = Setup::default();
    setup.provider.headers.insert("x-synthetic", "authprobe".parse().unwrap());
    let url = replying(|head| ok(&head)).await;
    let (answer, record) = setup.get(&format!("{url}jwks?x=1")).await;
    let head = String::from_utf8(answer.unwrap().body.to_vec()).unwrap();
    assert!(head.starts_with("GET /jwks?x=1 HTTP/1.1\r\n"), "{head}");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(header(&head, "user-agent"), [format!("authprobe/{version} (synthetic monitoring)")]);
    assert_eq!(header(&head, "host"), [url.trim_start_matches("http://").trim_end_matches('/')]);
    assert_eq!(header(&head, "accept-encoding"), ["gzip"]);
    assert_eq!(header(&head, "x-synthetic"), ["authprobe"]);
    assert_eq!(header(&head, "connection"), ["close"]);
    for absent in ["traceparent", "referer", "cookie", "authorization"] {
        assert!(header(&head, absent).is_empty(), "{absent}: {head}");
    }
    assert_eq!((record.endpoint, record.method, record.status), ("jwks", "GET", Some(200)));
    assert_eq!((record.error, record.body_bytes), (None, head.len() as u64));
    assert_eq!(record.url, format!("{url}jwks?x=1"));
    assert_eq!((&*record.host, &*record.region), ("127.0.0.1", "here"));
    let phases = record.phases;
    assert!(phases.resolve.is_none() && phases.tls.is_none(), "{phases:?}");
    assert!(phases.connect.is_some() && phases.processing.is_some() && phases.transfer.is_some(), "{phases:?}");
}

#[tokio::test]
async fn forms_are_encoded_and_headers_of_the_request_win() {
    let mut setup = Setup::default();
    setup.provider.headers.insert("accept", "text/plain".parse().unwrap());
    let url = replying(|head| ok(&head)).await;
    let form = vec![("grant_type".to_owned(), "refresh_token".to_owned()), ("a b".to_owned(), "ü&=".to_owned())];
    let mut request = Request::post(Endpoint::Token, Url::parse(&url).unwrap(), form);
    request.headers.insert("accept", "application/json".parse().unwrap());
    let (answer, record) = setup.send(request).await;
    let head = String::from_utf8(answer.unwrap().body.to_vec()).unwrap();
    assert_eq!(header(&head, "content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(header(&head, "accept"), ["application/json"]);
    assert!(head.ends_with("\r\n\r\ngrant_type=refresh_token&a+b=%C3%BC%26%3D"), "{head}");
    assert_eq!(record.method, "POST");
}

#[tokio::test]
async fn traceparent_names_the_run_and_the_span_and_goes_to_the_provider_only() {
    let mut setup = Setup::default();
    setup.provider.propagate_traceparent = true;
    setup.provider.headers.insert("x-synthetic", "authprobe".parse().unwrap());
    let (provider, other) = (replying(|head| ok(&head)).await, replying(|head| ok(&head)).await);
    let journey = setup.journey();
    let (http, trace_id) = (setup.http(&journey), journey.recorder().trace_id());
    let mut heads = Vec::new();
    for (endpoint, url) in [
        (Endpoint::Authorization, &provider),
        (Endpoint::LoginPage, &provider),
        (Endpoint::LoginPage, &other),
        (Endpoint::Reference, &provider),
    ] {
        let answer = http.send(Request::get(endpoint, Url::parse(url).unwrap())).await.unwrap();
        heads.push(String::from_utf8(answer.body.to_vec()).unwrap());
    }
    let records = records(journey).await;
    for i in [0, 1] {
        assert_eq!(header(&heads[i], "traceparent"), [format!("00-{trace_id}-{}-01", records[i].span_id)]);
        assert_eq!(header(&heads[i], "x-synthetic"), ["authprobe"]);
    }
    for i in [2, 3] {
        assert!(header(&heads[i], "traceparent").is_empty(), "{}", heads[i]);
        assert!(header(&heads[i], "x-synthetic").is_empty(), "{}", heads[i]);
    }
}

#[tokio::test]
async fn cookies_live_within_one_client_and_their_values_are_masked() {
    let setup = Setup::default();
    let url = replying(|head| {
        let seen = header(&head, "cookie").join("; ");
        format!(
            "HTTP/1.1 200 OK\r\nSet-Cookie: sid=s3ss10nvalue; HttpOnly\r\nContent-Length: {}\r\n\r\n{seen}",
            seen.len()
        )
    })
    .await;
    let journey = setup.journey();
    let http = setup.http(&journey);
    assert_eq!(http.send(get(&url)).await.unwrap().body, "");
    assert_eq!(http.clone().send(get(&url)).await.unwrap().body, "sid=s3ss10nvalue");
    assert_eq!(http.for_cleanup().send(get(&url)).await.unwrap().body, "sid=s3ss10nvalue");
    assert_eq!(journey.recorder().scrub("cookie s3ss10nvalue seen"), "cookie [redacted] seen");
    let other = setup.journey();
    assert_eq!(setup.http(&other).send(get(&url)).await.unwrap().body, "");
}

#[tokio::test]
async fn redirects_are_answers_whatever_they_say() {
    let setup = Setup::default();
    for location in ["/elsewhere", "http://[nonsense", "javascript:alert(1)", "myapp://cb?code=x"] {
        let url = answering(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")).await;
        let (answer, _) = setup.get(&url).await;
        let answer = answer.unwrap_or_else(|fault| panic!("{location}: {fault}"));
        assert_eq!((answer.status.as_u16(), answer.headers["location"].to_str().unwrap()), (302, location));
    }
}

#[tokio::test]
async fn gzip_is_unpacked() {
    // printf '{"keys":[]}' | gzip -n
    let packed = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0x56, 0xca, 0x4e, 0xad, 0x2c, 0x56, 0xb2, 0x8a, 0x8e, 0xad, 0x05, 0,
        0xef, 0x67, 0x88, 0x2a, 0x0b, 0, 0, 0,
    ];
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len()).into_bytes();
    bytes.extend(packed);
    let (answer, record) = Setup::default().get(&answering(bytes).await).await;
    assert_eq!(answer.unwrap().body, "{\"keys\":[]}");
    assert_eq!(record.body_bytes, 11);
}

#[tokio::test]
async fn a_rate_limit_is_a_fault_and_pauses_the_provider() {
    let setup = Setup::default();
    let url = answering("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n").await;
    let journey = setup.journey();
    let fault = setup.http(&journey).send(get(&url)).await.unwrap_err();
    assert_eq!((fault.class, fault.retry_after), (Class::RateLimited, Some(Duration::from_secs(120))));
    let left = setup.memory.budget.lock().unwrap().paused(setup.clock.now()).unwrap();
    assert!(left > Duration::from_secs(110) && left <= Duration::from_secs(120), "{left:?}");
    let records = records(journey).await;
    assert_eq!((records[0].status, records[0].error), (Some(429), Some("rate_limited")));
}

#[tokio::test]
async fn an_overloaded_server_is_an_answer_with_its_wait() {
    let url = answering("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").await;
    let (answer, _) = Setup::default().get(&url).await;
    let answer = answer.unwrap();
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(retry_after(&answer.headers, Timestamp::default()), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn the_budget_is_kept_and_references_are_outside_of_it() {
    let mut setup = Setup::default();
    setup.provider.max_requests_per_minute = Some(2);
    let url = answering(ok("{}")).await;
    let journey = setup.journey();
    let http = setup.http(&journey);
    http.send(get(&url)).await.unwrap();
    http.send(get(&url)).await.unwrap();
    assert_eq!(http.send(get(&url)).await.unwrap_err().class, Class::Budget);
    http.send(Request::get(Endpoint::Reference, Url::parse(&url).unwrap())).await.unwrap();
    let records = records(journey).await;
    assert_eq!(records.len(), 3, "what was never sent is on no record");
    assert_eq!(records.iter().map(|r| r.resend).collect::<Vec<_>>(), [0, 1, 2], "the same request, repeated");
}

#[tokio::test]
async fn names_and_addresses_are_the_regions() {
    let peers = Arc::new(Mutex::new(Vec::new()));
    let seen = peers.clone();
    let address = listen("127.0.0.1:0", move |mut stream, peer| {
        seen.lock().unwrap().push(peer.ip().to_string());
        async move {
            let head = read_head(&mut stream).await;
            let _ = stream.write_all(ok(header(&head, "host")[0]).as_bytes()).await;
        }
    })
    .await;
    let mut setup = Setup::default();
    setup.egress.resolve.insert("login.test".into(), vec!["127.0.0.1".parse().unwrap()]);
    setup.egress.source_address = Some("127.0.0.2".parse().unwrap());
    let port = address.port();
    let (answer, record) = setup.get(&format!("http://LOGIN.test:{port}/")).await;
    assert_eq!(answer.unwrap().body, format!("login.test:{port}"));
    assert!(record.phases.resolve.is_some());
    assert_eq!((&*record.host, record.port), ("login.test", port));
    assert_eq!(*peers.lock().unwrap(), ["127.0.0.2"]);

    let (answer, record) = Setup::default().get(&format!("http://localhost:{port}/")).await;
    assert_eq!(answer.unwrap().body, format!("localhost:{port}"));
    assert!(record.phases.resolve.is_some(), "the system resolved it");
}

#[tokio::test]
async fn ipv6_hosts_keep_their_brackets() {
    let address = listen("[::1]:0", |mut stream, _| async move {
        let head = read_head(&mut stream).await;
        let _ = stream.write_all(ok(header(&head, "host")[0]).as_bytes()).await;
    })
    .await;
    let (answer, record) = Setup::default().get(&format!("http://[::1]:{}/", address.port())).await;
    assert_eq!(answer.unwrap().body, format!("[::1]:{}", address.port()));
    assert_eq!(record.host, "[::1]");
}

/// Forty requests at once, each with a delay of its own: no mark of one gets into another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_measure_themselves_only() {
    let address = listen("127.0.0.1:0", |mut stream, _| async move {
        let head = read_head(&mut stream).await;
        let millis = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let _ = stream.write_all(ok("").as_bytes()).await;
    })
    .await;
    let setup = Arc::new(Setup::default());
    let runs = (0..40).map(|i| {
        let (setup, delay) = (setup.clone(), 20 * (i % 10 + 1));
        tokio::spawn(async move {
            let (answer, record) = setup.get(&format!("http://{address}/{delay}")).await;
            (delay, answer.unwrap().round_trip, record.phases.processing.unwrap())
        })
    });
    for run in runs.collect::<Vec<_>>() {
        let (delay, round_trip, processing) = run.await.unwrap();
        assert_eq!(round_trip, processing);
        let error = processing.as_secs_f64() - delay as f64 / 1e3;
        assert!((0.0..0.1).contains(&error), "delay {delay} ms, measured {processing:?}");
    }
}

#[tokio::test]
async fn the_way_out_is_verified_by_any_reference_that_answers() {
    let mut setup = Setup::default();
    let clock = setup.clock.clone();
    let dead = format!("http://{}/", closed_port().await);
    let broken = answering("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").await;
    let verify = async |setup: &Setup| verify_egress(&Arc::new(setup.egress.clone()), &setup.memory, &clock).await;
    assert_eq!(verify(&setup).await, Ok(()), "nothing to tell by");
    setup.egress.references = vec![Url::parse(&dead).unwrap()];
    let why = verify(&setup).await.unwrap_err();
    assert!(why.contains("the reference does not answer either: connect"), "{why}");
    setup.egress.references.push(Url::parse(&broken).unwrap());
    assert_eq!(verify(&setup).await, Ok(()), "a 500 is an answer");
}
