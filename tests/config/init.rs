//! `authprobe init` against the lab provider: what it writes must be a valid plan, and must work.

use authprobe::lab::{Lab, LabHandle, Options};
use serde_json::json;

use super::{Folder, authprobe, text};

async fn lab() -> LabHandle {
    Lab::start(Options::default()).await.unwrap()
}

/// The binary waits for the lab, which lives in this process.
async fn run(folder: &Folder, arguments: Vec<String>) -> std::process::Output {
    let path = folder.0.clone();
    tokio::task::spawn_blocking(move || authprobe(&path, &arguments.iter().map(String::as_str).collect::<Vec<_>>()))
        .await
        .unwrap()
}

fn arguments(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_supports_is_enabled_and_valid() {
    let lab = lab().await;
    let folder = Folder::new("init");
    let output =
        run(&folder, arguments(&["init", "--issuer", &lab.issuer, "--client-id", "web", "--output", "a.toml"])).await;
    let hints = text(output.stderr);
    assert_eq!(output.status.code(), Some(0), "{hints}");
    assert!(output.stdout.is_empty());
    assert!(hints.contains("set AUTHPROBE_CLIENT_SECRET to the client's secret"), "{hints}");
    let written = std::fs::read_to_string(folder.0.join("a.toml")).unwrap();
    let keep = "keep only those probes whose grants the client is registered for";
    assert!(hints.contains(keep), "{hints}");
    assert!(written.lines().any(|line| line.starts_with('#') && line.contains(keep)), "{written}");
    let enabled: Vec<&str> =
        written.lines().filter_map(|line| line.strip_prefix("kind = ")).map(|kind| kind.trim_matches('"')).collect();
    assert_eq!(
        enabled,
        [
            "discovery",
            "jwks",
            "client_credentials",
            "form_login",
            "refresh",
            "revocation",
            "token_exchange",
            "userinfo",
            "introspection",
            "logout"
        ],
        "{written}"
    );
    for (kind, why) in [("device", "it needs a client that is registered"), ("hardening", "it tries attacks")] {
        assert!(written.contains(&format!("# kind = \"{kind}\"")) && written.contains(why), "{written}");
    }
    let entries: Vec<&str> = written.lines().filter_map(|line| line.strip_prefix("catalogue = ")).collect();
    let expected = ["jwks-failures", "token-issuance", "login-success", "revocation-propagation"];
    assert_eq!(entries, expected.map(|name| format!("\"{name}\"")), "{written}");
    let check = run(&folder, arguments(&["check", "--config", "a.toml"])).await;
    assert_eq!((check.status.code(), text(check.stderr).as_str()), (Some(0), ""), "{written}");
    let said = text(check.stdout);
    assert!(said.contains("Objectives") && !said.contains("dropped"), "{said}");
    // Never over somebody's work.
    let again = arguments(&["init", "--issuer", &lab.issuer, "--output", "a.toml"]);
    let output = run(&folder, again.clone()).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(output.stderr).contains("a.toml exists already (--force overwrites it)"));
    let output = run(&folder, again.into_iter().chain(["--force".to_owned()]).collect()).await;
    assert_eq!(output.status.code(), Some(0));
    lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_client_only_what_needs_none_is_enabled() {
    let lab = lab().await;
    let folder = Folder::new("init-bare");
    let output = run(&folder, arguments(&["init", "--issuer", &lab.issuer])).await;
    let written = text(output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(output.stderr));
    let enabled = written.lines().filter(|line| line.starts_with("kind = ")).count();
    assert_eq!(enabled, 2, "discovery and jwks:\n{written}");
    assert!(written.contains("# Not enabled: it needs a client: see above."), "{written}");
    folder.write("a.toml", &written);
    let check = run(&folder, arguments(&["check", "--config", "a.toml"])).await;
    assert_eq!((check.status.code(), text(check.stderr).as_str()), (Some(0), ""), "{written}");
    lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_have_their_class_and_exit_code() {
    let lab = lab().await;
    let folder = Folder::new("init-faults");
    lab.set_fault("http_503", &json!({ "endpoint": "discovery" })).unwrap();
    let output = run(&folder, arguments(&["init", "--issuer", &lab.issuer])).await;
    let said = text(output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("http_status (provider)") && said.contains("503"), "{said}");
    assert!(said.contains("what to look at: "), "{said}");
    assert!(output.stdout.is_empty());
    lab.clear_faults();
    // The issuer must match exactly (OIDC Discovery 1.0 §4.3).
    let output = run(&folder, arguments(&["init", "--issuer", &format!("{}/", lab.issuer)])).await;
    let said = text(output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("issuer_mismatch (provider)"), "{said}");
    let (address, issuer) = (lab.address, lab.issuer.clone());
    lab.shutdown().await;
    let output = run(&folder, arguments(&["init", "--issuer", &issuer])).await;
    let said = text(output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("connect (network)"), "nothing listens at {address}: {said}");
    for wrong in
        [&["init", "--issuer", "http://login.example.com"][..], &["init"], &["init", "--issuer", "x", "--force"]]
    {
        assert_eq!(run(&folder, arguments(wrong)).await.status.code(), Some(2), "{wrong:?}");
    }
}
