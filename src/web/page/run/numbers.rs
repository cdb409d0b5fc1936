//! Requests in numbers: what the bars of the waterfall show.

use maud::{Markup, html};

use super::view::{RequestView, RunView};
use super::waterfall::{MAX_URL, PHASES, Shown, answer, cut};
use crate::web::page::words::latency;

/// Every request that is shown, in numbers.
pub fn table(shown: &[Shown<'_>], run: &RunView) -> Markup {
    let clock = |request: &RequestView| match request.start.since(run.start) {
        late if late.is_zero() => "0".to_owned(),
        late => format!("+{}", latency(late)),
    };
    html! {
        details.numbers {
            summary { "All requests in numbers" }
            div.wide.roomy role="region" aria-label="All requests in numbers" tabindex="0" {
                table {
                    thead {
                        tr {
                            @for column in ["step", "request", "from"] { th scope="col" { (column) } }
                            @for column in ["began", "took"] { th.num scope="col" { (column) } }
                            @for (phase, what) in PHASES { th.num scope="col" title=(what) { (phase) } }
                            th.num scope="col" { "answer" }
                            th.num scope="col" { "body" }
                            th scope="col" { "certificate until" }
                        }
                    }
                    tbody {
                        @for (step, request) in shown.iter().flat_map(|shown| shown.requests().map(|r| (shown.step, r))) {
                            tr {
                                td { (step.name) }
                                th scope="row" {
                                    (request.method) " " code { (cut(&request.url, MAX_URL)) }
                                    @if request.resend > 0 { " again (" (request.resend) ")" }
                                }
                                td { (request.region) }
                                td.num { (clock(request)) }
                                td.num { (latency(request.duration)) }
                                @for (_, took) in request.phases.all() {
                                    td.num { @if let Some(took) = took { (latency(took)) } @else { "–" } }
                                }
                                td.num { (answer(request)) }
                                td.num { (request.body_bytes) " B" }
                                td {
                                    @if let Some(until) = request.certificate_not_after {
                                        (until.to_utc().format("%Y-%m-%d"))
                                    } @else { "–" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
