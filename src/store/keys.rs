//! The lives of providers' signing keys, as they are kept. What verifies is not: thumbprints and names only.

use rusqlite::{Connection, Transaction, params};

use super::ledger::json;
use super::read::parse;
use crate::clock::Timestamp;
use crate::oidc::key_history::KeyLife;

/// The most that are kept: some 10 MB at half a kilobyte each.
const MOST_KEPT: i64 = 20_000;

/// A key's life, and whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// The provider.
    pub provider: String,
    /// When it was last seen, published or signing (nanoseconds since the epoch).
    pub seen_nanos: i64,
    /// Its life.
    pub life: KeyLife,
}

/// Adds or replaces these.
pub(super) fn put<'a>(
    transaction: &Transaction<'_>,
    keys: impl ExactSizeIterator<Item = &'a KeptKey>,
) -> rusqlite::Result<()> {
    if keys.len() == 0 {
        return Ok(());
    }
    let mut put = transaction.prepare("INSERT OR REPLACE INTO signing_key VALUES (?1, ?2, ?3, ?4)")?;
    for key in keys {
        put.execute(params![key.provider, key.life.thumbprint, key.seen_nanos, json(&key.life)?])?;
    }
    Ok(())
}

/// All of them.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<KeptKey>> {
    let mut statement =
        connection.prepare("SELECT provider, seen_nanos, json FROM signing_key ORDER BY provider, seen_nanos DESC")?;
    let rows = statement.query_map([], |row| {
        Ok(KeptKey { provider: row.get(0)?, seen_nanos: row.get(1)?, life: parse(&row.get::<_, String>(2)?)? })
    })?;
    rows.collect()
}

/// Removes what is too old or too much.
pub(super) fn expire(connection: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    let sql = "DELETE FROM signing_key WHERE seen_nanos < ?1 OR seen_nanos <= coalesce(
                   (SELECT seen_nanos FROM signing_key ORDER BY seen_nanos DESC LIMIT 1 OFFSET ?2), -1)";
    connection.execute(sql, params![before.as_nanos(), MOST_KEPT]).map(drop)
}
