//! Every kind against providers that are not ours: what they support is good, what they lack is `unsupported` and names the
//! member of their metadata that said so, and what they are known to get wrong is found. The tables are written by hand
//! from what each provider documents; docs/providers.md says the same to people.

use std::collections::{BTreeMap, BTreeSet};

use authprobe::probe::KINDS;
use serde_json::Value;

use super::hardening::attacks;
use crate::support::authprobe::{Run, authprobe, runs};
use crate::support::idp::Idp;
use crate::support::providers::Provider;
use crate::support::{Folder, net, repository};

/// In the place of an assertion where there is none: no run gets as far as to read it.
const NOBODYS: &str = "none";

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
    ("introspection", "good"),
    ("userinfo", "good"),
    ("device", "good"),
    ("registration", "good"),
    ("logout", "good"),
    ("resource", "good"),
    ("jwt_bearer", "unsupported by grant_types_supported"),
    // The page of the fixture, not the provider's.
    ("hardening", "good, login_page_framed"),
];

const CANAILLE: &[Row] = &[
    ("discovery", "good"),
    ("jwks", "good"),
    ("client_credentials", "good"),
    ("form_login", "good"),
    ("browser_login", "good"),
    // RFC 9700 §4.14.2: it refuses the used refresh token, but the newest of the family lives on. By hand: the second use is
    // answered with 400 `invalid_grant`, and a use of the newest after that with 200 and tokens.
    ("refresh", "good, family_survives_reuse"),
    ("revocation", "good"),
    ("token_exchange", "unsupported by grant_types_supported"),
    ("introspection", "good"),
    ("userinfo", "good, challenge_error"),
    ("device", "unsupported by device_authorization_endpoint"),
    // With Authlib before 1.9.1 (see requirements.in): with a later one each read, update and deletion of a client that it
    // registered ends with 500, "'bool' object has no attribute 'check_client'". A deleted one is answered with 400.
    ("registration", "good, gone_status"),
    ("logout", "good, refresh_after_logout"),
    ("resource", "good, challenge_error"),
    ("jwt_bearer", "unsupported by grant_types_supported"),
    // It enforces no PKCE on confidential clients, and offers `plain`.
    ("hardening", "bad attack_accepted/provider at pkce (pkce_missing pkce_plain)"),
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
    ("introspection", "good"),
    ("userinfo", "good, challenge_error"),
    ("device", "unsupported by device_authorization_endpoint"),
    ("device-hidden", "good, id_token_missing"),
    ("registration", "good, registered_metadata secret_expiry_missing"),
    // prompt_values_supported lists `none`, and prompt=none ends with 500, with and without a session. By hand: its log says
    // `oauthlib/openid/connect/core/request_validator.py: in validate_silent_login: NotImplementedError`, which its own
    // validator does not override. That the session is gone shows an ordinary request.
    ("logout", "good, prompt_none"),
    ("resource", "good, challenge_error"),
    ("jwt_bearer", "unsupported by grant_types_supported"),
    ("hardening", "good, access_token_in_query attack_unjudged code_replay_keeps_tokens"),
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
    ("introspection", "good, cache_control empty_member inactive_details introspection_open rs256_not_offered"),
    ("userinfo", "unsupported by scopes_supported"),
    // RFC 8628 §3.5: a device that nobody has approved yet is answered with the wrong error code. By hand: 400
    // `{"error":"invalid_grant","error_description":"authorization_pending"}`, and a device code that was made up likewise with
    // `Unknown device code`: a client that goes by the code gives up at its first question.
    ("device", "bad oauth_error/provider at pending ()"),
    ("registration", "unsupported by registration_client_uri"),
    ("logout", "unsupported by end_session_endpoint"),
    ("resource", "good, cache_control empty_member rs256_not_offered"),
    ("jwt_bearer", "good, cache_control empty_member rs256_not_offered"),
    // A confidential client gets tokens by its name alone.
    (
        "hardening",
        "bad attack_accepted/provider at client_auth (assertion_hmac_client_id assertion_hmac_random assertion_unsigned client_auth_missing)",
    ),
];

#[test]
fn oidc_provider_does_all_that_it_says() {
    let idp = Idp::start();
    walk("oidc_provider", &idp.issuer, NOBODYS, OIDC_PROVIDER);
}

#[test]
fn canaille_does_what_it_says_and_its_weaknesses_are_found() {
    let provider = Provider::start("canaille");
    let runs = walk("canaille", &provider.issuer, NOBODYS, CANAILLE);
    shows_its_login_page_to_anybody(&runs["hardening"]);
}

