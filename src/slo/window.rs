//! Where windows begin: the last so long, or the calendar month in a zone.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::due::{minute_of, minute_start};
use super::objective::Window;
use crate::clock::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

impl Window {
    /// The length that burn rates are computed with: a calendar month counts as 30 days.
    pub const fn period(self) -> Duration {
        match self {
            Self::Rolling(length) => length,
            Self::Month(_) => Duration::from_secs(30 * DAY.as_secs()),
        }
    }

    /// The longest it can be.
    pub const fn longest(self) -> Duration {
        match self {
            Self::Rolling(length) => length,
            // 31 days, and the hour that the clocks go back.
            Self::Month(_) => Duration::from_secs(31 * DAY.as_secs() + 2 * 3600),
        }
    }

    /// Where it begins at `now`: a whole minute. A rolling one holds the minutes after floor((now − length) ÷ 60 s), a month
    /// those from the first of the month on, 00:00 in its zone (or the moment the day begins, where clocks change then).
    pub fn begin(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Rolling(length) => minute_start(first_minute(length, now)),
            Self::Month(zone) => month_begin(zone, now),
        }
    }
}

/// The first minute of a window that is so long at `now`.
pub(super) fn first_minute(length: Duration, now: Timestamp) -> i64 {
    minute_of(now - length).saturating_add(1)
}

fn month_begin(zone: Tz, now: Timestamp) -> Timestamp {
    let wall = zone.from_utc_datetime(&now.to_utc().naive_utc()).naive_local();
    let this = begin_of(zone, wall.date());
    // On the first itself, where midnight comes twice, the wall may show the day before again.
    let begin = match this {
        Some(begin) if begin <= now => Some(begin),
        _ => wall.date().with_day(1).and_then(|first| first.pred_opt()).and_then(|last| begin_of(zone, last)),
    };
    begin.unwrap_or(now)
}

/// When the month of that date begins.
fn begin_of(zone: Tz, date: NaiveDate) -> Option<Timestamp> {
    let midnight = date.with_day(1)?.and_hms_opt(0, 0, 0)?;
    // No gap is longer than a day (Samoa, 2011); all end at a quarter of an hour.
    let quarters = (0..=24 * 4).map(|quarter| midnight + chrono::Duration::minutes(15 * quarter));
    let begin = quarters.into_iter().find_map(|wall| instant(zone, wall))?;
    let at = Timestamp::from_utc(begin);
    // Zones of long ago were off by seconds.
    let floor = minute_start(minute_of(at));
    Some(if floor == at { at } else { minute_start(minute_of(at) + 1) })
}

fn instant(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    zone.from_local_datetime(&wall).earliest().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().unwrap())
    }

    fn month(zone: Tz, now: &str) -> String {
        let begin = Window::Month(zone).begin(at(now)).to_utc();
        begin.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    #[test]
    fn a_rolling_window_holds_whole_minutes_the_current_one_included() {
        let begin = |now| Window::Rolling(Duration::from_secs(3600)).begin(at(now));
        assert_eq!(begin("2026-05-01T12:00:00Z"), at("2026-05-01T11:01:00Z"));
        assert_eq!(begin("2026-05-01T12:00:59.999Z"), at("2026-05-01T11:01:00Z"));
        assert_eq!(begin("2026-05-01T12:01:00Z"), at("2026-05-01T11:02:00Z"));
        assert_eq!(first_minute(Duration::from_secs(120), Timestamp::from_secs(-1)), -2, "before the epoch as well");
    }

    #[test]
    fn a_month_begins_at_midnight_in_its_zone_over_changes_of_the_clock() {
        use chrono_tz::{Asia::Kathmandu, Europe::Zurich, UTC};
        assert_eq!(month(UTC, "2026-03-31T23:59:59Z"), "2026-03-01T00:00:00Z");
        assert_eq!(month(Zurich, "2026-03-31T21:59:59Z"), "2026-02-28T23:00:00Z", "began in winter, is in summer");
        assert_eq!(month(Zurich, "2026-03-31T22:00:00Z"), "2026-03-31T22:00:00Z");
        assert_eq!(month(Zurich, "2026-10-31T22:59:59Z"), "2026-09-30T22:00:00Z", "31 days and an hour");
        assert_eq!(month(Zurich, "2026-10-31T23:00:00Z"), "2026-10-31T23:00:00Z");
        assert_eq!(month(Kathmandu, "2026-06-15T00:00:00Z"), "2026-05-31T18:15:00Z");
        let length = at("2026-10-31T23:00:00Z").since(at("2026-09-30T22:00:00Z"));
        assert!(length <= Window::Month(Zurich).longest());
    }

    #[test]
    fn a_month_whose_first_midnight_does_not_exist_or_comes_twice_begins_once() {
        use chrono_tz::America::Asuncion;
        // Summer time began on 1 October 2023 at 00:00, which became 01:00 (04:00 UTC).
        assert_eq!(month(Asuncion, "2023-10-01T04:00:00Z"), "2023-10-01T04:00:00Z");
        assert_eq!(month(Asuncion, "2023-10-01T03:59:59Z"), "2023-09-01T04:00:00Z");
        // In Cuba clocks went from 01:00 back to 00:00 on 1 November 2020 (05:00 UTC).
        use chrono_tz::America::Havana;
        assert_eq!(month(Havana, "2020-11-01T03:59:59Z"), "2020-10-01T04:00:00Z");
        assert_eq!(month(Havana, "2020-11-01T04:30:00Z"), "2020-11-01T04:00:00Z");
        assert_eq!(month(Havana, "2020-11-01T05:30:00Z"), "2020-11-01T04:00:00Z");
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        for nanos in [i64::MIN, i64::MAX] {
            let now = Timestamp::from_nanos(nanos);
            Window::Month(chrono_tz::Asia::Tokyo).begin(now);
            Window::Rolling(30 * DAY).begin(now);
        }
    }
}
