//! A lab with one fault, a configuration as a user would write it, and one run of each probe.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::lab::proofs::PRIVATE_KEY;
use authprobe::lab::{Lab, LabHandle, Options};
use authprobe::outcome::{CheckLabels, Outcome};
use authprobe::plan::{self, Check, Plan, Server};
use authprobe::runner::{Credentials, Engine, Missed, Stopper, Watch};
use authprobe::web::backchannel::{self, Receiver};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::folder::Folder;
use crate::lab_stage::told;
use crate::row::{Row, With};

/// A probe of the configuration. Its name is its kind's, perhaps with what is special about it after a dot.
pub struct Probe {
    /// The name.
    pub name: &'static str,
    /// Client and user.
    pub who: &'static str,
    /// The kind's own keys.
    pub own: &'static str,
}

impl Probe {
    /// Its kind.
    pub fn kind(&self) -> &'static str {
        self.name.split('.').next().unwrap_or_default()
    }
}

const NOBODY: &str = "provider = \"lab\"";
const MACHINE: &str = "client = \"svc\"";
const DEVICE: &str = "client = \"tv\"\nuser = \"alice\"";
const USER: &str = "client = \"web\"\nuser = \"alice\"";
const NARROW: &str = "client = \"narrow\"\nuser = \"alice\"";

/// Every probe that every row runs.
pub const PROBES: &[Probe] = &[
    Probe { name: "discovery", who: NOBODY, own: "" },
    Probe { name: "jwks", who: NOBODY, own: "" },
    Probe { name: "client_credentials", who: MACHINE, own: "" },
    Probe { name: "token_exchange", who: MACHINE, own: "" },
    Probe { name: "form_login", who: USER, own: "logout = true\nmax_age = \"10m\"" },
    Probe { name: "form_login.steps", who: USER, own: STEPS },
    Probe { name: "refresh", who: USER, own: "rotation = \"required\"" },
    Probe { name: "revocation", who: USER, own: "bound = \"3s\"" },
    Probe { name: "introspection", who: MACHINE, own: "bound = \"3s\"" },
    Probe { name: "userinfo", who: USER, own: "" },
    Probe { name: "jwt_bearer", who: MACHINE, own: "assertion = { file = \"assertion\" }" },
    Probe { name: "resource", who: MACHINE, own: RESOURCE },
    Probe { name: "device", who: DEVICE, own: "bound = \"5s\"" },
    Probe { name: "registration", who: NOBODY, own: "" },
    Probe { name: "logout", who: USER, own: "back_channel = true\nbound = \"10s\"" },
    Probe { name: "client_credentials.post", who: "client = \"posted\"", own: "" },
    Probe { name: "client_credentials.bound", who: "client = \"bound\"", own: "" },
    Probe { name: "client_credentials.assertion", who: "client = \"shared\"", own: "" },
    Probe { name: "client_credentials.keyed", who: "client = \"keyed\"", own: "" },
    Probe { name: "form_login.pushed", who: "client = \"pushed\"\nuser = \"alice\"", own: "" },
    Probe { name: "form_login.hybrid", who: USER, own: "response_type = \"code id_token token\"" },
    Probe { name: "form_login.implicit", who: USER, own: "response_type = \"id_token token\"" },
    Probe { name: "form_login.code_id_token", who: USER, own: "response_type = \"code id_token\"" },
    Probe { name: "form_login.id_token", who: USER, own: "response_type = \"id_token\"" },
    Probe { name: "form_login.asking", who: NARROW, own: ASKING },
    Probe { name: "form_login.fragment", who: USER, own: "response_mode = \"fragment\"" },
    Probe { name: "form_login.form_post", who: USER, own: "response_mode = \"form_post\"" },
    Probe { name: "form_login.silent", who: USER, own: "prompt = \"none\"" },
    Probe { name: "hardening", who: USER, own: "" },
];

/// How somebody logged in, a claim that no scope asks for, and what the token is for: each of them a demand.
const ASKING: &str = r#"
acr_values = ["urn:authprobe:lab:password"]
resource = ["urn:authprobe:lab:api"]
expect = { acr = "urn:authprobe:lab:password" }
claims = { id_token = { email = { essential = true } } }
"#;

/// With everything that can be asked of an API; the issuer goes before the path.
const RESOURCE: &str = r#"
url = "ISSUER/resource"
origin = "https://app.example.com"
too_few_scopes = ["profile"]
revoked = true
bound = "3s"
"#;

/// The login page as somebody wrote it down while it was healthy.
const STEPS: &str = r##"
[[probe.step]]
fill = "#username"
with = "username"
[[probe.step]]
fill = "#password"
with = "password"
[[probe.step]]
click = "text=Sign in"
"##;

/// Whom a user logs in to, and the user.
pub const WEB: &str = r#"
[[client]]
name = "narrow"
provider = "lab"
client_id = "web"
client_secret = { file = "web" }
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid"]

