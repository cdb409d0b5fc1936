//! What an attack may use: the provider, the good request's login page, the session of the good login.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

use super::Rotation;
use super::door::Control;
use crate::fault::{Class, Fault};
use crate::journey::Journey;
use crate::oidc::authorize::{self, Pending};
use crate::oidc::form::answers::Answers;
use crate::oidc::form::looks::looks;
use crate::oidc::form::steps::Guide;
use crate::oidc::form::walker::{Arrival, Walker};
use crate::oidc::http::{Endpoint, Http, Response};
use crate::oidc::json;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::response::{self, OauthError};
use crate::oidc::settings::{AuthMethod, Client, RedirectUri};
use crate::oidc::token::{Grant, Tokens};
use crate::probe::login_flow::{self as flow, REVOKE};
use crate::probe::login_settings::Login;
use crate::probe::{Context, form_walk, issued};
use crate::secret::Secret;

/// How often our user logs in in one run at most.
const MAX_LOGINS: u32 = 2;

/// What an attack may use.
pub struct Stage {
    cx: Context,
    /// The relying party of the good login, cookies included.
    pub relying: Relying,
    /// What the provider says of itself.
    pub metadata: Metadata,
    /// As whom.
    pub client: Arc<Client>,
    /// How our user logs in.
    pub login: Login,
    /// What the good request shows; `None`: the client has no redirect URI.
    pub control: Option<Control>,
    /// Whether our user is logged in: with tokens, there is a `session`.
    pub inside: bool,
    /// The good login; `None`: the probe has no user, or did not get there yet.
    pub session: Option<Session>,
    /// Whether the client asks for itself (client credentials).
    pub machine: bool,
    /// Whether refresh tokens must be rotated.
    pub rotation: Rotation,
    /// How long a used refresh token may still be good.
    pub reuse_grace: Duration,
    /// The access token of a code that was used again since, and whether it worked before.
    pub replayed: Mutex<Option<(Secret, Works)>>,
    litter: Litter,
}

/// Whether a token works; `None`: the provider has nothing that would tell.
pub type Works = Result<Option<bool>, Fault>;

