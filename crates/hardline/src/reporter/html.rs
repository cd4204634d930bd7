//! One page that needs nothing else: what it comes to, what to fix first, each finding in its
//! manifest, and the rules.
//!
//! It loads nothing, which its content security policy holds it to, and shows everything without
//! scripts; the script filters.

use std::collections::BTreeMap;
use std::io::{self, Write};

use hardline_core::excerpt::{self, Line};
use hardline_core::priority::{Area, Subject, priorities, ranked};
use hardline_core::report::{Counts, Location, Report, Reported};
use hardline_core::rule::Rule;
use hardline_server::page::{Html, Prose, STYLE, grouped, markdown};

use crate::reporter::counted;

const SCRIPT: &str = include_str!("html/report.js");
/// What the page may do: nothing but use what is in it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// Resources listed as what to fix first.
const FIRST: usize = 10;
/// Rules listed for each of them.
const RULES: usize = 4;

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let areas = priorities(report);
    let title = title(report);
    writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(out, "<title>hardline: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>")?;
    mast(report, &title, out)?;
    if !report.findings.is_empty() {
        first(&areas, out)?;
    }
    filter(report, &areas, out)?;
    writeln!(out, "<main class=\"wrap\">")?;
    areas.iter().try_for_each(|area| write_area(area, out))?;
    writeln!(out, "<p class=\"nothing\" hidden>Nothing fits this filter. <kbd>Esc</kbd> shows everything.</p>")?;
    exempted(report, out)?;
    stale_baseline(report, out)?;
    not_evaluated(report, out)?;
    rules(report, out)?;
    writeln!(out, "</main>\n<footer class=\"wrap\">hardline {} · ", Html(report.version))?;
    writeln!(out, "<kbd>/</kbd> search · <kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>o</kbd> open</footer>")?;
    writeln!(out, "<script>\n{SCRIPT}</script>\n</body>\n</html>")
}

fn title(report: &Report) -> String {
    match report.summary.findings.total() {
        0 => "all clear".to_owned(),
        1 => "1 finding".to_owned(),
        total => format!("{} findings", grouped(total)),
    }
}

/// What it comes to.
fn mast(report: &Report, title: &str, out: &mut dyn Write) -> io::Result<()> {
    let summary = &report.summary;
    writeln!(out, "<header class=\"mast\"><div class=\"wrap\">\n<p class=\"brand\">hardline</p>")?;
    writeln!(out, "<h1>{}</h1>", if summary.findings.total() == 0 { "All clear" } else { title })?;
    write!(out, "<p class=\"in\">{} ", counted(summary.resources, "resource"))?;
    write!(out, "({}) in {}", counted(summary.workloads, "workload"), counted(summary.files, "file"))?;
    if summary.exempted > 0 {
        write!(out, "; <a href=\"#exempted\">{} exempted</a>", summary.exempted)?;
    }
    if summary.baselined > 0 {
        write!(out, "; {} in the baseline", summary.baselined)?;
    }
    if summary.not_evaluated > 0 {
        let rules = counted(summary.not_evaluated, "rule");
        write!(out, "; <a href=\"#not-evaluated\">{rules} not evaluated everywhere</a>")?;
    }
    let clear = if summary.findings.total() == 0 { " clear" } else { "" };
    write!(out, "</p>\n<div class=\"bar{clear}\" aria-hidden=\"true\">")?;
    for (severity, count) in summary.findings.by_severity().into_iter().filter(|&(_, count)| count > 0) {
        write!(out, "<i class=\"{severity}\" style=\"flex-grow:{count}\"></i>")?;
    }
    writeln!(out, "</div>\n<div class=\"tiles\">")?;
    for (severity, count) in summary.findings.by_severity() {
        let none = if count == 0 { " none" } else { "" };
        writeln!(out, "<p class=\"tile {severity}{none}\"><b>{}</b><span>{severity}</span></p>", grouped(count))?;
    }
    writeln!(out, "</div>\n</div></header>")
}

