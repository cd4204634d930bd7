//! A sample fleet on a throw-away control plane, and the dashboard over it.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};
use hardline_controlplane::ControlPlane;

use crate::root;

/// The namespaces of the fleet, and the example that each holds.
const FLEET: [(&str, &str); 6] = [
    ("shop", "3am"),
    ("payments", "3am-fixed"),
    ("search", "3am-fixed"),
    ("travel", "3am"),
    ("insurance", "3am-fixed"),
    ("lottery", "3am"),
];

/// What somebody started six months ago to debug a network issue.
const FORGOTTEN: &str = "
apiVersion: v1
kind: Pod
metadata: {name: netshoot, namespace: travel}
spec:
  hostNetwork: true
  containers:
    - name: netshoot
      image: registry.example.com/netshoot:latest
      securityContext: {privileged: true}
---
apiVersion: v1
kind: Pod
metadata:
  name: node-agent
  namespace: lottery
  annotations:
    exempt.hardline.dev/container-privileged: 'reads kernel counters; owner=platform; until=2999-12-31'
spec:
  containers:
    - name: agent
      image: registry.example.com/agent:2.1
      securityContext: {privileged: true}
";

/// Applies the fleet to a control plane, and serves the dashboard until it is interrupted.
pub(crate) fn run(plane: &ControlPlane) -> anyhow::Result<()> {
    for (namespace, example) in FLEET {
        let mut manifests = Vec::new();
        for file in fs::read_dir(root().join("examples").join(example))? {
            let text = fs::read_to_string(file?.path())?;
            manifests.push(
                text.replace("namespace: shop", &format!("namespace: {namespace}"))
                    .replace("\n  name: shop\n", &format!("\n  name: {namespace}\n")),
            );
        }
        // Pods need the account of their namespace, and that needs the namespace.
        manifests.sort_by_key(|text| !text.contains("kind: Namespace"));
        let (first, rest) = manifests.split_first().context("the example is empty")?;
        apply(plane, first)?;
        let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
        plane.until("its service account exists", |plane| plane.expect("GET", &account, None).is_ok())?;
        rest.iter().try_for_each(|text| apply(plane, text))?;
    }
    apply(plane, FORGOTTEN)?;
    println!("Try, and watch: kubectl -n travel delete pod netshoot");
    let serve = ["run", "--quiet", "--", "audit", "-A", "--no-config", "--serve"];
    let status =
        Command::new("cargo").args(serve).env("KUBECONFIG", plane.kubeconfig()).current_dir(root()).status()?;
    ensure!(status.success(), "the dashboard ended");
    Ok(())
}

fn apply(plane: &ControlPlane, text: &str) -> anyhow::Result<()> {
    let file = plane.folder().join("apply.yaml");
    fs::write(&file, text)?;
    let output = plane.kubectl(&["apply", "-f"]).arg(&file).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
