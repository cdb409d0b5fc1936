//! What budgets were spent on: written as what is added, read as what there is.

use std::sync::Arc;

use rusqlite::{Connection, Row, Transaction, params};

use super::Store;
use super::pending::Causes;
use crate::fault::{Blame, Class};
use crate::slo::{Cause, CauseCount, DayCause};

/// The most rows that are read at once: the latest days.
const MOST: usize = 1_000_000;
/// By the index of days.
pub(super) const LATEST: &str = "SELECT slo, day, region, class, blame, step, bad, excluded FROM cause
                                 WHERE day >= ?1 ORDER BY day DESC LIMIT ?2";
/// By the same.
pub(super) const TOO_OLD: &str = "DELETE FROM cause WHERE day < ?1";

impl Store {
    /// What bad events of this day (since the epoch) and later were made of. Reads files.
    pub fn causes(&self, from_day: i64) -> Result<Vec<DayCause>, String> {
        self.read(|connection| read(connection, from_day))
    }
}

/// Adds to what is there.
pub(super) fn write(transaction: &Transaction<'_>, causes: &Causes) -> rusqlite::Result<()> {
    if causes.is_empty() {
        return Ok(());
    }
    let mut add = transaction.prepare(
        "INSERT INTO cause (slo, day, region, class, blame, step, bad, excluded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET bad = bad + excluded.bad, excluded = cause.excluded + excluded.excluded",
    )?;
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    for ((slo, day, cause), (bad, excluded)) in causes {
        let (class, blame) = (cause.class.map_or("", Class::as_str), cause.blame.map_or("", Blame::as_str));
        add.execute(params![slo, day, cause.region, class, blame, cause.step, whole(*bad), whole(*excluded)])?;
    }
    Ok(())
}

fn read(connection: &Connection, from_day: i64) -> rusqlite::Result<Vec<DayCause>> {
    let mut statement = connection.prepare(LATEST)?;
    let rows = statement.query_map(params![from_day, MOST as i64], row)?;
    // A class that this version does not know was written by another: then it is not known what that was.
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Removes what is older than this day.
pub(super) fn expire(connection: &Connection, before_day: i64) -> rusqlite::Result<()> {
    connection.execute(TOO_OLD, [before_day]).map(drop)
}

fn row(row: &Row<'_>) -> rusqlite::Result<Option<DayCause>> {
    let text = |column| row.get::<_, Arc<str>>(column);
    let count = |column| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0));
    let (class, blame) = (text(3)?, text(4)?);
    let known = match (&*class, &*blame) {
        ("", "") => Some((None, None)),
        (class, blame) => Class::from_name(class)
            .zip(Blame::ALL.into_iter().find(|known| known.as_str() == blame))
            .map(|(class, blame)| (Some(class), Some(blame))),
    };
    let Some((class, blame)) = known else { return Ok(None) };
    let cause = Cause { class, blame, step: text(5)?, region: text(2)? };
    let count = CauseCount { cause, bad: count(6)?, excluded: count(7)? };
    Ok(Some(DayCause { slo: text(0)?, day: row.get(1)?, count }))
}
