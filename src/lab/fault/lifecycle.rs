//! Faults in the life of tokens: refreshing and revoking.

use super::{Fault, Hook, Kind, Parameter, Switch};

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "slow_revocation",
        about: "revoked tokens live on for a while",
        parameters: &[seconds("for how long", 5)],
        hooks: &[Hook::Switch(Switch::SlowRevocation)],
    },
    Fault {
        name: "revocation_ignored",
        about: "revoked tokens live on",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::RevocationIgnored)],
    },
    Fault {
        name: "stale_tokens",
        about: "whoever asks about a token, or shows it, is told what was true a while ago",
        parameters: &[seconds("how long ago", 5)],
        hooks: &[Hook::Switch(Switch::StaleTokens)],
    },
    Fault {
        name: "reuse_accepted",
        about: "a used refresh token is accepted again",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::ReuseAccepted)],
    },
    Fault {
        name: "family_survives_reuse",
        about: "a used refresh token is refused, but the newer ones of its family live on",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::FamilySurvives)],
    },
    Fault {
        name: "no_rotation",
        about: "refreshing gives no new refresh token; the old one stays good",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::NoRotation)],
    },
    Fault {
        name: "refresh_dies_early",
        about: "refresh tokens stop working so long after the login, rotated or not",
        parameters: &[seconds("how long after", 0)],
        hooks: &[Hook::Switch(Switch::RefreshDiesEarly)],
    },
];

const fn seconds(about: &'static str, default: i64) -> Parameter {
    Parameter { name: "seconds", about, kind: Kind::Whole { default, min: 0, max: 31_536_000 } }
}
