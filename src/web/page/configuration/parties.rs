//! Regions, providers, clients, users.

use maud::{Markup, html};

use super::masked::{kept, kept_or_none, masked, url};
use super::{MAX, facts, more, table};
use crate::oidc::http::Egress;
use crate::oidc::settings::{Client, MetadataSource, Provider, User};
use crate::plan::{Plan, rate};

pub fn regions(plan: &Plan) -> Markup {
    html! {
        @for region in plan.regions.iter().take(MAX) {
            article.one id={ "region-" (region.region) } { h3 { (region.region) } (region_facts(region)) }
        }
        (more(plan.regions.len(), MAX))
    }
}

fn region_facts(region: &Egress) -> Markup {
    let with = |credentials: bool| if credentials { " with a user name and a password" } else { "" };
    let mut all = vec![(
        "way out",
        match &region.proxy {
            None => html! { "straight from this machine" },
            Some(proxy) => html! { "through " code { (proxy.display()) } (with(proxy.credentials.is_some())) },
        },
    )];
    if let Some(address) = region.source_address {
        all.push(("from address", html! { code { (address) } }));
    }
    if !region.resolve.is_empty() {
        let hosts = html! {
            @for (host, addresses) in region.resolve.iter().take(MAX) {
                div {
                    code { (host) } " is "
                    @for (n, address) in addresses.iter().take(MAX).enumerate() { @if n > 0 { ", " } code { (address) } }
                }
            }
        };
        all.push(("fixed addresses", hosts));
    }
    if let Some(driver) = &region.webdriver {
        let shown = html! { "at " code { (masked(driver.display())) } (with(driver.credentials.is_some())) };
        all.push(("browsers", shown));
    }
    if !region.references.is_empty() {
        let urls = html! { @for reference in region.references.iter().take(MAX) { div { code { (url(reference)) } } } };
        all.push(("references", urls));
    }
    facts(&all)
}

pub fn providers(plan: &Plan) -> Markup {
    html! {
        @for provider in plan.providers.iter().take(MAX) {
            article.one id={ "provider-" (provider.name) } { h3 { (provider.name) } (provider_facts(provider, plan)) }
        }
        (more(plan.providers.len(), MAX))
    }
}

fn provider_facts(provider: &Provider, plan: &Plan) -> Markup {
    let mine = plan.probes.iter().filter(|probe| probe.provider.name == provider.name);
    let used: f64 = mine.map(|probe| rate::of_probe(probe)).sum();
    let metadata = match provider.metadata {
        MetadataSource::Auto => "OpenID Connect Discovery, else RFC 8414",
        MetadataSource::Oidc => "OpenID Connect Discovery",
        MetadataSource::Oauth => "RFC 8414",
        MetadataSource::None => "none: its endpoints are named",
    };
    let limit = provider.max_requests_per_minute;
    let mut all = vec![
        ("issuer", html! { code { (masked(&provider.issuer)) } }),
        ("metadata", html! { (metadata) }),
        (
            "requests",
            html! {
                (rate::shown(used)) " a minute by the schedule; "
                @if let Some(limit) = limit { (limit) " a minute at most" } @else { "no limit" }
            },
        ),
        ("traceparent", html! { @if provider.propagate_traceparent { "sent" } @else { "not sent" } }),
    ];
    if !provider.endpoints.is_empty() {
        let named = html! {
            @for (name, endpoint) in provider.endpoints.iter().take(MAX) { div { code { (name) } " " code { (url(endpoint)) } } }
        };
        all.push(("endpoints", named));
    }
    match &provider.upstream {
        None => all.push(("upstream", html! { "every host that is neither the issuer's nor an endpoint's" })),
        Some(hosts) => all.push(("upstream", html! { @if hosts.is_empty() { "none" } @else { (hosts.join(", ")) } })),
    }
    if !provider.headers.is_empty() {
        // Values may come from where secrets are kept: only their names are nobody's secret.
        let names: Vec<&str> = provider.headers.keys().map(|name| name.as_str()).collect();
        all.push(("headers", html! { (names.join(", ")) span.faint { " (values are not shown)" } }));
    }
    if let Some(file) = &provider.trust.ca_file {
        all.push(("believes besides", html! { code { (file.display()) } }));
    }
    facts(&all)
}

pub fn clients(plan: &Plan) -> Markup {
    if plan.clients.is_empty() {
        return html! { p.faint { "None." } };
    }
    html! {
        @for client in plan.clients.iter().take(MAX) {
            article.one id={ "client-" (client.name) } { h3 { (client.name) } (client_facts(client)) }
        }
        (more(plan.clients.len(), MAX))
    }
}

fn client_facts(client: &Client) -> Markup {
    let proof = &client.proof;
    let mut all = vec![
        ("client_id", html! { code { (client.client_id) } }),
        ("authenticates by", html! { (client.auth_method.as_str()) }),
        ("secret", kept_or_none(client.secret.as_ref())),
        ("scopes", html! { @if client.scopes.is_empty() { "none" } @else { (client.scopes.join(" ")) } }),
    ];
    if let Some(key) = &proof.key {
        all.push(("private key", kept(key)));
    }
    if let Some((certificate, key)) = &proof.certificate {
        all.push(("certificate", html! { (kept(certificate)) ", its key " (kept(key)) }));
    }
    if let Some(kid) = &proof.key_id {
        all.push(("kid of assertions", html! { code { (kid) } }));
    }
    all.push(("DPoP", html! { @if proof.dpop { "its tokens are bound to a key (RFC 9449)" } @else { "no" } }));
    all.push((
        "pushed requests",
        html! {
            @match client.par {
                Some(true) => "yes (RFC 9126)",
                Some(false) => "no",
                None => "if the provider takes no others",
            }
        },
    ));
    for (name, uri) in
        [("redirect_uri", &client.redirect_uri), ("post_logout_redirect_uri", &client.post_logout_redirect_uri)]
    {
        if let Some(uri) = uri {
            all.push((name, html! { code { (masked(uri.as_str())) } }));
        }
    }
    all.push(("PKCE", html! { @if client.require_pkce { "must be insisted on" } @else { "need not be insisted on" } }));
    if let Some(alg) = &client.id_token_alg {
        all.push(("ID tokens signed with", html! { (alg) }));
    }
    facts(&all)
}

pub fn users(plan: &Plan) -> Markup {
    if plan.users.is_empty() {
        return html! { p.faint { "None." } };
    }
    let row = |user: &User| {
        html! {
            th scope="row" id={ "user-" (user.name) } { (user.name) }
            td data-label="username" { (user.username) }
            td data-label="password" { (kept(&user.password)) }
            td data-label="TOTP seed" { (kept_or_none(user.totp.as_ref())) }
            td data-label="passkey" { (kept_or_none(user.passkey.as_ref())) }
        }
    };
    html! {
        (table("Users", &["user", "username", "password", "TOTP seed", "passkey"], plan.users.iter().take(MAX).map(|user| row(user))))
        (more(plan.users.len(), MAX))
    }
}
