//! The report for people: each finding in its manifest, then what it comes to.

use std::cmp::Reverse;
use std::io::{self, Write};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Group, Level, Renderer};
use hardline_core::edit::Safety;
use hardline_core::priority::{priorities, ranked};
use hardline_core::report::{Counts, NotEvaluated, Origin, Report, Reported, ReportedFix};
use hardline_core::rule::{Rule, Severity};

use crate::markdown;
use crate::reporter::{View, counted, words};
use crate::terminal::{self, BOLD, CODE, DIM, visible};

mod excerpt;

use excerpt::{Excerpt, Mark};

/// From so many findings on, a count says more than the list.
const MANY: usize = 50;
/// So many lines of a kind are shown, and the rest is counted.
const FIRST: usize = 10;
/// Rules listed for each of them.
const RULES: usize = 3;

/// Writes the findings and, unless the view is quiet, the summary.
pub(crate) fn write(report: &Report, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(view.width);
    for finding in &report.findings {
        writeln!(out, "{}\n", render(finding, view, &renderer))?;
    }
    if view.quiet {
        return Ok(());
    }
    if report.findings.len() > FIRST {
        first(report, out)?;
    }
    not_evaluated(&report.not_evaluated, view, out)?;
    stale_baseline(&report.stale_baseline, out)?;
    summary(report, view, out)?;
    hints(report, out)
}

/// Writes how many findings each rule has instead of the findings.
pub(crate) fn statistics(report: &Report, view: &View, out: &mut dyn Write) -> io::Result<()> {
    // A rule's severity may differ from place to place: the configuration says so.
    let mut rules: Vec<(&Rule, Severity)> = report.findings.iter().map(|it| (it.rule, it.severity)).collect();
    rules.sort_unstable_by_key(|(rule, severity)| (rule.id, *severity));
    let same = rules.chunk_by(|(a, of_a), (b, of_b)| a.id == b.id && of_a == of_b);
    let mut counts: Vec<_> = same.map(|same| (same.len(), same[0].0, same[0].1)).collect();
    counts.sort_by_key(|&(count, rule, severity)| (Reverse(count), Reverse(severity), rule.id));
    let width = counts.iter().map(|(_, rule, _)| rule.id.len()).max().unwrap_or_default();
    for (count, rule, severity) in &counts {
        let style = terminal::severity(*severity);
        write!(out, "{count:>6}  {style}{severity:8}{style:#}  ")?;
        writeln!(out, "{CODE}{:width$}{CODE:#}  {}", rule.id, rule.summary)?;
    }
    if view.quiet {
        return Ok(());
    }
    if !counts.is_empty() {
        writeln!(out)?;
    }
    not_evaluated(&report.not_evaluated, view, out)?;
    summary(report, view, out)
}

/// One finding: title, manifest, evidence, help.
fn render(finding: &Reported, view: &View, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Critical | Severity::High => Level::ERROR,
        Severity::Medium => Level::WARNING,
        Severity::Low => Level::INFO,
    };
    let title = level.with_name(finding.severity.name()).primary_title(visible(&finding.message)).id(finding.rule.id);
    let resource = finding.resource.as_ref().map(|resource| format!("in {resource}"));
    let mut marks = vec![Mark { primary: true, location: &finding.location, label: resource.unwrap_or_default() }];
    marks.extend(finding.evidence.iter().map(|evidence| Mark {
        primary: false,
        location: &evidence.location,
        label: evidence.message.to_string(),
    }));
    let mut group = Group::with_title(title);
    for excerpt in Excerpt::of(marks) {
        group = group.elements(excerpt.elements());
    }
    // What was rendered or observed is not where a fix belongs.
    let elsewhere = finding.location.rendered || view.within.is_some();
    let fix = finding.fix.as_ref().map(|fix| offer(fix, elsewhere));
    if let Some(origin) = finding.origin.as_deref().and_then(told) {
        group = group.element(Level::NOTE.message(visible(&origin).into_owned()));
    }
    group = group.element(Level::HELP.message(visible(&finding.help)));
    if let Some(fix) = &fix {
        group = group.element(Level::HELP.with_name("fix").message(visible(fix)));
    }
    renderer.render(&[group])
}

