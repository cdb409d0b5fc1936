//! A lab, and runs of a kind against it, for all tests of kinds: one place for who runs, with what, and how the end of a
//! run is written.

#![allow(dead_code)] // Each test uses its part of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use authprobe::browser::Browsers;
use authprobe::clock::Clock;
use authprobe::fault::Fault;
use authprobe::journey::{Ended, Journey};
use authprobe::lab::{Lab, LabHandle, Options, accounts, proofs};
use authprobe::oidc::http::{Egress, Trust};
use authprobe::oidc::memory::Memories;
use authprobe::oidc::settings::{AuthMethod, Client, MetadataSource, Proof, Provider, RedirectUri, User};
use authprobe::outcome::{StepState, Verdict, Warning};
use authprobe::probe::{self, Context, ParseContext};
use authprobe::secret::SecretSource;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::folder::Folder;

/// How long what is left to do after a run may take.
const CLEANUP: Duration = Duration::from_secs(10);

/// A lab, and what is remembered of it.
pub struct Stage {
    /// The lab.
    pub lab: LabHandle,
    /// As it is configured.
    pub provider: Provider,
    /// What runs remember.
    pub memories: Memories,
    /// The time.
    pub clock: Clock,
    /// How long a run may take: this machine may be busy.
    pub timeout: Duration,
    /// As which client; none: without.
    pub client: Option<Client>,
    /// Whether alice logs in.
    pub user: bool,
    folder: Folder,
}

impl Stage {
    /// A machine before a healthy lab.
    pub async fn machine(id: &str) -> Self {
        let mut stage = Self::before(Options::default()).await;
        stage.client = Some(stage.client_of(id));
        stage
    }

    /// alice before a healthy lab, through that client and with these scopes.
    pub async fn user(id: &str, scopes: &[&str]) -> Self {
        let mut stage = Self::before(Options::default()).await;
        stage.log_in(id, scopes);
        stage
    }

    /// Nobody in particular before that lab.
    pub async fn before(options: Options) -> Self {
        let clock = options.clock.clone();
        let lab = Lab::start(options).await.expect("the lab starts");
        let folder = Folder::new();
        folder.write("alice", "wonderland-7");
        for client in accounts::CLIENTS {
            folder.write(client.id, client.secret.unwrap_or(proofs::PRIVATE_KEY));
        }
        let ca_file = lab.authority.as_ref().map(|authority| folder.write("ca.pem", authority));
        let provider = Provider {
            name: "lab".into(),
            issuer: lab.issuer.as_str().into(),
            metadata: MetadataSource::Auto,
            endpoints: BTreeMap::new(),
            upstream: None,
            headers: Default::default(),
            trust: Trust { ca_file },
            max_requests_per_minute: None,
            propagate_traceparent: false,
        };
        let (memories, timeout) = (Memories::default(), Duration::from_secs(60));
        Self { lab, provider, memories, clock, timeout, client: None, user: false, folder }
    }

    /// From now on alice logs in, through that client and with these scopes.
    pub fn log_in(&mut self, id: &str, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        (self.client, self.user) = (Some(Client { scopes, ..self.client_of(id) }), true);
    }

    /// The lab's client of that identifier, as a configuration would have it but for scopes.
    pub fn client_of(&self, id: &str) -> Client {
        let auth_method = match id {
            "spa" | "tv" => AuthMethod::None,
            "keyed" => AuthMethod::PrivateKeyJwt,
            "shared" => AuthMethod::ClientSecretJwt,
            _ => AuthMethod::ClientSecretBasic,
        };
        let (public, keyed) = (auth_method == AuthMethod::None, auth_method == AuthMethod::PrivateKeyJwt);
        let secret = || SecretSource::File(self.folder.file(id));
        Client {
            name: id.into(),
            client_id: id.into(),
            secret: (!public && !keyed).then(secret),
            auth_method,
            proof: Proof { key: keyed.then(secret), ..Proof::default() },
            par: None,
            redirect_uri: Some(RedirectUri::parse("http://127.0.0.1:8765/cb").expect("a redirect URI")),
            post_logout_redirect_uri: None,
            scopes: Vec::new(),
            require_pkce: false,
            id_token_alg: None,
        }
    }

