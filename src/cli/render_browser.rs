//! What a browser saw, for people: how long its pages took, and what was on the last one when a login failed.

use std::time::Duration;

use super::render::short;
use crate::outcome::{BrowserReport, Evidence, PageTiming};
use crate::terminal::{Style, Terminal};

/// Columns of the table of pages: heading, width.
const COLUMNS: [(&str, usize); 5] = [("ttfb", 9), ("dom ready", 10), ("loaded", 9), ("paint", 9), ("files", 8)];
/// The most lines of an outline that are shown.
const MAX_OUTLINE: usize = 40;

/// One line a page, and what WebDriver cost besides; ends with a newline.
pub fn pages(report: &BrowserReport, terminal: &Terminal) -> String {
    let room = terminal.width - COLUMNS.iter().map(|(_, width)| width).sum::<usize>();
    let headings: String = COLUMNS.iter().map(|(heading, width)| format!("{heading:>width$}")).collect();
    let mut lines = vec![format!("{:room$}{}", "Pages", terminal.paint(Style::Dim, &headings))];
    for page in &report.pages {
        let status = page.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let mut what = format!("  {status:>3} {}", place(page));
        match page.redirects {
            0 => {}
            1 => what.push_str(" (redirected)"),
            more => what.push_str(&format!(" ({more} redirects)")),
        }
        let what = terminal.cut(&terminal.clean(&what), room - 1);
        let times = [page.ttfb, page.dom_ready, page.loaded, page.largest_paint].map(time);
        let cells = times.into_iter().chain([files(page)]);
        let cells: String = COLUMNS.iter().zip(cells).map(|((_, width), cell)| format!("{cell:>width$}")).collect();
        lines.push(format!("{what:room$}{cells}"));
    }
    let foreign = match report.pages.iter().any(|page| page.foreign > 0) {
        true => "; files: the provider's + others'",
        false => "",
    };
    let overhead = format!("{}; WebDriver overhead {}{foreign}", report.name, short(report.overhead));
    let overhead = terminal.wrap(&terminal.clean(&overhead), terminal.width - 2);
    lines.extend(overhead.iter().map(|line| format!("  {}", terminal.paint(Style::Dim, line))));
    joined(&lines)
}

/// The page on which a login failed; ends with a newline.
pub fn evidence(evidence: &Evidence, terminal: &Terminal) -> String {
    let mut lines = vec![terminal.paint(Style::Bold, "On the page when it failed")];
    let bar = terminal.paint(Style::Dim, terminal.pick("│", "|"));
    let line = |text: &str| format!("  {bar} {}", terminal.cut(&terminal.clean(text), terminal.width - 4));
    if !evidence.title.is_empty() {
        lines.push(format!("  {}", terminal.cut(&terminal.clean(&evidence.title), terminal.width - 2)));
    }
    if !evidence.url.is_empty() {
        let url = terminal.cut(&terminal.clean(&evidence.url), terminal.width - 2);
        lines.push(format!("  {}", terminal.paint(Style::Dim, &url)));
    }
    let outline: Vec<&str> = evidence.outline.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.extend(outline.iter().take(MAX_OUTLINE).map(|text| line(text)));
    if outline.len() > MAX_OUTLINE {
        lines.push(format!("  {bar} {} {} more", terminal.pick("…", "..."), outline.len() - MAX_OUTLINE));
    }
    if !evidence.console.is_empty() {
        lines.push("  Console".to_owned());
        lines.extend(evidence.console.iter().map(|text| line(text)));
    }
    joined(&lines)
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn time(took: Option<Duration>) -> String {
    took.map_or_else(|| "-".to_owned(), short)
}

fn files(page: &PageTiming) -> String {
    match page.foreign {
        0 => page.resources.to_string(),
        foreign => format!("{}+{foreign}", page.resources.saturating_sub(foreign)),
    }
}

/// Host and path: pages of a login come from several hosts, and their queries are long.
fn place(page: &PageTiming) -> String {
    match url::Url::parse(&page.url) {
        Ok(url) => format!("{}{}", url.host_str().unwrap_or_default(), url.path()),
        Err(_) => page.url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Screenshot;

    const PLAIN: Terminal = Terminal { width: 80, colour: false, unicode: true };

    fn report() -> BrowserReport {
        let ms = |n| Some(Duration::from_millis(n));
        let first = PageTiming {
            url: "https://login.example.com/interaction/[redacted]?state=[redacted]".into(),
            status: Some(200),
            redirects: 2,
            ttfb: ms(34),
            dom_ready: ms(80),
            loaded: ms(1234),
            largest_paint: ms(95),
            resources: 5,
            foreign: 1,
            ..PageTiming::default()
        };
        let second = PageTiming { url: "https://login.example.com/consent".into(), ..PageTiming::default() };
        let evidence = Evidence {
            url: "https://login.example.com/consent".into(),
            title: "Sign in \u{1b}[31mnow".into(),
            outline: format!("heading: Sign in\n\n{}", "button: Continue\n".repeat(45)),
            console: vec!["error: Uncaught TypeError".into()],
            screenshot: Some(Screenshot(vec![0; 9].into())),
        };
        BrowserReport {
            name: "chrome-headless-shell 156.0.8078.79".into(),
            overhead: Duration::from_millis(123),
            pages: vec![first, second],
            evidence: Some(evidence),
        }
    }

    #[test]
    fn a_page_is_a_line_and_overhead_is_apart() {
        let said = pages(&report(), &PLAIN);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "Pages                                   ttfb dom ready   loaded    paint   files");
        assert_eq!(lines[1], "  200 login.example.com/interacti…     34 ms     80 ms   1.23 s    95 ms     4+1");
        assert_eq!(lines[2], "    - login.example.com/consent            -         -        -        -       0");
        let rest =
            ["  chrome-headless-shell 156.0.8078.79; WebDriver overhead 123 ms; files: the", "  provider's + others'"];
        assert_eq!(lines[3..], rest);
        let wide = pages(&report(), &Terminal { width: 120, ..PLAIN });
        assert!(wide.contains("login.example.com/interaction/[redacted] (2 redirects) "), "{wide}");
        assert!(wide.contains("; files: the provider's + others'\n"), "{wide}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{said}");
    }

    #[test]
    fn evidence_is_bounded_and_cannot_drive_the_terminal() {
        let report = report();
        let said = evidence(report.evidence.as_ref().unwrap(), &PLAIN);
        assert!(said.starts_with("On the page when it failed\n  Sign in "), "{said}");
        assert!(said.contains("  │ heading: Sign in\n  │ button: Continue\n"), "{said}");
        assert!(said.contains("  │ … 6 more\n  Console\n  │ error: Uncaught TypeError\n"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
}
