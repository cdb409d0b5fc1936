//! The authorization response: RFC 6749 §4.1.2 and §4.2.2, OIDC Core 3.1.2.5, 3.2.2.5 and 3.3.2.5, RFC 9207, and the
//! places it may come in (OAuth 2.0 Multiple Response Type Encoding Practices §2.1 and §5).

use std::fmt;
use std::time::Duration;

use url::{Url, form_urlencoded};

use super::response::{ResponseMode, ResponseType};
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::json;
use crate::outcome::Warning;
use crate::secret::Secret;

/// The longest `error_description` that is passed on (characters).
const MAX_DESCRIPTION: usize = 200;
/// Parameters that only an answer has.
const OF_AN_ANSWER: [&str; 6] = ["code", "error", "state", "response", "id_token", "access_token"];
/// Parameters that nobody but us may see.
const SECRET: [&str; 5] = ["code", "id_token", "access_token", "refresh_token", "response"];
/// Parameters that let their holder in: never in a query.
const TOKENS: [&str; 2] = ["id_token", "access_token"];

/// Names and values, in order.
pub type Params = Vec<(String, String)>;

/// What came to the redirect URI, by the place it came in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// In the query.
    pub query: Params,
    /// In the fragment.
    pub fragment: Params,
    /// In a posted form.
    pub form: Params,
}

/// Only names are shown.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl Answer {
    /// In a URL that somebody is sent to.
    pub fn of_url(url: &Url) -> Self {
        Self { query: pairs(url.query()), fragment: pairs(url.fragment()), form: Params::new() }
    }

    /// In a form that is posted to `url`.
    pub fn posted(url: &Url, form: Params) -> Self {
        Self { form, ..Self::of_url(url) }
    }

    /// All parameters, wherever they came in.
    pub fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.query.iter().chain(&self.fragment).chain(&self.form)
    }

    /// All parameters, for who does not care where they came in.
    pub fn into_params(self) -> Params {
        [self.query, self.fragment, self.form].concat()
    }

    /// Whether there is an answer in it at all.
    pub fn is_there(&self) -> bool {
        is_answer(self.iter())
    }

    /// Masks what nobody but us may see. Before anything is said about it.
    pub fn protect(&self, recorder: &Recorder) {
        self.iter().filter(|(name, _)| SECRET.contains(&name.as_str())).for_each(|(_, value)| recorder.protect(value));
    }

    fn at(&self, mode: ResponseMode) -> &Params {
        match mode {
            ResponseMode::Query => &self.query,
            ResponseMode::Fragment => &self.fragment,
            ResponseMode::FormPost => &self.form,
        }
    }

    /// The answer and where it came in: where it belongs, if anything is there.
    fn found(&self, asked: ResponseMode) -> (&Params, ResponseMode) {
        let all = [asked, ResponseMode::FormPost, ResponseMode::Fragment, ResponseMode::Query];
        let mode = all.into_iter().find(|mode| is_answer(self.at(*mode).iter())).unwrap_or(asked);
        (self.at(mode), mode)
    }
}

fn pairs(text: Option<&str>) -> Params {
    form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect()
}

fn is_answer<'p>(mut params: impl Iterator<Item = &'p (String, String)>) -> bool {
    params.any(|(name, _)| OF_AN_ANSWER.contains(&name.as_str()))
}

/// What an answer is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The `state` that was sent.
    pub state: &'a Secret,
    /// The issuer that was asked.
    pub issuer: &'a str,
    /// Metadata's `authorization_response_iss_parameter_supported` (RFC 9207 §3).
    pub iss_promised: bool,
    /// What was asked for.
    pub response_type: ResponseType,
    /// How it was to come back.
    pub response_mode: ResponseMode,
}

/// What the authorization endpoint gave: exactly what the response type asks for.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// With `code`.
    pub code: Option<Secret>,
    /// With `id_token`; not validated yet.
    pub id_token: Option<Secret>,
    /// With `token`.
    pub access: Option<FrontToken>,
    /// What a client survives.
    pub warnings: Vec<Warning>,
}

/// An access token that came from the authorization endpoint (RFC 6749 §4.2.2).
#[derive(Clone, Debug)]
pub struct FrontToken {
    /// `access_token`.
    pub token: Secret,
    /// `token_type` as written; `Bearer` if it was missing.
    pub token_type: String,
    /// `expires_in`.
    pub expires_in: Option<Duration>,
    /// `scope`, split; `None`: as asked for.
    pub scope: Option<Vec<String>>,
}

