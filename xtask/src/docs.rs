//! The pages of the documentation that the rules themselves are the source of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hardline_core::profile::Profile;
use hardline_core::rule::{Category, Check, Rule, Standard};
use hardline_core::rules::RULES;

use crate::{conformance, migration};

/// The folder of the rule pages. All of it is generated.
pub(crate) const FOLDER: &str = "docs/src/rules";

/// The generated pages.
pub(crate) fn files() -> BTreeMap<PathBuf, String> {
    let folder = PathBuf::from(FOLDER);
    let mut files: BTreeMap<_, _> =
        RULES.iter().map(|rule| (folder.join(format!("{}.md", rule.id)), page(rule))).collect();
    files.insert(folder.join("README.md"), index());
    files.insert("docs/src/SUMMARY.md".into(), summary());
    files.insert("docs/src/migration.md".into(), migration::page());
    files.extend(conformance::page().map(|page| ("docs/src/conformance.md".into(), page)));
    files
}

fn by_category() -> BTreeMap<Category, Vec<&'static Rule>> {
    let mut sections: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for rule in RULES {
        sections.entry(rule.category).or_default().push(*rule);
    }
    sections
}

fn page(rule: &Rule) -> String {
    let looks_at = match rule.check {
        Check::Container(_) => "each container",
        Check::Workload(_) => "each workload",
        Check::Reader => "the text itself",
        _ => "each resource",
    };
    let mut facts = vec![
        format!("severity **{}**", rule.severity),
        format!("category {}", rule.category),
        format!("profile {} and stricter", rule.profile),
        format!("looks at {looks_at}"),
        format!("since {}", rule.since),
    ];
    match rule.standard {
        Some(Standard::Baseline) => facts.push("part of the Pod Security Standards, level baseline".into()),
        Some(Standard::Restricted) => facts.push("part of the Pod Security Standards, level restricted".into()),
        None => {}
    }
    if !rule.needs.is_empty() {
        let kinds: Vec<_> = rule.needs.iter().map(ToString::to_string).collect();
        facts.push(format!("needs every {} of the namespace", kinds.join(", ")));
    }
    if rule.cel.is_some() {
        facts.push("also in CEL, for the API server itself".into());
    }
    if rule.profile == Profile::Critical {
        facts.push("off under production".into());
    }
    format!(
        "# {}\n\n{}.\n\n{}\n\n{}\n\n## What to do\n\n{}.\n",
        rule.id,
        capital(rule.summary),
        facts.join(" · "),
        body(rule),
        capital(rule.help)
    )
}

/// The doc comment without the space after `///`, examples fenced as plain YAML.
fn body(rule: &Rule) -> String {
    let lines = rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    let lines: Vec<_> = lines.map(|line| if line.starts_with("```yaml ") { "```yaml" } else { line }).collect();
    lines.join("\n").trim_end().to_owned()
}

fn index() -> String {
    let section = |(category, rules): (Category, Vec<&Rule>)| {
        let rows = rules.into_iter().map(|rule| {
            format!("| [{0}]({0}.md) | {1} | {2} | {3} |\n", rule.id, rule.severity, rule.profile, rule.summary)
        });
        let rows: String = rows.collect();
        format!("\n## {}\n\n| rule | severity | profile | flags |\n|---|---|---|---|\n{rows}", capital(category.name()))
    };
    format!("# Rules\n{}", by_category().into_iter().map(section).collect::<String>())
}

fn summary() -> String {
    let rules: Vec<_> = RULES.iter().map(|rule| format!("  - [{0}](rules/{0}.md)\n", rule.id)).collect();
    let pages: Vec<_> = PAGES.iter().map(|(title, file)| format!("- [{title}]({file})\n")).collect();
    format!("# Summary\n\n{}{}", pages.concat(), rules.concat())
}

/// The pages of the book, in their order; those of the rules follow the last.
const PAGES: &[(&str, &str)] = &[
    ("hardline", "README.md"),
    ("What can be judged", "inputs.md"),
    ("Configuration and exemptions", "configuration.md"),
    ("Fixes", "fixes.md"),
    ("Formats", "formats.md"),
    ("Pinning images", "pin.md"),
    ("What a cluster holds", "audit.md"),
    ("Who can reach whom", "network.md"),
    ("Drift", "drift.md"),
    ("Coverage", "coverage.md"),
    ("In the cluster", "install.md"),
    ("Admission", "admission.md"),
    ("The guard", "guard.md"),
    ("The ledger", "ledger.md"),
    ("From other linters", "migration.md"),
    ("Conformance", "conformance.md"),
    ("The API server's own verdict", "conformance-schema.md"),
    ("Who else says who can reach whom", "conformance-network.md"),
    ("Rules", "rules/README.md"),
];

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
