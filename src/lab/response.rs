//! What the authorization endpoint is asked for and how its answer travels (OAuth 2.0 Multiple Response Type Encoding
//! Practices, Form Post Response Mode).

use http::StatusCode;
use url::Url;

use super::form::Form;
use super::pages;
use super::reply::Reply;

/// `response_types_supported`.
pub const TYPES: &[&str] =
    &["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];
/// `response_modes_supported`.
pub const MODES: &[&str] = &["query", "fragment", "form_post"];

/// A response type: a set of words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// `code`
    pub code: bool,
    /// `id_token`
    pub id_token: bool,
    /// `token`
    pub token: bool,
}

impl Wants {
    /// The one that is only a code.
    pub const CODE: Self = Self { code: true, id_token: false, token: false };

    /// Of a request; `None`: not one of [`TYPES`].
    pub fn read(text: &str) -> Option<Self> {
        let mut words: Vec<&str> = text.split(' ').collect();
        words.sort_unstable();
        let known = TYPES.iter().any(|known| {
            let mut known: Vec<&str> = known.split(' ').collect();
            known.sort_unstable();
            known == words
        });
        let has = |word| words.contains(&word);
        known.then(|| Self { code: has("code"), id_token: has("id_token"), token: has("token") })
    }

    /// Whether tokens come without a detour over the token endpoint.
    pub fn tokens(self) -> bool {
        self.id_token || self.token
    }
}

/// How an answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the query.
    Query,
    /// In the fragment.
    Fragment,
    /// In a form that posts itself.
    FormPost,
}

impl Mode {
    /// As asked for, or the default of the response type; `None`: not one of [`MODES`], or tokens in a query.
    pub fn read(form: &Form, wants: Wants) -> Option<Self> {
        match form.get("response_mode") {
            None if wants.tokens() => Some(Self::Fragment),
            None => Some(Self::Query),
            Some("query") if !wants.tokens() => Some(Self::Query),
            Some("fragment") => Some(Self::Fragment),
            Some("form_post") => Some(Self::FormPost),
            Some(_) => None,
        }
    }

    /// Where a refusal goes if the request cannot say.
    pub fn of_refusal(form: &Form, wants: Option<Wants>) -> Self {
        Self::read(form, wants.unwrap_or(Wants::CODE)).unwrap_or(match wants {
            Some(wants) if wants.tokens() => Self::Fragment,
            _ => Self::Query,
        })
    }

    /// The answer on its way.
    pub fn send(self, redirect_uri: &str, parameters: &[(&'static str, String)]) -> Reply {
        let Ok(mut url) = Url::parse(redirect_uri) else { return Reply::new(StatusCode::BAD_REQUEST) };
        match self {
            Self::FormPost => return pages::form_post(redirect_uri, parameters),
            Self::Query => {
                url.query_pairs_mut().extend_pairs(parameters);
            }
            Self::Fragment => {
                let mut fragment = url::form_urlencoded::Serializer::new(String::new());
                url.set_fragment(Some(&fragment.extend_pairs(parameters).finish()));
            }
        }
        Reply::see_other(url.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_never_travel_in_a_query() {
        let mode = |query: &str, response_type: &str| {
            Mode::read(&Form::parse(query.as_bytes()).unwrap(), Wants::read(response_type).unwrap())
        };
        assert_eq!(mode("", "code"), Some(Mode::Query));
        assert_eq!(mode("", "token id_token code"), Some(Mode::Fragment));
        assert_eq!(mode("response_mode=query", "code id_token"), None);
        assert_eq!(mode("response_mode=form_post", "id_token"), Some(Mode::FormPost));
        assert_eq!(mode("response_mode=jwt", "code"), None);
        assert!(Wants::read("token").is_none() && Wants::read("code code").is_none() && Wants::read("").is_none());
    }
}
