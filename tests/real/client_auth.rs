//! Every way in which a client proves itself, against a certified provider that checks it: assertions, certificates, proofs
//! of possession, pushed requests.

use std::fmt::Write as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::canary::assert_nowhere;
use crate::support::Folder;
use crate::support::authprobe::Run;
use crate::support::certs::{certificate, client_certificate, self_signed};
use crate::support::idp::{Idp, Options};
use crate::support::scene::Scene;

/// `[[client]]` tables: the name is the client's identifier, the rest its own keys.
fn clients(tables: &[(&str, &str, String)]) -> String {
    let mut out = String::new();
    for (name, id, keys) in tables {
        writeln!(
            out,
            "[[client]]\nname = \"{name}\"\nprovider = \"main\"\nclient_id = \"{id}\"\n\
             redirect_uri = \"http://127.0.0.1:8765/cb\"\nscopes = [\"openid\", \"offline_access\"]\n{keys}\n"
        )
        .unwrap();
    }
    out
}

/// A machine and a login of each client: `machine-NAME` and `login-NAME`.
fn probes(names: &[&str]) -> String {
    let of = |name: &&str| {
        format!(
            "[[probe]]\nname = \"machine-{name}\"\nkind = \"client_credentials\"\nclient = \"{name}\"\n\
             scopes = []\nresource = [\"urn:example:api\"]\n\n\
             [[probe]]\nname = \"login-{name}\"\nkind = \"form_login\"\nclient = \"{name}\"\nuser = \"alice\""
        )
    };
    names.iter().map(of).collect::<Vec<_>>().join("\n\n")
}

/// Status of every request to that endpoint, in order.
fn statuses(run: &Run, endpoint: &str) -> Vec<u64> {
    let steps = run.0["steps"].as_array().unwrap();
    let requests = steps.iter().filter_map(|step| step["requests"].as_array()).flatten();
    requests.filter(|r| r["endpoint"] == endpoint).map(|r| r["status"].as_u64().unwrap_or(0)).collect()
}

fn good(scene: &Scene, probes: &str, probe: &str) -> Run {
    let (code, run) = scene.probe_once(probes, probe);
    assert_eq!((code, run.verdict(), run.fault().as_str()), (0, "good", ""), "{probe}: {}", run.0);
    run
}

fn refused(scene: &Scene, probes: &str, probe: &str, client: &str) {
    let (code, run) = scene.probe_once(probes, probe);
    assert_eq!((code, run.verdict()), (3, "inconclusive"), "{probe}: {}", run.0);
    assert_eq!(run.fault(), "credentials/configuration at token", "{probe}: {}", run.0);
    assert_eq!(run.0["fault"]["account"]["name"], client);
}

