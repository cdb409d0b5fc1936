//! `aggregate` and `quorum` of `[[slo]]`: what an event is.

use std::collections::BTreeSet;

use super::PlannedProbe;
use super::desk::Desk;
use super::probes::counted;
use super::typed::Item;
use crate::config::model::{Aggregate as Written, Slo};
use crate::slo::{Aggregate, Sli};

/// Resolves both. `None`: it is wrong, or cannot be decided by this process; either is on record.
pub fn aggregate(
    desk: &mut Desk<'_>,
    item: &Item<'_, Slo>,
    written: &Slo,
    sli: &Sli,
    probes: &[&PlannedProbe],
) -> Option<Aggregate> {
    if written.aggregate.unwrap_or_default() != Written::Uptime {
        if written.quorum.is_some() {
            // So the contract's own example has it, ready for the other aggregate.
            desk.note(format!(
                "slo {}: `quorum` has no effect: it belongs to `aggregate = \"uptime\"`",
                written.name.0
            ));
        }
        return Some(Aggregate::Reachability);
    }
    let quorum = match written.quorum {
        Some(quorum) => quorum,
        None => majority(desk, item, sli, probes)?,
    };
    let reachable = probes.iter().map(|probe| within_reach(desk, item, written, sli, probe, quorum));
    // Each probe is looked at, whatever the one before said.
    let reachable: Vec<bool> = reachable.collect();
    reachable.into_iter().all(|reachable| reachable).then_some(Aggregate::Uptime { quorum })
}

/// In how many regions a probe's tick is seen: of those configured, and of those that run here.
fn seen_from(sli: &Sli, probe: &PlannedProbe) -> (usize, usize) {
    // A run over several regions has one verdict, and a propagation time for each region.
    let one = probe.cost().all_regions && !matches!(sli, Sli::Propagation(_));
    let most = if one { 1 } else { usize::MAX };
    (probe.configured_regions.min(most), probe.regions.len().min(most))
}

/// More than half of the regions, if all probes have as many.
fn majority(desk: &mut Desk<'_>, item: &Item<'_, Slo>, sli: &Sli, probes: &[&PlannedProbe]) -> Option<u32> {
    let counts: BTreeSet<usize> = probes.iter().map(|probe| seen_from(sli, probe).0).collect();
    if counts.len() > 1 {
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        let message = format!(
            "its probes run in {} regions: `quorum` must say in how many a tick succeeds",
            counts.join(" and ")
        );
        desk.wrong(item.mistake("aggregate", message));
        return None;
    }
    u32::try_from(counts.first().copied().unwrap_or(0) / 2 + 1).ok()
}

/// Whether so many regions can succeed here.
fn within_reach(
    desk: &mut Desk<'_>,
    item: &Item<'_, Slo>,
    written: &Slo,
    sli: &Sli,
    probe: &PlannedProbe,
    quorum: u32,
) -> bool {
    let (regions, here) = seen_from(sli, probe);
    let wanted = quorum as usize;
    if wanted > regions {
        let why = match regions < probe.configured_regions {
            true => format!("a run of probe `{}` covers all regions and has one verdict", probe.name),
            false => format!("probe `{}` runs in {}", probe.name, counted(regions, "region")),
        };
        desk.wrong(item.mistake("quorum", format!("a quorum of {quorum} can never be reached: {why}")));
        return false;
    }
    if here < regions {
        let what = match wanted > here {
            true => format!("alone it cannot reach the quorum of {quorum}: the objective is not evaluated here"),
            false => format!("it decides by those whether a tick reached the quorum of {quorum}"),
        };
        desk.note(format!(
            "slo {}: this process runs {here} of {regions} regions of probe {}: {what}",
            written.name.0, probe.name
        ));
    }
    wanted <= here
}
