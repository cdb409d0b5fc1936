//! Every fault: what a client sees without it, with it, and after it.

use std::collections::BTreeSet;
use std::pin::Pin;

use authprobe::lab::{Options, fault};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Rp;
use crate::looks;

type Look = for<'a> fn(&'a Rp) -> Pin<Box<dyn Future<Output = String> + 'a>>;

struct Case {
    fault: &'static str,
    parameters: &'static str,
    look: Look,
    healthy: &'static str,
    faulty: &'static str,
}

macro_rules! cases {
    ($($fault:literal $parameters:literal $look:ident: $healthy:literal => $faulty:literal;)*) => {
        &[$(Case {
            fault: $fault,
            parameters: $parameters,
            look: |rp| Box::pin(looks::$look(rp)),
            healthy: $healthy,
            faulty: $faulty,
        },)*]
    };
}

static CASES: &[Case] = cases! {
    "resource_trusting" "" protected: "good 200, altered 401, none 401" => "good 200, altered 200, none 401";
    "resource_trusting" r#"{"check": "token"}"# protected:
        "good 200, altered 401, none 401" => "good 200, altered 401, none 200";
    "resource_trusting" r#"{"check": "signature"}"# protected:
        "good 200, altered 401, none 401" => "good 200, altered 200, none 401";
    "resource_no_challenge" "" challenge: "Bearer realm=\"lab\"" => "none";
    "resource_error_500" "" protected: "good 200, altered 401, none 401" => "good 200, altered 500, none 500";
    "resource_wrong_status" "" protected: "good 200, altered 401, none 401" => "good 200, altered 403, none 403";
    "wrong_acr" "" acr: "\"urn:authprobe:lab:password\"" => "\"urn:authprobe:lab:nothing\"";
    "request_parameter_ignored" "" acr: "\"urn:authprobe:lab:password\"" => "null";
    "cors_missing" "" preflight: "https://app.example.com may send authorization" => "nobody may send authorization";
    "cors_wildcard_headers" "" preflight: "https://app.example.com may send authorization" =>
        "https://app.example.com may send *";
    "introspection_always_active" "" introspection: "200 {\"active\":false}" => "200 {\"active\":true}";
    "introspection_never_active" "" told: "active true, client_id svc, scope api, sub svc" => "active false";
    "introspection_wrong_client" "" told: "active true, client_id svc, scope api, sub svc" =>
        "active true, client_id somebody-else, scope api, sub svc";
    "introspection_wrong_scope" "" told: "active true, client_id svc, scope api, sub svc" =>
        "active true, client_id svc, scope admin, sub svc";
    "introspection_wrong_subject" "" told: "active true, client_id svc, scope api, sub svc" =>
        "active true, client_id svc, scope api, sub mallory";
    "introspection_active_string" "" introspection: "200 {\"active\":false}" => "200 {\"active\":\"false\"}";
    "introspection_error_for_unknown" "" introspection: "200 {\"active\":false}" =>
        "400 {\"error\":\"invalid_request\",\"error_description\":\"unknown token\"}";
    "introspection_open" "" asked_by_nobody: "401" => "200";
    "userinfo_signed" "" who: "GET 200 application/json, POST 200, altered 401" =>
        "GET 200 application/jwt, POST 200, altered 401";
    "userinfo_trusting" "" who: "GET 200 application/json, POST 200, altered 401" =>
        "GET 200 application/json, POST 200, altered 200";
    "userinfo_wrong_subject" "" login: "good" => "userinfo sub";
    "userinfo_no_post" "" who: "GET 200 application/json, POST 200, altered 401" =>
        "GET 200 application/json, POST 405, altered 401";
    "grants_not_offered" "" grants: "client_credentials" => "only authorization_code";
    "connection_refused" r#"{"seconds": 1}"# key_set: "200, application/json, JSON" => "broken before the head";
    "slow_head" r#"{"delay_ms": 300}"# pace: "prompt" => "late";
    "gzip_bomb" "" key_set: "200, application/json, JSON" => "200, application/json, huge";
    "gzip_garbage" "" key_set: "200, application/json, JSON" => "200, application/json, broken in the body";
    "http_401_bare" "" key_set: "200, application/json, JSON" => "401, no JSON";
    "tls_expired" "" handshake: "200" => "no handshake";
    "tls_not_yet_valid" "" handshake: "200" => "no handshake";
    "tls_wrong_name" "" handshake: "200" => "no handshake";
    "tls_self_signed" "" handshake: "200" => "no handshake";
    "tls_untrusted" "" handshake: "200" => "no handshake";
    "tls_incomplete_chain" "" handshake: "200" => "no handshake";
    "tls_refused" "" handshake: "200" => "no handshake";
    "plain_http_served" "" in_the_clear: "keys 400, login 301" => "keys 200, login 200";
    "plain_http_served" r#"{"endpoint": "jwks"}"# in_the_clear: "keys 400, login 301" => "keys 200, login 301";
    "hsts_missing" "" hsts: "max-age=31536000" => "none";
    "hsts_missing" r#"{"header": "zero"}"# hsts: "max-age=31536000" => "max-age=0";
    "discovery_garbage" "" discovery: "200, application/json, JSON" => "200, application/json, no JSON";
    "endpoint_http" "" named: "http://127.0.0.1, answers 400" => "http://login.example.com, on another host";
    "endpoint_unreachable" "" named: "http://127.0.0.1, answers 400" => "http://127.0.0.1, nobody there";
    "metadata_member_missing" "" metadata: "token endpoint answers 401" => "a member is missing";
    "jwks_keys_missing" "" key_names: "keys" => "kty";
    "jwks_wrong_use" "" uses: "sig" => "enc";
    "jwks_kid_absent" "" uses: "sig" => "sig without kid, sig without kid";
    "unknown_kid" "" signature:
        "RS256, cached keys: verifies, fresh keys: verifies" => "RS256, cached keys: unknown kid, fresh keys: unknown kid";
    "abrupt_rotation" "" signature:
        "RS256, cached keys: verifies, fresh keys: verifies" => "RS256, cached keys: unknown kid, fresh keys: verifies";
    "hmac_confusion" "" signature:
        "RS256, cached keys: verifies, fresh keys: verifies" => "HS256, cached keys: refused, fresh keys: refused";
    "encrypted_token" "" parts: "3 parts" => "5 parts";
    "token_error" r#"{"error": "invalid_scope", "status": 401}"# token_answer: "200 null" => "401 \"invalid_scope\"";
    "token_refusal_500" "" bad_code: "400" => "500";
    "grant_refused_403" "" bad_code: "400" => "403";
    "token_type_wrong" "" login: "good" => "no token_type";
    "access_token_missing" "" members: "access_token, expires_in, scope, token_type" => "expires_in, scope, token_type";
    "missing_claim" r#"{"claim": "aud"}"# claims: "aud \"web\", azp \"web\", sub alice, nbf null, auth_time now" =>
        "aud null, azp \"web\", sub alice, nbf null, auth_time now";
    "wrong_subject" "" claims: "aud \"web\", azp \"web\", sub alice, nbf null, auth_time now" =>
        "aud \"web\", azp \"web\", sub another, nbf null, auth_time now";
    "wrong_azp" "" claims: "aud \"web\", azp \"web\", sub alice, nbf null, auth_time now" =>
        "aud \"web\", azp \"somebody-else\", sub alice, nbf null, auth_time now";
    "several_audiences" "" claims: "aud \"web\", azp \"web\", sub alice, nbf null, auth_time now" =>
        "aud [\"web\",\"somebody-else\"], azp \"web\", sub alice, nbf null, auth_time now";
    "future_nbf" "" claims: "aud \"web\", azp \"web\", sub alice, nbf null, auth_time now" =>
        "aud \"web\", azp \"web\", sub alice, nbf 1800003600, auth_time now";
    "stale_auth_time" "" claims: "aud \"web\", azp \"web\", sub alice, nbf null, auth_time now" =>
        "aud \"web\", azp \"web\", sub alice, nbf null, auth_time 3600 s ago";
    "wrong_c_hash" "" code_hash: "c_hash true, at_hash true" => "c_hash false, at_hash true";
    "wrong_at_hash" "" code_hash: "c_hash true, at_hash true" => "c_hash true, at_hash false";
    "future_iat" "" clock: "Date +0, iat +0" => "Date +0, iat +3600";
    "state_missing" "" login: "good" => "state";
    "response_code_twice" "" answer: "code iss state" => "code code iss state";
    "response_code_missing" "" answer: "code iss state" => "iss state";
    "authorization_error" "" answer: "code iss state" => "error iss state";
    "login_page_button_dead" "" page: "200, fields: username password" => "200, fields: username password, script";
    "login_page_script_error" "" page: "200, fields: username password" => "200, fields: , script";
    "login_page_blank" "" page: "200, fields: username password" => "200, fields: ";
    "login_page_spinner" "" page: "200, fields: username password" => "200, fields: , script";
    "login_page_second_factor" "" password: "logged in" => "asked for otp";
    "family_survives_reuse" "" family: "reuse: 400, then: 400" => "reuse: 400, then: 200";
    "stale_tokens" "" revocation: "alive: [false, false]" => "alive: [true, true]";
    "latency" r#"{"delay_ms": 2000, "endpoint": "jwks"}"# pace: "prompt" => "late";
    "slow_body" r#"{"delay_ms": 150}"# pace: "prompt" => "late";
    "hang" r#"{"endpoint": "jwks"}"# key_set: "200, application/json, JSON" => "timeout";
    "connection_reset" "" key_set: "200, application/json, JSON" => "broken before the head";
    "reset_mid_body" "" key_set: "200, application/json, JSON" => "200, application/json, broken in the body";
    "http_500" "" key_set: "200, application/json, JSON" => "500, text/plain, no JSON";
    "http_502_html" "" key_set: "200, application/json, JSON" => "502, text/html, no JSON";
    "http_503" r#"{"endpoint": "introspection"}"# introspection: "200 {\"active\":false}" => "503 null";
    "http_503" r#"{"retry_after": 7}"# key_set:
        "200, application/json, JSON" => "503, text/plain, retry-after 7, no JSON";
    "rate_limited" "" key_set: "200, application/json, JSON" => "429, text/plain, retry-after 30, no JSON";
    "rate_limited" r#"{"retry_after": 0}"# key_set: "200, application/json, JSON" => "429, text/plain, no JSON";
    "redirect_loop" r#"{"endpoint": "jwks"}"# key_set: "200, application/json, JSON" => "302, to /jwks, no JSON";
    "oversize_body" "" key_set: "200, application/json, JSON" => "200, application/json, huge";
    "wrong_content_type" "" key_set: "200, application/json, JSON" => "200, text/html, JSON";
    "jwks_garbage" "" key_set: "200, application/json, JSON" => "200, application/json, no JSON";
    "skewed_clock" "" clock: "Date +0, iat +0" => "Date +300, iat +300";
    "skewed_clock" r#"{"seconds": -90}"# clock: "Date +0, iat +0" => "Date -90, iat -90";
    "issuer_mismatch" "" metadata: "token endpoint answers 401" => "issuer \"https://other.example.com\"";
    "endpoint_moved" "" metadata: "token endpoint answers 401" => "token endpoint answers 404";
    "jwks_empty" "" keys: "1 keys" => "0 keys";
    "jwks_malformed_key" "" keys: "1 keys" => "2 keys, malformed";
    "jwks_weak_key" "" keys: "1 keys" => "2 keys, 1024 bits";
    "jwks_private_key" "" keys: "1 keys" => "1 keys, private";
    "jwks_duplicate_kid" "" keys: "1 keys" => "2 keys, duplicate kid";
    "jwks_stale" "" signature:
        "RS256, cached keys: verifies, fresh keys: verifies" => "RS256, cached keys: verifies, fresh keys: unknown kid";
    "unsafe_rotation" "" signature:
        "RS256, cached keys: verifies, fresh keys: verifies" => "RS256, cached keys: unknown kid, fresh keys: unknown kid";
    "same_kid_new_key" "" signature:
        "RS256, cached keys: verifies, fresh keys: verifies" => "RS256, cached keys: refused, fresh keys: verifies";
    "bad_signature" "" signature:
        "RS256, cached keys: verifies, fresh keys: verifies" => "RS256, cached keys: refused, fresh keys: refused";
    "alg_none" "" signature:
        "RS256, cached keys: verifies, fresh keys: verifies" => "none, cached keys: unknown kid, fresh keys: unknown kid";
    "token_invalid_json" "" token_response: "200, JSON" => "200, no JSON";
    "token_type_missing" "" login: "good" => "no token_type";
    "expires_in_string" "" login: "good" => "expires_in is no number";
    "missing_id_token" "" login: "good" => "no id_token";
    "wrong_issuer" "" login: "good" => "iss";
    "wrong_issuer" r#"{"token": "access"}"# access_token: "iss true, aud true" => "iss false, aud true";
    "wrong_audience" "" login: "good" => "aud";
    "wrong_audience" r#"{"token": "all"}"# access_token: "iss true, aud true" => "iss true, aud false";
    "wrong_nonce" "" login: "good" => "nonce";
    "wrong_at_hash" "" login: "good" => "at_hash";
    "expired_token" "" login: "good" => "exp";
    "state_mangled" "" login: "good" => "state";
    "response_iss_missing" "" login: "good" => "no response iss";
    "response_iss_wrong" "" login: "good" => "response iss";
    "login_page_changed" "" page: "200, fields: username password" => "200, fields: account passphrase";
    "login_page_two_steps" "" page: "200, fields: username password" => "200, fields: username";
    "login_page_script" "" page: "200, fields: username password" => "200, fields: , script";
    "login_page_captcha" "" page: "200, fields: username password" => "200, fields: username password captcha";
    "login_page_maintenance" "" page: "200, fields: username password" => "200, fields: ";
    "login_page_maintenance" r#"{"status": 503}"# page: "200, fields: username password" => "503, fields: ";
    "wrong_password_page" "" password: "logged in" => "Wrong user name or password.";
    "slow_revocation" "" revocation: "alive: [false, false]" => "alive: [true, true]";
    "revocation_ignored" "" revocation: "alive: [false, false]" => "alive: [true, true]";
    "reuse_accepted" "" refreshing: "rotated: true, reuse: 400" => "rotated: true, reuse: 200";
    "no_rotation" "" refreshing: "rotated: true, reuse: 400" => "rotated: false, reuse: 200";
    "refresh_dies_early" "" refreshing: "rotated: true, reuse: 400" => "refused: \"invalid_grant\"";
    "logout_ignored" "" logout: "login_required" => "still logged in";
    "redirect_uri_loose" "" elsewhere:
        "like: 400, other: 400, twice: 400" => "like: login, other: 400, twice: login";
    "redirect_uri_loose" r#"{"match": "any"}"# elsewhere:
        "like: 400, other: 400, twice: 400" => "like: login, other: login, twice: login";
    "authorization_cors" "" cors: "nobody" => "*";
    "login_page_framed" "" framed: "true" => "false";
    "response_type_unchecked" "" odd_type: "unsupported_response_type" => "login";
    "silent_login" "" unasked: "login_required" => "a code";
    "pkce_not_enforced" "" challenges:
        "none: invalid_request, plain: invalid_request" => "none: login, plain: invalid_request";
    "pkce_plain_accepted" "" challenges:
        "none: invalid_request, plain: invalid_request" => "none: invalid_request, plain: login";
    "pkce_verifier_ignored" "" verifier: "400" => "200";
    "code_replay_accepted" "" code_again: "again: 400, alive: false" => "again: 200, alive: true";
    "code_replay_keeps_tokens" "" code_again: "again: 400, alive: false" => "again: 400, alive: true";
    "code_redirect_uri_unchecked" "" code_redirect: "400" => "200";
    "token_by_get" "" by_get: "405" => "200";
    "access_token_in_query" "" token_in_query: "401" => "200";
    "client_unproven" "" proofs:
        "name: 401, none: 401, keyed: 401, any: 401" => "name: 200, none: 401, keyed: 401, any: 401";
    "assertion_unsigned_accepted" "" proofs:
        "name: 401, none: 401, keyed: 401, any: 401" => "name: 401, none: 200, keyed: 401, any: 401";
    "assertion_hmac_accepted" "" proofs:
        "name: 401, none: 401, keyed: 401, any: 401" => "name: 401, none: 401, keyed: 200, any: 401";
    "assertion_unverified" "" proofs:
        "name: 401, none: 401, keyed: 401, any: 401" => "name: 401, none: 200, keyed: 200, any: 200";
    "secret_refused" "" secrets: "basic 200, post 200" => "basic 200, post 401";
    "secret_refused" r#"{"method": "client_secret_basic"}"# secrets: "basic 200, post 200" => "basic 401, post 200";
    "session_forgotten" "" renewed: "a code" => "login_required";
    "assertion_refused" "" asserted: "200" => "401, invalid_client";
    "dpop_nonce" "" possession: "DPoP, our key" => "400, a nonce, then DPoP, our key";
    "dpop_nonce" r#"{"mode": "endless"}"# possession: "DPoP, our key" => "400, a nonce, then use_dpop_nonce";
    "dpop_nonce" r#"{"mode": "absent"}"# possession: "DPoP, our key" => "400, no nonce, then use_dpop_nonce";
    "dpop_ignored" "" possession: "DPoP, our key" => "Bearer, no key";
    "dpop_unbound" "" possession: "DPoP, our key" => "DPoP, no key";
    "dpop_wrong_key" "" possession: "DPoP, our key" => "DPoP, another key";
    "par_required" "" pushed:
        "pushed: 201, then 200; plain: 200" => "pushed: 201, then 200; plain: 400";
    "par_refused" "" pushed:
        "pushed: 201, then 200; plain: 200" => "pushed: 400, then invalid_request; plain: 200";
    "par_reference_missing" "" pushed:
        "pushed: 201, then 200; plain: 200" => "pushed: 201, then no reference; plain: 200";
    "par_forgotten" "" pushed:
        "pushed: 201, then 200; plain: 200" => "pushed: 201, then 400; plain: 200";
    "device_not_offered" "" offered:
        "device_authorization_endpoint registration_endpoint end_session_endpoint backchannel_logout_supported" =>
        "registration_endpoint end_session_endpoint backchannel_logout_supported";
    "registration_not_offered" "" offered:
        "device_authorization_endpoint registration_endpoint end_session_endpoint backchannel_logout_supported" =>
        "device_authorization_endpoint end_session_endpoint backchannel_logout_supported";
    "logout_not_offered" "" offered:
        "device_authorization_endpoint registration_endpoint end_session_endpoint backchannel_logout_supported" =>
        "device_authorization_endpoint registration_endpoint backchannel_logout_supported";
    "backchannel_not_offered" "" offered:
        "device_authorization_endpoint registration_endpoint end_session_endpoint backchannel_logout_supported" =>
        "device_authorization_endpoint registration_endpoint end_session_endpoint";
    "device_slow_down" "" device: "early: authorization_pending, yes: true, then: tokens" =>
        "early: slow_down, yes: true, then: slow_down";
    "device_denied" "" device: "early: authorization_pending, yes: true, then: tokens" =>
        "early: authorization_pending, yes: true, then: access_denied";
    "device_never_approved" "" device: "early: authorization_pending, yes: true, then: tokens" =>
        "early: authorization_pending, yes: true, then: authorization_pending";
    "device_expires" "" device: "early: authorization_pending, yes: true, then: tokens" =>
        "early: expired_token, yes: true, then: expired_token";
    "device_unapproved" "" device: "early: authorization_pending, yes: true, then: tokens" =>
        "early: tokens, yes: false, then: invalid_grant";
    "registration_delete_fails" "" registered: "201, deleted 204, read 401" => "201, deleted 500, read 200";
    "registration_survives" "" registered: "201, deleted 204, read 401" => "201, deleted 204, read 200";
    "registration_unmanaged" "" registered: "201, deleted 204, read 401" => "201, not managed";
    "backchannel_never" "" told_of_logout: "verifies, aud web" => "nothing";
    "backchannel_late" r#"{"seconds": 2}"# told_of_logout: "verifies, aud web" => "nothing";
    "backchannel_invalid" "" told_of_logout: "verifies, aud web" => "refused, aud web";
    "backchannel_invalid" r#"{"what": "audience"}"# told_of_logout: "verifies, aud web" => "verifies, aud somebody-else";
    // Last: the look rotates the keys.
    "early_removal" "" retired: "still published" => "gone";
};

