use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::State;
use authprobe::alert::conditions::{Deployment, Followed};
use authprobe::clock::{Clock, Timestamp};
use authprobe::fault::{Class, Fault};
use authprobe::outcome::{Id, Outcome, Verdict};
use authprobe::schedule::Timing;
use authprobe::slo::maintenance::{Recurring, Window};

use crate::support_outcome::{check, outcome};
use crate::web_support::standing::{alert, blank, burning, healthy, objective};
use crate::web_support::{Engine, Ledger, NOW, Web};

const HOSTILE: &str = "<script>alert('1')</script>&\"><img src=x onerror=alert(1)>";

pub fn engine(names: [&str; 3]) -> Engine {
    let objectives: Vec<_> = names.map(|name| Arc::new(objective(name))).into();
    let evaluations = vec![healthy(&objectives[0]), blank(&objectives[1]), burning(&objectives[2])];
    Engine { objectives, evaluations: Arc::new(evaluations), ..Engine::default() }
}

/// What a piece of the page says, without its markup: words with single blanks between them.
pub fn words(html: &str) -> String {
    let mut text = String::new();
    for (n, part) in html.split('<').enumerate() {
        let words = if n == 0 { part } else { part.split_once('>').map_or("", |(_, words)| words) };
        text.push(' ');
        text.push_str(words);
    }
    let plain = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// From where that stands to the next `end`.
pub fn part<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    let at = page.find(begin).unwrap_or_else(|| panic!("no {begin}\n{page}"));
    &page[at..at + page[at..].find(end).unwrap_or_else(|| panic!("no {end}\n{page}"))]
}

fn card(page: &str, slo: &str) -> String {
    words(part(page, &format!("id=\"slo-{slo}\""), "</article>"))
}

/// The alert of that name.
pub fn shown(page: &str, name: &str) -> String {
    let alerts = part(page, "<h2 id=\"alerts\"", "</section>");
    let item = alerts.split("<li ").find(|item| item.contains(&format!("<h3>{name}")));
    item.unwrap_or_else(|| panic!("no {name}\n{alerts}")).to_owned()
}

