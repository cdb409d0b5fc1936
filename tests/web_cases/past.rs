//! Alerts that were, and providers' keys, as the API tells them.

use std::sync::Arc;

use authprobe::alert::episode::{Episode, FiredReading};
use authprobe::clock::Timestamp;
use authprobe::oidc::key_history::{KeyLife, ProviderKeys};
use serde_json::json;

use crate::web_support::{Engine, Web};

const AT: i64 = 1_700_000_000;

fn nanos(seconds: i64) -> i64 {
    Timestamp::from_secs(AT + seconds).as_nanos()
}

fn episode(slo: &str, fired: i64, resolved: Option<i64>, reading: Option<FiredReading>) -> Episode {
    let labels = [("alertname", "AuthSLOBurn"), ("slo", slo), ("burnrate_tier", "1h")];
    Episode {
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        fired_nanos: nanos(fired),
        resolved_nanos: resolved.map(nanos),
        description: format!("{slo} burns"),
        reading,
    }
}

fn reading() -> FiredReading {
    FiredReading { seconds: (3600, 300), burn: (50.0, 200.0), guarded: 36.0, factor: 14.4, bad: 30, judged: 600 }
}

#[tokio::test]
async fn the_history_of_alerts_is_narrowed_and_bounded() {
    let episodes = vec![
        episode("login", 90, None, Some(reading())),
        episode("keys", 50, Some(80), None),
        episode("login", 10, Some(20), None),
    ];
    let web = Web::start(Engine { episodes, ..Engine::default() }).await;
    let answer = web.get("/api/v1/alerts/history").await;
    assert_eq!(answer.status, 200);
    let all = answer.json()["episodes"].clone();
    assert_eq!(
        all[0],
        json!({
            "labels": { "alertname": "AuthSLOBurn", "burnrate_tier": "1h", "slo": "login" },
            "fired_at": "2023-11-14T22:14:50.000Z",
            "resolved_at": null,
            "description": "login burns",
            "reading": {
                "long_seconds": 3600, "short_seconds": 300, "burn_long": 50.0, "burn_short": 200.0,
                "burn_long_lower": 36.0, "factor": 14.4, "bad": 30, "judged": 600
            }
        })
    );
    assert_eq!((&all[1]["resolved_at"], &all[1]["reading"]), (&json!("2023-11-14T22:14:40.000Z"), &json!(null)));
    let found = async |query: &str| {
        let list = web.get(&format!("/api/v1/alerts/history{query}")).await.json()["episodes"].clone();
        list.as_array().unwrap().len()
    };
    assert_eq!(found("?slo=login").await, 2);
    assert_eq!(found("?slo=login&limit=1").await, 1);
    assert_eq!(found("?limit=0").await, 1, "at least one");
    assert_eq!(found("?limit=1000000").await, 3);
    assert_eq!(found("?slo=&probe=&provider=").await, 3, "what is empty narrows nothing");
    assert_eq!(found("?probe=login").await, 0);
    assert_eq!(web.get("/api/v1/alerts/history?since=1").await.status, 400);
    let failing = Engine { past_unreadable: Some("the disk reports an error".to_owned()), ..Engine::default() };
    let answer = Web::start(failing).await.get("/api/v1/alerts/history").await;
    assert_eq!((answer.status, answer.json()["detail"].clone()), (503, json!("the disk reports an error")));
}

#[tokio::test]
async fn keys_are_told_by_provider_with_what_is_not_known_as_null() {
    let rsa = KeyLife {
        kid: Some("<2026>".to_owned()),
        kty: "RSA".to_owned(),
        alg: Some("RS256".to_owned()),
        thumbprint: "90facafea9b15566".to_owned(),
        published_nanos: nanos(0),
        or_before: true,
        signed_nanos: Some((nanos(5), nanos(60))),
        removed_nanos: Some(nanos(90)),
        regions: Vec::new(),
        flaws: vec![(nanos(90), "it was removed".to_owned())],
    };
    let fresh = KeyLife {
        kid: None,
        alg: None,
        or_before: false,
        signed_nanos: None,
        removed_nanos: None,
        regions: vec!["eu".to_owned()],
        flaws: Vec::new(),
        ..rsa.clone()
    };
    let longest = std::time::Duration::from_secs(300);
    let known = ProviderKeys { provider: Arc::from("main"), longest, keys: vec![fresh, rsa] };
    let unknown = ProviderKeys { provider: Arc::from("other"), ..ProviderKeys::default() };
    let web = Web::start(Engine { keys: vec![known, unknown], ..Engine::default() }).await;
    let providers = web.get("/api/v1/keys").await.json()["providers"].clone();
    let fresh = json!({
        "kid": null, "kty": "RSA", "alg": null, "thumbprint": "90facafea9b15566",
        "published_at": "2023-11-14T22:13:20.000Z", "or_before": false,
        "first_signed_at": null, "last_signed_at": null, "removed_at": null, "regions": ["eu"], "flaws": []
    });
    let rsa = json!({
        "kid": "<2026>", "kty": "RSA", "alg": "RS256", "thumbprint": "90facafea9b15566",
        "published_at": "2023-11-14T22:13:20.000Z", "or_before": true,
        "first_signed_at": "2023-11-14T22:13:25.000Z", "last_signed_at": "2023-11-14T22:14:20.000Z",
        "removed_at": "2023-11-14T22:14:50.000Z", "regions": [],
        "flaws": [{ "at": "2023-11-14T22:14:50.000Z", "what": "it was removed" }]
    });
    assert_eq!(
        providers,
        json!([
            { "provider": "main", "longest_token_seconds": 300.0, "keys": [fresh, rsa] },
            { "provider": "other", "longest_token_seconds": null, "keys": [] },
        ])
    );
}
