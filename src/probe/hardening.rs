//! `hardening`: attacks that a provider must refuse. Each is one entry in the table of its group; a group is a step.
//!
//! The good request comes first: it must show the login page (the control), and log our user in where there is one. Only
//! against that can a refusal be told from a provider that is down. An attack that could not be judged is neither accepted
//! nor refused.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::issued;
use super::login_flow as flow;
use super::login_settings::{self, Login};
use super::own_keys::problem;
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem};
use crate::config::nearest;
use crate::duration::HumanDuration;
use crate::fault::Fault;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::form::answers::Answers;
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::oidc::token::Grant;

pub mod attack;
mod client_auth;
mod control;
mod door;
mod framing;
mod pkce;
mod redirect_uri;
mod replay;
mod requests;
mod response;
mod stage;
mod tally;
mod transport;

use attack::{Attack, Group};
use control::{WAY, answered, attempt, good_request};
use stage::Stage;
use tally::Tally;

/// How much time must be left for another attack.
const LEAST: Duration = Duration::from_millis(100);

/// See the module.
pub const KIND: Kind = Kind {
    name: "hardening",
    summary: "Tries attacks that must be refused: other redirect URIs, no PKCE, codes and tokens used twice, forged clients.",
    spec: "RFC 9700, RFC 6749 §10, RFC 7636, RFC 8252, RFC 9207",
    client: Need::Required,
    user: Need::Optional,
    attacks: || attack::labels().collect(),
    schema: Login::schema_with::<Settings>,
    parse,
};

/// Which refresh tokens must be rotated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rotation {
    /// Those of every client.
    Required,
    /// Those of public clients (RFC 9700 §2.2.2). Of others, a token that was rotated must not be accepted again.
    #[default]
    Auto,
}

/// The kind's own keys, besides those of the login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Which attacks are tried, by name. Default: all.
    attacks: Option<Vec<String>>,
    /// Which attacks are left out, by name.
    skip: Vec<String>,
    /// Which refresh tokens must be rotated: "required" (those of every client), or "auto" (those of public clients; of
    /// others, a token that was rotated must not be accepted again). Default: "auto".
    rotation: Rotation,
    /// How long the provider accepts a used refresh token on purpose (for clients that lost the answer). It is used again
    /// only after that. Default: "0s".
    reuse_grace: HumanDuration,
}

