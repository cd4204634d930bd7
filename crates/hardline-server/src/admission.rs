//! What becomes of a request: the verdict of `hardline check` on one object, laid over the cluster.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hardline_cluster::observed::Observed;
use hardline_core::admission::{ENFORCEMENT_LABEL, SYSTEM_NAMESPACES, TEMPLATE_CONTROLLERS};
use hardline_core::config::{Config, Date};
use hardline_core::edit::Edit;
use hardline_core::finding::{Finding, Place};
use hardline_core::fingerprint::Fingerprint;
use hardline_core::inventory::Inventory;
use hardline_core::path::FieldPath;
use hardline_core::profile::Enforcement;
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_core::tree::{Limits, Value};
use hardline_core::verdict::{Exempted, Judge, Judged};
use hardline_core::workload::Workload;
use hardline_manifest::json;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::date;
use crate::configuration::Configuration;
use crate::guard::Guarded;
use crate::install::NAME;
use crate::reach;
use crate::review::{Operation, Review};

/// The label on an object that refuses its deletion until it is taken off: `true`.
pub const DELETE_PROTECTION_LABEL: &str = "hardline.dev/delete-protection";

/// How requests are judged.
#[derive(Debug, Clone)]
pub struct Options {
    /// How much findings may do where no label says so.
    pub enforcement: Enforcement,
    /// The most that a finding may do which rests on something not being there. Objects are applied
    /// one after the other, and what was admitted is seen a moment later.
    pub absence: Enforcement,
    /// Which findings count when an object is changed.
    pub updates: Updates,
    /// The namespace that hardline runs in, which is not judged.
    pub own_namespace: Option<String>,
}

/// Which findings count when an object is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updates {
    /// Those that the object did not have before: nobody is kept from mending something else, and
    /// finalizers can always be removed.
    Worse,
    /// All.
    All,
}

/// Decides on requests by what the cluster holds.
#[derive(Debug)]
pub struct Admission {
    options: Options,
    /// The user name of hardline itself.
    own_user: Option<String>,
    configuration: Configuration,
    judge: ArcSwap<Appointed>,
    cluster: watch::Receiver<Arc<Observed>>,
}

/// Who judges by a configuration on one day: ends of exemptions are compared with that.
#[derive(Debug)]
struct Appointed {
    config: Arc<Config>,
    judge: Judge,
}

/// What becomes of a request.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// Why it is refused, if it is, in a text that `kubectl` shows as it is.
    pub refusal: Option<String>,
    /// What stands against the object, with what it does here.
    pub findings: Vec<Judged>,
    /// What the object had already before it was changed, or its owner has.
    pub unchanged: Vec<Judged>,
    /// What somebody has answered for.
    pub exempted: Vec<Exempted>,
    /// The rules that could not be evaluated.
    pub unevaluated: Vec<&'static str>,
    /// What the change does to others, for the user to know.
    pub consequences: Vec<String>,
    /// What the guard makes of it, in a guarded namespace.
    pub guarded: Option<Guarded>,
}

impl Decision {
    /// The findings that do this.
    pub fn that(&self, enforcement: Enforcement) -> impl Iterator<Item = &Judged> {
        self.findings.iter().filter(move |judged| judged.enforcement == enforcement)
    }

    /// Whether the request is refused.
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some() || self.that(Enforcement::Deny).next().is_some()
    }

    /// Whether the user is told something although the request may pass.
    pub fn warns(&self) -> bool {
        !self.consequences.is_empty() || self.that(Enforcement::Warn).next().is_some()
    }

    fn refused(why: impl Into<String>) -> Self {
        Self { refusal: Some(why.into()), ..Self::default() }
    }
}

impl Admission {
    /// Decides by a configuration, and what a cluster holds at the time of each request.
    pub fn new(
        options: Options,
        configuration: impl Into<Configuration>,
        cluster: watch::Receiver<Arc<Observed>>,
    ) -> Self {
        let configuration = configuration.into();
        let own_user = options.own_namespace.as_ref().map(|own| format!("system:serviceaccount:{own}:{NAME}"));
        let config = configuration.now();
        let judge = ArcSwap::from_pointee(Appointed::on(config.today, config));
        Self { options, own_user, configuration, judge, cluster }
    }

