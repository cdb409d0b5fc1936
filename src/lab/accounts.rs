//! Who may log in, and through which clients: fixed, public, worthless.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::broker;
use super::form::Form;
use super::reply::Reply;

/// A user.
#[derive(Debug)]
pub struct User {
    /// What is typed as the user name.
    pub name: &'static str,
    /// What is typed as the password.
    pub password: &'static str,
    /// `sub`.
    pub sub: &'static str,
    given_name: &'static str,
    family_name: &'static str,
}

/// Every user.
pub static USERS: &[User] = &[
    User {
        name: "alice",
        password: "wonderland-7",
        sub: "5f1f9a0c-alice",
        given_name: "Alice",
        family_name: "Liddell",
    },
    User { name: "bob", password: "builder-7", sub: "c2d47b3e-bob", given_name: "Bob", family_name: "Mason" },
];

impl User {
    /// The claims that the scopes `profile` and `email` stand for (OIDC Core 5.4).
    pub fn claims(&self, scopes: &[String]) -> Map<String, Value> {
        let mut claims = json!({"sub": self.sub});
        if scopes.iter().any(|scope| scope == "profile") {
            claims["name"] = json!(format!("{} {}", self.given_name, self.family_name));
            claims["given_name"] = json!(self.given_name);
            claims["family_name"] = json!(self.family_name);
            claims["preferred_username"] = json!(self.name);
        }
        if scopes.iter().any(|scope| scope == "email") {
            claims["email"] = json!(format!("{}@example.com", self.name));
            claims["email_verified"] = json!(true);
        }
        match claims {
            Value::Object(claims) => claims,
            _ => Map::new(),
        }
    }
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// `client_id`.
    pub id: &'static str,
    /// `client_secret`; public clients have none.
    pub secret: Option<&'static str>,
    /// Grant types it may use.
    pub grants: &'static [&'static str],
    /// Whether its access tokens are JWTs (RFC 9068) or opaque.
    pub jwt_access_tokens: bool,
    /// Whether the user is asked before it gets anything.
    pub consent: bool,
}

/// `grant_type` of token exchange (RFC 8693 §2.1).
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// `grant_type` of a device (RFC 8628 §3.4).
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// `grant_type` of assertions (RFC 7523 §2.1).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The client of assertions that come without one.
pub const WORKLOAD: &str = "workload";

/// Every client.
pub static CLIENTS: &[Client] = &[
    Client {
        id: "web",
        secret: Some("web-secret"),
        grants: &["authorization_code", "implicit", "refresh_token"],
        jwt_access_tokens: true,
        consent: true,
    },
    Client {
        id: "svc",
        secret: Some("svc-secret"),
        grants: &["client_credentials", TOKEN_EXCHANGE, JWT_BEARER],
        jwt_access_tokens: true,
        consent: false,
    },
    Client {
        id: "spa",
        secret: None,
        grants: &["authorization_code", "implicit", "refresh_token"],
        jwt_access_tokens: false,
        consent: false,
    },
    Client {
        id: "shared",
        secret: Some("shared-secret-that-is-long-enough-for-HS256"),
        grants: &["client_credentials"],
        jwt_access_tokens: true,
        consent: false,
    },
    Client {
        id: "keyed",
        secret: None,
        grants: &["authorization_code", "refresh_token", "client_credentials"],
        jwt_access_tokens: true,
        consent: false,
    },
    Client {
        id: "bound",
        secret: Some("bound-secret"),
        grants: &["authorization_code", "refresh_token", "client_credentials"],
        jwt_access_tokens: true,
        consent: false,
    },
    Client { id: "tv", secret: None, grants: &[DEVICE_CODE, "refresh_token"], jwt_access_tokens: false, consent: true },
    Client {
        id: "opaque",
        secret: Some("opaque-secret"),
        grants: &["authorization_code", "refresh_token", "client_credentials"],
        jwt_access_tokens: false,
        consent: false,
    },
    Client { id: WORKLOAD, secret: None, grants: &[JWT_BEARER], jwt_access_tokens: true, consent: false },
];

impl Client {
    /// The client of that identifier.
    pub fn find(id: &str) -> Option<&'static Self> {
        CLIENTS.iter().find(|client| client.id == id)
    }

    /// Whether it may use a grant type.
    pub fn may(&self, grant: &str) -> bool {
        self.grants.contains(&grant)
    }
}

/// The client that an `aud` names: the one value, or the first of several that is one.
pub fn audience(aud: &Value) -> Option<&'static Client> {
    match aud {
        Value::Array(several) => several.iter().filter_map(Value::as_str).find_map(Client::find),
        one => one.as_str().and_then(Client::find),
    }
}

