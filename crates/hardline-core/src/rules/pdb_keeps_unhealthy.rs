use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::resource::{Kind, Resource};
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a `PodDisruptionBudget` that also guards pods which are not healthy:
    /// `unhealthyPodEvictionPolicy` is `IfHealthyBudget` unless it says `AlwaysAllow`.
    ///
    /// ## Why
    /// A pod in a crash loop counts as lost already, and the budget then forbids to evict it: the
    /// drain of its node waits for an application that is down anyway.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: web
    /// spec: # finding
    ///   maxUnavailable: 1
    ///   selector:
    ///     matchLabels:
    ///       app: web
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata:
    ///   name: web
    /// spec:
    ///   maxUnavailable: 1
    ///   unhealthyPodEvictionPolicy: AlwaysAllow
    ///   selector:
    ///     matchLabels:
    ///       app: web
    /// ```
    "pdb-keeps-unhealthy" {
        summary: "disruption budget keeps broken pods on their node",
        help: "set `unhealthyPodEvictionPolicy: AlwaysAllow`",
        category: Category::Availability,
        severity: Severity::Low,
        since: "0.1.0",
        check: Check::Resource(&[Kind::PodDisruptionBudget], check),
        cel: Some(Cel::flags("!has(object.spec.unhealthyPodEvictionPolicy)")),
    }
}

fn check(budget: &Resource, sink: &mut Sink<'_>) {
    // Who writes `IfHealthyBudget` means it: a quorum may need to be counted.
    if budget.spec("unhealthyPodEvictionPolicy").is_none() {
        let message = "a drain waits for pods that are broken already";
        let path = FieldPath::of(&["spec", "unhealthyPodEvictionPolicy"]);
        let edits = vec![Edit::set(path.clone(), "AlwaysAllow")];
        sink.report(path, message).fix(Safety::Unsafe, "let broken pods be evicted", edits);
    }
}
