//! What the budget was spent on.

use maud::{Markup, html};

use crate::slo::{CauseCount, Counts, Tally};
use crate::web::page::run::place;
use crate::web::page::words::percent;

/// How many causes are shown.
const MAX_CAUSES: usize = 40;

/// A row: a cause, or what is not known of one.
struct Row<'a> {
    cause: Option<&'a CauseCount>,
    bad: u64,
    excluded: u64,
}

/// Shares are of this.
struct Whole {
    /// Bad events of the window, maintenance included.
    bad: u64,
    /// How many events may be bad; 0: none.
    budget: f64,
}

/// The section. `allowed`: the share of events that may be bad.
pub fn section(causes: &Result<Vec<CauseCount>, String>, tally: Tally, allowed: f64) -> Markup {
    html! {
        section aria-labelledby="causes" {
            h2 #causes { "What the budget was spent on" }
            div.card {
                @match causes {
                    Err(why) => p { "Unknown: the ledger cannot be read (" (why) ")." },
                    Ok(_) if tally.raw.judged() == 0 => p { "Unknown: nothing was judged in this window." },
                    Ok(causes) if tally.raw.bad == 0 && causes.is_empty() => p { "On nothing: no event was bad in this window." },
                    Ok(causes) => (table(causes, tally, allowed)),
                }
            }
        }
    }
}

fn table(causes: &[CauseCount], tally: Tally, allowed: f64) -> Markup {
    let adjusted: Counts = tally.adjusted();
    let whole = Whole { bad: tally.raw.bad, budget: allowed * adjusted.judged() as f64 };
    let shown = causes.iter().take(MAX_CAUSES);
    let rows = shown.map(|cause| Row { cause: Some(cause), bad: cause.bad, excluded: cause.excluded });
    let rows: Vec<Row<'_>> = rows.collect();
    let rest = rest(causes, tally);
    html! {
        div.wide.roomy role="group" aria-labelledby="causes" tabindex="0" {
            table {
                thead {
                    tr {
                        @for column in ["cause", "to blame", "step", "region"] { th scope="col" { (column) } }
                        th.num scope="col" { "bad" }
                        th.num scope="col" { "of them in maintenance" }
                        th.num scope="col" { "share of what was bad" }
                        th.num scope="col" { "share of the budget" }
                    }
                }
                tbody {
                    @for row in &rows { (self::row(row, &whole)) }
                    @if rest.bad > 0 { (self::row(&rest, &whole)) }
                }
            }
        }
        @if causes.len() > MAX_CAUSES { p.faint { (causes.len() - MAX_CAUSES) " rarer causes are not shown." } }
        p.faint { "Causes are kept by the day (UTC): those of the window's first day may be some more than lie in it." }
    }
}

/// What the causes do not account for: bad events from before causes were kept.
fn rest(causes: &[CauseCount], tally: Tally) -> Row<'static> {
    let sum = |count: fn(&CauseCount) -> u64| causes.iter().map(count).fold(0, u64::saturating_add);
    Row {
        cause: None,
        bad: tally.raw.bad.saturating_sub(sum(|cause| cause.bad)),
        excluded: tally.excluded.bad.saturating_sub(sum(|cause| cause.excluded)),
    }
}

fn row(row: &Row<'_>, whole: &Whole) -> Markup {
    let share = if whole.bad > 0 { (row.bad as f64 / whole.bad as f64).min(1.0) } else { 0.0 };
    let counts = row.bad.saturating_sub(row.excluded);
    html! {
        tr {
            @match row.cause.map(|count| &count.cause) {
                None => {
                    th scope="row" { "not known" }
                    td colspan="3" { "counted before causes were kept" }
                }
                Some(cause) => {
                    @match cause.class {
                        Some(class) => th scope="row" title=(class.meaning()) { (class) },
                        None => th scope="row" { "too slow" },
                    }
                    td { @match cause.blame { Some(blame) => (blame), None => "good runs, slower than promised" } }
                    td { (or_dash(&cause.step)) }
                    td { @if cause.region.is_empty() { "several" } @else { (cause.region) } }
                }
            }
            td.num { (row.bad) }
            td.num { (row.excluded) }
            td.num { (bar(share)) span.amount { (percent(share)) } }
            td.num {
                @if whole.budget > 0.0 { (percent(counts as f64 / whole.budget)) } @else { "none is allowed" }
            }
        }
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// The number stands beside it.
fn bar(share: f64) -> Markup {
    html! {
        svg.share width="80" height="8" aria-hidden="true" {
            rect.f-line width="100%" height="8" rx="2" {}
            rect.f-bad width=(place(share * 100.0)) height="8" rx="2" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Blame, Class};
    use crate::slo::Cause;

    fn cause(bad: u64, excluded: u64) -> CauseCount {
        let cause = Cause {
            class: Some(Class::Timeout),
            blame: Some(Blame::Network),
            step: "token".into(),
            region: "eu".into(),
        };
        CauseCount { cause, bad, excluded }
    }

    fn tally(bad: u64, excluded: u64) -> Tally {
        let counts = |bad| Counts { good: 900, bad, inconclusive: 0, expected: 1000 };
        Tally { raw: counts(bad), excluded: Counts { good: 0, ..counts(excluded) } }
    }

    #[test]
    fn what_no_cause_accounts_for_is_told_as_not_known() {
        for (causes, tally, expected) in [
            (vec![], tally(7, 3), (7, 3)),
            (vec![cause(4, 2), cause(1, 0)], tally(7, 3), (2, 1)),
            (vec![cause(9, 4)], tally(7, 3), (0, 0)),
        ] {
            let rest = rest(&causes, tally);
            assert_eq!((rest.bad, rest.excluded), expected);
        }
    }
}
