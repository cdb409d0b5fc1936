//! A real OpenTelemetry collector gets one connected trace a run, and the metrics.

use std::collections::BTreeMap;

use crate::support::collector::{Collector, Span};
use crate::support::eventually;
use crate::support::idp::Idp;
use crate::support::scene::{EVERY_KIND, Scene};

#[test]
fn the_collector_gets_one_connected_trace_a_run_and_the_metrics() {
    let idp = Idp::start();
    let collector = Collector::start();
    let mut scene = Scene::new(&idp);
    scene.more = format!("[telemetry]\notlp_endpoint = \"{}\"\ninterval = \"1s\"\n", collector.url);
    scene.every = "2s";
    let daemon = scene.daemon(EVERY_KIND);
    for probe in ["machine", "login", "revocation"] {
        daemon.until("authprobe_runs_total", &[&format!("probe=\"{probe}\"")], |runs| runs >= 2.0);
    }
    let runs = daemon.runs("login");
    let run = runs.last().unwrap();
    let spans = eventually("the login's whole trace", || {
        let spans = trace(&collector, run.trace());
        (spans.len() == 1 + run.steps().len() + run.requests().len()).then_some(spans)
    });

    let (roots, rest) = spans.iter().partition::<Vec<_>, _>(|span| span.parent.is_empty());
    let [root] = roots[..] else { panic!("{} roots", roots.len()) };
    assert_eq!(root.name, "authprobe.probe form_login");
    assert_eq!(root.resource["service.name"], "Str(authprobe)");
    assert!(root.resource.contains_key("service.instance.id"));
    let (steps, requests) = rest.into_iter().partition::<Vec<_>, _>(|span| span.parent == root.id);
    assert_eq!(steps.len(), run.steps().len());
    assert_eq!(requests.len(), run.requests().len());
    let steps = steps.iter().map(|step| (step.id.as_str(), step)).collect::<BTreeMap<_, _>>();
    for request in &requests {
        assert!(steps.contains_key(request.parent.as_str()), "an orphan: {request:?}");
        assert_eq!(request.kind, "SPAN_KIND_CLIENT");
        assert_eq!(request.attributes["server.address"], "Str(127.0.0.1)");
        assert_eq!(request.attributes["server.port"], format!("Int({})", idp.port()));
        for name in ["http.request.method", "url.full", "http.response.status_code", "user_agent.synthetic.type"] {
            assert!(request.attributes.contains_key(name), "{name} is missing: {request:?}");
        }
    }

    // Every trace that arrived is connected, whatever it is of.
    let mut traces = BTreeMap::<_, Vec<Span>>::new();
    collector.spans().into_iter().for_each(|span| traces.entry(span.trace.clone()).or_default().push(span));
    assert!(traces.len() >= 5, "{} traces", traces.len());
    for spans in traces.values() {
        let known = |id: &str| spans.iter().any(|span| span.id == id);
        assert_eq!(spans.iter().filter(|span| span.parent.is_empty()).count(), 1, "{spans:#?}");
        assert!(spans.iter().all(|span| span.parent.is_empty() || known(&span.parent)), "{spans:#?}");
    }
    eventually("the metrics", || {
        let metrics = collector.metrics();
        let wanted = ["authprobe_runs_total", "authprobe_run_duration_seconds", "authprobe_jwks_keys"];
        wanted.iter().all(|name| metrics.iter().any(|metric| metric == name)).then_some(())
    });
    assert_eq!(daemon.sample("authprobe_sink_dropped_total", &[]), Some(0.0));
}

fn trace(collector: &Collector, id: &str) -> Vec<Span> {
    collector.spans().into_iter().filter(|span| span.trace == id).collect()
}

#[test]
fn a_dead_collector_costs_no_run() {
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    scene.more = format!(
        "[telemetry]\notlp_endpoint = \"http://127.0.0.1:{}\"\ninterval = \"1s\"\n",
        crate::support::net::free_port()
    );
    let daemon = scene.daemon(EVERY_KIND);
    daemon.until("authprobe_runs_total", &["probe=\"keys\""], |runs| runs >= 5.0);
    daemon.until("authprobe_sink_dropped_total", &[], |dropped| dropped > 0.0);
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0));
}