/// Tokens that attacks were given: revoked when the run is over.
type Litter = Arc<Mutex<Vec<(Secret, &'static str)>>>;

/// The good login.
pub struct Session {
    answers: Answers,
    logins: AtomicU32,
    /// What was asked.
    pub pending: Pending,
    /// The whole authorization response.
    pub params: Vec<(String, String)>,
    /// What its code was exchanged for.
    pub tokens: Tokens,
}

/// What came of the wish for a code.
pub enum Code {
    /// A code, and the request that it answers.
    Got(Secret, Box<Pending>),
    /// The provider refused the request: by that error, or with a page.
    Refused,
    /// Neither, and why.
    Unknown(String),
}

/// What came of a token request.
pub enum Redeemed {
    /// Tokens; they are revoked at the end. The refresh token, if there is one, is beside the access token.
    Tokens(Secret, Option<Secret>),
    /// It was refused; with the error code.
    Refused(String),
}

/// A change of the authorization request: `None` leaves the parameter out.
pub type Change<'c> = (&'c str, Option<&'c str>);

impl Stage {
    /// Before the login. What attacks are given is revoked when the run is over, if the provider can do that.
    pub fn new(
        cx: &Context,
        journey: &mut Journey,
        relying: Relying,
        metadata: Metadata,
        login: &Login,
    ) -> Result<Self, Fault> {
        let litter = Litter::default();
        if metadata.optional_endpoint("revocation_endpoint").is_some() {
            let (relying, metadata, litter) = (relying.clone(), metadata.clone(), litter.clone());
            journey.defer(REVOKE, async move { clean(&relying, &metadata, &litter).await });
        }
        Ok(Self {
            client: relying.client()?.clone(),
            cx: cx.clone(),
            relying,
            metadata,
            login: login.clone(),
            control: None,
            inside: false,
            session: None,
            machine: false,
            rotation: Rotation::Auto,
            reuse_grace: Duration::ZERO,
            replayed: Mutex::default(),
            litter,
        })
    }

    /// Whether the provider is served by https.
    pub fn is_https(&self) -> bool {
        self.metadata.issuer().starts_with("https:")
    }

    /// Whether the client proves who it is with a key of its own.
    pub fn has_private_key(&self) -> bool {
        self.client.auth_method == AuthMethod::PrivateKeyJwt
    }

    /// Where the client's answers go. Fault: `config`.
    pub fn redirect_uri(&self) -> Result<&RedirectUri, Fault> {
        flow::redirect_uri(&self.client)
    }

    /// How login pages are read.
    pub fn guide(&self) -> &Guide {
        &self.login.guide
    }

    /// A relying party that the provider has never seen: no cookies.
    pub fn stranger(&self) -> Relying {
        let cx = &self.cx;
        let http = Http::new(
            cx.region.clone(),
            cx.provider.clone(),
            cx.provider_memory.clone(),
            self.relying.recorder.clone(),
            cx.clock.clone(),
            self.relying.http.deadline(),
        );
        Relying { http, ..self.relying.clone() }
    }

    /// A good authorization request with fresh secrets, but for these changes. It asks for no particular prompt.
    pub fn request(&self, changes: &[Change<'_>]) -> Result<Pending, Fault> {
        let endpoint = self.metadata.endpoint("authorization_endpoint")?;
        let ask = authorize::Ask { prompt: None, ..self.login.ask(&self.client) };
        let mut pending = authorize::request(&endpoint, &self.client.client_id, self.redirect_uri()?, &ask);
        pending.protect(&self.relying.recorder);
        pending.url = changed(&pending.url, changes);
        Ok(pending)
    }

    /// The same, pushed first if this client's requests are to be (RFC 9126). `None`: the provider refused it there.
    pub async fn ask(&self, changes: &[Change<'_>]) -> Result<Option<Pending>, Fault> {
        match self.relying.push(&self.metadata, self.request(changes)?).await {
            Ok(pending) => Ok(Some(pending)),
            Err(fault) if fault.class == Class::OauthError => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Logs in, as an ordinary client does. Whether the answer is as it must be is not judged here.
    pub async fn sign_in(&self, pending: &Pending, answers: &Answers) -> Result<Vec<(String, String)>, Fault> {
        let endpoint = self.metadata.endpoint("authorization_endpoint")?;
        let walker = self.walker(pending, &endpoint);
        let params = match walker.open(pending.url.clone()).await? {
            Arrival::Answer(answer) => answer,
            Arrival::Page(first) => walker.sign_in(first, self.guide(), answers).await?,
        };
        let params = params.into_params();
        self.protect_codes(&params);
        Ok(params)
    }

    /// The good login was answered. `obeys_anybody`: see [`super::door::obeys_anybody`].
    pub fn entered(&mut self, obeys_anybody: bool) {
        self.inside = true;
        if let Some(control) = &mut self.control {
            control.late &= !obeys_anybody;
        }
    }

    /// Begins the session that attacks use: what the good login brought.
    pub fn logged_in(&mut self, answers: Answers, pending: Pending, params: Vec<(String, String)>, tokens: Tokens) {
        self.session = Some(Session { answers, logins: AtomicU32::new(1), pending, params, tokens });
    }

    /// A code of the session for a request with these changes. Where the session is not enough the user logs in again, at
    /// most twice in a run.
    pub async fn code(&self, changes: &[Change<'_>]) -> Result<Code, Fault> {
        let unknown = |why: &str| Ok(Code::Unknown(why.to_owned()));
        let Some(session) = &self.session else { return unknown("nobody is logged in") };
        let Some(pending) = self.ask(changes).await? else { return Ok(Code::Refused) };
        let endpoint = self.metadata.endpoint("authorization_endpoint")?;
        let walker = self.walker(&pending, &endpoint);
        let params = match walker.open(pending.url.clone()).await? {
            Arrival::Answer(answer) => answer,
            Arrival::Page(page) => {
                let looks = looks(&page, self.guide());
                match () {
                    () if page.status >= 500 => {
                        let detail = format!("the authorization endpoint answered {}", page.status);
                        return Err(Fault::new(Class::HttpStatus, detail));
                    }
                    () if page.status >= 400 && !looks.asks => return Ok(Code::Refused),
                    () if !looks.asks => walker.consent(page, &session.answers).await?,
                    () if session.logins.fetch_add(1, Ordering::AcqRel) >= MAX_LOGINS => {
                        return unknown("the provider wants another login for every code");
                    }
                    () => walker.sign_in(page, self.guide(), &session.answers).await?,
                }
            }
        };
        let params = params.into_params();
        self.protect_codes(&params);
        let value = |name: &str| params.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        match (value("code"), value("error")) {
            (Some(code), _) if !code.is_empty() => Ok(Code::Got(Secret::new(code), Box::new(pending))),
            (_, Some("server_error" | "temporarily_unavailable")) => {
                Err(Fault::new(Class::OauthError, "the authorization endpoint answered that it failed"))
            }
            (_, Some("access_denied" | "login_required" | "consent_required" | "interaction_required")) => {
                unknown("the session is not enough for a code")
            }
            _ => Ok(Code::Refused),
        }
    }

    /// A code of the session for a good request. The error says why there is none.
    pub async fn good_code(&self) -> Result<Result<(Secret, Box<Pending>), String>, Fault> {
        Ok(match self.code(&[]).await? {
            Code::Got(code, pending) => Ok((code, pending)),
            Code::Refused => Err("the provider gives no second code in a session".to_owned()),
            Code::Unknown(why) => Err(why),
        })
    }

    /// The form of a token request that brings tokens to whoever may send it: of a fresh code, or a machine's own.
    pub async fn ticket(&self) -> Result<Result<Vec<(String, String)>, String>, Fault> {
        if self.session.is_none() {
            let scopes = issued::machine_scopes(&self.client);
            return Ok(Ok(Grant::ClientCredentials { scopes, extra: Vec::new() }.form()));
        }
        Ok(self.good_code().await?.map(|(code, pending)| form(code, &pending)))
    }

    /// Sends a token request: as the client (`authenticated`), or exactly as it is.
    pub async fn redeem(&self, form: Vec<(String, String)>, authenticated: bool) -> Result<Redeemed, Fault> {
        let answer = self.relying.attempt(&self.metadata, form, authenticated).await?;
        self.read(&answer)
    }

    /// What the token endpoint's answer is. Faults: what is neither tokens nor a refusal.
    pub fn read(&self, answer: &Response) -> Result<Redeemed, Fault> {
        let status = answer.status.as_u16();
        let members = json::parse(&answer.body).ok().and_then(|parsed| parsed.value.as_object().cloned());
        let secret = |name: &str| {
            let value = members.as_ref()?.get(name)?.as_str().filter(|value| !value.is_empty())?;
            self.relying.recorder.protect(value);
            Some(Secret::new(value))
        };
        let (access, refresh, id) = (secret("access_token"), secret("refresh_token"), secret("id_token"));
        {
            let mut litter = self.litter.lock().expect("litter");
            litter.extend(refresh.iter().map(|token| (token.clone(), "refresh_token")));
            litter.extend(access.iter().map(|token| (token.clone(), "access_token")));
        }
        match access.or(id) {
            Some(token) if answer.status.is_success() => Ok(Redeemed::Tokens(token, refresh)),
            _ => match OauthError::from_body(&answer.body) {
                Some(error) if status < 500 => Ok(Redeemed::Refused(error.code)),
                _ if (400..500).contains(&status) && !matches!(status, 404 | 408 | 429) => {
                    Ok(Redeemed::Refused(status.to_string()))
                }
                _ => Err(response::status_fault(answer, "token endpoint")),
            },
        }
    }

    /// Has these revoked at the end as well.
    pub fn revoke_later(&self, tokens: &Tokens) {
        let mut litter = self.litter.lock().expect("litter");
        litter.extend(tokens.refresh_token.iter().map(|token| (token.clone(), "refresh_token")));
        litter.push((tokens.access_token.clone(), "access_token"));
    }

    /// An authorization response that an attack brought: what is in it is masked, tokens are revoked at the end.
    pub fn received(&self, target: &Url) {
        let fragment = target.fragment().unwrap_or_default();
        let fragment = url::form_urlencoded::parse(fragment.as_bytes()).into_owned();
        let params: Vec<(String, String)> = target.query_pairs().into_owned().chain(fragment).collect();
        self.protect_codes(&params);
        let tokens = params.iter().filter(|(name, _)| name == "access_token");
        let mut litter = self.litter.lock().expect("litter");
        litter.extend(tokens.map(|(_, token)| (Secret::new(token.as_str()), "access_token")));
    }

    fn walker<'a>(&'a self, pending: &'a Pending, endpoint: &'a Url) -> Walker<'a> {
        form_walk::walker(&self.relying, &pending.redirect_uri, endpoint, Endpoint::Authorization)
    }

    fn protect_codes(&self, params: &[(String, String)]) {
        let codes = params.iter().filter(|(name, _)| matches!(name.as_str(), "code" | "access_token" | "id_token"));
        codes.for_each(|(_, code)| self.relying.recorder.protect(code));
    }
}

/// The token request for a code.
pub fn code_grant(code: Secret, pending: &Pending) -> Grant {
    let redirect_uri = pending.redirect_uri.as_str().to_owned();
    Grant::AuthorizationCode { code, redirect_uri, verifier: pending.verifier.clone(), resource: Vec::new() }
}

/// Its form.
pub fn form(code: Secret, pending: &Pending) -> Vec<(String, String)> {
    code_grant(code, pending).form()
}

/// A form without one of its fields, or with another value in it.
pub fn with(mut form: Vec<(String, String)>, name: &str, value: Option<&str>) -> Vec<(String, String)> {
    form.retain(|(found, _)| found != name);
    form.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    form
}

/// A URL with parameters changed, each once.
fn changed(url: &Url, changes: &[Change<'_>]) -> Url {
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    pairs.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let added = changes.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
    pairs.extend(added);
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

async fn clean(relying: &Relying, metadata: &Metadata, litter: &Litter) -> Result<(), Fault> {
    let tokens = std::mem::take(&mut *litter.lock().expect("litter"));
    let relying = relying.for_cleanup();
    let mut result = Ok(());
    for (token, hint) in tokens {
        match relying.revoke(metadata, &token, hint).await {
            // RFC 7009 §2.2.1: many providers cannot revoke a JWT.
            Err(fault) if fault.detail.starts_with("unsupported_token_type") => {}
            revoked => result = result.and(revoked),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_changed_as_told_and_no_further() {
        let url = Url::parse("https://a.example/auth?tenant=1&state=x&code_challenge=y").unwrap();
        let changes = [("code_challenge", None), ("redirect_uri", Some("a\0b")), ("redirect_uri", Some("c"))];
        let changed = changed(&url, &changes);
        assert_eq!(changed.as_str(), "https://a.example/auth?tenant=1&state=x&redirect_uri=a%00b&redirect_uri=c");
    }

    #[test]
    fn a_form_has_a_field_once() {
        let pairs = vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
        assert_eq!(with(pairs.clone(), "a", Some("3")), [("b".into(), "2".into()), ("a".into(), "3".into())]);
        assert_eq!(with(pairs, "a", None), [("b".into(), "2".into())]);
    }
}
