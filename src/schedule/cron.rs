//! Cron with time zones. The `cron` crate only ever sees wall-clock time as if it were UTC; what that means as an
//! instant is decided here, because a day of 23 or 25 hours is where schedulers lose runs.

use std::fmt;
use std::str::FromStr;

use ::cron::{Schedule, TimeUnitSpec};
use chrono::{DateTime, Duration, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::clock::Timestamp;

/// The fields of an expression of six, and what may stand in them.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0 to 59"),
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31"),
    ("month", "1 to 12 or JAN to DEC"),
    ("day of week", "SUN to SAT"),
];

/// The longest expression that is looked at (bytes).
const MAX_LENGTH: usize = 500;

/// A cron expression in a time zone. Day of month and day of week, when both are given, must both fit.
///
/// When the clocks change:
/// - a time in the hour that does not exist runs at the end of that gap;
/// - a time in the hour that comes twice runs once, the first time; only an expression for every hour of the day, which
///   is a cadence rather than a time of day, goes on through both, or there would be an hour without any run.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    schedule: Schedule,
    zone: Tz,
    every_hour: bool,
}

impl Cron {
    /// See [`super::Timing::cron`].
    pub fn parse(expression: &str, zone: &str) -> Result<Self, String> {
        let zone = parse_zone(zone)?;
        let schedule = parse_expression(expression)?;
        let every_hour = schedule.hours().count() == 24;
        let cron = Self { schedule, zone, every_hour };
        match cron.next_after(Timestamp::from_secs(0)) {
            Some(_) => Ok(cron),
            None => Err(format!("cron expression {expression:?} names a day that never comes")),
        }
    }

    /// The first time strictly after `now`.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_utc();
        let wall = self.wall(now);
        let first = self.walls_after(wall).find_map(|wall| self.instant_after(wall, now));
        let again = self.second_pass_after(wall, now);
        let next = first.into_iter().chain(again).min()?;
        next.timestamp_nanos_opt().map(Timestamp::from_nanos)
    }

    /// The wall-clock times of the expression after that one.
    fn walls_after(&self, wall: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        self.schedule.after(&wall.and_utc()).map(|at| at.naive_utc())
    }

    /// What a wall-clock time means, if that is after `now`.
    fn instant_after(&self, wall: NaiveDateTime, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = match self.zone.from_local_datetime(&wall) {
            MappedLocalTime::Single(at) => at.to_utc(),
            MappedLocalTime::Ambiguous(early, late) if self.every_hour && early.to_utc() <= now => late.to_utc(),
            MappedLocalTime::Ambiguous(early, _) => early.to_utc(),
            MappedLocalTime::None => self.end_of_gap(wall)?,
        };
        (at > now).then_some(at)
    }

    /// For a cadence in the first pass of an hour that comes twice: its first time in the second pass, which lies
    /// earlier on the wall.
    fn second_pass_after(&self, wall: NaiveDateTime, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let MappedLocalTime::Ambiguous(early, late) = self.zone.from_local_datetime(&wall) else { return None };
        if !self.every_hour || early.to_utc() != now {
            return None;
        }
        let here = self.offset(now);
        let change = self.first_instant(now, late.to_utc(), |at| self.offset(at) != here);
        let just_before = self.wall(change) - Duration::nanoseconds(1);
        self.walls_after(just_before).find_map(|wall| match self.zone.from_local_datetime(&wall) {
            MappedLocalTime::Ambiguous(_, late) => Some(late.to_utc()),
            MappedLocalTime::Single(at) => Some(at.to_utc()),
            MappedLocalTime::None => self.end_of_gap(wall),
        })
    }

    /// The first instant after the gap in which `wall` lies. The longest gap ever was a day (Samoa, 2011).
    fn end_of_gap(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        let before = wall.and_utc().checked_sub_signed(Duration::days(2))?;
        let after = wall.and_utc().checked_add_signed(Duration::days(2))?;
        Some(self.first_instant(before, after, |at| self.wall(at) >= wall))
    }

    /// Halves until the first whole second after `low` for which `reached` holds; it must hold at `high`.
    fn first_instant(
        &self,
        low: DateTime<Utc>,
        high: DateTime<Utc>,
        reached: impl Fn(DateTime<Utc>) -> bool,
    ) -> DateTime<Utc> {
        let (mut low, mut high) = (low.timestamp(), high.timestamp());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if reached(DateTime::from_timestamp(middle, 0).unwrap_or_default()) {
                high = middle;
            } else {
                low = middle;
            }
        }
        DateTime::from_timestamp(high, 0).unwrap_or_default()
    }

    fn offset(&self, at: DateTime<Utc>) -> i32 {
        self.zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
    }

    fn wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.naive_utc().checked_add_signed(Duration::seconds(self.offset(at).into())).unwrap_or(at.naive_utc())
    }
}

