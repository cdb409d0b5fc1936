//! Generated files on disk.

use std::io::Write as _;
use std::path::Path;

/// Writes files (name and text) into a folder, which is made if need be. Each appears whole or not at all: somebody may be told
/// to load it at any moment.
///
/// # Errors
/// What could not be made or written, and why. Files before it are written.
pub fn write<'a>(folder: &Path, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make the folder {}: {e}", folder.display()))?;
    for (name, text) in files {
        let (path, beside) = (folder.join(name), folder.join(format!(".{name}.new")));
        let written = std::fs::File::create(&beside)
            .and_then(|mut open| open.write_all(text.as_bytes()).and_then(|()| open.sync_all()))
            .and_then(|()| std::fs::rename(&beside, &path));
        written.map_err(|e| {
            let _ = std::fs::remove_file(&beside);
            format!("cannot write {}: {e}", path.display())
        })?;
    }
    Ok(())
}
