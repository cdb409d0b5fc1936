//! The forms of a page and what a browser without scripts would send (HTML Living Standard, 4.10.21 and 4.10.22).

use std::collections::HashMap;

use scraper::{ElementRef, Node};
use url::Url;

use super::document::{Document, text, visible};
use super::{Submission, Value};

/// The most fields a form may send.
const MAX_FIELDS: usize = 500;

/// What a control is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sent as it is.
    Hidden,
    /// One line to type in: text, email, tel, number and all that browsers treat as text.
    Text,
    /// One line that is masked.
    Password,
    /// Ticked or not.
    Checkbox,
    /// One of a group.
    Radio,
    /// A list.
    Select,
    /// Several lines.
    Textarea,
    /// Submits the form.
    Submit,
    /// A picture that submits the form.
    Image,
    /// For scripts, or resets: never sent.
    Inert,
    /// A file.
    File,
}

/// A control of a form.
#[derive(Clone, Copy)]
pub(super) struct Control<'a> {
    /// Its number on the page.
    pub(super) number: usize,
    /// Its element.
    pub(super) element: ElementRef<'a>,
    /// What it is.
    pub(super) kind: Kind,
}

impl<'a> Control<'a> {
    /// The control that an element is, if it is one.
    pub(super) fn of(number: usize, element: ElementRef<'a>) -> Option<Self> {
        let kind_attribute = element.attr("type").unwrap_or_default().trim().to_ascii_lowercase();
        let kind = match (element.value().name(), kind_attribute.as_str()) {
            ("input", "hidden") => Kind::Hidden,
            ("input", "password") => Kind::Password,
            ("input", "checkbox") => Kind::Checkbox,
            ("input", "radio") => Kind::Radio,
            ("input", "submit") => Kind::Submit,
            ("input", "image") => Kind::Image,
            ("input", "button" | "reset") => Kind::Inert,
            ("input", "file") => Kind::File,
            ("input", _) => Kind::Text,
            ("button", "button" | "reset") => Kind::Inert,
            ("button", _) => Kind::Submit,
            ("select", _) => Kind::Select,
            ("textarea", _) => Kind::Textarea,
            _ => return None,
        };
        Some(Self { number, element, kind })
    }

    /// Its `name`; empty: it is never sent.
    pub(super) fn name(&self) -> &'a str {
        self.element.attr("name").unwrap_or_default()
    }

    /// Whether somebody could fill it in: seen, enabled, not read-only.
    pub(super) fn fillable(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Password | Kind::Textarea)
            && self.element.attr("readonly").is_none()
            && !self.disabled()
            && visible(self.element)
    }

    /// Whether pressing it sends the form.
    pub(super) fn submits(&self) -> bool {
        matches!(self.kind, Kind::Submit | Kind::Image) && !self.disabled()
    }

    /// Itself, or by a `fieldset` around it.
    pub(super) fn disabled(&self) -> bool {
        self.element.attr("disabled").is_some()
            || self
                .element
                .ancestors()
                .filter_map(ElementRef::wrap)
                .any(|around| around.value().name() == "fieldset" && around.attr("disabled").is_some())
    }

    /// What is written on it: text, `value`, `aria-label`, `title` or `alt`.
    pub(super) fn label(&self) -> String {
        let written = match self.element.value().name() {
            "input" => self.element.attr("value").unwrap_or_default().trim().chars().take(200).collect(),
            _ => text(self.element),
        };
        if !written.is_empty() {
            return written;
        }
        ["aria-label", "title", "alt"]
            .iter()
            .find_map(|name| self.element.attr(name))
            .map(|value| value.trim().chars().take(200).collect())
            .unwrap_or_default()
    }
}

/// A form with all controls that belong to it, in the order of the page.
pub(super) struct Form<'a> {
    /// Its element.
    pub(super) element: ElementRef<'a>,
    /// Its controls.
    pub(super) controls: Vec<Control<'a>>,
}

/// What has been typed into a page, by the control's number.
pub(super) type Typed = HashMap<usize, Value>;

/// The forms of a page, in its order.
pub(super) fn forms(document: &Document) -> Vec<Form<'_>> {
    let mut forms: Vec<Form<'_>> = Vec::new();
    let mut ids: HashMap<&str, usize> = HashMap::new();
    let mut index = HashMap::new();
    for element in document.select("form") {
        index.insert(element.id(), forms.len());
        if let Some(id) = element.value().id() {
            ids.entry(id).or_insert(forms.len());
        }
        forms.push(Form { element, controls: Vec::new() });
    }
    let mut latest: Option<usize> = None;
    for (number, element) in document.elements().enumerate() {
        if let Some(at) = index.get(&element.id()) {
            latest = Some(*at);
        }
        let Some(control) = Control::of(number, element) else { continue };
        let owner = match element.attr("form") {
            Some(id) => ids.get(id).copied(),
            None => element
                .ancestors()
                .find_map(|around| index.get(&around.id()).copied())
                .or_else(|| latest.filter(|at| torn_by_table(forms.get(*at).map(|form| form.element)))),
        };
        if let Some(form) = owner.and_then(|at| forms.get_mut(at)) {
            form.controls.push(control);
        }
    }
    forms
}

