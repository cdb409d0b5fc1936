//! A small OpenID provider that breaks on demand: the other side for demonstrations and tests, on loopback only.
//!
//! It has its own implementation of everything it speaks, and shares none with what it is there to test. All it knows
//! lives in memory, with lifetimes and caps. Accounts and clients are fixed and public ([`accounts`]).
//!
//! A request runs through [`server`]: faults on requests, the endpoint, faults on answers. Endpoints are plain functions
//! from a call to a [`reply::Reply`]; [`fault`] has the table of faults and where they take hold.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{Clock, Timestamp};

pub mod accounts;
mod authorize;
mod backchannel;
mod broker;
mod certificates;
mod control;
mod device;
pub mod endpoint;
mod exchange;
mod extras;
pub mod fault;
mod form;
mod grants;
mod interaction;
mod introspection;
mod issuer;
mod jws;
mod keys;
mod logout;
mod metadata;
mod pages;
pub mod proofs;
mod pushed;
mod registration;
mod reply;
mod resources;
mod response;
mod server;
mod store;
mod tokens;
mod weakness;
mod wire;
mod workload;

use certificates::Certificates;
use fault::{Faults, Hook};
use issuer::Issuer;
use keys::{Key, Keyring};
use store::Store;

/// How long connections may take to finish when the lab stops.
const GRACE: Duration = Duration::from_secs(2);

/// How to start a lab.
#[derive(Clone, Debug)]
pub struct Options {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The issuer, perhaps with a path; port 0 in it stands for the port that was taken. Absent: `http://` and the
    /// address.
    pub issuer: Option<String>,
    /// Faults that are on from the start: `NAME`, `NAME=value` or `NAME=parameter:value,…`.
    pub faults: Vec<String>,
    /// Whether it speaks TLS, with a certificate of an authority that is made at start ([`LabHandle::authority`]).
    pub tls: bool,
    /// Another provider at which users log in (a broker), which runs already: its issuer, and who we are there, a public
    /// client (`spa` of another lab) whose redirect URI is `/broker` of this address.
    pub upstream: Option<(String, String)>,
    /// The time.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen, issuer: None, faults: Vec::new(), tls: false, upstream: None, clock: Clock::system() }
    }
}

/// The lab.
#[derive(Debug)]
pub struct Lab;

impl Lab {
    /// Starts one. Errors: an address that is not loopback or is taken, an issuer that cannot be one, an unknown fault, an
    /// upstream provider that is not there.
    pub async fn start(options: Options) -> Result<LabHandle, String> {
        if !options.listen.ip().is_loopback() {
            return Err(format!(
                "{} is not a loopback address: the lab's passwords are public, so it listens on 127.0.0.0/8 or ::1 only",
                options.listen
            ));
        }
        let faults = Faults::default();
        for fault in &options.faults {
            faults.set_text(fault).map_err(|refused| refused.to_string())?;
        }
        let listener =
            TcpListener::bind(options.listen).await.map_err(|e| format!("cannot listen on {}: {e}", options.listen))?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let issuer = Issuer::new(options.issuer.as_deref(), address, options.tls)?;
        let certificates = match options.tls {
            // Clients judge them by the clock of the machine, whatever time the lab is told.
            true => Some(Arc::new(Certificates::generate(Clock::system().now())?)),
            false => None,
        };
        let upstream = match &options.upstream {
            Some((issuer, client)) => Some(broker::Upstream::discover(issuer, client).await?),
            None => None,
        };
        let (current, spare) = tokio::join!(make_key(), make_key());
        let (stop, stopping) = watch::channel(false);
        let shared = Shared {
            issuer,
            clock: options.clock,
            keys: Mutex::new(Keyring::new(current?, spare?)),
            store: Mutex::default(),
            stats: server::Stats::default(),
            upstream,
            stopping,
        };
        let world = Arc::new(World { shared: Arc::new(shared), faults, in_the_clear: false });
        let issuer = world.issuer.text.clone();
        let authority = certificates.as_ref().map(|certificates| certificates.authority.clone());
        let doors = wire::Doors::new(listener, address, certificates, world.faults.clone());
        let task = tokio::spawn(server::serve(doors, Arc::clone(&world)));
        Ok(LabHandle { address, issuer, authority, world, stop, task })
    }
}

