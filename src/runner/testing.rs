//! What tests of the runner are made of: a plan by hand, a probe that does as it is told, a watcher that remembers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::HeaderMap;
use async_trait::async_trait;

use super::engine::{Engine, Watch};
use super::missed::Missed;
use crate::clock::{Clock, Timestamp};
use crate::fault::Fault;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::http::{Egress, Trust};
use crate::oidc::settings::{AuthMethod, Client, MetadataSource, Proof, Provider, User};
use crate::outcome::{CheckLabels, Id, Outcome, Trigger, Verdict};
use crate::plan::{Check, Plan, PlannedProbe, Server};
use crate::probe::{Context, Cost, Kind, Need, Probe};
use crate::schedule::Timing;
use crate::secret::SecretSource;

/// When every test begins: a full hour.
pub const START: Timestamp = Timestamp::from_secs(472_222 * 3600);

static KIND: Kind = Kind {
    name: "fake",
    summary: "does as it is told",
    spec: "none",
    client: Need::Optional,
    user: Need::Optional,
    attacks: Vec::new,
    schema: |_| schemars::Schema::default(),
    parse: |_, _| Err(Vec::new()),
};

/// What a run of the fake probe does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Its step takes that long and succeeds.
    Take(Duration),
    /// Its step takes that long and fails so.
    Fail(Duration, Fault),
    /// It never ends by itself.
    Hang,
    /// It panics.
    Panic,
}

/// A probe that does what its script says, the last act again and again.
#[derive(Default)]
pub struct Script {
    acts: Mutex<VecDeque<Act>>,
    pub cost: Cost,
    /// Whether a run takes what it costs out of the provider's budget, if that has a limit.
    pub spends: bool,
    /// Whether a run counts itself in the check's memory.
    pub remembers: bool,
    running: AtomicUsize,
    /// The most runs at the same time.
    pub most: AtomicUsize,
    /// How many runs began.
    pub runs: AtomicUsize,
    /// How many cleanups were done.
    pub cleaned: Arc<AtomicUsize>,
}

impl Script {
    pub fn of(acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Self::costing(Cost::default(), acts)
    }

    pub fn costing(cost: Cost, acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self { acts: Mutex::new(acts.into_iter().collect()), cost, ..Self::default() })
    }

    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    fn next(&self) -> Act {
        let mut acts = self.acts.lock().unwrap();
        match acts.len() {
            0 => Act::Take(Duration::ZERO),
            1 => acts[0].clone(),
            _ => acts.pop_front().unwrap(),
        }
    }
}

struct Fake(Arc<Script>);

#[async_trait]
impl Probe for Fake {
    fn steps(&self) -> Vec<StepName> {
        vec!["act"]
    }

