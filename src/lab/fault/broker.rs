//! Faults of a broker, whose users log in at another provider.

use super::{Fault, Hook, Switch};

pub(super) static TABLE: &[Fault] = &[Fault {
    name: "upstream_gone",
    about: "the provider at which a broker's users log in has a name that does not exist",
    parameters: &[],
    hooks: &[Hook::Switch(Switch::UpstreamGone)],
}];