    /// Writes a file beside the configuration; that of a client's or user's name is its secret.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        self.folder.write(name, content)
    }

    /// This fault alone from now on; empty: none.
    pub fn fault(&self, name: &str, parameters: &Value) {
        self.lab.clear_faults();
        if !name.is_empty() {
            self.lab.set_fault(name, parameters).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
    }

    /// The lab's own protected resource.
    pub fn resource(&self) -> String {
        format!("{}/resource", self.lab.issuer)
    }

    /// What a run of that check may use.
    pub fn context(&self, check: &str) -> Context {
        let region = Arc::new(Egress::direct("here"));
        let user = User {
            name: "alice".into(),
            username: "alice".into(),
            password: SecretSource::File(self.folder.file("alice")),
            totp: None,
            passkey: None,
        };
        Context {
            clock: self.clock.clone(),
            region: region.clone(),
            regions: vec![region],
            provider: Arc::new(self.provider.clone()),
            client: self.client.clone().map(Arc::new),
            second_client: None,
            user: self.user.then(|| Arc::new(user)),
            provider_memory: self.memories.provider(&self.provider.name),
            memory: self.memories.check(check),
            browsers: Arc::new(Browsers::new(self.clock.clone())),
            mailbox: self.memories.mailbox.clone(),
        }
    }

    /// One run of a kind. What it remembers of its last one is told apart by `own`. No run sends more than the kind says,
    /// and a good one has walked through every step that the kind declares.
    pub async fn run(&self, kind: &str, own: &str) -> Ended {
        let kind = probe::kind(kind).expect("a kind");
        let parse = ParseContext { regions: 1, base: self.folder.path().to_owned(), client: self.client.is_some() };
        let table = toml::from_str(own).unwrap_or_else(|why| panic!("{own}: {why}"));
        let probe = (kind.parse)(table, &parse).unwrap_or_else(|problems| panic!("{own}: {problems:?}"));
        let cx = self.context(&format!("{}{own}", kind.name));
        let declared = probe.steps();
        let mut journey = Journey::new(self.clock.clone(), self.timeout, declared.clone());
        let _ = probe.run(&cx, &mut journey).await;
        let ended = journey.finish(CLEANUP).await;
        let sent: usize = ended.steps.iter().map(|step| step.requests.len()).sum();
        assert!(sent <= probe.cost().burst as usize, "{}: {sent} requests, more than its burst", kind.name);
        if ended.verdict == Verdict::Good {
            let walked: Vec<_> = ended.steps.iter().filter(|step| !step.cleanup).map(|step| step.name).collect();
            let mut rest = walked.iter();
            let in_order = declared.iter().all(|step| rest.any(|walked| walked == step));
            let known = walked.iter().all(|step| declared.contains(step));
            assert!(in_order && known, "{}: {walked:?} is not the declared {declared:?}", kind.name);
        }
        ended
    }

    /// What becomes of a run under one fault.
    pub async fn under(&self, fault: &str, parameters: &Value, kind: &str, own: &str) -> String {
        self.fault(fault, parameters);
        shown(&self.run(kind, own).await)
    }

    /// What the lab counts.
    pub async fn stats(&self) -> Value {
        let mut stream = TcpStream::connect(self.lab.address).await.expect("the lab listens");
        stream.write_all(b"GET /lab/stats HTTP/1.0\r\nhost: lab\r\n\r\n").await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    }

    /// How many of a thing the lab remembers.
    pub async fn remembered(&self, what: &str) -> u64 {
        self.stats().await["remembered"][what].as_u64().expect("a number")
    }
}

/// `verdict class/blame at step`, or `good` and the codes of the warnings, each once.
pub fn told(verdict: Verdict, fault: Option<&Fault>, warnings: &[Warning]) -> String {
    if let Some(fault) = fault {
        return format!("{} {}/{} at {}", verdict.as_str(), fault.class, fault.blame, fault.step);
    }
    assert_eq!(verdict, Verdict::Good, "without a fault");
    let mut codes: Vec<&str> = warnings.iter().map(|warning| warning.code).collect();
    codes.sort_unstable();
    codes.dedup();
    std::iter::once("good").chain(codes).collect::<Vec<_>>().join(" ")
}

/// The same of a run.
pub fn shown(ended: &Ended) -> String {
    told(ended.verdict, ended.fault.as_ref(), &ended.warnings)
}

/// The fault's words, if there is one.
pub fn detail(ended: &Ended) -> &str {
    ended.fault.as_ref().map_or("", |fault| &fault.detail)
}

/// The steps that were done, and the cleanups.
pub fn done(ended: &Ended) -> Vec<&'static str> {
    ended.steps.iter().filter(|step| step.state == StepState::Done).map(|step| step.name).collect()
}

/// The notes of skipped steps.
pub fn skipped(ended: &Ended) -> BTreeMap<&'static str, String> {
    let skipped = ended.steps.iter().filter(|step| step.state == StepState::Skipped);
    skipped.map(|step| (step.name, step.note.clone())).collect()
}

/// The notes of what was done after the run; empty notes for what succeeded.
pub fn cleanups(ended: &Ended) -> Vec<(&'static str, String)> {
    ended.steps.iter().filter(|step| step.cleanup).map(|step| (step.name, step.note.clone())).collect()
}

/// No parameters.
pub fn none() -> Value {
    json!({})
}