/// Processes an answer: `state` first, then `iss`, then `error`, then the place, then what the response type asks for.
///
/// Faults: `malformed` (a parameter twice, missing or unreadable, the answer or a token in the wrong place),
/// `state_mismatch`, `response_issuer`, `oauth_error`, `unsupported` (a token type that we do not understand).
pub fn process(answer: &Answer, expected: Expected<'_>) -> Result<Granted, Fault> {
    let (params, mode) = answer.found(expected.response_mode);
    let reader = Reader { params };
    let mut granted = Granted::default();
    let error = reader.once("error")?;
    reader.check_origin(expected, error, &mut granted.warnings)?;
    if let Some(code) = error {
        let mut fault = refusal(code, reader.once("error_description")?);
        if mode != expected.response_mode {
            fault.detail.push_str(&format!("; it {}", misplaced(mode, expected.response_mode)));
        }
        return Err(fault);
    }
    check_place(answer, mode, expected)?;
    let ResponseType { code, id_token, token } = expected.response_type;
    granted.code = reader.wanted("code", code, &mut granted.warnings)?;
    granted.id_token = reader.wanted("id_token", id_token, &mut granted.warnings)?;
    let access = reader.wanted("access_token", token, &mut granted.warnings)?;
    granted.access = access.map(|token| reader.front_token(token, &mut granted.warnings)).transpose()?;
    Ok(granted)
}

fn misplaced(found: ResponseMode, asked: ResponseMode) -> String {
    format!("came in the {} instead of the {} (OAuth Multiple Response Types §2.1)", found.place(), asked.place())
}

/// Multiple Response Types §5: tokens in a query are in every log on the way.
fn check_place(answer: &Answer, mode: ResponseMode, expected: Expected<'_>) -> Result<(), Fault> {
    if let Some((name, _)) = answer.query.iter().find(|(name, _)| TOKENS.contains(&name.as_str())) {
        let detail =
            format!("`{name}` came in the query, where logs and histories keep it (OAuth Multiple Response Types §5)");
        return Err(Fault::new(Class::Malformed, detail));
    }
    if mode != expected.response_mode {
        let detail = format!("the answer {}", misplaced(mode, expected.response_mode));
        return Err(Fault::new(Class::Malformed, detail));
    }
    Ok(())
}

/// The parameters of the place where the answer is.
struct Reader<'a> {
    params: &'a Params,
}

