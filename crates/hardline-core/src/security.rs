//! Security contexts: what pods and containers may do to their node, and since when it matters.
//!
//! Rules that are part of the Pod Security Standards refuse what Kubernetes' own evaluator refuses
//! at the configured version (`k8s.io/pod-security-admission/policy`). They differ in what they
//! report: where a control of the restricted level overrides one of the baseline level, only the
//! baseline rule reports, and what follows from a worse defect of the same container is not
//! reported beside it. One verdict differs: of pods that say they run Windows, the evaluator lets
//! capabilities and seccomp profiles pass at the restricted level though not at the baseline one.
//! The rules do not, and the API server refuses such pods in any case.

use std::fmt;

use crate::config::Version;
use crate::finding::Sink;
use crate::path::FieldPath;
use crate::tree::Value;
use crate::workload::{Container, Workload};

/// The capabilities that a container has by default, and may add at the baseline level.
pub const DEFAULT_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The `securityContext` of a pod or of one of its containers.
#[derive(Clone, Copy)]
pub struct SecurityContext<'a> {
    /// The `securityContext` itself.
    pub value: Value<'a>,
    workload: Workload<'a>,
    container: Option<Container<'a>>,
}

impl<'a> SecurityContext<'a> {
    /// Those that a workload sets: its pod's first, then its containers'.
    pub fn all(workload: &Workload<'a>) -> impl Iterator<Item = Self> + use<'a> {
        let workload = *workload;
        let pod = workload.pod("securityContext").map(|value| Self { value, workload, container: None });
        pod.into_iter().chain(workload.containers().filter_map(move |container| {
            let value = container.get("securityContext")?;
            Some(Self { value, workload, container: Some(container) })
        }))
    }

    /// A field of it.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.value.get(key)
    }

    /// The value at the end of these keys.
    pub fn at(&self, keys: &[&str]) -> Option<Value<'a>> {
        self.value.at(keys)
    }

    /// Its path in the resource.
    pub fn path(&self) -> FieldPath {
        let owner = self.container.map_or_else(|| self.workload.pod_path(), |container| container.path());
        owner.key("securityContext")
    }
}

impl fmt::Display for SecurityContext<'_> {
    /// Whom it is for: ``the pod`` or ``container `app` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.container {
            None => f.write_str("the pod"),
            Some(container) => write!(f, "container `{}`", container.name()),
        }
    }
}

/// Names containers in a message: ``container `a` ``, ``containers `a`, `b` ``.
pub fn name_all(containers: &[Container<'_>]) -> String {
    let names: Vec<String> = containers.iter().map(|container| format!("`{}`", container.name())).collect();
    let noun = if names.len() == 1 { "container" } else { "containers" };
    format!("{noun} {}", names.join(", "))
}

/// Whether the manifests are for this minor version of Kubernetes, 1.*minor*, or a newer one.
pub fn since(sink: &Sink<'_>, minor: u16) -> bool {
    sink.settings().kubernetes_version >= Version::minor(minor)
}

/// Whether the restricted level asks nothing of these pods that Linux alone can do: since 1.25,
/// for pods that say that they run Windows.
pub fn exempts_windows(workload: &Workload<'_>, sink: &Sink<'_>) -> bool {
    workload.is_windows() && since(sink, 25)
}

/// Whether root in these pods is taken to be harmless: since 1.35, in a user namespace (KEP-127).
pub fn exempts_root(workload: &Workload<'_>, sink: &Sink<'_>) -> bool {
    workload.has_user_namespace() && since(sink, 35)
}
