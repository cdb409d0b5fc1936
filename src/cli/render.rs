//! A run for people: its waterfall, its verdict, and what to look at first.

use std::time::Duration;

use super::render_bars::{Bar, Scale, legend};
use super::render_browser;
use crate::fault::Fault;
use crate::outcome::{Observation, Outcome, RequestRecord, StepRecord, StepState, Verdict};
use crate::terminal::{Style, Terminal};

/// Requests of one step that are shown before the middle ones are left out.
const MAX_REQUESTS: usize = 12;
/// The width of a duration.
const TIME: usize = 8;

/// One run, drawn; ends with a newline.
pub fn outcome(outcome: &Outcome, terminal: &Terminal) -> String {
    let mut page = Page { terminal, out: String::new() };
    page.heading(outcome);
    page.waterfall(outcome);
    if let Some(report) = &outcome.browser {
        page.out.push('\n');
        page.out.push_str(&render_browser::pages(report, terminal));
    }
    page.verdict(outcome);
    if let Some(evidence) = outcome.browser.as_ref().and_then(|report| report.evidence.as_ref()) {
        page.out.push('\n');
        page.out.push_str(&render_browser::evidence(evidence, terminal));
    }
    page.out
}

/// The last line after several runs.
pub fn summary<'a>(outcomes: impl Iterator<Item = &'a Outcome> + Clone) -> String {
    let count = |verdict| outcomes.clone().filter(|outcome| outcome.verdict == verdict).count();
    let parts: Vec<_> = [Verdict::Good, Verdict::Bad, Verdict::Inconclusive]
        .into_iter()
        .filter_map(|verdict| Some((count(verdict), verdict.as_str())).filter(|(count, _)| *count > 0))
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    format!("{} runs: {}", outcomes.count(), parts.join(", "))
}

/// A duration in at most eight columns: `0.4 ms`, `142 ms`, `1.23 s`, `30.0 s`.
pub fn short(took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    match millis {
        m if m < 9.95 => format!("{m:.1} ms"),
        m if m < 999.5 => format!("{m:.0} ms"),
        m if m < 9_995.0 => format!("{:.2} s", m / 1000.0),
        m if m < 99_950.0 => format!("{:.1} s", m / 1000.0),
        m => format!("{:.0} s", m / 1000.0),
    }
}

/// The sign of a verdict, and its colour.
pub fn verdict_mark(verdict: Verdict, terminal: &Terminal) -> (&'static str, Style) {
    match verdict {
        Verdict::Good => (terminal.pick("✔", "+"), Style::Good),
        Verdict::Bad => (terminal.pick("✘", "x"), Style::Bad),
        Verdict::Inconclusive => ("?", Style::Warn),
    }
}