/// The resources to begin with.
fn first(areas: &[Area<'_>], out: &mut dyn Write) -> io::Result<()> {
    let subjects = ranked(areas);
    writeln!(out, "<section class=\"wrap\" aria-label=\"What to fix first\">\n<h2>What to fix first</h2>")?;
    let more = match subjects.len().saturating_sub(FIRST) {
        0 => String::new(),
        more => format!(" {more} more follow below, in the same order."),
    };
    writeln!(
        out,
        "<p class=\"lead\">The worst first: one finding more of a severity outweighs all milder ones.{more}</p>"
    )?;
    writeln!(out, "<ol class=\"first\">")?;
    for (area, subject) in subjects.into_iter().take(FIRST) {
        let namespace = area.namespace.map(|namespace| format!("<br><small>in {}</small>", Html(namespace)));
        write!(out, "<li><a href=\"#{}\"><small>{}</small> ", subject_id(area, subject), Html(subject.kind))?;
        write!(out, "{}{}</a>", Html(subject.name), namespace.unwrap_or_default())?;
        counts(subject.counts, out)?;
        let rules = subject.rules();
        let shown: Vec<_> = rules.iter().take(RULES).map(|(id, _)| format!("<a href=\"#{id}\">{id}</a>")).collect();
        let more = rules.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(out, "<span class=\"rules\">{}{more}</span></li>", shown.join(", "))?;
    }
    writeln!(out, "</ol>\n</section>")
}

fn counts(counts: Counts, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<span class=\"counts\">")?;
    for (severity, count) in counts.by_severity().into_iter().filter(|&(_, count)| count > 0) {
        write!(out, "<span class=\"{severity}\">{count} {severity}</span>")?;
    }
    write!(out, "</span>")
}

