//! The result for people: a table, for each cause of failures a waterfall, and at the end, where the eye falls, what is
//! broken and whose fault it is.

use super::super::render::{self, short};
use super::{found, mark, tally};
use crate::smoke::report::words::{self, Cause};
use crate::smoke::report::{Against, CheckReport, Judgement, Report, Sequential, Waited};
use crate::terminal::harmless;
use crate::terminal::{Style, Terminal};

/// Good checks that the table lists before it counts the rest.
const MOST_GOOD: usize = 24;
/// Causes that are drawn.
const MOST_DRAWN: usize = 20;
/// Causes that the last lines name.
const MOST_NAMED: usize = 6;
/// Checks that a line names.
const MOST_LISTED: usize = 8;
/// Columns: a duration, a count of runs.
const TIME: usize = 8;
const RUNS: usize = 9;

/// The whole result; ends with a newline.
pub fn human(report: &Report, terminal: &Terminal) -> String {
    let mut page = Page { report, terminal, out: String::new() };
    if !report.checks.is_empty() {
        page.table();
    }
    let causes = words::causes(report);
    page.details(&causes);
    page.closing(&causes);
    harmless(&page.out)
}

struct Page<'a> {
    report: &'a Report,
    terminal: &'a Terminal,
    out: String,
}

/// The widths of the table's columns; 0: it is left out.
struct Columns {
    name: usize,
    kind: usize,
    runs: usize,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn blank(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// The worst first; within that in the order of the plan.
    fn table(&mut self) {
        let report = self.report;
        let mut checks: Vec<&CheckReport> = report.checks.iter().collect();
        checks.sort_by_key(|check| std::cmp::Reverse(check.verdict));
        let good = checks.iter().filter(|check| check.verdict == Judgement::Good).count();
        // One more line for one check would say less than the check.
        let hidden = if good > MOST_GOOD + 1 { good - MOST_GOOD } else { 0 };
        checks.truncate(checks.len() - hidden);
        let columns = self.columns(&checks);
        let Columns { name, kind, runs } = columns;
        let mut heading = format!("  {:name$}", "check");
        if kind > 0 {
            heading.push_str(&format!("  {:kind$}", "kind"));
        }
        if runs > 0 {
            heading.push_str(&format!("  {:>runs$}", "good runs"));
        }
        heading.push_str(&format!("  {:>TIME$}  found", if runs > 0 { "median" } else { "took" }));
        self.line(&self.terminal.paint(Style::Dim, &heading));
        for check in checks {
            self.row(check, &columns);
        }
        if hidden > 0 {
            let (mark, style) = mark(Judgement::Good, self.terminal);
            let more = format!("{mark} {hidden} more are good");
            self.line(&self.terminal.paint(style, &more));
        }
    }

    fn columns(&self, checks: &[&CheckReport]) -> Columns {
        let width = self.terminal.width;
        let longest = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0);
        let name = longest(&mut checks.iter().map(|check| self.name(check).chars().count()));
        let kind = longest(&mut checks.iter().map(|check| check.check.kind.len())).max(4);
        let found = longest(&mut checks.iter().map(|check| found(check).chars().count()));
        let runs = if checks.iter().any(|check| check.judged() > 1) { RUNS } else { 0 };
        let fixed = 2 + TIME + 2 + if runs > 0 { runs + 2 } else { 0 };
        let name = name.clamp(5, (width / 3).max(24));
        // The kind is the first that is left out: names mostly say it.
        let kind = if fixed + name + 2 + kind + 2 + found.min(40) <= width { kind } else { 0 };
        Columns { name, kind, runs }
    }

    fn name(&self, check: &CheckReport) -> String {
        self.terminal.clean(&check.check.to_string())
    }

