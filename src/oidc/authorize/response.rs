//! What is asked back from the authorization endpoint, and how it travels: OAuth 2.0 Multiple Response Type Encoding
//! Practices, OAuth 2.0 Form Post Response Mode.

use std::fmt;

/// What the authorization endpoint is asked for (Multiple Response Types §3 and §5). Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseType {
    /// An authorization code.
    pub code: bool,
    /// An ID token.
    pub id_token: bool,
    /// An access token.
    pub token: bool,
}

impl Default for ResponseType {
    fn default() -> Self {
        Self { code: true, id_token: false, token: false }
    }
}

impl ResponseType {
    /// Every one that can be asked for, as it is written. `token` alone is not among them: it logs nobody in.
    pub const NAMES: [&'static str; 6] =
        ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];

    /// Reads a set of words in any order. The error says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut found = Self { code: false, id_token: false, token: false };
        for word in text.split(' ') {
            let flag = match word {
                "code" => &mut found.code,
                "id_token" => &mut found.id_token,
                "token" => &mut found.token,
                _ => return Err(Self::unknown(text)),
            };
            if std::mem::replace(flag, true) {
                return Err(Self::unknown(text));
            }
        }
        if Self::NAMES.contains(&found.as_str()) { Ok(found) } else { Err(Self::unknown(text)) }
    }

    fn unknown(text: &str) -> String {
        let known = Self::NAMES.map(|name| format!("{name:?}")).join(", ");
        format!("no response type {text:?}; expected one of {known} (in any order)")
    }

    /// As it is written in requests.
    pub const fn as_str(self) -> &'static str {
        match (self.code, self.id_token, self.token) {
            (true, false, false) => "code",
            (false, true, false) => "id_token",
            (false, true, true) => "id_token token",
            (true, true, false) => "code id_token",
            (true, false, true) => "code token",
            (true, true, true) => "code id_token token",
            (false, _, true) => "token",
            (false, false, false) => "none",
        }
    }

    /// Whether it is among what metadata lists: the order of the words means nothing (Multiple Response Types §3).
    pub fn is_among(self, listed: &[&str]) -> bool {
        listed.iter().any(|listed| Self::parse(listed).is_ok_and(|listed| listed == self))
    }

    /// Whether the answer itself holds a token: it must not travel in a query then (Multiple Response Types §3.1, §5).
    pub const fn brings_tokens(self) -> bool {
        self.id_token || self.token
    }

    /// Where the answer comes unless something else is asked for (Multiple Response Types §2.1, §5).
    pub const fn default_mode(self) -> ResponseMode {
        if self.brings_tokens() { ResponseMode::Fragment } else { ResponseMode::Query }
    }
}

impl fmt::Display for ResponseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an answer travels to the redirect URI (Multiple Response Types §2.1, Form Post Response Mode §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query.
    #[default]
    Query,
    /// In the fragment, which browsers keep to themselves.
    Fragment,
    /// In a form that a page posts by itself.
    FormPost,
}

impl ResponseMode {
    /// The name in requests and metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// In words: where that is.
    pub(super) const fn place(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "posted form",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_types_are_sets_of_words() {
        let hybrid = ResponseType::parse("token id_token code").unwrap();
        assert_eq!(hybrid.as_str(), "code id_token token");
        assert!(hybrid.is_among(&["code", "id_token code token"]) && !hybrid.is_among(&["code id_token"]));
        for name in ResponseType::NAMES {
            assert_eq!(ResponseType::parse(name).unwrap().as_str(), name);
        }
        for wrong in ["", "none", "token", "code code", "code  id_token", "CODE", "code id_token foo"] {
            let why = ResponseType::parse(wrong).unwrap_err();
            assert!(why.contains("\"code id_token token\""), "{wrong}: {why}");
        }
    }

    /// Multiple Response Types §5: the default encoding of everything but `code` is the fragment.
    #[test]
    fn only_a_code_alone_comes_in_the_query() {
        let mode = |name: &str| ResponseType::parse(name).unwrap().default_mode();
        assert_eq!(mode("code"), ResponseMode::Query);
        for name in &ResponseType::NAMES[1..] {
            assert_eq!(mode(name), ResponseMode::Fragment, "{name}");
        }
    }
}
