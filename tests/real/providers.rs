//! Every kind against providers that are not ours: what they support is good, what they lack is `unsupported` and names the
//! member of their metadata that said so, and what they are known to get wrong is found. The tables are written by hand
//! from what each provider documents; docs/providers.md says the same to people.

use std::collections::BTreeSet;

use authprobe::probe::KINDS;

use crate::support::authprobe::{Run, authprobe, runs};
use crate::support::idp::Idp;
use crate::support::providers::Provider;
use crate::support::{Folder, repository};

/// A probe of `tests/providers/NAME.toml`, and how it must end: see [`ending`].
type Row = (&'static str, &'static str);

const OIDC_PROVIDER: &[Row] = &[
    ("discovery", "good"),
    ("jwks", "good"),
    ("client_credentials", "good"),
    ("form_login", "good"),
    ("browser_login", "good"),
    ("refresh", "good"),
    ("revocation", "good"),
    ("token_exchange", "good"),
];

const CANAILLE: &[Row] = &[
    ("discovery", "good"),
    ("jwks", "good"),
    ("client_credentials", "good"),
    ("form_login", "good"),
    ("browser_login", "good"),
    // RFC 9700 §4.14.2: it refuses the used refresh token, but the newest of the family lives on.
    ("refresh", "good, family_survives_reuse"),
    ("revocation", "good"),
    ("token_exchange", "unsupported by grant_types_supported"),
];

const DJANGO_OAUTH_TOOLKIT: &[Row] = &[
    ("discovery", "good"),
    ("jwks", "good"),
    ("client_credentials", "good"),
    ("form_login", "good"),
    ("browser_login", "good"),
    ("refresh", "good"),
    ("revocation", "good"),
    ("token_exchange", "unsupported by grant_types_supported"),
];

/// It knows agents only: there are no ID tokens and no login page.
const AUTHGENT: &[Row] = &[
    ("discovery", "good, rs256_not_offered"),
    ("jwks", "good, rs256_not_offered"),
    ("client_credentials", "good, cache_control empty_member rs256_not_offered"),
    ("form_login", "unsupported by scopes_supported"),
    ("browser_login", "unsupported by scopes_supported"),
    ("refresh", "unsupported by scopes_supported"),
    ("revocation", "good, cache_control empty_member rs256_not_offered"),
    ("token_exchange", "good, cache_control empty_member rs256_not_offered"),
];

#[test]
fn oidc_provider_does_all_that_it_says() {
    let idp = Idp::start();
    walk("oidc_provider", &idp.issuer, OIDC_PROVIDER);
}

#[test]
fn canaille_does_what_it_says_and_its_weaknesses_are_found() {
    let provider = Provider::start("canaille");
    walk("canaille", &provider.issuer, CANAILLE);
}

#[test]
fn django_oauth_toolkit_does_more_than_its_openid_metadata_says() {
    let provider = Provider::start("django_oauth_toolkit");
    walk("django_oauth_toolkit", &provider.issuer, DJANGO_OAUTH_TOOLKIT);
}

#[test]
fn authgent_does_without_openid_connect() {
    let provider = Provider::start("authgent");
    walk("authgent", &provider.issuer, AUTHGENT);
}

/// Runs all probes of that configuration, one after the other, and compares how they end.
fn walk(name: &str, issuer: &str, table: &[Row]) {
    let folder = Folder::new();
    let text = std::fs::read_to_string(repository().join(format!("tests/providers/{name}.toml"))).unwrap();
    let config = folder.write("authprobe.toml", &text.replace("ISSUER", issuer));
    let environment = [("WEB_SECRET", "web-secret"), ("SVC_SECRET", "svc-secret"), ("ALICE_PASSWORD", "wonderland-7")];
    let mut kinds = BTreeSet::new();
    let mut wrong = Vec::new();
    for (probe, expected) in table {
        let arguments = ["probe", probe, "--config", config.to_str().unwrap(), "--json"];
        let finished = authprobe(&arguments, &environment);
        let [run] = &runs(&finished.stdout)[..] else { panic!("not one run: {finished:?}") };
        kinds.insert(run.0["kind"].as_str().unwrap().to_owned());
        let ended = ending(run);
        println!("{name} {probe}: {ended} in {} ms", run.0["duration_ms"]);
        if ended != *expected {
            wrong.push(format!("{probe} is {ended}, not {expected}: {:#}", run.0));
        }
    }
    assert!(wrong.is_empty(), "{name}\n{}", wrong.join("\n"));
    let every = KINDS.iter().map(|kind| kind.name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(kinds, every, "a kind without a row for {name}");
}

/// `good`, with the codes of what a strict reader minds; `unsupported by MEMBER` of the metadata; or the verdict and
/// `class/blame at step`, with the clauses of what was found.
fn ending(run: &Run) -> String {
    let codes = |values: &serde_json::Value, key: &str| {
        let values = values.as_array().into_iter().flatten().filter_map(|value| value[key].as_str());
        values.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    let fault = &run.0["fault"];
    if run.verdict() == "good" {
        let warnings = codes(&run.0["warnings"], "code");
        return if warnings.is_empty() { "good".to_owned() } else { format!("good, {warnings}") };
    }
    if run.fault().starts_with("unsupported/configuration") {
        let detail = fault["detail"].as_str().unwrap_or_default();
        let is_member = |word: &&str| word.ends_with("_supported") || word.ends_with("_endpoint");
        let member = detail.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).find(is_member);
        return format!("unsupported by {}", member.unwrap_or(detail));
    }
    format!("{} {} ({})", run.verdict(), run.fault(), codes(&fault["findings"], "clause"))
}
