//! Processes and files as the system sees them, and a server with a certificate.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use authprobe::browser::testing::Held;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::Folder;
use crate::support::certs::Certificate;

/// What there was, to look for later.
#[derive(Clone, Debug)]
pub struct Traces {
    keeper: i32,
    folder: PathBuf,
    processes: Vec<(i32, String)>,
}

impl Traces {
    /// Of a driver and its browser as they are now.
    pub fn of(held: &Held) -> Self {
        let processes = held.processes().into_iter().map(|pid| (pid, command_line(pid))).collect();
        Self { keeper: held.keeper(), folder: held.folder().to_owned(), processes }
    }

    /// As [`Traces::written`] wrote them.
    pub fn read(line: &str) -> Option<Self> {
        let (keeper, folder, processes) = serde_json::from_str(line).ok()?;
        Some(Self { keeper, folder, processes })
    }

    /// In one line.
    pub fn written(&self) -> String {
        serde_json::to_string(&(self.keeper, &self.folder, &self.processes)).unwrap()
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keeper.
    pub fn keeper(&self) -> i32 {
        self.keeper
    }

    /// How many have that in their command line.
    pub fn count(&self, part: &str) -> usize {
        self.processes.iter().filter(|(_, line)| line.contains(part)).count()
    }

    /// The one that has that in its command line.
    pub fn one(&self, part: &str) -> i32 {
        assert_eq!(self.count(part), 1, "{part} in {self:?}");
        self.processes.iter().find(|(_, line)| line.contains(part)).unwrap().0
    }

    /// The browser itself, which has children of many types.
    pub fn browser(&self) -> i32 {
        let mut browsers = self.processes.iter().filter(|(_, line)| !line.contains("chromedriver"));
        browsers.find(|(_, line)| !line.contains("--type=")).unwrap_or_else(|| panic!("no browser in {self:?}")).0
    }

    /// Whether all run.
    pub fn all_run(&self) -> bool {
        runs(self.keeper) && self.processes.iter().all(|(pid, _)| runs(*pid))
    }

    /// Waits until none of it is left, nor anything that came later and names the folder. Fails the test if that takes
    /// longer.
    pub async fn gone_within(&self, time: Duration) {
        let left = || {
            let known = self.processes.iter().map(|(pid, _)| *pid).chain([self.keeper]).filter(|pid| runs(*pid));
            known.chain(naming(&self.folder)).map(|pid| (pid, command_line(pid))).collect::<Vec<_>>()
        };
        let gone = || left().is_empty() && !self.folder.exists();
        if within(time, gone).await.is_none() {
            panic!("left after {time:?}: {:?}, folder: {}", left(), self.folder.exists());
        }
    }
}

/// Asks until it is so; `None` when the time is over.
pub async fn within(time: Duration, so: impl Fn() -> bool) -> Option<()> {
    let end = Instant::now() + time;
    while !so() {
        if Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some(())
}

/// Whether it runs; what has ended and was not fetched by its parent does not.
pub fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// With spaces between the arguments.
pub fn command_line(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

fn naming(folder: &Path) -> Vec<i32> {
    let folder = folder.to_str().unwrap();
    let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(|pid| runs(*pid) && command_line(*pid).contains(folder)).collect()
}

/// Sends a signal.
pub fn kill(signal: &str, pid: i32) {
    let status = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -s {signal} {pid}");
}

/// A page over TLS: its URL. Ends with the test.
pub async fn tls_server(certificate: &Certificate) -> String {
    let chain = CertificateDer::pem_file_iter(&certificate.cert).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&certificate.key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let page = "<title>believed</title>";
                let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n", page.len());
                let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n{page}").as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("https://localhost:{port}/")
}

/// Whether nothing is in a folder.
pub fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// A shell script that can be run.
pub fn script(folder: &Folder, name: &str, body: &str) -> PathBuf {
    let path = folder.write(name, &format!("#!/bin/sh\n{body}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}
