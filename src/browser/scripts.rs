//! What runs in a page: the scripts beside this file, and how they get there.
//!
//! The first look at a document leaves the others there, in the world of their own where BiDi has one: what follows is a
//! short call each, not a script of many lines.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a person sees.
const LOOK: &str = include_str!("look.js");
/// One thing done to one element.
const ACT: &str = include_str!("act.js");
/// All that a page asks for.
const WORK: &str = include_str!("work.js");

/// All of them, without what is for people: it travels often.
static HANDS: LazyLock<String> = LazyLock::new(|| {
    let bare = |script: &str| {
        let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    };
    format!(
        "const key = Symbol.for('authprobe.hands'); if (!globalThis[key]) {{ const look = {}; const act = {}; \
         const work = {}; Object.defineProperty(globalThis, key, {{ value: {{ look, act, work }} }}); }}",
        bare(LOOK),
        bare(ACT),
        bare(WORK)
    )
});

/// Brings all scripts to a document: for those that are told what every new document begins with.
pub(super) fn preload() -> String {
    format!("() => {{ {} }}", *HANDS)
}

/// Brings all scripts to a document and looks: `(after, wait)`.
pub(super) fn arrive() -> String {
    format!("(after, wait) => {{ {} return globalThis[key].look(after, wait); }}", *HANDS)
}

/// What a look says where the scripts are not.
pub(super) const ABSENT: &str = "absent";
/// Looks with the scripts that are there: `(after, wait)`.
pub(super) const LOOK_AGAIN: &str =
    "(after, wait) => globalThis[Symbol.for('authprobe.hands')]?.look(after, wait) ?? 'absent'";
/// Does one thing: `(what, mark, text)`.
pub(super) const ACT_THERE: &str =
    "(what, mark, text) => globalThis[Symbol.for('authprobe.hands')]?.act(what, mark, text) ?? 'gone'";
/// Does all of a [`Plan`]: `(plan)`.
pub(super) const WORK_THERE: &str = "(plan) => globalThis[Symbol.for('authprobe.hands')]?.work(plan)";

/// All that a page asks for, as one expression that needs nothing beside it: `(plan)`.
pub(super) fn work_alone() -> String {
    format!("(() => {{ const act = {ACT}; return {WORK}; }})()")
}

/// Our scripts live in a world of their own, which the page's cannot see.
pub(super) const SANDBOX: &str = "authprobe";

/// The parameters of a call of one of our scripts.
pub(super) fn call(context: &str, script: &str, arguments: Value, promise: bool) -> Value {
    json!({
        "functionDeclaration": script,
        "arguments": arguments,
        "target": { "context": context, "sandbox": SANDBOX },
        "awaitPromise": promise,
        "userActivation": true,
    })
}

/// What is to be done on a page. It holds secrets: never shown.
#[derive(Default, Serialize)]
pub(super) struct Plan<'a> {
    /// What to type where.
    pub(super) fills: Vec<(u32, &'a str)>,
    /// What to tick.
    pub(super) ticks: &'a [u32],
    /// What will be pressed.
    pub(super) press: Option<u32>,
    /// Where Enter will be pressed instead.
    pub(super) focus: Option<u32>,
}

/// What came of it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Worked {
    /// `ok`, or what is wrong with a field, or `gone`.
    pub(super) said: String,
    /// Which of the fields that is about.
    pub(super) field: Option<usize>,
    /// Where to press.
    pub(super) point: Option<Point>,
}

impl Worked {
    /// Reads the script's answer; anything else means that the document is gone.
    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_else(|_| Self { said: "gone".to_owned(), field: None, point: None })
    }
}

/// Where an element can be pressed, or why not.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(super) struct Point {
    /// CSS pixels from the left.
    #[serde(deserialize_with = "pixels")]
    pub(super) x: Option<i64>,
    /// CSS pixels from the top.
    #[serde(deserialize_with = "pixels")]
    pub(super) y: Option<i64>,
    /// By what it is covered.
    pub(super) covered: Option<String>,
    /// Whether it is disabled.
    pub(super) disabled: bool,
}

fn pixels<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let pixels = Option::<f64>::deserialize(deserializer)?;
    Ok(pixels.filter(|at| (0.0..1e5).contains(at)).map(|at| at.round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_the_work_is_read_or_the_page_is_gone() {
        let worked = Worked::read(r#"{"said":"ok","point":{"x":10.6,"y":3}}"#);
        assert_eq!((worked.said.as_str(), worked.point.unwrap().x), ("ok", Some(11)));
        let covered = Worked::read(r#"{"said":"ok","point":{"covered":"div#veil"}}"#).point.unwrap();
        assert_eq!((covered.x, covered.covered.as_deref()), (None, Some("div#veil")));
        assert_eq!(Worked::read(r#"{"said":"read-only","field":1}"#).field, Some(1));
        for odd in ["", "null", "[]", "{\"said\":1}"] {
            assert_eq!(Worked::read(odd).said, "gone", "{odd}");
        }
    }
}