impl<'a> Reader<'a> {
    fn once(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        let mut values = self.params.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Fault::new(Class::Malformed, format!("`{name}` is in the answer more than once (RFC 6749 §3.1)"))),
        }
    }

    /// `state` (RFC 6749 §4.1.2), then `iss` (RFC 9207 §2.4).
    fn check_origin(
        &self,
        expected: Expected<'_>,
        error: Option<&str>,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), Fault> {
        let with_error = || error.map(|code| format!("; error={}", shown_code(code))).unwrap_or_default();
        let mismatch = |what: &str| Err(Fault::new(Class::StateMismatch, format!("{what}{}", with_error())));
        match self.once("state")? {
            Some(state) if state == expected.state.expose() => {}
            Some(_) => return mismatch("`state` came back changed (RFC 6749 §10.12)"),
            None => return mismatch("`state` did not come back (RFC 6749 §4.1.2)"),
        }
        match self.once("iss")? {
            Some(iss) if iss != expected.issuer => {
                let found: String = iss.chars().take(MAX_DESCRIPTION).collect();
                let (wanted, error) = (expected.issuer, with_error());
                let detail = format!("`iss` is {found:?} instead of {wanted:?} (RFC 9207 §2.4){error}");
                return Err(Fault::new(Class::ResponseIssuer, detail));
            }
            // RFC 9207 §4: the ID token's own `iss`, which is required and checked, tells as much; some providers leave it at that.
            None if expected.iss_promised && expected.response_type.id_token => warnings.push(Warning::new(
                "response_issuer",
                "RFC 9207 §2",
                "`iss` is promised by the metadata but missing; only the ID token says who answered",
            )),
            None if expected.iss_promised => {
                let detail = format!("`iss` is promised by the metadata but missing (RFC 9207 §2.4){}", with_error());
                return Err(Fault::new(Class::ResponseIssuer, detail));
            }
            Some(_) if !expected.iss_promised => warnings.push(Warning::new(
                "response_issuer",
                "RFC 9207 §2.4",
                "the answer carries `iss`, but the metadata does not say so: clients may discard it",
            )),
            _ => {}
        }
        Ok(())
    }

    /// What the response type asks for must be there; what it does not ask for is a warning, and never used.
    fn wanted(&self, name: &str, asked: bool, warnings: &mut Vec<Warning>) -> Result<Option<Secret>, Fault> {
        let malformed = |what: String| Err(Fault::new(Class::Malformed, what));
        match self.once(name)? {
            Some(_) if !asked => {
                let detail = format!("the answer holds `{name}`, which nobody asked for");
                warnings.push(Warning::new("unasked_token", "OAuth Multiple Response Types §3", detail));
                Ok(None)
            }
            Some("") if asked => malformed(format!("`{name}` is empty ({})", clause(name))),
            Some(value) if !value.bytes().all(|b| (0x20..=0x7e).contains(&b)) => {
                malformed(format!("`{name}` holds characters that cannot be in it (RFC 6749 A.11, A.12)"))
            }
            Some(value) => Ok(Some(Secret::new(value))),
            None if asked => malformed(format!("neither `{name}` nor `error` is in the answer ({})", clause(name))),
            None => Ok(None),
        }
    }

    /// RFC 6749 §4.2.2: as at the token endpoint, less that everything is text.
    fn front_token(&self, token: Secret, warnings: &mut Vec<Warning>) -> Result<FrontToken, Fault> {
        let token_type = match self.once("token_type")? {
            Some(found) if found.eq_ignore_ascii_case("bearer") => found.to_owned(),
            Some(found) => {
                let class = match found.to_ascii_lowercase().as_str() {
                    "dpop" | "mac" | "pop" => Class::Unsupported,
                    _ => Class::Malformed,
                };
                let found = json::short(found, 40);
                let detail =
                    format!("token_type {found} is not one that a client understands; expected Bearer (RFC 6749 §7.1)");
                return Err(Fault::new(class, detail));
            }
            None => {
                let detail = "token_type is missing; taken as Bearer";
                warnings.push(Warning::new("token_type_missing", "RFC 6749 §4.2.2", detail));
                "Bearer".to_owned()
            }
        };
        let unreadable = |text: &str| {
            let found = json::short(text, 40);
            Fault::new(Class::Malformed, format!("expires_in is no number of seconds: {found} (RFC 6749 A.14)"))
        };
        let expires_in = match self.once("expires_in")? {
            None => {
                let detail = "expires_in is recommended: without it a client learns of the end by failing";
                warnings.push(Warning::new("expires_in_missing", "RFC 6749 §4.2.2", detail));
                None
            }
            Some(text) => match text.parse::<u64>() {
                // A sign is no digit (RFC 6749 A.14).
                Ok(_) if text.starts_with('+') => return Err(unreadable(text)),
                Ok(0) => {
                    let detail = "expires_in is 0: the token is expired when issued (RFC 6749 §4.2.2)";
                    return Err(Fault::new(Class::ClaimExpired, detail));
                }
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => return Err(unreadable(text)),
            },
        };
        let scope = self.once("scope")?;
        let scope = scope.map(|scope| scope.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect());
        Ok(FrontToken { token, token_type, expires_in, scope })
    }
}

fn clause(name: &str) -> &'static str {
    match name {
        "code" => "RFC 6749 §4.1.2",
        "access_token" => "RFC 6749 §4.2.2",
        _ => "OIDC Core 3.2.2.5",
    }
}

/// RFC 6749 §4.1.2.1, OIDC Core 3.1.2.6, RFC 8707 §2: the error code in words, and the provider's description, cut.
fn refusal(code: &str, description: Option<&str>) -> Fault {
    let means = match code {
        "access_denied" => ": user or provider refused",
        "login_required" | "interaction_required" | "account_selection_required" | "consent_required" => {
            ": the user would have to act, though the request leaves no room for it"
        }
        "invalid_scope" => ": a scope is unknown or not allowed for this client",
        "invalid_target" => ": a `resource` is unknown or not allowed for this client",
        "unauthorized_client" => ": this client may not use this response type",
        "unsupported_response_type" => ": this response type is not offered",
        "unmet_authentication_requirements" => ": the `acr` that was asked for cannot be reached",
        "server_error" => ": the provider failed",
        "temporarily_unavailable" => ": the provider is overloaded or under maintenance",
        _ => "",
    };
    let mut detail = format!("the authorization endpoint answered {}{means}", shown_code(code));
    if let Some(description) = description.filter(|text| !text.is_empty()) {
        let cut: String = description.chars().take(MAX_DESCRIPTION).collect();
        detail.push_str(&format!(" ({})", cut.escape_debug()));
    }
    // The client's registration does not cover the flow: the same as at the token endpoint.
    let class = if code == "unauthorized_client" { Class::Config } else { Class::OauthError };
    Fault::new(class, detail)
}

/// An error code as far as it is one: RFC 6749 §4.1.2.1 allows visible ASCII less `"` and `\`.
fn shown_code(code: &str) -> String {
    let shown: String = code.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).take(64).collect();
    if shown.trim().is_empty() { "an error without a code".to_owned() } else { shown }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
