//! Typed TOML: what may be configured, where it stands, and what is wrong with it. No behaviour: [`crate::plan`] says
//! what it means.

pub mod tree;
