//! What devices, registered clients and clients of the back channel see.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::client::{Rp, verify};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the metadata says of these.
pub async fn offered(rp: &Rp) -> String {
    let document = rp.json(&format!("{}/.well-known/openid-configuration", rp.lab.issuer)).await;
    let members = [
        "device_authorization_endpoint",
        "registration_endpoint",
        "end_session_endpoint",
        "backchannel_logout_supported",
    ];
    let there: Vec<_> = members.iter().filter(|member| document.get(**member).is_some()).copied().collect();
    there.join(" ")
}

/// What a device is told before and after its user said yes.
pub async fn device(rp: &Rp) -> String {
    let form = [("client_id", "tv"), ("scope", "openid")];
    let codes = body(rp.post(&rp.url("device_authorization_endpoint"), &form).await).await.1;
    let early = poll(rp, &codes).await;
    let page = rp.http.get(codes["verification_uri_complete"].as_str().unwrap()).send().await.unwrap();
    let approve = async {
        let login = rp.submit(page, &[("user_code", codes["user_code"].as_str().unwrap())]).await?;
        let consent = rp.submit(login, &[("username", "alice"), ("password", "wonderland-7")]).await?;
        rp.submit(consent, &[("decision", "allow")]).await
    };
    let approved = approve.await.is_ok_and(|page| page.status() == 200);
    rp.advance(30);
    format!("early: {early}, yes: {approved}, then: {}", poll(rp, &codes).await)
}

async fn poll(rp: &Rp, codes: &Value) -> String {
    let code = codes["device_code"].as_str().unwrap();
    let form = [("grant_type", DEVICE_CODE), ("client_id", "tv"), ("device_code", code)];
    match body(rp.post(&rp.url("token_endpoint"), &form).await).await {
        (200, _) => "tokens".into(),
        (_, answer) => answer["error"].as_str().unwrap_or("no error").to_owned(),
    }
}

/// The life of a registered client.
pub async fn registered(rp: &Rp) -> String {
    let document = json!({"redirect_uris": ["http://127.0.0.1:8765/cb"]}).to_string();
    let request = rp.http.post(rp.url("registration_endpoint")).header("content-type", "application/json");
    let (status, client) = body(request.body(document).send().await.unwrap()).await;
    let Some(uri) = client["registration_client_uri"].as_str() else { return format!("{status}, not managed") };
    let token = client["registration_access_token"].as_str();
    let deleted = rp.request(Method::DELETE, uri, &[], token).await.status().as_u16();
    let read = rp.request(Method::GET, uri, &[], token).await.status().as_u16();
    format!("{status}, deleted {deleted}, read {read}")
}

/// The logout token that comes within half a second.
pub async fn told_of_logout(rp: &Rp) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    assert_eq!(rp.control(Method::PUT, "backchannel/web", Some(&json!({ "uri": uri }))).await.0, 204);
    let (_, tokens) = rp.tokens("web", "openid").await.unwrap();
    let hint = tokens["id_token"].as_str().unwrap();
    let url = url::Url::parse_with_params(&rp.url("end_session_endpoint"), [("id_token_hint", hint)]).unwrap();
    rp.http.get(url).send().await.unwrap();
    let Ok(letter) = tokio::time::timeout(Duration::from_millis(500), receive(&listener)).await else {
        return "nothing".into();
    };
    let claims = crate::client::part(&json!(letter), 1);
    format!("{}, aud {}", verify(&json!(letter), &rp.cached_keys), claims["aud"].as_str().unwrap_or("none"))
}

async fn receive(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = String::new();
    let mut buffer = [0; 4096];
    while !request.contains("logout_token=") || !request.ends_with(|c: char| c.is_ascii_graphic()) {
        let read = stream.read(&mut buffer).await.unwrap();
        request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        if read == 0 {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    request.rsplit_once("logout_token=").map(|(_, token)| token.to_owned()).unwrap_or_default()
}

async fn body(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
}
