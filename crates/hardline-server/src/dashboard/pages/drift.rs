//! What runs otherwise than it was deployed, side by side.

use std::cmp::Reverse;
use std::sync::Arc;

use hardline_core::drift::beside::Row;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::parts::{Frame, Page, counted, kind, on_page, pages, prose, rule_link, search, time};
use crate::drift::sheet::{Change, Sheet};

/// How many objects are on a page.
const PER_PAGE: usize = 20;
/// Lines shown above and below one that differs.
const CONTEXT: usize = 3;
/// Of an object that is gone, so many lines are shown.
const MOST: usize = 60;

pub(crate) fn page(frame: &Frame<'_>, filter: &Filter) -> Page {
    let all = frame.dashboard.drift.as_ref().map(|sheets| Arc::clone(&sheets.borrow())).unwrap_or_default();
    let is_asked = |sheet: &&Arc<Sheet>| {
        let namespace = sheet.id.namespace.as_deref();
        let paths = sheet.changes.iter().flat_map(|change| [&*change.path, &*change.who]);
        let texts = [&*sheet.id.name, &sheet.id.kind, namespace.unwrap_or_default(), &sheet.release];
        frame.view.shows(Some(&sheet.id))
            && filter.is_of(namespace)
            && filter.severity.is_none_or(|severity| severity == sheet.severity)
            && filter.is_in(&texts.into_iter().chain(paths).collect::<Vec<_>>())
    };
    let mut sheets: Vec<&Arc<Sheet>> = all.iter().filter(is_asked).collect();
    sheets.sort_by_key(|sheet| Reverse(sheet.severity));
    let is_open = sheets.len() <= 3;
    let body = html! {
        h1 { "Drift" }
        p.in { "What runs otherwise than Helm has deployed it: as it should be beside as it is, and who wrote each line." }
        (search(filter, "Search drift", sheets.len(), "object"))
        @if sheets.is_empty() { p.nothing { "Nothing has drifted." } }
        div.subject {
            @for &sheet in on_page(sheets.iter(), filter.page, PER_PAGE) { (object(sheet, is_open)) }
        }
        (pages(&Address::Drift, filter, sheets.len(), PER_PAGE))
    };
    Page { title: "Drift".to_owned(), body }
}

fn object(sheet: &Sheet, is_open: bool) -> Markup {
    let namespace = sheet.id.namespace.as_deref().unwrap_or_default();
    let what = if sheet.is_missing {
        "is missing".to_owned()
    } else {
        format!("{} changed", counted(sheet.changes.len(), "field"))
    };
    let id = format!("{}/{namespace}/{}", sheet.id.kind, sheet.id.name);
    html! {
        details class={ "finding drifted " (sheet.severity) } id=(id) open[is_open] {
            summary {
                span.sev { (sheet.severity) }
                span.what { small { (kind(&sheet.id)) } " " b { (sheet.id.name) } " " (what) }
                span.where { (namespace) br; small { "release " (sheet.release) ", revision " (sheet.revision) } }
            }
            div {
                @if !sheet.changes.is_empty() { ul.changes { @for change in &sheet.changes { li class=(change.severity) { (changed(change)) } } } }
                (sides(sheet))
                dl {
                    dt { "Restore" }
                    dd {
                        (prose(&sheet.remedy)) br;
                        code { "hardline drift --desired helm:" (sheet.release) " -n " (namespace) " --remediate" }
                    }
                }
            }
        }
    }
}

fn changed(change: &Change) -> Markup {
    html! {
        span.sev { (change.severity) } " " code { (change.path) } " " (change.class.reason())
        br; small { "by " (change.who) }
        @for (rule, message) in &change.breaks { br; small { "breaks " (rule_link(rule)) ": " (prose(message)) } }
    }
}

/// Both sides, line by line; what is the same far from any difference is left out.
fn sides(sheet: &Sheet) -> Markup {
    let differs = |row: &Row| row.wanted != row.observed;
    let places: Vec<usize> = sheet.rows.iter().enumerate().filter(|(_, row)| differs(row)).map(|(at, _)| at).collect();
    let is_near = |at: usize| {
        let next = places.partition_point(|place| *place + CONTEXT < at);
        places.get(next).is_some_and(|place| *place <= at + CONTEXT)
    };
    let shown: Vec<(usize, &Row)> = sheet
        .rows
        .iter()
        .enumerate()
        .filter(|(at, _)| is_near(*at))
        .take(if sheet.is_missing { MOST } else { usize::MAX })
        .collect();
    let before = |index: usize| index.checked_sub(1).map(|index| shown[index]);
    html! {
        div.sides tabindex="0" {
            table {
                thead { tr { th scope="col" { "as deployed" } th scope="col" { "as it runs" } th scope="col" { "written by" } } }
                tbody {
                    @for (index, &(at, row)) in shown.iter().enumerate() {
                        @let gap = at - before(index).map_or(0, |(before, _)| before + 1);
                        @if gap > 0 { tr.gap { td colspan="3" { "… " (counted(gap, "line")) " alike" } } }
                        tr class=(if differs(row) { "differs" } else { "alike" }) {
                            td.wanted { (row.wanted.as_deref().unwrap_or_default()) }
                            td.observed { (row.observed.as_deref().unwrap_or_default()) }
                            td.who { (writer(sheet, row, before(index).filter(|_| gap == 0).map(|(_, row)| row))) }
                        }
                    }
                    @let rest = sheet.rows.len() - shown.last().map_or(0, |(at, _)| at + 1);
                    @if rest > 0 { tr.gap { td colspan="3" { "… " (counted(rest, "line")) @if !sheet.is_missing { " alike" } } } }
                }
            }
        }
    }
}

/// Who wrote a line, unless that is said of the line above.
fn writer(sheet: &Sheet, row: &Row, above: Option<&Row>) -> Markup {
    let of_change = |row: &Row| row.difference.and_then(|of| sheet.changes.get(of));
    if let Some(change) = of_change(row) {
        let said = above.is_some_and(|above| above.difference == row.difference);
        return html! { @if !said { (change.who) } };
    }
    let said = above.is_some_and(|above| above.owner == row.owner && above.difference.is_none());
    html! {
        @if let Some(owner) = row.owner.as_ref().filter(|_| !said) {
            (owner.manager)
            @if let Some(Ok(at)) = owner.time.as_deref().map(str::parse::<Timestamp>) { br; small { "until " (time(at)) } }
        }
    }
}
