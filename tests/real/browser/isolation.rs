//! Nothing of a login is there in the next, in one warm browser. The pages of `sticky` leave all that a browser can keep,
//! and a session of the provider that lasts a day: whoever brings it is not asked again.

use serde_json::{Value, json};

use super::{assert_good, forms_sent, login, now, on_demand, scene};
use crate::support::eventually;
use crate::support::idp::Idp;
use crate::support::process::Process;
use crate::support::scene::Scene;

const LOGINS: usize = 6;
/// The form is sent once everything has been left behind.
const STEPS: &str = r##"
[[probe.step]]
wait = "body[data-sticky=done]"
[[probe.step]]
fill = "#username"
with = "username"
[[probe.step]]
fill = "#password"
with = "password"
[[probe.step]]
click = "#submit"
"##;

/// What each page found of logins before.
fn traces(idp: &Idp) -> Vec<Value> {
    idp.control("GET", "/traces", &Value::Null).as_array().unwrap().clone()
}

#[test]
fn a_warm_browser_remembers_nothing() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let mut probe = login(&format!("{}{STEPS}", scene("sticky")));
    probe.push_str("[[probe.step]]\nclick = \"#allow\"\n");
    let daemon = on_demand(&mut stage, &[probe]);
    for number in 0..LOGINS {
        let (sent, run) = forms_sent(&idp, || now(&daemon, "login"));
        assert_good(&run, &format!("login {number}"));
        assert_eq!(sent, 2, "login {number}: the provider asked for the password, and for consent");
    }
    // The next window is made in advance: the last of the pages may still be on its way out.
    assert_eq!(daemon.sample("authprobe_browser_starts_total", &[]), Some(1.0), "it was one browser");
    let found = eventually("what all pages found", || Some(traces(&idp)).filter(|found| found.len() >= LOGINS));
    // The consent page has no such script: one page a login.
    assert_eq!(found, vec![json!([]); LOGINS]);
    assert_eq!(idp.requests()["GET /assets/stamp.js"], LOGINS as u64, "nothing came out of a cache");
}

/// The same page, in a browser that keeps its profile: were there something, it would be seen.
#[test]
fn what_a_browser_keeps_would_be_seen() {
    let idp = Idp::start();
    let stage = Scene::new(&idp);
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let url = format!(
        "{}/auth?client_id=web&response_type=code&scope=openid&redirect_uri=http%3A%2F%2F127.0.0.1%3A8765%2Fcb\
         &code_challenge={challenge}&code_challenge_method=S256&state=s&scene=sticky",
        idp.issuer
    );
    for visit in 1..=2 {
        let mut browser = Process::start("/usr/lib/chromium/chromium-headless-shell", |command| {
            command.arg(format!("--user-data-dir={}", stage.folder.file("profile").display()));
            command.args([
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--remote-debugging-port=0",
                &url,
            ]);
        });
        let seen = eventually("what the page found", || Some(traces(&idp)).filter(|found| found.len() >= visit));
        if visit == 1 {
            assert_eq!(seen, [json!([])]);
            // Storage is written in the background.
            eventually("the database", || {
                let script = idp.requests().get("GET /sw.js").copied().unwrap_or_default();
                (script > 0).then_some(())
            });
            browser.signal("TERM");
            browser.wait(crate::support::PATIENCE).expect("the browser ends");
        } else {
            let kept = seen[1].as_array().unwrap();
            assert!(kept.contains(&json!("cookie")) && kept.len() >= 3, "{seen:?}");
        }
    }
}
