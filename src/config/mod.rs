//! Typed TOML: what may be configured, where it stands, and what is wrong with it. No behaviour: [`crate::plan`] says
//! what it means.

pub mod de;
pub mod diagnostics;
pub mod glob;
pub mod model;
pub mod nearest;
pub mod source;
pub mod tree;
pub mod values;
pub mod walk;

pub use diagnostics::{Diagnostics, Mistake};
pub use source::{DEFAULT_PATHS, Loaded, from_str, load};
