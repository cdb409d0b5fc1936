//! A browser with its driver: on this machine, started by us and looked after, or elsewhere.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::Url;

use super::bidi::{Bidi, COMMAND, Event, Failed, lost};
use super::egress::Gate;
use super::find::find;
use super::fresh::Fresh;
use super::keeper::{Kept, Launcher};
use super::remote::{self, Remote};
use super::{Settings, traffic};
use crate::clock::{Clock, Instant};
use crate::fault::{Class, Fault};
use crate::oidc::http::Webdriver;

/// How long a browser may take to start.
const STARTING: Duration = Duration::from_secs(25);
/// How long the way to a remote BiDi endpoint may take.
const CONNECTING: Duration = Duration::from_secs(5);
/// What we want to hear of.
const EVENTS: [&str; 6] = [
    "network.beforeRequestSent",
    "network.responseCompleted",
    "network.fetchError",
    "browsingContext.domContentLoaded",
    "browsingContext.contextDestroyed",
    "log.entryAdded",
];

/// What makes browsers exchangeable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// On this machine, believing these certificates besides the usual ones.
    Local(Option<Trusted>),
    /// At that WebDriver.
    Remote(Webdriver),
}

/// A `ca_file`, as it was when it was looked at: a browser that believes an older one is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trusted {
    path: PathBuf,
    modified: Option<SystemTime>,
    len: u64,
}

impl Trusted {
    /// The file as it is now; one that cannot be read is found out when it is used.
    pub(super) fn of(path: PathBuf) -> Self {
        let found = std::fs::metadata(&path).ok();
        let modified = found.as_ref().and_then(|found| found.modified().ok());
        Self { path, modified, len: found.map_or(0, |found| found.len()) }
    }
}

/// See the module. Dropped, a local one is ended with all its processes; a remote one is told to end.
pub(super) struct Session {
    pub(super) kind: Kind,
    /// Which settings it was started with.
    pub(super) epoch: u64,
    pub(super) client: Client,
    /// `None`: this driver speaks no BiDi; the session serves one login only.
    pub(super) bidi: Option<Channel>,
    /// Why it does not, if it is said.
    pub(super) no_bidi: Option<String>,
    pub(super) kept: Option<Kept>,
    pub(super) remote: Option<Remote>,
    /// Name and version.
    pub(super) name: String,
    pub(super) runs: u32,
    /// Since when nobody has used it.
    pub(super) idle_since: Option<Instant>,
    fresh: Option<Fresh>,
    /// Which requests the latest login had held back: the next is likely to be of the same client.
    pub(super) patterns: Vec<Value>,
    user_agent: Option<String>,
    alive: Alive,
}

/// How the browsers of this machine are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many run.
    pub sessions: u64,
    /// How many were started since authprobe was.
    pub started_total: u64,
    /// Memory of all of them together, as it was after the latest login of each (bytes).
    pub memory_bytes: u64,
}

/// All browsers that run, by number, with the memory that each was seen to have (bytes).
#[derive(Clone, Default)]
pub(super) struct Running(Arc<std::sync::Mutex<Census>>);

#[derive(Default)]
struct Census {
    started: u64,
    memory: HashMap<u64, u64>,
    /// What has to be said to drivers elsewhere before this process may end.
    partings: JoinSet<()>,
}

/// One of them: forgotten when dropped.
struct Alive {
    running: Running,
    number: u64,
}

impl Running {
    fn register(&self, local: bool) -> Alive {
        let mut census = self.0.lock().expect("running browsers");
        if !local {
            return Alive { running: self.clone(), number: 0 };
        }
        census.started += 1;
        let number = census.started;
        census.memory.insert(number, 0);
        Alive { running: self.clone(), number }
    }

    /// Does it in the background, and before this process ends.
    pub(super) fn spawn(&self, parting: impl Future<Output = ()> + Send + 'static) {
        let mut census = self.0.lock().expect("running browsers");
        while census.partings.try_join_next().is_some() {}
        census.partings.spawn(parting);
    }

    /// Until nothing is left to be said.
    pub(super) async fn parted(&self) {
        loop {
            let mut partings = std::mem::take(&mut self.0.lock().expect("running browsers").partings);
            if partings.is_empty() {
                return;
            }
            while partings.join_next().await.is_some() {}
        }
    }

