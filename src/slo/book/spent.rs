//! How budgets were spent, and on what.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Book;
use super::account::Account;
use super::causes::Edge;
use crate::clock::Timestamp;
use crate::slo::due::{minute_of, minute_start};
use crate::slo::spending::{CauseCount, DayCause, Spending};
use crate::slo::timeline::{self, HOUR};

/// Minutes of a day.
pub(super) const DAY: i64 = 24 * HOUR;
/// The most causes of objectives that are gone which are held for the ledger.
const MOST_GONE: usize = 10_000;

impl Book {
    /// How that objective's budget was spent over its window, in at most `cells` cells (at least one) whose sum is what the
    /// budget counts; `None`: there is no such objective.
    pub fn spending(&self, slo: &str, cells: usize, now: Timestamp) -> Option<Spending> {
        self.account(slo).map(|account| account.spending(cells, now))
    }

    /// What that objective's budget was spent on since its window began, the most first, as far as it is known; `None`: there
    /// is no such objective. Of a day at the beginning of the window causes have their share.
    pub fn causes(&self, slo: &str, now: Timestamp) -> Option<Vec<CauseCount>> {
        self.account(slo).map(|account| account.causes(now))
    }

    /// Takes over the causes that a ledger holds of this day and later, all of them; of objectives that have those days
    /// already nothing is counted twice. To be called once for each set of objectives, also if the ledger could not be
    /// read (without any): from then on [`Book::changed_causes`] has something to tell of new ones.
    pub fn restore_causes(&mut self, from: i64, rows: Vec<DayCause>) {
        let mut by_slo: HashMap<Arc<str>, Vec<(i64, CauseCount)>> = HashMap::new();
        for DayCause { slo, day, count } in rows {
            by_slo.entry(slo).or_default().push((day, count));
        }
        for account in &mut self.accounts {
            let rows = by_slo.remove(account.name()).unwrap_or_default();
            account.spent_on.restore(from, rows.into_iter());
        }
    }

    /// What was counted since the last call, for the ledger: it adds that to what it has.
    pub fn changed_causes(&mut self) -> Vec<DayCause> {
        let mut changed = std::mem::take(&mut self.gone_causes);
        self.accounts.iter_mut().for_each(|account| account.take_causes(&mut changed));
        changed
    }

    /// Keeps for the ledger what it does not have of an objective that is gone.
    pub(super) fn bury_causes(&mut self, account: &mut Account) {
        account.take_causes(&mut self.gone_causes);
        self.gone_causes.truncate(MOST_GONE);
    }

    fn account(&self, slo: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| **account.name() == *slo)
    }
}

impl Account {
    fn take_causes(&mut self, into: &mut Vec<DayCause>) {
        let slo = self.name().clone();
        let changed = self.spent_on.take_changed().into_iter();
        into.extend(changed.map(|(day, count)| DayCause { slo: slo.clone(), day, count }));
    }

    fn spending(&self, cells: usize, now: Timestamp) -> Spending {
        let (begin, last) = (minute_of(self.objective().window.begin(now)), minute_of(now));
        let (hours, origin) = cell_hours(begin.div_euclid(HOUR), timeline::hour_of(now), cells);
        let length = hours.saturating_mul(HOUR);
        let mut from = origin.saturating_mul(HOUR);
        let mut spent = Vec::new();
        let first = minute_start(from);
        while from <= last {
            let next = from.saturating_add(length);
            // Not a minute more than the budget counts.
            spent.push(self.sum(from.max(begin), (next - 1).min(last)));
            from = next;
        }
        let cell = Duration::from_secs(3600).saturating_mul(u32::try_from(hours).unwrap_or(u32::MAX));
        Spending { begin: first, cell, cells: spent }
    }

    fn causes(&self, now: Timestamp) -> Vec<CauseCount> {
        let (begin, last) = (minute_of(self.objective().window.begin(now)), minute_of(now));
        let day = begin.div_euclid(DAY);
        let end = day.saturating_mul(DAY).saturating_add(DAY - 1);
        let bad = |from, to| self.sum(from, to).raw.bad;
        let edge = Edge { day, part: bad(begin, end.min(last)), whole: bad(day.saturating_mul(DAY), end) };
        // A region that is gone is no part of the budget.
        self.spent_on.within(edge, last.div_euclid(DAY), |cause| {
            cause.region.is_empty() || self.regions().any(|region| *region == cause.region)
        })
    }
}

/// How many hours a cell has, and in which hour the first begins. Cells are aligned to the epoch, so that they do not move
/// with every hour, unless there is to be one only.
fn cell_hours(first: i64, last: i64, cells: usize) -> (i64, i64) {
    let whole = (last - first).saturating_add(1).max(1);
    let most = i64::try_from(cells).unwrap_or(i64::MAX);
    if most < 2 {
        return (whole, first);
    }
    let fits = |hours: &i64| last.div_euclid(*hours) - first.div_euclid(*hours) < most;
    // Two cells of the whole length hold any window.
    let least = whole.div_euclid(most).max(1);
    let hours = (least..=whole).find(fits).unwrap_or(whole);
    (hours, first.div_euclid(hours).saturating_mul(hours))
}

#[cfg(test)]
#[path = "spent_tests.rs"]
mod tests;
