//! Faults as data. One is an entry in a table: a name, what it does, its parameters, and where it hooks in. A new one
//! needs nothing else, unless it changes what the state machine decides: then a [`Switch`] as well, asked there.

use serde_json::Value;

use super::certificates::Shown;
use super::endpoint::Endpoint;
use super::jws::{Claims, Jws, TokenKind};
use super::keys::{Keyring, Published, Signer};
use super::pages::LoginForm;
use super::reply::{Action, Asked, Reply};

mod clients;
mod documents;
mod flows;
mod gzip;
mod hardening;
mod keys;
mod lifecycle;
mod login;
mod registry;
mod resources;
mod setting;
mod tokens;
mod transport;

pub use registry::{Faults, Refused, describe, find};
pub use setting::{COMMON, Kind, Parameter, Setting};

/// A way to be broken.
#[derive(Debug)]
pub struct Fault {
    /// Its name, as in `--fault` and `PUT /lab/faults/{name}`.
    pub name: &'static str,
    /// What it does, for people.
    pub about: &'static str,
    /// Its own parameters, besides [`COMMON`]; a bare `--fault NAME=value` sets the first.
    pub parameters: &'static [Parameter],
    /// Where it takes hold.
    pub hooks: &'static [Hook],
}

/// Where a fault takes hold. Every function gets the parameters it was switched on with.
#[derive(Clone, Copy, Debug)]
pub enum Hook {
    /// Before the endpoint does anything: wait, answer in its place, break the connection.
    Request(Scope, fn(&Setting, &Asked) -> Action),
    /// The finished answer, whatever it is.
    Response(Scope, fn(&Setting, Reply) -> Reply),
    /// The JSON document of a successful answer.
    Document(Endpoint, fn(&Setting, &mut Value)),
    /// The claims of a token, before it is signed. With a parameter `token`, only of that kind.
    Claims(fn(&Setting, &mut Claims)),
    /// A signed token. With a parameter `token`, only of that kind.
    Jws(fn(&Setting, &mut Jws)),
    /// Which key signs.
    Signer(fn(&Setting, &Keyring, &mut Signer)),
    /// Which keys are published.
    KeySet(fn(&Setting, &Keyring, &mut Vec<Published>)),
    /// The parameters of the authorization response, in order.
    Authorization(fn(&Setting, &mut Vec<(&'static str, String)>)),
    /// The login form, when it is shown.
    LoginForm(fn(&Setting, &mut LoginForm)),
    /// Asked by name where the state machine decides.
    Switch(Switch),
    /// What a connection over TLS is shown.
    Certificate(Shown),
    /// Whoever comes without TLS, though the lab speaks it, is answered all the same.
    InTheClear(Scope),
}

/// To which endpoints a hook on requests and answers applies.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// Always this one.
    At(Endpoint),
    /// All of them.
    All,
    /// What the parameter `endpoint` says.
    Chosen,
}

/// Decisions of the state machine that a fault turns round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Nobody listens.
    Closed,
    /// What the provider believes the time to be.
    Skew,
    /// Revoked tokens die later.
    SlowRevocation,
    /// Revoked tokens do not die.
    RevocationIgnored,
    /// A used refresh token is as good as new.
    ReuseAccepted,
    /// A used refresh token is refused, but the rest of its family lives on.
    FamilySurvives,
    /// Who asks about a token is told what was true a while ago.
    StaleTokens,
    /// Refreshing hands out no new refresh token.
    NoRotation,
    /// Refresh tokens die before their time.
    RefreshDiesEarly,
    /// The right password is called wrong.
    PasswordRefused,
    /// Logging out leaves the session as it was.
    LogoutIgnored,
    /// A parameter of requests is not looked at.
    ParameterIgnored,
    /// Nobody is known to be logged in.
    SessionForgotten,
    /// Every poll of a device is too quick.
    DeviceSlowDown,
    /// A device whose user said yes is refused.
    DeviceDenied,
    /// The user's yes to a device is lost.
    DeviceNeverApproved,
    /// Device codes are too old at once.
    DeviceExpires,
    /// A device need not wait for its user.
    DeviceUnapproved,
    /// The client's secret is refused where it comes in that way.
    SecretsRefused,
    /// Client assertions are refused.
    AssertionsRefused,
    /// Proofs of possession need a nonce.
    ProofNonce,
    /// Proofs of possession are not looked at.
    ProofIgnored,
    /// Authorization requests must be pushed.
    PushRequired,
    /// Pushed requests are forgotten.
    PushedForgotten,
    /// Registered clients cannot be deleted.
    RegistrationDeleteFails,
    /// Deleted clients live on.
    RegistrationSurvives,
    /// Registered clients cannot be managed.
    RegistrationUnmanaged,
    /// Logout tokens are delivered late.
    BackchannelLate,
    /// Logout tokens are not delivered.
    BackchannelNever,
    /// Logout tokens are not as they must be.
    BackchannelInvalid,
    /// Answers go where the request says.
    LooseRedirect,
    /// Response types that nobody knows are taken for `code`.
    AnyResponseType,
    /// Whoever asks with `prompt=none` is taken for somebody.
    SilentLogin,
    /// A code is given without a code challenge.
    NoChallenge,
    /// A code challenge may be the verifier itself.
    PlainChallenge,
    /// The verifier is not looked at.
    VerifierUnchecked,
    /// A code is good for several exchanges.
    CodeReplayed,
    /// A code is good for one exchange, but what came from it survives another.
    ReplayForgiven,
    /// The redirect URI of a token request is not looked at.
    RedirectUnchecked,
    /// The token endpoint answers GET.
    TokenByGet,
    /// Access tokens are taken from the URL.
    TokenInQuery,
    /// Confidential clients need no proof.
    ClientUnproven,
    /// Client assertions without a signature are believed.
    AssertionUnsigned,
    /// Client assertions are verified with the client's name as HMAC key.
    AssertionKeyedWithName,
    /// The signature of client assertions is not looked at.
    AssertionUnverified,
    /// The resource accepts what it must refuse.
    ResourceTrusting,
    /// Who asks for introspection need not say who he is.
    IntrospectionOpen,
    /// Userinfo is signed.
    UserinfoSigned,
    /// Userinfo accepts any token.
    UserinfoTrusting,
}

/// Every fault, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// One a line: parts of the lab that grow side by side.
#[rustfmt::skip]
static TABLES: &[&[Fault]] = &[
    transport::TABLE,
    documents::TABLE,
    keys::TABLE,
    tokens::TABLE,
    login::TABLE,
    lifecycle::TABLE,
    clients::TABLE,
    flows::TABLE,
    hardening::TABLE,
    hardening::SWITCHES,
    resources::TABLE,
];

impl Fault {
    /// Whether it turns that decision round.
    fn turns(&self, which: Switch) -> bool {
        self.hooks.iter().any(|hook| matches!(hook, Hook::Switch(switch) if *switch == which))
    }
}

impl Hook {
    /// Whether the hook applies to an endpoint, under that setting.
    pub(super) fn at(scope: Scope, setting: &Setting, endpoint: Endpoint) -> bool {
        match scope {
            Scope::At(only) => only == endpoint,
            Scope::All => true,
            Scope::Chosen => matches!(setting.text("endpoint"), "all") || setting.text("endpoint") == endpoint.name(),
        }
    }

