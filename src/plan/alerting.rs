//! `[alerting]`: who is told, and from when on something is worth it.

use super::desk::Desk;
use super::providers::headers;
use super::typed::{self, Item};
use super::{Alerting, Server};
use crate::alert::facts::Thresholds;
use crate::alert::text::Runbooks;
use crate::config::model::{Alerting as Written, Alertmanager, Thresholds as WrittenThresholds, Webhook};
use crate::config::values::{TextOrSecret, WebUrl};
use crate::duration::HumanDuration;
use crate::notify::{Address, Credentials, HeaderText, Hook, Peer};

/// Headers of webhooks that are not the configuration's.
const OWN_HEADERS: [&str; 4] = ["host", "content-length", "content-type", "transfer-encoding"];
/// The longest of all thresholds.
const LONGEST: HumanDuration = HumanDuration::from_secs(366 * 86_400);

/// Resolves `[alerting]`.
pub fn alerting(desk: &mut Desk<'_>, server: &Server) -> Alerting {
    let mut alerting = Alerting::default();
    let url = server.url();
    alerting.runbooks = Runbooks::Own(format!("{}/runbook", url.as_str().trim_end_matches('/')));
    alerting.notify.public_url = Some(url);
    let items: Vec<Item<'_, Written>> = typed::items(desk.loaded, "alerting", &mut desk.mistakes);
    let Some((item, written)) = items.first().and_then(|item| Some((item, item.value.as_ref()?))) else {
        return alerting;
    };
    alerting.evaluate = written.evaluate.unwrap_or(true);
    alerting.notify.heartbeat =
        written.heartbeat_url.as_ref().and_then(|url| address(desk, item, "heartbeat_url", url));
    for (i, peer) in written.alertmanager.iter().flatten().enumerate() {
        let peer = alertmanager(desk, item, i, peer);
        if alerting.notify.alertmanagers.iter().any(|other| other.url == peer.url) {
            desk.wrong(item.mistake(&format!("alertmanager.{i}.url"), "this Alertmanager is there already"));
        }
        alerting.notify.alertmanagers.push(peer);
    }
    for (i, hook) in written.webhook.iter().flatten().enumerate() {
        alerting.notify.webhooks.extend(webhook(desk, item, i, hook));
    }
    if let Some(url) = &written.runbook_url {
        alerting.runbooks = Runbooks::At(url.0.to_string());
    }
    if let Some(written) = &written.thresholds {
        alerting.thresholds = thresholds(desk, item, written);
    }
    notes(desk, item, &alerting, server);
    alerting
}

/// What a person would not expect.
fn notes(desk: &mut Desk<'_>, item: &Item<'_, Written>, alerting: &Alerting, server: &Server) {
    let (notify, evaluate) = (&alerting.notify, alerting.evaluate);
    // As written: one that is wrong is on record already.
    let receivers = ["alertmanager", "webhook"].iter().any(|key| item.node.get(key).is_some());
    if !receivers && evaluate {
        desk.note(
            "alerting: there is no [[alerting.alertmanager]] and no [[alerting.webhook]]: alerts are on the page, in the \
             API and in authprobe_alert_state, and nobody is told",
        );
    }
    if receivers && !evaluate {
        desk.note(
            "alerting: with evaluate = false the receivers are told nothing by this version: let Prometheus evaluate what \
             `authprobe rules` writes",
        );
    }
    if !notify.alertmanagers.is_empty() && server.public_url.is_none() {
        desk.note(format!("alerting: without [server] public_url alerts link to {}, where it listens", server.url()));
    }
}

