//! A gate as a browser meets it, and the proxies and servers behind it.

mod fakes;
mod faults;
mod life;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Gate;
use crate::clock::Clock;
use crate::oidc::http::{Egress, Proxy};

/// A gate that leads straight out.
async fn gate() -> Gate {
    led(Egress::direct("here")).await
}

async fn led(egress: Egress) -> Gate {
    let gate = Gate::open(Clock::system()).await.unwrap();
    gate.lead(Arc::new(egress));
    gate
}

fn through(proxy: &str) -> Egress {
    Egress { proxy: Some(Proxy::parse(proxy).unwrap()), ..Egress::direct("there") }
}

/// Connects as Chromium does, by name. The error is the reply; `None` if the gate closed without one.
async fn open(gate: &Gate, host: &str, port: u16) -> Result<TcpStream, Option<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", gate.port())).await.map_err(|_| None)?;
    let mut request = vec![5, 1, 0, 5, 1, 0, 3, host.len() as u8];
    request.extend_from_slice(host.as_bytes());
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await.map_err(|_| None)?;
    let mut answer = [0; 2 + 10];
    stream.read_exact(&mut answer).await.map_err(|_| None)?;
    assert_eq!((answer[..3].to_vec(), answer[5]), (vec![5, 0, 5], 1), "{answer:?}");
    match answer[3] {
        0 => Ok(stream),
        reply => Err(Some(reply)),
    }
}

/// Whether what is sent comes back.
async fn echoes(stream: &mut TcpStream, text: &str) -> bool {
    let mut back = vec![0; text.len()];
    stream.write_all(text.as_bytes()).await.is_ok()
        && stream.read_exact(&mut back).await.is_ok()
        && back == text.as_bytes()
}

/// Waits until the other side has ended the connection.
async fn ended(stream: &mut TcpStream) {
    let ended = async { while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the connection is still open");
}

/// Allows this process as many open files as it may have: both ends of every connection are in it.
fn many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}
