//! What a rule is: its words, its standing, and how the engine runs it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cel::Cel;
use crate::finding::Sink;
use crate::profile::Profile;
use crate::resource::{Kind, Resource};
use crate::workload::{Container, Workload};

/// One thing that production manifests get wrong. Declared with [`declare_rule!`](crate::declare_rule).
#[derive(Debug)]
pub struct Rule {
    /// Kebab-case, noun first, names the defect; reads well in "exempt *id*".
    pub id: &'static str,
    /// The rule's documentation in Markdown, from its doc comment.
    pub docs: &'static str,
    /// The defect in a few words, lower case, no full stop.
    pub summary: &'static str,
    /// What to do about it, in one sentence.
    pub help: &'static str,
    /// The section of the checklist.
    pub category: Category,
    /// How much harm the defect does, whatever the profile.
    pub severity: Severity,
    /// The first version of hardline that has the rule.
    pub since: &'static str,
    /// The mildest profile that includes the rule.
    pub profile: Profile,
    /// The level of the Pod Security Standards that the rule is part of.
    ///
    /// <https://kubernetes.io/docs/concepts/security/pod-security-standards/>
    pub standard: Option<Standard>,
    /// What the rule looks at, and the function that looks.
    pub check: Check,
    /// The kinds, beside its subject, that the rule must know completely in the subject's
    /// namespace before it may claim that something is absent. Without them it is not evaluated.
    pub needs: &'static [Kind],
    /// The rule in CEL, where it needs nothing but the object.
    pub cel: Option<Cel>,
}

/// What a rule looks at. The engine does the traversal.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Each container of each workload.
    Container(fn(&Container<'_>, &mut Sink<'_>)),
    /// Each workload.
    Workload(fn(&Workload<'_>, &mut Sink<'_>)),
    /// Each resource of these kinds.
    Resource(&'static [Kind], fn(&Resource, &mut Sink<'_>)),
    /// Each resource of any kind.
    AnyResource(fn(&Resource, &mut Sink<'_>)),
    /// Each resource against the API of Kubernetes: one walk, [`schema::validate`], reports for all
    /// rules that check this.
    ///
    /// [`schema::validate`]: crate::schema::validate
    Schema,
    /// Nothing: the reader of documents or of exemptions reports it.
    Reader,
}

/// A section of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Survives node drains, rollouts and shutdowns.
    Availability,
    /// CPU and memory: requests, limits, quotas.
    Capacity,
    /// What runs is what was built.
    Image,
    /// The text itself, and hardline's own exemptions in it.
    Manifest,
    /// Who may talk to whom.
    Network,
    /// Readiness, liveness and start-up probes.
    Probe,
    /// Who may do what in the API.
    Rbac,
    /// Resources that name each other do exist and match.
    Reference,
    /// What a container may do to its node.
    Security,
    /// Volumes.
    Storage,
}

/// How much harm a defect does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Untidy.
    Low,
    /// Will hurt one day.
    Medium,
    /// Will page somebody.
    High,
    /// An outage or a breach in waiting.
    Critical,
}

/// A level of the Pod Security Standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standard {
    /// Prevents known privilege escalations.
    Baseline,
    /// Current hardening practice.
    Restricted,
}

impl Rule {
    /// What a declaration need not say.
    pub const DEFAULTS: Self = Self {
        id: "",
        docs: "",
        summary: "",
        help: "",
        category: Category::Manifest,
        severity: Severity::Medium,
        since: "",
        profile: Profile::Production,
        standard: None,
        check: Check::Reader,
        needs: &[],
        cel: None,
    };

    /// The rule of this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        let rules = crate::rules::RULES;
        rules.binary_search_by(|rule| rule.id.cmp(id)).ok().map(|at| rules[at])
    }

    /// The documentation in Markdown, without the blank that begins each line of a doc comment.
    pub fn documentation(&self) -> String {
        let lines: Vec<_> = self.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        lines.join("\n")
    }

    /// What the documentation says under "Why", to the end of the first paragraph.
    pub fn why(&self) -> String {
        let docs = self.documentation();
        let after = docs.split_once("## Why\n").map_or("", |(_, after)| after);
        after.trim_start().split("\n\n").next().unwrap_or_default().replace('\n', " ")
    }
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word used in every format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Category {
    /// The word used in every format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Capacity => "capacity",
            Self::Image => "image",
            Self::Manifest => "manifest",
            Self::Network => "network",
            Self::Probe => "probe",
            Self::Rbac => "rbac",
            Self::Reference => "reference",
            Self::Security => "security",
            Self::Storage => "storage",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Declares the rule of a file under `rules/`: its doc comment is its documentation.
///
/// Fields left out take their value from [`Rule::DEFAULTS`].
#[macro_export]
macro_rules! declare_rule {
    ($(#[doc = $doc:literal])+ $id:literal { $($field:ident: $value:expr),+ $(,)? }) => {
        #[allow(missing_docs, reason = "the rule's docs are in the value")]
        pub static RULE: $crate::rule::Rule = $crate::rule::Rule {
            id: $id,
            docs: concat!($($doc, "\n"),+),
            $($field: $value,)+
            ..$crate::rule::Rule::DEFAULTS
        };
    };
}
