//! What is too old or too much goes, in steps so small that nobody waits for them. Runs go first, oldest and good ones
//! before others; counts only when no window reaches back to them.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::runs::at;
use super::{Settings, causes, episodes, keys};
use crate::clock::{Clock, Timestamp};

/// Minutes are kept so long: the longest month and every burn rate's window reach less far back. What begins earlier takes
/// the hour at its edge as a whole.
const MINUTES_HOURS: i64 = 35 * 24;
/// Hours and days, counters that no longer count, and what people did are kept so long: longer than any window.
const COUNTS_DAYS: i64 = 400;
/// Each check is looked at once in so many rounds.
const ROUNDS: usize = 300;
/// How many runs go at once.
const STEP: i64 = 500;
/// How long a round may take.
const BUDGET: Duration = Duration::from_millis(50);
/// The most of `max_size` that is set aside for the log (bytes).
const LOG: u64 = 16 * 1024 * 1024;
/// Pages that are kept free, so that the file need not grow.
const FREE: u64 = 64;
/// The most pages that are given back to the disk at once.
const GIVE_BACK: u64 = 1000;

/// Where the last round ended.
#[derive(Debug, Default)]
pub(super) struct Retention {
    next: usize,
    /// The limit that the log was last made to fit.
    max_size: Option<u64>,
    /// The hour in which what nobody asks for any more was last looked for.
    hour: i64,
}

/// What is set aside for the log.
fn log(max_size: u64) -> u64 {
    LOG.min(max_size / 4)
}

impl Retention {
    /// One round.
    pub(super) fn round(
        &mut self,
        connection: &mut Connection,
        settings: &Settings,
        clock: &Clock,
    ) -> rusqlite::Result<()> {
        let now = clock.now();
        self.bound_log(connection, settings.max_size)?;
        let checks: Vec<i64> = connection
            .prepare("SELECT id FROM probe_check ORDER BY id")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        self.expired_runs(connection, &checks, at(now - settings.keep_runs))?;
        expired_failures(connection, at(now - settings.keep_failures.max(settings.keep_runs)))?;
        expired_counts(connection, now)?;
        let hour = now.as_secs().div_euclid(3600);
        if hour != self.hour {
            expired_rest(connection, now)?;
            self.hour = hour;
        }
        make_room(connection, &checks, settings.max_size, clock)
    }

    /// The log is written back when a quarter of its share is full, and cut to that: a transaction or two more still fit,
    /// and somebody who reads meanwhile.
    fn bound_log(&mut self, connection: &Connection, max_size: u64) -> rusqlite::Result<()> {
        if self.max_size != Some(max_size) {
            let share = i64::try_from(log(max_size) / 4).unwrap_or(i64::MAX).max(64 * 1024);
            connection.pragma_update(None, "journal_size_limit", share)?;
            connection.pragma_update(None, "wal_autocheckpoint", share / 4096)?;
            self.max_size = Some(max_size);
        }
        Ok(())
    }

    fn expired_runs(&mut self, connection: &mut Connection, checks: &[i64], before: i64) -> rusqlite::Result<()> {
        let share = checks.len().div_ceil(ROUNDS);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        for offset in 0..share {
            let check = checks[(self.next + offset) % checks.len()];
            remove_runs(&transaction, check, before)?;
        }
        transaction.commit()?;
        self.next = if checks.is_empty() { 0 } else { (self.next + share) % checks.len() };
        Ok(())
    }
}

/// Removes the oldest good runs of a check that began before then, at most [`STEP`]; says how many.
fn remove_runs(connection: &Connection, check: i64, before: i64) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM run WHERE probe_check = ?1 AND at < ?2 AND at <= coalesce(
                   (SELECT at FROM run WHERE probe_check = ?1 ORDER BY at LIMIT 1 OFFSET ?3), ?2)";
    connection.execute(sql, params![check, before, STEP - 1])
}

