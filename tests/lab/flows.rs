//! Tokens: how they are got, refreshed, exchanged, looked up and revoked, and what is refused.

use authprobe::lab::Options;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{CALLBACK, Rp, part, verify};
use crate::looks::{self, SCOPE};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

#[tokio::test]
async fn an_issuer_with_a_path_has_both_well_known_places() {
    let issuer = Some("http://127.0.0.1:0/realms/lab".to_owned());
    let rp = Rp::with(Options { issuer, ..Options::default() }).await;
    assert_eq!(rp.metadata["issuer"], format!("http://{}/realms/lab", rp.lab.address));
    let inserted = format!("http://{}/.well-known/oauth-authorization-server/realms/lab", rp.lab.address);
    assert_eq!(rp.json(&inserted).await, rp.metadata);
    assert_eq!(looks::login(&rp).await, "good");
}

#[tokio::test]
async fn tokens_of_a_login_are_complete_and_signed() {
    let rp = Rp::new().await;
    let (sent, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    assert_eq!((&tokens["expires_in"], &tokens["scope"]), (&json!(300), &json!(SCOPE)));
    assert_eq!(verify(&tokens["id_token"], &rp.cached_keys), "verifies");
    assert_eq!(verify(&tokens["access_token"], &rp.cached_keys), "verifies");
    let claims = part(&tokens["id_token"], 1);
    assert_eq!((&claims["email_verified"], &claims["preferred_username"]), (&json!(true), &json!("alice")));
    let header = part(&tokens["access_token"], 0);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("RS256")));
    let access = part(&tokens["access_token"], 1);
    for (claim, value) in [("client_id", json!("web")), ("scope", json!(SCOPE)), ("sub", claims["sub"].clone())] {
        assert_eq!(access[claim], value);
    }
    assert!(access["jti"].is_string() && sent.nonce == claims["nonce"].as_str().unwrap());
    let (_, public) = rp.tokens("spa", "openid").await.unwrap();
    assert!(!public["access_token"].as_str().unwrap().contains('.'), "a public client's is opaque");
    assert!(public.get("refresh_token").is_none(), "offline_access was not asked for");
}

#[tokio::test]
async fn a_code_is_good_once_for_its_client_with_its_verifier() {
    let rp = Rp::new().await;
    let (sent, params) = rp.log_in("web", SCOPE).await.unwrap();
    let code = &params["code"];
    let form = |verifier, uri| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", uri),
            ("code_verifier", verifier),
        ]
    };
    let other = format!("{CALLBACK}2");
    for bad in [form("wrong", CALLBACK), form(&sent.verifier, &other)] {
        let (status, body) = rp.as_client("token_endpoint", "web", &bad).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    }
    let mut stolen = sent.clone();
    stolen.client = "spa";
    assert_eq!(rp.exchange(&stolen, code).await.1["error"], "invalid_grant");
    let (status, tokens) = rp.exchange(&sent, code).await;
    assert_eq!(status, 200);
    assert!(rp.active(&tokens["access_token"]).await);
    assert_eq!(rp.exchange(&sent, code).await.1["error"], "invalid_grant");
    assert!(!rp.active(&tokens["access_token"]).await, "the replay revoked what came from the code");
    let (sent, params) = rp.log_in("web", SCOPE).await.unwrap();
    rp.advance(61);
    assert_eq!(rp.exchange(&sent, &params["code"]).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn refreshing_rotates_and_reuse_ends_the_family() {
    let rp = Rp::new().await;
    let (_, first) = rp.tokens("web", SCOPE).await.unwrap();
    rp.advance(3600);
    assert!(!rp.active(&first["access_token"]).await, "expired after five minutes");
    let (status, second) = rp.refresh(&first["refresh_token"]).await;
    assert_eq!(status, 200);
    let (old, new) = (part(&first["id_token"], 1), part(&second["id_token"], 1));
    for same in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(old[same], new[same], "{same} (OIDC Core 12.2)");
    }
    assert!(new.get("nonce").is_none() && new["iat"].as_i64() > old["iat"].as_i64());
    let narrow = [
        ("grant_type", "refresh_token"),
        ("refresh_token", second["refresh_token"].as_str().unwrap()),
        ("scope", "openid"),
    ];
    let (_, third) = rp.as_client("token_endpoint", "web", &narrow).await;
    assert_eq!(third["scope"], "openid");
    let (status, refused) = rp.refresh(&first["refresh_token"]).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(rp.refresh(&third["refresh_token"]).await.0, 400, "the newest is dead with its family");
    assert!(!rp.active(&third["access_token"]).await);
}