[[client]]
name = "pushed"
provider = "lab"
client_id = "web"
client_secret = { file = "web" }
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "profile"]
par = true

[[client]]
name = "web"
provider = "lab"
client_id = "web"
client_secret = { file = "web" }
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "profile", "email", "offline_access", "api"]
require_pkce = true

[[user]]
name = "alice"
username = "alice"
password = { file = "alice" }
"#;

/// How long a probe may take that is to hang (seconds).
const HASTY: u64 = 10;
/// How long any other may take (seconds): this machine may be busy.
const PATIENT: u64 = 60;

/// Nobody looks on.
struct Nobody;

impl Watch for Nobody {
    fn outcome(&self, _: &Arc<Outcome>) {}
    fn missed(&self, _: &CheckLabels, _: Missed, _: u64) {}
    fn started(&self, _: &CheckLabels) {}
    fn lateness(&self, _: Duration) {}
}

/// The lab of one row, and what runs against it.
pub struct Stage {
    lab: LabHandle,
    plan: Plan,
    /// Where logout tokens come.
    door: Mutex<Option<TcpListener>>,
    _folder: Folder,
}

impl Stage {
    /// A healthy one, for that row.
    pub async fn new(row: &Row) -> Self {
        Self::in_time(row, 1).await
    }

    /// The same, where the hasty have so many times what they usually have.
    pub async fn in_time(row: &Row, times: u64) -> Self {
        let folder = Folder::new();
        // By name: an address makes no promise to come back by https only (RFC 6797 §8.1.1).
        let issuer = row.has(With::Tls).then(|| "https://localhost:0".to_owned());
        let lab = Lab::start(Options { issuer, tls: row.has(With::Tls), ..Options::default() }).await;
        let lab = lab.expect("the lab starts");
        let shared = "shared-secret-that-is-long-enough-for-HS256";
        let secrets = [("web", "web-secret"), ("svc", "svc-secret"), ("bound", "bound-secret"), ("shared", shared)];
        for (name, secret) in secrets.into_iter().chain([("keyed", PRIVATE_KEY), ("alice", "wonderland-7")]) {
            folder.write(name, secret);
        }
        folder.write("assertion", &lab.assertion(&Value::Null));
        if let Some(authority) = &lab.authority {
            folder.write("ca.pem", authority);
        }
        let text = configuration(row, &lab, times);
        let plan = plan::from_str("matrix.toml", &text, &folder).unwrap_or_else(|why| panic!("{why}\n{text}"));
        let door = Mutex::new(Some(TcpListener::bind("127.0.0.1:0").await.expect("a port")));
        Self { lab, plan, door, _folder: folder }
    }

