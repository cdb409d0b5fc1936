//! A share of something.

use maud::{Markup, html};

use super::{Tone, short};

/// A bar that is filled by `share` (0 to 1; what is beyond is cut). The number stands beside it.
pub fn bar(share: f64, tone: Tone) -> Markup {
    // What is no number is nothing.
    let percent = if share > 0.0 { share.min(1.0) * 100.0 } else { 0.0 };
    html! {
        svg.drawn.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.f-line width="100" height="8" {}
            rect class=(tone.fill()) width=(short(percent)) height="8" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_longer() {
        for (share, width) in [(0.0589, "5.9"), (-3.0, "0"), (0.5, "50"), (7.0, "100"), (f64::NAN, "0")] {
            let drawn = bar(share, Tone::Bad).0;
            assert!(drawn.contains(&format!("class=\"f-bad\" width=\"{width}\"")), "{share}: {drawn}");
        }
    }
}
