//! A web server over an engine that only remembers, and a client that speaks bytes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use authprobe::alert::Alert;
use authprobe::alert::conditions::Deployment;
use authprobe::alert::episode::{Episode, EpisodesQuery};
use authprobe::clock::{Clock, Timestamp};
use authprobe::config;
use authprobe::detect::Ruling;
use authprobe::journey::{Journey, StepName, Stopped};
use authprobe::judge::CountedSince;
use authprobe::news::Newsroom;
use authprobe::oidc::key_history::ProviderKeys;
use authprobe::oidc::mailbox::Mailbox;
use authprobe::outcome::Outcome;
use authprobe::plan::{self, BuildOptions, Plan, PlannedProbe, Server};
use authprobe::probe::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use authprobe::sink::metrics::Metrics;
use authprobe::slo::maintenance::Window;
use authprobe::slo::{Evaluation, Maintenance, Objective, Tally};
use authprobe::store::{self, KeptRun, RunsQuery};
use authprobe::web::{self, Control};
use rustls_pki_types::pem::PemObject;
use schemars::{Schema, SchemaGenerator, json_schema};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::support_outcome::{START, check, outcome};

pub mod standing;

/// When it is for an engine, unless its clock is set: an hour after every run.
pub const NOW: Timestamp = Timestamp::from_secs(START.as_secs() + 3600);

/// A ledger: runs as JSON, newest first.
#[derive(Default)]
pub struct Ledger {
    pub runs: Vec<serde_json::Value>,
    /// Why nothing can be read or written.
    pub failing: Option<String>,
}

/// Remembers what it was told, and runs a probe by making up its outcome.
pub struct Engine {
    pub server: Server,
    pub probe: Arc<str>,
    /// More probes like it.
    pub more: Vec<String>,
    pub clock: Clock,
    pub objectives: Vec<Arc<Objective>>,
    pub evaluations: Arc<Vec<Evaluation>>,
    pub evaluate: bool,
    /// What was counted since a time.
    pub counted: Vec<(Timestamp, Arc<str>, Tally)>,
    pub alerts: Arc<Vec<Alert>>,
    pub episodes: Vec<Episode>,
    /// Why they cannot be read.
    pub past_unreadable: Option<String>,
    /// Whether reading them waits for `release`, as on a disk that hangs.
    pub past_waits: bool,
    pub keys: Vec<ProviderKeys>,
    pub rulings: Arc<Vec<Ruling>>,
    pub maintenance: Mutex<Maintenance>,
    /// What was done to maintenance, and by whom.
    pub audit: Mutex<Vec<(&'static str, String)>>,
    pub deployments: Mutex<Vec<Deployment>>,
    pub ledger: Option<Ledger>,
    pub mailbox: Arc<Mailbox>,
    pub newsroom: Newsroom,
    pub ready: AtomicBool,
    pub paused: AtomicBool,
    pub outcomes: Mutex<Vec<Arc<Outcome>>>,
    pub stopped: Mutex<Vec<(String, String)>>,
    pub reload_error: Mutex<Option<String>>,
    /// Whether runs wait for `release`.
    pub gate: AtomicBool,
    pub begun: Notify,
    pub release: Notify,
    pub ended: Notify,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            server: Server::at("127.0.0.1:0".parse().unwrap()),
            probe: "login".into(),
            more: vec![],
            clock: Clock::manual(NOW),
            objectives: vec![],
            evaluations: Arc::default(),
            evaluate: true,
            counted: vec![],
            alerts: Arc::default(),
            episodes: Vec::new(),
            past_unreadable: None,
            past_waits: false,
            keys: Vec::new(),
            rulings: Arc::default(),
            maintenance: Mutex::default(),
            audit: Mutex::default(),
            deployments: Mutex::default(),
            ledger: None,
            mailbox: Arc::default(),
            newsroom: Newsroom::default(),
            ready: AtomicBool::new(true),
            paused: AtomicBool::new(false),
            outcomes: Mutex::default(),
            stopped: Mutex::new(vec![("user:alice".into(), "refused".into())]),
            reload_error: Mutex::default(),
            gate: AtomicBool::new(false),
            begun: Notify::new(),
            release: Notify::new(),
            ended: Notify::new(),
        }
    }
}

impl Engine {
    /// Gives its probe another name.
    pub fn rename(&mut self, name: &str) {
        self.probe = name.into();
    }

    fn writable(&self) -> Result<(), String> {
        self.ledger_failing().map_or(Ok(()), Err)
    }

    /// Remembers a run as the newest.
    pub fn push(&self, outcome: Outcome) {
        self.outcomes.lock().unwrap().insert(0, Arc::new(outcome));
    }
}

#[async_trait]
impl Control for Engine {
    fn mailbox(&self) -> Arc<Mailbox> {
        self.mailbox.clone()
    }

