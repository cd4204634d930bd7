//! What whoever gets into a pod looks for: data, Secrets, and the ways to control the cluster.

use std::collections::HashMap;
use std::fmt;

use crate::inventory::Inventory;
use crate::rbac;
use crate::resource::{Kind, Resource};
use crate::tree::Value;
use crate::workload::{Role, Workload};

use super::Endpoint;

/// Why a workload is worth an attack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Jewel {
    /// It keeps data: a database, a broker or a store, by the name of its image.
    Data(&'static str),
    /// Its service account may read Secrets by this role.
    Secrets {
        /// The role, such as `ClusterRole cert-manager`.
        role: String,
        /// Whether of every namespace, rather than of one.
        everywhere: bool,
    },
    /// It is the API server.
    ApiServer,
}

impl fmt::Display for Jewel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(name) => write!(f, "keeps data ({name})"),
            Self::Secrets { role, everywhere: true } => write!(f, "reads every Secret of the cluster by {role}"),
            Self::Secrets { role, everywhere: false } => write!(f, "reads Secrets by {role}"),
            Self::ApiServer => f.write_str("is the API server"),
        }
    }
}

/// Names of images of databases, brokers and stores.
const STORES: &[&str] = &[
    "cassandra",
    "clickhouse",
    "cockroach",
    "couchdb",
    "elasticsearch",
    "etcd",
    "influxdb",
    "kafka",
    "mariadb",
    "memcached",
    "minio",
    "mongo",
    "mongodb",
    "mssql",
    "mysql",
    "nats",
    "neo4j",
    "opensearch",
    "postgis",
    "postgres",
    "postgresql",
    "rabbitmq",
    "redis",
    "scylla",
    "solr",
    "timescaledb",
    "valkey",
    "vault",
    "zookeeper",
];

/// Words beside such a name that say that the image is something for the store.
const FOR_A_STORE: &[&str] = &[
    "admin",
    "backup",
    "client",
    "commander",
    "exporter",
    "injector",
    "manager",
    "migrate",
    "operator",
    "proxy",
    "ui",
];

/// The database, broker or store that a workload runs, by the name of a main container's image.
pub fn store(workload: &Workload<'_>) -> Option<&'static str> {
    let main = workload.containers().filter(|container| container.role == Role::Main);
    main.filter_map(|container| container.image()).find_map(|image| {
        let name = image.rsplit('/').next()?.split([':', '@']).next()?;
        let mut words = name.split(['-', '_', '.']);
        let about = name.split(['-', '_', '.']).any(|word| FOR_A_STORE.contains(&word));
        words.find_map(|word| STORES.iter().find(|&&store| store == word && !about)).copied()
    })
}

/// The service accounts that may read Secrets, and what makes workloads worth an attack.
#[derive(Debug)]
pub(super) struct Jewels<'i> {
    inventory: &'i Inventory,
    /// By namespace and name of the account; `""` stands for all of a namespace, or of the cluster.
    readers: HashMap<(&'i str, &'i str), Vec<(String, bool)>>,
}

impl<'i> Jewels<'i> {
    pub(super) fn of(inventory: &'i Inventory) -> Self {
        let mut jewels = Self { inventory, readers: HashMap::new() };
        for binding in inventory.resources() {
            if matches!(binding.kind(), Kind::RoleBinding | Kind::ClusterRoleBinding) {
                jewels.add(binding);
            }
        }
        jewels
    }

    fn add(&mut self, binding: &'i Resource) {
        let text = |value: Value<'i>, key| value.get(key).and_then(Value::str);
        let Some(reference) = binding.value().get("roleRef") else { return };
        let (kind, namespace) = match text(reference, "kind") {
            Some("ClusterRole") => (Kind::ClusterRole, None),
            _ => (Kind::Role, binding.namespace()),
        };
        let name = text(reference, "name").unwrap_or_default();
        if !self.inventory.find(kind, namespace, name).is_some_and(rbac::reads_secrets) {
            return;
        }
        let reads = (format!("{kind} {name}"), binding.kind() == Kind::ClusterRoleBinding);
        for subject in binding.value().get("subjects").into_iter().flat_map(Value::items) {
            let name = text(subject, "name").unwrap_or_default();
            let account = match text(subject, "kind") {
                Some("ServiceAccount") => {
                    (text(subject, "namespace").or_else(|| binding.namespace()).unwrap_or_default(), name)
                }
                Some("Group") if matches!(name, "system:serviceaccounts" | "system:authenticated") => ("", ""),
                Some("Group") => match name.strip_prefix("system:serviceaccounts:") {
                    Some(namespace) => (namespace, ""),
                    None => continue,
                },
                _ => continue,
            };
            self.readers.entry(account).or_default().push(reads.clone());
        }
    }

    /// What makes an endpoint worth an attack.
    pub(super) fn of_endpoint(&self, endpoint: &Endpoint) -> Vec<Jewel> {
        let Some(workload) = self.inventory.get(endpoint.resource).and_then(Workload::of) else { return Vec::new() };
        let mut jewels: Vec<Jewel> = store(&workload).map(Jewel::Data).into_iter().collect();
        if workload.pod_label("component") == Some("kube-apiserver") {
            jewels.push(Jewel::ApiServer);
        }
        if self.has_token(&workload) {
            let namespace = &*endpoint.namespace;
            let account = account(&workload);
            for key in [(namespace, account), (namespace, ""), ("", "")] {
                let readers = self.readers.get(&key).into_iter().flatten();
                jewels.extend(
                    readers.map(|(role, everywhere)| Jewel::Secrets { role: role.clone(), everywhere: *everywhere }),
                );
            }
        }
        jewels.sort();
        jewels.dedup();
        jewels
    }

    /// Whether the pods hold the token of their service account: by their own word, else by that of the
    /// account, else they do.
    fn has_token(&self, workload: &Workload<'_>) -> bool {
        const KEY: &str = "automountServiceAccountToken";
        let own = workload.pod(KEY).and_then(Value::bool);
        let account = || self.inventory.find(Kind::ServiceAccount, workload.resource.namespace(), account(workload));
        own.or_else(|| account()?.value().get(KEY)?.bool()).unwrap_or(true)
    }
}

fn account<'a>(workload: &Workload<'a>) -> &'a str {
    workload.pod("serviceAccountName").and_then(Value::str).filter(|name| !name.is_empty()).unwrap_or("default")
}
