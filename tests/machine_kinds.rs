//! The kinds that need no user, against the lab: what each fault is called, where, and what is only a warning. The
//! expectations come from the specifications and the contract.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authprobe::browser::Browsers;
use authprobe::clock::Clock;
use authprobe::journey::{Ended, Journey};
use authprobe::lab::{Lab, LabHandle, Options};
use authprobe::oidc::http::{Egress, Trust};
use authprobe::oidc::memory::Memories;
use authprobe::oidc::settings::{AuthMethod, Client, MetadataSource, Provider};
use authprobe::outcome::{Observation, Verdict};
use authprobe::probe::{self, Context, ParseContext};
use authprobe::secret::SecretSource;
use serde_json::{Value, json};

/// A lab and what is remembered of it.
struct Scene {
    lab: LabHandle,
    provider: Provider,
    memories: Memories,
    secret: std::path::PathBuf,
    timeout: Duration,
}

impl Scene {
    async fn new() -> Self {
        Self::at(None).await
    }

    async fn at(issuer: Option<&str>) -> Self {
        let options = Options { issuer: issuer.map(str::to_owned), ..Options::default() };
        let lab = Lab::start(options).await.expect("the lab starts");
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
        let secret = std::env::temp_dir().join(format!("authprobe-{}-{}", std::process::id(), lab.address.port()));
        std::fs::write(&secret, "svc-secret").unwrap();
        Self { lab, provider, memories: Memories::default(), secret, timeout: Duration::from_secs(20) }
    }

    fn fault(&self, name: &str, parameters: &Value) {
        self.lab.clear_faults();
        if !name.is_empty() {
            self.lab.set_fault(name, parameters).unwrap();
        }
    }

    /// One run of a kind. What it remembers of its last one is told apart by `own`.
    async fn run(&self, kind: &str, own: &str) -> Ended {
        let kind = probe::kind(kind).unwrap();
        let parse = ParseContext { regions: 1, base: std::env::temp_dir(), client: true };
        let probe =
            (kind.parse)(toml::from_str(own).unwrap(), &parse).unwrap_or_else(|problems| panic!("{problems:?}"));
        let region = Arc::new(Egress::direct("here"));
        let client = Client {
            name: "svc".into(),
            client_id: "svc".into(),
            secret: Some(SecretSource::File(self.secret.clone())),
            auth_method: AuthMethod::ClientSecretBasic,
            proof: Default::default(),
            par: None,
            redirect_uri: None,
            post_logout_redirect_uri: None,
            scopes: vec![],
            require_pkce: false,
            id_token_alg: None,
        };
        let cx = Context {
            clock: Clock::system(),
            region: region.clone(),
            regions: vec![region],
            provider: Arc::new(self.provider.clone()),
            client: Some(Arc::new(client)),
            second_client: None,
            user: None,
            provider_memory: self.memories.provider(&self.provider.name),
            memory: self.memories.check(&format!("{}{own}", kind.name)),
            browsers: Arc::new(Browsers::new(Clock::system())),
            mailbox: self.memories.mailbox.clone(),
        };
        let mut journey = Journey::new(Clock::system(), self.timeout, probe.steps());
        let _ = probe.run(&cx, &mut journey).await;
        journey.finish(Duration::from_secs(5)).await
    }

    async fn verdict(&self, kind: &str) -> String {
        shown(&self.run(kind, "").await)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.secret);
    }
}

/// `class/blame at step`, or `good` and the codes of the warnings.
fn shown(ended: &Ended) -> String {
    match &ended.fault {
        Some(fault) => format!("{}/{} at {}", fault.class, fault.blame, fault.step),
        None => {
            assert_eq!(ended.verdict, Verdict::Good);
            let codes = ended.warnings.iter().map(|warning| warning.code);
            std::iter::once("good").chain(codes).collect::<Vec<_>>().join(" ")
        }
    }
}

fn rotations(ended: &Ended) -> (u64, u64) {
    let mut sum = (0, 0);
    for observation in &ended.observations {
        if let Observation::KeyRotation { rotations, unsafe_rotations } = observation {
            sum = (sum.0 + rotations, sum.1 + unsafe_rotations);
        }
    }
    sum
}

fn skew(ended: &Ended) -> f64 {
    let mut skews = ended.observations.iter().filter_map(|o| match o {
        Observation::ClockSkew { seconds, .. } => Some(*seconds),
        _ => None,
    });
    skews.next_back().expect("a clock skew")
}

