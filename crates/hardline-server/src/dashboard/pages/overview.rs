//! How all of it stands.

use hardline_core::checklist::Line;
use hardline_core::report::Counts;
use maud::{Markup, html};

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::pages::trend;
use crate::dashboard::parts::{
    Frame, Page, ago, counted, counts, gauges, link, not_evaluated, number, percent, tiles, time,
};
use crate::snapshot::{Area, Subject};

/// How many resources and namespaces are listed.
const FIRST: usize = 8;
/// How many rules are named for each of them.
const RULES: usize = 3;

pub(crate) fn page(frame: &Frame<'_>) -> Page {
    let view = frame.view;
    let sum = |count: fn(&Area) -> usize| view.areas.iter().map(count).sum::<usize>();
    let (workloads, clean) = (sum(|area| area.workloads), sum(|area| area.clean));
    let all: Counts = view.areas.iter().map(|area| area.counts).sum();
    let passes = Line::ALL.map(|line| view.areas.iter().map(|area| area.passes[line as usize]).sum());
    let summary = &view.snapshot.report.summary;
    let exempted = view.exempted().count();
    let namespaces = view.areas.iter().filter(|area| area.namespace.is_some()).count();
    let title = match (workloads, clean) {
        (0, _) => "No workloads".to_owned(),
        (all, clean) if all == clean => "Every workload is clean".to_owned(),
        (all, clean) => format!("{} % of workloads are clean", percent(clean, all)),
    };
    let body = html! {
        h1 { (title) }
        p.in {
            (number(clean)) " of " (counted(workloads, "workload")) " in " (counted(namespaces, "namespace"))
            " have no finding; "
            a href=(Address::Findings) { (counted(all.total(), "finding")) } " stand"
            @if exempted > 0 { ", " a href=(Address::Exemptions) { (number(exempted)) " exempted" } }
            @if summary.not_evaluated > 0 { ", " (not_evaluated(summary)) }
            "."
        }
        (tiles(all, &Filter::default()))
        div.columns {
            section aria-labelledby="checklist" {
                h2 #checklist { "The checklist" }
                p.lead { "How many workloads pass each of its ten lines." }
                (gauges(frame, &passes, workloads, &Filter::default()))
            }
            div {
                (changes(frame))
                @if view.sight.is_everything() { (trend::section(view.snapshot)) }
                (worst(frame))
            }
        }
        (first(frame))
    };
    Page { title: title.clone(), body }
}

/// What is new and what is gone, in numbers.
fn changes(frame: &Frame<'_>) -> Markup {
    let view = frame.view;
    let Some(changes) = &view.snapshot.history.changes else { return html! {} };
    let visible = |fingerprint: &str| changes.appeared.contains_key(fingerprint);
    let appeared = view.reported().filter(|finding| visible(&finding.fingerprint)).count();
    let gone = changes.gone.iter().filter(|gone| view.shows(gone.resource.as_ref())).count();
    html! {
        section aria-labelledby="since" {
            h2 #since { a href=(Address::Changes) { "Since " (ago(changes.since, frame.now)) } }
            p.balance {
                span class={ @if appeared > 0 { "high" } @else { "none" } } { b { "+" (number(appeared)) } " new" }
                span class={ @if gone > 0 { "good" } @else { "none" } } { b { "−" (number(gone)) } " gone" }
                small { "since " (time(changes.since)) }
            }
        }
    }
}

/// The namespaces that have most against them.
fn worst(frame: &Frame<'_>) -> Markup {
    let mut areas: Vec<&Area> = frame.view.areas.iter().filter(|area| area.own.total() > 0).collect();
    areas.sort_by_key(|area| std::cmp::Reverse(area.own));
    html! {
        section aria-labelledby="worst" {
            h2 #worst { a href=(Address::Namespaces) { "Worst namespaces" } }
            @if areas.is_empty() { p.lead { "None has findings." } }
            ol.worst {
                @for area in areas.into_iter().take(FIRST) {
                    li {
                        a href=(Address::Namespace(area.namespace.clone())) {
                            (area.namespace.as_deref().unwrap_or("in no namespace"))
                        }
                        (counts(area.own))
                    }
                }
            }
        }
    }
}

/// What to begin with.
fn first(frame: &Frame<'_>) -> Markup {
    let is_to_mend = |subject: &Subject| subject.counts.total() > 0 && !subject.is_built_in;
    let mut subjects: Vec<_> = frame.view.subjects().filter(|(_, subject)| is_to_mend(subject)).collect();
    subjects.sort_by_key(|(_, subject)| std::cmp::Reverse(subject.counts));
    html! {
        @if !subjects.is_empty() {
            section aria-labelledby="first" {
                h2 #first { "What to fix first" }
                p.lead { "The worst first: one finding more of a severity outweighs all milder ones." }
                ol.first {
                    @for (area, subject) in subjects.into_iter().take(FIRST) {
                        li {
                            span {
                                (link(&subject.id))
                                @if let Some(namespace) = &area.namespace { br; small { "in " (namespace) } }
                            }
                            (counts(subject.counts))
                            (rules(frame, subject))
                        }
                    }
                }
            }
        }
    }
}

/// The worst rules that a subject breaks.
fn rules(frame: &Frame<'_>, subject: &Subject) -> Markup {
    let mut findings: Vec<_> = frame.view.findings(subject).collect();
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.rule.id));
    let mut rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    rules.dedup_by_key(|rule| rule.id);
    let more = rules.len().saturating_sub(RULES);
    html! {
        span.rules {
            @for (at, rule) in rules.iter().take(RULES).enumerate() {
                @if at > 0 { ", " }
                a href={ (Address::Findings) (Filter::rule(rule.id)) } title=(rule.summary) { (rule.id) }
            }
            @if more > 0 { " and " (more) " more" }
        }
    }
}
