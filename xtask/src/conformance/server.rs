//! How far the schema rules agree with a real API server that is asked to take each object, strictly
//! and without keeping it (`dryRun=All&fieldValidation=Strict`).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use hardline_controlplane::ControlPlane;
use hardline_core::config::{Config, Date, Version};
use hardline_core::finding::Place;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::resource::{Kind, Resource};
use hardline_core::rule::Rule;
use hardline_core::rules;
use hardline_core::schema::{self, Problem};
use hardline_core::source::Source;
use hardline_core::verdict::judge;
use serde_json::{Value as Json, json};

use crate::root;

/// The page.
pub(crate) const PAGE: &str = "docs/src/conformance-schema.md";

/// The version of the API server.
const VERSION: Version = Version { major: 1, minor: 37 };

/// An object, and what both say of it.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The file, and the object in it.
    name: String,
    /// What the schema rules find that the API server would refuse: `rule path: message`.
    found: Vec<String>,
    /// Whether one of [`OTHERS`] finds why the API server refuses it.
    found_by_others: bool,
    /// Whether they know its schema.
    known: bool,
    /// What the API server answers.
    answer: Answer,
}

/// What the API server answers.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It takes the object.
    Taken,
    /// It does not serve the kind.
    NotServed,
    /// It cannot read the object as what it claims to be.
    Unreadable(String),
    /// It can read the object, and finds these fields wrong.
    Invalid(BTreeSet<String>),
    /// Something else than the object is in the way, such as a class that does not exist.
    Refused(String),
}

/// Starts an API server and asks it about all objects of the corpus and of the cases.
pub(crate) fn compare() -> anyhow::Result<Vec<Comparison>> {
    let setup = ControlPlane::setup().apiserver("--runtime-config=api/all=true");
    let mut server = Server { plane: setup.start()?, served: BTreeMap::new() };
    let (mut comparisons, mut seen) = (Vec::new(), HashSet::new());
    for files in inputs()? {
        comparisons.extend(server.compare(&files, &mut seen)?);
    }
    Ok(comparisons)
}

/// The files of each project of the corpus together; those of the cases each by itself.
fn inputs() -> anyhow::Result<Vec<Vec<PathBuf>>> {
    let shared = root().join("../shared");
    let mut inputs = Vec::new();
    for project in folders(&shared.join("corpus"))? {
        inputs.push(manifests(&project));
    }
    for linter in folders(&shared.join("fixtures"))? {
        inputs.extend(manifests(&linter).into_iter().map(|file| vec![file]));
    }
    Ok(inputs)
}

fn folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let walk = ignore::WalkBuilder::new(folder).standard_filters(false).sort_by_file_path(Ord::cmp).build();
    let files = walk.filter_map(Result::ok).map(ignore::DirEntry::into_path);
    files
        .filter(|file| file.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|one| end == *one)))
        .collect()
}

/// An API server, and what it serves.
struct Server {
    plane: ControlPlane,
    /// By `apiVersion` and kind: the plural, and whether it is of namespaces.
    served: BTreeMap<(String, String), (String, bool)>,
}

impl Server {
    /// Compares the objects of these files that were not seen before.
    fn compare(&mut self, files: &[PathBuf], seen: &mut HashSet<String>) -> anyhow::Result<Vec<Comparison>> {
        let shared = root().join("../shared");
        let read = |file: &PathBuf| {
            let text = String::from_utf8(fs::read(file).ok()?).ok()?;
            let name = file.strip_prefix(&shared).unwrap_or(file).display().to_string();
            Some(hardline_manifest::read::read(&Arc::new(Source::new(name, text))).resources)
        };
        let resources: Vec<Resource> = files.iter().filter_map(read).flatten().collect();
        let coverage = Coverage::of_manifests(&resources);
        let inventory = Inventory::new(resources, coverage);
        let others_need = [Kind::Namespace, Kind::CustomResourceDefinition];
        let (first, then): (Vec<_>, Vec<_>) =
            inventory.resources().partition(|resource| others_need.contains(&resource.kind()));
        let mut comparisons = Vec::new();
        let mut compare = |server: &mut Self, resources: Vec<&Resource>| -> anyhow::Result<()> {
            for resource in resources {
                let body = resource.value().to_json();
                if seen.insert(body.to_string()) {
                    let answer = server.ask(resource, &body)?;
                    comparisons.push(Comparison::new(resource, &inventory, answer));
                }
            }
            Ok(())
        };
        compare(self, first)?;
        self.prepare(&inventory)?;
        compare(self, then)?;
        Ok(comparisons)
    }

