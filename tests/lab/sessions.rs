//! The browser's side: authorization requests, login, consent, single sign-on, logout.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::client::{CALLBACK, Rp, callback, location, part, verify};
use crate::looks::{self, SCOPE};

#[tokio::test]
async fn bad_requests_are_told_to_the_client_where_it_is_known() {
    let rp = Rp::new().await;
    for (more, error) in [
        (&[("response_type", "token")][..], "unsupported_response_type"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("response_mode", "jwt")], "invalid_request"),
        (&[("acr_values", ""), ("resource", "urn:unknown")], "invalid_target"),
        (&[("claims", "no JSON")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("request", "x")], "request_not_supported"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("prompt", "none")], "login_required"),
    ] {
        let (sent, response) = rp.begin("web", SCOPE, more).await;
        let params = callback(&response).unwrap();
        assert_eq!(params["error"], error, "{more:?}");
        assert_eq!((&params["state"], &params["iss"]), (&sent.state, &rp.lab.issuer), "{more:?}");
    }
    for more in [("client_id", "nobody"), ("redirect_uri", "https://example.com/cb"), ("redirect_uri", "")] {
        let (_, response) = rp.begin("web", SCOPE, &[more]).await;
        assert_eq!((response.status().as_u16(), location(&response)), (400, None), "{more:?}");
    }
}

#[tokio::test]
async fn a_session_signs_on_everywhere_and_consent_is_asked_once() {
    let rp = Rp::new().await;
    let (_, page) = rp.begin("web", SCOPE, &[("login_hint", "al\"ice")]).await;
    let html = page.text().await.unwrap();
    assert!(html.contains("value=\"al&quot;ice\"") && html.contains("<label for=\"username\">"));
    rp.log_in("web", SCOPE).await.unwrap();
    for (client, scope) in [("web", SCOPE), ("spa", "openid"), ("web", "openid")] {
        let (_, response) = rp.begin(client, scope, &[("prompt", "none")]).await;
        assert!(callback(&response).unwrap().contains_key("code"), "{client} {scope}");
    }
    let (_, page) = rp.begin("web", SCOPE, &[("prompt", "consent")]).await;
    let denied = rp.submit(page, &[("decision", "deny")]).await.unwrap();
    assert_eq!(callback(&denied).unwrap()["error"], "access_denied");
    rp.advance(100);
    let (_, fresh) = rp.begin("web", SCOPE, &[("max_age", "100"), ("prompt", "none")]).await;
    assert!(callback(&fresh).unwrap().contains_key("code"));
    let (_, stale) = rp.begin("web", SCOPE, &[("max_age", "99"), ("prompt", "none")]).await;
    assert_eq!(callback(&stale).unwrap()["error"], "login_required");
    let (_, page) = rp.begin("web", SCOPE, &[("prompt", "login")]).await;
    assert!(location(&page).is_none(), "asked again");
    rp.advance(8 * 3600);
    let (_, later) = rp.begin("web", SCOPE, &[("prompt", "none")]).await;
    assert_eq!(callback(&later).unwrap()["error"], "login_required");
}

#[tokio::test]
async fn wrong_passwords_are_said_aloud_and_counted() {
    let rp = Rp::new().await;
    let (_, page) = rp.begin("spa", "openid", &[]).await;
    let page = rp.submit(page, &[("username", "alice"), ("password", "wrong")]).await.unwrap();
    let again = page.url().clone();
    let html = page.text().await.unwrap();
    assert!(html.contains("<p role=\"alert\" id=\"problem\">Wrong user name or password.</p>"));
    let page = rp.http.get(again).send().await.unwrap();
    let done = rp.submit(page, &[("username", "bob"), ("password", "builder-7")]).await.unwrap();
    assert!(callback(&done).unwrap().contains_key("code"));
    let (_, stats) = rp.control(reqwest::Method::GET, "stats", None).await;
    assert_eq!(stats["passwords_refused"], 1);
}

#[tokio::test]
async fn a_login_belongs_to_its_browser_and_its_form() {
    let mut rp = Rp::new().await;
    let (_, page) = rp.begin("spa", "openid", &[]).await;
    let url = page.url().clone();
    let credentials = [("username", "alice"), ("password", "wonderland-7")];
    let forged = rp.post(url.as_str(), &[("csrf", "x"), credentials[0], credentials[1]]).await;
    assert_eq!(forged.status().as_u16(), 403);
    rp.forget_cookies();
    assert_eq!(rp.http.get(url).send().await.unwrap().status().as_u16(), 400, "another browser");
    let (_, page) = rp.begin("spa", "openid", &[]).await;
    rp.advance(600);
    let late = rp.submit(page, &credentials).await.unwrap();
    assert_eq!(late.status().as_u16(), 400, "too late");
}