fn alertmanager(desk: &mut Desk<'_>, item: &Item<'_, Written>, i: usize, written: &Alertmanager) -> Peer {
    let key = |name: &str| format!("alertmanager.{i}.{name}");
    if written.bearer_token.is_some() && written.basic_auth.is_some() {
        desk.wrong(item.mistake(&key("basic_auth"), "either `bearer_token` or `basic_auth`, not both"));
    }
    let bearer = written.bearer_token.as_ref().map(|source| desk.secret(item, &key("bearer_token"), source));
    let basic = written.basic_auth.as_ref().map(|basic| {
        let password = desk.secret(item, &key("basic_auth.password"), &basic.password);
        if basic.username.contains(':') {
            desk.wrong(item.mistake(&key("basic_auth.username"), "a user name cannot hold a colon (RFC 7617 §2)"));
        }
        Credentials::Basic(basic.username.clone(), password)
    });
    Peer {
        url: written.url.0.clone(),
        credentials: bearer.map(Credentials::Bearer).or(basic),
        ca_file: desk.ca_file(item, &key("ca_file"), written.ca_file.as_ref()),
    }
}

fn webhook(desk: &mut Desk<'_>, item: &Item<'_, Written>, i: usize, written: &Webhook) -> Option<Hook> {
    let url = address(desk, item, &format!("webhook.{i}.url"), &written.url);
    let ca_file = desk.ca_file(item, &format!("webhook.{i}.ca_file"), written.ca_file.as_ref());
    let mut texts = Vec::new();
    if let Some(node) = item.node.get("webhook").and_then(|hooks| hooks.items().get(i)) {
        let hook = Item { node, path: item.path.join("webhook").join(i), value: Some(()) };
        headers(desk, &hook, written.headers.as_ref(), &OWN_HEADERS);
        for (name, value) in written.headers.iter().flatten() {
            let text = match value {
                TextOrSecret::Text(text) => HeaderText::Plain(text.clone()),
                TextOrSecret::Secret(source) => HeaderText::Kept(desk.locate(hook.at("headers"), source)),
            };
            texts.push((name.clone(), text));
        }
    }
    Some(Hook { url: url?, headers: texts, ca_file })
}

/// A URL that may be kept elsewhere; it must be readable, and one, now.
fn address<T>(desk: &mut Desk<'_>, item: &Item<'_, T>, key: &str, written: &TextOrSecret) -> Option<Address> {
    let (text, kept) = desk.text(item, key, written)?;
    match (WebUrl::parse(&text), written) {
        (Ok(url), TextOrSecret::Text(_)) => Some(Address::Plain(url.0)),
        (Ok(_), TextOrSecret::Secret(source)) => Some(Address::Kept(desk.locate(item.at(key), source))),
        (Err(why), _) => {
            let message = if kept { "what is kept there is not an http or https URL".to_owned() } else { why };
            desk.wrong(item.mistake(key, message).mask(item.at(key)));
            None
        }
    }
}

fn thresholds(desk: &mut Desk<'_>, item: &Item<'_, Written>, written: &WrittenThresholds) -> Thresholds {
    let default = Thresholds::default();
    let mut read = |key: &str, value: Option<HumanDuration>, default, least: HumanDuration| {
        let Some(value) = value else { return default };
        if !(least..=LONGEST).contains(&value) {
            let message = format!("{value} is out of range: from {least} to {LONGEST}");
            desk.wrong(item.mistake(&format!("thresholds.{key}"), message));
        }
        value.0
    };
    let [second, minute] = [1, 60].map(HumanDuration::from_secs);
    let thresholds = Thresholds {
        certificate_ticket: read("certificate_ticket", written.certificate_ticket, default.certificate_ticket, minute),
        certificate_page: read("certificate_page", written.certificate_page, default.certificate_page, minute),
        clock_skew: read("clock_skew", written.clock_skew, default.clock_skew, second),
        token_lifetime: read("token_lifetime", written.token_lifetime, default.token_lifetime, second),
        stale: read("stale", written.stale, default.stale, HumanDuration::default()),
    };
    if thresholds.certificate_page > thresholds.certificate_ticket {
        let key = if written.certificate_page.is_some() { "certificate_page" } else { "certificate_ticket" };
        let (page, ticket) = (thresholds.certificate_page, thresholds.certificate_ticket);
        let (page, ticket) = (HumanDuration(page), HumanDuration(ticket));
        let message =
            format!("a certificate would be a page ({page} before it expires) before it is a ticket ({ticket})");
        desk.wrong(item.mistake(&format!("thresholds.{key}"), message));
    }
    thresholds
}
