//! What Argo CD and Flux are told to leave alone, as expected drift.
//!
//! - Argo CD: `spec.ignoreDifferences` of an Application, and those of all applications in the
//!   `ConfigMap` `argocd-cm`:
//!   <https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/>
//! - Flux: `spec.driftDetection.ignore` of a `HelmRelease`, `spec.ignore` of a `Kustomization`, and
//!   the marks of single objects:
//!   <https://fluxcd.io/flux/components/helm/helmreleases/#drift-detection>,
//!   <https://fluxcd.io/flux/components/kustomize/kustomizations/>

mod origin;

use std::sync::Arc;

use hardline_core::drift::{Expectation, FieldPattern, InvalidPattern};
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_core::tree::Value;

use crate::document;

pub use origin::{Find, Helm, Named, Origin, Part, Place, Unresolved, origin, substitute};

/// What is expected, and what of it is not understood.
#[derive(Debug, Default)]
pub struct Expected {
    /// What is expected.
    pub expectations: Vec<Expectation>,
    /// Rules that are not taken over, one sentence each: their differences are told.
    pub notices: Vec<String>,
}

/// Whether an object holds rules about other objects.
pub fn has_rules(resource: &Resource) -> bool {
    is_holder(resource) || is_argocd_cm(resource)
}

/// Whether an object says what Argo CD or Flux is to deploy.
pub fn is_holder(resource: &Resource) -> bool {
    matches!(
        (resource.group(), resource.kind_name()),
        ("argoproj.io", "Application")
            | ("helm.toolkit.fluxcd.io", "HelmRelease")
            | ("kustomize.toolkit.fluxcd.io", "Kustomization")
    )
}

/// That all objects have the label by which Argo CD tells which application they are of.
pub fn tracking(holder: &Resource) -> Option<Expectation> {
    let path = "metadata.labels[app.kubernetes.io/instance]";
    (holder.kind_name() == "Application").then(|| Expectation {
        paths: FieldPattern::parse(path).into_iter().collect(),
        managers: vec!["argocd*".to_owned()],
        reason: "Argo CD tracks objects by this label".to_owned(),
        origin: holder.id().to_string(),
        ..Expectation::default()
    })
}

fn is_argocd_cm(resource: &Resource) -> bool {
    resource.kind() == Kind::ConfigMap && resource.name() == "argocd-cm"
}

/// What an object says about others.
pub fn rules(resource: &Resource) -> Expected {
    let mut reader = Reader { origin: resource.id().to_string(), expected: Expected::default() };
    match resource.kind_name() {
        "Application" => reader.each(resource.spec("ignoreDifferences"), Reader::argocd),
        "HelmRelease" => {
            let detection = resource.spec("driftDetection");
            reader.each(detection.and_then(|detection| detection.get("ignore")), Reader::flux);
        }
        "Kustomization" => reader.each(resource.spec("ignore"), Reader::flux),
        _ if is_argocd_cm(resource) => reader.settings(resource),
        _ => {}
    }
    reader.expected
}

/// What the marks of an object say about itself: that Flux deploys it once, or not at all.
pub fn marks(resource: &Resource) -> Option<Expectation> {
    const MARKS: [(&str, &[&str]); 3] = [
        ("helm.toolkit.fluxcd.io/driftDetection", &["disabled"]),
        ("kustomize.toolkit.fluxcd.io/reconcile", &["disabled"]),
        ("kustomize.toolkit.fluxcd.io/ssa", &["ignore", "ifnotpresent"]),
    ];
    let (mark, value) = MARKS.iter().find_map(|(mark, values)| {
        let found = resource.annotation(mark).or_else(|| resource.label(mark))?;
        values.iter().any(|value| found.eq_ignore_ascii_case(value)).then_some((mark, found))
    })?;
    Some(Expectation {
        groups: vec![resource.group().to_owned()],
        kinds: vec![resource.kind_name().to_owned()],
        namespaces: vec![resource.namespace().unwrap_or_default().to_owned()],
        names: vec![resource.name().to_owned()],
        reason: format!("`{mark}` is `{value}`"),
        origin: resource.id().to_string(),
        ..Expectation::default()
    })
}

struct Reader {
    origin: String,
    expected: Expected,
}

