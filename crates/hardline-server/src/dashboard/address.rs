//! The addresses of pages, written and read in one place, so that every link leads somewhere.

use std::fmt;

use hardline_core::checklist::Line;
use hardline_core::report::Reported;
use hardline_core::resource::ResourceId;
use hardline_core::rule::Severity;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};

use crate::snapshot::{group_of, home};

/// What stands for no namespace: no namespace can be called so.
const NONE: &str = "-";
/// What stands for the kind of text that is no resource.
const FILE: &str = "file";
/// What is written in a part of a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// How all of it stands.
    Overview,
    /// All namespaces.
    Namespaces,
    /// A namespace, or what is in none.
    Namespace(Option<String>),
    /// A workload, or another resource with findings.
    Subject {
        /// Where it is shown.
        namespace: Option<String>,
        /// The API group; empty for the core group.
        group: String,
        /// The kind; empty for text that is no resource.
        kind: String,
        /// The name.
        name: String,
    },
    /// Who can reach whom.
    Network,
    /// Findings that fit a filter.
    Findings,
    /// All rules.
    Rules,
    /// A rule.
    Rule(String),
    /// What somebody has answered for.
    Exemptions,
    /// What was refused, and what was changed in guarded namespaces.
    Admissions,
    /// What has changed.
    Changes,
    /// What runs otherwise than it was deployed.
    Drift,
    /// What could not be judged.
    Coverage,
    /// Where a token is given.
    Login,
}

impl Address {
    /// The page of a resource.
    pub(crate) fn of(id: &ResourceId) -> Self {
        Self::Subject {
            namespace: home(id).map(str::to_owned),
            group: group_of(id).to_owned(),
            kind: id.kind.clone(),
            name: id.name.clone(),
        }
    }

    /// The page of what has a finding.
    pub(crate) fn of_finding(finding: &Reported) -> Self {
        let of_text = || ResourceId { name: finding.location.file().to_owned(), ..ResourceId::default() };
        finding.resource.as_deref().map_or_else(|| Self::of(&of_text()), Self::of)
    }

    /// The page at a path.
    pub(crate) fn read(path: &str) -> Option<Self> {
        let parts: Option<Vec<String>> = path.split('/').skip(1).map(decoded).collect();
        let parts = parts?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let namespace = |name: &str| (name != NONE).then(|| name.to_owned());
        Some(match *parts.as_slice() {
            [""] => Self::Overview,
            ["namespaces"] => Self::Namespaces,
            ["namespaces", name] if !name.is_empty() => Self::Namespace(namespace(name)),
            ["namespaces", space, kind, name] => {
                let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
                let kind = if kind == FILE { "" } else { kind };
                let [group, kind, name] = [group, kind, name].map(str::to_owned);
                Self::Subject { namespace: namespace(space), group, kind, name }
            }
            ["network"] => Self::Network,
            ["findings"] => Self::Findings,
            ["rules"] => Self::Rules,
            ["rules", id] => Self::Rule(id.to_owned()),
            ["exemptions"] => Self::Exemptions,
            ["admissions"] => Self::Admissions,
            ["changes"] => Self::Changes,
            ["drift"] => Self::Drift,
            ["coverage"] => Self::Coverage,
            ["login"] => Self::Login,
            _ => return None,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overview => f.write_str("/"),
            Self::Namespaces => f.write_str("/namespaces"),
            Self::Namespace(namespace) => write!(f, "/namespaces/{}", space(namespace.as_deref())),
            Self::Subject { namespace, group, kind, name } => {
                let kind = if kind.is_empty() { FILE } else { kind };
                write!(f, "/namespaces/{}/{}", space(namespace.as_deref()), encoded(kind))?;
                if !group.is_empty() {
                    write!(f, ".{}", encoded(group))?;
                }
                write!(f, "/{}", encoded(name))
            }
            Self::Network => f.write_str("/network"),
            Self::Findings => f.write_str("/findings"),
            Self::Rules => f.write_str("/rules"),
            Self::Rule(id) => write!(f, "/rules/{}", encoded(id)),
            Self::Exemptions => f.write_str("/exemptions"),
            Self::Admissions => f.write_str("/admissions"),
            Self::Changes => f.write_str("/changes"),
            Self::Drift => f.write_str("/drift"),
            Self::Coverage => f.write_str("/coverage"),
            Self::Login => f.write_str("/login"),
        }
    }
}

fn encoded(part: &str) -> PercentEncode<'_> {
    utf8_percent_encode(part, PLAIN)
}

/// A namespace as a part of a path.
fn space(namespace: Option<&str>) -> PercentEncode<'_> {
    encoded(namespace.unwrap_or(NONE))
}

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(Into::into)
}

/// What is asked of a list. Of what cannot be read, nothing is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Words that are all in messages, names or rules, whatever their case.
    pub(crate) text: String,
    /// The severity.
    pub(crate) severity: Option<Severity>,
    /// The namespace; empty for any, `-` for none.
    pub(crate) namespace: String,
    /// The rule's id, where `*` stands for any characters; empty for any.
    pub(crate) rule: String,
    /// The line of the checklist.
    pub(crate) line: Option<Line>,
    /// The page, from 0.
    pub(crate) page: usize,
}

