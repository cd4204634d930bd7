//! The rules: how many findings each has, and what each says.

use std::collections::HashMap;

use hardline_core::checklist::Line;
use hardline_core::rule::Rule;
use hardline_core::rules::RULES;
use maud::{PreEscaped, html};

use crate::dashboard::address::{Address, Filter};
use crate::dashboard::parts::{Frame, Page, counted, number, prose, rule_link, search, trail};
use crate::page::markdown;

pub(crate) fn list(frame: &Frame<'_>, filter: &Filter) -> Page {
    let counts = counts(frame);
    let count = |rule: &Rule| counts.get(rule.id).copied().unwrap_or_default();
    let mut rules: Vec<_> =
        RULES.iter().filter(|rule| filter.is_in(&[rule.id, rule.summary, rule.category.name()])).collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(count(rule)));
    let body = html! {
        h1 { "Rules" }
        (search(filter, "Search rules", rules.len(), "rule"))
        table.list {
            thead { tr { th { "rule" } th { "flags" } th { "severity" } th.number { "findings" } } }
            tbody {
                @for rule in rules {
                    tr {
                        th scope="row" { (rule_link(rule)) }
                        td { (prose(rule.summary)) }
                        td class=(rule.severity) { span.sev { (rule.severity) } }
                        td.number {
                            @if count(rule) > 0 {
                                a href={ (Address::Findings) (Filter::rule(rule.id)) } { (number(count(rule))) }
                            } @else { "0" }
                        }
                    }
                }
            }
        }
    };
    Page { title: "Rules".to_owned(), body }
}

pub(crate) fn one(frame: &Frame<'_>, id: &str) -> Option<Page> {
    let rule = Rule::find(id)?;
    let found = counts(frame).get(rule.id).copied().unwrap_or_default();
    let body = html! {
        (trail(&[(Address::Rules, "Rules".to_owned())]))
        h1 { (rule.id) }
        p.in { (prose(rule.summary)) }
        dl.facts {
            dt { "severity" } dd class=(rule.severity) { span.sev { (rule.severity) } }
            dt { "profile" } dd { (rule.profile) " and stricter" }
            dt { "category" } dd { (rule.category) }
            @if let Some(line) = Line::of(rule) { dt { "checklist" } dd { (line.title()) } }
            dt { "findings" } dd {
                @if found > 0 { a href={ (Address::Findings) (Filter::rule(rule.id)) } { (counted(found, "finding")) } }
                @else { "none here" }
            }
            dt { "fix" } dd { (prose(rule.help)) }
        }
        div.doc { (PreEscaped(markdown(&rule.documentation()))) }
        section aria-labelledby="exempt" {
            h2 #exempt { "To answer for it" }
            p.lead { "An annotation on the resource, with a reason; owner and end if you like:" }
            pre.snippet tabindex="0" { "exempt.hardline.dev/" (rule.id) ": \"why; owner=team; until=2027-01-31\"" }
        }
    };
    Some(Page { title: rule.id.to_owned(), body })
}

/// The findings that are seen of each rule.
fn counts(frame: &Frame<'_>) -> HashMap<&'static str, usize> {
    let mut counts = HashMap::new();
    for finding in frame.view.reported() {
        *counts.entry(finding.rule.id).or_default() += 1;
    }
    counts
}
