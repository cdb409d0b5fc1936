//! What the views must never say: what others wrote as markup, and secrets.

use std::sync::Arc;
use std::time::Duration;

use authprobe::alert::episode::Episode;
use authprobe::fault::{Account, Class, Fault, Finding};
use authprobe::oidc::key_history::{KeyLife, ProviderKeys};
use authprobe::outcome::{Observation, Verdict, Warning};
use authprobe::slo::maintenance::Window;
use authprobe::slo::{Cause, CauseCount};

use crate::page_stage::{NOW, Scene, Stage};
use crate::support_outcome::report;
use crate::views::{get, get_as, run_where, served};

const HOSTILE: &str = "x\"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\u{202e}";

#[tokio::test]
async fn nothing_that_others_wrote_is_markup() {
    let text = || HOSTILE.to_owned();
    let mut config = include_str!("../page_stage/config.toml").replace("team = \"identity\"", "team = '''HOSTILE'''");
    config.push_str("labels = { note = '''HOSTILE''' }\nannotations = { summary = '''HOSTILE''' }\n");
    let config = config.replace("client_id = \"web\"", "client_id = '''HOSTILE'''").replace("HOSTILE", HOSTILE);
    let mut stage = Stage::with(Scene::Failing, &config);
    let mut outcome = (**stage.outcomes.lock().unwrap().first().unwrap()).clone();
    let mut fault = Fault::new(Class::Credentials, HOSTILE).with_account(Account::User(text()));
    fault.upstream = Some(HOSTILE.into());
    fault.findings = vec![Finding::new(Class::Timeout, "RFC", HOSTILE)];
    outcome.fault = Some(fault);
    outcome.verdict = Verdict::Bad;
    outcome.warnings = vec![Warning::new("code", "clause", HOSTILE)];
    outcome.observations =
        vec![Observation::HostTime { host: HOSTILE.into(), upstream: true, requests: 1, seconds: 0.1 }];
    outcome.browser = Some(report(HOSTILE));
    outcome.check.probe = HOSTILE.into();
    outcome.check.region = HOSTILE.into();
    for step in &mut outcome.steps {
        step.note = text();
        for request in &mut step.requests {
            (request.url, request.host, request.region) = (text(), text(), "elsewhere".into());
        }
    }
    let id = outcome.trace_id.to_string();
    *stage.outcomes.lock().unwrap() = vec![Arc::new(outcome)];
    let key = KeyLife {
        kid: Some(text()),
        kty: text(),
        alg: Some(text()),
        thumbprint: text(),
        published_nanos: (NOW - Duration::from_secs(9000)).as_nanos(),
        or_before: false,
        signed_nanos: None,
        removed_nanos: None,
        regions: vec![text()],
        flaws: vec![(NOW.as_nanos(), text())],
    };
    stage.keys = vec![ProviderKeys { provider: HOSTILE.into(), longest: Duration::ZERO, keys: vec![key] }];
    let cause = Cause { class: None, blame: None, step: HOSTILE.into(), region: HOSTILE.into() };
    stage.causes.insert("login-availability".into(), vec![CauseCount { cause, bad: 5, excluded: 0 }]);
    stage.episodes = vec![Episode {
        labels: [("slo", "login-availability"), ("alertname", HOSTILE), ("severity", HOSTILE)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        fired_nanos: (NOW - Duration::from_secs(60)).as_nanos(),
        resolved_nanos: None,
        description: text(),
        reading: None,
    }];
    stage.maintenance.windows = vec![Window {
        id: text(),
        from_nanos: (NOW - Duration::from_secs(600)).as_nanos(),
        to_nanos: NOW.as_nanos(),
        probes: vec!["*".into()],
        comment: text(),
        created_by: text(),
    }];
    stage.reload.mistakes = vec![text()];
    let at = served(stage).await;
    let run = format!("/runs/{id}");
    for (path, least) in [(&*run, 12), ("/slos/login-availability", 6), ("/keys", 5), ("/configuration", 3)] {
        let page = get(at, path).await;
        assert_eq!(page.status, 200, "{path}");
        page.lacks("<script>alert").lacks("<img src=x").lacks("\"'><");
        let escaped = page.count("&lt;script&gt;alert(1)&lt;/script&gt;");
        assert!(escaped >= least, "{path}: {escaped}\n{}", page.main());
    }
}

/// Wherever a secret can be, in files, in the environment, in URLs.
#[tokio::test]
async fn no_secret_is_on_any_page() {
    const ALL: &str = r#"
        [server]
        read_token = { file = "web.secret" }
        admin_token = { file = "alice.password" }
        [telemetry]
        otlp_endpoint = "http://127.0.0.1:4318/v1?api_key=wonderland-8"
        headers = { Authorization = { file = "web.secret" } }
        [store]
        path = "unused.db"
        [alerting]
        heartbeat_url = "https://beat.example/wonderland-8"
        [[alerting.alertmanager]]
        url = "http://127.0.0.1:9093"
        basic_auth = { username = "authprobe", password = { file = "bob.password" } }
        [[alerting.webhook]]
        url = "https://hooks.example/services/wonderland-8"
        headers = { X-Key = { env = "PATH" }, X-Team = "wonderland-8" }
        [[region]]
        name = "eu"
        proxy = { file = "proxy.secret" }
        reference = ["https://example.org/204?key=wonderland-8"]
        [[provider]]
        name = "main"
        issuer = "https://login.example.com"
        headers = { X-Gateway = { file = "web.secret" } }
        [[client]]
        name = "web"
        provider = "main"
        client_id = "web"
        client_secret = { file = "web.secret" }
        redirect_uri = "http://127.0.0.1:8765/cb"
        [[user]]
        name = "alice"
        username = "alice"
        password = { file = "alice.password" }
        [[probe]]
        name = "login"
        kind = "form_login"
        client = "web"
        user = "alice"
        page = "keycloak"
        every = "1m"
        [[slo]]
        name = "logins"
        probes = ["login"]
        objective = "99%"
    "#;
    let stage = Stage::with(Scene::Failing, ALL);
    let run = run_where(&stage, |_| true);
    let at = served(stage).await;
    let token = "Authorization: Bearer wonderland-7\r\n";
    assert_eq!(get(at, "/configuration").await.status, 401, "without the token");
    let path = std::env::var("PATH").unwrap();
    for page in ["/configuration", "/keys", "/slos/logins", &format!("/runs/{run}")] {
        let page = get_as(at, page, token).await;
        assert_eq!(page.status, 200);
        page.lacks("wonderland").lacks(&path).lacks("someone").lacks("d29uZGVybGFuZ");
    }
    let page = get_as(at, "/configuration", token).await;
    page.has("env:PATH").has("https://hooks.example").has("with a user name and a password").has("alice.password");
    page.has("key=[redacted]").has("X-Gateway".to_ascii_lowercase().as_str());
}