fn openssl(folder: &Folder, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// OIDC Core §9, RFC 7523.
#[test]
fn assertions_are_believed_and_forged_ones_are_our_fault() {
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    let keyed = |client: &str, more: &str| {
        let key = idp.client_key(client);
        format!("auth_method = \"private_key_jwt\"\nkey = {{ file = \"{}\" }}\n{more}", key.display())
    };
    scene.folder.write("shared", "a secret that is as long as HS256 needs it\n");
    scene.folder.write("wrong", "another secret that is as long as HS256 needs it\n");
    openssl(&scene.folder, &["ecparam", "-genkey", "-name", "prime256v1", "-out", "stranger.pem"]);
    let secret = |file: &str| format!("auth_method = \"client_secret_jwt\"\nclient_secret = {{ file = \"{file}\" }}");
    scene.more = clients(&[
        ("secret", "jwt-secret", secret("shared")),
        ("es256", "jwt-es256", keyed("jwt-es256", "key_id = \"jwt-es256-1\"\nassertion_audience = \"issuer\"")),
        ("rs256", "jwt-rs256", keyed("jwt-rs256", "")),
        ("ps256", "jwt-ps256", keyed("jwt-ps256", "assertion_alg = \"PS256\"")),
        ("eddsa", "jwt-eddsa", keyed("jwt-eddsa", "")),
        ("wrong", "jwt-secret", secret("wrong")),
        ("stranger", "jwt-es256", "auth_method = \"private_key_jwt\"\nkey = { file = \"stranger.pem\" }".to_owned()),
        ("unsuited", "jwt-ps256", keyed("jwt-ps256", "")),
    ]);
    let names = ["secret", "es256", "rs256", "ps256", "eddsa", "wrong", "stranger", "unsuited"];
    let probes = probes(&names);
    for name in ["secret", "es256", "rs256", "ps256", "eddsa"] {
        good(&scene, &probes, &format!("machine-{name}"));
    }
    // A login asks the token endpoint and revokes: an assertion each.
    for name in ["secret", "es256"] {
        let run = good(&scene, &probes, &format!("login-{name}"));
        assert_eq!(statuses(&run, "revocation"), [200, 200], "{}", run.0);
    }
    for name in ["wrong", "stranger", "unsuited"] {
        refused(&scene, &probes, &format!("machine-{name}"), name);
    }
    // The key is read anew: nothing needs a restart.
    std::fs::copy(idp.client_key("jwt-es256"), scene.folder.file("stranger.pem")).unwrap();
    good(&scene, &probes, "machine-stranger");
}

/// RFC 8705: at the aliases of §5, where alone a certificate is asked for, with tokens bound to it (§3).
#[test]
fn certificates_are_shown_where_they_are_asked_for() {
    let folder = Folder::new();
    let served = certificate(&folder, "+0d", 30);
    let ours = client_certificate(&folder, "authprobe-client");
    let theirs = client_certificate(&folder, "somebody-else");
    let own = self_signed(&folder, "authprobe-self");
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (authority, registered) = (text(&served.authority), text(&own.0));
    let environment = [("CLIENT_CA", authority.as_str()), ("SELF_SIGNED", registered.as_str())];
    let idp = Idp::with(&Options { certificate: Some(&served), environment: &environment, ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.provider = format!("ca_file = \"{authority}\"");
    let shown = |method: &str, (certificate, key): &(std::path::PathBuf, std::path::PathBuf)| {
        format!(
            "auth_method = \"{method}\"\ncertificate = {{ file = \"{}\" }}\ncertificate_key = {{ file = \"{}\" }}",
            text(certificate),
            text(key)
        )
    };
    scene.more = clients(&[
        ("tls", "tls", shown("tls_client_auth", &ours)),
        ("self", "tls-self", shown("self_signed_tls_client_auth", &own)),
        ("other", "tls", shown("tls_client_auth", &theirs)),
        ("unknown", "tls", shown("tls_client_auth", &own)),
        ("unregistered", "tls-self", shown("self_signed_tls_client_auth", &ours)),
    ]);
    let probes = probes(&["tls", "self", "other", "unknown", "unregistered"]);
    // The access token is a JWT bound to the certificate: the run holds it against ours.
    let run = good(&scene, &probes, "machine-tls");
    assert!(!run.0["warnings"].to_string().contains("certificate_unbound"), "{}", run.0);
    good(&scene, &probes, "machine-self");
    // Userinfo takes a bound token with its certificate only.
    let run = good(&scene, &probes, "login-tls");
    assert_eq!(statuses(&run, "userinfo"), [200]);
    for name in ["other", "unknown", "unregistered"] {
        refused(&scene, &probes, &format!("machine-{name}"), name);
    }
}

const DPOP: &str = "client_secret = { env = \"SVC_SECRET\" }\ndpop = true";

/// RFC 9449: proofs at the token endpoint and at userinfo, the thumbprint in the token, and a nonce when one is wanted.
#[test]
fn tokens_are_bound_to_a_key_and_nonces_are_learned() {
    for (nonce, asked) in [("0", vec![200]), ("1", vec![400, 200])] {
        let environment = [("DPOP_NONCE", nonce)];
        let idp = Idp::with(&Options { environment: &environment, ..Options::default() });
        let mut scene = Scene::new(&idp);
        scene.svc_secret = "dpop-secret".into();
        openssl(&scene.folder, &["genpkey", "-algorithm", "ed25519", "-out", "dpop.pem"]);
        let own = format!("{DPOP}\nkey = {{ file = \"dpop.pem\" }}");
        scene.more = clients(&[
            ("fresh", "dpop", DPOP.to_owned()),
            ("own", "dpop", own),
            ("bearer", "dpop", "client_secret = { env = \"SVC_SECRET\" }".to_owned()),
        ]);
        let probes = probes(&["fresh", "own", "bearer"]);
        for name in ["fresh", "own"] {
            let run = good(&scene, &probes, &format!("machine-{name}"));
            assert_eq!(statuses(&run, "token"), asked, "{}", run.0);
            // The nonce is remembered for the rest of the run.
            let run = good(&scene, &probes, &format!("login-{name}"));
            assert_eq!((statuses(&run, "token"), statuses(&run, "userinfo")), (asked.clone(), vec![200]), "{}", run.0);
        }
        // The client is registered for bound tokens: without a proof it gets none.
        let (code, run) = scene.probe_once(&probes, "machine-bearer");
        assert_eq!((code, run.fault().as_str()), (1, "oauth_error/provider at token"), "{}", run.0);
    }
}

/// A refresh token lives on from run to run: its key must as well.
#[test]
fn a_bound_session_is_refreshed_again_and_again() {
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    scene.svc_secret = "dpop-secret".into();
    scene.more = clients(&[("fresh", "dpop", DPOP.to_owned())]);
    let probe = "[[probe]]\nname = \"refresh\"\nkind = \"refresh\"\nclient = \"fresh\"\nuser = \"alice\"\n\
                 age = \"1h\"";
    let daemon = scene.daemon(probe);
    daemon.until("authprobe_runs_total", &["probe=\"refresh\""], |runs| runs >= 3.0);
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0), "{:?}", daemon.runs("refresh"));
    assert_eq!(daemon.sample("authprobe_runs_inconclusive_total", &[]), Some(0.0), "{:?}", daemon.runs("refresh"));
}

/// RFC 9126: pushed because the client says so, because the provider takes nothing else, or not at all.
#[test]
fn requests_are_pushed_where_they_must_be() {
    let client = |par: &str| format!("client_secret = {{ env = \"SVC_SECRET\" }}\n{par}");
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    scene.svc_secret = "par-secret".into();
    scene.more = clients(&[
        ("pushing", "par", client("par = true")),
        ("plain", "par", client("")),
        ("proving", "dpop", "client_secret = { file = \"dpop\" }\npar = true\ndpop = true".to_owned()),
    ]);
    scene.folder.write("dpop", "dpop-secret");
    let probes = probes(&["pushing", "plain", "proving"]);
    let run = good(&scene, &probes, "login-pushing");
    assert_eq!(statuses(&run, "pushed_authorization"), [201], "{}", run.0);
    // With a proof the code is bound to the key as well (RFC 9449 §10.1).
    good(&scene, &probes, "login-proving");
    // This client is registered for pushed requests only.
    let (code, run) = scene.probe_once(&probes, "login-plain");
    assert_eq!((code, run.verdict()), (1, "bad"), "{}", run.0);

    let environment = [("PAR", "required")];
    let idp = Idp::with(&Options { environment: &environment, ..Options::default() });
    scene.issuer.clone_from(&idp.issuer);
    let run = good(&scene, &probes, "login-plain");
    assert_eq!(statuses(&run, "pushed_authorization"), [201], "{}", run.0);
    scene.svc_secret = "not-the-secret".into();
    let (code, run) = scene.probe_once(&probes, "login-plain");
    assert_eq!((code, run.fault().as_str()), (3, "credentials/configuration at authorize"), "{}", run.0);
    assert_eq!(run.0["fault"]["account"]["name"], "plain");
}

/// Assertions, proofs, references to pushed requests, the tokens that they brought and the keys that made them.
#[test]
fn nothing_that_proves_is_shown_anywhere() {
    let environment = [("DPOP_NONCE", "1")];
    let idp = Idp::with(&Options { environment: &environment, ..Options::default() });
    let mut scene = Scene::new(&idp);
    scene.svc_secret = "dpop-secret".into();
    openssl(&scene.folder, &["genpkey", "-algorithm", "ed25519", "-out", "dpop.pem"]);
    let key = idp.client_key("jwt-es256");
    scene.more = clients(&[
        (
            "signing",
            "jwt-es256",
            format!("auth_method = \"private_key_jwt\"\nkey = {{ file = \"{}\" }}", key.display()),
        ),
        ("proving", "dpop", format!("{DPOP}\npar = true\nkey = {{ file = \"dpop.pem\" }}")),
    ]);
    let probes = probes(&["signing", "proving"]);
    let names = ["machine-signing", "login-signing", "machine-proving", "login-proving"];
    let mut shown = Vec::new();
    let mut daemon = scene.daemon_with(&probes, &[("RUST_LOG", "debug")]);
    for name in names {
        daemon.until("authprobe_runs_total", &[&format!("probe=\"{name}\"")], |runs| runs >= 1.0);
    }
    for (path, step) in [("/request", "authorize"), ("/token", "token"), ("/me", "userinfo")] {
        idp.fail(json!({ path: { "status": 500 } }));
        let parts = ["probe=\"login-proving\"".to_owned(), format!("step=\"{step}\"")];
        daemon.until("authprobe_run_faults_total", &[&parts[0], &parts[1]], |faults| faults >= 1.0);
    }
    idp.fail(json!({}));
    for name in names {
        shown.extend(daemon.runs(name).iter().map(|run| ("API run", run.0.to_string())));
        shown.push(("API runs", daemon.get(&format!("/api/v1/probes/{name}/runs")).body));
        let finished = scene.command(&probes, "probe", &[name]);
        assert_eq!(finished.code, 0, "{finished:?}");
        shown.extend([("probe", finished.stdout), ("stderr", finished.stderr)]);
    }
    for path in ["/", "/metrics", "/api/v1/probes"] {
        shown.push(("page", daemon.get(path).body));
    }
    let check = scene.command(&probes, "check", &[]);
    shown.extend([("check", check.stdout), ("stderr", check.stderr)]);
    assert_eq!(daemon.terminate(crate::support::PATIENCE), 0);
    shown.push(("logs", daemon.process.output()));

    let mut secrets = idp.secrets();
    let header = |secret: &str| URL_SAFE_NO_PAD.decode(secret.split('.').next().unwrap()).unwrap_or_default();
    let jwt = |what: &str| secrets.iter().any(|secret| String::from_utf8_lossy(&header(secret)).contains(what));
    assert!(jwt("\"dpop+jwt\"") && jwt("\"ES256\""), "the provider saw no proof");
    assert!(secrets.iter().any(|secret| secret.starts_with("urn:ietf:params:oauth:request_uri:")));
    for key in [key, scene.folder.file("dpop.pem")] {
        let key = std::fs::read_to_string(key).unwrap();
        secrets.extend(key.lines().filter(|line| !line.starts_with("---")).map(str::to_owned));
    }
    assert_nowhere(&secrets, &shown);
}
