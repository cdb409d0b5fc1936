//! authprobe walks through the login door of an OpenID Connect / OAuth 2.0 provider the way real clients do,
//! and turns what it finds into SLIs.
//!
//! Data flows one way, and imports point the same way (a module uses only what stands below it):
//!
//! | layer | modules | what |
//! |---|---|---|
//! | front | [`cli`], [`app`] | parse, compose, run, exit status |
//! | engines | [`judge`], [`runner`], [`smoke`], [`gate`], [`web`], [`rules`], [`dashboards`] | who judges what runs found; who runs a check when; what a deploy is judged by, at once and while it bakes; who shows what happened; rules for Prometheus; dashboards for Grafana |
//! | plan | [`plan`] | configuration resolved: every error at once, immutable |
//! | sinks | [`sink`], [`store`], [`notify`] | metrics and traces made from outcomes; the ledger; who is told of alerts |
//! | judgement | [`alert`], [`slo`], [`detect`], [`trend`], [`news`] | what becomes of conditions; counts, budgets, burn rates; sequential tests; what runs found over time (all pure); what happens, for whoever watches |
//! | kinds | [`schedule`], [`probe`] | when a check is due (pure); what a check does |
//! | browser | [`browser`] | real browsers: started, isolated, driven, looked after |
//! | protocol | [`journey`], [`oidc`] | the step recorder; OAuth 2.0 and OpenID Connect |
//! | words | [`outcome`], [`fault`] | what a run found, and whose fault it is |
//! | ground | [`config`], [`secret`], [`duration`], [`clock`], [`terminal`], [`outbound`] | typed TOML, secrets, time, what a terminal shows, HTTP to our own back ends |
//!
//! [`lab`] stands beside: a provider with faults on demand, which only the `lab` and `demo` commands start.
//! So does [`sim`]: the judgement on a virtual clock, for figures on how soon it pages and how often in vain; and `fuzzing`:
//! the readers of foreign bytes, as `fuzz/` and `tests/fuzz.rs` call them.

pub mod alert;
pub mod app;
pub mod browser;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dashboards;
pub mod detect;
pub mod duration;
pub mod fault;
#[cfg(test)]
#[path = "../tests/folder/mod.rs"]
mod folder;
#[doc(hidden)]
pub mod fuzzing;
pub mod gate;
pub mod journey;
pub mod judge;
pub mod lab;
pub mod news;
pub mod notify;
pub mod oidc;
pub mod outbound;
pub mod outcome;
pub mod plan;
pub mod probe;
pub mod rules;
pub mod runner;
pub mod schedule;
pub mod secret;
pub mod sim;
pub mod sink;
pub mod slo;
pub mod smoke;
pub mod store;
pub mod terminal;
pub mod trend;
pub mod web;
