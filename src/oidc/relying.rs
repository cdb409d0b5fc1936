//! The relying party: requests made, sent and processed, one method an operation. Warnings, measured values and
//! secrets to mask go to the recorder.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderValue, header};
use serde_json::{Map, Value};
use url::Url;

use crate::clock::{Clock, Instant, Timestamp};
use crate::fault::{Class, Fault, Finding};
use crate::journey::Recorder;
use crate::oidc::access_token::{self, AccessTokenRules};
use crate::oidc::client_auth;
use crate::oidc::clock_skew::Timing;
use crate::oidc::expect::Expect;
use crate::oidc::http::{Endpoint, Http, Request, Response};
use crate::oidc::id_token::{self, IdTokenRules, LEEWAY, Report};
use crate::oidc::introspection;
use crate::oidc::jwk::Key;
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::{Accepts, Claims, Jwt, Refusal};
use crate::oidc::key_history::{Change, KeyHistory};
use crate::oidc::memory::ProviderMemory;
use crate::oidc::metadata::{Document, Metadata};
use crate::oidc::revocation;
use crate::oidc::settings::{Client, MetadataSource, Provider};
use crate::oidc::token::{self, Asked, Grant, Tokens};
use crate::oidc::userinfo;
use crate::outcome::{Observation, Warning};
use crate::secret::Secret;

/// A client of a provider, for one run in one region.
#[derive(Clone)]
pub struct Relying {
    /// For the requests.
    pub http: Http,
    /// Where they start from.
    pub region: Arc<str>,
    /// Whom.
    pub provider: Arc<Provider>,
    /// As whom; kinds that need no client have none.
    pub client: Option<Arc<Client>>,
    /// What is known of the provider.
    pub memory: Arc<ProviderMemory>,
    /// Where findings go.
    pub recorder: Recorder,
    /// The time.
    pub clock: Clock,
    /// What this run has seen of the provider's clock.
    pub timing: Timing,
}

/// What an ID token is held against, as far as only the caller knows it; see [`IdTokenRules`].
#[derive(Clone, Copy, Debug)]
pub struct IdTokenAsk<'a> {
    /// The nonce that was sent, if one was.
    pub nonce: Option<&'a str>,
    /// The `max_age` that was asked for.
    pub max_age: Option<Duration>,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
    /// The authorization code that came with it from the same endpoint (hybrid flow).
    pub code: Option<&'a str>,
    /// Whom it must be about.
    pub subject: Option<&'a str>,
    /// What the probe demands.
    pub expect: &'a Expect,
}

