//! Refused credentials are ours to mend: inconclusive, and never tried a second time by themselves.

use crate::support::eventually;
use crate::support::idp::Idp;
use crate::support::scene::{EVERY_KIND, Scene};

#[test]
fn a_refused_client_is_not_the_providers_fault() {
    let idp = Idp::start();
    let mut scene = Scene::new(&idp);
    scene.svc_secret = "not-the-secret".into();
    // RFC 6749 §5.2: invalid_client
    let (code, run) = scene.probe_once(EVERY_KIND, "machine");
    assert_eq!((code, run.verdict()), (3, "inconclusive"));
    assert_eq!(run.fault(), "credentials/configuration at token");
    assert_eq!(run.0["fault"]["account"]["name"], "svc");

    scene.web_secret = "not-the-secret".into();
    let (code, run) = scene.probe_once(EVERY_KIND, "login");
    assert_eq!((code, run.fault().as_str()), (3, "credentials/configuration at token"));
    assert_eq!(run.0["fault"]["account"]["name"], "web");
}

#[test]
fn a_refused_password_stops_the_account_until_somebody_acts() {
    let idp = Idp::start();
    let scene = Scene::new(&idp);
    scene.folder.write("alice.password", "looking-glass");
    let (code, run) = scene.probe_once(EVERY_KIND, "login");
    assert_eq!((code, run.verdict()), (3, "inconclusive"));
    assert!(run.fault().starts_with("credentials/configuration at "), "{}", run.fault());
    assert_eq!(run.0["fault"]["account"]["name"], "alice");
    let by_hand = idp.forms_sent();

    // Only probes of this account, so that every form sent is a password.
    let probes = EVERY_KIND.split("\n\n").filter(|t| t.contains("user = \"alice\"")).collect::<Vec<_>>().join("\n\n");
    let daemon = scene.daemon(&probes);
    daemon.until("authprobe_runs_missed_total", &["reason=\"account\"", "probe=\"login\""], |missed| missed >= 3.0);
    daemon.until("authprobe_runs_missed_total", &["reason=\"account\"", "probe=\"refresh\""], |missed| missed >= 3.0);
    let tried = idp.forms_sent() - by_hand;
    // Three probes may have been under way when the first was refused; none may come after.
    assert!((1..=3).contains(&tried), "{tried} passwords sent");
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0), "none of it is the provider's fault");

    let answer = daemon.post("/api/v1/accounts/alice/resume");
    assert!((200..300).contains(&answer.status), "{answer:?}");
    eventually("another try", || (idp.forms_sent() - by_hand > tried).then_some(()));
    let missed = daemon.sample("authprobe_runs_missed_total", &["reason=\"account\""]).unwrap();
    daemon.until("authprobe_runs_missed_total", &["reason=\"account\""], |now| now >= missed + 5.0);
    let tried_again = idp.forms_sent() - by_hand - tried;
    assert!((1..=3).contains(&tried_again), "{tried_again} passwords sent");

    // A new password is a reason to try again.
    scene.folder.write("alice.password", "wonderland-7");
    daemon.until("authprobe_runs_total", &["probe=\"login\""], |runs| runs >= 2.0);
    assert_eq!(daemon.sample("authprobe_run_failures_total", &[]), Some(0.0));
}
