//! `authprobe smoke` through the binary: against the lab, which breaks as it is told, and against a real provider with a real
//! browser.

#![allow(clippy::disallowed_methods)] // The clock of the machine is right for the deadlines of tests.

mod arguments;
mod browser;
mod decisions;
mod ending;
mod formats;
#[path = "../real/browser/processes.rs"]
#[allow(dead_code)] // Its part of it.
mod processes;
mod real;
mod stage;
#[allow(dead_code)] // Each story uses its part.
#[path = "../support/mod.rs"]
mod support;
#[path = "../support_validate/mod.rs"]
mod support_validate;
mod terminal;
mod waiting;