#[test]
fn django_oauth_toolkit_does_more_than_its_openid_metadata_says() {
    let provider = Provider::start("django_oauth_toolkit");
    let runs = walk("django_oauth_toolkit", &provider.issuer, NOBODYS, DJANGO_OAUTH_TOOLKIT);
    shows_its_login_page_to_anybody(&runs["hardening"]);
}

/// Such a provider looks at a request only once somebody is logged in: what is at the door says nothing, and every attack on
/// it is judged in the session.
fn shows_its_login_page_to_anybody(run: &Run) {
    let mutations = |accepted: Value| -> Vec<String> {
        attacks(&run.0, &accepted).into_iter().filter(|name| name.starts_with("redirect_")).collect()
    };
    assert_eq!(mutations(Value::Bool(true)), Vec::<String>::new());
    let refused = mutations(Value::Bool(false));
    assert!(refused.len() >= 14, "{refused:?}, not judged: {:?}", mutations(Value::Null));
    // Their pages cannot be framed, and say so by X-Frame-Options.
    assert!(!run.0["warnings"].to_string().contains("login_page_framed"), "{:#}", run.0["warnings"]);
    let of = |step: &str| run.steps().iter().position(|name| *name == step).unwrap();
    assert!(of("login") < of("redirect_uri"), "{:?}", run.steps());
}

#[test]
fn authgent_does_without_openid_connect() {
    let provider = Provider::start("authgent");
    walk("authgent", &provider.issuer, &assertion(&provider.issuer), AUTHGENT);
}

/// Runs all probes of that configuration, one after the other, and compares how they end. Returns them by name.
fn walk(name: &str, issuer: &str, assertion: &str, table: &[Row]) -> BTreeMap<String, Run> {
    let folder = Folder::new();
    let text = std::fs::read_to_string(repository().join(format!("tests/providers/{name}.toml"))).unwrap();
    let config = folder.write("authprobe.toml", &text.replace("ISSUER", issuer));
    let environment = [
        ("WEB_SECRET", "web-secret"),
        ("SVC_SECRET", "svc-secret"),
        ("DEVICE_SECRET", "device-secret"),
        ("ALICE_PASSWORD", "wonderland-7"),
        ("ASSERTION", assertion),
    ];
    let (mut kinds, mut ended) = (BTreeSet::new(), BTreeMap::new());
    let mut wrong = Vec::new();
    for (probe, expected) in table {
        let arguments = ["probe", probe, "--config", config.to_str().unwrap(), "--json"];
        let finished = authprobe(&arguments, &environment);
        let [run] = &runs(&finished.stdout)[..] else { panic!("not one run: {finished:?}") };
        ended.insert((*probe).to_owned(), run.clone());
        kinds.insert(run.0["kind"].as_str().unwrap().to_owned());
        let how = ending(run);
        println!("{name} {probe}: {how}");
        if how != *expected {
            wrong.push(format!("{probe} is {how}, not {expected}: {:#}", run.0));
        }
    }
    assert!(wrong.is_empty(), "{name}\n{}", wrong.join("\n"));
    let every = KINDS.iter().map(|kind| kind.name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(kinds, every, "a kind without a row for {name}");
    ended
}

/// An assertion that authgent makes and takes (identity chaining, by RFC 8693 and RFC 7523).
fn assertion(issuer: &str) -> String {
    let granted = |form: &str| {
        // svc:svc-secret
        let headers = ["Authorization: Basic c3ZjOnN2Yy1zZWNyZXQ=", "Content-Type: application/x-www-form-urlencoded"];
        let answer = net::request("POST", &format!("{issuer}/token"), &headers, form).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    };
    let token = granted("grant_type=client_credentials");
    let (urn, audience) = ("urn%3Aietf%3Aparams%3Aoauth%3A", issuer.replace(':', "%3A").replace('/', "%2F"));
    granted(&format!(
        "grant_type={urn}grant-type%3Atoken-exchange&subject_token={token}&audience={audience}\
         &subject_token_type={urn}token-type%3Aaccess_token&requested_token_type={urn}token-type%3Ajwt"
    ))
}

/// `good`, with the codes of what a strict reader minds; `unsupported by MEMBER` of the metadata; or the verdict and
/// `class/blame at step`, with the attacks or the clauses of what was found.
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
        let is_member = |word: &&str| ["_supported", "_endpoint", "_client_uri"].iter().any(|end| word.ends_with(end));
        let member = detail.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).find(is_member);
        return format!("unsupported by {}", member.unwrap_or(detail));
    }
    let found = match fault["class"].as_str() {
        Some("attack_accepted") => {
            let findings = fault["findings"].as_array().unwrap().iter();
            let names = findings.map(|finding| finding["detail"].as_str().unwrap().split(':').next().unwrap());
            names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
        }
        _ => codes(&fault["findings"], "clause"),
    };
    format!("{} {} ({found})", run.verdict(), run.fault())
}
