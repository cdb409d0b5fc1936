//! How far the provider's clock is from ours, corrected by half the round trip. Pure, but for the cell at the end.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderValue, header};

use crate::clock::Timestamp;
use crate::oidc::http::{self, Response};
use crate::outcome::Observation;

/// When a request was sent and its answer arrived, by our clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exchange {
    /// The head of the answer.
    pub received: Timestamp,
    /// From the request being sent to that.
    pub round_trip: Duration,
}

impl Exchange {
    /// Of an answer.
    pub fn of(answer: &Response) -> Self {
        Self { received: answer.received, round_trip: answer.round_trip }
    }
}

/// Provider's clock minus ours: the interval in which it must lie (seconds).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skew {
    low: f64,
    high: f64,
}

impl Skew {
    /// From the `Date` of an answer, which is cut to whole seconds (RFC 9110 §6.6.1). An answer with an `Age` comes out of
    /// a cache and has the date of its making (RFC 9111 §4.2.3): it says nothing about the clock.
    pub fn from_date(answer: &Response) -> Option<Self> {
        let aged = |value: &HeaderValue| value.to_str().map_or(true, |age| age.trim().parse() != Ok(0_u64));
        if answer.headers.get_all(header::AGE).iter().any(aged) {
            return None;
        }
        let date = http::header_date(&answer.headers, header::DATE)?;
        Some(Self::from_reading(date.as_secs_f64(), 1.0, Exchange::of(answer)))
    }

    /// From a time (seconds since the epoch) that the provider read off its clock while it worked on a request. A whole
    /// number is taken as cut to the second.
    pub fn from_issued_at(iat: f64, exchange: Exchange) -> Self {
        Self::from_reading(iat, if iat.fract() == 0.0 { 1.0 } else { 0.0 }, exchange)
    }

    /// The reading lies between `at` and `at + resolution`, and was made between sending and receiving.
    fn from_reading(at: f64, resolution: f64, exchange: Exchange) -> Self {
        let received = exchange.received.as_secs_f64();
        let sent = received - exchange.round_trip.as_secs_f64();
        Self { low: at - received, high: at + resolution - sent }
    }

    /// Whether both can be true.
    pub fn agrees_with(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// The middle (seconds): positive if the provider is ahead.
    pub fn seconds(self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    /// ± seconds.
    pub fn uncertainty(self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// As a measured value.
    pub fn observation(self) -> Observation {
        Observation::ClockSkew { seconds: self.seconds(), uncertainty: self.uncertainty() }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, uncertainty) = (self.seconds(), self.uncertainty());
        let direction = if seconds < 0.0 { "behind" } else { "ahead of" };
        if seconds.abs() <= uncertainty {
            return write!(f, "the provider's clock agrees with ours (±{uncertainty:.1} s)");
        }
        write!(f, "the provider's clock is {:.0} s {direction} ours (±{uncertainty:.1} s)", seconds.abs())
    }
}

/// What a run has seen of the provider's clock so far; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Timing(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    date: Option<Skew>,
    issued: Option<Skew>,
    token: Option<Exchange>,
}

impl Timing {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().expect("timing")
    }

    /// Takes note of an answer's `Date`. Servers keep it for a while and are late to renew it, but never early: the one
    /// that is furthest ahead is the best.
    pub fn saw_date(&self, answer: &Response) {
        if let Some(new) = Skew::from_date(answer) {
            let mut seen = self.seen();
            seen.date = Some(seen.date.filter(|old| old.seconds() > new.seconds()).unwrap_or(new));
        }
    }

    /// Takes note of when a token response arrived: its tokens were issued within its round trip.
    pub fn saw_tokens(&self, answer: &Response) {
        self.seen().token = Some(Exchange::of(answer));
    }

    /// Takes note of an `iat` of the last token response. Gives the new estimate.
    pub fn saw_issued_at(&self, iat: f64) -> Option<Skew> {
        let mut seen = self.seen();
        let new = Skew::from_issued_at(iat, seen.token?);
        let estimate = match seen.date {
            Some(date) if date.agrees_with(new) => {
                if date.uncertainty() < new.uncertainty() {
                    date
                } else {
                    new
                }
            }
            // A token from the future needs a clock that is ahead; one from the past may just be old.
            Some(date) if new.seconds() < date.seconds() => date,
            _ => new,
        };
        seen.issued = Some(estimate);
        Some(estimate)
    }

