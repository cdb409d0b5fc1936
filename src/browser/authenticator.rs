//! A user's passkey in a window: a virtual authenticator (WebAuthn Level 3 §11) that answers without anybody touching it.

use fantoccini::Client;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::Passkey;
use crate::fault::{Class, Fault};

/// A command of WebAuthn's that the WebDriver crate does not know.
#[derive(Debug)]
struct Extension {
    path: String,
    body: Secretive,
}

/// Holds a private key: never shown.
struct Secretive(String);

impl std::fmt::Debug for Secretive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(crate::secret::REDACTED)
    }
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.0.clone()))
    }
}

/// Gives the window (a tab's handle) an authenticator that holds the passkey. Providers refuse a signature counter that
/// does not grow (WebAuthn §6.1.1): `count` must be more than any that was used before. Fault: `browser`.
pub(super) async fn give(client: &Client, window: &str, passkey: &Passkey, count: u32) -> Result<(), Fault> {
    let failed = |what: &str| Fault::new(Class::Browser, format!("the browser takes no passkey: {what}"));
    let handle = WindowHandle::try_from(window).map_err(|_| failed("its window has no name"))?;
    client.switch_to_window(handle).await.map_err(|_| failed("its window cannot be reached"))?;
    let authenticator = json!({
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": true,
        "hasUserVerification": true,
        "isUserConsenting": true,
        "isUserVerified": true,
    });
    let id =
        post(client, "webauthn/authenticator".into(), &authenticator).await.map_err(|()| failed("no authenticator"))?;
    let id = id.as_str().filter(|id| id.len() < 200 && !id.contains(['/', '?', '#']));
    let path = format!("webauthn/authenticator/{}/credential", id.ok_or_else(|| failed("no authenticator"))?);
    let credential = json!({
        "credentialId": passkey.credential_id,
        "isResidentCredential": true,
        "rpId": passkey.rp_id,
        "privateKey": passkey.private_key.expose(),
        "userHandle": passkey.user_handle,
        "signCount": count,
    });
    post(client, path, &credential).await.map(drop).map_err(|()| failed("the authenticator refuses it"))
}

/// What the driver says about a failure may repeat what it was sent: it is not passed on.
async fn post(client: &Client, path: String, body: &Value) -> Result<Value, ()> {
    client.issue_cmd(Extension { path, body: Secretive(body.to_string()) }).await.map_err(drop)
}
