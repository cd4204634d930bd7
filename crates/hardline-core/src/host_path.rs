//! Volumes that mount a path of the node.

use std::fmt;

use crate::path::FieldPath;
use crate::security;
use crate::tree::Value;
use crate::workload::{Volume, Workload};

/// A `hostPath` volume of a pod.
#[derive(Clone)]
pub struct HostPath<'a> {
    workload: Workload<'a>,
    volume: Volume<'a>,
}

/// What a path of the node gives to whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// The container runtime, and so the node.
    Runtime,
    /// Credentials of the node or of its pods, or all of its files.
    Sensitive,
    /// Files of the node.
    Files,
}

/// File names of the sockets of container runtimes.
pub(crate) const SOCKETS: [&str; 6] =
    ["docker.sock", "dockershim.sock", "cri-dockerd.sock", "containerd.sock", "crio.sock", "podman.sock"];

/// Directories in which those sockets lie.
pub(crate) const SOCKET_FOLDERS: [&str; 5] =
    ["/run/docker", "/run/containerd", "/run/crio", "/run/k3s/containerd", "/run/podman"];

/// Directories that are sensitive as a whole; what lies in them may be harmless.
pub(crate) const SENSITIVE: [&str; 14] = [
    "/",
    "/dev",
    "/etc",
    "/home",
    "/proc",
    "/run",
    "/var",
    "/var/lib",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/lib/kubelet/pki",
    "/var/lib/kubelet/pods",
    "/var/lib/rancher",
];

/// Directories that are sensitive, and all below them.
pub(crate) const SENSITIVE_TREES: [&str; 5] = ["/etc/kubernetes", "/etc/shadow", "/etc/ssh", "/root", "/var/lib/etcd"];

impl<'a> HostPath<'a> {
    /// Those of a workload.
    pub fn all(workload: &Workload<'a>) -> impl Iterator<Item = Self> + use<'a> {
        let workload = *workload;
        let volumes = workload.volumes().filter(|volume| volume.get("hostPath").is_some());
        volumes.map(move |volume| Self { workload, volume })
    }

    /// The path on the node; empty when it is missing.
    pub fn path(&self) -> &'a str {
        self.volume.value.at(&["hostPath", "path"]).map_or("", Value::raw)
    }

    /// The field that holds the path.
    pub fn field(&self) -> FieldPath {
        self.volume.path().keys(&["hostPath", "path"])
    }

    /// What the path gives away.
    pub fn exposure(&self) -> Exposure {
        exposure(self.path())
    }
}

impl fmt::Display for HostPath<'_> {
    /// The volume, its path and who may write there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.volume.get("name").map_or("", Value::raw);
        write!(f, "volume `{name}` is `{}` of the node", self.path())?;
        let is_write = |mount: Value<'_>| {
            mount.get("name").map(Value::raw) == Some(name) && mount.get("readOnly").and_then(Value::bool) != Some(true)
        };
        let containers = self.workload.containers();
        let writers: Vec<_> = containers
            .filter(|container| container.get("volumeMounts").into_iter().flat_map(Value::items).any(is_write))
            .collect();
        if writers.is_empty() { Ok(()) } else { write!(f, ", writable by {}", security::name_all(&writers)) }
    }
}

/// A path by its real name, on a node or in a container: `/var/run` is a link to `/run`.
pub fn without_link(path: &str) -> &str {
    path.strip_prefix("/var").filter(|rest| *rest == "/run" || rest.starts_with("/run/")).unwrap_or(path)
}

fn exposure(path: &str) -> Exposure {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let path: String = parts.flat_map(|part| ["/", part]).collect();
    let path = if path.is_empty() { "/" } else { without_link(&path) };
    let below = |tree: &str| path.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let file = path.rsplit('/').next().unwrap_or_default();
    if SOCKETS.contains(&file) || SOCKET_FOLDERS.contains(&path) {
        Exposure::Runtime
    } else if SENSITIVE.contains(&path) || SENSITIVE_TREES.iter().any(|tree| below(tree)) {
        Exposure::Sensitive
    } else {
        Exposure::Files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_however_they_are_written() {
        for path in ["/var/run/docker.sock", "/run//containerd/containerd.sock", "/var/run/crio/", "/x/podman.sock"] {
            assert_eq!(exposure(path), Exposure::Runtime, "{path}");
        }
        for path in ["/", "", "/etc/", "/var/run", "/root/.kube", "/etc/kubernetes/pki", "/var/lib/kubelet/pods"] {
            assert_eq!(exposure(path), Exposure::Sensitive, "{path}");
        }
        for path in
            ["/var/log", "/etc/kubernetes-x", "/var/lib/kubelet/plugins/x", "/rooted", "/var/runner", "/etc/cni/net.d"]
        {
            assert_eq!(exposure(path), Exposure::Files, "{path}");
        }
    }
}
