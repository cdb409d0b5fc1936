//! The good request and the good login: what attacks are held against.

use super::attack::{self, Attack, How};
use super::door::{self, Control, Seen};
use super::stage::{Change, Stage};
use crate::fault::{Class, Fault};
use crate::oidc::authorize::{self, Expected};
use crate::oidc::form::page::{self, Progress, Setting};
use crate::probe::form_walk;
use crate::probe::login_flow as flow;
use crate::secret::Secret;

/// How many redirects the way of the good request to its login page may have.
pub const WAY: usize = 10;

/// The good request of a stranger: what attacks are held against. Faults: as those of a login's first page.
pub async fn good_request(stage: &Stage) -> Result<Control, Fault> {
    let pending = stage.relying.push(&stage.metadata, stage.request(&[])?).await?;
    let (seen, headers, trail) = door::control(stage, pending.url.clone(), WAY).await?;
    match seen {
        Seen::Page(looks) if looks.status < 400 && looks.asks => door::strangers(stage, looks, headers, trail).await,
        // What is the matter with it, in the words of every login.
        Seen::Page(looks) => {
            let (_, page) = form_walk::first_page(&stage.relying, &stage.metadata, &stage.login).await?;
            let redirect_uri = stage.redirect_uri()?.url();
            let setting = Setting { guide: stage.guide(), redirect_uri, has_totp: true, has_passkey: false, user: "" };
            match page::read(&page, &mut Progress::default(), setting) {
                // A script draws it: where it leads can be told, but not what it shows.
                Err(fault) if fault.class != Class::Unsupported => Err(fault),
                _ => door::strangers(stage, looks, headers, trail).await,
            }
        }
        Seen::Sent(target) => {
            let answer = authorize::Answer::of_url(&target);
            match flow::nobody_asked(&stage.relying, &stage.metadata, &pending, &answer)? {}
        }
        Seen::Further(_) => {
            let detail = format!("more than {WAY} redirects to the login page");
            Err(Fault::new(Class::Redirect, detail))
        }
    }
}

/// The code of the good login, if there is one. What its answer lacks besides is for group `response` to judge.
pub fn answered(stage: &Stage, pending: &authorize::Pending, params: &[(String, String)]) -> Result<Secret, Fault> {
    if let Some((_, code)) = params.iter().find(|(name, code)| name == "code" && !code.is_empty()) {
        return Ok(Secret::new(code.as_str()));
    }
    let expected = Expected {
        state: &pending.state,
        issuer: stage.metadata.issuer(),
        iss_promised: false,
        response_type: pending.response_type,
        response_mode: pending.response_mode,
    };
    let answer = authorize::Answer { query: params.to_vec(), ..authorize::Answer::default() };
    let code = authorize::process(&answer, expected)?.code;
    code.ok_or_else(|| Fault::new(Class::Internal, "a code is expected that nobody asked for"))
}

/// Tries an attack.
pub async fn attempt(stage: &Stage, attack: &Attack) -> attack::Judged {
    let mutate = match attack.how {
        How::By(run) => return run(stage).await,
        How::RedirectUri(mutate) => mutate,
    };
    let registered = stage.redirect_uri()?;
    let sent = mutate(registered);
    if sent.is_empty() {
        return Ok(attack::Answer::Skipped("there is no such form of the registered redirect URI".to_owned()));
    }
    let changes: Vec<Change<'_>> = sent.iter().map(|uri| ("redirect_uri", Some(uri.as_str()))).collect();
    match stage.ask(&changes).await? {
        Some(pending) => door::attack(stage, pending.url, &sent).await,
        None => Ok(attack::Answer::Refused),
    }
}
