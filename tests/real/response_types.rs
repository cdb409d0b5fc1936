//! Every response type with a certified provider, in every mode that fits: OIDC Core 3.1 to 3.3, OAuth 2.0 Multiple Response
//! Types, Form Post Response Mode; claims, resources, silent renewals; and a login through a broker.

use serde_json::Value;

use super::canary::assert_nowhere;
use crate::support::authprobe::Run;
use crate::support::idp::{Idp, Options};
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{eventually, net};

const CLIENTS: &str = r#"
[[client]]
name = "implicit"
provider = "main"
client_id = "implicit"
client_secret = { file = "implicit.secret" }
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "email"]

[[client]]
name = "hybrid"
provider = "main"
client_id = "hybrid"
client_secret = { file = "hybrid.secret" }
redirect_uri = "http://127.0.0.1:8765/cb"
scopes = ["openid", "email"]
"#;

/// Who may ask for what, and where it may come back.
const ASKED: [(&str, &str, &[&str]); 6] = [
    ("web", "code", &["query", "fragment", "form_post"]),
    ("implicit", "id_token", &["fragment", "form_post"]),
    ("implicit", "id_token token", &["fragment", "form_post"]),
    ("hybrid", "code id_token", &["fragment", "form_post"]),
    ("hybrid", "code token", &["fragment", "form_post"]),
    ("hybrid", "code id_token token", &["fragment", "form_post"]),
];

fn stage(idp: &Idp) -> Scene {
    let mut scene = Scene::new(idp);
    for client in ["implicit", "hybrid"] {
        scene.folder.write(&format!("{client}.secret"), &format!("{client}-secret\n"));
    }
    scene.more = CLIENTS.into();
    scene
}

fn probe(kind: &str, client: &str, keys: &str) -> String {
    format!("[[probe]]\nname = \"login\"\nkind = \"{kind}\"\nclient = \"{client}\"\nuser = \"alice\"\n{keys}\n")
}

fn good(scene: &Scene, table: &str) -> Run {
    let (code, run) = scene.probe_once(table, "login");
    assert_eq!((code, run.fault().as_str()), (0, ""), "{table}: {:#}", run.0["fault"]);
    run
}

/// The names of steps that were done, cleanup left out.
fn done(run: &Run) -> Vec<&str> {
    let steps = run.0["steps"].as_array().unwrap().iter();
    let done = steps.filter(|step| step["state"] == "done" && step["cleanup"] == false);
    done.map(|step| step["name"].as_str().unwrap()).collect()
}

#[test]
fn every_response_type_is_good_over_forms_and_nothing_of_it_is_shown() {
    let idp = Idp::start();
    let scene = stage(&idp);
    let mut shown = Vec::new();
    for (client, response_type, modes) in ASKED {
        for mode in modes {
            let keys = format!("response_type = \"{response_type}\"\nresponse_mode = \"{mode}\"");
            let run = good(&scene, &probe("form_login", client, &keys));
            let has = |word: &str| response_type.split(' ').any(|asked| asked == word);
            assert_eq!(done(&run).contains(&"front_id_token"), has("code") && has("id_token"), "{keys}");
            assert_eq!(done(&run).contains(&"userinfo"), has("code") || has("token"), "{keys}");
            shown.push(("a run", run.0.to_string()));
            let seen = scene.command(&probe("form_login", client, &keys), "probe", &["login"]);
            shown.extend([("probe", seen.stdout), ("stderr", seen.stderr)]);
        }
    }
    let secrets = idp.secrets();
    assert!(
        secrets.iter().filter(|secret| secret.starts_with("eyJ")).count() > 10,
        "ID tokens are among what was seen"
    );
    assert_nowhere(&secrets, &shown);
}

#[test]
fn a_browser_brings_answers_from_fragments_and_posted_forms() {
    let idp = Idp::start();
    let scene = stage(&idp);
    let mut shown = Vec::new();
    for (client, response_type, mode, more) in [
        ("hybrid", "code id_token", "fragment", ""),
        ("hybrid", "code id_token", "form_post", ""),
        ("hybrid", "code id_token token", "fragment", ""),
        ("web", "code", "query", "silent = true"),
        ("web", "code", "form_post", "silent = true"),
    ] {
        let keys =
            format!("response_type = \"{response_type}\"\nresponse_mode = \"{mode}\"\ntimeout = \"60s\"\n{more}");
        let run = good(&scene, &probe("browser_login", client, &keys));
        assert_eq!(done(&run).contains(&"silent"), !more.is_empty(), "{keys}");
        shown.push(("a run", run.0.to_string()));
    }
    assert_nowhere(&idp.secrets(), &shown);
}

