//! Devices, registration and logout against the lab: what each fault is called, where, and what is only a warning. The
//! expectations come from RFC 8628, RFC 7591, RFC 7592, OpenID Connect RP-Initiated Logout 1.0 and Back-Channel Logout 1.0.

mod folder;
mod lab_stage;

#[path = "flow_kinds/device.rs"]
mod device;

#[path = "flow_kinds/logout.rs"]
mod logout;

#[path = "flow_kinds/registration.rs"]
mod registration;
