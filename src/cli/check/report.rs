//! A plan in words. Pure.

use std::time::Duration;

use super::table::{Columns, paragraph, table};
use crate::browser::{Screenshots, Settings};
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::oidc::http::Egress;
use crate::oidc::settings::{Client, Provider};
use crate::plan::{Plan, PlannedProbe, rate};
use crate::probe::browser_login;
use crate::schedule::Timing;
use crate::secret::SecretSource;
use crate::terminal::{Style, Terminal};

/// The plan, for that terminal.
pub fn render(plan: &Plan, now: Timestamp, terminal: &Terminal) -> String {
    let mut page = Page { out: String::new(), terminal };
    page.summary(plan);
    page.providers(plan);
    page.probes(plan, now);
    page.regions(plan);
    page.accounts(plan);
    page.detection(plan);
    page.objectives(plan);
    page.maintenance(plan, now);
    page.ledger_and_alerts(plan);
    page.notes(plan);
    page.out
}

pub(super) struct Page<'a> {
    pub(super) out: String,
    pub(super) terminal: &'a Terminal,
}

impl Page<'_> {
    pub(super) fn heading(&mut self, text: &str) {
        let heading = self.terminal.paint(Style::Bold, text);
        self.out.push_str(&format!("\n{heading}\n"));
    }

    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<String>], special: Columns<'_>) {
        let text = table(self.terminal, headings, rows, special, 2);
        self.out.push_str(&text);
    }

    pub(super) fn paragraph(&mut self, first: &str, text: &str) {
        let text = paragraph(self.terminal, first, text);
        self.out.push_str(&text);
    }

    fn summary(&mut self, plan: &Plan) {
        let files: Vec<String> = plan.files.iter().map(|path| path.display().to_string()).collect();
        let (probes, regions) = (plan.probes.len(), plan.regions.len());
        let many = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let text = format!(
            "{}, {}, {} in {}; page, API and /metrics at {}://{}",
            many(probes, "probe"),
            many(regions, "region"),
            many(plan.checks.len(), "check"),
            if files.is_empty() { "the built-in configuration".to_owned() } else { files.join(", ") },
            if plan.server.tls.is_some() { "https" } else { "http" },
            plan.server.listen
        );
        self.paragraph("", &text);
        if let Some(otlp) = &plan.telemetry {
            let every = HumanDuration(otlp.interval);
            self.paragraph("", &format!("traces and metrics to {} (metrics every {every})", otlp.endpoint));
        }
    }

    fn providers(&mut self, plan: &Plan) {
        self.heading("Providers");
        let rows: Vec<Vec<String>> = plan
            .providers
            .iter()
            .map(|provider| {
                let total: f64 = mine(plan, provider).map(rate::of_probe).sum();
                let limit = provider.max_requests_per_minute;
                vec![
                    provider.name.to_string(),
                    provider.issuer.to_string(),
                    rate::shown(total * 60.0),
                    rate::busiest_minute(plan.checks.iter().filter(|c| c.labels.provider == provider.name)).to_string(),
                    limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string()),
                    limit.map_or_else(String::new, |limit| format!("{:.0} %", total * 100.0 / f64::from(limit))),
                ]
            })
            .collect();
        self.table(
            &["NAME", "ISSUER", "REQUESTS/H", "PEAK/MIN", "LIMIT/MIN", "USED"],
            &rows,
            Columns { right: &[2, 3, 4, 5], ..Columns::default() },
        );
    }

    fn probes(&mut self, plan: &Plan, now: Timestamp) {
        self.heading("Probes");
        let rows: Vec<Vec<String>> = plan
            .probes
            .iter()
            .map(|probe| {
                let cost = probe.cost();
                vec![
                    probe.name.to_string(),
                    probe.kind.name.to_owned(),
                    probe.client.as_ref().map_or_else(|| "-".to_owned(), |client| client.name.to_string()),
                    places(plan, probe),
                    schedule(&probe.timing),
                    cost.requests.to_string(),
                    rate::shown(rate::of_probe(probe) * 60.0),
                ]
            })
            .collect();
        self.table(
            &["NAME", "KIND", "CLIENT", "REGIONS", "WHEN", "/RUN", "REQUESTS/H"],
            &rows,
            Columns { right: &[5, 6], ..Columns::default() },
        );
        self.out.push('\n');
        for probe in &plan.probes {
            let steps = probe.probe.steps().join(self.terminal.pick(" → ", " > "));
            self.paragraph(
                &format!("  {}: ", probe.name),
                &format!("{steps}; within {}", HumanDuration(probe.timeout)),
            );
            self.details(plan, probe, now);
        }
    }

    fn details(&mut self, plan: &Plan, probe: &PlannedProbe, now: Timestamp) {
        let cost = probe.cost();
        if cost.all_regions {
            let from = match probe.regions.len() {
                1 => "its region".to_owned(),
                many => format!("all {many} regions in one run"),
            };
            self.paragraph("    ", &format!("burst: up to {} requests from {from}", cost.burst));
        }
        if let Timing::Cron(_) = &probe.timing {
            let mut at = now;
            let mut next = Vec::new();
            while next.len() < 3
                && let Some(due) = probe.timing.next_after(at, Duration::ZERO)
            {
                next.push(due.to_utc().format("%a %Y-%m-%d %H:%M:%S UTC").to_string());
                at = due;
            }
            self.paragraph("    ", &format!("next: {}", next.join(", ")));
        }
        if !probe.users.is_empty() {
            let mut users: Vec<String> = Vec::new();
            for check in plan.checks.iter().filter(|check| check.labels.probe == probe.name) {
                if let Some(user) = &check.user {
                    users.push(if probe.users.len() == 1 {
                        user.name.to_string()
                    } else {
                        format!("{} in {}", user.name, check.labels.region)
                    });
                }
            }
            users.dedup();
            self.paragraph("    ", &format!("logs in as {}", users.join(", ")));
        }
        if let Some(address) = plan.server.logout_address(probe) {
            self.paragraph("    ", &format!("backchannel_logout_uri to register: {address}"));
        }
        if !probe.labels.is_empty() {
            let labels: Vec<String> = probe.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            self.paragraph("    ", &format!("labels: {}", labels.join(", ")));
        }
    }

    fn regions(&mut self, plan: &Plan) {
        self.heading("Regions");
        let rows: Vec<Vec<String>> =
            plan.regions.iter().map(|region| vec![region.region.to_string(), way_out(region)]).collect();
        self.table(&["NAME", "WAY OUT"], &rows, Columns::default());
        if plan.probes.iter().any(|probe| probe.kind.name == browser_login::KIND.name) {
            self.paragraph("  browsers of this machine: ", &browsers(&plan.browser));
        }
    }

    fn accounts(&mut self, plan: &Plan) {
        if !plan.clients.is_empty() {
            self.heading("Clients");
            let rows: Vec<Vec<String>> = plan
                .clients
                .iter()
                .map(|client| {
                    vec![
                        client.name.to_string(),
                        client.client_id.to_string(),
                        client.auth_method.as_str().to_owned(),
                        proofs(client),
                        client.scopes.join(" "),
                    ]
                })
                .collect();
            self.table(
                &["NAME", "CLIENT_ID", "AUTH_METHOD", "SECRET", "SCOPES"],
                &rows,
                Columns { whole: &[3], ..Columns::default() },
            );
        }
        if !plan.users.is_empty() {
            self.heading("Users");
            let rows: Vec<Vec<String>> = plan
                .users
                .iter()
                .map(|user| {
                    let shown = |source: &Option<SecretSource>| {
                        source.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
                    };
                    vec![
                        user.name.to_string(),
                        user.username.to_string(),
                        user.password.to_string(),
                        shown(&user.totp),
                        shown(&user.passkey),
                    ]
                })
                .collect();
            self.table(
                &["NAME", "USERNAME", "PASSWORD", "TOTP", "PASSKEY"],
                &rows,
                Columns { whole: &[2, 3, 4], ..Columns::default() },
            );
        }
    }

    fn notes(&mut self, plan: &Plan) {
        if plan.notes.is_empty() {
            return;
        }
        self.heading("Notes");
        for note in &plan.notes {
            self.paragraph("  - ", note);
        }
    }
}

