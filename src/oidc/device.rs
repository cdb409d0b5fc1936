//! Device authorization: RFC 8628. Pure.

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use crate::clock::Timestamp;
use crate::fault::{Class, Fault, Finding};
use crate::oidc::http::Response;
use crate::oidc::settings::Client;
use crate::oidc::{json, metadata, response, token};
use crate::outcome::Warning;
use crate::secret::Secret;

/// How long to wait between two polls where the provider does not say (§3.2).
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// How much longer to wait from a `slow_down` on (§3.5).
pub const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The longest pause between two polls that is believed: beyond it nobody would wait.
const MAX_INTERVAL: Duration = Duration::from_secs(600);
/// The shortest device code that cannot be guessed: 128 random bits as base64url (§5.2, RFC 6749 §10.10).
const MIN_DEVICE_CODE: usize = 22;

const CLAUSE: &str = "RFC 8628 §3.2";

/// An answer of the device authorization endpoint (§3.2).
#[derive(Clone, Debug)]
pub struct Device {
    /// `device_code`: what the device polls with.
    pub device_code: Secret,
    /// `user_code`: what the user types.
    pub user_code: Secret,
    /// `verification_uri`: where.
    pub verification_uri: Url,
    /// `verification_uri_complete`: the same with the code in it.
    pub verification_uri_complete: Option<Url>,
    /// `expires_in`: how long both codes live.
    pub expires_in: Duration,
    /// `interval`: how long to wait between two polls.
    pub interval: Duration,
    /// When the answer arrived.
    pub received: Timestamp,
}

/// Reads the endpoint's answer, §3.2 point by point. Faults: `malformed` with everything that is wrong; those of
/// [`token::failure`].
pub fn process(answer: &Response, client: &Client, warnings: &mut Vec<Warning>) -> Result<Device, Fault> {
    if answer.status != 200 {
        return Err(token::failure(answer, "device authorization endpoint", client, warnings));
    }
    let members = response::json_object(answer, "device authorization response", warnings)?;
    let mut reader = Reader { members: &members, findings: Vec::new(), warnings };
    let device = reader.device(answer.received);
    match Fault::from_findings(reader.findings) {
        Some(fault) => Err(fault),
        // What is missing is a finding, so this cannot be empty.
        None => device.ok_or_else(|| Fault::new(Class::Malformed, "device authorization response: incomplete")),
    }
}

/// What the token endpoint says to a device that polls (§3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The user has not answered yet.
    Pending,
    /// The same, and polls come too quickly.
    SlowDown,
    /// The user said no.
    Denied,
    /// The device code is too old.
    Expired,
}

impl Poll {
    /// What a fault of the token endpoint means for a device; `None`: what it means for everybody.
    pub fn of(fault: &Fault) -> Option<Self> {
        if fault.class != Class::OauthError {
            return None;
        }
        match fault.detail.split(' ').next()? {
            "authorization_pending" => Some(Self::Pending),
            "slow_down" => Some(Self::SlowDown),
            "access_denied" => Some(Self::Denied),
            "expired_token" => Some(Self::Expired),
            _ => None,
        }
    }
}

struct Reader<'r> {
    members: &'r Map<String, Value>,
    findings: Vec<Finding>,
    warnings: &'r mut Vec<Warning>,
}