    /// Runs every check once, as the row wants it: what each came to, by name (and region, if there are several).
    pub async fn run(&self, row: &Row) -> Vec<(String, String)> {
        let engines: Vec<_> = self.plan.checks.iter().map(|check| Ran { check, engine: engine() }).collect();
        self.receive(&engines);
        if row.has(With::After) || row.has(With::AfterRotation) {
            all(&engines).await;
        }
        if row.has(With::AfterRotation) {
            self.lab.rotate(true, Duration::ZERO).await.expect("another key");
            all(&engines).await;
        }
        if !row.fault.is_empty() {
            self.lab.set_fault(row.fault, &row.parameters()).unwrap_or_else(|why| panic!("{why}"));
        }
        // The door closes when its task has heard of it: until then connections are taken, and reset.
        while row.fault == "connection_refused" && tokio::net::TcpStream::connect(self.lab.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let came = all(&engines).await;
        let named = |(check, shown): (&Arc<Check>, String)| {
            let several = row.has(With::West) && !check.probe.probe.cost().all_regions;
            let region = if several { format!("@{}", check.labels.region) } else { String::new() };
            (format!("{}{region}", check.labels.probe), shown)
        };
        self.plan.checks.iter().zip(came).map(named).collect()
    }

    /// Has logout tokens delivered to the check that waits for them.
    fn receive(&self, engines: &[Ran<'_>]) {
        let Some(waits) = engines.iter().find(|ran| ran.check.labels.kind == "logout") else { return };
        let Some(door) = self.door.lock().expect("the door").take() else { return };
        let listen = door.local_addr().expect("its address");
        let server = Server::at(listen);
        let mailbox = waits.engine.memories.mailbox.clone();
        let receiver = Receiver::new(mailbox.clone(), Arc::new(|client| client == "web"));
        tokio::spawn(backchannel::serve(door, &server, receiver, std::future::pending()).expect("a receiver"));
        mailbox.open();
        let url = format!("http://{listen}/backchannel-logout/web");
        self.lab.deliver_logout_tokens("web", &url).expect("a client");
    }

    /// Runs one probe so often, one after the other.
    pub async fn repeat(&self, probe: &str, times: usize, fault: &str, parameters: &Value) -> Vec<String> {
        let check = self.plan.checks.iter().find(|check| *check.labels.probe == *probe).expect(probe);
        self.lab.set_fault(fault, parameters).unwrap_or_else(|why| panic!("{why}"));
        let ran = Ran { check, engine: engine() };
        let mut came = Vec::new();
        for _ in 0..times {
            came.push(ran.once().await);
        }
        self.lab.clear_faults();
        came
    }

    /// Ends the lab.
    pub async fn end(self) {
        self.lab.shutdown().await;
    }
}

/// A check with a memory of its own, so that no probe knows what another one saw.
struct Ran<'a> {
    check: &'a Arc<Check>,
    engine: Engine,
}

fn engine() -> Engine {
    Engine::new(Clock::system(), Arc::new(Nobody)).expect("an engine")
}

async fn all(engines: &[Ran<'_>]) -> Vec<String> {
    futures_util::future::join_all(engines.iter().map(Ran::once)).await
}

impl Ran<'_> {
    async fn once(&self) -> String {
        let (_stopper, stop) = Stopper::new();
        let outcome = self.engine.run_now(self.check, &Credentials::of(self.check), stop).await;
        self.engine.clean_up().await;
        let outcome = outcome.expect("nobody interrupts it");
        told(outcome.verdict, outcome.fault.as_ref(), &outcome.warnings)
    }
}

/// The same of a run as the command prints it; that the machine's browser has no BiDi is not the provider's affair.
pub fn shown_json(run: &Value) -> String {
    let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match run.get("fault").filter(|fault| !fault.is_null()) {
        Some(_) => {
            let (verdict, class, blame, step) =
                (text("/verdict"), text("/fault/class"), text("/fault/blame"), text("/fault/step"));
            format!("{verdict} {class}/{blame} at {step}")
        }
        None => {
            let codes = run["warnings"].as_array().into_iter().flatten().filter_map(|warning| warning["code"].as_str());
            let mut codes: Vec<_> = codes.filter(|code| *code != "no_bidi").collect();
            codes.sort_unstable();
            codes.dedup();
            std::iter::once(text("/verdict")).chain(codes).collect::<Vec<_>>().join(" ")
        }
    }
}

fn configuration(row: &Row, lab: &LabHandle, times: u64) -> String {
    let ca_file = if lab.authority.is_some() { "ca_file = \"ca.pem\"" } else { "" };
    let issuer = &lab.issuer;
    let mut text = format!(
        r#"
[[region]]
name = "east"
source_address = "127.0.0.1"

[[region]]
name = "west"
source_address = "127.0.0.2"

[[provider]]
name = "lab"
issuer = "{issuer}"
max_requests_per_minute = 100000
{ca_file}
{WEB}
[[client]]
name = "svc"
provider = "lab"
client_id = "svc"
client_secret = {{ file = "svc" }}
scopes = ["api"]

[[client]]
name = "posted"
provider = "lab"
client_id = "svc"
client_secret = {{ file = "svc" }}
auth_method = "client_secret_post"
scopes = ["api"]

[[client]]
name = "bound"
provider = "lab"
client_id = "bound"
client_secret = {{ file = "bound" }}
scopes = ["api"]
dpop = true

[[client]]
name = "shared"
provider = "lab"
client_id = "shared"
client_secret = {{ file = "shared" }}
auth_method = "client_secret_jwt"
scopes = ["api"]

[[client]]
name = "keyed"
provider = "lab"
client_id = "keyed"
key = {{ file = "keyed" }}
auth_method = "private_key_jwt"
scopes = ["api"]

[[client]]
name = "tv"
provider = "lab"
client_id = "tv"
auth_method = "none"
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "profile", "email", "offline_access"]

"#
    );
    let regions = if row.has(With::West) { r#"["east", "west"]"# } else { r#"["east"]"# };
    // There is one receiver of logout tokens, so one check for them.
    let apart = |name: &str| name == "logout" && row.has(With::West);
    let due = |probe: &&Probe| row.of(probe.name).is_some() || !apart(probe.name);
    for probe in PROBES.iter().filter(due) {
        let named = row.of(probe.name).is_some() || row.of(&format!("{}@east", probe.name)).is_some();
        let own = probe.own.replace("ISSUER", issuer);
        let hasty = row.has(With::Hasty) && named;
        let timeout = if hasty { times * HASTY } else { PATIENT };
        // What a run waits for on purpose must fit in.
        let own = if hasty { own.replace("bound = \"10s\"", "bound = \"5s\"") } else { own };
        let _ = write!(
            text,
            "\n[[probe]]\nname = \"{}\"\nkind = \"{}\"\n{}\nregions = {regions}\nevery = \"5m\"\ntimeout = \"{timeout}s\"\n{}\n",
            probe.name,
            probe.kind(),
            probe.who,
            own
        );
    }
    text
}
