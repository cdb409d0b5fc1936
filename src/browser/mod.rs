//! Real browsers: found, started, kept within bounds, isolated from run to run, driven through login pages.
//!
//! A [`Browsers`] lends out [`Seat`]s: one isolated window of a warm browser each. What a page is and what to do on it is
//! decided where plain HTTP decides it too, in [`crate::oidc::form`]: the window only says what a person would see.
//! Everything goes over WebDriver; where the driver speaks WebDriver BiDi, its events take the place of polling.

mod egress;
mod find;
mod keeper;
mod pool;
mod settings;
#[doc(hidden)]
pub mod testing;
mod trust;

pub use keeper::keep;
pub use pool::Browsers;
pub use settings::{Screenshots, Settings};
