//! Asks a source until it is decided. Keeps asking while it is out of reach, within bounds, and says so.

use std::pin::pin;
use std::time::Duration;

use super::decide::{self, Decision, Judged, Reason, Why};
use super::mark::{self, Mark};
use super::report::{self, AlertView, Looks, Report, SCHEMA_VERSION, SloView, SourceView, Verdict};
use super::select::select;
use super::source::{Asker, Known, Source, Trouble};
use super::{Look, Terms};
use crate::clock::{Clock, Instant, Timestamp};
use crate::duration::HumanDuration;

/// The longest watch, and how long ago it may begin: what a daemon keeps of deployments.
pub const LONGEST: Duration = Duration::from_secs(7 * 86_400);
/// How far another clock may be ahead.
const AHEAD: Duration = Duration::from_secs(60);
/// How often a source is asked: a twentieth of the watch, within these.
const EVERY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// How often progress is shown.
const TICK: Duration = Duration::from_secs(1);
/// How long may be asked for what failed.
const CAUSES: Duration = Duration::from_secs(5);

/// What a gate is to do.
#[derive(Debug)]
pub struct Settings {
    /// Names or patterns of objectives; none: all.
    pub slos: Vec<String>,
    /// When it began.
    pub since: Since,
    /// For how long, from the beginning on.
    pub watch: Duration,
    /// See [`Terms::max_burn`].
    pub max_burn: f64,
    /// How long the source may be out of reach.
    pub patience: Duration,
    /// Marks this deployment in that daemon; it begins with the mark.
    pub deployment: Option<(Asker, String)>,
}

/// When what counts began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// When the gate was started.
    Now,
    /// So long before.
    Ago(Duration),
    /// Then.
    At(Timestamp),
}

/// How it ended.
#[derive(Debug)]
pub enum End {
    /// Something is wrong with what it was told; nothing was watched.
    Usage(Vec<String>),
    /// It watched.
    Report(Box<Report>),
}

/// How it stands, for whoever shows it.
#[derive(Debug)]
pub struct Standing<'a> {
    /// The source's clock.
    pub now: Timestamp,
    /// `None`: the source was not reached yet.
    pub terms: Option<&'a Terms>,
    /// The last look.
    pub look: Option<&'a Look>,
    /// What it means.
    pub judged: Option<&'a Judged>,
    /// Why the last attempt failed.
    pub trouble: Option<&'a str>,
    /// The deployment.
    pub mark: Option<&'a Mark>,
}

/// Whoever shows it; never waits.
pub trait Show {
    /// It stands so.
    fn show(&mut self, standing: &Standing<'_>);
}

/// Watches until it is decided, or `stop`.
pub async fn run(
    settings: Settings,
    source: Source,
    clock: &Clock,
    screen: &mut dyn Show,
    stop: impl Future<Output = ()>,
) -> End {
    let mut watch = Watch {
        settings,
        source,
        clock,
        screen,
        begun: clock.instant(),
        base: None,
        names: Vec::new(),
        mark: None,
        terms: None,
        look: None,
        judged: None,
        looks: Looks::default(),
        trouble: None,
    };
    let ended = {
        let (mut stop, mut work) = (pin!(stop), pin!(watch.work()));
        tokio::select! {
            biased;
            () = &mut stop => None,
            ended = &mut work => Some(ended),
        }
    };
    match ended {
        Some(Err(mistakes)) => End::Usage(mistakes),
        Some(Ok(())) => End::Report(Box::new(watch.report(false).await)),
        None => End::Report(Box::new(watch.report(true).await)),
    }
}

struct Watch<'a> {
    settings: Settings,
    source: Source,
    clock: &'a Clock,
    screen: &'a mut dyn Show,
    begun: Instant,
    /// The source's clock at an instant.
    base: Option<(Timestamp, Instant)>,
    names: Vec<String>,
    mark: Option<Mark>,
    terms: Option<Terms>,
    look: Option<Look>,
    judged: Option<Judged>,
    looks: Looks,
    trouble: Option<String>,
}

