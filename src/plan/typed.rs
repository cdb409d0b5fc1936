//! From the tree to typed tables, as far as they are without mistakes: what is wrong is left out, the rest is read on.

use std::collections::HashMap;

use serde::de::DeserializeOwned;

use super::desk::Desk;
use crate::config::source::Loaded;
use crate::config::tree::{At, Node, Path, Seg, Value};
use crate::config::{Mistake, glob, nearest};

/// What is on record as wrong, found again by where it is: there may be thousands of each.
#[derive(Default)]
pub struct Mistakes {
    all: Vec<Mistake>,
    by_item: HashMap<Path, Vec<usize>>,
}

impl Mistakes {
    /// Puts one on record.
    pub fn push(&mut self, mistake: Mistake) {
        self.by_item.entry(mistake.path().item()).or_default().push(self.all.len());
        self.all.push(mistake);
    }

    /// Those at `path` or below.
    pub fn under<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Mistake> {
        let found = self.by_item.get(&path.item()).map_or(&[][..], Vec::as_slice);
        found.iter().filter_map(|i| self.all.get(*i)).filter(|mistake| mistake.path().starts_with(path))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All, in no order.
    pub fn into_all(self) -> Vec<Mistake> {
        self.all
    }
}

impl From<Vec<Mistake>> for Mistakes {
    fn from(all: Vec<Mistake>) -> Self {
        let mut mistakes = Self::default();
        all.into_iter().for_each(|mistake| mistakes.push(mistake));
        mistakes
    }
}

/// One table of the configuration.
pub struct Item<'a, T> {
    /// As written.
    pub node: &'a Node,
    /// The way to it.
    pub path: Path,
    /// As read; `None` if not even its good parts make one.
    pub value: Option<T>,
}

impl<T> Item<'_, T> {
    /// Its name, as written.
    pub fn name(&self) -> Option<&str> {
        self.node.get("name").and_then(Node::as_str)
    }

    /// A mistake at the value of `key` (`tls.cert` for deeper ones), or at the innermost table that is there.
    pub fn mistake(&self, key: &str, message: impl Into<String>) -> Mistake {
        let (at, path) = self.find(key);
        Mistake::at(at, path, message)
    }

    /// The same at the member `name` of the table `key`, whatever characters the name has.
    pub fn mistake_in(&self, key: &str, name: &str, message: impl Into<String>) -> Mistake {
        let at = self.node.get(key).and_then(|table| table.get(name)).map_or(self.node.at, |node| node.at);
        Mistake::at(at, self.path.join(key).join(name), message)
    }

    /// The same where that member's key stands.
    pub fn mistake_at_key(&self, key: &str, name: &str, message: impl Into<String>) -> Mistake {
        let entry = self.node.get(key).and_then(Node::as_table).and_then(|table| table.entry(name));
        Mistake::at(entry.map_or(self.node.at, |entry| entry.at), self.path.join(key).join(name), message)
    }

    /// Whether there is a key that was meant to be `key`: it is on record as unknown, so `key` is not missed as well.
    pub fn misspells(&self, key: &str, known: &[&str]) -> bool {
        let keys = self.node.as_table().map_or(&[][..], |table| &table.0);
        keys.iter().any(|entry| {
            !known.contains(&&*entry.name) && nearest::nearest(&entry.name, known.iter().copied()) == Some(key)
        })
    }

    /// Where the value of `key` stands, or the innermost table that is there.
    pub fn at(&self, key: &str) -> At {
        self.find(key).0
    }

    fn find(&self, key: &str) -> (At, Path) {
        let (mut node, mut path) = (self.node, self.path.clone());
        for part in key.split('.').filter(|part| !part.is_empty()) {
            let (next, seg) = match (node.get(part), part.parse::<usize>()) {
                (None, Ok(index)) if !node.items().is_empty() => (node.items().get(index), Seg::Index(index)),
                (next, _) => (next, Seg::Key(part.to_owned())),
            };
            path = path.join(seg);
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        (node.at, path)
    }
}

