//! `GET /keys`: the lives of every provider's signing keys.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use maud::{Markup, html};

use super::leads;
use super::shell::{self, Tab};
use super::words::{ago, rough};
use crate::clock::Timestamp;
use crate::oidc::key_history::{KeyLife, ProviderKeys};
use crate::plan::Plan;
use crate::web::App;
use crate::web::guard::Reader;

mod timeline;

use super::run::cut;
use timeline::{Range, Scale};

/// How many providers, and keys of each, are shown.
const MAX_PROVIDERS: usize = 50;
const MAX_KEYS: usize = 40;
/// How many flaws of a key are told, and how long each may be (characters).
const MAX_FLAWS: usize = 5;
const MAX_TEXT: usize = 300;

/// See the module.
pub async fn page(State(app): State<App>, reader: Reader, RawQuery(query): RawQuery) -> Response {
    let (all, now, plan) = (app.control.keys(), app.control.now(), app.control.plan());
    let range = Range::asked(query.as_deref());
    let known: Vec<&ProviderKeys> = all.iter().filter(|provider| !provider.keys.is_empty()).collect();
    let markup = html! {
        div.head {
            h1 { "Keys" }
            @if !known.is_empty() { (ranges(range)) }
        }
        @if known.is_empty() {
            (nothing(&plan))
        } @else {
            p.faint {
                "What has been seen of the keys that sign tokens: when each was published, when it signed, when it went. A new key "
                "must be published before it signs; an old one must stay until its last token has expired."
            }
            @for (n, provider) in known.iter().take(MAX_PROVIDERS).enumerate() {
                (section(n, provider, &plan, &Scale::of(provider, range, now), now))
            }
            @if known.len() > MAX_PROVIDERS { p.faint { (known.len() - MAX_PROVIDERS) " more providers are not shown." } }
            @let unseen = unseen(&plan, &known);
            @if !unseen.is_empty() { p.faint { "Of " (unseen.join(", ")) " no key has been seen yet." } }
            (timeline::legend())
        }
    };
    shell::view(&app, &reader, Tab::Keys, "Keys", true, &markup)
}

/// The names of providers of whose keys nothing is known.
fn unseen<'a>(plan: &'a Plan, known: &[&ProviderKeys]) -> Vec<&'a str> {
    let names = plan.providers.iter().map(|provider| &*provider.name);
    names.filter(|name| !known.iter().any(|known| *known.provider == **name)).take(MAX_PROVIDERS).collect()
}

fn ranges(range: Range) -> Markup {
    html! {
        nav.ranges aria-label="How far back" {
            @for (own, query, words) in [
                (Range::Days(30), "?days=30", "30 days"),
                (Range::Days(90), "?days=90", "90 days"),
                (Range::All, "?days=all", "all"),
            ] {
                a.button href=(query) aria-current=[(own == range).then_some("true")] { (words) }
            }
        }
    }
}

fn nothing(plan: &Plan) -> Markup {
    let teaches = |kind: &str| kind == "jwks" || kind.ends_with("login") || kind == "refresh";
    let some = plan.probes.iter().any(|probe| teaches(probe.kind.name));
    html! {
        div.card {
            p { b { "No key has been seen yet." } }
            p {
                "Published keys are learned by probes of kind " code { "jwks" } ", and by all that validate ID tokens ("
                code { "form_login" } ", " code { "browser_login" } ", " code { "refresh" } " and their like), which also tell "
                "when a key signed."
            }
            @if some {
                p.faint { "There are such probes: the first look of one will show here." }
            } @else {
                p.faint { "No such probe is configured." }
            }
        }
    }
}