#[test]
fn what_a_client_or_the_provider_does_not_offer_is_said() {
    let idp = Idp::start();
    let scene = stage(&idp);
    let fault = |client: &str, keys: &str| scene.probe_once(&probe("form_login", client, keys), "login").1;
    // Registered for less. RFC 6749 §4.1.2.1 has `unauthorized_client` for that; this provider calls it `invalid_request`.
    let refused = fault("web", "response_type = \"code id_token\"");
    assert_eq!(refused.fault(), "oauth_error/provider at authorize", "{:#}", refused.0["fault"]);
    let acr = fault("web", "acr_values = [\"bronze\"]");
    assert_eq!(acr.fault(), "unsupported/configuration at authorize");
    assert!(acr.0["fault"]["detail"].as_str().unwrap().contains("acr_values_supported"));
    // This provider lets no native application renew its login without the user (RFC 8252 §8.6).
    let native = fault("hybrid", "response_type = \"code id_token\"\nsilent = true");
    assert_eq!(native.fault(), "oauth_error/provider at silent", "{:#}", native.0["fault"]);
    assert!(native.0["fault"]["detail"].as_str().unwrap().contains("interaction_required"));
    let target = fault("web", "resource = [\"urn:example:unknown\"]");
    assert_eq!(target.fault(), "oauth_error/provider at authorize", "{:#}", target.0["fault"]);
    assert!(target.0["fault"]["detail"].as_str().unwrap().contains("invalid_target"));
    let claim = fault("web", "[probe.claims.userinfo]\ngroups = { essential = true }");
    assert_eq!(claim.fault(), "claim_missing/provider at userinfo", "{:#}", claim.0["fault"]);
}

#[test]
fn claims_resources_and_silent_renewals_work_as_they_do_for_applications() {
    let idp = Idp::start();
    let scene = stage(&idp);
    for (client, keys, step) in [
        ("web", "prompt = \"none\"", "silent"),
        ("web", "silent = true\nresponse_mode = \"form_post\"", "silent"),
        ("web", "resource = [\"urn:example:api\"]", "access_token"),
        ("web", "max_age = \"5m\"\n[probe.claims.userinfo]\nemail = { essential = true }", "userinfo"),
        (
            "hybrid",
            "response_type = \"code id_token\"\n[probe.claims.id_token]\nauth_time = { essential = true }",
            "id_token",
        ),
    ] {
        let run = good(&scene, &probe("form_login", client, keys));
        assert!(done(&run).contains(&step), "{keys}");
    }
}

/// A lab that has its users log in at the certified provider, which has another name.
#[test]
fn a_broker_leads_to_the_certified_provider_and_back() {
    let listen = format!("127.0.0.1:{}", net::free_port());
    let callback = format!("http://{listen}/broker");
    let environment = [("BROKER_CALLBACK", callback.as_str())];
    let idp = Idp::with(&Options { name: Some("localhost"), environment: &environment, ..Options::default() });
    let mut lab = Process::start(env!("CARGO_BIN_EXE_authprobe"), |command| {
        command.args(["lab", "--listen", &listen, "--upstream", &idp.issuer, "--upstream-client", "broker"]);
    });
    lab.wait_for("lab", |line| line.contains("issuer").then_some(()));
    let mut scene = Scene::new(&idp);
    scene.issuer = format!("http://{listen}");
    let login = |kind: &str| probe(kind, "web", "timeout = \"60s\"");
    for kind in ["form_login", "browser_login"] {
        let run = good(&scene, &login(kind));
        let host = |upstream: bool| {
            let of = |seen: &&Value| seen["what"] == "host_time" && seen["upstream"] == upstream;
            run.0["observations"].as_array().unwrap().iter().find(of).map(|seen| seen["host"].clone())
        };
        assert_eq!((host(false), host(true)), (Some("127.0.0.1".into()), Some("localhost".into())), "{kind}");
    }
    let seen = scene.command(&login("form_login"), "probe", &["login"]);
    assert!(seen.stdout.contains("localhost (upstream provider): "), "{}", seen.stdout);
    idp.fail(serde_json::json!({ "/auth": { "status": 500 } }));
    for kind in ["form_login", "browser_login"] {
        let (code, run) = scene.probe_once(&login(kind), "login");
        assert_eq!(
            (code, run.fault().as_str()),
            (1, "http_status/provider at authorize"),
            "{kind}: {:#}",
            run.0["fault"]
        );
        let says = "at the upstream provider localhost, which is not the probed provider's own host: ";
        assert!(run.0["fault"]["detail"].as_str().unwrap().starts_with(says), "{:#}", run.0["fault"]);
        assert_eq!(run.0["fault"]["upstream"], "localhost", "{kind}");
    }
    let seen = scene.command(&login("form_login"), "probe", &["login"]);
    assert!(seen.stdout.contains("At upstream host localhost, not at the provider's own pages."), "{}", seen.stdout);
    // Whoever is paged reads it as well.
    let daemon = scene.daemon(&login("form_login"));
    let description = eventually("a page", || {
        let alerts = daemon.get("/api/v1/alerts").json();
        let all = alerts["alerts"].as_array()?.clone();
        let outage = all.into_iter().find(|alert| alert["labels"]["alertname"] == "AuthOutage")?;
        Some(outage["annotations"]["description"].as_str()?.to_owned())
    });
    let says = "http_status (blame: provider) at upstream host localhost, not main's own pages";
    assert!(description.contains(says), "{description}");
    // What breaks at the broker itself is its own.
    drop(lab);
    let (_, run) = scene.probe_once(&login("form_login"), "login");
    assert_eq!((run.fault().as_str(), &run.0["fault"]["upstream"]), ("connect/network at discovery", &Value::Null));
}
