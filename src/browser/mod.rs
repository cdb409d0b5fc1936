//! Real browsers: found, started, kept within bounds, isolated from run to run, driven through login pages.
//!
//! A [`Browsers`] lends out [`Seat`]s: one isolated window of a warm browser each. What a page is and what to do on it is
//! decided where plain HTTP decides it too, in [`crate::oidc::form`]: the window only says what a person would see.
//! Everything goes over WebDriver; where the driver speaks WebDriver BiDi, its events take the place of polling.
//!
//! | | |
//! |---|---|
//! | `find`, `trust`, `keeper` | a driver with its browser on this machine, and the end of both |
//! | `egress` | their way out |
//! | `bidi`, `session`, `remote`, `basic`, `pool` | commands and events; a browser, here or elsewhere; browsers on loan |
//! | `window`, `bidi_window`, `traffic`, `looked`, `console` | what an isolated window shows and asks for |
//! | `classic_window`, `broken` | the same where the driver has no BiDi |
//! | `walk`, `evidence`, `seat` | through the login; what is left when it failed; what a probe holds |

mod answer;
mod authenticator;
mod basic;
mod bidi;
mod bidi_window;
mod broken;
mod classic_window;
mod console;
mod egress;
mod evidence;
mod find;
mod fresh;
mod intercept;
mod keeper;
mod looked;
mod net_error;
mod passkey;
mod pool;
mod remote;
mod scripts;
mod seat;
mod session;
mod settings;
#[doc(hidden)]
pub mod testing;
mod traffic;
mod trust;
mod walk;
mod window;

pub use keeper::keep;
pub use passkey::Passkey;
pub use pool::Browsers;
pub use seat::{Ask, Opened, Seat, Until};
pub use session::Stats;
pub use settings::{Screenshots, Settings};
