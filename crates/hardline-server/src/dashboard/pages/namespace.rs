//! A namespace: how it stands, and what is in it.

use hardline_core::checklist::Line;
use maud::html;

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::parts::{
    Frame, Page, counted, counts, gauges, link, number, on_page, pages, search, tiles, trail,
};
use crate::snapshot::Subject;

/// How many resources are on a page.
const PER_PAGE: usize = 100;

pub(crate) fn page(frame: &Frame<'_>, namespace: Option<&str>, filter: &Filter) -> Option<Page> {
    let area = frame.view.area(namespace)?;
    let is_asked = |subject: &&Subject| filter.is_in(&[&subject.id.kind, &subject.id.name]);
    let subjects: Vec<&Subject> = area.subjects.iter().filter(is_asked).collect();
    let title = namespace.unwrap_or("In no namespace").to_owned();
    let here = Filter::default().within(namespace);
    let address = Address::Namespace(area.namespace.clone());
    let body = html! {
        (trail(&[(Address::Namespaces, "Namespaces".to_owned())]))
        h1 { (title) }
        p.in {
            @if area.workloads > 0 { (number(area.clean)) " of " (counted(area.workloads, "workload")) " have no finding." }
            @else { (counted(area.counts.total(), "finding")) " on what is no workload." }
        }
        (tiles(area.counts, &here))
        @if area.workloads > 0 {
            section aria-labelledby="checklist" {
                h2 #checklist { "The checklist" }
                (gauges(frame, &area.passes, area.workloads, &here))
            }
        }
        section aria-labelledby="resources" {
            h2 #resources { "Workloads, and what else has findings" }
            (search(filter, "Search by kind or name", subjects.len(), "resource"))
            table.list {
                thead { tr { th { "resource" } th { "findings" } th { "fails" } } }
                tbody {
                    @for subject in on_page(subjects.iter(), filter.page, PER_PAGE) {
                        tr #{ "subject-" (subject.id.kind) "-" (subject.id.name) } {
                            th scope="row" { (link(&subject.id)) }
                            td { (counts(subject.counts)) }
                            td.fails { (fails(subject)) }
                        }
                    }
                }
            }
            @if subjects.is_empty() { p.nothing { "Nothing fits this filter." } }
            (pages(&address, filter, subjects.len(), PER_PAGE))
        }
    };
    Some(Page { title, body })
}

/// The lines of the checklist that a resource fails.
fn fails(subject: &Subject) -> String {
    let lines = Line::ALL.into_iter().filter(|&line| subject.fails(line));
    lines.map(Line::name).collect::<Vec<_>>().join(", ")
}
