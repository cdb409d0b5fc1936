//! The waterfall: steps as groups, requests as bars with their phases. One table: the bars are its last column, so that
//! whoever sees none of them reads the same.

use maud::{Markup, html};

use super::layout::{Scale, shares};
use super::numbers;
use super::view::{Kept, RequestView, RunView, StepView};
use crate::outcome::{REFERENCE, UPSTREAM};
use crate::web::page::words::latency;

/// How many requests are shown, and how many steps.
const MAX_REQUESTS: usize = 300;
const MAX_STEPS: usize = 100;
/// The longest note, URL or path (characters).
const MAX_NOTE: usize = 1000;
pub(super) const MAX_URL: usize = 500;
/// The phases, with what each is.
pub(super) const PHASES: [(&str, &str); 5] = [
    ("resolve", "name resolution"),
    ("connect", "TCP connection, with the proxy's handshake"),
    ("tls", "TLS handshake"),
    ("processing", "from the request being sent to the head of the answer"),
    ("transfer", "from the head of the answer to its last byte"),
];
/// The height of a row's picture (px).
const HEIGHT: u32 = 20;

/// What of a step is shown: its first requests, how many are left out, its last ones.
pub(super) struct Shown<'a> {
    pub step: &'a StepView,
    first: &'a [RequestView],
    left_out: usize,
    last: &'a [RequestView],
}

impl<'a> Shown<'a> {
    fn of(step: &'a StepView, share: usize) -> Self {
        let all = step.requests.as_slice();
        if all.len() <= share {
            return Self { step, first: all, left_out: 0, last: &[] };
        }
        let (head, tail) = (share.div_ceil(2), share / 2);
        Self { step, first: &all[..head], left_out: all.len() - share, last: &all[all.len() - tail..] }
    }

    pub fn requests(&self) -> impl Iterator<Item = &'a RequestView> {
        self.first.iter().chain(self.last)
    }
}

/// The whole section.
pub fn section(run: &RunView) -> Markup {
    let scale = Scale::of(run);
    let steps = &run.steps[..run.steps.len().min(MAX_STEPS)];
    let counts: Vec<usize> = steps.iter().map(|step| step.requests.len()).collect();
    let shares = shares(&counts, MAX_REQUESTS);
    let shown: Vec<Shown<'_>> = steps.iter().zip(shares).map(|(step, share)| Shown::of(step, share)).collect();
    let drawn = Drawn { run, scale, verdict: run.steps.iter().any(|step| step.cleanup) };
    html! {
        section aria-labelledby="waterfall" {
            h2 #waterfall { "Waterfall" }
            @if run.steps.is_empty() {
                p { "No step was begun." }
            } @else {
                div.card {
                    (drawn.table(&shown))
                    @if run.requests() > 0 { (legend(drawn.verdict)) }
                    @if run.kept == Kept::Summary {
                        p.faint { "Of good runs the ledger keeps the steps and how long they took, not their requests." }
                    }
                    (bounds(run))
                }
                @if run.requests() > 0 { (numbers::table(&shown, run)) }
            }
        }
    }
}

fn bounds(run: &RunView) -> Markup {
    html! {
        @if run.requests() > MAX_REQUESTS {
            p.faint {
                (MAX_REQUESTS) " of " (run.requests()) " requests are shown; all are in "
                a href={ "/api/v1/runs/" (run.trace_id) } { "the run's JSON" } "."
            }
        }
        @if run.steps.len() > MAX_STEPS {
            p.faint { (MAX_STEPS) " of " (run.steps.len()) " steps are shown." }
        }
    }
}

struct Drawn<'a> {
    run: &'a RunView,
    scale: Scale,
    /// Whether the moment of the verdict is not the end.
    verdict: bool,
}