    /// Decides on a request made at this time.
    pub fn decide(&self, review: &Review, now: Timestamp) -> Decision {
        let observed = self.cluster.borrow().clone();
        let cluster = &observed.inventory;
        if self.is_exempt(review) {
            return Decision::default();
        }
        let appointed = self.judge(date(now));
        let judge = &appointed.judge;
        let guarded = Guarded::of(review, cluster, &judge.config().guard, self.own_user.as_deref(), now);
        let refusal = guarded.as_ref().and_then(Guarded::refusal).map(str::to_owned).or_else(|| protection(review));
        let mut decision = match refusal {
            Some(why) => Decision::refused(why),
            None => self.judgement(review, cluster, judge),
        };
        decision.consequences.extend(guarded.as_ref().and_then(Guarded::warning).map(str::to_owned));
        Decision { guarded, ..decision }
    }

    /// What the rules say.
    fn judgement(&self, review: &Review, cluster: &Inventory, judge: &Judge) -> Decision {
        let Some((object, before)) = self.judged(review, cluster) else {
            let goes = review.old.as_ref().filter(|_| review.operation == Operation::Delete);
            let tell = goes.filter(|old| self.enforcement(old, cluster) >= Enforcement::Warn);
            return Decision { consequences: reach::changed(cluster, None, tell), ..Decision::default() };
        };
        let mut decision = found(cluster, &object, before.as_ref(), judge);
        let most = self.enforcement(&object, cluster);
        if most >= Enforcement::Warn {
            let old = review.old.as_ref();
            decision.consequences = reach::changed(cluster, Some(&object), old);
            decision.consequences.extend(consequences(cluster, &object, old, judge));
        }
        for judged in decision.findings.iter_mut().chain(&mut decision.unchanged) {
            let most = if judged.finding.absence { most.min(self.options.absence) } else { most };
            judged.enforcement = judged.enforcement.min(most);
        }
        decision
    }

    /// Whether the request is none of hardline's business, whatever it is.
    fn is_exempt(&self, review: &Review) -> bool {
        let namespace = review.namespace();
        namespace.is_some_and(|it| SYSTEM_NAMESPACES.contains(&it) || Some(it) == self.options.own_namespace.as_deref())
            || matches!(review.resource(), ("coordination.k8s.io", "leases"))
            || review.subresource() == "status"
    }

    /// The object to judge, and the one whose findings it may keep. `None` where nothing is judged.
    fn judged(&self, review: &Review, cluster: &Inventory) -> Option<(Resource, Option<Resource>)> {
        if review.subresource() == "scale" && review.operation == Operation::Update {
            let replicas = review.object.as_ref()?.spec("replicas").and_then(Value::int)?;
            let old = scaled(review, cluster)?;
            return Some((with_replicas(old, replicas)?, Some(old.clone())));
        }
        let object = review.object.clone()?;
        let is_going = object.value().at(&["metadata", "deletionTimestamp"]).is_some();
        if is_going || is_from_template(review, &object) {
            return None;
        }
        match (review.operation, review.subresource()) {
            (Operation::Create, "") => {
                let owner = owner(&object, cluster).cloned();
                Some((object, owner))
            }
            (Operation::Update, "" | "ephemeralcontainers" | "resize") => {
                let keeps = self.options.updates == Updates::Worse;
                Some((object, review.old.clone().filter(|_| keeps)))
            }
            _ => None,
        }
    }

    /// How much findings may do: what the namespace says, or more if the object wishes.
    fn enforcement(&self, object: &Resource, cluster: &Inventory) -> Enforcement {
        let of = |resource: &Resource| {
            let label = resource.label(ENFORCEMENT_LABEL)?;
            Enforcement::ALL.into_iter().find(|enforcement| enforcement.name() == label)
        };
        let namespace = object.namespace().and_then(|name| cluster.find(Kind::Namespace, None, name));
        let here = namespace.and_then(of).unwrap_or(self.options.enforcement);
        of(object).map_or(here, |own| own.max(here))
    }