#[test]
fn no_fault_is_without_a_case() {
    let tried: BTreeSet<_> = CASES.iter().map(|case| case.fault).collect();
    let all: BTreeSet<_> = fault::all().map(|fault| fault.name).collect();
    assert_eq!(all.difference(&tried).collect::<Vec<_>>(), Vec::<&&str>::new(), "faults that no case tries");
    assert_eq!(tried, all);
}

#[tokio::test]
async fn every_fault_shows_and_goes_away() {
    let over_tls =
        |case: &&Case| case.fault.starts_with("tls_") || matches!(case.fault, "plain_http_served" | "hsts_missing");
    let plain = all_show(Rp::new().await, CASES.iter().filter(|case| !over_tls(case))).await;
    let tls =
        all_show(Rp::with(Options { tls: true, ..Options::default() }).await, CASES.iter().filter(over_tls)).await;
    let wrong = [plain, tls].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What was not as it should be.
async fn all_show(mut rp: Rp, cases: impl Iterator<Item = &'static Case>) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in cases {
        let Case { fault, parameters, look, healthy, faulty } = case;
        let path = format!("faults/{fault}");
        let parameters: Option<Value> = (!parameters.is_empty()).then(|| serde_json::from_str(parameters).unwrap());
        rp.forget_cookies();
        let before = look(&rp).await;
        let (status, state) = rp.control(Method::PUT, &path, parameters.as_ref()).await;
        assert_eq!((status, &state["on"]), (200, &json!(true)), "{fault}: {state}");
        let during = look(&rp).await;
        let (status, state) = rp.control(Method::DELETE, &path, None).await;
        assert_eq!((status, &state["on"]), (200, &json!(false)), "{fault}: {state}");
        assert!(state["fired"].as_u64().unwrap() > 0, "{fault}: counted");
        let after = look(&rp).await;
        assert_ne!(healthy, faulty, "{fault}: nobody would see it");
        if (before.as_str(), during.as_str(), after.as_str()) != (healthy, faulty, healthy) {
            wrong.push(format!("{fault}: before {before:?}, with it {during:?}, after {after:?}"));
        }
    }
    wrong
}

