//! How far everything is: fed with events, drawn as lines that fit the terminal. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::render::short;
use super::{found, mark, tally};
use crate::clock::Instant;
use crate::outcome::{CheckLabels, Verdict};
use crate::smoke::Event;
use crate::smoke::report::Judgement;
use crate::terminal::{Style, Terminal, columns};

/// From here on there is room for the kinds (columns).
const WIDE: usize = 100;
/// The width of a duration.
const TIME: usize = 8;
/// How long a picture of the spinner stands.
pub const TICK: Duration = Duration::from_millis(100);

/// Everything that runs.
#[derive(Debug)]
pub struct Board {
    begun: Instant,
    rows: Vec<Row>,
    index: BTreeMap<CheckLabels, usize>,
    waits: Vec<Wait>,
}

#[derive(Debug)]
struct Row {
    check: CheckLabels,
    begun: Option<Instant>,
    run: u32,
    good: u32,
    bad: u32,
    inconclusive: u32,
    decided: Option<Decided>,
}

#[derive(Debug)]
struct Decided {
    verdict: Judgement,
    found: String,
    took: Duration,
}

#[derive(Debug)]
struct Wait {
    provider: String,
    why: String,
    tries: u32,
    since: Instant,
}

impl Board {
    /// Nothing runs yet.
    pub fn new(now: Instant) -> Self {
        Self { begun: now, rows: Vec::new(), index: BTreeMap::new(), waits: Vec::new() }
    }

    /// Something happened.
    pub fn tell(&mut self, event: &Event<'_>, now: Instant) {
        match event {
            Event::Selected(checks) => checks.iter().for_each(|check| {
                self.row(check);
            }),
            Event::Waiting { provider, why, tries } => self.waiting(provider, why, *tries, now),
            Event::Waited { provider, .. } => self.waits.retain(|wait| wait.provider != *provider),
            Event::Started { check, run } => {
                let row = self.row(check);
                row.begun.get_or_insert(now);
                row.run = *run;
            }
            Event::Ran { outcome, slow } => {
                let row = self.row(&outcome.check);
                match outcome.verdict {
                    Verdict::Good if !slow => row.good += 1,
                    Verdict::Good | Verdict::Bad => row.bad += 1,
                    Verdict::Inconclusive => row.inconclusive += 1,
                }
            }
            Event::Decided(check) => {
                let decided = Decided { verdict: check.verdict, found: found(check), took: check.duration };
                self.row(&check.check).decided = Some(decided);
            }
        }
    }

    fn row(&mut self, check: &CheckLabels) -> &mut Row {
        let next = self.rows.len();
        let at = *self.index.entry(check.clone()).or_insert(next);
        if at == next {
            self.rows.push(Row {
                check: check.clone(),
                begun: None,
                run: 0,
                good: 0,
                bad: 0,
                inconclusive: 0,
                decided: None,
            });
        }
        &mut self.rows[at]
    }

    fn waiting(&mut self, provider: &str, why: &str, tries: u32, now: Instant) {
        match self.waits.iter_mut().find(|wait| wait.provider == provider) {
            Some(wait) => (wait.why, wait.tries) = (why.to_owned(), tries),
            None => {
                self.waits.push(Wait { provider: provider.to_owned(), why: why.to_owned(), tries, since: now });
            }
        }
    }

    /// The picture now: at most `height` lines of at most `width` columns.
    pub fn frame(&self, now: Instant, terminal: &Terminal, width: usize, height: usize) -> Vec<String> {
        let mut lines = vec![self.heading(now, terminal)];
        lines.extend(self.waits.iter().map(|wait| wait.line(now, self.begun, terminal)));
        let room = height.saturating_sub(lines.len());
        let shown = self.chosen(room);
        let names = shown.iter().map(|row| terminal.clean(&row.check.to_string()).chars().count());
        let name = names.max().unwrap_or(0).min(width * 2 / 5);
        let kind = if width >= WIDE { shown.iter().map(|row| row.check.kind.len()).max().unwrap_or(0) } else { 0 };
        lines.extend(shown.iter().map(|row| row.line(now, self.begun, terminal, (name, kind))));
        if shown.len() < self.rows.len() {
            lines.push(self.others(&shown, terminal));
        }
        lines.truncate(height);
        lines.iter().map(|line| painted(line, terminal, width)).collect()
    }