fn filter(report: &Report, areas: &[Area<'_>], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<div class=\"filter\" hidden><form class=\"wrap\" role=\"search\">")?;
    writeln!(out, "<input type=\"search\" name=\"text\" aria-label=\"Search\" placeholder=\"Search findings ( / )\">")?;
    writeln!(out, "<fieldset aria-label=\"Severity\">")?;
    for (severity, count) in report.summary.findings.by_severity().into_iter().filter(|&(_, count)| count > 0) {
        write!(
            out,
            "<label class=\"toggle {severity}\"><input type=\"checkbox\" name=\"severity\" value=\"{severity}\" checked>"
        )?;
        writeln!(out, "{severity} {}</label>", grouped(count))?;
    }
    writeln!(
        out,
        "</fieldset>\n<select name=\"namespace\" aria-label=\"Namespace\"><option value=\"\">all namespaces</option>"
    )?;
    for area in areas {
        // No namespace is called so: a name has no space in it.
        let (value, name) = (Html(namespace_key(area)), Html(area.namespace.unwrap_or("no namespace")));
        writeln!(out, "<option value=\"{value}\">{name} ({})</option>", grouped(area.counts.total()))?;
    }
    writeln!(out, "</select>\n<select name=\"rule\" aria-label=\"Rule\"><option value=\"\">all rules</option>")?;
    for (id, (_, count)) in broken_rules(report) {
        writeln!(out, "<option value=\"{id}\">{id} ({})</option>", grouped(count))?;
    }
    writeln!(out, "</select>\n<button type=\"button\" hidden>clear</button><output></output>\n</form></div>")
}

fn write_area(area: &Area<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (kind, name) = match area.namespace {
        Some(namespace) => ("<small>namespace</small>", namespace),
        None => ("", "No namespace"),
    };
    write!(out, "<section class=\"area\">\n<header><h2>{kind}{}</h2>", Html(name))?;
    counts(area.counts, out)?;
    writeln!(out, "</header>")?;
    for subject in &area.subjects {
        let kind = if subject.kind.is_empty() { "file" } else { subject.kind };
        write!(out, "<article class=\"subject\" id=\"{}\">\n<h3><span>", subject_id(area, subject))?;
        write!(out, "<small>{}</small>{}</span>", Html(kind), Html(subject.name))?;
        counts(subject.counts, out)?;
        writeln!(out, "</h3>")?;
        subject.findings.iter().try_for_each(|finding| write_finding(area, finding, out))?;
        writeln!(out, "</article>")?;
    }
    writeln!(out, "</section>")
}

fn write_finding(area: &Area<'_>, finding: &Reported, out: &mut dyn Write) -> io::Result<()> {
    let (severity, rule, id) = (finding.severity, finding.rule.id, anchor(&finding.fingerprint));
    let namespace = Html(namespace_key(area));
    write!(
        out,
        "<details class=\"finding {severity}\" id=\"{id}\" data-severity=\"{severity}\" data-rule=\"{rule}\" "
    )?;
    writeln!(out, "data-namespace=\"{namespace}\">")?;
    write!(out, "<summary><span class=\"sev\">{severity}</span><span class=\"what\">{} ", Prose(&finding.message))?;
    write!(out, "<code class=\"rule\">{rule}</code></span>")?;
    let location = &finding.location;
    let (file, line) = (location.file(), location.line);
    writeln!(
        out,
        "<span class=\"where\" title=\"{}\">{}:{line}</span></summary>\n<div>",
        Html(file),
        Html(&short(file))
    )?;
    frame(location, "", out)?;
    finding.evidence.iter().try_for_each(|evidence| frame(&evidence.location, &evidence.message, out))?;
    writeln!(out, "<dl><dt>Why</dt><dd>{}</dd>", Prose(&finding.rule.why()))?;
    write!(out, "<dt>Fix</dt><dd>{}", Prose(&finding.help))?;
    if let Some(fix) = &finding.fix {
        write!(out, "<br>hardline can do it: {}", Prose(&fix.fix.title))?;
    }
    writeln!(out, "</dd></dl>")?;
    write!(
        out,
        "<p class=\"more\"><a href=\"#{rule}\">About {rule}</a><a href=\"#{id}\">Link to this finding</a></p>"
    )?;
    writeln!(out, "</div></details>")
}

/// The end of a path: a file and its folder tell most of them apart, and the whole is in the frame.
fn short(file: &str) -> String {
    match file.rmatch_indices('/').nth(1) {
        Some((at, _)) if at > 0 => format!("…{}", &file[at..]),
        _ => file.to_owned(),
    }
}

/// A place in its manifest.
fn frame(location: &Location, message: &str, out: &mut dyn Write) -> io::Result<()> {
    let rendered = if location.rendered { ", in the rendered text" } else { "" };
    let place = format!("{}:{}:{}", location.file(), location.line, location.column);
    let message = if message.is_empty() { String::new() } else { format!(" · {}", Prose(message)) };
    write!(out, "<figure><figcaption>{}{rendered}{message}</figcaption><pre>", Html(&place))?;
    for Line { number, text, mark } in excerpt::lines(location) {
        match mark {
            Some(mark) => {
                let [before, marked, after] = [&text[..mark.start], &text[mark.clone()], &text[mark.end..]].map(Html);
                write!(out, "<span class=\"at\" data-line=\"{number}\">{before}<mark>{marked}</mark>{after}</span>")?;
            }
            None => write!(out, "<span data-line=\"{number}\">{}</span>", Html(&text))?,
        }
    }
    writeln!(out, "</pre></figure>")
}

fn exempted(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.exempted.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section class=\"aside\" id=\"exempted\">\n<h2>Exempted</h2>")?;
    writeln!(out, "<p class=\"lead\">Somebody has answered for these.</p>\n<table>")?;
    writeln!(
        out,
        "<tr><th>rule</th><th>resource</th><th>finding</th><th>reason</th><th>owner</th><th>until</th></tr>"
    )?;
    for exempted in &report.exempted {
        let resource =
            exempted.resource.as_ref().map_or_else(|| exempted.location.file().to_owned(), ToString::to_string);
        let [owner, until] = [&exempted.owner, &exempted.until].map(|text| text.as_deref().unwrap_or_default());
        write!(out, "<tr><td><code>{}</code></td><td>{}</td>", exempted.rule, Html(&resource))?;
        write!(out, "<td>{}</td><td>{}</td>", Prose(&exempted.message), Html(&exempted.reason))?;
        writeln!(out, "<td>{}</td><td>{}</td></tr>", Html(owner), Html(until))?;
    }
    writeln!(out, "</table></section>")
}

