//! A report in the form that other tools read from a cluster: reports of policy.
//!
//! Two API groups have the same form under different names. `openreports.io` is what the working
//! group's `wgpolicyk8s.io` has become; tools are on their way from the one to the other.
//!
//! - <https://github.com/kubernetes-sigs/wg-policy-prototypes/tree/master/policy-report>
//! - <https://github.com/openreports/reports-api>

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};

use hardline_core::profile::Enforcement;
use hardline_core::report::{Report, Reported};
use hardline_core::resource::ResourceId;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::install::NAME;

/// The label by which hardline knows its own, and its value.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", NAME);

/// The annotation with a digest of what is reported, so that what is the same is not written again.
pub const DIGEST: &str = "hardline.dev/digest";

/// How long the results of an object may be, in bytes of JSON. The API server takes 1.5 MiB.
const LONGEST: usize = 400_000;

/// How many objects a namespace may have.
const MOST: u64 = 64;

/// An API that such reports have.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// The API group.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The kind and the plural of reports on a namespace.
    pub namespaced: (&'static str, &'static str),
    /// The kind and the plural of reports on what is in none.
    pub cluster_wide: (&'static str, &'static str),
}

/// Both of them.
pub const FORMS: [Form; 2] = [
    Form {
        group: "wgpolicyk8s.io",
        version: "v1alpha2",
        namespaced: ("PolicyReport", "policyreports"),
        cluster_wide: ("ClusterPolicyReport", "clusterpolicyreports"),
    },
    Form {
        group: "openreports.io",
        version: "v1alpha1",
        namespaced: ("Report", "reports"),
        cluster_wide: ("ClusterReport", "clusterreports"),
    },
];

/// What an object is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace; none for reports on what is in none.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

/// An object to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// A number that changes with what is reported.
    pub digest: String,
    /// The object.
    pub object: Json,
}

/// A finding on its way into an object.
struct Entry {
    /// A number of its resource.
    place: u64,
    fails: bool,
    /// The result in JSON.
    text: String,
}

/// The objects that say what a report says, in a form.
///
/// A namespace with more findings than an object may hold gets several. Which one a resource's
/// findings are in depends on the resource alone, so that a change of one resource changes one object.
pub fn objects(report: &Report, form: &Form) -> BTreeMap<Key, Written> {
    let mut namespaces: BTreeMap<Option<&str>, Vec<Entry>> = BTreeMap::new();
    for finding in &report.findings {
        let namespace = finding.resource.as_ref().and_then(|id| id.namespace.as_deref());
        namespaces.entry(namespace).or_default().push(Entry::of(finding));
    }
    let mut objects = BTreeMap::new();
    for (namespace, results) in namespaces {
        let parts = parts(&results);
        for part in 0..parts {
            let here: Vec<&Entry> = results.iter().filter(|entry| entry.place % parts == part).collect();
            if here.is_empty() {
                continue;
            }
            let name = if parts == 1 { NAME.to_owned() } else { format!("{NAME}-{part}") };
            let key = Key { namespace: namespace.map(str::to_owned), name };
            let written = written(form, &key, &here);
            objects.insert(key, written);
        }
    }
    objects
}

impl Entry {
    fn of(finding: &Reported) -> Self {
        let place = hash(&finding.resource.as_ref().map(|id| (&id.kind, &id.name)));
        Self { place, fails: finding.enforcement == Enforcement::Deny, text: result(finding).to_string() }
    }
}

/// Into how many objects results go: a power of two, so that few move when there are more.
fn parts(results: &[Entry]) -> u64 {
    let mut parts = 1;
    while parts < MOST {
        let mut lengths = vec![0; parts as usize];
        for entry in results {
            lengths[(entry.place % parts) as usize] += entry.text.len() + 1;
        }
        if lengths.iter().all(|&length| length <= LONGEST) {
            break;
        }
        parts *= 2;
    }
    parts
}

fn written(form: &Form, key: &Key, results: &[&Entry]) -> Written {
    // Of what even the most objects cannot hold, the rest is left out and counted in the summary.
    let mut length = 0;
    let kept = results.iter().take_while(|entry| {
        length += entry.text.len() + 1;
        length <= 2 * LONGEST
    });
    let kept: Vec<Json> = kept.filter_map(|entry| serde_json::from_str(&entry.text).ok()).collect();
    let fail = results.iter().filter(|entry| entry.fails).count();
    let summary = json!({"pass": 0, "fail": fail, "warn": results.len() - fail, "error": 0, "skip": 0});
    let digest = format!("{:016x}", hash(&results.iter().map(|entry| &entry.text).collect::<Vec<_>>()));
    let (kind, _) = if key.namespace.is_some() { form.namespaced } else { form.cluster_wide };
    let mut object = json!({
        "apiVersion": format!("{}/{}", form.group, form.version),
        "kind": kind,
        "metadata": {
            "name": key.name,
            "labels": {MANAGED_BY.0: MANAGED_BY.1},
            "annotations": {DIGEST: digest},
        },
        "summary": summary,
        "results": kept,
    });
    if let Some(namespace) = &key.namespace {
        object["metadata"]["namespace"] = json!(namespace);
        object["scope"] = json!({"apiVersion": "v1", "kind": "Namespace", "name": namespace});
    }
    Written { digest, object }
}

/// A finding as a result. Keys are sorted, and nothing in it changes with time alone.
fn result(finding: &Reported) -> Json {
    let fails = finding.enforcement == Enforcement::Deny;
    let mut properties = json!({"help": finding.help, "fingerprint": finding.fingerprint});
    if !finding.path.is_empty() {
        properties["path"] = json!(finding.path);
    }
    let author = finding.origin.as_ref().and_then(|origin| origin.author.as_ref());
    if let Some(author) = author {
        properties["author"] = json!(author);
    }
    let mut result = json!({
        "source": NAME,
        "policy": finding.rule.id,
        "category": finding.category.name(),
        "severity": finding.severity.name(),
        "result": if fails { "fail" } else { "warn" },
        "scored": fails,
        "message": finding.message,
        "properties": properties,
    });
    if let Some(ResourceId { api_version, kind, namespace, name }) = finding.resource.as_deref() {
        result["resources"] = json!([{"apiVersion": api_version, "kind": kind, "name": name}]);
        if let Some(namespace) = namespace {
            result["resources"][0]["namespace"] = json!(namespace);
        }
    }
    // When the object was last written: before that, the finding was not there in this form.
    let changed = finding.origin.as_ref().and_then(|origin| origin.changed.as_deref());
    if let Some(changed) = changed.and_then(|text| text.parse::<Timestamp>().ok()) {
        result["timestamp"] = json!({"seconds": changed.as_second(), "nanos": 0});
    }
    result
}

/// The same for the same value in every process of a version.
pub(crate) fn hash(value: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}
