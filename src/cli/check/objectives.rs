//! What a plan promises, and who hears of it when that is not kept.

use std::time::Duration;

use super::report::Page;
use super::table::{Columns, table};
use crate::alert::text::Runbooks;
use crate::clock::Timestamp;
use crate::config::values::Percent;
use crate::duration::HumanDuration;
use crate::notify::{Address, Credentials, Peer};
use crate::plan::{About, Plan};
use crate::schedule::Timing;
use crate::slo::burn::{byar_lower, quantile};
use crate::slo::tiers::milli;
use crate::slo::{Aggregate, Objective, Sli, Tier, Triggers, Window};

impl Page<'_> {
    pub(super) fn objectives(&mut self, plan: &Plan) {
        if plan.objectives.is_empty() {
            return;
        }
        self.heading("Objectives");
        for (i, objective) in plan.objectives.iter().enumerate() {
            self.paragraph(&format!("  {}: ", objective.name), &promise(objective));
            self.paragraph("    ", &counted(objective));
            self.paragraph("    ", &budget(objective));
            self.tiers(objective);
            if let Some(about) = plan.about.get(i) {
                self.about(about);
            }
        }
    }

    fn tiers(&mut self, objective: &Objective) {
        if objective.tiers().is_empty() {
            return;
        }
        let row = |tier: &Tier| {
            vec![
                tier.severity.as_str().to_owned(),
                Percent { ppm: tier.budget_ppm }.to_string(),
                tier.name.to_string(),
                HumanDuration(tier.short).to_string(),
                milli(tier.factor_milli),
                guard(objective, tier),
            ]
        };
        let rows: Vec<Vec<String>> = objective.tiers().iter().map(row).collect();
        let headings = ["ALERT", "BUDGET GONE", "WITHIN", "AND LAST", "BURN RATE", "FAILURES NEEDED"];
        let columns = Columns { right: &[1, 2, 3, 4, 5], ..Columns::default() };
        let text = table(self.terminal, &headings, &rows, columns, 4);
        self.out.push_str(&text);
    }

    fn about(&mut self, about: &About) {
        for dropped in &about.dropped {
            let (tier, why) = (&dropped.tier, &dropped.why);
            let budget = Percent { ppm: tier.budget_ppm };
            let what = tier.severity.as_str();
            self.paragraph("    ", &format!("dropped: {what} at {budget} within {}: {why}", tier.name));
        }
        if let Some(taken) = &about.catalogue {
            let keys = if taken.keys.is_empty() { "nothing".to_owned() } else { taken.keys.join(", ") };
            self.paragraph("    ", &format!("from the catalogue, {} ({}): {keys}", taken.name, taken.title));
            self.paragraph("      measures: ", &taken.measures);
            if let Some(instead) = &taken.instead {
                self.paragraph("      not seen: ", instead);
            }
        }
    }

    pub(super) fn maintenance(&mut self, plan: &Plan, now: Timestamp) {
        if plan.maintenance.is_empty() {
            return;
        }
        self.heading("Maintenance");
        let all = plan.probes.len();
        let row = |window: &crate::slo::maintenance::Recurring| {
            let begins = match &window.begins {
                Timing::Cron(cron) => format!("cron {cron}"),
                Timing::Every(period) => format!("every {}", HumanDuration(*period)),
            };
            let next = window.begins.next_after(now, Duration::ZERO);
            let probes = match window.probes.len() {
                n if n == all && n > 1 => format!("all {n}"),
                _ => window.probes.join(", "),
            };
            vec![
                window.name.to_string(),
                begins,
                HumanDuration(window.duration).to_string(),
                next.map_or_else(|| "-".to_owned(), |at| at.to_utc().format("%a %Y-%m-%d %H:%M UTC").to_string()),
                probes,
            ]
        };
        let rows: Vec<Vec<String>> = plan.maintenance.iter().map(row).collect();
        self.table(
            &["NAME", "BEGINS", "LASTS", "NEXT", "PROBES"],
            &rows,
            Columns { right: &[2], ..Columns::default() },
        );
    }

    /// Where counts are kept, and who is told; nothing where there is nothing to count and nobody to tell.
    pub(super) fn ledger_and_alerts(&mut self, plan: &Plan) {
        if let Some(store) = &plan.store {
            self.heading("Ledger");
            let (runs, failures) = (HumanDuration(store.keep_runs), HumanDuration(store.keep_failures));
            let text =
                format!("every run for {runs}, failed ones for {failures}, {} MiB at most", store.max_size >> 20);
            self.paragraph(&format!("  {}: ", store.path.display()), &text);
        }
        let alerting = &plan.alerting;
        let receivers = receivers(&alerting.notify);
        if plan.objectives.is_empty() && receivers.is_empty() {
            return;
        }
        self.heading("Alerts");
        let evaluated = match alerting.evaluate {
            true => "evaluated by authprobe",
            false => "evaluated by Prometheus, by the rules that `authprobe rules` writes",
        };
        self.paragraph("  ", evaluated);
        for receiver in &receivers {
            self.paragraph("  told to: ", receiver);
        }
        if receivers.is_empty() {
            self.paragraph("  ", "told to nobody: on the page, in the API and in authprobe_alert_state only");
        }
        let (Runbooks::Own(runbooks) | Runbooks::At(runbooks)) = &alerting.runbooks;
        if !runbooks.is_empty() {
            self.paragraph("  runbooks: ", runbooks);
        }
    }
}

