//! The runs of the same check before and after one, as far as they are kept.

use crate::clock::Timestamp;
use crate::store::RunsQuery;
use crate::web::App;
use crate::web::body::rfc3339;

use super::view::RunView;

/// How many runs the ledger is asked for to find the next one: one that is older than that many has no next one here.
const LOOK: usize = 50;

/// Ids of the runs beside one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// The one that began before it.
    pub previous: Option<String>,
    /// The one that began after it.
    pub next: Option<String>,
}

/// A run as it is found.
type Found = (Timestamp, String);

impl Beside {
    /// From memory and the ledger.
    pub async fn of(run: &RunView, app: &App) -> Self {
        let recent = app.control.recent(&run.probe);
        let remembered: Vec<Found> = recent
            .iter()
            .filter(|outcome| *outcome.check.region == *run.region)
            .map(|outcome| (outcome.start, outcome.trace_id.to_string()))
            .collect();
        let mut known = remembered;
        known.extend(kept(app, run, run.start, 1).await);
        // What memory has next may be much later: between the two there is the ledger.
        let upper = known.iter().map(|(at, _)| *at).filter(|at| *at > run.start).min();
        let upper = upper.unwrap_or_else(|| app.control.now());
        let later = kept(app, run, upper, LOOK).await;
        // All of them later: then the one right after it may be none of them.
        let reaches = later.len() < LOOK || later.iter().any(|(at, _)| *at <= run.start);
        if reaches {
            known.extend(later);
        }
        Self::among(known, run.start, &run.trace_id)
    }

    fn among(mut known: Vec<Found>, start: Timestamp, id: &str) -> Self {
        known.retain(|(_, other)| other != id);
        let before = known.iter().filter(|(at, _)| *at < start).max();
        let after = known.iter().filter(|(at, _)| *at > start).min();
        Self { previous: before.map(|(_, id)| id.clone()), next: after.map(|(_, id)| id.clone()) }
    }
}

/// What the ledger has of that check, newest first; nothing if it has none or cannot be read.
async fn kept(app: &App, run: &RunView, before: Timestamp, limit: usize) -> Vec<Found> {
    let query = RunsQuery {
        probe: run.probe.clone(),
        region: Some(run.region.clone()),
        verdict: None,
        before: Some(before),
        limit,
    };
    let Some(Ok(runs)) = app.control.kept_runs(query).await else { return Vec::new() };
    let found = runs.iter().filter_map(|run| {
        let at = rfc3339(run.json["start"].as_str()?)?;
        Some((at, run.json["trace_id"].as_str()?.to_owned()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_on_both_sides_are_found() {
        let found = |seconds: &[i64]| -> Vec<Found> {
            seconds.iter().map(|at| (Timestamp::from_secs(*at), at.to_string())).collect()
        };
        for (known, previous, next) in [
            (&[][..], None, None),
            (&[50][..], None, None),
            (&[10, 40, 50, 60, 90][..], Some("40"), Some("60")),
            (&[90, 10][..], Some("10"), Some("90")),
        ] {
            let beside = Beside::among(found(known), Timestamp::from_secs(50), "50");
            assert_eq!((beside.previous.as_deref(), beside.next.as_deref()), (previous, next), "{known:?}");
        }
    }
}
