//! What serves, keeps, tells and exports.

use std::time::Duration;

use maud::{Markup, html};

use super::masked::{kept, kept_or_none, masked, url};
use super::{MAX, facts, more, table};
use crate::alert::text::Runbooks;
use crate::browser::Screenshots;
use crate::clock::Timestamp;
use crate::duration::HumanDuration;
use crate::notify::{Address, Credentials, HeaderText, Hook, Peer};
use crate::plan::Plan;
use crate::schedule::Timing;
use crate::web::page::words::ago;

pub fn server(plan: &Plan) -> Markup {
    let server = &plan.server;
    facts(&[
        ("listens on", html! { code { (server.listen) } }),
        (
            "TLS",
            match &server.tls {
                Some((certificate, key)) => {
                    html! { "certificate " code { (certificate.display()) } ", key in " code { "file:" (key.display()) } }
                }
                None => html! { "none: plain HTTP" },
            },
        ),
        ("read_token", token(server.read_token.as_ref(), "none: whoever reaches it may read")),
        (
            "admin_token",
            token(
                server.admin_token.as_ref(),
                if server.read_token.is_some() {
                    "none: nobody may write"
                } else {
                    "none: only this machine may write"
                },
            ),
        ),
        (
            "public_url",
            html! { @if let Some(public) = &server.public_url { code { (url(public)) } } @else { "as it listens" } },
        ),
    ])
}

fn token(source: Option<&crate::secret::SecretSource>, none: &str) -> Markup {
    source.map_or_else(|| html! { (none) }, kept)
}

pub fn alerting(plan: &Plan) -> Markup {
    let (alerting, notify) = (&plan.alerting, &plan.alerting.notify);
    let thresholds = &alerting.thresholds;
    let (Runbooks::Own(runbooks) | Runbooks::At(runbooks)) = &alerting.runbooks;
    let span = |length: Duration| html! { (HumanDuration(length)) };
    html! {
        (facts(&[
            ("evaluated by", html! { @if alerting.evaluate { "authprobe" } @else { "Prometheus, by the rules" } }),
            ("prober", html! { @if let Some(prober) = &alerting.prober { (prober) } @else { "one process for all regions" } }),
            ("runbooks", html! { code { (masked(runbooks)) } }),
            ("heartbeat", html! { @if let Some(heart) = &notify.heartbeat { (address(heart)) } @else { "none" } }),
            ("certificate is a ticket", span(thresholds.certificate_ticket)),
            ("certificate is a page", span(thresholds.certificate_page)),
            ("clock may be off by", span(thresholds.clock_skew)),
            ("tokens may live", span(thresholds.token_lifetime)),
            ("stale after", span(thresholds.stale)),
        ]))
        h3 { "Receivers" }
        @if notify.alertmanagers.is_empty() && notify.webhooks.is_empty() {
            p { "None: alerts are told on the page, in the API and in the metrics only." }
        }
        @for peer in notify.alertmanagers.iter().take(MAX) { article.one { (alertmanager(peer)) } }
        (more(notify.alertmanagers.len(), MAX))
        @for hook in notify.webhooks.iter().take(MAX) { article.one { (webhook(hook)) } }
        (more(notify.webhooks.len(), MAX))
    }
}

fn alertmanager(peer: &Peer) -> Markup {
    let credentials = match &peer.credentials {
        None => html! { "none" },
        Some(Credentials::Bearer(source)) => html! { "bearer token in " (kept(source)) },
        Some(Credentials::Basic(user, source)) => html! { "user " (user) ", password in " (kept(source)) },
    };
    facts(&[
        ("Alertmanager", html! { code { (url(&peer.url)) } }),
        ("credentials", credentials),
        ("believes besides", file(peer.ca_file.as_deref())),
    ])
}

fn webhook(hook: &Hook) -> Markup {
    let headers = html! {
        @for (name, text) in hook.headers.iter().take(MAX) {
            div {
                code { (name) } " "
                @match text {
                    HeaderText::Plain(_) => span.faint { "(as written; its value is not shown)" },
                    HeaderText::Kept(source) => (kept(source)),
                }
            }
        }
        @if hook.headers.is_empty() { "none" }
    };
    facts(&[("Webhook", address(&hook.url)), ("headers", headers), ("believes besides", file(hook.ca_file.as_deref()))])
}

/// Paths and queries of webhooks often are what keeps strangers out.
fn address(address: &Address) -> Markup {
    match address {
        Address::Plain(url) => {
            let below = !matches!(url.path(), "" | "/") || url.query().is_some();
            html! { code { (url.origin().ascii_serialization()) } @if below { span.faint { " (its path is not shown)" } } }
        }
        Address::Kept(source) => kept(source),
    }
}

