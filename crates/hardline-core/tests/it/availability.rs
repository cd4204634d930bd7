//! Drains, rollouts and shutdowns, beyond the rules' own examples.

use crate::support::lines_of;

fn deployment(replicas: i64) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: example.com/web:1}}]}}
"
    )
}

fn budget(field: &str) -> String {
    format!(
        "apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: web, namespace: shop}}
spec:
  {field}
  selector: {{matchLabels: {{app: web}}}}
---
"
    )
}

fn autoscaler(least: i64) -> String {
    format!(
        "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web, namespace: shop}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  minReplicas: {least}
  maxReplicas: 10
---
"
    )
}

#[test]
fn a_budget_is_counted_as_the_disruption_controller_counts() {
    for (field, replicas, blocks) in [
        ("minAvailable: 1", 1, true),
        ("minAvailable: 1", 2, false),
        ("minAvailable: 3", 2, true),
        ("minAvailable: 50%", 1, true),
        ("minAvailable: 51%", 2, true),
        ("minAvailable: 99%", 3, true),
        ("minAvailable: 100%", 9, true),
        ("minAvailable: 0", 1, false),
        ("maxUnavailable: 1%", 3, false),
        ("maxUnavailable: 0", 3, true),
        ("maxUnavailable: \"0%\"", 3, true),
        ("maxUnavailable: 1", 1, false),
        ("unhealthyPodEvictionPolicy: AlwaysAllow", 3, true),
        ("minAvailable: 1", 0, false),
        ("minAvailable: many", 1, false),
    ] {
        let found = lines_of("pdb-blocks-drain", &format!("{}{}", budget(field), deployment(replicas)));
        assert_eq!(!found.is_empty(), blocks, "{field} of {replicas}");
    }
}

#[test]
fn the_least_that_an_autoscaler_allows_counts() {
    let blocks = |least, replicas| {
        let text = format!("{}{}{}", budget("minAvailable: 2"), autoscaler(least), deployment(replicas));
        !lines_of("pdb-blocks-drain", &text).is_empty()
    };
    assert!(blocks(2, 5));
    assert!(!blocks(3, 1));
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
    let unguarded = |least, replicas| {
        let text = format!("{namespace}{}{}", autoscaler(least), deployment(replicas));
        !lines_of("pdb-missing", &text).is_empty()
    };
    assert!(unguarded(2, 1));
    assert!(!unguarded(1, 3));
}

#[test]
fn a_missing_budget_is_claimed_only_where_budgets_are_known() {
    assert!(lines_of("pdb-missing", &deployment(2)).is_empty());
    let other = budget("maxUnavailable: 1").replace("app: web", "app: other");
    assert!(!lines_of("pdb-missing", &format!("{other}{}", deployment(2))).is_empty());
}

#[test]
fn a_pod_needs_grace_for_its_hook_and_its_drain() {
    let short = |grace: &str, container: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  {grace}\n  containers:\n    - name: web\n      {container}\n"
        );
        !lines_of("grace-period-too-short", &text).is_empty()
    };
    let none = "hostname: web";
    let drain = "env: [{name: SHUTDOWN_TIMEOUT, value: 45s}]";
    assert!(short(none, drain));
    assert!(!short("terminationGracePeriodSeconds: 45", drain));
    assert!(short(none, "args: [--graceful-timeout, '45']"));
    assert!(short(none, "args: [-drain-time-s=45]"));
    assert!(!short(none, "args: [--drain-time-s]"));
    assert!(short(none, "lifecycle: {preStop: {exec: {command: [sh, -c, sleep 30]}}}"));
    assert!(!short(none, "lifecycle: {preStop: {exec: {command: [sleep, '15']}}}"));
    let both = "env: [{name: DRAIN_SECONDS, value: '20'}]\n      lifecycle: {preStop: {sleep: {seconds: 15}}}";
    assert!(short(none, both));
    assert!(!short("terminationGracePeriodSeconds: 40", both));
}

#[test]
fn a_volume_for_one_node_is_shared_only_by_pods_at_the_same_time() {
    let shares = |replicas: i64, strategy: &str, mode: &str| {
        let deployment = deployment(replicas)
            .replace(
                "spec: {containers",
                "spec: {volumes: [{name: a, persistentVolumeClaim: {claimName: a}}], containers",
            )
            .replace("  selector: {match", &format!("  {strategy}\n  selector: {{match"));
        let claim = format!(
            "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: a, namespace: shop}}\nspec: {{accessModes: [{mode}]}}\n"
        );
        !lines_of("volume-multi-attach", &format!("{deployment}{claim}")).is_empty()
    };
    let recreate = "strategy: {type: Recreate}";
    let without_surge = "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}";
    assert!(shares(1, "minReadySeconds: 0", "ReadWriteOnce"));
    assert!(shares(1, "minReadySeconds: 0", "ReadWriteOncePod"));
    assert!(!shares(1, "minReadySeconds: 0", "ReadWriteMany"));
    assert!(!shares(1, "minReadySeconds: 0", "ReadWriteOnce, ReadWriteMany"));
    assert!(!shares(1, recreate, "ReadWriteOnce"));
    assert!(!shares(1, without_surge, "ReadWriteOnce"));
    assert!(shares(2, recreate, "ReadWriteOnce"));
    assert!(!shares(0, recreate, "ReadWriteOnce"));
}