#[tokio::test]
async fn a_rate_is_a_share_and_repeats_itself() {
    let rp = Rp::new().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let parameters = json!({"rate": 0.25, "endpoint": "jwks"});
        assert_eq!(rp.control(Method::PUT, "faults/http_500", Some(&parameters)).await.0, 200);
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(rp.http.get(rp.url("jwks_uri")).send().await.unwrap().status().as_u16());
        }
        let broken = statuses.iter().filter(|status| **status == 500).count();
        assert!((8..=12).contains(&broken), "{broken} of 40");
        seen.push(statuses);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_fault_of_one_region_leaves_the_others_alone() {
    let rp = Rp::new().await;
    let from =
        |address: &str| reqwest::Client::builder().local_address(Some(address.parse().unwrap())).build().unwrap();
    let parameters = json!({"endpoint": "jwks", "from": "127.0.0.2"});
    assert_eq!(rp.control(Method::PUT, "faults/http_500", Some(&parameters)).await.0, 200);
    for (address, status) in [("127.0.0.1", 200), ("127.0.0.2", 500), ("127.0.0.3", 200)] {
        let answer = from(address).get(rp.url("jwks_uri")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{address}");
    }
}

#[tokio::test]
async fn over_tls_only_the_switches_are_there_without() {
    let rp = Rp::with(Options { tls: true, ..Options::default() }).await;
    let plain = |path: &str| rp.http.get(format!("http://{}{path}", rp.lab.address)).send();
    assert_eq!(plain("/jwks").await.unwrap().status().as_u16(), 400);
    assert_eq!(plain("/lab/faults").await.unwrap().status().as_u16(), 200);
    assert_eq!(looks::handshake(&rp).await, "200");
}

/// RFC 6797 §7.2: only over TLS; and a cookie for https only would not come back.
#[tokio::test]
async fn who_is_answered_without_tls_is_promised_nothing() {
    let rp = Rp::with(Options { tls: true, ..Options::default() }).await;
    rp.control(Method::PUT, "faults/plain_http_served", None).await;
    let plain = rp.url("authorization_endpoint").replacen("https:", "http:", 1);
    let url = url::Url::parse_with_params(&plain, &rp.good_request("spa")).unwrap();
    let answer = rp.http.get(url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
    assert_eq!(answer.headers().get("strict-transport-security"), None);
    assert!(!answer.headers()["set-cookie"].to_str().unwrap().contains("Secure"));
    let url = url::Url::parse_with_params(&rp.url("authorization_endpoint"), &rp.good_request("spa")).unwrap();
    let answer = rp.http.get(url).send().await.unwrap();
    assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("Secure"));
}

#[tokio::test]
async fn the_control_interface_explains_itself() {
    let rp = Rp::new().await;
    let (status, list) = rp.control(Method::GET, "faults", None).await;
    assert_eq!(status, 200);
    let latency = list["faults"].as_array().unwrap().iter().find(|fault| fault["name"] == "latency").unwrap();
    assert_eq!((&latency["on"], &latency["allowed"][0]["name"]), (&json!(false), &json!("delay_ms")));
    let (status, problem) = rp.control(Method::PUT, "faults/latencey", None).await;
    assert_eq!((status, &problem["detail"]), (404, &json!("no fault `latencey`; did you mean `latency`?")));
    let (status, problem) = rp.control(Method::PUT, "faults/latency", Some(&json!({"rate": 2}))).await;
    assert_eq!((status, &problem["detail"]), (400, &json!("latency: `rate` is a number from 0 to 1")));
    let (status, problem) = rp.control(Method::PUT, "faults/latency", Some(&json!([]))).await;
    assert_eq!((status, &problem["detail"]), (400, &json!("the body is a JSON object, or empty")));
    for fault in ["hang", "http_500"] {
        rp.control(Method::PUT, &format!("faults/{fault}"), None).await;
    }
    assert_eq!(rp.control(Method::GET, "faults/hang", None).await.1["on"], true, "faults leave the switches alone");
    assert_eq!(rp.control(Method::DELETE, "faults", None).await.0, 204);
    assert_eq!(looks::key_set(&rp).await, "200, application/json, JSON");
    let (_, stats) = rp.control(Method::GET, "stats", None).await;
    assert_eq!((&stats["requests"]["jwks"], &stats["requests"]["token"]), (&json!(2), &json!(0)));
}

#[test]
fn the_documented_table_is_the_real_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lab.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- faults -->\n", "<!-- /faults -->");
    let from = document.find(begin).unwrap() + begin.len();
    let to = document.find(end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{}{}{}", &document[..from], fault::describe(), &document[to..])).unwrap();
        return;
    }
    assert_eq!(&document[from..to], fault::describe(), "run this test with UPDATE_DOCS=1");
}