fn parse(mut table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let mut problems = Vec::new();
    let login = Login::take(&mut table, &mut problems);
    let settings: Settings = login_settings::read(table, &mut problems);
    for (key, names) in [("attacks", settings.attacks.as_deref().unwrap_or_default()), ("skip", &settings.skip)] {
        problems.extend(names.iter().filter_map(|name| unknown(key, name)));
    }
    let wanted = |name: &str| settings.attacks.as_ref().is_none_or(|names| names.iter().any(|wanted| wanted == name));
    let left_out = |name: &str| settings.skip.iter().any(|skipped| skipped == name);
    let attacks: Vec<(Group, &'static Attack)> =
        attack::all().filter(|(_, attack)| wanted(attack.name) && !left_out(attack.name)).collect();
    if attacks.is_empty() && problems.is_empty() {
        problems.push(problem("attacks", "no attack is left to try"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Box::new(Hardening { login, attacks, rotation: settings.rotation, reuse_grace: settings.reuse_grace.0 }))
}

fn unknown(key: &str, name: &str) -> Option<Problem> {
    let known = || attack::all().map(|(_, attack)| attack.name);
    if known().any(|known| known == name) {
        return None;
    }
    let hint = nearest::nearest(name, known()).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    let names = known().collect::<Vec<_>>().join(", ");
    Some(problem(key, format!("no attack is known as {name:?}{hint} (known: {names})")))
}

struct Hardening {
    login: Login,
    attacks: Vec<(Group, &'static Attack)>,
    rotation: Rotation,
    reuse_grace: Duration,
}

#[async_trait]
impl Probe for Hardening {
    fn steps(&self) -> Vec<StepName> {
        let mut steps = vec![flow::DISCOVERY, flow::AUTHORIZE];
        let groups = |follows| self.groups().filter(move |group| group.follows_login() == follows).map(Group::step);
        steps.extend(groups(false));
        steps.extend([flow::LOGIN, flow::TOKEN]);
        steps.extend(groups(true));
        steps
    }

    fn cost(&self) -> Cost {
        let logs_in = self.attacks.iter().any(|(group, _)| group.follows_login());
        let login = 2 * flow::LOGIN_REQUESTS + 1;
        // Metadata twice where it hides an endpoint, the control, a client that does not exist and a redirect URI that is
        // nobody's (at the door, and in a session), the token, revocations.
        let fixed = 2 + 2 + 3 + if logs_in { login } else { 0 } + 8;
        // Attacks at the door take a login as well where strangers are told nothing.
        let detours = 2 * flow::LOGIN_DETOURS + if logs_in { 0 } else { login } + 3 * door::MOST;
        // A refusal is one answer as a rule.
        let least: u32 = self
            .attacks
            .iter()
            .map(|(group, attack)| if group.follows_login() { attack.requests } else { attack.requests.min(1) })
            .sum();
        let most: u32 = self.attacks.iter().map(|(_, attack)| attack.requests).sum();
        Cost {
            requests: fixed + least,
            burst: fixed + detours + most + WAY as u32,
            all_regions: false,
            waits: self.reuse_grace,
        }
    }

    fn confirms(&self) -> bool {
        false
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let mut tally = Tally::new(journey.recorder().clone());
        let walked = self.walk(cx, journey, &mut tally).await;
        if walked.is_err() {
            tally.left(self.attacks.iter().map(|(_, attack)| attack));
        }
        match tally.accepted() {
            Some((step, fault)) => Err(journey.conclude(step, fault)),
            None => walked,
        }
    }
}

impl Hardening {
    fn groups(&self) -> impl Iterator<Item = Group> {
        Group::ALL.into_iter().filter(|group| self.of(*group).next().is_some())
    }

    fn of(&self, group: Group) -> impl Iterator<Item = &'static Attack> {
        self.attacks.iter().filter(move |(of, _)| *of == group).map(|(_, attack)| *attack)
    }

    async fn walk(&self, cx: &Context, journey: &mut Journey, tally: &mut Tally) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey.step(flow::DISCOVERY, self.discover(&relying)).await?;
        let stage = Stage::new(cx, journey, relying, metadata, &self.login);
        let mut stage = match stage {
            Ok(stage) => stage,
            Err(fault) => return journey.step(flow::AUTHORIZE, async { Err(fault) }).await,
        };
        (stage.rotation, stage.reuse_grace) = (self.rotation, self.reuse_grace);
        self.control(journey, &mut stage).await?;
        let inside: Vec<Group> = self.groups().filter(|group| door::is_judged_inside(&stage, *group)).collect();
        for group in self.groups().filter(|group| !group.follows_login() && !inside.contains(group)) {
            self.try_group(journey, &stage, group, tally).await?;
        }
        if !inside.is_empty() || self.groups().any(Group::follows_login) {
            self.log_in(cx, journey, &mut stage, &inside, tally).await?;
        } else {
            journey.skip(flow::LOGIN, "no attack takes one");
            journey.skip(flow::TOKEN, "no attack takes one");
        }
        for group in self.groups().filter(|group| group.follows_login()) {
            self.try_group(journey, &stage, group, tally).await?;
        }
        match tally.fruitless() {
            Some((step, fault)) => Err(journey.conclude(step, fault)),
            None => Ok(()),
        }
    }

    async fn discover(&self, relying: &Relying) -> Result<Metadata, Fault> {
        relying.metadata_with(&[], &["revocation_endpoint"]).await
    }

    /// Step `authorize`: a stranger's good request shows the login page.
    async fn control(&self, journey: &mut Journey, stage: &mut Stage) -> Result<(), Stopped> {
        if stage.client.redirect_uri.is_none() {
            journey.skip(flow::AUTHORIZE, "the client has no `redirect_uri`");
            return Ok(());
        }
        let control =
            async { good_request(stage).await.map_err(|fault| flow::promised(&stage.relying, &stage.metadata, fault)) };
        stage.control = Some(journey.step(flow::AUTHORIZE, control).await?);
        Ok(())
    }

    /// Steps `login` and `token`: what attacks on a session need. `inside`: groups that take the login, but no token.
    async fn log_in(
        &self,
        cx: &Context,
        journey: &mut Journey,
        stage: &mut Stage,
        inside: &[Group],
        tally: &mut Tally,
    ) -> Result<(), Stopped> {
        let Some(user) = &cx.user else {
            journey.skip(flow::LOGIN, "the probe has no `user`");
            for group in inside {
                self.try_group(journey, stage, *group, tally).await?;
            }
            return self.ask_for_itself(journey, stage).await;
        };
        let login = async {
            let answers = Answers::of(user, stage.relying.memory.clone(), &stage.relying.recorder)?;
            let pending = flow::request(&stage.relying, &stage.metadata, &self.login)?;
            let pending = stage.relying.push(&stage.metadata, pending).await?;
            let params = stage.sign_in(&pending, &answers).await;
            let params = params.map_err(|fault| flow::promised(&stage.relying, &stage.metadata, fault))?;
            let code = answered(stage, &pending, &params)?;
            Ok((answers, pending, params, code, door::obeys_anybody(stage).await))
        };
        let (answers, pending, params, code, obeys_anybody) = journey.step(flow::LOGIN, login).await?;
        stage.entered(obeys_anybody);
        for group in inside {
            self.try_group(journey, stage, *group, tally).await?;
        }
        let token = async {
            let grant = stage::code_grant(code, &pending);
            let tokens = stage.relying.token(&stage.metadata, grant).await?;
            stage.revoke_later(&tokens);
            Ok(tokens)
        };
        let tokens = journey.step(flow::TOKEN, token).await?;
        stage.logged_in(answers, pending, params, tokens);
        Ok(())
    }

    /// Step `token` of a client that has no users, such as a service: only it is sure to get a token for itself.
    async fn ask_for_itself(&self, journey: &mut Journey, stage: &mut Stage) -> Result<(), Stopped> {
        if stage.client.redirect_uri.is_some() {
            journey.skip(flow::TOKEN, "the probe has no `user`");
            return Ok(());
        }
        let token = async {
            let grant = Grant::ClientCredentials { scopes: issued::machine_scopes(&stage.client), extra: Vec::new() };
            let result = stage.relying.token(&stage.metadata, grant).await;
            let (relying, metadata) = (&stage.relying, &stage.metadata);
            let judged = |fault| issued::unsupported_grant(relying, metadata, "client_credentials", fault);
            let tokens = result.map_err(judged)?;
            stage.revoke_later(&tokens);
            Ok(())
        };
        journey.step(flow::TOKEN, token).await?;
        stage.machine = true;
        Ok(())
    }

    /// A group's step. An accepted attack ends the step, not the run; the deadline ends both.
    async fn try_group(
        &self,
        journey: &mut Journey,
        stage: &Stage,
        group: Group,
        tally: &mut Tally,
    ) -> Result<(), Stopped> {
        let mut notes = Vec::new();
        let mut due = Vec::new();
        for attack in self.of(group) {
            match attack.needs.unmet(stage) {
                Some(why) => notes.push((attack.name, why)),
                None => due.push(attack),
            }
        }
        if let ([], [(_, why), ..]) = (&due[..], &notes[..]) {
            let same = notes.iter().all(|(_, other)| other == why);
            let note = if same { why.clone() } else { left_out(&notes) };
            journey.skip(group.step(), note);
            return Ok(());
        }
        let (deadline, clock) = (journey.deadline(), stage.relying.clock.clone());
        let result = journey
            .step(group.step(), async {
                for attack in due {
                    if clock.instant() + LEAST >= deadline {
                        tally.out_of_time();
                    }
                    let judged = match tally.halted() {
                        Some(why) => Ok(attack::Answer::Unknown(format!("not tried: {why}"))),
                        None => attempt(stage, attack).await,
                    };
                    notes.extend(tally.take(group, attack, judged).map(|why| (attack.name, why)));
                }
                tally.of_group(group)
            })
            .await;
        if !notes.is_empty() {
            journey.remark(group.step(), format!("not tried: {}", left_out(&notes)));
        }
        match result {
            Err(stopped) if stage.relying.clock.instant() >= journey.deadline() => Err(stopped),
            _ => Ok(()),
        }
    }
}

/// Reasons, each once with the attacks that it is for.
fn left_out(notes: &[(&'static str, String)]) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, why) in notes {
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, names)) => names.push(name),
            None => reasons.push((why, vec![name])),
        }
    }
    reasons.iter().map(|(why, names)| format!("{} ({why})", names.join(", "))).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(toml: &str) -> Result<Box<dyn Probe>, Vec<Problem>> {
        parse(toml::from_str(toml).unwrap(), &ParseContext { regions: 1, base: ".".into(), client: true })
    }

    #[test]
    fn a_group_with_attacks_is_a_step() {
        let all = parsed("").ok().unwrap();
        let expected = [
            "discovery",
            "authorize",
            "redirect_uri",
            "request",
            "transport",
            "login",
            "token",
            "response",
            "pkce",
            "client_auth",
            "replay",
        ];
        assert_eq!(all.steps(), expected);
        let one = parsed("attacks = [\"code_replay\"]").ok().unwrap();
        assert_eq!(one.steps(), ["discovery", "authorize", "login", "token", "replay"]);
        assert!(one.cost().burst < all.cost().burst);
    }

    #[test]
    fn names_that_are_none_get_the_nearest() {
        let problems = parsed("attacks = [\"code_reply\"]\nskip = [\"pkce_plane\", \"hsts_missing\"]").err().unwrap();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["attacks", "skip"]);
        assert!(problems[0].message.contains("did you mean \"code_replay\"?"), "{}", problems[0].message);
        assert!(problems[1].message.contains("did you mean \"pkce_plain\"?"), "{}", problems[1].message);
    }

    #[test]
    fn something_must_be_left_to_try() {
        let problems = parsed("attacks = [\"code_replay\"]\nskip = [\"code_replay\"]").err().unwrap();
        assert_eq!(problems[0].message, "no attack is left to try");
    }

    #[test]
    fn reasons_are_said_once() {
        let notes = [("a", "x".to_owned()), ("b", "y".to_owned()), ("c", "x".to_owned())];
        assert_eq!(left_out(&notes), "a, c (x); b (y)");
    }
}
