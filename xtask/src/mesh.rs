//! A large cluster for `hardline net`: 10,000 pods in 2,000 label classes under 1,000 policies.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;

const NAMESPACES: usize = 100;
const POLICIES: usize = 1_000;
/// Workloads in a namespace, each of which policies tell from all others.
const APPS: usize = 20;
const REPLICAS: usize = 5;

/// Writes a folder with a file of workloads and one of policies for each namespace: Deployments, or,
/// `alone`, their pods without them.
pub(crate) fn write(out: &Path, alone: bool) -> anyhow::Result<()> {
    for namespace in 0..NAMESPACES {
        let folder = out.join(format!("n{namespace}"));
        fs::create_dir_all(&folder).with_context(|| format!("writing {}", folder.display()))?;
        fs::write(folder.join("workloads.yaml"), workloads(namespace, alone))?;
        fs::write(folder.join("policies.yaml"), policies(namespace))?;
    }
    let (pods, classes) = (NAMESPACES * APPS * REPLICAS, NAMESPACES * APPS);
    println!("wrote {pods} pods in {classes} label classes and {POLICIES} policies to {}", out.display());
    Ok(())
}

fn workloads(namespace: usize, alone: bool) -> String {
    let team = namespace % 10;
    let mut text =
        format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: n{namespace}\n  labels:\n    team: t{team}\n");
    for app in 0..APPS {
        let class = app * NAMESPACES + namespace;
        let labels = |indent: &str| format!("{indent}app: a{app}\n{indent}tier: r{}\n", class % 7);
        let port = 8080 + class % 3;
        let containers = |indent: &str| {
            let lines = format!(
                "containers:\n  - name: main\n    image: registry.example.com/team-{team}/a{app}:1.{class}.0\n    \
                 ports:\n      - name: web\n        containerPort: {port}\n    env:\n      - name: LOG_LEVEL\n        \
                 value: info\n    resources:\n      requests:\n        cpu: 100m\n        memory: 128Mi\n      limits:\n        \
                 memory: 128Mi\n    readinessProbe:\n      httpGet:\n        path: /ready\n        port: web\n"
            );
            lines.lines().fold(String::new(), |text, line| text + indent + line + "\n")
        };
        for replica in 0..if alone { REPLICAS } else { 1 } {
            let _ = if alone {
                write!(
                    text,
                    "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a{app}-{replica}\n  namespace: n{namespace}\n  \
                     labels:\n{}spec:\n{}",
                    labels("    "),
                    containers("  ")
                )
            } else {
                write!(
                    text,
                    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a{app}\n  namespace: n{namespace}\n\
                     spec:\n  replicas: {REPLICAS}\n  selector:\n    matchLabels:\n      app: a{app}\n  template:\n    \
                     metadata:\n      labels:\n{}    spec:\n{}",
                    labels("        "),
                    containers("      ")
                )
            };
        }
    }
    text
}

/// Each policy selects two apps, lets in a tier of a team by name and number of the port, and reaches out to
/// another namespace and to addresses outside.
fn policies(namespace: usize) -> String {
    let mut text = String::new();
    for policy in (namespace..POLICIES).step_by(NAMESPACES) {
        let app = policy / NAMESPACES;
        let _ = write!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: np{policy}\n  \
             namespace: n{namespace}\nspec:\n  podSelector:\n    matchExpressions:\n      - key: app\n        \
             operator: In\n        values: [a{app}, a{}]\n  policyTypes: [Ingress, Egress]\n  ingress:\n    - from:\n        \
             - namespaceSelector:\n            matchLabels:\n              team: t{}\n          podSelector:\n            \
             matchLabels:\n              tier: r{}\n      ports:\n        - port: web\n        - port: {}\n  egress:\n    \
             - to:\n        - namespaceSelector:\n            matchLabels:\n              team: t{}\n        - ipBlock:\n            \
             cidr: 10.{}.0.0/16\n      ports:\n        - port: 8000\n          endPort: 9100\n",
            app + APPS / 2,
            policy % 10,
            policy % 7,
            9000 + policy % 5,
            policy % 10,
            policy % 20
        );
    }
    text
}