/// When and by whom a resource came to be as it is: what is known of it.
fn told(origin: &Origin) -> Option<String> {
    let day = |time: &Option<String>| time.as_deref().map(|time| time.split('T').next().unwrap_or(time).to_owned());
    let mut parts = Vec::new();
    if let Some(owner) = &origin.differs_from {
        parts.push(format!("differs from the template of {owner}"));
    }
    parts.extend(day(&origin.created).map(|day| format!("created {day}")));
    parts.extend(origin.author.as_ref().map(|author| match day(&origin.changed) {
        Some(day) => format!("last changed by {author} on {day}"),
        None => format!("last changed by {author}"),
    }));
    if origin.pods > 0 {
        parts.push(format!("holds for {}", counted(origin.pods as usize, "pod")));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What a fix does, and the command that makes it where it can be made.
fn offer(ReportedFix { fix, .. }: &ReportedFix, elsewhere: bool) -> String {
    match fix.safety {
        _ if elsewhere => fix.title.clone(),
        Safety::Safe => format!("{} (hardline check --fix)", fix.title),
        Safety::Unsafe => format!("{} (hardline check --fix --unsafe-fixes)", fix.title),
    }
}

/// The rules that lacked knowledge, one line each.
fn not_evaluated(lacking: &[NotEvaluated], view: &View, out: &mut dyn Write) -> io::Result<()> {
    if lacking.is_empty() {
        return Ok(());
    }
    let want = if view.within.is_some() { "could not be read" } else { "these manifests do not hold" };
    writeln!(out, "{BOLD}not evaluated{BOLD:#}, for want of what {want}:")?;
    let width = lacking.iter().map(|lack| lack.rule.len()).max().unwrap_or_default();
    for same in lacking.chunk_by(|a, b| a.rule == b.rule) {
        write!(out, "  {CODE}{:width$}{CODE:#}  {DIM}needs {}", same[0].rule, visible(&same[0].needs))?;
        match same.len() - 1 {
            0 => writeln!(out, "{DIM:#}")?,
            more => writeln!(out, ", and {more} more{DIM:#}")?,
        }
    }
    if view.within.is_some() {
        return writeln!(out);
    }
    writeln!(out, "  if nothing exists outside these manifests, `{CODE}--assume-complete{CODE:#}` evaluates them\n")
}

/// The resources to begin with, one line each.
fn first(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let areas = priorities(report);
    let subjects = ranked(&areas);
    writeln!(out, "{BOLD}what to fix first{BOLD:#}, of {}:", counted(subjects.len(), "resource"))?;
    for (area, subject) in subjects.iter().take(FIRST) {
        let name = match area.namespace {
            Some(namespace) => format!("{} {namespace}/{}", subject.kind, subject.name),
            None => format!("{} {}", subject.kind, subject.name),
        };
        let worst = subject.findings.first().map_or(DIM, |finding| terminal::severity(finding.severity));
        write!(out, "  {worst}{}{worst:#} in {}: ", words(subject.counts), visible(name.trim_start()))?;
        let rules = subject.rules();
        let shown: Vec<_> = rules.iter().take(RULES).map(|(id, _)| format!("{CODE}{id}{CODE:#}")).collect();
        let more = rules.len() - shown.len();
        writeln!(out, "{}{}", shown.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() })?;
    }
    writeln!(out)
}

/// The entries of the baseline that can go, one line each.
fn stale_baseline(stale: &[String], out: &mut dyn Write) -> io::Result<()> {
    if stale.is_empty() {
        return Ok(());
    }
    writeln!(out, "{BOLD}mended{BOLD:#}, and still in the baseline:")?;
    for fingerprint in stale.iter().take(FIRST) {
        writeln!(out, "  {CODE}{}{CODE:#}", visible(fingerprint))?;
    }
    if stale.len() > FIRST {
        writeln!(out, "  {DIM}and {} more{DIM:#}", stale.len() - FIRST)?;
    }
    writeln!(out, "  `{CODE}--write-baseline{CODE:#}` takes them out\n")
}

/// Writes one line: how many findings in how much.
pub(crate) fn summary(report: &Report, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let summary = &report.summary;
    let resources = counted(summary.resources, "resource");
    let workloads = counted(summary.workloads, "workload");
    let within = view.within.clone().unwrap_or_else(|| counted(summary.files, "file"));
    if summary.findings.total() == 0 {
        let good = anstyle::AnsiColor::Green.on_default().bold();
        write!(out, "{good}all clear{good:#}: ")?;
    } else {
        findings(summary.findings, out)?;
    }
    write!(out, "{resources} ({workloads}) in {}", visible(&within))?;
    if summary.exempted > 0 {
        write!(out, "; {} exempted", summary.exempted)?;
    }
    if summary.baselined > 0 {
        write!(out, "; {} in the baseline", summary.baselined)?;
    }
    if summary.skipped > 0 {
        write!(out, "; skipped {}", counted(summary.skipped, "other document"))?;
    }
    writeln!(out, "{DIM} ({:.2} s){DIM:#}", view.elapsed.as_secs_f32())
}

/// `3 findings (1 critical, 2 low) in `.
fn findings(counts: Counts, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{BOLD}{}{BOLD:#} (", counted(counts.total(), "finding"))?;
    for (at, (severity, count)) in counts.by_severity().into_iter().filter(|&(_, count)| count > 0).enumerate() {
        let style = terminal::severity(severity);
        write!(out, "{}{style}{count} {severity}{style:#}", if at > 0 { ", " } else { "" })?;
    }
    write!(out, ") in ")
}

fn hints(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if let Some(first) = report.findings.first() {
        markdown::prose(&format!("`hardline explain {}` says why and how to fix it", first.rule.id), out)?;
    }
    if report.findings.len() >= MANY {
        markdown::prose("`--statistics` counts the findings by rule, `--format concise` takes one line for each", out)?;
    }
    Ok(())
}
