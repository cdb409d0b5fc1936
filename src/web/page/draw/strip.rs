//! What was found over time, cell by cell: how long it took, how often it failed.

use std::time::Duration;

use maud::{Markup, html};

use super::{Path, end_of};
use crate::trend::{Cell, Strip};

/// How high both are drawn before they are stretched.
const HEIGHT: f64 = 20.0;
/// The least of a cell that failures take, so that one of many is seen.
const LEAST: f64 = 0.25;

/// The 95th percentile of each cell as a line from zero upwards, with a tick below where runs failed, and a smaller one where
/// some told nothing. A cell of which nothing is known is a gap: nothing was measured, or all was inconclusive. `label`: the
/// same in words; `None`: they stand beside it.
pub fn sparkline(strip: &Strip, label: Option<&str>) -> Markup {
    let values: Vec<_> = strip.cells.iter().map(|cell| cell.latencies.quantile(0.95)).collect();
    let most = values.iter().flatten().max().copied().unwrap_or(Duration::from_secs(1));
    // Three units are left for the ticks, one for the width of the line.
    let y = |took: Duration| (HEIGHT - 4.0) * (1.0 - took.as_secs_f64() / most.as_secs_f64().max(1e-9)) + 1.0;
    let (mut line, mut before) = (String::new(), None);
    for (n, value) in values.iter().enumerate() {
        let now = value.map(|took| y(took).round() as i64);
        match (before, now) {
            (Some(before), Some(now)) => {
                let down: i64 = now - before;
                let blank = if down < 0 { "" } else { " " };
                line.push_str(&format!(" 1{blank}{down}"));
            }
            // What stands alone is a dot: a line of no length with round ends.
            (None, Some(now)) => line.push_str(&format!("M{n} {now}l0 0")),
            (_, None) => {}
        }
        before = now;
    }
    let ticks = |is: &dyn Fn(&Cell) -> bool, height: f64| {
        let mut path = Path::default();
        for (n, _) in strip.cells.iter().enumerate().filter(|(_, cell)| is(cell)) {
            path.to('M', n as f64, HEIGHT).0.push_str(&format!("v-{height}"));
        }
        path
    };
    let bad = ticks(&|cell| cell.bad > 0, 6.0);
    let unknown = ticks(&|cell| cell.bad == 0 && cell.inconclusive > 0 && cell.good > 0, 3.0);
    html! {
        svg.drawn.spark viewBox={"-.5 0 " (strip.cells.len().max(1)) " 20"} preserveAspectRatio="none"
            role=[label.map(|_| "img")] aria-hidden=[label.is_none().then_some("true")] {
            @if let Some(label) = label { title { (label) } }
            (gaps(strip, -0.5, |cell| cell.availability().is_none()))
            @if !line.is_empty() { path.stroke.s-accent d=(line) {} }
            @if !unknown.is_empty() { path.tick.s-unknown d=(unknown.0) {} }
            @if !bad.is_empty() { path.tick.s-bad d=(bad.0) {} }
        }
    }
}

/// A column a cell: as much of it from above as failed, the rest from below; half of one where runs told nothing; a ground
/// where nothing was measured. Whoever points at a cell that is not wholly good reads what it was.
pub fn availability(strip: &Strip, label: &str) -> Markup {
    let (mut good, mut bad, mut unknown) = (Path::default(), Path::default(), Path::default());
    for (n, cell) in strip.cells.iter().enumerate() {
        let x = n as f64;
        match cell.availability() {
            Some(share) => {
                let failed = if cell.bad == 0 { 0.0 } else { (1.0 - share).max(LEAST) };
                if failed > 0.0 {
                    bad.rect(x, 0.0, 1.0, failed * HEIGHT);
                }
                if cell.good > 0 {
                    let top = if failed > 0.0 { (failed * HEIGHT + 1.0).min(HEIGHT - 2.0) } else { 0.0 };
                    good.rect(x, top, 1.0, HEIGHT - top);
                }
            }
            None if cell.inconclusive > 0 => drop(unknown.rect(x, HEIGHT / 2.0, 1.0, HEIGHT / 2.0)),
            None => {}
        }
    }
    let worth = |cell: &Cell| cell.bad > 0 || cell.inconclusive > 0 || cell.missed > 0 || cell.is_gap();
    html! {
        svg.drawn.availability viewBox={"0 0 " (strip.cells.len().max(1)) " 20"} preserveAspectRatio="none"
            role="img" aria-label=(label) {
            (gaps(strip, 0.0, Cell::is_gap))
            @if !good.is_empty() { path.f-good d=(good.0) {} }
            @if !unknown.is_empty() { path.f-unknown d=(unknown.0) {} }
            @if !bad.is_empty() { path.f-bad d=(bad.0) {} }
            @for (n, cell) in strip.cells.iter().enumerate().filter(|(_, cell)| worth(cell)) {
                rect.point x=(n) width="1" height="20" { title { (told(strip, n, cell)) } }
            }
        }
    }
}