fn promise(objective: &Objective) -> String {
    let probes: Vec<&str> = objective.members.iter().map(|member| &*member.probe).collect();
    let window = match objective.window {
        Window::Rolling(length) => format!("the last {}", HumanDuration(length)),
        Window::Month(zone) => format!("each calendar month ({zone})"),
    };
    let target = Percent { ppm: objective.target_ppm };
    format!("{target} {} over {window} of {}", objective.sli.describe(), probes.join(", "))
}

/// What an event is called: one and several.
fn event(objective: &Objective) -> (&'static str, &'static str) {
    match (objective.aggregate, &objective.sli) {
        (Aggregate::Uptime { .. }, _) => ("tick", "ticks"),
        (_, Sli::Propagation(_)) => ("result", "results"),
        _ => ("run", "runs"),
    }
}

fn counted(objective: &Objective) -> String {
    let what = match (objective.aggregate, &objective.sli) {
        (Aggregate::Uptime { quorum: 1 }, _) => "a tick is good if 1 region succeeds".to_owned(),
        (Aggregate::Uptime { quorum }, _) => format!("a tick is good if {quorum} regions succeed"),
        (_, Sli::Propagation(_)) => "every result counts, one a region".to_owned(),
        _ => "every run counts".to_owned(),
    };
    let expected = objective.expected_per(objective.window.period());
    let coverage = Percent { ppm: objective.min_coverage_ppm };
    let period = HumanDuration(objective.window.period());
    let (_, events) = event(objective);
    format!(
        "{what}; about {} {events} in {period}; with fewer than {coverage} of them judged nothing is known",
        number(expected)
    )
}

fn budget(objective: &Objective) -> String {
    let (one, many) = event(objective);
    if let Triggers::AnyEvent(severity) = objective.triggers {
        return format!("budget: none; any bad {one} is a {}, until an hour after the last", severity.as_str());
    }
    let allowed = f64::from(objective.allowed_ppm()) / 1e6;
    let period = objective.window.period();
    let bad = objective.expected_per(period) * allowed;
    let time = period.mul_f64(allowed);
    // Tenths of seconds of a month are of no use to anybody.
    let time = if time >= Duration::from_secs(60) { Duration::from_secs(time.as_secs()) } else { time };
    let time = HumanDuration(Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
    let few = if bad < 1.0 { format!(": a single bad {one} is more") } else { String::new() };
    format!("budget: {} bad {many}{few}, or {time} of total failure", number(bad))
}

/// How many failures of how many expected runs it takes: those that chance does not explain.
fn guard(objective: &Objective, tier: &Tier) -> String {
    let expected = objective.expected_per(tier.long);
    let n = (expected - 1e-6).ceil().max(1.0) as u64;
    let (z, threshold) = (quantile(objective.alpha_ppm), tier.threshold(objective.allowed_ppm()));
    let enough = |k: u64| byar_lower(k, z) / n as f64 > threshold;
    let (mut low, mut high) = (0, n);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) { high = middle } else { low = middle }
    }
    format!("{} of {}", number(high as f64), number(n as f64))
}

/// A number as people read it: whole from ten on, thousands apart.
fn number(value: f64) -> String {
    if value < 10.0 && value.fract() > 0.0 {
        let digits = if value < 1.0 { 2 } else { 1 };
        let text = format!("{value:.digits$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{:.0}", value.round());
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digits.len() > 4 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Everybody who is told, without anything secret.
fn receivers(settings: &crate::notify::Settings) -> Vec<String> {
    let peers = settings.alertmanagers.iter().map(|peer| format!("Alertmanager {}", alertmanager(peer)));
    let hooks = settings.webhooks.iter().map(|hook| format!("webhook {}", place(&hook.url)));
    let heart = settings.heartbeat.iter().map(|url| format!("heartbeat {}, each minute while all is well", place(url)));
    peers.chain(hooks).chain(heart).collect()
}

fn alertmanager(peer: &Peer) -> String {
    let with = match &peer.credentials {
        Some(Credentials::Bearer(source)) => format!(" with the token in {source}"),
        Some(Credentials::Basic(user, source)) => format!(" as {user}, password in {source}"),
        None => String::new(),
    };
    format!("{}{with}", origin(&peer.url))
}

/// Paths and queries of webhooks often are what keeps strangers out.
fn place(address: &Address) -> String {
    match address {
        Address::Plain(url) => format!("at {}", origin(url)),
        Address::Kept(source) => format!("in {source}"),
    }
}

fn origin(url: &url::Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_readable() {
        for (value, shown) in [
            (0.36, "0.36"),
            (4.32, "4.3"),
            (9.99, "10"),
            (43.2, "43"),
            (1440.0, "1440"),
            (259_200.0, "259 200"),
            (2.0, "2"),
            (0.0, "0"),
        ] {
            assert_eq!(number(value), shown);
        }
    }
}
