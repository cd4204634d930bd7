//! `hardline explain`: what a rule means, why, and how to mend what it finds.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use hardline_core::profile::Profile;
use hardline_core::rule::{Category, Rule, Severity};
use hardline_core::rules::RULES;
use serde::Serialize;

use crate::markdown;
use crate::rule_argument::RuleParser;
use crate::terminal::{self, BOLD, CODE, DIM};

/// Say what a rule means, why, and how to fix it; list all rules without one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline explain
  hardline explain container-privileged
  hardline explain --format json | jq -r '.[] | select(.severity == \"critical\") | .id'")]
pub(crate) struct Args {
    /// The rule
    #[arg(value_parser = RuleParser, hide_possible_values = true)]
    rule: Option<&'static Rule>,

    /// How to print it
    #[arg(short = 'o', long, default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs: one object, or an array of all
    Json,
}

/// A rule as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    id: &'static str,
    summary: &'static str,
    help: &'static str,
    category: Category,
    severity: Severity,
    profile: Profile,
    standard: Option<String>,
    needs: Vec<&'static str>,
    /// Whether `hardline install --policies` lets the API server enforce the rule itself.
    cel: bool,
    since: &'static str,
    docs: String,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    terminal::print(|out| match (args.rule, args.format) {
        (Some(rule), Format::Human) => one(rule, out),
        (None, Format::Human) => all(out),
        (Some(rule), Format::Json) => json(&Explained::new(rule), out),
        (None, Format::Json) => json(&RULES.iter().map(|rule| Explained::new(rule)).collect::<Vec<_>>(), out),
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Explained {
    fn new(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            summary: rule.summary,
            help: rule.help,
            category: rule.category,
            severity: rule.severity,
            profile: rule.profile,
            standard: rule.standard.map(|standard| format!("{standard:?}").to_lowercase()),
            needs: rule.needs.iter().map(|kind| kind.name()).collect(),
            cel: rule.cel.is_some(),
            since: rule.since,
            docs: rule.documentation(),
        }
    }
}

fn json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn one(rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    let severity = terminal::severity(rule.severity);
    writeln!(out, "{BOLD}{}{BOLD:#}: {}", rule.id, rule.summary)?;
    writeln!(out)?;
    let mut fact = |name: &str, fact: &str| writeln!(out, "{DIM}{name:<9}{DIM:#} {fact}");
    fact("severity", &format!("{severity}{}{severity:#}", rule.severity))?;
    fact("category", rule.category.name())?;
    fact("profile", stricter(rule.profile))?;
    if let Some(standard) = rule.standard {
        fact("standard", &format!("Pod Security Standards, {}", format!("{standard:?}").to_lowercase()))?;
    }
    if !rule.needs.is_empty() {
        let kinds: Vec<_> = rule.needs.iter().map(|kind| kind.name()).collect();
        fact("needs", &format!("every {} of the namespace", kinds.join(" and ")))?;
    }
    if rule.cel.is_some() {
        fact("wall", "also in CEL, for the API server itself")?;
    }
    fact("since", rule.since)?;
    write!(out, "{DIM}{:<9}{DIM:#} ", "fix")?;
    markdown::prose(rule.help, out)?;
    writeln!(out)?;
    markdown::write(&rule.documentation(), out)
}

fn all(out: &mut dyn Write) -> io::Result<()> {
    let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    let mut rules = RULES.to_vec();
    rules.sort_by_key(|rule| rule.category);
    for category in rules.chunk_by(|a, b| a.category == b.category) {
        writeln!(out, "{BOLD}{}{BOLD:#}", category[0].category)?;
        for rule in category {
            let severity = terminal::severity(rule.severity);
            write!(out, "  {CODE}{:width$}{CODE:#}  {severity}{:8}{severity:#}  ", rule.id, rule.severity)?;
            writeln!(out, "{DIM}{:10}{DIM:#}  {}", rule.profile, rule.summary)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{} rules; `hardline explain RULE` says more about one", RULES.len())
}

/// The profiles that a rule is part of.
fn stricter(mildest: Profile) -> &'static str {
    match mildest {
        Profile::Baseline => "baseline, production, critical",
        Profile::Production => "production, critical",
        Profile::Critical => "critical",
        Profile::PodSecurityBaseline => "pod-security-baseline",
        Profile::PodSecurityRestricted => "pod-security-restricted",
    }
}
