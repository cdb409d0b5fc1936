//! The API as it is asked with tokens that are, or were, good.

use std::sync::Mutex;
use std::time::Duration;

use http::{HeaderValue, header};

use super::{Access, Settings};
use crate::clock::Instant;
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault, Finding};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::bearer::{self, Bad};
use crate::oidc::cors;
use crate::oidc::http::{Endpoint, Request, Response};
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::response::{self, OauthError};
use crate::oidc::token::Tokens;
use crate::outcome::Observation;
use crate::probe::access::Obtain;
use crate::probe::issued;
use crate::probe::propagation::Pace;
use crate::secret::Secret;

/// An API and how it is asked.
pub(super) struct Api<'a> {
    pub(super) settings: &'a Settings,
    pub(super) access: &'a Access,
    /// With cookies of its own.
    pub(super) relying: &'a Relying,
    pub(super) metadata: &'a Metadata,
    /// What was accepted and must not be: in which step.
    pub(super) found: Mutex<Vec<(StepName, Finding)>>,
}

impl Api<'_> {
    /// Its name in details: it need not be the provider's host.
    pub(super) fn host(&self) -> &str {
        self.settings.url.host_str().unwrap_or_default()
    }

    pub(super) async fn ask(&self, token: Option<&Secret>) -> Result<Response, Fault> {
        let method = self.settings.method.method();
        self.relying.show_resource(method, &self.settings.url, token).await
    }

    fn is_expected(&self, answer: &Response) -> bool {
        match self.settings.expect_status {
            Some(status) => answer.status == status,
            None => answer.status.is_success(),
        }
    }

    /// A good token is accepted. Faults: `oauth_error` if it is refused, `http_status`, `redirect`.
    pub(super) async fn good(&self, token: &Secret) -> Result<(), Fault> {
        let answer = self.ask(Some(token)).await?;
        if self.is_expected(&answer) {
            return Ok(());
        }
        let host = self.host();
        let status = answer.status.as_u16();
        if matches!(status, 401 | 403) {
            let code = OauthError::from_challenge(&answer.headers).or_else(|| OauthError::from_body(&answer.body));
            let code = code.map_or_else(|| "no error code".to_owned(), |code| code.to_string());
            return Err(Fault::new(Class::OauthError, format!("{host} refuses a good token: status {status}, {code}")));
        }
        let mut fault = response::status_fault(&answer, host);
        if let Some(expected) = self.settings.expect_status {
            fault.detail.push_str(&format!("; expected {expected}"));
        }
        Err(fault)
    }

    /// What was accepted so far and must not be.
    pub(super) fn accepted(&self) -> Vec<(StepName, Finding)> {
        self.found.lock().expect("findings").clone()
    }

    /// Holds a refusal against RFC 6750. `step` is the attack's name as well.
    pub(super) fn judge(
        &self,
        step: StepName,
        answer: &Response,
        bad: Bad,
        what: &str,
        clause: &'static str,
    ) -> Result<(), Fault> {
        let mut warnings = Vec::new();
        let result = bearer::refused(answer, bad, (self.host(), what, clause), &mut warnings);
        let result = result.map_err(|fault| fault.of_attack(step));
        self.relying.recorder.warn_all(warnings);
        let accepted = match &result {
            Ok(()) => Some(false),
            Err(fault) if fault.class == Class::AttackAccepted => {
                self.found.lock().expect("findings").extend(fault.findings.iter().map(|f| (step, f.clone())));
                Some(true)
            }
            Err(_) => None,
        };
        self.relying.recorder.observe(Observation::Attack { attack: step, accepted });
        result
    }

    /// Another token by client credentials. It is revoked when the run is over.
    pub(super) async fn another(
        &self,
        scopes: Option<&[String]>,
        resource: &[String],
        audience: &[String],
    ) -> Result<Tokens, Fault> {
        let scopes = scopes.map_or_else(|| self.access.scopes(self.relying), |scopes| Ok(scopes.to_vec()))?;
        self.relying.token(self.metadata, self.access.client_credentials(&scopes, resource, audience)).await
    }

    /// Step `insufficient_scope` (RFC 6750 §3.1).
    pub(super) async fn too_little(&self, journey: &mut Journey, by: Obtain, scopes: &[String]) -> Result<(), Stopped> {
        if by == Obtain::Login {
            journey.skip(super::INSUFFICIENT_SCOPE, "another token can only be had by client credentials");
            return Ok(());
        }
        let mut issued = None;
        let result = journey
            .step(super::INSUFFICIENT_SCOPE, async {
                let (resource, audience) = (self.access.resource(), self.access.audience());
                let token = &issued.insert(self.another(Some(scopes), resource, audience).await?).access_token;
                let what = format!("a token with no more than the scope {}", scopes.join(" "));
                self.judge(super::INSUFFICIENT_SCOPE, &self.ask(Some(token)).await?, Bad::Scope, &what, "RFC 6750 §3.1")
            })
            .await;
        if let Some(tokens) = issued {
            issued::revoke_later(journey, self.relying, self.metadata, &tokens.access_token);
        }
        result
    }

    /// A page of `origin` may ask, and read the answer.
    pub(super) async fn browsers(&self, origin: &str, token: &Secret) -> Result<(), Fault> {
        let value =
            HeaderValue::from_str(origin).map_err(|_| Fault::new(Class::Config, "origin is no header value"))?;
        let (method, url) = (self.settings.method.method(), &self.settings.url);
        let mut request = Request::new(http::Method::OPTIONS, Endpoint::Resource, url.clone());
        request.headers = cors::preflight(&value, &method);
        let named = |fault| bearer::of_resource(url, fault);
        let answer = self.relying.http.send(request).await.map_err(named)?;
        cors::permits(&answer, origin, &method).map_err(named)?;
        let mut request = Request::new(method, Endpoint::Resource, url.clone());
        request.headers.insert(header::ORIGIN, value);
        let answer = self.relying.send_with_token(request, token).await.map_err(named)?;
        if !self.is_expected(&answer) {
            return Err(response::status_fault(&answer, &format!("{}, asked by a page of {origin}", self.host())));
        }
        let findings = cors::allows_origin(&answer.headers, origin, "answer to a page").into_iter().collect();
        Fault::from_findings(findings).map_or(Ok(()), |fault| Err(named(fault)))
    }

    /// When the revocation was acknowledged.
    pub(super) async fn revoke(&self, token: &Secret) -> Result<Instant, Fault> {
        self.relying.revoke(self.metadata, token, "access_token").await.map_err(|fault| {
            // RFC 7009 §2.2.1.
            match fault.detail.starts_with("unsupported_token_type") {
                true => {
                    Fault::new(Class::Unsupported, format!("the provider cannot revoke such a token: {}", fault.detail))
                }
                false => fault,
            }
        })?;
        Ok(self.relying.clock.instant())
    }

    /// Shows the revoked token until it is refused, or the bound is over.
    pub(super) async fn dies(&self, token: &Secret, since: Instant, bound: Duration) -> Result<(), Fault> {
        let mut pace = Pace::start();
        loop {
            let answer = self.ask(Some(token)).await?;
            if !answer.status.is_success() {
                return self.judge(super::REVOKED, &answer, Bad::Invalid, "a revoked token", "RFC 6750 §3.1");
            }
            let now = self.relying.clock.instant().duration_since(since);
            if now >= bound {
                let (host, bound) = (self.host(), HumanDuration(bound));
                let detail = format!("{host} accepts the revoked token {bound} after the revocation");
                let finding = Finding::new(Class::RevocationIneffective, "RFC 6750 §3.1", detail);
                return Fault::from_findings(vec![finding]).map_or(Ok(()), Err);
            }
            pace.advance(now);
            // The last word is spoken at the bound itself.
            tokio::time::sleep_until(since + pace.due().min(bound)).await;
        }
    }
}