    /// Has the API server try to create an object.
    fn ask(&mut self, resource: &Resource, body: &Json) -> anyhow::Result<Answer> {
        let Some((plural, namespaced)) = self.served(resource.api_version(), resource.kind_name())? else {
            return Ok(Answer::NotServed);
        };
        let mut path = base(resource.api_version());
        if namespaced {
            path.extend(["/namespaces/", resource.namespace().unwrap_or("default")]);
        }
        path.extend(["/", &plural, "?dryRun=All&fieldValidation=Strict"]);
        if path.contains([' ', '{', '<']) {
            return Ok(Answer::Refused("namespace is no name".to_owned()));
        }
        let response = self.plane.request("POST", &path, Some(body))?;
        let message = response.body["message"].as_str().unwrap_or_default().to_owned();
        Ok(match response.status {
            // That it exists already is found after all validation.
            200..300 | 409 => Answer::Taken,
            400 => Answer::Unreadable(message),
            422 => Answer::Invalid(causes(&response.body["details"])),
            _ => Answer::Refused(message),
        })
    }

    /// The plural of a kind, and whether it is of namespaces; `None` if it is not served.
    fn served(&mut self, api_version: &str, kind: &str) -> anyhow::Result<Option<(String, bool)>> {
        let known = |served: &BTreeMap<_, _>| served.get(&(api_version.to_owned(), kind.to_owned())).cloned();
        if let Some(found) = known(&self.served) {
            return Ok(Some(found));
        }
        if api_version.contains([' ', '{', '<']) {
            return Ok(None);
        }
        let list = self.plane.request("GET", &base(api_version), None)?.body;
        for resource in list["resources"].as_array().into_iter().flatten() {
            let (Some(name), Some(kind)) = (resource["name"].as_str(), resource["kind"].as_str()) else { continue };
            if !name.contains('/') {
                let value = (name.to_owned(), resource["namespaced"] == true);
                self.served.insert((api_version.to_owned(), kind.to_owned()), value);
            }
        }
        Ok(known(&self.served))
    }

    /// Creates what other objects need: their namespaces and definitions.
    fn prepare(&self, inventory: &Inventory) -> anyhow::Result<()> {
        let namespaces: BTreeSet<&str> = inventory.resources().filter_map(Resource::namespace).collect();
        for name in namespaces {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.plane.request("POST", "/api/v1/namespaces", Some(&namespace))?;
        }
        for definition in inventory.of_kind(Kind::CustomResourceDefinition, None) {
            let mut body = definition.value().to_json();
            // Nobody is there to convert.
            if let Some(spec) = body["spec"].as_object_mut() {
                spec.remove("conversion");
            }
            let path = base(definition.api_version()) + "/customresourcedefinitions";
            if self.plane.request("POST", &path, Some(&body))?.status == 201 {
                let (group, plural) = (&body["spec"]["group"], &body["spec"]["names"]["plural"]);
                let served = body["spec"]["versions"].as_array().and_then(|versions| {
                    let served = versions.iter().find(|version| version["served"] == true)?["name"].as_str()?;
                    Some(format!("/apis/{}/{served}/{}", group.as_str()?, plural.as_str()?))
                });
                if let Some(path) = served {
                    self.plane.until("a definition is served", |plane| plane.expect("GET", &path, None).is_ok())?;
                }
            }
        }
        Ok(())
    }
}