    /// The best estimate: of the clock that stamps tokens, else of the one that stamps answers.
    pub fn skew(&self) -> Option<Skew> {
        let seen = self.seen();
        seen.issued.or(seen.date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::response::testing::response;

    const RECEIVED: i64 = 1_700_000_000;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-6
    }

    /// Received at 22:13:20.0 after 0.2 s. `Date: 22:13:20` means a clock between 20 and 21 at a moment of ours between
    /// 19.8 and 20.0: the provider is between 0 and 1.2 s ahead.
    #[test]
    fn a_date_is_cut_to_the_second_and_half_the_round_trip_away() {
        let answer = response(200, &[("date", "Tue, 14 Nov 2023 22:13:20 GMT")], "");
        let skew = Skew::from_date(&answer).unwrap();
        assert!(close(skew.seconds(), 0.6) && close(skew.uncertainty(), 0.6), "{skew:?}");
        assert_eq!(skew.to_string(), "the provider's clock agrees with ours (±0.6 s)");
    }

    #[test]
    fn a_clock_ten_minutes_behind_is_told_with_its_direction() {
        let answer = response(200, &[("date", "Tue, 14 Nov 2023 22:03:20 GMT")], "");
        let skew = Skew::from_date(&answer).unwrap();
        assert!(close(skew.seconds(), -599.4));
        assert_eq!(skew.to_string(), "the provider's clock is 599 s behind ours (±0.6 s)");
    }

    #[test]
    fn fractions_are_believed() {
        let exchange = Exchange { received: Timestamp::from_secs(RECEIVED), round_trip: Duration::from_millis(100) };
        let fine = Skew::from_issued_at(RECEIVED as f64 + 0.25, exchange);
        assert!(close(fine.seconds(), 0.3) && close(fine.uncertainty(), 0.05), "{fine:?}");
        let coarse = Skew::from_issued_at(RECEIVED as f64, exchange);
        let far = Skew::from_issued_at(RECEIVED as f64 + 600.5, exchange);
        assert_eq!((coarse.agrees_with(fine), coarse.agrees_with(far), far.agrees_with(fine)), (true, false, false));
    }

    #[test]
    fn tokens_count_more_than_front_ends() {
        let timing = Timing::default();
        assert_eq!(timing.saw_issued_at(1.0), None);
        let answer = response(200, &[("date", "Tue, 14 Nov 2023 22:13:20 GMT")], "");
        timing.saw_date(&answer);
        timing.saw_tokens(&answer);
        timing.saw_issued_at(RECEIVED as f64 + 600.0);
        assert!(close(timing.skew().unwrap().seconds(), 600.6));
    }

    /// A busy server's `Date` may be seconds old.
    #[test]
    fn a_stale_date_gives_way() {
        let timing = Timing::default();
        let answer = |date| response(200, &[("date", date)], "");
        timing.saw_date(&answer("Tue, 14 Nov 2023 22:13:15 GMT"));
        assert!(close(timing.skew().unwrap().seconds(), -4.4));
        timing.saw_date(&answer("Tue, 14 Nov 2023 22:13:20 GMT"));
        timing.saw_date(&answer("Tue, 14 Nov 2023 22:13:17 GMT"));
        assert!(close(timing.skew().unwrap().seconds(), 0.6));
    }

    #[test]
    fn an_old_token_is_no_clock_that_is_behind() {
        let timing = Timing::default();
        let answer = response(200, &[("date", "Tue, 14 Nov 2023 22:13:20 GMT")], "");
        timing.saw_date(&answer);
        timing.saw_tokens(&answer);
        timing.saw_issued_at(RECEIVED as f64 - 3600.0);
        assert!(close(timing.skew().unwrap().seconds(), 0.6));
    }

    #[test]
    fn the_date_of_a_cached_answer_is_no_evidence() {
        let date = ("date", "Tue, 14 Nov 2023 22:03:20 GMT");
        assert_eq!(Skew::from_date(&response(200, &[date, ("age", "600")], "")), None);
        assert_eq!(Skew::from_date(&response(200, &[date, ("age", "a while")], "")), None);
        assert!(close(Skew::from_date(&response(200, &[date, ("age", "0")], "")).unwrap().seconds(), -599.4));
    }

    #[test]
    fn no_date_or_a_strange_one_is_no_evidence() {
        assert_eq!(Skew::from_date(&response(200, &[], "")), None);
        assert_eq!(Skew::from_date(&response(200, &[("date", "yesterday")], "")), None);
    }
}
