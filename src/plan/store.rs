//! `[store]`: the ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::desk::Desk;
use super::typed::{self, Item};
use crate::config::model::{Screenshots, Store as Written};
use crate::duration::HumanDuration;
use crate::store::Settings;

/// The database when nothing is said, beside the file that has `[store]`.
const DEFAULT_PATH: &str = "authprobe.db";
const DAY: Duration = Duration::from_secs(86_400);
/// How long every run is kept when nothing is said.
const DEFAULT_RUNS: Duration = Duration::from_secs(7 * DAY.as_secs());
/// How long failed runs are kept when nothing is said.
const DEFAULT_FAILURES: Duration = Duration::from_secs(90 * DAY.as_secs());
/// How large the database may become when nothing is said (bytes).
const DEFAULT_SIZE: u64 = 2 << 30;
/// The shortest time that runs are kept.
const LEAST_KEPT: Duration = Duration::from_secs(60);
/// The smallest database (bytes): below that there is no room for counts and a write-ahead log.
const LEAST_SIZE: u64 = 1 << 20;

/// Resolves `[store]`; also what it says of screenshots, which concerns those in memory too.
pub fn store(desk: &mut Desk<'_>) -> (Option<Settings>, Option<Screenshots>) {
    let items: Vec<Item<'_, Written>> = typed::items(desk.loaded, "store", &mut desk.mistakes);
    let Some((item, written)) = items.first().and_then(|item| Some((item, item.value.as_ref()?))) else {
        return (None, None);
    };
    for (key, kept) in [("keep_runs", written.keep_runs), ("keep_failures", written.keep_failures)] {
        if kept.is_some_and(|kept| kept.0 < LEAST_KEPT) {
            desk.wrong(item.mistake(key, "out of range: at least 1m"));
        }
    }
    let keep_runs = written.keep_runs.map_or(DEFAULT_RUNS, |kept| kept.0);
    let keep_failures = written.keep_failures.map_or(DEFAULT_FAILURES.max(keep_runs), |kept| kept.0);
    if keep_failures < keep_runs {
        let message = format!("shorter than every run is kept ({}), failed ones included", HumanDuration(keep_runs));
        desk.wrong(item.mistake("keep_failures", message));
    }
    let max_size = written.max_size.map_or(DEFAULT_SIZE, |size| size.0);
    if max_size < LEAST_SIZE {
        desk.wrong(item.mistake("max_size", "out of range: at least 1MiB"));
    }
    let path = path(desk, item, written.path.as_deref());
    (Some(Settings { path, keep_runs, keep_failures, max_size }), written.screenshots)
}

fn path(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: Option<&Path>) -> PathBuf {
    let path = desk.file(item.at("path"), written.unwrap_or(Path::new(DEFAULT_PATH)));
    if path.is_dir() {
        desk.wrong(item.mistake("path", format!("{} is a folder", path.display())));
    }
    path
}
