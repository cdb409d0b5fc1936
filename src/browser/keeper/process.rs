//! The keeper's own process. It outlives authprobe just long enough to leave nothing behind.
//!
//! authprobe starts itself as the keeper, and the keeper starts itself as the driver:
//!
//! | ends | noticed by | how |
//! |---|---|---|
//! | authprobe, however | the keeper | its standard input closes |
//! | the driver | the keeper | `SIGCHLD` |
//! | the keeper, by a signal it can catch | itself | ends all as always |
//! | the keeper, by `SIGKILL` | the driver, the kernel | `PR_SET_PDEATHSIG` kills the driver |
//! | | authprobe | its child ended: it clears the folder (the browser is in it) |
//! | both at once, by `SIGKILL` | the next authprobe | it sweeps folders that nobody holds |
//!
//! Since the keeper is the subreaper of all that comes of the driver (prctl(2), `PR_SET_CHILD_SUBREAPER`), whatever loses
//! its parent becomes its child: killing its children until it has none misses nothing, and hits no reused pid, because
//! nobody else can reap them.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, getppid, wait};
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::folder::Folder;
use super::{FOLDER, KEEP};

/// The driver, before it is one.
const BECOME: &str = "__exec-driver";
/// How long all processes together may take to end once they are killed.
const ENDING: Duration = Duration::from_secs(5);
/// How often children are looked for while that lasts: one that lost its parent comes without a signal.
const LOOK: Duration = Duration::from_millis(50);

/// Does what the arguments of authprobe's own helper processes say: it runs a driver until standard input closes, then
/// ends all that came of it and removes its folder. `None` if they are those of somebody else.
///
/// To be called first of all in `main`: it needs a process without other threads or children.
pub fn keep(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let result = match arguments.next()?.to_str()? {
        KEEP => arguments.next().ok_or_else(|| io::Error::other("no driver")).and_then(|driver| run(&driver)),
        BECOME => r#become(arguments),
        _ => return None,
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln`, which panics when nobody listens any more.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    })
}

fn run(driver: &OsStr) -> io::Result<()> {
    // Of this one thread: the driver's death signal is bound to the thread that starts it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(driver))
}

async fn watch(driver: &OsStr) -> io::Result<()> {
    // Before there is anything to leave behind.
    let mut child = signal(SignalKind::child())?;
    let mut told = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit()]
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(getpid()))?;
    let folder = Folder::make()?;
    say(&folder)?;
    let pid = start(driver, &folder)?;
    let over = futures_util::future::select_all(told.iter_mut().map(|kind| Box::pin(kind.recv())));
    tokio::select! {
        () = closed() => {}
        () = ended(pid, &mut child) => {}
        _ = over => {}
    }
    end_all(pid, &mut child).await
}

/// Tells authprobe where the folder is: the first line, before the driver can say anything.
fn say(folder: &Folder) -> io::Result<()> {
    let path = folder.path().to_str().filter(|path| !path.contains('\n'));
    let path = path.ok_or_else(|| io::Error::other("the name of the folder for temporary files is not text"))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{FOLDER}{path}")?;
    out.flush()
}

/// Starts the driver in a process group of its own, so that no terminal's Ctrl-C ends it before the keeper does.
fn start(driver: &OsStr, folder: &Folder) -> io::Result<Pid> {
    let (home, keeper) = (folder.home(), getpid().as_raw_pid().to_string());
    let child = Command::new(super::own_program()?)
        .args([OsStr::new(BECOME), OsStr::new(&keeper), driver, OsStr::new("--port=0")])
        .env("HOME", &home)
        .env("TMPDIR", folder.temporary())
        .env("XDG_RUNTIME_DIR", folder.runtime())
        .env("XDG_CACHE_HOME", home.join(".cache"))
        .env("XDG_CONFIG_HOME", home.join(".config"))
        .env("XDG_DATA_HOME", home.join(".local/share"))
        .env("XDG_STATE_HOME", home.join(".local/state"))
        // Else the headless shell keeps a log beside its executable, with what pages write to their console. Not /dev/null:
        // it is removed first, for root really. A folder with something in it can be neither removed nor written to.
        .env("CHROME_LOG_FILE", folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(Pid::from_child(&child))
}

/// Turns this process into the driver, which dies with the keeper.
fn r#become(mut arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let keeper = arguments.next();
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that.
    let parent = getppid().map(|pid| pid.as_raw_pid().to_string());
    if parent.is_none() || parent.map(OsString::from) != keeper {
        return Err(io::Error::other("the keeper is gone"));
    }
    let driver = arguments.next().ok_or_else(|| io::Error::other("no driver"))?;
    let error = Command::new(&driver).args(arguments).exec();
    Err(io::Error::other(format!("{}: {error}", driver.display())))
}

/// Until nobody holds the other end of standard input. What comes through it means nothing.
async fn closed() {
    let Ok(input) = io::stdin().as_fd().try_clone_to_owned() else { return };
    let Ok(mut input) = tokio::net::unix::pipe::Receiver::from_owned_fd(input) else { return };
    let mut bytes = [0; 64];
    while matches!(input.read(&mut bytes).await, Ok(1..)) {}
}

/// Until the driver has ended; reaps whatever else ends meanwhile.
async fn ended(driver: Pid, child: &mut Signals) {
    loop {
        while let Ok(Some((pid, _))) = wait(WaitOptions::NOHANG) {
            if pid == driver {
                return;
            }
        }
        child.recv().await;
    }
}

/// Kills children until there are none.
async fn end_all(driver: Pid, child: &mut Signals) -> io::Result<()> {
    let all = async {
        loop {
            end_children(driver);
            loop {
                match wait(WaitOptions::NOHANG) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    // No child is left, nor can any come: a process that ends hands its children over before it is reaped.
                    Err(_) => return,
                }
            }
            let _ = tokio::time::timeout(LOOK, child.recv()).await;
        }
    };
    tokio::time::timeout(ENDING, all).await.map_err(|_| io::Error::other("some processes cannot be ended"))
}

#[cfg(target_os = "linux")]
fn end_children(_driver: Pid) {
    for pid in super::proc::children(getpid()) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

/// Without `/proc` and subreapers: the driver's children stay in its process group.
#[cfg(not(target_os = "linux"))]
fn end_children(driver: Pid) {
    let _ = rustix::process::kill_process_group(driver, Signal::KILL);
}