struct Page<'a> {
    terminal: &'a Terminal,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn heading(&mut self, outcome: &Outcome) {
        let terminal = self.terminal;
        let (mark, style) = verdict_mark(outcome.verdict, terminal);
        let verdict = terminal.paint(style, &format!("{mark} {}", outcome.verdict.as_str()));
        let what = format!("{} in {}", outcome.check.kind, short(outcome.duration));
        let taken = mark.chars().count() + outcome.verdict.as_str().len() + what.chars().count() + 5;
        let name = terminal.cut(&terminal.clean(&outcome.check.to_string()), terminal.width.saturating_sub(taken));
        self.line(&format!("{verdict}  {}  {what}", terminal.paint(Style::Bold, &name)));
        let who = match &*outcome.check.client {
            "" => format!("provider {}", outcome.check.provider),
            client => format!("provider {}, client {client}", outcome.check.provider),
        };
        let who = terminal.cut(&format!("  {} at {}", terminal.clean(&who), outcome.start), terminal.width);
        self.line(&terminal.paint(Style::Dim, &who));
        self.line(&terminal.paint(Style::Dim, &format!("  trace {}", outcome.trace_id)));
    }

    fn waterfall(&mut self, outcome: &Outcome) {
        if outcome.steps.is_empty() {
            return;
        }
        let terminal = self.terminal;
        let label = (terminal.width * 2 / 5).clamp(32, 64);
        let scale = Scale::new(outcome, terminal.width - label - TIME - 3);
        self.line("");
        let axis = terminal.paint(Style::Dim, &scale.axis());
        self.line(&format!("{:label$} {:>TIME$}  {axis}", "", ""));
        for step in &outcome.steps {
            self.step(step, outcome, label, &scale);
        }
        if outcome.requests().next().is_some() {
            self.line(&format!("  {}", legend(terminal)));
        }
    }

    fn step(&mut self, step: &StepRecord, outcome: &Outcome, label: usize, scale: &Scale) {
        let terminal = self.terminal;
        let (mark, style) = match step.state {
            StepState::Done => (terminal.pick("✔", "+"), Style::Good),
            StepState::Failed if step.cleanup => ("!", Style::Warn),
            StepState::Failed => (terminal.pick("✘", "x"), Style::Bad),
            StepState::Skipped => ("-", Style::Dim),
        };
        let name = if step.cleanup { format!("{} (cleanup)", step.name) } else { step.name.to_owned() };
        let name = format!("{:width$}", terminal.cut(&name, label - 2), width = label - 2);
        let mark = terminal.paint(style, mark);
        let name = terminal.paint(Style::Bold, &name);
        if step.state == StepState::Skipped {
            let why = terminal.cut(&format!("skipped: {}", terminal.clean(&step.note)), terminal.width - label - 1);
            return self.line(&format!("{mark} {name} {}", terminal.paint(Style::Dim, &why)));
        }
        let bar = scale.draw(&Bar::step(step), terminal);
        self.line(&format!("{mark} {name} {:>TIME$}  {bar}", short(step.duration)));
        self.requests(&step.requests, outcome, label, scale);
        if !step.note.is_empty() {
            self.wrapped("    ", "    ", &terminal.clean(&step.note), Style::Warn);
        }
    }

    fn requests(&mut self, requests: &[RequestRecord], outcome: &Outcome, label: usize, scale: &Scale) {
        if requests.len() <= MAX_REQUESTS {
            return requests.iter().for_each(|request| self.request(request, outcome, label, scale));
        }
        let (first, rest) = requests.split_at(MAX_REQUESTS / 2);
        let (middle, last) = rest.split_at(rest.len() - MAX_REQUESTS / 2);
        first.iter().for_each(|request| self.request(request, outcome, label, scale));
        let left_out = format!("    {} {} more", self.terminal.pick("…", "..."), middle.len());
        self.line(&self.terminal.paint(Style::Dim, &left_out));
        last.iter().for_each(|request| self.request(request, outcome, label, scale));
    }

    fn request(&mut self, request: &RequestRecord, outcome: &Outcome, label: usize, scale: &Scale) {
        let terminal = self.terminal;
        let (answer, style) = match (request.error, request.status) {
            (Some(error), _) => (error.to_owned(), Style::Bad),
            (None, Some(status)) if status >= 500 || status == 429 => (status.to_string(), Style::Bad),
            (None, Some(status)) if status >= 400 => (status.to_string(), Style::Warn),
            (None, Some(status)) => (status.to_string(), Style::Plain),
            (None, None) => ("-".to_owned(), Style::Warn),
        };
        let mut what = format!("{} {}", request.method, place(request));
        if request.region != outcome.check.region {
            what = format!("{}: {what}", request.region);
        }
        if request.resend > 0 {
            what.push_str(&format!(" (again, {})", request.resend));
        }
        let answer = terminal.cut(&answer, 11);
        let room = label.saturating_sub(5 + answer.chars().count());
        let what = format!("{:room$}", terminal.cut(&terminal.clean(&what), room));
        let bar = scale.draw(&Bar::request(request), terminal);
        let answer = terminal.paint(style, &answer);
        self.line(&format!("    {answer} {what} {:>TIME$}  {bar}", short(request.duration)));
    }

    fn verdict(&mut self, outcome: &Outcome) {
        if let Some(fault) = &outcome.fault {
            self.fault(fault, outcome.verdict);
        }
        if !outcome.warnings.is_empty() {
            self.line("");
            self.line(&self.terminal.paint(Style::Bold, "Warnings"));
        }
        for warning in &outcome.warnings {
            let clause = if warning.clause.is_empty() { String::new() } else { format!(" [{}]", warning.clause) };
            self.item(&format!("{}{clause}: {}", warning.code, warning.detail), Style::Warn);
        }
        let measured = measured(&outcome.observations);
        if !measured.is_empty() {
            self.line("");
            self.line(&self.terminal.paint(Style::Bold, "Measured"));
        }
        for line in measured {
            self.item(&line, Style::Plain);
        }
    }

    fn fault(&mut self, fault: &Fault, verdict: Verdict) {
        let style = if verdict == Verdict::Bad { Style::Bad } else { Style::Warn };
        let place = if fault.step.is_empty() { String::new() } else { format!(" in step {}", fault.step) };
        self.line("");
        let what = self.terminal.paint(style, fault.class.as_str());
        self.line(&format!("{what}{place}; to blame: {}", fault.blame));
        if let Some(host) = &fault.upstream {
            let host = self.terminal.clean(host);
            let whose = format!("At upstream host {host}, not at the provider's own pages.");
            self.wrapped("  ", "  ", &whose, Style::Plain);
        }
        // A single finding says the same, and its clause.
        if !matches!(&fault.findings[..], [only] if only.detail == fault.detail) {
            let detail = self.terminal.clean(&fault.detail);
            self.wrapped("  ", "  ", &detail, Style::Plain);
        }
        for finding in &fault.findings {
            self.item(&format!("{} [{}]: {}", finding.class, finding.clause, finding.detail), style);
        }
        let causes = fault.class.causes().join("; ");
        for (title, text) in [
            ("  Means:      ", fault.class.meaning()),
            ("  Causes:     ", &causes),
            ("  Look first: ", fault.class.hint()),
        ] {
            self.wrapped(title, "              ", &self.terminal.clean(text), Style::Plain);
        }
    }

    fn item(&mut self, text: &str, style: Style) {
        let mark = self.terminal.pick("  • ", "  * ");
        let text = self.terminal.clean(text);
        let lines = self.terminal.wrap(&text, self.terminal.width - 4);
        for (n, line) in lines.iter().enumerate() {
            let start = if n == 0 { self.terminal.paint(style, mark) } else { "    ".to_owned() };
            self.line(&format!("{start}{line}"));
        }
    }

    fn wrapped(&mut self, first: &str, next: &str, text: &str, style: Style) {
        for (n, line) in self.terminal.wrap(text, self.terminal.width - first.chars().count()).iter().enumerate() {
            let start = if n == 0 { first } else { next };
            self.line(&format!("{start}{}", self.terminal.paint(style, line)));
        }
    }
}

