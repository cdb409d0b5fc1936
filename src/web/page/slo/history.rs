//! When an objective alerted, and why: the numbers of the moment in which it fired.

use std::time::Duration;

use maud::{Markup, html};

use crate::alert::Alert;
use crate::alert::episode::{Episode, FiredReading};
use crate::clock::Timestamp;
use crate::plan::Plan;
use crate::web::page::leads;
use crate::web::page::run::cut;
use crate::web::page::words::{ago, rough, times};

/// How many episodes are asked for and shown.
pub const MAX_EPISODES: usize = 30;
/// The longest description (characters).
const MAX_TEXT: usize = 1500;

/// The section: what is coming up or firing, and what was.
pub fn section(alerts: &[&Alert], episodes: &Result<Vec<Episode>, String>, plan: &Plan, now: Timestamp) -> Markup {
    // What fires is the latest of the episodes, if those are known.
    let told = |alert: &Alert| {
        let mut open = episodes.iter().flatten().filter(|episode| episode.resolved_nanos.is_none());
        open.any(|episode| episode.labels == alert.labels)
    };
    let untold = || alerts.iter().filter(|alert| !told(alert));
    html! {
        section aria-labelledby="alerts" {
            h2 #alerts { "Alert history" }
            div.card {
                @if !plan.alerting.evaluate {
                    p { "Alerts are evaluated by Prometheus: their history is there." }
                }
                @for alert in untold() { (current(alert, plan, now)) }
                @match episodes {
                    Err(why) => p { "Unknown: the ledger cannot be read (" (why) ")." },
                    Ok(episodes) if episodes.is_empty() => {
                        @if plan.alerting.evaluate && !alerts.iter().any(|alert| alert.is_firing()) {
                            p {
                                "It has not fired, as far back as is known"
                                @if plan.store.is_none() { ": without a ledger, since the start of this process" } "."
                            }
                        }
                    }
                    Ok(episodes) => {
                        ol.episodes { @for one in episodes.iter().take(MAX_EPISODES) { (episode(one, plan, now)) } }
                        @if episodes.len() >= MAX_EPISODES { p.faint { "The latest " (MAX_EPISODES) " are shown." } }
                    }
                }
            }
        }
    }
}

/// An alert that is no episode yet.
fn current(alert: &Alert, plan: &Plan, now: Timestamp) -> Markup {
    let since = alert.fired_at().unwrap_or(Timestamp::from_nanos(alert.active_nanos));
    html! {
        p {
            @if alert.is_firing() { span.badge.bad { "firing" } } @else { span.badge.warn { "pending" } }
            " " (name(alert.name(), &alert.labels, plan)) " since " (ago(since, now))
        }
        @if let Some(description) = alert.annotations.get("description") { p.faint { (cut(description, MAX_TEXT)) } }
    }
}

fn name(alert: &str, labels: &crate::alert::Words, plan: &Plan) -> Markup {
    html! {
        a href=(leads::runbook(plan, alert)) { (alert) }
        @if let Some(tier) = labels.get("burnrate_tier") { " (tier " (tier) ")" }
        @if let Some(severity) = labels.get("severity") { ", a " (severity) }
    }
}

fn episode(episode: &Episode, plan: &Plan, now: Timestamp) -> Markup {
    let fired = Timestamp::from_nanos(episode.fired_nanos);
    let resolved = episode.resolved_nanos.map(Timestamp::from_nanos);
    let alert = episode.labels.get("alertname").map_or("", String::as_str);
    html! {
        li {
            p.when {
                @match resolved {
                    None => { span.badge.bad { "firing" } " for " (rough(now.since(fired))) },
                    Some(end) => { span.badge { "over" } " lasted " (rough(end.since(fired))) },
                }
                ", fired " (ago(fired, now)) span.faint { " (" (fired.to_utc().format("%Y-%m-%d %H:%M UTC")) ")" }
            }
            p { (name(alert, &episode.labels, plan)) }
            @if let Some(reading) = &episode.reading { p.why { (why(reading)) } }
            @if !episode.description.is_empty() { p.faint { (cut(&episode.description, MAX_TEXT)) } }
        }
    }
}

/// Why it fired, in numbers.
fn why(reading: &FiredReading) -> String {
    let span = |seconds: u64| rough(Duration::from_secs(seconds));
    format!(
        "Burnt {} over {} (at least {} by Byar's bound) and {} over {}, above {}: {} of {} were bad.",
        times(reading.burn.0),
        span(reading.seconds.0),
        times(reading.guarded),
        times(reading.burn.1),
        span(reading.seconds.1),
        times(reading.factor),
        reading.bad,
        reading.judged,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_fired_is_said_in_numbers() {
        let reading = FiredReading {
            seconds: (3600, 300),
            burn: (333.3, 666.6),
            guarded: 166.6,
            factor: 14.4,
            bad: 20,
            judged: 60,
        };
        assert_eq!(
            why(&reading),
            "Burnt 333 × over 1h (at least 167 × by Byar's bound) and 667 × over 5m, above 14.4 ×: 20 of 60 were bad."
        );
    }
}
