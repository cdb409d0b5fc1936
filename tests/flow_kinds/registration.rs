//! RFC 7591 and RFC 7592.

use std::time::Duration;

use authprobe::journey::Ended;
use serde_json::json;

use super::lab_stage::{Stage, done, none, shown};

const EVERY_STEP: [&str; 7] = ["discovery", "create", "read", "update", "authenticate", "delete", "gone"];

async fn stage() -> Stage {
    Stage::user("web", &[]).await
}

fn warned(ended: &Ended, code: &str) -> Option<String> {
    ended.warnings.iter().find(|warning| warning.code == code).map(|warning| warning.detail.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_lives_and_leaves_nothing_behind() {
    let stage = stage().await;
    let ended = stage.run("registration", "metadata = { client_name = 'probe' }").await;
    assert_eq!(shown(&ended), "good");
    // The last is the cleanup, which finds nothing to do.
    assert_eq!(done(&ended), [&EVERY_STEP[..], &["delete"]].concat());
    assert!(ended.steps.last().unwrap().requests.is_empty());
    assert_eq!(stage.remembered("registered_clients").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_registration_have_their_classes_and_steps() {
    let stage = stage().await;
    for (fault, parameters, expected) in [
        ("registration_not_offered", none(), "inconclusive unsupported/configuration at discovery"),
        ("http_500", json!({"endpoint": "registration"}), "bad http_status/provider at create"),
        ("http_503", json!({"endpoint": "client_configuration", "count": 1}), "bad http_status/provider at read"),
        ("connection_reset", json!({"endpoint": "client_configuration", "count": 1}), "bad reset/network at read"),
    ] {
        stage.fault(fault, &parameters);
        let ended = stage.run("registration", "").await;
        assert_eq!(shown(&ended), expected, "{fault} {parameters}: {:?}", ended.fault);
        assert_eq!(stage.remembered("registered_clients").await, 0, "{fault}");
    }
}

/// RFC 7592 §2.1: a deleted client is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_survives_its_deletion_is_the_last_one() {
    let stage = stage().await;
    stage.fault("registration_survives", &none());
    let ended = stage.run("registration", "").await;
    assert_eq!(shown(&ended), "bad revocation_ineffective/provider at gone");
    assert!(warned(&ended, "client_left_behind").unwrap().contains("lives on"));
    assert_eq!(shown(&stage.run("registration", "").await), "bad revocation_ineffective/provider at delete");
    assert_eq!(stage.remembered("registered_clients").await, 1);
    stage.fault("", &none());
    assert_eq!(shown(&stage.run("registration", "").await), "good");
}

/// However a run ends: the client goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_over_too_early_takes_its_client_away() {
    let mut stage = stage().await;
    stage.timeout = Duration::from_secs(1);
    // The read hangs, the deletion does not.
    stage.fault("hang", &json!({"endpoint": "client_configuration", "count": 1}));
    let ended = stage.run("registration", "").await;
    assert_eq!(shown(&ended), "bad timeout/network at read");
    assert_eq!(stage.remembered("registered_clients").await, 0);
    // The answer to the registration itself comes after the run's end.
    stage.fault("latency", &json!({"endpoint": "registration", "delay_ms": 2000}));
    let ended = stage.run("registration", "").await;
    assert_eq!(shown(&ended), "bad timeout/network at create");
    assert_eq!(stage.stats().await["requests"]["registration"], 2);
    assert_eq!(stage.remembered("registered_clients").await, 0);
}

/// canaille answers 500: one client stays, and no other is made until it can be deleted.
#[tokio::test(flavor = "multi_thread")]
async fn where_none_can_be_deleted_only_one_is_made() {
    let stage = stage().await;
    stage.fault("registration_delete_fails", &none());
    let ended = stage.run("registration", "").await;
    assert_eq!(shown(&ended), "bad http_status/provider at delete");
    let told = warned(&ended, "client_left_behind").unwrap();
    assert!(told.contains("dynamic-") && told.contains("left behind"), "{told}");
    let again = stage.run("registration", "").await;
    assert_eq!(shown(&again), "bad http_status/provider at delete");
    assert_eq!((done(&again), stage.remembered("registered_clients").await), (vec!["discovery"], 1));
    stage.fault("", &none());
    assert_eq!(shown(&stage.run("registration", "").await), "good");
    assert_eq!(stage.remembered("registered_clients").await, 0);
}

/// If no run follows, the end of the process tries once more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_is_deleted_at_the_end() {
    let stage = stage().await;
    stage.fault("registration_delete_fails", &none());
    stage.run("registration", "").await;
    assert_eq!(stage.remembered("registered_clients").await, 1);
    stage.fault("", &none());
    for cleanup in stage.memories.drain_cleanups() {
        cleanup.await.unwrap();
    }
    assert_eq!(stage.remembered("registered_clients").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_management_one_client_is_too_many() {
    let stage = stage().await;
    stage.fault("registration_unmanaged", &none());
    let ended = stage.run("registration", "").await;
    assert_eq!(shown(&ended), "inconclusive unsupported/configuration at read");
    assert!(warned(&ended, "client_left_behind").unwrap().contains("by hand"));
    let again = stage.run("registration", "").await;
    assert_eq!(shown(&again), "inconclusive unsupported/configuration at create");
    assert_eq!(stage.stats().await["requests"]["registration"], 1, "no other is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_does_not_take_is_its_error() {
    let stage = stage().await;
    let ended = stage.run("registration", "metadata = { redirect_uris = ['https://example.com/cb'] }").await;
    assert_eq!(shown(&ended), "bad oauth_error/provider at create");
    assert!(ended.fault.unwrap().detail.contains("invalid_redirect_uri"));
    let missing = stage.run("registration", "initial_access_token = { file = 'nowhere' }").await;
    assert_eq!(shown(&missing), "inconclusive config/configuration at create");
}
