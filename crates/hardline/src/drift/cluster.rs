//! What a live cluster holds of what is desired.

use std::collections::BTreeSet;

use hardline_cluster::client::{self, Cluster};
use hardline_cluster::observed::Gap;
use hardline_cluster::whole::{self, Waiter, Whole};
use hardline_core::drift;
use hardline_core::resource::{Kind, Resource};
use hardline_manifest::gitops::Named;

use super::Args;
use crate::cluster::with_help;

/// Where people leave things that are in no source.
const STRAYS: [(&str, &str); 15] = [
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("v1", "ConfigMap"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "Service"),
];

/// A cluster that is there to answer.
pub(super) struct Live {
    pub(super) cluster: Cluster,
    pub(super) waiter: Waiter,
}

pub(super) fn connect(args: &Args, context: Option<&String>) -> anyhow::Result<Live> {
    let waiter = Waiter::new()?;
    let cluster = waiter.wait(client::connect(&args.cluster.options(context))).map_err(with_help)?;
    Ok(Live { cluster, waiter })
}

/// The objects in which Helm keeps its releases.
pub(super) fn releases(live: &Live, namespace: Option<&str>) -> anyhow::Result<Whole> {
    live.waiter.wait(whole::releases(&live.cluster, namespace)).map_err(with_help)
}

/// All objects of the kinds that are desired, and, to find orphans, of others.
pub(super) fn objects(live: &Live, desired: &[Resource], orphans: bool) -> anyhow::Result<Whole> {
    let namespaces: BTreeSet<&str> = desired.iter().filter_map(Resource::namespace).collect();
    let of_desired = desired.iter().map(|it| (it.api_version(), it.kind_name(), it.namespace()));
    let strays = STRAYS.iter().filter(|_| orphans);
    let strays = strays
        .flat_map(|&(api_version, kind)| namespaces.iter().map(move |&namespace| (api_version, kind, Some(namespace))));
    let mut whole = live.waiter.wait(whole::read(&live.cluster, of_desired.chain(strays))).map_err(with_help)?;
    // What is listed of the cluster for several namespaces holds others as well.
    whole.resources.retain(|resource| {
        let namespace = resource.namespace();
        namespace.is_none_or(|namespace| namespaces.contains(namespace)) || resource.kind() == Kind::Other
    });
    Ok(whole)
}

/// What people and tools have deployed to a namespace, or to all of them.
pub(super) fn deployed(live: &Live, namespace: Option<&str>) -> anyhow::Result<Whole> {
    let wanted = STRAYS.iter().map(|&(api_version, kind)| (api_version, kind, namespace));
    let mut whole = live.waiter.wait(whole::read(&live.cluster, wanted)).map_err(with_help)?;
    whole.resources.retain(drift::is_deployed);
    Ok(whole)
}

/// The versions in which the objects of Argo CD and Flux are served, the newest first.
const VERSIONS: [(&str, &str); 8] = [
    ("", "v1"),
    ("argoproj.io", "argoproj.io/v1alpha1"),
    ("helm.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io/v2"),
    ("helm.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io/v2beta2"),
    ("kustomize.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io/v1"),
    ("kustomize.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io/v1beta2"),
    ("source.toolkit.fluxcd.io", "source.toolkit.fluxcd.io/v1"),
    ("source.toolkit.fluxcd.io", "source.toolkit.fluxcd.io/v1beta2"),
];

/// An object that Argo CD or Flux knows; `None` where it is not there.
pub(super) fn named(live: &Live, named: Named<'_>) -> anyhow::Result<Option<Resource>> {
    for (_, version) in VERSIONS.iter().filter(|(group, _)| *group == named.group) {
        let found = whole::get(&live.cluster, (version, named.kind), Some(named.namespace), named.name);
        if let Some(found) = live.waiter.wait(found).map_err(with_help)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What could not be read, in words.
pub(super) fn notice(gap: &Gap) -> String {
    format!("{} cannot be read, and what is there of it is not known: {}", gap.what, gap.why)
}
