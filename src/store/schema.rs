//! The file: whose it is, which version, how it is brought up to date, who may use it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

/// In the file's header, so that `file` and we know it: "aprb".
pub(super) const APPLICATION_ID: i32 = 0x6170_7262;

/// How long a writer waits for somebody who holds the file locked.
const BUSY: Duration = Duration::from_millis(250);

/// What makes each version out of the one before; the first out of nothing. What was released never changes.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql"), include_str!("v3.sql")];

/// Held as long as a process uses the ledger. A file of its own beside it: a lock on the database itself would be in the
/// way of SQLite's own, and of whoever makes a backup.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it, or says who has it.
    pub(super) fn take(path: &Path) -> Result<Self, String> {
        let name = super::shared::beside(path, "-lock");
        let cannot = |error| format!("cannot lock the ledger with {}: {error}", name.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&name)
            .map_err(cannot)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut who = String::new();
                let _ = (&file).take(20).read_to_string(&mut who);
                let who = who.trim().parse::<u32>().map_or_else(|_| String::new(), |id| format!(" (process {id})"));
                return Err(format!(
                    "another authprobe{who} uses the ledger {}: each process needs a file of its own",
                    path.display()
                ));
            }
            Err(error) => return Err(cannot(error.into())),
        }
        // Only for the sentence above: that it cannot be written does not matter.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// The path without links; its folder must exist. A folder that is missing is more often a disk that is not mounted than
/// one that nobody made yet: making it would begin an empty ledger in the wrong place.
pub(super) fn locate(path: &Path) -> Result<PathBuf, String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| format!("{} names no file for the ledger", path.display()))?;
    if let Ok(file) = path.canonicalize() {
        return match file.is_file() {
            true => Ok(file),
            false => Err(format!("the ledger {} is no file", path.display())),
        };
    }
    let folder = folder.canonicalize().map_err(|error| {
        format!(
            "the folder of the ledger {} cannot be used: {error}; make it, or mount the disk that it belongs to",
            path.display()
        )
    })?;
    Ok(folder.join(name))
}

/// What a look at the file says.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Version(usize),
}

/// Opens or makes the file for writing, at the newest version of `migrations`.
pub(super) fn open(path: &Path, migrations: &[&str]) -> Result<Connection, String> {
    let found = look(path)?;
    let newest = migrations.len();
    if let Found::Version(version) = found
        && version > newest
    {
        return Err(format!(
            "the ledger {} was written by a newer authprobe (version {version}, this one reads up to {newest}): use that \
             one again, or restore the copy made before; the file is untouched",
            path.display()
        ));
    }
    create(path)?;
    let say = |error: rusqlite::Error| unusable(path, &error);
    let mut connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE)).map_err(say)?;
    prepare(&connection, found == Found::Nothing).map_err(say)?;
    let from = match found {
        Found::Nothing => 0,
        Found::Version(version) => version,
    };
    migrate(&mut connection, from, migrations).map_err(say)?;
    Ok(connection)
}

/// Opens the file for reading only.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_ONLY))?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn flags(access: OpenFlags) -> OpenFlags {
    // No URI: a path is a path, whatever characters are in it. No mutex: ours guards each connection.
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE
}

/// Looks without touching: what is newer or not ours must stay as it is.
fn look(path: &Path) -> Result<Found, String> {
    let cannot = |error| format!("the ledger {} cannot be read: {error}", path.display());
    let mut head = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(HEAD as u64).read_to_end(&mut head).map_err(cannot)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(cannot(error)),
    };
    if head.is_empty() {
        return Ok(Found::Nothing);
    }
    // With a log that a kill left behind, the file alone may tell what was before.
    let logged = super::shared::beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
    let seen = match Head::read(&head) {
        Some(_) if logged => look_at_log(path).map_err(|error| unusable(path, &error))?,
        Some(seen) => seen,
        None => Head { application: 0, version: 0, empty: false },
    };
    match seen {
        Head { application: APPLICATION_ID, version, .. } => Ok(Found::Version(version)),
        // Made, and killed before the first transaction.
        Head { application: 0, version: 0, empty: true } => Ok(Found::Nothing),
        _ => Err(format!(
            "{} is no ledger of authprobe: choose another path, or move that file away; it is untouched",
            path.display()
        )),
    }
}

/// How much of a file tells whose it is (bytes): its header, and the head of its first page.
const HEAD: usize = 108;

/// What a database says of itself.
struct Head {
    application: i32,
    version: usize,
    /// Whether it has no tables.
    empty: bool,
}

impl Head {
    /// From the first bytes, without SQLite, which makes files beside what it opens (format: sqlite.org/fileformat2.html).
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEAD || !bytes.starts_with(b"SQLite format 3\0") {
            return None;
        }
        let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes);
        let empty = bytes[100] == 0x0d && bytes[103..105] == [0, 0];
        Some(Self { application: number(68)?, version: usize::try_from(number(60)?).ok()?, empty })
    }
}

/// The same, the log included. A reader leaves both as they are.
fn look_at_log(path: &Path) -> rusqlite::Result<Head> {
    let reader = open_reader(path)?;
    let number = |sql: &str| reader.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    Ok(Head {
        application: i32::try_from(application).unwrap_or(0),
        version: usize::try_from(version).unwrap_or(usize::MAX),
        empty: number("SELECT count(*) FROM sqlite_schema")? == 0,
    })
}

