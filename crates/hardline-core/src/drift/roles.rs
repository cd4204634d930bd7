//! Who a field manager is: a deployer, a controller, or a person with a tool.

use super::managed::{Manager, Operation, managers};
use crate::resource::Resource;

/// What a field manager does for a living.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It deploys what is desired.
    Deployer,
    /// It runs in the cluster and acts by itself.
    Controller,
    /// A person, by whatever tool.
    Person,
    /// Several earlier ones in one entry: their names are lost.
    Lost,
}

/// Tools that deploy from a source.
const DEPLOYERS: &[&str] = &[
    "argocd",
    "argocd-application-controller",
    "argocd-controller",
    "config-sync",
    "configsync",
    "configsync.gke.io",
    "fleetagent",
    "flux",
    "flux-client-side-apply",
    "helm",
    "helm-controller",
    "helmfile",
    "kapp",
    "kapp-controller",
    "kluctl",
    "kustomize-controller",
    "pulumi-kubernetes",
    "terraform",
    "Terraform",
    "HashiCorp",
    "werf",
];

/// Controllers whose names do not end as those of controllers do.
const CONTROLLERS: &[&str] = &[
    "cainjector",
    "cluster-autoscaler",
    "coredns",
    "karpenter",
    "keda",
    "kube-apiserver",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
    "manager",
    "pilot-discovery",
    "vpa-recommender",
    "vpa-updater",
];

const CONTROLLER_ENDS: &[&str] =
    &["-controller", "-controller-manager", "-operator", "-injector", "-admission", "-webhook", "-cainjector"];

/// The entry into which the API server merges the oldest ones, beyond ten.
const ANCIENT: &str = "ancient-changes";
/// The entry that stands for all there was before the first server-side apply.
const BEFORE_APPLY: &str = "before-first-apply";

/// The field managers of an object, each with its role.
#[derive(Debug)]
pub(super) struct Ownership<'r> {
    pub(super) entries: Vec<(Role, Manager<'r>)>,
}

impl<'r> Ownership<'r> {
    pub(super) fn of(resource: &'r Resource) -> Self {
        let managers = managers(resource);
        let deploys = |manager: &Manager<'_>| is_deployer(manager.name);
        let applier = if managers.iter().any(deploys) { None } else { applier(&managers) };
        let entries = managers.into_iter().map(|manager| {
            let role = match manager.name {
                ANCIENT | BEFORE_APPLY => Role::Lost,
                name if is_deployer(name) || applier.as_deref() == Some(name) => Role::Deployer,
                name if is_controller(name) || manager.subresource == Some("status") => Role::Controller,
                _ => Role::Person,
            };
            (role, manager)
        });
        Self { entries: entries.collect() }
    }

    /// When a deployer wrote last.
    pub(super) fn deployed(&self) -> Option<&'r str> {
        let deployers = self.entries.iter().filter(|(role, _)| *role == Role::Deployer);
        deployers.filter_map(|(_, manager)| manager.time).max()
    }
}

/// Who deploys where no tool does: whoever applies, else whoever owns most of the object.
fn applier(managers: &[Manager<'_>]) -> Option<String> {
    let is_lost = |manager: &Manager<'_>| matches!(manager.name, ANCIENT | BEFORE_APPLY);
    let applies = |manager: &Manager<'_>| {
        manager.operation == Operation::Apply || matches!(manager.name, "kubectl-client-side-apply" | "kubectl-create")
    };
    let candidates = managers
        .iter()
        .filter(|manager| manager.subresource.is_none() && !is_lost(manager) && !is_controller(manager.name));
    let most = candidates.max_by_key(|manager| (applies(manager), manager.fields.len()))?;
    // Whoever deployed may be among those whose names are lost.
    (applies(most) || !managers.iter().any(is_lost)).then(|| most.name.to_owned())
}

fn is_deployer(name: &str) -> bool {
    // Helm before 3.6 called itself after Go's HTTP client; providers add their version.
    DEPLOYERS.contains(&name)
        || name == "Go-http-client"
        || name.starts_with("pulumi-kubernetes-")
        || name.starts_with("terraform-provider-")
}

fn is_controller(name: &str) -> bool {
    CONTROLLERS.contains(&name)
        || CONTROLLER_ENDS.iter().any(|end| name.ends_with(end))
        || name.starts_with("cert-manager")
}
