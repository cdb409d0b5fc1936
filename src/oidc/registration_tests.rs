use serde_json::{Value, json};

use super::*;
use crate::oidc::response::testing;

/// The example of RFC 7592 §3.
fn example() -> Value {
    json!({
        "registration_access_token": "reg-23410913-abewfq.123483",
        "registration_client_uri": "https://server.example.com/register/s6BhdRkqt3",
        "client_id": "s6BhdRkqt3",
        "client_secret": "cf136dc3c1fc93f31185e5885805d",
        "client_id_issued_at": 2_893_256_800_u64,
        "client_secret_expires_at": 2_893_276_800_u64,
        "client_name": "My Example Client",
        "redirect_uris": ["https://client.example.org/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_basic",
    })
}

fn without(name: &str) -> Value {
    let mut body = example();
    body.as_object_mut().unwrap().remove(name);
    body
}

fn create(status: u16, body: &Value, invited: bool) -> (Result<Registered, Fault>, Vec<&'static str>) {
    let mut warnings = Vec::new();
    let client = created(&testing::json(status, body), &example(), invited, &mut warnings);
    (client, warnings.iter().map(|warning| warning.code).collect())
}

#[test]
fn the_example_of_the_rfc_is_read() {
    let (client, warnings) = create(201, &example(), false);
    let client = client.unwrap();
    assert_eq!((client.client_id.as_str(), warnings), ("s6BhdRkqt3", vec![]));
    assert_eq!(client.management.unwrap().uri.path(), "/register/s6BhdRkqt3");
}

#[test]
fn what_must_be_there_must_be_there() {
    for name in ["client_id", "client_secret", "registration_access_token", "registration_client_uri"] {
        assert_eq!(create(201, &without(name), false).0.unwrap_err().class, Class::Malformed, "{name}");
    }
    for (name, code) in
        [("client_secret_expires_at", "secret_expiry_missing"), ("redirect_uris", "registered_metadata")]
    {
        assert_eq!(create(201, &without(name), false).1, [code]);
    }
    assert_eq!(create(200, &example(), false).1, ["created_status"]);
    let mut unmanaged = without("registration_access_token");
    unmanaged.as_object_mut().unwrap().remove("registration_client_uri");
    assert!(create(201, &unmanaged, false).0.unwrap().management.is_none(), "RFC 7591 alone");
    let mut plain = example();
    plain["registration_client_uri"] = json!("http://server.example.com/register/1");
    assert_eq!(create(201, &plain, false).0.unwrap_err().class, Class::Malformed);
}

#[test]
fn whoever_is_not_invited_is_told_what_to_do() {
    let refused = json!({"error": "invalid_token"});
    assert_eq!(create(401, &refused, false).0.unwrap_err().class, Class::Config);
    assert_eq!(create(401, &refused, true).0.unwrap_err().class, Class::Credentials);
    let fault = create(400, &json!({"error": "invalid_redirect_uri"}), false).0.unwrap_err();
    assert_eq!(
        (fault.class, fault.detail.as_str()),
        (Class::OauthError, "registration endpoint: invalid_redirect_uri")
    );
    assert_eq!(create(500, &json!({}), false).0.unwrap_err().class, Class::HttpStatus);
}

#[test]
fn a_secret_has_a_future() {
    for (at, expected) in [
        (json!(0), Ok(vec![])),
        (json!(1_700_000_000), Ok(vec![])),
        (json!(1_699_000_000.5), Err(Class::ClaimExpired)),
        (json!(-1), Err(Class::ClaimExpired)),
        (json!("never"), Ok(vec!["secret_expiry_type"])),
        (json!(null), Ok(vec!["secret_expiry_type"])),
    ] {
        let mut body = example();
        body["client_secret_expires_at"] = at.clone();
        let (client, warnings) = create(201, &body, false);
        assert_eq!(client.map(|_| warnings).map_err(|fault| fault.class), expected, "{at}");
    }
}

#[test]
fn an_empty_identifier_is_said_to_be_empty() {
    let mut body = example();
    body["client_id"] = json!("");
    let fault = create(201, &body, false).0.unwrap_err();
    assert_eq!(fault.findings[0].detail, "registration response: client_id is empty, not a text");
}

/// Whatever else is wrong with the answer, the client must go.
#[test]
fn what_was_made_is_found_in_any_answer() {
    let left = |status, body: &Value| Left::of(&testing::json(status, body));
    assert!(left(201, &without("client_secret")).unwrap().management.is_some());
    assert!(left(200, &without("registration_access_token")).unwrap().management.is_none());
    assert!(left(400, &example()).is_none() && left(201, &json!([])).is_none());
    let shown = |id: &str| Left { client_id: id.to_owned(), management: None }.shown();
    assert_eq!(shown("s6BhdRkqt3"), "s6BhdRkqt3");
    assert_eq!(shown("V1StGXR8_Z5jdHi6B-myT"), "V1StGXR8_Z5j…");
    assert_eq!(shown("\u{7}V1StGXR8_Z5jdHi6B-myT"), "\\u{7}V1StGXR8_Z5…");
}

/// RFC 7592 §2.2.
#[test]
fn an_update_sends_back_what_may_be_sent_back() {
    // Canaille reads itself out with what nobody ever set, and refuses it.
    let mut said = example();
    said["contacts"] = Value::Null;
    let client = create(201, &said, false).0.unwrap();
    let sent = update(&client);
    assert_eq!(sent.get("contacts"), None, "{sent}");
    assert_eq!(
        (&sent["client_id"], &sent["client_name"]),
        (&json!("s6BhdRkqt3"), &json!("My Example Client (updated)"))
    );
    assert!(NOT_SENT_BACK.iter().all(|name| sent.get(name).is_none()));
    let mut warnings = Vec::new();
    check_update(&client, &client, &mut warnings);
    assert_eq!(warnings[0].code, "update_ignored");
}

#[test]
fn a_client_that_is_read_is_the_one_that_was_made() {
    let known = create(201, &example(), false).0.unwrap();
    let read = |body: &Value| {
        let mut warnings = Vec::new();
        let client = managed(&testing::json(200, body), &known, "read", &mut warnings);
        (client.map_err(|fault| fault.class), warnings.len())
    };
    // Who keeps a hash of the secret cannot tell it again (django-oauth-toolkit).
    assert_eq!(
        read(&without("client_secret")).0.unwrap().secret.unwrap().expose(),
        known.secret.as_ref().unwrap().expose()
    );
    let mut rotated = example();
    rotated["registration_access_token"] = json!("another");
    assert_eq!(read(&rotated).0.unwrap().management.unwrap().token.expose(), "another");
    let mut bare = without("registration_access_token");
    bare.as_object_mut().unwrap().remove("registration_client_uri");
    let (client, warnings) = read(&bare);
    assert_eq!((client.unwrap().management.unwrap().token.expose(), warnings), ("reg-23410913-abewfq.123483", 1));
    let mut other = example();
    other["client_id"] = json!("somebody-else");
    assert_eq!(read(&other).0.unwrap_err(), Class::Malformed);
}

#[test]
fn only_204_deletes_and_only_401_is_gone() {
    let status = |status: u16| testing::json(status, &json!({}));
    let delete = |code| deleted(&status(code), &mut vec![]).map_err(|fault| fault.class);
    assert_eq!((delete(204), delete(200)), (Ok(()), Ok(())));
    assert_eq!((delete(500), delete(405)), (Err(Class::HttpStatus), Err(Class::Unsupported)));
    let read = |code| {
        let mut warnings = Vec::new();
        gone(&status(code), &mut warnings).map(|()| warnings.len()).map_err(|fault| fault.class)
    };
    assert_eq!((read(401), read(404)), (Ok(0), Ok(1)));
    assert_eq!((read(200), read(503)), (Err(Class::RevocationIneffective), Err(Class::HttpStatus)));
}

#[test]
fn a_made_up_code_tells_whether_the_client_lives() {
    let knows = |status, body: Value| knows_client(&testing::json(status, &body)).map_err(|fault| fault.class);
    assert_eq!(knows(400, json!({"error": "invalid_grant"})), Ok(Known::Yes));
    assert_eq!(knows(401, json!({"error": "invalid_client"})), Ok(Known::No));
    assert_eq!(knows(401, json!({})), Ok(Known::No));
    // Some look at the grant before they look at the client, and after it has gone say the same as before.
    let unclear = Known::Unclear("unsupported_grant_type".to_owned());
    assert_eq!(knows(400, json!({"error": "unsupported_grant_type"})), Ok(unclear));
    assert_eq!(knows(200, json!({"access_token": "x"})), Err(Class::AttackAccepted));
    assert_eq!(knows(500, json!({})), Err(Class::HttpStatus));
    assert_eq!(knows(400, json!({})), Err(Class::Malformed));
}
