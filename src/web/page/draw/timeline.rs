//! What happened when: lanes of marks over one axis of time.

use maud::{Markup, html};

use super::{Path, Tone, WIDTH, place, short};
use crate::clock::Timestamp;
use crate::web::page::words::rough;

/// How high a lane is drawn before it is stretched.
const HEIGHT: f64 = 12.0;

/// How a mark looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A dot at its beginning.
    Dot,
    /// As high as its lane, from its beginning to its end.
    Bar,
    /// A thin one along the middle of its lane.
    Thread,
    /// A ground: nothing is known there.
    Gap,
}

/// Something in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, or from when on.
    pub from: Timestamp,
    /// Until when; the same as `from` for a [`Shape::Dot`].
    pub to: Timestamp,
    /// How it looks.
    pub shape: Shape,
    /// In which colour.
    pub tone: Tone,
    /// What it is, for whoever points at it.
    pub title: String,
}

/// A row of marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// What they are, for people.
    pub name: String,
    /// The same as its marks show, in words: what screen readers read. `None`: it stands beside the drawing.
    pub label: Option<String>,
    /// In any order.
    pub marks: Vec<Mark>,
}

/// The lanes between two times, each under its name, with an axis that ends at `now` if that is the end. Marks outside are
/// left out, those that reach in are cut.
pub fn timeline(begin: Timestamp, end: Timestamp, lanes: &[Lane]) -> Markup {
    html! {
        div.timeline {
            @for lane in lanes {
                div.lane {
                    span.name { (lane.name) }
                    (drawn(begin, end, lane))
                }
            }
            div.lane { span.name {} (axis(begin, end)) }
        }
    }
}

fn drawn(begin: Timestamp, end: Timestamp, lane: &Lane) -> Markup {
    let label = lane.label.as_deref();
    html! {
        svg.drawn.track viewBox={"0 0 " (WIDTH) " " (HEIGHT)} preserveAspectRatio="none"
            role=[label.map(|_| "img")] aria-label=[label] aria-hidden=[label.is_none().then_some("true")] {
            path.axis d={"M0 " (HEIGHT / 2.0) "h" (WIDTH)} {}
            @for mark in lane.marks.iter().filter(|mark| mark.from <= end && mark.to >= begin) {
                (shape(begin, end, mark))
            }
        }
    }
}

fn shape(begin: Timestamp, end: Timestamp, mark: &Mark) -> Markup {
    let (from, to) = (place(mark.from, begin, end), place(mark.to, begin, end));
    // What is shorter than a pixel must still be seen.
    let width = (to - from).max(2.0);
    let (title, middle) = (&mark.title, HEIGHT / 2.0);
    let mut path = Path::default();
    let class = match mark.shape {
        Shape::Dot => {
            path.to('M', from, middle).0.push_str("h0");
            format!("dot {}", mark.tone.stroke())
        }
        Shape::Thread => {
            path.to('M', from, middle).0.push_str(&format!("h{}", short(width)));
            format!("thread {}", mark.tone.stroke())
        }
        Shape::Bar => {
            path.rect(from, 0.0, width, HEIGHT);
            mark.tone.fill().to_owned()
        }
        Shape::Gap => {
            path.rect(from, 0.0, width, HEIGHT);
            "gap".to_owned()
        }
    };
    html! { path class=(class) d=(path.0) { title { (title) } } }
}

/// A day.
const DAY: u64 = 86_400;

/// Times evenly apart, as distances from the end: days over up to two weeks of whole days, else quarters.
pub fn axis(begin: Timestamp, end: Timestamp) -> Markup {
    let whole = end.since(begin);
    let parts = match whole.as_secs() {
        secs if secs % DAY == 0 && (3..=14).contains(&(secs / DAY)) => u32::try_from(secs / DAY).unwrap_or(4),
        _ => 4,
    };
    let back = |n: u32| match n {
        0 => "now".to_owned(),
        n => format!("−{}", rough(whole * n / parts)),
    };
    html! { div.ticks aria-hidden="true" { @for n in (0..=parts).rev() { span { (back(n)) } } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lie_where_they_happened() {
        let at = Timestamp::from_secs;
        let mark = |from, to, shape| Mark { from: at(from), to: at(to), shape, tone: Tone::Bad, title: "<b>".into() };
        let marks = vec![
            mark(100, 100, Shape::Dot),
            mark(150, 160, Shape::Bar),
            mark(190, 900, Shape::Gap),
            mark(0, 99, Shape::Bar),
            mark(175, 175, Shape::Thread),
        ];
        let lane =
            |label: Option<&str>| Lane { name: "a & b".into(), label: label.map(Into::into), marks: marks.clone() };
        let drawn = timeline(at(100), at(200), &[lane(None), lane(Some("two \"things\""))]).0;
        for text in [
            "<span class=\"name\">a &amp; b</span>",
            "<path class=\"dot s-bad\" d=\"M0 6h0\"><title>&lt;b&gt;</title></path>",
            "<path class=\"f-bad\" d=\"M500 0h100v12h-100z\">",
            "<path class=\"gap\" d=\"M900 0h100v12h-100z\">",
            "<path class=\"thread s-bad\" d=\"M750 6h2\">",
            "role=\"img\" aria-label=\"two &quot;things&quot;\"",
            "<span>−1m40s</span><span>−1m15s</span><span>−50s</span><span>−25s</span><span>now</span>",
        ] {
            assert!(drawn.contains(text), "{text}\n{drawn}");
        }
        assert_eq!((drawn.matches("<path").count(), drawn.matches("aria-hidden=\"true\"").count()), (2 * 5, 2));
        assert!(!drawn.contains("style="));
        let week = axis(at(0), at(7 * 86_400)).0;
        assert!(week.contains("<span>−7d</span><span>−6d</span>"), "{week}");
    }
}
