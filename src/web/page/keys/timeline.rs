//! Where a key's life lies on the timeline: pure numbers, and the picture of them.

use std::time::Duration;

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::oidc::key_history::{KeyLife, ProviderKeys};
use crate::web::page::run::place;

const DAY: Duration = Duration::from_secs(86_400);
/// How much of time is shown when nothing is asked.
const DEFAULT: Range = Range::Days(90);
/// The least that is shown: less would make an hour look like a life.
const LEAST: Duration = DAY;
/// The narrowest stretch (percent): what is shorter must still be seen.
const NARROWEST: f64 = 0.5;
/// How much of the width lies after now, for what is still to come (percent).
const AHEAD: f64 = 2.0;

/// How far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// So many days.
    Days(u32),
    /// Since the first key that is known.
    All,
}

impl Range {
    /// From a query such as `days=30`; anything else is the default.
    pub fn asked(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        match pairs.into_iter().find(|(name, _)| name == "days").map(|(_, value)| value) {
            Some(value) if value == "all" => Self::All,
            Some(value) if value == "30" => Self::Days(30),
            _ => DEFAULT,
        }
    }
}

/// From a beginning to now, and a little more.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    begin: Timestamp,
    now: Timestamp,
}

/// A key's life in places (percent of the width).
#[derive(Clone, Debug, PartialEq)]
pub struct Places {
    /// While it was published: place and width.
    pub published: (f64, f64),
    /// Whether it was published before that begins, as far as anybody knows.
    pub open: bool,
    /// From its first to its last signature.
    pub signed: Option<(f64, f64)>,
    /// How long it must stay after its last signature.
    pub stay: Option<(f64, f64)>,
    /// The part of that in which it was gone.
    pub missed: Option<(f64, f64)>,
    /// Where it was removed.
    pub removed: Option<f64>,
    /// Where flaws were seen.
    pub flaws: Vec<f64>,
}

impl Scale {
    /// Of a provider.
    pub fn of(provider: &ProviderKeys, range: Range, now: Timestamp) -> Self {
        let back = match range {
            Range::Days(days) => DAY * days,
            Range::All => {
                let first = provider.keys.iter().map(|key| Timestamp::from_nanos(key.published_nanos)).min();
                // So that the beginning of the oldest is seen as one.
                first.map_or(LEAST, |first| now.since(first).mul_f64(1.03))
            }
        };
        Self { begin: now - back.max(LEAST), now }
    }

    /// Whether any of that key's life lies in it.
    pub fn shows(&self, key: &KeyLife) -> bool {
        key.removed_nanos.is_none_or(|removed| Timestamp::from_nanos(removed) >= self.begin)
    }

    fn at(&self, moment: Timestamp) -> f64 {
        let whole = self.now.since(self.begin).as_secs_f64();
        let (after, before) = (moment.since(self.begin).as_secs_f64(), self.begin.since(moment).as_secs_f64());
        ((after - before) / whole * (100.0 - AHEAD)).clamp(0.0, 100.0)
    }

    fn stretch(&self, from: Timestamp, to: Timestamp) -> (f64, f64) {
        let (x, end) = (self.at(from), self.at(to));
        let width = (end - x).max(NARROWEST);
        (x.min(100.0 - width), width)
    }

    /// Where everything of a key lies. `longest`: how long a token may live.
    pub fn places(&self, key: &KeyLife, longest: Duration) -> Places {
        let at = Timestamp::from_nanos;
        let published = at(key.published_nanos);
        let removed = key.removed_nanos.map(at);
        let signed = key.signed_nanos.map(|(first, last)| (at(first), at(last)));
        let stay = signed
            .map(|(_, last)| (last, last + longest))
            .filter(|(_, until)| !longest.is_zero() && *until >= self.begin);
        let missed = stay.zip(removed).filter(|((_, until), removed)| removed < until);
        Places {
            published: self.stretch(published, removed.unwrap_or(self.now)),
            open: key.or_before || published < self.begin,
            signed: signed.filter(|(_, last)| *last >= self.begin).map(|(first, last)| self.stretch(first, last)),
            stay: stay.map(|(from, until)| self.stretch(from, until)),
            missed: missed.map(|((last, until), removed)| self.stretch(removed.max(last), until)),
            removed: removed.map(|removed| self.at(removed)),
            flaws: key.flaws.iter().map(|(seen, _)| self.at(at(*seen))).collect(),
        }
    }

    /// The marks of the time axis: place and words.
    fn marks(&self) -> Vec<(f64, String)> {
        let whole = self.now.since(self.begin);
        let format = if whole < DAY * 3 { "%a %H:%M" } else { "%-d %b" };
        let mark = |third: u32| {
            let at = self.begin + whole * third / 3;
            (self.at(at), at.to_utc().format(format).to_string())
        };
        let mut marks: Vec<_> = (0..3).map(mark).collect();
        marks.push((self.at(self.now), "now".to_owned()));
        marks
    }

    /// The time axis.
    pub fn axis(&self) -> Markup {
        html! {
            svg width="100%" height="16" aria-hidden="true" {
                @for (n, (x, words)) in self.marks().iter().enumerate() {
                    @let anchor = match n { 0 => "start", 3 => "end", _ => "middle" };
                    text x=(place(*x)) y="11" text-anchor=(anchor) { (words) }
                }
            }
        }
    }

