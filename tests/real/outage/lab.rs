//! A lab that stops and comes back, and ways to it that can be cut one by one.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::process::Process;
use crate::support::{eventually, net};

/// `authprobe lab` in a process of its own.
pub struct Lab {
    process: Process,
    port: u16,
    /// Its issuer.
    pub issuer: String,
}

impl Lab {
    /// At a port of its own; what it calls itself has this host.
    pub fn start(host: &str) -> Self {
        let port = net::free_port();
        let issuer = format!("http://{host}:{port}");
        Self { process: run(port, &issuer), port, issuer }
    }

    /// Ends it: connections are refused from now on.
    pub fn stop(&mut self) {
        self.process.kill();
        assert!(!net::listens(self.port), "somebody listens still");
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.process = run(self.port, &self.issuer);
    }

    /// Switches a fault on.
    pub fn fault(&self, name: &str, parameters: &Value) {
        assert_eq!(self.control("PUT", &format!("faults/{name}"), &parameters.to_string()).status, 200);
    }

    /// Switches all faults off.
    pub fn mend(&self) {
        assert_eq!(self.control("DELETE", "faults", "").status, 204);
    }

    /// Tells it where the logout tokens of a client go.
    pub fn tells(&self, client: &str, uri: &str) {
        let body = serde_json::json!({ "uri": uri }).to_string();
        assert_eq!(self.control("PUT", &format!("backchannel/{client}"), &body).status, 204);
    }

    /// How many requests it has had since it started.
    pub fn requests(&self) -> u64 {
        let stats = self.control("GET", "stats", "").json();
        stats["requests"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
    }

    fn control(&self, method: &str, path: &str, body: &str) -> net::Answer {
        net::request(method, &format!("http://127.0.0.1:{}/lab/{path}", self.port), &[], body).expect("the lab answers")
    }

    /// A way to it that can be cut. Its own place is the same port of `127.0.0.number`.
    pub fn way(&self, number: u8) -> Way {
        Way::new(SocketAddr::from(([127, 0, 0, number], self.port)), SocketAddr::from(([127, 0, 0, 1], self.port)))
    }
}

fn run(port: u16, issuer: &str) -> Process {
    let process = Process::start(env!("CARGO_BIN_EXE_authprobe"), |command| {
        command.args(["lab", "--listen", &format!("127.0.0.1:{port}"), "--issuer", issuer]);
    });
    eventually("a lab that listens", || net::listens(port).then_some(()));
    process
}

/// Passes connections on, until it is cut: then they are refused.
pub struct Way {
    at: SocketAddr,
    open: Arc<AtomicBool>,
    listening: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Way {
    fn new(at: SocketAddr, to: SocketAddr) -> Self {
        let flag = |value| Arc::new(AtomicBool::new(value));
        let way = Self { at, open: flag(true), listening: flag(false), ended: flag(false) };
        let (open, listening, ended) = (way.open.clone(), way.listening.clone(), way.ended.clone());
        std::thread::spawn(move || {
            let mut listener: Option<TcpListener> = None;
            while !ended.load(Ordering::Acquire) {
                if open.load(Ordering::Acquire) {
                    let listener = listener.get_or_insert_with(|| {
                        let listener = TcpListener::bind(at).expect("an address of this machine");
                        listener.set_nonblocking(true).unwrap();
                        listener
                    });
                    while let Ok((from, _)) = listener.accept() {
                        pass(from, to);
                    }
                } else {
                    listener = None;
                }
                listening.store(listener.is_some(), Ordering::Release);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        way.wait(true);
        way
    }

    /// From now on connections are refused.
    pub fn cut(&self) {
        self.open.store(false, Ordering::Release);
        self.wait(false);
    }

    /// From now on they are not.
    pub fn mend(&self) {
        self.open.store(true, Ordering::Release);
        self.wait(true);
    }

    fn wait(&self, listening: bool) {
        eventually("the way", || (self.listening.load(Ordering::Acquire) == listening).then_some(()));
    }

    /// A region that takes this way to `localhost`.
    pub fn region(&self, name: &str) -> String {
        format!("[[region]]\nname = \"{name}\"\nresolve = {{ \"localhost\" = \"{}\" }}\n\n", self.at.ip())
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// Passes everything on in both directions, each on a thread that ends with the connection.
fn pass(from: TcpStream, to: SocketAddr) {
    std::thread::spawn(move || {
        from.set_nonblocking(false).ok();
        let Ok(to) = TcpStream::connect(to) else { return };
        let (Ok(mut answers), Ok(mut back)) = (to.try_clone(), from.try_clone()) else { return };
        let answering = std::thread::spawn(move || {
            std::io::copy(&mut answers, &mut back).ok();
            back.shutdown(std::net::Shutdown::Write).ok();
        });
        let (mut from, mut to) = (from, to);
        std::io::copy(&mut from, &mut to).ok();
        to.shutdown(std::net::Shutdown::Write).ok();
        answering.join().ok();
    });
}