/// Whether answers may be sent there: `/cb` on a loopback address, or where another lab takes them as a broker, character by
/// character but for the port (RFC 8252 §7.3, RFC 9700 §4.1.3).
pub fn redirect_allowed(uri: &str) -> bool {
    let after = ["http://127.0.0.1", "http://[::1]"].iter().find_map(|registered| uri.strip_prefix(registered));
    let port = after.and_then(|after| after.strip_suffix("/cb").or_else(|| after.strip_suffix(broker::PATH)));
    port.is_some_and(|port| match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    })
}

/// Whether a browser may be sent there after a logout, and a logout token go there: any loopback address, without a fragment.
pub fn on_loopback(uri: &str) -> bool {
    let Ok(url) = url::Url::parse(uri) else { return false };
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    loopback && url.scheme() == "http" && url.fragment().is_none() && url.username().is_empty()
}

/// Which client asks (RFC 6749 §2.3.1): `client_secret_basic`, `client_secret_post`, or a public client's `client_id`.
pub fn authenticate(headers: &HeaderMap, form: &Form) -> Result<&'static Client, Reply> {
    let refused = |basic: bool| {
        let reply = Reply::error(StatusCode::UNAUTHORIZED, "invalid_client", "client authentication failed");
        if basic { reply.header(WWW_AUTHENTICATE, r#"Basic realm="lab", charset="UTF-8""#) } else { reply }
    };
    let posted = form.get("client_secret");
    let (id, secret, basic) = match headers.get(AUTHORIZATION) {
        Some(_) if posted.is_some() => {
            return Err(Reply::error(StatusCode::BAD_REQUEST, "invalid_request", "two kinds of client authentication"));
        }
        Some(value) => {
            let (id, secret) = value.to_str().ok().and_then(basic_credentials).ok_or_else(|| refused(true))?;
            (id, Some(secret), true)
        }
        None => (form.get("client_id").unwrap_or_default().to_owned(), posted.map(str::to_owned), false),
    };
    let client = Client::find(&id).filter(|client| client.secret == secret.as_deref()).ok_or_else(|| refused(basic))?;
    if basic && form.get("client_id").is_some_and(|named| named != client.id) {
        return Err(Reply::error(StatusCode::BAD_REQUEST, "invalid_request", "client_id names another client"));
    }
    Ok(client)
}

/// Identifier and secret of a Basic header; both are form-encoded inside (RFC 6749 §2.3.1).
pub fn basic_credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decoded = |text: &str| {
        let value = format!("v={text}");
        url::form_urlencoded::parse(value.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decoded(id)?, decoded(secret)?))
}

/// The bearer token of a request (RFC 6750 §2.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_place_on_loopback_gets_answers() {
        for uri in ["http://127.0.0.1:8765/cb", "http://127.0.0.1/cb", "http://[::1]:1/cb"] {
            assert!(redirect_allowed(uri), "{uri}");
        }
        for uri in [
            "http://example.com/cb",
            "http://127.0.0.1/cb#f",
            "http://127.0.0.1/cb?x=1",
            "http://127.0.0.1/cb/",
            "http://127.0.0.1/",
            "https://127.0.0.1/cb",
            "http://localhost/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!redirect_allowed(uri), "{uri}");
        }
    }

    #[test]
    fn clients_authenticate_in_one_way() {
        let basic = |pair: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)).parse().unwrap());
            headers
        };
        let form = |text: &str| Form::parse(text.as_bytes()).unwrap();
        let is =
            |headers: &HeaderMap, text: &str| authenticate(headers, &form(text)).map(|c| c.id).map_err(|r| r.status);
        assert_eq!(is(&basic("web:web-secret"), ""), Ok("web"));
        assert_eq!(is(&basic("web:web%2Dsecret"), "client_id=web"), Ok("web"));
        assert_eq!(is(&HeaderMap::new(), "client_id=svc&client_secret=svc-secret"), Ok("svc"));
        assert_eq!(is(&HeaderMap::new(), "client_id=spa"), Ok("spa"));
        assert_eq!(is(&basic("web:wrong"), ""), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(is(&HeaderMap::new(), "client_id=web"), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(
            is(&basic("web:web-secret"), "client_id=web&client_secret=web-secret"),
            Err(StatusCode::BAD_REQUEST)
        );
        assert_eq!(is(&basic("web:web-secret"), "client_id=svc"), Err(StatusCode::BAD_REQUEST));
    }
}
