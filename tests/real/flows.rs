//! Devices, registration and logout with a certified provider: RFC 8628, RFC 7591, RFC 7592, OIDC RP-Initiated Logout 1.0,
//! OIDC Back-Channel Logout 1.0.

use std::net::TcpListener;

use serde_json::json;

use super::canary::assert_nowhere;
use crate::support::authprobe::Run;
use crate::support::idp::{Idp, Options};
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{PATIENCE, eventually, net};

const PROBES: &str = r#"
[[probe]]
name = "device"
kind = "device"
client = "device"
user = "alice"
timeout = "60s"

[[probe]]
name = "registration"
kind = "registration"
provider = "main"

[[probe]]
name = "logout"
kind = "logout"
client = "bye"
user = "alice"

[[probe]]
name = "both"
kind = "logout"
client = "bye"
user = "alice"
timeout = "60s"
back_channel = true
"#;

/// A provider that sends its logout tokens to where the daemon of the scene listens.
fn stage() -> (Idp, Scene) {
    let listen = format!("127.0.0.1:{}", net::free_port());
    let receiver = format!("http://{listen}/backchannel-logout/bye");
    let idp = Idp::with(&Options { environment: &[("BACKCHANNEL_LOGOUT_URI", &receiver)], ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.listen = listen;
    scene.folder.write("device.secret", "device-secret");
    scene.folder.write("bye.secret", "bye-secret");
    scene.more = r#"
[[client]]
name = "device"
provider = "main"
client_id = "device"
client_secret = { file = "device.secret" }
scopes = ["openid"]

[[client]]
name = "bye"
provider = "main"
client_id = "bye"
client_secret = { file = "bye.secret" }
redirect_uri = "http://127.0.0.1:8765/cb"
post_logout_redirect_uri = "http://127.0.0.1:8765/bye"
"#
    .into();
    (idp, scene)
}

#[test]
fn a_device_is_authorized_through_the_login_pages() {
    let (idp, scene) = stage();
    let (code, run) = scene.probe_once(PROBES, "device");
    assert_eq!((code, run.fault()), (0, String::new()), "{:?}", run.0);
    let steps =
        ["discovery", "jwks", "device_authorization", "pending", "login", "token", "id_token", "userinfo", "revoke"];
    assert_eq!(run.steps(), steps);
    // The interval is the default of RFC 8628 §3.2: one poll before the approval, one after it.
    assert_eq!(idp.requests()["POST /token"], 2);
    // A user code that is not known is refused by the page.
    idp.fail(
        json!({ "/device/auth": { "status": 200, "headers": { "content-type": "application/json" }, "body": json!({
        "device_code": "a-device-code-that-nobody-knows-0123456789", "user_code": "ABCD-EFGH",
        "verification_uri": format!("{}/device", idp.issuer), "expires_in": 60,
    }).to_string() } }),
    );
    let (code, run) = scene.probe_once(PROBES, "device");
    assert_eq!((code, run.fault().as_str()), (1, "oauth_error/provider at pending"));
}

#[test]
fn a_registered_client_is_managed_and_deleted() {
    let (idp, scene) = stage();
    let (code, run) = scene.probe_once(PROBES, "registration");
    assert_eq!((code, run.fault()), (0, String::new()), "{:?}", run.0);
    assert_eq!(run.steps(), ["discovery", "create", "read", "update", "authenticate", "delete", "gone", "delete"]);
    let requests = idp.requests();
    let of = |what: &str| requests.get(what).copied().unwrap_or(0);
    assert_eq!((of("POST /reg"), of("PUT /reg"), of("DELETE /reg"), of("GET /reg")), (1, 1, 1, 2), "{requests:?}");
}

/// How many clients are registered that are not deleted.
fn left_behind(idp: &Idp) -> (u64, u64) {
    let requests = idp.requests();
    let of = |what: &str| requests.get(what).copied().unwrap_or(0);
    (of("POST /reg"), of("POST /reg") - of("DELETE /reg"))
}

/// The run is over before the provider has answered, which registers the client all the same.
#[test]
fn a_registration_that_is_answered_late_leaves_no_client_behind() {
    let (idp, mut scene) = stage();
    let hasty = "[[probe]]\nname = \"hasty\"\nkind = \"registration\"\nprovider = \"main\"\ntimeout = \"1s\"\n";
    idp.fail(json!({ "/reg": { "delay": 2500 } }));
    let (code, run) = scene.probe_once(hasty, "hasty");
    assert_eq!((code, run.fault().as_str()), (1, "timeout/network at create"), "{:#}", run.0);
    assert_eq!(left_behind(&idp), (1, 0), "{:?}", idp.requests());

    // Later than cleanup waits: the request lives on, and what it makes is taken away. Until that is known no other is made.
    idp.fail(json!({ "/reg": { "delay": 8000 } }));
    scene.every = "2s";
    let daemon = scene.daemon(hasty);
    daemon.until("authprobe_run_faults_total", &["class=\"timeout\""], |faults| faults >= 1.0);
    daemon.until("authprobe_run_faults_total", &["class=\"budget\""], |faults| faults >= 1.0);
    eventually("that it is taken away", || (left_behind(&idp) == (2, 0)).then_some(()));
    let warned = |run: &Run| run.0["warnings"].to_string().contains("client_left_behind");
    assert!(daemon.runs("hasty").iter().any(warned), "it says that one may be there");
}

/// Ctrl-C in the middle of it.
#[test]
fn a_registration_that_is_interrupted_leaves_no_client_behind() {
    let (idp, scene) = stage();
    let config = scene.config(PROBES);
    idp.fail(json!({ "/reg": { "delay": 2000 } }));
    let mut process = Process::start(env!("CARGO_BIN_EXE_authprobe"), |command| {
        command.args(["probe", "registration", "--config"]).arg(&config).envs(scene.environment());
    });
    eventually("that it is asked for", || (left_behind(&idp).0 == 1).then_some(()));
    process.signal("INT");
    let status = process.wait(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(130), "{}", process.output());
    assert_eq!(left_behind(&idp), (1, 0), "{:?}", idp.requests());
}

#[test]
fn a_logout_leads_back_and_ends_the_session() {
    let (_idp, scene) = stage();
    let (code, run) = scene.probe_once(PROBES, "logout");
    assert_eq!((code, run.fault()), (0, String::new()), "{:?}", run.0);
    // The scope offline_access was not asked for: what could be refreshed dies with the session.
    assert_eq!(run.0["warnings"], json!([]));
}

/// As with django-oauth-toolkit, which lists it and has not implemented it.
#[test]
fn where_prompt_none_fails_an_ordinary_request_shows_whether_the_session_is_gone() {
    let (idp, mut scene) = stage();
    scene.more.push_str(
        "\n[[client]]\nname = \"leaving\"\nprovider = \"main\"\nclient_id = \"bye\"\nclient_secret = { file = \"bye.secret\" }\n\
         redirect_uri = \"http://127.0.0.1:8765/cb\"\n",
    );
    let probe = "[[probe]]\nname = \"leaving\"\nkind = \"logout\"\nclient = \"leaving\"\nuser = \"alice\"\n";
    let silent = json!({ "status": 500 });
    idp.fail(json!({ "/auth?prompt=none": silent }));
    let (code, run) = scene.probe_once(probe, "leaving");
    assert_eq!((code, run.fault()), (0, String::new()), "{:#}", run.0);
    let codes: Vec<_> = run.0["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].clone()).collect();
    assert_eq!(codes, ["prompt_none"]);
    // A goodbye that ends nothing.
    let bye = json!({ "status": 200, "headers": { "content-type": "text/html" }, "body": "<p>Goodbye</p>" });
    idp.fail(json!({ "/auth?prompt=none": silent, "/session/end": bye }));
    let (code, run) = scene.probe_once(probe, "leaving");
    assert_eq!((code, run.fault().as_str()), (1, "logout_ineffective/provider at session"), "{:#}", run.0);
    assert!(run.0["fault"]["detail"].as_str().unwrap().contains("answered with a code"), "{:#}", run.0["fault"]);
}

#[test]
fn a_logout_token_comes_to_the_command_and_to_the_daemon() {
    let (_idp, mut scene) = stage();
    let (code, run) = scene.probe_once(PROBES, "both");
    assert_eq!((code, run.fault()), (0, String::new()), "{:?}", run.0);
    let seconds = |run: &crate::support::authprobe::Run| {
        let observations = run.0["observations"].as_array().unwrap().clone();
        let told = observations.into_iter().find(|observation| observation["what"] == "backchannel_logout").unwrap();
        told["seconds"].as_f64().unwrap()
    };
    assert!((0.0..5.0).contains(&seconds(&run)));

    let check = scene.command(PROBES, "check", &[]);
    let address = format!("http://{}/backchannel-logout/bye", scene.listen);
    assert!(check.stdout.contains(&address), "{}", check.stdout);

    // Where somebody else listens, nothing can come, and nobody is logged in for it.
    let taken = TcpListener::bind(&scene.listen).unwrap();
    let (code, run) = scene.probe_once(PROBES, "both");
    assert_eq!((code, run.fault().as_str()), (3, "config/configuration at discovery"));
    assert!(run.0["fault"]["detail"].as_str().unwrap().contains("cannot listen on"), "{:?}", run.0["fault"]);
    drop(taken);

    scene.every = "2s";
    let daemon = scene.daemon(PROBES);
    daemon.until("authprobe_backchannel_logout_seconds_count", &["probe=\"both\""], |count| count >= 1.0);
    let runs = daemon.runs("both");
    assert!(runs.iter().all(|run| run.fault().is_empty()), "{:?}", runs[0].0);
    // Without a token, but not without a logout token.
    let refused = net::request("POST", &address, &["content-type: application/x-www-form-urlencoded"], "x=1").unwrap();
    assert_eq!(refused.status, 400);
    let nobody = address.replace("/bye", "/web");
    assert_eq!(net::request("POST", &nobody, &[], "").unwrap().status, 404);
}

/// Codes, tokens and addresses that are as good as tokens.
#[test]
fn nothing_secret_of_these_flows_is_shown() {
    let (idp, scene) = stage();
    let mut shown = Vec::new();
    for faults in [json!({}), json!({ "/me": { "status": 500 }, "/session/end/confirm": { "status": 500 } })] {
        idp.fail(faults);
        for probe in ["device", "registration", "logout", "both"] {
            for arguments in [&[probe][..], &[probe, "--json"]] {
                let finished = scene.command(PROBES, "probe", arguments);
                shown.extend([("probe", finished.stdout), ("stderr", finished.stderr)]);
            }
        }
    }
    idp.fail(json!({}));
    let daemon = scene.daemon_with(PROBES, &[("RUST_LOG", "debug")]);
    daemon.until("authprobe_backchannel_logout_seconds_count", &["probe=\"both\""], |count| count >= 1.0);
    daemon.until("authprobe_runs_total", &["probe=\"registration\""], |runs| runs >= 1.0);
    for probe in ["device", "registration", "both"] {
        shown.extend(daemon.runs(probe).iter().map(|run| ("API run", run.0.to_string())));
    }
    shown.push(("logs", daemon.process.output()));
    shown.retain(|(_, text)| !text.is_empty());
    let secrets = idp.secrets();
    // Of each sort: codes of devices, tokens of registered clients, logout tokens.
    assert!(secrets.len() > 30, "the provider saw only {} secrets", secrets.len());
    assert!(secrets.iter().any(|secret| secret.len() == 9 && secret.as_bytes()[4] == b'-'), "no user code");
    assert_nowhere(&secrets, &shown);
}