#[tokio::test]
async fn a_form_in_two_steps_and_a_form_that_posts_itself() {
    let rp = Rp::new().await;
    rp.lab.set_fault("login_page_two_steps", &Value::Null).unwrap();
    let (sent, page) = rp.begin("spa", "openid", &[("response_mode", "form_post")]).await;
    let page = rp.submit(page, &[("username", "alice")]).await.unwrap();
    let done = rp.submit(page, &[("password", "wonderland-7")]).await.unwrap();
    assert_eq!(location(&done), None);
    let html = done.text().await.unwrap();
    assert!(html.contains(&format!("action=\"{CALLBACK}\"")) && html.contains("document.forms[0].submit()"));
    assert!(html.contains(&format!("name=\"state\" value=\"{}\"", sent.state)) && html.contains("name=\"code\""));
}

/// OAuth 2.0 Multiple Response Types §5; OIDC Core 3.3.2.5, 3.3.2.11.
#[tokio::test]
async fn tokens_come_in_the_fragment_with_the_hashes_of_what_comes_with_them() {
    let rp = Rp::new().await;
    let more = [("response_type", "token code id_token"), ("resource", "urn:authprobe:lab:api")];
    let (sent, page) = rp.begin("spa", "openid", &more).await;
    let done = rp.submit(page, &[("username", "alice"), ("password", "wonderland-7")]).await.unwrap();
    let to = url::Url::parse(&location(&done).unwrap()).unwrap();
    assert_eq!(to.query(), None);
    let params: std::collections::HashMap<String, String> =
        url::form_urlencoded::parse(to.fragment().unwrap().as_bytes()).into_owned().collect();
    assert_eq!((params["state"].as_str(), params["token_type"].as_str()), (sent.state.as_str(), "Bearer"));
    let id_token = Value::from(params["id_token"].as_str());
    let claims = part(&id_token, 1);
    let half = |of: &str| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, of.as_bytes());
        URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
    };
    assert_eq!(claims["c_hash"], half(&params["code"]));
    assert_eq!(claims["at_hash"], half(&params["access_token"]));
    assert_eq!((claims["nonce"].as_str(), verify(&id_token, &rp.cached_keys)), (Some(&*sent.nonce), "verifies"));
    let (status, tokens) = rp.exchange(&sent, &params["code"]).await;
    assert_eq!((status, &part(&tokens["id_token"], 1)["sub"]), (200, &claims["sub"]));
    let (_, refused) = rp.begin("spa", "openid", &[("response_type", "id_token"), ("response_mode", "query")]).await;
    assert!(location(&refused).unwrap().contains("#error=invalid_request"), "never a token in a query");
}

#[tokio::test]
async fn a_changed_form_still_works_for_who_reads_it() {
    let rp = Rp::new().await;
    rp.lab.set_fault("login_page_changed", &Value::Null).unwrap();
    let (_, page) = rp.begin("spa", "openid", &[]).await;
    let done = rp.submit(page, &[("account", "alice"), ("passphrase", "wonderland-7")]).await.unwrap();
    assert!(callback(&done).unwrap().contains_key("code"));
}

#[tokio::test]
async fn logging_out_asks_who_brings_no_hint() {
    let rp = Rp::new().await;
    let (_, tokens) = rp.tokens("web", SCOPE).await.unwrap();
    let endpoint = rp.url("end_session_endpoint");
    let hint = tokens["id_token"].as_str().unwrap();
    let elsewhere = [("id_token_hint", hint), ("post_logout_redirect_uri", "https://example.com/")];
    let forged = [("id_token_hint", "a.b.c"), ("post_logout_redirect_uri", CALLBACK)];
    for query in [elsewhere, forged] {
        let url = url::Url::parse_with_params(&endpoint, query).unwrap();
        assert_eq!(rp.http.get(url).send().await.unwrap().status().as_u16(), 400);
    }
    let page = rp.http.get(&endpoint).send().await.unwrap();
    let (_, still) = rp.begin("web", SCOPE, &[("prompt", "none")]).await;
    assert!(callback(&still).unwrap().contains_key("code"), "asked, not done");
    let done = rp.submit(page, &[("logout", "yes")]).await.unwrap();
    assert_eq!(done.status().as_u16(), 200);
    let (_, gone) = rp.begin("web", SCOPE, &[("prompt", "none")]).await;
    assert_eq!(callback(&gone).unwrap()["error"], "login_required");
    assert_eq!(looks::logout(&rp).await, "login_required", "with a hint, and back to the client");
}
