//! Where browser and driver are.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Settings;
use crate::fault::{Class, Fault};

/// A browser and its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The browser's own executable: no wrapper, for those leave browsers behind.
    pub(super) browser: PathBuf,
    /// chromedriver.
    pub(super) driver: PathBuf,
}

/// The browser's executable as packages install it, the quickest first.
const BROWSERS: &[&str] = &[
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/lib64/chromium-browser/headless_shell",
    "/usr/lib/chromium/chromium",
    "/usr/lib/chromium/chrome",
    "/usr/lib/chromium-browser/chromium-browser",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
/// Its names in `PATH`.
const BROWSER_NAMES: &[&str] = &[
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
];
/// The driver's executable.
const DRIVERS: &[&str] =
    &["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver", "/usr/lib/chromium-browser/chromedriver"];
/// Its name in `PATH`.
const DRIVER_NAMES: &[&str] = &["chromedriver"];

const INSTALL: &str = "install them (Debian and Ubuntu's archive: apt-get install chromium-headless-shell chromium-driver; \
                       Fedora: chromium-headless chromedriver; Alpine: chromium chromium-chromedriver) or give the \
                       region a `webdriver`";

/// Looks where it is configured, else in the usual places; `chromium-headless-shell` comes first.
/// Reads a few directories: quick, but blocking. Fault: `browser`, with what to install.
pub(super) fn find(settings: &Settings) -> Result<Found, Fault> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Places { browsers: BROWSERS, drivers: DRIVERS, path: &path }.find(settings)
}

/// Where to look.
struct Places<'a> {
    browsers: &'a [&'a str],
    drivers: &'a [&'a str],
    /// As the environment has it.
    path: &'a OsStr,
}

