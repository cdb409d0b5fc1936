//! What an attack is: one entry in the table of its group.

use futures_util::future::BoxFuture;

use super::stage::Stage;
use super::{client_auth, pkce, redirect_uri, replay, requests, response, transport};
use crate::fault::Fault;
use crate::journey::StepName;
use crate::oidc::settings::{AuthMethod, RedirectUri};

/// An attack that must be refused.
pub struct Attack {
    /// Its name: the `attack` label, and what `attacks` and `skip` call it.
    pub name: &'static str,
    /// What is tried, for people.
    pub summary: &'static str,
    /// Where it is written that it must be refused.
    pub clause: &'static str,
    /// How firmly.
    pub strength: Strength,
    /// What it takes to try it.
    pub needs: Needs,
    /// The most requests that it sends.
    pub requests: u32,
    /// How it is tried.
    pub how: How,
}

/// How firmly the specification asks for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Accepted, it makes the run bad: `attack_accepted`.
    Must,
    /// Accepted, it is a warning.
    Should,
}

/// What it takes to try an attack, besides what its function finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing but the provider.
    Nothing,
    /// That the good request shows a login page: a client with `redirect_uri`.
    LoginPage,
    /// A login.
    Login,
    /// A login, and a client for which PKCE is a must: a public one, or `require_pkce = true`.
    Pkce,
    /// A confidential client, and a grant that brings tokens: a login's, or a machine's own.
    Confidential,
    /// The same, of a client with a key of its own (`private_key_jwt`).
    PrivateKey,
    /// That https is served.
    Https,
}

/// How an attack is tried.
#[derive(Clone, Copy)]
pub enum How {
    /// The authorization request with these redirect URIs in place of the registered one; none: it does not apply to it.
    RedirectUri(fn(&RedirectUri) -> Vec<String>),
    /// By a function of its own.
    By(for<'s> fn(&'s Stage) -> BoxFuture<'s, Judged>),
}

/// What became of an attack. Fault: it could not be judged.
pub type Judged = Result<Answer, Fault>;

/// What became of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As it must be.
    Refused,
    /// Accepted; what the provider did.
    Accepted(String),
    /// It does not apply here, and why.
    Skipped(String),
    /// It could not be judged, and why.
    Unknown(String),
    /// Nor could it, since a good request was refused or failed: what became of others before it says nothing either.
    Broken(Fault),
}

/// What belongs together: a step of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Where answers are sent.
    RedirectUri,
    /// Other authorization requests.
    Request,
    /// What is served without TLS.
    Transport,
    /// What the good login's answers lack.
    Response,
    /// Proof keys.
    Pkce,
    /// Who asks for tokens.
    ClientAuth,
    /// Codes and tokens that are used as they must not be. Last: tokens and grants die of it.
    Replay,
}

impl Group {
    /// All, in the order in which they are tried.
    pub const ALL: [Self; 7] =
        [Self::RedirectUri, Self::Request, Self::Transport, Self::Response, Self::Pkce, Self::ClientAuth, Self::Replay];

    /// Its step.
    pub const fn step(self) -> StepName {
        match self {
            Self::RedirectUri => "redirect_uri",
            Self::Request => "request",
            Self::Transport => "transport",
            Self::Response => "response",
            Self::Pkce => "pkce",
            Self::ClientAuth => "client_auth",
            Self::Replay => "replay",
        }
    }

    /// Its attacks, in the order in which they are tried.
    pub const fn attacks(self) -> &'static [Attack] {
        match self {
            Self::RedirectUri => redirect_uri::TABLE,
            Self::Request => requests::TABLE,
            Self::Transport => transport::TABLE,
            Self::Response => response::TABLE,
            Self::Pkce => pkce::TABLE,
            Self::ClientAuth => client_auth::TABLE,
            Self::Replay => replay::TABLE,
        }
    }

    /// Whether its attacks come after the login.
    pub const fn follows_login(self) -> bool {
        !matches!(self, Self::RedirectUri | Self::Request | Self::Transport)
    }

    /// Whether its attacks are judged by what the door shows a stranger: where that says nothing, they are tried after
    /// the login.
    pub const fn is_at_the_door(self) -> bool {
        matches!(self, Self::RedirectUri | Self::Request)
    }
}

