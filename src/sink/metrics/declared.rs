//! Which series exist: those of the checks and providers of the plan in force, counters from before the first run.

use std::collections::HashSet;

use super::{MISSED_REASONS, Metrics, join, labels, table};
use crate::outcome::CheckLabels;
use crate::probe;

/// The one kind whose runs look from several regions.
const REVOCATION: &str = "revocation";

impl Metrics {
    /// Takes over the checks of a new plan: their counters exist from now on, series of others are gone. A run that
    /// covers several regions is one check; its series in a region stay as long as any check is in that region.
    pub fn declare(&self, checks: &[CheckLabels]) {
        let mut declared = self.declared.write().expect("declared checks");
        *declared = checks.iter().cloned().collect();
        let wanted = Wanted::new(checks);
        for family in self.families.values() {
            match family.definition().scope {
                table::Scope::Check => family.retain(|values| wanted.check(values)),
                table::Scope::Provider => family.retain(|values| wanted.provider(values)),
                table::Scope::Slo | table::Scope::Process => {}
            }
        }
        for check in checks {
            self.zero(check);
        }
    }

    fn zero(&self, check: &CheckLabels) {
        let labels = labels(check);
        for definition in
            [&table::RUNS, &table::FAILURES, &table::INCONCLUSIVE, &table::CONFIRMATIONS, &table::RUN_DURATION]
        {
            self.touch(definition, &labels);
        }
        for reason in MISSED_REASONS {
            self.touch(&table::MISSED, &join(&labels, [reason]));
        }
        if check.kind == REVOCATION {
            self.touch(&table::PROPAGATION_TIME, &labels);
        }
        let attacks = probe::kind(check.kind).map(|kind| (kind.attacks)()).unwrap_or_default();
        for attack in attacks {
            self.touch(&table::ATTACKS, &join(&labels, [attack]));
        }
        for definition in [&table::ROTATIONS, &table::UNSAFE_ROTATIONS] {
            self.touch(definition, &labels);
        }
    }
}

/// Which series a plan has room for.
pub(super) struct Wanted<'a> {
    checks: HashSet<[&'a str; 4]>,
    providers: HashSet<&'a str>,
    regions: HashSet<&'a str>,
    exact: HashSet<[&'a str; 5]>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(checks: &'a [CheckLabels]) -> Self {
        let all: Vec<[&str; 5]> = checks.iter().map(labels).collect();
        Self {
            checks: all.iter().map(|&[probe, kind, provider, client, _]| [probe, kind, provider, client]).collect(),
            providers: all.iter().map(|labels| labels[2]).collect(),
            regions: all.iter().map(|labels| labels[4]).collect(),
            exact: all.into_iter().collect(),
        }
    }

    pub(super) fn check(&self, values: &[&str]) -> bool {
        let &[probe, kind, provider, client, region, ..] = values else { return false };
        self.exact.contains(&[probe, kind, provider, client, region])
            // One run looks from several regions; only one of them is its check's.
            || kind == REVOCATION
                && self.regions.contains(region)
                && self.checks.contains(&[probe, kind, provider, client])
    }

    pub(super) fn provider(&self, values: &[&str]) -> bool {
        let &[provider, region, ..] = values else { return false };
        self.providers.contains(provider) && self.regions.contains(region)
    }
}