impl Places<'_> {
    fn find(&self, settings: &Settings) -> Result<Found, Fault> {
        let browser = match &settings.path {
            Some(path) => Ok(configured("path", path)?),
            None => self.look("browser", self.browsers, BROWSER_NAMES, Wrappers::Refused),
        };
        let driver = match &settings.driver {
            Some(path) => Ok(configured("driver", path)?),
            None => self.look("driver (chromedriver)", self.drivers, DRIVER_NAMES, Wrappers::Fine),
        };
        match (browser, driver) {
            (Ok(browser), Ok(driver)) => Ok(Found { browser, driver }),
            (Err(why), Ok(_)) | (Ok(_), Err(why)) => Err(Fault::new(Class::Browser, format!("{why}: {INSTALL}"))),
            (Err(browser), Err(driver)) => {
                Err(Fault::new(Class::Browser, format!("{browser}, and {driver}: {INSTALL}")))
            }
        }
    }

    /// The first that can be run, or why there is none.
    fn look(&self, what: &str, usual: &[&str], names: &[&str], wrappers: Wrappers) -> Result<PathBuf, String> {
        let folders = || std::env::split_paths(self.path).filter(|folder| folder.is_absolute());
        let in_path = names.iter().flat_map(|name| folders().map(move |folder| folder.join(name)));
        let mut wrapper = None;
        for candidate in usual.iter().map(PathBuf::from).chain(in_path) {
            if runnable(&candidate).is_err() {
                continue;
            }
            match wraps(&candidate).filter(|_| wrappers == Wrappers::Refused) {
                Some(kind) => wrapper = wrapper.or(Some((candidate, kind))),
                None => return Ok(candidate),
            }
        }
        let (first, more) = (usual.first().copied().unwrap_or("PATH"), usual.len().saturating_sub(1));
        Err(match wrapper {
            None => format!("no {what} in {first}, {more} more usual places and PATH"),
            Some((wrapper, kind)) => format!(
                "no {what} in {first}, {more} more usual places and PATH ({} is {kind} that would leave browsers behind)",
                wrapper.display()
            ),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrappers {
    /// Debian's chromium-headless-shell does not `exec`: what ends the wrapper does not end the browser.
    Refused,
    /// The keeper ends whatever they start.
    Fine,
}

/// A path from `[browser]`: taken at its word, once it can be run.
fn configured(key: &str, path: &Path) -> Result<PathBuf, Fault> {
    let absolute = std::path::absolute(path).and_then(|path| runnable(&path).map(|()| path));
    absolute.map_err(|why| Fault::new(Class::Browser, format!("[browser] {key} = {}: {why}", path.display())))
}

/// Whether that is a file that may be executed (by whom is for the kernel to say).
fn runnable(path: &Path) -> std::io::Result<()> {
    let file = std::fs::metadata(path)?;
    if !file.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    if file.permissions().mode() & 0o111 == 0 {
        return Err(std::io::Error::other("not executable"));
    }
    Ok(())
}

/// What kind of wrapper that is, if it is one.
fn wraps(path: &Path) -> Option<&'static str> {
    let mut start = [0; 2];
    let script = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!";
    // Each name in /snap/bin is a link to the program that starts snaps.
    let snap = std::fs::canonicalize(path).is_ok_and(|real| real.file_name() == Some(OsStr::new("snap")));
    match (script, snap) {
        (true, _) => Some("a script"),
        (_, true) => Some("a snap"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Id;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("authprobe-find-{}", Id::<8>::random()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        fn find(&self, browsers: &[&str], settings: &Settings) -> Result<Found, String> {
            let places = Places { browsers, drivers: &["/no/chromedriver"], path: self.0.as_os_str() };
            places.find(settings).map_err(|fault| {
                assert_eq!(fault.class, Class::Browser);
                fault.detail
            })
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn usual_places_come_before_the_path_and_wrappers_never() {
        let folder = Folder::new();
        let driver = folder.file("chromedriver", "#!/bin/sh\n", 0o755);
        folder.file("chromium-headless-shell", "#!/bin/sh\nsomewhere \"$@\"\n", 0o755);
        folder.file("chromium", "\x7fELF", 0o644);
        let error = folder.find(&["/no/browser", "/neither"], &Settings::default()).unwrap_err();
        let start = format!(
            "no browser in /no/browser, 1 more usual places and PATH ({}/chromium-headless-shell is a script that would \
             leave browsers behind): install",
            folder.0.display()
        );
        assert!(error.starts_with(&start), "{error}");
        assert!(error.contains("apt-get install chromium-headless-shell chromium-driver"), "{error}");
        assert!(error.len() < 480, "longer than what is kept of a detail: {error}");

        std::fs::create_dir(folder.0.join("google-chrome-stable")).unwrap();
        let chrome = folder.file("google-chrome", "\x7fELF", 0o755);
        let found = folder.find(&[], &Settings::default()).unwrap();
        assert_eq!(found, Found { browser: chrome, driver: driver.clone() });

        let usual = folder.file("usual", "\x7fELF", 0o755);
        let found = folder.find(&["/no/browser", usual.to_str().unwrap()], &Settings::default()).unwrap();
        assert_eq!(found, Found { browser: usual, driver });
    }

    #[test]
    fn a_snap_is_a_wrapper() {
        let folder = Folder::new();
        folder.file("chromedriver", "", 0o755);
        folder.file("snap", "\x7fELF", 0o755);
        std::os::unix::fs::symlink(folder.0.join("snap"), folder.0.join("chromium")).unwrap();
        let error = folder.find(&[], &Settings::default()).unwrap_err();
        assert!(error.contains("chromium is a snap that would leave browsers behind"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = Folder::new();
        let error = folder.find(&["/no/browser"], &Settings::default()).unwrap_err();
        let both =
            "no browser in /no/browser, 0 more usual places and PATH, and no driver (chromedriver) in /no/chromedriver";
        assert!(error.starts_with(both), "{error}");
        folder.file("chrome", "", 0o755);
        let error = folder.find(&["/no/browser"], &Settings::default()).unwrap_err();
        assert!(error.starts_with("no driver (chromedriver) in /no/chromedriver, 0 more"), "{error}");
    }

    #[test]
    fn what_is_configured_is_taken_or_named() {
        let folder = Folder::new();
        let wrapper = folder.file("mine", "#!/bin/sh\nexec mine-really \"$@\"\n", 0o755);
        let plain = folder.file("plain", "", 0o644);
        let with = |path: &Path, driver: &Path| Settings {
            path: Some(path.to_owned()),
            driver: Some(driver.to_owned()),
            ..Settings::default()
        };
        let found = folder.find(&[], &with(&wrapper, &wrapper)).unwrap();
        assert_eq!((found.browser, found.driver), (wrapper.clone(), wrapper.clone()));
        let error = folder.find(&[], &with(&plain, &wrapper)).unwrap_err();
        assert_eq!(error, format!("[browser] path = {}: not executable", plain.display()));
        let error = folder.find(&[], &with(&wrapper, &folder.0)).unwrap_err();
        assert_eq!(error, format!("[browser] driver = {}: not a file", folder.0.display()));
        let error = folder.find(&[], &with(Path::new("/no/such"), &wrapper)).unwrap_err();
        assert!(error.starts_with("[browser] path = /no/such: No such file"), "{error}");
    }
}
