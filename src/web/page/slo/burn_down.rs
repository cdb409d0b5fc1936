//! The burn-down at full size: with a scale, marks of the time, and what its lines are.

use maud::{Markup, html};

use crate::web::page::draw::{BurnDown, Tone};
use crate::web::page::run::place;

/// The height of the picture (px).
const HEIGHT: u32 = 220;

/// The picture; `marks`: places and words of the time axis.
pub fn figure(drawn: &BurnDown, marks: &[(f64, String)]) -> Markup {
    let levels = [1.0, 0.75, 0.5, 0.25, 0.0, -0.5, -1.0].into_iter().filter(|level| *level >= drawn.bottom);
    html! {
        figure.burn-down {
            div.plot {
                svg width="100%" height=(HEIGHT + 24) role="img" aria-label=(format!("{} The same in numbers below.", drawn.in_words())) {
                    @for level in levels {
                        @let y = format!("{:.1}", drawn.y(level) / 100.0 * f64::from(HEIGHT));
                        line.axis.s-faint[level == 0.0] x1="0" x2="100%" y1=(y) y2=(y) {}
                        text x="-8" y=(y) dy="4" text-anchor="end" { (format!("{:.0}%", level * 100.0).replace('-', "−")) }
                    }
                    (inside(drawn))
                    @for (n, (x, words)) in marks.iter().enumerate() {
                        @let anchor = if n == 0 { "start" } else if *x > 99.0 { "end" } else { "middle" };
                        text.minor[n % 2 == 1] x=(place(*x)) y=(HEIGHT + 18) text-anchor=(anchor) { (words) }
                    }
                }
            }
            figcaption { (legend(drawn)) }
        }
    }
}

fn inside(drawn: &BurnDown) -> Markup {
    let (zero, end) = (format!("{:.2}", drawn.y(0.0)), "100");
    html! {
        svg x="0" y="0" width="100%" height=(HEIGHT) viewBox="0 0 100 100" preserveAspectRatio="none" {
            (drawn.grounds(Tone::Accent))
            @for (x, width) in &drawn.maintenance {
                rect.f-warn x=(format!("{x:.2}")) width=(format!("{:.2}", width.max(0.4))) y="98.5" height="1.5" {}
            }
            line.stroke.s-faint.dashed x1="0" y1="0" x2=(end) y2=(zero) {}
            (drawn.lines("stroke dashed s-warn", "stroke thick s-accent"))
        }
    }
}

fn legend(drawn: &BurnDown) -> Markup {
    let sample = |class: &str| {
        html! { svg width="22" height="10" aria-hidden="true" { line class=(class) x1="0" x2="22" y1="5" y2="5" {} } }
    };
    let patch = |class: &str, y: &str, height: &str| {
        html! {
            svg width="22" height="10" aria-hidden="true" { rect class=(class) x="0" y=(y) width="22" height=(height) {} }
        }
    };
    html! {
        ul.legend {
            li { (sample("stroke thick s-accent")) "budget left" }
            @if drawn.differs() { li { (sample("stroke dashed s-warn")) "raw: with maintenance" } }
            li { (sample("stroke dashed s-faint")) "evenly spent" }
            @if !drawn.gaps.is_empty() { li { (patch("gap", "0", "10")) "not known" } }
            @if !drawn.maintenance.is_empty() { li { (patch("f-warn", "7", "3")) "maintenance" } }
        }
        @if drawn.clipped { p.faint { "Overspent by more than is drawn." } }
    }
}
