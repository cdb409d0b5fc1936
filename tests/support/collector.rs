//! A real OpenTelemetry collector (rotel), read through its debug exporter.

use std::collections::BTreeMap;

use super::process::Process;
use super::{installed, net};

/// One that prints everything it receives.
pub struct Collector {
    process: Process,
    /// As `otlp_endpoint` in a configuration.
    pub url: String,
}

/// A span as received.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// Hexadecimal.
    pub trace: String,
    /// Hexadecimal.
    pub id: String,
    /// Hexadecimal; empty for a root.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// `SPAN_KIND_CLIENT`, …
    pub kind: String,
    /// Its attributes as printed: `Str(…)`, `Int(…)`.
    pub attributes: BTreeMap<String, String>,
    /// Its resource's attributes.
    pub resource: BTreeMap<String, String>,
}

impl Collector {
    /// Starts it.
    pub fn start() -> Self {
        let venv = installed(".authprobe-test/venv/lib");
        let python = std::fs::read_dir(venv).unwrap().next().expect("a python in the venv").unwrap().path();
        let program = python.join("site-packages/rotel/rotel-agent");
        let (grpc, http) = (net::free_port(), net::free_port());
        let mut process = Process::start(program.to_str().unwrap(), |command| {
            command.arg("start").args(["--exporter", "blackhole", "--disable-batching"]);
            command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")]);
            command.args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")]);
            command.args(["--debug-log", "traces", "--debug-log", "metrics", "--debug-log-verbosity", "detailed"]);
        });
        process.wait_for("its start", |line| line.contains("Starting Rotel").then_some(()));
        super::eventually("a collector that listens", || net::listens(http).then_some(()));
        Self { process, url: format!("http://127.0.0.1:{http}") }
    }

    /// Everything it has printed.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The spans received so far.
    pub fn spans(&self) -> Vec<Span> {
        read_spans(&self.output())
    }

    /// The names of the metrics received so far.
    pub fn metrics(&self) -> Vec<String> {
        let output = self.output();
        let mut names = Vec::new();
        let mut lines = output.lines();
        while let Some(line) = lines.next() {
            if line == "Descriptor:"
                && let Some(name) = lines.next().and_then(|line| line.trim().strip_prefix("-> Name: "))
            {
                names.push(name.to_owned());
            }
        }
        names
    }
}

/// Reads the debug exporter's text:
/// ```text
/// Resource attributes:
///      -> service.name: Str(authprobe)
/// Span #0
///     Trace ID       : 5b8e…
///     Parent ID      : eee1…
///     ID             : eee1…
///     Name           : GET
///     Kind           : SPAN_KIND_CLIENT
/// Attributes:
///      -> url.full: Str(http://…)
/// ```
fn read_spans(text: &str) -> Vec<Span> {
    let (mut spans, mut resource, mut in_resource, mut in_events) = (Vec::<Span>::new(), BTreeMap::new(), false, false);
    for line in text.lines() {
        if line.starts_with("Resource") {
            (in_resource, in_events) = (true, false);
            if line.starts_with("ResourceSpans") {
                resource = BTreeMap::new();
            }
        } else if line.starts_with("Span #") {
            (in_resource, in_events) = (false, false);
            spans.push(Span { resource: resource.clone(), ..Span::default() });
        } else if line.starts_with("Events") || line.starts_with("Links") {
            in_events = true;
        } else if let Some((name, value)) = line.trim().strip_prefix("-> ").and_then(|rest| rest.split_once(": ")) {
            let attribute = (name.to_owned(), value.to_owned());
            if in_resource {
                resource.extend([attribute]);
            } else if let Some(span) = spans.last_mut().filter(|_| !in_events) {
                span.attributes.extend([attribute]);
            }
        } else if let Some((name, value)) = line.split_once(':')
            && let Some(span) = spans.last_mut().filter(|_| !in_resource && !in_events)
        {
            let field = match name.trim() {
                "Trace ID" => &mut span.trace,
                "Parent ID" => &mut span.parent,
                "ID" => &mut span.id,
                "Name" => &mut span.name,
                "Kind" => &mut span.kind,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
    }
    spans
}
