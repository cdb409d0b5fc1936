//! Step `transport`: what is to be had without TLS where there is TLS.

use authprobe::journey::Ended;
use authprobe::outcome::Verdict;
use serde_json::json;

use crate::lab_stage::none;
use crate::{NONE, Scene, Who, accepted, observed, set, warned};

/// The remark beside a step.
fn note<'e>(ended: &'e Ended, name: &str) -> &'e str {
    ended.steps.iter().find(|step| step.name == name && !step.cleanup).map_or("", |step| &step.note)
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_tls_a_sound_provider_is_not_to_be_had_without() {
    let mut scene = Scene::over_tls("localhost").await;
    let (both, all) = (["http_discovery", "http_token"], ["http_authorization", "http_discovery", "http_token"]);
    for (who, refused) in [(Who::Spa, &all[..]), (Who::Web, &all), (Who::Nobody, &all), (Who::Machine, &both)] {
        let ended = scene.run(who, "").await;
        assert_eq!((ended.verdict, &ended.fault), (Verdict::Good, &None), "{who:?}");
        assert_eq!(warned(&ended), set(NONE), "{who:?}: {:?}", ended.warnings);
        let plain: Vec<&str> =
            observed(&ended, Some(false)).into_iter().filter(|name| name.starts_with("http_")).collect();
        assert_eq!(plain, refused, "{who:?}");
        // All of the step but what needs a login page.
        let left = if who == Who::Machine { "not tried: http_authorization (" } else { "" };
        assert!(note(&ended, "transport").starts_with(left), "{who:?}: {}", note(&ended, "transport"));
    }
}

/// RFC 8414 §3, RFC 6749 §3.1 and §3.2.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_without_tls_is_found() {
    let mut scene = Scene::over_tls("localhost").await;
    for (parameters, who, found) in [
        (none(), Who::Nobody, &["http_authorization", "http_discovery", "http_token"][..]),
        (none(), Who::Machine, &["http_discovery", "http_token"]),
        (json!({"endpoint": "discovery"}), Who::Web, &["http_discovery"]),
        (json!({"endpoint": "token"}), Who::Web, &["http_token"]),
        // The way leads to TLS after all; a key set is public.
        (json!({"endpoint": "authorization"}), Who::Web, &[]),
        (json!({"endpoint": "jwks"}), Who::Web, &[]),
    ] {
        scene.fault("plain_http_served", &parameters);
        let ended = scene.run(who, "").await;
        assert_eq!(accepted(&ended).into_iter().collect::<Vec<_>>(), found, "{parameters} {who:?}");
        assert_eq!(ended.fault.map(|fault| fault.step), (!found.is_empty()).then_some("transport"), "{parameters}");
    }
    // The document alone is enough to page: whoever changes it on the way chooses the token endpoint.
    scene.fault("plain_http_served", &json!({"endpoint": "discovery"}));
    let fault = scene.run(Who::Nobody, "").await.fault.unwrap();
    assert!(fault.detail.contains("http_discovery") && fault.detail.contains("RFC 8414 §3"), "{fault}");
}

/// RFC 6797 §7.1 is a SHOULD, §8.1.1 wants a name.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_send_browsers_back_to_tls_is_told_and_no_more() {
    let mut scene = Scene::over_tls("localhost").await;
    for parameters in [none(), json!({"header": "zero"})] {
        for who in [Who::Web, Who::Machine] {
            scene.fault("hsts_missing", &parameters);
            let ended = scene.run(who, "").await;
            assert_eq!((ended.verdict, &ended.fault), (Verdict::Good, &None), "{parameters} {who:?}");
            assert_eq!(warned(&ended), set(["hsts_missing"]), "{parameters} {who:?}");
            assert_eq!(accepted(&ended), set(NONE));
        }
    }
    let mut scene = Scene::over_tls("127.0.0.1").await;
    scene.fault("hsts_missing", &none());
    let ended = scene.run(Who::Nobody, "").await;
    assert_eq!((ended.verdict, warned(&ended)), (Verdict::Good, set(NONE)));
    assert!(note(&ended, "transport").contains("it holds for names, not for addresses"), "{:?}", ended.steps);
    assert!(observed(&ended, Some(false)).contains("http_token"));
}
