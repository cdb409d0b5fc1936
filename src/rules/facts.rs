//! Alerts from single metrics: certificates, clocks, keys, credentials, probes that measure nothing, authprobe itself. They
//! say in PromQL, as far as metrics go, what [`crate::alert::facts::Facts`] does.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Options;
use super::objective::VANISHED;
use super::words::{self, Texts, any_of, seen_from};
use super::yaml::{Group, Makes, Rule};
use crate::alert::Words;
use crate::alert::facts::{Thresholds, Watched};
use crate::alert::outage;
use crate::duration::HumanDuration;
use crate::plan::Plan;
use crate::sink::metrics::table;
use crate::slo::Severity;

/// An event alerts for at least so long, and gauges are believed for so long.
const EVENT: Duration = Duration::from_secs(3600);
/// No look at single runs goes further back.
const LONGEST: Duration = Duration::from_secs(86_400);
/// A counter that was not there for so long is new: it began at 0.
const KNOWN_FOR: &str = "1d";
/// The kind that measures how soon revocations have an effect.
const REVOCATION: &str = "revocation";

/// A probe in all its regions.
struct Probe<'a>(&'a Watched);

/// All of them.
pub fn groups(plan: &Plan, texts: &Texts, options: &Options) -> Vec<Group> {
    let facts = Facts { thresholds: &plan.alerting.thresholds, texts };
    let mut rules = Vec::new();
    for probe in probes(&plan.watched) {
        rules.extend([facts.stale(&probe), facts.credentials(&probe), facts.skew(&probe), facts.rotation(&probe)]);
        rules.extend([facts.attack(&probe)].into_iter().chain(facts.lifetime(&probe)));
        rules.extend((probe.0.check.kind == REVOCATION).then(|| facts.revocation(&probe)));
    }
    let mut providers = Vec::new();
    for provider in plan.providers.iter().map(|provider| &*provider.name) {
        let mine = || plan.watched.iter().filter(|watched| *watched.check.provider == *provider);
        providers.extend(mine().map(|watched| watched.stale_after).min().map(|least| facts.blind(provider, least)));
    }
    let names = any_of(plan.providers.iter().map(|provider| &*provider.name));
    providers.extend([
        facts.certificate(&names, facts.thresholds.certificate_ticket, Severity::Ticket),
        facts.certificate(&names, facts.thresholds.certificate_page, Severity::Page),
        facts.disagree(&names),
        facts.detected(&names, outage::OUTAGE),
        facts.detected(&names, outage::REGION_DOWN),
    ]);
    let own = vec![facts.prober(&options.job), facts.ledger(&options.job)];
    [("authprobe-probes", rules), ("authprobe-providers", providers), ("authprobe-self", own)]
        .map(|(name, rules)| Group { name: name.to_owned(), interval: "30s", comment: Vec::new(), rules })
        .into_iter()
        .filter(|group| !group.rules.is_empty())
        .collect()
}

/// Each probe once.
fn probes(watched: &[Watched]) -> Vec<Probe<'_>> {
    let mut seen = BTreeSet::new();
    watched.iter().filter(|one| seen.insert(&one.check.probe)).map(Probe).collect()
}

impl Probe<'_> {
    fn name(&self) -> &str {
        &self.0.check.probe
    }

    /// Its series of that name.
    fn of(&self, metric: &str) -> String {
        self.with(metric, "")
    }

    /// With further matchers.
    fn with(&self, metric: &str, more: &str) -> String {
        format!("{metric}{{probe=\"{}\"{more}}}", self.name())
    }

    /// Long enough for three runs, within reason.
    fn runs(&self) -> HumanDuration {
        HumanDuration(self.0.stale_after.clamp(Duration::from_secs(300), LONGEST))
    }

    /// Long enough for three runs, and for people.
    fn event(&self) -> HumanDuration {
        HumanDuration(self.0.stale_after.clamp(EVENT, LONGEST))
    }
}

struct Facts<'a> {
    thresholds: &'a Thresholds,
    texts: &'a Texts,
}