    /// A key's line.
    pub fn bar(&self, key: &KeyLife, longest: Duration) -> Markup {
        let places = self.places(key, longest);
        let rect = |class: &str, (x, width): (f64, f64), y: &str, height: &str| {
            html! { rect class=(class) x=(place(x)) width=(place(width)) y=(y) height=(height) rx="2" {} }
        };
        html! {
            svg width="100%" height="28" aria-hidden="true" {
                @for (x, _) in self.marks() { line.axis x1=(place(x)) x2=(place(x)) y1="0" y2="100%" {} }
                (rect("published", places.published, "6", "16"))
                @if places.open { text.open x=(place(places.published.0)) dx="-9" y="19" { "‹" } }
                @if let Some(stay) = places.stay { (rect("stay", stay, "11", "6")) }
                @if let Some(signed) = places.signed { (rect("f-accent", signed, "10", "8")) }
                @if let Some(missed) = places.missed { (rect("f-bad", missed, "11", "6")) }
                @if let Some(x) = places.removed {
                    line.end x1=(place(x)) x2=(place(x)) y1="4" y2="24" {}
                }
                @for x in &places.flaws { text.cross x=(place(*x)) y="9" text-anchor="middle" { "✕" } }
            }
        }
    }
}

/// What the parts of a line mean.
pub fn legend() -> Markup {
    let sample = |class: &str, y: &str, height: &str| {
        html! { svg width="24" height="28" aria-hidden="true" { rect class=(class) x="0" width="24" y=(y) height=(height) rx="2" {} } }
    };
    html! {
        ul.legend {
            li { (sample("published", "6", "16")) "published" }
            li { svg width="14" height="28" aria-hidden="true" { text.open x="4" y="18" { "‹" } } "already before" }
            li { (sample("f-accent", "10", "8")) "signed" }
            li { (sample("stay", "11", "6")) "must stay: its last token may live" }
            li { (sample("f-bad", "11", "6")) "gone too early" }
            li {
                svg width="10" height="28" aria-hidden="true" { line.end x1="5" x2="5" y1="4" y2="24" {} }
                "removed"
            }
            li { svg width="14" height="28" aria-hidden="true" { text.cross x="7" y="18" text-anchor="middle" { "✕" } } "flaw seen" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn days(days: f64) -> i64 {
        (Timestamp::from_secs(NOW) - DAY.mul_f64(days)).as_nanos()
    }

    fn key(published: f64, signed: Option<(f64, f64)>, removed: Option<f64>) -> KeyLife {
        KeyLife {
            kid: None,
            kty: "RSA".into(),
            alg: None,
            thumbprint: String::new(),
            published_nanos: days(published),
            or_before: false,
            signed_nanos: signed.map(|(first, last)| (days(first), days(last))),
            removed_nanos: removed.map(days),
            regions: vec![],
            flaws: vec![],
        }
    }

    fn scale() -> Scale {
        Scale { begin: Timestamp::from_nanos(days(98.0)), now: Timestamp::from_secs(NOW) }
    }

    fn rounded(places: Option<(f64, f64)>) -> Option<(f64, f64)> {
        places.map(|(x, width)| ((x * 100.0).round() / 100.0, (width * 100.0).round() / 100.0))
    }

    #[test]
    fn lives_lie_where_they_were() {
        // A day is a percent.
        let places = scale().places(&key(48.0, Some((38.0, 8.0)), Some(2.0)), DAY * 5);
        assert_eq!(rounded(Some(places.published)), Some((50.0, 46.0)));
        assert_eq!(rounded(places.signed), Some((60.0, 30.0)));
        assert_eq!(rounded(places.stay), Some((90.0, 5.0)));
        assert_eq!((places.missed, places.open), (None, false));
        assert_eq!(places.removed.map(f64::round), Some(96.0));
    }

    #[test]
    fn a_key_that_went_while_its_tokens_lived_is_missed_until_the_last_expired() {
        for (last, removed, expected) in [
            (10.0, 7.0, Some((91.0, 2.0))),
            (10.0, 5.0, None),
            // Removed before its last token was seen: missed from then on.
            (10.0, 11.0, Some((88.0, 5.0))),
            // A moment of it is seen as well.
            (10.0, 5.001, Some((93.0, NARROWEST))),
        ] {
            let places = scale().places(&key(48.0, Some((38.0, last)), Some(removed)), DAY * 5);
            assert_eq!(rounded(places.missed), expected, "last {last}, removed {removed}");
        }
    }

    #[test]
    fn what_began_before_the_picture_is_open_and_what_ended_before_is_not_shown() {
        let places = scale().places(&key(200.0, Some((190.0, 150.0)), None), DAY);
        assert_eq!((places.published.0, places.open, places.signed, places.stay), (0.0, true, None, None));
        assert!(scale().shows(&key(200.0, None, Some(98.0))));
        assert!(!scale().shows(&key(200.0, None, Some(98.1))));
    }

    #[test]
    fn without_a_known_lifetime_nothing_must_stay() {
        let places = scale().places(&key(48.0, Some((38.0, 8.0)), Some(8.0)), Duration::ZERO);
        assert_eq!((places.stay, places.missed), (None, None));
    }

    #[test]
    fn ranges_are_asked_by_the_query() {
        for (query, expected) in [
            (None, DEFAULT),
            (Some("days=30"), Range::Days(30)),
            (Some("x=1&days=all"), Range::All),
            (Some("days=90"), Range::Days(90)),
            (Some("days=-5"), DEFAULT),
            (Some("%%%"), DEFAULT),
        ] {
            assert_eq!(Range::asked(query), expected, "{query:?}");
        }
    }

    #[test]
    fn all_of_time_is_at_least_a_day_and_holds_every_beginning() {
        let provider = |keys| ProviderKeys { provider: "main".into(), longest: DAY, keys };
        let now = Timestamp::from_secs(NOW);
        for (keys, least) in [(vec![], 1.0), (vec![key(0.1, None, None)], 1.0), (vec![key(400.0, None, None)], 400.0)] {
            let scale = Scale::of(&provider(keys), Range::All, now);
            assert!(scale.now.since(scale.begin) >= DAY.mul_f64(least));
        }
    }
}
