//! Forms as bodies.

use ::http::HeaderValue;
use url::form_urlencoded;

use crate::outcome::Id;

/// The content type and body of a form: `application/x-www-form-urlencoded`, or `multipart/form-data` (RFC 7578).
pub(super) fn encode(form: &[(String, String)], multipart: bool) -> (HeaderValue, String) {
    if !multipart {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        return (HeaderValue::from_static("application/x-www-form-urlencoded"), body);
    }
    // Random, so that no value can hold it.
    let boundary = format!("authprobe-{}", Id::<16>::random());
    let mut body = String::new();
    for (name, value) in form {
        body.push_str(&format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", escape(name)));
        body.push_str(value);
        body.push_str("\r\n");
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
    (content_type.expect("hexadecimal digits fit a header"), body)
}

/// As browsers write names (HTML, "multipart/form-data encoding algorithm").
fn escape(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Vec<(String, String)> {
        vec![("user name".into(), "ä&b".into()), ("q\"\r\n".into(), "two\r\nlines".into())]
    }

    #[test]
    fn urlencoded() {
        let (content_type, body) = encode(&form(), false);
        assert_eq!(content_type, "application/x-www-form-urlencoded");
        assert_eq!(body, "user+name=%C3%A4%26b&q%22%0D%0A=two%0D%0Alines");
    }

    #[test]
    fn multipart() {
        let (content_type, body) = encode(&form(), true);
        let boundary = content_type.to_str().unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
        assert_eq!(
            body,
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"user name\"\r\n\r\nä&b\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"q%22%0D%0A\"\r\n\r\ntwo\r\nlines\r\n\
                 --{boundary}--\r\n"
            )
        );
        assert_ne!(encode(&form(), true).0, content_type, "a boundary is used once");
    }
}