    /// How they are now.
    pub(super) fn stats(&self) -> Stats {
        let census = self.0.lock().expect("running browsers");
        Stats {
            sessions: census.memory.len() as u64,
            started_total: census.started,
            memory_bytes: census.memory.values().sum(),
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.running.0.lock().expect("running browsers").memory.remove(&self.number);
    }
}

/// A BiDi connection, and its events for whoever has the session on loan.
#[derive(Clone)]
pub(super) struct Channel {
    pub(super) bidi: Bidi,
    pub(super) events: Arc<Mutex<mpsc::Receiver<Event>>>,
}

impl Session {
    /// Starts one. Fault: `browser`.
    pub(super) async fn start(
        launcher: &Launcher,
        kind: &Kind,
        settings: &Settings,
        epoch: u64,
        running: Running,
    ) -> Result<Self, Fault> {
        let starting = async {
            match kind {
                Kind::Local(trusted) => local(launcher, trusted.as_ref(), settings, epoch, running).await,
                Kind::Remote(webdriver) => remote::start(webdriver, settings, epoch, running).await,
            }
        };
        let slow = || Fault::new(Class::Browser, format!("the browser did not start within {} s", STARTING.as_secs()));
        tokio::time::timeout(STARTING, starting).await.unwrap_or_else(|_| Err(slow()))
    }

    /// Whether another login may be tried with it.
    pub(super) fn usable(&self) -> bool {
        self.kept.as_ref().is_none_or(Kept::alive) && self.bidi.as_ref().is_some_and(|channel| channel.bidi.is_open())
    }

    /// Whether it answers: one that hung while nobody used it is of no use.
    pub(super) async fn responds(&self) -> bool {
        match &self.bidi {
            Some(channel) => channel.bidi.responds().await,
            None => true,
        }
    }

    /// Has an unused window ready, before anybody waits for it. Fault: `browser`.
    pub(super) async fn prepare(&mut self, clock: &Clock) -> Result<(), Fault> {
        if self.fresh.is_none()
            && let Some(channel) = self.bidi.clone()
        {
            self.fresh = Some(self.make(&channel, clock).await?);
        }
        Ok(())
    }

    /// An unused window. Fault: `browser`.
    pub(super) async fn window(&mut self, channel: &Channel, clock: &Clock) -> Result<Fresh, Fault> {
        match self.fresh.take() {
            Some(fresh) => Ok(fresh),
            None => self.make(channel, clock).await,
        }
    }

    async fn make(&mut self, channel: &Channel, clock: &Clock) -> Result<Fresh, Fault> {
        let gate = match self.kind {
            Kind::Remote(_) => None,
            Kind::Local(_) => Some(Gate::open(clock.clone()).await.map_err(|error| {
                Fault::new(Class::Browser, format!("no loopback port for the browser's way out: {error}"))
            })?),
        };
        let (name, patterns) = (self.user_agent.as_deref(), self.patterns.clone());
        Fresh::make(&channel.bidi, gate, name, patterns).await.map_err(lost)
    }

    /// Memory of all its processes together (bytes), if it runs here and that can be told.
    pub(super) async fn memory(&self) -> Option<u64> {
        let bytes = self.kept.as_ref()?.memory().await?;
        self.alive.running.0.lock().expect("running browsers").memory.insert(self.alive.number, bytes);
        Some(bytes)
    }

