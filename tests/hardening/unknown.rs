//! What could not be measured: it is unknown, and neither accepted nor refused.

use std::time::Duration;

use authprobe::fault::Class;
use authprobe::outcome::{StepState, Verdict};
use serde_json::json;

use crate::lab_stage::none;
use crate::{NONE, Scene, Who, observed, set, warned};

/// A provider that is down refuses everything, and that is no merit.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_control_nothing_is_judged() {
    let mut scene = Scene::new().await;
    for (fault, parameters, class, step) in [
        ("http_500", json!({"endpoint": "authorization"}), "http_status", "authorize"),
        ("http_500", json!({"endpoint": "discovery"}), "http_status", "discovery"),
        ("login_page_maintenance", json!({}), "login_page", "authorize"),
        ("login_page_maintenance", json!({"status": 503}), "http_status", "authorize"),
        ("authorization_error", json!({}), "oauth_error", "authorize"),
        ("rate_limited", json!({"endpoint": "authorization"}), "rate_limited", "authorize"),
    ] {
        scene.fault(fault, &parameters);
        let ended = scene.run(Who::Spa, "").await;
        let found = ended.fault.as_ref().unwrap();
        if fault == "authorization_error" {
            // Its errors are only sent to those who are logged in.
            assert_eq!((found.class.as_str(), found.step), (class, "login"), "{found}");
            continue;
        }
        assert_eq!((found.class.as_str(), found.step), (class, step), "{fault}: {found}");
        assert_eq!(observed(&ended, Some(false)), set(NONE), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_before_a_failure_stands_and_the_rest_is_unknown() {
    let mut scene = Scene::new().await;
    scene.fault("http_500", &json!({"endpoint": "token"}));
    let ended = scene.run(Who::Spa, "").await;
    let fault = ended.fault.as_ref().unwrap();
    assert_eq!((fault.class, fault.step), (Class::HttpStatus, "token"));
    assert!(observed(&ended, Some(false)).contains("redirect_unregistered"));
    assert!(observed(&ended, None).contains("code_replay"));
    // Accepted is accepted, whatever fails afterwards.
    scene.0.lab.set_fault("redirect_uri_loose", &json!({"match": "any"})).unwrap();
    let ended = scene.run(Who::Spa, "").await;
    let fault = ended.fault.unwrap();
    assert_eq!((fault.class, fault.step), (Class::AttackAccepted, "redirect_uri"));
    let last = ended.steps.iter().rfind(|step| !step.cleanup).map(|step| (step.name, step.state));
    assert_eq!(last, Some(("token", StepState::Failed)));
}

/// A step in which nothing could be judged is none that passed.
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_of_a_step_is_known_the_run_is_not_good() {
    let mut scene = Scene::new().await;
    let at_token = || json!({"endpoint": "token", "after": 1});
    for (fault, parameters, who, expected) in [
        // The good login's code is the last that is exchanged: the good one before a replay fails as well.
        ("http_500", at_token(), Who::Web, (Class::HttpStatus, "replay")),
        ("http_500", at_token(), Who::Spa, (Class::HttpStatus, "replay")),
        // Who refuses good codes refuses bad ones as well, and that is no merit.
        ("token_error", json!({"after": 1}), Who::Spa, (Class::OauthError, "replay")),
        // Whoever says that it is enough is believed: what comes after is not tried.
        ("rate_limited", at_token(), Who::Spa, (Class::RateLimited, "pkce")),
    ] {
        scene.fault(fault, &parameters);
        let ended = scene.run(who, "").await;
        let found = ended.fault.as_ref().map(|fault| (fault.class, fault.step));
        assert_eq!((ended.verdict, found), (Verdict::Bad, Some(expected)), "{fault} {who:?}: {:?}", ended.fault);
        assert!(observed(&ended, None).contains("code_replay") && warned(&ended).contains("attack_unjudged"));
        assert!(observed(&ended, Some(false)).contains("redirect_unregistered"), "what is known stands");
    }
    // Good codes are worth tokens, and everything bad is answered by 500: no outage, no refusal, and no acceptance.
    scene.fault("token_refusal_500", &none());
    for (who, step) in [(Who::Web, "client_auth"), (Who::Spa, "replay")] {
        let ended = scene.run(who, "").await;
        let found = ended.fault.as_ref().map(|fault| (fault.class, fault.step));
        assert_eq!((ended.verdict, found), (Verdict::Inconclusive, Some((Class::Unsupported, step))), "{who:?}");
    }
    // What only a SHOULD asks for leaves it good, unless nothing else was asked.
    scene.fault("http_500", &json!({"endpoint": "userinfo"}));
    let ended = scene.run(Who::Spa, "").await;
    assert_eq!((ended.verdict, warned(&ended)), (Verdict::Good, set(["attack_unjudged"])));
    for (fault, endpoint, class) in [
        ("http_500", "userinfo", Class::Unsupported),
        ("connection_reset", "userinfo", Class::Reset),
        // Nothing failed; but nobody is let in by a token, wherever it is, so nothing is told.
        ("http_401_bare", "userinfo", Class::Unsupported),
    ] {
        scene.fault(fault, &json!({"endpoint": endpoint}));
        let ended = scene.run(Who::Spa, "attacks = [\"access_token_in_query\"]").await;
        assert_eq!(ended.fault.map(|fault| (fault.class, fault.step)), Some((class, "replay")), "{fault}");
    }
    // The time is over before all were tried.
    scene.0.timeout = Duration::from_secs(4);
    scene.fault("hang", &json!({"endpoint": "userinfo"}));
    let ended = scene.run(Who::Spa, "").await;
    assert_eq!(ended.fault.as_ref().map(|fault| (fault.class, fault.step)), Some((Class::Timeout, "replay")));
    assert!(observed(&ended, None).contains("code_replay"));
}

/// RFC 7009 §2.1: a revocation may take its time; and what never worked does not show that it was revoked.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_code_that_came_twice_are_looked_at_with_patience() {
    let mut scene = Scene::new().await;
    let only = "attacks = [\"code_replay\", \"code_replay_keeps_tokens\"]";
    for (fault, parameters, codes) in [
        ("stale_tokens", json!({"seconds": 2}), &[][..]),
        ("stale_tokens", json!({"seconds": 60}), &["code_replay_keeps_tokens"]),
        ("http_401_bare", json!({"endpoint": "userinfo"}), &["attack_unjudged", "challenge_missing"]),
    ] {
        scene.fault(fault, &parameters);
        let ended = scene.run(Who::Spa, only).await;
        assert_eq!(ended.verdict, Verdict::Good, "{fault}");
        assert_eq!(warned(&ended).into_iter().collect::<Vec<_>>(), codes, "{fault} {parameters}");
    }
}