/// What a status names as wrong: fields without indices, each with the reason.
fn causes(details: &Json) -> BTreeSet<String> {
    let cause = |cause: &Json| {
        let field = cause["field"].as_str().unwrap_or_default();
        let field: Vec<&str> = field.split(['[', ']']).step_by(2).collect();
        let message = cause["message"].as_str().unwrap_or_default();
        let reason = message.split(':').next().unwrap_or_default();
        let detail = message.rsplit(": ").next().filter(|detail| *detail != reason).unwrap_or_default();
        format!("`{}` {reason}: {detail}", field.join("[]")).trim_end_matches(": ").to_owned()
    };
    details["causes"].as_array().into_iter().flatten().map(cause).collect()
}

/// The path of an `apiVersion`.
fn base(api_version: &str) -> String {
    if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") }
}

impl Comparison {
    fn new(resource: &Resource, inventory: &Inventory, answer: Answer) -> Self {
        let validation = schema::validate(resource, inventory, VERSION);
        let refused = validation.problems.iter().filter(|problem| problem.rule.id != rules::API_VERSION_DEPRECATED.id);
        let line = |problem: &Problem| format!("`{}` {}: {}", problem.rule.id, problem.path, problem.message);
        let found: Vec<String> = refused.map(line).collect();
        Self {
            name: format!("{}: {}", resource.source().name, resource.id()),
            found_by_others: found.is_empty()
                && matches!(answer, Answer::Invalid(_))
                && others_find(resource, inventory),
            found,
            known: validation.needs.is_none(),
            answer,
        }
    }

    /// Whether both say something about the object itself.
    fn is_comparable(&self) -> bool {
        let unserved = self.answer == Answer::NotServed && self.found.is_empty();
        self.known && !unserved && !matches!(self.answer, Answer::Refused(_))
    }

    fn agrees(&self) -> bool {
        (self.answer == Answer::Taken) == self.found.is_empty()
    }

    fn all_agree(&self) -> bool {
        self.agrees() || self.found_by_others
    }

    /// What one of them says that the other does not.
    fn difference(&self) -> String {
        match &self.answer {
            Answer::Invalid(causes) => causes.iter().cloned().collect::<Vec<_>>().join("; "),
            Answer::Unreadable(message) => message.clone(),
            _ => self.found.join("; "),
        }
    }
}

/// Rules that find what the API server refuses, so that the schema rules need not say it again.
const OTHERS: [&str; 3] = ["container-proc-unmasked", "network-policy-invalid", "pdb-blocks-drain"];

fn others_find(resource: &Resource, inventory: &Inventory) -> bool {
    let mut config = Config::new(Date { year: 2026, month: 6, day: 1 });
    config.select = OTHERS.iter().filter_map(|id| Rule::find(id)).collect();
    let judgement = judge(inventory, Vec::new(), &config);
    let places = judgement.findings.iter().map(|judged| &judged.finding.place);
    places
        .filter_map(|place| if let Place::Field { resource, .. } = place { inventory.get(*resource) } else { None })
        .any(|found| found.value().span() == resource.value().span() && found.source().name == resource.source().name)
}

/// Why the schema rules do not find what the API server does: part of what it says, who is right, and
/// why.
const EXPLAINED: [(&str, &str, &str); 7] = [
    ("spec.clusterIPs", "both", "an address of the cluster that the Service was read from"),
    ("not auto-generated", "both", "a Job as a cluster holds it, with labels that its API server added"),
    ("procMount", "the API server", "`container-proc-unmasked` finds it"),
    ("spec.ingress[].from[]", "the API server", "`network-policy-invalid` finds it"),
    ("spec.minAvailable", "the API server", "`pdb-blocks-drain` finds it"),
    ("spec.podCIDRs[]", "the API server", "a node, which is no manifest, with parts of it made unreadable"),
    (
        "serviceAccountToken",
        "both",
        "a cluster with controllers gives the pod the account `default`; this one has none",
    ),
];

