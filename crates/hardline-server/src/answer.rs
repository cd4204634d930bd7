//! What the API server is told: the `AdmissionReview` that answers one, in words for `kubectl`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hardline_core::finding::Finding;
use hardline_core::profile::Enforcement;
use hardline_core::verdict::Judged;
use serde::Serialize;

use crate::admission::Decision;
use crate::review::{API_VERSION, Review};

/// The longest warning, in characters: longer ones may be cut by the API server.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response>
const LONGEST_WARNING: usize = 256;

/// The most bytes that warnings have in all; the API server drops what goes beyond 4096 characters.
const ALL_WARNINGS: usize = 4000;

/// The most bytes that a refusal has: `kubectl` prints it on one screen or two.
const LONGEST_REFUSAL: usize = 8000;

/// The most bytes of an audit annotation.
const LONGEST_ANNOTATION: usize = 2000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionReview<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}

/// The body of the answer to a review.
#[expect(clippy::missing_panics_doc, reason = "it cannot")]
pub fn body(review: &Review, decision: &Decision) -> Vec<u8> {
    let refusal = refusal(review, decision);
    let response = Response {
        uid: review.uid(),
        allowed: refusal.is_none(),
        status: refusal.map(|message| Status { code: 403, reason: "Forbidden", message }),
        warnings: warnings(decision),
        audit_annotations: annotations(decision),
    };
    let answer = AdmissionReview { api_version: API_VERSION, kind: "AdmissionReview", response };
    serde_json::to_vec(&answer).expect("texts and maps of texts are always JSON")
}

/// Why a request is refused, if it is.
pub fn refusal(review: &Review, decision: &Decision) -> Option<String> {
    if let Some(refusal) = &decision.refusal {
        return Some(refusal.clone());
    }
    let reasons: Vec<_> = decision.that(Enforcement::Deny).collect();
    if reasons.is_empty() {
        return None;
    }
    let count = reasons.len();
    let mut text = format!("{} is refused for {count} reason{}\n", review.subject(), if count == 1 { "" } else { "s" });
    for (told, judged) in reasons.iter().enumerate() {
        let reason = reason(judged);
        if text.len() + reason.len() > LONGEST_REFUSAL {
            _ = write!(text, "\nand {} more: `hardline check` shows all", count - told);
            break;
        }
        text += &reason;
    }
    Some(text)
}

fn reason(judged: &Judged) -> String {
    let Finding { rule, message, help, .. } = &judged.finding;
    let path = judged.finding.path();
    let help = help.as_deref().unwrap_or(rule.help);
    let id = rule.id;
    format!("\n[{id}] {message}\n  at    {path}\n  fix   {help}\n  more  hardline explain {id}\n")
}

fn warnings(decision: &Decision) -> Vec<String> {
    let warned = decision.that(Enforcement::Warn).map(|judged| {
        let Finding { rule, message, .. } = &judged.finding;
        format!("[{}] {message} ({})", rule.id, judged.finding.path())
    });
    let all: Vec<String> = decision.consequences.iter().cloned().chain(warned).map(|it| one_line(&it)).collect();
    let mut total = 0;
    let fit = all.iter().take_while(|warning| {
        total += warning.len();
        total <= ALL_WARNINGS
    });
    let mut warnings: Vec<_> = fit.cloned().collect();
    if warnings.len() < all.len() {
        warnings.push(format!("and {} more: `hardline check` shows all", all.len() - warnings.len()));
    }
    warnings
}

/// The text as the value of an HTTP header takes it.
fn one_line(text: &str) -> String {
    let clean = |text: &str| -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
    if text.chars().count() <= LONGEST_WARNING {
        return clean(text);
    }
    let cut: String = text.chars().take(LONGEST_WARNING - 1).collect();
    clean(&cut) + "…"
}

/// What the audit log is told. Keys are prefixed with the webhook's name there.
fn annotations(decision: &Decision) -> BTreeMap<&'static str, String> {
    fn rules<'a>(findings: impl Iterator<Item = &'a Judged>) -> String {
        list(findings.map(|judged| judged.finding.rule.id))
    }
    let exempted = decision.exempted.iter().map(|exempted| exempted.finding.rule.id);
    let annotations = [
        ("denied", rules(decision.that(Enforcement::Deny))),
        ("warned", rules(decision.that(Enforcement::Warn))),
        ("found", rules(decision.that(Enforcement::Audit))),
        ("unchanged", rules(decision.unchanged.iter())),
        ("exempted", list(exempted)),
        ("not-evaluated", list(decision.unevaluated.iter().copied())),
    ];
    annotations.into_iter().filter(|(_, rules)| !rules.is_empty()).collect()
}

/// The ids, each once, as far as there is room.
fn list<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for id in ids.collect::<BTreeSet<_>>() {
        if text.len() + id.len() > LONGEST_ANNOTATION {
            return text + ",…";
        }
        if !text.is_empty() {
            text.push(',');
        }
        text += id;
    }
    text
}
