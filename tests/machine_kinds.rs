//! The kinds that need no user, against the lab: what each fault is called, where, and what is only a warning. The
//! expectations come from the specifications and the contract.

mod folder;
mod lab_stage;

use std::time::Duration;

use authprobe::journey::Ended;
use authprobe::lab::Options;
use authprobe::oidc::settings::MetadataSource;
use authprobe::outcome::Observation;
use lab_stage::{Stage, cleanups, none, shown};
use serde_json::json;

/// A machine before a healthy lab.
async fn machine() -> Stage {
    Stage::machine("svc").await
}

async fn verdict(stage: &Stage, kind: &str) -> String {
    shown(&stage.run(kind, "").await)
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
        let mut stage = Stage::before(Options { issuer: issuer.map(str::to_owned), ..Options::default() }).await;
        stage.client = Some(stage.client_of("svc"));
        for kind in KINDS {
            assert_eq!(verdict(&stage, kind).await, "good", "{kind} {issuer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_have_their_classes_and_steps() {
    let stage = machine().await;
    let endpoint = |name: &str| json!({ "endpoint": name });
    for (fault, parameters, kind, expected) in [
        ("http_500", endpoint("discovery"), "discovery", "bad http_status/provider at discovery"),
        ("http_503", endpoint("jwks"), "jwks", "bad http_status/provider at jwks"),
        ("http_502_html", endpoint("token"), "client_credentials", "bad http_status/provider at token"),
        ("http_500", endpoint("token"), "token_exchange", "bad http_status/provider at subject_token"),
        ("rate_limited", endpoint("token"), "client_credentials", "bad rate_limited/provider at token"),
        ("redirect_loop", endpoint("discovery"), "discovery", "bad redirect/provider at discovery"),
        ("redirect_loop", endpoint("jwks"), "jwks", "bad redirect/provider at jwks"),
        ("oversize_body", endpoint("jwks"), "jwks", "bad too_large/provider at jwks"),
        ("connection_reset", endpoint("jwks"), "jwks", "bad reset/network at jwks"),
        ("wrong_content_type", endpoint("jwks"), "jwks", "good content_type"),
        ("wrong_content_type", endpoint("token"), "client_credentials", "good content_type"),
        ("issuer_mismatch", none(), "discovery", "bad issuer_mismatch/provider at discovery"),
        ("issuer_mismatch", none(), "jwks", "bad issuer_mismatch/provider at discovery"),
        ("issuer_mismatch", none(), "client_credentials", "bad issuer_mismatch/provider at discovery"),
        (
            "metadata_member_missing",
            json!({"which": "jwks_uri"}),
            "discovery",
            "bad metadata_invalid/provider at discovery",
        ),
        ("jwks_garbage", none(), "jwks", "bad malformed/provider at jwks"),
        ("jwks_empty", none(), "jwks", "bad jwks_invalid/provider at jwks"),
        ("jwks_malformed_key", none(), "jwks", "bad jwks_invalid/provider at jwks"),
        ("jwks_malformed_key", none(), "client_credentials", "good jwks"),
        ("jwks_weak_key", none(), "jwks", "bad jwks_invalid/provider at jwks"),
        ("jwks_private_key", none(), "jwks", "bad jwks_invalid/provider at jwks"),
        ("jwks_duplicate_kid", none(), "jwks", "bad jwks_invalid/provider at jwks"),
        ("jwks_duplicate_kid", none(), "client_credentials", "good jwks"),
        ("token_invalid_json", none(), "client_credentials", "bad malformed/provider at token"),
        ("token_type_missing", none(), "client_credentials", "good token_type_missing"),
        ("expires_in_string", none(), "client_credentials", "good expires_in_type"),
        (
            "bad_signature",
            json!({"token": "access"}),
            "client_credentials",
            "bad signature_invalid/provider at access_token",
        ),
        (
            "alg_none",
            json!({"token": "access"}),
            "client_credentials",
            "bad algorithm_forbidden/provider at access_token",
        ),
        ("wrong_issuer", json!({"token": "access"}), "client_credentials", "bad claim_issuer/provider at access_token"),
        (
            "expired_token",
            json!({"token": "access"}),
            "client_credentials",
            "bad claim_expired/provider at access_token",
        ),
        (
            "missing_claim",
            json!({"claim": "sub", "token": "access"}),
            "client_credentials",
            "bad claim_missing/provider at access_token",
        ),
        ("skewed_clock", none(), "client_credentials", "bad claim_not_yet_valid/provider at access_token"),
    ] {
        stage.fault(fault, &parameters);
        assert_eq!(verdict(&stage, kind).await, expected, "{fault} {parameters} seen by {kind}");
    }
    stage.fault("", &none());
    for kind in KINDS {
        assert_eq!(verdict(&stage, kind).await, "good", "{kind} afterwards");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_endpoint_is_a_timeout() {
    let mut stage = machine().await;
    stage.timeout = Duration::from_secs(2);
    stage.fault("hang", &json!({"endpoint": "jwks"}));
    assert_eq!(verdict(&stage, "jwks").await, "bad timeout/network at jwks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_is_a_matter_of_credentials() {
    let stage = machine().await;
    stage.file("svc", "wrong");
    let ended = stage.run("client_credentials", "").await;
    assert_eq!(shown(&ended), "inconclusive credentials/configuration at token");
    let account = ended.fault.unwrap().account.unwrap();
    assert_eq!(serde_json::to_value(account).unwrap(), json!({"kind": "client", "name": "svc"}));
    // The secret is read anew for every run.
    stage.file("svc", "svc-secret");
    assert_eq!(verdict(&stage, "client_credentials").await, "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_a_little_wrong_is_told_and_survived() {
    let stage = machine().await;
    stage.fault("skewed_clock", &json!({"seconds": -30}));
    let ended = stage.run("client_credentials", "").await;
    assert_eq!(shown(&ended), "good");
    assert!((skew(&ended) + 30.0).abs() < 2.0, "{}", skew(&ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_probe_expects_is_demanded() {
    let stage = machine().await;
    let run = async |own: &str| shown(&stage.run("client_credentials", own).await);
    assert_eq!(run("expect = { claims = { client_id = 'svc' } }").await, "good");
    assert_eq!(
        run("expect = { claims = { client_id = 'other' } }").await,
        "bad claim_unexpected/provider at access_token"
    );
    assert_eq!(run("expect = { claims = { tenant = 'a' } }").await, "bad claim_missing/provider at access_token");
    assert_eq!(run("expect = { scopes = ['never'] }").await, "bad claim_missing/provider at access_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn issued_tokens_are_revoked_afterwards() {
    let stage = machine().await;
    assert_eq!(cleanups(&stage.run("client_credentials", "").await), [("revoke", String::new())]);
    assert_eq!(cleanups(&stage.run("client_credentials", "revoke = false").await), []);
    assert_eq!(cleanups(&stage.run("token_exchange", "").await).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_endpoint_must_answer_and_changes_are_told() {
    let stage = machine().await;
    // Without a last accepted document there is nothing to compare with.
    assert_eq!(verdict(&stage, "discovery").await, "good");
    stage.fault("endpoint_moved", &none());
    let ended = stage.run("discovery", "").await;
    assert_eq!(shown(&ended), "bad http_status/provider at endpoints");
    assert!(ended.warnings.iter().any(|w| w.code == "metadata_drift" && w.detail.starts_with("token_endpoint was")));
    // A document that was refused is not the new measure.
    assert_eq!(verdict(&stage, "discovery").await, "bad http_status/provider at endpoints");
    stage.fault("", &none());
    assert_eq!(verdict(&stage, "discovery").await, "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_are_seen_and_judged() {
    let stage = machine().await;
    assert_eq!(rotations(&stage.run("client_credentials", "").await), (0, 0));
    // With overlap, published for a while before it signs.
    stage.lab.rotate(true, Duration::from_secs(3600)).await.unwrap();
    assert_eq!(rotations(&stage.run("jwks", "").await), (1, 0));
    let ended = stage.run("client_credentials", "").await;
    assert_eq!((shown(&ended).as_str(), rotations(&ended)), ("good", (0, 0)));
    // The old key goes while tokens that it signed live.
    stage.lab.rotate(false, Duration::ZERO).await.unwrap();
    let ended = stage.run("client_credentials", "").await;
    assert_eq!((shown(&ended).as_str(), rotations(&ended)), ("good unsafe_rotation", (1, 1)));
    assert_eq!(rotations(&stage.run("jwks", "").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_key_set_is_fetched_twice_before_the_verdict() {
    let stage = machine().await;
    stage.fault("jwks_stale", &none());
    stage.lab.rotate(false, Duration::ZERO).await.unwrap();
    let ended = stage.run("client_credentials", "").await;
    assert_eq!(shown(&ended), "bad key_not_found/provider at access_token");
    let fetches = ended.steps.iter().flat_map(|step| &step.requests).filter(|r| r.endpoint == "jwks").count();
    assert_eq!(fetches, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_endpoints_save_the_metadata() {
    let mut stage = machine().await;
    let jwks = format!("{}/jwks", stage.lab.issuer);
    stage.provider.endpoints.insert("jwks_uri".to_owned(), jwks.parse().unwrap());
    stage.provider.metadata = MetadataSource::None;
    let ended = stage.run("jwks", "").await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(ended.steps.iter().map(|step| step.requests.len()).sum::<usize>(), 1);
    assert_eq!(verdict(&stage, "discovery").await, "inconclusive config/configuration at discovery");
    assert_eq!(verdict(&stage, "client_credentials").await, "inconclusive unsupported/configuration at token");
}
