//! Parameters of a query or a form body.

use std::collections::HashMap;

/// The most parameters that are read.
const MAX_PARAMETERS: usize = 64;

/// Parameters by name. An empty one counts as left out, and none may be there twice (RFC 6749 §3.1), save those that
/// RFC 8693 §2.1 lets repeat.
#[derive(Clone, Debug, Default)]
pub struct Form(HashMap<String, Vec<String>>);

impl Form {
    /// From `application/x-www-form-urlencoded`. The error names the parameter.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut values: HashMap<String, Vec<String>> = HashMap::new();
        for (count, (name, value)) in url::form_urlencoded::parse(text).enumerate() {
            if count >= MAX_PARAMETERS {
                return Err("too many parameters".to_owned());
            }
            if value.is_empty() {
                continue;
            }
            let of_name = values.entry(name.clone().into_owned()).or_default();
            if !of_name.is_empty() && !matches!(name.as_ref(), "audience" | "resource") {
                return Err(format!("parameter {} is there twice", name.chars().take(40).collect::<String>()));
            }
            of_name.push(value.into_owned());
        }
        Ok(Self(values))
    }

    /// The same, with one value of that parameter and no other.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), vec![value.to_owned()]);
        self
    }

    /// The same, without that parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str)
    }

    /// Every value of a parameter.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The words of a parameter that is a list, each once.
    pub fn words(&self, name: &str) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for word in self.get(name).unwrap_or_default().split_ascii_whitespace() {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_there_once() {
        let form = Form::parse(b"a=1&b=&scope=x+y+x&audience=p&audience=q").unwrap();
        assert_eq!((form.get("a"), form.get("b")), (Some("1"), None));
        assert_eq!(form.words("scope"), ["x", "y"]);
        assert_eq!(form.all("audience"), ["p", "q"]);
        assert_eq!(Form::parse(b"a=1&a=2").unwrap_err(), "parameter a is there twice");
        assert!(Form::parse("a=1&".repeat(65).as_bytes()).is_err());
    }
}
