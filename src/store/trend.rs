//! Reading what trends are made of: many runs, in slices so small that nobody else who reads waits for long.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use chrono::DateTime;
use rusqlite::{Connection, params};
use serde::Deserialize;

use super::Store;
use super::cells::take;
use super::runs::{UNIT, at, began};
use crate::clock::{Instant, Timestamp};
use crate::outcome::{StepState, Trigger, Verdict};
use crate::trend::{Seen, SeenStep};

/// How many good runs are read at once.
const GOOD: usize = 5000;
/// How many others are, which are read whole.
const WHOLE: usize = 500;

/// By the primary key.
const GOOD_RUNS: &str = "SELECT at, late, took, shape, steps, asked FROM run
                         WHERE probe_check = ?1 AND at >= ?2 AND at < ?3 ORDER BY at DESC LIMIT ?4";
/// By the index of checks. Several may have begun in the same millisecond.
const WHOLE_RUNS: &str = "SELECT at, id, verdict, json FROM failure
                          WHERE probe_check = ?1 AND at >= ?2 AND at <= ?3 AND (at < ?3 OR id < ?4)
                          ORDER BY at DESC, id DESC LIMIT ?5";
/// What `asked` is of runs that the schedule asked for.
const SCHEDULED: i64 = 0;

/// Which runs, all asked for by the schedule.
#[derive(Clone, Debug)]
pub struct TrendQuery {
    /// Of this probe.
    pub probe: String,
    /// Made in this region.
    pub region: String,
    /// Begun then or later.
    pub from: Timestamp,
    /// Begun before.
    pub until: Timestamp,
    /// Whether their steps are wanted too.
    pub steps: bool,
    /// At most so many: the latest.
    pub most: usize,
    /// Reading goes on until then at most.
    pub deadline: Instant,
}

/// Steps of a shape: names, how they ended, whether they were cleanup.
type Shape = Vec<(String, StepState, bool)>;

/// Where reading of a check's runs of one sort goes on.
struct Source {
    check: i64,
    /// Before that place and number …
    before: (i64, i64),
    /// … among good runs, or among those that are kept whole.
    good: bool,
}

/// What was read and not told yet.
struct Reading<'a> {
    query: &'a TrendQuery,
    shapes: HashMap<i64, Shape>,
    seen: Vec<Seen>,
}

impl Store {
    /// Tells `each` of runs, in slices, about from the latest to the first. `None`: that was all; else it was too much, and
    /// what began before the moment that it returns was told in part only. Reads files.
    pub fn trend(&self, query: &TrendQuery, each: &mut dyn FnMut(&[Seen])) -> Result<Option<Timestamp>, String> {
        let until = (at(query.until), i64::MIN);
        let sources = |check| [true, false].map(|good| Source { check, before: until, good });
        let checks = self.read(|connection| checks(connection, query))?;
        let mut sources: Vec<Source> = checks.into_iter().flat_map(sources).collect();
        let mut reading = Reading { query, shapes: HashMap::new(), seen: Vec::new() };
        let mut left = query.most;
        // The one that is least far goes on: what was told is complete up to there.
        while let Some(place) = (0..sources.len()).max_by_key(|place| sources[*place].before) {
            let source = &mut sources[place];
            if left == 0 || self.shared().clock.instant() >= query.deadline {
                return Ok(Some(began(source.before.0)));
            }
            let slice = |connection: &Connection| match source.good {
                true => reading.good(connection, source, left.min(GOOD)),
                false => reading.whole(connection, source, left.min(WHOLE)),
            };
            match self.read(slice)? {
                Some(before) => source.before = before,
                None => drop(sources.swap_remove(place)),
            }
            left = left.saturating_sub(reading.seen.len());
            each(&reading.seen);
            reading.seen.clear();
        }
        Ok(None)
    }
}

fn checks(connection: &Connection, query: &TrendQuery) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT id FROM probe_check WHERE probe = ?1 AND region = ?2 ORDER BY id DESC";
    connection.prepare(sql)?.query_map(params![query.probe, query.region], |row| row.get(0))?.collect()
}

