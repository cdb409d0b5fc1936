//! Where a provider's metadata is looked for, and what is done where it hides something: OIDC Discovery §4 and RFC 8414
//! §3, on a provider whose issuer has a path.

mod folder;
mod lab_stage;

#[path = "metadata_sources/not_offered.rs"]
mod not_offered;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authprobe::clock::Clock;
use authprobe::fault::Class;
use authprobe::journey::Journey;
use authprobe::oidc::http::{Egress, Http, Trust};
use authprobe::oidc::memory::Memories;
use authprobe::oidc::relying::Relying;
use authprobe::oidc::settings::{MetadataSource, Provider};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const OIDC: &str = "/o/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server/o";

/// What each path answers, and which were asked for.
#[derive(Default)]
struct World {
    answers: BTreeMap<&'static str, (u16, String)>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<World>>;

async fn answer(State(world): State<Shared>, uri: Uri) -> Response {
    let mut world = world.lock().unwrap();
    world.asked.push(uri.path().to_owned());
    match world.answers.get(uri.path()) {
        Some((status, body)) => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            (StatusCode::from_u16(*status).unwrap(), json, body.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

struct Scene {
    issuer: String,
    world: Shared,
    source: MetadataSource,
}

impl Scene {
    async fn new() -> Self {
        let world = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/o", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(world.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { issuer, world, source: MetadataSource::Auto }
    }

    fn serve(&self, path: &'static str, status: u16, body: &Value) {
        self.world.lock().unwrap().answers.insert(path, (status, body.to_string()));
    }

    fn document(&self, members: &[&str]) -> Value {
        let mut document = json!({"issuer": self.issuer, "response_types_supported": ["code"]});
        for member in members {
            document[*member] = match member.strip_suffix("_supported") {
                Some(_) => json!(["x"]),
                None => json!(format!("{}/{member}", self.issuer)),
            };
        }
        document
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().asked)
    }

    fn relying(&self) -> (Journey, Relying) {
        let provider = Arc::new(Provider {
            name: "main".into(),
            issuer: self.issuer.as_str().into(),
            metadata: self.source,
            endpoints: BTreeMap::new(),
            upstream: None,
            headers: Default::default(),
            trust: Trust::default(),
            max_requests_per_minute: None,
            propagate_traceparent: false,
        });
        let (clock, memory) = (Clock::system(), Memories::default().provider(&provider.name));
        let journey = Journey::new(clock.clone(), Duration::from_secs(10), vec![]);
        let recorder = journey.recorder().clone();
        let region = Arc::new(Egress::direct("here"));
        let relying = Relying {
            http: Http::new(
                region,
                provider.clone(),
                memory.clone(),
                recorder.clone(),
                clock.clone(),
                journey.deadline(),
            ),
            region: "here".into(),
            provider,
            client: None,
            memory,
            recorder,
            clock,
            timing: Default::default(),
            nonces: Default::default(),
        };
        (journey, relying)
    }

    /// What becomes of `member` when a run needs it: its path, or the class of the fault.
    async fn find(&self, member: &'static str) -> Result<String, Class> {
        let (_journey, relying) = self.relying();
        let metadata = relying.metadata_for(&[member]).await.map_err(|fault| fault.class)?;
        metadata.endpoint(member).map(|url| url.path().to_owned()).map_err(|fault| fault.class)
    }
}

const FULL: &[&str] = &[
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
];

#[tokio::test]
async fn discovery_alone_is_enough_if_it_lists_what_is_needed() {
    let scene = Scene::new().await;
    scene.serve(OIDC, 200, &scene.document(FULL));
    scene.serve(OAUTH, 200, &scene.document(&["token_endpoint", "revocation_endpoint"]));
    assert_eq!(scene.find("token_endpoint").await, Ok("/o/token_endpoint".into()));
    assert_eq!(scene.asked(), [OIDC]);
}

#[tokio::test]
async fn what_discovery_hides_is_looked_for_in_the_other_document() {
    let scene = Scene::new().await;
    scene.serve(OIDC, 200, &scene.document(FULL));
    scene.serve(OAUTH, 200, &scene.document(&["token_endpoint", "revocation_endpoint"]));
    assert_eq!(scene.find("revocation_endpoint").await, Ok("/o/revocation_endpoint".into()));
    assert_eq!(scene.asked(), [OIDC, OAUTH]);
}

#[tokio::test]
async fn what_neither_lists_is_unsupported() {
    let scene = Scene::new().await;
    scene.serve(OIDC, 200, &scene.document(FULL));
    for (status, body) in [(404, json!({})), (200, json!("a page")), (403, json!({})), (200, scene.document(&[]))] {
        scene.serve(OAUTH, status, &body);
        assert_eq!(scene.find("revocation_endpoint").await, Err(Class::Unsupported), "{status} {body}");
    }
}

/// Otherwise an outage would look as if the provider did not offer the endpoint.
#[tokio::test]
async fn a_broken_second_document_is_the_providers_fault() {
    let scene = Scene::new().await;
    scene.serve(OIDC, 200, &scene.document(FULL));
    scene.serve(OAUTH, 503, &json!({}));
    assert_eq!(scene.find("revocation_endpoint").await, Err(Class::HttpStatus));
}

/// Cleanup that cannot be done does not make a bad run.
#[tokio::test]
async fn a_broken_second_document_is_survived_where_nothing_needs_it() {
    let scene = Scene::new().await;
    scene.serve(OIDC, 200, &scene.document(FULL));
    scene.serve(OAUTH, 503, &json!({}));
    let (journey, relying) = scene.relying();
    let metadata = relying.metadata_with(&["token_endpoint"], &["revocation_endpoint"]).await.unwrap();
    assert!(metadata.has("token_endpoint") && !metadata.has("revocation_endpoint"));
    assert_eq!(scene.asked(), [OIDC, OAUTH]);
    let warnings = journey.finish(Duration::ZERO).await.warnings;
    assert!(warnings.iter().any(|warning| warning.code == "rfc8414_document"), "{warnings:?}");
    let (_journey, relying) = scene.relying();
    let needed = relying.metadata_with(&["revocation_endpoint"], &["introspection_endpoint"]).await;
    assert_eq!(needed.unwrap_err().class, Class::HttpStatus);
}

#[tokio::test]
async fn an_oauth_only_provider_is_found_after_a_404() {
    let scene = Scene::new().await;
    scene.serve(OAUTH, 200, &scene.document(&["authorization_endpoint", "token_endpoint"]));
    assert_eq!(scene.find("token_endpoint").await, Ok("/o/token_endpoint".into()));
    assert_eq!(scene.asked(), [OIDC, OAUTH]);
    // It was read already: it need not be read again for what it does not have.
    assert_eq!(scene.find("revocation_endpoint").await, Err(Class::Unsupported));
    assert_eq!(scene.asked(), [OIDC, OAUTH]);
}

#[tokio::test]
async fn only_a_404_leads_on() {
    let scene = Scene::new().await;
    assert_eq!(scene.find("token_endpoint").await, Err(Class::HttpStatus));
    scene.serve(OAUTH, 200, &scene.document(FULL));
    for status in [500, 403] {
        scene.serve(OIDC, status, &json!({}));
        scene.asked();
        assert_eq!(scene.find("token_endpoint").await, Err(Class::HttpStatus));
        assert_eq!(scene.asked(), [OIDC]);
    }
}

#[tokio::test]
async fn a_named_source_is_the_only_one() {
    let mut scene = Scene::new().await;
    scene.serve(OIDC, 200, &scene.document(FULL));
    scene.serve(OAUTH, 200, &scene.document(&["token_endpoint", "revocation_endpoint"]));
    scene.source = MetadataSource::Oidc;
    assert_eq!(scene.find("revocation_endpoint").await, Err(Class::Unsupported));
    assert_eq!(scene.asked(), [OIDC]);
    scene.source = MetadataSource::Oauth;
    assert_eq!(scene.find("revocation_endpoint").await, Ok("/o/revocation_endpoint".into()));
    assert_eq!(scene.asked(), [OAUTH]);
    scene.source = MetadataSource::None;
    assert_eq!(scene.find("token_endpoint").await, Err(Class::Unsupported));
    assert_eq!(scene.asked(), [""; 0]);
}