    /// Those there is room for, in the order of the plan: what failed before what runs before what is good. One line is kept
    /// for a word on the others.
    fn chosen(&self, room: usize) -> Vec<&Row> {
        if self.rows.len() <= room {
            return self.rows.iter().collect();
        }
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|at| self.rows[*at].rank());
        order.truncate(room.saturating_sub(1));
        order.sort_unstable();
        order.into_iter().map(|at| &self.rows[at]).collect()
    }

    fn heading(&self, now: Instant, terminal: &Terminal) -> Line {
        let count = |verdict| self.rows.iter().filter(|row| row.verdict() == Some(verdict)).count();
        let decided = self.rows.iter().filter(|row| row.decided.is_some()).count();
        let counts = [
            (count(Judgement::Bad), "bad"),
            (count(Judgement::Inconclusive), "inconclusive"),
            (count(Judgement::Good), "good"),
            (count(Judgement::Skipped), "skipped"),
        ];
        let style = match () {
            () if counts[0].0 > 0 => Style::Bad,
            () if counts[1].0 > 0 => Style::Warn,
            () => Style::Plain,
        };
        let all = self.rows.len();
        let took = short(now.saturating_duration_since(self.begun));
        let mut line = vec![(Style::Bold, format!("{decided} of {all} checks decided"))];
        match tally(&counts) {
            none if none.is_empty() => {}
            tally => line.extend([(Style::Plain, ": ".to_owned()), (style, tally)]),
        }
        line.push((Style::Dim, format!("{}{took}", terminal.pick(" · ", ", "))));
        line
    }

    fn others(&self, shown: &[&Row], terminal: &Terminal) -> Line {
        let hidden = || self.rows.iter().filter(|row| !shown.iter().any(|other| std::ptr::eq(*other, *row)));
        let count = |verdict| hidden().filter(|row| row.verdict() == verdict).count();
        let running = hidden().filter(|row| row.decided.is_none() && row.begun.is_some()).count();
        let tally = tally(&[
            (count(Some(Judgement::Bad)), "bad"),
            (count(Some(Judgement::Inconclusive)), "inconclusive"),
            (running, "running"),
            (count(None) - running, "to come"),
            (count(Some(Judgement::Good)), "good"),
            (count(Some(Judgement::Skipped)), "skipped"),
        ]);
        vec![(Style::Dim, format!("{} {} more: {tally}", terminal.pick("…", "..."), hidden().count()))]
    }
}

/// Pieces of one line; foreign text cleaned.
type Line = Vec<(Style, String)>;

impl Row {
    fn verdict(&self) -> Option<Judgement> {
        self.decided.as_ref().map(|decided| decided.verdict)
    }

    /// What is most worth a line has the least.
    fn rank(&self) -> u8 {
        match (self.verdict(), self.begun) {
            (Some(Judgement::Bad), _) => 0,
            (Some(Judgement::Inconclusive), _) => 1,
            (None, Some(_)) => 2,
            (None, None) => 3,
            (Some(Judgement::Good | Judgement::Skipped), _) => 4,
        }
    }

    fn line(&self, now: Instant, begun: Instant, terminal: &Terminal, (name, kind): (usize, usize)) -> Line {
        let (mark, style) = match (self.verdict(), self.begun) {
            (Some(verdict), _) => mark(verdict, terminal),
            (None, Some(_)) => (spinner(now, begun, terminal), Style::Processing),
            (None, None) => (terminal.pick("·", "."), Style::Dim),
        };
        let check = super::name(&self.check, name, terminal);
        let mut line = vec![(style, mark.to_owned()), (Style::Plain, format!(" {check:name$} "))];
        if kind > 0 {
            line.push((Style::Dim, format!(" {:kind$} ", self.check.kind)));
        }
        let (took, said, style) = match (&self.decided, self.begun) {
            (Some(decided), _) => {
                let style = if decided.verdict == Judgement::Good { Style::Dim } else { style };
                (short(decided.took), terminal.clean(&decided.found), style)
            }
            (None, Some(since)) => (short(now.saturating_duration_since(since)), self.running(), Style::Plain),
            (None, None) => (String::new(), "to come".to_owned(), Style::Dim),
        };
        line.extend([(Style::Plain, format!("{took:>TIME$}  ")), (style, said)]);
        line
    }

    fn running(&self) -> String {
        let runs = [(self.bad, "bad"), (self.inconclusive, "inconclusive"), (self.good, "good")];
        let tally = tally(&runs.map(|(n, what)| (n as usize, what)));
        match (self.run, tally.is_empty()) {
            (0 | 1, true) => "running".to_owned(),
            (run, true) => format!("run {run}"),
            (run, false) => format!("run {run}: {tally}"),
        }
    }
}

impl Wait {
    fn line(&self, now: Instant, begun: Instant, terminal: &Terminal) -> Line {
        let took = short(now.saturating_duration_since(self.since));
        let tries = if self.tries == 1 { "once".to_owned() } else { format!("{} times", self.tries) };
        let said = format!(" waiting for {}: {}; tried {tries}, {took}", self.provider, self.why);
        vec![(Style::Warn, spinner(now, begun, terminal).to_owned()), (Style::Warn, terminal.clean(&said))]
    }
}

fn spinner(now: Instant, begun: Instant, terminal: &Terminal) -> &'static str {
    let frames: &[&str] =
        terminal.pick(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"][..], &["|", "/", "-", "\\"][..]);
    let tick = now.saturating_duration_since(begun).as_millis() / TICK.as_millis();
    frames[usize::try_from(tick % frames.len() as u128).unwrap_or(0)]
}

/// Cut to `width` columns, then painted. Wide characters are counted as what they take: a line that wraps would be two.
fn painted(line: &[(Style, String)], terminal: &Terminal, width: usize) -> String {
    let (mut out, mut room) = (String::new(), width);
    for (style, text) in line.iter().filter(|(_, text)| !text.is_empty()) {
        let mut fits = 0;
        let most = text.chars().take_while(|c| {
            fits += columns(*c);
            fits <= room
        });
        let text = match most.count() {
            0 => break,
            most => terminal.cut(text, most),
        };
        room = room.saturating_sub(text.chars().map(columns).sum());
        out.push_str(&terminal.paint(*style, &text));
    }
    out
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
