//! A driver with its browser, looked after: no process, profile or temporary file stays behind however authprobe ends.
//!
//! The looking after is done by a process of its own, since authprobe itself may be killed: see [`process`].

mod folder;
mod proc;
mod process;
mod report;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::FusedFuture as _;
use rustix::process::{Pid, geteuid};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, OnceCell, watch};
use url::Url;

use super::find::Found;
use super::trust;
use crate::fault::{Class, Fault};
pub use process::keep;
use report::State;

/// The keeper's first argument.
const KEEP: &str = "__keep-browser";
/// What the keeper's first line starts with; its folder follows.
const FOLDER: &str = "folder ";
/// How long a driver may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the keeper may take to end everything before it is killed itself.
const ENDING: Duration = Duration::from_secs(3);
/// How long the last words in the pipes of an ended keeper are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What driver and browser get of the environment, besides what the keeper sets: nothing that may hold a secret, and no
/// proxy, for where a browser connects through is decided elsewhere.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "TMPDIR",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "CHROME_DEVEL_SANDBOX",
];
/// Features that talk to the browser's maker, or cover pages with offers of their own.
const FEATURES_OFF: &str = "--disable-features=AutofillServerCommunication,CertificateTransparencyComponentUpdater,\
                            InterestFeedContentSuggestions,MediaRouter,OptimizationHints,PasswordLeakDetection,\
                            PasswordManagerOnboarding,Translate";
/// What every browser is started with.
const ARGUMENTS: &[&str] = &[
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-default-apps",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    FEATURES_OFF,
    "--password-store=basic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--mute-audio",
    "--hide-scrollbars",
    "--window-size=1280,900",
];

/// How often a driver is started that finds its port taken.
const ATTEMPTS: u32 = 4;

/// Starts keepers. One for the whole process: the first launch sweeps away what a killed authprobe has left behind.
#[derive(Debug)]
pub(super) struct Launcher {
    program: Option<PathBuf>,
    patience: Duration,
    swept: OnceCell<()>,
}

impl Default for Launcher {
    /// With the running program as the keeper.
    fn default() -> Self {
        Self { program: None, patience: PATIENCE, swept: OnceCell::new() }
    }
}

impl Launcher {
    /// With another program as the keeper, that calls [`keep`], and another patience with drivers: for tests.
    pub(super) fn with(program: PathBuf, patience: Duration) -> Self {
        Self { program: Some(program), patience, swept: OnceCell::new() }
    }

    fn start(&self, found: &Found) -> io::Result<Child> {
        let program = self.program.clone().map_or_else(own_program, Ok)?;
        let environment = ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        Command::new(program)
            .arg(KEEP)
            .arg(&found.driver)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Away from the terminal's Ctrl-C: authprobe says when it is over.
            .process_group(0)
            .spawn()
    }
}

/// The running program, even if its file was replaced meanwhile. As a child it is called `exe` there: `pkill authprobe`
/// does not hit it.
fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// A running driver: ended, with its browser and all their files, when this is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    url: Url,
    folder: PathBuf,
    headless_shell: bool,
    keeper: Pid,
    /// The keeper ends everything once this is closed.
    input: Option<ChildStdin>,
    state: watch::Receiver<State>,
    kill: Arc<Notify>,
}

impl Kept {
    /// Starts a driver in a folder of its own. Waits until it listens. Makes the browser believe a `ca_file` besides its
    /// own roots. Faults: `browser`, with what the driver said; `config`, if the file cannot be read.
    pub(super) async fn launch(launcher: &Launcher, found: &Found, ca_file: Option<&Path>) -> Result<Self, Fault> {
        for _ in 1..ATTEMPTS {
            match Self::attempt(launcher, found, ca_file).await {
                // The driver chooses a free port for IPv4, and then it may be taken for IPv6.
                Err(fault) if fault.detail.contains("Address already in use") => {}
                result => return result,
            }
        }
        Self::attempt(launcher, found, ca_file).await
    }

