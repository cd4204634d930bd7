//! The cases, judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use hardline_core::config::{Config, Date};
use hardline_core::equivalents;
use hardline_core::finding::{Finding, Place};
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::path::Segment;
use hardline_core::rule::Rule;
use hardline_core::source::Source;
use hardline_core::verdict::judge;
use serde_json::Value;

use crate::root;

/// One object or file, and a check of a linter.
#[derive(Debug)]
pub(crate) struct Case {
    /// The linter.
    pub(crate) linter: &'static str,
    /// Its check.
    pub(crate) check: String,
    /// The object or file.
    pub(crate) name: String,
    /// Whether the linter expects a finding.
    pub(crate) expected: bool,
    /// Whether the rules find something.
    pub(crate) found: bool,
}

/// The rules that answer for a check.
pub(crate) fn rules(linter: &str, check: &str) -> impl Iterator<Item = &'static Rule> {
    let answers = equivalents::find(check).filter(move |found| found.linter == linter);
    answers.flat_map(|found| found.answer.rules())
}

/// The checks that are about bindings, with the kinds of binding and role that they are about: what
/// the rules find in a role counts where it is bound.
const OF_BINDINGS: &[(&str, Bound)] = &[
    ("access-to-create-pods", Bound { bindings: &BINDINGS, roles: &ROLES }),
    ("access-to-secrets", Bound { bindings: &BINDINGS, roles: &ROLES }),
    ("clusterrolebindingClusterAdmin", Bound { bindings: &["ClusterRoleBinding"], roles: &["ClusterRole"] }),
    ("clusterrolebindingPodExecAttach", Bound { bindings: &["ClusterRoleBinding"], roles: &["ClusterRole"] }),
    ("rolebindingClusterAdminClusterRole", Bound { bindings: &["RoleBinding"], roles: &["ClusterRole"] }),
    ("rolebindingClusterAdminRole", Bound { bindings: &["RoleBinding"], roles: &["Role"] }),
    ("rolebindingClusterRolePodExecAttach", Bound { bindings: &["RoleBinding"], roles: &["ClusterRole"] }),
    ("rolebindingRolePodExecAttach", Bound { bindings: &["RoleBinding"], roles: &["Role"] }),
];

const BINDINGS: [&str; 2] = ["ClusterRoleBinding", "RoleBinding"];
const ROLES: [&str; 2] = ["ClusterRole", "Role"];

/// The part of a policy that cases are about: the last key of the fields that it looks at.
type Part = Option<&'static str>;

fn is_about(part: Part, place: &Place) -> bool {
    let Some(part) = part else { return true };
    let Place::Field { path, .. } = place else { return false };
    path.segments().iter().any(|segment| matches!(segment, Segment::Key(key) if key == part))
}

/// What a check of bindings is about.
struct Bound {
    bindings: &'static [&'static str],
    roles: &'static [&'static str],
}

fn about_bindings(check: &str) -> Option<&'static Bound> {
    OF_BINDINGS.iter().find(|(known, _)| *known == check).map(|(_, bound)| bound)
}

/// The parts of kyverno's policies that have cases of their own, and the field that each is about.
const PARTS: [(&str, &str, &str); 2] = [
    ("disallow-capabilities-strict", "adding-capabilities-strict", "add"),
    ("disallow-capabilities-strict", "require-drop-all", "drop"),
];

/// All cases for which there is a rule.
pub(crate) fn all() -> anyhow::Result<Vec<Case>> {
    let mut cases = kube_linter()?;
    cases.extend(polaris()?);
    cases.extend(kyverno()?);
    Ok(cases)
}

fn fixtures(linter: &str) -> PathBuf {
    root().join("../shared/fixtures").join(linter)
}

/// An object of a file, and whether rules find something in it.
struct Object {
    kind: String,
    name: String,
    found: bool,
}

