//! Plain tables that fit a width: the widest columns wrap.

/// The narrowest that a column is made (characters).
const LEAST: usize = 10;
/// Between columns.
const GAP: usize = 2;

/// Rows under headings; columns in `right` are aligned to the right.
pub fn table(headings: &[&str], rows: &[Vec<String>], right: &[usize], indent: usize, width: usize) -> String {
    let columns = headings.len();
    let mut widths: Vec<usize> = (0..columns)
        .map(|i| {
            let cells = rows.iter().filter_map(|row| row.get(i)).map(|cell| length(cell));
            cells.chain([length(headings[i])]).max().unwrap_or(0)
        })
        .collect();
    let room = width.saturating_sub(indent + GAP * columns.saturating_sub(1));
    // The widest gives way first, until all fit.
    while widths.iter().sum::<usize>() > room
        && let Some(widest) = widths.iter_mut().filter(|w| **w > LEAST).max()
    {
        *widest -= 1;
    }
    let mut out = line(&headings.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>(), &widths, right, indent);
    for row in rows {
        let cells: Vec<Vec<String>> = row.iter().zip(&widths).map(|(cell, width)| wrap(cell, *width)).collect();
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

/// `text` in lines of at most `width` characters, broken at spaces where there are any.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        loop {
            let current = lines.last_mut().expect("one at least");
            let used = length(current);
            let gap = usize::from(used > 0);
            if used + gap + length(word) <= width {
                if gap == 1 {
                    current.push(' ');
                }
                current.push_str(word);
                break;
            }
            if used == 0 {
                // A word longer than the line is cut.
                let cut = word.char_indices().nth(width).map_or(word.len(), |(at, _)| at);
                current.push_str(&word[..cut]);
                word = &word[cut..];
                if word.is_empty() {
                    break;
                }
            }
            lines.push(String::new());
        }
    }
    lines
}

/// A paragraph with a hanging indent: `first` before the first line.
pub fn paragraph(first: &str, text: &str, width: usize) -> String {
    let indent = length(first);
    let mut out = String::new();
    for (i, line) in wrap(text, width.saturating_sub(indent).max(20)).into_iter().enumerate() {
        let lead = if i == 0 { first.to_owned() } else { " ".repeat(indent) };
        out.push_str(format!("{lead}{line}").trim_end());
        out.push('\n');
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("a abcdefghij", 4), ["a", "abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
        let rows = vec![vec!["login".into(), "a long text that has to be wrapped somewhere".into(), "9".into()]];
        let text = table(&["NAME", "WHAT", "N"], &rows, &[2], 2, 40);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.lines().count() > 2, "{text}");
    }

    #[test]
    fn paragraphs_hang() {
        assert_eq!(paragraph("- ", "aaaa bbbb cccc dddd eeee", 24), "- aaaa bbbb cccc dddd\n  eeee\n");
    }
}
