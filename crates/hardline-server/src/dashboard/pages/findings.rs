//! Findings that fit a filter.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use hardline_core::checklist::Line;
use hardline_core::pattern;
use hardline_core::report::Reported;
use hardline_core::rule::Severity;
use maud::{Markup, html};

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::parts::{Frame, Page, counted, finding, on_page, pages};

/// How many are on a page.
const PER_PAGE: usize = 50;

pub(crate) fn page(frame: &Frame<'_>, filter: &Filter) -> Page {
    let mut found = matching(frame, filter);
    found.sort_by_key(|finding| Reverse(finding.severity));
    let title = match filter.line {
        Some(line) => format!("What fails “{}”", line.title()),
        None if filter.rule == "drift-*" => "Drift".to_owned(),
        None => "Findings".to_owned(),
    };
    let body = html! {
        h1 { (title) }
        (form(frame, filter, found.len()))
        div.subject {
            @for &it in on_page(found.iter(), filter.page, PER_PAGE) { (finding(frame, it, false, true)) }
        }
        @if found.is_empty() {
            p.nothing { "Nothing fits this filter. " a href=(Address::Findings) { "Show everything" } }
        }
        (pages(&Address::Findings, filter, found.len(), PER_PAGE))
    };
    Page { title, body }
}

fn matching<'a>(frame: &'a Frame<'_>, filter: &Filter) -> Vec<&'a Reported> {
    let view = frame.view;
    let areas = view.areas.iter().filter(|area| filter.is_of(area.namespace.as_deref()));
    let findings = areas.flat_map(|area| &area.subjects).flat_map(|subject| view.findings(subject));
    let is_asked = |finding: &&Reported| {
        let id = finding.resource.as_ref();
        let name = id.map_or_else(|| finding.location.file(), |id| &id.name);
        let (kind, namespace) = id.map_or(("", ""), |id| (&id.kind, id.namespace.as_deref().unwrap_or_default()));
        filter.severity.is_none_or(|severity| finding.severity == severity)
            && (filter.rule.is_empty() || pattern::matches(&filter.rule, finding.rule.id))
            && filter.line.is_none_or(|line| Line::of(finding.rule) == Some(line))
            && filter.is_in(&[&finding.message, finding.rule.id, name, kind, namespace])
    };
    findings.filter(is_asked).collect()
}

fn form(frame: &Frame<'_>, filter: &Filter, found: usize) -> Markup {
    let option = |value: &str, text: &str, is_chosen: bool| {
        html! { option value=(value) selected[is_chosen] { (text) } }
    };
    html! {
        form.filter role="search" {
            input type="search" name="text" value=(filter.text) placeholder="Search findings" aria-label="Search findings";
            select name="severity" aria-label="Severity" {
                (option("", "any severity", filter.severity.is_none()))
                @for severity in Severity::ALL.into_iter().rev() {
                    (option(severity.name(), severity.name(), filter.severity == Some(severity)))
                }
            }
            select name="namespace" aria-label="Namespace" {
                (option("", "all namespaces", filter.namespace.is_empty()))
                @for area in frame.view.areas.iter() {
                    @let name = area.namespace.as_deref();
                    (option(name.unwrap_or("-"), name.unwrap_or("in no namespace"),
                        !filter.namespace.is_empty() && filter.is_of(name)))
                }
            }
            select name="line" aria-label="Line of the checklist" {
                (option("", "the whole checklist", filter.line.is_none()))
                @for line in Line::ALL { (option(line.name(), line.title(), filter.line == Some(line))) }
            }
            input.rule name="rule" value=(filter.rule) placeholder="rule, or rule-*" aria-label="Rule" list="rules";
            datalist #rules { @for id in broken(frame) { option value=(id) {} } }
            button { "Filter" }
            output { (counted(found, "finding")) }
        }
    }
}

/// The rules that have findings.
fn broken(frame: &Frame<'_>) -> BTreeSet<&'static str> {
    let view = frame.view;
    view.subjects().flat_map(|(_, subject)| view.findings(subject)).map(|finding| finding.rule.id).collect()
}
