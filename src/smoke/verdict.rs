//! What all checks together come to. Pure.

use super::report::{CheckReport, Judgement};

/// The most checks that a reason names.
const NAMED: usize = 3;

/// Any bad → bad, else any inconclusive → inconclusive, else good; if all were skipped, nothing is known. With the reason, in a
/// sentence.
pub fn of(checks: &[CheckReport]) -> (Judgement, String) {
    let of = |verdict| checks.iter().filter(|check| check.verdict == verdict).collect::<Vec<_>>();
    let (bad, open, skipped) = (of(Judgement::Bad), of(Judgement::Inconclusive), of(Judgement::Skipped));
    if !bad.is_empty() {
        return (Judgement::Bad, format!("{} bad: {}", share(bad.len(), checks.len()), named(&bad)));
    }
    if !open.is_empty() {
        let reason = format!("could not tell for {}: {}", share(open.len(), checks.len()), named(&open));
        return (Judgement::Inconclusive, reason);
    }
    let left_out =
        if skipped.is_empty() { String::new() } else { format!(", {} skipped: {}", skipped.len(), named(&skipped)) };
    match checks.len() - skipped.len() {
        0 => (Judgement::Inconclusive, format!("could not tell: no check was made{left_out}")),
        1 => (Judgement::Good, format!("1 check is good{left_out}")),
        good => (Judgement::Good, format!("all {good} checks are good{left_out}")),
    }
}

fn share(part: usize, whole: usize) -> String {
    if whole == 1 { "1 check".to_owned() } else { format!("{part} of {whole} checks") }
}

fn named(checks: &[&CheckReport]) -> String {
    let mut names: Vec<String> = checks.iter().take(NAMED).map(|check| one(check)).collect();
    let more = checks.len().saturating_sub(NAMED);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

fn one(check: &CheckReport) -> String {
    let why = match &check.fault {
        Some(fault) => fault.class.as_str(),
        None if check.verdict == Judgement::Bad => "slow",
        None => "not decided",
    };
    format!("{} ({why})", check.check)
}

/// The exit status that belongs to it.
pub fn exit_code(verdict: Judgement, interrupted: bool) -> u8 {
    match verdict {
        _ if interrupted => 130,
        Judgement::Good | Judgement::Skipped => 0,
        Judgement::Bad => 1,
        Judgement::Inconclusive => 3,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::fault::{Class, Fault};
    use crate::runner::testing::labels;
    use crate::smoke::report::Counts;

    fn checks(list: &[(Judgement, Option<Class>)]) -> Vec<CheckReport> {
        let check = |(n, (verdict, class)): (usize, &(Judgement, Option<Class>))| CheckReport {
            check: labels(&format!("p{n}"), "eu"),
            labels: Arc::default(),
            verdict: *verdict,
            reason: String::new(),
            counts: Counts::default(),
            duration: Duration::ZERO,
            median: None,
            fault: class.map(|class| Fault::new(class, "as told")),
            runs: Vec::new(),
            screenshot: None,
        };
        list.iter().enumerate().map(check).collect()
    }

    fn said(list: &[(Judgement, Option<Class>)]) -> (Judgement, String, u8) {
        let (verdict, reason) = of(&checks(list));
        (verdict, reason, exit_code(verdict, false))
    }

    #[test]
    fn bad_outweighs_what_could_not_be_told_and_that_outweighs_good() {
        use Judgement::{Bad, Good, Inconclusive, Skipped};
        let good = (Good, None);
        assert_eq!(said(&[good]), (Good, "1 check is good".into(), 0));
        assert_eq!(said(&[good, good]), (Good, "all 2 checks are good".into(), 0));
        let skipped = (Skipped, Some(Class::Unsupported));
        assert_eq!(said(&[good, skipped]), (Good, "1 check is good, 1 skipped: p1@eu (unsupported)".into(), 0));
        let nothing = "could not tell: no check was made, 1 skipped: p0@eu (unsupported)";
        assert_eq!(said(&[skipped]), (Inconclusive, nothing.into(), 3));
        let open = (Inconclusive, Some(Class::Credentials));
        let reason = "could not tell for 1 of 3 checks: p1@eu (credentials)";
        assert_eq!(said(&[good, open, skipped]), (Inconclusive, reason.into(), 3));
        let bad = (Bad, Some(Class::HttpStatus));
        let reason = "2 of 4 checks bad: p1@eu (http_status), p3@eu (slow)";
        assert_eq!(said(&[open, bad, good, (Bad, None)]), (Bad, reason.into(), 1));
        let many = said(&[bad; 5]);
        assert!(many.1.ends_with("p2@eu (http_status), 2 more"), "{}", many.1);
        assert_eq!(exit_code(Bad, true), 130);
    }
}
