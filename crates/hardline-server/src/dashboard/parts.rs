//! What pages are made of.

use std::fmt::Display;
use std::sync::Arc;

use hardline_core::checklist::Line;
use hardline_core::excerpt;
use hardline_core::report::{Counts, Location, Reported, Summary};
use hardline_core::resource::ResourceId;
use hardline_core::rule::Rule;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::dashboard::Dashboard;
use crate::dashboard::address::{Address, Filter};
use crate::dashboard::assets;
use crate::dashboard::pages::TABS;
use crate::dashboard::reach::Reach;
use crate::dashboard::sight::View;
use crate::page::{Prose, grouped};

/// What every page shows around itself.
pub(crate) struct Frame<'a> {
    /// Where everything else is known.
    pub(crate) dashboard: &'a Dashboard,
    /// What is seen.
    pub(crate) view: &'a View<'a>,
    /// Who sees it, if the dashboard asks who it is.
    pub(crate) name: Option<&'a str>,
    /// What time it is.
    pub(crate) now: Timestamp,
}

/// A page.
pub(crate) struct Page {
    /// What it is called.
    pub(crate) title: String,
    /// What is in it.
    pub(crate) body: Markup,
}

impl Frame<'_> {
    /// Who can reach whom, as far as it is seen.
    pub(crate) fn reach(&self) -> Arc<Reach> {
        self.dashboard.reaches.of(self.view.snapshot, self.view.sight)
    }

    /// A page in its frame.
    pub(crate) fn around(&self, at: &Address, page: &Page) -> Markup {
        let snapshot = self.view.snapshot;
        let tabs = TABS.iter().filter(|tab| (tab.is_shown)(self));
        document(
            &page.title,
            // As the events count.
            Some(snapshot.generation + self.dashboard.entries()),
            &html! {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    div.wrap {
                        p.brand { a href=(Address::Overview) { "hardline" } }
                        nav aria-label="Pages" {
                            @for tab in tabs {
                                a href=(tab.address) aria-current=[(tab.address == *at).then_some("page")] { (tab.name) }
                            }
                        }
                        // No paragraph, which a form would end.
                        div.state {
                            span #beat .beat title="Changes show by themselves" {}
                            b { (snapshot.cluster) }
                            @if let Some(name) = self.name {
                                form method="post" action="/logout" { span { (name) } button { "Log out" } }
                            }
                        }
                    }
                }
                main #main .wrap tabindex="-1" { (page.body) }
                footer.wrap {
                    p {
                        "hardline " (snapshot.report.version) ", judged " (time(snapshot.taken)) ". "
                        kbd { "/" } " search"
                    }
                    p #said role="status" {}
                }
            },
        )
    }
}

/// A document with nothing in it but this.
pub(crate) fn document(title: &str, generation: Option<u64>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · hardline" }
                link rel="icon" href=(assets::ICON.path);
                link rel="stylesheet" href=(assets::STYLE.path);
                script defer src=(assets::SCRIPT.path) {}
            }
            body data-generation=[generation] { (body) }
        }
    }
}

/// Text in which what stands between backticks is code.
pub(crate) fn prose(text: &str) -> Markup {
    PreEscaped(Prose(text).to_string())
}

/// A number as people read it.
pub(crate) fn number(number: usize) -> Markup {
    html! { (grouped(number)) }
}

/// `1 finding`, `2,000 findings`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A point in time, UTC.
pub(crate) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%-d %b %Y, %H:%M UTC")) } }
}

/// How long ago something was.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second()).max(0);
    match seconds {
        0..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Where one is, from the outside in.
pub(crate) fn trail(parts: &[(Address, String)]) -> Markup {
    html! {
        nav.trail aria-label="Where this is" {
            @for (address, name) in parts { a href=(address) { (name) } span aria-hidden="true" { "/" } }
        }
    }
}

/// The findings by severity, those that there are.
pub(crate) fn counts(counts: Counts) -> Markup {
    html! {
        span.counts {
            @for (severity, count) in counts.by_severity().into_iter().filter(|&(_, count)| count > 0) {
                span class=(severity) { (number(count)) " " (severity) }
            }
            @if counts.total() == 0 { span.good { "clean" } }
        }
    }
}

/// The findings by severity as tiles that lead to them.
pub(crate) fn tiles(counts: Counts, within: &Filter) -> Markup {
    html! {
        (severity_bar(counts))
        ul.tiles {
            @for (severity, count) in counts.by_severity() {
                @let filter = Filter { severity: Some(severity), ..within.clone() };
                li class={ "tile " (severity) @if count == 0 { " none" } } {
                    a href={ (Address::Findings) (filter) } { b { (number(count)) } span { (severity) } }
                }
            }
        }
    }
}

/// How many findings there are of each severity, side by side.
fn severity_bar(counts: Counts) -> Markup {
    let total = counts.total();
    let mut from = 0.0;
    let parts = counts.by_severity().map(|(severity, count)| {
        let width = share(count, total) * 100.0;
        from += width;
        (severity, from - width, width)
    });
    html! {
        svg.bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
            @if total == 0 { rect.good width="100" height="1" {} }
            @for (severity, from, width) in parts {
                @if width > 0.0 { rect class=(severity) x=(from) width=(width) height="1" {} }
            }
        }
    }
}

