//! The login itself over plain HTTP: pages are read, forms are sent.

use super::Context;
use super::login_flow::{self as flow, Authorized};
use super::login_settings::Login;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, Stopped};
use crate::oidc::authorize::Pending;
use crate::oidc::form::answers::Answers;
use crate::oidc::form::walker::{Arrival, Walker};
use crate::oidc::form::{Page, page};
use crate::oidc::http::Endpoint;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::settings::RedirectUri;

/// Steps `authorize` and `login`: over plain HTTP, by forms.
pub async fn authorize_by_form(
    cx: &Context,
    journey: &mut Journey,
    relying: &Relying,
    metadata: &Metadata,
    login: &Login,
) -> Result<Authorized, Stopped> {
    let (pending, first) = journey.step(flow::AUTHORIZE, first_page(relying, metadata, login)).await?;
    let granted = journey
        .step(flow::LOGIN, async {
            let user = cx.user.as_ref().ok_or_else(|| Fault::new(Class::Config, "this probe needs a user"))?;
            let answers = Answers::of(user, relying.memory.clone(), &relying.recorder)?;
            let endpoint = metadata.endpoint("authorization_endpoint")?;
            let walker = walker(relying, &pending.redirect_uri, &endpoint, Endpoint::Authorization);
            let answer = walker.sign_in(first, &login.guide, &answers).await;
            let answer = answer.map_err(|fault| flow::promised(relying, metadata, fault))?;
            flow::processed(relying, metadata, &pending, &answer)
        })
        .await?;
    Ok(Authorized { granted, pending })
}

/// A walker of that run.
pub fn walker<'a>(
    relying: &'a Relying,
    redirect_uri: &'a RedirectUri,
    endpoint: &'a url::Url,
    label: Endpoint,
) -> Walker<'a> {
    let (http, recorder, clock) = (&relying.http, &relying.recorder, &relying.clock);
    Walker { http, recorder, clock, redirect_uri: redirect_uri.url(), endpoint: (endpoint, label) }
}

/// The authorization request, up to the first page. Faults besides those of the request: `login_page` if a code comes
/// though nobody logged in, `oauth_error`, `http_status`.
pub async fn first_page(relying: &Relying, metadata: &Metadata, login: &Login) -> Result<(Pending, Page), Fault> {
    let endpoint = metadata.endpoint("authorization_endpoint")?;
    let pending = relying.push(metadata, flow::request(relying, metadata, login)?).await?;
    let walker = walker(relying, &pending.redirect_uri, &endpoint, Endpoint::Authorization);
    match walker.open(pending.url.clone()).await? {
        Arrival::Page(first) => {
            page::first(&first).map_err(|fault| walker.told(fault, &first.url))?;
            Ok((pending, first))
        }
        Arrival::Answer(answer) => match flow::nobody_asked(relying, metadata, &pending, &answer)? {},
    }
}
