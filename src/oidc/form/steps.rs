//! Steps on a login page as people declare them: `[[probe.step]]` and the presets of `probes/pages/`. The same data serve
//! plain HTTP and a real browser.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use scraper::Selector;
use serde::Deserialize;

/// What our user types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum With {
    /// The user's name.
    Username,
    /// The user's password.
    Password,
    /// The one-time code of this moment (RFC 6238).
    Totp,
}

impl fmt::Display for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => "user name",
            Self::Password => "password",
            Self::Totp => "one-time code",
        })
    }
}

/// One step on the login pages: exactly one of `fill` (together with `with`), `click`, `wait` and `expect`.
/// Each names an element: a CSS selector, or `text=` and what is written on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSettings {
    /// The field to fill in.
    pub fill: Option<String>,
    /// What to fill in.
    pub with: Option<With>,
    /// The button or link to press.
    pub click: Option<String>,
    /// The element to wait for. Over plain HTTP it must be on the page at once.
    pub wait: Option<String>,
    /// The element that must be on the page.
    pub expect: Option<String>,
    /// Whether the step is left out when its element is not on the page (a consent that is remembered). Default: false.
    #[serde(default)]
    pub optional: bool,
}

/// How an element is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By a CSS selector.
    Css(String),
    /// By what is written on it.
    Text(String),
}

impl Target {
    /// Reads one. The error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(written) = text.strip_prefix("text=") {
            let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
            return if written.is_empty() { Err("`text=` needs a text".to_owned()) } else { Ok(Self::Text(written)) };
        }
        match Selector::parse(text) {
            Ok(_) => Ok(Self::Css(text.to_owned())),
            Err(_) => Err(format!("{text:?} is neither a CSS selector nor `text=…`")),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Css(selector) => f.write_str(selector),
            Self::Text(text) => write!(f, "text={text}"),
        }
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Types something into a field.
    Fill(Target, With),
    /// Presses a button or link.
    Click(Target),
    /// Waits for an element.
    Wait(Target),
    /// Demands an element.
    Expect(Target),
}

impl Action {
    /// The element it is about.
    pub fn target(&self) -> &Target {
        match self {
            Self::Fill(target, _) | Self::Click(target) | Self::Wait(target) | Self::Expect(target) => target,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fill(target, with) => write!(f, "fill {target} with the {with}"),
            Self::Click(target) => write!(f, "click {target}"),
            Self::Wait(target) => write!(f, "wait for {target}"),
            Self::Expect(target) => write!(f, "expect {target}"),
        }
    }
}

/// A step, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Whether it is left out when its element is not there.
    pub optional: bool,
}

impl StepSettings {
    /// Checks it. Errors name the key and what is wrong.
    pub fn resolve(&self) -> Result<Step, (&'static str, Cow<'static, str>)> {
        let named = [("fill", &self.fill), ("click", &self.click), ("wait", &self.wait), ("expect", &self.expect)];
        let mut given = named.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?)));
        let (key, text) = match (given.next(), given.next()) {
            (Some(only), None) => only,
            (None, _) => return Err(("", "a step needs one of `fill`, `click`, `wait`, `expect`".into())),
            (Some(_), Some((key, _))) => {
                return Err((key, "a step does one thing: one of `fill`, `click`, `wait`, `expect`".into()));
            }
        };
        let target = Target::parse(text).map_err(|message| (key, message.into()))?;
        let action = match (key, self.with) {
            ("fill", Some(with)) => Action::Fill(target, with),
            ("fill", None) => {
                return Err(("with", "`fill` needs `with`: \"username\", \"password\" or \"totp\"".into()));
            }
            (_, Some(_)) => return Err(("with", "`with` belongs to `fill`".into())),
            ("click", None) => Action::Click(target),
            ("wait", None) => Action::Wait(target),
            (_, None) => Action::Expect(target),
        };
        Ok(Step { action, optional: self.optional })
    }
}

/// How to get through the pages of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guide {
    /// What to do, in order; empty: by the obvious fields.
    pub steps: Vec<Step>,
    /// Elements that are there when name or password were refused.
    pub refused: Option<Target>,
    /// Elements that are there when something is asked for that we cannot answer.
    pub challenge: Option<Target>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(toml: &str) -> Result<Step, (&'static str, Cow<'static, str>)> {
        toml::from_str::<StepSettings>(toml).unwrap().resolve()
    }

    #[test]
    fn steps_are_those_of_the_contract() {
        let fill = step("fill = \"#username\"\nwith = \"username\"").unwrap();
        assert_eq!(fill.action, Action::Fill(Target::Css("#username".into()), With::Username));
        let click = step("click = \"text= Continue  now\"\noptional = true").unwrap();
        assert_eq!(click, Step { action: Action::Click(Target::Text("Continue now".into())), optional: true });
        assert_eq!(step("wait = \"#loaded\"").unwrap().action.to_string(), "wait for #loaded");
        assert_eq!(step("expect = \"text=Welcome\"").unwrap().action.to_string(), "expect text=Welcome");
    }

    #[test]
    fn mistakes_name_their_key() {
        for (toml, key) in [
            ("", ""),
            ("fill = \"#a\"", "with"),
            ("click = \"#a\"\nwith = \"password\"", "with"),
            ("click = \"#a\"\nwait = \"#b\"", "wait"),
            ("click = \"##\"", "click"),
            ("expect = \"text= \"", "expect"),
            ("with = \"totp\"", ""),
        ] {
            assert_eq!(step(toml).unwrap_err().0, key, "{toml}");
        }
        assert!(toml::from_str::<StepSettings>("fil = \"#a\"").is_err());
    }
}
