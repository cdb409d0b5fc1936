//! How browsers are run: `[browser]`, and `screenshots` of `[store]`.

use std::path::PathBuf;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The browser; `None`: Chromium from the usual places.
    pub path: Option<PathBuf>,
    /// Its driver; `None`: chromedriver from the usual places.
    pub driver: Option<PathBuf>,
    /// Further arguments of every browser, such as `--lang=de`.
    pub arguments: Vec<String>,
    /// The most browsers at once on this machine; each does one login at a time.
    pub max_sessions: u32,
    /// After how many logins a browser is replaced.
    pub runs_per_session: u32,
    /// Above how much memory a browser is replaced once its login is over (bytes, all its processes together).
    pub max_memory: u64,
    /// What is kept of a failed login's last page.
    pub screenshots: Screenshots,
}

/// How screenshots of failed logins are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screenshots {
    /// With every input covered, and the user's name wherever it stands.
    #[default]
    Masked,
    /// As the page was.
    Full,
    /// Not at all.
    Off,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            driver: None,
            arguments: Vec::new(),
            max_sessions: 2,
            // The driver's own page, which serves BiDi, grows by about a mebibyte with each login.
            runs_per_session: 50,
            max_memory: 1 << 30,
            screenshots: Screenshots::Masked,
        }
    }
}
