//! Everything that is wrong with a configuration, as a person wants to read it.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use regex_lite::Regex;

use super::source::{Source, Sources};
use super::tree::{At, Node, Path};

/// The most mistakes that are shown.
const MAX_SHOWN: usize = 100;
/// The longest part of a source line that is shown (characters).
const MAX_LINE: usize = 110;

/// The longest source line that is searched for secrets (bytes).
const MAX_SEARCHED: usize = 4096;

/// One mistake.
#[derive(Clone, Debug)]
pub struct Mistake {
    at: Option<At>,
    path: Path,
    message: String,
    help: Vec<String>,
    mask: Option<At>,
}

impl Mistake {
    /// At a place of a file; `path` is the key's, empty for the document's own mistakes.
    pub fn at(at: At, path: Path, message: impl Into<String>) -> Self {
        Self { at: Some(at), path, message: message.into(), help: Vec::new(), mask: None }
    }

    /// At no place of a file: a file that cannot be read, a command's argument.
    pub fn general(message: impl Into<String>) -> Self {
        Self { at: None, path: Path::default(), message: message.into(), help: Vec::new(), mask: None }
    }

    /// What is allowed, or what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// What stands there may be a secret: it is shown nowhere.
    #[must_use]
    pub fn mask(mut self, at: At) -> Self {
        self.mask = Some(at);
        self
    }

    /// The key's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// All mistakes of a configuration, in order of position.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    mistakes: Vec<Mistake>,
    keys: Vec<String>,
    sources: Arc<Sources>,
}

impl std::error::Error for Diagnostics {}

impl Diagnostics {
    /// Of at least one mistake; `root` gives array elements their names.
    pub fn new(mut mistakes: Vec<Mistake>, sources: &Arc<Sources>, root: Option<&Node>) -> Self {
        mistakes.sort_by(|a, b| (a.at.is_some(), a.at, &a.path).cmp(&(b.at.is_some(), b.at, &b.path)));
        mistakes.dedup_by(|a, b| a.at == b.at && a.message == b.message);
        let keys = mistakes
            .iter()
            .map(|mistake| root.map_or_else(|| mistake.path.to_string(), |root| mistake.path.named(root)))
            .collect();
        Self { mistakes, keys, sources: sources.clone() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.mistakes.len()
    }

    /// One line each, for logs: `file:line:column: key: message`.
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for (mistake, key) in self.mistakes.iter().zip(&self.keys).take(MAX_SHOWN) {
            if !out.is_empty() {
                out.push('\n');
            }
            if let Some((source, place)) = self.place(mistake) {
                let _ = write!(out, "{}:{}:{}: ", source.name, place.line, place.column);
            }
            if !key.is_empty() {
                let _ = write!(out, "{key}: ");
            }
            out.push_str(&mistake.message);
        }
        out
    }

    /// As a compiler would show them, in colour if the reader is a terminal.
    pub fn render(&self, colour: bool) -> String {
        let paint = Paint(colour);
        let mut out = String::new();
        for (mistake, key) in self.mistakes.iter().zip(&self.keys).take(MAX_SHOWN) {
            self.render_one(&mut out, mistake, key, paint);
            out.push('\n');
        }
        let count = self.mistakes.len();
        let summary = match count {
            1 => "1 error".to_owned(),
            _ => format!("{count} errors"),
        };
        let rest = if count > MAX_SHOWN { format!(" (the first {MAX_SHOWN} are shown)") } else { String::new() };
        let _ =
            writeln!(out, "{}{}", paint.red("error"), paint.bold(&format!(": {summary} in the configuration{rest}")));
        out
    }

    fn render_one(&self, out: &mut String, mistake: &Mistake, key: &str, paint: Paint) {
        let _ = writeln!(out, "{}{}", paint.red("error"), paint.bold(&format!(": {}", mistake.message)));
        let place = self.place(mistake);
        let width = place.as_ref().map_or(0, |(_, place)| place.line.to_string().len());
        let bar = paint.blue("|");
        if let Some((source, place)) = &place {
            let arrow = paint.blue("-->");
            let _ = writeln!(out, "{:width$}{arrow} {}:{}:{}", "", source.name, place.line, place.column);
            let _ = writeln!(out, "{:width$} {bar}", "");
            let _ = writeln!(out, "{} {bar} {}", paint.blue(&place.line.to_string()), place.text.trim_end());
            let carets = "^".repeat(place.length.max(1));
            let _ = writeln!(out, "{:width$} {bar} {:indent$}{}", "", "", paint.red(&carets), indent = place.indent);
        }
        let notes = std::iter::once(("key", key)).filter(|(_, key)| !key.is_empty());
        for (label, note) in notes.chain(mistake.help.iter().map(|help| ("help", help.as_str()))) {
            let _ = writeln!(out, "{:width$} {} {label}: {note}", "", paint.blue("="));
        }
    }

