//! Stories with real programs: a certified provider, Prometheus, an OpenTelemetry collector, proxies. One file a story,
//! one binary for all. Expectations are written from the RFCs and the contract.

#[path = "../support/mod.rs"]
mod support;

mod alertmanager;
mod backchannel;
mod browser;
mod canary;
mod client_auth;
mod clocks;
mod collector;
mod commands;
mod credentials;
mod dashboards;
mod doors;
mod egress;
mod expectations;
mod faults;
mod flows;
mod hardening;
mod lifecycle;
mod objectives;
mod outage;
mod prometheus;
mod providers;
mod readme;
mod regions;
mod response_types;
mod rotation;
mod scenes;
mod token_kinds;