fn mine<'a>(plan: &'a Plan, provider: &'a Provider) -> impl Iterator<Item = &'a PlannedProbe> {
    plan.probes.iter().map(AsRef::as_ref).filter(move |probe| probe.provider.name == provider.name)
}

fn places(plan: &Plan, probe: &PlannedProbe) -> String {
    if probe.regions.len() == plan.regions.len() && plan.regions.len() > 1 {
        return format!("all {}", plan.regions.len());
    }
    probe.regions.iter().map(|region| region.region.to_string()).collect::<Vec<_>>().join(", ")
}

fn schedule(timing: &Timing) -> String {
    match timing {
        Timing::Every(period) => format!("every {}", HumanDuration(*period)),
        Timing::Cron(cron) => format!("cron {cron}"),
    }
}

fn way_out(region: &Egress) -> String {
    let mut parts = Vec::new();
    match &region.proxy {
        Some(proxy) => {
            let with = if proxy.credentials.is_some() { " with a user name" } else { "" };
            parts.push(format!("through {}{with}", proxy.url.as_str().trim_end_matches('/')));
        }
        None => parts.push("direct".to_owned()),
    }
    if let Some(address) = region.source_address {
        parts.push(format!("from {address}"));
    }
    for (host, addresses) in &region.resolve {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        parts.push(format!("{host} at {}", addresses.join(" or ")));
    }
    if let Some(webdriver) = &region.webdriver {
        let with = if webdriver.credentials.is_some() { " with a user name" } else { "" };
        parts.push(format!("browsers at {}{with}", webdriver.display()));
    }
    if !region.references.is_empty() {
        let urls: Vec<&str> = region.references.iter().map(url::Url::as_str).collect();
        parts.push(format!("references: {}", urls.join(" ")));
    }
    parts.join("; ")
}

fn browsers(settings: &Settings) -> String {
    let screenshots = match settings.screenshots {
        Screenshots::Masked => "masked",
        Screenshots::Full => "full",
        Screenshots::Off => "off",
    };
    format!(
        "at most {} at once, each replaced after {} logins or above {} MiB; screenshots: {screenshots}",
        settings.max_sessions,
        settings.runs_per_session,
        settings.max_memory >> 20
    )
}

/// Where what a client proves itself with is kept.
fn proofs(client: &Client) -> String {
    let kept: Vec<String> = client.secret.iter().chain(client.proof.sources()).map(ToString::to_string).collect();
    if kept.is_empty() { "-".to_owned() } else { kept.join(", ") }
}