    async fn attempt(launcher: &Launcher, found: &Found, ca_file: Option<&Path>) -> Result<Self, Fault> {
        let sweep = async || drop(tokio::task::spawn_blocking(folder::sweep).await);
        launcher.swept.get_or_init(sweep).await;
        let cannot = |why: &str| Fault::new(Class::Browser, format!("the driver {} {why}", found.driver.display()));
        let mut child = launcher.start(found).map_err(|e| cannot(&format!("has no keeper: {e}")))?;
        let (tell, mut state) = watch::channel(State::default());
        let kill = Arc::new(Notify::new());
        let (input, keeper) = (child.stdin.take(), child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())));
        tokio::spawn(mind(child, tell, kill.clone()));
        // Not before the child is minded: a launch that nobody waits for any more closes the input and is done.
        let ready =
            tokio::time::timeout(launcher.patience, state.wait_for(|state| state.port.is_some() || state.ended));
        let ready = ready.await.map(|state| state.map(|state| state.clone()).unwrap_or_default());
        let said = state.borrow().clone();
        let kept = |port: u16, folder: PathBuf, keeper: Pid| Self {
            url: Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL"),
            folder,
            headless_shell: is_headless_shell(&found.browser),
            keeper,
            input,
            state,
            kill,
        };
        match (ready, keeper) {
            (Ok(State { port: Some(port), folder: Some(folder), ended: false, .. }), Some(keeper)) => {
                let kept = kept(port, folder, keeper);
                if let Some(ca_file) = ca_file {
                    trust::believe(&folder::home(&kept.folder), ca_file).await?;
                }
                Ok(kept)
            }
            (Ok(state), _) => Err(cannot(&format!("ended before it listened: {}", state.said()))),
            (Err(_), _) => Err(cannot(&format!("did not listen within {:?}: {}", launcher.patience, said.said()))),
        }
    }

    /// Where the driver listens: `http://127.0.0.1:PORT/`.
    pub(super) fn url(&self) -> Url {
        self.url.clone()
    }

    /// The browser's arguments (`goog:chromeOptions`), such as `--no-sandbox` for root. The profile is for the driver to
    /// make, a new one for each session in the folder's `tmp`: given a `--user-data-dir`, it opens no page, and the
    /// headless shell none either.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(ToString::to_string).collect();
        if !self.headless_shell {
            arguments.push("--headless=new".into());
        }
        // Chromium's sandbox refuses to be root's.
        if geteuid().is_root() {
            arguments.push("--no-sandbox".into());
        }
        arguments
    }

    /// Whether the driver is still there. That its browser is gone shows in the session: its connection closes.
    pub(super) fn alive(&self) -> bool {
        !self.state.borrow().ended
    }

    /// Until the driver is gone.
    pub(super) async fn died(&self) {
        // An error: the runtime is ending, and with it all that could be waited for.
        let _ = self.state.clone().wait_for(|state| state.ended).await;
    }

    /// Memory of all its processes (bytes, proportional set size); `None` if it cannot be read. Takes some 10 ms for a
    /// browser with one page.
    pub(super) async fn memory(&self) -> Option<u64> {
        let keeper = self.keeper;
        let read = tokio::task::spawn_blocking(move || proc::memory(&proc::descendants(keeper)));
        read.await.ok().flatten()
    }

    /// The folder that holds all its files.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keeper.
    pub(super) fn keeper(&self) -> Pid {
        self.keeper
    }

    /// Driver, browser and all that came of them. Blocks: it reads files of `/proc`.
    pub(super) fn processes(&self) -> Vec<Pid> {
        proc::descendants(self.keeper)
    }

    /// Ends everything and waits until it is gone.
    pub(super) async fn end(mut self) {
        drop(self.input.take());
        let mut state = self.state.clone();
        if tokio::time::timeout(ENDING, state.wait_for(|state| state.gone)).await.is_err() {
            self.kill.notify_one();
            let _ = tokio::time::timeout(ENDING, state.wait_for(|state| state.gone)).await;
        }
    }
}

/// Listens to the keeper, waits for its end, and clears away what it could not.
async fn mind(mut child: Child, tell: watch::Sender<State>, kill: Arc<Notify>) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut listen = std::pin::pin!(report::listen(stdout, stderr, &tell).fuse());
    {
        let mut end = std::pin::pin!(async {
            tokio::select! {
                _ = child.wait() => {}
                () = kill.notified() => drop(child.kill().await),
            }
        });
        tokio::select! {
            () = &mut end => {}
            () = &mut listen => end.await,
        }
    }
    let folder = tell.borrow().folder.clone();
    // After a clean end there is nothing to find; else what is ended by this may still hold the pipes.
    let clear = tokio::task::spawn_blocking(move || folder.map_or_else(folder::sweep, |path| folder::clear_own(&path)));
    let last_words = async {
        if !listen.is_terminated() {
            let _ = tokio::time::timeout(LAST_WORDS, listen).await;
        }
        tell.send_modify(|state| state.ended = true);
    };
    let _ = tokio::join!(clear, last_words);
    tell.send_modify(|state| state.gone = true);
}

fn is_headless_shell(browser: &Path) -> bool {
    let name = browser.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.contains("headless-shell") || name.contains("headless_shell")
}
