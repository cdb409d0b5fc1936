//! The way out of a browser on this machine: a SOCKS proxy (RFC 1928) on loopback that applies the region's proxy,
//! `resolve` and source address, and knows why a connection failed where the browser only knows that it did.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::clock::Clock;
use crate::fault::Fault;
use crate::oidc::http::{Egress, Trust, Way};
use crate::oidc::memory::ProviderMemory;

mod book;
mod owner;
mod relay;
mod server;
#[cfg(test)]
mod tests;

use book::Book;

/// The most connections at once; Chromium makes 32 through one proxy.
const MAX_CONNECTIONS: usize = 256;
/// How long accepting pauses when this machine cannot: it has run out of something.
const PAUSE: Duration = Duration::from_millis(100);

/// One listener, for one window. Its socket, its connections and their tasks end when it is dropped.
pub(super) struct Gate {
    port: u16,
    clock: Clock,
    believed: Mutex<(Arc<ProviderMemory>, Trust)>,
    /// What connections are made for: each ends when this changes or goes.
    lead: watch::Sender<Option<Arc<Lead>>>,
}

/// How a connection to a host came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tunnel {
    /// Name resolution, if it was ours.
    pub(super) resolve: Option<Duration>,
    /// TCP connection, the egress proxy's handshake included.
    pub(super) connect: Duration,
}

/// Where connections go, and what became of them.
struct Lead {
    way: Way,
    book: Mutex<Book>,
}

impl Lead {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("connections")
    }
}

impl Gate {
    /// Listens on a loopback port of its own, for processes of our own user. Connections are refused until
    /// [`Gate::lead`] says where they go.
    pub(super) async fn open(clock: Clock) -> io::Result<Self> {
        Self::open_for(rustix::process::geteuid().as_raw(), clock).await
    }

    async fn open_for(user: u32, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (lead, leads) = watch::channel(None);
        let door = Door { address, user, clock: clock.clone(), places: Arc::new(Semaphore::new(MAX_CONNECTIONS)) };
        tokio::spawn(door.attend(listener, leads));
        Ok(Self { port: address.port(), clock, believed: Mutex::default(), lead })
    }

    /// Its port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Whose certificates an `https` proxy is believed by, from the next [`Gate::lead`] on: the provider's, as over
    /// HTTP. Until then the system's.
    pub(super) fn believe(&self, memory: Arc<ProviderMemory>, trust: Trust) {
        *self.believed.lock().expect("trust") = (memory, trust);
    }

    /// From now on connections leave through that region. What was seen before is forgotten, what is open is closed.
    pub(super) fn lead(&self, egress: Arc<Egress>) {
        let (memory, trust) = self.believed.lock().expect("trust").clone();
        let way = Way { egress, memory, trust, clock: self.clock.clone() };
        self.lead.send_replace(Some(Arc::new(Lead { way, book: Mutex::default() })));
    }

    /// Why the latest connection to that host (as the browser names it) and port failed, if it did: `dns`, `connect`,
    /// `timeout`, `egress`; `config` if the `ca_file` cannot be read, `internal` without file descriptors.
    pub(super) fn fault(&self, host: &str, port: u16) -> Option<Fault> {
        self.seen(|book| book.get(host, port)?.fault.clone())
    }

    /// How the latest connection to that host and port came about, or how long it took to fail.
    pub(super) fn tunnel(&self, host: &str, port: u16) -> Option<Tunnel> {
        self.seen(|book| Some(book.get(host, port)?.tunnel))
    }

    fn seen<T>(&self, look: impl FnOnce(&Book) -> Option<T>) -> Option<T> {
        let lead = self.lead.borrow().clone()?;
        look(&lead.book())
    }
}

/// The listening side.
struct Door {
    address: SocketAddr,
    /// Whose processes may come in.
    user: u32,
    clock: Clock,
    places: Arc<Semaphore>,
}

impl Door {
    /// Accepts until the gate is gone.
    async fn attend(self, listener: TcpListener, mut leads: watch::Receiver<Option<Arc<Lead>>>) {
        loop {
            let accepted = tokio::select! {
                changed = leads.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, leads.clone()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::debug!(%error, "a browser's connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection until it ends, the gate is led elsewhere, or it is gone.
    fn admit(&self, mut stream: TcpStream, peer: SocketAddr, mut leads: watch::Receiver<Option<Arc<Lead>>>) {
        // Without a place it is closed at once.
        let Ok(place) = self.places.clone().try_acquire_owned() else { return };
        let lead = leads.borrow_and_update().clone();
        let (address, user, clock) = (self.address, self.user, self.clock.clone());
        tokio::spawn(async move {
            let serving = async {
                match owner::belongs(peer, address, user).await {
                    true => server::serve(&mut stream, lead.as_deref(), &clock).await,
                    false => Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a process of our own user")),
                }
            };
            tokio::select! {
                _ = leads.changed() => {}
                result = serving => if let Err(error) = result {
                    tracing::debug!(%error, "a browser's connection ended");
                }
            }
            drop(place);
        });
    }
}