impl Reading<'_> {
    /// A slice of good runs; says where the next begins.
    fn good(&mut self, connection: &Connection, source: &Source, limit: usize) -> rusqlite::Result<Option<(i64, i64)>> {
        let mut statement = connection.prepare(GOOD_RUNS)?;
        let mut rows = statement.query(params![source.check, at(self.query.from), source.before.0, limit as i64])?;
        let (mut last, mut read) = (0, 0);
        while let Some(row) = rows.next()? {
            (last, read) = (row.get(0)?, read + 1);
            if row.get::<_, i64>(5)? != SCHEDULED {
                continue;
            }
            let start = began(last);
            let late: i64 = row.get(1)?;
            let steps = match self.query.steps {
                true => unpack(self.shape(connection, row.get(3)?)?, row.get_ref(4)?.as_blob().unwrap_or_default()),
                false => Vec::new(),
            };
            self.seen.push(Seen {
                due: Timestamp::from_nanos(start.as_nanos().saturating_sub(late.saturating_mul(1_000_000))),
                start,
                verdict: Verdict::Good,
                took: Duration::from_micros(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0)),
                steps,
            });
        }
        Ok((read == limit).then_some((last, i64::MIN)))
    }

    fn shape(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<&Shape> {
        if let Entry::Vacant(place) = self.shapes.entry(id) {
            let mut statement = connection.prepare("SELECT steps FROM shape WHERE id = ?1")?;
            let text: String = statement.query_row([id], |row| row.get(0))?;
            let steps: Vec<(String, String, bool)> = serde_json::from_str(&text).unwrap_or_default();
            let shape = steps.into_iter().map(|(name, ended, cleanup)| (name, state(&ended), cleanup)).collect();
            place.insert(shape);
        }
        Ok(&self.shapes[&id])
    }

    /// The same of those that were not good. What cannot be read is left out.
    fn whole(
        &mut self,
        connection: &Connection,
        source: &Source,
        limit: usize,
    ) -> rusqlite::Result<Option<(i64, i64)>> {
        let mut statement = connection.prepare(WHOLE_RUNS)?;
        let (before, number) = source.before;
        let mut rows = statement.query(params![source.check, at(self.query.from), before, number, limit as i64])?;
        let (mut last, mut read) = (source.before, 0);
        while let Some(row) = rows.next()? {
            (last, read) = ((row.get(0)?, row.get(1)?), read + 1);
            let verdict = if row.get::<_, i64>(2)? == 1 { Verdict::Bad } else { Verdict::Inconclusive };
            let json = row.get_ref(3)?.as_str().unwrap_or_default();
            self.seen.extend(Written::seen(json, began(last.0), verdict, self.query.steps));
        }
        Ok((read == limit).then_some(last))
    }
}

/// How a step ended, as documents say it.
fn state(name: &str) -> StepState {
    match name {
        "done" => StepState::Done,
        "failed" => StepState::Failed,
        _ => StepState::Skipped,
    }
}

/// The steps of a good run: gap and duration of each.
fn unpack(shape: &Shape, mut bytes: &[u8]) -> Vec<SeenStep> {
    let mut steps = Vec::with_capacity(shape.len());
    for (name, state, cleanup) in shape {
        let mut units = || take(&mut bytes);
        let (Some(_), Some(units)) = (units(), units()) else { break };
        let took = Duration::from_micros(units.saturating_mul(UNIT as u64));
        steps.extend(SeenStep::of(name, *state, took).filter(|_| !cleanup));
    }
    steps
}

/// What is read of a run that is kept whole.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    trigger: Cow<'a, str>,
    #[serde(borrow)]
    scheduled: Cow<'a, str>,
    duration_seconds: f64,
    #[serde(borrow, default)]
    steps: Vec<WrittenStep<'a>>,
}

#[derive(Deserialize)]
struct WrittenStep<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    state: Cow<'a, str>,
    duration_seconds: f64,
    cleanup: bool,
}

impl Written<'_> {
    fn seen(json: &str, start: Timestamp, verdict: Verdict, with_steps: bool) -> Option<Seen> {
        let written: Written<'_> = serde_json::from_str(json).ok()?;
        let due = DateTime::parse_from_rfc3339(&written.scheduled).ok()?;
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let own = written.steps.iter().filter(|step| with_steps && !step.cleanup);
        let steps = own.filter_map(|step| SeenStep::of(&step.name, state(&step.state), seconds(step.duration_seconds)));
        let steps = steps.collect();
        (written.trigger == Trigger::Scheduled.as_str()).then(|| Seen {
            due: Timestamp::from_utc(due.to_utc()),
            start,
            verdict,
            took: seconds(written.duration_seconds),
            steps,
        })
    }
}

#[cfg(test)]
#[path = "trend_tests.rs"]
mod tests;
