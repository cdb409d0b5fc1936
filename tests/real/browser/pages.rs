//! Logins that go well, whatever the pages look like.

use super::{assert_good, forms_sent, login, now, on_demand, once, probe, scene};
use crate::support::idp::Idp;
use crate::support::scene::Scene;

/// Scenes that the obvious fields and buttons lead through, with the forms that each login sends.
const OBVIOUS: [(&str, u64); 9] = [
    ("plain", 2),
    ("two-step", 3),
    ("live", 2),
    ("live-two-step", 3),
    ("shadow", 2),
    ("slow", 2),
    ("stay", 3),
    ("renamed", 2),
    ("hanging-image", 2),
];

#[test]
fn the_obvious_fields_lead_through_all_kinds_of_pages() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let mut daemon = on_demand(&mut stage, &OBVIOUS.map(|(name, _)| probe(name, &scene(name))));
    for (name, forms) in OBVIOUS {
        let (sent, run) = forms_sent(&idp, || now(&daemon, name));
        assert_good(&run, name);
        assert_eq!(sent, forms, "{name}: a real login, and consent, each once");
        assert!(run.0["browser"]["pages"].as_array().unwrap().len() >= 2, "{name}: {:#}", run.0);
    }
    assert_eq!(daemon.sample("authprobe_browser_starts_total", &[]), Some(1.0), "one browser served all");
    assert_eq!(daemon.terminate(crate::support::PATIENCE), 0);
    super::processes::nothing_is_left(&stage.temporary);
}

const DECLARED: &str = r##"
[[probe.step]]
fill = "#username"
with = "username"
[[probe.step]]
click = "text=Next"
[[probe.step]]
wait = "input[type=password]"
[[probe.step]]
fill = "#password"
with = "password"
[[probe.step]]
click = "#submit"
[[probe.step]]
expect = "text=Authorize web"
[[probe.step]]
click = "text=Allow"
"##;

#[test]
fn presets_and_declared_steps_lead_through_pages() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let cases = [
        ("preset", format!("page = \"oidc-provider\"\n{}", scene("live"))),
        ("generic", format!("page = \"generic\"\n{}", scene("plain"))),
        ("declared", format!("{}{DECLARED}", scene("two-step"))),
        ("declared-live", format!("{}{DECLARED}", scene("live-two-step"))),
    ];
    let daemon = on_demand(&mut stage, &cases.each_ref().map(|(name, keys)| probe(name, keys)));
    for (name, _) in cases {
        assert_good(&now(&daemon, name), name);
    }
}

#[test]
fn one_run_at_the_prompt_measures_each_page_and_leaves_nothing_behind() {
    let idp = Idp::start();
    let stage = Scene::new(&idp);
    let (code, run) = once(&stage, &scene("two-step"));
    assert_good(&run, "two-step");
    assert_eq!(code, 0);
    let browser = &run.0["browser"];
    assert!(browser["name"].as_str().unwrap().starts_with("chrom"), "{browser:#}");
    let (overhead, whole) =
        (browser["overhead_seconds"].as_f64().unwrap(), run.0["duration_seconds"].as_f64().unwrap());
    assert!(overhead > 0.0 && overhead < whole, "{overhead} of {whole}");
    let pages = browser["pages"].as_array().unwrap();
    // Name, password, consent.
    assert_eq!(pages.len(), 3, "{browser:#}");
    assert_eq!(pages[0]["redirects"], 1, "from the authorization endpoint to the login");
    for page in pages {
        let at = |name: &str| page[name].as_f64().unwrap_or_else(|| panic!("no {name}: {page:#}"));
        assert!(at("ttfb_seconds") > 0.0 && at("ttfb_seconds") <= at("dom_ready_seconds"), "{page:#}");
        assert_eq!(page["status"], 200, "{page:#}");
        let url = page["url"].as_str().unwrap();
        assert!(url.starts_with(&format!("{}/interaction/", idp.issuer)), "{url}");
    }
    // Each request of the pages is on record with its phases, beside those of plain HTTP.
    let of = |endpoint: &str| run.requests().into_iter().filter(|r| r["endpoint"] == endpoint).count();
    assert_eq!((of("discovery"), of("token"), of("userinfo")), (1, 1, 1));
    assert!(of("authorization") >= 1 && of("login_page") >= 3, "{:#?}", run.requests());
}

#[test]
fn a_slow_answer_after_the_password_is_waited_for() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    let daemon = on_demand(&mut stage, &[login(&scene("live"))]);
    idp.fail(serde_json::json!({ "/me": { "delay": 1500 } }));
    let run = now(&daemon, "login");
    assert_good(&run, "late userinfo");
    assert!(run.0["duration_seconds"].as_f64().unwrap() > 1.5, "{:#}", run.0);
}
