//! What was refused, and what was changed in guarded namespaces.

use hardline_core::ledger::{Change, Entry, Op, Outcome, Role};
use hardline_core::rule::Rule;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::parts::{Frame, Page, link_if_there, on_page, pages, rule_link, search, time};

/// How many are on a page.
const PER_PAGE: usize = 100;

pub(crate) fn page(frame: &Frame<'_>, filter: &Filter) -> Page {
    let all = frame.dashboard.ledger.as_ref().map(|ledger| ledger.recent()).unwrap_or_default();
    let is_asked = |entry: &&Entry| {
        let namespace = entry.resource.namespace.as_deref().unwrap_or_default();
        let grant = entry.grant.as_ref().map_or("", |grant| &grant.reason);
        let reasons = entry.reasons.iter().map(String::as_str);
        let texts = [&entry.resource.name, &entry.resource.kind, namespace, &entry.user, outcome(entry).1, grant];
        frame.view.shows(Some(&entry.resource))
            && filter.is_of(entry.resource.namespace.as_deref())
            && filter.is_in(&texts.into_iter().chain(reasons).collect::<Vec<_>>())
    };
    let entries: Vec<&Entry> = all.iter().map(|entry| &**entry).filter(is_asked).collect();
    let body = html! {
        h1 { "Admissions" }
        p.in {
            "What was refused, and what people changed in guarded namespaces, the last first: the last thousand that this "
            "replica of hardline was asked about."
        }
        (search(filter, "Search admissions", entries.len(), "request"))
        @if entries.is_empty() { p.nothing { "Nothing was refused." } } @else {
            table.list.admissions {
                thead { tr { th { "when" } th { "outcome" } th { "who" } th { "what" } th { "for" } } }
                tbody { @for entry in on_page(entries.iter(), filter.page, PER_PAGE) { (row(frame, entry)) } }
            }
        }
        (pages(&Address::Admissions, filter, entries.len(), PER_PAGE))
    };
    Page { title: "Admissions".to_owned(), body }
}

fn row(frame: &Frame<'_>, entry: &Entry) -> Markup {
    let (tone, outcome) = outcome(entry);
    html! {
        tr id=(entry.uid) {
            td { @match entry.time.parse::<Timestamp>() { Ok(at) => (time(at)), Err(_) => (entry.time) } }
            td class=(tone) { span.sev { (outcome) } }
            td { (entry.user) @if !entry.manager.is_empty() { br; small { "with " (entry.manager) } } }
            td {
                small { (entry.operation.to_lowercase()) @if !entry.subresource.is_empty() { " " (entry.subresource) " of" } }
                " " (link_if_there(frame, &entry.resource))
                @if let Some(namespace) = &entry.resource.namespace { br; small { "in " (namespace) } }
                (changes(entry))
            }
            td.reasons {
                @for reason in &entry.reasons {
                    @match Rule::find(reason) { Some(rule) => (rule_link(rule)), None => code { (reason) } }
                    " "
                }
                @if let Some(grant) = &entry.grant { "grant " code { (grant.name) } ": " (grant.reason) }
            }
        }
    }
}

/// Which fields it was about.
fn changes(entry: &Entry) -> Markup {
    let all = entry.changes.len() + entry.more;
    html! {
        @if let Some(first) = entry.changes.first() {
            details {
                summary { code { (first.field) } @if all > 1 { " and " (all - 1) " more" } }
                ul { @for change in &entry.changes { li { (changed(change)) } } }
            }
        }
    }
}

fn changed(change: &Change) -> Markup {
    let value = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    html! {
        code { (change.field) } " "
        @match change.op {
            _ if change.withheld.is_some() => "has another value, which is not shown",
            Op::Added => { "is added: " code { (value(&change.new)) } },
            Op::Changed => { s { code { (value(&change.old)) } } " becomes " code { (value(&change.new)) } },
            Op::Removed => { "is removed: " s { code { (value(&change.old)) } } },
            Op::Reordered => "gets another order",
        }
    }
}

/// What became of a request, and how bad that is.
fn outcome(entry: &Entry) -> (&'static str, &'static str) {
    match (entry.outcome, entry.role) {
        (Outcome::Refused, _) => ("critical", "refused"),
        (Outcome::Warned, _) => ("medium", "warned"),
        (Outcome::Allowed, Role::Granted) => ("high", "allowed by grant"),
        (Outcome::Allowed, _) => ("good", "allowed"),
    }
}
