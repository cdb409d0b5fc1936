//! The only place that asks the machine what time it is. Everything else is handed a [`Clock`], or a value of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The monotonic instants that durations are measured with; pauses with tokio's test clock.
pub use tokio::time::Instant;

/// A point of wall-clock time: nanoseconds since the Unix epoch (so from 1677 to 2262).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the Unix epoch; saturates at the ends of the range.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Seconds since the Unix epoch, as Prometheus writes timestamps.
    pub fn as_secs_f64(self) -> f64 {
        // Apart, since today's nanoseconds exceed what a float holds exactly.
        self.as_secs() as f64 + self.0.rem_euclid(1_000_000_000) as f64 / 1e9
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As the standard library has it.
    pub fn to_system_time(self) -> SystemTime {
        match u64::try_from(self.0) {
            Ok(nanos) => SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos),
            Err(_) => SystemTime::UNIX_EPOCH - Duration::from_nanos(self.0.unsigned_abs()),
        }
    }

    /// As chrono has it, for calendars and cron.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// From chrono; saturates outside the range.
    pub fn from_utc(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_nanos_opt().unwrap_or(if at.timestamp() < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Self {
        match at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => Self(-i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX)),
        }
    }
}

/// RFC 3339 in UTC with milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// As `Display`: nanoseconds as a number are more than JSON's readers hold.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where the time comes from: the machine, or a test's hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
    Following(Arc<AtomicI64>, Instant),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::set`] moves it.
    pub fn manual(at: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at.0))))
    }

    /// A clock that shows `at` now and goes on with tokio's time, which tests pause and advance.
    #[allow(clippy::disallowed_methods)]
    pub fn following(at: Timestamp) -> Self {
        Self(Source::Following(Arc::new(AtomicI64::new(at.0)), Instant::now()))
    }

    /// Moves a clock of a test, as a correction of the machine's clock would; no effect on the machine's.
    pub fn set(&self, at: Timestamp) {
        match &self.0 {
            Source::System => {}
            Source::Manual(nanos) => nanos.store(at.0, Ordering::SeqCst),
            Source::Following(base, _) => {
                let ahead = at.0.saturating_sub(self.now().0);
                base.fetch_add(ahead, Ordering::SeqCst);
            }
        }
    }

    /// Wall-clock time: may step when the machine's clock is corrected.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => SystemTime::now().into(),
            Source::Manual(nanos) => Timestamp(nanos.load(Ordering::SeqCst)),
            Source::Following(base, since) => Timestamp(base.load(Ordering::SeqCst)) + since.elapsed(),
        }
    }

    /// Monotonic time, to measure durations with.
    #[allow(clippy::disallowed_methods)]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_convert_and_saturate() {
        let at = Timestamp::from_secs(1_700_000_000) + Duration::from_millis(250);
        assert_eq!(at.to_string(), "2023-11-14T22:13:20.250Z");
        assert_eq!((at + Duration::from_millis(500)).as_secs_f64(), 1_700_000_000.75);
        assert_eq!(Timestamp::from(at.to_system_time()), at);
        assert_eq!(Timestamp::from_utc(at.to_utc()), at);
        assert_eq!(at.since(at + Duration::from_secs(1)), Duration::ZERO);
        assert_eq!((at + Duration::MAX).as_nanos(), i64::MAX);
        assert_eq!(Timestamp::from_nanos(-1).as_secs(), -1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_following_clock_goes_on_and_can_be_stepped() {
        let clock = Clock::following(Timestamp::from_secs(100));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), Timestamp::from_secs(105));
        clock.set(Timestamp::from_secs(50));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Timestamp::from_secs(51));
    }
}
