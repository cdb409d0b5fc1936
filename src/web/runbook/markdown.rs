//! Markdown as HTML that our policy lets through: no markup of its own, no styles, no images.

use std::collections::HashMap;

use maud::html;
use pulldown_cmark::{Alignment, CowStr, Event, Options, Parser, Tag, TagEnd};

/// A document, ready to be shown.
pub struct Rendered {
    /// Its first heading.
    pub title: String,
    /// Its content. Every heading has an anchor as its words give it.
    pub html: String,
}

/// Where a link leads: `None`: nowhere that is served.
pub type Resolve<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a document of ours. Markup in it is shown as it is written.
pub fn render(text: &str, resolve: Resolve<'_>) -> Rendered {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let events: Vec<Event<'_>> = parser.collect();
    let mut out = Vec::with_capacity(events.len());
    let mut walk = Walk {
        resolve,
        anchors: HashMap::new(),
        links: vec![],
        tables: 0,
        in_head: false,
        in_comment: false,
        title: None,
    };
    for (n, event) in events.iter().enumerate() {
        walk.step(event, &events[n + 1..], &mut out);
    }
    let mut html = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut html, out.into_iter());
    Rendered { title: walk.title.unwrap_or_default(), html }
}

struct Walk<'a> {
    resolve: Resolve<'a>,
    /// How often each anchor was there already.
    anchors: HashMap<String, usize>,
    /// Of the links that are open, whether each leads somewhere.
    links: Vec<bool>,
    tables: usize,
    in_head: bool,
    in_comment: bool,
    title: Option<String>,
}

impl Walk<'_> {
    /// One event, before the `rest`.
    fn step<'e>(&mut self, event: &Event<'e>, rest: &[Event<'e>], out: &mut Vec<Event<'e>>) {
        match event {
            // Comments are for those who write.
            Event::Start(Tag::HtmlBlock) => {
                self.in_comment = is_comment(&block(rest));
                if !self.in_comment {
                    out.push(Event::Start(Tag::Paragraph));
                }
            }
            Event::End(TagEnd::HtmlBlock) => {
                if !std::mem::take(&mut self.in_comment) {
                    out.push(Event::End(TagEnd::Paragraph));
                }
            }
            Event::Html(_) if self.in_comment => {}
            Event::InlineHtml(text) if is_comment(text) => {}
            Event::Html(text) | Event::InlineHtml(text) => out.push(Event::Text(text.clone())),
            // Their words stay.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(Tag::Heading { level, .. }) => {
                let words = words(rest);
                let id = Some(CowStr::from(self.anchor(&words)));
                self.title.get_or_insert(words);
                out.push(Event::Start(Tag::Heading { level: *level, id, classes: vec![], attrs: vec![] }));
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let there = (self.resolve)(dest_url);
                self.links.push(there.is_some());
                out.push(match there {
                    Some(there) => Event::Start(Tag::Link {
                        link_type: *link_type,
                        dest_url: there.into(),
                        title: title.clone(),
                        id: id.clone(),
                    }),
                    None => elsewhere(dest_url),
                });
            }
            Event::End(TagEnd::Link) => out.push(match self.links.pop() {
                Some(false) => Event::Html("</span>".into()),
                _ => event.clone(),
            }),
            _ => self.table(event, rest, out),
        }
    }

    /// Tables may be wider than a screen: each in a frame of its own that scrolls, by keyboard too.
    fn table<'e>(&mut self, event: &Event<'e>, rest: &[Event<'e>], out: &mut Vec<Event<'e>>) {
        match event {
            Event::Start(Tag::Table(columns)) => {
                self.tables += 1;
                let frame =
                    format!("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table {}\">", self.tables);
                out.push(Event::Html(frame.into()));
                // Alignment would become a style, which the policy forbids.
                out.push(Event::Start(Tag::Table(vec![Alignment::None; columns.len()])));
            }
            Event::End(TagEnd::Table) => {
                out.push(event.clone());
                out.push(Event::Html("</div>".into()));
            }
            Event::Start(Tag::TableCell) => {
                out.push(event.clone());
                // A column without a name has one for those who hear it.
                if self.in_head && matches!(rest.first(), Some(Event::End(TagEnd::TableCell))) {
                    out.push(Event::Html("<span class=\"hidden\">meaning</span>".into()));
                }
            }
            Event::Start(Tag::TableHead) | Event::End(TagEnd::TableHead) => {
                self.in_head = matches!(event, Event::Start(_));
                out.push(event.clone());
            }
            event => out.push(event.clone()),
        }
    }

    /// As GitHub makes it and ci/links.py checks it: small letters, digits, `_` and `-`; the second of the same words has
    /// `-1`.
    fn anchor(&mut self, words: &str) -> String {
        let kept = words.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let name: String = kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = self.anchors.entry(name.clone()).or_default();
        *times += 1;
        if *times == 1 { name } else { format!("{name}-{}", *times - 1) }
    }
}

