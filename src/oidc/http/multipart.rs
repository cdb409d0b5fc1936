//! `multipart/form-data` as browsers send it (RFC 7578, HTML Living Standard 4.10.21.8).

use crate::outcome::Id;

/// The content type and the body of a form.
pub(super) fn encode(form: &[(String, String)]) -> (String, Vec<u8>) {
    // 128 random bits: in none of the values by any chance that matters.
    let boundary = format!("authprobe{}", Id::<16>::random());
    let body = body(form, &boundary);
    (format!("multipart/form-data; boundary={boundary}"), body)
}

fn body(form: &[(String, String)], boundary: &str) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in form {
        let name = crlf(name).replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22");
        let value = crlf(value);
        body.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    body.into_bytes()
}

/// Every end of a line is CRLF.
fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_parts_and_names_cannot_break_out() {
        let form = [("login".to_owned(), "älice".to_owned()), ("a\"b\nc".to_owned(), "1\n2".to_owned())];
        let expected = "--X\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\nälice\r\n\
                        --X\r\nContent-Disposition: form-data; name=\"a%22b%0D%0Ac\"\r\n\r\n1\r\n2\r\n--X--\r\n";
        assert_eq!(String::from_utf8(body(&form, "X")).unwrap(), expected);
        let (content_type, body) = encode(&form);
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert!(String::from_utf8(body).unwrap().ends_with(&format!("--{boundary}--\r\n")));
    }
}
