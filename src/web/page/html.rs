//! HTML in the making, and numbers and times as people read them.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::duration::HumanDuration;

/// What is not written in this program goes through [`Html::text`], which escapes.
#[derive(Default)]
pub struct Html(pub String);

impl Html {
    /// Markup of this program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Anything, for content and for values of attributes in double quotes.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// A point of time: exact for machines and whoever points at it, as a distance from `now` for people.
    pub fn time(&mut self, at: Timestamp, now: Timestamp) -> &mut Self {
        let exact = at.to_string();
        self.raw("<time datetime=\"").text(&exact).raw("\" title=\"").text(&exact).raw("\">");
        self.text(&distance(at, now)).raw("</time>")
    }

    /// A table's beginning, named by the heading of that id. Roles are said aloud, since narrow screens lay rows out as
    /// blocks.
    pub fn table<'a>(&mut self, heading: &'static str, columns: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.raw("<table role=\"table\" aria-labelledby=\"").raw(heading).raw("\">\n");
        self.raw("<thead role=\"rowgroup\"><tr role=\"row\">");
        for column in columns {
            self.raw("<th scope=\"col\" role=\"columnheader\">").text(column).raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody role=\"rowgroup\">\n")
    }

    /// A row's beginning: in the cell that names it.
    pub fn row(&mut self) -> &mut Self {
        self.raw("<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">")
    }

    /// The same, with an id that links such as `dashboard_url` lead to: what it is, and its name.
    pub fn row_of(&mut self, what: &'static str, name: &str) -> &mut Self {
        self.raw("<tr role=\"row\" id=\"").raw(what).raw("-").text(name).raw("\"><th scope=\"row\" role=\"rowheader\">")
    }

    /// The beginning of a cell in that column, with that class.
    pub fn cell(&mut self, column: &str, class: &'static str) -> &mut Self {
        self.raw("<td role=\"cell\" class=\"").raw(class).raw("\" data-label=\"").text(column).raw("\">")
    }

    /// A table's end.
    pub fn end_table(&mut self) -> &mut Self {
        self.raw("</tbody>\n</table>\n")
    }
}

/// How far away a time is: `5m ago`, `in 2h3m`, `now`.
pub fn distance(at: Timestamp, now: Timestamp) -> String {
    match (at.since(now), now.since(at)) {
        (ahead, _) if ahead >= Duration::from_secs(1) => format!("in {}", rough(ahead)),
        (_, ago) if ago >= Duration::from_secs(1) => format!("{} ago", rough(ago)),
        _ => "now".to_owned(),
    }
}

/// Two units at most: nobody reads the seconds of an hour.
pub fn rough(length: Duration) -> String {
    let unit = match length.as_secs() {
        0..600 => 1,
        600..86_400 => 60,
        _ => 3600,
    };
    HumanDuration(Duration::from_secs(length.as_secs() / unit * unit)).to_string()
}

/// A share as a percentage with one decimal, rounded down: what is not whole is never shown as whole.
pub fn percent(ratio: f64) -> String {
    // A share such as 0.9995 has no exact float; a billionth more than it has decimals.
    let tenths = (ratio * 1000.0 + 1e-6).floor();
    let text = format!("{:.1}", tenths / 10.0);
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{}%", text.replace('-', "−"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_up() {
        for (ratio, expected) in [
            (1.0, "100%"),
            (0.99999, "99.9%"),
            (0.5, "50%"),
            (0.123, "12.3%"),
            (0.0, "0%"),
            (0.0004, "0%"),
            (-0.0004, "−0.1%"),
            (-2.5, "−250%"),
        ] {
            assert_eq!(percent(ratio), expected, "{ratio}");
        }
    }

    #[test]
    fn distances_are_rough() {
        let now = Timestamp::from_secs(1_000_000);
        for (seconds, expected) in [
            (0, "now"),
            (-59, "59s ago"),
            (-725, "12m ago"),
            (-7380, "2h3m ago"),
            (-93_600, "1d2h ago"),
            (90, "in 1m30s"),
        ] {
            assert_eq!(distance(Timestamp::from_secs(1_000_000 + seconds), now), expected);
        }
    }
}
