//! Alerts that were, as they are kept.

use rusqlite::{Connection, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::ledger::json;
use super::read::parse;
use crate::alert::episode::{Episode, EpisodesQuery, FiredReading};
use crate::alert::episodes::AT_HAND;
use crate::clock::Timestamp;

/// The most that are read at once.
const MOST: usize = 1000;
/// The most that are kept: some 30 MB at a kilobyte and a half each.
const MOST_KEPT: i64 = 20_000;
/// How many go at once.
const STEP: i64 = 5000;

/// What is in the column `json`.
#[derive(Serialize, Deserialize)]
struct Told<T> {
    description: T,
    reading: Option<FiredReading>,
}

/// Adds these, or tells that they are over.
pub(super) fn put<'a>(
    transaction: &Transaction<'_>,
    episodes: impl ExactSizeIterator<Item = &'a Episode>,
) -> rusqlite::Result<()> {
    if episodes.len() == 0 {
        return Ok(());
    }
    let mut put = transaction.prepare(
        "INSERT INTO episode (labels, fired_nanos, resolved_nanos, slo, probe, provider, json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (fired_nanos, labels) DO UPDATE SET resolved_nanos = excluded.resolved_nanos, json = excluded.json",
    )?;
    for episode in episodes {
        let label = |name: &str| episode.labels.get(name).map_or("", String::as_str);
        let told = Told { description: &episode.description, reading: episode.reading.clone() };
        put.execute(params![
            json(&episode.labels)?,
            episode.fired_nanos,
            episode.resolved_nanos,
            label("slo"),
            label("probe"),
            label("provider"),
            json(&told)?,
        ])?;
    }
    Ok(())
}

const COLUMNS: &str = "labels, fired_nanos, resolved_nanos, json";

fn episode(row: &Row<'_>) -> rusqlite::Result<Episode> {
    let Told { description, reading } = parse::<Told<String>>(&row.get::<_, String>(3)?)?;
    let labels = parse(&row.get::<_, String>(0)?)?;
    Ok(Episode { labels, fired_nanos: row.get(1)?, resolved_nanos: row.get(2)?, description, reading })
}

/// What a start goes on from: the latest that are over, and all that are not.
pub(super) fn latest(connection: &Connection) -> rusqlite::Result<Vec<Episode>> {
    let firing = format!("SELECT {COLUMNS} FROM episode WHERE resolved_nanos IS NULL");
    let over = format!(
        "SELECT {COLUMNS} FROM episode WHERE resolved_nanos IS NOT NULL ORDER BY fired_nanos DESC, labels LIMIT {AT_HAND}"
    );
    let mut all = Vec::new();
    for sql in [firing, over] {
        for found in connection.prepare(&sql)?.query_map([], episode)? {
            all.push(found?);
        }
    }
    Ok(all)
}

/// Those asked for, newest first.
pub(super) fn select(connection: &Connection, query: &EpisodesQuery) -> rusqlite::Result<Vec<Episode>> {
    let limit = i64::try_from(query.limit.min(MOST)).unwrap_or(i64::MAX);
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM episode
         WHERE (?1 IS NULL OR slo = ?1) AND (?2 IS NULL OR probe = ?2) AND (?3 IS NULL OR provider = ?3)
         ORDER BY fired_nanos DESC, labels LIMIT ?4"
    ))?;
    statement.query_map(params![query.slo, query.probe, query.provider, limit], episode)?.collect()
}

/// Removes what is too old or too much, a step at a time; what fires still stays.
pub(super) fn expire(connection: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    let sql = "DELETE FROM episode WHERE id IN (
                   SELECT id FROM episode WHERE resolved_nanos IS NOT NULL
                   AND (resolved_nanos < ?1 OR fired_nanos <= coalesce(
                       (SELECT fired_nanos FROM episode ORDER BY fired_nanos DESC LIMIT 1 OFFSET ?2), -1))
                   ORDER BY fired_nanos LIMIT ?3)";
    connection.execute(sql, params![before.as_nanos(), MOST_KEPT, STEP]).map(drop)
}