fn expired_failures(connection: &Connection, before: i64) -> rusqlite::Result<()> {
    // By number, which is nearly the order of time: no index in that order is needed.
    let sql = "DELETE FROM failure WHERE id IN (SELECT id FROM failure ORDER BY id LIMIT ?2) AND at < ?1";
    connection.execute(sql, params![before, STEP / 5]).map(drop)
}

fn expired_counts(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let (day, hour) = (now.as_secs().div_euclid(86_400), now.as_secs().div_euclid(3600));
    // One hour, one day at a time.
    connection
        .execute("DELETE FROM hour WHERE hour < ?1 AND hour = (SELECT min(hour) FROM hour)", [hour - MINUTES_HOURS])?;
    let sql = "DELETE FROM day WHERE day < ?1 AND day = (SELECT min(day) FROM day)";
    connection.execute(sql, [day - COUNTS_DAYS]).map(drop)
}

/// Counters that no longer count, causes that no window reaches back to, what people did, alerts that were, and keys that are
/// gone.
fn expired_rest(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let day = now.as_secs().div_euclid(86_400);
    let nanos = now.as_nanos().saturating_sub(COUNTS_DAYS * 86_400 * 1_000_000_000);
    connection.execute("DELETE FROM counter WHERE day < ?1", [day - COUNTS_DAYS])?;
    causes::expire(connection, day - COUNTS_DAYS)?;
    connection.execute("DELETE FROM maintenance WHERE to_nanos < ?1", [nanos])?;
    connection.execute("DELETE FROM deployment WHERE at_nanos < ?1", [nanos])?;
    connection.execute("DELETE FROM audit WHERE at_nanos < ?1", [nanos])?;
    let before = Timestamp::from_nanos(nanos);
    episodes::expire(connection, before)?;
    keys::expire(connection, before)
}

/// Keeps the file within its limit.
fn make_room(connection: &mut Connection, checks: &[i64], max_size: u64, clock: &Clock) -> rusqlite::Result<()> {
    let page = number(connection, "PRAGMA page_size")?.max(1);
    let most = max_size.saturating_sub(log(max_size)) / page;
    let began = clock.instant();
    loop {
        let (pages, free) = (number(connection, "PRAGMA page_count")?, number(connection, "PRAGMA freelist_count")?);
        if pages.saturating_sub(free) + FREE > most {
            if !remove_oldest(connection, checks, clock.now())? {
                return Ok(());
            }
        } else if pages > most {
            give_back(connection, (pages - most).min(free).min(GIVE_BACK))?;
        } else {
            return Ok(());
        }
        if began.elapsed() > BUDGET {
            return Ok(());
        }
    }
}

fn number(connection: &Connection, sql: &str) -> rusqlite::Result<u64> {
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|number| u64::try_from(number).unwrap_or(0))
}

/// Removes some of the oldest good runs of all checks or, without any, of the oldest others. `false`: there is nothing left.
fn remove_oldest(connection: &mut Connection, checks: &[i64], now: Timestamp) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut oldest = Vec::with_capacity(checks.len());
    {
        let mut first = transaction.prepare("SELECT min(at) FROM run WHERE probe_check = ?1")?;
        for check in checks {
            if let Some(at) = first.query_row([check], |row| row.get::<_, Option<i64>>(0))? {
                oldest.push((at, *check));
            }
        }
    }
    oldest.sort_unstable();
    let removed = match oldest.first() {
        Some((start, _)) => {
            // A hundredth of the time that they span, at least a minute.
            let before = start.saturating_add(((at(now).saturating_sub(*start)) / 100).max(60_000 * 16));
            let mut removed = 0;
            for (_, check) in oldest.iter().take_while(|(at, _)| *at < before) {
                removed += remove_runs(&transaction, *check, before)?;
                if removed >= 4 * STEP as usize {
                    break;
                }
            }
            removed
        }
        None => transaction
            .execute("DELETE FROM failure WHERE id IN (SELECT id FROM failure ORDER BY id LIMIT ?1)", [STEP / 10])?,
    };
    transaction.commit()?;
    Ok(removed > 0)
}

/// Cuts free pages off the file.
fn give_back(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