/// A form that starts between the parts of a table is closed at once by the parser; its controls follow it.
fn torn_by_table(form: Option<ElementRef<'_>>) -> bool {
    form.and_then(|form| form.parent())
        .and_then(ElementRef::wrap)
        .is_some_and(|parent| matches!(parent.value().name(), "table" | "tbody" | "thead" | "tfoot" | "tr"))
}

impl<'a> Form<'a> {
    /// Where it is sent, by whom: `None` if its target is no URL or it is not sent at all (`method=dialog`).
    pub(super) fn target(&self, document: &Document, by: Option<&Control<'a>>) -> Option<Url> {
        let action = self.setting(by, "formaction", "action").unwrap_or_default();
        let method = self.setting(by, "formmethod", "method").unwrap_or_default();
        if method.eq_ignore_ascii_case("dialog") {
            return None;
        }
        if action.trim().is_empty() { Some(document.url().clone()) } else { document.resolve(action) }
    }

    /// Whether its fields travel in the body.
    pub(super) fn posts(&self, by: Option<&Control<'a>>) -> bool {
        self.setting(by, "formmethod", "method").is_some_and(|method| method.trim().eq_ignore_ascii_case("post"))
    }

    /// What pressing `by` sends. `None` if it cannot be sent.
    pub(super) fn submission(
        &self,
        document: &Document,
        by: Option<&Control<'a>>,
        typed: &Typed,
    ) -> Option<Submission> {
        let enctype = self.setting(by, "formenctype", "enctype").unwrap_or_default();
        let mut fields = Vec::new();
        for control in &self.controls {
            let is_submitter = by.is_some_and(|by| by.number == control.number);
            control_fields(control, is_submitter, typed, &mut fields);
            if fields.len() > MAX_FIELDS {
                return None;
            }
        }
        Some(Submission {
            url: self.target(document, by)?,
            post: self.posts(by),
            multipart: enctype.trim().eq_ignore_ascii_case("multipart/form-data"),
            fields,
        })
    }

    /// The button that Enter would press: the first that submits, as the standard says (implicit submission).
    pub(super) fn default_button(&self) -> Option<&Control<'a>> {
        self.controls.iter().find(|control| control.submits())
    }

    /// Whether everything in it is hidden or only submits.
    pub(super) fn is_hidden(&self) -> bool {
        !self.controls.is_empty()
            && self.controls.iter().all(|c| matches!(c.kind, Kind::Hidden | Kind::Submit | Kind::Image | Kind::Inert))
    }

    fn setting(&self, by: Option<&Control<'a>>, of_button: &str, of_form: &str) -> Option<&'a str> {
        by.and_then(|by| by.element.attr(of_button)).or_else(|| self.element.attr(of_form))
    }
}

/// Constructing the entry list: what one control contributes.
fn control_fields(control: &Control<'_>, is_submitter: bool, typed: &Typed, fields: &mut Vec<(String, Value)>) {
    let element = control.element;
    let name = control.name();
    if control.disabled() || element.ancestors().filter_map(ElementRef::wrap).any(|e| e.value().name() == "datalist") {
        return;
    }
    let mut push = |value: Value| {
        if !name.is_empty() {
            fields.push((name.to_owned(), value));
        }
    };
    if let Some(value) = typed.get(&control.number) {
        return push(value.clone());
    }
    let own = || Value::Plain(element.attr("value").unwrap_or_default().to_owned());
    match control.kind {
        Kind::Hidden if name.eq_ignore_ascii_case("_charset_") => push(Value::Plain("UTF-8".to_owned())),
        Kind::Hidden | Kind::Text | Kind::Password => push(own()),
        Kind::Checkbox | Kind::Radio if element.attr("checked").is_some() => {
            push(Value::Plain(element.attr("value").unwrap_or("on").to_owned()));
        }
        Kind::Checkbox | Kind::Radio | Kind::Inert => {}
        Kind::Select => chosen(element).into_iter().for_each(|value| push(Value::Plain(value))),
        Kind::Textarea => push(Value::Plain(raw_text(element))),
        Kind::File => push(Value::Plain(String::new())),
        Kind::Submit if is_submitter => push(own()),
        Kind::Image if is_submitter => {
            let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
            fields.push((format!("{prefix}x"), Value::Plain("0".to_owned())));
            fields.push((format!("{prefix}y"), Value::Plain("0".to_owned())));
        }
        Kind::Submit | Kind::Image => {}
    }
}

