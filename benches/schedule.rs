//! How punctual is the scheduler, and what does it cost? 10 000 checks once a second each, with a probe that does
//! nothing, beside what the timer alone can do. Ends well whatever was reached; lines that begin with `row` are for the
//! table of `make bench`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use authprobe::clock::Clock;
use authprobe::journey::{Journey, StepName, Stopped};
use authprobe::oidc::http::{Egress, Trust};
use authprobe::oidc::settings::{MetadataSource, Provider};
use authprobe::outcome::{CheckLabels, Outcome};
use authprobe::plan::{Check, Plan, PlannedProbe, Server};
use authprobe::probe::{Context, Cost, Kind, Need, Probe};
use authprobe::runner::{Engine, Missed, Runner, Watch};
use authprobe::schedule::Timing;

const CHECKS: usize = 10_000;
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(20);
const GOAL_P99: Duration = Duration::from_millis(2);
const GOAL_CPU: f64 = 0.15;
const PERIOD: Duration = Duration::from_secs(1);

static KIND: Kind = Kind {
    name: "nothing",
    summary: "does nothing",
    spec: "none",
    client: Need::Forbidden,
    user: Need::Forbidden,
    attacks: Vec::new,
    schema: |_| schemars::Schema::default(),
    parse: |_, _| Err(Vec::new()),
};

struct Nothing;

#[async_trait]
impl Probe for Nothing {
    fn steps(&self) -> Vec<StepName> {
        vec!["nothing"]
    }

    fn cost(&self) -> Cost {
        Cost::default()
    }

    async fn run(&self, _: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        journey.step("nothing", async { Ok(()) }).await
    }
}

#[derive(Default)]
struct Seen {
    lateness: Mutex<Vec<Duration>>,
    missed: Mutex<u64>,
}

impl Watch for Seen {
    fn outcome(&self, _: &Arc<Outcome>) {}

    fn missed(&self, _: &CheckLabels, _: Missed, times: u64) {
        *self.missed.lock().unwrap() += times;
    }

    fn started(&self, _check: &CheckLabels) {}

    fn lateness(&self, late: Duration) {
        self.lateness.lock().unwrap().push(late);
    }
}

fn plan() -> Plan {
    let region = Arc::new(Egress {
        region: "here".into(),
        proxy: None,
        resolve: BTreeMap::new(),
        source_address: None,
        references: Vec::new(),
        webdriver: None,
    });
    let provider = Arc::new(Provider {
        name: "main".into(),
        issuer: "https://login.example.com".into(),
        metadata: MetadataSource::Auto,
        endpoints: BTreeMap::new(),
        headers: http::HeaderMap::new(),
        trust: Trust::default(),
        max_requests_per_minute: None,
        propagate_traceparent: false,
        upstream: None,
    });
    let probe = |n: usize| {
        Arc::new(PlannedProbe {
            name: format!("nothing-{n}").into(),
            spreads: Timing::Every(PERIOD).spreads(&format!("nothing-{n}"), 1),
            kind: &KIND,
            probe: Box::new(Nothing),
            provider: provider.clone(),
            client: None,
            second_client: None,
            users: Vec::new(),
            timing: Timing::Every(PERIOD),
            timeout: Duration::from_secs(30),
            regions: vec![region.clone()],
            configured_regions: 1,
            own: Arc::default(),
            labels: Arc::default(),
            annotations: BTreeMap::new(),
        })
    };
    let probes: Vec<_> = (0..CHECKS).map(probe).collect();
    let check = |probe: &Arc<PlannedProbe>| {
        let labels = CheckLabels {
            probe: probe.name.clone(),
            kind: KIND.name,
            provider: provider.name.clone(),
            client: "".into(),
            region: region.region.clone(),
        };
        Arc::new(Check { labels, probe: probe.clone(), region: region.clone(), user: None, spread: probe.spreads[0] })
    };
    Plan {
        server: Server::at(([127, 0, 0, 1], 0).into()),
        telemetry: None,
        traces: None,
        propagate_traceparent: false,
        browser: authprobe::browser::Settings::default(),
        regions: vec![region.clone()],
        providers: vec![provider.clone()],
        clients: Vec::new(),
        users: Vec::new(),
        checks: probes.iter().map(check).collect(),
        probes,
        objectives: Vec::new(),
        about: Vec::new(),
        store: None,
        alerting: authprobe::plan::Alerting::default(),
        detection: Default::default(),
        roster: Default::default(),
        watched: Vec::new(),
        maintenance: Vec::new(),
        files: Vec::new(),
        fingerprint: [0; 32],
        notes: Vec::new(),
    }
}

/// Processor time of this process so far, from `/proc` (in hundredths of a second, as Linux tells it).
fn cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

fn quantile(sorted: &[Duration], q: f64) -> Duration {
    sorted.get(((sorted.len() as f64 * q) as usize).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn report(what: &str, lateness: &mut [Duration]) -> Duration {
    lateness.sort_unstable();
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| quantile(lateness, q));
    let millis = |took: Duration| took.as_secs_f64() * 1000.0;
    println!(
        "{what:<28} n {:>7}  p50 {:>6.3} ms  p99 {:>6.3} ms  max {:>7.3} ms",
        lateness.len(),
        millis(p50),
        millis(p99),
        millis(max)
    );
    p99
}

/// What the timer alone can do: one task that sleeps to odd moments.
async fn timer(clock: &Clock) -> Vec<Duration> {
    let mut lateness = Vec::new();
    for n in 0..1000_u64 {
        let due = clock.now() + Duration::from_micros(1000 + n * 7 % 1000);
        tokio::time::sleep(due.since(clock.now())).await;
        lateness.push(clock.now().since(due));
    }
    lateness
}

fn row(what: &str, reached: &str, target: &str, fits: bool) {
    println!("row\t{what}\t{reached}\t{target}\t{}", if fits { "yes" } else { "no" });
}

async fn measure() {
    let clock = Clock::system();
    let alone = report("timer alone", &mut timer(&clock).await);
    let seen = Arc::new(Seen::default());
    let engine = Arc::new(Engine::new(clock.clone(), seen.clone()).expect("an engine"));
    let runner = Runner::new(engine, Arc::new(plan()));
    runner.start();
    tokio::time::sleep(WARM_UP).await;
    seen.lateness.lock().unwrap().clear();
    let (begun, cpu_before) = (clock.instant(), cpu());
    tokio::time::sleep(MEASURED).await;
    let (took, cpu_after) = (clock.instant() - begun, cpu());
    let p99 = report("10 000 checks at 1 Hz", &mut std::mem::take(&mut *seen.lateness.lock().unwrap()));
    let missed = *seen.missed.lock().unwrap();
    println!("{:<28} {missed}", "missed");
    let (late, timer) = (p99.as_secs_f64() * 1000.0, alone.as_secs_f64() * 1000.0);
    let reached = format!("{late:.2} ms (timer alone {timer:.2} ms), {missed} missed");
    row("10 000 checks at 1 Hz: p99 lateness", &reached, "<= 2 ms", p99 <= GOAL_P99 && missed == 0);
    if let Some((before, after)) = cpu_before.zip(cpu_after) {
        let share = (after - before).as_secs_f64() / took.as_secs_f64();
        row(
            "10 000 checks at 1 Hz: processor",
            &format!("{:.1} % of a core", share * 100.0),
            "<= 15 %",
            share <= GOAL_CPU,
        );
    }
    runner.shutdown(Duration::from_secs(1)).await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure());
    runtime.shutdown_background();
}
