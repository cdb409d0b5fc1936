//! `WWW-Authenticate` (RFC 9110 §11.6.1): several challenges may be in one header, each with parameters, and a comma
//! separates both. Pure.

use ::http::{HeaderMap, header};

/// The most elements (challenges and parameters) of an answer that are read.
const MAX_ELEMENTS: usize = 200;

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Whether it is for access tokens: Bearer (RFC 6750 §3), or DPoP (RFC 9449 §7.1).
    pub fn is_for_tokens(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("bearer") || self.scheme.eq_ignore_ascii_case("dpop")
    }

    /// A parameter, whatever the case of its name (RFC 9110 §11.2); the first of several.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The challenges of an answer, in order. What is none is passed over; a blank instead of a comma between parameters is
/// forgiven, since clients do.
pub fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut elements = 0;
    for value in headers.get_all(header::WWW_AUTHENTICATE) {
        // A challenge does not reach from one header into the next.
        let begun = challenges.len();
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut reader = Reader { rest: &text };
        while elements < MAX_ELEMENTS && !reader.is_over() {
            elements += 1;
            let name = reader.token();
            if let Some(value) = reader.value() {
                if let Some(challenge) = challenges.get_mut(begun..).and_then(<[_]>::last_mut)
                    && !name.is_empty()
                {
                    challenge.parameters.push((name.to_owned(), value));
                }
            } else if name.is_empty() {
                reader.skip();
            } else {
                challenges.push(Challenge { scheme: name.to_owned(), parameters: Vec::new() });
                reader.skip_token68();
            }
        }
    }
    challenges
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// Whether nothing is left but separators.
    fn is_over(&mut self) -> bool {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
        self.rest.is_empty()
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// RFC 9110 §5.6.2; empty if there is none.
    fn token(&mut self) -> &'t str {
        let is_tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        self.take(self.rest.find(|c| !is_tchar(c)).unwrap_or(self.rest.len()))
    }

    /// What follows an equals sign, blanks around it allowed (RFC 9110 §11.2); `None`: there is none.
    fn value(&mut self) -> Option<String> {
        let after = self.rest.trim_start_matches([' ', '\t']).strip_prefix('=')?;
        self.rest = after.trim_start_matches([' ', '\t']);
        match self.rest.strip_prefix('"') {
            Some(quoted) => {
                self.rest = quoted;
                Some(self.quoted())
            }
            // More than a token is forgiven: URLs come without quotes.
            None => Some(self.take(self.rest.find([' ', '\t', ',']).unwrap_or(self.rest.len())).to_owned()),
        }
    }

    /// The rest of a quoted string (RFC 9110 §5.6.4); one without an end ends with the header.
    fn quoted(&mut self) -> String {
        let mut value = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.take(at + 1);
                    return value;
                }
                '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
                c => value.push(c),
            }
        }
        self.rest = "";
        value
    }

    /// Past the next comma, or to the end: what is here can be read as nothing.
    fn skip(&mut self) {
        self.take(self.rest.find(',').unwrap_or(self.rest.len()));
    }

    /// Past credentials that a scheme has instead of parameters: letters that end with equals signs, or stand alone
    /// before a comma.
    fn skip_token68(&mut self) {
        let text = self.rest.trim_start_matches([' ', '\t']);
        let is_char = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        let body = text.trim_start_matches(is_char);
        let end = body.trim_start_matches('=');
        if body.len() < text.len() && (end.is_empty() || end.trim_start_matches([' ', '\t']).starts_with(',')) {
            self.rest = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, ::http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let shown = |challenge: Challenge| {
            let parameters = challenge.parameters.iter().map(|(name, value)| format!(" {name}={value}"));
            format!("{}{}", challenge.scheme, parameters.collect::<String>())
        };
        challenges(&headers).into_iter().map(shown).collect()
    }

    /// The examples of RFC 9110 §11.6.1, RFC 6750 §3 and RFC 9449 §7.1.
    #[test]
    fn one_header_holds_several_challenges() {
        let basic = "Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\"";
        assert_eq!(read(&[basic]), ["Basic realm=simple", "Newauth realm=apps type=1 title=Login to \"apps\""]);
        assert_eq!(read(&["Bearer realm=\"example\""]), ["Bearer realm=example"]);
        let both = "Bearer, DPoP algs=\"ES256 PS256\"";
        assert_eq!(read(&[both]), ["Bearer", "DPoP algs=ES256 PS256"]);
        assert_eq!(read(&["Bearer", "Basic realm=x"]), ["Bearer", "Basic realm=x"]);
    }

    #[test]
    fn what_is_quoted_is_no_challenge_and_no_parameter() {
        assert_eq!(read(&["Basic realm=\"a, Bearer error=x\""]), ["Basic realm=a, Bearer error=x"]);
        let inside = "Bearer error_description=\"no error=here\", error=\"invalid_token\"";
        assert_eq!(read(&[inside]), ["Bearer error_description=no error=here error=invalid_token"]);
        assert_eq!(read(&["Bearer realm=\"endless, error=\\"]), ["Bearer realm=endless, error="]);
    }

    #[test]
    fn credentials_instead_of_parameters_are_passed_over() {
        assert_eq!(read(&["Negotiate YIIJ==, Bearer realm=x"]), ["Negotiate", "Bearer realm=x"]);
        assert_eq!(read(&["Negotiate YIIJ/+a, Bearer"]), ["Negotiate", "Bearer"]);
        assert_eq!(read(&["Negotiate abc=="]), ["Negotiate"]);
    }

    #[test]
    fn what_clients_forgive_is_forgiven() {
        assert_eq!(
            read(&["bearer error=invalid_token error_description=\"x\""]),
            ["bearer error=invalid_token error_description=x"]
        );
        assert_eq!(read(&[" ,, Bearer\trealm = \"x\" ,"]), ["Bearer realm=x"]);
        assert_eq!(read(&["Bearer error_uri=https://a.example/?x"]), ["Bearer error_uri=https://a.example/?x"]);
        assert_eq!(read(&["Bearer realm=\"Zürich\""]), ["Bearer realm=Zürich"]);
        for nothing in ["", ",", "=", "\"Bearer\"", "error=\"invalid_token\"", "@, (x)"] {
            assert_eq!(read(&[nothing]), [""; 0], "{nothing}");
        }
        assert_eq!(read(&["Bearer realm=x", "error=y"]), ["Bearer realm=x"], "a header begins with a scheme");
    }

    #[test]
    fn names_have_no_case_and_the_first_counts() {
        let challenge = Challenge { scheme: "BEARER".into(), parameters: vec![("Error".into(), "a".into())] };
        assert!(challenge.is_for_tokens());
        assert_eq!((challenge.get("error"), challenge.get("realm")), (Some("a"), None));
        assert!(!Challenge { scheme: "Bearers".into(), parameters: vec![] }.is_for_tokens());
    }

    #[test]
    fn a_hostile_header_is_read_in_bounds() {
        let many = "a ".repeat(30_000);
        assert!(read(&[&many]).len() <= MAX_ELEMENTS);
        let equals = "=".repeat(60_000);
        assert_eq!(read(&[&equals]), [""; 0]);
    }
}
