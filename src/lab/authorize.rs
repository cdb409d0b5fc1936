//! The authorization endpoint: OIDC Core 3.1.2, 3.2.2 and 3.3.2, RFC 6749 §4.1, PKCE by RFC 7636, `iss` by RFC 9207.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::accounts::{Client, redirect_allowed};
use super::extras::Extras;
use super::fault::{Hook, Setting, Switch};
use super::form::Form;
use super::metadata::SCOPES;
use super::pages;
use super::reply::Reply;
use super::response::{Mode, Wants};
use super::server::Call;
use super::store::{Code, Death, Grant, Session, random};
use super::tokens::Wanted;
use super::{Moment, World, pushed, weakness};
use http::StatusCode;

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
    wants: Wants,
    extras: Arc<Extras>,
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
    mode: Mode,
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
    let form = world.heard(form);
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
        let wants = form.get("response_type").and_then(Wants::read);
        let target = Target {
            redirect_uri: redirect_uri.to_owned(),
            state: form.get("state").map(str::to_owned),
            mode: Mode::of_refusal(form, wants),
            device: None,
        };
        let refuse = |error, why: &str| Err(Refusal::Client(target.clone(), error, why.to_owned()));
        let wants = match (form.get("response_type"), wants) {
            (_, Some(wants)) => wants,
            (Some(_), None) if world.faults.switch(Switch::AnyResponseType).is_some() => Wants::CODE,
            (Some(_), None) => return refuse("unsupported_response_type", "see response_types_supported"),
            (None, None) => return refuse("invalid_request", "response_type is missing"),
        };
        if Mode::read(form, wants).is_none() {
            return refuse("invalid_request", "response_mode is query, fragment or form_post; no tokens in a query");
        }
        if wants.tokens() && !client.may("implicit") {
            return refuse("unauthorized_client", "this client gets no tokens from here");
        }
        if wants.id_token && (form.get("nonce").is_none() || !form.words("scope").iter().any(|s| s == "openid")) {
            return refuse("invalid_request", "an ID token from here needs the scope openid and a nonce");
        }
        if form.get("request").is_some() {
            return refuse("request_not_supported", "no request objects");
        }
        if form.get("request_uri").is_some() {
            return refuse("request_uri_not_supported", "no request objects");
        }
        let challenge = if wants.code { weakness::challenge(world, form) } else { Some(String::new()) };
        let Some(challenge) = challenge else {
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
        let extras = match Extras::read(form, &world.issuer) {
            Ok(extras) => Arc::new(extras),
            Err((error, why)) => return refuse(error, why),
        };
        // Unknown scopes are ignored (OIDC Core 3.1.2.1).
        let scopes = form.words("scope").into_iter().filter(|scope| SCOPES.contains(&scope.as_str())).collect();
        let nonce = form.get("nonce").map(str::to_owned);
        let hint = form.get("login_hint").unwrap_or_default().chars().take(100).collect();
        Ok(Self { client, scopes, hint, target, wants, extras, nonce, challenge, prompt, max_age })
    }

    /// What a device asks for once its user has come.
    pub fn of_device(client: &'static Client, scopes: Vec<String>, user_code: String) -> Self {
        let target = Target { redirect_uri: String::new(), state: None, mode: Mode::Query, device: Some(user_code) };
        let (hint, challenge, prompt) = Default::default();
        let (wants, extras) = (Wants::CODE, Arc::default());
        Self { client, scopes, hint, target, wants, extras, nonce: None, challenge, prompt, max_age: None }
    }

    fn needs_consent(&self, session: &Session) -> bool {
        let agreed = |scope: &String| session.consents.contains(&(self.client.id, scope.clone()));
        self.client.consent && (self.prompt.contains("consent") || !self.scopes.iter().all(agreed))
    }
}

impl World {
    /// What of a request is looked at.
    pub fn heard(&self, form: Form) -> Form {
        match self.faults.switch(Switch::ParameterIgnored) {
            Some(setting) => form.without(setting.text("which")),
            None => form,
        }
    }

    /// The browser's session, if it is good enough for the request.
    fn usable_session(&self, call: &Call, request: &AuthRequest) -> Option<(String, Session)> {
        let cookie = call.cookie(SESSION_COOKIE)?.to_owned();
        let session = self.store().sessions.get(call.moment.now, &cookie)?.clone();
        if self.faults.switch(Switch::SessionForgotten).is_some() {
            return None;
        }
        let fresh = request.max_age.is_none_or(|age| call.moment.told.since(session.auth_time) <= age);
        (fresh && !request.prompt.contains("login")).then_some((cookie, session))
    }

    /// After login: the code, or the question for consent first.
    pub fn consent_or_code(&self, moment: Moment, request: &AuthRequest, session: &Session) -> Option<Reply> {
        (!request.needs_consent(session)).then(|| self.grant_code(moment, request, session))
    }

    /// Sends the client what it asked for: a code, tokens, or both.
    pub fn grant_code(&self, moment: Moment, request: &AuthRequest, session: &Session) -> Reply {
        if let Some(user_code) = &request.target.device {
            return self.device_approved(moment, user_code, session);
        }
        let grant = Arc::new(Grant {
            client: request.client,
            user: Some(session.user),
            subject: session.user.sub.to_owned(),
            scopes: request.scopes.clone(),
            auth_time: Some(session.auth_time),
            session: Some(session.id.clone()),
            nonce: request.nonce.clone(),
            extras: Arc::clone(&request.extras),
            made: moment.now,
            death: Death::default(),
        });
        let mut parameters = Vec::new();
        let code = request.wants.code.then(|| self.code(moment, &grant, request));
        parameters.extend(code.clone().map(|code| ("code", code)));
        let mut access = None;
        if request.wants.token {
            let audience = request.extras.resource.clone();
            let wanted = Wanted { audience, ..Wanted::scopes(&request.scopes) };
            let response = self.token_response(moment, &grant, wanted);
            for name in ["access_token", "token_type", "expires_in", "scope"] {
                let value = &response[name];
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                parameters.extend((!value.is_null()).then_some((name, text)));
            }
            access = response["access_token"].as_str().map(str::to_owned);
        }
        if request.wants.id_token {
            let token = self.front_id_token(moment, &grant, access.as_deref(), code.as_deref());
            parameters.push(("id_token", token));
        }
        self.respond(&request.target, parameters)
    }

    fn code(&self, moment: Moment, grant: &Arc<Grant>, request: &AuthRequest) -> String {
        let code = random();
        let stored = Code {
            grant: Arc::clone(grant),
            redirect_uri: request.target.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            used: false,
        };
        self.store().codes.insert(moment.now, code.clone(), stored);
        code
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
        target.mode.send(&target.redirect_uri, &parameters)
    }
}