    /// Ends it and waits until it is gone.
    pub(super) async fn end(self) {
        let Self { client, kept, remote, bidi, alive: _alive, .. } = self;
        drop(bidi);
        if let Some(kept) = kept {
            // Its driver goes with it: nobody need be told.
            let _ = tokio::time::timeout(CONNECTING, client.persist()).await;
            kept.end().await;
        }
        if let Some(remote) = remote {
            remote.end().await;
        }
    }
}

async fn local(
    launcher: &Launcher,
    trusted: Option<&Trusted>,
    settings: &Settings,
    epoch: u64,
    running: Running,
) -> Result<Session, Fault> {
    let found = find(settings)?;
    let kept = Kept::launch(launcher, &found, trusted.map(|trusted| &*trusted.path)).await?;
    let arguments: Vec<String> = kept.arguments().into_iter().chain(settings.arguments.iter().cloned()).collect();
    let options = json!({ "binary": found.browser, "args": arguments });
    let client = session(kept.url().as_str(), json!({ "goog:chromeOptions": options })).await?;
    let capabilities = client.capabilities().cloned().unwrap_or_default();
    let kind = Kind::Local(trusted.cloned());
    let mut session = Session::of(kind, epoch, client, &capabilities, Some(kept), running);
    let offered = capabilities.get("webSocketUrl").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
    let none = || Fault::new(Class::Browser, "the driver speaks no WebDriver BiDi: install a newer one");
    session.open_bidi(&offered.ok_or_else(none)?, None).await?;
    Ok(session)
}

/// Asks a driver for a session.
async fn session(webdriver: &str, options: Value) -> Result<Client, Fault> {
    let mut wanted = json!({
        "webSocketUrl": true,
        "pageLoadStrategy": "none",
        "unhandledPromptBehavior": "dismiss",
    });
    for (name, value) in options.as_object().into_iter().flatten() {
        wanted[name] = value.clone();
    }
    let wanted: Map<String, Value> = wanted.as_object().cloned().unwrap_or_default();
    ClientBuilder::new(connector(webdriver)).capabilities(wanted).connect(webdriver).await.map_err(|error| {
        let why = error.to_string();
        let why: String = why.lines().next().unwrap_or_default().chars().take(200).collect();
        Fault::new(Class::Browser, format!("the driver starts no browser: {why}"))
    })
}

/// The way to a driver at that address.
pub(super) fn connector(webdriver: &str) -> HttpsConnector<HttpConnector> {
    HttpsConnectorBuilder::new()
        .with_tls_config(tls(webdriver.starts_with("https:")))
        .https_or_http()
        .enable_http1()
        .build()
}

/// Whose certificates a remote WebDriver may show: the system's, which take their time to read.
fn tls(needed: bool) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    if needed {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl Session {
    pub(super) fn of(
        kind: Kind,
        epoch: u64,
        client: Client,
        capabilities: &Capabilities,
        kept: Option<Kept>,
        running: Running,
    ) -> Self {
        let capability = |name: &str| {
            let value = capabilities.get(name).and_then(Value::as_str).unwrap_or_default();
            value.chars().filter(|c| c.is_ascii_graphic()).take(60).collect::<String>()
        };
        let name = format!("{} {}", capability("browserName"), capability("browserVersion"));
        // Browsers elsewhere are not this machine's.
        let alive = running.register(kept.is_some());
        Self {
            kind,
            epoch,
            client,
            bidi: None,
            no_bidi: None,
            kept,
            remote: None,
            name,
            runs: 0,
            idle_since: None,
            fresh: None,
            patterns: Vec::new(),
            user_agent: None,
            alive,
        }
    }

    /// Opens the BiDi connection that the driver offers. Fault: `browser`.
    pub(super) async fn open_bidi(&mut self, url: &Url, credentials: Option<(&str, &str)>) -> Result<(), Fault> {
        let (bidi, events) = tokio::time::timeout(CONNECTING, connect(url, credentials))
            .await
            .unwrap_or(Err(Failed::Slow))
            .map_err(|why| Fault::new(Class::Browser, format!("no way to the driver's BiDi endpoint: {why}")))?;
        bidi.command("session.subscribe", json!({ "events": EVENTS }), COMMAND).await.map_err(lost)?;
        // Earlier than `domContentLoaded`, where it is told.
        let early = json!({ "events": ["browsingContext.navigationCommitted"] });
        let _ = bidi.command("session.subscribe", early, COMMAND).await;
        self.user_agent = own_name(&bidi).await;
        self.bidi = Some(Channel { bidi, events: Arc::new(Mutex::new(events)) });
        Ok(())
    }
}

async fn connect(url: &Url, credentials: Option<(&str, &str)>) -> Result<(Bidi, mpsc::Receiver<Event>), Failed> {
    let unreachable = |what: &str| Failed::Said(what.to_owned());
    let host = url.host_str().ok_or_else(|| unreachable("it has no host"))?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or_else(|| unreachable("it has no port"))?;
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| unreachable(&error.to_string()))?;
    let _ = stream.set_nodelay(true);
    if url.scheme() != "wss" {
        return Bidi::open(url.as_str(), credentials, stream).await;
    }
    let name = host.try_into().map_err(|_| unreachable("its host has no name"))?;
    let stream = TlsConnector::from(Arc::new(tls(true))).connect(name, stream).await;
    Bidi::open(url.as_str(), credentials, stream.map_err(|error| unreachable(&error.to_string()))?).await
}

/// What the browser calls itself, less that nobody sees it, and more that it is us: providers' operators can tell.
async fn own_name(bidi: &Bidi) -> Option<String> {
    let tree = bidi.command("browsingContext.getTree", json!({ "maxDepth": 0 }), COMMAND).await.ok()?;
    let context = traffic::text(&tree["contexts"][0]["context"])?.to_owned();
    let ask = json!({ "expression": "navigator.userAgent", "target": { "context": context }, "awaitPromise": false });
    let answer = bidi.command("script.evaluate", ask, COMMAND).await.ok()?;
    let name = traffic::text(&answer["result"]["value"])?.replace("HeadlessChrome", "Chrome");
    Some(format!("{name} authprobe/{}", env!("CARGO_PKG_VERSION")))
}
