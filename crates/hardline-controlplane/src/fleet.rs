//! Many pods, made as their controllers would have made them: so they come faster.

use std::thread;

use anyhow::Context;
use serde_json::{Value as Json, json};

use crate::ControlPlane;

/// How many objects are made at a time.
const WORKERS: usize = 8;

/// Deployments in a namespace, each with its replica set and pods.
#[derive(Debug, Clone, Copy)]
pub struct Fleet<'n> {
    /// The namespace, which must be there.
    pub namespace: &'n str,
    /// How many deployments, `app-0`, `app-1` and so on.
    pub deployments: usize,
    /// How many pods each has, `app-0-0`, `app-0-1` and so on.
    pub pods: usize,
    /// The nodes that they run on; on none, they wait for one.
    pub nodes: usize,
}

/// The `apiVersion`, the plural and the `kind` of an object.
type Type = [&'static str; 3];

const DEPLOYMENT: Type = ["apps/v1", "deployments", "Deployment"];
const REPLICA_SET: Type = ["apps/v1", "replicasets", "ReplicaSet"];
const POD: Type = ["v1", "pods", "Pod"];

impl Fleet<'_> {
    /// Makes all of it.
    pub fn create(&self, plane: &ControlPlane) -> anyhow::Result<()> {
        thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || self.part(plane, worker))).collect();
            workers.into_iter().try_for_each(|worker| worker.join().ok().context("a worker ended")?)
        })
    }

    fn part(&self, plane: &ControlPlane, worker: usize) -> anyhow::Result<()> {
        for number in (worker..self.deployments).step_by(WORKERS) {
            let name = format!("app-{number}");
            let labels = json!({"app": name});
            let pod = json!({"containers": [{
                "name": "app",
                "image": "registry.example.com/app:1.4",
                "resources": {"requests": {"memory": "16Mi"}, "limits": {"memory": "16Mi"}},
                "securityContext": {"privileged": false},
            }]});
            let template = json!({"metadata": {"labels": labels}, "spec": pod});
            let spec = json!({"replicas": self.pods, "selector": {"matchLabels": labels}, "template": template});
            let deployment = self.post(plane, DEPLOYMENT, &name, None, &spec)?;
            let set = self.post(plane, REPLICA_SET, &name, Some(&deployment), &spec)?;
            for at in 0..self.pods {
                let mut pod = pod.clone();
                if self.nodes > 0 {
                    pod["nodeName"] = json!(format!("node-{}", (number * self.pods + at) % self.nodes));
                }
                self.post(plane, POD, &format!("{name}-{at}"), Some(&set), &pod)?;
            }
        }
        Ok(())
    }

    fn post(
        &self,
        plane: &ControlPlane,
        [api_version, plural, kind]: Type,
        name: &str,
        owner: Option<&Json>,
        spec: &Json,
    ) -> anyhow::Result<Json> {
        let labels = json!({"app": "fleet"});
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": spec});
        if let Some(owner) = owner {
            object["metadata"]["ownerReferences"] = json!([{
                "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "controller": true,
            }]);
        }
        let root = if api_version == "v1" { "/api" } else { "/apis" };
        plane.expect("POST", &format!("{root}/{api_version}/namespaces/{}/{plural}", self.namespace), Some(&object))
    }
}
