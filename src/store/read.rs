//! Reading, over a connection that cannot write.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

use super::ledger::damaged;
use super::runs::{Summary, Who, at};
use super::{CounterValue, KeptRun, Opened, RunsQuery, cells, episodes};
use crate::clock::Timestamp;
use crate::detect;
use crate::slo::{Block, Day, SeriesKey};

/// The most runs that are read at once.
const MOST: usize = 10_000;
/// How long deployments are told of after a start.
const DEPLOYMENTS_NANOS: i64 = 7 * 86_400 * 1_000_000_000;
/// How long windows that are over are told of.
const WINDOWS_NANOS: i64 = 35 * 86_400 * 1_000_000_000;

/// What is there at the start.
pub(super) fn opened(connection: &Connection, now: Timestamp) -> rusqlite::Result<Opened> {
    let last_written = connection
        .query_row("SELECT value FROM meta WHERE key = 'last_written'", [], |row| row.get(0))
        .optional()?
        .map(Timestamp::from_nanos);
    // What was not measured while nothing ran is judged by the windows of that time.
    let since = last_written.unwrap_or(now).min(now).as_nanos();
    let windows = documents(
        connection,
        "SELECT json FROM maintenance WHERE to_nanos >= ?1 ORDER BY id",
        since.saturating_sub(WINDOWS_NANOS),
    )?;
    let deployments = documents(
        connection,
        "SELECT json FROM deployment WHERE at_nanos >= ?1 ORDER BY at_nanos DESC, id LIMIT 1000",
        now.as_nanos().saturating_sub(DEPLOYMENTS_NANOS),
    )?;
    let alerts = documents(connection, "SELECT json FROM alert WHERE ?1 = 0 ORDER BY labels", 0)?;
    let (counters, detectors) = (counters(connection)?, detectors(connection)?);
    let episodes = episodes::latest(connection)?;
    Ok(Opened { counters, alerts, windows, detectors, deployments, episodes, last_written })
}

fn documents<T: DeserializeOwned>(connection: &Connection, sql: &str, from: i64) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([from], |row| row.get::<_, String>(0))?;
    rows.map(|row| parse(&row?)).collect()
}

/// A column that holds JSON.
pub(super) fn parse<T: DeserializeOwned>(json: &str) -> rusqlite::Result<T> {
    serde_json::from_str(json).map_err(|_| damaged())
}

fn counters(connection: &Connection) -> rusqlite::Result<Vec<CounterValue>> {
    let mut statement = connection.prepare("SELECT name, labels, value, since_nanos FROM counter")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(CounterValue {
            name: row.get(0)?,
            labels: parse(&row.get::<_, String>(1)?)?,
            value: u64::try_from(row.get::<_, i64>(2)?).map_err(|_| damaged())?,
            since_nanos: row.get(3)?,
        });
    }
    Ok(all)
}

/// As they were handed over: whether they make sense is for those who wrote them to say.
fn detectors(connection: &Connection) -> rusqlite::Result<Vec<detect::Kept>> {
    let mut statement = connection.prepare("SELECT provider, step, json FROM detector ORDER BY provider, step")?;
    let kept = |row: &Row<'_>| Ok(detect::Kept { provider: row.get(0)?, step: row.get(1)?, json: row.get(2)? });
    statement.query_map([], kept)?.collect()
}

fn series(connection: &Connection) -> rusqlite::Result<HashMap<i64, SeriesKey>> {
    let mut statement = connection.prepare("SELECT id, slo, region FROM series")?;
    let text = |row: &Row<'_>, column| row.get::<_, String>(column).map(Arc::<str>::from);
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, SeriesKey { slo: text(row, 1)?, region: text(row, 2)? })))?;
    rows.collect()
}

/// Those days.
pub(super) fn days(connection: &Connection, range: &RangeInclusive<i64>) -> rusqlite::Result<Vec<Day>> {
    let series = series(connection)?;
    let mut statement =
        connection.prepare("SELECT day, series, hours FROM day WHERE day BETWEEN ?1 AND ?2 ORDER BY day, series")?;
    let mut rows = statement.query([range.start(), range.end()])?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        let hours = row.get_ref(2)?.as_blob().ok().and_then(|bytes| cells::decode(bytes, 24)).ok_or_else(damaged)?;
        let series = series.get(&row.get(1)?).ok_or_else(damaged)?.clone();
        days.push(Day { series, day: row.get(0)?, hours });
    }
    Ok(days)
}

/// The minutes of those hours.
pub(super) fn minutes(connection: &Connection, hours: &[i64]) -> rusqlite::Result<Vec<Block>> {
    let series = series(connection)?;
    let mut statement = connection.prepare("SELECT series, minutes FROM hour WHERE hour = ?1 ORDER BY series")?;
    let mut wanted = hours.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let mut blocks = Vec::new();
    for hour in wanted {
        let mut rows = statement.query([hour])?;
        while let Some(row) = rows.next()? {
            let minutes =
                row.get_ref(1)?.as_blob().ok().and_then(|bytes| cells::decode(bytes, 60)).ok_or_else(damaged)?;
            let series = series.get(&row.get(0)?).ok_or_else(damaged)?.clone();
            blocks.push(Block { series, hour, minutes });
        }
    }
    Ok(blocks)
}

