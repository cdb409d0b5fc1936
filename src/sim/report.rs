//! Tables for people, targets for machines.

use std::fmt;
use std::time::Duration;

use super::delays::{PATIENCE, SORTS, Sort, Trial};
use super::world::Rule;
use super::years::{WEATHERS, Weather, Year};

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    trials: Vec<(&'static Sort, Vec<Trial>)>,
    years: Vec<(&'static Weather, Year)>,
}

/// Something that must be reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// In words.
    pub what: &'static str,
    /// What was reached; infinite: never.
    pub reached: f64,
    /// The most that is right.
    pub at_most: f64,
    /// Of both.
    pub unit: &'static str,
}

impl Target {
    /// Whether it was.
    pub fn is_met(&self) -> bool {
        self.reached <= self.at_most
    }
}

/// The value below which that share (0 to 1) of all lies (the nearest rank); infinite where it was never.
pub(super) fn quantile(delays: &[Option<Duration>], share: f64) -> f64 {
    let mut seconds: Vec<f64> =
        delays.iter().map(|delay| delay.map_or(f64::INFINITY, |delay| delay.as_secs_f64())).collect();
    seconds.sort_by(f64::total_cmp);
    let rank = (share * seconds.len() as f64).ceil() as usize;
    seconds.get(rank.saturating_sub(1)).copied().unwrap_or(f64::INFINITY)
}

impl Report {
    pub(super) fn delays(&mut self, sort: &'static Sort, trials: Vec<Trial>) {
        match self.trials.iter_mut().find(|(own, _)| *own == sort) {
            Some((_, own)) => own.extend(trials),
            None => self.trials.push((sort, trials)),
        }
    }

    pub(super) fn year(&mut self, weather: &'static Weather, year: &Year) {
        match self.years.iter_mut().find(|(own, _)| *own == weather) {
            Some((_, own)) => own.add(year),
            None => self.years.push((weather, *year)),
        }
    }

    /// After so many seconds this share of the faults of that sort (its place in the table) is noticed.
    fn delay(&self, sort: usize, rule: Rule, share: f64) -> f64 {
        let trials = self.trials.iter().find(|(own, _)| **own == SORTS[sort]).map(|(_, trials)| trials);
        let delays: Vec<_> = trials.into_iter().flatten().map(|trial| trial.of(rule)).collect();
        quantile(&delays, share)
    }

    fn year_of(&self, weather: usize) -> Year {
        self.years.iter().find(|(own, _)| **own == WEATHERS[weather]).map(|(_, year)| *year).unwrap_or_default()
    }

    /// What must be reached (issue 5 of the project), and what was.
    pub fn targets(&self) -> Vec<Target> {
        let delay = |what, sort, rule, share, at_most| Target {
            what,
            reached: self.delay(sort, rule, share),
            at_most,
            unit: "s",
        };
        let pages = |what, weather, rule, at_most| Target {
            what,
            reached: self.year_of(weather).a_year(rule),
            at_most,
            unit: "a year",
        };
        let extra = |what, weather, at_most| Target {
            what,
            reached: self.year_of(weather).extra() * 100.0,
            at_most,
            unit: "%",
        };
        vec![
            delay("AuthOutage, total outage, p95", 0, Rule::Outage, 0.95, 22.0),
            delay("AuthOutage, total outage, hanging, p95", 1, Rule::Outage, 0.95, 32.0),
            delay("AuthOutage, 50 % failing, p50", 2, Rule::Outage, 0.5, 40.0),
            delay("AuthOutage, 10 % failing, p50", 3, Rule::Outage, 0.5, 510.0),
            delay("AuthOutage, two regions of three, p95", 5, Rule::Outage, 0.95, 160.0),
            pages("AuthOutage in vain, 2 blips a day and region", 1, Rule::Outage, 1.0),
            pages("AuthOutage in vain, 10 blips a day and region", 2, Rule::Outage, 5.0),
            extra("requests for confirmation, 2 blips a day and region", 1, 2.0),
            extra("requests for confirmation, 10 blips a day and region", 2, 5.0),
            delay("AuthSLOBurn, total outage, p95", 0, Rule::Guarded, 0.95, 120.0),
            pages("AuthSLOBurn in vain, 2 blips a day and region", 1, Rule::Guarded, 1.0),
        ]
    }

