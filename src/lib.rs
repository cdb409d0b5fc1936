//! authprobe walks through the login door of an OpenID Connect / OAuth 2.0 provider the way real clients do,
//! and turns what it finds into SLIs.
//!
//! Data flows one way, and imports point the same way (a module uses only what stands below it):
//!
//! | layer | modules | what |
//! |---|---|---|
//! | front | [`cli`], [`app`] | parse, compose, run, exit status |
//! | engines | [`runner`], [`web`] | who runs a check when; who shows what happened |
//! | plan | [`plan`] | configuration resolved: every error at once, immutable |
//! | sinks | [`sink`] | metrics and traces made from outcomes |
//! | kinds | [`schedule`], [`probe`] | when a check is due (pure); what a check does |
//! | browser | [`browser`] | real browsers: started, isolated, driven, looked after |
//! | protocol | [`journey`], [`oidc`] | the step recorder; OAuth 2.0 and OpenID Connect |
//! | words | [`outcome`], [`fault`] | what a run found, and whose fault it is |
//! | ground | [`config`], [`secret`], [`duration`], [`clock`], [`terminal`] | typed TOML, secrets, time, what a terminal shows |
//!
//! [`lab`] stands beside: a provider with faults on demand, which only the `lab` and `demo` commands start.

pub mod app;
pub mod browser;
pub mod cli;
pub mod clock;
pub mod config;
pub mod duration;
pub mod fault;
pub mod journey;
pub mod lab;
pub mod oidc;
pub mod outcome;
pub mod plan;
pub mod probe;
pub mod runner;
pub mod schedule;
pub mod secret;
pub mod sink;
pub mod terminal;
pub mod web;
