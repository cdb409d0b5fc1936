//! What cannot be attained, whatever the provider does: said before anything is probed. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Complaint;
use super::report::Conditions;
use super::select::Selected;
use super::trial::Test;
use crate::duration::HumanDuration;
use crate::oidc::totp;

const MINUTE: Duration = Duration::from_secs(60);

/// What the conditions say that cannot be, on their own.
pub fn contradictions(conditions: &Conditions) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if let Some(what) = &conditions.sequential {
        let percent = |share: f64| format!("{}%", (share * 1e6).round() / 1e4);
        if what.accept >= 1.0 {
            complaints.push(
                Complaint::new("--accept 100%: no number of runs shows that none ever fails")
                    .help("99% is usual; without --accept and --reject all runs must be good, and one bad run is bad"),
            );
        }
        if what.reject <= 0.0 {
            complaints.push(Complaint::new("--reject 0%: no number of runs shows that all fail"));
        }
        if what.reject >= what.accept {
            let (reject, accept) = (percent(what.reject), percent(what.accept));
            let said = format!("--reject {reject} is not below --accept {accept}: nothing could be decided");
            complaints.push(Complaint::new(said).help("the closer they are, the more runs it takes"));
        }
        if what.confidence <= 0.5 || what.confidence >= 1.0 {
            let said = format!("--confidence {}: must be above 50% and below 100%", percent(what.confidence));
            complaints.push(Complaint::new(said));
        }
    }
    if let (Some(wait), Some(deadline)) = (conditions.wait, conditions.deadline)
        && wait >= deadline
    {
        let (wait, deadline) = (HumanDuration(wait), HumanDuration(deadline));
        let said = format!("--deadline {deadline} is over when --wait {wait} is, or before: nothing would be probed");
        complaints
            .push(Complaint::new(said).help("the deadline is for everything together: waiting, runs and cleanup"));
    }
    complaints
}

/// How many runs of each check it takes at least to find all of them good.
pub fn least_runs(conditions: &Conditions, checks: usize) -> u32 {
    conditions.sequential.as_ref().map_or(conditions.runs, |what| Test::new(what, checks).clean_runs())
}

/// What these checks cannot attain. `conditions` contradict themselves in nothing.
pub fn unattainable(conditions: &Conditions, selected: &[Selected]) -> Vec<Complaint> {
    let least = least_runs(conditions, selected.len());
    if least > conditions.runs {
        let said = format!(
            "--runs {}: it takes {least} good runs of a check in a row to accept it at that confidence",
            conditions.runs
        );
        let help = format!("allow at least {least}, better six times as many; or lower --confidence or --reject");
        return vec![Complaint::new(said).help(help)];
    }
    let Some(deadline) = conditions.deadline else { return Vec::new() };
    let mut complaints = over_budget(selected, least, deadline);
    complaints.extend(out_of_codes(selected, least, deadline));
    complaints
}

fn over_budget(selected: &[Selected], least: u32, deadline: Duration) -> Vec<Complaint> {
    let mut needs: BTreeMap<&Arc<str>, (u32, u64)> = BTreeMap::new();
    for Selected { check, .. } in selected {
        if let Some(limit) = check.probe.provider.max_requests_per_minute {
            let requests = u64::from(check.probe.cost().requests) * u64::from(least);
            let entry = needs.entry(&check.labels.provider).or_insert((limit, 0));
            entry.1 += requests;
        }
    }
    let too_long = |(provider, (limit, requests)): (&Arc<str>, (u32, u64))| {
        // So many at once, and so many more each minute after.
        let minutes = requests.saturating_sub(1) / u64::from(limit.max(1));
        let takes = MINUTE.saturating_mul(u32::try_from(minutes).unwrap_or(u32::MAX));
        (takes >= deadline).then(|| {
            let (takes, deadline) = (HumanDuration(takes), HumanDuration(deadline));
            let said = format!(
                "--deadline {deadline}: {requests} requests are needed at least, provider {provider} is to bear {limit} a \
                 minute (max_requests_per_minute): that takes {takes}"
            );
            let help = "allow more time or fewer runs, select fewer checks, or raise the limit";
            Complaint::new(said).help(help)
        })
    };
    needs.into_iter().filter_map(too_long).collect()
}

/// Who logs in how often.
struct Account<'a> {
    user: &'a str,
    logins: u32,
}

