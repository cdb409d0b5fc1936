//! The configuration: three regions, one provider with a request budget, its key set every 60 s, 99.9 % over 30 days.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::judge::state::State;
use crate::plan::{self, Plan};
use crate::sink::metrics::Metrics;

/// In which order, and how many.
pub const REGIONS: [&str; 3] = ["eu", "us", "ap"];
/// How long a run may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// How many plans there are: their probes have other names, and so other places in the minute.
const PLANS: usize = 16;

/// Plans that differ in when within the minute each region runs, so that no figure hangs on one name's hash.
pub struct Setup {
    plans: Vec<Plan>,
    /// Nobody looks at them.
    metrics: Arc<Metrics>,
}

impl Setup {
    /// With that `alpha` of the objective, or what is shipped, and outages ignored that are shorter.
    pub fn new(alpha: Option<&str>, ignore_shorter_than: Duration) -> Result<Self, String> {
        let one = |n| {
            let text = text(n, alpha, ignore_shorter_than);
            plan::from_str("sim", &text, Path::new("")).map_err(|mistakes| mistakes.plain())
        };
        Ok(Self { plans: (0..PLANS).map(one).collect::<Result<_, String>>()?, metrics: Metrics::new("sim") })
    }

    /// One of the plans.
    pub fn plan(&self, n: usize) -> &Plan {
        &self.plans[n % PLANS]
    }

    /// What judges, as the daemon makes it.
    pub fn state(&self, plan: &Plan, now: Timestamp) -> Result<State, String> {
        State::new(plan, None, None, &self.metrics, now)
    }
}

fn text(n: usize, alpha: Option<&str>, ignore_shorter_than: Duration) -> String {
    let regions: String = REGIONS.iter().map(|name| format!("[[region]]\nname = '{name}'\n")).collect();
    let alpha = alpha.map_or_else(String::new, |alpha| format!("alpha = '{alpha}'\n"));
    format!(
        "{regions}
[[provider]]
name = 'main'
issuer = 'https://login.example.com'
max_requests_per_minute = 120

[[probe]]
name = 'keys-{n}'
kind = 'jwks'
provider = 'main'
every = '60s'
timeout = '{}s'

[[slo]]
name = 'keys'
probes = ['keys-{n}']
objective = '99.9%'
window = '30d'
{alpha}
[detection]
ignore_shorter_than = '{}s'
",
        TIMEOUT.as_secs(),
        ignore_shorter_than.as_secs()
    )
}
