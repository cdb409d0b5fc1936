//! A lab that has its users log in at another provider: a broker. It is a client of that one (authorization code with
//! PKCE, public), and goes on with its own session once the user is back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::accounts::USERS;
use super::form::Form;
use super::interaction::{self, LOGIN_COOKIE};
use super::jws::s256;
use super::reply::Reply;
use super::server::Call;
use super::store::Interaction;
use super::{World, pages};

/// Where users come back to.
pub const PATH: &str = "/broker";
/// How long the other provider may take to answer us.
const PATIENCE: Duration = Duration::from_secs(5);

/// The provider at which users log in.
#[derive(Debug)]
pub struct Upstream {
    authorization: Url,
    token: Url,
    client: String,
    http: reqwest::Client,
}

impl Upstream {
    /// Reads the metadata of that issuer, which must be there already; `client` is who we are there (public). The error says
    /// what is wrong.
    pub async fn discover(issuer: &str, client: &str) -> Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("upstream {issuer}: {why}");
        if !issuer.starts_with("http://") {
            return Err(wrong(&"only plain http: it is on this machine"));
        }
        let http = reqwest::Client::builder().tls_backend_preconfigured(nobody()?).timeout(PATIENCE);
        let http = http.redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = http.build().map_err(|error| wrong(&error))?;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let answer = http.get(url).send().await.map_err(|error| wrong(&error))?;
        let body = answer.bytes().await.map_err(|error| wrong(&error))?;
        let metadata: Value = serde_json::from_slice(&body).map_err(|error| wrong(&error))?;
        let endpoint = |member: &str| {
            let url = metadata[member].as_str().and_then(|url| Url::parse(url).ok());
            url.ok_or_else(|| wrong(&format!("no {member}")))
        };
        let (authorization, token) = (endpoint("authorization_endpoint")?, endpoint("token_endpoint")?);
        Ok(Self { authorization, token, client: client.to_owned(), http })
    }

    /// The subject of whoever has logged in there; the error is for people.
    async fn redeem(&self, code: &str, verifier: &str, redirect_uri: &str) -> Result<String, String> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", redirect_uri),
            ("client_id", &self.client),
        ];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(self.token.clone()).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(body).send().await.map_err(|_| "it cannot be reached")?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|_| "its answer broke off")?;
        let tokens: Value = serde_json::from_slice(&body).map_err(|_| format!("status {status}, not JSON"))?;
        // Straight from its token endpoint: who said it is not in doubt (OIDC Core 3.1.3.7-6).
        let claims = tokens["id_token"].as_str().and_then(|token| super::jws::read(token, |_, _| true));
        let subject = claims.and_then(|claims| Some(claims.get("sub")?.as_str()?.to_owned()));
        subject.ok_or_else(|| format!("status {status}, without an ID token"))
    }
}

/// TLS that believes nobody: it is never spoken.
fn nobody() -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

impl World {
    /// Where a user logs in for an interaction, if that is elsewhere.
    pub fn upstream_login(&self, id: &str, interaction: &Interaction) -> Option<String> {
        let upstream = self.upstream.as_ref()?;
        let mut url = upstream.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &upstream.client)
            .append_pair("redirect_uri", &self.broker_callback())
            .append_pair("scope", "openid")
            .append_pair("state", id)
            .append_pair("code_challenge", &s256(&interaction.browser))
            .append_pair("code_challenge_method", "S256");
        Some(url.into())
    }

    fn broker_callback(&self) -> String {
        let path = self.issuer.path.as_str();
        format!("{}{PATH}", self.issuer.base.strip_suffix(path).unwrap_or(&self.issuer.base))
    }
}

/// Takes a user who is back from the other provider.
pub async fn callback(State(world): State<Arc<World>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Reply {
    let refused = |why: &str| pages::message(StatusCode::BAD_GATEWAY, "Signing in elsewhere failed", why);
    let Ok(form) = Form::parse(query.unwrap_or_default().as_bytes()) else { return refused("Its answer is garbled.") };
    let Some(upstream) = &world.upstream else { return Reply::new(StatusCode::NOT_FOUND) };
    let call = Call {
        moment: world.moment(),
        method: Method::GET,
        uri: http::Uri::default(),
        headers,
        body: bytes::Bytes::new(),
        id: form.get("state").unwrap_or_default().to_owned(),
    };
    let found = world.store().interactions.get(call.moment.now, &call.id).cloned();
    let Some(interaction) = found.filter(|found| call.cookie(LOGIN_COOKIE) == Some(found.browser.as_str())) else {
        return refused("It took too long, or this browser did not begin it.");
    };
    let Some(code) = form.get("code") else {
        let error = form.get("error").unwrap_or("nothing");
        return refused(&format!("The other provider answered {error}."));
    };
    let subject = match upstream.redeem(code, &interaction.browser, &world.broker_callback()).await {
        Ok(subject) => subject,
        Err(why) => return refused(&format!("The other provider did not confirm it: {why}.")),
    };
    match USERS.iter().find(|user| user.sub == subject || user.name == subject) {
        Some(user) => interaction::log_in(&world, &call, &interaction, user),
        None => refused("The other provider's user is not known here."),
    }
}