/// The elements of `[[name]]`, or the one table `[name]`.
pub fn items<'a, T: DeserializeOwned>(loaded: &'a Loaded, name: &str, mistakes: &mut Mistakes) -> Vec<Item<'a, T>> {
    let path = Path::default().join(name);
    let nodes: Vec<(&Node, Path)> = match loaded.root.get(name) {
        Some(node) if node.as_table().is_some() => vec![(node, path)],
        Some(node) => node.items().iter().enumerate().map(|(i, item)| (item, path.join(i))).collect(),
        None => Vec::new(),
    };
    nodes
        .into_iter()
        .map(|(node, path)| {
            let value = read(node, &path, mistakes);
            Item { node, path, value }
        })
        .collect()
}

/// Reads what is not on record as wrong; puts on record what turns out to be.
fn read<T: DeserializeOwned>(node: &Node, path: &Path, mistakes: &mut Mistakes) -> Option<T> {
    let mut good = node.clone();
    let depth = path.0.len();
    let mut broken = false;
    for mistake in mistakes.under(path) {
        broken = true;
        if let Some(Seg::Key(key)) = mistake.path().0.get(depth) {
            prune(&mut good, key);
        }
    }
    // Each round leaves out one key more.
    loop {
        let error = match T::deserialize(&good) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let whole = Path(path.0.iter().chain(&error.path.0).cloned().collect());
        match error.path.0.first() {
            Some(Seg::Key(key)) if good.get(key).is_some() => {
                mistakes.push(Mistake::at(error.at.unwrap_or(node.at), whole, error.message));
                broken = true;
                prune(&mut good, key);
            }
            _ => {
                if !broken {
                    mistakes.push(Mistake::at(node.at, whole, error.message));
                }
                return None;
            }
        }
    }
}

fn prune(node: &mut Node, key: &str) {
    if let Value::Table(table) = &mut node.value {
        table.0.retain(|entry| entry.name != key);
    }
}

/// The names of all elements, broken ones included: what refers to them is right.
pub fn names<'a, T>(items: &'a [Item<'a, T>]) -> Vec<&'a str> {
    items.iter().filter_map(Item::name).collect()
}

/// Says that a name is given twice.
pub fn unique<T>(what: &str, items: &[Item<'_, T>], mistakes: &mut Mistakes) {
    let mut seen = std::collections::HashSet::new();
    for item in items {
        if let Some(name) = item.name()
            && !seen.insert(name)
        {
            mistakes.push(item.mistake("name", format!("there is another {what} `{name}` already")));
        }
    }
}

/// Puts the nearest name and all known ones beside a reference that leads nowhere.
pub fn unknown(mistake: impl FnOnce(String) -> Mistake, what: &str, name: &str, known: &[&str]) -> Mistake {
    let mut message = format!("unknown {what} `{name}`");
    if let Some(near) = nearest::nearest(name, known.iter().copied()) {
        message.push_str(&format!(": did you mean `{near}`?"));
    }
    let help = match known {
        [] => format!("no [[{what}]] is configured"),
        _ if known.len() > 30 => format!("{} are configured", known.len()),
        _ => format!("configured: {}", nearest::listed(known.iter().copied())),
    };
    mistake(message).help(help)
}

/// Those of `names` that the patterns in `probes` name; each must name one.
pub fn matching<T>(desk: &mut Desk<'_>, item: &Item<'_, T>, patterns: &[String], names: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (i, pattern) in patterns.iter().enumerate() {
        let mut any = false;
        for name in names.iter().filter(|name| glob::matches(pattern, name)) {
            any = true;
            if !found.contains(name) {
                found.push(name.clone());
            }
        }
        if !any {
            let mistake = |message: String| item.mistake(&format!("probes.{i}"), message);
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            desk.wrong(unknown(mistake, "probe", pattern, &known));
        }
    }
    found
}
