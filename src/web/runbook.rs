//! What to do about alerts: the words of docs/alerts.md, for whoever follows a `runbook_url`.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::page;
use super::page::html::Html;

/// The document.
const ALERTS: &str = include_str!("../../docs/alerts.md");

/// `GET /runbook`: as it is written, with an anchor at each heading.
pub async fn runbook() -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], html(ALERTS)).into_response()
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>authprobe: what to do \
                    about alerts</title>\n<meta name=\"viewport\" content=\"width=device-width\">\n<link \
                    rel=\"stylesheet\" href=\"";

/// Headings become headings, everything else stays as it stands.
fn html(markdown: &str) -> String {
    let mut page = Html::default();
    page.raw(HEAD).raw(page::STYLE).raw("\">\n</head>\n<body>\n<main class=\"runbook\">\n");
    let mut text = String::new();
    for line in markdown.lines() {
        match heading(line) {
            Some((level, title)) => {
                paragraph(&mut page, &mut text);
                let (begin, end) = TAGS[level - 1];
                page.raw(begin).text(&anchor(title)).raw("\">").text(title).raw(end);
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    paragraph(&mut page, &mut text);
    page.raw("</main>\n</body>\n</html>\n");
    page.0
}

/// Headings up to their anchor, and their ends.
const TAGS: [(&str, &str); 4] =
    [("<h1 id=\"", "</h1>\n"), ("<h2 id=\"", "</h2>\n"), ("<h3 id=\"", "</h3>\n"), ("<h4 id=\"", "</h4>\n")];

fn paragraph(page: &mut Html, text: &mut String) {
    if !text.trim().is_empty() {
        page.raw("<div class=\"text\">").text(text.trim()).raw("</div>\n");
    }
    text.clear();
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    (1..=TAGS.len())
        .contains(&level)
        .then(|| line[level..].strip_prefix(' '))
        .flatten()
        .map(|title| (level, title.trim()))
}

/// As Markdown's readers make it: small letters, digits and hyphens.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That what it leads to is there is seen by ci/links.py.
    #[test]
    fn every_alert_leads_to_a_runbook() {
        for name in crate::alert::NAMES {
            let section = ALERTS.split("\n### ").find(|section| section.starts_with(&format!("{name}\n")));
            assert!(section.is_some_and(|section| section.contains("](runbooks/")), "{name}");
        }
    }

    #[test]
    fn every_alert_is_found_by_its_name_and_nothing_is_markup() {
        let page = html(ALERTS);
        for name in crate::alert::NAMES {
            assert!(page.contains(&format!("id=\"{}\"", name.to_ascii_lowercase())), "{name}");
        }
        assert_eq!(page.matches("<script").count(), 0);
        let hostile = html("# a <b>\ntext <script> & \"x\"\n");
        assert!(hostile.contains("<h1 id=\"a-b\">a &lt;b&gt;</h1>"), "{hostile}");
        assert!(hostile.contains("text &lt;script&gt; &amp; &quot;x&quot;"), "{hostile}");
    }
}
