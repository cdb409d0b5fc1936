//! Real runs of real kinds against the lab, whose answers are mangled on the way: a verdict in time, of a class that is not
//! `internal`, and none of our secrets in it, though they are mixed into what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use authprobe::browser::{Browsers, testing};
use authprobe::clock::Clock;
use authprobe::fault::Class;
use authprobe::lab::{Lab, Options};
use authprobe::oidc::http::warm_up;
use authprobe::outcome::{CheckLabels, Outcome, Verdict};
use authprobe::plan::{self, Check, Plan};
use authprobe::probe::KINDS;
use authprobe::runner::{CLEANUP_GRACE, Credentials, Engine, Missed, Stopper, Watch};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::cast::{BY_BROWSER, CALM, PARTS, Part, SECRETS};
use crate::folder::Folder;
use crate::mutate::Mutator;
use crate::relay::{Way, deliver, relay};

/// How much later than its timeout a run may be over on a busy machine.
const SLACK: Duration = Duration::from_secs(3);

struct Nobody;

impl Watch for Nobody {
    fn outcome(&self, _: &Arc<Outcome>) {}
    fn missed(&self, _: &CheckLabels, _: Missed, _: u64) {}
    fn started(&self, _: &CheckLabels) {}
    fn lateness(&self, _: Duration) {}
}

/// A lab of its own for each part, so that they can run at once.
struct Stage {
    plan: Plan,
    way: Arc<Mutex<Way>>,
    browsers: Option<Browsers>,
    _folder: Folder,
    tasks: JoinSet<()>,
    _lab: authprobe::lab::LabHandle,
}

impl Stage {
    async fn new(part: &Part) -> Self {
        let (listener, door) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let lab = Lab::start(Options { issuer: Some(issuer.clone()), ..Options::default() }).await.unwrap();
        lab.deliver_logout_tokens("web", &format!("http://{}/", door.local_addr().unwrap())).unwrap();
        let folder = Folder::new();
        let text = part.configuration(&issuer, &lab.assertion(&Value::Null), &folder);
        let plan = plan::from_str("mangled.toml", &text, &folder).unwrap_or_else(|wrong| panic!("{wrong}"));
        let way = Arc::new(Mutex::new(Way::new(Mutator::new("", ""), usize::MAX, None)));
        let mut tasks = JoinSet::new();
        tasks.spawn(relay(listener, lab.address, way.clone()));
        tasks.spawn(deliver(door, way.clone()));
        Self { plan, way, browsers: None, _folder: folder, tasks, _lab: lab }
    }

    fn check(&self, name: &str) -> &Check {
        self.plan.checks.iter().find(|check| *check.labels.probe == *name).expect("a check of that name")
    }

    /// One run after which nothing is left of it; how long it took, and what came of it.
    #[allow(clippy::disallowed_methods)] // The clock of the machine is right for how long a run may take.
    async fn run(&self, name: &str, mutator: Mutator, untouched: usize) -> (Duration, Arc<Outcome>) {
        // Mangled refusals of credentials must not stop those who come after.
        let mut engine = Engine::new(Clock::system(), Arc::new(Nobody)).unwrap();
        if let Some(browsers) = &self.browsers {
            engine.browsers = Arc::new(browsers.clone());
        }
        engine.memories.mailbox.open();
        *self.way.lock().unwrap() = Way::new(mutator, untouched, Some(engine.memories.mailbox.clone()));
        let (_stopper, stop) = Stopper::new();
        let check = self.check(name);
        let begun = Instant::now();
        let outcome = engine.run_now(check, &Credentials::of(check), stop).await.expect("nobody interrupts");
        let took = begun.elapsed();
        engine.clean_up().await;
        (took, outcome)
    }

