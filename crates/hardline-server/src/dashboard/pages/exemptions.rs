//! What somebody has answered for, and until when.

use hardline_core::report::ReportedExemption;
use hardline_core::rule::Rule;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::parts::{Frame, Page, finding, link, on_page, pages, prose, rule_link, search};

/// How many are on a page.
const PER_PAGE: usize = 100;
/// An end so many days away is near.
const NEAR: i64 = 14;

pub(crate) fn page(frame: &Frame<'_>, filter: &Filter) -> Page {
    let is_asked = |it: &&ReportedExemption| {
        let name = it.resource.as_ref().map_or("", |id| &id.name);
        filter.is_in(&[it.rule, name, &it.reason, it.owner.as_deref().unwrap_or_default()])
    };
    let mut exempted: Vec<_> = frame.view.exempted().filter(is_asked).collect();
    // Those without an end come last.
    exempted.sort_by_key(|it| (it.until.is_none(), it.until.as_deref()));
    let ended: Vec<_> = frame.view.reported().filter(|finding| finding.rule.id == "exemption-expired").collect();
    let shown: Vec<_> = on_page(exempted.iter().copied(), filter.page, PER_PAGE).collect();
    let body = html! {
        h1 { "Exemptions" }
        p.in { "Findings that somebody has answered for. Those that end soonest come first." }
        @if !ended.is_empty() {
            section aria-labelledby="ended" {
                h2 #ended { "Ended" }
                div.subject { @for &it in &ended { (finding(frame, it, false, true)) } }
            }
        }
        (search(filter, "Search exemptions", exempted.len(), "exemption"))
        @if exempted.is_empty() { p.nothing { "Nothing is exempted." } } @else { (table(frame, &shown)) }
        (pages(&Address::Exemptions, filter, exempted.len(), PER_PAGE))
    };
    Page { title: "Exemptions".to_owned(), body }
}

/// Exemptions as a table.
pub(crate) fn table(frame: &Frame<'_>, exempted: &[&ReportedExemption]) -> Markup {
    html! {
        table.list {
            thead { tr { th { "until" } th { "rule" } th { "resource" } th { "reason" } th { "owner" } } }
            tbody {
                @for it in exempted {
                    tr {
                        td.until { (until(it.until.as_deref(), frame.now)) }
                        td {
                            @match Rule::find(it.rule) { Some(rule) => (rule_link(rule)), None => code { (it.rule) } }
                            br; small { (prose(&it.message)) }
                        }
                        td {
                            @if let Some(id) = &it.resource {
                                (link(id))
                                @if let Some(namespace) = &id.namespace {
                                    br; small { "in " a href={ (Address::Findings) (Filter::default().within(Some(namespace))) } { (namespace) } }
                                }
                            } @else { (it.location.file()) }
                        }
                        td { (it.reason) }
                        td { (it.owner.as_deref().unwrap_or_default()) }
                    }
                }
            }
        }
    }
}

/// The last day of an exemption, and how far away it is.
fn until(until: Option<&str>, now: Timestamp) -> Markup {
    let Some(date) = until.and_then(|until| until.parse::<Date>().ok()) else { return html! { "open end" } };
    let today = TimeZone::UTC.to_datetime(now).date();
    let days = i64::from(today.until(date).map_or(0, |span| span.get_days()));
    html! {
        time datetime=(date) class=[(days < NEAR).then_some("high")] {
            span.sev { (date) } br;
            small {
                @match days {
                    ..0 => "over",
                    0 => "ends today",
                    1 => "ends tomorrow",
                    days => { (days) " days left" },
                }
            }
        }
    }
}
