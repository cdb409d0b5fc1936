//! The lab as a client of its own making sees it: every flow, and every fault on and off again.

#[path = "lab/client.rs"]
mod client;
#[path = "lab/command.rs"]
mod command;
#[path = "lab/doors.rs"]
mod doors;
#[path = "lab/faults.rs"]
mod faults;
#[path = "lab/flows.rs"]
mod flows;
#[path = "lab/looks.rs"]
mod looks;
#[path = "lab/proofs.rs"]
mod proofs;
#[path = "lab/sessions.rs"]
mod sessions;
#[path = "lab/weaknesses.rs"]
mod weaknesses;