#[tokio::test]
async fn a_refresh_token_dies_at_the_age_it_is_told() {
    let rp = Rp::new().await;
    rp.lab.set_fault("refresh_dies_early", &json!({"seconds": 600})).unwrap();
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    rp.advance(599);
    let (status, tokens) = rp.refresh(&tokens["refresh_token"]).await;
    assert_eq!(status, 200);
    rp.advance(1);
    assert_eq!(rp.refresh(&tokens["refresh_token"]).await.0, 400, "counted from the login, not from the rotation");
}

#[tokio::test]
async fn client_credentials_are_for_clients_that_may() {
    let rp = Rp::new().await;
    let grant = ("grant_type", "client_credentials");
    let (status, response) = rp.as_client("token_endpoint", "svc", &[grant, ("scope", "api")]).await;
    assert_eq!((status, &response["token_type"]), (200, &json!("Bearer")));
    let claims = part(&response["access_token"], 1);
    assert_eq!((&claims["sub"], claims["exp"].as_i64()), (&json!("svc"), Some(rp.clock.now().as_secs() + 300)));
    let refusals: [(&str, &[(&str, &str)], u16, &str); 5] = [
        ("web", &[grant], 400, "unauthorized_client"),
        ("svc", &[grant, ("scope", "openid")], 400, "invalid_scope"),
        ("svc", &[("grant_type", "password")], 400, "unsupported_grant_type"),
        ("svc", &[("scope", "api")], 400, "invalid_request"),
        ("nobody", &[grant], 401, "invalid_client"),
    ];
    for (client, form, status, error) in refusals {
        let (found, body) = rp.as_client("token_endpoint", client, form).await;
        assert_eq!((found, &body["error"]), (status, &json!(error)), "{client} {form:?}");
    }
    let twice = [grant, grant];
    let response = rp.post(&rp.url("token_endpoint"), &twice).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "a parameter is there twice");
    let response = rp.http.get(rp.url("token_endpoint")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"POST".parse().unwrap()));
}