/// The part that some are of all; all of nothing.
#[expect(clippy::cast_precision_loss, reason = "it is drawn, or rounded to percents")]
pub(crate) fn share(some: usize, all: usize) -> f64 {
    if all == 0 { 1.0 } else { some as f64 / all as f64 }
}

/// A share in percents, where 100 means all, and 0 none.
pub(crate) fn percent(some: usize, all: usize) -> usize {
    match (some.saturating_mul(100)).checked_div(all) {
        None => 100,
        Some(0) if some > 0 => 1,
        Some(percent) => percent,
    }
}

/// A form that searches a page by text, with how much it shows of what.
pub(crate) fn search(filter: &Filter, what: &str, count: usize, noun: &str) -> Markup {
    html! {
        form.filter role="search" {
            input type="search" name="text" value=(filter.text) placeholder=(what) aria-label=(what);
            button { "Filter" }
            output { (counted(count, noun)) }
        }
    }
}

/// The lines of the checklist as gauges: how many of the workloads pass each.
pub(crate) fn gauges(
    frame: &Frame<'_>,
    passes: &[usize; Line::ALL.len()],
    workloads: usize,
    within: &Filter,
) -> Markup {
    let lacks = &frame.view.snapshot.report.not_evaluated;
    let partly: Vec<_> = lacks.iter().filter_map(|lack| Line::of(Rule::find(lack.rule)?)).collect();
    html! {
        ol.lines {
            @for (line, &passes) in Line::ALL.into_iter().zip(passes) {
                @let filter = Filter { line: Some(line), ..within.clone() };
                @let percent = percent(passes, workloads);
                // That nothing fails says little where not all was judged.
                @let unknown = percent == 100 && partly.contains(&line);
                li #{ "line-" (line.name()) } class=(if unknown { "unknown" } else { grade(percent) }) {
                    span {
                        a href={ (Address::Findings) (filter) } { (line.title()) }
                        @if partly.contains(&line) { a.partly href=(Address::Coverage) { "not judged everywhere" } }
                    }
                    svg.gauge viewBox="0 0 100 1" preserveAspectRatio="none" role="meter" aria-label=(line.title())
                        aria-valuemin="0" aria-valuemax="100" aria-valuenow=(percent) {
                        rect.track width="100" height="1" {}
                        rect.level width=(share(passes, workloads) * 100.0) height="1" {}
                    }
                    b { (percent) small { "%" } }
                    span.of { (number(passes)) " of " (number(workloads)) }
                }
            }
        }
    }
}

fn grade(percent: usize) -> &'static str {
    match percent {
        100 => "good",
        80.. => "medium",
        50.. => "high",
        _ => "critical",
    }
}

/// A resource by kind and name, as a link to its page.
pub(crate) fn link(id: &ResourceId) -> Markup {
    html! { a.subject-link href=(Address::of(id)) { small { (kind(id)) } " " (id.name) } }
}

/// The same of a resource that may not be there, or have nothing against it.
pub(crate) fn link_if_there(frame: &Frame<'_>, id: &ResourceId) -> Markup {
    if frame.view.has(id) {
        return link(id);
    }
    html! { span.subject-link { small { (kind(id)) } " " (id.name) } }
}

/// The kind; of text that is no resource, that it is a file.
pub(crate) fn kind(id: &ResourceId) -> &str {
    if id.kind.is_empty() { "file" } else { &id.kind }
}

/// The rule's id, as a link to its page.
pub(crate) fn rule_link(rule: &Rule) -> Markup {
    html! { a.rule href=(Address::Rule(rule.id.to_owned())) { code { (rule.id) } } }
}

