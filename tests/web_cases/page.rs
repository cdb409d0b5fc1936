use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::State;
use authprobe::alert::conditions::Deployment;
use authprobe::schedule::Timing;
use authprobe::slo::maintenance::{Recurring, Window};

use crate::web_support::standing::{alert, blank, burning, healthy, objective};
use crate::web_support::{Engine, Ledger, NOW, Web};

const HOSTILE: &str = "<script>alert('1')</script>&\"><img src=x onerror=alert(1)>";

fn engine(names: [&str; 3]) -> Engine {
    let objectives: Vec<_> = names.map(|name| Arc::new(objective(name))).into();
    let evaluations = vec![healthy(&objectives[0]), blank(&objectives[1]), burning(&objectives[2])];
    Engine { objectives, evaluations: Arc::new(evaluations), ..Engine::default() }
}

/// The row of a table that begins with that name.
fn row<'a>(page: &'a str, name: &str) -> &'a str {
    let begin = page
        .find(&format!("<th scope=\"row\" role=\"rowheader\">{name}"))
        .unwrap_or_else(|| panic!("no {name}\n{page}"));
    &page[begin..begin + page[begin..].find("</tr>").unwrap()]
}

#[tokio::test]
async fn objectives_show_budget_burn_and_state_in_words() {
    let web = Web::start(engine(["fine", "silent", "failing"])).await;
    let page = web.get("/").await.body;
    let order = ["failing", "silent", "fine"]
        .map(|name| page.find(&format!("<th scope=\"row\" role=\"rowheader\">{name}")).unwrap());
    assert!(order.is_sorted(), "the worst first");
    let failing = row(&page, "failing");
    for text in [
        "<small>availability · 99.95% over 30d</small>",
        "<b>burning</b>",
        "<p>last failures began <time datetime=\"2023-11-14T22:53:20.000Z\"",
        ">20m ago</time>",
        "<rect width=\"5.9\"",
        "<b>5.8%</b>",
        "40 of the 85010 runs so far failed",
        "3 more may fail over 30d",
        "raw, with maintenance: spent 1.6 times",
        "<li>1h 333.3, 5m 666.7 · page above 14.4 · <b>burns</b></li>",
        "<li>3d 0.0, 6h 0.0 · ticket above 1</li>",
        "97%",
    ] {
        assert!(failing.contains(text), "{text}\n{failing}");
    }
    // Where `dashboard_url` leads.
    for id in ["slo-failing", "slo-silent", "slo-fine", "probe-login", "alerts"] {
        assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
    let silent = row(&page, "silent");
    for text in [
        "<b>unknown</b>",
        "unknown: nothing was judged",
        "<li>1h ?, 5m ? · page above 14.4 · unknown</li>",
        "unknown: nothing was expected",
    ] {
        assert!(silent.contains(text), "{text}\n{silent}");
    }
    assert!(!silent.contains("0%"), "unknown is not zero\n{silent}");
    let fine = row(&page, "fine");
    assert!(fine.contains("<b>ok</b>") && fine.contains("90.7%") && !fine.contains("raw, with"), "{fine}");
    for absent in ["<script", " style=", " onclick="] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert_eq!(page.matches("<th scope=\"col\" role=\"columnheader\">").count(), 8, "every column has a header");
}

#[tokio::test]
async fn alerts_maintenance_and_deployments_are_above_the_probes() {
    let mut engine = engine(["a", "b", "c"]);
    engine.alerts = Arc::new(vec![
        alert("AuthClockSkew", "ticket", State::Pending),
        alert("AuthSLOBurn", "page", State::Firing),
        alert("AuthRevocationSlow", "ticket", State::Resolving),
    ]);
    let web = Web::start(engine).await;
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
        let window = |from, to| Window {
            id: "00000001".into(),
            from_nanos: (NOW - from).as_nanos(),
            to_nanos: (NOW + to).as_nanos(),
            probes: vec!["login".into()],
            comment: "database upgrade".into(),
            created_by: "alice".into(),
        };
        maintenance.windows = vec![window(hour, hour * 2)];
    }
    let deployment = |n: u64| Deployment {
        id: format!("{n:08}"),
        at_nanos: (NOW - hour * u32::try_from(n).unwrap()).as_nanos(),
        service: "keycloak".into(),
        version: format!("26.5.{n}"),
        provider: "main".into(),
        comment: String::new(),
        ..Default::default()
    };
    *web.engine.deployments.lock().unwrap() = (1..=6).map(deployment).collect();
    let page = web.get("/").await.body;
    let sections = ["alerts", "objectives", "maintenance", "deployments", "probes"];
    let places =
        sections.map(|id| page.find(&format!("<h2 id=\"{id}\">")).unwrap_or_else(|| panic!("no {id}\n{page}")));
    assert!(places.is_sorted());
    let firing = row(&page, "AuthSLOBurn");
    for text in ["<b>firing</b>", "<p>page</p>", ">10m ago</time>", "Logins burn their error budget", "20 of 120 runs"]
    {
        assert!(firing.contains(text), "{text}\n{firing}");
    }
    assert!(firing.contains("<a href=\"https://runbooks.example.com/auth#authsloburn\">runbook</a>"));
    assert!(row(&page, "AuthClockSkew").contains(">12m ago</time>"), "pending: since it holds");
    assert!(row(&page, "AuthRevocationSlow").contains("<b>firing</b>, quiet lately"));
    assert!(page.find("AuthSLOBurn").unwrap() < page.find("AuthClockSkew").unwrap());
    assert!(page.contains("<b>at 0 0 23 * * *</b> ends ") && !page.contains("at 0 0 4 * * *"), "{page}");
    assert!(page.contains("probe-7 and 2 more"));
    assert!(
        page.contains("<b>database upgrade</b> ends ") && page.contains("in 2h</time>: login (asked for by alice)")
    );
    assert!(page.contains("<b>keycloak</b> 26.5.5, ") && !page.contains("26.5.6"), "the last five");
}

#[tokio::test]
async fn the_page_says_what_is_missing() {
    let page = async |engine: Engine| Web::start(engine).await.get("/").await.body;
    let bare = page(Engine::default()).await;
    assert!(bare.contains("No alert is firing or pending."));
    for absent in ["Objectives", "Maintenance now", "Last deployments", "ledger"] {
        assert!(!bare.contains(absent), "{absent}\n{bare}");
    }
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
    for hostile in ["<script", "<img", "javascript:", "alert('1')"] {
        assert!(!page.contains(hostile), "{hostile}\n{page}");
    }
    let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;&gt;&lt;img src=x onerror=alert(1)&gt;";
    // The ledger; two alerts of five texts and one link; three objectives; a window of three texts; a deployment of four.
    assert_eq!(page.matches(escaped).count(), 1 + 2 * 5 + 1 + 2 * 3 + 3 + 4, "{page}");
}
