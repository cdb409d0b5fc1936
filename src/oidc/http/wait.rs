//! `Retry-After`: how long a server asks to be left alone.

use std::time::Duration;

use ::http::HeaderMap;
use ::http::header::{DATE, HeaderName, RETRY_AFTER};
use chrono::{DateTime, NaiveDateTime};

use crate::clock::Timestamp;

/// The longest wait that is honoured.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// The wait that `Retry-After` asks for (RFC 9110 §10.2.3), at most an hour: seconds, or a date. A date is taken
/// relative to the answer's own `Date` where there is one, so that a skewed clock does not matter, else to `now`.
/// `None` if absent or unreadable; a date that is past is no wait at all.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a very long time.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let until = http_date(value)?;
        until.since(header_date(headers, DATE).unwrap_or(now))
    };
    Some(wait.min(MAX_WAIT))
}

/// The date in a header, if there is one and it can be read.
pub fn header_date(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    http_date(headers.get(name)?.to_str().ok()?.trim())
}

/// Reads an HTTP-date in any of its three forms (RFC 9110 §5.6.7): whole seconds.
pub fn http_date(text: &str) -> Option<Timestamp> {
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(Timestamp::from_utc(date.to_utc()));
    }
    // The obsolete forms: RFC 850's and asctime's.
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .into_iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|date| Timestamp::from_utc(date.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT

    fn wait(retry_after_value: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after_value.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers, NOW)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(wait("120", None), Some(Duration::from_secs(120)));
        assert_eq!(wait("0", None), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT", None), Some(Duration::from_secs(60)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:40:37 GMT", None), Some(Duration::ZERO));
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        let date = Some("Sun, 06 Nov 1994 09:50:07 GMT");
        assert_eq!(wait("Sun, 06 Nov 1994 09:50:37 GMT", date), Some(Duration::from_secs(30)));
    }

    #[test]
    fn waits_are_capped_and_nonsense_is_none() {
        assert_eq!(wait("86400", None), Some(Duration::from_secs(3600)));
        assert_eq!(wait("99999999999999999999999", None), Some(Duration::from_secs(3600)));
        for nonsense in ["", "-5", "1.5", "soon", "Sun, 99 Nov 1994 08:50:37 GMT"] {
            assert_eq!(wait(nonsense, None), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), NOW), None);
    }

    #[test]
    fn all_three_forms_of_a_date_are_the_same_second() {
        for form in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(http_date(form), Some(NOW), "{form}");
        }
    }
}
