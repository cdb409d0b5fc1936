//! What to do about alerts: docs/alerts.md and the runbooks, built in, for whoever follows a `runbook_url` at night. What
//! explains them is served beside them as far as they lean on it.

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, PreEscaped, html};

use super::App;
use super::guard::Reader;
use super::page::shell::{Tab, view};
use super::problem::Problem;

mod markdown;

use markdown::Rendered;

/// A document that is served.
struct Document {
    /// Where it is below docs/.
    file: &'static str,
    /// Where it is here.
    at: &'static str,
    text: &'static str,
}

macro_rules! documents {
    ($($file:literal at $at:literal,)*) => {
        [$(Document { file: $file, at: $at, text: include_str!(concat!("../../docs/", $file)) }),*]
    };
}

static DOCUMENTS: &[Document] = &documents![
    "alerts.md" at "/runbook",
    "runbooks/README.md" at "/runbook/index",
    "runbooks/outage.md" at "/runbook/outage",
    "runbooks/region-down.md" at "/runbook/region-down",
    "runbooks/slo-burn.md" at "/runbook/slo-burn",
    "runbooks/jwks-outage.md" at "/runbook/jwks-outage",
    "runbooks/key-rotation.md" at "/runbook/key-rotation",
    "runbooks/regions-disagree.md" at "/runbook/regions-disagree",
    "runbooks/clock-skew.md" at "/runbook/clock-skew",
    "runbooks/certificate-expiring.md" at "/runbook/certificate-expiring",
    "runbooks/revocation-slow.md" at "/runbook/revocation-slow",
    "runbooks/token-lifetime.md" at "/runbook/token-lifetime",
    "runbooks/attack-accepted.md" at "/runbook/attack-accepted",
    "runbooks/compromised-client-secret.md" at "/runbook/compromised-client-secret",
    "runbooks/client-misconfiguration.md" at "/runbook/client-misconfiguration",
    "runbooks/probe-credentials.md" at "/runbook/probe-credentials",
    "runbooks/probe-stale.md" at "/runbook/probe-stale",
    "runbooks/prober-down.md" at "/runbook/prober-down",
    "runbooks/ledger-failing.md" at "/runbook/ledger-failing",
    "faults.md" at "/runbook/faults",
];

/// All of them, ready to be shown, in the same order.
static RENDERED: LazyLock<Vec<Rendered>> = LazyLock::new(|| {
    DOCUMENTS.iter().map(|document| markdown::render(document.text, &|link| resolve(document.file, link))).collect()
});

/// `GET /runbook`: what each alert means, with an anchor at each heading.
pub async fn alerts(State(app): State<App>, reader: Reader) -> Response {
    show(&app, &reader, "/runbook")
}

/// `GET /runbook/{name}`: what to do in one case.
pub async fn one(State(app): State<App>, reader: Reader, Path(name): Path<String>) -> Response {
    show(&app, &reader, &format!("/runbook/{name}"))
}

fn show(app: &App, reader: &Reader, at: &str) -> Response {
    let Some(n) = DOCUMENTS.iter().position(|document| document.at == at) else {
        return Problem::new(StatusCode::NOT_FOUND, "no runbook has that name: see /runbook/index").into_response();
    };
    let rendered = &RENDERED[n];
    let markup = html! {
        div.runbook {
            article { (PreEscaped(&rendered.html)) }
            (contents(n))
        }
    };
    view(app, reader, Tab::Runbooks, &rendered.title, false, &markup)
}

/// Links to all of them.
fn contents(own: usize) -> Markup {
    html! {
        nav.card aria-labelledby="contents" {
            h2 #contents { "Runbooks" }
            ul {
                @for (n, (document, rendered)) in DOCUMENTS.iter().zip(RENDERED.iter()).enumerate() {
                    li { a href=(document.at) aria-current=[(n == own).then_some("page")] { (rendered.title) } }
                }
            }
        }
    }
}