impl Drawn<'_> {
    fn table(&self, shown: &[Shown<'_>]) -> Markup {
        let ticks = self.scale.ticks();
        html! {
            // Small screens lay rows out as grids: the roles keep it a table.
            table.waterfall role="table" aria-labelledby="waterfall" {
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "step, request" }
                        th scope="col" role="columnheader" { "answer" }
                        th.num scope="col" role="columnheader" { "took" }
                        th.bars scope="col" role="columnheader" {
                            span.hidden { "when" }
                            svg width="100%" height="16" aria-hidden="true" {
                                @for (x, words) in &ticks {
                                    text x=(percent(*x)) y="11" { (words) }
                                }
                            }
                        }
                    }
                }
                @for (n, shown) in shown.iter().enumerate() {
                    @if shown.step.cleanup && n.checked_sub(1).is_none_or(|before| !self.run.steps[before].cleanup) {
                        tbody.apart role="rowgroup" {
                            tr role="row" { td role="cell" colspan="4" { "Cleanup: after the verdict, never part of it" } }
                        }
                    }
                    (self.step(shown))
                }
            }
        }
    }

    fn step(&self, shown: &Shown<'_>) -> Markup {
        let step = shown.step;
        let skipped = step.state == "skipped";
        let span = self.scale.span(step.start, step.duration);
        html! {
            tbody.cleanup[step.cleanup] role="rowgroup" {
                tr.step role="row" {
                    th scope="rowgroup" role="rowheader" { (step.name) }
                    td role="cell" { (state(step)) }
                    td.num role="cell" { @if skipped { "–" } @else { (latency(step.duration)) } }
                    td.bars role="cell" {
                        svg width="100%" height=(HEIGHT) aria-hidden="true" {
                            (self.grid())
                            @if !skipped {
                                rect.whole.failed[step.state == "failed"] x=(percent(span.x)) width=(percent(span.width))
                                    y="8" height="4" rx="2" {}
                            }
                        }
                    }
                }
                @for request in shown.first { (self.request(request)) }
                @if shown.left_out > 0 {
                    tr.left-out role="row" { td role="cell" colspan="4" { "… " (shown.left_out) " more requests …" } }
                }
                @for request in shown.last { (self.request(request)) }
                @if !step.note.is_empty() {
                    tr.note role="row" { td role="cell" colspan="4" { (cut(&step.note, MAX_NOTE)) } }
                }
            }
        }
    }

    fn request(&self, request: &RequestView) -> Markup {
        html! {
            tr.request role="row" {
                th scope="row" role="rowheader" {
                    span title=(cut(&request.url, MAX_URL)) {
                        b { (request.method) } " " (cut(&place(request), 120))
                    }
                    @if request.region != self.run.region && !request.region.is_empty() {
                        span.faint { " from " (request.region) }
                    }
                    @if request.resend > 0 { span.faint { " again (" (request.resend) ")" } }
                }
                td role="cell" { (answer(request)) }
                td.num role="cell" { (latency(request.duration)) }
                td.bars role="cell" { (self.bar(request)) }
            }
        }
    }

    fn bar(&self, request: &RequestView) -> Markup {
        let span = self.scale.span(request.start, request.duration);
        let bad = request.error.is_some() || request.status.is_some_and(|status| status >= 500 || status == 429);
        html! {
            svg width="100%" height=(HEIGHT) aria-hidden="true" {
                title { (phases(request)) }
                (self.grid())
                rect.rest.failed[bad] x=(percent(span.x)) width=(percent(span.width)) y="4" height="12" rx="2" {}
                @for piece in self.scale.pieces(request) {
                    @let (y, height) = thickness(piece.phase);
                    rect class={ "ph-" (piece.phase) } x=(percent(piece.span.x)) width=(percent(piece.span.width))
                        y=(y) height=(height) {}
                }
            }
        }
    }

    fn grid(&self) -> Markup {
        let verdict = self.verdict.then(|| self.scale.at(self.run.start + self.run.duration));
        html! {
            @for (x, _) in self.scale.ticks() {
                line.axis x1=(percent(x)) x2=(percent(x)) y1="0" y2="100%" {}
            }
            @if let Some(x) = verdict {
                line.stroke.dashed.s-faint x1=(percent(x)) x2=(percent(x)) y1="0" y2="100%" {}
            }
        }
    }
}

/// Phases differ in thickness as well as in colour: y and height (px).
fn thickness(phase: &str) -> (u32, u32) {
    match phase {
        "resolve" => (9, 2),
        "connect" => (8, 4),
        "tls" => (7, 6),
        "processing" => (4, 12),
        _ => (6, 8),
    }
}