impl Reader<'_> {
    fn device(&mut self, received: Timestamp) -> Option<Device> {
        let device_code = self.text("device_code", true).map(Secret::new);
        if device_code.as_ref().is_some_and(|code| code.expose().len() < MIN_DEVICE_CODE) {
            let detail = "device_code is so short that it can be guessed";
            self.warnings.push(Warning::new("device_code_short", "RFC 8628 §5.2", detail));
        }
        let user_code = self.text("user_code", true).map(Secret::new);
        let verification_uri = self.address("verification_uri", true);
        let verification_uri_complete = self.address("verification_uri_complete", false);
        let expires_in = self.seconds("expires_in");
        if expires_in.is_none() && !self.members.contains_key("expires_in") {
            self.wrong("expires_in is missing");
        }
        if expires_in == Some(Duration::ZERO) {
            self.findings.push(Finding::new(Class::ClaimExpired, CLAUSE, "expires_in is 0: expired when issued"));
        }
        let interval = self.seconds("interval").unwrap_or(DEFAULT_INTERVAL);
        if interval > MAX_INTERVAL {
            self.wrong(format!("interval is {} s: nobody waits so long between two polls", interval.as_secs()));
        }
        Some(Device {
            device_code: device_code?,
            user_code: user_code?,
            verification_uri: verification_uri?,
            verification_uri_complete,
            expires_in: expires_in?,
            interval,
            received,
        })
    }

    fn wrong(&mut self, detail: impl Into<String>) {
        self.findings.push(Finding::new(Class::Malformed, CLAUSE, detail));
    }

    fn text(&mut self, name: &str, required: bool) -> Option<String> {
        match self.members.get(name) {
            None if !required => {}
            None => self.wrong(format!("{name} is missing")),
            Some(Value::String(value)) if !value.is_empty() => return Some(value.clone()),
            Some(Value::String(_)) => self.wrong(format!("{name} is empty")),
            Some(other) => self.wrong(format!("{name} is {}, not a string", json::kind(other))),
        }
        None
    }

    /// Where people are sent with a code: never over plain http.
    fn address(&mut self, name: &str, required: bool) -> Option<Url> {
        let text = self.text(name, required)?;
        match Url::parse(&text) {
            Ok(url) if url.scheme() == "https" || url.scheme() == "http" && metadata::is_loopback(&url) => Some(url),
            // It may hold the user code.
            Ok(_) => {
                self.wrong(format!("{name} must be https"));
                None
            }
            Err(_) => {
                self.wrong(format!("{name} is no absolute URL"));
                None
            }
        }
    }

    /// A number in a string is forgiven.
    fn seconds(&mut self, name: &str) -> Option<Duration> {
        let number = match self.members.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => {
                let detail = format!("{name} is a string; it is a number of seconds");
                self.warnings.push(Warning::new("seconds_type", CLAUSE, detail));
                text.trim().parse().ok()
            }
            _ => None,
        };
        let seconds = number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        if seconds.is_none() {
            self.wrong(format!("{name} is no number of seconds"));
        }
        seconds
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oidc::response::testing;
    use crate::oidc::token::tests::client;

    fn read(body: &Value) -> (Result<Device, Fault>, Vec<&'static str>) {
        let mut warnings = Vec::new();
        let device = process(&testing::json(200, body), &client(), &mut warnings);
        (device, warnings.iter().map(|warning| warning.code).collect())
    }

    /// The example of §3.2.
    fn example() -> Value {
        json!({
            "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://example.com/device",
            "verification_uri_complete": "https://example.com/device?user_code=WDJB-MJHT",
            "expires_in": 1800,
            "interval": 5,
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut body = example();
        body[name] = value;
        body
    }

    #[test]
    fn the_example_of_the_rfc_is_read_and_interval_has_a_default() {
        let (device, warnings) = read(&example());
        let device = device.unwrap();
        assert_eq!((device.user_code.expose(), device.expires_in.as_secs()), ("WDJB-MJHT", 1800));
        assert_eq!(warnings, [""; 0]);
        let mut body = example();
        body.as_object_mut().unwrap().remove("interval");
        body.as_object_mut().unwrap().remove("verification_uri_complete");
        let device = read(&body).0.unwrap();
        assert_eq!((device.interval, device.verification_uri_complete), (DEFAULT_INTERVAL, None));
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        let fault = read(&json!({})).0.unwrap_err();
        let details: Vec<_> = fault.findings.iter().map(|finding| finding.detail.as_str()).collect();
        let missing = ["device_code", "user_code", "verification_uri", "expires_in"].map(|n| format!("{n} is missing"));
        assert_eq!((fault.class, details), (Class::Malformed, missing.iter().map(String::as_str).collect()));
    }

    #[test]
    fn what_is_wrong_is_told_and_what_a_client_survives_is_a_warning() {
        for (name, value) in [
            ("device_code", json!(7)),
            ("user_code", json!("")),
            ("verification_uri", json!("/device")),
            ("verification_uri", json!("http://example.com/device")),
            ("verification_uri_complete", json!("javascript:alert(1)")),
            ("expires_in", json!(-1)),
            ("expires_in", json!("soon")),
            ("interval", json!(100_000)),
        ] {
            assert_eq!(read(&with(name, value.clone())).0.unwrap_err().class, Class::Malformed, "{name} {value}");
        }
        assert_eq!(read(&with("expires_in", json!(0))).0.unwrap_err().class, Class::ClaimExpired);
        assert_eq!(read(&with("expires_in", json!("1800"))).1, ["seconds_type"]);
        assert_eq!(read(&with("device_code", json!("1234"))).1, ["device_code_short"]);
        assert_eq!(read(&with("verification_uri", json!("http://localhost:1/device"))).1, [""; 0]);
    }

    #[test]
    fn errors_are_those_of_the_token_endpoint() {
        let fail = |status, body: Value| process(&testing::json(status, &body), &client(), &mut vec![]).unwrap_err();
        assert_eq!(fail(400, json!({"error": "invalid_scope"})).class, Class::OauthError);
        assert_eq!(fail(401, json!({"error": "invalid_client"})).class, Class::Credentials);
        assert_eq!(fail(400, json!({"error": "unauthorized_client"})).class, Class::Config);
        assert_eq!(fail(500, json!({})).class, Class::HttpStatus);
    }

    /// §3.5.
    #[test]
    fn polls_have_four_answers_of_their_own() {
        let of = |detail: &str| Poll::of(&Fault::new(Class::OauthError, detail));
        assert_eq!(of("authorization_pending (wait)"), Some(Poll::Pending));
        assert_eq!(of("slow_down"), Some(Poll::SlowDown));
        assert_eq!(of("access_denied"), Some(Poll::Denied));
        assert_eq!(of("expired_token"), Some(Poll::Expired));
        assert_eq!(of("invalid_grant (expired_token)"), None);
        assert_eq!(Poll::of(&Fault::new(Class::HttpStatus, "slow_down")), None);
    }
}
