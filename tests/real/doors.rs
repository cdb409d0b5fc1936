//! A certified provider behind doors as they are in front of real ones: pages that crash, and what answers plain http where
//! https is served. Nothing sound is accused, what is not sound is found, and what cannot be told is said.

use std::collections::BTreeSet;

use serde_json::Value;

use super::hardening::attacks;
use crate::support::Folder;
use crate::support::certs::{Certificate, certificate};
use crate::support::idp::{Idp, Options};
use crate::support::scene::Scene;

const DOORS: &str = r#"
[[probe]]
name = "doors"
kind = "hardening"
client = "web"
user = "alice"
timeout = "2m"

[[probe]]
name = "stranger"
kind = "hardening"
client = "web"

[[probe]]
name = "one"
kind = "hardening"
client = "web"
user = "alice"
attacks = ["redirect_unregistered"]

[[probe]]
name = "plain"
kind = "hardening"
client = "web"
attacks = ["http_discovery", "http_authorization", "http_token", "hsts_missing"]
"#;

fn warnings(run: &Value) -> Vec<(&str, &str)> {
    let all = run["warnings"].as_array().unwrap().iter();
    all.map(|warning| (warning["code"].as_str().unwrap(), warning["detail"].as_str().unwrap())).collect()
}

/// RFC 6749 §4.1.2.1 wants the user to be told; many applications let the exception through. Nobody who logs in notices:
/// that is no outage, and no refusal either.
#[test]
fn error_pages_that_crash_are_no_outage_and_hide_no_weakness() {
    let idp = Idp::with(&Options { environment: &[("CRASHES", "1")], ..Options::default() });
    let scene = Scene::new(&idp);
    let (code, run) = scene.probe_once(DOORS, "doors");
    assert_eq!((code, run.verdict()), (0, "good"), "{:#}", run.0);
    let codes: BTreeSet<&str> = warnings(&run.0).iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, BTreeSet::from(["attack_unjudged", "login_page_framed", "unknown_client_error"]), "{:#}", run.0);
    let unjudged = attacks(&run.0, &Value::Null);
    assert!(unjudged.len() >= 14 && unjudged.iter().all(|name| name.starts_with("redirect_")), "{unjudged:?}");
    // All that is answered at the token endpoint, or at the registered redirect URI.
    let refused = attacks(&run.0, &Value::Bool(false));
    for attack in ["pkce_missing", "pkce_wrong_verifier", "client_auth_missing", "code_replay", "response_type_unknown"]
    {
        assert!(refused.iter().any(|name| name == attack), "{attack}: {refused:?}");
    }
    // Without a login nothing of that can be told, and with one a crash tells nothing.
    let (code, run) = scene.probe_once(DOORS, "stranger");
    assert_eq!((code, run.verdict()), (0, "good"), "{:#}", run.0);
    assert_eq!(attacks(&run.0, &Value::Bool(true)), Vec::<String>::new());
    let (code, run) = scene.probe_once(DOORS, "one");
    assert_eq!((code, run.verdict()), (3, "inconclusive"), "{:#}", run.0);
    assert_eq!(run.fault(), "unsupported/configuration at redirect_uri");
    let detail = run.0["fault"]["detail"].as_str().unwrap();
    assert!(detail.contains("redirect_unregistered") && detail.contains("answered 500"), "{detail}");
}

/// RFC 8414 §3, RFC 6749 §3.1 and §3.2: TLS is a must. What else listens there is not the provider.
#[test]
fn what_answers_plain_http_is_the_provider_or_it_is_not() {
    let folder = Folder::new();
    let certificate = certificate(&folder, "+0d", 30);
    assert_eq!(plain(&certificate, None), ([].into(), [].into()), "nothing but TLS");
    assert_eq!(plain(&certificate, Some("json")), ([].into(), [].into()), "a gateway that speaks JSON");
    assert_eq!(plain(&certificate, Some("redirect")), ([].into(), [].into()), "a redirect to https");
    let other = plain(&certificate, Some("other"));
    assert_eq!(other, ([].into(), ["http_authorization".to_owned()].into()), "another application's login");
    let all = ["http_authorization", "http_discovery", "http_token"].map(str::to_owned).into();
    assert_eq!(plain(&certificate, Some("provider")), (all, [].into()), "the provider itself");
}

/// The attacks that are accepted, and those that could not be judged.
fn plain(certificate: &Certificate, by: Option<&str>) -> (BTreeSet<String>, BTreeSet<String>) {
    let environment: Vec<_> = by.map(|by| ("PLAIN", by)).into_iter().collect();
    let idp = Idp::with(&Options { certificate: Some(certificate), environment: &environment, ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.provider = format!("ca_file = \"{}\"", certificate.authority.display());
    let (code, run) = scene.probe_once(DOORS, "plain");
    let of = |wanted: &Value| attacks(&run.0, wanted).into_iter().collect::<BTreeSet<_>>();
    let (accepted, unjudged) = (of(&Value::Bool(true)), of(&Value::Null));
    // It has a name, so that the header could hold.
    assert!(warnings(&run.0).iter().any(|(code, _)| *code == "hsts_missing"), "{:#}", run.0);
    let fault = if accepted.is_empty() { "" } else { "attack_accepted/provider at transport" };
    assert_eq!((code, run.fault().as_str()), (i32::from(!accepted.is_empty()), fault), "{:#}", run.0);
    assert_eq!(accepted.len() + unjudged.len() + of(&Value::Bool(false)).len(), 3, "{:#}", run.0);
    (accepted, unjudged)
}
