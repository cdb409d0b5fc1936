//! A TOML document with the position of everything in it: several files merged into one tree.

use std::fmt;

use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

/// How deep tables and arrays may nest.
const MAX_DEPTH: usize = 32;

/// Where something stands: a file of the configuration and a range of bytes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Index into the configuration's sources.
    pub file: u16,
    /// First byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl At {
    /// From a byte range of a file; files are bounded far below 4 GiB.
    pub fn new(file: u16, span: std::ops::Range<usize>) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: narrow(span.start), end: narrow(span.end) }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its position; of a `[table]`, its header's.
    pub at: At,
    /// What it is.
    pub value: Value,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string.
    String(String),
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// A boolean.
    Boolean(bool),
    /// A date, a time, or both.
    Datetime(Datetime),
    /// An array.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
}

/// A table, in order of position.
#[derive(Clone, Debug, Default)]
pub struct Table(pub Vec<Entry>);

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// Where the key stands.
    pub at: At,
    /// Its value.
    pub node: Node,
}

impl Table {
    /// The entry of that name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.node)
    }
}

impl Node {
    /// The table it is, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The string it is, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of the array it is; none if it is not one.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// The member of that name, if it is a table and has one.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.as_table()?.get(name)
    }

    /// What it is, in TOML's words, with an article.
    pub fn type_name(&self) -> &'static str {
        match &self.value {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date-time",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }

    /// The same without positions.
    pub fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::String(text) => toml::Value::String(text.clone()),
            Value::Integer(number) => toml::Value::Integer(*number),
            Value::Float(number) => toml::Value::Float(*number),
            Value::Boolean(truth) => toml::Value::Boolean(*truth),
            Value::Datetime(at) => toml::Value::Datetime(*at),
            Value::Array(items) => toml::Value::Array(items.iter().map(Self::to_toml).collect()),
            Value::Table(table) => {
                toml::Value::Table(table.0.iter().map(|e| (e.name.clone(), e.node.to_toml())).collect())
            }
        }
    }
}

/// A step down the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seg {
    /// Into a table.
    Key(String),
    /// Into an array.
    Index(usize),
}

impl From<&str> for Seg {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Seg {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The way to a value: `probe[2].every`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Seg>);

impl Path {
    /// One step further.
    #[must_use]
    pub fn join(&self, seg: impl Into<Seg>) -> Self {
        let mut path = self.clone();
        path.0.push(seg.into());
        path
    }

    /// Whether it leads through `other`.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The top-level table, or element of a top-level array, that it leads into.
    #[must_use]
    pub fn item(&self) -> Self {
        let depth = if matches!(self.0.get(1), Some(Seg::Index(_))) { 2 } else { 1 };
        Self(self.0.iter().take(depth).cloned().collect())
    }

    /// As a person would say it: array elements by their `name`, if they have one: `probe "login".every`.
    pub fn named(&self, root: &Node) -> String {
        let (mut out, mut node) = (String::new(), Some(root));
        for seg in &self.0 {
            match seg {
                Seg::Key(key) => {
                    if !out.is_empty() {
                        out.push('.');
                    }
                    let bare = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                    out.push_str(&if bare { key.clone() } else { format!("{key:?}") });
                    node = node.and_then(|n| n.get(key));
                }
                Seg::Index(index) => {
                    node = node.and_then(|n| n.items().get(*index));
                    match node.and_then(|n| n.get("name")).and_then(Node::as_str) {
                        Some(name) => out.push_str(&format!(" {name:?}")),
                        None => out.push_str(&format!("[{index}]")),
                    }
                }
            }
        }
        out
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, seg) in self.0.iter().enumerate() {
            match seg {
                Seg::Key(key) if i == 0 => write!(f, "{key}")?,
                Seg::Key(key) => write!(f, ".{key}")?,
                Seg::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A mistake of the document itself.
#[derive(Clone, Debug)]
pub struct SyntaxError {
    /// Where.
    pub at: At,
    /// What.
    pub message: String,
}

/// Parses `text`; finds as many mistakes as the parser can tell apart.
pub fn parse(file: u16, text: &str) -> Result<Node, Vec<SyntaxError>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<SyntaxError> = errors
        .into_iter()
        .map(|error| SyntaxError {
            at: At::new(file, error.span().unwrap_or(0..0)),
            message: error.message().trim().replace('\n', "; "),
        })
        .collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let span = document.span();
    let table = table(file, document.into_inner(), 0, &mut errors);
    if errors.is_empty() { Ok(Node { at: At::new(file, span), value: Value::Table(table) }) } else { Err(errors) }
}

fn table(file: u16, from: DeTable<'_>, depth: usize, errors: &mut Vec<SyntaxError>) -> Table {
    let mut entries: Vec<Entry> = from
        .into_iter()
        .map(|(key, value)| {
            let at = At::new(file, key.span());
            Entry { name: key.into_inner().into_owned(), at, node: node(file, value, depth + 1, errors) }
        })
        .collect();
    entries.sort_by_key(|entry| entry.at);
    Table(entries)
}

fn node(file: u16, from: toml::Spanned<DeValue<'_>>, depth: usize, errors: &mut Vec<SyntaxError>) -> Node {
    let at = At::new(file, from.span());
    let mut fail = |message: &str| {
        errors.push(SyntaxError { at, message: message.to_owned() });
        Value::Boolean(false)
    };
    let value = match from.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => fail("integer does not fit 64 bits"),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => fail("not a float"),
        },
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Datetime(datetime) => Value::Datetime(datetime),
        DeValue::Array(_) | DeValue::Table(_) if depth >= MAX_DEPTH => fail("nested too deep"),
        DeValue::Array(items) => {
            Value::Array(items.into_iter().map(|item| node(file, item, depth + 1, errors)).collect())
        }
        DeValue::Table(members) => Value::Table(table(file, members, depth, errors)),
    };
    Node { at, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_names() {
        let text = "[server]\nlisten = \"a\"\n[[probe]]\nname = \"login\"\nevery = 1\n[[probe]]\n";
        let root = parse(0, text).unwrap();
        let listen = root.get("server").unwrap().get("listen").unwrap();
        assert_eq!(&text[listen.at.start as usize..listen.at.end as usize], "\"a\"");
        let path = Path::default().join("probe").join(0).join("every");
        assert_eq!(
            (path.to_string().as_str(), path.named(&root).as_str()),
            ("probe[0].every", "probe \"login\".every")
        );
        let path = Path::default().join("probe").join(1);
        assert_eq!(path.named(&root), "probe[1]");
        let header = root.get("probe").unwrap().items()[1].at;
        assert_eq!(&text[header.start as usize..header.end as usize], "[[probe]]");
    }

    #[test]
    fn several_mistakes_at_once_and_bounds() {
        assert_eq!(parse(0, "a = \nb = 1\nc = [1,\nd = tru\n").unwrap_err().len().min(2), 2);
        assert_eq!(parse(0, "a = 99999999999999999999").unwrap_err()[0].message, "integer does not fit 64 bits");
        let deep = format!("{}a = 1", "a.".repeat(1000));
        assert!(parse(0, &deep).is_err());
        let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(0, &deep).is_err());
    }
}
