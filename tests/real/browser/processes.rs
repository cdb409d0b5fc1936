//! Whatever runs or lies about because of a browser: found as what came of authprobe, or through the name of its folder,
//! which driver and browser have in their command lines or environments (what a browser forks off may overwrite both).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::support::within;

/// What authprobe calls the folders of its browsers.
const FOLDER: &str = "authprobe-browser-";

/// A process as `/proc/PID/stat` has it (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub pid: u32,
    pub parent: u32,
    /// `R`, `S`, `Z`, …
    pub state: char,
    /// In ticks since the machine started: together with the pid it names a process for good.
    pub started: u64,
    /// The arguments, with blanks between them.
    pub command: String,
}

/// All processes of the machine that may be looked at.
pub fn all() -> Vec<Found> {
    let folders = std::fs::read_dir("/proc").unwrap().flatten();
    folders.filter_map(|folder| read(folder.file_name().to_str()?.parse().ok()?)).collect()
}

fn read(pid: u32) -> Option<Found> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let (state, parent) = (fields.next()?.chars().next()?, fields.next()?.parse().ok()?);
    let started = fields.nth(17)?.parse().ok()?;
    let command = String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).ok()?).replace('\0', " ");
    Some(Found { pid, parent, state, started, command })
}

/// All that comes of a process.
pub fn descendants(of: u32) -> Vec<Found> {
    let mut children = BTreeMap::<u32, Vec<Found>>::new();
    all().into_iter().for_each(|process| children.entry(process.parent).or_default().push(process));
    let (mut found, mut next) = (Vec::new(), vec![of]);
    while let Some(pid) = next.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            next.push(child.pid);
            found.push(child);
        }
    }
    found
}

/// Those that have a browser's folder below `temporary` in their command line or environment. authprobe itself has not.
pub fn of_browsers(temporary: &str) -> Vec<Found> {
    let folder = format!("{temporary}/{FOLDER}");
    let names = |process: &Found| {
        let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        process.command.contains(&folder) || String::from_utf8_lossy(&environment).contains(&folder)
    };
    // The keeper is named by nothing but its argument, and by where it keeps temporary files.
    let keeps = |process: &Found| {
        let environment = || std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        process.command.contains("__keep-browser") && String::from_utf8_lossy(&environment()).contains(temporary)
    };
    all().into_iter().filter(|process| names(process) || keeps(process)).collect()
}

/// The folders of browsers below `temporary`.
pub fn folders(temporary: &str) -> Vec<String> {
    let entries = std::fs::read_dir(Path::new(temporary)).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(FOLDER)).collect()
}

/// Whatever is there of browsers, in words; empty if nothing is.
pub fn left(temporary: &str) -> Vec<String> {
    let processes = of_browsers(temporary).into_iter().map(|process| format!("{process:?}"));
    processes.chain(folders(temporary)).collect()
}

/// That all is gone. Whoever looks after a browser outlives authprobe by the moment it takes to clear up, which is long on
/// a busy machine.
pub fn nothing_is_left(temporary: &str) {
    within(Duration::from_secs(5), || left(temporary).is_empty().then_some(()));
    assert_eq!(left(temporary), Vec::<String>::new());
    let entries = std::fs::read_dir(temporary).unwrap().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    assert!(entries.is_empty(), "temporary files are left: {entries:?}");
}

/// Those of `then` that run still. What has ended and was not reaped, because whoever should has ended as well, does not.
pub fn alive(then: &[Found]) -> Vec<Found> {
    let same = |now: &Found| then.iter().any(|then| (then.pid, then.started) == (now.pid, now.started));
    all().into_iter().filter(|now| now.state != 'Z' && same(now)).collect()
}

/// That all of these processes have ended and all of these folders are gone within that time; how long it took.
#[allow(clippy::disallowed_methods)]
pub fn gone_within(time: Duration, processes: &[Found], temporary: &str, named: &[String]) -> Duration {
    let begun = std::time::Instant::now();
    let left = || {
        let processes = alive(processes).into_iter().map(|process| format!("{process:?}"));
        processes.chain(folders(temporary).into_iter().filter(|name| named.contains(name))).collect::<Vec<_>>()
    };
    let gone = within(time, || left().is_empty().then_some(()));
    assert!(gone.is_some(), "left after {time:?}: {:#?}", left());
    begun.elapsed()
}

/// The memory of processes together (bytes), shared pages by their share.
pub fn memory(of: &[Found]) -> u64 {
    let share = |process: &Found| {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid)).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    of.iter().filter_map(share).sum::<u64>() * 1024
}
