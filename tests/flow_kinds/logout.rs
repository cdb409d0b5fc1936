//! OIDC RP-Initiated Logout 1.0 and Back-Channel Logout 1.0.

use std::sync::Arc;
use std::time::Duration;

use authprobe::journey::Ended;
use authprobe::oidc::settings::RedirectUri;
use authprobe::outcome::Observation;
use authprobe::web::backchannel::Receiver;
use serde_json::json;
use tokio::net::TcpListener;

use super::lab_stage::{Stage, done, none, shown};

const SCOPES: &[&str] = &["openid", "profile"];
const EVERY_STEP: [&str; 8] = ["discovery", "jwks", "authorize", "login", "token", "id_token", "logout", "session"];
const BOTH: &str = "back_channel = true\nbound = \"2s\"";

async fn stage() -> Stage {
    let mut stage = Stage::user("web", SCOPES).await;
    leads_back_to(&mut stage, "http://127.0.0.1:8765/bye");
    stage
}

fn leads_back_to(stage: &mut Stage, uri: &str) {
    let client = stage.client.as_mut().expect("a client");
    client.post_logout_redirect_uri = Some(RedirectUri::parse(uri).unwrap());
}

/// A stage whose logout tokens come to our own receiver.
async fn with_receiver() -> Stage {
    let stage = stage().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/backchannel-logout/web", listener.local_addr().unwrap());
    let receiver = Receiver::new(stage.memories.mailbox.clone(), Arc::new(|client| client == "web"));
    let server = authprobe::plan::Server::at(listener.local_addr().unwrap());
    let serving = authprobe::web::backchannel::serve(listener, &server, receiver, std::future::pending()).unwrap();
    tokio::spawn(serving);
    stage.memories.mailbox.open();
    stage.lab.deliver_logout_tokens("web", &url).unwrap();
    stage
}

fn took(ended: &Ended) -> Option<Option<f64>> {
    ended.observations.iter().find_map(|observation| match observation {
        Observation::BackchannelLogout { seconds } => Some(*seconds),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_ended_and_the_way_leads_back() {
    let stage = stage().await;
    let ended = stage.run("logout", "").await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(done(&ended), [&EVERY_STEP[..], &["revoke"]].concat());
    assert_eq!((stage.remembered("sessions").await, took(&ended)), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_logout_have_their_classes_and_steps() {
    let stage = stage().await;
    for (fault, parameters, expected) in [
        ("logout_not_offered", none(), "inconclusive unsupported/configuration at discovery"),
        ("logout_ignored", none(), "bad logout_ineffective/provider at session"),
        ("http_500", json!({"endpoint": "end_session"}), "bad http_status/provider at logout"),
        ("redirect_loop", json!({"endpoint": "end_session"}), "bad redirect/provider at logout"),
    ] {
        stage.fault(fault, &parameters);
        let ended = stage.run("logout", "").await;
        assert_eq!(shown(&ended), expected, "{fault} {parameters}: {:?}", ended.fault);
    }
}

/// The lab's registered addresses are all on loopback: another one is not registered.
#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_that_is_not_registered_is_refused() {
    let mut stage = stage().await;
    leads_back_to(&mut stage, "https://app.example.com/bye");
    assert_eq!(shown(&stage.run("logout", "").await), "bad http_status/provider at logout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_token_comes_in_time_and_is_valid() {
    let stage = with_receiver().await;
    let ended = stage.run("logout", BOTH).await;
    assert_eq!(shown(&ended), "good");
    assert_eq!(done(&ended), [&EVERY_STEP[..], &["backchannel", "revoke"]].concat());
    let seconds = took(&ended).unwrap().unwrap();
    assert!((0.0..2.0).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_back_channel_have_their_classes() {
    let stage = with_receiver().await;
    let what = |what: &str| json!({ "what": what });
    for (fault, parameters, expected) in [
        ("backchannel_not_offered", none(), "inconclusive unsupported/configuration at discovery"),
        ("backchannel_never", none(), "bad logout_ineffective/provider at backchannel"),
        ("backchannel_late", json!({"seconds": 4}), "bad logout_ineffective/provider at backchannel"),
        // Back-Channel Logout §2.6.
        ("backchannel_invalid", what("signature"), "bad signature_invalid/provider at backchannel"),
        ("backchannel_invalid", what("audience"), "bad claim_audience/provider at backchannel"),
        ("backchannel_invalid", what("issuer"), "bad claim_issuer/provider at backchannel"),
        ("backchannel_invalid", what("events"), "bad claim_missing/provider at backchannel"),
        ("backchannel_invalid", what("nonce"), "bad claim_unexpected/provider at backchannel"),
        ("backchannel_invalid", what("expired"), "bad claim_expired/provider at backchannel"),
        ("backchannel_invalid", what("jti"), "bad claim_missing/provider at backchannel"),
    ] {
        stage.fault(fault, &parameters);
        let ended = stage.run("logout", BOTH).await;
        assert_eq!(shown(&ended), expected, "{fault} {parameters}: {:?}", ended.fault);
        if !expected.contains("unsupported") {
            assert_eq!(took(&ended), Some(None), "{fault}");
        }
    }
    stage.fault("backchannel_late", &json!({"seconds": 1}));
    let ended = stage.run("logout", BOTH).await;
    assert_eq!(shown(&ended), "good");
    assert!(took(&ended).unwrap().unwrap() >= 1.0);
}

/// Each of several runs of one client at once gets its own token, and none takes another's.
#[tokio::test(flavor = "multi_thread")]
async fn runs_at_once_do_not_take_each_others_tokens() {
    let stage = with_receiver().await;
    // Two are never told; the others' tokens must not do for them.
    stage.fault("backchannel_never", &json!({"count": 2}));
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(stage.run("logout", BOTH));
    }
    let ended = futures_util::future::join_all(runs).await;
    let good = ended.iter().filter(|ended| shown(ended) == "good").count();
    let ineffective = ended.iter().filter(|e| shown(e) == "bad logout_ineffective/provider at backchannel").count();
    assert_eq!((good, ineffective), (3, 2), "{:?}", ended.iter().map(shown).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_receiver_nobody_is_logged_in() {
    let stage = stage().await;
    stage.memories.mailbox.close("the address is taken");
    let ended = stage.run("logout", BOTH).await;
    assert_eq!(shown(&ended), "inconclusive config/configuration at discovery");
    assert!(ended.fault.unwrap().detail.contains("the address is taken"));
    assert_eq!(stage.stats().await["requests"]["authorization"], 0);
}

/// Anybody may send something: it neither passes nor ends the wait.
#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_change_nothing() {
    let stage = with_receiver().await;
    stage.fault("backchannel_late", &json!({"seconds": 1}));
    let mailbox = stage.memories.mailbox.clone();
    let forging = tokio::spawn(async move {
        for _ in 0..400 {
            let now = authprobe::clock::Clock::system().instant();
            let _ = mailbox.post("web", authprobe::secret::Secret::new("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."), now);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let ended = stage.run("logout", BOTH).await;
    forging.abort();
    assert_eq!(shown(&ended), "good");
}
