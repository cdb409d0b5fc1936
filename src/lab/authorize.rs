//! The authorization endpoint: OIDC Core 3.1.2, RFC 6749 §4.1, PKCE by RFC 7636, `iss` by RFC 9207.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use url::Url;

use super::accounts::{Client, redirect_allowed};
use super::fault::{Hook, Setting, Switch};
use super::form::Form;
use super::metadata::SCOPES;
use super::pages;
use super::reply::Reply;
use super::server::Call;
use super::store::{Code, Death, Grant, Session, random};
use super::{Moment, World, pushed, weakness};

/// The name of the cookie that holds the session.
pub const SESSION_COOKIE: &str = "lab_session";

/// An authorization request that is as it must be.
#[derive(Debug)]
pub struct AuthRequest {
    /// Who asks.
    pub client: &'static Client,
    /// What for: known scopes only.
    pub scopes: Vec<String>,
    /// `login_hint`.
    pub hint: String,
    /// Where and how the answer goes.
    pub target: Target,
    nonce: Option<String>,
    challenge: String,
    prompt: HashSet<String>,
    max_age: Option<Duration>,
}

/// Where an answer goes.
#[derive(Clone, Debug)]
pub struct Target {
    redirect_uri: String,
    state: Option<String>,
    form_post: bool,
    /// The user code of the device that asked (RFC 8628): it is told by its polls.
    device: Option<String>,
}

/// Why a request is refused.
enum Refusal {
    /// The client cannot be told: its identity or its address is in doubt.
    Page(String),
    /// The client is told.
    Client(Target, &'static str, String),
}

/// Takes a request, by GET or POST.
pub fn authorize(world: &World, call: &Call) -> Reply {
    let form = match call.form() {
        Ok(form) => form,
        Err(refused) => match weakness::form(world, call) {
            Some(form) => form,
            None => return refused,
        },
    };
    let form = match pushed::resolve(world, call, form) {
        Ok(form) => form,
        Err(why) => return pages::message(StatusCode::BAD_REQUEST, "This request cannot be served", why),
    };
    let request = match AuthRequest::new(world, &form) {
        Ok(request) => Arc::new(request),
        Err(Refusal::Page(why)) => {
            return pages::message(StatusCode::BAD_REQUEST, "This request cannot be served", &why);
        }
        Err(Refusal::Client(target, error, why)) => return world.refuse(&target, error, &why),
    };
    let quiet = request.prompt.contains("none");
    match world.usable_session(call, &request) {
        None if quiet && world.faults.switch(Switch::SilentLogin).is_some() => weakness::silent(world, call, &request),
        None if quiet => world.refuse(&request.target, "login_required", "nobody is logged in"),
        None => world.interact(call, request, None),
        Some((_, session)) if !request.needs_consent(&session) => world.grant_code(call.moment, &request, &session),
        Some(_) if quiet => world.refuse(&request.target, "consent_required", "the user was not asked yet"),
        Some((cookie, _)) => world.interact(call, request, Some(cookie)),
    }
}

impl AuthRequest {
    fn new(world: &World, form: &Form) -> Result<Self, Refusal> {
        let page = |why: &str| Refusal::Page(why.to_owned());
        let client = form.get("client_id").and_then(Client::find).ok_or_else(|| page("client_id names no client"))?;
        let redirect_uri = form.get("redirect_uri").ok_or_else(|| page("redirect_uri is missing"))?;
        if !client.may("authorization_code")
            || !(redirect_allowed(redirect_uri) || weakness::redirect(world, redirect_uri))
        {
            return Err(page("this client has no such redirect_uri: only /cb on a loopback address is registered"));
        }
        let target = Target {
            redirect_uri: redirect_uri.to_owned(),
            state: form.get("state").map(str::to_owned),
            form_post: form.get("response_mode") == Some("form_post"),
            device: None,
        };
        let refuse = |error, why: &str| Err(Refusal::Client(target.clone(), error, why.to_owned()));
        match form.get("response_type") {
            Some("code") => {}
            Some(_) if world.faults.switch(Switch::AnyResponseType).is_some() => {}
            Some(_) => return refuse("unsupported_response_type", "only `code`"),
            None => return refuse("invalid_request", "response_type is missing"),
        }
        if !matches!(form.get("response_mode"), None | Some("query" | "form_post")) {
            return refuse("invalid_request", "response_mode is query or form_post");
        }
        if form.get("request").is_some() {
            return refuse("request_not_supported", "no request objects");
        }
        if form.get("request_uri").is_some() {
            return refuse("request_uri_not_supported", "no request objects");
        }
        let Some(challenge) = weakness::challenge(world, form) else {
            return refuse("invalid_request", "PKCE is needed: code_challenge, with code_challenge_method S256");
        };
        let prompt: HashSet<String> = form.words("prompt").into_iter().collect();
        if prompt.contains("none") && prompt.len() > 1 {
            return refuse("invalid_request", "prompt none goes with no other");
        }
        let max_age = match form.get("max_age").map(str::parse) {
            Some(Ok(seconds)) => Some(Duration::from_secs(seconds)),
            Some(Err(_)) => return refuse("invalid_request", "max_age is a number of seconds"),
            None => None,
        };
        // Unknown scopes are ignored (OIDC Core 3.1.2.1).
        let scopes = form.words("scope").into_iter().filter(|scope| SCOPES.contains(&scope.as_str())).collect();
        let nonce = form.get("nonce").map(str::to_owned);
        let hint = form.get("login_hint").unwrap_or_default().chars().take(100).collect();
        Ok(Self { client, scopes, hint, target, nonce, challenge, prompt, max_age })
    }