    fn newsroom(&self) -> Newsroom {
        self.newsroom.clone()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn plan(&self) -> Arc<Plan> {
        let mut all = plan(&self.probe, self.server.clone());
        let more = self.more.iter().map(|name| plan(&name.as_str().into(), self.server.clone()).probes.remove(0));
        all.probes.extend(more);
        let mut plan = all;
        plan.objectives = self.objectives.clone();
        plan.alerting.evaluate = self.evaluate;
        plan.store = self.ledger.as_ref().map(|_| store::Settings {
            path: "ledger.db".into(),
            keep_runs: std::time::Duration::from_secs(3600),
            keep_failures: std::time::Duration::from_secs(3600),
            max_size: 1 << 30,
        });
        Arc::new(plan)
    }

    fn recent(&self, probe: &str) -> Vec<Arc<Outcome>> {
        self.outcomes.lock().unwrap().iter().filter(|outcome| &*outcome.check.probe == probe).cloned().collect()
    }

    fn outcome(&self, trace_id: &str) -> Option<Arc<Outcome>> {
        self.outcomes.lock().unwrap().iter().find(|outcome| outcome.trace_id.to_string() == trace_id).cloned()
    }

    fn ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    fn paused(&self) -> bool {
        self.paused.load(Ordering::SeqCst)
    }

    fn pause(&self, pause: bool) {
        self.paused.store(pause, Ordering::SeqCst);
    }

    fn stopped_accounts(&self) -> Vec<(String, String)> {
        self.stopped.lock().unwrap().clone()
    }

    fn resume_account(&self, name: &str) -> bool {
        let mut stopped = self.stopped.lock().unwrap();
        let before = stopped.len();
        stopped.retain(|(account, _)| account != name);
        stopped.len() < before
    }

    async fn run_now(&self, probe: &str, region: Option<&str>) -> Option<Vec<Arc<Outcome>>> {
        let regions: Vec<_> = ["eu", "us"].into_iter().filter(|name| region.is_none_or(|r| r == *name)).collect();
        if *probe != *self.probe || regions.is_empty() {
            return None;
        }
        self.begun.notify_one();
        if self.gate.load(Ordering::SeqCst) {
            self.release.notified().await;
        }
        self.ended.notify_one();
        Some(regions.into_iter().map(|region| Arc::new(outcome(&check(probe, region)))).collect())
    }

    async fn reload(&self) -> Result<(), String> {
        self.reload_error.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn evaluations(&self) -> Arc<Vec<Evaluation>> {
        self.evaluations.clone()
    }

    fn rulings(&self) -> Arc<Vec<Ruling>> {
        self.rulings.clone()
    }

    fn alerts(&self) -> Arc<Vec<Alert>> {
        self.alerts.clone()
    }

    async fn episodes(&self, query: EpisodesQuery) -> Result<Vec<Episode>, String> {
        if self.past_waits {
            self.release.notified().await;
        }
        match &self.past_unreadable {
            Some(why) => Err(why.clone()),
            None => Ok(self.episodes.iter().filter(|one| query.wants(one)).take(query.limit).cloned().collect()),
        }
    }

    fn keys(&self) -> Vec<ProviderKeys> {
        self.keys.clone()
    }

    fn maintenance(&self) -> Maintenance {
        self.maintenance.lock().unwrap().clone()
    }

    async fn put_maintenance(&self, window: Window, action: &'static str, by: String) -> Result<(), String> {
        self.writable()?;
        let mut maintenance = self.maintenance.lock().unwrap();
        maintenance.windows.retain(|kept| kept.id != window.id);
        maintenance.windows.push(window);
        self.audit.lock().unwrap().push((action, by));
        Ok(())
    }

    fn counted_since(&self, since: Timestamp) -> CountedSince {
        let tallies = self.counted.iter().filter(|(from, ..)| *from >= since);
        let from = Timestamp::from_secs(since.as_secs() / 60 * 60);
        CountedSince { from, tallies: tallies.map(|(_, slo, tally)| (slo.clone(), *tally)).collect() }
    }

    fn deployments(&self) -> Vec<Deployment> {
        self.deployments.lock().unwrap().clone()
    }

    async fn mark_deployment(&self, deployment: Deployment) -> Result<(), String> {
        self.writable()?;
        self.deployments.lock().unwrap().insert(0, deployment);
        Ok(())
    }

    async fn kept_runs(&self, query: RunsQuery) -> Option<Result<Vec<KeptRun>, String>> {
        let ledger = self.ledger.as_ref()?;
        if let Err(error) = self.writable() {
            return Some(Err(error));
        }
        let is = |run: &serde_json::Value, key: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| run[key] == wanted)
        };
        let before = query.before.map(|before| before.to_string());
        let fits = |run: &&serde_json::Value| {
            run["probe"] == query.probe.as_str()
                && is(run, "probe_region", &query.region)
                && is(run, "verdict", &query.verdict)
                && before.as_deref().is_none_or(|before| run["start"].as_str().unwrap() < before)
        };
        let found = ledger.runs.iter().filter(fits).take(query.limit);
        Some(Ok(found.map(|json| KeptRun { json: json.clone() }).collect()))
    }

