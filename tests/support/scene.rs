//! A configuration over a provider, the way a user would write it, and the commands that run on it.

use std::path::PathBuf;

use super::authprobe::{Daemon, Finished, Run, authprobe, runs};
use super::idp::Idp;
use super::{Folder, net};

/// Every kind against tests/idp.
pub const EVERY_KIND: &str = r#"
[[probe]]
name = "discovery"
kind = "discovery"
provider = "main"

[[probe]]
name = "keys"
kind = "jwks"
provider = "main"

[[probe]]
name = "machine"
kind = "client_credentials"
client = "svc"
resource = ["urn:example:api"]

[[probe]]
name = "login"
kind = "form_login"
client = "web"
user = "alice"

[[probe]]
name = "refresh"
kind = "refresh"
client = "web"
user = "alice"
rotation = "required"

[[probe]]
name = "revocation"
kind = "revocation"
client = "web"
user = "alice"
token = "access"
bound = "10s"

[[probe]]
name = "exchange"
kind = "token_exchange"
client = "svc"
actor = { grant = "client_credentials" }
resource = ["urn:example:api"]
"#;

/// Where, whom and as whom; the probes come with each configuration.
pub struct Scene {
    /// Holds configuration and secrets.
    pub folder: Folder,
    /// `host:port` that a daemon listens on.
    pub listen: String,
    /// The issuer.
    pub issuer: String,
    /// `[[region]]` tables.
    pub regions: String,
    /// More keys of the provider.
    pub provider: String,
    /// More tables.
    pub more: String,
    /// How often every probe runs.
    pub every: &'static str,
    /// `web-secret`, unless planted otherwise.
    pub web_secret: String,
    /// `svc-secret`, unless planted otherwise.
    pub svc_secret: String,
    /// Where authprobe keeps temporary files.
    pub temporary: String,
}

impl Scene {
    /// One region without a proxy.
    pub fn new(idp: &Idp) -> Self {
        let folder = Folder::new();
        folder.write("alice.password", "wonderland-7\n");
        let temporary = folder.file("tmp");
        std::fs::create_dir(&temporary).unwrap();
        Self {
            temporary: temporary.to_str().unwrap().to_owned(),
            folder,
            listen: format!("127.0.0.1:{}", net::free_port()),
            issuer: idp.issuer.clone(),
            regions: "[[region]]\nname = \"direct\"\n".into(),
            provider: String::new(),
            more: String::new(),
            every: "1s",
            web_secret: "web-secret".into(),
            svc_secret: "svc-secret".into(),
        }
    }

    /// Writes the configuration with these `[[probe]]` tables, each to run every `every`.
    pub fn config(&self, probes: &str) -> PathBuf {
        // The time of a run does not depend on how often it comes: these machines are busy.
        let often = |table: &str| {
            let timeout = if table.contains("\ntimeout = ") { "" } else { "\ntimeout = \"20s\"" };
            table.replace("[[probe]]", &format!("[[probe]]\nevery = \"{}\"{timeout}", self.every))
        };
        let probes = probes.split("\n\n").map(often).collect::<Vec<_>>().join("\n\n");
        let Self { listen, issuer, regions, provider, more, .. } = self;
        self.folder.write(
            "authprobe.toml",
            &format!(
                r#"
[server]
listen = "{listen}"

{regions}
[[provider]]
name = "main"
issuer = "{issuer}"
{provider}

[[client]]
name = "web"
provider = "main"
client_id = "web"
client_secret = {{ env = "WEB_SECRET" }}
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "profile", "email", "offline_access"]
require_pkce = true

[[client]]
name = "svc"
provider = "main"
client_id = "svc"
client_secret = {{ env = "SVC_SECRET" }}

[[user]]
name = "alice"
username = "alice"
password = {{ file = "alice.password" }}

{more}
{probes}"#
            ),
        )
    }

    /// The secrets that the configuration names, and a place of its own for temporary files.
    pub fn environment(&self) -> [(&str, &str); 3] {
        [("WEB_SECRET", &self.web_secret), ("SVC_SECRET", &self.svc_secret), ("TMPDIR", &self.temporary)]
    }

    /// `authprobe COMMAND --config … ARGUMENTS…` with these probes configured.
    pub fn command(&self, probes: &str, command: &str, arguments: &[&str]) -> Finished {
        let config = self.config(probes);
        let config = config.to_str().unwrap();
        authprobe(&[&[command, "--config", config], arguments].concat(), &self.environment())
    }

    /// Runs a probe once in each of its regions: the exit code and the records.
    pub fn probe(&self, probes: &str, name: &str) -> (i32, Vec<Run>) {
        let finished = self.command(probes, "probe", &[name, "--json"]);
        let runs = runs(&finished.stdout);
        assert!(!runs.is_empty(), "no runs: {finished:?}");
        (finished.code, runs)
    }

    /// Runs a probe once in its one region.
    pub fn probe_once(&self, probes: &str, name: &str) -> (i32, Run) {
        let (code, mut runs) = self.probe(probes, name);
        assert_eq!(runs.len(), 1, "{runs:?}");
        (code, runs.remove(0))
    }

    /// Starts the daemon.
    pub fn daemon(&self, probes: &str) -> Daemon {
        self.daemon_with(probes, &[])
    }

    /// Starts the daemon with more in its environment.
    pub fn daemon_with(&self, probes: &str, more: &[(&str, &str)]) -> Daemon {
        Daemon::start(&self.config(probes), &self.listen, &[&self.environment()[..], more].concat())
    }
}
