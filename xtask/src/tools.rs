//! The programs that tests run or compare with, in the versions that Go modules in `tools/` pin.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context, ensure};
use hardline_controlplane::ControlPlane;

use crate::{demo, root};

/// Programs of one Go module.
struct Programs {
    /// Where they go, below `target/`.
    folder: &'static str,
    /// Where their module is, below `tools/`.
    module: &'static str,
    /// Their names and packages.
    packages: &'static [(&'static str, &'static str)],
}

const PROGRAMS: [Programs; 5] = [
    Programs {
        folder: "tools",
        module: "controlplane",
        packages: &[("helm", "helm.sh/helm/v4/cmd/helm"), ("kustomize", "sigs.k8s.io/kustomize/kustomize/v5")],
    },
    Programs { folder: "tools", module: "yaml-oracle", packages: &[("yaml-oracle", ".")] },
    Programs { folder: "tools", module: "trivial-webhook", packages: &[("trivial-webhook", ".")] },
    Programs {
        folder: "controlplane",
        module: "controlplane",
        packages: &[
            ("etcd", "go.etcd.io/etcd/server/v3"),
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
            ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
        ],
    },
    Programs {
        folder: "controlplane/1.34",
        module: "controlplane-1.34",
        packages: &[("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver")],
    },
];

/// Builds what readers are tested with into `target/tools/`.
pub(crate) fn build() -> anyhow::Result<()> {
    build_into("tools")
}

/// Builds the programs of a control plane into `target/controlplane/`, and the API server of another
/// version below it.
pub(crate) fn build_control_plane(version: Option<&str>) -> anyhow::Result<()> {
    version.map_or(Ok(()), |version| build_into(&format!("controlplane/{version}")))?;
    build_into("controlplane")
}

/// Runs a control plane until it is interrupted, on request with the dashboard over a sample fleet.
pub(crate) fn run_control_plane(version: Option<&str>, demo: bool) -> anyhow::Result<()> {
    let mut setup = ControlPlane::setup().controllers().scheduler().nodes(3);
    if let Some(version) = version {
        setup = setup.kubernetes(version);
    }
    let plane = setup.start()?;
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    println!("export PATH={}:$PATH", root().join("target/controlplane").display());
    println!("Interrupt with ctrl-c to end it.");
    if demo {
        return demo::run(&plane);
    }
    loop {
        thread::park();
    }
}

/// Takes minutes the first time and a moment when nothing has changed.
fn build_into(folder: &str) -> anyhow::Result<()> {
    let mut programs = PROGRAMS.iter().filter(|programs| programs.folder == folder).peekable();
    ensure!(programs.peek().is_some(), "nothing is built into target/{folder}");
    programs.try_for_each(Programs::build)
}

impl Programs {
    fn build(&self) -> anyhow::Result<()> {
        let module = root().join("tools").join(self.module);
        let folder = root().join("target").join(self.folder);
        let go_mod = fs::read_to_string(module.join("go.mod"))?;
        let flags = flags(kubernetes_version(&go_mod));
        for (program, package) in self.packages {
            let mut go = Command::new("go");
            go.args(["build", "-trimpath", "-ldflags", &flags, "-o"]).arg(folder.join(program));
            let status = go.arg(package).env("CGO_ENABLED", "0").current_dir(&module).status();
            let status = status.context("tests run programs that Go builds: install it, https://go.dev/doc/install")?;
            ensure!(status.success(), "`go build` in tools/{} failed", self.module);
        }
        Ok(())
    }
}

/// What a module pins as the version of Kubernetes, such as `v1.37.2`.
fn kubernetes_version(go_mod: &str) -> Option<&str> {
    go_mod.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes ")?.split(' ').next())
}

/// Arguments of the linker: no debug information, and the version that Kubernetes' own builds set.
fn flags(kubernetes: Option<&str>) -> String {
    let Some(version) = kubernetes else { return "-s -w".to_owned() };
    let minor = version.split('.').nth(1).unwrap_or_default();
    let set = |name: &str, value: &str| format!(" -X k8s.io/component-base/version.{name}={value}");
    format!("-s -w{}{}{}", set("gitVersion", version), set("gitMajor", "1"), set("gitMinor", minor))
}
