//! All namespaces, the worst first.

use maud::html;

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::parts::{Frame, Page, counts, number, on_page, pages, percent, search};
use crate::snapshot::Area;

/// How many are on a page.
const PER_PAGE: usize = 100;

pub(crate) fn page(frame: &Frame<'_>, filter: &Filter) -> Page {
    let is_asked = |area: &&Area| filter.is_in(&[area.namespace.as_deref().unwrap_or_default()]);
    let mut areas: Vec<&Area> = frame.view.areas.iter().filter(is_asked).collect();
    areas.sort_by_key(|area| std::cmp::Reverse(area.own));
    let body = html! {
        h1 { "Namespaces" }
        (search(filter, "Search namespaces", areas.len(), "namespace"))
        table.list {
            thead { tr { th { "namespace" } th.number { "workloads" } th.number { "clean" } th { "findings" } } }
            tbody {
                @for area in on_page(areas.iter(), filter.page, PER_PAGE) {
                    tr {
                        th scope="row" {
                            a href=(Address::Namespace(area.namespace.clone())) {
                                (area.namespace.as_deref().unwrap_or("in no namespace"))
                            }
                        }
                        td.number { (number(area.workloads)) }
                        td.number {
                            @if area.workloads > 0 { (percent(area.clean, area.workloads)) " %" }
                        }
                        td { (counts(area.counts)) }
                    }
                }
            }
        }
        @if areas.is_empty() { p.nothing { "No namespace is called so." } }
        (pages(&Address::Namespaces, filter, areas.len(), PER_PAGE))
    };
    Page { title: "Namespaces".to_owned(), body }
}
