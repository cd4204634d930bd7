//! What observed findings are told with: when and by whom, for how many pods, and each thing once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hardline_core::finding::{Finding, Place};
use hardline_core::fingerprint::Fingerprint;
use hardline_core::report::{self, Report};
use hardline_core::verdict::Judgement;
use hardline_core::workload::Workload;

use crate::observed::{Observed, Scope};
use crate::origin::Origin;

impl Observed {
    /// Takes out of a judgement of this inventory what is not worth telling: what a resource that
    /// differs from its owner's template has in common with it, and what lies outside the part of
    /// the cluster that was asked for.
    pub fn narrow(&self, judgement: &mut Judgement, scope: &Scope) {
        let exempted = judgement.exempted.iter().map(|exempted| &exempted.finding);
        let all = judgement.findings.iter().map(|judged| &judged.finding).chain(exempted);
        let told: HashSet<_> = all.filter_map(|finding| self.place(finding)).collect();
        let is_worth = |finding: &Finding| self.is_within(finding, scope) && !self.is_told_of_owner(finding, &told);
        judgement.findings.retain(|judged| is_worth(&judged.finding));
        judgement.exempted.retain(|exempted| is_worth(&exempted.finding));
    }

    fn is_within(&self, finding: &Finding, scope: &Scope) -> bool {
        match (scope, &finding.place) {
            (Scope::Namespace(namespace), Place::Field { resource, .. }) => {
                self.inventory.get(*resource).is_some_and(|resource| {
                    resource.namespace() == Some(namespace)
                        || (resource.kind_name() == "Namespace" && resource.name() == namespace)
                })
            }
            _ => true,
        }
    }

    fn is_told_of_owner(&self, finding: &Finding, told: &HashSet<(u32, &'static str, String)>) -> bool {
        let Some((resource, rule, path)) = self.place(finding) else { return false };
        let owner = self.origins.get(resource as usize).and_then(|origin| origin.variant_of);
        owner.is_some_and(|owner| told.contains(&(owner, rule, path)))
    }

    /// The resource, the rule, and the field, from the pod template on where it is in it: that is
    /// where an owner and what it made are alike.
    fn place(&self, finding: &Finding) -> Option<(u32, &'static str, String)> {
        let Place::Field { resource, .. } = &finding.place else { return None };
        let path = Fingerprint::of(finding, &self.inventory).path;
        let template =
            Workload::of(self.inventory.get(*resource)?).map(|workload| workload.template_path().to_string());
        let below = template.as_deref().and_then(|template| path.strip_prefix(template)).map(str::to_owned);
        Some((*resource, finding.rule.id, below.unwrap_or(path)))
    }

    /// Writes into a report where its resources come from, and puts findings on what differs from
    /// its owner behind those on the owner.
    pub fn annotate(&self, report: &mut Report) {
        let by_name: HashMap<_, _> =
            self.inventory.resources().zip(&self.origins).map(|(it, origin)| (it.id(), (it, origin))).collect();
        let mut told: HashMap<&Origin, Arc<report::Origin>> = HashMap::new();
        for finding in &mut report.findings {
            let Some((_, origin)) = finding.resource.as_deref().and_then(|id| by_name.get(id)) else { continue };
            // An audit may stand for a long time.
            finding.fingerprint.shrink_to_fit();
            finding.path.shrink_to_fit();
            finding.origin = Some(told.entry(origin).or_insert_with(|| Arc::new(self.told(origin))).clone());
        }
        report.findings.sort_by_cached_key(|finding| {
            let of = finding.resource.as_deref().and_then(|id| by_name.get(id));
            let owner = of.and_then(|(_, origin)| self.inventory.get(origin.variant_of?));
            let first = owner.map_or_else(|| finding.location.file().to_owned(), |owner| owner.source().name.clone());
            (first, owner.is_some())
        });
    }

    fn told(&self, origin: &Origin) -> report::Origin {
        let author = origin.author();
        report::Origin {
            created: origin.created.as_deref().map(str::to_owned),
            author: author.map(|author| author.name.to_string()),
            changed: author.and_then(|author| author.time.as_deref()).map(str::to_owned),
            pods: origin.pods,
            differs_from: origin.variant_of.and_then(|owner| Some(self.inventory.get(owner)?.id())),
        }
    }
}
