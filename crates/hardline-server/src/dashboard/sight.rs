//! What a person may see of a snapshot.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hardline_core::report::{Reported, ReportedExemption};
use hardline_core::resource::ResourceId;

use crate::snapshot::{Area, Snapshot, Subject, group_of, home};

/// What a person may read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// What is in no namespace.
    pub cluster: Extent,
    /// In every namespace.
    pub everywhere: Extent,
    /// In some namespaces.
    pub namespaces: BTreeMap<String, Extent>,
}

/// What a person may read in a place. The role `view` of Kubernetes shows neither Secrets nor who may
/// do what, so these are asked for apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Pods, and with them what else `view` shows.
    pub pods: bool,
    /// Secrets; the dashboard shows the names of their keys.
    pub secrets: bool,
    /// Roles and bindings.
    pub roles: bool,
}

impl Extent {
    /// All there is.
    pub const ALL: Self = Self { pods: true, secrets: true, roles: true };

    /// What of it is not in another.
    pub(crate) fn without(self, other: Self) -> Self {
        Self {
            pods: self.pods && !other.pods,
            secrets: self.secrets && !other.secrets,
            roles: self.roles && !other.roles,
        }
    }

    fn shows(self, kind: &str) -> bool {
        match kind {
            "Secret" => self.secrets,
            "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => self.roles,
            _ => self.pods,
        }
    }
}

impl Sight {
    /// The sight of somebody who may read everything.
    pub fn everything() -> Self {
        Self { cluster: Extent::ALL, everywhere: Extent::ALL, namespaces: BTreeMap::new() }
    }

    /// Whether nothing is hidden.
    pub fn is_everything(&self) -> bool {
        self.cluster == Extent::ALL && self.everywhere == Extent::ALL
    }

    /// Whether a resource may be shown.
    pub fn shows(&self, id: &ResourceId) -> bool {
        let Some(namespace) = home(id) else { return self.cluster.shows(&id.kind) };
        self.everywhere.shows(&id.kind) || self.namespaces.get(namespace).is_some_and(|extent| extent.shows(&id.kind))
    }
}

/// A snapshot as a person sees it.
pub(crate) struct View<'s> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) sight: &'s Sight,
    /// The namespaces in which the person sees anything, in order, first of all what is in none.
    pub(crate) areas: Cow<'s, [Area]>,
}

impl<'s> View<'s> {
    /// What is to be seen of a snapshot.
    pub(crate) fn new(snapshot: &'s Snapshot, sight: &'s Sight) -> Self {
        let areas = if sight.is_everything() {
            Cow::Borrowed(snapshot.areas())
        } else {
            snapshot.areas().iter().filter_map(|area| area.seen(|id| sight.shows(id))).collect()
        };
        Self { snapshot, sight, areas }
    }

    /// The namespace of this name; none stands for what is in none.
    pub(crate) fn area(&self, namespace: Option<&str>) -> Option<&Area> {
        self.areas.iter().find(|area| area.namespace.as_deref() == namespace)
    }

    /// Whether a resource has a page.
    pub(crate) fn has(&self, id: &ResourceId) -> bool {
        self.area(home(id)).is_some_and(|area| area.subject(group_of(id), &id.kind, &id.name).is_some())
    }

    /// The findings of a subject.
    pub(crate) fn findings<'a>(&'a self, subject: &'a Subject) -> impl ExactSizeIterator<Item = &'a Reported> {
        self.snapshot.findings(subject)
    }

    /// All findings that are seen, in the order of the report.
    pub(crate) fn reported(&self) -> impl Iterator<Item = &'s Reported> {
        let (all, sees_all) = (self.snapshot.report.findings.iter(), self.sight.is_everything());
        all.filter(move |finding| sees_all || self.shows(finding.resource.as_deref()))
    }

    /// All subjects with their namespaces.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = (&Area, &Subject)> {
        self.areas.iter().flat_map(|area| area.subjects.iter().map(move |subject| (area, subject)))
    }

    /// What somebody has answered for.
    pub(crate) fn exempted(&self) -> impl Iterator<Item = &'s ReportedExemption> {
        let all = self.snapshot.report.exempted.iter();
        all.filter(|exempted| self.shows(exempted.resource.as_deref()))
    }

    /// Whether a resource, or text that is none, may be shown.
    pub(crate) fn shows(&self, id: Option<&ResourceId>) -> bool {
        id.map_or(self.sight.cluster.pods, |id| self.sight.shows(id))
    }
}
