//! What the log says of detectors: one line when one opens, is certain, or ends; none a run.

use crate::alert::outage::headline;
use crate::clock::Timestamp;
use crate::detect::Ruling;
use crate::detect::ruling::{Case, Level};

/// A line of the log.
#[derive(Debug, PartialEq)]
struct Line<'a> {
    provider: &'a str,
    step: &'a str,
    what: &'static str,
    /// The case as it is, or was at last.
    case: &'a Case,
}

/// Tells how these rulings differ from those before.
pub fn log(before: &[Ruling], rulings: &[Ruling], now: Timestamp) {
    for Line { provider, step, what, case } in changes(before, rulings) {
        let evidence: Vec<_> =
            case.regions.iter().map(|seen| format!("{} {:.2}", seen.region, seen.evidence)).collect();
        let (evidence, found) = (evidence.join(", "), headline(provider, case, now));
        tracing::info!(provider, step, evidence, found, "detector {what}");
    }
}

fn changes<'a>(before: &'a [Ruling], rulings: &'a [Ruling]) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for (provider, case) in cases(rulings) {
        let what = match cases(before).find(|(of, known)| *of == provider && known.step == case.step) {
            None if case.level == Level::Suspected => "looks into a failure",
            Some((_, known)) if known.level == case.level => continue,
            Some(_) if case.level == Level::Suspected => "is not certain any more",
            None | Some(_) => "is certain",
        };
        lines.push(Line { provider, step: &case.step, what, case });
    }
    for (provider, case) in cases(before) {
        if !cases(rulings).any(|(of, known)| of == provider && known.step == case.step) {
            lines.push(Line { provider, step: &case.step, what: "ends", case });
        }
    }
    lines
}

fn cases(rulings: &[Ruling]) -> impl Iterator<Item = (&str, &Case)> {
    rulings.iter().flat_map(|ruling| ruling.cases.iter().map(|case| (&*ruling.provider, case)))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::detect::Standing;

    fn rulings(cases: &[(&str, Level, u64)]) -> Vec<Ruling> {
        let case = |(step, level, scheduled): &(&str, Level, u64)| Case {
            step: (*step).into(),
            level: *level,
            since: Timestamp::from_secs(0),
            certain_at: None,
            class: None,
            blame: None,
            upstream: None,
            of_class: 0,
            regions: vec![],
            probes: BTreeSet::new(),
            passed: BTreeSet::new(),
            ends_at: None,
            relapses: 0,
            scheduled: *scheduled,
            confirmations: 0,
            clean: vec![],
            confirmations_left: 0,
        };
        let ruling = |provider: &str, cases| Ruling {
            provider: provider.into(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            outage: Standing::Clear,
            regions: vec![],
            cases,
        };
        vec![ruling("other", vec![]), ruling("main", cases.iter().map(case).collect())]
    }

    #[test]
    fn a_line_when_it_opens_is_certain_and_ends_and_none_a_run() {
        let (suspected, region, everywhere) = (Level::Suspected, Level::Region, Level::Everywhere);
        let steps = [
            vec![],
            vec![("token", suspected, 1)],
            vec![("token", suspected, 2)],
            vec![("token", region, 3), ("jwks", suspected, 1)],
            vec![("token", everywhere, 4), ("jwks", suspected, 2)],
            vec![("token", everywhere, 5)],
            vec![("token", suspected, 6)],
            vec![("userinfo", everywhere, 1)],
        ]
        .map(|cases| rulings(&cases));
        let said: Vec<Vec<_>> = steps
            .windows(2)
            .map(|pair| changes(&pair[0], &pair[1]).iter().map(|line| (line.provider, line.step, line.what)).collect())
            .collect();
        let expected = [
            vec![("main", "token", "looks into a failure")],
            vec![],
            vec![("main", "token", "is certain"), ("main", "jwks", "looks into a failure")],
            vec![("main", "token", "is certain")],
            vec![("main", "jwks", "ends")],
            vec![("main", "token", "is not certain any more")],
            vec![("main", "userinfo", "is certain"), ("main", "token", "ends")],
        ];
        assert_eq!(said, expected);
    }
}