#[tokio::test]
async fn tokens_are_exchanged_with_and_without_an_actor() {
    let rp = Rp::new().await;
    let (_, user) = rp.tokens("web", SCOPE).await.unwrap();
    let (_, service) = rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await;
    let subject = [
        ("grant_type", EXCHANGE),
        ("subject_token", user["access_token"].as_str().unwrap()),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    let actor = [("actor_token", service["access_token"].as_str().unwrap()), ("actor_token_type", ACCESS_TOKEN)];
    let exchange = async |more: &[(&str, &str)]| {
        let form: Vec<_> = subject.iter().chain(more).copied().collect();
        rp.as_client("token_endpoint", "svc", &form).await
    };
    let (status, plain) = exchange(&[("scope", "api"), ("audience", "web")]).await;
    assert_eq!((status, &plain["issued_token_type"]), (200, &json!(ACCESS_TOKEN)));
    let claims = part(&plain["access_token"], 1);
    assert_eq!(verify(&plain["access_token"], &rp.cached_keys), "verifies");
    assert_eq!((&claims["sub"], &claims["aud"]), (&part(&user["id_token"], 1)["sub"], &json!("web")));
    assert_eq!((&claims["scope"], &claims["client_id"]), (&json!("api"), &json!("svc")));
    assert!(claims.get("act").is_none());
    let (_, acted) = exchange(&actor).await;
    assert_eq!(part(&acted["access_token"], 1)["act"], json!({"sub": "svc"}));
    for (more, error) in [
        (&[("scope", "admin")][..], "invalid_scope"),
        (&[("audience", "elsewhere")], "invalid_target"),
        (&[("actor_token", "x")], "invalid_request"),
        (&[("actor_token", "x"), ("actor_token_type", ACCESS_TOKEN)], "invalid_request"),
        (&[("requested_token_type", "urn:ietf:params:oauth:token-type:saml2")], "invalid_request"),
    ] {
        let (status, body) = exchange(more).await;
        assert_eq!((status, &body["error"]), (400, &json!(error)), "{more:?}");
    }
    let id_token = user["id_token"].as_str().unwrap();
    let of_id_token = [("grant_type", EXCHANGE), ("subject_token", id_token), ("subject_token_type", ID_TOKEN)];
    let (status, response) = rp.as_client("token_endpoint", "svc", &of_id_token).await;
    assert_eq!((status, &part(&response["access_token"], 1)["sub"]), (200, &part(&user["id_token"], 1)["sub"]));
    let forged = format!("{}A", &id_token[..id_token.len() - 1]);
    let forged = [("grant_type", EXCHANGE), ("subject_token", forged.as_str()), ("subject_token_type", ID_TOKEN)];
    assert_eq!(rp.as_client("token_endpoint", "svc", &forged).await.0, 400);
}

#[tokio::test]
async fn introspection_and_revocation_follow_their_specifications() {
    let rp = Rp::new().await;
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let form = [("token", tokens["access_token"].as_str().unwrap())];
    let (_, answer) = rp.as_client("introspection_endpoint", "svc", &form).await;
    for (member, value) in [("username", json!("alice")), ("client_id", json!("web")), ("token_type", json!("Bearer"))]
    {
        assert_eq!(answer[member], value);
    }
    assert_eq!(rp.as_client("introspection_endpoint", "nobody", &form).await.0, 401);
    assert_eq!(
        rp.post(&rp.url("introspection_endpoint"), &[("client_id", "spa"), form[0]]).await.status().as_u16(),
        401
    );
    let (status, refused) = rp.as_client("revocation_endpoint", "svc", &form).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")), "another client's token");
    assert_eq!(rp.revoke(&json!("unknown")).await, 200, "RFC 7009 §2.2");
    assert_eq!(rp.revoke(&tokens["access_token"]).await, 200);
    assert!(!rp.active(&tokens["access_token"]).await && rp.active(&tokens["refresh_token"]).await);
    let (_, second) = rp.refresh(&tokens["refresh_token"]).await;
    assert_eq!(rp.revoke(&second["refresh_token"]).await, 200);
    assert!(!rp.active(&second["access_token"]).await, "gone with its refresh token (RFC 7009 §2.1)");
    rp.lab.set_fault("slow_revocation", &json!({"seconds": 5})).unwrap();
    let (_, slow) = rp.tokens("web", SCOPE).await.unwrap();
    rp.revoke(&slow["access_token"]).await;
    rp.advance(4);
    assert!(rp.active(&slow["access_token"]).await);
    rp.advance(1);
    assert!(!rp.active(&slow["access_token"]).await, "five seconds after the acknowledgement");
}

#[tokio::test]
async fn resources_want_a_living_token_with_their_scope() {
    let rp = Rp::new().await;
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let (_, service) = rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await;
    let resource = format!("{}/resource", rp.lab.issuer);
    let userinfo = rp.url("userinfo_endpoint");
    let ask = async |url: &str, token: Option<&Value>| {
        let response = rp.request(Method::GET, url, &[], token.and_then(Value::as_str)).await;
        let challenge = response.headers().get("www-authenticate").map(|v| v.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge.unwrap_or_default())
    };
    assert_eq!(ask(&resource, Some(&service["access_token"])).await.0, 200);
    assert_eq!(ask(&userinfo, Some(&tokens["access_token"])).await.0, 200);
    let (status, challenge) = ask(&userinfo, Some(&service["access_token"])).await;
    assert!(status == 403 && challenge.contains("insufficient_scope"), "{challenge}");
    assert_eq!(ask(&resource, None).await, (401, r#"Bearer realm="lab""#.to_owned()), "RFC 6750 §3.1");
    rp.revoke(&tokens["access_token"]).await;
    let (status, challenge) = ask(&userinfo, Some(&tokens["access_token"])).await;
    assert!(status == 401 && challenge.contains(r#"error="invalid_token""#), "{challenge}");
}

#[tokio::test]
async fn keys_rotate_with_and_without_overlap() {
    let rp = Rp::new().await;
    let published = async || {
        let set = rp.json(&rp.url("jwks_uri")).await;
        let kids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    let signs = async || {
        let (_, response) = rp.as_client("token_endpoint", "svc", &[("grant_type", "client_credentials")]).await;
        part(&response["access_token"], 0)["kid"].as_str().unwrap().to_owned()
    };
    let first = signs().await;
    let lead = json!({"overlap": true, "lead_seconds": 30});
    assert_eq!(rp.control(Method::POST, "rotate", Some(&lead)).await.0, 200);
    let both = published().await;
    assert!(both.len() == 2 && signs().await == first, "announced, not yet in use");
    rp.advance(30);
    let second = signs().await;
    assert!(second != first && both.contains(&second) && published().await.contains(&first));
    rp.advance(600);
    assert_eq!(published().await, [second.as_str()], "the old one has outlived its tokens");
    assert_eq!(rp.control(Method::POST, "rotate", Some(&json!({"overlap": false}))).await.0, 200);
    let third = signs().await;
    assert!(published().await == [third.as_str()] && third != second);
    rp.lab.set_fault("jwks_stale", &Value::Null).unwrap();
    assert_eq!(published().await, [second.as_str()], "the set of before the rotation");
    assert_eq!(rp.control(Method::POST, "rotate", Some(&json!({"overlap": "yes"}))).await.0, 400);
}
