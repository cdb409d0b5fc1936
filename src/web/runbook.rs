//! What to do about alerts: the words of docs/alerts.md, for whoever follows a `runbook_url`.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::page;

/// The document.
const ALERTS: &str = include_str!("../../docs/alerts.md");

/// `GET /runbook`: as it is written, with an anchor at each heading.
pub async fn runbook() -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], html(ALERTS)).into_response()
}

/// Headings become headings, everything else stays as it stands.
fn html(markdown: &str) -> String {
    let style = page::STYLE;
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>authprobe: what to do about \
         alerts</title>\n<meta name=\"viewport\" content=\"width=device-width\">\n<link rel=\"stylesheet\" \
         href=\"{style}\">\n</head>\n<body>\n<main class=\"runbook\">\n"
    );
    let mut text = String::new();
    for line in markdown.lines() {
        match heading(line) {
            Some((level, title)) => {
                paragraph(&mut out, &mut text);
                let (id, title) = (anchor(title), escape(title));
                out.push_str(&format!("<h{level} id=\"{id}\">{title}</h{level}>\n"));
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    paragraph(&mut out, &mut text);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn paragraph(out: &mut String, text: &mut String) {
    if !text.trim().is_empty() {
        out.push_str(&format!("<div class=\"text\">{}</div>\n", escape(text.trim())));
    }
    text.clear();
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    (1..=4).contains(&level).then(|| line[level..].strip_prefix(' ')).flatten().map(|title| (level, title.trim()))
}

/// As Markdown's readers make it: small letters, digits and hyphens.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

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
