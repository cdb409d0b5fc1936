//! Logins that the pages do not let through: whose fault it is, and what a person reads about it.

use super::{assert_says, forms_sent, login, once, scene};
use crate::support::idp::Idp;
use crate::support::scene::Scene;

#[test]
fn a_wrong_password_is_sent_once() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    stage.folder.write("alice.password", "looking-glass");
    for name in ["plain", "live-two-step"] {
        let (sent, (code, run)) = forms_sent(&idp, || once(&stage, &scene(name)));
        assert_eq!((code, run.verdict()), (3, "inconclusive"), "{name}");
        assert_eq!(run.fault(), "credentials/configuration at login", "{name}");
        assert_eq!(run.0["fault"]["account"]["name"], "alice", "{name}");
        // On two pages: the name, and the password.
        assert_eq!(sent, if name == "plain" { 1 } else { 2 }, "{name}: no password is tried twice");
    }

    // A daemon stops the account, until its password changes.
    let (probes, sent) = (login(&scene("live")), idp.forms_sent());
    stage.every = "500ms";
    let daemon = stage.daemon(&probes);
    daemon.until("authprobe_runs_missed_total", &["reason=\"account\""], |missed| missed >= 4.0);
    assert_eq!(idp.forms_sent() - sent, 1, "one password in all those runs");
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0), "it is not the provider's fault");
    stage.folder.write("alice.password", "wonderland-7");
    daemon.until("authprobe_runs_total", &[], |runs| runs >= 1.0);
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0));
}

#[test]
fn a_locked_account_is_named() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    stage.more = "[[user]]\nname = \"lou\"\nusername = \"lou\"\npassword = { file = \"alice.password\" }\n".into();
    let (code, run) = stage.probe_once(&login("").replace("\"alice\"", "\"lou\""), "login");
    assert_eq!((code, run.fault().as_str()), (3, "credentials/configuration at login"));
    assert_eq!(run.0["fault"]["account"]["name"], "lou");
    assert_says(&run, &["locked"]);
}

#[test]
fn a_renamed_field_is_missed_by_name_with_what_was_there_instead() {
    let idp = Idp::start();
    let stage = Scene::new(&idp);
    let (sent, (code, run)) =
        forms_sent(&idp, || once(&stage, &format!("page = \"oidc-provider\"\n{}", scene("renamed"))));
    assert_eq!((code, run.fault().as_str()), (1, "login_page/provider at login"));
    assert_says(&run, &["input[name=username]", "Sign in", "Welcome back", "Enter"]);
    assert_eq!(sent, 0, "nothing was sent");
    // And what a person needs to mend the probe.
    let outline = run.0["browser"]["evidence"]["outline"].as_str().unwrap();
    for part in ["Welcome back", "Handle", "Secret", "Enter"] {
        assert!(outline.contains(part), "no {part} in {outline}");
    }
}

#[test]
fn challenges_are_ours_to_mend() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let (sent, (code, run)) = forms_sent(&idp, || once(&stage, &scene("captcha")));
    assert_eq!((code, run.fault().as_str()), (3, "challenge/configuration at login"));
    assert_says(&run, &["CAPTCHA"]);
    assert_eq!(sent, 0, "no password goes to a page with a CAPTCHA");

    // Second factors that no machine has.
    let (sent, (code, run)) = forms_sent(&idp, || once(&stage, &scene("sms")));
    assert_eq!((code, run.fault().as_str()), (3, "challenge/configuration at login"));
    assert_says(&run, &["code"]);
    assert_eq!(sent, 1, "no code is guessed");
    let (sent, (code, run)) = forms_sent(&idp, || once(&stage, &scene("approve")));
    assert_eq!((code, run.fault().as_str()), (3, "challenge/configuration at login"), "{:#}", run.0["fault"]);
    assert_says(&run, &["Approve the request"]);
    assert_eq!(sent, 1);

    // A seed is no answer to a code that comes by message.
    stage.folder.write("alice.totp", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    stage.more = "[[user]]\nname = \"seeded\"\nusername = \"alice\"\npassword = { file = \"alice.password\" }\n\
                  totp = { file = \"alice.totp\" }\n"
        .into();
    let probes = login(&scene("sms")).replace("\"alice\"", "\"seeded\"");
    let (sent, (_, run)) = forms_sent(&idp, || stage.probe_once(&probes, "login"));
    assert_eq!(run.fault(), "challenge/configuration at login");
    assert_says(&run, &["sent to somebody"]);
    assert_eq!(sent, 1, "the seed's code is not given away");
}