    fn cost(&self) -> Cost {
        self.0.cost
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let script = self.0.clone();
        script.runs.fetch_add(1, Ordering::SeqCst);
        let running = script.running.fetch_add(1, Ordering::SeqCst) + 1;
        script.most.fetch_max(running, Ordering::SeqCst);
        let _leave = Leave(&script.running);
        if script.remembers {
            cx.memory.with(|runs: &mut u32| *runs += 1);
        }
        if let Some(limit) = cx.provider.max_requests_per_minute.filter(|_| script.spends) {
            let taken = cx.provider_memory.budget.lock().unwrap().take(cx.clock.now(), limit, script.cost.requests);
            assert!(taken, "it was started and finds no budget");
        }
        let cleaned = script.cleaned.clone();
        journey.defer("clean", async move {
            cleaned.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let act = script.next();
        if let Act::Panic = act {
            panic!("as told");
        }
        journey
            .step("act", async {
                match act {
                    Act::Take(took) => tokio::time::sleep(took).await,
                    Act::Fail(took, fault) => {
                        tokio::time::sleep(took).await;
                        return Err(fault);
                    }
                    Act::Hang | Act::Panic => std::future::pending().await,
                }
                Ok(())
            })
            .await
    }
}

struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A plan in the making: one provider, a check per probe and region.
pub struct Planner {
    pub provider: Provider,
    pub regions: Vec<Arc<Egress>>,
    pub probes: Vec<Arc<PlannedProbe>>,
    pub fingerprint: [u8; 32],
    /// What the checks call themselves.
    pub kind: &'static str,
}

impl Planner {
    pub fn new(regions: &[&str]) -> Self {
        let egress = |name: &&str| {
            Arc::new(Egress {
                region: (**name).into(),
                proxy: None,
                resolve: BTreeMap::new(),
                source_address: None,
                references: Vec::new(),
                webdriver: None,
            })
        };
        let provider = Provider {
            name: "main".into(),
            issuer: "https://login.example.com".into(),
            metadata: MetadataSource::Auto,
            endpoints: BTreeMap::new(),
            upstream: None,
            headers: HeaderMap::new(),
            trust: Trust::default(),
            max_requests_per_minute: None,
            propagate_traceparent: false,
        };
        Self {
            provider,
            regions: regions.iter().map(egress).collect(),
            probes: Vec::new(),
            fingerprint: [0; 32],
            kind: KIND.name,
        }
    }

    pub fn probe(mut self, name: &str, every: u64, script: &Arc<Script>) -> Self {
        self.add(name, every, script, None, Vec::new());
        self
    }

    pub fn add(&mut self, name: &str, every: u64, script: &Arc<Script>, client: Option<Client>, users: Vec<Arc<User>>) {
        self.probes.push(Arc::new(PlannedProbe {
            name: name.into(),
            kind: &KIND,
            probe: Box::new(Fake(script.clone())),
            provider: Arc::new(self.provider.clone()),
            client: client.map(Arc::new),
            second_client: None,
            users,
            timing: Timing::Every(Duration::from_secs(every)),
            timeout: Duration::from_secs(30),
            regions: self.regions.clone(),
            spreads: vec![Duration::ZERO; self.regions.len()],
            configured_regions: self.regions.len(),
            own: Arc::default(),
            labels: Arc::default(),
            annotations: BTreeMap::new(),
        }));
    }

    /// Lets the regions ask that after a network fault.
    pub fn reference(mut self, url: &str) -> Self {
        for region in &mut self.regions {
            Arc::make_mut(region).references = vec![url.parse().unwrap()];
        }
        self
    }

    pub fn plan(self) -> Arc<Plan> {
        let provider = Arc::new(self.provider);
        let check = |probe: &Arc<PlannedProbe>, region: &Arc<Egress>| {
            let labels = CheckLabels { kind: self.kind, ..labels(&probe.name, &region.region) };
            Arc::new(Check {
                spread: Duration::ZERO,
                labels,
                probe: probe.clone(),
                region: region.clone(),
                user: probe.users.first().cloned(),
            })
        };
        let checks =
            self.probes.iter().flat_map(|probe| self.regions.iter().map(move |region| check(probe, region))).collect();
        Arc::new(Plan {
            server: Server::at(([127, 0, 0, 1], 0).into()),
            telemetry: None,
            traces: None,
            propagate_traceparent: false,
            browser: Default::default(),
            regions: self.regions.clone(),
            providers: vec![provider],
            clients: Vec::new(),
            users: Vec::new(),
            probes: self.probes.clone(),
            checks,
            objectives: Vec::new(),
            about: Vec::new(),
            store: None,
            alerting: crate::plan::Alerting::default(),
            detection: Default::default(),
            roster: Default::default(),
            watched: Vec::new(),
            maintenance: Vec::new(),
            files: Vec::new(),
            fingerprint: self.fingerprint,
            notes: Vec::new(),
        })
    }
}

/// A user whose password is in that file.
pub fn user(name: &str, password: &std::path::Path) -> Arc<User> {
    Arc::new(User {
        name: name.into(),
        username: name.into(),
        password: SecretSource::File(password.to_owned()),
        totp: None,
        passkey: None,
    })
}

/// A public client.
pub fn client(name: &str) -> Client {
    Client {
        name: name.into(),
        client_id: name.into(),
        secret: None,
        auth_method: AuthMethod::None,
        proof: Proof::default(),
        par: None,
        redirect_uri: None,
        post_logout_redirect_uri: None,
        scopes: Vec::new(),
        require_pkce: false,
        id_token_alg: None,
    }
}

pub fn labels(probe: &str, region: &str) -> CheckLabels {
    CheckLabels { probe: probe.into(), kind: "fake", provider: "main".into(), client: "".into(), region: region.into() }
}

/// An outcome of that probe that took `secs` seconds.
pub fn outcome(probe: &str, secs: u64, verdict: Verdict) -> Arc<Outcome> {
    Arc::new(Outcome {
        check: labels(probe, "eu"),
        labels: Arc::default(),
        trace_id: Id::random(),
        span_id: Id::random(),
        trigger: Trigger::Scheduled,
        scheduled: START,
        start: START,
        duration: Duration::from_secs(secs),
        verdict,
        fault: None,
        warnings: Vec::new(),
        steps: Vec::new(),
        observations: Vec::new(),
        browser: None,
    })
}

/// Remembers everything it is told.
#[derive(Default)]
pub struct Notes {
    pub outcomes: Mutex<Vec<Arc<Outcome>>>,
    pub missed: Mutex<BTreeMap<(String, &'static str), u64>>,
    pub lateness: Mutex<Vec<Duration>>,
}

impl Watch for Notes {
    fn outcome(&self, outcome: &Arc<Outcome>) {
        self.outcomes.lock().unwrap().push(outcome.clone());
    }

    fn missed(&self, check: &CheckLabels, why: Missed, times: u64) {
        *self.missed.lock().unwrap().entry((check.to_string(), why.as_str())).or_default() += times;
    }

    fn started(&self, _check: &CheckLabels) {}

    fn lateness(&self, late: Duration) {
        self.lateness.lock().unwrap().push(late);
    }
}

impl Notes {
    /// How many due times that check missed for that reason.
    pub fn missed(&self, check: &str, why: Missed) -> u64 {
        self.missed.lock().unwrap().get(&(check.to_owned(), why.as_str())).copied().unwrap_or(0)
    }

    /// Seconds after the start at which runs were due, in the order in which they ended.
    pub fn scheduled(&self) -> Vec<u64> {
        self.outcomes.lock().unwrap().iter().map(|outcome| outcome.scheduled.since(START).as_secs()).collect()
    }

    /// The confirmation runs, in the order in which they ended.
    pub fn confirmations(&self) -> Vec<Arc<Outcome>> {
        let outcomes = self.outcomes.lock().unwrap();
        outcomes.iter().filter(|outcome| outcome.trigger == Trigger::Confirmation).cloned().collect()
    }

    pub fn last(&self) -> Arc<Outcome> {
        self.outcomes.lock().unwrap().last().expect("an outcome").clone()
    }
}

/// An engine at [`START`] whose clock follows tokio's, and its watcher.
pub fn engine() -> (Arc<Engine>, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    (Arc::new(Engine::new(Clock::following(START), notes.clone()).unwrap()), notes)
}

/// Lets that many seconds pass; returns just after them.
pub async fn pass(secs: u64) {
    tokio::time::sleep(Duration::from_secs(secs)).await;
    // Everything that became ready at the same moment comes first.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
