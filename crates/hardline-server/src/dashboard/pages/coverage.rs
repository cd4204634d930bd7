//! What could not be judged, and for want of what.

use maud::html;

use crate::dashboard::parts::{Frame, Page, counted, rule_link};
use hardline_core::rule::Rule;

pub(crate) fn page(frame: &Frame<'_>) -> Page {
    let snapshot = frame.view.snapshot;
    let report = &snapshot.report;
    let body = html! {
        h1 { "Coverage" }
        p.in {
            "What is not known is not claimed: a rule that needs to know that something is not there stays silent where "
            "that cannot be read."
        }
        section aria-labelledby="gaps" {
            h2 #gaps { "Not read" }
            @if snapshot.observed.gaps.is_empty() { p.lead { "Every kind that hardline reads could be read." } }
            @else {
                table.list {
                    thead { tr { th { "kind" } th { "why" } } }
                    tbody { @for gap in &snapshot.observed.gaps { tr { th scope="row" { (gap.what) } td { (gap.why) } } } }
                }
            }
        }
        section aria-labelledby="silent" {
            h2 #silent { "Not evaluated" }
            @if report.not_evaluated.is_empty() { p.lead { "Every rule could be evaluated everywhere." } }
            // What was lacking names namespaces.
            @else if !frame.view.sight.is_everything() {
                p.lead { (counted(report.not_evaluated.len(), "gap")) ", shown to those who may read the whole cluster." }
            } @else {
                table.list {
                    thead { tr { th { "rule" } th { "needs" } } }
                    tbody {
                        @for same in report.not_evaluated.chunk_by(|a, b| a.rule == b.rule) {
                            tr {
                                th scope="row" {
                                    @match Rule::find(same[0].rule) { Some(rule) => (rule_link(rule)), None => code { (same[0].rule) } }
                                }
                                td {
                                    (same[0].needs)
                                    @if same.len() > 1 { details { summary { "and " (same.len() - 1) " more" }
                                        ul { @for lack in &same[1..] { li { (lack.needs) } } } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    Page { title: "Coverage".to_owned(), body }
}