#[tokio::test]
async fn objectives_show_budget_burn_and_state_in_words() {
    let web = Web::start(engine(["fine", "silent", "failing"])).await;
    let page = web.get("/").await.body;
    let order = ["failing", "silent", "fine"].map(|name| page.find(&format!("id=\"slo-{name}\"")).unwrap());
    assert!(order.is_sorted(), "the worst first");
    let failing = card(&page, "failing");
    for text in [
        "availability · 99.95% over 30d",
        "failing burning",
        "Last failures began 20m ago",
        "5.8% of the error budget left",
        "40 of the 85010 runs so far failed; 3 more may fail over 30d.",
        "Raw, with maintenance: spent 1.6 times.",
        "1h and 5m 333 × 667 × 14.4 × page burns",
        "3d and 6h 0 × 0 × 1 × ticket quiet",
        // A whole budget lasts 30 days at a rate of one.
        "Gone in 7m38s at the present rate.",
        "97% of what was expected was judged",
    ] {
        assert!(failing.contains(text), "{text}\n{failing}");
    }
    assert!(page.contains("<a href=\"/slos/failing\">failing</a>"));
    // Where `dashboard_url` leads.
    for id in ["slo-failing", "slo-silent", "slo-fine", "probe-login", "alerts", "verdict"] {
        assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
    let silent = card(&page, "silent");
    for text in
        ["silent unknown", "Nothing was judged.", "1h and 5m ? ? 14.4 × page unknown", "unknown, nothing was expected"]
    {
        assert!(silent.contains(text), "{text}\n{silent}");
    }
    assert!(!silent.contains("0%") && !silent.contains("0.0"), "unknown is not zero\n{silent}");
    let fine = card(&page, "fine");
    assert!(fine.contains("fine ok") && fine.contains("90.7%") && !fine.contains("Raw"), "{fine}");
    assert!(fine.contains("Not exhausted at the present rate."), "{fine}");
    for absent in [" style=", " onclick=", "javascript:"] {
        assert!(!page.contains(absent), "{absent}");
    }
    for script in page.split("<script").skip(1) {
        assert!(script.starts_with(" src=\"/") && script.contains("></script>"), "no script of its own: {script}");
    }
}

#[tokio::test]
async fn objectives_are_bounded_and_all_have_their_anchor() {
    let names: Vec<String> = (0..230).map(|n| format!("slo{n:03}")).collect();
    let objectives: Vec<_> = names.iter().map(|name| Arc::new(objective(name))).collect();
    let evaluations = objectives.iter().map(healthy).collect();
    let engine = Engine { objectives, evaluations: Arc::new(evaluations), ..Engine::default() };
    let page = Web::start(engine).await.get("/").await.body;
    assert_eq!((page.matches(" id=\"slo-").count(), page.matches("<article").count()), (200, 12));
    assert!(words(&page).contains("30 more are in /api/v1/slos"), "what is left out is said");
}

fn failed(region: &str, ago: u64, class: Class, step: &'static str) -> Outcome {
    let mut fault = Fault::new(class, "expected 200, found 503");
    fault.step = step;
    let verdict = if fault.blame.is_bad() { Verdict::Bad } else { Verdict::Inconclusive };
    let start = NOW - Duration::from_secs(ago);
    let id = Id([u8::try_from(ago).unwrap(); 16]);
    Outcome { start, scheduled: start, verdict, fault: Some(fault), trace_id: id, ..outcome(&check("login", region)) }
}

fn good(region: &str, ago: u64) -> Outcome {
    Outcome { verdict: Verdict::Good, fault: None, ..failed(region, ago, Class::Timeout, "token") }
}

async fn sentence(outcomes: Vec<Outcome>) -> (String, String) {
    let engine = Engine::default();
    outcomes.into_iter().for_each(|outcome| engine.push(outcome));
    let page = Web::start(engine).await.get("/").await.body;
    (words(part(&page, "<h1 id=\"verdict\"", "</h1>")), page)
}

#[tokio::test]
async fn the_first_sentence_says_how_it_is() {
    let (told, _) = sentence(vec![]).await;
    assert_eq!(told, "Not known whether getting tokens works at main: nothing has run yet.");
    let (told, page) = sentence(vec![good("us", 50), good("eu", 20)]).await;
    assert_eq!(told, "Getting tokens works at main, from both regions.");
    assert!(!page.contains("class=\"badge bad\""), "{page}");
    let again = vec![
        good("us", 90),
        failed("eu", 80, Class::HttpStatus, "token"),
        failed("eu", 20, Class::HttpStatus, "token"),
    ];
    let (told, page) = sentence(again).await;
    assert_eq!(
        told,
        "Getting tokens fails at main from eu (http_status at step token, the provider's fault); it works from us."
    );
    let row = part(&page, "id=\"probe-login\"", "</tr>");
    assert!(row.contains(&format!("class=\"badge bad\" href=\"/runs/{}\">bad</a>", "14".repeat(16))), "{row}");
    assert!(words(row).contains("http_status in token, provider") && row.contains("found 503"), "{row}");
    assert!(row.contains("<a href=\"/probes/login\">login</a>"));
    // What is ours is never the provider's fault.
    let (told, page) = sentence(vec![failed("eu", 20, Class::Egress, "token"), good("us", 30)]).await;
    assert!(told.starts_with("Getting tokens works at main, from us; not known from eu"), "{told}");
    assert!(told.contains("authprobe's own fault") && !page.contains("class=\"badge bad\""), "{page}");
    // An hour later nobody knows.
    let engine = Engine { clock: Clock::manual(NOW + Duration::from_secs(3600)), ..Engine::default() };
    engine.push(good("eu", 20));
    engine.push(good("us", 20));
    let page = Web::start(engine).await.get("/").await.body;
    assert!(words(&page).contains("its last run was 1h ago"), "{page}");
    assert!(page.contains(">stale</a>") && !page.contains("class=\"badge good\" href"), "{page}");
}

#[tokio::test]
async fn what_is_not_well_stands_first_and_the_rest_is_folded() {
    let engine = Engine { more: (0..60).map(|n| format!("probe-{n:02}")).collect(), ..Engine::default() };
    for n in 0..60_u8 {
        let of = |outcome: Outcome| Outcome {
            check: check(&format!("probe-{n:02}"), &outcome.check.region),
            trace_id: Id([n; 16]),
            ..outcome
        };
        engine.push(of(if n == 41 { failed("eu", 20, Class::Timeout, "token") } else { good("eu", 20) }));
        engine.push(of(good("us", 20)));
    }
    let page = Web::start(engine).await.get("/").await.body;
    assert_eq!(page.matches(" id=\"probe-").count(), 61);
    let first = page.find(" id=\"probe-").unwrap();
    assert!(page[first..].starts_with(" id=\"probe-probe-41\""), "the failing one first");
    let fold = part(&page, "<summary id=\"more-probes\"", "</summary>");
    assert_eq!(words(fold), "37 more probes, all good");
}

#[tokio::test]
async fn alerts_say_since_when_why_and_where_to_go_on() {
    let mut engine = engine(["login-availability", "b", "c"]);
    let mut of_probe = alert("AuthProbeCredentials", "ticket", State::Resolving);
    of_probe.labels.insert("probe".into(), "login".into());
    engine.alerts = Arc::new(vec![
        alert("AuthClockSkew", "ticket", State::Pending),
        alert("AuthSLOBurn", "page", State::Firing),
        of_probe,
        alert("AuthRevocationSlow", "ticket", State::Resolved),
    ]);
    engine.push(failed("us", 30, Class::HttpStatus, "token"));
    let page = Web::start(engine).await.get("/").await.body;
    let firing = shown(&page, "AuthSLOBurn");
    for text in [
        "main · login-availability",
        "firing page since 10m ago",
        "Logins burn their error budget",
        "20 of 120 runs failed in us.",
        "Newest failed run: http_status at step token, blame: provider",
    ] {
        assert!(words(&firing).contains(text), "{text}\n{firing}");
    }
    for link in [
        "https://runbooks.example.com/auth#authsloburn",
        "/slos/login-availability",
        &format!("/runs/{}", "1e".repeat(16)),
    ] {
        assert!(firing.contains(&format!("<a href=\"{link}\">")), "{link}\n{firing}");
    }
    assert!(words(&shown(&page, "AuthClockSkew")).contains("pending ticket holds since 12m ago"));
    let quiet = shown(&page, "AuthProbeCredentials");
    assert!(
        words(&quiet).contains("firing ticket quiet lately since 10m ago") && quiet.contains("href=\"/probes/login\"")
    );
    let order = ["AuthSLOBurn", "AuthProbeCredentials", "AuthClockSkew", "1 resolved lately", "AuthRevocationSlow"];
    let alerts = words(part(&page, "<h2 id=\"alerts\"", "</section>"));
    assert!(order.map(|name| alerts.find(name).unwrap()).is_sorted(), "{alerts}");
}

#[tokio::test]
async fn the_day_shows_maintenance_and_deployments() {
    let web = Web::start(engine(["a", "b", "c"])).await;
    let hour = Duration::from_secs(3600);
    {
        let mut maintenance = web.engine.maintenance.lock().unwrap();
        maintenance.recurring = ["0 0 23 * * *", "0 0 4 * * *"]
            .map(|cron| Recurring {
                name: format!("at {cron}").into(),
                begins: Timing::cron(cron, "UTC").unwrap(),
                duration: hour,
                probes: (0..10).map(|n| format!("probe-{n}").into()).collect(),
            })
            .into();
        let window = |from: Timestamp, to: Timestamp, comment: &str| Window {
            id: "00000001".into(),
            from_nanos: from.as_nanos(),
            to_nanos: to.as_nanos(),
            probes: vec!["login".into()],
            comment: comment.into(),
            created_by: "alice".into(),
        };
        maintenance.windows = vec![
            window(NOW - hour, NOW + hour * 2, "database upgrade"),
            window(NOW - hour * 5, NOW - hour * 4, "this morning"),
            window(NOW - hour * 50, NOW - hour * 49, "long ago"),
        ];
    }
    let deployment = |n: u64| Deployment {
        id: format!("{n:08}"),
        at_nanos: (NOW - hour * u32::try_from(n).unwrap()).as_nanos(),
        service: "keycloak".into(),
        version: format!("26.5.{n}"),
        provider: "main".into(),
        followed: (n == 2)
            .then(|| Followed { labels: alert("AuthOutage", "page", State::Firing).labels, fired_nanos: 0 })
            .into_iter()
            .collect(),
        ..Default::default()
    };
    *web.engine.deployments.lock().unwrap() = (1..=6).map(deployment).collect();
    let page = web.get("/").await.body;
    let sections = ["verdict", "alerts", "probes", "objectives", "day"];
    let places = sections.map(|id| page.find(&format!(" id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}\n{page}")));
    assert!(places.is_sorted());
    let day = part(&page, "<h2 id=\"day\"", "</section>");
    let told = words(day);
    assert!(told.contains("at 0 0 23 * * * ends ") && !told.contains("at 0 0 4 * * * ends"), "{told}");
    assert!(told.contains("probe-7 and 2 more"), "{told}");
    assert!(told.contains("database upgrade ends in 2h : login (asked for by alice)"), "{told}");
    assert!(told.contains("keycloak 26.5.5, 5h ago"), "{told}");
    assert!(!told.contains("keycloak 26.5.6, 6h ago"), "the last five: {told}");
    assert!(told.contains("keycloak 26.5.2, 2h ago · main · followed by AuthOutage"), "{told}");
    // In the drawing: one from this morning is there, one of two days ago is not; the daily ones lie in any day.
    for title in ["this morning, from", "database upgrade, from", "at 0 0 4 * * *, from", "keycloak 26.5.6,"] {
        assert!(day.contains(&format!("<title>{title}")), "{title}\n{day}");
    }
    assert!(!day.contains("long ago"), "{day}");
    assert!(day.contains("aria-label=\"Deployments: 6 in the last 24 hours\""), "{day}");
}

#[tokio::test]
async fn the_page_says_what_is_missing() {
    let page = async |engine: Engine| Web::start(engine).await.get("/").await.body;
    let bare = page(Engine::default()).await;
    assert!(bare.contains("No alert is firing or pending."));
    for absent in ["Objectives", "Maintenance now", "Last deployments", "ledger"] {
        assert!(!bare.contains(absent), "{absent}\n{bare}");
    }
    assert!(bare.contains("no run yet") && bare.contains("Not known whether"), "{bare}");
    let kept_nowhere = page(engine(["a", "b", "c"])).await;
    assert!(kept_nowhere.contains("No ledger is configured: budgets begin anew with each start."));
    let full = Ledger { failing: Some("no space <is> left".into()), ..Ledger::default() };
    let full = page(Engine { ledger: Some(full), evaluate: false, ..Engine::default() }).await;
    assert!(full.contains("The ledger cannot be written: <b>no space &lt;is&gt; left</b>"), "{full}");
    assert!(full.contains("evaluated by Prometheus"), "{full}");
}

#[tokio::test]
async fn hostile_names_and_texts_are_escaped() {
    let mut engine = engine([HOSTILE; 3]);
    engine.ledger = Some(Ledger { failing: Some(HOSTILE.into()), ..Ledger::default() });
    let mut evil = alert(HOSTILE, HOSTILE, State::Firing);
    for key in ["summary", "description"] {
        evil.annotations.insert(key.into(), HOSTILE.into());
    }
    evil.labels.insert("slo".into(), HOSTILE.into());
    evil.annotations.insert("runbook_url".into(), "javascript:alert(1)".into());
    let mut quoted = evil.clone();
    quoted.annotations.insert("runbook_url".into(), format!("https://a.example/{HOSTILE}"));
    engine.alerts = Arc::new(vec![evil, quoted]);
    let web = Web::start(engine).await;
    web.engine.maintenance.lock().unwrap().windows.push(Window {
        id: HOSTILE.into(),
        from_nanos: (NOW - Duration::from_secs(60)).as_nanos(),
        to_nanos: (NOW + Duration::from_secs(60)).as_nanos(),
        probes: vec![HOSTILE.into()],
        comment: HOSTILE.into(),
        created_by: HOSTILE.into(),
    });
    web.engine.deployments.lock().unwrap().push(Deployment {
        id: HOSTILE.into(),
        at_nanos: NOW.as_nanos(),
        service: HOSTILE.into(),
        version: HOSTILE.into(),
        provider: HOSTILE.into(),
        comment: HOSTILE.into(),
        ..Default::default()
    });
    let page = web.get("/").await.body;
    for hostile in ["<script>", "<img", "javascript:"] {
        assert!(!page.contains(hostile), "{hostile}\n{page}");
    }
    let escaped = "&lt;script&gt;alert('1')&lt;/script&gt;&amp;&quot;&gt;&lt;img src=x onerror=alert(1)&gt;";
    // The ledger; two alerts of a name, a label and two texts, one link; three objectives, in their ids as well; a window of
    // three texts and a deployment of four, drawn besides; alerts are drawn with two names each.
    let least = 1 + 2 * 4 + 1 + 3 * 2 + 3 + 1 + 4 + 1 + 2;
    assert!(page.matches(escaped).count() >= least, "{} of {least}\n{page}", page.matches(escaped).count());
}

#[tokio::test]
async fn a_probe_has_its_page() {
    let engine = Engine { ledger: Some(Ledger::default()), ..Engine::default() };
    let mut minded = good("us", 90);
    minded.warnings = vec![authprobe::outcome::Warning::new("content_type", "RFC 7517 §8.5", "<b>found text/html")];
    engine.push(minded);
    engine.push(failed("eu", 80, Class::HttpStatus, "token"));
    engine.push(failed("eu", 20, Class::HttpStatus, "token"));
    let mut engine = engine;
    let kept = |id: &str, region: &str| {
        serde_json::json!({ "trace_id": id.repeat(32), "probe": "login", "probe_region": region, "verdict": "bad",
                            "start": "2023-11-14T10:00:00.000Z",
                            "fault": { "class": "timeout", "blame": "network", "step": "<i>", "detail": HOSTILE } })
    };
    engine.ledger.as_mut().unwrap().runs = vec![kept("a", "eu"), kept("b", "us")];
    let web = Web::start(engine).await;
    let page = web.get("/probes/login").await;
    assert_eq!(page.status, 200);
    let failures = words(part(&page.body, "<h2 id=\"failures\"", "</section>"));
    for text in ["http_status provider token eu 2 20s ago expected 200, found 503", "timeout network <i> us 1 "] {
        assert!(failures.contains(text), "{text}\n{failures}");
    }
    assert!(failures.contains("No answer came in time."), "{failures}");
    assert!(page.body.contains(&format!("href=\"/runs/{}\"", "14".repeat(16))), "the newest of its group");
    let warnings = words(part(&page.body, "<h2 id=\"warnings\"", "</section>"));
    assert!(warnings.contains("content_type 1 <b>found text/html RFC 7517 §8.5 1m30s ago"), "{warnings}");
    assert!(!page.body.contains("<script>") && !page.body.contains("<img") && !page.body.contains("<b>found"));
    assert_eq!(part(&page.body, "<h2 id=\"runs\"", "</section>").matches("<tr>").count(), 1 + 3);

    let narrowed = web.get("/probes/login?region=us").await.body;
    let failures = words(part(&narrowed, "<h2 id=\"failures\"", "</section>"));
    assert!(failures.contains("timeout network <i> us") && !failures.contains("http_status"), "{failures}");
    assert_eq!(part(&narrowed, "<h2 id=\"runs\"", "</section>").matches("<tr>").count(), 1 + 1);
    assert!(narrowed.contains("<a href=\"/probes/login?region=us\" aria-current=\"true\">us</a>"), "{narrowed}");
    let nowhere = web.get("/probes/login?region=mars").await;
    assert_eq!((nowhere.status, nowhere.body.matches("aria-current=\"true\">all regions").count()), (200, 1));
}

#[tokio::test]
async fn a_probe_that_is_none_gets_the_nearest_name() {
    let web = Web::start(Engine::default()).await;
    let near = web.get("/probes/logn").await;
    assert_eq!((near.status, near.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(near.body.contains("Did you mean <a href=\"/probes/login\">login</a>?"), "{}", near.body);
    let far = web.get("/probes/%3Cscript%3Ealert(1)").await;
    assert_eq!(far.status, 404);
    assert!(far.body.contains("&lt;script&gt;alert(1)") && !far.body.contains("<script>"), "{}", far.body);
    let failing =
        Engine { ledger: Some(Ledger { failing: Some("no <disk>".into()), ..Ledger::default() }), ..Engine::default() };
    let page = Web::start(failing).await.get("/probes/login").await.body;
    assert!(page.contains("Older failures cannot be read: no &lt;disk&gt;"), "{page}");
}
