//! Everything that can go wrong, at once: a lab for each trouble, one daemon that watches them all.

use rusqlite::Connection;
use serde_json::json;

use crate::outage::lab::Lab;
use crate::support::authprobe::Daemon;
use crate::support::certs::certificate;
use crate::support::idp::{Idp, Options};
use crate::support::prometheus::Prometheus;
use crate::support::{Folder, PATIENCE, net};

/// One daemon, a provider a trouble.
const CONFIG: &str = include_str!("troubles.toml");
/// Two days, in seconds: longer than a token may live.
const TWO_DAYS: (&str, &str) = ("TOKEN_TTL", "172800");

/// What runs. Fields are dropped in this order: the daemon before those that it asks.
pub struct Stage {
    /// The daemon.
    pub daemon: Daemon,
    /// The Prometheus that scrapes it, with its rules.
    pub prometheus: Prometheus,
    broken: Lab,
    regional: Lab,
    rotating: Lab,
    _leaky: Lab,
    _split: Lab,
    _clock: Lab,
    _expiring: Idp,
    folder: Folder,
    /// Whoever holds the ledger, as a careless backup would.
    holder: Option<Connection>,
}

impl Stage {
    /// What is wrong from the start is; the others are well still.
    pub fn start() -> Self {
        let folder = Folder::new();
        for (name, secret) in [
            ("web.secret", "web-secret"),
            ("svc.secret", "svc-secret"),
            ("alice.password", "wonderland-7"),
            ("bob.password", "builder-7"),
        ] {
            folder.write(name, secret);
        }
        let [leaky, broken, regional, split, clock, rotating] = std::array::from_fn(|_| Lab::start("127.0.0.1"));
        let made = certificate(&folder, "+0d", 2);
        let expiring = Idp::with(&Options { certificate: Some(&made), environment: &[TWO_DAYS], ..Options::default() });
        let listen = format!("127.0.0.1:{}", net::free_port());
        leaky.fault("pkce_not_enforced", &json!({}));
        leaky.fault("revocation_ignored", &json!({}));
        leaky.tells("web", &format!("http://{listen}/backchannel-logout/web"));
        // An optional member (OIDC RP-Initiated Logout 1.0 §2.1).
        split.fault("metadata_member_missing", &json!({ "which": "end_session_endpoint", "from": "127.0.0.2" }));
        clock.fault("skewed_clock", &json!({ "seconds": 300 }));

        let nobody = format!("http://127.0.0.1:{}/", net::free_port());
        let config = [
            ("@listen", &*listen),
            ("@nobody", &nobody),
            ("@leaky", &leaky.issuer),
            ("@broken", &broken.issuer),
            ("@regional", &regional.issuer),
            ("@split", &split.issuer),
            ("@clock", &clock.issuer),
            ("@rotating", &rotating.issuer),
            ("@expiring", &expiring.issuer),
            ("@authority", made.authority.to_str().unwrap()),
        ]
        .into_iter()
        .fold(CONFIG.to_owned(), |text, (name, value)| text.replace(&format!("\"{name}\""), &format!("\"{value}\"")));
        let config = folder.write("authprobe.toml", &config);
        // It is there first: what it has not seen begin it cannot tell from what was always so.
        let prometheus = Prometheus::with_rules_of(&config, &[], &listen);
        let daemon = Daemon::start(&config, &listen, &[]);
        Self {
            daemon,
            prometheus,
            broken,
            regional,
            rotating,
            _leaky: leaky,
            _split: split,
            _clock: clock,
            _expiring: expiring,
            folder,
            holder: None,
        }
    }

    /// Breaks what was well, once that has been seen; a deployment is marked just before.
    pub fn break_down(&self) {
        let ran = |provider: &str, region: &str| {
            let parts = [format!("provider=\"{provider}\""), format!("probe_region=\"{region}\"")];
            self.daemon.until("authprobe_runs_total", &[&parts[0], &parts[1]], |runs| runs >= 2.0);
        };
        for region in ["east", "west"] {
            ran("regional", region);
        }
        ran("rotating", "east");
        let mark = json!({ "service": "idp", "version": "2.0" }).to_string();
        let marked = net::request("POST", &format!("{}/api/v1/deployments", self.daemon.url), &[], &mark).unwrap();
        assert_eq!(marked.status, 201, "{}", marked.body);
        // Somebody believes that its secret was corrected: it is refused again.
        let resumed = self.daemon.post("/api/v1/accounts/client:stranger/resume");
        assert_eq!(resumed.status, 200, "{}", resumed.body);
        self.broken.fault("wrong_nonce", &json!({}));
        self.daemon.until("authprobe_run_faults_total", &["claim_nonce", "\"login\""], |faults| faults >= 2.0);
        self.regional.fault("connection_reset", &json!({ "from": "127.0.0.2" }));
        self.rotating.fault("same_kid_new_key", &json!({}));
        self.broken.fault("http_500", &json!({ "endpoint": "token" }));
    }

    /// authprobe itself is not well: it cannot write, cannot read what it is told to be, and is paused.
    pub fn hinder(&mut self) {
        let ledger = Connection::open(self.folder.file("ledger.db")).unwrap();
        ledger.busy_timeout(PATIENCE).unwrap();
        ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
        self.holder = Some(ledger);
        self.daemon.until("authprobe_ledger_failing", &[], |failing| failing == 1.0);
        self.folder.write("authprobe.toml", "colour = \"red\"\n");
        let answer = self.daemon.post("/-/reload");
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert_eq!(self.daemon.post("/api/v1/pause").status, 200);
    }

    /// authprobe is gone, and its series with it.
    pub fn kill(&mut self) {
        self.daemon.process.kill();
        self.prometheus.eventually("absent(authprobe_alert_state)");
    }
}
