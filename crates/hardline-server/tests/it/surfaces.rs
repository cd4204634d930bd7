//! One verdict on every surface: the webhook finds in an object that comes into a cluster what
//! `hardline check` finds in it among the same manifests. That policies in CEL find what their rules find,
//! the judge's own tests show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use hardline_core::config::Config;
use hardline_core::finding::Place;
use hardline_core::inventory::{Coverage, Inventory};
use hardline_core::profile::Enforcement;
use hardline_core::resource::{Kind, Resource};
use hardline_core::rules::RULES;
use hardline_core::verdict::{Judged, judge};
use hardline_server::clock::date;

use crate::support::{NOW, decide, objects, options, request};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Where nothing is judged by the webhook.
const NOT_JUDGED: [&str; 3] = ["kube-system", "kube-node-lease", "hardline-system"];

/// What is wrong with a namespace is told once, at any of its workloads.
const OF_NAMESPACES: [&str; 3] = ["limit-range-missing", "network-default-deny-missing", "quota-missing"];

/// Rule, field, message and what it does.
type Found = BTreeSet<(&'static str, String, String, &'static str)>;

fn found<'j>(findings: impl Iterator<Item = &'j Judged>) -> Found {
    let most = |judged: &Judged| if judged.finding.absence { options().absence } else { Enforcement::Deny };
    let one = |judged: &Judged| {
        let finding = &judged.finding;
        let enforcement = judged.enforcement.min(most(judged)).name();
        (finding.rule.id, finding.path().to_string(), finding.message.to_string(), enforcement)
    };
    let is_of_object = |judged: &&Judged| !OF_NAMESPACES.contains(&judged.finding.rule.id);
    findings.filter(is_of_object).map(one).collect()
}

/// The resources of a text, as an API server has them: as JSON, of different names, and in a namespace.
fn resources(text: &str) -> Vec<Resource> {
    let default: Arc<str> = Arc::from("default");
    let mut named = BTreeMap::new();
    for resource in objects(text).iter().flat_map(|read| objects(&read.value().to_json().to_string())) {
        let resource = resource.with_default_namespace(Some(default.clone()));
        named.entry(resource.id()).or_insert(resource);
    }
    named.into_values().collect()
}

/// The texts of the manifests below a folder of the repository.
fn texts(folder: &str) -> Vec<String> {
    let mut folders = vec![Path::new(REPOSITORY).join(folder)];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder exists").map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "yaml") {
                texts.extend(std::fs::read_to_string(entry));
            }
        }
    }
    texts.sort();
    texts
}

/// The examples in the documentation of all rules.
fn examples() -> impl Iterator<Item = String> {
    RULES.iter().flat_map(|rule| {
        let lines: Vec<&str> = rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let blocks = lines.split(|line| line.trim_start().starts_with("```"));
        let starts = |at: usize| lines.iter().filter(|line| line.trim_start().starts_with("```")).nth(at);
        let manifest = |at: usize| {
            at > 0 && starts(at - 1).is_some_and(|fence| fence.contains("yaml bad") || fence.contains("yaml good"))
        };
        let texts: Vec<String> =
            blocks.enumerate().filter(|(at, _)| manifest(*at)).map(|(_, block)| block.join("\n") + "\n").collect();
        texts
    })
}

#[test]
fn the_webhook_finds_what_check_finds() {
    let config = Config::new(date(NOW));
    let all = examples().chain(["examples/3am", "examples/3am-fixed"].map(|folder| texts(folder).join("\n---\n")));
    let corpus = texts("../shared/corpus").into_iter();
    let (mut count, mut rules, mut failures) = (0, BTreeSet::new(), Vec::new());
    for text in all.chain(corpus) {
        let resources = resources(&text);
        let whole = Inventory::new(resources.clone(), Coverage::everything());
        let checked = judge(&whole, Vec::new(), &config).findings;
        for resource in whole.resources() {
            let is_about = |judged: &&Judged| match &judged.finding.place {
                Place::Field { resource: about, .. } => whole[*about].id() == resource.id(),
                Place::Text { .. } => false,
            };
            let expected = found(checked.iter().filter(is_about));
            let namespace =
                if resource.kind() == Kind::Namespace { Some(resource.name()) } else { resource.namespace() };
            if namespace.is_some_and(|namespace| NOT_JUDGED.contains(&namespace)) {
                continue;
            }
            let others = resources.iter().filter(|other| other.id() != resource.id()).cloned();
            let cluster = Inventory::new(others.collect(), Coverage::everything());
            let mut create = request("CREATE", &resource.value().to_json(), &serde_json::Value::Null);
            create["namespace"] = namespace.into();
            let decision = decide(cluster, &create);
            let told = found(decision.findings.iter().chain(&decision.unchanged));
            count += 1;
            rules.extend(told.iter().map(|(rule, ..)| *rule));
            if expected != told {
                let [missed, invented] = [(&expected, &told), (&told, &expected)]
                    .map(|(one, other)| one.difference(other).cloned().collect::<Vec<_>>());
                failures.push(format!("{}: missed {missed:?}, invented {invented:?}", resource.id()));
            }
        }
    }
    println!("{count} objects, findings of {} rules", rules.len());
    assert!(failures.is_empty(), "{} of {count}\n{}", failures.len(), failures[..failures.len().min(40)].join("\n"));
    assert!(count > 2000 && rules.len() > 100, "{count} objects, {} rules", rules.len());
}