/// The expression with its seconds, and the zone.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.schedule.source(), self.zone)
    }
}

fn parse_expression(expression: &str) -> Result<Schedule, String> {
    let mut fields: Vec<&str> = expression.split_whitespace().collect();
    match fields.len() {
        5 => fields.insert(0, "0"),
        6 => {}
        n => {
            return Err(format!(
                "cron expression has {n} fields: five (minute hour day-of-month month day-of-week) or six (second first) are allowed"
            ));
        }
    }
    if expression.len() > MAX_LENGTH {
        return Err(format!("cron expression is longer than {MAX_LENGTH} characters"));
    }
    for (position, field) in fields.iter().enumerate() {
        check_field(position, field)?;
    }
    Schedule::from_str(&fields.join(" ")).map_err(|_| format!("cron expression {expression:?} is not understood"))
}

/// Tries one field on its own, so that the message can name it.
fn check_field(position: usize, field: &str) -> Result<(), String> {
    let (name, allowed) = FIELDS[position];
    if name == "day of week" && field.bytes().any(|b| b.is_ascii_digit()) {
        return Err(format!(
            "cron day of week {field:?}: use names (MON, TUE-FRI, SAT,SUN); numbers mean different days in different crons"
        ));
    }
    let no_step = field.split(',').any(|part| part.split_once('/').is_some_and(|(_, step)| step.parse() == Ok(0_u32)));
    let mut alone = ["*"; 6];
    alone[position] = field;
    if no_step || Schedule::from_str(&alone.join(" ")).is_err() {
        return Err(format!(
            "cron {name} {field:?}: allowed are {allowed}, lists (a,b), ranges (a-b), steps (*/n) and *"
        ));
    }
    Ok(())
}

fn parse_zone(name: &str) -> Result<Tz, String> {
    Tz::from_str(name).map_err(|_| match nearest_zone(name) {
        Some(nearest) => format!("unknown time zone {name:?}; did you mean {nearest:?}?"),
        None => format!("unknown time zone {name:?}: a name such as \"UTC\" or \"Europe/Zurich\" is needed"),
    })
}

/// The zone whose name, or whose name's last part, looks most like it.
fn nearest_zone(name: &str) -> Option<&'static str> {
    let wanted = name.trim().to_ascii_lowercase().replace(' ', "_");
    if wanted.is_empty() || wanted.len() > 60 {
        return None;
    }
    let likeness = |zone: &str| {
        let zone = zone.to_ascii_lowercase();
        let city = zone.rsplit('/').next().unwrap_or(&zone);
        strsim::jaro_winkler(&wanted, &zone).max(strsim::jaro_winkler(&wanted, city) - 0.01)
    };
    TZ_VARIANTS
        .iter()
        .map(|zone| (likeness(zone.name()), zone.name()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8)
        .map(|(_, name)| name)
}

#[cfg(test)]
#[path = "cron_tests.rs"]
mod tests;
