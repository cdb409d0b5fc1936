//! The browser leaves through its region: proxy, fixed addresses and source address are those of plain HTTP.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{assert_good, assert_says, login, once, processes};
use crate::support::Folder;
use crate::support::certs::{UNKNOWN_NAME, certificate};
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
    let certificate = certificate(&folder, "+0d", 30);
    let named = Options { certificate: Some(&certificate), name: Some(UNKNOWN_NAME), ..Options::default() };
    let idp = Idp::with(&named);
    // In front of the provider, at an address that only the region leads to: it sees who comes.
    let listener = TcpListener::bind(("127.0.0.3", idp.port())).unwrap();
    let (port, came) = (idp.port(), Arc::new(Mutex::new(Vec::new())));
    let seen = came.clone();
    std::thread::spawn(move || relay(&listener, port, &seen));

    let mut stage = Scene::new(&idp);
    stage.provider = format!("ca_file = \"{}\"", certificate.authority.display());
    stage.regions = format!(
        "[[region]]\nname = \"here\"\nsource_address = \"127.0.0.2\"\nresolve = {{ \"{UNKNOWN_NAME}\" = \"127.0.0.3\" }}\n"
    );
    let (code, run) = once(&stage, "");
    assert_good(&run, "by a name that is known here only");
    assert_eq!(code, 0);
    let came = came.lock().unwrap().clone();
    assert!(came.iter().all(|from| from == "127.0.0.2"), "{came:?}");
    let by_http = plain(&run.requests());
    assert!(came.len() > by_http, "{came:?}, {by_http} of them plain HTTP");
}

/// Passes connections on, and writes down from where they come.
fn relay(listener: &TcpListener, to: u16, seen: &Mutex<Vec<String>>) {
    for stream in listener.incoming().flatten() {
        seen.lock().unwrap().push(stream.peer_addr().unwrap().ip().to_string());
        let onward = TcpStream::connect(("127.0.0.1", to)).unwrap();
        for (mut from, mut to) in [(stream.try_clone().unwrap(), onward.try_clone().unwrap()), (onward, stream)] {
            std::thread::spawn(move || {
                std::io::copy(&mut from, &mut to).ok();
                to.shutdown(Shutdown::Write).ok();
            });
        }
    }
}