/// Path and query where the host is on the line of another request already known; the host without a path.
fn place(request: &RequestRecord) -> String {
    match url::Url::parse(&request.url) {
        Ok(url) if request.endpoint == "reference" || request.is_upstream() || url.path() == "/" => {
            format!("{}{}", request.host, url.path())
        }
        Ok(url) => match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        },
        Err(_) => request.url.clone(),
    }
}

/// In words, each once; of several looks at the clock only the sharpest.
fn measured(observations: &[Observation]) -> Vec<String> {
    let vague = |observation: &&Observation| match observation {
        Observation::ClockSkew { uncertainty, .. } => *uncertainty,
        _ => f64::INFINITY,
    };
    let skew = observations.iter().filter(|o| vague(o).is_finite()).min_by(|a, b| vague(a).total_cmp(&vague(b)));
    let others = observations.iter().filter(|o| vague(o).is_infinite());
    let mut lines = Vec::new();
    for line in skew.into_iter().chain(others).map(in_words) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn in_words(observation: &Observation) -> String {
    match observation {
        Observation::ClockSkew { seconds, uncertainty } => {
            format!("the provider's clock is {seconds:+.2} s from ours (within {uncertainty:.2} s)")
        }
        Observation::TokenLifetime { token, seconds } => format!("{token} token lives {seconds:.0} s"),
        Observation::KeySet { keys: 1 } => "the key set holds 1 usable key".to_owned(),
        Observation::KeySet { keys } => format!("the key set holds {keys} usable keys"),
        Observation::KeyRotation { rotations, unsafe_rotations } => {
            format!("{rotations} key rotations since the last look, {unsafe_rotations} of them unsafe")
        }
        Observation::Agreement { document, agree: true } => format!("{document}: the same as others are told"),
        Observation::Agreement { document, agree: false } => format!("{document}: not what others are told"),
        Observation::HostTime { host, upstream, requests, seconds } => {
            let whose = if *upstream { "upstream provider" } else { "the provider's own" };
            let took = short(Duration::try_from_secs_f64(*seconds).unwrap_or_default());
            let plural = if *requests == 1 { "" } else { "s" };
            format!("{host} ({whose}): {took} in {requests} request{plural}")
        }
        Observation::RevocationPropagation { region, seconds: Some(seconds), interval } => {
            format!("the revocation reached {region} after {seconds:.3} s (within {interval:.3} s)")
        }
        Observation::RevocationPropagation { region, seconds: None, .. } => {
            format!("the revocation never reached {region}")
        }
        Observation::Attack { attack, accepted } => {
            let what = match accepted {
                Some(true) => "ACCEPTED",
                Some(false) => "refused",
                None => "not judged",
            };
            format!("attack {attack}: {what}")
        }
        Observation::BackchannelLogout { seconds: Some(seconds) } => {
            format!("the logout token came after {seconds:.3} s")
        }
        Observation::BackchannelLogout { seconds: None } => "no valid logout token came in time".to_owned(),
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