async fn make_key() -> Result<Key, String> {
    tokio::task::spawn_blocking(Key::generate).await.map_err(|e| format!("cannot make a key: {e}"))?
}

/// A running lab. It stops when this is dropped.
#[derive(Debug)]
pub struct LabHandle {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its issuer, exactly as in its metadata.
    pub issuer: String,
    /// The certificate (PEM) that a client must believe, if the lab speaks TLS.
    pub authority: Option<String>,
    world: Arc<World>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl LabHandle {
    /// Has logout tokens of that client delivered to `url` from now on (OIDC Back-Channel Logout 1.0 §2.2).
    pub fn deliver_logout_tokens(&self, client: &str, url: &str) -> Result<(), String> {
        backchannel::register(&self.world, client, url)
    }

    /// Switches a fault on; `parameters` is an object or null.
    pub fn set_fault(&self, name: &str, parameters: &Value) -> Result<(), String> {
        self.world.faults.set(name, parameters).map_err(|refused| refused.to_string())
    }

    /// Switches a fault off.
    pub fn clear_fault(&self, name: &str) -> Result<(), String> {
        self.world.faults.clear(name).map_err(|refused| refused.to_string())
    }

    /// Switches every fault off.
    pub fn clear_faults(&self) {
        self.world.faults.clear_all();
    }

    /// An assertion that the lab accepts for tokens (RFC 7523); `claims` (an object, or null) replace what it would say,
    /// null takes a claim out.
    pub fn assertion(&self, claims: &Value) -> String {
        self.world.assertion(claims)
    }

    /// Rotates the keys. With `overlap` the next key is published now and signs after `lead`, and the old one stays for
    /// as long as its tokens live; without, the old one is gone at once.
    pub async fn rotate(&self, overlap: bool, lead: Duration) -> Result<(), String> {
        self.world.rotate(overlap, lead).await
    }

    /// Stops accepting, ends what hangs, waits for the rest (at most two seconds).
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for LabHandle {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

/// A running lab, as it is for who asks.
#[derive(Debug)]
struct World {
    shared: Arc<Shared>,
    faults: Faults,
    /// Whether it is asked over a connection that must not be believed: plain http where there is TLS.
    in_the_clear: bool,
}

impl std::ops::Deref for World {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// All that a running lab knows.
#[derive(Debug)]
struct Shared {
    issuer: Issuer,
    clock: Clock,
    keys: Mutex<Keyring>,
    store: Mutex<Store>,
    stats: server::Stats,
    upstream: Option<broker::Upstream>,
    stopping: watch::Receiver<bool>,
}

/// When a request came.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// The time by which things live and die.
    now: Timestamp,
    /// The time that the lab tells, in headers and tokens.
    told: Timestamp,
}

impl World {
    /// The same, for an answer on that connection.
    fn seen_from(&self, breaks: &wire::Breaks) -> Self {
        let faults = self.faults.seen_from(breaks.peer);
        Self { shared: Arc::clone(&self.shared), faults, in_the_clear: breaks.unencrypted() }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("store")
    }

    fn keys(&self) -> MutexGuard<'_, Keyring> {
        self.keys.lock().expect("keys")
    }

    async fn rotate(&self, overlap: bool, lead: Duration) -> Result<(), String> {
        let fresh = make_key().await?;
        self.keys().rotate(fresh, overlap, lead, self.clock.now());
        tracing::info!(overlap, lead_seconds = lead.as_secs(), "keys rotated");
        Ok(())
    }

    /// A document as it leaves `endpoint`, faults included.
    fn document(&self, endpoint: endpoint::Endpoint, mut document: Value) -> Value {
        let pick = |hook: &'static Hook, _: &fault::Setting| match hook {
            Hook::Document(at, change) if *at == endpoint => Some(change),
            _ => None,
        };
        for (change, setting) in self.faults.take(pick) {
            change(&setting, &mut document);
        }
        document
    }
}