    fn write_delays(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.trials.iter().map(|(_, trials)| trials.len()).max().unwrap_or_default();
        let hours = PATIENCE.as_secs() / 3600;
        writeln!(f, "Delay of detection, p50 / p95 in seconds ({count} trials each; – not within {hours} h)\n")?;
        writeln!(f, "| fault | raw burn rate | guarded burn rate | detector |")?;
        writeln!(f, "|---|---|---|---|")?;
        for (sort, trials) in &self.trials {
            write!(f, "| {} |", sort.name)?;
            for rule in [Rule::Raw, Rule::Guarded, sort.detector()] {
                let delays: Vec<_> = trials.iter().map(|trial| trial.of(rule)).collect();
                let never = delays.iter().filter(|delay| delay.is_none()).count() as f64 / delays.len().max(1) as f64;
                write!(f, " {} / {}", whole(quantile(&delays, 0.5)), whole(quantile(&delays, 0.95)))?;
                if never > 0.0 {
                    write!(f, ", {:.1} % never", never * 100.0)?;
                }
                write!(f, "{} |", if rule == Rule::RegionDown { " (AuthRegionDown)" } else { "" })?;
            }
            writeln!(f)?;
        }
        writeln!(f)
    }

    fn write_years(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let years = self.years.iter().map(|(_, year)| year.years).fold(0.0, f64::max);
        writeln!(f, "Pages in vain, a year ({years:.0} years each)\n")?;
        writeln!(
            f,
            "| failures | raw burn rate | guarded burn rate | detector | tickets AuthRegionDown | extra requests |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for (weather, year) in &self.years {
            write!(f, "| {} |", weather.name)?;
            for rule in [Rule::Raw, Rule::Guarded, Rule::Outage, Rule::RegionDown] {
                write!(f, " {} |", rare(year.a_year(rule)))?;
            }
            writeln!(f, " {:.2} % |", year.extra() * 100.0)?;
        }
        writeln!(f, "\nPages about blips of the provider, for each of them (within it or two minutes later)\n")?;
        writeln!(f, "| blips of 5 to 30 s, 2 a week | blips | raw burn rate | guarded burn rate | detector |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for (weather, year) in self.years.iter().filter(|(_, year)| year.restarts > 0) {
            write!(f, "| {} | {} |", weather.name, year.restarts)?;
            for rule in [Rule::Raw, Rule::Guarded, Rule::Outage] {
                write!(f, " {:.2} |", year.about_restarts[rule as usize] as f64 / year.restarts as f64)?;
            }
            writeln!(f)?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_delays(f)?;
        self.write_years(f)?;
        writeln!(f, "| target | reached | at most | |")?;
        writeln!(f, "|---|---|---|---|")?;
        for target in self.targets() {
            let Target { what, reached, at_most, unit } = target;
            let met = if target.is_met() { "yes" } else { "**no**" };
            let reached = if unit == "s" { whole(reached) } else { rare(reached) };
            writeln!(f, "| {what} | {reached} {unit} | {at_most} {unit} | {met} |")?;
        }
        Ok(())
    }
}

fn whole(seconds: f64) -> String {
    if seconds.is_finite() { format!("{seconds:.0}") } else { "–".to_owned() }
}

fn rare(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks_and_never_is_infinite() {
        let after = |seconds| Some(Duration::from_secs(seconds));
        let delays = [after(3), None, after(1), after(2)];
        assert_eq!([quantile(&delays, 0.25), quantile(&delays, 0.5), quantile(&delays, 0.75)], [1.0, 2.0, 3.0]);
        assert_eq!(quantile(&delays, 0.95), f64::INFINITY);
        assert_eq!(quantile(&[], 0.5), f64::INFINITY, "nothing tried is nothing reached");
    }

    #[test]
    fn what_was_not_simulated_is_not_reached() {
        assert!(Report::default().targets().iter().all(|target| target.unit == "%" || !target.is_met()));
    }
}
