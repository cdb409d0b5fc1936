//! Foreign text stays text in every form.

use authprobe::cli::smoke_output::{Format, document, github, human, json, junit};
use authprobe::smoke::report::Report;
use authprobe::terminal::Terminal;

use super::reports::{HOSTILE, hostile, many};

fn human_of(report: &Report, colour: bool) -> String {
    human(report, &Terminal { width: 100, colour, unicode: true })
}

/// What a terminal or a CI system may be given: nothing that drives, hides or turns around.
fn is_tame(name: &str, text: &str) {
    for line in text.lines() {
        let odd = |c: char| c.is_control() || authprobe::terminal::unseen(c) || c == '\u{2028}';
        assert!(!line.contains(odd), "{name}: {line:?}");
        assert!(!line.trim_start().starts_with("::"), "{name}: a command of GitHub's: {line}");
        assert!(!line.contains("##[") && !line.contains("##vso["), "{name}: a command of a CI system: {line}");
    }
}

#[test]
fn no_form_drives_a_terminal_or_a_ci_system() {
    let report = hostile();
    is_tame("human", &human_of(&report, false));
    is_tame("json", &json(&report));
    is_tame("junit", &junit(&report));
    is_tame("summary", &github(&report).summary);
    for format in Format::ALL {
        is_tame(format.as_str(), &document(format, &report));
    }
}

/// JSON loses nothing by it.
#[test]
fn json_reads_back_as_it_was() {
    let text = json(&hostile());
    assert_eq!(text.lines().count(), 1);
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["reason"], HOSTILE);
    assert_eq!(read["checks"][0]["fault"]["detail"], HOSTILE);
    assert_eq!(read["checks"][0]["labels"][HOSTILE], HOSTILE);
    let unescaped = serde_json::to_string(&hostile()).unwrap();
    assert!(read == serde_json::from_str::<serde_json::Value>(&unescaped).unwrap());
}

/// Taken apart as actions/runner does it (ActionCommand.cs): the only commands are ours, and every one comes back whole.
#[test]
fn every_annotation_is_one_command_with_one_title() {
    for report in [hostile(), many()] {
        let annotations = github(&report).annotations;
        assert!(!annotations.is_empty());
        for line in annotations.lines() {
            let line = line.strip_prefix("::").unwrap_or_else(|| panic!("{line}"));
            let (command, data) = line.split_once("::").unwrap();
            let (name, properties) = command.split_once(' ').unwrap();
            assert!(["error", "warning", "notice"].contains(&name), "{name}");
            let properties: Vec<_> = properties.split(',').collect();
            assert!(matches!(properties[..], [title] if title.starts_with("title=authprobe")), "{properties:?}");
            is_tame("title", &unescaped(properties[0]).replace("::", ""));
            let read = unescaped(data);
            assert!(!read.contains(['\u{1b}', '\r', '\u{202e}', '\0']), "{read:?}");
            // What looks like an escape in foreign text is not one.
            assert!(!read.contains("%0A::stop") || data.contains("%250A::stop"), "{data}");
        }
    }
}

fn unescaped(text: &str) -> String {
    let text = text.replace("%3A", ":").replace("%2C", ",");
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

/// Everything foreign stands in code: what is left of the Markdown without code spans, code blocks and `<code>` is ours.
#[test]
fn markdown_has_no_foreign_word_outside_of_code() {
    let summary = github(&hostile()).summary;
    let left = without_code(&summary);
    for word in ["evil.example", "octocat", "onerror", "img", "stop-commands", "txt.exe", "##", "amp;", "\u{ff}"] {
        let ours = word == "##" && left.starts_with("## ");
        assert!(
            !left.trim_start_matches("## ").contains(word) || ours && !left[3..].contains(word),
            "{word} in:\n{left}"
        );
    }
    for tag in left.split('<').skip(1).map(|rest| rest.split(['>', ' ']).next().unwrap()) {
        assert!(["details", "/details", "summary", "/summary"].contains(&tag), "<{tag}> in:\n{left}");
    }
    // Every row of the table has its six cells.
    for row in left.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(row.matches('|').count(), 7, "{row}");
    }
}

/// CommonMark: fenced blocks line by line, then code spans, which end at as many backticks as they began with.
fn without_code(markdown: &str) -> String {
    let mut outside = String::new();
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && line.trim() == ticks => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 && !line[ticks.len()..].contains('`') => fence = Some(ticks),
            None => outside.push_str(&format!("{}\n", without_spans(line))),
        }
    }
    assert_eq!(fence, None, "a block was not closed");
    outside
}

fn without_spans(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let ticks: String = rest[at..].chars().take_while(|c| *c == '`').collect();
        let after = &rest[at + ticks.len()..];
        let end = after.match_indices('`').map(|(at, _)| at).find(|at| {
            let run = after[*at..].chars().take_while(|c| *c == '`').count();
            run == ticks.len() && (*at == 0 || !after[..*at].ends_with('`'))
        });
        rest = &after[end.unwrap_or_else(|| panic!("a span without end: {line}")) + ticks.len()..];
    }
    out.push_str(rest);
    while let (Some(begin), Some(end)) = (out.find("<code>"), out.find("</code>")) {
        assert!(!out[begin + 6..end].contains('<'), "{out}");
        out.replace_range(begin..end + 7, "");
    }
    out
}
