//! Foreign text in GitHub's Markdown. Nothing in it can become a link, an image, HTML, a mention or a reference: it stands in
//! code, where GitHub looks for none of them.

use crate::terminal::Terminal;

/// How text is cleaned.
const TERMINAL: Terminal = Terminal { width: 120, colour: false, unicode: true };

/// As a code span, also in a cell of a table. Nothing of nothing.
pub fn code(text: &str) -> String {
    let text = TERMINAL.clean(text);
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(text) + 1);
    // A cell's end is looked for before code is: `\|` is a bar there. Outside of tables it would stay as it is written.
    let text = text.replace('|', "¦");
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Lines as a block of code.
pub fn block(lines: &str) -> String {
    let lines: Vec<_> = lines.lines().map(|line| TERMINAL.clean(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

/// Inside of HTML, as code.
pub fn html_code(text: &str) -> String {
    let mut out = String::from("<code>");
    for c in TERMINAL.clean(text).trim().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out + "</code>"
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CommonMark 6.1: a code span ends at the next run of as many backticks, and one space at either end is stripped.
    #[test]
    fn code_holds_whatever_it_is_given() {
        assert_eq!(code("login@eu"), "`login@eu`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("``x``"), "``` ``x`` ```");
        assert_eq!(code(" \n "), "");
        assert_eq!(code("a|b\n| c"), "`a¦b ¦ c`");
        assert_eq!(code("\u{1b}[31m\u{202e}x"), "`?[31m?x`");
    }

    #[test]
    fn a_block_cannot_be_left() {
        assert_eq!(block("a\nb\n"), "```text\na\nb\n```\n");
        assert_eq!(block("````\n<img>"), "`````text\n````\n<img>\n`````\n");
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(html_code("<b>&\"'"), "<code>&lt;b&gt;&amp;&quot;&#39;</code>");
    }
}
