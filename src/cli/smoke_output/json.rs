//! The report for programs: one line of JSON after `docs/smoke.schema.json`.

use crate::smoke::report::Report;
use crate::terminal::unseen;

/// The document, with its end of line. What would drive a terminal or turn text around is escaped, and so is what CI systems
/// take for commands: readers of JSON see the same text.
pub fn json(report: &Report) -> String {
    let text = serde_json::to_string(report).expect("a report is made of strings and numbers");
    let mut out = String::with_capacity(text.len() + 1);
    // Outside strings JSON is plain ASCII, and knows no `#`.
    for c in text.chars() {
        match c {
            '[' if ["##", "##vso", "##teamcity"].iter().any(|command| out.ends_with(command)) => {
                out.push_str("\\u005b");
            }
            c if c.is_control() || unseen(c) || matches!(c, '\u{2028}' | '\u{2029}') => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}
