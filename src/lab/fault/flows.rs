//! Faults of devices, of registered clients and of logging out.

use serde_json::Value;

use super::{Fault, Hook, Kind, Parameter, Switch};
use crate::lab::endpoint::Endpoint;

pub(super) static TABLE: &[Fault] = &[
    Fault {
        name: "device_not_offered",
        about: "the metadata names no device_authorization_endpoint",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Discovery, |_, document| hide(document, "device_authorization_endpoint"))],
    },
    Fault {
        name: "registration_not_offered",
        about: "the metadata names no registration_endpoint",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Discovery, |_, document| hide(document, "registration_endpoint"))],
    },
    Fault {
        name: "logout_not_offered",
        about: "the metadata names no end_session_endpoint",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Discovery, |_, document| hide(document, "end_session_endpoint"))],
    },
    Fault {
        name: "backchannel_not_offered",
        about: "the metadata does not promise logout tokens",
        parameters: &[],
        hooks: &[Hook::Document(Endpoint::Discovery, |_, document| hide(document, "backchannel_logout_supported"))],
    },
    Fault {
        name: "device_slow_down",
        about: "every poll of a device is called too quick",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::DeviceSlowDown)],
    },
    Fault {
        name: "device_denied",
        about: "a device is refused though its user said yes",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::DeviceDenied)],
    },
    Fault {
        name: "device_never_approved",
        about: "the user says yes to a device, and nothing comes of it",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::DeviceNeverApproved)],
    },
    Fault {
        name: "device_expires",
        about: "device codes are too old at once",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::DeviceExpires)],
    },
    Fault {
        name: "device_unapproved",
        about: "a device gets its tokens before anybody said yes",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::DeviceUnapproved)],
    },
    Fault {
        name: "registration_delete_fails",
        about: "deleting a registered client answers 500 and deletes nothing",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::RegistrationDeleteFails)],
    },
    Fault {
        name: "registration_survives",
        about: "a deleted client lives on",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::RegistrationSurvives)],
    },
    Fault {
        name: "registration_unmanaged",
        about: "registered clients cannot be managed: no registration_client_uri (RFC 7591 without RFC 7592)",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::RegistrationUnmanaged)],
    },
    Fault {
        name: "backchannel_late",
        about: "logout tokens are delivered late",
        parameters: &[Parameter {
            name: "seconds",
            about: "how late",
            kind: Kind::Whole { default: 5, min: 0, max: 3600 },
        }],
        hooks: &[Hook::Switch(Switch::BackchannelLate)],
    },
    Fault {
        name: "backchannel_never",
        about: "logout tokens are not delivered",
        parameters: &[],
        hooks: &[Hook::Switch(Switch::BackchannelNever)],
    },
    Fault {
        name: "backchannel_invalid",
        about: "logout tokens are not as they must be",
        parameters: &[Parameter {
            name: "what",
            about: "what is wrong",
            kind: Kind::Choice {
                default: "signature",
                of: &["signature", "audience", "issuer", "events", "nonce", "expired", "jti"],
            },
        }],
        hooks: &[Hook::Switch(Switch::BackchannelInvalid)],
    },
];

fn hide(document: &mut Value, member: &str) {
    if let Some(members) = document.as_object_mut() {
        members.remove(member);
    }
}
