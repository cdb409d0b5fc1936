//! Real egress proxies, standing for regions.

use super::process::Process;
use super::{Folder, eventually, net};

/// A proxy that runs.
pub struct Proxy {
    process: Process,
    /// As `proxy` in a configuration.
    pub url: String,
    _folder: Folder,
}

impl Proxy {
    /// tinyproxy: HTTP, with CONNECT.
    pub fn tinyproxy() -> Self {
        Self::tinyproxy_with("")
    }

    /// The same with more lines in its configuration.
    pub fn tinyproxy_with(more: &str) -> Self {
        let (folder, port) = (Folder::new(), net::free_port());
        let file = folder.write(
            "tinyproxy.conf",
            &format!(
                "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nLogLevel Info\nMaxClients 100\n{more}"
            ),
        );
        let process = Process::start("tinyproxy", |command| {
            command.arg("-d").arg("-c").arg(file);
        });
        Self::ready(process, folder, port, "http")
    }

    /// Dante: SOCKS 5, resolving names itself.
    pub fn danted() -> Self {
        Self::danted_with("")
    }

    /// The same with more rules, which come first.
    pub fn danted_with(rules: &str) -> Self {
        let (folder, port) = (Folder::new(), net::free_port());
        let user = String::from_utf8(std::process::Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let user = user.trim();
        let file = folder.write(
            "danted.conf",
            &format!(
                "logoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\n\
                 clientmethod: none\nsocksmethod: none\nuser.privileged: {user}\nuser.unprivileged: {user}\n\
                 client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
                 {rules}\
                 socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 log: connect }}\n"
            ),
        );
        let process = Process::start("/usr/sbin/danted", |command| {
            command.arg("-f").arg(file).args(["-N", "1"]);
        });
        Self::ready(process, folder, port, "socks5h")
    }

    fn ready(mut process: Process, folder: Folder, port: u16, scheme: &str) -> Self {
        eventually("a proxy that listens", || {
            assert!(process.is_running(), "{}", process.output());
            net::listens(port).then_some(())
        });
        Self { process, url: format!("{scheme}://127.0.0.1:{port}"), _folder: folder }
    }

    /// How many connections to that port its access log shows.
    pub fn connections(&self, port: u16) -> usize {
        let (tunnel, plain, socks) = (format!(":{port} HTTP/1.1"), format!(":{port}/"), format!(".{port}"));
        let accessed = |line: &&str| {
            line.contains("Request (file descriptor") && (line.ends_with(&tunnel) || line.contains(&plain))
                || line.contains("pass(1): tcp/connect [") && line.ends_with(&socks)
        };
        self.process.output().lines().filter(accessed).count()
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.process.kill();
    }
}