impl Relying {
    /// The same, with more time: for cleanup after the run's deadline.
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        Self { http: self.http.with_deadline(deadline), ..self.clone() }
    }

    /// The client. Fault: `config` if the kind was given none.
    pub fn client(&self) -> Result<&Arc<Client>, Fault> {
        self.client.as_ref().ok_or_else(|| Fault::new(Class::Config, "this probe needs a client"))
    }

    /// The provider's metadata as an ordinary client reads it: what it survives becomes warnings.
    pub async fn metadata(&self) -> Result<Metadata, Fault> {
        self.metadata_for(&[]).await
    }

    /// The same, for a run that needs these members: if one is missing, the RFC 8414 document is asked as well, which may
    /// list what OIDC discovery hides.
    pub async fn metadata_for(&self, needed: &[&'static str]) -> Result<Metadata, Fault> {
        let metadata = self.fetch_metadata(needed).await?;
        self.warn_of("metadata", metadata.findings());
        Ok(metadata)
    }

    /// The same for a strict reader, who judges [`Metadata::findings`] himself.
    pub async fn fetch_metadata(&self, needed: &[&'static str]) -> Result<Metadata, Fault> {
        let provider = &self.provider;
        let mut metadata = match provider.metadata {
            MetadataSource::None => return Ok(Metadata::configured(&provider.issuer, &provider.endpoints)),
            MetadataSource::Oidc => self.read_document(Document::Oidc, &self.ask_document(Document::Oidc).await?)?,
            MetadataSource::Oauth => self.read_document(Document::Oauth, &self.ask_document(Document::Oauth).await?)?,
            MetadataSource::Auto => self.find_document().await?,
        };
        if provider.metadata == MetadataSource::Auto && needed.iter().any(|member| !metadata.has(member)) {
            self.complete(&mut metadata).await?;
        }
        if let Some(skew) = self.timing.skew() {
            self.recorder.observe(skew.observation());
        }
        Ok(metadata)
    }

    async fn ask_document(&self, document: Document) -> Result<Response, Fault> {
        self.get(Endpoint::Discovery, document.url(&self.provider.issuer)?).await
    }

    fn read_document(&self, document: Document, answer: &Response) -> Result<Metadata, Fault> {
        let mut warnings = Vec::new();
        let metadata =
            Metadata::process(answer, document, &self.provider.issuer, &self.provider.endpoints, &mut warnings);
        self.recorder.warn_all(warnings);
        metadata
    }

    async fn find_document(&self) -> Result<Metadata, Fault> {
        let answer = self.ask_document(Document::Oidc).await?;
        if answer.status != 404 {
            return self.read_document(Document::Oidc, &answer);
        }
        let other = self.ask_document(Document::Oauth).await?;
        if other.status == 404 {
            let detail = format!("neither {} nor {} exists: both answer 404", answer.url.path(), other.url.path());
            return Err(Fault::new(Class::HttpStatus, detail));
        }
        self.read_document(Document::Oauth, &other)
    }

    /// Adds what only the RFC 8414 document lists. Its absence is none of our business: what is missing stays missing.
    async fn complete(&self, metadata: &mut Metadata) -> Result<(), Fault> {
        // The one that was read may have been this one already.
        if !metadata.has("subject_types_supported") {
            return Ok(());
        }
        let answer = self.ask_document(Document::Oauth).await?;
        match answer.status.as_u16() {
            200 => match self.read_document(Document::Oauth, &answer) {
                Ok(other) => metadata.complete_from(other),
                // Many servers answer 200 with a page to whatever they do not know.
                Err(fault) => self.recorder.warn(Warning::new("rfc8414_document", "RFC 8414 §3", fault.detail)),
            },
            500.. => return Err(crate::oidc::response::status_fault(&answer, Document::Oauth.as_str())),
            _ => {}
        }
        Ok(())
    }

    /// The provider's keys as an ordinary client reads them: malformed ones become warnings. Fault besides those of the
    /// request: `jwks_invalid` if no key can verify a signature.
    pub async fn keys(&self, metadata: &Metadata) -> Result<KeySet, Fault> {
        let (keys, findings) = self.fetch_keys(metadata).await?;
        let symmetric =
            self.client.as_ref().and_then(|c| c.id_token_alg.as_deref()).is_some_and(|a| a.starts_with("HS"));
        if !symmetric
            && !keys.keys().iter().any(|key| key.verifies())
            && let Some(fault) = Fault::from_findings(findings.clone())
        {
            return Err(fault);
        }
        self.warn_of("jwks", &findings);
        Ok(keys)
    }

    /// The same for a strict reader, who judges the findings himself.
    pub async fn fetch_keys(&self, metadata: &Metadata) -> Result<(KeySet, Vec<Finding>), Fault> {
        let answer = self.get(Endpoint::Jwks, metadata.endpoint("jwks_uri")?).await?;
        let mut warnings = Vec::new();
        let result = KeySet::process(&answer, &mut warnings);
        self.recorder.warn_all(warnings);
        let (keys, findings) = result?;
        self.rotated(|history, now| history.saw_set(&self.region, &keys, now));
        self.recorder.observe(Observation::KeySet { keys: keys.len() as u64 });
        Ok((keys, findings))
    }

    /// Asks the token endpoint (RFC 6749 §3.2).
    pub async fn token(&self, metadata: &Metadata, grant: Grant) -> Result<Tokens, Fault> {
        let client = self.client()?.clone();
        let url = metadata.endpoint("token_endpoint")?;
        grant.secrets().iter().for_each(|secret| self.recorder.protect(secret.expose()));
        let answer = self.post(Endpoint::Token, url, &client, grant.form()).await?;
        let mut warnings = Vec::new();
        let result = token::process(&answer, Asked { grant: &grant, client: &client }, &mut warnings);
        if let Ok(tokens) = &result {
            for token in [Some(&tokens.access_token), tokens.refresh_token.as_ref(), tokens.id_token.as_ref()] {
                token.inspect(|token| self.recorder.protect(token.expose()));
            }
            self.timing.saw_tokens(&answer);
            for (token, lifetime) in [("access", tokens.expires_in), ("refresh", tokens.refresh_expires_in)] {
                if let Some(lifetime) = lifetime {
                    self.recorder.observe(Observation::TokenLifetime { token, seconds: lifetime.as_secs_f64() });
                }
            }
        }
        self.recorder.warn_all(warnings);
        result
    }

    /// Verifies an ID token and holds its claims against everything that is known (OIDC Core 3.1.3.7). All failures are
    /// in the fault's findings.
    pub async fn id_token(
        &self,
        metadata: &Metadata,
        keys: &mut KeySet,
        token: &Secret,
        ask: IdTokenAsk<'_>,
    ) -> Result<Claims, Fault> {
        let client = self.client()?;
        self.recorder.protect(token.expose());
        let jwt = Jwt::decode(token.expose(), "ID token")?;
        let accepts = Accepts {
            registered: client.id_token_alg.as_deref(),
            offered: metadata.list("id_token_signing_alg_values_supported"),
        };
        let mut findings = self.verify(metadata, keys, &jwt, &accepts, "ID token").await?;
        self.saw_issued_at(&jwt.claims);
        let rules = IdTokenRules {
            issuer: metadata.issuer(),
            client_id: &client.client_id,
            nonce: ask.nonce,
            max_age: ask.max_age,
            access_token: ask.access_token,
            code: ask.code,
            subject: ask.subject,
            alg: &jwt.header.alg,
            expect: ask.expect,
            now: self.clock.now(),
            leeway: LEEWAY,
            skew: self.timing.skew(),
        };
        let report = id_token::validate(&jwt.claims, &rules);
        if let Some(seconds) = jwt.claims.lifetime() {
            self.recorder.observe(Observation::TokenLifetime { token: "id", seconds });
        }
        self.conclude(report, &mut findings)?;
        Ok(jwt.claims)
    }

    /// Verifies an access token if it is a JWT; an opaque one passes.
    pub async fn access_token(&self, metadata: &Metadata, keys: &mut KeySet, tokens: &Tokens) -> Result<(), Fault> {
        let text = tokens.access_token.expose();
        if !Jwt::is_jwt(text) {
            return Ok(());
        }
        let client = self.client()?;
        let jwt = Jwt::decode(text, "access token")?;
        let mut findings = self.verify(metadata, keys, &jwt, &Accepts::default(), "access token").await?;
        self.saw_issued_at(&jwt.claims);
        let rules = AccessTokenRules {
            issuer: metadata.issuer(),
            client_id: &client.client_id,
            now: self.clock.now(),
            leeway: LEEWAY,
            skew: self.timing.skew(),
        };
        let report = access_token::validate(&jwt, &rules);
        self.conclude(report, &mut findings)
    }

    fn conclude(&self, report: Report, findings: &mut Vec<Finding>) -> Result<(), Fault> {
        self.recorder.warn_all(report.warnings);
        findings.extend(report.findings);
        Fault::from_findings(std::mem::take(findings)).map_or(Ok(()), Err)
    }

    /// Verifies a signature; an unknown key is looked for in a fresh key set once. Findings: what is wrong with it.
    async fn verify(
        &self,
        metadata: &Metadata,
        keys: &mut KeySet,
        jwt: &Jwt,
        accepts: &Accepts<'_>,
        what: &str,
    ) -> Result<Vec<Finding>, Fault> {
        let secret = match &self.client {
            Some(client) if accepts.registered.is_some_and(|alg| alg.starts_with("HS")) => self.secret(client)?,
            _ => None,
        };
        // A run that expected an opaque token has no set yet: nothing can be said of when the key was published.
        let cached = keys.was_fetched();
        let first = match jwt.verify(keys, accepts, secret.as_ref()) {
            Ok(key) => {
                self.signed(key, jwt, true);
                return Ok(Vec::new());
            }
            Err(Refusal::Wrong(finding)) => return Ok(vec![finding]),
            Err(Refusal::Unsupported(fault)) => return Err(fault),
            Err(Refusal::KeyNotFound(finding)) => finding,
        };
        *keys = self.keys(metadata).await?;
        match jwt.verify(keys, accepts, secret.as_ref()) {
            Ok(key) => {
                if cached {
                    let detail = format!("{what}: {}; a fresh fetch had it", first.detail);
                    self.recorder.warn(Warning::new("key_not_published", "OIDC Core 10.1.1", detail));
                }
                self.signed(key, jwt, !cached);
                Ok(Vec::new())
            }
            Err(Refusal::KeyNotFound(mut finding)) => {
                finding.detail.push_str(", even after a fresh fetch");
                Ok(vec![finding])
            }
            Err(Refusal::Wrong(finding)) => Ok(vec![finding]),
            Err(Refusal::Unsupported(fault)) => Err(fault),
        }
    }

    /// Tells the history that a key signed; `cached`: it was in the set that was fetched before the token.
    fn signed(&self, key: Option<&Key>, jwt: &Jwt, cached: bool) {
        let Some(key) = key else { return };
        let lifetime = jwt.claims.lifetime().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.rotated(|history, now| history.saw_signature(&self.region, key, cached, lifetime, now));
    }

    fn rotated(&self, look: impl FnOnce(&mut KeyHistory, Timestamp) -> Change) {
        let change = look(&mut self.memory.keys.lock().expect("key history"), self.clock.now());
        let unsafe_rotations = change.unsafe_rotations.len() as u64;
        if change.rotations + unsafe_rotations > 0 {
            self.recorder.observe(Observation::KeyRotation { rotations: change.rotations, unsafe_rotations });
        }
        for detail in change.unsafe_rotations {
            self.recorder.warn(Warning::new("unsafe_rotation", "OIDC Core 10.1.1", detail));
        }
    }

    fn saw_issued_at(&self, claims: &Claims) {
        if let Ok(Some(iat)) = claims.date("iat")
            && let Some(skew) = self.timing.saw_issued_at(iat)
        {
            self.recorder.observe(skew.observation());
        }
    }

    /// Asks who the user is (OIDC Core 5.3). `sub` must be `subject`, if one is given. Faults besides those of the
    /// request: `oauth_error` if the token is refused, `claim_subject`.
    pub async fn userinfo(
        &self,
        metadata: &Metadata,
        access: &Secret,
        subject: Option<&str>,
    ) -> Result<Map<String, Value>, Fault> {
        match self.ask_userinfo(metadata, access, subject).await? {
            Ok(claims) => Ok(claims),
            Err(code) => Err(Fault::new(Class::OauthError, format!("userinfo refuses the access token: {code}"))),
        }
    }

    /// The same, where a refusal is an answer (revocation): the inner error is its code.
    pub async fn ask_userinfo(
        &self,
        metadata: &Metadata,
        access: &Secret,
        subject: Option<&str>,
    ) -> Result<Result<Map<String, Value>, String>, Fault> {
        let mut request = Request::get(Endpoint::Userinfo, metadata.endpoint("userinfo_endpoint")?);
        request.headers.insert(header::AUTHORIZATION, bearer(access)?);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.send(request).await?;
        let mut warnings = Vec::new();
        let result = userinfo::process(&answer, &mut warnings);
        self.recorder.warn_all(warnings);
        let claims = match result? {
            userinfo::Answer::Refused(error) => {
                return Ok(Err(error.map_or_else(|| "401".to_owned(), |e| e.to_string())));
            }
            userinfo::Answer::Claims(claims) => claims,
            userinfo::Answer::Token(token) => self.signed_userinfo(metadata, &token).await?,
        };
        userinfo::check_subject(&claims, subject)?;
        Ok(Ok(claims))
    }

    /// 5.3.2: a signed answer names issuer and audience.
    async fn signed_userinfo(&self, metadata: &Metadata, token: &str) -> Result<Map<String, Value>, Fault> {
        self.recorder.protect(token);
        let jwt = Jwt::decode(token, "userinfo")?;
        let mut keys = self.keys(metadata).await?;
        let accepts = Accepts { registered: None, offered: metadata.list("userinfo_signing_alg_values_supported") };
        let mut findings = self.verify(metadata, &mut keys, &jwt, &accepts, "userinfo").await?;
        let report = userinfo::validate(&jwt.claims, metadata.issuer(), &self.client()?.client_id);
        self.conclude(report, &mut findings)?;
        Ok(jwt.claims.0)
    }

    /// Whether the provider calls the token active (RFC 7662).
    pub async fn introspect(&self, metadata: &Metadata, token: &Secret) -> Result<bool, Fault> {
        let client = self.client()?.clone();
        let form = vec![("token".to_owned(), token.expose().to_owned())];
        let answer =
            self.post(Endpoint::Introspection, metadata.endpoint("introspection_endpoint")?, &client, form).await?;
        let mut warnings = Vec::new();
        let result = introspection::process(&answer, &client, &mut warnings);
        self.recorder.warn_all(warnings);
        result
    }

    /// Revokes a token (RFC 7009); `hint` is `access_token` or `refresh_token`.
    pub async fn revoke(&self, metadata: &Metadata, token: &Secret, hint: &'static str) -> Result<(), Fault> {
        let client = self.client()?.clone();
        let form =
            vec![("token".to_owned(), token.expose().to_owned()), ("token_type_hint".to_owned(), hint.to_owned())];
        let answer = self.post(Endpoint::Revocation, metadata.endpoint("revocation_endpoint")?, &client, form).await?;
        let mut warnings = Vec::new();
        let result = revocation::process(&answer, &client, &mut warnings);
        self.recorder.warn_all(warnings);
        result
    }

    async fn get(&self, endpoint: Endpoint, url: Url) -> Result<Response, Fault> {
        let mut request = Request::get(endpoint, url);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.send(request).await
    }

    async fn post(
        &self,
        endpoint: Endpoint,
        url: Url,
        client: &Client,
        form: Vec<(String, String)>,
    ) -> Result<Response, Fault> {
        let mut request = Request::post(endpoint, url, form);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let secret = self.secret(client)?;
        if let Some(secret) = &secret {
            self.recorder.protect(&client_auth::basic(&client.client_id, secret));
        }
        let form = request.form.get_or_insert_default();
        client_auth::authenticate(client, secret.as_ref(), &mut request.headers, form)?;
        self.send(request).await
    }

    async fn send(&self, request: Request) -> Result<Response, Fault> {
        let answer = self.http.send(request).await?;
        self.timing.saw_date(&answer);
        Ok(answer)
    }

    /// Read anew for every request: a rotated secret is used at once.
    fn secret(&self, client: &Client) -> Result<Option<Secret>, Fault> {
        let Some(source) = &client.secret else { return Ok(None) };
        let secret =
            source.read().map_err(|why| Fault::new(Class::Config, format!("client {}: {why}", client.name)))?;
        self.recorder.protect(secret.expose());
        Ok(Some(secret))
    }

    fn warn_of(&self, code: &'static str, findings: &[Finding]) {
        self.recorder.warn_all(findings.iter().map(|f| Warning::new(code, f.clause, f.detail.clone())));
    }
}

/// `Authorization: Bearer` (RFC 6750 §2.1).
fn bearer(token: &Secret) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| Fault::new(Class::Malformed, "the access token holds characters that cannot be in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
