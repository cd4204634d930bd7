//! Findings that fit a filter.

use std::collections::BTreeSet;

use hardline_core::checklist::Line;
use hardline_core::pattern;
use hardline_core::report::Reported;
use hardline_core::rule::Severity;
use maud::{Markup, html};

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::parts::{Frame, Page, counted, finding, on_page, pages};
use crate::snapshot::home;

/// How many are on a page.
const PER_PAGE: usize = 50;

pub(crate) fn page(frame: &Frame<'_>, filter: &Filter) -> Page {
    let found = matching(frame, filter);
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

/// The findings that are asked for, the worst first.
fn matching<'a>(frame: &Frame<'a>, filter: &Filter) -> Vec<&'a Reported> {
    let is_asked = |finding: &&Reported| {
        let id = finding.resource.as_deref();
        let name = id.map_or_else(|| finding.location.file(), |id| &id.name);
        let (kind, namespace) = id.map_or(("", ""), |id| (&id.kind, id.namespace.as_deref().unwrap_or_default()));
        (filter.rule.is_empty() || pattern::matches(&filter.rule, finding.rule.id))
            && filter.is_of(id.and_then(home))
            && filter.line.is_none_or(|line| Line::of(finding.rule) == Some(line))
            && filter.is_in(&[&finding.message, finding.rule.id, name, kind, namespace])
    };
    let all: Vec<&Reported> = frame.view.reported().collect();
    let severities =
        Severity::ALL.into_iter().rev().filter(|&severity| filter.severity.is_none_or(|it| it == severity));
    let of = |severity| all.iter().copied().filter(move |finding| finding.severity == severity);
    severities.flat_map(of).filter(is_asked).collect()
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
    frame.view.reported().map(|finding| finding.rule.id).collect()
}