/// Writes the page and prints it.
pub(crate) fn write() -> anyhow::Result<()> {
    let page = render(&compare()?);
    fs::write(root().join(PAGE), &page).with_context(|| format!("writing {PAGE}"))?;
    println!("{page}");
    Ok(())
}

fn render(comparisons: &[Comparison]) -> String {
    let mut page = format!(
        "# The API server's own verdict\n\nHow far the schema rules agree with a real kube-apiserver {VERSION} that is \
         asked to create each object of the test corpus and of other tools' test cases, as `kubectl apply --validate=strict \
         --dry-run=server` does. Equal objects count once. `cargo xtask conformance` writes this page.\n\n\
         | the API server | objects | the schema rules agree | all rules agree |\n|---|---|---|---|\n"
    );
    let comparable: Vec<&Comparison> = comparisons.iter().filter(|one| one.is_comparable()).collect();
    let mut row = |title: &str, is_it: fn(&Answer) -> bool| {
        let these = comparable.iter().filter(|one| is_it(&one.answer));
        let agree = these.clone().filter(|one| one.agrees()).count();
        let all_agree = these.clone().filter(|one| one.all_agree()).count();
        page.extend([format!("| {title} | {} | {agree} | {all_agree} |\n", these.count())]);
    };
    row("takes it", |answer| *answer == Answer::Taken);
    row("does not serve the kind in this version", |answer| *answer == Answer::NotServed);
    row("cannot read it: unknown fields, wrong types", |answer| matches!(answer, Answer::Unreadable(_)));
    row("finds values wrong", |answer| matches!(answer, Answer::Invalid(_)));
    row("all", |_| true);
    let count = comparisons.len() - comparable.len();
    page.extend([format!(
        "\n{count} objects are left out: their `CustomResourceDefinition` is not at hand, they are no objects of Kubernetes, \
         or they name a class that only a cluster can have.\n"
    )]);
    page + "\n## Disagreements\n\n| objects | example | the API server says | right | why |\n|---|---|---|---|---|\n"
        + &disagreements(&comparable)
}

fn disagreements(comparisons: &[&Comparison]) -> String {
    let mut groups: BTreeMap<(&str, &str), Vec<&Comparison>> = BTreeMap::new();
    for comparison in comparisons.iter().filter(|one| !one.agrees()) {
        let (_, right, why) = explanation(comparison).unwrap_or(&("", "", "not explained"));
        groups.entry((right, why)).or_default().push(comparison);
    }
    let row = |((right, why), these): (&(&str, &str), &Vec<&Comparison>)| {
        let (name, difference) = (&these[0].name, these[0].difference());
        let (first, _) = difference.split_once("; ").unwrap_or((&difference, ""));
        let says: String = first.chars().take(100).collect();
        let more = if says.len() < first.len() { "…" } else { "" };
        format!("| {} | {name} | {says}{more} | {right} | {why} |\n", these.len())
    };
    groups.iter().map(row).collect()
}

fn explanation(comparison: &Comparison) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let difference = comparison.difference();
    EXPLAINED.iter().find(|(part, ..)| difference.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_api_server_agrees_but_for_what_the_page_explains() {
        let comparisons = compare().unwrap();
        let differ = comparisons.iter().filter(|one| one.is_comparable() && !one.agrees());
        let explained: HashSet<_> = differ
            .map(|one| {
                assert!(matches!(one.answer, Answer::Invalid(_)), "the schema itself is wrong: {one:?}");
                explanation(one).unwrap_or_else(|| panic!("explain it or mend the rule: {one:?}"))
            })
            .collect();
        for known in &EXPLAINED {
            assert!(explained.contains(known), "explains nothing: {known:?}");
        }
        let page = fs::read_to_string(root().join(PAGE)).unwrap();
        assert!(page == render(&comparisons), "run `cargo xtask conformance`");
    }
}