    /// What must hold of every run.
    fn hold(&self, about: &str, part: &Part, (took, outcome): &(Duration, Arc<Outcome>)) {
        let about = format!("{about}: {:?}", outcome.fault);
        let timeout = Duration::from_millis(part.timeout);
        assert!(outcome.duration <= timeout + SLACK, "{about}: {:?}", outcome.duration);
        assert!(*took <= timeout + CLEANUP_GRACE + SLACK, "{about}: {took:?}");
        match &outcome.fault {
            None => assert_eq!(outcome.verdict, Verdict::Good, "{about}"),
            Some(fault) => {
                assert_ne!(fault.class, Class::Internal, "{about}");
                // Whatever a page is, it is no failure of the browser. On a busy machine one may start late.
                let late = fault.detail.starts_with("no browser was ready within");
                assert!(fault.class != Class::Browser || late, "{about}");
                assert_ne!(outcome.verdict, Verdict::Good, "{about}");
                assert!(self.check(part.kind).probe.probe.steps().contains(&fault.step), "{about}");
                assert!(!fault.detail.chars().any(char::is_control), "{about}");
            }
        }
        let record = serde_json::to_string(&**outcome).unwrap();
        let way = self.way.lock().unwrap();
        for secret in SECRETS.into_iter().chain(way.issued.iter().map(String::as_str)) {
            assert!(!record.contains(secret), "{about}: {secret} is in {record}");
        }
    }
}

/// The runs of one kind: how many were good, and what the others came to.
async fn perform(part: &'static Part, browsers: Option<Browsers>) -> (usize, BTreeMap<Class, usize>) {
    let mut stage = Stage { browsers, ..Stage::new(part).await };
    let name = if stage.browsers.is_some() { format!("{} {}", part.kind, part.own) } else { part.kind.to_owned() };
    let calm = stage.run(CALM, Mutator::new("", ""), usize::MAX).await;
    assert_eq!(calm.1.verdict, Verdict::Good, "{}: {:?}", part.kind, calm.1.fault);
    let answers = stage.way.lock().unwrap().seen;
    let (mut good, mut classes) = (0, BTreeMap::new());
    for n in 0..part.runs {
        let mutator = Mutator::new(&format!("{name} {n}"), SECRETS[n % SECRETS.len()]);
        // Every answer that a run gets is the first one that is mangled, in its turn.
        let ran = stage.run(part.kind, mutator, n * answers / part.runs).await;
        stage.hold(&format!("{name} {n}"), part, &ran);
        match &ran.1.fault {
            None => good += 1,
            Some(fault) => *classes.entry(fault.class).or_default() += 1,
        }
    }
    stage.tasks.shutdown().await;
    (good, classes)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_answer_ends_in_a_verdict_within_the_deadline() {
    warm_up();
    let mut parts = JoinSet::new();
    for part in PARTS {
        parts.spawn(async move { (part.kind, perform(part, None).await) });
    }
    let (mut good, mut classes) = (0, BTreeSet::new());
    while let Some(performed) = parts.join_next().await {
        let (kind, (fine, came)) = performed.unwrap_or_else(|died| std::panic::resume_unwind(died.into_panic()));
        println!("{kind}: {fine} good, {came:?}");
        // The harness reaches every kind: many ways to fail.
        assert!(came.len() >= 3, "{kind}: {fine} good, {came:?}");
        good += fine;
        classes.extend(came.into_keys());
    }
    assert!(good >= 10 && classes.len() >= 10, "{good} good; {classes:?}");
}

/// The same of logins in a real Chromium, which has its own idea of broken answers: redirects, pages, what is posted back.
#[tokio::test(flavor = "multi_thread")]
async fn any_answer_to_a_browser_ends_in_a_verdict_within_the_deadline() {
    warm_up();
    let browsers = testing::browsers(env!("CARGO_BIN_EXE_authprobe").into(), Clock::system());
    let mut parts = JoinSet::new();
    for part in BY_BROWSER {
        let browsers = browsers.clone();
        parts.spawn(async move { (part.own, perform(part, Some(browsers)).await) });
    }
    let (mut good, mut classes) = (0, BTreeSet::new());
    while let Some(performed) = parts.join_next().await {
        let (own, (fine, came)) = performed.unwrap_or_else(|died| std::panic::resume_unwind(died.into_panic()));
        println!("browser_login {own}: {fine} good, {came:?}");
        good += fine;
        classes.extend(came.into_keys());
    }
    classes.remove(&Class::Browser);
    assert!(good >= 1 && classes.len() >= 4, "{good} good; {classes:?}");
    browsers.shutdown().await;
}

#[test]
fn every_kind_is_mangled() {
    let mangled: BTreeSet<&str> = PARTS.iter().chain(BY_BROWSER).map(|part| part.kind).collect();
    let kinds: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(mangled, kinds);
}
