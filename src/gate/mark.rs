//! Marks the deployment in the daemon, once: the same id again is the same mark.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::source::{Asker, Trouble};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;

/// A mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// As it was given.
    pub id: String,
    /// When it was.
    pub at: Timestamp,
    /// Whether this gate made it.
    pub new: bool,
}

#[derive(Deserialize)]
struct Kept {
    id: String,
    at: String,
}

/// Makes the mark, or finds it. `at`: `None` is now, by the daemon's clock.
pub async fn mark(
    asker: &Asker,
    id: &str,
    provider: Option<&str>,
    at: Option<Timestamp>,
    watch: Duration,
) -> Result<Mark, Trouble> {
    let watch = HumanDuration(watch).to_string();
    let body = json!({ "id": id, "provider": provider, "at": at, "watch": watch, "comment": "authprobe gate" });
    let (status, kept): (_, Kept) = asker.post(&["api", "v1", "deployments"], &body).await?;
    let at = chrono::DateTime::parse_from_rfc3339(&kept.at).map(|at| Timestamp::from_utc(at.to_utc()));
    match at {
        Ok(at) if kept.id == id => Ok(Mark { id: kept.id, at, new: status == StatusCode::CREATED }),
        _ => Err(Trouble::Refused(format!(
            "{}: this authprobe is too old for --deployment: it knows no ids of deployments",
            asker.shown()
        ))),
    }
}
