//! What `browser/look.js` sees and `browser/act.js` does, in a real Chromium.

#[allow(dead_code)]
#[path = "../support/mod.rs"]
mod support;

mod acts;
mod covers;
mod looks;
mod stage;
