//! Plain tables that fit the terminal: the widest columns wrap, between words as long as that is enough.

use crate::terminal::Terminal;

/// The narrowest that a column is made (characters).
const LEAST: usize = 10;
/// Between columns.
const GAP: usize = 2;

/// Columns (by index) that are not like the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns<'a> {
    /// Aligned to the right.
    pub right: &'a [usize],
    /// Never broken inside a word, even if the table is then wider than the terminal: names to be copied.
    pub whole: &'a [usize],
}

/// Rows under headings.
pub fn table(
    terminal: &Terminal,
    headings: &[&str],
    rows: &[Vec<String>],
    special: Columns<'_>,
    indent: usize,
) -> String {
    let Columns { right, whole } = special;
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| terminal.clean(cell)).collect()).collect();
    let columns = headings.len();
    let widest = |i: usize, measure: fn(&str) -> usize| {
        let cells = rows.iter().filter_map(|row| row.get(i)).map(|cell| measure(cell));
        cells.chain([measure(headings[i])]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns).map(|i| widest(i, length)).collect();
    let words: Vec<usize> = (0..columns).map(|i| widest(i, longest_word).max(LEAST)).collect();
    let least: Vec<usize> = (0..columns).map(|i| if whole.contains(&i) { words[i] } else { LEAST }).collect();
    let room = terminal.width.saturating_sub(indent + GAP * columns.saturating_sub(1));
    // Between words first, inside them only if that is not enough.
    narrow(&mut widths, &words, room);
    narrow(&mut widths, &least, room);
    let mut out = line(&headings.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>(), &widths, right, indent);
    for row in &rows {
        let cells: Vec<Vec<String>> =
            row.iter().zip(&widths).map(|(cell, width)| terminal.wrap(cell, *width)).collect();
        for i in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let parts: Vec<String> = cells.iter().map(|cell| cell.get(i).cloned().unwrap_or_default()).collect();
            out.push_str(&line(&parts, &widths, right, indent));
        }
    }
    out
}

/// The widest gives way first, until all fit or none can give way.
fn narrow(widths: &mut [usize], least: &[usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        let wide = widths.iter_mut().zip(least).filter(|(width, least)| **width > **least);
        let Some((widest, _)) = wide.max_by_key(|(width, _)| **width) else { return };
        *widest -= 1;
    }
}

fn line(cells: &[String], widths: &[usize], right: &[usize], indent: usize) -> String {
    let mut out = " ".repeat(indent);
    for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let fill = " ".repeat(width.saturating_sub(length(cell)));
        if right.contains(&i) {
            out.push_str(&fill);
            out.push_str(cell);
        } else {
            out.push_str(cell);
            out.push_str(&fill);
        }
        out.push_str(&" ".repeat(GAP));
    }
    format!("{}\n", out.trim_end())
}

/// A paragraph with a hanging indent: `first` before the first line.
pub fn paragraph(terminal: &Terminal, first: &str, text: &str) -> String {
    let indent = length(first);
    let mut out = String::new();
    for (i, line) in
        terminal.wrap(&terminal.clean(text), terminal.width.saturating_sub(indent).max(20)).iter().enumerate()
    {
        let lead = if i == 0 { first.to_owned() } else { " ".repeat(indent) };
        out.push_str(&format!("{lead}{line}\n"));
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn longest_word(text: &str) -> usize {
    text.split_whitespace().map(length).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Terminal = Terminal { width: 40, colour: false, unicode: true };

    #[test]
    fn tables_fit() {
        let rows = vec![vec!["login".into(), "a long text that has to be wrapped somewhere".into(), "9".into()]];
        let text = table(&NARROW, &["NAME", "WHAT", "N"], &rows, Columns { right: &[2], ..Columns::default() }, 2);
        assert_eq!(
            text,
            "  NAME   WHAT                          N\n  login  a long text that has to be    9\n         wrapped somewhere\n"
        );
    }

    #[test]
    fn names_to_be_copied_stay_whole() {
        let rows = vec![vec!["https://login.example.com/".into(), "env AUTHPROBE_SECRET".into()]];
        let columns = Columns { whole: &[1], ..Columns::default() };
        let text = table(&NARROW, &["URL", "SECRET"], &rows, columns, 2);
        // The other column breaks before it.
        assert_eq!(
            text,
            "  URL                   SECRET\n  https://login.exampl  env\n  e.com/                AUTHPROBE_SECRET\n"
        );
        let narrower = Terminal { width: 20, ..NARROW };
        let text = table(&narrower, &["URL", "SECRET"], &rows, columns, 2);
        assert!(text.lines().any(|line| line.ends_with(" AUTHPROBE_SECRET")), "{text}");
    }

    #[test]
    fn paragraphs_hang() {
        let text = paragraph(&NARROW, "- ", "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii");
        assert_eq!(text, "- aaaa bbbb cccc dddd eeee ffff gggg\n  hhhh iiii\n");
    }
}
