//! What is new, and what is gone.

use hardline_core::report::Reported;
use hardline_core::rule::Rule;
use maud::{Markup, html};

use crate::dashboard::parts::{Frame, Page, ago, counted, finding, link_if_there, prose, rule_link, time};
use crate::snapshot::{Changes, Gone};

/// How many of each are listed.
const MOST: usize = 200;

pub(crate) fn page(frame: &Frame<'_>) -> Page {
    let changes = frame.view.snapshot.history.changes.as_ref();
    let nothing = || {
        html! {
            h1 { "Changes" }
            p.nothing { "Nothing is recorded yet to compare with." }
        }
    };
    let body = changes.map_or_else(nothing, |changes| body(frame, changes));
    Page { title: "Changes".to_owned(), body }
}

fn body(frame: &Frame<'_>, changes: &Changes) -> Markup {
    let view = frame.view;
    let at = |finding: &Reported| changes.appeared.get(&finding.fingerprint).map(|appeared| appeared.at);
    let mut appeared: Vec<_> = view.reported().filter(|finding| at(finding).is_some()).collect();
    appeared.sort_by_key(|finding| std::cmp::Reverse((at(finding), finding.severity)));
    let gone: Vec<&Gone> = changes.gone.iter().filter(|gone| view.shows(gone.resource.as_ref())).collect();
    html! {
        h1 { "Changes" }
        p.in { "Since " (time(changes.since)) ", " (ago(changes.since, frame.now)) "." }
        section aria-labelledby="new" {
            h2 #new { (counted(appeared.len(), "new finding")) }
            div.subject { @for &it in appeared.iter().take(MOST) { (finding(frame, it, false, true)) } }
            (more(appeared.len()))
        }
        section aria-labelledby="gone" {
            h2 #gone { (counted(gone.len(), "finding")) " gone" }
            @if !gone.is_empty() {
                table.list {
                    thead { tr { th { "when" } th { "severity" } th { "finding" } th { "resource" } } }
                    tbody {
                        @for gone in gone.iter().take(MOST) {
                            tr {
                                td { (time(gone.at)) }
                                td class=(gone.severity) { span.sev { (gone.severity) } }
                                td {
                                    s { (prose(&gone.message)) } br;
                                    @match Rule::find(&gone.rule) { Some(rule) => (rule_link(rule)), None => code { (gone.rule) } }
                                }
                                td { @if let Some(id) = &gone.resource { (link_if_there(frame, id)) } }
                            }
                        }
                    }
                }
            }
            (more(gone.len()))
        }
    }
}

fn more(all: usize) -> Markup {
    html! { @if all > MOST { p.lead { (counted(all - MOST, "more")) " are not listed." } } }
}
