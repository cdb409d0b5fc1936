//! Outages as users meet them: a provider that stops, hangs, flaps or fails in one step only, seen by the daemon from
//! several regions; a real Alertmanager holds what follows. Numbers are those of the promise, not of the code.

mod flaps;
pub mod lab;
mod lasting;
mod paced;
mod regional;
mod restarted;
mod stage;
mod whole;
mod world;
