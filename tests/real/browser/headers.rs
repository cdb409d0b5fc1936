//! Who is told what: headers of the configuration and `traceparent` are for the provider alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{assert_good, once, scene};
use crate::support::idp::Idp;
use crate::support::scene::Scene;

#[test]
fn only_the_providers_origins_get_what_is_meant_for_them() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    stage.provider = "headers = { \"X-Synthetic\" = \"authprobe-story\" }".into();
    stage.more = "[telemetry]\npropagate_traceparent = true\n".into();
    let (code, run) = once(&stage, &scene("foreign"));
    assert_good(&run, "foreign");
    assert_eq!(code, 0);
    let sent = idp.control("GET", "/headers", &Value::Null);
    let sent = sent.as_array().unwrap();
    let header = |request: &Value, name: &str| request["headers"][name].as_str().map(str::to_owned);
    let of = |server: &str| sent.iter().filter(|r| r["server"] == server).collect::<Vec<_>>();

    let paths: BTreeSet<_> = of("foreign").iter().map(|request| request["path"].as_str().unwrap().to_owned()).collect();
    for path in ["/pixel.gif", "/tracker.js", "/frame.html", "/beacon"] {
        assert!(paths.contains(path), "the page asks for {path}: {paths:?}");
    }
    for request in of("foreign") {
        for name in ["x-synthetic", "traceparent", "tracestate", "baggage"] {
            assert_eq!(header(request, name), None, "{request:#}");
        }
    }

    let mut parents = BTreeSet::new();
    for request in of("provider") {
        assert_eq!(header(request, "x-synthetic").as_deref(), Some("authprobe-story"), "{request:#}");
        let traceparent = header(request, "traceparent").unwrap_or_else(|| panic!("no traceparent: {request:#}"));
        let parts: Vec<_> = traceparent.split('-').collect();
        // W3C Trace Context §3.2: version, trace id, parent id, flags.
        assert_eq!((parts.len(), parts[0], parts[1]), (4, "00", run.trace()), "{traceparent}");
        assert!(parents.insert(parts[2].to_owned()), "two requests are one span: {traceparent}");
        let name = header(request, "user-agent").unwrap();
        assert!(name.contains("authprobe/"), "{name}");
    }
    // Each is the span of a request on record.
    let recorded: BTreeSet<_> =
        run.requests().iter().filter_map(|r| r["span_id"].as_str().map(str::to_owned)).collect();
    assert!(parents.is_subset(&recorded), "{parents:?} of {recorded:?}");
    for request in of("foreign") {
        let name = header(request, "user-agent").unwrap();
        assert!(name.contains("Mozilla/") && !name.contains("Headless"), "{name}");
    }
}