impl Reader {
    fn each(&mut self, rules: Option<Value<'_>>, read: fn(&mut Self, Value<'_>)) {
        rules.into_iter().flat_map(Value::items).for_each(|rule| read(self, rule));
    }

    fn not_taken(&mut self, why: &str) {
        self.expected.notices.push(format!("a rule of {} is not taken over: {why}", self.origin));
    }

    fn argocd(&mut self, rule: Value<'_>) {
        let scope = Expectation {
            groups: argocd_scope(rule, "group"),
            kinds: argocd_scope(rule, "kind"),
            namespaces: argocd_scope(rule, "namespace"),
            names: argocd_scope(rule, "name"),
            reason: "Argo CD ignores the difference".to_owned(),
            ..Expectation::default()
        };
        self.differences(rule, scope);
    }

    /// Pointers, expressions and managers, each of which is enough by itself.
    fn differences(&mut self, rule: Value<'_>, scope: Expectation) {
        let texts = |key: &str| rule.get(key).into_iter().flat_map(Value::items).filter_map(Value::str);
        let pointers = texts("jsonPointers").map(FieldPattern::parse);
        let expressions = texts("jqPathExpressions").map(FieldPattern::parse_jq);
        let paths = self.patterns(pointers.chain(expressions));
        let managers: Vec<_> = texts("managedFieldsManagers").map(str::to_owned).collect();
        if !paths.is_empty() {
            self.add(Expectation { paths, ..scope.clone() });
        }
        if !managers.is_empty() {
            self.add(Expectation { managers, ..scope });
        }
    }

    fn add(&mut self, expectation: Expectation) {
        self.expected.expectations.push(Expectation { origin: self.origin.clone(), ..expectation });
    }

    fn patterns(&mut self, read: impl Iterator<Item = Result<FieldPattern, InvalidPattern>>) -> Vec<FieldPattern> {
        let mut patterns = Vec::new();
        for pattern in read {
            match pattern {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.not_taken(&error.to_string()),
            }
        }
        patterns
    }

    fn flux(&mut self, rule: Value<'_>) {
        let target = rule.get("target");
        for selector in ["labelSelector", "annotationSelector"] {
            if target.and_then(|target| target.get(selector)).is_some() {
                return self.not_taken(&format!("its `{selector}` is not understood"));
            }
        }
        let mut scope = Vec::new();
        for key in ["group", "kind", "namespace", "name"] {
            let text = target.and_then(|target| target.get(key)).and_then(Value::str);
            match text.map_or(Some(Vec::new()), patterns_of_expression) {
                Some(patterns) => scope.push(patterns),
                None => return self.not_taken(&format!("`{}` is not understood", text.unwrap_or_default())),
            }
        }
        let pointers = rule.get("paths").into_iter().flat_map(Value::items).filter_map(Value::str);
        let paths = self.patterns(pointers.map(FieldPattern::parse));
        let [groups, kinds, namespaces, names] = scope.try_into().unwrap_or_default();
        if !paths.is_empty() {
            let reason = "Flux ignores the difference".to_owned();
            self.add(Expectation { groups, kinds, namespaces, names, paths, reason, ..Expectation::default() });
        }
    }

    /// The rules for all applications: a key for each kind, and the older key for all of them.
    fn settings(&mut self, config_map: &Resource) {
        const PREFIX: &str = "resource.customizations.ignoreDifferences.";
        for entry in config_map.value().get("data").into_iter().flat_map(Value::entries) {
            let (key, text) = (entry.key.raw(), entry.value.str().unwrap_or_default());
            if let Some(name) = key.strip_prefix(PREFIX) {
                let (group, kind) = name.rsplit_once('_').unwrap_or(("", name));
                self.of_kind(text, if name == "all" { None } else { Some((group, kind)) });
            } else if key == "resource.customizations" {
                let tree = document::parse(&Arc::new(Source::new(key, text))).tree;
                for kind in tree.roots().flat_map(Value::entries) {
                    let name = kind.key.raw();
                    let rules = kind.value.get("ignoreDifferences").and_then(Value::str);
                    let (group, kind) = name.rsplit_once('/').unwrap_or(("", name));
                    if let Some(rules) = rules {
                        self.of_kind(rules, Some((group, kind)));
                    }
                }
            }
        }
    }

    fn of_kind(&mut self, text: &str, kind: Option<(&str, &str)>) {
        let tree = document::parse(&Arc::new(Source::new("argocd-cm", text))).tree;
        let (groups, kinds) = match kind {
            Some(("*", kind)) => (Vec::new(), vec![kind.to_owned()]),
            Some((group, kind)) => (vec![group.to_owned()], vec![kind.to_owned()]),
            None => (Vec::new(), Vec::new()),
        };
        let reason = "Argo CD ignores the difference".to_owned();
        let scope = Expectation { groups, kinds, reason, ..Expectation::default() };
        for root in tree.roots() {
            self.differences(root, scope.clone());
        }
    }
}