/// The markup of a block that begins before these.
fn block(events: &[Event<'_>]) -> String {
    let inside = events.iter().map_while(|event| match event {
        Event::Html(text) => Some(&**text),
        _ => None,
    });
    inside.collect()
}

fn is_comment(markup: &str) -> bool {
    let markup = markup.trim();
    markup.starts_with("<!--") && markup.ends_with("-->")
}

/// What a reader sees of a heading.
fn words(events: &[Event<'_>]) -> String {
    let inside = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    inside
        .map(|event| match event {
            Event::Text(text) | Event::Code(text) | Event::InlineHtml(text) => text,
            Event::SoftBreak | Event::HardBreak => " ",
            _ => "",
        })
        .collect()
}

/// Words that lead to a document which is not served: they say where it is.
fn elsewhere(link: &str) -> Event<'static> {
    let file = link.split('#').next().unwrap_or_default().trim_start_matches("../");
    let title = html! { "docs/" (file) }.into_string();
    Event::Html(format!("<span class=\"elsewhere\" title=\"{title}\">").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text, &|link| link.strip_prefix("ours:").map(|rest| format!("/{rest}"))).html
    }

    #[test]
    fn markup_is_shown_as_it_is_written() {
        let hostile = "# a <b>\ntext <script>alert(1)</script> & \"x\"\n\n<div onclick=\"x\">\n<img src=x>\n</div>\n\n\
                       ![alt <i>](x.png \"t\") `<u>`\n\n```\n<s>\n```\n";
        let page = html(hostile);
        for raw in ["<b>", "<script", "<div", "<img", "<i>", "<u>", "<s>"] {
            assert!(!page.contains(raw), "{raw}\n{page}");
        }
        for shown in
            ["&lt;script&gt;alert(1)&lt;/script&gt; &amp; ", "&lt;div onclick=", "alt ", "<code>&lt;u&gt;</code>"]
        {
            assert!(page.contains(shown), "{shown}\n{page}");
        }
    }

    #[test]
    fn comments_are_left_out() {
        let page = html("# a\n<!-- one\ntwo -->\n\ntext <!-- three --> more\n\n<!-- four --> <b>\n");
        for said in ["one", "two", "three"] {
            assert!(!page.contains(said), "{said}\n{page}");
        }
        assert!(page.contains("text ") && page.contains(" more"), "{page}");
        assert!(page.contains("&lt;b&gt;"), "{page}");
    }

    #[test]
    fn headings_have_the_anchors_of_their_words() {
        let page = html("# Alertmanager's side\n## `a_b`: C-d (e)\n## Twice\n### Twice\n## Über 1\n");
        for id in ["alertmanagers-side", "a_b-c-d-e", "twice", "twice-1", "über-1"] {
            assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}\n{page}");
        }
        assert_eq!(render("intro\n\n# `One` two\n## Three\n", &|_| None).title, "One two");
    }

    #[test]
    fn links_lead_where_they_may_and_other_words_say_where_it_is() {
        let page = html("[in](ours:keys \"t\") [**out**](../deployment.md#a) [x](javascript:alert(1)) [q](a\"b.md)");
        assert!(page.contains("<a href=\"/keys\" title=\"t\">in</a>"), "{page}");
        assert!(
            page.contains("<span class=\"elsewhere\" title=\"docs/deployment.md\"><strong>out</strong></span>"),
            "{page}"
        );
        assert_eq!((page.matches("<a ").count(), page.matches("</a>").count()), (1, 1), "{page}");
        assert!(page.contains("title=\"docs/a&quot;b.md\""), "{page}");
    }

    #[test]
    fn tables_scroll_by_themselves_and_every_column_has_a_name() {
        let page = html("| a | |\n|:--|--:|\n| 1 | |\n\n| b |\n|---|\n| 2 |\n");
        assert!(!page.contains("style="), "{page}");
        assert_eq!(page.matches("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table ").count(), 2);
        assert_eq!(page.matches("</table>\n</div>").count() + page.matches("</table></div>").count(), 2, "{page}");
        assert_eq!(page.matches("<span class=\"hidden\">meaning</span>").count(), 1, "{page}");
    }
}
