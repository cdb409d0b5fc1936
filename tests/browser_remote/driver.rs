//! A chromedriver of our own, and a reverse proxy in front of it that stands for a grid: it wants a password, or hides that
//! the driver speaks WebDriver BiDi.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::process::Process;
use crate::support::{Folder, eventually, net};

/// One that runs, with all its browsers.
pub struct Driver {
    process: Process,
    /// Profiles and sockets of its browsers.
    _folder: Folder,
    /// Where it listens.
    pub port: u16,
}

impl Driver {
    /// Starts one.
    pub fn start() -> Self {
        let (port, folder) = (net::free_port(), Folder::new());
        let process = Process::start("chromedriver", |command| {
            command.arg(format!("--port={port}")).env("TMPDIR", folder.path()).env("HOME", folder.path());
        });
        eventually("chromedriver listens", || net::listens(port).then_some(()));
        Self { process, _folder: folder, port }
    }

    /// Its address, for a region.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The sessions that it has.
    pub fn sessions(&self) -> Vec<Value> {
        let (_, body) = forward(self.port, "GET", "/sessions", "").expect("chromedriver answers");
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["value"].as_array().unwrap_or_else(|| panic!("no list: {answer}")).clone()
    }

    /// Ends it and its browsers.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

/// How a proxy behaves.
#[derive(Clone, Copy, Default)]
pub struct Manner {
    /// New sessions are not asked for BiDi, so that the driver offers none.
    pub classic: bool,
    /// What `Authorization` must say.
    pub authorization: Option<&'static str>,
}

/// A proxy that has forwarded these commands.
pub struct Front {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// In front of that driver. Its thread ends with the test's process.
    pub fn of(driver: &Driver, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let front = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
        let (seen, to) = (front.seen.clone(), driver.port);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = seen.clone();
                std::thread::spawn(move || serve(stream, to, manner, &seen));
            }
        });
        front
    }

    /// Its address, with what stands before the host.
    pub fn url(&self, user: &str) -> String {
        format!("http://{user}127.0.0.1:{}", self.port)
    }

    /// Method and path of each command so far, as far as it was let through.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// How many sessions were made and how many ended.
    pub fn made_and_ended(&self) -> (usize, usize) {
        let seen = self.seen();
        let ended = |line: &&String| line.strip_prefix("DELETE /session/").is_some_and(|id| !id.contains('/'));
        (seen.iter().filter(|line| *line == "POST /session").count(), seen.iter().filter(ended).count())
    }
}

/// One request, then the connection closes.
fn serve(mut stream: TcpStream, to: u16, manner: Manner, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some((first, headers, mut body)) = message(&mut reader) else { return };
    let (method, path) = first.split_once(' ').map(|(m, rest)| (m, rest.split(' ').next().unwrap())).unwrap();
    let given = headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str());
    if given != manner.authorization {
        let _ = write!(stream, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        return;
    }
    seen.lock().unwrap().push(format!("{method} {path}"));
    if manner.classic && (method, path) == ("POST", "/session") {
        let mut wanted: Value = serde_json::from_str(&body).unwrap();
        wanted["capabilities"]["alwaysMatch"].as_object_mut().unwrap().remove("webSocketUrl").unwrap();
        body = wanted.to_string();
    }
    let (status, answer) = forward(to, method, path, &body).unwrap_or((502, "{}".into()));
    let length = answer.len();
    let head = format!("HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length}");
    let _ = write!(stream, "{head}\r\nConnection: close\r\n\r\n{answer}");
}

/// One command to a driver: status and body. `None`: it is not there.
fn forward(port: u16, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json");
    write!(stream, "{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").ok()?;
    let (first, _, body) = message(&mut BufReader::new(stream))?;
    Some((first.split(' ').nth(1)?.parse().ok()?, body))
}

type Headers = Vec<(String, String)>;

/// First line, headers with names in lower case, and as much body as `Content-Length` says.
fn message(reader: &mut impl BufRead) -> Option<(String, Headers, String)> {
    let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let first = lines.next()?;
    let headers: Headers = lines
        .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((first, headers, String::from_utf8(body).ok()?))
}
