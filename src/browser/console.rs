//! The last lines of a page's console.

use std::collections::VecDeque;

use serde_json::Value;

use crate::journey::Recorder;

/// How many lines are kept.
const MAX_LINES: usize = 20;
/// How much of each is kept until it is scrubbed (characters): a secret that is cut in two is not found any more.
const MAX_KEPT: usize = 4000;
/// How long each may be in the end (characters).
const MAX_LINE: usize = 300;

/// See the module.
#[derive(Default)]
pub(super) struct Console(VecDeque<String>);

impl Console {
    /// `log.entryAdded`.
    pub(super) fn add(&mut self, entry: &Value) {
        let level = entry["level"].as_str().unwrap_or("info");
        let text = entry["text"].as_str().unwrap_or_default();
        let mut line: String = text.chars().filter(|c| !c.is_control()).take(MAX_KEPT).collect();
        if text.chars().nth(MAX_KEPT).is_some() {
            // What was cut may be half a secret.
            line.truncate(line.rfind(' ').unwrap_or(0));
        }
        self.0.push_back(format!("{}: {line}", level.chars().take(10).collect::<String>()));
        if self.0.len() > MAX_LINES {
            self.0.pop_front();
        }
    }

    /// Oldest first, without secrets.
    pub(super) fn lines(&self, recorder: &Recorder) -> Vec<String> {
        self.0.iter().map(|line| recorder.scrub(line).chars().take(MAX_LINE).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn lines_are_scrubbed_before_they_are_cut() {
        let journey = crate::journey::Journey::new(crate::clock::Clock::system(), Duration::from_secs(1), Vec::new());
        journey.recorder().protect("wonderland-7 of alice");
        let mut console = Console::default();
        for text in [format!("{} wonderland-7 of alice", "x ".repeat(142)), "fine".to_owned()] {
            console.add(&json!({ "level": "warn", "text": text }));
        }
        (0..30).for_each(|n| console.add(&json!({ "text": format!("line {n}") })));
        assert_eq!(console.lines(journey.recorder()).len(), MAX_LINES);
        let mut console = Console::default();
        console.add(&json!({ "level": "warn", "text": format!("{} wonderland-7 of alice", "x ".repeat(142)) }));
        let lines = console.lines(journey.recorder());
        assert!(lines[0].starts_with("warn: x x") && !lines[0].contains("wonder"), "{lines:?}");
    }

    /// A page that logs where it goes shows an answer that nobody has seen yet.
    #[test]
    fn answers_in_fragments_are_masked_before_anybody_knows_them() {
        let journey = crate::journey::Journey::new(crate::clock::Clock::system(), Duration::from_secs(1), Vec::new());
        let (code, access) = ("UoQpfGx2f1BTeGuPrhZxHXDi6ZM40ohEVDtG", "AHEOxBFqsnTKvYgrZpLeWd3f");
        let id_token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIyNDgyODk3NjEwMDEifQ.c2lnbmF0dXJlLTEyMzQ1Njc4";
        let mut console = Console::default();
        let answer = format!("code={code}&id_token={id_token}&access_token={access}&state=x");
        console.add(&json!({ "text": format!("going to http://127.0.0.1:8765/cb#{answer}") }));
        let lines = console.lines(journey.recorder()).concat();
        assert!(lines.contains("going to") && ![code, id_token, access].iter().any(|s| lines.contains(s)), "{lines}");
        assert!(!lines.contains("eyJ"), "{lines}");
    }
}