/// What a rule of Argo CD says of the objects that it is for. `group` and `kind` may be `*`; a rule
/// without a group is for the core group.
fn argocd_scope(rule: Value<'_>, key: &str) -> Vec<String> {
    match rule.get(key).and_then(Value::str) {
        Some("*") => Vec::new(),
        Some(text) if !text.is_empty() || key == "group" => vec![text.to_owned()],
        None if key == "group" => vec![String::new()],
        _ => Vec::new(),
    }
}

/// The regular expressions that are written in practice: names, alternatives, and `.*`.
fn patterns_of_expression(text: &str) -> Option<Vec<String>> {
    let text = text.trim_start_matches('^').trim_end_matches('$');
    let pattern = |text: &str| {
        let pattern = text.replace(".*", "*").replace("\\.", ".");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '*' | ':');
        pattern.chars().all(plain).then_some(pattern)
    };
    text.split('|').map(pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read;

    fn expected(text: &str) -> Expected {
        let resource = read(&Arc::new(Source::new("rules.yaml", text))).resources.remove(0);
        assert!(has_rules(&resource));
        rules(&resource)
    }

    #[test]
    fn an_application_ignores_by_pointer_expression_and_manager() {
        let expected = expected(
            "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  ignoreDifferences:
    - group: apps
      kind: Deployment
      name: web
      jsonPointers: [/spec/replicas]
      jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == \"a\")', 'walk(.)']
    - group: '*'
      kind: '*'
      managedFieldsManagers: [scaler]
",
        );
        let [pointers, managers] = &expected.expectations[..] else { panic!("{expected:?}") };
        assert_eq!((&pointers.groups[..], &pointers.names[..]), (&["apps".to_owned()][..], &["web".to_owned()][..]));
        let paths = ["/spec/replicas", "/spec/template/spec/containers/name=a"];
        assert_eq!(pointers.paths, paths.map(|path| FieldPattern::parse(path).unwrap()));
        assert_eq!((managers.groups.len(), &managers.managers[..]), (0, &["scaler".to_owned()][..]));
        assert_eq!(
            expected.notices,
            ["a rule of Application argocd/shop is not taken over: `walk(.)` is not understood as the path of a field"]
        );
    }

    #[test]
    fn argocd_cm_ignores_for_all_applications() {
        let expected = expected(
            "apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm}
data:
  resource.customizations.ignoreDifferences.all: |
    managedFieldsManagers: [kube-controller-manager]
  resource.customizations.ignoreDifferences.apps_Deployment: |
    jsonPointers: [/spec/replicas]
  resource.customizations: |
    admissionregistration.k8s.io/MutatingWebhookConfiguration:
      ignoreDifferences: |
        jsonPointers: [/webhooks/0/clientConfig/caBundle]
",
        );
        let kinds: Vec<_> = expected.expectations.iter().map(|it| it.kinds.join(",")).collect();
        assert_eq!(kinds, ["", "Deployment", "MutatingWebhookConfiguration"]);
        assert!(expected.notices.is_empty());
    }

    #[test]
    fn flux_ignores_by_target() {
        let expected = expected(
            "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: shop}
spec:
  driftDetection:
    ignore:
      - paths: [/spec/replicas]
        target: {kind: Deployment, name: 'web.*|api'}
      - paths: [/metadata/annotations/a~1b]
      - paths: [/data]
        target: {labelSelector: app=web}
      - paths: [/data]
        target: {name: 'a(b)?'}
",
        );
        let names: Vec<_> = expected.expectations.iter().map(|it| it.names.join(",")).collect();
        assert_eq!(names, ["web*,api", ""]);
        assert_eq!(expected.notices.len(), 2);
    }
}
