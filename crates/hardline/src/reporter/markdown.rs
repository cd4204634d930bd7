//! Markdown for the comment on a pull request: what it comes to, what to fix first, each finding.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use hardline_core::priority::{priorities, ranked};
use hardline_core::report::{Report, Reported};
use hardline_core::rule::Severity;

use crate::reporter::junit::Xml;
use crate::reporter::{counted, words};
use crate::terminal::is_hidden;

/// The longest comment that GitHub takes, in characters.
const LIMIT: usize = 65_536;
/// Kept free for the line that says how many findings are left out.
const RESERVE: usize = 200;
/// Resources listed as what to fix first.
const FIRST: usize = 10;
/// Rules listed for each of them.
const RULES: usize = 3;
/// Longer texts of manifests are cut: one name must not fill the comment.
const LONG: usize = 300;
/// What ends the section of a file.
const FOOT: &str = "\n</details>\n";

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(comment(report, LIMIT).as_bytes())
}

/// The report in at most `limit` bytes, which no character takes less of than one.
fn comment(report: &Report, limit: usize) -> String {
    let mut text = format!("## hardline: {}\n\n", title(report));
    text.push_str(&counts(report));
    if report.findings.is_empty() {
        return text;
    }
    text.push_str(&first(report));
    let mut shown = 0;
    for of_file in report.findings.chunk_by(|a, b| a.location.file() == b.location.file()) {
        let (file, count) = (Xml(of_file[0].location.file()), of_file.len());
        // Within `<summary>` Markdown is not read.
        let head = format!("\n<details>\n<summary>{file}: {}</summary>\n\n", counted(count, "finding"));
        let mut room = limit.saturating_sub(RESERVE + text.len() + head.len() + FOOT.len());
        let mut body = String::new();
        for item in of_file.iter().map(item) {
            if item.len() > room {
                break;
            }
            room -= item.len();
            body.push_str(&item);
            shown += 1;
        }
        if !body.is_empty() {
            text.extend([&head, &body, FOOT]);
        }
    }
    match report.findings.len() - shown {
        0 => {}
        more => {
            let _ = writeln!(text, "\nand {more} more, for which a comment has no room");
        }
    }
    text
}

fn title(report: &Report) -> String {
    match report.summary.findings.total() {
        0 => "all clear".to_owned(),
        total => counted(total, "finding"),
    }
}

/// The table of counts, and what they are counts of.
fn counts(report: &Report) -> String {
    let summary = &report.summary;
    let mut text = String::new();
    if summary.findings.total() > 0 {
        text.push_str("| severity | findings |\n|---|---:|\n");
        for (severity, count) in summary.findings.by_severity() {
            let _ = writeln!(text, "| {} {severity} | {count} |", sign(severity));
        }
        text.push('\n');
    }
    let resources = counted(summary.resources, "resource");
    let _ =
        write!(text, "{resources}, {} in {}", counted(summary.workloads, "workload"), counted(summary.files, "file"));
    if summary.exempted > 0 {
        let _ = write!(text, "; {} exempted", summary.exempted);
    }
    if summary.baselined > 0 {
        let _ = write!(text, "; {} in the baseline", summary.baselined);
    }
    if summary.not_evaluated > 0 {
        let _ = write!(text, "; {} not evaluated everywhere", counted(summary.not_evaluated, "rule"));
    }
    text.push('\n');
    text
}

/// The resources to begin with.
fn first(report: &Report) -> String {
    let mut text =
        String::from("\n### What to fix first\n\n| namespace | resource | findings | rules |\n|---|---|---|---|\n");
    let areas = priorities(report);
    let subjects = ranked(&areas);
    for (area, subject) in subjects.iter().take(FIRST) {
        let (namespace, rules) = (Md(area.namespace.unwrap_or_default()), subject.rules());
        let ids: Vec<_> = rules.iter().take(RULES).map(|(id, _)| format!("`{id}`")).collect();
        let more = rules.len() - ids.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (kind, name) = (Md(subject.kind), Md(subject.name));
        let _ =
            writeln!(text, "| {namespace} | {kind} {name} | {} | {}{more} |", words(subject.counts), ids.join(", "));
    }
    if subjects.len() > FIRST {
        let _ = writeln!(text, "\nand {} more", counted(subjects.len() - FIRST, "resource"));
    }
    text
}

fn item(finding: &Reported) -> String {
    let (sign, severity, id) = (sign(finding.severity), finding.severity, finding.rule.id);
    let mut text = format!("- {sign} **{severity}** `{id}` line {}: {}", finding.location.line, Md(&finding.message));
    if let Some(resource) = &finding.resource {
        let _ = write!(text, " (in {})", Md(&resource.to_string()));
    }
    let _ = writeln!(text, "<br>fix: {}", Md(&finding.help));
    text
}

fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "🟥",
        Severity::High => "🟧",
        Severity::Medium => "🟨",
        Severity::Low => "🟦",
    }
}

/// Text from manifests and rules, in which nothing is a mark, a mention or a link; what stands
/// between backticks is code.
struct Md<'a>(&'a str);

impl fmt::Display for Md<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.floor_char_boundary(LONG)];
        let parts: Vec<_> = shown.split('`').collect();
        // With an odd number of backticks nobody knows which of them belong together.
        let paired = parts.len() % 2 == 1;
        for (at, part) in parts.into_iter().enumerate() {
            match at % 2 {
                _ if at == 0 => {}
                _ if !paired => f.write_str("\\`")?,
                1 => f.write_str("<code>")?,
                _ => f.write_str("</code>")?,
            }
            part.chars().try_for_each(|character| escape(character, f))?;
        }
        f.write_str(if shown.len() < self.0.len() { "…" } else { "" })
    }
}

fn escape(character: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match character {
        '&' => f.write_str("&amp;"),
        '<' => f.write_str("&lt;"),
        '>' => f.write_str("&gt;"),
        // GitHub looks for mentions and issues after Markdown is done; a comment comes between.
        '@' | '#' => write!(f, "{character}<!-- -->"),
        '\\' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' | ':' => write!(f, "\\{character}"),
        hidden if is_hidden(hidden) => f.write_char(' '),
        other => f.write_char(other),
    }
}

#[cfg(test)]
mod tests {
    use hardline_core::config::{Config, Date};
    use hardline_core::inventory::{Coverage, Inventory};
    use hardline_core::report::Read;
    use hardline_core::source::Source;
    use hardline_core::verdict::judge;

    use super::*;

    #[test]
    fn text_is_no_markup() {
        assert_eq!(
            Md("`a` <b> @you #1 ![x](y)").to_string(),
            "<code>a</code> &lt;b&gt; @<!-- -->you #<!-- -->1 \\!\\[x\\](y)"
        );
        assert_eq!(Md("a`|\n").to_string(), "a\\`\\| ");
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}]}\n---\n";
        let read = hardline_manifest::read::read(&std::sync::Arc::new(Source::new("a.yaml", pod.repeat(300))));
        let inventory = Inventory::new(read.resources, Coverage::nothing());
        let judgement = judge(&inventory, read.findings, &Config::new(Date { year: 2026, month: 6, day: 1 }));
        let report = Report::new(judgement, &inventory, Read::default());
        let text = comment(&report, LIMIT);
        assert!(text.len() <= LIMIT && text.len() > LIMIT - 1_000, "{}", text.len());
        let shown = text.matches("\n- ").count();
        assert!(
            text.ends_with(&format!("and {} more, for which a comment has no room\n", report.findings.len() - shown))
        );
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }
}
