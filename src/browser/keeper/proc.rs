//! What `/proc` says about processes (proc(5)). Elsewhere than on Linux there is none, and nothing is found.
//!
//! Everything here reads files and blocks for as long as the kernel takes: some 5 ms on a machine with 300 processes.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, geteuid};

/// The most that is read of a command line or an environment (bytes).
const MAX_READ: u64 = 256 * 1024;

/// Every process with its parent. Zombies are left out: they hold nothing and cannot be ended.
fn table() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// The parent in a line of `/proc/PID/stat`; `None` for a zombie.
fn parent(stat: &str) -> Option<i32> {
    // The name may hold spaces and brackets: what counts is after the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.next()?.parse().ok(),
    }
}

/// The living children of a process.
pub(super) fn children(of: Pid) -> Vec<Pid> {
    let of = of.as_raw_pid();
    table().into_iter().filter(|(_, parent)| *parent == of).filter_map(|(pid, _)| Pid::from_raw(pid)).collect()
}

/// All that came of a process: children, theirs, and so on. Without the process itself.
pub(super) fn descendants(of: Pid) -> Vec<Pid> {
    below(vec![of.as_raw_pid()], &table())
}

/// What came of those in the table.
fn below(mut next: Vec<i32>, table: &[(i32, i32)]) -> Vec<Pid> {
    let mut by_parent: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, parent) in table {
        by_parent.entry(*parent).or_default().push(*pid);
    }
    let mut found = Vec::new();
    while let Some(pid) = next.pop() {
        // Taken out, so that a table read while pids were reused cannot lead in circles.
        let children = by_parent.remove(&pid).unwrap_or_default();
        found.extend(children.iter().copied().filter_map(Pid::from_raw));
        next.extend(children);
    }
    found
}

/// Processes of our own user that name a folder in their command line, or were told to put their temporary files there,
/// and what came of them: a browser's children say neither.
pub(super) fn inside(folder: &Path) -> Vec<Pid> {
    let table = table();
    let own = std::process::id().cast_signed();
    let others = table.iter().filter(|(pid, _)| *pid != own).filter_map(|(pid, _)| Pid::from_raw(*pid));
    let mut found: Vec<Pid> = others.filter(|pid| names(*pid, folder)).collect();
    let children = below(found.iter().map(|pid| pid.as_raw_pid()).collect(), &table);
    found.extend(children);
    found.sort_unstable_by_key(|pid| pid.as_raw_pid());
    found.dedup();
    found
}

fn names(pid: Pid, folder: &Path) -> bool {
    let inside = [folder.as_os_str().as_bytes(), b"/"].concat();
    let place = format!("/proc/{}", pid.as_raw_pid());
    fs::metadata(&place).is_ok_and(|process| process.uid() == geteuid().as_raw())
        && ["cmdline", "environ"].iter().any(|file| contains(&read(&format!("{place}/{file}")), &inside))
}

/// Kills what runs in a folder, and waits up to so long for the end of each. Returns whether there was nothing.
#[cfg(target_os = "linux")]
pub(super) fn end_inside(folder: &Path, wait: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    let found = inside(folder);
    let nothing = found.is_empty();
    let hold = |pid: Pid| Some((pid, pidfd_open(pid, PidfdFlags::empty()).ok()?));
    let mut held: Vec<_> = found.into_iter().filter_map(hold).collect();
    // Looked at again once they are held: a number may have had a new bearer by then.
    let still = inside(folder);
    held.retain(|(pid, process)| still.contains(pid) && pidfd_send_signal(process, Signal::KILL).is_ok());
    let wait = Timespec::try_from(wait).ok();
    for (_, process) in &held {
        let _ = poll(&mut [PollFd::new(process, PollFlags::IN)], wait.as_ref());
    }
    nothing
}

/// There is no `/proc` to look into.
#[cfg(not(target_os = "linux"))]
pub(super) fn end_inside(_folder: &Path, _wait: Duration) -> bool {
    true
}

fn read(path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = fs::File::open(path) {
        let _ = file.take(MAX_READ).read_to_end(&mut bytes);
    }
    bytes
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The memory of processes together (bytes): each page counted once, shared ones by their share (`Pss`). Of processes
/// that may not be looked into, as sandboxed ones without root, only what they share with nobody.
/// `None` if nothing can be read.
pub(super) fn memory(pids: &[Pid]) -> Option<u64> {
    pids.iter().filter_map(|pid| share(*pid).or_else(|| private(*pid))).reduce(u64::saturating_add)
}

fn share(pid: Pid) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.as_raw_pid())).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn private(pid: Pid) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_pid())).ok()?;
    let mut pages = statm.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    resident.saturating_sub(shared).checked_mul(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_be_taken_for_fields() {
        assert_eq!(parent("12 (exe) S 7 12 12 0 -1"), Some(7));
        assert_eq!(parent("12 (a) Z 1 (b) R 9 12"), Some(9));
        assert_eq!(parent("12 (exe) Z 7 12 12"), None);
        assert_eq!(parent("12 (exe"), None);
    }

    #[test]
    fn all_generations_are_found_and_circles_end() {
        let pids = |found: Vec<Pid>| {
            let mut found: Vec<_> = found.into_iter().map(Pid::as_raw_pid).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(pids(below(vec![2], &[(3, 2), (4, 3), (5, 4), (6, 1), (7, 2)])), [3, 4, 5, 7]);
        assert_eq!(pids(below(vec![2], &[(3, 2), (4, 3), (2, 4)])), [2, 3, 4]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_is_that_of_a_process() {
        let own = memory(&[rustix::process::getpid()]).unwrap();
        assert!((1 << 20..16 << 30).contains(&own), "{own}");
        assert_eq!(memory(&[]), None);
        let private = private(rustix::process::getpid()).unwrap();
        assert!(private < own * 2, "{private} {own}");
    }
}