/// Where a link of a document leads here; `None`: to what is not served.
fn resolve(file: &str, link: &str) -> Option<String> {
    if link.starts_with('#') || link.starts_with("https://") || link.starts_with("http://") {
        return Some(link.to_owned());
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            "." => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let found = DOCUMENTS.iter().find(|document| document.file == path)?;
    Some(anchor.map_or_else(|| found.at.to_owned(), |anchor| format!("{}#{anchor}", found.at)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_runbook_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbooks");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| format!("runbooks/{}", entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        let served: BTreeSet<String> =
            DOCUMENTS.iter().filter(|d| d.file.starts_with("runbooks/")).map(|d| d.file.to_owned()).collect();
        assert_eq!(served, files);
        let places: BTreeSet<_> = DOCUMENTS.iter().map(|document| document.at).collect();
        assert_eq!(places.len(), DOCUMENTS.len(), "one place each");
    }

    /// That what it leads to is there is seen by ci/links.py.
    #[test]
    fn every_alert_leads_to_a_runbook() {
        for name in crate::alert::NAMES {
            let section = DOCUMENTS[0].text.split("\n### ").find(|section| section.starts_with(&format!("{name}\n")));
            assert!(section.is_some_and(|section| section.contains("](runbooks/")), "{name}");
        }
    }

    #[test]
    fn every_alert_is_found_by_its_name() {
        assert_eq!(DOCUMENTS[0].at, "/runbook");
        for name in crate::alert::NAMES {
            let id = format!("id=\"{}\"", name.to_ascii_lowercase());
            assert_eq!(RENDERED[0].html.matches(&id).count(), 1, "{name}");
        }
    }

    fn values<'a>(html: &'a str, attribute: &str) -> impl Iterator<Item = &'a str> {
        html.split(&format!(" {attribute}=\""))
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Nobody is led to a page that is not there, nor to a heading that is not there.
    #[test]
    fn every_link_leads_somewhere() {
        let mut inner = 0;
        for (document, rendered) in DOCUMENTS.iter().zip(RENDERED.iter()) {
            for link in values(&rendered.html, "href").filter(|link| !link.starts_with("http")) {
                let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
                let path = if path.is_empty() { document.at } else { path };
                let there =
                    DOCUMENTS.iter().position(|d| d.at == path).unwrap_or_else(|| panic!("{}: {link}", document.file));
                if let Some(anchor) = anchor {
                    let found = values(&RENDERED[there].html, "id").any(|id| id == anchor);
                    assert!(found, "{}: {link}", document.file);
                }
                inner += 1;
            }
        }
        assert!(inner > 100, "{inner} links");
    }

    #[test]
    fn nothing_is_in_them_that_the_policy_forbids() {
        for (document, rendered) in DOCUMENTS.iter().zip(RENDERED.iter()) {
            for forbidden in [" style=\"", "<script", "<img", " onclick=", "javascript:", "<style"] {
                assert!(!rendered.html.contains(forbidden), "{}: {forbidden}", document.file);
            }
            assert_eq!(rendered.html.matches("<h1").count(), 1, "{}: one title", document.file);
            assert!(!rendered.title.is_empty(), "{}", document.file);
        }
    }

    #[test]
    fn links_lead_to_where_documents_are_here() {
        for (file, link, expected) in [
            ("alerts.md", "runbooks/outage.md", Some("/runbook/outage")),
            ("alerts.md", "runbooks/README.md", Some("/runbook/index")),
            ("runbooks/outage.md", "../alerts.md#authoutage", Some("/runbook#authoutage")),
            ("runbooks/outage.md", "slo-burn.md", Some("/runbook/slo-burn")),
            ("runbooks/outage.md", "./slo-burn.md#mend", Some("/runbook/slo-burn#mend")),
            ("runbooks/outage.md", "../faults.md#connect", Some("/runbook/faults#connect")),
            ("runbooks/outage.md", "#mend", Some("#mend")),
            ("runbooks/outage.md", "https://a.example/x.md", Some("https://a.example/x.md")),
            ("runbooks/outage.md", "../deployment.md", None),
            ("runbooks/outage.md", "../../../etc/passwd", None),
            ("runbooks/outage.md", "javascript:alert(1)", None),
            ("runbooks/outage.md", "//evil.example/", None),
        ] {
            assert_eq!(resolve(file, link).as_deref(), expected, "{file}: {link}");
        }
    }
}
