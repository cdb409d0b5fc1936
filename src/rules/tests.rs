use std::sync::Arc;
use std::time::Duration;

use super::{Options, RULES, files};
use crate::alert::facts::Watched;
use crate::outcome::CheckLabels;
use crate::plan::{self, Plan};
use crate::slo::{Aggregate, Objective, Severity, Sli, Tier, Triggers, Window};

const MINUTE: u64 = 60;

fn tier(long: u64, short: u64, factor_milli: u64, severity: Severity) -> Tier {
    Tier {
        name: crate::duration::HumanDuration(Duration::from_secs(long * MINUTE)).to_string().into(),
        budget_ppm: 20_000,
        long: Duration::from_secs(long * MINUTE),
        short: Duration::from_secs(short * MINUTE),
        factor_milli,
        severity,
    }
}

fn objective(name: &str, target_ppm: u32) -> Objective {
    Objective {
        name: name.into(),
        provider: "main".into(),
        members: vec![],
        sli: Sli::Availability,
        target_ppm,
        window: Window::Rolling(Duration::from_secs(30 * 86_400)),
        aggregate: Aggregate::Reachability,
        min_coverage_ppm: 800_000,
        alpha_ppm: 50_000,
        triggers: match target_ppm {
            1_000_000 => Triggers::AnyEvent(Severity::Page),
            _ => Triggers::Burn(vec![
                tier(60, 5, 14_400, Severity::Page),
                tier(360, 30, 6000, Severity::Page),
                tier(1440, 120, 3000, Severity::Ticket),
                tier(4320, 360, 1000, Severity::Ticket),
            ]),
        },
        labels: [("team".to_owned(), "identity".to_owned())].into(),
        annotations: Default::default(),
    }
}

fn planned() -> Plan {
    let text = "
        [server]
        public_url = 'https://authprobe.example.com'
        [[region]]
        name = 'eu'
        [[provider]]
        name = 'main'
        issuer = 'https://login.example.com'
        [[probe]]
        name = 'keys'
        kind = 'jwks'
        provider = 'main'
        every = '1m'
    ";
    let mut plan = plan::from_str("test", text, std::path::Path::new("")).unwrap();
    plan.objectives = vec![Arc::new(objective("login", 999_500)), Arc::new(objective("keys", 1_000_000))];
    let check = CheckLabels {
        probe: "keys".into(),
        kind: "jwks",
        provider: "main".into(),
        client: "".into(),
        region: "eu".into(),
    };
    let (labels, annotations) = ([("team".to_owned(), "{{ x }}".to_owned())].into(), Default::default());
    plan.watched = vec![Watched { check, labels, annotations, stale_after: Duration::from_secs(485) }];
    plan.alerting.runbook_base = "https://runbooks.example.com/auth".to_owned();
    plan
}

#[test]
fn dump() {
    let files = files(&planned(), &Options::default());
    std::fs::write("/tmp/rules-out.yml", &files[0].text).unwrap();
    std::fs::write("/tmp/am-out.yml", &files[1].text).unwrap();
    assert_eq!(files[0].name, RULES);
}