const KINDS: [&str; 4] = ["discovery", "jwks", "client_credentials", "token_exchange"];

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_provider_is_good_wherever_its_issuer_is() {
    for issuer in [None, Some("http://127.0.0.1:0/realms/main"), Some("http://127.0.0.1:0/o/")] {
        let scene = Scene::at(issuer).await;
        for kind in KINDS {
            assert_eq!(scene.verdict(kind).await, "good", "{kind} {issuer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_have_their_classes_and_steps() {
    let scene = Scene::new().await;
    let endpoint = |name: &str| json!({ "endpoint": name });
    for (fault, parameters, kind, expected) in [
        ("http_500", endpoint("discovery"), "discovery", "http_status/provider at discovery"),
        ("http_503", endpoint("jwks"), "jwks", "http_status/provider at jwks"),
        ("http_502_html", endpoint("token"), "client_credentials", "http_status/provider at token"),
        ("http_500", endpoint("token"), "token_exchange", "http_status/provider at subject_token"),
        ("rate_limited", endpoint("token"), "client_credentials", "rate_limited/provider at token"),
        ("redirect_loop", endpoint("discovery"), "discovery", "redirect/provider at discovery"),
        ("redirect_loop", endpoint("jwks"), "jwks", "redirect/provider at jwks"),
        ("oversize_body", endpoint("jwks"), "jwks", "too_large/provider at jwks"),
        ("connection_reset", endpoint("jwks"), "jwks", "reset/network at jwks"),
        ("wrong_content_type", endpoint("jwks"), "jwks", "good content_type"),
        ("wrong_content_type", endpoint("token"), "client_credentials", "good content_type"),
        ("issuer_mismatch", json!({}), "discovery", "issuer_mismatch/provider at discovery"),
        ("issuer_mismatch", json!({}), "jwks", "issuer_mismatch/provider at discovery"),
        ("issuer_mismatch", json!({}), "client_credentials", "issuer_mismatch/provider at discovery"),
        ("jwks_uri_missing", json!({}), "discovery", "metadata_invalid/provider at discovery"),
        ("jwks_down", json!({}), "jwks", "http_status/provider at jwks"),
        ("jwks_garbage", json!({}), "jwks", "malformed/provider at jwks"),
        ("jwks_empty", json!({}), "jwks", "jwks_invalid/provider at jwks"),
        ("jwks_malformed_key", json!({}), "jwks", "jwks_invalid/provider at jwks"),
        ("jwks_malformed_key", json!({}), "client_credentials", "good jwks"),
        ("jwks_weak_key", json!({}), "jwks", "jwks_invalid/provider at jwks"),
        ("jwks_private_key", json!({}), "jwks", "jwks_invalid/provider at jwks"),
        ("jwks_duplicate_kid", json!({}), "jwks", "jwks_invalid/provider at jwks"),
        ("jwks_duplicate_kid", json!({}), "client_credentials", "good jwks"),
        ("token_invalid_json", json!({}), "client_credentials", "malformed/provider at token"),
        ("token_type_missing", json!({}), "client_credentials", "good token_type_missing"),
        ("expires_in_string", json!({}), "client_credentials", "good expires_in_type"),
        (
            "bad_signature",
            json!({"token": "access"}),
            "client_credentials",
            "signature_invalid/provider at access_token",
        ),
        ("alg_none", json!({"token": "access"}), "client_credentials", "algorithm_forbidden/provider at access_token"),
        ("wrong_issuer", json!({"token": "access"}), "client_credentials", "claim_issuer/provider at access_token"),
        ("expired_token", json!({"token": "access"}), "client_credentials", "claim_expired/provider at access_token"),
        ("missing_subject", json!({"token": "access"}), "client_credentials", "claim_missing/provider at access_token"),
        ("skewed_clock", json!({}), "client_credentials", "claim_not_yet_valid/provider at access_token"),
    ] {
        scene.fault(fault, &parameters);
        assert_eq!(scene.verdict(kind).await, expected, "{fault} {parameters} seen by {kind}");
    }
    scene.fault("", &json!({}));
    for kind in KINDS {
        assert_eq!(scene.verdict(kind).await, "good", "{kind} afterwards");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_endpoint_is_a_timeout() {
    let mut scene = Scene::new().await;
    scene.timeout = Duration::from_secs(2);
    scene.fault("hang", &json!({"endpoint": "jwks"}));
    assert_eq!(scene.verdict("jwks").await, "timeout/network at jwks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_is_a_matter_of_credentials() {
    let scene = Scene::new().await;
    std::fs::write(&scene.secret, "wrong").unwrap();
    let ended = scene.run("client_credentials", "").await;
    assert_eq!(shown(&ended), "credentials/configuration at token");
    let account = ended.fault.unwrap().account.unwrap();
    assert_eq!(serde_json::to_value(account).unwrap(), json!({"kind": "client", "name": "svc"}));
    // The secret is read anew for every run.
    std::fs::write(&scene.secret, "svc-secret").unwrap();
    assert_eq!(scene.verdict("client_credentials").await, "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_a_little_wrong_is_told_and_survived() {
    let scene = Scene::new().await;
    scene.fault("skewed_clock", &json!({"seconds": -30}));
    let ended = scene.run("client_credentials", "").await;
    assert_eq!(shown(&ended), "good");
    assert!((skew(&ended) + 30.0).abs() < 2.0, "{}", skew(&ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_probe_expects_is_demanded() {
    let scene = Scene::new().await;
    let run = async |own: &str| shown(&scene.run("client_credentials", own).await);
    assert_eq!(run("expect = { claims = { client_id = 'svc' } }").await, "good");
    assert_eq!(run("expect = { claims = { client_id = 'other' } }").await, "claim_unexpected/provider at access_token");
    assert_eq!(run("expect = { claims = { tenant = 'a' } }").await, "claim_missing/provider at access_token");
    assert_eq!(run("expect = { scopes = ['never'] }").await, "claim_missing/provider at access_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn issued_tokens_are_revoked_afterwards() {
    let scene = Scene::new().await;
    let cleanups = |ended: &Ended| ended.steps.iter().filter(|s| s.cleanup).map(|s| (s.name, s.note.clone())).collect();
    let found: Vec<_> = cleanups(&scene.run("client_credentials", "").await);
    assert_eq!(found, [("revoke", String::new())]);
    let found: Vec<_> = cleanups(&scene.run("client_credentials", "revoke = false").await);
    assert_eq!(found, []);
    let found: Vec<_> = cleanups(&scene.run("token_exchange", "").await);
    assert_eq!(found.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_endpoint_must_answer_and_changes_are_told() {
    let scene = Scene::new().await;
    // Without a last accepted document there is nothing to compare with.
    assert_eq!(scene.verdict("discovery").await, "good");
    scene.fault("endpoint_moved", &json!({}));
    let ended = scene.run("discovery", "").await;
    assert_eq!(shown(&ended), "http_status/provider at endpoints");
    assert!(ended.warnings.iter().any(|w| w.code == "metadata_drift" && w.detail.starts_with("token_endpoint was")));
    // A document that was refused is not the new measure.
    assert_eq!(scene.verdict("discovery").await, "http_status/provider at endpoints");
    scene.fault("", &json!({}));
    assert_eq!(scene.verdict("discovery").await, "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_are_seen_and_judged() {
    let scene = Scene::new().await;
    assert_eq!(rotations(&scene.run("client_credentials", "").await), (0, 0));
    // With overlap, published for a while before it signs.
    scene.lab.rotate(true, Duration::from_secs(3600)).await.unwrap();
    assert_eq!(rotations(&scene.run("jwks", "").await), (1, 0));
    let ended = scene.run("client_credentials", "").await;
    assert_eq!((shown(&ended).as_str(), rotations(&ended)), ("good", (0, 0)));
    // The old key goes while tokens that it signed live.
    scene.lab.rotate(false, Duration::ZERO).await.unwrap();
    let ended = scene.run("client_credentials", "").await;
    assert_eq!((shown(&ended).as_str(), rotations(&ended)), ("good unsafe_rotation", (1, 1)));
    assert_eq!(rotations(&scene.run("jwks", "").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_key_set_is_fetched_twice_before_the_verdict() {
    let scene = Scene::new().await;
    scene.fault("jwks_stale", &json!({}));
    scene.lab.rotate(false, Duration::ZERO).await.unwrap();
    let ended = scene.run("client_credentials", "").await;
    assert_eq!(shown(&ended), "key_not_found/provider at access_token");
    let fetches = ended.steps.iter().flat_map(|step| &step.requests).filter(|r| r.endpoint == "jwks").count();
    assert_eq!(fetches, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_endpoints_save_the_metadata() {
    let mut scene = Scene::new().await;
    let jwks = format!("{}/jwks", scene.lab.issuer);
    scene.provider.endpoints.insert("jwks_uri".to_owned(), jwks.parse().unwrap());
    scene.provider.metadata = MetadataSource::None;
    let ended = scene.run("jwks", "").await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(ended.steps.iter().map(|step| step.requests.len()).sum::<usize>(), 1);
    assert_eq!(scene.verdict("discovery").await, "config/configuration at discovery");
    assert_eq!(scene.verdict("client_credentials").await, "unsupported/configuration at token");
}
