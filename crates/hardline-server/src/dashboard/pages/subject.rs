//! A workload, or another resource with findings.

use std::cmp::Reverse;

use hardline_core::checklist::Line;
use maud::{Markup, html};

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::pages::{exemptions, network};
use crate::dashboard::parts::{Frame, Page, counts, finding, kind, trail};
use crate::snapshot::Subject;

pub(crate) fn page(frame: &Frame<'_>, namespace: Option<&str>, group: &str, of: &str, name: &str) -> Option<Page> {
    let area = frame.view.area(namespace)?;
    let subject = area.subject(group, of, name)?;
    let mut findings: Vec<_> = frame.view.findings(subject).collect();
    findings.sort_by_key(|finding| Reverse(finding.severity));
    let home = area.namespace.clone();
    let home_name = home.clone().unwrap_or_else(|| "in no namespace".to_owned());
    let exempted: Vec<_> =
        frame.view.exempted().filter(|exempted| exempted.resource.as_deref() == Some(&subject.id)).collect();
    let body = html! {
        (trail(&[(Address::Namespaces, "Namespaces".to_owned()), (Address::Namespace(home), home_name)]))
        h1 { small { (kind(&subject.id)) } " " (subject.id.name) }
        p.in {
            (counts(subject.counts))
            @if subject.is_built_in { " The API server made it, and makes it again as it was when it starts." }
        }
        @if subject.is_workload { (checklist(subject)) }
        section aria-labelledby="findings" {
            h2 #findings { "Findings" }
            @if findings.is_empty() { p.lead { "Nothing stands against it." } }
            div.subject { @for &it in &findings { (finding(frame, it, true, false)) } }
        }
        @if subject.is_workload { @if let Some(senders) = network::senders(frame, &subject.id) { (senders) } }
        @if !exempted.is_empty() {
            section aria-labelledby="exempted" {
                h2 #exempted { "Exempted" }
                (exemptions::table(frame, &exempted))
            }
        }
    };
    Some(Page { title: format!("{} {}", kind(&subject.id), subject.id.name), body })
}

/// Which lines of the checklist it passes.
fn checklist(subject: &Subject) -> Markup {
    html! {
        ul.chips aria-label="The checklist" {
            @for line in Line::ALL {
                @if subject.fails(line) {
                    li.fails {
                        a href={ (Address::Findings) (Filter::line(line).within(subject.id.namespace.as_deref())) } {
                            span.sign { "fails" } " " (line.title())
                        }
                    }
                } @else {
                    li.passes { span.sign { "passes" } " " (line.title()) }
                }
            }
        }
    }
}
