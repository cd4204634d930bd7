//! Rules a second time, in CEL, so that the API server enforces them itself while hardline is down.
//!
//! A rule whose answer needs nothing but the object has such a twin. Tests on a real API server hold
//! that both find the same; [`wall`] makes `ValidatingAdmissionPolicy` objects of the twins.
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>

use crate::rule::{Check, Rule};

pub mod wall;

/// A rule in CEL.
#[derive(Debug, Clone, Copy)]
pub struct Cel {
    /// True of what the rule flags.
    ///
    /// Every expression may name `object`, the resource. Where the rule checks containers, it is
    /// true of `container`. Where it checks containers or workloads, it may name:
    ///
    /// - `template`, the pod template, and `pod`, the pod's spec
    /// - `containers`, all of them, and `running`, those that run as long as their pod
    /// - `contexts`, the security contexts of the pod and its containers, where they are set
    /// - `hostPaths`, the paths of the node that volumes mount, without `.`, `//` and the link `/var/run`
    ///
    /// `variables.kubernetes` is the minor version that the manifests are for,
    /// `variables.forbiddenTags` a regular expression for references to images in lower case, and
    /// `variables.allowedRegistries` one for names of images, empty where all are allowed.
    pub flags: &'static str,
    /// Whether a rule that checks containers looks at those only that run as long as their pod.
    pub running: bool,
    /// Lists that the expression names as `variables.NAME`, so that they are written down once.
    pub lists: &'static [(&'static str, &'static [&'static str])],
}

impl Cel {
    /// A rule that flags what this expression is true of.
    pub const fn flags(expression: &'static str) -> Self {
        Self { flags: expression, running: false, lists: &[] }
    }

    /// For containers only that run as long as their pod.
    #[must_use]
    pub const fn running(self) -> Self {
        Self { running: true, ..self }
    }

    /// With lists.
    #[must_use]
    pub const fn with(self, lists: &'static [(&'static str, &'static [&'static str])]) -> Self {
        Self { lists, ..self }
    }
}

/// The rules that could have a twin: those that look at resources, and not at text or schema.
pub fn candidates() -> impl Iterator<Item = &'static Rule> {
    let looks = |rule: &&Rule| !matches!(rule.check, Check::Reader | Check::Schema);
    crate::rules::RULES.iter().copied().filter(looks)
}

/// The rules that have one.
pub fn twins() -> impl Iterator<Item = (&'static Rule, Cel)> {
    candidates().filter_map(|rule| Some((rule, rule.cel?)))
}
