//! The files of a configuration: the main one, and those it includes.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use super::diagnostics::{Diagnostics, Mistake};
use super::glob;
use super::tree::{self, At, Entry, Node, Path, Table, Value};

/// Where a configuration is looked for when none is named.
pub const DEFAULT_PATHS: [&str; 2] = ["authprobe.toml", "/etc/authprobe/authprobe.toml"];
/// The largest file that is read (bytes).
pub const MAX_FILE: u64 = 1024 * 1024;
/// The most files of a configuration.
pub const MAX_FILES: usize = 100;

/// One file.
#[derive(Debug)]
pub struct Source {
    /// As messages name it.
    pub name: String,
    /// Where it was read from; `None`: built in.
    pub path: Option<PathBuf>,
    /// The folder that paths in it are relative to.
    pub base: PathBuf,
    /// What it holds.
    pub text: String,
}

/// All files, in the order they were read.
pub type Sources = Vec<Source>;

/// A configuration that was read and parsed, not yet judged.
#[derive(Debug)]
pub struct Loaded {
    /// All files merged.
    pub root: Node,
    /// The files.
    pub sources: Arc<Sources>,
}

impl Loaded {
    /// The files that were read: a change of any of them asks for a reload.
    pub fn files(&self) -> Vec<PathBuf> {
        self.sources.iter().filter_map(|source| source.path.clone()).collect()
    }

    /// The folder that paths in the file of `at` are relative to.
    pub fn base(&self, at: At) -> &FilePath {
        self.sources.get(usize::from(at.file)).map_or(FilePath::new(""), |source| &source.base)
    }
}

/// Reads the configuration at `path`, or where one is by default, and everything it includes. Errors are those of the
/// files and of TOML's syntax only.
pub fn load(path: Option<&FilePath>) -> Result<Loaded, Diagnostics> {
    let found = match path {
        Some(path) => path.to_owned(),
        None => match DEFAULT_PATHS.iter().map(PathBuf::from).find(|path| path.exists()) {
            Some(path) => path,
            None => {
                let [here, system] = DEFAULT_PATHS;
                let mistake = Mistake::general(format!("no configuration: neither ./{here} nor {system} exists"))
                    .help("name one with --config FILE, or let `authprobe init --issuer URL` write one");
                return Err(Diagnostics::new(vec![mistake], &Arc::default(), None));
            }
        },
    };
    match read(&found) {
        Ok(text) => merge(Source {
            name: found.display().to_string(),
            base: found.parent().unwrap_or(FilePath::new("")).to_owned(),
            path: Some(found),
            text,
        }),
        Err(why) => {
            let mistake = Mistake::general(format!("cannot read {}: {why}", found.display()));
            Err(Diagnostics::new(vec![mistake], &Arc::default(), None))
        }
    }
}

/// A configuration that is not in a file: `name` stands for it in messages, its paths are relative to `base`.
pub fn from_str(name: &str, text: &str, base: &FilePath) -> Result<Loaded, Diagnostics> {
    merge(Source { name: name.to_owned(), path: None, base: base.to_owned(), text: text.to_owned() })
}

fn read(path: &FilePath) -> Result<String, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    if file.metadata().map_err(|e| e.to_string())?.is_dir() {
        return Err("it is a folder".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("larger than {MAX_FILE} bytes"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        format!("not UTF-8 (line {line}, byte {good} of the file)")
    })
}

/// Parses the main file, then what it includes, into one tree.
fn merge(main: Source) -> Result<Loaded, Diagnostics> {
    let mut reader = Reader { sources: vec![main], mistakes: Vec::new() };
    let root = reader.parse(0);
    let Some(mut root) = root else {
        return Err(reader.failed(None));
    };
    for (path, at, key) in reader.included(&root) {
        if reader.sources.len() >= MAX_FILES {
            reader.mistakes.push(Mistake::at(at, key, format!("more than {MAX_FILES} files")));
            break;
        }
        let text = match read(&path) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("cannot read {}: {why}", path.display());
                reader.mistakes.push(Mistake::at(at, key, message));
                continue;
            }
        };
        let base = path.parent().unwrap_or(FilePath::new("")).to_owned();
        reader.sources.push(Source { name: path.display().to_string(), base, path: Some(path), text });
        // The count is bounded above.
        let file = u16::try_from(reader.sources.len() - 1).unwrap_or(u16::MAX);
        if let Some(part) = reader.parse(file) {
            reader.add(&mut root, part);
        }
    }
    if reader.mistakes.is_empty() {
        Ok(Loaded { root, sources: Arc::new(reader.sources) })
    } else {
        Err(reader.failed(Some(&root)))
    }
}

struct Reader {
    sources: Sources,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn parse(&mut self, file: u16) -> Option<Node> {
        match tree::parse(file, &self.sources[usize::from(file)].text) {
            Ok(root) => Some(root),
            Err(errors) => {
                self.mistakes.extend(errors.into_iter().map(|e| Mistake::at(e.at, Path::default(), e.message)));
                None
            }
        }
    }

    /// The files that `include` names, each once, never the main file.
    fn included(&mut self, root: &Node) -> Vec<(PathBuf, At, Path)> {
        let path = Path::default().join("include");
        let identity = |path: &FilePath| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut seen: HashSet<PathBuf> = self.sources[0].path.iter().map(|path| identity(path)).collect();
        let mut found = Vec::new();
        for (i, item) in root.get("include").map_or(&[][..], Node::items).iter().enumerate() {
            let Some(pattern) = item.as_str() else { continue };
            match glob::expand(&self.sources[0].base, pattern) {
                Ok(files) if files.is_empty() => {
                    let message = format!("{pattern:?} matches no file");
                    let base = self.sources[0].base.join("");
                    let mistake = Mistake::at(item.at, path.join(i), message);
                    self.mistakes.push(mistake.help(format!("it is relative to {:?}", base.display().to_string())));
                }
                Ok(files) => {
                    found.extend(
                        files.into_iter().filter(|f| seen.insert(identity(f))).map(|f| (f, item.at, path.join(i))),
                    );
                }
                Err(why) => self.mistakes.push(Mistake::at(item.at, path.join(i), why)),
            }
        }
        found
    }

    /// Arrays go together; everything else may be set once only.
    fn add(&mut self, root: &mut Node, part: Node) {
        let (Value::Table(Table(entries)), Value::Table(Table(part))) = (&mut root.value, part.value) else { return };
        for Entry { name, at, node } in part {
            let path = Path::default().join(name.as_str());
            if name == "include" {
                self.mistakes.push(Mistake::at(at, path, "only the main file may include others"));
                continue;
            }
            let Some(known) = entries.iter_mut().find(|entry| entry.name == name) else {
                entries.push(Entry { name, at, node });
                continue;
            };
            match (&mut known.node.value, node.value) {
                (Value::Array(items), Value::Array(more)) => items.extend(more),
                _ => {
                    let first = &self.sources[usize::from(known.at.file)].name;
                    let message = format!("`{name}` is set already, in {first}");
                    self.mistakes.push(
                        Mistake::at(at, path, message).help("only [[arrays of tables]] may be spread over files"),
                    );
                }
            }
        }
    }

    fn failed(self, root: Option<&Node>) -> Diagnostics {
        Diagnostics::new(self.mistakes, &Arc::new(self.sources), root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let errors = load(Some(FilePath::new("does/not/exist.toml"))).unwrap_err().plain();
        assert!(errors.starts_with("cannot read does/not/exist.toml: No such file"), "{errors}");
        let errors = load(Some(FilePath::new("src"))).unwrap_err().plain();
        assert_eq!(errors, "cannot read src: it is a folder");
    }
}