/// The objects of a file, under these rules alone, as a check sees them.
fn objects(file: &Path, check: &str, part: Part, rules: &[&'static Rule]) -> anyhow::Result<Vec<Object>> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let read = hardline_manifest::read::read(&Arc::new(Source::new("case.yaml", text)));
    // `kubectl apply` puts what names no namespace there.
    let namespace: Option<Arc<str>> = Some("default".into());
    let resources = read.resources.into_iter().map(|resource| resource.with_default_namespace(namespace.clone()));
    let inventory = Inventory::new(resources.collect(), Coverage::everything());
    let mut config = Config::new(Date { year: 2026, month: 6, day: 1 });
    config.select = rules.to_vec();
    // As kyverno's `restrict-image-registries` allows them.
    config.settings.allowed_registries = ["eu.foo.io", "bar.io"].map(str::to_owned).to_vec();
    // As kube-linter's two checks for three replicas ask.
    config.settings.minimum_replicas = Some(3);
    let judgement = judge(&inventory, read.findings, &config);
    let is_of = |index: u32, kinds: &[&str]| kinds.contains(&inventory[index].kind_name());
    let resource = |place: &Place| match place {
        Place::Field { resource, .. } => Some(*resource),
        Place::Text { .. } => None,
    };
    let mut found: BTreeSet<u32> = BTreeSet::new();
    let of_check =
        |finding: &Finding| rules.iter().any(|rule| rule.id == finding.rule.id) && is_about(part, &finding.place);
    for judged in judgement.findings.iter().filter(|judged| of_check(&judged.finding)) {
        let Some(index) = resource(&judged.finding.place) else { continue };
        match about_bindings(check) {
            None => _ = found.insert(index),
            Some(bound) if is_of(index, bound.bindings) => _ = found.insert(index),
            Some(bound) if is_of(index, bound.roles) => {
                let evidence = judged.finding.evidence.iter().filter_map(|evidence| resource(&evidence.place));
                found.extend(evidence.filter(|&index| is_of(index, bound.bindings)));
            }
            Some(_) => {}
        }
    }
    let objects = (0..).zip(inventory.resources()).map(|(index, resource)| Object {
        kind: resource.kind_name().to_owned(),
        name: resource.name().to_owned(),
        found: found.contains(&index),
    });
    Ok(objects.collect())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// Each object of a kind that the check is about: one of which the check finds something in the file.
fn kube_linter() -> anyhow::Result<Vec<Case>> {
    let folder = fixtures("kube-linter");
    let tests: Vec<Value> = serde_json::from_str(&fs::read_to_string(folder.join("expect.json"))?)?;
    let mut cases = Vec::new();
    for test in &tests {
        let check = text(test, "include");
        let rules: Vec<_> = rules("kube-linter", check).collect();
        let Some(golden) = test["golden_objects"].as_array().filter(|_| !rules.is_empty()) else { continue };
        let mut firing: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for object in golden.iter().filter(|object| text(object, "check") == check) {
            *firing.entry((text(object, "kind"), text(object, "name"))).or_default() += 1;
        }
        let kinds: BTreeSet<&str> = firing.keys().map(|(kind, _)| *kind).collect();
        let objects = objects(&folder.join(text(test, "file")), check, None, &rules)?;
        for object in &objects {
            let same = |other: &&Object| other.kind == object.kind && other.name == object.name;
            let named = objects.iter().filter(same).count();
            let expected = match firing.get(&(object.kind.as_str(), object.name.as_str())) {
                None => false,
                // The linter says how many of a name, and not which.
                Some(&count) if count < named => {
                    object.found || objects.iter().filter(same).filter(|other| other.found).count() != count
                }
                Some(_) => true,
            };
            if expected || object.found || kinds.contains(object.kind.as_str()) {
                let name = format!("{} {}", object.kind, object.name);
                cases.push(Case {
                    linter: "kube-linter",
                    check: check.to_owned(),
                    name,
                    expected,
                    found: object.found,
                });
            }
        }
    }
    Ok(cases)
}

/// Each file, by its name.
fn polaris() -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for check in sorted(&fixtures("polaris").join("test/checks"))? {
        let id = name(&check);
        let rules: Vec<_> = rules("polaris", &id).collect();
        if rules.is_empty() {
            continue;
        }
        for file in sorted(&check)? {
            let name = name(&file);
            let expected = name.starts_with("failure");
            if expected || name.starts_with("success") {
                let found = objects(&file, &id, None, &rules)?.iter().any(|object| object.found);
                cases.push(Case { linter: "polaris", check: id.clone(), name, expected, found });
            }
        }
    }
    Ok(cases)
}

/// Whether the object of a file with this kind, name and place fails.
type Expectations = BTreeMap<(String, String, u64), bool>;

/// Each object, for the policies as they are written in `YAML`: those in `CEL` have the same cases.
fn kyverno() -> anyhow::Result<Vec<Case>> {
    let folder = fixtures("kyverno-policies");
    let index = fs::read_to_string(folder.join("index.jsonl"))?;
    let mut cases: BTreeMap<(String, Part, String), Expectations> = BTreeMap::new();
    for line in index.lines() {
        let entry: Value = serde_json::from_str(line)?;
        let dir = text(&entry, "dir");
        let plain = ["best-practices/", "pod-security/baseline/", "pod-security/restricted/"];
        let expect = text(&entry, "expect");
        if plain.iter().any(|family| dir.starts_with(family)) && matches!(expect, "pass" | "fail") {
            let check = dir.rsplit('/').next().unwrap_or_default().to_owned();
            let object =
                (text(&entry, "kind").to_owned(), text(&entry, "name").to_owned(), entry["doc"].as_u64().unwrap_or(0));
            let part = PARTS.iter().find(|(policy, part, _)| *policy == check && *part == text(&entry, "rule"));
            let key = (check, part.map(|(_, _, field)| *field), text(&entry, "file").to_owned());
            let fails = cases.entry(key).or_default().entry(object).or_default();
            *fails |= expect == "fail";
        }
    }
    let mut judged = Vec::new();
    for ((check, part, file), expectations) in cases {
        let rules: Vec<_> = rules("kyverno", &check).collect();
        if rules.is_empty() {
            continue;
        }
        let objects = objects(&folder.join(&file), &check, part, &rules)?;
        for ((kind, name, doc), expected) in expectations {
            let is = |object: &&Object| object.kind == kind && object.name == name;
            let by_place = usize::try_from(doc).ok().and_then(|doc| objects.get(doc)).filter(is);
            let object = by_place.or_else(|| objects.iter().find(is));
            let object = object.with_context(|| format!("{file} holds no {kind} {name}"))?;
            let name = format!("{kind} {name}");
            judged.push(Case { linter: "kyverno", check: check.clone(), name, expected, found: object.found });
        }
    }
    Ok(judged)
}

fn sorted(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
