//! File patterns of `include`: `*` and `?` within one part of a path.

use std::path::{Component, Path, PathBuf};

/// The most folder entries that are looked at.
const MAX_ENTRIES: usize = 10_000;

/// The existing files that `pattern`, relative to `base`, stands for, sorted. A pattern without wildcards stands for
/// itself, whether it exists or not: whoever opens it will say.
pub fn expand(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    if pattern.contains("**") {
        return Err("`**` is not supported: name the folders".to_owned());
    }
    if !has_wildcard(pattern) {
        return Ok(vec![base.join(pattern)]);
    }
    let mut found = vec![base.to_owned()];
    for part in Path::new(pattern).components() {
        found = match part {
            Component::Normal(part) if part.to_str().is_some_and(has_wildcard) => {
                let part = part.to_str().unwrap_or_default();
                let mut next = Vec::new();
                for folder in &found {
                    next.extend(entries(folder, part)?);
                }
                next
            }
            other => found.iter().map(|path| path.join(other)).collect(),
        };
    }
    found.retain(|path| path.is_file());
    found.sort();
    Ok(found)
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn entries(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let listing = match std::fs::read_dir(here) {
        Ok(listing) => listing,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(format!("cannot list {}: {e}", here.display())),
    };
    let mut found = Vec::new();
    for entry in listing.take(MAX_ENTRIES) {
        let entry = entry.map_err(|e| format!("cannot list {}: {e}", here.display()))?;
        let name = entry.file_name();
        // As in a shell, a wildcard does not stand for the dot of a hidden file.
        if let Some(name) = name.to_str()
            && !name.starts_with('.')
            && matches(pattern, name)
        {
            found.push(folder.join(name));
        }
    }
    Ok(found)
}

/// Whether `text` fits `pattern`, whole: `*` is any run of characters, `?` any one.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                // The last star takes one more.
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*.toml", "a.toml", true),
            ("*.toml", "a.tom", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("login", "login", true),
            ("login", "logins", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn files() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(expand(root, "src/m?in.rs").unwrap(), [root.join("src/main.rs")]);
        assert_eq!(expand(root, "s*c/main.rs").unwrap(), [root.join("src/main.rs")]);
        assert_eq!(expand(root, "src/*.none").unwrap(), [] as [PathBuf; 0]);
        assert_eq!(expand(root, "none/*.toml").unwrap(), [] as [PathBuf; 0]);
        assert_eq!(expand(root, "none.toml").unwrap(), [root.join("none.toml")]);
        assert!(expand(root, "**/x").is_err());
    }
}