    fn place(&self, mistake: &Mistake) -> Option<(&Source, Place)> {
        let at = mistake.at?;
        let source = self.sources.get(usize::from(at.file))?;
        let masks = self.mistakes.iter().filter_map(|m| m.mask).filter(|mask| mask.file == at.file);
        // A document that does not parse has no keys yet to tell secrets by.
        let unparsed = mistake.path.0.is_empty();
        Some((source, Place::new(&source.text, at, masks, unparsed)))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// A position as people count, and the line it is in, fit to be shown.
struct Place {
    line: usize,
    column: usize,
    text: String,
    indent: usize,
    length: usize,
}

impl Place {
    fn new(text: &str, at: At, masks: impl Iterator<Item = At>, unparsed: bool) -> Self {
        let start = floor(text, at.start as usize);
        let end = floor(text, at.end as usize).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line = &text[line_start..line_end];
        let mut hidden: Vec<(usize, usize)> =
            masks.map(|mask| (floor(text, mask.start as usize), floor(text, mask.end as usize))).collect();
        hidden.retain(|(from, to)| *from < line_end && *to > line_start);
        hidden.extend(bare_secrets(line, unparsed).into_iter().map(|(from, to)| (line_start + from, line_start + to)));
        let mut shown = Shown { text: String::new(), indent: 0, length: 0 };
        for (offset, c) in line.char_indices() {
            let position = line_start + offset;
            let hides = hidden.iter().find(|(from, to)| (*from..*to).contains(&position));
            // Of what is hidden one mark remains, at its beginning or at the line's.
            let c = match hides {
                Some((from, _)) if position == (*from).max(line_start) => '…',
                Some(_) => continue,
                None if c.is_control() => ' ',
                None => c,
            };
            shown.push(c, position < start, position < end.max(start + 1));
        }
        let column = 1 + text[line_start..start].chars().count();
        let line = 1 + text[..line_start].matches('\n').count();
        let Shown { text, indent, length } = shown.cut();
        Self { line, column, text, indent, length }
    }
}

/// A line in the making: its text, how much of it is before the caret, and how much is under it.
struct Shown {
    text: String,
    indent: usize,
    length: usize,
}

impl Shown {
    fn push(&mut self, c: char, before: bool, within: bool) {
        self.text.push(c);
        self.indent += usize::from(before);
        self.length += usize::from(!before && within);
    }

    /// At most [`MAX_LINE`] characters, the caret's place among them.
    fn cut(mut self) -> Self {
        let skip = if self.indent > MAX_LINE / 2 { self.indent - MAX_LINE / 4 } else { 0 };
        if skip > 0 || self.text.chars().count() > MAX_LINE {
            self.text = self.text.chars().skip(skip).take(MAX_LINE).collect();
            self.indent -= skip;
        }
        self.length = self.length.min(MAX_LINE.saturating_sub(self.indent));
        self
    }
}

/// User information in URLs; and, in a document that does not parse, what follows a key that looks like a secret's.
fn bare_secrets(line: &str, unparsed: bool) -> Vec<(usize, usize)> {
    const KEY: &str =
        r#"(?i)[\w-]*(?:pas+w\w*|pwd|secret|totp|token|authorization|cookie|api.?key|seed)["']?\s*=\s*(["'].*)$"#;
    const USER_INFORMATION: &str = r"://([^/\s@]*:[^/\s@]*@)";
    // Nobody writes such lines, and nobody reads them.
    if unparsed && line.len() > MAX_SEARCHED {
        return vec![(0, line.len())];
    }
    let find = |pattern: &str| {
        let value = Regex::new(pattern).ok()?.captures(line)?.get(1)?;
        Some((value.start(), value.end()))
    };
    let key = if unparsed { find(KEY) } else { None };
    [key, find(USER_INFORMATION)].into_iter().flatten().collect()
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }
    fn blue(self, text: &str) -> String {
        self.with("1;34", text)
    }
    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn shown(text: &str, needle: &str, mask: Option<&str>, path: &[&str]) -> String {
        let at = |needle: &str| {
            let start = text.find(needle).unwrap();
            At::new(0, start..start + needle.len())
        };
        let path = path.iter().fold(Path::default(), |path, key| path.join(*key));
        let mut mistake = Mistake::at(at(needle), path, "wrong").help("do better");
        if let Some(mask) = mask {
            mistake = mistake.mask(at(mask));
        }
        let source = Source { name: "a.toml".into(), path: None, base: PathBuf::new(), text: text.into() };
        Diagnostics::new(vec![mistake], &Arc::new(vec![source]), None).render(false)
    }

    #[test]
    fn columns_are_characters_and_lines_end_as_they_like() {
        let text = "# ünïcode\r\nname = \"Zürich\", x = 1\r\n";
        assert_eq!(
            shown(text, "x = 1", None, &["name"]),
            "error: wrong\n --> a.toml:2:18\n  |\n2 | name = \"Zürich\", x = 1\n  |                  ^^^^^\n  = key: name\n  \
             = help: do better\n\nerror: 1 error in the configuration\n"
        );
    }

    #[test]
    fn what_is_masked_shows_nowhere_and_the_caret_stays_right() {
        let text = "a = { password = \"hunter2\", usr = 1 }\n";
        let said = shown(text, "usr", Some("\"hunter2\""), &["a"]);
        assert!(said.contains("1 | a = { password = …, usr = 1 }\n  |                     ^^^\n"), "{said}");
        // Over several lines as well: of the part that is hidden nothing is left.
        let text = "a = \"\"\"\nhunter2 \"\"\"\nb = 1\n";
        let said = shown(text, "hunter2", Some("\"\"\"\nhunter2 \"\"\""), &["a"]);
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn lines_that_do_not_parse_hide_what_looks_like_a_secret() {
        for line in [
            "client_secret = \"hunter2",
            "\"bearer_token\"= 'hunter2'x",
            "Pasword=\"hunter2\" x",
            "proxy = \"http://user:hunter2@proxy\" x",
            &format!("{}totp = \"hunter2", " ".repeat(5000)),
        ] {
            let said = shown(line, line.trim_start(), None, &[]);
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert!(shown("token = \"acess\"", "\"acess\"", None, &["token"]).contains("token = \"acess\""));
    }

    #[test]
    fn colours_are_asked_for() {
        let mistake = Mistake::general("nothing there");
        let all = Diagnostics::new(vec![mistake], &Arc::default(), None);
        assert!(all.render(true).contains("\x1b[1;31merror\x1b[0m"));
        assert_eq!(all.to_string(), "error: nothing there\n\nerror: 1 error in the configuration\n");
        assert_eq!(all.plain(), "nothing there");
    }
}
