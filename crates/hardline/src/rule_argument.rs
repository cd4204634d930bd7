//! Rules as arguments: completed by shells, and corrected when mistyped.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use hardline_core::equivalents::{self, Answer, Equivalent};
use hardline_core::rule::Rule;
use hardline_core::rules::RULES;
use hardline_core::suggest::nearest;

/// Reads the id of a rule.
#[derive(Clone)]
pub(crate) struct RuleParser;

impl TypedValueParser for RuleParser {
    type Value = &'static Rule;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<&'static Rule, Error> {
        let id = value.to_string_lossy();
        Rule::find(&id).ok_or_else(|| {
            let foreign: Vec<_> = equivalents::find(&id).map(here).collect();
            let answer = match (foreign.as_slice(), suggestions(&id).as_slice()) {
                ([], []) => format!("no rule is called `{id}`"),
                ([], meant) => format!("no rule is called `{id}`; did you mean {}?", meant.join(" or ")),
                (foreign, _) => foreign.join("\n"),
            };
            let message = format!("{answer}\n\n`hardline explain` lists all rules.\n");
            Error::raw(ErrorKind::InvalidValue, message).with_cmd(command)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(RULES.iter().map(|rule| PossibleValue::new(rule.id).help(rule.summary))))
    }
}

/// What a check of another linter is called here.
fn here(foreign: Equivalent) -> String {
    let Equivalent { linter, check, answer } = foreign;
    match answer {
        Answer::Rules { .. } => {
            let rules: Vec<_> = answer.ids().map(|id| format!("`{id}`")).collect();
            format!("`{check}` of {linter} is {} here", rules.join(" and "))
        }
        Answer::LeftOut { why, .. } => format!("`{check}` of {linter} has no rule here: {why}"),
    }
}

/// The rules that somebody may have meant: those with the text in their id, else the one with a
/// slip in it, else those with a slip in one of their words. At most three.
fn suggestions(id: &str) -> Vec<String> {
    let ids = || RULES.iter().map(|rule| rule.id);
    let containing = |text: &str| ids().filter(|id| id.contains(text)).take(3).map(|id| format!("`{id}`")).collect();
    let slip = || nearest(id, ids()).or_else(|| nearest(id, ids().flat_map(|id| id.split('-'))));
    let found: Vec<_> = containing(id);
    if found.is_empty() { slip().map(containing).unwrap_or_default() } else { found }
}