fn legend(verdict: bool) -> Markup {
    html! {
        ul.legend {
            @for (phase, what) in PHASES {
                @let (y, height) = thickness(phase);
                li title=(what) {
                    svg width="18" height=(HEIGHT) aria-hidden="true" {
                        rect class={ "ph-" (phase) } x="0" width="18" y=(y) height=(height) {}
                    }
                    (phase)
                }
            }
            li {
                svg width="18" height=(HEIGHT) aria-hidden="true" {
                    rect.rest x="1" width="16" y="4" height="12" rx="2" {}
                }
                "not told apart"
            }
            @if verdict {
                li {
                    svg width="18" height=(HEIGHT) aria-hidden="true" {
                        line.stroke.dashed.s-faint x1="9" x2="9" y1="0" y2="100%" {}
                    }
                    "the verdict"
                }
            }
        }
    }
}

fn state(step: &StepView) -> Markup {
    match &*step.state {
        "done" => html! { span.badge.good { "done" } },
        // What a cleanup does not manage is a worry, not a failure of the run.
        "failed" if step.cleanup => html! { span.badge.warn { "failed" } },
        "failed" => html! { span.badge.bad { "failed" } },
        other => html! { span.badge { (other) } },
    }
}

/// The status, or what came instead of one.
pub(super) fn answer(request: &RequestView) -> Markup {
    match (&request.error, request.status) {
        (Some(error), Some(status)) => html! { span.badge.bad { (error) } " " (status) },
        (Some(error), None) => html! { span.badge.bad { (error) } },
        (None, Some(status)) if status >= 500 || status == 429 => html! { span.badge.bad { (status) } },
        (None, Some(status)) if status >= 400 => html! { span.badge.warn { (status) } },
        (None, Some(status)) => html! { (status) },
        (None, None) => html! { span.badge.warn { "no answer" } },
    }
}

/// Path and, where it is another host than the provider's or there is no path, the host.
fn place(request: &RequestView) -> String {
    match url::Url::parse(&request.url) {
        Ok(url) if [REFERENCE, UPSTREAM].contains(&&*request.endpoint) || url.path() == "/" => {
            format!("{}{}", url.host_str().unwrap_or_default(), url.path())
        }
        Ok(url) => url.path().to_owned(),
        Err(_) => request.url.clone(),
    }
}

/// In words, for whoever points at a bar.
fn phases(request: &RequestView) -> String {
    let known = request.phases.all().into_iter().filter_map(|(name, took)| Some((name, took?)));
    let words: Vec<String> = known.map(|(name, took)| format!("{name} {}", latency(took))).collect();
    words.join(", ")
}

/// A place for an attribute.
pub fn percent(share: f64) -> String {
    format!("{share:.3}%")
}

/// At most so many characters.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use std::time::Duration;

    fn request(n: usize) -> RequestView {
        RequestView {
            endpoint: "token".into(),
            region: "eu".into(),
            method: "POST".into(),
            url: format!("https://login.example.com/token-{n}?code=[redacted]"),
            status: Some(200),
            resend: 0,
            start: Timestamp::from_secs(0),
            duration: Duration::from_millis(4),
            phases: Default::default(),
            body_bytes: 0,
            error: None,
            certificate_not_after: None,
        }
    }

    #[test]
    fn of_many_requests_the_first_and_the_last_are_shown() {
        let step = StepView {
            name: "token".into(),
            state: "done".into(),
            start: Timestamp::from_secs(0),
            duration: Duration::ZERO,
            note: String::new(),
            cleanup: false,
            requests: (0..9).map(request).collect(),
        };
        for (share, first, left_out, last) in [(9, 9, 0, 0), (5, 3, 4, 2), (1, 1, 8, 0), (0, 0, 9, 0)] {
            let shown = Shown::of(&step, share);
            assert_eq!((shown.first.len(), shown.left_out, shown.last.len()), (first, left_out, last), "{share}");
        }
        assert!(Shown::of(&step, 5).last[1].url.contains("token-8"));
    }

    #[test]
    fn places_are_paths_unless_the_host_is_the_news() {
        let with = |endpoint: &str, url: &str| RequestView { endpoint: endpoint.into(), url: url.into(), ..request(0) };
        for (endpoint, url, expected) in [
            ("token", "https://login.example.com/oauth/token?x=1", "/oauth/token"),
            ("authorization", "https://login.example.com/", "login.example.com/"),
            (UPSTREAM, "https://idp.example.net/sso", "idp.example.net/sso"),
            (REFERENCE, "https://example.org/204", "example.org/204"),
            ("token", "nonsense", "nonsense"),
        ] {
            assert_eq!(place(&with(endpoint, url)), expected);
        }
    }
}