fn section(n: usize, provider: &ProviderKeys, plan: &Plan, scale: &Scale, now: Timestamp) -> Markup {
    let id = format!("provider-{n}");
    let issuer = plan.providers.iter().find(|known| known.name == provider.provider).map(|known| known.issuer.clone());
    let (shown, before): (Vec<&KeyLife>, Vec<&KeyLife>) = provider.keys.iter().partition(|key| scale.shows(key));
    let flaws = shown.iter().filter(|key| !key.flaws.is_empty()).count();
    html! {
        section aria-labelledby=(id) {
            div.head {
                h2 id=(id) { (provider.provider) }
                @if flaws > 0 {
                    a href=(leads::runbook(plan, "AuthKeyRotationUnsafe")) { "What to do about unsafe rotations" }
                }
            }
            div.card {
                p.faint {
                    @if let Some(issuer) = issuer { (super::configuration::masked(&issuer)) " · " }
                    @if provider.longest.is_zero() { "no token's lifetime is known yet" }
                    @else { "tokens live up to " (rough(provider.longest)) }
                    @if flaws > 0 { " · " span.badge.bad { (flaws) " with a flaw" } }
                }
                @if shown.is_empty() {
                    p { "No key was published in this time." }
                } @else {
                    (table(&id, &shown, provider, scale, now))
                }
                @if shown.len() > MAX_KEYS { p.faint { (shown.len() - MAX_KEYS) " older keys are not shown." } }
                @if !before.is_empty() { p.faint { (before.len()) @if before.len() == 1 { " was" } @else { " were" } " removed before this time." } }
            }
        }
    }
}

const COLUMNS: [&str; 4] = ["published", "first signed", "last signed", "removed"];

fn table(id: &str, keys: &[&KeyLife], provider: &ProviderKeys, scale: &Scale, now: Timestamp) -> Markup {
    html! {
        table.keys role="table" aria-labelledby=(id) {
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "key" }
                    th.line scope="col" role="columnheader" { span.hidden { "timeline" } (scale.axis()) }
                    @for column in COLUMNS { th scope="col" role="columnheader" { (column) } }
                }
            }
            tbody role="rowgroup" {
                @for key in keys.iter().take(MAX_KEYS) { (row(key, provider, scale, now)) }
            }
        }
    }
}

fn row(key: &KeyLife, provider: &ProviderKeys, scale: &Scale, now: Timestamp) -> Markup {
    let at = Timestamp::from_nanos;
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                code title={ "RFC 7638 thumbprint " (key.thumbprint) } { (name(key)) }
                span.faint { " " (cut(&key.kty, 20)) @if let Some(alg) = &key.alg { " " (cut(alg, 20)) } }
                @if !key.flaws.is_empty() { " " span.badge.bad { "unsafe" } }
            }
            td.line role="cell" { (scale.bar(key, provider.longest)) }
            td role="cell" data-label="published" {
                (ago(at(key.published_nanos), now))
                @if key.or_before { " or before" }
                @if key.removed_nanos.is_none() && !key.regions.is_empty() {
                    " " span.faint title=(cut(&key.regions.join(", "), MAX_TEXT)) { "seen from " (regions(&key.regions)) }
                }
            }
            td role="cell" data-label="first signed" { (signed(key.signed_nanos.map(|(first, _)| at(first)), now)) }
            td role="cell" data-label="last signed" { (signed(key.signed_nanos.map(|(_, last)| at(last)), now)) }
            td role="cell" data-label="removed" {
                @match key.removed_nanos {
                    Some(removed) => (ago(at(removed), now)),
                    None => "is published",
                }
            }
        }
        @for (seen, flaw) in key.flaws.iter().take(MAX_FLAWS) {
            tr.flaw role="row" {
                td role="cell" colspan="6" { b { "✕ " (cut(flaw, MAX_TEXT)) } " (seen " (ago(at(*seen), now)) ")" }
            }
        }
    }
}

fn name(key: &KeyLife) -> String {
    key.kid.as_ref().map_or_else(|| "no kid".to_owned(), |kid| cut(kid, 60))
}

fn signed(at: Option<Timestamp>, now: Timestamp) -> Markup {
    html! { @if let Some(at) = at { (ago(at, now)) } @else { span.faint { "not seen" } } }
}

fn regions(regions: &[String]) -> String {
    match regions {
        [one] => one.clone(),
        many => format!("{} regions", many.len()),
    }
}
