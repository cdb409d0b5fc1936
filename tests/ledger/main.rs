//! The ledger as its users see it: opened, written, killed, filled up, locked, read again.

#[path = "../support_outcome/mod.rs"]
mod support_outcome;

mod kept;
mod killed;
mod refused;
mod stage;
mod trouble;
