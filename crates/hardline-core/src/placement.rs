//! Where pods ask to run.

use crate::path::FieldPath;
use crate::tree::Value;
use crate::workload::Workload;

/// The label of a node's name.
pub const HOSTNAME: &str = "kubernetes.io/hostname";
/// The label of a node's zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// The terms of the required node affinity, below the pod's spec.
const TERMS: [&str; 4] =
    ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];

/// The one value of a node's label that all pods of a workload require, and where they do: by
/// `nodeSelector`, or by the only term of a required node affinity, of which others would be
/// alternatives.
pub fn only<'a>(workload: &Workload<'a>, label: &'static str) -> Option<(FieldPath, &'a str)> {
    if let Some(value) = workload.pod("nodeSelector").and_then(|selector| selector.get(label)).and_then(Value::str) {
        return Some((workload.pod_path().key("nodeSelector").key(label), value));
    }
    let mut terms = workload.pod_spec()?.at(&TERMS)?.items();
    let (Some(term), None) = (terms.next(), terms.next()) else { return None };
    let expressions = term.get("matchExpressions").into_iter().flat_map(Value::items).enumerate();
    expressions.into_iter().find_map(|(index, expression)| {
        let field = |key| expression.get(key).and_then(Value::str);
        let is_in = field("key") == Some(label) && field("operator") == Some("In");
        let mut values = expression.get("values").filter(|_| is_in)?.items();
        let (Some(value), None) = (values.next().and_then(Value::str), values.next()) else { return None };
        let path = workload.pod_path().keys(&TERMS).index(0).key("matchExpressions").index(index);
        Some((path.key("values"), value))
    })
}
