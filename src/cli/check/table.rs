//! Plain tables that fit the terminal: the widest columns wrap.

use crate::terminal::Terminal;

/// The narrowest that a column is made (characters).
const LEAST: usize = 10;
/// Between columns.
const GAP: usize = 2;

/// Rows under headings; columns in `right` are aligned to the right.
pub fn table(terminal: &Terminal, headings: &[&str], rows: &[Vec<String>], right: &[usize], indent: usize) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| terminal.clean(cell)).collect()).collect();
    let columns = headings.len();
    let mut widths: Vec<usize> = (0..columns)
        .map(|i| {
            let cells = rows.iter().filter_map(|row| row.get(i)).map(|cell| length(cell));
            cells.chain([length(headings[i])]).max().unwrap_or(0)
        })
        .collect();
    let room = terminal.width.saturating_sub(indent + GAP * columns.saturating_sub(1));
    // The widest gives way first, until all fit.
    while widths.iter().sum::<usize>() > room
        && let Some(widest) = widths.iter_mut().filter(|w| **w > LEAST).max()
    {
        *widest -= 1;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Terminal = Terminal { width: 40, colour: false, unicode: true };

    #[test]
    fn tables_fit() {
        let rows = vec![vec!["login".into(), "a long text that has to be wrapped somewhere".into(), "9".into()]];
        let text = table(&NARROW, &["NAME", "WHAT", "N"], &rows, &[2], 2);
        assert_eq!(
            text,
            "  NAME   WHAT                          N\n  login  a long text that has to be    9\n         wrapped somewhere\n"
        );
    }

    #[test]
    fn paragraphs_hang() {
        let text = paragraph(&NARROW, "- ", "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii");
        assert_eq!(text, "- aaaa bbbb cccc dddd eeee ffff gggg\n  hhhh iiii\n");
    }
}
