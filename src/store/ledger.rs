//! Writing: one transaction for everything that waits.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Statement, ToSql, Transaction, TransactionBehavior, params};

use super::pending::{Count, Hour, Pending};
use super::runs::{Body, Run, shape_text};
use super::{causes, cells, episodes, keys};
use crate::alert::Alert;
use crate::alert::conditions::Deployment;
use crate::clock::Timestamp;
use crate::detect;
use crate::slo::maintenance::Window;
use crate::slo::{SeriesKey, Tally};

/// How many places are tried for a run: far more runs of a check than can begin within a few milliseconds.
const PLACES: i64 = 1024;

/// The connection that writes, and the numbers of what it has written names for.
#[derive(Debug)]
pub(super) struct Ledger {
    pub connection: Connection,
    numbers: Numbers,
}

/// The dictionaries as far as they are known. Forgotten whenever a transaction fails: a number may have gone with it.
#[derive(Debug, Default)]
struct Numbers {
    series: HashMap<SeriesKey, i64>,
    checks: HashMap<[String; 6], i64>,
    shapes: HashMap<String, i64>,
}

impl Ledger {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, numbers: Numbers::default() }
    }

    /// Writes what waits, all of it or nothing.
    pub(super) fn write(&mut self, pending: &Pending, now: Timestamp) -> rusqlite::Result<()> {
        let result = self.try_write(pending, now);
        if result.is_err() {
            self.numbers = Numbers::default();
        }
        result
    }

    fn try_write(&mut self, pending: &Pending, now: Timestamp) -> rusqlite::Result<()> {
        let Self { connection, numbers } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        days(&transaction, numbers, pending)?;
        counters(&transaction, &pending.counters, now)?;
        if let Some(list) = &pending.alerts {
            alerts(&transaction, list)?;
        }
        if let Some(list) = &pending.detectors {
            detectors(&transaction, list)?;
        }
        causes::write(&transaction, &pending.causes)?;
        runs(&transaction, numbers, pending.runs.iter())?;
        pending.deployments.values().try_for_each(|deployment| put_deployment(&transaction, deployment))?;
        episodes::put(&transaction, pending.episodes.values())?;
        keys::put(&transaction, pending.keys.values())?;
        transaction.execute(
            "INSERT INTO meta VALUES ('last_written', ?1) ON CONFLICT DO UPDATE SET value = excluded.value",
            [now.as_nanos()],
        )?;
        transaction.commit()
    }

    /// Adds or replaces a window, with a note of who did what.
    pub(super) fn window(&mut self, window: &Window, action: &str, by: &str, now: Timestamp) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let json = json(window)?;
        transaction.execute(
            "INSERT INTO maintenance VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET to_nanos = excluded.to_nanos, json = excluded.json",
            params![window.id, window.to_nanos, json],
        )?;
        transaction.execute(
            "INSERT INTO audit (at_nanos, who, what, json) VALUES (?1, ?2, ?3, ?4)",
            params![now.as_nanos(), by, action, json],
        )?;
        transaction.commit()
    }

    /// Adds or replaces a deployment.
    pub(super) fn deployment(&mut self, deployment: &Deployment) -> rusqlite::Result<()> {
        put_deployment(&self.connection, deployment)
    }
}

fn put_deployment(connection: &Connection, deployment: &Deployment) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO deployment VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET at_nanos = excluded.at_nanos, json = excluded.json",
        params![deployment.id, deployment.at_nanos, json(deployment)?],
    )?;
    Ok(())
}

/// As it is written in a column.
pub(super) fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The number of a name: known, on file, or new.
fn number(transaction: &Transaction<'_>, find: &str, add: &str, name: &[&dyn ToSql]) -> rusqlite::Result<i64> {
    match transaction.query_row(find, name, |row| row.get(0)).optional()? {
        Some(id) => Ok(id),
        None => transaction.prepare(add)?.insert(name),
    }
}

impl Numbers {
    fn series(&mut self, transaction: &Transaction<'_>, key: &SeriesKey) -> rusqlite::Result<i64> {
        if let Some(id) = self.series.get(key) {
            return Ok(*id);
        }
        let find = "SELECT id FROM series WHERE slo = ?1 AND region = ?2";
        let add = "INSERT INTO series (slo, region) VALUES (?1, ?2)";
        let id = number(transaction, find, add, &[&&*key.slo, &&*key.region])?;
        self.series.insert(key.clone(), id);
        Ok(id)
    }

    fn check(&mut self, transaction: &Transaction<'_>, run: &Run) -> rusqlite::Result<i64> {
        let check = &run.check;
        let labels = json(&*run.labels)?;
        let name =
            [&*check.probe, &*check.region, check.kind, &*check.provider, &*check.client, &*labels].map(str::to_owned);
        if let Some(id) = self.checks.get(&name) {
            return Ok(*id);
        }
        let find = "SELECT id FROM probe_check WHERE probe = ?1 AND region = ?2 AND kind = ?3 AND provider = ?4
                    AND client = ?5 AND labels = ?6";
        let add = "INSERT INTO probe_check (probe, region, kind, provider, client, labels)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let id = number(transaction, find, add, &name.each_ref().map(|part| part as &dyn ToSql))?;
        self.checks.insert(name, id);
        Ok(id)
    }

    fn shape(&mut self, transaction: &Transaction<'_>, steps: String) -> rusqlite::Result<i64> {
        if let Some(id) = self.shapes.get(&steps) {
            return Ok(*id);
        }
        let add = "INSERT INTO shape (steps) VALUES (?1)";
        let id = number(transaction, "SELECT id FROM shape WHERE steps = ?1", add, &[&steps])?;
        self.shapes.insert(steps, id);
        Ok(id)
    }
}

