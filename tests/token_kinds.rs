//! The kinds that show tokens about, against the lab: what each fault is called, where, and what is only a warning. The
//! expectations come from the RFCs and the contract.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use authprobe::browser::Browsers;
use authprobe::clock::{Clock, Timestamp};
use authprobe::journey::{Ended, Journey};
use authprobe::lab::{Lab, LabHandle, Options};
use authprobe::oidc::http::{Egress, Trust};
use authprobe::oidc::memory::Memories;
use authprobe::oidc::settings::{MetadataSource, Provider, User};
use authprobe::outcome::{StepState, Verdict};
use authprobe::probe::{self, Context, ParseContext};
use authprobe::secret::SecretSource;
use serde_json::{Value, json};

#[path = "token_kinds/client.rs"]
mod client;
#[path = "token_kinds/introspection.rs"]
mod introspection;
#[path = "token_kinds/jwt_bearer.rs"]
mod jwt_bearer;
#[path = "token_kinds/resource.rs"]
mod resource;
#[path = "token_kinds/userinfo.rs"]
mod userinfo;

/// A lab and what is remembered of it.
pub struct Scene {
    pub lab: LabHandle,
    pub provider: Provider,
    memories: Memories,
    folder: PathBuf,
    pub clock: Clock,
    /// As which of the lab's clients; none: without.
    pub client: Option<&'static str>,
    /// Whether alice logs in.
    pub user: bool,
}

impl Scene {
    /// A run is as a machine.
    pub async fn new() -> Self {
        Self::at(Clock::system()).await
    }

    pub async fn at(clock: Clock) -> Self {
        let lab = Lab::start(Options { clock: clock.clone(), ..Options::default() }).await.expect("the lab starts");
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
        let folder = std::env::temp_dir().join(format!("authprobe-t-{}-{}", std::process::id(), lab.address.port()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("alice"), "wonderland-7").unwrap();
        Self { lab, provider, memories: Memories::default(), folder, clock, client: Some("svc"), user: false }
    }

    /// alice logs in through `web`.
    pub async fn with_user() -> Self {
        Self::new().await.log_in("web")
    }

    /// alice logs in, through that client.
    pub fn log_in(mut self, client: &'static str) -> Self {
        (self.client, self.user) = (Some(client), true);
        self
    }

    /// Nobody logs in.
    pub fn machine(mut self, client: Option<&'static str>) -> Self {
        (self.client, self.user) = (client, false);
        self
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn fault(&self, name: &str, parameters: &Value) {
        self.lab.clear_faults();
        if !name.is_empty() {
            self.lab.set_fault(name, parameters).unwrap();
        }
    }

    /// The lab's own protected resource.
    pub fn resource(&self) -> String {
        format!("{}/resource", self.lab.issuer)
    }

    /// One run of a kind. What it remembers of its last one is told apart by `own`.
    pub async fn run(&self, kind: &str, own: &str) -> Ended {
        let kind = probe::kind(kind).unwrap();
        let parse = ParseContext { regions: 1, base: self.folder.clone(), client: self.client.is_some() };
        let probe =
            (kind.parse)(toml::from_str(own).unwrap(), &parse).unwrap_or_else(|problems| panic!("{problems:?}"));
        let region = Arc::new(Egress::direct("here"));
        let client = self.client.map(|id| {
            let secret = self.file(id, &format!("{id}-secret"));
            Arc::new(client::of(id, SecretSource::File(secret)))
        });
        let user = User {
            name: "alice".into(),
            username: "alice".into(),
            password: SecretSource::File(self.folder.join("alice")),
            totp: None,
            passkey: None,
        };
        let cx = Context {
            clock: self.clock.clone(),
            region: region.clone(),
            regions: vec![region],
            provider: Arc::new(self.provider.clone()),
            client,
            second_client: None,
            user: self.user.then(|| Arc::new(user)),
            provider_memory: self.memories.provider(&self.provider.name),
            memory: self.memories.check(&format!("{}{own}", kind.name)),
            browsers: Arc::new(Browsers::new(self.clock.clone())),
            mailbox: Arc::default(),
        };
        let declared = probe.steps();
        let mut journey = Journey::new(self.clock.clone(), Duration::from_secs(20), declared.clone());
        let _ = probe.run(&cx, &mut journey).await;
        let ended = journey.finish(Duration::from_secs(5)).await;
        let sent = ended.steps.iter().map(|step| step.requests.len()).sum::<usize>();
        assert!(sent <= probe.cost().burst as usize, "{}: {sent} requests, more than its burst", kind.name);
        if ended.verdict == Verdict::Good {
            let walked: Vec<_> = ended.steps.iter().filter(|step| !step.cleanup).map(|step| step.name).collect();
            assert_eq!(walked, declared, "{}: the steps of a good run are the declared ones", kind.name);
        }
        ended
    }

    /// What becomes of a run under one fault.
    pub async fn under(&self, fault: &str, parameters: &Value, kind: &str, own: &str) -> String {
        self.fault(fault, parameters);
        shown(&self.run(kind, own).await)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `class/blame at step`, or `good`; and the codes of the warnings.
pub fn shown(ended: &Ended) -> String {
    let codes = ended.warnings.iter().map(|warning| warning.code);
    let first = match &ended.fault {
        Some(fault) => format!("{}/{} at {}", fault.class, fault.blame, fault.step),
        None => {
            assert_eq!(ended.verdict, Verdict::Good);
            "good".to_owned()
        }
    };
    std::iter::once(first.as_str()).chain(codes).collect::<Vec<_>>().join(" ")
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

/// A clock that runs on from now, and can be set.
pub fn clock() -> (Clock, Timestamp) {
    let now = Clock::system().now();
    (Clock::following(now), now)
}

pub fn none() -> Value {
    json!({})
}
