//! `authprobe probe --screenshot FILE`: pictures of the pages on which logins failed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::outcome::Outcome;
use crate::smoke::pictures;

/// What to say of a picture that nobody asked for; empty where there is none.
pub fn offer(outcome: &Outcome) -> String {
    match outcome.screenshot() {
        Some(picture) => {
            let size = picture.0.len().div_ceil(1024);
            format!("  A picture of it was taken ({size} KiB): `--screenshot FILE` writes it\n")
        }
        None => String::new(),
    }
}

/// Writes the picture of each run that has one, and says on stderr where; a picture may show what others should not see,
/// so only the user may read it. The error names the file.
pub fn write(outcomes: &[Arc<Outcome>], file: &Path) -> Result<(), String> {
    let pictured: Vec<_> = outcomes.iter().filter_map(|outcome| Some((outcome, outcome.screenshot()?))).collect();
    if pictured.is_empty() {
        eprintln!("no picture was taken: {} is not written", file.display());
    }
    for (outcome, picture) in &pictured {
        let file = match pictured.len() {
            1 => file.to_owned(),
            _ => beside(file, &outcome.check.region),
        };
        let failed = |error: std::io::Error| format!("cannot write {}: {error}", file.display());
        pictures::write(&file, picture).map_err(failed)?;
        eprintln!("{}: the page on which {} failed", file.display(), outcome.check);
    }
    Ok(())
}

/// `login.png` of a region: `login-eu.png`.
fn beside(file: &Path, region: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = match file.extension() {
        Some(extension) => format!("{stem}-{region}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{region}"),
    };
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{BrowserReport, Evidence, Screenshot, Verdict};
    use crate::runner::testing;

    fn pictured(region: &str, picture: &[u8]) -> Arc<Outcome> {
        let mut outcome = Outcome::clone(&testing::outcome("login", 1, Verdict::Bad));
        outcome.check.region = region.into();
        let evidence = Evidence { screenshot: Some(Screenshot(picture.into())), ..Evidence::default() };
        outcome.browser = Some(BrowserReport { evidence: Some(evidence), ..BrowserReport::default() });
        Arc::new(outcome)
    }

    #[test]
    fn each_region_has_a_file_where_there_are_several() {
        let folder = crate::folder::Folder::new();
        let file = folder.join("login.png");
        let plain = testing::outcome("login", 1, Verdict::Good);
        assert_eq!(offer(&plain), "");
        write(std::slice::from_ref(&plain), &file).unwrap();
        assert!(!file.exists(), "no picture, no file");
        let (eu, us) = (pictured("eu", b"one"), pictured("us", b"another"));
        assert!(offer(&eu).contains("(1 KiB): `--screenshot FILE`"));
        write(&[plain, eu.clone()], &file).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"one");
        write(&[eu, us], &file).unwrap();
        assert_eq!(std::fs::read(folder.join("login-us.png")).unwrap(), b"another");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let nowhere = folder.join("none").join("x.png");
        assert!(write(&[pictured("eu", b"x")], &nowhere).unwrap_err().contains("none/x.png"));
    }

    #[test]
    fn names_keep_their_extension() {
        assert_eq!(beside(Path::new("/tmp/a.b.png"), "eu-1"), Path::new("/tmp/a.b-eu-1.png"));
        assert_eq!(beside(Path::new("a"), "eu"), Path::new("a-eu"));
    }
}
