//! Pods that every cluster has or can have, whether or not an inventory holds them.

use super::port::Protocol;

/// A pod as policies see it, known by convention.
#[derive(Debug)]
pub(super) struct Assumed {
    pub namespace: &'static str,
    pub labels: &'static [(&'static str, &'static str)],
    pub ports: &'static [(&'static str, Protocol, u16)],
    /// Addresses under which it is reached, unless configured otherwise.
    pub addresses: &'static [&'static str],
    pub host_network: bool,
}

/// Where Kubernetes keeps its own pods.
pub(super) const SYSTEM_NAMESPACE: &str = "kube-system";

/// The ports on which name servers listen: `CoreDNS`, and that of `OpenShift`.
pub(super) const DNS_PORTS: &[u16] = &[53, 5353];

const PORTS: &[(&str, Protocol, u16)] = &[("dns", Protocol::Udp, 53), ("dns-tcp", Protocol::Tcp, 53)];

/// Addresses of the DNS Service in the default Service ranges of kubeadm, EKS, GKE and AKS, and
/// of k3s.
const SERVICES: &[&str] = &["10.96.0.10", "10.100.0.10", "172.20.0.10", "10.0.0.10", "10.43.0.10"];

/// Name servers as the usual installations label them: kubeadm and the managed clusters, the
/// `CoreDNS` chart, `OpenShift`, and the node-local cache, which is on its node's network.
///
/// <https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/>
pub(super) const DNS: &[Assumed] = &[
    Assumed {
        namespace: SYSTEM_NAMESPACE,
        labels: &[("k8s-app", "kube-dns")],
        ports: PORTS,
        addresses: SERVICES,
        host_network: false,
    },
    Assumed {
        namespace: SYSTEM_NAMESPACE,
        labels: &[("app.kubernetes.io/name", "coredns"), ("k8s-app", "coredns")],
        ports: PORTS,
        addresses: SERVICES,
        host_network: false,
    },
    Assumed {
        namespace: "openshift-dns",
        labels: &[("dns.operator.openshift.io/daemonset-dns", "default")],
        ports: &[("dns", Protocol::Udp, 5353), ("dns-tcp", Protocol::Tcp, 5353)],
        addresses: &["172.30.0.10"],
        host_network: false,
    },
    Assumed { namespace: SYSTEM_NAMESPACE, labels: &[], ports: &[], addresses: &["169.254.20.10"], host_network: true },
];

/// A pod without labels in a namespace of which policies know nothing. No namespace can have
/// this name.
pub(super) const STRANGER: Assumed =
    Assumed { namespace: "*", labels: &[], ports: &[], addresses: &[], host_network: false };

/// Proxies of Ingress and Gateway controllers, by a word in the class or the controller's name, as
/// their usual installations label them.
pub(super) const CONTROLLERS: &[(&str, Assumed)] = &[
    ("nginx", proxy("ingress-nginx", &[("app.kubernetes.io/name", "ingress-nginx")])),
    ("traefik", proxy("traefik", &[("app.kubernetes.io/name", "traefik")])),
    ("haproxy", proxy("haproxy-controller", &[("app.kubernetes.io/name", "kubernetes-ingress")])),
    ("contour", proxy("projectcontour", &[("app", "envoy")])),
    ("kong", proxy("kong", &[("app.kubernetes.io/name", "gateway")])),
    ("istio", proxy("istio-system", &[("istio", "ingressgateway")])),
    ("envoyproxy", proxy("envoy-gateway-system", &[("app.kubernetes.io/name", "envoy")])),
];

/// Words of controllers whose load balancers send from outside the cluster, or whose proxies are on
/// the nodes' network.
pub(super) const OUTSIDE_CONTROLLERS: &[&str] = &["alb", "k8s.aws", "gce", "gke", "azure", "cilium"];

const fn proxy(namespace: &'static str, labels: &'static [(&'static str, &'static str)]) -> Assumed {
    Assumed { namespace, labels, ports: &[], addresses: &[], host_network: false }
}
