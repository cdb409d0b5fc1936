//! Our own way out fails: that says nothing about the provider.

use crate::support::idp::Idp;
use crate::support::net::free_port;
use crate::support::proxies::Proxy;
use crate::support::scene::{EVERY_KIND, Scene};

fn region(more: &str) -> String {
    format!("[[region]]\nname = \"away\"\n{more}\n")
}

#[test]
fn a_dead_proxy_is_our_own_fault() {
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    for mut proxy in [Proxy::tinyproxy(), Proxy::danted()] {
        scene.regions = region(&format!("proxy = \"{}\"", proxy.url));
        let (code, run) = scene.probe_once(EVERY_KIND, "keys");
        assert_eq!((code, run.fault().as_str()), (0, ""), "{}", proxy.url);
        proxy.stop();
        let (code, run) = scene.probe_once(EVERY_KIND, "keys");
        assert_eq!((code, run.verdict()), (3, "inconclusive"), "{}", proxy.url);
        assert_eq!(run.fault(), "egress/monitor at discovery", "{}", proxy.url);
    }
}

#[test]
fn a_living_proxy_that_cannot_reach_the_provider_tells_on_the_provider() {
    let mut idp = Idp::start();
    let mut scene = Scene::new(&idp);
    idp.stop();
    for proxy in [Proxy::tinyproxy(), Proxy::danted()] {
        scene.regions = region(&format!("proxy = \"{}\"", proxy.url));
        let (code, run) = scene.probe_once(EVERY_KIND, "keys");
        assert_eq!((code, run.fault().as_str()), (1, "connect/network at discovery"), "{}", proxy.url);
    }
}

#[test]
fn references_tell_a_dead_uplink_from_a_dead_provider() {
    let (mut idp, reference) = (Idp::start(), Idp::start());
    let mut scene = Scene::new(&idp);
    idp.stop();

    scene.regions = region(&format!("reference = [\"http://127.0.0.1:{}/\"]", free_port()));
    let (code, run) = scene.probe_once(EVERY_KIND, "keys");
    assert_eq!((code, run.fault().as_str()), (3, "egress/monitor at discovery"));

    // Any answer will do, a 404 as well; one of several is enough.
    let urls = format!("\"http://127.0.0.1:{}/\", \"{}/\"", free_port(), reference.issuer);
    scene.regions = region(&format!("reference = [{urls}]"));
    let (code, run) = scene.probe_once(EVERY_KIND, "keys");
    assert_eq!((code, run.fault().as_str()), (1, "connect/network at discovery"));
}