    /// What a device asks for once its user has come.
    pub fn of_device(client: &'static Client, scopes: Vec<String>, user_code: String) -> Self {
        let target = Target { redirect_uri: String::new(), state: None, form_post: false, device: Some(user_code) };
        let (hint, challenge, prompt) = Default::default();
        Self { client, scopes, hint, target, nonce: None, challenge, prompt, max_age: None }
    }

    fn needs_consent(&self, session: &Session) -> bool {
        let agreed = |scope: &String| session.consents.contains(&(self.client.id, scope.clone()));
        self.client.consent && (self.prompt.contains("consent") || !self.scopes.iter().all(agreed))
    }
}

impl World {
    /// The browser's session, if it is good enough for the request.
    fn usable_session(&self, call: &Call, request: &AuthRequest) -> Option<(String, Session)> {
        let cookie = call.cookie(SESSION_COOKIE)?.to_owned();
        let session = self.store().sessions.get(call.moment.now, &cookie)?.clone();
        let fresh = request.max_age.is_none_or(|age| call.moment.told.since(session.auth_time) <= age);
        (fresh && !request.prompt.contains("login")).then_some((cookie, session))
    }

    /// After login: the code, or the question for consent first.
    pub fn consent_or_code(&self, moment: Moment, request: &AuthRequest, session: &Session) -> Option<Reply> {
        (!request.needs_consent(session)).then(|| self.grant_code(moment, request, session))
    }

    /// Sends the client its code.
    pub fn grant_code(&self, moment: Moment, request: &AuthRequest, session: &Session) -> Reply {
        if let Some(user_code) = &request.target.device {
            return self.device_approved(moment, user_code, session);
        }
        let code = random();
        let grant = Grant {
            client: request.client,
            user: Some(session.user),
            subject: session.user.sub.to_owned(),
            scopes: request.scopes.clone(),
            auth_time: Some(session.auth_time),
            session: Some(session.id.clone()),
            nonce: request.nonce.clone(),
            made: moment.now,
            death: Death::default(),
        };
        let stored = Code {
            grant: Arc::new(grant),
            redirect_uri: request.target.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            used: false,
        };
        self.store().codes.insert(moment.now, code.clone(), stored);
        self.respond(&request.target, vec![("code", code)])
    }

    /// Tells the client that it gets nothing (RFC 6749 §4.1.2.1).
    pub fn refuse(&self, target: &Target, error: &str, why: &str) -> Reply {
        if let Some(user_code) = &target.device {
            return self.device_refused(self.moment(), user_code);
        }
        self.respond(target, vec![("error", error.to_owned()), ("error_description", why.to_owned())])
    }

    fn respond(&self, target: &Target, mut parameters: Vec<(&'static str, String)>) -> Reply {
        parameters.extend(target.state.clone().map(|state| ("state", state)));
        parameters.push(("iss", self.issuer.text.clone()));
        let pick = |hook: &'static Hook, _: &Setting| match hook {
            Hook::Authorization(change) => Some(change),
            _ => None,
        };
        for (change, setting) in self.faults.take(pick) {
            change(&setting, &mut parameters);
        }
        if target.form_post {
            return pages::form_post(&target.redirect_uri, &parameters);
        }
        match Url::parse(&target.redirect_uri) {
            Ok(mut url) => {
                url.query_pairs_mut().extend_pairs(&parameters);
                Reply::see_other(url.as_str())
            }
            Err(_) => Reply::new(StatusCode::BAD_REQUEST),
        }
    }
}
