//! How outages of each provider are found, and by what they are confirmed.

use std::collections::BTreeSet;
use std::time::Duration;

use super::report::Page;
use super::table::{Columns, table};
use crate::detect::{Runs, Settings, Site};
use crate::duration::HumanDuration;
use crate::plan::Plan;

/// The most confirmation runs a minute: about one a second.
const MOST: u32 = 60;

impl Page<'_> {
    pub(super) fn detection(&mut self, plan: &Plan) {
        if plan.roster.sites.is_empty() {
            return;
        }
        self.heading("Detection");
        let settings = &plan.detection;
        for site in &plan.roster.sites {
            let regions = regions_of(plan, site);
            self.paragraph(&format!("  {}: ", site.provider), &bounds(site, settings));
            for line in decision(regions, settings) {
                self.paragraph("    ", &line);
            }
            if settings.confirmations_per_hour == 0 {
                self.paragraph("    watched: ", &steps_of(site).join(", "));
                continue;
            }
            let rows: Vec<Vec<String>> =
                confirmations(site).iter().map(|row| row.cells(site, settings, regions)).collect();
            let headings = ["WATCHED STEPS", "CONFIRMED BY", "FROM", "/RUN", "UP TO"];
            let columns = Columns { right: &[3], ..Columns::default() };
            let text = table(self.terminal, &headings, &rows, columns, 4);
            self.out.push_str(&text);
        }
    }
}

/// From how many regions it is watched.
fn regions_of(plan: &Plan, site: &Site) -> usize {
    let probes = plan.probes.iter().filter(|probe| probe.provider.name == site.provider);
    probes.flat_map(|probe| &probe.regions).map(|region| &region.region).collect::<BTreeSet<_>>().len()
}

/// What confirmation may cost it.
fn bounds(site: &Site, settings: &Settings) -> String {
    let hourly = settings.confirmations_per_hour;
    match (hourly, site.room) {
        (0, _) => "found by scheduled runs alone: there are no confirmation runs".to_owned(),
        (_, None) => format!("up to {hourly} confirmation runs an hour; it has no limit of requests"),
        (_, Some(0)) => "found by scheduled runs alone: the schedule leaves no request of its limit".to_owned(),
        (_, Some(room)) => {
            let requests = if room == 1 { "request" } else { "requests" };
            format!(
                "up to {hourly} confirmation runs an hour, within the {room} {requests} a minute that the schedule leaves"
            )
        }
    }
}

/// What alerts, and when: a line each.
fn decision(regions: usize, settings: &Settings) -> Vec<String> {
    let after = HumanDuration(settings.several_after);
    let mut outage = match regions {
        0 | 1 => "AuthOutage: a step fails in its only region".to_owned(),
        2 => "AuthOutage: both regions of a step fail".to_owned(),
        _ => format!("AuthOutage: all regions of a step fail, or several for {after}"),
    };
    if settings.ignore_shorter_than > Duration::ZERO {
        let least = HumanDuration(settings.ignore_shorter_than);
        outage.push_str(&format!("; shorter than {least} it does not alert"));
    }
    let region = match regions {
        0 | 1 => None,
        2 => Some(format!("AuthRegionDown: one of both regions fails for {after}")),
        _ => Some(format!("AuthRegionDown: one of several regions fails for {after}")),
    };
    std::iter::once(outage).chain(region).collect()
}

/// In the order in which checks go through them.
fn steps_of(site: &Site) -> Vec<&'static str> {
    let mut steps: Vec<&'static str> = Vec::new();
    for step in site.runs.iter().flat_map(|runs| &runs.steps) {
        if !steps.contains(step) {
            steps.push(step);
        }
    }
    steps
}

/// Steps that the same probe confirms in the same regions.
struct Confirmation<'a> {
    steps: Vec<&'static str>,
    by: &'a Runs,
    from: Vec<&'a str>,
}

fn confirmations(site: &Site) -> Vec<Confirmation<'_>> {
    let mut all: Vec<Confirmation<'_>> = Vec::new();
    for step in steps_of(site) {
        for (by, from) in cheapest(site, step) {
            match all.iter_mut().find(|known| known.by.check.probe == by.check.probe && known.from == from) {
                Some(known) => known.steps.push(step),
                None => all.push(Confirmation { steps: vec![step], by, from }),
            }
        }
    }
    all
}

/// The probes that a step is confirmed by, and in which regions each.
fn cheapest<'a>(site: &'a Site, step: &str) -> Vec<(&'a Runs, Vec<&'a str>)> {
    let with = || site.runs.iter().filter(|runs| runs.steps.contains(&step));
    let mut found: Vec<(&Runs, Vec<&str>)> = Vec::new();
    let mut seen = BTreeSet::new();
    for region in with().map(|runs| &*runs.check.region).filter(|region| seen.insert(region.to_owned())) {
        let Some(best) = with().filter(|runs| *runs.check.region == *region).min_by_key(|runs| runs.rank()) else {
            continue;
        };
        match found.iter_mut().find(|(by, _)| by.check.probe == best.check.probe) {
            Some((_, from)) => from.push(region),
            None => found.push((best, vec![region])),
        }
    }
    found
}

