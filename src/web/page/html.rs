//! HTML in the making.

use super::words::distance;
use crate::clock::Timestamp;

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