fn file(path: Option<&std::path::Path>) -> Markup {
    html! { @if let Some(path) = path { code { (path.display()) } } @else { "the system's certificates only" } }
}

pub fn detection(plan: &Plan) -> Markup {
    let settings = &plan.detection;
    let ignored = settings.ignore_shorter_than;
    facts(&[
        (
            "ignores",
            html! {
                @if ignored.is_zero() { "nothing: an outage alerts as soon as it is certain" }
                @else { "outages shorter than " (HumanDuration(ignored)) }
            },
        ),
        ("several regions must fail for", html! { (HumanDuration(settings.several_after)) }),
        (
            "confirmation runs",
            html! {
                @if settings.confirmations_per_hour == 0 { "none" }
                @else { "at most " (settings.confirmations_per_hour) " an hour for each provider" }
            },
        ),
    ])
}

pub fn maintenance(plan: &Plan, now: Timestamp) -> Markup {
    if plan.maintenance.is_empty() {
        return html! { p.faint { "No window comes again and again. Those that were asked for are on the overview." } };
    }
    let row = |window: &crate::slo::maintenance::Recurring| {
        let next = window.begins.next_after(now, Duration::ZERO);
        html! {
            th scope="row" { (window.name) }
            td data-label="begins" {
                @match &window.begins {
                    Timing::Cron(cron) => code { (cron) },
                    Timing::Every(period) => { "every " (HumanDuration(*period)) }
                }
            }
            td data-label="lasts" { (HumanDuration(window.duration)) }
            td data-label="next" { @if let Some(next) = next { (ago(next, now)) ", " (next.to_utc().format("%a %Y-%m-%d %H:%M UTC")) } @else { "–" } }
            td data-label="probes" { (window.probes.iter().take(MAX).map(|name| &**name).collect::<Vec<_>>().join(", ")) }
        }
    };
    html! {
        (table("Maintenance", &["window", "begins", "lasts", "next", "probes"], plan.maintenance.iter().take(MAX).map(row)))
        (more(plan.maintenance.len(), MAX))
    }
}

pub fn store(plan: &Plan) -> Markup {
    let Some(store) = &plan.store else {
        return html! { p { "None: nothing is kept on disk, and budgets begin anew with each start." } };
    };
    facts(&[
        ("file", html! { code { (store.path.display()) } }),
        ("keeps every run", html! { (HumanDuration(store.keep_runs)) }),
        ("keeps failures", html! { (HumanDuration(store.keep_failures)) }),
        ("at most", html! { (store.max_size >> 20) " MiB" }),
    ])
}

pub fn telemetry(plan: &Plan) -> Markup {
    let mut all = Vec::new();
    match &plan.telemetry {
        None => all.push(("export", html! { "none" })),
        Some(export) => {
            let headers = html! {
                @for (name, source) in export.headers.iter().take(MAX) { div { code { (name) } " " (kept(source)) } }
                @if export.headers.is_empty() { (kept_or_none(None)) }
            };
            all.push(("OTLP to", html! { code { (url(&export.endpoint)) } }));
            all.push(("headers", headers));
            all.push(("metrics", html! { "every " (HumanDuration(export.interval)) }));
            all.push(("believes besides", file(export.ca_file.as_deref())));
        }
    }
    all.push((
        "traceparent",
        html! { @if plan.propagate_traceparent { "sent to providers" } @else { "not sent to providers" } },
    ));
    let traces = plan.traces.as_ref();
    all.push((
        "traces are seen at",
        html! { @if let Some(traces) = traces { code { (masked(traces.as_str())) } } @else { "nowhere: no trace_url" } },
    ));
    facts(&all)
}

pub fn browser(plan: &Plan) -> Markup {
    let settings = &plan.browser;
    let screenshots = match settings.screenshots {
        Screenshots::Masked => "masked: every input covered",
        Screenshots::Full => "full: as the page was",
        Screenshots::Off => "off",
    };
    let usual = |path: &Option<std::path::PathBuf>| {
        html! {
            @if let Some(path) = path { code { (path.display()) } } @else { "from the usual places" }
        }
    };
    facts(&[
        ("browser", usual(&settings.path)),
        ("driver", usual(&settings.driver)),
        (
            "arguments",
            html! {
                @for argument in settings.arguments.iter().take(MAX) { code { (masked(argument)) } " " }
                @if settings.arguments.is_empty() { "none" }
            },
        ),
        ("at once", html! { "at most " (settings.max_sessions) }),
        (
            "replaced",
            html! { "after " (settings.runs_per_session) " logins, or above " (settings.max_memory >> 20) " MiB" },
        ),
        ("screenshots", html! { (screenshots) }),
    ])
}