impl Confirmation<'_> {
    fn cells(&self, site: &Site, settings: &Settings, regions: usize) -> Vec<String> {
        let by = self.by;
        let from = match self.from.as_slice() {
            _ if by.all_regions => "its regions in one run".to_owned(),
            from if from.len() == regions && regions > 1 => format!("all {regions}"),
            from => from.join(", "),
        };
        vec![
            self.steps.join(", "),
            format!("{} ({})", by.check.probe, by.check.kind),
            from,
            by.requests.to_string(),
            pace(by, site, settings),
        ]
    }
}

/// How often it may be asked.
fn pace(by: &Runs, site: &Site, settings: &Settings) -> String {
    let fitting = site.room.map_or(MOST, |room| room / by.requests.max(1));
    match fitting.min(MOST).min(settings.confirmations_per_hour) {
        0 => "never: its limit has no room".to_owned(),
        _ if by.user.is_some() => "by logins, paced".to_owned(),
        runs => format!("{runs} a minute"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::CheckLabels;

    fn runs(probe: &str, region: &str, steps: &[&'static str], requests: u32, user: Option<&str>) -> Runs {
        Runs {
            check: CheckLabels {
                probe: probe.into(),
                kind: "jwks",
                provider: "main".into(),
                client: "".into(),
                region: region.into(),
            },
            steps: steps.to_vec(),
            requests,
            user: user.map(Into::into),
            all_regions: false,
            timeout: Duration::from_secs(10),
            period: Duration::from_secs(60),
        }
    }

    fn site(room: Option<u32>, runs: Vec<Runs>) -> Site {
        Site { provider: "main".into(), labels: Default::default(), annotations: Default::default(), room, runs }
    }

    fn told(site: &Site, settings: &Settings, regions: usize) -> Vec<String> {
        confirmations(site).iter().map(|row| row.cells(site, settings, regions).join(" | ")).collect()
    }

    #[test]
    fn the_cheapest_that_logs_nobody_in_confirms_a_step_in_each_region() {
        let all = vec![
            runs("login", "eu", &["keys", "login"], 3, Some("alice")),
            runs("login", "us", &["keys", "login"], 3, Some("alice")),
            runs("dear", "eu", &["keys"], 40, None),
            runs("cheap", "eu", &["keys"], 4, None),
        ];
        assert_eq!(
            told(&site(None, all), &Settings::default(), 2),
            [
                "keys | cheap (jwks) | eu | 4 | 60 a minute",
                "keys | login (jwks) | us | 3 | by logins, paced",
                "login | login (jwks) | all 2 | 3 | by logins, paced",
            ]
        );
    }

    #[test]
    fn what_has_no_room_is_never_confirmed() {
        let all = || vec![runs("keys", "eu", &["keys"], 2, None), runs("login", "eu", &["login"], 12, Some("alice"))];
        let paces = |room, settings: &Settings| {
            let site = site(Some(room), all());
            site.runs.iter().map(|runs| pace(runs, &site, settings)).collect::<Vec<_>>()
        };
        let usual = Settings::default();
        assert_eq!(paces(11, &usual), ["5 a minute", "never: its limit has no room"]);
        assert_eq!(paces(12, &usual), ["6 a minute", "by logins, paced"]);
        assert_eq!(paces(1, &usual)[0], "never: its limit has no room");
        assert_eq!(paces(9999, &Settings { confirmations_per_hour: 7, ..usual })[0], "7 a minute");
    }

    #[test]
    fn bounds_and_decision_are_those_that_are_set() {
        let usual = Settings::default();
        let off = Settings { confirmations_per_hour: 0, ..usual.clone() };
        let said = |room, settings: &Settings| bounds(&site(room, Vec::new()), settings);
        assert_eq!(said(None, &usual), "up to 240 confirmation runs an hour; it has no limit of requests");
        let one = "up to 240 confirmation runs an hour, within the 1 request a minute that the schedule leaves";
        assert_eq!(said(Some(1), &usual), one);
        assert!(said(Some(0), &usual).starts_with("found by scheduled runs alone: the schedule leaves"));
        assert!(said(Some(9), &off).starts_with("found by scheduled runs alone: there are no"));
        assert_eq!(decision(1, &usual), ["AuthOutage: a step fails in its only region"]);
        let several = [
            "AuthOutage: all regions of a step fail, or several for 2m",
            "AuthRegionDown: one of several regions fails for 2m",
        ];
        assert_eq!(decision(3, &usual), several);
        let patient = Settings { ignore_shorter_than: Duration::from_secs(45), ..usual };
        assert!(decision(3, &patient)[0].ends_with("several for 2m; shorter than 45s it does not alert"));
        assert!(decision(2, &patient).iter().all(|line| !line.contains("several")), "of two, one is not several");
    }
}