/// What a cell holds, in words.
fn told(strip: &Strip, n: usize, cell: &Cell) -> String {
    let from = end_of(strip.begin, strip.cell, n) - strip.cell;
    let judged = u64::from(cell.good) + u64::from(cell.bad);
    let mut parts = Vec::new();
    match judged {
        0 => parts.push("nothing judged".to_owned()),
        judged => parts.push(format!("{} of {judged} failed", cell.bad)),
    }
    for (count, what) in [(cell.inconclusive, "inconclusive"), (cell.missed, "missed")] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    format!("{}: {}", from.to_utc().format("%a %d %b %H:%M UTC"), parts.join(", "))
}

/// The ground of cells that are a gap, those side by side together.
fn gaps(strip: &Strip, left: f64, is: impl Fn(&Cell) -> bool) -> Markup {
    let mut path = Path::default();
    let mut run = 0;
    for n in 0..=strip.cells.len() {
        if strip.cells.get(n).is_some_and(&is) {
            run += 1;
        } else if run > 0 {
            path.rect((n - run) as f64 + left, 0.0, run as f64, HEIGHT);
            run = 0;
        }
    }
    html! { @if !path.is_empty() { path.gap d=(path.0) {} } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn cell(good: u32, bad: u32, inconclusive: u32, ms: u64) -> Cell {
        let mut cell = Cell { good, bad, inconclusive, ..Cell::default() };
        (0..good).for_each(|_| cell.latencies.add(Duration::from_millis(ms)));
        cell
    }

    fn strip(cells: Vec<Cell>) -> Strip {
        Strip { begin: Timestamp::from_secs(1_800_000_000), cell: Duration::from_secs(1800), cells }
    }

    #[test]
    fn a_sparkline_has_gaps_dots_and_ticks() {
        let cells = vec![
            cell(9, 0, 0, 100),
            cell(9, 0, 0, 200),
            Cell::default(),
            Cell::default(),
            cell(9, 1, 0, 50),
            cell(0, 3, 0, 0),
            cell(0, 0, 2, 0),
            cell(9, 0, 1, 50),
        ];
        let drawn = sparkline(&strip(cells), Some("in words")).0;
        // The highest is at the top; what stands alone is a dot.
        assert!(drawn.contains("class=\"stroke s-accent\" d=\"M0 9l0 0 1-8M4 13l0 0M7 13l0 0\""), "{drawn}");
        // What was inconclusive is as unknown as what was not measured, and no failure.
        assert!(drawn.contains("class=\"gap\" d=\"M1.5 0h2v20h-2zM5.5 0h1v20h-1z\""), "{drawn}");
        assert!(drawn.contains("class=\"tick s-bad\" d=\"M4 20v-6M5 20v-6\""), "{drawn}");
        assert!(drawn.contains("class=\"tick s-unknown\" d=\"M7 20v-3\""), "{drawn}");
        assert!(drawn.contains("role=\"img\"><title>in words</title>"), "{drawn}");
    }

    #[test]
    fn nothing_measured_is_one_gap_and_no_line() {
        let drawn = sparkline(&strip(vec![Cell::default(); 48]), None).0;
        assert!(drawn.contains("d=\"M-0.5 0h48v20h-48z\"") && !drawn.contains("s-accent"), "{drawn}");
        assert!(drawn.contains("aria-hidden=\"true\""));
        assert!(sparkline(&strip(vec![]), None).0.contains("viewBox=\"-.5 0 1 20\""), "no cells at all");
    }

    #[test]
    fn availability_shows_failures_from_above_and_knows_what_is_not_known() {
        let cells = vec![cell(60, 0, 0, 1), cell(59, 1, 0, 1), cell(0, 60, 0, 0), cell(0, 0, 60, 0), Cell::default()];
        let drawn = availability(&strip(cells), "eu").0;
        assert!(drawn.contains("class=\"f-good\" d=\"M0 0h1v20h-1zM1 6h1v14h-1z\""), "{drawn}");
        assert!(drawn.contains("class=\"f-bad\" d=\"M1 0h1v5h-1zM2 0h1v20h-1z\""), "one of many is seen: {drawn}");
        assert!(drawn.contains("class=\"f-unknown\" d=\"M3 10h1v10h-1z\""), "{drawn}");
        assert!(drawn.contains("class=\"gap\" d=\"M4 0h1v20h-1z\""), "{drawn}");
        for words in
            [": 1 of 60 failed<", ": 60 of 60 failed<", ": nothing judged, 60 inconclusive<", ": nothing judged<"]
        {
            assert!(drawn.contains(words), "{words}: {drawn}");
        }
        assert_eq!(drawn.matches("<title>").count(), 4, "what is wholly good needs no words");
    }
}