    /// Whether a hook on tokens applies to that kind, under that setting.
    pub(super) fn covers(setting: &Setting, kind: TokenKind) -> bool {
        matches!(setting.text("token"), "" | "all") || setting.text("token") == kind.name()
    }
}

/// The parameter of faults that can be at any endpoint.
const ENDPOINT: Parameter =
    Parameter { name: "endpoint", about: "where", kind: Kind::Choice { default: "all", of: Endpoint::CHOICES } };

/// The parameter of faults in tokens.
const TOKEN: Parameter = Parameter {
    name: "token",
    about: "which tokens",
    kind: Kind::Choice { default: "id", of: &["id", "access", "all"] },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_well_formed() {
        let mut names: Vec<_> = all().map(|fault| fault.name).collect();
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a name is used twice");
        for fault in all() {
            assert!(!fault.hooks.is_empty(), "{} takes hold nowhere", fault.name);
            let chosen = fault.hooks.iter().any(|hook| {
                matches!(
                    hook,
                    Hook::Request(Scope::Chosen, _)
                        | Hook::Response(Scope::Chosen, _)
                        | Hook::InTheClear(Scope::Chosen)
                )
            });
            let declares = fault.parameters.iter().any(|p| p.name == "endpoint");
            assert_eq!(chosen, declares, "{}: `endpoint` is declared if and only if it is used", fault.name);
            assert!(COMMON.iter().all(|c| fault.parameters.iter().all(|p| p.name != c.name)), "{}", fault.name);
        }
    }
}
