//! How the programs of a control plane are told to work together. File names are relative to the
//! folder in which all of them run.

use crate::Setup;

/// etcd, on two ports. What it holds need not survive the machine.
pub(crate) fn etcd(client: u16, peer: u16) -> Vec<String> {
    vec![
        "--data-dir=etcd".to_owned(),
        "--unsafe-no-fsync".to_owned(),
        format!("--listen-client-urls=http://127.0.0.1:{client}"),
        format!("--advertise-client-urls=http://127.0.0.1:{client}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
        format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
        format!("--initial-cluster=default=http://127.0.0.1:{peer}"),
    ]
}

/// kube-apiserver on a port, with etcd on another.
pub(crate) fn apiserver(port: u16, etcd: u16, setup: &Setup) -> Vec<String> {
    let mut arguments = vec![format!("--secure-port={port}"), format!("--etcd-servers=http://127.0.0.1:{etcd}")];
    let fixed = [
        "--bind-address=127.0.0.1",
        // Nobody reaches the Service `kubernetes`, so its endpoints are left empty.
        "--endpoint-reconciler-type=none",
        "--advertise-address=127.0.0.1",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--tls-cert-file=apiserver.crt",
        "--tls-private-key-file=apiserver.key",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=serviceaccounts.pub",
        "--service-account-signing-key-file=serviceaccounts.key",
        "--allow-privileged=true",
    ];
    arguments.extend(fixed.map(str::to_owned));
    if !setup.controllers {
        // Controllers create the service accounts that the one asks for, and remove the taints that
        // the other sets.
        arguments.push("--disable-admission-plugins=ServiceAccount,TaintNodesByCondition".to_owned());
    }
    arguments.extend_from_slice(&setup.apiserver);
    arguments
}

/// kube-controller-manager, each controller under the service account that it has in a cluster.
pub(crate) const CONTROLLERS: [&str; 7] = [
    "--kubeconfig=system-kube-controller-manager.kubeconfig",
    "--use-service-account-credentials",
    "--service-account-private-key-file=serviceaccounts.key",
    "--root-ca-file=ca.crt",
    "--leader-elect=false",
    "--secure-port=0",
    "--v=1",
];

/// kube-scheduler.
pub(crate) const SCHEDULER: [&str; 3] =
    ["--kubeconfig=system-kube-scheduler.kubeconfig", "--leader-elect=false", "--secure-port=0"];

/// kwok, for the kubelets.
pub(crate) const KWOK: [&str; 4] =
    ["--kubeconfig=admin.kubeconfig", "--config=stages.yaml", "--manage-all-nodes", "--node-lease-duration-seconds=40"];
