//! The browser leaves through its region: proxy, fixed addresses and source address are those of plain HTTP.

use serde_json::Value;

use super::{assert_good, assert_says, login, once, processes};
use crate::support::Folder;
use crate::support::certs::certificate;
use crate::support::idp::{Idp, Options};
use crate::support::net::free_port;
use crate::support::proxies::Proxy;
use crate::support::scene::Scene;

/// Requests that plain HTTP has made: each over a connection of its own.
fn plain(requests: &[&Value]) -> usize {
    let of_pages = ["authorization", "login_page", "login_resource"];
    requests.iter().filter(|request| !of_pages.contains(&request["endpoint"].as_str().unwrap())).count()
}

#[test]
fn the_browser_goes_through_the_proxy_of_its_region() {
    let folder = Folder::new();
    let certificate = certificate(&folder, "+0d", 30);
    let secure = Idp::with(&Options { certificate: Some(&certificate), ..Options::default() });
    for idp in [&Idp::start(), &secure] {
        let (north, south) = (Proxy::tinyproxy(), Proxy::danted());
        let mut stage = Scene::new(idp);
        stage.regions = format!(
            "[[region]]\nname = \"north\"\nproxy = \"{}\"\n\n[[region]]\nname = \"south\"\nproxy = \"{}\"\n",
            north.url, south.url
        );
        if idp.issuer.starts_with("https") {
            stage.provider = format!("ca_file = \"{}\"", certificate.authority.display());
        }
        let (code, runs) = stage.probe(&login(""), "login");
        assert_eq!((code, runs.len()), (0, 2));
        for run in &runs {
            assert_good(run, run.region());
            let proxy = if run.region() == "north" { &north } else { &south };
            let by_http = plain(&run.requests());
            // At least one more, of the browser; what it asks for besides is its own matter.
            let all = crate::support::eventually("the access log", || {
                Some(proxy.connections(idp.port())).filter(|all| *all > by_http)
            });
            println!("{} {}: {all} connections, {by_http} of them plain HTTP", idp.issuer, run.region());
        }
        processes::nothing_is_left(&stage.temporary);
    }
}

#[test]
fn a_proxy_that_is_dead_or_does_not_let_us_through_is_our_own_fault() {
    let idp = Idp::start();
    let pages = Idp::start();
    let mut stage = Scene::new(&idp);
    // It lets plain HTTP to the provider through, and not the browser to its pages.
    let rule = format!("socks block {{ from: 0.0.0.0/0 to: 127.0.0.1/32 port = {} }}\n", pages.port());
    let mut proxy = Proxy::danted_with(&rule);
    stage.regions = format!("[[region]]\nname = \"away\"\nproxy = \"{}\"\n", proxy.url);
    stage.provider = format!("endpoints = {{ authorization_endpoint = \"{}/auth\" }}", pages.issuer);
    let (code, run) = once(&stage, "");
    assert_eq!((code, run.fault().as_str()), (3, "egress/monitor at authorize"), "{}", super::detail(&run));
    assert_says(&run, &["proxy"]);
    assert!(pages.requests().is_empty());

    // One that lives tells on the provider.
    let closed = free_port();
    stage.provider = format!("endpoints = {{ authorization_endpoint = \"http://127.0.0.1:{closed}/auth\" }}");
    let (code, run) = once(&stage, "");
    assert_eq!((code, run.fault().as_str()), (1, "connect/network at authorize"), "{}", super::detail(&run));

    proxy.stop();
    let (code, run) = once(&stage, "");
    assert_eq!((code, run.fault().as_str()), (3, "egress/monitor at discovery"));
}

#[test]
fn names_and_source_address_are_those_of_the_region() {
    let folder = Folder::new();
    let pages = Idp::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let front = listener.local_addr().unwrap().port();
    // In front of the provider, to see who comes.
    let (port, came) = (pages.port(), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
    let seen = came.clone();
    std::thread::spawn(move || relay(&listener, port, &seen));
    drop(folder);

    let mut stage = Scene::new(&pages);
    let name = "login.authprobe.invalid";
    stage.regions = format!(
        "[[region]]\nname = \"here\"\nsource_address = \"127.0.0.2\"\nresolve = {{ \"{name}\" = \"127.0.0.1\" }}\n"
    );
    // oidc-provider goes by its Host header in redirects; the pages' links are relative.
    stage.provider = format!("endpoints = {{ authorization_endpoint = \"http://{name}:{front}/auth\" }}");
    let (code, run) = stage.probe_once(&login(""), "login");
    let hosts = run.requests().into_iter().filter(|r| r["host"] == name).count();
    assert!(hosts >= 1, "the name is known here only: {code} {:#}", run.0);
    let came = came.lock().unwrap().clone();
    assert!(!came.is_empty() && came.iter().all(|from| from == "127.0.0.2"), "{came:?}");
    assert_good(&run, "by another name");
}

/// Passes connections on, and writes down from where they come.
fn relay(listener: &std::net::TcpListener, to: u16, seen: &std::sync::Mutex<Vec<String>>) {
    for stream in listener.incoming().flatten() {
        seen.lock().unwrap().push(stream.peer_addr().unwrap().ip().to_string());
        let onward = std::net::TcpStream::connect(("127.0.0.1", to)).unwrap();
        for (mut from, mut to) in [(stream.try_clone().unwrap(), onward.try_clone().unwrap()), (onward, stream)] {
            std::thread::spawn(move || {
                std::io::copy(&mut from, &mut to).ok();
                to.shutdown(std::net::Shutdown::Write).ok();
            });
        }
    }
}
