//! What messages say.

use std::fmt::{self, Write as _};

use hardline_core::report::Reported;
use serde_json::{Value as Json, json};

use crate::news::Item;

/// How many findings a message names. Of the others it says how many they are.
const MOST: usize = 20;

/// What a template may name, in braces.
const WORDS: [&str; 6] = ["severity", "rule", "resource", "message", "help", "author"];

/// How a finding reads: text with words in braces, such as `{severity}` and `{message}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

/// A template names what no finding has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a finding has no `{{{0}}}`: it has {{{words}}}", words = WORDS.join("}, {"))]
pub struct Unknown(String);

impl Default for Template {
    fn default() -> Self {
        Self("*{severity}* {resource}: {message} (`{rule}`)".to_owned())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Template {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('{') {
            let (word, after) = after.split_once('}').unwrap_or((after, ""));
            if !WORDS.contains(&word) {
                return Err(Unknown(word.to_owned()));
            }
            rest = after;
        }
        Ok(Self(text.to_owned()))
    }
}

impl Template {
    /// The text for a finding. What findings say is put in as `escape` gives it, and not read again.
    fn text(&self, finding: &Reported, escape: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (word, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            text.push_str(&escape(&said(finding, word)));
            rest = after;
        }
        text + rest
    }
}

fn said(finding: &Reported, word: &str) -> String {
    match word {
        "severity" => finding.severity.name().to_owned(),
        "rule" => finding.rule.id.to_owned(),
        "resource" => finding.resource.as_ref().map_or_else(|| finding.location.file().to_owned(), ToString::to_string),
        "message" => finding.message.to_string(),
        "help" => finding.help.to_string(),
        "author" => finding.origin.as_ref().and_then(|origin| origin.author.clone()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// A message for Slack's incoming webhooks.
///
/// <https://docs.slack.dev/messaging/formatting-message-text>
pub(super) fn slack(items: &[Item], cluster: &str, template: &Template) -> Json {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (appeared, gone): (Vec<&Item>, Vec<&Item>) = items.iter().partition(|item| item.appeared);
    let mut text = format!("hardline in {}: {}", escape(cluster), counted(appeared.len(), gone.len()));
    for item in appeared.iter().take(MOST) {
        _ = write!(text, "\n• {}", template.text(&item.finding, escape));
    }
    if appeared.len() > MOST {
        _ = write!(text, "\n… and {} more", appeared.len() - MOST);
    }
    json!({"text": text})
}

/// A message for programs.
pub(super) fn webhook(items: &[Item], cluster: &str) -> Json {
    let some = |appeared: bool| {
        let findings = items.iter().filter(|item| item.appeared == appeared).map(|item| &item.finding);
        findings.take(MOST).map(|finding| json!(finding)).collect::<Vec<_>>()
    };
    let count = |appeared: bool| items.iter().filter(|item| item.appeared == appeared).count();
    json!({
        "schema": "hardline.notification/v1",
        "cluster": cluster,
        "summary": {"appeared": count(true), "gone": count(false)},
        "appeared": some(true),
        "gone": some(false),
    })
}

fn counted(appeared: usize, gone: usize) -> String {
    let findings = |count: usize| if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
    match (appeared, gone) {
        (0, gone) => format!("{} went", findings(gone)),
        (appeared, 0) => format!("{} came", findings(appeared)),
        (appeared, gone) => format!("{} came, {gone} went", findings(appeared)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_before_they_are_needed() {
        assert!("{severity}: {message} {{".parse::<Template>().is_err());
        assert_eq!("{colour}".parse::<Template>(), Err(Unknown("colour".to_owned())));
        assert_eq!(
            Unknown("colour".to_owned()).to_string(),
            "a finding has no `{colour}`: it has {severity}, {rule}, {resource}, {message}, {help}, {author}"
        );
        assert!("plain".parse::<Template>().is_ok());
    }

    #[test]
    fn messages_count() {
        assert_eq!(counted(1, 0), "1 finding came");
        assert_eq!(counted(0, 2), "2 findings went");
        assert_eq!(counted(3, 1), "3 findings came, 1 went");
    }
}