impl Facts<'_> {
    /// An alert of a probe.
    fn probe(&self, probe: &Probe<'_>, name: &'static str, severity: Severity, expr: String, told: String) -> Rule {
        let (watched, own) = (probe.0, [("probe", probe.name())]);
        let labels = words::labels(&watched.labels, &own, &watched.check.provider, severity.as_str());
        let annotations = self.texts.annotations(name, &watched.annotations, ("probe", probe.name()), told);
        Rule { comment: Vec::new(), makes: Makes::Alert { name, pending: "", annotations }, expr, labels }
    }

    /// An alert of whatever the expression says.
    fn other(&self, name: &'static str, severity: Option<Severity>, expr: String, told: String) -> Rule {
        let severity = severity.map_or("", Severity::as_str);
        let labels = words::labels(&Words::new(), &[], "", severity);
        let annotations = self.texts.annotations(name, &Words::new(), ("", ""), told);
        Rule { comment: Vec::new(), makes: Makes::Alert { name, pending: "", annotations }, expr, labels }
    }

    fn rotation(&self, probe: &Probe<'_>) -> Rule {
        let changes = format!("increase({}[{VANISHED}])", probe.of(table::UNSAFE_ROTATIONS.name));
        let told = "The key set was changed in a way that breaks a promise to clients (a key signed before it was published, or \
                    was withdrawn while its tokens were valid): clients with cached keys refuse good tokens until they fetch \
                    again. This alert ends an hour after the last such change.";
        let expr = format!("sum by (probe) ({changes}) > 0");
        self.probe(probe, "AuthKeyRotationUnsafe", Severity::Page, expr, told.to_owned())
    }

    fn credentials(&self, probe: &Probe<'_>) -> Rule {
        let refused = table::CREDENTIALS_REFUSED.name;
        let seen = seen_from(&format!("max by (probe_region) ({}) == 1", probe.of(refused)));
        let told = format!(
            "The provider refuses what the probe {} logs in with, so that nothing is measured; real users may be fine.{seen} \
             Correct the secret, unlock the account, or resume it by POST /api/v1/accounts/NAME/resume.",
            probe.name()
        );
        let expr = format!("max by (probe) (last_over_time({}[{VANISHED}])) == 1", probe.of(refused));
        self.probe(probe, "AuthProbeCredentials", Severity::Ticket, expr, told)
    }

    fn stale(&self, probe: &Probe<'_>) -> Rule {
        let (last, runs) = (probe.of(table::LAST_RUN.name), probe.of(table::RUNS.name));
        let patience = probe.0.stale_after;
        let (secs, patience) = (patience.as_secs_f64(), HumanDuration(patience));
        let expr = format!(
            "\
max by (probe) (
  time() - {last} > {secs}
  or ({runs} == {runs} offset {patience} unless {last})
)"
        );
        let seen = seen_from(&format!("time() - {last} > {secs}"));
        let told = format!(
            "No run of the probe {} was judged for {patience}: nothing is known of it.{seen} Its runs, and why they could \
             not tell, are on authprobe's page.",
            probe.name()
        );
        let comment = "The second half: nothing was judged since authprobe started.";
        self.probe(probe, "AuthProbeStale", Severity::Ticket, expr, told).because(comment)
    }

    fn skew(&self, probe: &Probe<'_>) -> Rule {
        let (skew, most, runs) = (probe.of(table::CLOCK_SKEW.name), self.thresholds.clock_skew, probe.runs());
        let secs = most.as_secs_f64();
        let expr = format!(
            "\
count by (probe) (
  min_over_time({skew}[{runs}]) > {secs}
  or max_over_time({skew}[{runs}]) < -{secs}
) > 0"
        );
        let seen = seen_from(&format!("abs({skew}) > {secs}"));
        let told = format!(
            "The provider's clock has differed from authprobe's by more than {} for {runs}: its tokens seem to come from the \
             future, or expire early.{seen} If several providers show it, look at authprobe's machine first.",
            HumanDuration(most)
        );
        self.probe(probe, "AuthClockSkew", Severity::Ticket, expr, told)
            .because("One run may have had an odd round trip.")
    }

    fn attack(&self, probe: &Probe<'_>) -> Rule {
        let window = probe.event();
        let (counter, success) = (probe.of(table::ATTACKS.name), probe.of(table::SUCCESS.name));
        let told = format!(
            "The provider accepted an attack that must be refused: {{{{ $labels.attack }}}}, tried by the probe {}; treat it \
             as an incident until shown otherwise. This alert ends {window} after the last.",
            probe.name()
        );
        let expr = format!(
            "\
sum by (probe, attack) (
  increase({counter}[{window}]) > 0
  or (
    {counter} > 0
    unless last_over_time({counter}[{KNOWN_FOR}] offset {window})
    and ignoring (attack) min_over_time({success}[{window}]) == 0
  )
)"
        );
        let comment = "The second half: it was accepted before anybody looked. Not where only an old one is counted.";
        self.probe(probe, "AuthAttackAccepted", Severity::Page, expr, told).because(comment)
    }

    fn revocation(&self, probe: &Probe<'_>) -> Rule {
        let longest = table::PROPAGATION.last().copied().unwrap_or_default();
        let never = beyond(probe, table::PROPAGATION_TIME.name, "", longest);
        let told = format!(
            "A revoked token was still accepted after {longest} s: whoever stole one can still use it. The runs of the probe {} \
             are on authprobe's page.",
            probe.name()
        );
        let comment = format!("What never had an effect is in no bucket; the last ends at {longest} s.");
        self.probe(probe, "AuthRevocationSlow", Severity::Ticket, never, told).because(&comment)
    }

    /// `None`: longer than what the histogram can tell.
    fn lifetime(&self, probe: &Probe<'_>) -> Option<Rule> {
        let most = self.thresholds.token_lifetime;
        let bound = table::LIFETIME.iter().copied().find(|bound| *bound >= most.as_secs_f64())?;
        let expr = beyond(probe, table::TOKEN_LIFETIME.name, ", token=~\"access|id\"", bound);
        let shown = HumanDuration(Duration::from_secs_f64(bound));
        let told = format!(
            "The provider says that its tokens live longer than {shown}: a stolen one can be used for as long. The lifetimes \
             are in {} of the probe {}.",
            table::TOKEN_LIFETIME.name,
            probe.name()
        );
        let comment = format!("More than {}: the next bound of the histogram is {shown}.", HumanDuration(most));
        Some(self.probe(probe, "AuthTokenLifetimeLong", Severity::Ticket, expr, told).because(&comment))
    }

    /// No probe of a provider measures anything.
    fn blind(&self, provider: &str, least: Duration) -> Rule {
        let (last, runs) = (table::LAST_RUN.name, table::RUNS.name);
        let (secs, patience) = (least.as_secs_f64(), HumanDuration(least));
        let of = format!("{{provider=\"{provider}\"}}");
        let expr = format!(
            "\
time() - max by (provider) ({last}{of}) > {secs}
or (
  sum by (provider) ({runs}{of}) == sum by (provider) ({runs}{of} offset {patience})
  unless max by (provider) ({last}{of})
)"
        );
        let told = format!(
            "No probe of the provider {{{{ $labels.provider }}}} has measured anything for {patience}: an outage would not be \
             seen."
        );
        self.other("AuthProbeStale", Some(Severity::Page), expr, told)
    }

    fn certificate(&self, providers: &str, within: Duration, severity: Severity) -> Rule {
        let expires = table::CERTIFICATE.name;
        let expr = format!(
            "min by (provider, endpoint) (last_over_time({expires}{{provider=~\"{providers}\"}}[{VANISHED}])) - time() < {}",
            within.as_secs_f64()
        );
        let told = format!(
            "The certificate that the provider {{{{ $labels.provider }}}} shows at its {{{{ $labels.endpoint }}}} endpoint \
             {{{{ if lt $value 0.0 }}}}has expired: every client refuses it{{{{ else }}}}expires in {{{{ $value | \
             humanizeDuration }}}}{{{{ end }}}}; the alert begins {} before.",
            HumanDuration(within)
        );
        self.other("AuthCertificateExpiring", Some(severity), expr, told)
    }

    fn disagree(&self, providers: &str) -> Rule {
        let disagree = table::DISAGREE.name;
        let expr = format!(
            "max by (provider, document) (last_over_time({disagree}{{provider=~\"{providers}\"}}[{VANISHED}])) == 1"
        );
        let of = format!("{disagree}{{provider=%q, document=%q}}");
        // Minutes of the last day: when it began is no series.
        let long = format!(
            "{{{{ with query (printf `max(count_over_time(({of} == 1)[1d:1m])) * 60` $labels.provider $labels.document) }}}} For \
             {{{{ . | first | value | humanizeDuration }}}} of the last day.{{{{ end }}}}"
        );
        let odd = format!(
            "{{{{ with query (printf `{of} == 1` $labels.provider $labels.document) }}}} Odd: {{{{ range $i, $one := . }}}}\
             {{{{ if $i }}}}, {{{{ end }}}}{{{{ $one.Labels.probe_region }}}}{{{{ end }}}}.{{{{ end }}}}"
        );
        let told = "Regions, or nodes behind one name, are given different versions of the provider's {{ $labels.document }}: a \
                    stale cache or node answers some of them.";
        self.other("AuthRegionsDisagree", Some(Severity::Ticket), expr, [told, &odd, &long].concat())
    }

    /// What authprobe's own detector has found: sequential tests cannot be said in PromQL. Several regions of a provider are
    /// one alert here: the state's labels have none.
    fn detected(&self, providers: &str, alert: &'static str) -> Rule {
        let expr = format!(
            "max by (provider, severity) (last_over_time({}{{alertname=\"{alert}\", provider=~\"{providers}\"}}[{VANISHED}])) \
             == 2",
            table::ALERT_STATE.name
        );
        let told = match alert {
            outage::OUTAGE => "The provider {{ $labels.provider }} is failing.",
            _ => "The provider {{ $labels.provider }} is failing as seen from one region or more, but not from all.",
        };
        // Whatever is open: the state has neither step nor region.
        let evidence = format!(
            "{{{{ with query (printf `{}{{provider=%q}} > 0` $labels.provider) }}}} Evidence, as a share of what a page needs: \
             {{{{ range $i, $one := . }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $one.Labels.step }}}} in {{{{ \
             $one.Labels.probe_region }}}} {{{{ $one.Value | humanizePercentage }}}}{{{{ end }}}}.{{{{ end }}}} authprobe's \
             page says why.",
            table::DETECTION_EVIDENCE.name
        );
        self.other(alert, None, expr, [told, &evidence].concat())
    }

    fn prober(&self, job: &str) -> Rule {
        let job = format!("{{job=\"{job}\"}}");
        let expr = format!("min by (job, instance) (up{job}) == 0\nor absent(up{job})");
        let told = "Prometheus does not reach authprobe{{ with $labels.instance }} at {{ . }}{{ end }}: what it watches is not \
                    watched, and alerts that stand on its numbers stay as they are for an hour at most.";
        let mut rule = self.other("AuthProberDown", Some(Severity::Page), expr, told.to_owned());
        if let Makes::Alert { pending, .. } = &mut rule.makes {
            // A restart is over sooner.
            *pending = "2m";
        }
        rule
    }

    fn ledger(&self, job: &str) -> Rule {
        let expr = format!(
            "max by (job, instance) (last_over_time({}{{job=\"{job}\"}}[{VANISHED}])) == 1",
            table::LEDGER_FAILING.name
        );
        let told = "authprobe at {{ $labels.instance }} cannot write its ledger: probing, budgets and alerts go on from memory; \
                    what is not written by the end of the process is lost. Its log says why.";
        self.other("AuthLedgerFailing", Some(Severity::Ticket), expr, told.to_owned())
    }
}

/// Whether a histogram has grown beyond that bound within the window of events: a difference of exact values, since
/// `increase` rounds each of them differently.
fn beyond(probe: &Probe<'_>, histogram: &str, more: &str, bound: f64) -> String {
    let window = probe.event();
    let count = probe.with(&format!("{histogram}_count"), more);
    // Prometheus before 3 keeps what it was given: `300`, or `300.0` in OpenMetrics.
    let bucket = probe.with(&format!("{histogram}_bucket"), &format!("{more}, le=~\"{bound}(\\\\.0)?\""));
    format!(
        "\
sum by (probe) (
  clamp_min(
    ({count} - ignoring (le) {bucket})
    - ({count} offset {window} - ignoring (le) {bucket} offset {window}),
    0
  )
  or ({count} - ignoring (le) {bucket})
) > 0"
    )
}
