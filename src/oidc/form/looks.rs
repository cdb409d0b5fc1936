//! What a page looks like to somebody who does nothing on it: whether it asks for a login.

use url::Url;

use super::controls::forms;
use super::document::Document;
use super::guided::{self, Sought};
use super::judge;
use super::page::{Page, Reading, Setting};
use super::steps::{Action, Guide};

/// What a page looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    /// Its status.
    pub status: u16,
    /// Whether there is something to log in with: a field for a name, a password or a code, or one of a declared step.
    pub asks: bool,
    /// Its title.
    pub title: String,
    /// Where it is, with what looks like an identifier left out of the path.
    pub place: String,
}

/// Looks at a page. What cannot be read asks for nothing.
pub fn looks(page: &Page, guide: &Guide) -> Looks {
    let bare = Looks { status: page.status, asks: false, title: String::new(), place: shape(&page.url) };
    if !matches!(page.media_type.as_str(), "" | "text/html" | "application/xhtml+xml") {
        return bare;
    }
    let Ok(document) = Document::parse(&page.content, &page.url) else { return bare };
    let forms = forms(&document);
    let setting = Setting { guide, redirect_uri: &page.url, has_totp: true, has_passkey: false, user: "" };
    let reading = Reading { page, document: &document, forms: &forms, setting };
    let mut fields = guide.steps.iter().filter_map(|step| match &step.action {
        Action::Fill(target, _) => Some(target),
        _ => None,
    });
    let asks =
        judge::asks_anything(&reading) || fields.any(|target| guided::find(&reading, target, Sought::Field).is_some());
    Looks { asks, title: document.title(), ..bare }
}

/// Origin and path of a URL; a segment with a digit, or a very long one, is taken for an identifier.
pub fn shape(url: &Url) -> String {
    let identifier = |segment: &str| segment.len() > 40 || segment.bytes().any(|b| b.is_ascii_digit());
    let path: Vec<&str> = url.path().split('/').map(|part| if identifier(part) { "*" } else { part }).collect();
    format!("{}{}", url.origin().ascii_serialization(), path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(status: u16, content: &str) -> Page {
        Page {
            url: Url::parse("https://a.example/interaction/x7Yq/login?a=b").unwrap(),
            status,
            media_type: "text/html".into(),
            gatekeeper: false,
            content: content.into(),
        }
    }

    #[test]
    fn a_page_asks_if_one_can_log_in_there() {
        let form = "<title>Sign in</title><form method=post><input name=user><input type=password name=pw></form>";
        let looks = looks(&page(200, form), &Guide::default());
        assert_eq!((looks.asks, looks.title.as_str()), (true, "Sign in"));
        assert_eq!(looks.place, "https://a.example/interaction/*/login");
    }

    #[test]
    fn an_error_page_asks_for_nothing() {
        for content in ["<h1>invalid redirect_uri</h1>", "<form><button>Back</button></form>", ""] {
            assert!(!looks(&page(200, content), &Guide::default()).asks, "{content}");
        }
    }

    #[test]
    fn a_field_of_a_declared_step_counts() {
        let step = toml::from_str::<super::super::steps::StepSettings>("fill = \"#odd\"\nwith = \"username\"").unwrap();
        let guide = Guide { steps: vec![step.resolve().unwrap()], ..Guide::default() };
        let odd = page(200, "<form method=post><textarea id=odd name=z></textarea></form>");
        assert!(!looks(&odd, &Guide::default()).asks && looks(&odd, &guide).asks);
    }
}
