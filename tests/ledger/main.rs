//! The ledger as its users see it: opened, written, killed, filled up, locked, read again.

#[path = "../support_outcome/mod.rs"]
mod support_outcome;

mod aged;
mod kept;
mod killed;
mod migrated;
mod past;
mod refused;
mod size;
mod spent;
mod stage;
mod trouble;