/// The hours, and in the same transaction the days that they roll up into.
fn days(transaction: &Transaction<'_>, numbers: &mut Numbers, pending: &Pending) -> rusqlite::Result<()> {
    if pending.days.is_empty() {
        return Ok(());
    }
    let mut hour = Rows::new(transaction, "hour", "minutes")?;
    let mut day = Rows::new(transaction, "day", "hours")?;
    let mut old = transaction.prepare("SELECT hours FROM day WHERE day = ?1 AND series = ?2")?;
    for ((date, key), changed) in &pending.days {
        let series = numbers.series(transaction, key)?;
        let kept: Option<Vec<u8>> = old.query_row([*date, series], |row| row.get(0)).optional()?;
        let mut hours: Vec<(u8, Tally)> =
            kept.map_or_else(|| Ok(Vec::new()), |kept| cells::decode(&kept, 24).ok_or_else(damaged))?;
        hours.retain(|(at, _)| !changed.contains_key(at));
        for (at, Hour { total, minutes }) in changed {
            hour.put(date * 24 + i64::from(*at), series, *total, minutes)?;
            hours.push((*at, *total));
        }
        hours.sort_unstable_by_key(|(at, _)| *at);
        day.put(*date, series, cells::total(&hours), &cells::encode(&hours))?;
    }
    Ok(())
}

/// What is in the file is not what was written.
pub(super) fn damaged() -> rusqlite::Error {
    let why = "counts that cannot be read".to_owned();
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(why))
}

/// The rows of `hour` or `day`.
struct Rows<'a> {
    put: Statement<'a>,
    remove: Statement<'a>,
}

impl<'a> Rows<'a> {
    fn new(transaction: &'a Transaction<'_>, table: &str, blob: &str) -> rusqlite::Result<Self> {
        let columns = "good, bad, inconclusive, expected, x_good, x_bad, x_inconclusive, x_expected";
        let put = transaction.prepare(&format!(
            "INSERT OR REPLACE INTO {table} ({table}, series, {columns}, {blob})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        ))?;
        let remove = transaction.prepare(&format!("DELETE FROM {table} WHERE {table} = ?1 AND series = ?2"))?;
        Ok(Self { put, remove })
    }

    /// Replaces a row; one without any counts is no row.
    fn put(&mut self, at: i64, series: i64, total: Tally, cells: &[u8]) -> rusqlite::Result<()> {
        if cells.is_empty() {
            return self.remove.execute([at, series]).map(drop);
        }
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let Tally { raw, excluded: x } = total;
        let [good, bad, inconclusive, expected] = [raw.good, raw.bad, raw.inconclusive, raw.expected].map(whole);
        let [x_good, x_bad, x_inconclusive, x_expected] = [x.good, x.bad, x.inconclusive, x.expected].map(whole);
        let row =
            params![at, series, good, bad, inconclusive, expected, x_good, x_bad, x_inconclusive, x_expected, cells];
        self.put.execute(row).map(drop)
    }
}

fn counters(
    transaction: &Transaction<'_>,
    counters: &HashMap<(String, Vec<String>), Count>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    if counters.is_empty() {
        return Ok(());
    }
    let mut put = transaction.prepare("INSERT OR REPLACE INTO counter VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let day = now.as_secs().div_euclid(86_400);
    for ((name, labels), Count { value, since_nanos }) in counters {
        let value = i64::try_from(*value).unwrap_or(i64::MAX);
        put.execute(params![name, json(labels)?, value, since_nanos, day])?;
    }
    Ok(())
}

fn alerts(transaction: &Transaction<'_>, alerts: &[Alert]) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM alert", [])?;
    let mut put = transaction.prepare("INSERT OR REPLACE INTO alert VALUES (?1, ?2)")?;
    for alert in alerts {
        put.execute(params![json(&alert.labels)?, json(alert)?])?;
    }
    Ok(())
}

fn detectors(transaction: &Transaction<'_>, detectors: &[detect::Kept]) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM detector", [])?;
    let mut put = transaction.prepare("INSERT OR REPLACE INTO detector VALUES (?1, ?2, ?3)")?;
    for detect::Kept { provider, step, json } in detectors {
        put.execute([provider, step, json])?;
    }
    Ok(())
}

fn runs<'a>(
    transaction: &Transaction<'_>,
    numbers: &mut Numbers,
    runs: impl ExactSizeIterator<Item = &'a Run>,
) -> rusqlite::Result<()> {
    if runs.len() == 0 {
        return Ok(());
    }
    let mut good = transaction.prepare("INSERT OR IGNORE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    let mut whole = transaction
        .prepare("INSERT INTO failure (probe_check, at, verdict, trace, json) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for run in runs {
        let check = numbers.check(transaction, run)?;
        match &run.body {
            Body::Good { late_millis, took_micros, asked, shape, steps } => {
                let shape = numbers.shape(transaction, shape_text(shape))?;
                // A place is taken if another run of this check began in the same millisecond.
                for at in run.at..run.at.saturating_add(PLACES) {
                    let row = params![check, at, run.trace, late_millis, took_micros, asked, shape, steps];
                    if good.execute(row)? > 0 {
                        break;
                    }
                }
            }
            Body::Whole { verdict, json } => {
                whole.execute(params![check, run.at, verdict, run.trace, json])?;
            }
        }
    }
    Ok(())
}
