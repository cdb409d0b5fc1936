//! Pictures of the pages on which logins failed, as files.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::outcome::{CheckLabels, Screenshot};

/// Writes a picture to a file that only the user may read: it may show what others should not see.
pub fn write(file: &Path, picture: &Screenshot) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(&picture.0)
}

/// Writes the picture of a check into a folder, which is made if it is missing; the file. The error names it.
pub fn write_into(folder: &Path, check: &CheckLabels, picture: &Screenshot) -> Result<PathBuf, String> {
    // Names are letters, digits, `.`, `_` and `-`, and begin with neither of the last three.
    let file = folder.join(format!("{}-{}.png", check.probe, check.region));
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", file.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    write(&file, picture).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::testing::labels;

    #[test]
    fn each_check_has_a_file_that_is_its_owners_alone() {
        let folder = crate::folder::Folder::new();
        let picture = Screenshot(b"png"[..].into());
        let file = write_into(&folder.join("new"), &labels("login", "eu"), &picture).unwrap();
        assert_eq!(file, folder.join("new/login-eu.png"));
        assert_eq!(std::fs::read(&file).unwrap(), b"png");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let why = write_into(&file, &labels("login", "us"), &picture).unwrap_err();
        assert!(why.contains("login-eu.png/login-us.png"), "{why}");
    }
}
