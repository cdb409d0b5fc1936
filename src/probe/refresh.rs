//! `refresh`: what becomes of a session that is refreshed: rotation, reuse, and whether it lives as long as it should.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::own_keys::problem;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};

mod session;

use session::Run;

/// The refresh token is used.
const REFRESH: StepName = "refresh";
/// The refresh token that was used is presented again.
const REUSE: StepName = "reuse";

/// See the module.
pub const KIND: Kind = Kind {
    name: "refresh",
    summary: "Refreshes tokens after a login in the same run, or keeps a session alive for hours; checks rotation and reuse.",
    spec: "RFC 6749 §6, RFC 9700 §4.14, OIDC Core 12",
    client: Need::Required,
    user: Need::Required,
    attacks: Vec::new,
    schema: Login::schema_with::<Settings>,
    parse,
};

/// Whether a refresh must bring a new refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Rotation {
    /// It must, and the old one must be refused afterwards (RFC 9700 §4.14.2).
    Required,
    /// It must not.
    Forbidden,
    /// Both are fine.
    #[default]
    Either,
}

/// The kind's own keys, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Whether a refresh must bring a new refresh token; "required" also demands that the old one is refused afterwards.
    /// Default: "either".
    rotation: Rotation,
    /// How long the provider accepts a used refresh token on purpose (for clients that lost the answer). The old token
    /// is presented again only after that. Default: "0s".
    reuse_grace: HumanDuration,
    /// Keep one session in memory and refresh it at every run until it is that old: sessions that die early are the
    /// fault. Then the session is ended and the next one begins. Without it every run logs in anew.
    age: Option<HumanDuration>,
}

fn parse(mut table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    let login = Login::take(&mut table, &mut problems);
    let settings: Settings = login_settings::read(table, &mut problems);
    if settings.rotation != Rotation::Required && !settings.reuse_grace.0.is_zero() {
        problems.push(problem("reuse_grace", "only with `rotation = \"required\"` is a token presented again"));
    }
    if settings.age.is_some_and(|age| age.0 < Duration::from_secs(60)) {
        problems.push(problem("age", "at least \"1m\": within one run every session is refreshed once anyway"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Box::new(Refresh {
        login,
        rotation: settings.rotation,
        reuse_grace: settings.reuse_grace.0,
        age: settings.age.map(Duration::from),
    }))
}

struct Refresh {
    login: Login,
    rotation: Rotation,
    reuse_grace: Duration,
    age: Option<Duration>,
}

#[async_trait]
impl Probe for Refresh {
    fn steps(&self) -> Vec<StepName> {
        let mut steps = vec![
            flow::DISCOVERY,
            flow::JWKS,
            flow::AUTHORIZE,
            flow::LOGIN,
            flow::TOKEN,
            flow::ID_TOKEN,
            REFRESH,
            flow::USERINFO,
        ];
        if self.rotation == Rotation::Required {
            steps.push(REUSE);
        }
        steps
    }

    fn cost(&self) -> Cost {
        let reuse = if self.rotation == Rotation::Required { 2 } else { 0 };
        let login = flow::LOGIN_REQUESTS + 1;
        // Metadata twice where it hides an endpoint, keys, refresh, userinfo, revocations.
        let refresh = 2 + 1 + 1 + 1;
        let whole = refresh + login + reuse + 4;
        let requests = if self.age.is_some() { refresh } else { whole };
        Cost { requests, burst: whole + flow::LOGIN_DETOURS, all_regions: false, waits: self.reuse_grace }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let run = Run { probe: self, cx, relying: cx.relying(journey) };
        let (metadata, keys) = flow::prepare(journey, &run.relying, &["revocation_endpoint"]).await?;
        match self.age {
            Some(age) => run.keep_alive(journey, &metadata, keys, age).await,
            None => run.once(journey, &metadata, keys).await,
        }
    }
}

fn check_rotation(wanted: Rotation, rotated: bool) -> Result<(), Fault> {
    let detail = match (wanted, rotated) {
        (Rotation::Required, false) => "the refresh brought no new refresh token, though rotation is required",
        (Rotation::Forbidden, true) => "the refresh brought a new refresh token, though rotation is forbidden",
        _ => return Ok(()),
    };
    Err(Fault::new(Class::RefreshNotRotated, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(toml: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(toml).unwrap(), &ParseContext { regions: 1, base: ".".into(), client: true })
    }

    #[test]
    fn reuse_is_a_step_only_where_rotation_is_required() {
        let steps = ["discovery", "jwks", "authorize", "login", "token", "id_token", "refresh", "userinfo"];
        assert_eq!(parsed("").ok().unwrap().steps(), steps);
        let required = parsed("rotation = \"required\"\nreuse_grace = \"10s\"").ok().unwrap();
        assert_eq!(required.steps().last(), Some(&"reuse"));
        let kept = parsed("age = \"8h\"").ok().unwrap();
        assert!(kept.cost().requests < kept.cost().burst);
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for (toml, key) in [
            ("reuse_grace = \"5s\"", "reuse_grace"),
            ("age = \"10s\"", "age"),
            ("rotation = \"sometimes\"", ""),
            ("page = \"nowhere\"", "page"),
        ] {
            assert_eq!(parsed(toml).err().unwrap()[0].key, key, "{toml}");
        }
    }

    #[test]
    fn rotation_is_judged_both_ways() {
        assert!(check_rotation(Rotation::Either, true).is_ok() && check_rotation(Rotation::Either, false).is_ok());
        assert!(check_rotation(Rotation::Required, true).is_ok() && check_rotation(Rotation::Forbidden, false).is_ok());
        for (wanted, rotated) in [(Rotation::Required, false), (Rotation::Forbidden, true)] {
            assert_eq!(check_rotation(wanted, rotated).unwrap_err().class, Class::RefreshNotRotated);
        }
    }
}