impl Watch<'_> {
    /// The source's clock, as far as it is known; it does not jump.
    fn now(&self) -> Timestamp {
        self.base.map_or_else(|| self.clock.now(), |(at, then)| at + self.clock.instant().duration_since(then))
    }

    /// The error: mistakes of whoever started it.
    async fn work(&mut self) -> Result<(), Vec<String>> {
        let Some(known) = self.contact().await? else { return Ok(()) };
        let all: Vec<String> = known.iter().map(|known| known.name.clone()).collect();
        if all.is_empty() {
            return Err(vec!["the daemon has no objective\n = help: add [[slo]] to its configuration".to_owned()]);
        }
        self.names = select(&self.settings.slos, &all)?;
        let Some(since) = self.beginning(&known).await? else { return Ok(()) };
        let Settings { watch, max_burn, patience, .. } = self.settings;
        self.terms = Some(Terms { since, until: since + watch, max_burn, patience });
        self.source.begin(since, self.now());
        self.until_decided().await
    }

    /// The source's objectives; `None`: it was not reached in time.
    async fn contact(&mut self) -> Result<Option<Vec<Known>>, Vec<String>> {
        loop {
            match self.source.survey().await {
                Ok(survey) => {
                    self.looks.answered += 1;
                    self.base = Some((survey.now, self.clock.instant()));
                    self.trouble = None;
                    return Ok(Some(survey.slos));
                }
                Err(trouble) => self.failed(trouble, false)?,
            }
            if self.gave_up() {
                return Ok(None);
            }
            self.pause(self.every()).await;
        }
    }

    /// When what counts began: as it was told, or with the mark of the deployment. `None`: that could not be made in time.
    async fn beginning(&mut self, known: &[Known]) -> Result<Option<Timestamp>, Vec<String>> {
        let now = self.now();
        let at = match self.settings.since {
            Since::Now => None,
            Since::Ago(ago) => Some(now - ago),
            Since::At(at) => Some(at),
        };
        if at.is_some_and(|at| at > now + AHEAD) {
            return Err(vec![format!("--since: must not be in the future; there it is {now} now")]);
        }
        if at.is_some_and(|at| at < now - LONGEST) {
            return Err(vec!["--since: must not be more than 7d ago".to_owned()]);
        }
        let watch = self.settings.watch;
        while let Some((asker, id)) = &self.settings.deployment {
            let mut chosen = known.iter().filter(|known| self.names.contains(&known.name)).map(|known| &known.provider);
            let first = chosen.next().cloned().flatten();
            let provider = first.filter(|first| chosen.all(|other| other.as_ref() == Some(first)));
            match mark::mark(asker, id, provider.as_deref(), at, watch).await {
                Ok(mark) => {
                    let over = !mark.new && mark.at + watch <= now;
                    if over {
                        return Err(vec![format!(
                            "--deployment: `{id}` was marked {} already, longer ago than --watch {}: nothing would be watched\n = \
                             help: give every deployment an ID of its own, such as the commit and the number of the run",
                            mark.at,
                            HumanDuration(watch)
                        )]);
                    }
                    // Two clocks: of a mark that was made just now the source's own time is known better.
                    let own = matches!(self.source, Source::Prometheus(_)) && mark.new;
                    let at = if own { at.unwrap_or(now) } else { mark.at };
                    self.mark = Some(mark);
                    return Ok(Some(at));
                }
                Err(trouble) => self.failed(trouble, false)?,
            }
            if self.gave_up() {
                return Ok(None);
            }
            self.pause(self.every()).await;
        }
        Ok(Some(at.unwrap_or(now)))
    }

    async fn until_decided(&mut self) -> Result<(), Vec<String>> {
        loop {
            match self.source.look(&self.names).await {
                Ok(mut look) => {
                    // By one clock: the source's may be set meanwhile.
                    look.at = self.now();
                    self.looks.answered += 1;
                    (self.look, self.trouble) = (Some(look), None);
                }
                Err(trouble) => self.failed(trouble, self.look.is_some())?,
            }
            let now = self.now();
            let Some(terms) = &self.terms else { return Ok(()) };
            let mut judged = decide::decide(terms, &self.names, self.look.as_ref(), now);
            if let (Some(trouble), Some(reason)) =
                (&self.trouble, judged.reasons.iter_mut().find(|reason| reason.why == Why::OutOfReach))
            {
                reason.text = format!("{}: {trouble}", reason.text);
            }
            let (decision, left) = (judged.decision, terms.until.since(now));
            self.judged = Some(judged);
            self.show();
            if decision != Decision::Watching {
                return Ok(());
            }
            let every = self.every();
            self.pause(if left.is_zero() { EVERY.0 } else { left.min(every) }).await;
        }
    }

    /// How often the source is asked.
    fn every(&self) -> Duration {
        (self.settings.watch / 20).clamp(EVERY.0, EVERY.1)
    }

    /// Waits, and shows how it stands meanwhile.
    async fn pause(&mut self, time: Duration) {
        let end = self.clock.instant() + time;
        loop {
            let left = end.saturating_duration_since(self.clock.instant());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(TICK)).await;
            self.show();
        }
    }

    /// Notes what went wrong. What will not mend itself is a mistake, unless it has worked before.
    fn failed(&mut self, trouble: Trouble, worked: bool) -> Result<(), Vec<String>> {
        self.looks.failed += 1;
        match trouble {
            Trouble::Refused(why) if !worked => Err(vec![why]),
            trouble => {
                self.trouble = Some(trouble.text().to_owned());
                self.show();
                Ok(())
            }
        }
    }

    /// Whether it has waited for long enough for a first answer.
    fn gave_up(&mut self) -> bool {
        let waited = self.clock.instant().duration_since(self.begun);
        if waited < self.settings.patience.min(self.settings.watch) {
            return false;
        }
        let text = self.trouble.clone().unwrap_or_else(|| "no answer".to_owned());
        let reasons = vec![Reason { why: Why::OutOfReach, slo: None, alert: None, text }];
        self.judged = Some(Judged { decision: Decision::Unknown, reasons, warnings: Vec::new() });
        true
    }

    fn show(&mut self) {
        let now = self.now();
        let Self { terms, look, judged, trouble, mark, screen, .. } = self;
        screen.show(&Standing {
            now,
            terms: terms.as_ref(),
            look: look.as_ref(),
            judged: judged.as_ref(),
            trouble: trouble.as_deref(),
            mark: mark.as_ref(),
        });
    }

    async fn report(self, interrupted: bool) -> Report {
        let end = self.now();
        let judged =
            self.judged.unwrap_or(Judged { decision: Decision::Unknown, reasons: Vec::new(), warnings: Vec::new() });
        let verdict = if interrupted { Verdict::Interrupted } else { judged.decision.into() };
        let look = self.look.unwrap_or_default();
        let mut slos: Vec<SloView> = look.slos.iter().map(SloView::from).collect();
        if verdict == Verdict::Closed {
            let ask = async {
                for (slo, view) in look.slos.iter().zip(&mut slos).filter(|(slo, _)| slo.counts.bad > 0) {
                    view.cause = self.source.cause(slo).await;
                }
            };
            // What is not known by then is left out.
            let _ = tokio::time::timeout(CAUSES, ask).await;
        }
        let concern = look.alerts.iter().filter(|alert| decide::matters(alert, &look.slos));
        let (since, until) = self.terms.map_or((end, end), |terms| (terms.since, terms.until));
        Report {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            verdict,
            exit_code: verdict.code(),
            reason: report::sentence(verdict, &judged),
            reasons: judged.reasons,
            warnings: judged.warnings,
            source: SourceView { kind: self.source.kind(), url: self.source.shown() },
            deployment: self.mark,
            since,
            until,
            end,
            duration: self.clock.instant().duration_since(self.begun),
            max_burn: self.settings.max_burn,
            slos,
            alerts: concern.map(AlertView::from).collect(),
            looks: self.looks,
        }
    }
}