/// Every attack with its group.
pub fn all() -> impl Iterator<Item = (Group, &'static Attack)> {
    Group::ALL.into_iter().flat_map(|group| group.attacks().iter().map(move |attack| (group, attack)))
}

/// The names of the attacks whose acceptance is a fault: the values of the label `attack`.
pub fn labels() -> impl Iterator<Item = &'static str> {
    all().filter(|(_, attack)| attack.strength == Strength::Must).map(|(_, attack)| attack.name)
}

/// The table of attacks in Markdown, as in docs/kinds/hardening.md.
pub fn describe() -> String {
    let mut out = String::from("| step | attack | what is tried | clause | accepted |\n|---|---|---|---|---|\n");
    for (group, Attack { name, summary, clause, strength, .. }) in all() {
        let means = if *strength == Strength::Must { "fault" } else { "warning" };
        out.push_str(&format!("| `{}` | `{name}` | {summary} | {clause} | {means} |\n", group.step()));
    }
    out
}

impl Needs {
    /// Whether trying it takes a login.
    pub const fn login(self) -> bool {
        matches!(self, Self::Login | Self::Pkce)
    }

    /// Why it cannot be tried, if so.
    pub fn unmet(self, stage: &Stage) -> Option<String> {
        let client = &stage.client;
        let public = client.auth_method == AuthMethod::None;
        let why = match self {
            Self::Https if !stage.is_https() => "the issuer is served over http on this machine",
            Self::LoginPage if stage.control.is_none() => "the client has no `redirect_uri`",
            Self::Pkce if !public && !client.require_pkce => {
                "the client is confidential, and has no `require_pkce = true`"
            }
            Self::Confidential | Self::PrivateKey if public => "the client is public",
            Self::PrivateKey if !stage.has_private_key() => "the client has no key of its own",
            Self::Login | Self::Pkce if stage.session.is_none() => "it takes a `user`",
            Self::Confidential | Self::PrivateKey if stage.session.is_none() && !stage.machine => "it takes a `user`",
            _ => return None,
        };
        Some(why.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn entries_are_well_formed() {
        let mut names = BTreeSet::new();
        for (group, attack) in all() {
            assert!(names.insert(attack.name), "{} twice", attack.name);
            assert!(attack.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", attack.name);
            assert!(attack.clause.starts_with("RFC ") || attack.clause.starts_with("OIDC "), "{}", attack.name);
            assert!(attack.clause.contains(['§', '.']), "{}: {}", attack.name, attack.clause);
            let observes = group == Group::Response || attack.name == "login_page_framed";
            assert_eq!(attack.requests == 0, observes, "{}", attack.name);
            assert!(!attack.needs.login() || group.follows_login(), "{} is tried before the login", attack.name);
            assert!(!attack.summary.is_empty() && !attack.summary.ends_with('.'), "{}", attack.name);
        }
    }

    /// The issue asks for fourteen; loopback ports are no mutation (RFC 8252 §7.3).
    #[test]
    fn there_are_at_least_fourteen_mutations_of_a_redirect_uri_wherever_it_is() {
        for text in ["https://app.example.com/cb", "http://127.0.0.1:8765/cb", "https://app.example.com:8443/a/b?c=d"] {
            let uri = RedirectUri::parse(text).unwrap();
            let mut applied = 0;
            for attack in redirect_uri::TABLE {
                let How::RedirectUri(mutate) = attack.how else { panic!("{}", attack.name) };
                let sent = mutate(&uri);
                applied += usize::from(!sent.is_empty());
                assert!(sent.is_empty() || sent.iter().any(|sent| sent != text), "{}: {sent:?}", attack.name);
            }
            assert!(applied >= 14, "{text}: {applied}");
        }
    }
}
