use std::path::Path;

use super::{Options, RULES, files};
use crate::plan;

const CONFIG: &str = "
[server]
public_url = 'https://authprobe.example.com'
[alerting]
runbook_url = 'https://runbooks.example.com/auth'
[[region]]
name = 'eu'
[[provider]]
name = 'main'
issuer = 'https://login.example.com'
[[probe]]
name = 'keys.v1'
kind = 'jwks'
provider = 'main'
every = '1m'
labels = { team = '{{ x }}' }
[[slo]]
name = 'keys'
probes = ['keys.v1']
sli = 'availability'
objective = '99.5%'
window = '30d'
alpha = '1%'
labels = { team = 'identity' }
annotations = { runbook_url = 'https://team.example.com' }
tiers = [{ budget = '2%', within = '1h', severity = 'page' }]
";

fn rules() -> String {
    let plan = plan::from_str("test", CONFIG, Path::new("")).unwrap();
    let file = files(&plan, &Options::default()).swap_remove(0);
    assert_eq!(file.name, RULES);
    file.text
}

/// The lines of the alert that begins with that line.
fn alert(rules: &str, name: &str) -> String {
    let (_, rest) = rules.split_once(&format!("- alert: {name}\n")).unwrap();
    let end = rest.find("      - ").unwrap_or(rest.len());
    rest[..end].to_owned()
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    assert_eq!(rules(), rules());
}

#[test]
fn numbers_are_those_of_the_objective() {
    let rules = rules();
    // 14.4 × 0.5 %; the quantile of 1 %.
    for part in [
        "burn:lower1h{slo=\"keys\"} > 14.4\n",
        "burn:ratio5m{slo=\"keys\"} > 14.4\n",
        "coverage:ratio5m{slo=\"keys\"} >= 0.8\n",
        "> 0) * 0.005)",
        "- 2.326348 / (3 * sqrt(",
        "[30d:1h]",
    ] {
        assert!(rules.contains(part), "{part}");
    }
}

/// As with alerts of authprobe itself: the team's annotations win, but for the description.
#[test]
fn what_is_passed_on_hides_nothing() {
    let burn = alert(&rules(), "AuthSLOBurn");
    for part in [
        "          provider: main\n",
        "          team: identity\n",
        "          severity: page\n",
        "          evaluator: prometheus\n",
        "runbook_url: \"https://team.example.com\"\n",
        "dashboard_url: \"https://authprobe.example.com/slos/keys\"\n",
        "description: 'keys: {{ if eq $value 0.0 }}",
    ] {
        assert!(burn.contains(part), "{part} in {burn}");
    }
    let stale = alert(&rules(), "AuthProbeStale");
    for part in [
        "severity: ticket\n",
        "team: '{{ \"{{\" }} x }}'\n",
        "runbook_url: \"https://runbooks.example.com/auth#authprobestale\"\n",
        "/probes/keys.v1\"\n",
    ] {
        assert!(stale.contains(part), "{part} in {stale}");
    }
}

/// In a regular expression a dot is any letter.
#[test]
fn names_with_dots_match_nothing_else() {
    assert!(rules().contains("probe=~\"keys\\\\.v1\""), "{}", rules());
}