    fn row(&mut self, check: &CheckReport, columns: &Columns) {
        let terminal = self.terminal;
        let Columns { name, kind, runs } = *columns;
        let (mark, style) = mark(check.verdict, terminal);
        let label = super::name(&check.check, name, terminal);
        let mut line = format!("{mark} {label:name$}");
        if kind > 0 {
            line.push_str(&format!("  {:kind$}", check.check.kind));
        }
        if runs > 0 {
            let share = match check.judged() {
                0 => "-".to_owned(),
                all => format!("{} of {all}", check.counts.good),
            };
            line.push_str(&format!("  {share:>runs$}"));
        }
        let took = match (runs > 0, check.median) {
            (true, Some(median)) => short(median),
            (true, None) => "-".to_owned(),
            (false, _) => short(check.duration),
        };
        line.push_str(&format!("  {took:>TIME$}  "));
        let room = terminal.width.saturating_sub(line.chars().count());
        let found = terminal.cut(&terminal.clean(&found(check)), room);
        // The mark and what was found in colour, the rest as it is.
        let rest = &line[mark.len()..];
        let found = if check.verdict == Judgement::Good { found } else { terminal.paint(style, &found) };
        self.line(&format!("{}{rest}{found}", terminal.paint(style, mark)));
    }

    /// Of each cause the most telling run of its first check.
    fn details(&mut self, causes: &[Cause<'_>]) {
        for cause in causes.iter().take(MOST_DRAWN) {
            let first = cause.checks[0];
            self.blank();
            let rule = self.terminal.pick("─", "-").repeat(self.terminal.width);
            self.line(&self.terminal.paint(Style::Dim, &rule));
            match first.telling() {
                Some(run) => self.out.push_str(&render::outcome(run, self.terminal)),
                None => {
                    let (mark, style) = mark(first.verdict, self.terminal);
                    let verdict = self.terminal.paint(style, &format!("{mark} {}", first.verdict.as_str()));
                    let name = self.terminal.paint(Style::Bold, &self.name(first));
                    self.line(&format!("{verdict}  {name}  {}: no run", first.check.kind));
                }
            }
            self.blank();
            // Of a single run that has a fault all was said above.
            if first.judged() != 1 || words::blamed(first).is_none() {
                self.wrapped("Judged:     ", &first.reason, Style::Plain);
            }
            if let Some((_, others)) = cause.checks.split_first().filter(|(_, others)| !others.is_empty()) {
                let others = Cause { checks: others.to_vec(), ..cause.clone() };
                let names = others.names(MOST_LISTED, &|name| name.to_owned());
                self.wrapped("The same:   ", &names, Style::Plain);
            }
            for check in cause.checks.iter().filter(|check| check.screenshot.is_some()) {
                let file = check.screenshot.as_deref().unwrap_or_default();
                self.wrapped("Screenshot: ", &format!("{file} ({})", check.check), Style::Plain);
            }
            while self.out.ends_with("\n\n") {
                self.out.pop();
            }
        }
        if causes.len() > MOST_DRAWN {
            self.blank();
            let more =
                format!("{} more causes are not drawn; `--output json=FILE` has them", causes.len() - MOST_DRAWN);
            self.line(&more);
        }
        if !causes.is_empty() {
            self.blank();
            let rule = self.terminal.pick("─", "-").repeat(self.terminal.width);
            self.line(&self.terminal.paint(Style::Dim, &rule));
        } else {
            self.blank();
        }
    }

    /// What it all comes to.
    fn closing(&mut self, causes: &[Cause<'_>]) {
        let report = self.report;
        for cause in causes.iter().take(MOST_NAMED) {
            self.verdict(cause.verdict, &cause.sentence(report, &|name| name.to_owned()));
        }
        if causes.len() > MOST_NAMED {
            self.line(&format!("  and {} more causes", causes.len() - MOST_NAMED));
        }
        if causes.is_empty() {
            match report.verdict {
                Judgement::Good => self.verdict(report.verdict, &words::headline(report, &|name| name.to_owned())),
                // Interrupted, or nothing that could be judged.
                _ => self.verdict(report.verdict, report.reason.trim_end_matches('.')),
            }
        }
        if report.interrupted {
            self.wrapped("  ", "interrupted: what was not decided by then is inconclusive", Style::Warn);
        }
        if let Some(against) = &report.against {
            self.against(against);
        }
        for waited in &report.waited {
            self.waited(waited);
        }
        self.summary();
    }

    fn verdict(&mut self, verdict: Judgement, sentence: &str) {
        let (mark, style) = mark(verdict, self.terminal);
        let lines = self.terminal.wrap(&self.terminal.clean(sentence), self.terminal.width - 2);
        for (n, line) in lines.iter().enumerate() {
            let start = if n == 0 { self.terminal.paint(style, mark) } else { " ".to_owned() };
            self.line(&format!("{start} {}", self.terminal.paint(Style::Bold, line)));
        }
    }

    fn against(&mut self, against: &Against) {
        let then = format!("compared with {} of {}:", against.file, against.start);
        self.wrapped("  ", &then, Style::Dim);
        for (checks, what, style) in compared(against) {
            let shown = checks.iter().take(MOST_LISTED).cloned().collect::<Vec<_>>().join(", ");
            let more = match checks.len().saturating_sub(MOST_LISTED) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            self.wrapped(&format!("    {what}: "), &format!("{shown}{more}"), style);
        }
        if compared(against).is_empty() {
            self.wrapped("    ", "nothing was bad, and nothing is", Style::Plain);
        }
    }

    fn waited(&mut self, waited: &Waited) {
        let ready = if waited.ready { "then it answered" } else { "and it did not answer in time" };
        let tries = if waited.tries == 1 { "1 try".to_owned() } else { format!("{} tries", waited.tries) };
        let said = format!("waited {} for {} ({}; {tries}), {ready}", short(waited.took), waited.provider, waited.why);
        self.wrapped("  ", &said, if waited.ready { Style::Dim } else { Style::Warn });
    }

    fn summary(&mut self) {
        let report = self.report;
        if let Some(test) = &report.conditions.sequential {
            self.wrapped("  ", &sequential(test, report.conditions.runs), Style::Dim);
        }
        let count = |verdict| report.checks.iter().filter(|check| check.verdict == verdict).count();
        let counts = tally(&[
            (count(Judgement::Bad), "bad"),
            (count(Judgement::Inconclusive), "inconclusive"),
            (count(Judgement::Good), "good"),
            (count(Judgement::Skipped), "skipped"),
        ]);
        let plural = if report.checks.len() == 1 { "" } else { "s" };
        let of = if counts.is_empty() { String::new() } else { format!(": {counts}") };
        let took = short(report.duration);
        let said = format!("{} check{plural} in {took}{of}; exit {}", report.checks.len(), report.exit_code);
        self.wrapped("  ", &said, Style::Dim);
    }

    /// Cleaned, and broken into lines that begin below one another.
    fn wrapped(&mut self, first: &str, text: &str, style: Style) {
        let indent = first.chars().count();
        let text = self.terminal.clean(text);
        for (n, line) in self.terminal.wrap(&text, self.terminal.width.saturating_sub(indent)).iter().enumerate() {
            let start = if n == 0 { first.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{start}{}", self.terminal.paint(style, line)));
        }
    }
}

/// What there is to say of a comparison: which checks, what of them, how it looks.
pub(super) fn compared(against: &Against) -> Vec<(&[String], &'static str, Style)> {
    let all = [
        (&against.newly_bad[..], "newly bad", Style::Bad),
        (&against.bad_since_unknown[..], "bad, not known since when", Style::Bad),
        (&against.bad_before[..], "bad before as well", Style::Warn),
        (&against.unknown[..], "bad before, not known now", Style::Warn),
        (&against.mended[..], "mended", Style::Good),
        (&against.new_checks[..], "new checks", Style::Plain),
        (&against.gone[..], "not checked this time", Style::Plain),
    ];
    all.into_iter().filter(|(checks, ..)| !checks.is_empty()).collect()
}

/// By what many runs were judged.
pub(super) fn sequential(test: &Sequential, runs: u32) -> String {
    let percent = |share: f64| {
        let text = format!("{:.3}", share * 100.0);
        format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
    };
    format!(
        "runs until it is decided: good at {} or more, bad at {} or less, {} sure; at most {runs}",
        percent(test.accept),
        percent(test.reject),
        percent(test.confidence)
    )
}
