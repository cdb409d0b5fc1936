//! What the terminal can show: how wide, in colour or not, Unicode or ASCII; and text made fit for it.

use std::io::IsTerminal;

/// The narrowest width that is drawn for (columns).
pub const MIN_WIDTH: usize = 80;
/// The widest: longer lines are hard to follow.
const MAX_WIDTH: usize = 240;

/// Colours and weights, by what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it comes.
    Plain,
    /// Headings and names.
    Bold,
    /// What is beside the point.
    Dim,
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// Worth a look.
    Warn,
    /// Name resolution.
    Resolve,
    /// TCP.
    Connect,
    /// TLS.
    Tls,
    /// Waiting for the answer.
    Processing,
    /// Reading the answer.
    Transfer,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Resolve => "36",
            Self::Connect => "33",
            Self::Tls => "35",
            Self::Processing => "34",
            Self::Transfer => "32",
        }
    }
}

/// A terminal, or what stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Columns: 80 to 240.
    pub width: usize,
    /// Whether it shows colours.
    pub colour: bool,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
}

impl Terminal {
    /// Of standard output: its size, or `COLUMNS`, or 80; colours on a terminal only, and not against `NO_COLOR`;
    /// Unicode if the locale is UTF-8.
    pub fn stdout() -> Self {
        Self::of(std::io::stdout().is_terminal(), terminal_size::terminal_size())
    }

    /// The same of standard error.
    pub fn stderr() -> Self {
        let stderr = std::io::stderr();
        Self::of(stderr.is_terminal(), terminal_size::terminal_size_of(&stderr))
    }

    fn of(terminal: bool, size: Option<(terminal_size::Width, terminal_size::Height)>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let size = size.map(|(width, _)| usize::from(width.0));
        let columns = || variable("COLUMNS").and_then(|columns| columns.parse().ok());
        let colour = terminal && variable("NO_COLOR").is_none();
        Self {
            width: size.or_else(columns).unwrap_or(MIN_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH),
            colour: colour && variable("TERM").is_none_or(|term| term != "dumb"),
            unicode: is_utf8(["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name)).as_deref()),
        }
    }

    /// `text` in that style, where colours are shown.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.colour && style != Style::Plain && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", style.code())
        } else {
            text.to_owned()
        }
    }

    /// One of two spellings.
    pub const fn pick<T: Copy>(&self, unicode: T, ascii: T) -> T {
        if self.unicode { unicode } else { ascii }
    }

    /// Foreign text without what would drive the terminal or turn its direction around, and in ASCII if need be.
    pub fn clean(&self, text: &str) -> String {
        let fit = |c: char| match c {
            '…' if !self.unicode => "...".to_owned(),
            '§' if !self.unicode => "section ".to_owned(),
            c if c.is_whitespace() => " ".to_owned(),
            c if c.is_control() || unseen(c) || (!self.unicode && !c.is_ascii()) => "?".to_owned(),
            c => c.to_string(),
        };
        text.chars().map(fit).collect()
    }

    /// Cut to `width` columns, the cut marked.
    pub fn cut(&self, text: &str, width: usize) -> String {
        if text.chars().count() <= width {
            return text.to_owned();
        }
        let mark = self.pick("…", "~");
        text.chars().take(width.saturating_sub(1)).chain(mark.chars()).collect()
    }

    /// Broken into lines of at most `width` columns, between words where there are any.
    pub fn wrap(&self, text: &str, width: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let mut word: Vec<char> = word.chars().collect();
            let fits = lines.last().is_some_and(|line| line.chars().count() + 1 + word.len() <= width);
            if let Some(line) = lines.last_mut().filter(|_| fits) {
                line.push(' ');
                line.extend(word);
                continue;
            }
            while word.len() > width.max(1) {
                lines.push(word.drain(..width.max(1)).collect());
            }
            lines.push(word.into_iter().collect());
        }
        lines
    }
}

/// What is not seen itself and hides or turns around what is (Unicode's format characters, as far as they do), and what is
/// no character at all.
pub const fn unseen(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// How many columns a character may take: two for those that East Asian scripts and pictures mostly consist of (Unicode's
/// East Asian Width, in ranges), one for all others.
pub const fn columns(c: char) -> usize {
    match c as u32 {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x16fe0..=0x1b2ff | 0x1f000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Without any variable the locale is `C`: ASCII.
fn is_utf8(locale: Option<&str>) -> bool {
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Cleaned text of several lines without what CI systems take for a command when it is printed: a line that begins with
/// `::` (GitHub, spaces before it do not help), `##[…]` (GitHub, Azure) and `##vso[…]`, `##teamcity[…]` anywhere.
pub fn harmless(text: &str) -> String {
    let line = |line: &str| {
        let bare = line.trim_start();
        let line = match bare.strip_prefix("::") {
            // No longer than it was, where there is room before it.
            Some(rest) => format!("{}: :{rest}", &line[..(line.len() - bare.len()).saturating_sub(1)]),
            None => line.to_owned(),
        };
        line.replace("##[", "## [").replace("##vso[", "## vso[").replace("##teamcity[", "## teamcity[")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Terminal = Terminal { width: 80, colour: false, unicode: true };
    const ASCII: Terminal = Terminal { width: 80, colour: false, unicode: false };

    #[test]
    fn locales() {
        assert!(is_utf8(Some("de_CH.UTF-8")) && is_utf8(Some("C.utf8")));
        assert!(!is_utf8(Some("C")) && !is_utf8(None) && !is_utf8(Some("de_CH.ISO-8859-1")));
    }

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        assert_eq!(PLAIN.clean("a\x1b[31mb\nc\u{202e}d\u{9b}e…"), "a?[31mb c?d?e…");
        assert_eq!(ASCII.clean("Zürich… ✔"), "Z?rich... ?");
    }

    #[test]
    fn text_is_cut_and_wrapped() {
        assert_eq!((PLAIN.cut("abcdef", 6), PLAIN.cut("abcdefg", 6)), ("abcdef".into(), "abcde…".into()));
        assert_eq!(ASCII.cut("abcdefg", 6), "abcde~");
        assert_eq!(PLAIN.wrap("one two  three 12345678901234", 9), ["one two", "three", "123456789", "01234"]);
        assert_eq!(PLAIN.wrap("", 9), Vec::<String>::new());
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let width = |text: &str| text.chars().map(columns).sum::<usize>();
        assert_eq!(
            (width("login@eu ✔ ⠋ é…"), width("ログイン"), width("登录"), width("로그인"), width("🔑")),
            (15, 8, 4, 6, 2)
        );
    }

    #[test]
    fn colours_only_where_they_show() {
        assert_eq!(PLAIN.paint(Style::Bad, "x"), "x");
        assert_eq!(Terminal { colour: true, ..PLAIN }.paint(Style::Bad, "x"), "\x1b[31mx\x1b[0m");
    }

    /// actions/runner, ActionCommand.cs: `::` after any space, `##[` anywhere in the line.
    #[test]
    fn no_line_is_a_command_of_a_ci_system() {
        let said = "a ::b\n::error::x\n  ::stop-commands::y\n::::\n##[error]x and ##vso[task] ##teamcity[x]\n";
        let tame = "a ::b\n: :error::x\n : :stop-commands::y\n: :::\n## [error]x and ## vso[task] ## teamcity[x]\n";
        assert_eq!(harmless(said), tame);
        assert_eq!(harmless("nothing\nhere"), "nothing\nhere");
    }
}