    async fn kept_run(&self, trace_id: &str) -> Option<Result<Option<KeptRun>, String>> {
        let ledger = self.ledger.as_ref()?;
        if let Err(error) = self.writable() {
            return Some(Err(error));
        }
        let found = ledger.runs.iter().find(|run| run["trace_id"] == trace_id);
        Some(Ok(found.map(|json| KeptRun { json: json.clone() })))
    }

    fn ledger_failing(&self) -> Option<String> {
        self.ledger.as_ref()?.failing.clone()
    }
}

struct FakeProbe;

#[async_trait]
impl Probe for FakeProbe {
    fn steps(&self) -> Vec<StepName> {
        vec!["token"]
    }

    fn cost(&self) -> Cost {
        Cost::default()
    }

    async fn run(&self, _: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        journey.skip("token", "fake");
        Ok(())
    }
}

fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "properties": {}, "additionalProperties": false })
}

fn parse(_: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    Ok(Box::new(FakeProbe))
}

static FAKE: Kind = Kind {
    name: "fake",
    summary: "Does nothing.",
    spec: "none",
    client: Need::Forbidden,
    user: Need::Forbidden,
    attacks: Vec::new,
    schema,
    parse,
};

const CONFIG: &str = r#"
    [[region]]
    name = "eu"
    [[region]]
    name = "us"
    proxy = "socks5h://127.0.0.1:1080"
    [[provider]]
    name = "main"
    issuer = "https://login.example.com"
    [[probe]]
    name = "login"
    kind = "fake"
    provider = "main"
    every = "1m"
"#;

fn plan(probe: &Arc<str>, server: Server) -> Plan {
    let loaded = config::from_str("web.toml", CONFIG, Path::new(".")).unwrap();
    let mut plan = plan::build_with(&[&FAKE], &loaded, &BuildOptions::default()).unwrap();
    // Some names here are none that a configuration could have.
    let planned = &plan.probes[0];
    plan.probes = vec![Arc::new(PlannedProbe {
        name: probe.clone(),
        probe: Box::new(FakeProbe),
        provider: planned.provider.clone(),
        client: None,
        second_client: None,
        users: vec![],
        timing: planned.timing.clone(),
        regions: planned.regions.clone(),
        spreads: planned.spreads.clone(),
        own: planned.own.clone(),
        labels: planned.labels.clone(),
        annotations: BTreeMap::new(),
        ..*planned.as_ref()
    })];
    plan.server = server;
    plan
}

/// A running server.
pub struct Web {
    pub at: SocketAddr,
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
}

impl Web {
    pub async fn start(engine: Engine) -> Self {
        let (engine, metrics) = (Arc::new(engine), Metrics::new("r"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let served = web::serve(listener, &engine.server, engine.clone(), metrics.clone(), shutdown).unwrap();
        Self { at, engine, metrics, stop: Some(stop), served: Some(tokio::spawn(served)) }
    }

    pub fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub async fn ended(&mut self) {
        self.served.take().unwrap().await.unwrap();
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub async fn post(&self, path: &str) -> Answer {
        self.ask("POST", path, &[]).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str("Host: localhost\r\n");
        }
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        self.raw(&(request + "\r\n")).await
    }

    /// With a body of JSON.
    pub async fn send(&self, method: &str, path: &str, body: &serde_json::Value) -> Answer {
        self.send_as(method, path, "", &body.to_string()).await
    }

    /// With that bearer token (none if it is empty) and any body.
    pub async fn send_as(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n");
        if !token.is_empty() {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        self.raw(&format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await
    }

    /// A form, as a browser sends one that is on a page of `origin`.
    pub async fn submit(&self, path: &str, origin: &str, cookie: &str, form: &str) -> Answer {
        let head = format!("POST {path} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nOrigin: {origin}\r\n");
        let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.raw(&format!("{head}{cookie}{kind}Content-Length: {}\r\n\r\n{form}", form.len())).await
    }

    pub async fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut bytes = vec![];
        let _ = stream.read_to_end(&mut bytes).await;
        Answer::parse(&String::from_utf8(bytes).unwrap())
    }
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut answer = Self { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() };
        if answer.header("transfer-encoding") == "chunked" {
            answer.body = unchunked(&answer.body);
        }
        answer
    }

    pub fn header(&self, name: &str) -> &str {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// All of it.
    pub fn whole(&self) -> String {
        format!("{}\n{}", self.head, self.body)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A body without its lengths (RFC 9112 §7.1), as far as it came.
fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((length, more)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or_else(|_| panic!("no length of a chunk: {length:?}"));
        let Some(chunk) = more.get(..length).filter(|_| length > 0) else { break };
        body.push_str(chunk);
        rest = more[length..].trim_start_matches("\r\n");
    }
    body
}

/// Why a server does not start.
pub async fn refused(engine: Arc<Engine>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    match web::serve(listener, &engine.server, engine.clone(), Metrics::new("r"), std::future::pending()) {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

/// A TLS connection that believes that certificate only.
pub async fn tls(at: SocketAddr, cert: &Path) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(cert).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(at).await.unwrap();
    let name = "localhost".try_into().unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}
