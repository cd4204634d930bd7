//! What a rule found, and the sink through which it says so.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Settings;
use crate::edit::{Change, Edit, Fix, Safety};
use crate::inventory::Inventory;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::Rule;
use crate::source::{Source, Span};

/// One defect: one rule, one place. What may be long is shared by its copies.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that was broken.
    pub rule: &'static Rule,
    /// Where.
    pub place: Place,
    /// What is wrong here, with the values that make it wrong.
    pub message: Arc<str>,
    /// What to do here, where that is more than [`Rule::help`] says.
    pub help: Option<Arc<str>>,
    /// Other places that make it wrong.
    pub evidence: Vec<Evidence>,
    /// A change that mends it.
    pub fix: Option<Arc<Fix>>,
    /// Whether it rests on something not being there. Where objects arrive one after the other,
    /// that may yet come.
    pub absence: bool,
}

/// Where something is.
#[derive(Debug, Clone)]
pub enum Place {
    /// A field of a resource of the inventory. The field itself may be absent.
    Field {
        /// The resource's index in the inventory.
        resource: u32,
        /// The field.
        path: FieldPath,
    },
    /// A stretch of text that is no field of a resource.
    Text {
        /// The text.
        source: Arc<Source>,
        /// The stretch.
        span: Span,
    },
}

/// Another place that a finding rests on.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What is to be seen there.
    pub message: Arc<str>,
    /// Where.
    pub place: Place,
}

impl Finding {
    /// A finding in text that is no resource, such as a document that cannot be read.
    pub fn in_text(rule: &'static Rule, source: Arc<Source>, span: Span, message: impl Into<Arc<str>>) -> Self {
        Self::at(rule, Place::Text { source, span }, message)
    }

    pub(crate) fn at(rule: &'static Rule, place: Place, message: impl Into<Arc<str>>) -> Self {
        Self { rule, place, message: message.into(), help: None, evidence: Vec::new(), fix: None, absence: false }
    }

    /// Says what to do here.
    pub fn help(&mut self, help: impl Into<Arc<str>>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Offers a change of the resource that mends the finding. A safe one changes nothing that a
    /// workload which runs well depends on.
    pub fn fix(&mut self, safety: Safety, title: impl Into<String>, edits: Vec<Edit>) -> &mut Self {
        self.fix = Some(Arc::new(Fix { title: title.into(), safety, change: Change::Edits(edits) }));
        self
    }

    /// Offers a resource that is missing beside the one that the finding is about.
    pub fn companion(&mut self, safety: Safety, title: impl Into<String>, resource: serde_json::Value) -> &mut Self {
        self.fix = Some(Arc::new(Fix { title: title.into(), safety, change: Change::NewResource(resource.into()) }));
        self
    }

    /// Gives back what was taken in advance, for those who keep it.
    pub(crate) fn shrink(&mut self) {
        let evidence = self.evidence.iter_mut().map(|evidence| &mut evidence.place);
        for place in evidence.chain([&mut self.place]) {
            if let Place::Field { path, .. } = place {
                path.shrink();
            }
        }
        self.evidence.shrink_to_fit();
    }

    /// Points at another place that the finding rests on.
    pub fn evidence(&mut self, resource: &Resource, path: FieldPath, message: impl Into<Arc<str>>) -> &mut Self {
        let place = Place::Field { resource: resource.index, path };
        self.evidence.push(Evidence { message: message.into(), place });
        self
    }
}

/// A rule that could not be evaluated somewhere, for want of knowledge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unevaluated {
    /// The rule's id.
    pub rule: &'static str,
    /// What it lacked, such as `NetworkPolicies of namespace shop`.
    pub needs: String,
}

/// What the rules said.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The defects.
    pub findings: Vec<Finding>,
    /// The rules that lacked knowledge, each lack once.
    pub unevaluated: BTreeSet<Unevaluated>,
}

/// Where a rule's check reports to, and what it may know beside its subject.
pub struct Sink<'a> {
    pub(crate) rule: &'static Rule,
    pub(crate) subject: &'a Resource,
    pub(crate) inventory: &'a Inventory,
    pub(crate) settings: &'a Settings,
    /// Whether the rule was told that something is known completely, so that it may claim that
    /// something is not there.
    pub(crate) absence: bool,
    pub(crate) outcome: &'a mut Outcome,
}

impl<'a> Sink<'a> {
    /// Reports a defect at a field of the subject; the field may be absent.
    pub fn report(&mut self, path: FieldPath, message: impl Into<Arc<str>>) -> &mut Finding {
        let place = Place::Field { resource: self.subject.index, path };
        let finding = Finding { absence: self.absence, ..Finding::at(self.rule, place, message) };
        self.outcome.findings.push_mut(finding)
    }

    /// Reports a defect at a field of the subject for another rule, whose check this one shares.
    pub(crate) fn report_as(
        &mut self,
        rule: &'static Rule,
        path: FieldPath,
        message: impl Into<Arc<str>>,
    ) -> &mut Finding {
        let finding = self.report(path, message);
        finding.rule = rule;
        finding
    }

    /// The inventory that the subject is part of.
    pub fn inventory(&self) -> &'a Inventory {
        self.inventory
    }

    /// The settings that rules may be tuned by.
    pub fn settings(&self) -> &'a Settings {
        self.settings
    }

    /// Whether all that restricts traffic in a namespace is known and its effect modelled. Where
    /// it is not, the rule is written down as not evaluated there.
    pub fn knows_policies(&mut self, namespace: Option<&str>) -> bool {
        let foreign = self.inventory.network_of(namespace).unmodelled().iter();
        let mut here = foreign
            .map(|&index| &self.inventory[index])
            .filter(|policy| policy.namespace().is_none() || policy.namespace() == namespace);
        if let Some(policy) = here.next() {
            let needs = format!("the effect of {}, which is not modelled", policy.id());
            self.outcome.unevaluated.insert(Unevaluated { rule: self.rule.id, needs });
            return false;
        }
        self.covers(Kind::NetworkPolicy, namespace)
    }

    /// Whether all resources of a kind in a namespace are known. Where they are not, the rule is
    /// written down as not evaluated there.
    ///
    /// For kinds in [`Rule::needs`] and the subject's own namespace the engine has asked already.
    pub fn covers(&mut self, kind: Kind, namespace: Option<&str>) -> bool {
        if self.inventory.covers(kind, namespace) {
            self.absence = true;
            return true;
        }
        let needs = match namespace {
            _ if !kind.is_namespaced() => format!("every {kind}"),
            Some(namespace) => format!("every {kind} of namespace {namespace}"),
            None => format!("every {kind} of the namespace that these manifests go to"),
        };
        self.outcome.unevaluated.insert(Unevaluated { rule: self.rule.id, needs });
        false
    }
}