    /// Who judges on a day.
    fn judge(&self, today: Date) -> Arc<Appointed> {
        let config = self.configuration.now();
        let appointed = self.judge.load_full();
        if Arc::ptr_eq(&appointed.config, &config) && appointed.judge.config().today == today {
            return appointed;
        }
        let appointed = Arc::new(Appointed::on(today, config));
        self.judge.store(appointed.clone());
        appointed
    }
}

impl Appointed {
    fn on(today: Date, config: Arc<Config>) -> Self {
        let judge = Judge::new(Config { today, ..(*config).clone() });
        Self { config, judge }
    }
}

/// Why an object may not be deleted, if it is marked so. Those that clean up after owners and
/// namespaces are let through.
fn protection(review: &Review) -> Option<String> {
    let old = review.old.as_ref().filter(|_| review.operation == Operation::Delete)?;
    if old.label(DELETE_PROTECTION_LABEL) != Some("true") || review.user().is_system() {
        return None;
    }
    let id = old.id();
    Some(format!(
        "{id} is protected from deletion by its label `{DELETE_PROTECTION_LABEL}`\n\n\
         Take the label off first, where changes are reviewed. Then it can be deleted."
    ))
}

/// Whether a controller of Kubernetes makes the object from a template, which was judged itself.
/// That an object names an owner proves nothing; who makes it does.
pub(crate) fn is_from_template(review: &Review, object: &Resource) -> bool {
    let user = review.user().name();
    let controller = user.strip_prefix("system:serviceaccount:kube-system:");
    let is_controller =
        user == "system:kube-controller-manager" || controller.is_some_and(|name| TEMPLATE_CONTROLLERS.contains(&name));
    is_controller && controller_of(object).is_some()
}

/// The owner that controls an object, by the object's own account.
pub(crate) fn controller_of(object: &Resource) -> Option<Value<'_>> {
    let owners = object.value().at(&["metadata", "ownerReferences"]);
    let mut owners = owners.into_iter().flat_map(Value::items);
    owners.find(|owner| owner.get("controller").and_then(Value::bool) == Some(true))
}

/// The owner of an object, where the cluster knows it by this name and uid.
fn owner<'c>(object: &'c Resource, cluster: &'c Inventory) -> Option<&'c Resource> {
    let reference = controller_of(object)?;
    let text = |key| reference.get(key).and_then(Value::str);
    let (kind, name, uid) = (text("kind")?, text("name")?, text("uid")?);
    let group = text("apiVersion")?.rsplit_once('/').map_or("", |(group, _)| group);
    let is_owner = |owner: &&Resource| {
        (owner.group(), owner.kind_name()) == (group, kind)
            && owner.value().at(&["metadata", "uid"]).and_then(Value::str) == Some(uid)
    };
    cluster.named(Kind::of(group, kind), object.namespace(), name).find(is_owner)
}

/// The workload that a `scale` is about.
fn scaled<'c>(review: &Review, cluster: &'c Inventory) -> Option<&'c Resource> {
    let kind = match review.resource() {
        ("apps", "deployments") => Kind::Deployment,
        ("apps", "statefulsets") => Kind::StatefulSet,
        ("apps", "replicasets") => Kind::ReplicaSet,
        ("", "replicationcontrollers") => Kind::ReplicationController,
        _ => return None,
    };
    cluster.find(kind, review.namespace(), review.name())
}

fn with_replicas(workload: &Resource, replicas: i64) -> Option<Resource> {
    let mut value = workload.value().to_json();
    Edit::set(FieldPath::of(&["spec", "replicas"]), replicas).apply(&mut value).ok()?;
    let tree = json::read(&Arc::new(Source::new("", value.to_string())), Limits::default()).ok()?;
    let root = tree.roots().next()?.id();
    let scaled = Resource::new(tree, root).ok()?;
    Some(scaled.with_default_namespace(workload.default_namespace().map(Arc::from)))
}

