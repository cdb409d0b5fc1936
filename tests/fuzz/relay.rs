//! Between us and the lab: passes requests on one by one, and answers back, mangled or not.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::oidc::mailbox::Mailbox;
use authprobe::secret::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::mutate::Mutator;

/// More than any limit of a head or a body.
const ENDLESS: usize = 3 * 1024 * 1024;
/// Members of answers that nobody but us may see.
const SECRET: [&str; 7] = [
    "access_token",
    "refresh_token",
    "id_token",
    "device_code",
    "client_secret",
    "registration_access_token",
    "logout_token",
];

/// What becomes of the answers of one run.
pub struct Way {
    mutator: Mutator,
    /// So many come through as they are; the next one never does, and then it is a matter of chance.
    untouched: usize,
    /// How many came.
    pub seen: usize,
    /// The secrets that were among them.
    pub issued: BTreeSet<String>,
    /// Where logout tokens are handed over.
    pub mailbox: Option<Arc<Mailbox>>,
}

impl Way {
    /// For one run.
    pub fn new(mutator: Mutator, untouched: usize, mailbox: Option<Arc<Mailbox>>) -> Self {
        Self { mutator, untouched, seen: 0, issued: BTreeSet::new(), mailbox }
    }

    fn pass(&mut self, answer: &mut Vec<u8>) -> How {
        self.seen += 1;
        self.issued.extend(secrets_of(answer));
        if self.seen <= self.untouched {
            return How::Whole;
        }
        let kinds = if self.seen == self.untouched + 1 { 15 } else { 24 };
        mangle(&mut self.mutator, kinds, answer)
    }
}

/// What it told us alone, before anything is mangled.
fn secrets_of(answer: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).unwrap_or_default();
    let named = members.into_iter().filter(|(name, _)| SECRET.contains(&name.as_str()));
    let mut secrets: Vec<String> = named.filter_map(|(_, value)| Some(value.as_str()?.to_owned())).collect();
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" => {
                let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
                secrets.extend(pair.map(|(_, value)| value.trim().to_owned()));
            }
            "location" => {
                let query = value.split(['?', '#', '&']).filter_map(|pair| pair.trim().split_once('='));
                secrets.extend(query.filter(|(name, _)| *name == "code").map(|(_, code)| code.to_owned()));
            }
            _ => {}
        }
    }
    secrets.retain(|secret| secret.len() >= 8);
    secrets
}

/// Passes requests on to `to`.
pub async fn relay(listener: TcpListener, to: SocketAddr, way: Arc<Mutex<Way>>) {
    while let Ok((client, _)) = listener.accept().await {
        let way = way.clone();
        tokio::spawn(async move {
            // Whoever went away has what it wanted.
            let _ = exchange(client, to, &way).await;
        });
    }
}

async fn exchange(mut client: TcpStream, to: SocketAddr, way: &Mutex<Way>) -> std::io::Result<()> {
    let mut request = whole_request(&mut client).await?;
    if request.is_empty() {
        return Ok(());
    }
    // Our client asks for the connection to be closed, a browser does not.
    let kept = b"Connection: keep-alive";
    if let Some(at) = request.windows(kept.len()).position(|line| line.eq_ignore_ascii_case(kept)) {
        request.splice(at..at + kept.len(), *b"Connection: close");
    }
    let mut server = TcpStream::connect(to).await?;
    server.write_all(&request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    let how = way.lock().unwrap().pass(&mut answer);
    match how {
        How::Whole => client.write_all(&answer).await?,
        How::Hanging => {
            client.write_all(&answer).await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        How::Dripping => {
            for byte in answer {
                client.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
    }
    client.shutdown().await
}

/// Until a request is there, body included; empty if its sender went away.
async fn whole_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut request, mut buffer) = (Vec::new(), [0; 8192]);
    while !is_whole(&request) {
        match client.read(&mut buffer).await? {
            0 => return Ok(Vec::new()),
            n => request.extend_from_slice(&buffer[..n]),
        }
    }
    Ok(request)
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    request.len() >= head + 4 + length.unwrap_or(0)
}

/// Takes the lab's logout tokens and hands them to whoever waits, mangled or not, as our receiver would.
pub async fn deliver(listener: TcpListener, way: Arc<Mutex<Way>>) {
    while let Ok((mut sender, _)) = listener.accept().await {
        let way = way.clone();
        tokio::spawn(async move {
            let request = whole_request(&mut sender).await.unwrap_or_default();
            let body = request.windows(4).position(|four| four == b"\r\n\r\n").map(|at| &request[at + 4..]);
            let mut pairs = url::form_urlencoded::parse(body.unwrap_or_default());
            if let Some((_, token)) = pairs.find(|(name, _)| name == "logout_token") {
                let mut way = way.lock().unwrap();
                way.issued.insert(token.clone().into_owned());
                let mut token = token.into_owned().into_bytes();
                if way.seen >= way.untouched && way.mutator.below(2) == 0 {
                    let other = token.clone();
                    way.mutator.mutate(&mut token, &other);
                }
                let token = Secret::new(String::from_utf8_lossy(&token));
                if let Some(mailbox) = &way.mailbox {
                    // Whether anybody waits for it is not ours to judge.
                    drop(mailbox.post("web", token, Clock::system().instant()));
                }
            }
            let _ = sender.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        });
    }
}

enum How {
    Whole,
    Hanging,
    Dripping,
}

/// One of so many ways; those from 15 on change nothing.
fn mangle(mutator: &mut Mutator, kinds: usize, answer: &mut Vec<u8>) -> How {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let other = answer.clone();
    match mutator.below(kinds) {
        0 => *answer = mutator.noise(4096),
        1 => answer.truncate(mutator.below(other.len())),
        2 => {
            answer.truncate(mutator.below(other.len()));
            return How::Hanging;
        }
        3 => answer.clear(),
        4 => return How::Dripping,
        5 => {
            let at = mutator.below(head);
            answer.splice(at..at, std::iter::repeat_n(b'a', ENDLESS));
        }
        6 => answer.extend(std::iter::repeat_n(b' ', ENDLESS)),
        7 => {
            *answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".to_vec();
            answer.extend(mutator.noise(4096));
        }
        // The head fits the body, whatever that has become: what is read is what is judged.
        8..=11 => {
            let mut body = answer.split_off(head);
            for _ in 0..=mutator.below(4) {
                mutator.mutate(&mut body, &other);
            }
            let status = other.get(9..12).map_or("200".into(), String::from_utf8_lossy);
            let media = if body.starts_with(b"<") { "text/html" } else { "application/json" };
            *answer = format!("HTTP/1.1 {status} X\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n", body.len())
                .into_bytes();
            answer.extend(body);
        }
        12..=14 => {
            for _ in 0..=mutator.below(4) {
                mutator.mutate(answer, &other);
            }
        }
        _ => {}
    }
    How::Whole
}
