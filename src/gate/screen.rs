//! How a gate stands, while it watches: one line that is written over on a terminal; elsewhere a line when something changes,
//! and one a minute.

use std::io::Write;
use std::time::Duration;

use super::State;
use super::decide::{Decision, matters, percent, three};
use super::watch::{Show, Standing};
use crate::clock::Timestamp;
use crate::terminal::{Style, Terminal};

/// Without news a plain line comes this often.
const QUIET: Duration = Duration::from_secs(60);

/// A line that is written over.
pub struct Live<W: Write> {
    out: W,
    terminal: Terminal,
    shown: bool,
}

impl<W: Write> Live<W> {
    /// On that terminal.
    pub const fn new(out: W, terminal: Terminal) -> Self {
        Self { out, terminal, shown: false }
    }

    /// Takes the line away again.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(self.out, "\r\x1b[2K");
            let _ = self.out.flush();
        }
    }
}

impl<W: Write> Show for Live<W> {
    fn show(&mut self, standing: &Standing<'_>) {
        let line = line(standing, &self.terminal);
        // As wide as the terminal is by now: one more would scroll it.
        let now = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
        let width = now.unwrap_or(self.terminal.width).max(2);
        let (style, text) = (line.style, self.terminal.cut(&line.text, width - 1));
        self.shown = true;
        // Whoever closed the terminal does not look.
        let _ = write!(self.out, "\r\x1b[2K{}", self.terminal.paint(style, &text));
        let _ = self.out.flush();
    }
}

/// Lines one below the other.
pub struct Plain<W: Write> {
    out: W,
    terminal: Terminal,
    last: Option<(Vec<String>, Timestamp)>,
}

impl<W: Write> Plain<W> {
    /// To that.
    pub const fn new(out: W, terminal: Terminal) -> Self {
        Self { out, terminal, last: None }
    }
}

impl<W: Write> Show for Plain<W> {
    fn show(&mut self, standing: &Standing<'_>) {
        let news = news(standing);
        let known = self.last.as_ref().is_some_and(|(said, at)| *said == news && standing.now.since(*at) < QUIET);
        if known {
            return;
        }
        let text = self.terminal.clean(&line(standing, &self.terminal).text);
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
        self.last = Some((news, standing.now));
    }
}

/// What makes a new line worth it: other than what grows by itself.
fn news(standing: &Standing<'_>) -> Vec<String> {
    let mut news: Vec<String> = standing.trouble.map(str::to_owned).into_iter().collect();
    news.push(format!("{}", standing.look.is_some()));
    if let Some(look) = standing.look {
        news.extend(look.slos.iter().filter(|slo| slo.counts.bad > 0).map(|s| format!("{} {}", s.name, s.counts.bad)));
        let alerts = look.alerts.iter().filter(|alert| matters(alert, &look.slos));
        news.extend(alerts.map(|alert| format!("{} {} {:?}", alert.name, alert.subject(), alert.state)));
    }
    if let Some(judged) = standing.judged {
        news.push(format!("{:?}", judged.decision));
        news.extend(judged.warnings.iter().cloned());
    }
    news
}

struct Line {
    text: String,
    style: Style,
}

fn line(standing: &Standing<'_>, terminal: &Terminal) -> Line {
    let dot = terminal.pick(" · ", " | ");
    let Some(terms) = standing.terms else {
        let why = standing.trouble.unwrap_or("asking");
        return Line { text: format!("gate{dot}waiting: {}", terminal.clean(why)), style: Style::Warn };
    };
    let whole = terms.until.since(terms.since);
    let elapsed = standing.now.since(terms.since).min(whole);
    let mut parts = vec![format!("gate {}/{}", clock(elapsed), clock(whole))];
    let decision = standing.judged.map_or(Decision::Watching, |judged| judged.decision);
    if let Some(look) = standing.look {
        let worst = look.slos.iter().filter_map(|slo| Some((slo.burn().burn?, slo))).max_by(|a, b| a.0.total_cmp(&b.0));
        parts.push(match worst {
            Some((burn, slo)) if burn > 0.0 => {
                let of = terminal.clean(&slo.name);
                format!("burn {} of {} ({of})", three(burn), three(terms.max_burn))
            }
            Some(_) => format!("burn 0 of {}", three(terms.max_burn)),
            None => "nothing judged yet".to_owned(),
        });
        let coverage = look.slos.iter().filter_map(super::Slo::coverage).min_by(f64::total_cmp);
        parts.extend(coverage.map(|coverage| format!("coverage {}", percent(coverage))));
        let (bad, judged) =
            look.slos.iter().fold((0, 0), |(bad, judged), slo| (bad + slo.counts.bad, judged + slo.counts.judged()));
        parts.push(format!("{bad} bad of {judged}"));
        parts.push(alerts(standing, terminal));
    }
    parts.extend(standing.trouble.map(|why| format!("retrying: {}", terminal.clean(why))));
    let style = match decision {
        Decision::Closed => Style::Bad,
        Decision::Open => Style::Good,
        _ if standing.trouble.is_some() => Style::Warn,
        _ => Style::Plain,
    };
    Line { text: parts.join(dot), style }
}

fn alerts(standing: &Standing<'_>, terminal: &Terminal) -> String {
    let Some(look) = standing.look else { return String::new() };
    let concern = look.alerts.iter().filter(|alert| alert.state != State::Resolved && matters(alert, &look.slos));
    let mut names: Vec<String> = concern
        .map(|alert| {
            let mark = match (alert.state, alert.before) {
                (State::Pending, _) => " (pending)",
                (_, true) => " (from before)",
                _ => "",
            };
            format!("{}{mark}", terminal.clean(&alert.name))
        })
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() { "no alerts".to_owned() } else { names.join(", ") }
}

/// `4:05`, or `1:04:05`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
