//! Two regions, each behind a proxy of its own: every kind is good from both, and nothing goes past the proxies.

use std::collections::BTreeMap;

use crate::support::authprobe::Run;
use crate::support::certs::certificate;
use crate::support::idp::{Idp, Options};
use crate::support::proxies::Proxy;
use crate::support::scene::{EVERY_KIND, Scene};
use crate::support::{Folder, eventually};

/// Each probe of [`EVERY_KIND`], and whether one run covers all regions.
const PROBES: [(&str, bool); 7] = [
    ("discovery", false),
    ("keys", false),
    ("machine", false),
    ("login", false),
    ("refresh", false),
    ("revocation", true),
    ("exchange", false),
];

#[test]
fn every_kind_is_good_over_http_and_socks_proxies() {
    let folder = Folder::new();
    let certificate = certificate(&folder, "+0d", 30);
    let idp = Idp::with(&Options { certificate: Some(&certificate), ..Options::default() });
    let (north, south) = (Proxy::tinyproxy(), Proxy::danted());
    let mut scene = Scene::new(&idp);
    scene.regions = format!(
        "[[region]]\nname = \"north\"\nproxy = \"{}\"\n\n[[region]]\nname = \"south\"\nproxy = \"{}\"\n",
        north.url, south.url
    );
    scene.provider = format!("ca_file = \"{}\"", certificate.authority.display());
    let mut sent = BTreeMap::new();
    for (probe, one_for_all) in PROBES {
        let (code, runs) = scene.probe(EVERY_KIND, probe);
        for run in &runs {
            assert_eq!((run.verdict(), run.fault().as_str()), ("good", ""), "{probe}: {run:#?}");
            for request in run.requests() {
                *sent.entry(request["region"].as_str().unwrap().to_owned()).or_insert(0) += 1;
                assert!(request["phases_seconds"]["tls"].as_f64().is_some_and(|seconds| seconds > 0.0), "{request}");
            }
        }
        assert_eq!(code, 0, "{probe}");
        let mut regions = runs.iter().map(Run::region).collect::<Vec<_>>();
        regions.sort_unstable();
        if !one_for_all {
            assert_eq!(regions, ["north", "south"], "{probe}");
        }
    }
    // A connection a request: the proxies' access logs, and the provider's count of requests, must agree with the records.
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["north", "south"]);
    for (proxy, region) in [(&north, "north"), (&south, "south")] {
        eventually("the access log", || (proxy.connections(idp.port()) >= sent[region]).then_some(()));
        assert_eq!(proxy.connections(idp.port()), sent[region], "through the proxy of {region}");
    }
    assert_eq!(idp.requests().values().sum::<u64>(), sent.values().map(|n| *n as u64).sum::<u64>());
}