fn stale_baseline(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.stale_baseline.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section class=\"aside\">\n<h2>Mended, and still in the baseline</h2>")?;
    writeln!(out, "<p class=\"lead\"><code>--write-baseline</code> takes them out.</p>\n<table>")?;
    for fingerprint in &report.stale_baseline {
        writeln!(out, "<tr><td><code>{}</code></td></tr>", Html(fingerprint))?;
    }
    writeln!(out, "</table></section>")
}

fn not_evaluated(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.not_evaluated.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section class=\"aside\" id=\"not-evaluated\">\n<h2>Not evaluated</h2>")?;
    writeln!(out, "<p class=\"lead\">Rules that lacked knowledge, for they claim nothing that they do not know.</p>")?;
    writeln!(out, "<table><tr><th>rule</th><th>needs</th></tr>")?;
    for same in report.not_evaluated.chunk_by(|a, b| a.rule == b.rule) {
        let more = match same.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        writeln!(out, "<tr><td><code>{}</code></td><td>{}{more}</td></tr>", same[0].rule, Html(&same[0].needs))?;
    }
    writeln!(out, "</table></section>")
}

/// The rules that were broken: what they mean, and how to do it well.
fn rules(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section class=\"aside\">\n<h2>The rules</h2>\n<p class=\"lead\">Those that were broken here.</p>")?;
    for (id, (rule, count)) in broken_rules(report) {
        write!(out, "<details class=\"doc\" id=\"{id}\"><summary><code>{id}</code>")?;
        writeln!(out, "<span>{}, {}</span></summary>", Prose(rule.summary), counted(count, "finding"))?;
        writeln!(out, "<div>{}</div></details>", markdown(&rule.documentation()))?;
    }
    writeln!(out, "</section>")
}

fn broken_rules(report: &Report) -> BTreeMap<&'static str, (&'static Rule, usize)> {
    let mut rules = BTreeMap::new();
    for finding in &report.findings {
        rules.entry(finding.rule.id).or_insert((finding.rule, 0)).1 += 1;
    }
    rules
}

/// A fingerprint as an anchor, which has no space in it.
fn anchor(fingerprint: &str) -> String {
    Html(fingerprint).to_string().replace(' ', "_")
}

fn subject_id(area: &Area<'_>, subject: &Subject<'_>) -> String {
    anchor(&format!("{}/{}/{}", area.namespace.unwrap_or_default(), subject.kind, subject.name))
}

/// What stands for a namespace in the filter; for none, a word that no namespace can be.
fn namespace_key<'a>(area: &Area<'a>) -> &'a str {
    area.namespace.unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_have_no_spaces() {
        assert_eq!(anchor("a:Pod x/y:/spec[\"]"), "a:Pod_x/y:/spec[&quot;]");
    }

    #[test]
    fn paths_are_short_to_read() {
        assert_eq!(["a.yaml", "b/a.yaml", "/b/a.yaml"].map(short), ["a.yaml", "b/a.yaml", "/b/a.yaml"]);
        assert_eq!(short("d/c/b/a.yaml"), "…/b/a.yaml");
    }
}