impl Filter {
    /// What a query asks.
    pub(crate) fn read(query: &str) -> Self {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "text" => value.trim().clone_into(&mut filter.text),
                "severity" => filter.severity = Severity::ALL.into_iter().find(|it| it.name() == value),
                "namespace" => filter.namespace = value.into_owned(),
                "rule" => filter.rule = value.into_owned(),
                "line" => filter.line = Line::find(&value),
                // People count pages from 1.
                "page" => filter.page = value.parse::<usize>().unwrap_or(1).saturating_sub(1),
                _ => {}
            }
        }
        filter
    }

    /// What asks for a line of the checklist.
    pub(crate) fn line(line: Line) -> Self {
        Self { line: Some(line), ..Self::default() }
    }

    /// What asks for a rule.
    pub(crate) fn rule(id: &str) -> Self {
        Self { rule: id.to_owned(), ..Self::default() }
    }

    /// The same within a namespace.
    pub(crate) fn within(self, namespace: Option<&str>) -> Self {
        Self { namespace: namespace.unwrap_or(NONE).to_owned(), ..self }
    }

    /// Another page of the same.
    pub(crate) fn at(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// Whether a namespace is asked for; none is what is in none.
    pub(crate) fn is_of(&self, namespace: Option<&str>) -> bool {
        self.namespace.is_empty() || self.namespace == namespace.unwrap_or(NONE)
    }

    /// Whether each word is in any of these.
    pub(crate) fn is_in(&self, texts: &[&str]) -> bool {
        if self.text.is_empty() {
            return true;
        }
        self.text.split_whitespace().all(|word| texts.iter().any(|text| holds(text, word)))
    }
}

/// Whether a word is in a text, whatever their case.
fn holds(text: &str, word: &str) -> bool {
    if !word.is_ascii() {
        return text.to_lowercase().contains(&word.to_lowercase());
    }
    let (word, text) = (word.as_bytes(), text.as_bytes());
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// As the query of an address, with its question mark unless it is empty.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let page = if self.page > 0 { (self.page + 1).to_string() } else { String::new() };
        for (name, value) in [
            ("text", self.text.as_str()),
            ("severity", self.severity.map_or("", Severity::name)),
            ("namespace", &self.namespace),
            ("rule", &self.rule),
            ("line", self.line.map_or("", Line::name)),
            ("page", &page),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query.is_empty() { Ok(()) } else { write!(f, "?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let subject = |namespace: Option<&str>, group: &str, kind: &str, name: &str| {
            let [group, kind, name] = [group, kind, name].map(str::to_owned);
            Address::Subject { namespace: namespace.map(str::to_owned), group, kind, name }
        };
        for address in [
            Address::Overview,
            Address::Namespaces,
            Address::Namespace(None),
            Address::Namespace(Some("shop".to_owned())),
            subject(Some("shop"), "apps", "Deployment", "web"),
            subject(Some("shop"), "serving.knative.dev", "Service", "web"),
            subject(None, "rbac.authorization.k8s.io", "ClusterRole", "system:a/b?c#d e%<\u{e9}>"),
            subject(None, "", "", "a/b.yaml"),
            Address::Network,
            Address::Findings,
            Address::Rules,
            Address::Rule("container-privileged".to_owned()),
            Address::Exemptions,
            Address::Admissions,
            Address::Changes,
            Address::Drift,
            Address::Coverage,
            Address::Login,
        ] {
            assert_eq!(Address::read(&address.to_string()), Some(address));
        }
        for path in ["", "/nothing", "/namespaces/", "/namespaces/a/b", "/rules/%ff", "/findings/x"] {
            assert_eq!(Address::read(path), None, "{path}");
        }
    }

    #[test]
    fn words_are_found_in_any_case() {
        let asks = |text: &str| Filter { text: text.to_owned(), ..Filter::default() }.is_in(&["Image Ü", "shop"]);
        assert!(["", "image", "MAGE  sHop", "ü"].map(asks).iter().all(|found| *found));
        assert!(!["images", "image x"].map(asks).iter().any(|found| *found));
    }

    #[test]
    fn filters_are_read_as_they_are_written() {
        let filter = Filter {
            text: "a&b=c +".to_owned(),
            severity: Some(Severity::High),
            namespace: "-".to_owned(),
            rule: "drift-*".to_owned(),
            line: Some(Line::Probes),
            page: 3,
        };
        let read = |filter: &Filter| Filter::read(filter.to_string().trim_start_matches('?'));
        assert_eq!(read(&filter), Filter { text: "a&b=c +".trim().to_owned(), ..filter.clone() });
        assert_eq!(read(&Filter::default()), Filter::default());
        assert_eq!(Filter::read("page=0&severity=dire&page=-1"), Filter::default());
        assert_eq!(Filter::read(&format!("page={}9", u64::MAX)), Filter::default());
    }
}