const GOOD: &str = "at, trace, late, took, asked, (SELECT shape.steps FROM shape WHERE shape.id = shape), steps";

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        at: row.get(0)?,
        trace: row.get(1)?,
        late_millis: row.get(2)?,
        took_micros: row.get(3)?,
        asked: row.get(4)?,
        shape: row.get(5)?,
        steps: row.get(6)?,
    })
}

fn who(connection: &Connection, check: i64) -> rusqlite::Result<Who> {
    let sql = "SELECT probe, kind, provider, client, region, labels FROM probe_check WHERE id = ?1";
    connection.query_row(sql, [check], |row| {
        Ok(Who {
            probe: row.get(0)?,
            kind: row.get(1)?,
            provider: row.get(2)?,
            client: row.get(3)?,
            region: row.get(4)?,
            labels: row.get(5)?,
        })
    })
}

/// A run that may be among those asked for.
enum Candidate {
    Good(i64, Summary),
    /// By its number: the document is only read if it is among them.
    Whole(i64),
}

/// Kept runs, newest first.
pub(super) fn runs(connection: &Connection, query: &RunsQuery) -> rusqlite::Result<Vec<KeptRun>> {
    let limit = query.limit.min(MOST);
    let before = query.before.map_or(i64::MAX, at);
    let verdict = match query.verdict.as_deref() {
        None => None,
        Some("good") => Some(0),
        Some("bad") => Some(1),
        Some("inconclusive") => Some(2),
        Some(_) => return Ok(Vec::new()),
    };
    let mut found: Vec<(i64, Candidate)> = Vec::new();
    for check in checks(connection, query)? {
        if matches!(verdict, None | Some(0)) {
            let sql = format!("SELECT {GOOD} FROM run WHERE probe_check = ?1 AND at < ?2 ORDER BY at DESC LIMIT ?3");
            let mut statement = connection.prepare(&sql)?;
            for run in statement.query_map(params![check, before, limit as i64], summary)? {
                let run = run?;
                found.push((run.at, Candidate::Good(check, run)));
            }
        }
        if verdict != Some(0) {
            let mut statement = connection.prepare(
                "SELECT at, id FROM failure WHERE probe_check = ?1 AND at < ?2 AND (?4 IS NULL OR verdict = ?4)
                 ORDER BY at DESC LIMIT ?3",
            )?;
            let wanted = params![check, before, limit as i64, verdict];
            for run in statement.query_map(wanted, |row| Ok((row.get(0)?, Candidate::Whole(row.get(1)?))))? {
                found.push(run?);
            }
        }
    }
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    found.truncate(limit);
    let mut by_check = HashMap::new();
    found.into_iter().filter_map(|(_, candidate)| whole(connection, candidate, &mut by_check).transpose()).collect()
}

fn checks(connection: &Connection, query: &RunsQuery) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT id FROM probe_check WHERE probe = ?1 AND (?2 IS NULL OR region = ?2)";
    connection.prepare(sql)?.query_map(params![query.probe, query.region], |row| row.get(0))?.collect()
}

fn whole(
    connection: &Connection,
    candidate: Candidate,
    by_check: &mut HashMap<i64, Who>,
) -> rusqlite::Result<Option<KeptRun>> {
    match candidate {
        Candidate::Good(check, run) => {
            if let std::collections::hash_map::Entry::Vacant(entry) = by_check.entry(check) {
                entry.insert(who(connection, check)?);
            }
            Ok(by_check.get(&check).map(|who| KeptRun { json: run.json(who) }))
        }
        // Gone meanwhile: it was the oldest.
        Candidate::Whole(id) => {
            let sql = "SELECT json FROM failure WHERE id = ?1";
            let json: Option<String> = connection.query_row(sql, [id], |row| row.get(0)).optional()?;
            json.map(|json| Ok(KeptRun { json: parse(&json)? })).transpose()
        }
    }
}

/// The run with that trace id.
pub(super) fn run(connection: &Connection, trace: [u8; 16]) -> rusqlite::Result<Option<KeptRun>> {
    let sql = format!("SELECT {GOOD}, probe_check FROM run WHERE substr(trace, 1, 3) = ?1 AND trace = ?2");
    let good = |row: &Row<'_>| Ok((row.get::<_, i64>(7)?, summary(row)?));
    if let Some((check, run)) = connection.query_row(&sql, params![&trace[..3], trace], good).optional()? {
        return Ok(Some(KeptRun { json: run.json(&who(connection, check)?) }));
    }
    let sql = "SELECT json FROM failure WHERE substr(trace, 1, 3) = ?1 AND trace = ?2";
    let json: Option<String> = connection.query_row(sql, params![&trace[..3], trace], |row| row.get(0)).optional()?;
    json.map(|json| Ok(KeptRun { json: parse(&json)? })).transpose()
}
