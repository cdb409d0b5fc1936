//! A real Alertmanager, and the inbox of somebody whom it notifies.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::certs::Certificate;
use super::process::Process;
use super::{Folder, PATIENCE, eventually, net};

/// The user whom [`Alertmanager::guarded`] asks for.
pub const USER: &str = "authprobe";
/// The user's password.
pub const PASSWORD: &str = "test";
/// Its bcrypt hash, as Prometheus' documentation of the web configuration has it.
const HASH: &str = "$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay";

/// One without peers, which sends every notification to an inbox at once.
pub struct Alertmanager {
    process: Process,
    /// Where it listens: `http://127.0.0.1:…`, or with TLS `https://localhost:…`.
    pub url: String,
    _folder: Folder,
}

impl Alertmanager {
    /// Starts it with these routes and rules below `receivers` (YAML); everything goes to `inbox` unless they say else.
    pub fn start(inbox: &Inbox, extra: &str) -> Self {
        Self::with(inbox, extra, "")
    }

    /// With TLS, and only for [`USER`].
    pub fn guarded(inbox: &Inbox, certificate: &Certificate) -> Self {
        let (cert, key) = (certificate.cert.display(), certificate.key.display());
        let web = format!(
            "tls_server_config: {{cert_file: '{cert}', key_file: '{key}'}}\nbasic_auth_users: {{{USER}: '{HASH}'}}\n"
        );
        Self::with(inbox, "", &web)
    }

    fn with(inbox: &Inbox, extra: &str, web: &str) -> Self {
        let (folder, port) = (Folder::new(), net::free_port());
        let route = "{receiver: inbox, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: ['...']}";
        let hook = format!("[{{url: '{}', send_resolved: true}}]", inbox.url);
        let file = folder.write(
            "alertmanager.yml",
            &format!("route: {route}\nreceivers: [{{name: inbox, webhook_configs: {hook}}}]\n{extra}"),
        );
        let web = folder.write("web.yml", web);
        let process = Process::start("prometheus-alertmanager", |command| {
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--web.config.file={}", web.display()));
            command.arg(format!("--storage.path={}", folder.file("data").display()));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            command.arg("--cluster.listen-address=");
        });
        let guarded = !std::fs::read_to_string(web).unwrap().is_empty();
        eventually("an Alertmanager that listens", || net::listens(port).then_some(()));
        let url = if guarded { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        Self { process, url, _folder: folder }
    }

    /// What fires, as the API has it; without TLS only.
    pub fn firing(&self) -> Vec<Value> {
        let answer = net::get(&format!("{}/api/v2/alerts", self.url)).expect("Alertmanager answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json().as_array().unwrap().clone()
    }

    /// The one of that name, if it fires.
    pub fn find(&self, name: &str) -> Option<Value> {
        self.firing().into_iter().find(|alert| alert["labels"]["alertname"] == name)
    }

    /// What it logged.
    pub fn output(&self) -> String {
        self.process.output()
    }
}

/// Takes what Alertmanager sends to webhooks.
pub struct Inbox {
    /// Where.
    pub url: String,
    messages: Arc<Mutex<Vec<Value>>>,
}

impl Inbox {
    /// An empty one.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let messages = Arc::<Mutex<Vec<Value>>>::default();
        let to = messages.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let to = to.clone();
                std::thread::spawn(move || take(stream, &to));
            }
        });
        Self { url, messages }
    }

    /// Every alert of every notification so far: status, name, and the alert.
    pub fn alerts(&self) -> Vec<(String, String, Value)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let messages = self.messages.lock().unwrap();
        let alerts = messages.iter().flat_map(|message| message["alerts"].as_array().cloned().unwrap_or_default());
        alerts.map(|alert| (text(&alert["status"]), text(&alert["labels"]["alertname"]), alert)).collect()
    }

    /// Waits for an alert of that status and name.
    pub fn eventually(&self, status: &str, name: &str) -> Value {
        eventually(&format!("a notification: {name} {status}"), || {
            self.alerts().into_iter().find(|(is, of, _)| is == status && of == name).map(|(_, _, alert)| alert)
        })
    }
}

/// One request, one answer.
fn take(mut stream: TcpStream, to: &Mutex<Vec<Value>>) {
    stream.set_read_timeout(Some(PATIENCE)).ok();
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    let body = loop {
        let head = all.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&all[..head]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if all.len() >= head + 4 + length.unwrap_or(0) {
                break all.split_off(head + 4);
            }
        }
        match stream.read(&mut part) {
            Ok(read) if read > 0 => all.extend_from_slice(&part[..read]),
            _ => return,
        }
    };
    to.lock().unwrap().extend(serde_json::from_slice(&body).ok());
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok();
}
