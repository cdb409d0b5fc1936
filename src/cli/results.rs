//! `--output FORMAT=FILE` of every command: checked before anything is done, written whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What can be known to fail before anything is probed: two results in one file, folders that are not there or not to be
/// written, files that are folders. Every mistake at once, each naming the option.
pub fn check(outputs: &[(&str, &Path)]) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    for (n, (format, file)) in outputs.iter().enumerate() {
        let mut complain = |why: &str| {
            wrong.push(format!("--output {format}={}: {why}", file.display()));
        };
        let earlier = outputs[..n].iter().find(|(_, other)| same(other, file));
        if let Some((earlier, _)) = earlier {
            complain(&format!("`--output {earlier}=…` goes to the same file"));
        }
        match std::fs::metadata(folder(file)) {
            Err(error) => complain(&format!("the folder {} cannot be used: {error}", folder(file).display())),
            Ok(found) if !found.is_dir() => complain(&format!("{} is not a folder", folder(file).display())),
            Ok(_) if file.is_dir() => complain("is a folder; name a file"),
            Ok(_) => {
                let target = target(file);
                let writable = if replaced(&target) { folder(&target) } else { &target };
                if let Err(error) = rustix::fs::access(writable, rustix::fs::Access::WRITE_OK) {
                    complain(&format!("{} cannot be written: {error}", writable.display()));
                }
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Whether two names are one regular file.
fn same(one: &Path, other: &Path) -> bool {
    let whole = |file: &Path| {
        let file = target(file);
        let folder = std::fs::canonicalize(folder(&file)).unwrap_or_else(|_| folder(&file).to_owned());
        (replaced(&file), folder.join(file.file_name().unwrap_or_default()))
    };
    let (one, other) = (whole(one), whole(other));
    // A device or a pipe takes several.
    one.0 && one == other
}

/// Beside it, then in its place: whoever reads the file sees the whole result or the one before. Devices and pipes
/// (`/dev/stderr`) are written as they are.
pub fn put(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let file = target(file);
    if !replaced(&file) {
        return std::fs::OpenOptions::new().write(true).open(&file)?.write_all(bytes);
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}", crate::outcome::SpanId::random()));
    let beside = folder(&file).join(name);
    let write = || {
        // Never somebody else's file or link.
        let mut out = std::fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
        if let Ok(before) = std::fs::metadata(&file) {
            let _ = out.set_permissions(before.permissions());
        }
        out.write_all(bytes)?;
        out.sync_all()?;
        std::fs::rename(&beside, &file)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&beside)))
}

/// Where a link leads; links to nothing and all else as they are.
fn target(file: &Path) -> PathBuf {
    match std::fs::symlink_metadata(file) {
        Ok(found) if found.is_symlink() => std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()),
        _ => file.to_owned(),
    }
}

/// Whether it is a file that another can take the place of, or none yet.
fn replaced(file: &Path) -> bool {
    std::fs::metadata(file).map_or(true, |found| found.is_file())
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
