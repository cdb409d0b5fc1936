//! A lab, and runs of a kind against it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authprobe::browser::Browsers;
use authprobe::clock::Clock;
use authprobe::journey::{Ended, Journey};
use authprobe::lab::{Lab, LabHandle, Options};
use authprobe::oidc::http::{Egress, Trust};
use authprobe::oidc::memory::Memories;
use authprobe::oidc::settings::{AuthMethod, Client, MetadataSource, Provider, RedirectUri, User};
use authprobe::outcome::{StepState, Verdict};
use authprobe::probe::{self, Context, ParseContext};
use authprobe::secret::SecretSource;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A lab and what is remembered of it.
pub struct Stage {
    pub lab: LabHandle,
    pub provider: Provider,
    pub memories: Memories,
    pub timeout: Duration,
    /// As which client: its secret is its name and `-secret`; `tv` and `spa` have none.
    pub client: &'static str,
    pub scopes: &'static [&'static str],
    pub post_logout_redirect_uri: Option<&'static str>,
    folder: std::path::PathBuf,
}

impl Stage {
    pub async fn new(client: &'static str, scopes: &'static [&'static str]) -> Self {
        let lab = Lab::start(Options::default()).await.expect("the lab starts");
        let provider = Provider {
            name: "lab".into(),
            issuer: lab.issuer.as_str().into(),
            metadata: MetadataSource::Auto,
            endpoints: BTreeMap::new(),
            upstream: None,
            headers: Default::default(),
            trust: Trust::default(),
            max_requests_per_minute: None,
            propagate_traceparent: false,
        };
        let folder =
            std::env::temp_dir().join(format!("authprobe-flows-{}-{}", std::process::id(), lab.address.port()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("password"), "wonderland-7").unwrap();
        std::fs::write(folder.join("secret"), format!("{client}-secret")).unwrap();
        let (memories, timeout, post_logout_redirect_uri) = (Memories::default(), Duration::from_secs(20), None);
        Self { lab, provider, memories, timeout, client, scopes, post_logout_redirect_uri, folder }
    }

    /// This fault alone from now on; empty: none.
    pub fn fault(&self, name: &str, parameters: &Value) {
        self.lab.clear_faults();
        if !name.is_empty() {
            self.lab.set_fault(name, parameters).unwrap();
        }
    }

    fn as_client(&self) -> Client {
        let public = matches!(self.client, "tv" | "spa");
        Client {
            name: self.client.into(),
            client_id: self.client.into(),
            secret: (!public).then(|| SecretSource::File(self.folder.join("secret"))),
            auth_method: if public { AuthMethod::None } else { AuthMethod::ClientSecretBasic },
            proof: Default::default(),
            par: None,
            redirect_uri: Some(RedirectUri::parse("http://127.0.0.1:8765/cb").unwrap()),
            post_logout_redirect_uri: self.post_logout_redirect_uri.map(|uri| RedirectUri::parse(uri).unwrap()),
            scopes: self.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            require_pkce: false,
            id_token_alg: None,
        }
    }

    /// What a run of that check may use.
    pub fn context(&self, check: &str) -> Context {
        let region = Arc::new(Egress::direct("here"));
        let user = User {
            name: "synthetic".into(),
            username: "alice".into(),
            password: SecretSource::File(self.folder.join("password")),
            totp: None,
            passkey: None,
        };
        Context {
            clock: Clock::system(),
            region: region.clone(),
            regions: vec![region],
            provider: Arc::new(self.provider.clone()),
            client: Some(Arc::new(self.as_client())),
            second_client: None,
            user: Some(Arc::new(user)),
            provider_memory: self.memories.provider(&self.provider.name),
            memory: self.memories.check(check),
            browsers: Arc::new(Browsers::new(Clock::system())),
            mailbox: self.memories.mailbox.clone(),
        }
    }

    /// One run of a kind. What it remembers of its last one is told apart by `own`.
    pub async fn run(&self, kind: &str, own: &str) -> Ended {
        let kind = probe::kind(kind).unwrap();
        let parse = ParseContext { regions: 1, base: self.folder.clone(), client: true };
        let probe =
            (kind.parse)(toml::from_str(own).unwrap(), &parse).unwrap_or_else(|problems| panic!("{problems:?}"));
        let cx = self.context(&format!("{}{own}", kind.name));
        let mut journey = Journey::new(Clock::system(), self.timeout, probe.steps());
        let _ = probe.run(&cx, &mut journey).await;
        journey.finish(Duration::from_secs(5)).await
    }

    /// What the lab counts.
    pub async fn stats(&self) -> Value {
        let mut stream = TcpStream::connect(self.lab.address).await.unwrap();
        stream.write_all(b"GET /lab/stats HTTP/1.0\r\nhost: lab\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// How many of a thing the lab remembers.
    pub async fn remembered(&self, what: &str) -> u64 {
        self.stats().await["remembered"][what].as_u64().unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `class/blame at step`, or `good` and the codes of the warnings.
pub fn shown(ended: &Ended) -> String {
    match &ended.fault {
        Some(fault) => format!("{}/{} at {}", fault.class, fault.blame, fault.step),
        None => {
            assert_eq!(ended.verdict, Verdict::Good);
            let codes = ended.warnings.iter().map(|warning| warning.code);
            std::iter::once("good").chain(codes).collect::<Vec<_>>().join(" ")
        }
    }
}

/// The steps that were done, and the cleanups.
pub fn done(ended: &Ended) -> Vec<&'static str> {
    ended.steps.iter().filter(|step| step.state == StepState::Done).map(|step| step.name).collect()
}

/// No parameters.
pub fn plain() -> Value {
    json!({})
}