/// Made by us, so that nobody else may read it; SQLite gives its companions the same mode.
fn create(path: &Path) -> Result<(), String> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(format!("the ledger {} cannot be made: {error}", path.display())),
    }
}

fn prepare(connection: &Connection, new: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    if new {
        // Before the first page is written. Pages that are set free are used again; only a file beyond its limit is cut
        // back, step by step.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let why = "its disk cannot hold a write-ahead log (is it a network drive?)".to_owned();
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR), Some(why)));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -8192)?;
    Ok(())
}

/// All steps in one transaction: killed in the middle, the file is what it was.
fn migrate(connection: &mut Connection, from: usize, migrations: &[&str]) -> rusqlite::Result<()> {
    if from == migrations.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &migrations[from..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i64::try_from(migrations.len()).unwrap_or(i64::MAX))?;
    transaction.commit()
}

/// Why a ledger cannot be opened, and what to do.
pub(super) fn unusable(path: &Path, error: &rusqlite::Error) -> String {
    let what = reason(error);
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "; restore a copy, or move it away together with its -wal and -shm files to begin a new one"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "; end that program and start again",
        Some(ErrorCode::DiskFull) => "; make room and start again",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "; file and folder must be writable for this user"
        }
        _ => "",
    };
    format!("the ledger {} cannot be used: {what}{advice}", path.display())
}

/// An error of SQLite in words.
pub(super) fn reason(error: &rusqlite::Error) -> String {
    let words = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program holds it locked",
        Some(ErrorCode::ReadOnly) => "it is read-only",
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => "it cannot be opened",
        Some(ErrorCode::SystemIoFailure) => "the disk reports an error",
        Some(ErrorCode::DatabaseCorrupt) => "it is damaged",
        Some(ErrorCode::NotADatabase) => "it is no database",
        _ => return error.to_string(),
    };
    format!("{words} ({error})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    fn ask<T: rusqlite::types::FromSql>(path: &Path, sql: &str) -> rusqlite::Result<T> {
        open_reader(path)?.query_row(sql, [], |row| row.get(0))
    }

    /// As it was released.
    const V1: &[&str] = &[MIGRATIONS[0]];
    const V1_NOTE: &str = "INSERT INTO deployment VALUES ('a', 7, '{}')";
    const V2: &str = "ALTER TABLE deployment ADD COLUMN risk INTEGER NOT NULL DEFAULT 3";
    const V3: &str = "CREATE TABLE risk AS SELECT id, at_nanos * risk AS risk FROM deployment";

    #[test]
    fn an_older_file_is_brought_up_to_date_step_by_step() {
        let folder = Folder::new();
        let path = folder.join("a.db");
        open(&path, V1).unwrap().execute_batch(V1_NOTE).unwrap();
        drop(open(&path, &[MIGRATIONS[0], V2, V3]).unwrap());
        assert_eq!(ask::<i64>(&path, "PRAGMA user_version").unwrap(), 3);
        assert_eq!(ask::<i64>(&path, "SELECT risk FROM risk WHERE id = 'a'").unwrap(), 21);
        let refused = open(&path, V1).unwrap_err();
        assert!(refused.contains("newer authprobe (version 3, this one reads up to 1)"), "{refused}");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_at_its_version() {
        let folder = Folder::new();
        let path = folder.join("a.db");
        open(&path, V1).unwrap().execute_batch(V1_NOTE).unwrap();
        assert!(open(&path, &[MIGRATIONS[0], V2, V3, "SELECT nothing FROM nowhere"]).is_err());
        assert_eq!(ask::<i64>(&path, "PRAGMA user_version").unwrap(), 1);
        assert!(ask::<i64>(&path, "SELECT risk FROM deployment").is_err(), "the steps before it are taken back");
        assert_eq!(ask::<i64>(&path, "SELECT at_nanos FROM deployment").unwrap(), 7);
    }

    #[test]
    fn a_file_whose_first_transaction_never_came_is_begun_again() {
        let folder = Folder::new();
        let path = folder.join("a.db");
        let connection = Connection::open(&path).unwrap();
        prepare(&connection, true).unwrap();
        drop(connection);
        assert!(path.metadata().unwrap().len() > 0);
        assert_eq!(look(&path), Ok(Found::Nothing));
        drop(open(&path, MIGRATIONS).unwrap());
        assert_eq!(look(&path), Ok(Found::Version(MIGRATIONS.len())));
    }

    #[test]
    fn what_is_there_now_is_refused_by_the_version_before() {
        let folder = Folder::new();
        let path = folder.join("a.db");
        drop(open(&path, MIGRATIONS).unwrap());
        let before = std::fs::read(&path).unwrap();
        let refused = open(&path, V1).unwrap_err();
        let newest = format!("newer authprobe (version {}, this one reads up to 1)", MIGRATIONS.len());
        assert!(refused.contains(&newest), "{refused}");
        assert!(std::fs::read(&path).unwrap() == before);
    }

    #[test]
    fn statements_that_made_files_are_never_changed() {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, V1[0].as_bytes());
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let made = "c66d4db508478326823dc587a8ae7ce749af9f61b6aed210e1f2209d72d41a98";
        assert_eq!(hex, made, "add a version instead");
    }

    #[test]
    fn pages_that_are_free_can_be_given_back() {
        let folder = Folder::new();
        let path = folder.join("a.db");
        drop(open(&path, MIGRATIONS).unwrap());
        assert_eq!(ask::<i64>(&path, "PRAGMA auto_vacuum").unwrap(), 2, "incremental");
    }
}