/// A finding with the lines that it is about, why it matters, and what to do.
pub(crate) fn finding(frame: &Frame<'_>, finding: &Reported, is_open: bool, with_subject: bool) -> Markup {
    let severity = finding.severity;
    let appeared =
        frame.view.snapshot.history.changes.as_ref().and_then(|changes| changes.appeared.get(&finding.fingerprint));
    html! {
        details class={ "finding " (severity) } id=(finding.fingerprint.replace(' ', "_")) open[is_open] {
            summary {
                span.sev { (severity) }
                span.what { (prose(&finding.message)) " " code.rule { (finding.rule.id) } }
                span.where {
                    @if appeared.is_some() { b.new { "new" } " " }
                    @if with_subject && let Some(id) = &finding.resource {
                        @if let Some(namespace) = &id.namespace { (namespace) "/" }
                        (id.name) br; small { (id.kind) }
                    } @else { code { (finding.path) } }
                }
            }
            div {
                (excerpt_of(&finding.location, ""))
                @for evidence in &finding.evidence {
                    @if frame.view.shows(evidence.resource.as_deref()) { (excerpt_of(&evidence.location, &evidence.message)) }
                }
                dl {
                    dt { "Why" } dd { (prose(&finding.rule.why())) }
                    dt { "Fix" } dd {
                        (prose(&finding.help))
                        @if let Some(fix) = &finding.fix { br; "hardline can do it: " (prose(&fix.fix.title)) }
                    }
                    @if let Some(origin) = &finding.origin {
                        @if let Some(author) = &origin.author {
                            dt { "By" }
                            dd {
                                (author) @if let Some(changed) = &origin.changed { ", last change " (changed) }
                                @if origin.pods > 0 { ", holds for " (counted(origin.pods as usize, "pod")) }
                            }
                        }
                    }
                    @if let Some(appeared) = appeared {
                        dt { "New" } dd { "since " (time(appeared.at)) @if let Some(by) = &appeared.by { ", by " (by) } }
                    }
                }
                p.more {
                    a href=(Address::Rule(finding.rule.id.to_owned())) { "About " (finding.rule.id) }
                    a href=(place(finding)) { "Link to this finding" }
                    @if with_subject { a href=(Address::of_finding(finding)) { "All about this resource" } }
                }
            }
        }
    }
}

/// The address of a finding on the page of what has it.
pub(crate) fn place(finding: &Reported) -> impl Display {
    let anchor = finding.fingerprint.replace(' ', "_");
    let anchor = percent_encoding::utf8_percent_encode(&anchor, percent_encoding::NON_ALPHANUMERIC).to_string();
    format!("{}#{anchor}", Address::of_finding(finding))
}

/// A place in its manifest.
fn excerpt_of(location: &Location, message: &str) -> Markup {
    let lines = excerpt::lines(location);
    html! {
        figure {
            figcaption { (location.file()) ":" (location.line) @if !message.is_empty() { " · " (prose(message)) } }
            pre tabindex="0" {
                @for line in &lines {
                    @match &line.mark {
                        Some(mark) => span.at data-line=(line.number) {
                            (line.text[..mark.start]) mark { (line.text[mark.clone()]) } (line.text[mark.end..])
                        },
                        None => span data-line=(line.number) { (line.text) },
                    }
                }
            }
        }
    }
}

/// A row of links to the pages of a list.
pub(crate) fn pages(address: &Address, filter: &Filter, items: usize, per_page: usize) -> Markup {
    let pages = items.div_ceil(per_page);
    let to = |page: usize| format!("{address}{}", filter.at(page));
    html! {
        @if pages > 1 {
            nav.pages aria-label="Pages of this list" {
                @if filter.page > 0 { a rel="prev" href=(to(filter.page - 1)) { "Previous" } }
                span { "page " (number(filter.page + 1)) " of " (number(pages)) }
                @if filter.page + 1 < pages { a rel="next" href=(to(filter.page + 1)) { "Next" } }
            }
        }
    }
}

/// Those of a list that are on a page of it.
pub(crate) fn on_page<T>(items: impl Iterator<Item = T>, page: usize, per_page: usize) -> impl Iterator<Item = T> {
    items.skip(page.saturating_mul(per_page)).take(per_page)
}

/// What a summary says beside findings.
pub(crate) fn not_evaluated(summary: &Summary) -> Markup {
    html! {
        @if summary.not_evaluated > 0 {
            a href=(Address::Coverage) { "some rules lacked knowledge" }
        }
    }
}