/// A code of an authenticator is good once (RFC 6238 §5.2), and a new one comes every 30 seconds: the first may be taken at the
/// end of its half minute, the last at the beginning.
fn out_of_codes(selected: &[Selected], least: u32, deadline: Duration) -> Vec<Complaint> {
    let mut accounts: BTreeMap<(&str, &str), Account<'_>> = BTreeMap::new();
    for Selected { check, .. } in selected {
        if let Some(user) = check.user.as_ref().filter(|user| user.totp.is_some()) {
            let fresh = || Account { user: &user.name, logins: 0 };
            let account = accounts.entry((&check.labels.provider, &user.username)).or_insert_with(fresh);
            account.logins = account.logins.saturating_add(least);
        }
    }
    let too_long = |Account { user, logins }: Account<'_>| {
        let takes = totp::STEP.saturating_mul(logins.saturating_sub(2));
        (logins > 2 && takes >= deadline).then(|| {
            let (takes, deadline) = (HumanDuration(takes), HumanDuration(deadline));
            let said = format!(
                "--deadline {deadline}: user {user} logs in {logins} times at least, each time with a one-time code, which \
                 is good once and changes every 30 seconds: that takes {takes}"
            );
            Complaint::new(said).help("allow more time or fewer runs, or give each check and region a user of its own")
        })
    };
    accounts.into_values().filter_map(too_long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Cost;
    use crate::runner::testing::{Planner, Script, user};
    use crate::smoke::report::Sequential;

    const FREE: Conditions =
        Conditions { runs: 1, sequential: None, max_latency: Vec::new(), wait: None, deadline: None };
    const TEST: Sequential = Sequential { accept: 0.99, reject: 0.90, confidence: 0.95 };

    fn secs(secs: u64) -> Option<Duration> {
        Some(Duration::from_secs(secs))
    }

    fn said(complaints: &[Complaint]) -> String {
        complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// `checks` of them, each run 10 requests, at 60 a minute.
    fn selected(checks: usize) -> Vec<Selected> {
        let script = Script::costing(Cost { requests: 10, burst: 30, ..Cost::default() }, []);
        let mut planner = Planner::new(&["eu"]);
        planner.provider.max_requests_per_minute = Some(60);
        let names: Vec<String> = (0..checks).map(|n| format!("check-{n}")).collect();
        let plan = names.iter().fold(planner, |planner, name| planner.probe(name, 60, &script)).plan();
        plan.checks.iter().map(|check| Selected { check: check.clone(), named: false }).collect()
    }

    #[test]
    fn contradictions_are_all_told() {
        assert_eq!(contradictions(&FREE), []);
        assert_eq!(contradictions(&Conditions { sequential: Some(TEST), ..FREE }), []);
        let wrong = Sequential { accept: 1.0, reject: 1.0, confidence: 0.5 };
        let wrong = Conditions { sequential: Some(wrong), wait: secs(60), deadline: secs(60), ..FREE };
        let complaints = contradictions(&wrong);
        assert_eq!(complaints.len(), 4, "{}", said(&complaints));
        for part in
            ["--accept 100%", "--reject 100% is not below", "--confidence 50%", "--deadline 1m is over when --wait 1m"]
        {
            assert!(said(&complaints).contains(part), "no {part}: {}", said(&complaints));
        }
        let narrow = Sequential { accept: 0.9, reject: 0.9955, confidence: 0.95 };
        let narrow = contradictions(&Conditions { sequential: Some(narrow), ..FREE });
        assert!(said(&narrow).contains("--reject 99.55% is not below --accept 90%"), "{}", said(&narrow));
    }

    #[test]
    fn fewer_runs_than_it_takes_to_accept_are_refused() {
        let conditions = Conditions { runs: 31, sequential: Some(TEST), ..FREE };
        assert!(said(&unattainable(&conditions, &selected(1))).contains("--runs 31: it takes 32 good runs"));
        assert_eq!(unattainable(&Conditions { runs: 32, ..conditions }, &selected(1)), []);
    }

    #[test]
    fn a_deadline_that_the_request_budget_cannot_keep_is_refused() {
        let ten = Conditions { runs: 10, deadline: secs(60), ..FREE };
        // 100 requests: 60 at once, 40 a minute later.
        assert!(
            said(&unattainable(&ten, &selected(1))).contains("100 requests"),
            "{}",
            said(&unattainable(&ten, &selected(1)))
        );
        assert_eq!(unattainable(&Conditions { deadline: secs(61), ..ten.clone() }, &selected(1)), []);
        assert_eq!(unattainable(&Conditions { deadline: None, ..ten.clone() }, &selected(1)), []);
        assert_eq!(unattainable(&Conditions { runs: 6, ..ten.clone() }, &selected(1)), []);
        let three_minutes = Conditions { deadline: secs(180), ..ten.clone() };
        assert!(
            said(&unattainable(&three_minutes, &selected(2))).contains("200 requests"),
            "20 are left after three minutes"
        );
        assert_eq!(unattainable(&Conditions { deadline: secs(181), ..ten }, &selected(2)), []);
        let tested = Conditions { runs: 100, sequential: Some(TEST), deadline: secs(300), ..FREE };
        assert!(said(&unattainable(&tested, &selected(1))).contains("320 requests"));
    }

    #[test]
    fn a_deadline_with_too_few_one_time_codes_is_refused() {
        let mut planner = Planner::new(&["eu", "us"]);
        let mut tess = (*user("tess", std::path::Path::new("none"))).clone();
        tess.totp = Some(crate::secret::SecretSource::Env("NONE".into()));
        planner.add("login", 60, &Script::of([]), None, vec![Arc::new(tess)]);
        let selected: Vec<_> =
            planner.plan().checks.iter().map(|check| Selected { check: check.clone(), named: false }).collect();
        let three = Conditions { runs: 3, deadline: secs(120), ..FREE };
        assert!(said(&unattainable(&three, &selected)).contains("user tess logs in 6 times"));
        assert_eq!(unattainable(&Conditions { deadline: secs(121), ..three.clone() }, &selected), []);
        assert_eq!(unattainable(&Conditions { runs: 1, deadline: secs(1), ..three }, &selected), []);
    }
}
