//! What `authprobe smoke` shows and writes, made from reports by hand: golden files for every form (after a change
//! `UPDATE_EXPECTED=1 cargo test --test smoke_output` writes them anew: look at the difference), real validators for JSON
//! and XML, and foreign text that tries to be more than text.

#[path = "../folder/mod.rs"]
mod folder;
#[path = "../support_validate/mod.rs"]
mod support_validate;

mod golden;
mod hostile;
mod reports;
mod validated;
mod words;
