//! `sli` of `[[slo]]`: what is good, and whether its probes can tell.

use super::PlannedProbe;
use super::desk::Desk;
use super::typed::Item;
use crate::config::model::{LatencySli, NamedSli, Sli as Written, Slo};
use crate::config::nearest;
use crate::slo::Sli;

/// Steps in which something is asked for that must be refused: what [`crate::slo::sli::ACCEPTED`] is found in.
const REFUSALS: [&str; 7] = ["reuse", "propagation", "logout", "unknown", "without_token", "bad_token", "tampered"];
/// The kind whose every step is about that.
const HARDENING: &str = "hardening";

/// Resolves an SLI and holds it against the probes.
pub fn sli(desk: &mut Desk<'_>, item: &Item<'_, Slo>, written: &Written, probes: &[&PlannedProbe]) -> Sli {
    match written {
        Written::Named(NamedSli::Availability) => Sli::Availability,
        Written::Named(NamedSli::Validation) => Sli::Validation,
        Written::Named(NamedSli::Refused) => {
            refusals(desk, item, probes);
            Sli::Refused
        }
        Written::Latency(LatencySli { step, latency }) => {
            if latency.0.is_zero() {
                desk.wrong(item.mistake("sli.latency", "out of range: more than 0s"));
            }
            for probe in probes {
                steps(desk, item, step.as_deref(), probe);
                if latency.0 > probe.timeout {
                    let timeout = crate::duration::HumanDuration(probe.timeout);
                    desk.note(format!(
                        "slo {}: a run of probe {} ends after {timeout}: whatever is good is within {latency}",
                        item.name().unwrap_or_default(),
                        probe.name
                    ));
                }
            }
            Sli::Latency { step: step.as_deref().map(Into::into), threshold: latency.0 }
        }
        Written::Propagation(sli) => {
            if sli.propagation.0.is_zero() {
                desk.wrong(item.mistake("sli.propagation", "out of range: more than 0s"));
            }
            for probe in probes.iter().filter(|probe| probe.kind.name != "revocation") {
                let message = format!(
                    "only kind `revocation` measures propagation: probe `{}` is `{}`",
                    probe.name, probe.kind.name
                );
                desk.wrong(item.mistake(place(item), message));
            }
            Sli::Propagation(sli.propagation.0)
        }
    }
}

/// Where to say that an SLI does not fit: where it comes from.
fn place(item: &Item<'_, Slo>) -> &'static str {
    if item.node.get("sli").is_some() { "sli" } else { "catalogue" }
}

fn steps(desk: &mut Desk<'_>, item: &Item<'_, Slo>, step: Option<&str>, probe: &PlannedProbe) {
    let (Some(step), steps) = (step, probe.probe.steps()) else { return };
    if steps.contains(&step) {
        return;
    }
    let mut message = format!("probe `{}` has no step `{step}`", probe.name);
    if let Some(near) = nearest::nearest(step, steps.iter().copied()) {
        message.push_str(&format!(": did you mean `{near}`?"));
    }
    let key = if place(item) == "sli" { "sli.step" } else { "catalogue" };
    desk.wrong(item.mistake(key, message).help(format!("its steps: {}", nearest::listed(steps))));
}

fn refusals(desk: &mut Desk<'_>, item: &Item<'_, Slo>, probes: &[&PlannedProbe]) {
    let asks = |probe: &&&PlannedProbe| {
        probe.kind.name == HARDENING || probe.probe.steps().iter().any(|step| REFUSALS.contains(step))
    };
    for probe in probes.iter().filter(|probe| !asks(probe)) {
        let message = format!("probe `{}` (`{}`) asks for nothing that must be refused", probe.name, probe.kind.name);
        let help = "`hardening`, `introspection`, `logout`, `resource`, `revocation` and `userinfo` do, \
                    `refresh` with rotation = \"required\", `form_login` with logout = true";
        desk.wrong(item.mistake(place(item), message).help(help));
    }
}
