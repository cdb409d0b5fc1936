//! What something is made up of, over time.

use std::time::Duration;

use maud::{Markup, html};

use super::Path;

/// How high it is drawn before it is stretched.
const HEIGHT: f64 = 100.0;
/// How strong the parts are, from below; neighbours differ. Beyond that they begin anew.
const STRENGTHS: [&str; 8] = ["1", ".4", ".7", ".22", ".85", ".3", ".55", ".15"];

/// Parts of columns, side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stacks {
    /// Name and length by column, from below; `None`: not known, or no part of it.
    pub parts: Vec<(String, Vec<Option<Duration>>)>,
    /// Columns in which nothing at all was measured.
    pub gaps: Vec<bool>,
}

impl Stacks {
    /// The highest column.
    pub fn most(&self) -> Duration {
        let column = |n| self.parts.iter().filter_map(|(_, lengths)| *lengths.get(n)?).sum();
        (0..self.gaps.len()).map(column).max().unwrap_or_default()
    }

    /// How strong that part is drawn: for the legend beside it.
    pub const fn strength(part: usize) -> &'static str {
        STRENGTHS[part % STRENGTHS.len()]
    }
}

/// A column each, parts on top of each other.
pub fn stacks(stacks: &Stacks, label: &str) -> Markup {
    let most = stacks.most().as_secs_f64().max(1e-9);
    let mut paths: Vec<Path> = stacks.parts.iter().map(|_| Path::default()).collect();
    let mut gaps = Path::default();
    for (n, gap) in stacks.gaps.iter().enumerate() {
        if *gap {
            gaps.rect(n as f64, 0.0, 1.0, HEIGHT);
        }
        let mut top = HEIGHT;
        for ((_, lengths), path) in stacks.parts.iter().zip(&mut paths) {
            let Some(length) = lengths.get(n).copied().flatten() else { continue };
            let height = length.as_secs_f64() / most * HEIGHT;
            path.rect(n as f64, top - height, 0.9, height);
            top -= height;
        }
    }
    html! {
        svg.drawn.stacks viewBox={"0 0 " (stacks.gaps.len().max(1)) " " (HEIGHT)} preserveAspectRatio="none"
            role="img" aria-label=(label) {
            @if !gaps.is_empty() { path.gap d=(gaps.0) {} }
            @for (part, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
                path.f-accent fill-opacity=(Stacks::strength(part)) d=(path.0) { title { (stacks.parts[part].0) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_on_each_other_and_gaps_are_empty() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let parts = vec![
            ("<discovery>".to_owned(), vec![ms(10), None, ms(50)]),
            ("token".to_owned(), vec![ms(30), None, ms(50)]),
        ];
        let drawn = Stacks { parts, gaps: vec![false, true, false] };
        assert_eq!(drawn.most(), Duration::from_millis(100));
        let drawn = stacks(&drawn, "x").0;
        for text in [
            "fill-opacity=\"1\" d=\"M0 90h0.9v10h-0.9zM2 50h0.9v50h-0.9z\"",
            "fill-opacity=\".4\" d=\"M0 60h0.9v30h-0.9zM2 0h0.9v50h-0.9z\"",
            "class=\"gap\" d=\"M1 0h1v100h-1z\"",
            "<title>&lt;discovery&gt;</title>",
        ] {
            assert!(drawn.contains(text), "{text}\n{drawn}");
        }
        assert!(stacks(&Stacks::default(), "x").0.contains("viewBox=\"0 0 1 100\""), "nothing at all");
    }
}