/// The values of a `select`: what is selected, else the first option if only one can be.
fn chosen(select: ElementRef<'_>) -> Vec<String> {
    let options: Vec<ElementRef<'_>> = select
        .descendants()
        .filter_map(ElementRef::wrap)
        .filter(|option| {
            option.value().name() == "option"
                && option.attr("disabled").is_none()
                && !option
                    .parent()
                    .and_then(ElementRef::wrap)
                    .is_some_and(|group| group.value().name() == "optgroup" && group.attr("disabled").is_some())
        })
        .collect();
    let value = |option: &ElementRef<'_>| option.attr("value").map_or_else(|| text(*option), str::to_owned);
    let mut selected = options.iter().filter(|option| option.attr("selected").is_some()).map(value);
    if select.attr("multiple").is_some() {
        return selected.collect();
    }
    // Of several that claim to be selected, the last is.
    selected.next_back().or_else(|| options.first().map(value)).into_iter().collect()
}

fn raw_text(element: ElementRef<'_>) -> String {
    element
        .descendants()
        .filter_map(|node| match node.value() {
            Node::Text(text) => Some(&**text),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(html: &str, button: Option<&str>) -> (Submission, String) {
        let document = Document::parse(html, &Url::parse("https://login.example.com/a/b?c=d").unwrap()).unwrap();
        let forms = forms(&document);
        let form = &forms[0];
        let by = button.map(|id| *form.controls.iter().find(|c| c.element.value().id() == Some(id)).unwrap());
        let submission = form.submission(&document, by.as_ref(), &Typed::new()).unwrap();
        let fields = submission.fields.iter().map(|(name, value)| match value {
            Value::Plain(value) => format!("{name}={value}"),
            Value::Answer(with) => format!("{name}:{with:?}"),
        });
        let fields = fields.collect::<Vec<_>>().join("&");
        (submission, fields)
    }

    /// HTML Living Standard 4.10.21.4, by hand.
    #[test]
    fn successful_controls_are_those_of_the_standard() {
        let (_, fields) = sent(
            "<form><input type=hidden name=h value=1><input name=t value='a b'><input type=password name=p>\
             <input name=off value=x disabled><fieldset disabled><input name=off2></fieldset><input value=nameless>\
             <input type=checkbox name=c1 checked><input type=checkbox name=c2 value=v checked><input type=checkbox name=c3>\
             <input type=radio name=r value=1><input type=radio name=r value=2 checked>\
             <select name=s><option value=no disabled>-<option value=x>X<option>  Y  z</select>\
             <select name=s2><option value=a><option value=b selected></select>\
             <select name=m multiple><option selected>1<option>2<option selected>3</select>\
             <textarea name=ta>\nline</textarea><button name=b value=no>No</button><button id=yes name=b value=yes>Yes</button>\
             <input type=reset name=x value=y></form>",
            Some("yes"),
        );
        assert_eq!(fields, "h=1&t=a b&p=&c1=on&c2=v&r=2&s=x&s2=b&m=1&m=3&ta=line&b=yes");
    }

    #[test]
    fn targets_follow_form_and_button() {
        let html = "<form action='/login?x=1' method=POST enctype=multipart/form-data><button id=a>\
                    <button id=b formaction='https://other.example/y' formmethod=get formenctype='text/plain'></form>";
        let (submission, _) = sent(html, Some("a"));
        assert_eq!(submission.url.as_str(), "https://login.example.com/login?x=1");
        assert!(submission.post && submission.multipart);
        let (submission, _) = sent(html, Some("b"));
        assert_eq!(submission.url.as_str(), "https://other.example/y");
        assert!(!submission.post && !submission.multipart);
        // An empty action is the page itself, its query included, whatever the base.
        let (submission, _) = sent("<base href=/z/><form action=''><button>", None);
        assert_eq!(submission.url.as_str(), "https://login.example.com/a/b?c=d");
    }

    #[test]
    fn controls_find_their_form() {
        let (_, fields) = sent("<form id=f><input name=a></form><input name=b form=f><input name=c>", None);
        assert_eq!(fields, "a=&b=");
        let (_, fields) = sent(
            "<table><tr><form method=post><td><input name=a></td><td><input name=b></td></form></tr></table>",
            None,
        );
        assert_eq!(fields, "a=&b=");
        let (_, fields) = sent("<form><input type=image id=go name=go></form>", Some("go"));
        assert_eq!(fields, "go.x=0&go.y=0");
    }
}
