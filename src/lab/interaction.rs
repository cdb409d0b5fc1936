//! What happens between the authorization endpoint and its answer: login, then consent.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header::SET_COOKIE;
use http::{Method, StatusCode};

use super::World;
use super::accounts::{USERS, User};
use super::authorize::{AuthRequest, SESSION_COOKIE};
use super::endpoint::Endpoint;
use super::fault::{Hook, Setting, Switch};
use super::form::Form;
use super::pages::{self, LoginForm};
use super::reply::Reply;
use super::server::Call;
use super::store::{Interaction, Session, random};

/// The name of the cookie that ties an interaction to the browser that began it.
pub const LOGIN_COOKIE: &str = "lab_login";

impl World {
    /// Sends the browser to log in, or straight to consent when `session` says it has.
    pub fn interact(&self, call: &Call, request: Arc<AuthRequest>, session: Option<String>) -> Reply {
        let id = random();
        let interaction = Interaction {
            request,
            browser: random(),
            csrf: random(),
            form: LoginForm::default(),
            identified: None,
            session,
        };
        let path = self.interaction_path(&id);
        let elsewhere = match interaction.session {
            None => self.upstream_login(&id, &interaction),
            Some(_) => None,
        };
        // Who comes back from elsewhere comes to another path.
        let reach = if elsewhere.is_some() { "/" } else { &path };
        let cookie = self.cookie(LOGIN_COOKIE, &interaction.browser, reach);
        self.store().interactions.insert(call.moment.now, id, interaction);
        // The same origin as this request, whatever name the lab is reached by.
        Reply::see_other(elsewhere.as_ref().unwrap_or(&path)).header(SET_COOKIE, &cookie)
    }

    fn interaction_path(&self, id: &str) -> String {
        format!("{}{}/{id}", self.issuer.path, Endpoint::LoginPage.path())
    }

    /// A cookie that ends with the browser.
    pub fn cookie(&self, name: &str, value: &str, path: &str) -> String {
        let secure = if self.issuer.secure && !self.in_the_clear { "; Secure" } else { "" };
        format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}")
    }

    /// The path of the session cookie.
    pub fn root_path(&self) -> &str {
        if self.issuer.path.is_empty() { "/" } else { &self.issuer.path }
    }
}

/// Shows and takes the forms of an interaction.
pub fn interact(world: &World, call: &Call) -> Reply {
    let found = world.store().interactions.get(call.moment.now, &call.id).cloned();
    let Some(interaction) = found.filter(|found| call.cookie(LOGIN_COOKIE) == Some(found.browser.as_str())) else {
        let why = "It took too long, was finished already, or this browser did not begin it. Cookies are needed.";
        return pages::message(StatusCode::BAD_REQUEST, "This login is not under way", why);
    };
    if call.method != Method::POST {
        return match interaction.session {
            Some(_) => consent_page(world, call, &interaction),
            None => fresh_login_page(world, call, interaction),
        };
    }
    let form = match call.form() {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    if form.get("csrf") != Some(interaction.csrf.as_str()) {
        return pages::message(StatusCode::FORBIDDEN, "This form is not ours", "Its hidden field is missing or wrong.");
    }
    match interaction.session.clone() {
        Some(cookie) => take_consent(world, call, &interaction, &form, &cookie),
        None => take_login(world, call, interaction, &form),
    }
}

fn fresh_login_page(world: &World, call: &Call, mut interaction: Interaction) -> Reply {
    let mut form = LoginForm::default();
    let pick = |hook: &'static Hook, _: &Setting| match hook {
        Hook::LoginForm(change) => Some(change),
        _ => None,
    };
    for (change, setting) in world.faults.take(pick) {
        change(&setting, &mut form);
    }
    interaction.form = form;
    interaction.identified = None;
    login_page(world, call, interaction, None)
}

/// Shows the login form, and remembers what it looked like.
fn login_page(world: &World, call: &Call, interaction: Interaction, problem: Option<&str>) -> Reply {
    let action = world.interaction_path(&call.id);
    let reply = pages::login(&interaction, &action, problem);
    if let Some(stored) = world.store().interactions.get(call.moment.now, &call.id) {
        *stored = interaction;
    }
    reply
}

fn take_login(world: &World, call: &Call, mut interaction: Interaction, form: &Form) -> Reply {
    let username = interaction.identified.clone().or_else(|| form.get(interaction.form.username).map(str::to_owned));
    let password = form.get(interaction.form.password);
    if interaction.form.two_steps && interaction.identified.is_none() && username.is_some() {
        interaction.identified = username;
        return login_page(world, call, interaction, None);
    }
    if form.get("otp").is_some() {
        return pages::second_factor(&interaction, &world.interaction_path(&call.id), Some("That code is wrong."));
    }
    if interaction.form.captcha {
        return login_page(world, call, interaction, Some("The characters are not those in the picture."));
    }
    let (Some(username), Some(password)) = (username, password) else {
        return login_page(world, call, interaction, Some("Enter a user name and a password."));
    };
    let known = USERS.iter().find(|user| user.name == username && user.password == password);
    let Some(user) = known.filter(|_| world.faults.switch(Switch::PasswordRefused).is_none()) else {
        world.stats.passwords_refused.fetch_add(1, Ordering::Relaxed);
        return login_page(world, call, interaction, Some("Wrong user name or password."));
    };
    if interaction.form.second_factor {
        return pages::second_factor(&interaction, &world.interaction_path(&call.id), None);
    }
    log_in(world, call, &interaction, user)
}

pub fn log_in(world: &World, call: &Call, interaction: &Interaction, user: &'static User) -> Reply {
    let cookie = random();
    let session = Session { id: random(), user, auth_time: call.moment.told, consents: HashSet::new() };
    let mut store = world.store();
    store.sessions.insert(call.moment.now, cookie.clone(), session.clone());
    drop(store);
    let set_cookie = world.cookie(SESSION_COOKIE, &cookie, world.root_path());
    let reply = match world.consent_or_code(call.moment, &interaction.request, &session) {
        Some(reply) => {
            world.store().interactions.remove(call.moment.now, &call.id);
            reply
        }
        None => {
            if let Some(stored) = world.store().interactions.get(call.moment.now, &call.id) {
                stored.session = Some(cookie);
            }
            Reply::see_other(&world.interaction_path(&call.id))
        }
    };
    reply.header(SET_COOKIE, &set_cookie)
}

fn consent_page(world: &World, call: &Call, interaction: &Interaction) -> Reply {
    pages::consent(interaction, &world.interaction_path(&call.id))
}

fn take_consent(world: &World, call: &Call, interaction: &Interaction, form: &Form, cookie: &str) -> Reply {
    let request = &interaction.request;
    match form.get("decision") {
        Some("allow") => {}
        Some("deny") => {
            world.store().interactions.remove(call.moment.now, &call.id);
            return world.refuse(&request.target, "access_denied", "the user said no");
        }
        _ => return consent_page(world, call, interaction),
    }
    let session = {
        let mut store = world.store();
        store.interactions.remove(call.moment.now, &call.id);
        let session = store.sessions.get(call.moment.now, &cookie.to_owned());
        session.map(|session| {
            session.consents.extend(request.scopes.iter().map(|scope| (request.client.id, scope.clone())));
            session.clone()
        })
    };
    match session {
        Some(session) => world.grant_code(call.moment, request, &session),
        None => world.refuse(&request.target, "access_denied", "the session has ended"),
    }
}