/// What is found in an object as one of a cluster. What `before` had already is kept apart.
fn found(cluster: &Inventory, object: &Resource, before: Option<&Resource>, judge: &Judge) -> Decision {
    let with = cluster.with(vec![object.clone()]);
    let mut judgement = judge.judge(&with);
    judgement.findings.retain(|judged| is_about(&judged.finding, object));
    let (mut findings, mut unchanged) = (judgement.findings, Vec::new());
    if let Some(before) = before.filter(|_| !findings.is_empty()) {
        let with_before = cluster.with(vec![before.clone()]);
        let mut had: HashMap<_, usize> = HashMap::new();
        for judged in judge.judge(&with_before).findings {
            *had.entry(place(&judged.finding, &with_before)).or_default() += 1;
        }
        (unchanged, findings) = findings.into_iter().partition(|judged| {
            let left = had.get_mut(&place(&judged.finding, &with)).filter(|left| **left > 0);
            left.map(|left| *left -= 1).is_some()
        });
    }
    let unevaluated = judgement.unevaluated.iter().map(|lack| lack.rule).collect();
    Decision { findings, unchanged, unevaluated, exempted: judgement.exempted, ..Decision::default() }
}

/// Whether a finding is about an object, and not about the configuration.
fn is_about(finding: &Finding, object: &Resource) -> bool {
    match &finding.place {
        Place::Field { .. } => true,
        Place::Text { source, .. } => Arc::ptr_eq(source, object.source()),
    }
}

/// The rule and the field of a finding, alike in a template and in what is made from it.
fn place(finding: &Finding, inventory: &Inventory) -> (String, String) {
    let Fingerprint { rule, path, .. } = Fingerprint::of(finding, inventory);
    let template = match &finding.place {
        Place::Field { resource, .. } => inventory.get(*resource).and_then(Workload::of),
        Place::Text { .. } => None,
    };
    let template = template.map(|workload| workload.template_path().to_string()).unwrap_or_default();
    let path = path.strip_prefix(&template).map(str::to_owned).unwrap_or(path);
    (rule, path)
}

/// What a changed workload does to the Services and disruption budgets that selected its pods.
fn consequences(cluster: &Inventory, object: &Resource, old: Option<&Resource>, judge: &Judge) -> Vec<String> {
    let labels = |resource| Workload::of(resource)?.pod_labels().map(Value::to_json);
    let Some(old) = old.filter(|old| labels(old) != labels(object)) else { return Vec::new() };
    let Some(workload) = Workload::of(old) else { return Vec::new() };
    let selecting = [Kind::Service, Kind::PodDisruptionBudget].into_iter();
    let neighbours: Vec<_> = selecting.flat_map(|kind| cluster.selecting(kind, &workload)).cloned().collect();
    if neighbours.is_empty() {
        return Vec::new();
    }
    let found = |workload: &Resource| -> Vec<(String, String)> {
        let with = cluster.with(vec![workload.clone()]).with(neighbours.clone());
        let findings = judge.judge(&with).findings.into_iter().map(|judged| judged.finding);
        let fields = findings.filter(|finding| matches!(finding.place, Place::Field { .. }));
        fields.map(|finding| (Fingerprint::of(&finding, &with).to_string(), said(&finding, &with))).collect()
    };
    let before = found(old);
    let after = found(object).into_iter();
    after.filter(|(id, _)| !before.iter().any(|(had, _)| had == id)).map(|(_, message)| message).collect()
}

/// A finding about another resource than the request's, with that resource's name.
fn said(finding: &Finding, inventory: &Inventory) -> String {
    match &finding.place {
        Place::Field { resource, .. } => {
            format!("[{}] {}: {}", finding.rule.id, inventory[*resource].id(), finding.message)
        }
        Place::Text { .. } => finding.message.to_string(),
    }
}
