//! The walk along two objects and their shape.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::classify::{Extra as Verdict, Owners, blame_removal};
use super::defaults::{Extra, is_allocated, is_zero};
use super::managed::{Element, ManagedPath};
use super::roles::Ownership;
use super::shape::{DefaultValue, Form, Meaning, Shape};
use super::{Class, Comparison, Difference, Options};
use crate::path::{FieldPath, Segment};
use crate::quantity::Quantity;
use crate::resource::{Kind, Resource};
use crate::tree::{NodeKind, Value};

/// Fields of the root that say what the object is, or how it fares.
const ROOT: [&str; 3] = ["apiVersion", "kind", "status"];
/// Fields of `metadata` that name the object, or are the API server's alone.
pub(super) const METADATA: [&str; 11] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generateName",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// Labels and annotations that tell how or when an object was deployed, or that keep a record.
const MARKS: [&str; 23] = [
    "app.kubernetes.io/managed-by",
    "argocd.argoproj.io/installation-id",
    "argocd.argoproj.io/tracking-id",
    "autoscaling.alpha.kubernetes.io/conditions",
    "autoscaling.alpha.kubernetes.io/current-metrics",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "helm.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubectl.kubernetes.io/restartedAt",
    "kubernetes.io/change-cause",
    "kubernetes.io/metadata.name",
    "kustomize.toolkit.fluxcd.io/checksum",
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
    // Once init containers were written so; the API server drops what is left of it.
    "pod.alpha.kubernetes.io/init-container-statuses",
    "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses",
    "pod.beta.kubernetes.io/init-containers",
    "rollme",
];
/// Lists whose order says nothing although they are merged as a whole: type and field.
const UNORDERED: [(&str, &str); 5] = [
    ("EndpointSubset", "addresses"),
    ("EndpointSubset", "notReadyAddresses"),
    ("EndpointSubset", "ports"),
    ("Endpoints", "subsets"),
    ("HorizontalPodAutoscalerSpec", "metrics"),
];
/// Lists that are searched from the front; longer ones are indexed.
const SHORT: usize = 16;

/// Holds an observed object against its desired form. `definition` is the
/// `CustomResourceDefinition` of its kind, if it is a custom one.
///
/// `status` and what the API server alone writes are not compared. Objects of different versions of
/// an API are compared in their metadata only.
pub fn compare(desired: &Resource, observed: &Resource, definition: Option<&Resource>, options: Options) -> Comparison {
    let mut walk = Walk {
        observed,
        kind: observed.kind(),
        options,
        ownership: OnceCell::new(),
        comparison: Comparison::default(),
        probing: false,
        differs: false,
        on_host_network: false,
        amounts: None,
    };
    let (d, l) = (desired.value(), observed.value());
    if desired.api_version() == observed.api_version() {
        let shape = Shape::of(observed, definition);
        walk.map(Some(d), Some(l), shape, &Place::ROOT);
    } else {
        let (desired, observed) = (desired.api_version(), observed.api_version());
        walk.comparison.refused =
            Some(format!("{observed} is observed and {desired} desired: only metadata is compared"));
        let metadata = |value: Value<'_>| value.get("metadata").is_some();
        if metadata(d) || metadata(l) {
            let place = Place::ROOT.field("metadata", true, true);
            walk.map(d.get("metadata"), l.get("metadata"), Shape::of_metadata(), &place);
        }
    }
    walk.comparison
}

struct Walk<'a> {
    observed: &'a Resource,
    kind: Kind,
    options: Options,
    ownership: OnceCell<Ownership<'a>>,
    comparison: Comparison,
    /// Only whether there is any difference is asked.
    probing: bool,
    differs: bool,
    /// Whether the pod around is on its node's network.
    on_host_network: bool,
    /// The amounts around that others may be derived from.
    amounts: Option<Value<'a>>,
}

/// A place in both objects.
struct Place<'p> {
    parent: Option<&'p Self>,
    step: Step<'p>,
    /// Where the step leads in the desired object, unless that lacks it.
    desired: Option<u32>,
    observed: Option<u32>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Field(&'p str),
    /// An item of a list by these fields.
    Keyed(&'p [&'p str], Value<'p>, Shape<'p>),
    /// An item of a set.
    Item(Value<'p>),
    /// An item by its place.
    At(u32),
}

impl Place<'_> {
    const ROOT: Self = Place { parent: None, step: Step::Root, desired: Some(0), observed: Some(0) };

    fn field<'q>(&'q self, name: &'q str, desired: bool, observed: bool) -> Place<'q> {
        Place {
            parent: Some(self),
            step: Step::Field(name),
            desired: self.desired.filter(|_| desired),
            observed: self.observed.filter(|_| observed),
        }
    }

    fn item<'q>(&'q self, step: Step<'q>, desired: Option<usize>, observed: Option<usize>) -> Place<'q> {
        let index = |of: Option<u32>, at: Option<usize>| of.and(at).map(|at| at as u32);
        Place {
            parent: Some(self),
            step,
            desired: index(self.desired, desired),
            observed: index(self.observed, observed),
        }
    }

    /// The steps from the root, the root excluded.
    fn steps(&self) -> Vec<&Place<'_>> {
        let mut steps: Vec<_> = std::iter::successors(Some(self), |place| place.parent).collect();
        steps.pop();
        steps.reverse();
        steps
    }

    fn managed(&self) -> ManagedPath {
        let element = |place: &&Place<'_>| match place.step {
            Step::Root => None,
            Step::Field(name) => Some(Element::Field(name.to_owned())),
            Step::Item(value) => Some(Element::Item(value.to_json())),
            Step::At(index) => Some(Element::Index(index)),
            Step::Keyed(keys, item, shape) => Some(Element::key(keys.iter().map(|key| {
                let value = item.get(key).map(Value::to_json).or_else(|| default_key(shape, key));
                ((*key).to_owned(), value.unwrap_or_default())
            }))),
        };
        ManagedPath(self.steps().iter().filter_map(element).collect())
    }

    /// The path in one of the objects, as far as it exists there or would be made.
    fn path(&self, side: impl Fn(&Place<'_>) -> Option<u32>) -> (FieldPath, bool) {
        let mut segments = Vec::new();
        let mut exists = true;
        for place in self.steps() {
            let at = side(place);
            exists &= at.is_some();
            match (place.step, at) {
                (Step::Field(name), _) => segments.push(Segment::Key(Cow::Owned(name.to_owned()))),
                (_, Some(at)) => segments.push(Segment::Index(at)),
                // An item that is not there has no index; its list is the nearest place.
                (_, None) => break,
            }
        }
        (FieldPath::from_iter(segments), exists)
    }

    fn is_below(&self, field: &str) -> bool {
        self.steps().iter().any(|place| matches!(place.step, Step::Field(name) if name == field))
    }

    fn depth(&self) -> usize {
        std::iter::successors(self.parent, |place| place.parent).count()
    }

    fn name(&self) -> &str {
        match self.step {
            Step::Field(name) => name,
            _ => "",
        }
    }

    /// Whether this is a map of labels or annotations.
    fn is_marks(&self) -> bool {
        matches!(self.name(), "labels" | "annotations") && self.parent.is_some_and(|parent| parent.name() == "metadata")
    }
}

fn default_key(shape: Shape<'_>, key: &str) -> Option<Json> {
    match shape.default_of(key)? {
        DefaultValue::Published(json) => serde_json::from_str(json).ok(),
        DefaultValue::Custom(value) => Some(value.to_json()),
    }
}

impl<'a> Walk<'a> {
    /// Compares two maps; one that is absent is empty.
    fn map(&mut self, d: Option<Value<'a>>, l: Option<Value<'a>>, shape: Shape<'a>, at: &Place<'_>) {
        let skipped = |name: &str| match at.depth() {
            0 => ROOT.contains(&name),
            1 => at.name() == "metadata" && METADATA.contains(&name),
            // The API server stores the whole object that is to be made of a template.
            _ => shape.type_name() == "PersistentVolumeClaim" && ROOT.contains(&name),
        };
        // What is not stored as it is desired is not desired.
        let is_desired = |name: &str, value: Value<'_>| !(value.is_null() || shape.drops_zero(name) && is_zero(value));
        let outer = (self.on_host_network, self.amounts);
        if matches!(shape.type_name(), "LimitRangeItem" | "ResourceRequirements") {
            self.amounts = l;
        }
        if shape.type_name() == "PodSpec" {
            let host = |value: Option<Value<'_>>| value.and_then(|spec| spec.get("hostNetwork")).and_then(Value::bool);
            self.on_host_network = host(l) == Some(true);
        }
        let is_secret = self.kind == Kind::Secret && at.parent.is_none();
        for entry in d.into_iter().flat_map(Value::entries) {
            let name = entry.key.raw();
            if skipped(name) || (is_secret && matches!(name, "data" | "stringData")) || entry.value.is_null() {
                continue;
            }
            let observed = l.and_then(|l| l.get(name));
            let both_zero = observed.is_some_and(is_zero);
            if !both_zero && !is_desired(name, entry.value) {
                continue;
            }
            match (shape.field(name), observed) {
                (Some(inner), Some(observed)) => {
                    let at = at.field(name, true, true);
                    self.value(entry.value, observed, inner, Some((shape, name)), &at);
                }
                (Some(inner), None) => self.missing(entry.value, inner, (shape, name), &at.field(name, true, false)),
                // What the schema does not know cannot be observed.
                (None, _) => self.explain(Class::Dropped, &at.field(name, true, false)),
            }
        }
        if is_secret {
            self.secret(d, l, at);
        }
        let Some(parent) = l else { return };
        for entry in parent.entries() {
            let name = entry.key.raw();
            let desired = d.and_then(|d| d.get(name)).is_some_and(|d| is_desired(name, d) || is_zero(entry.value));
            let secret = is_secret && matches!(name, "data" | "stringData");
            if desired || entry.value.is_null() || skipped(name) || secret {
                continue;
            }
            let inner = shape.field(name).unwrap_or(Shape::Unknown);
            let on_host_network = self.on_host_network;
            let extra = Extra { shape, parent, name, value: entry.value, on_host_network };
            self.extra(extra, inner, &at.field(name, false, true));
        }
        (self.on_host_network, self.amounts) = outer;
    }

    /// Compares what both objects have.
    fn value(
        &mut self,
        d: Value<'a>,
        l: Value<'a>,
        shape: Shape<'a>,
        field: Option<(Shape<'a>, &'a str)>,
        at: &Place<'_>,
    ) {
        match (d.kind(), l.kind()) {
            (NodeKind::Map, NodeKind::Map) if self.probing || shape.map_form() == Form::Granular => {
                self.map(Some(d), Some(l), shape, at);
            }
            (NodeKind::Map, NodeKind::Map) => {
                if self.probe(|walk| walk.map(Some(d), Some(l), shape, at)) {
                    self.changed(field, at);
                }
            }
            (NodeKind::Seq, NodeKind::Seq) => self.list(Some(d), Some(l), shape, field, at),
            _ if same_scalar(d, l, shape.meaning()) => {}
            _ => self.changed(field, at),
        }
    }

    /// Whether there is any difference in what `inner` compares.
    fn probe(&mut self, inner: impl FnOnce(&mut Self)) -> bool {
        let outer = (self.probing, self.differs);
        (self.probing, self.differs) = (true, false);
        inner(self);
        let differs = self.differs;
        (self.probing, self.differs) = outer;
        differs
    }

    fn list(
        &mut self,
        d: Option<Value<'a>>,
        l: Option<Value<'a>>,
        shape: Shape<'a>,
        field: Option<(Shape<'a>, &'a str)>,
        at: &Place<'_>,
    ) {
        let items = |list: Option<Value<'a>>| list.into_iter().flat_map(Value::items).collect::<Vec<_>>();
        let (d, l) = (items(d), items(l));
        match shape.list_form() {
            Form::Keyed(keys) => self.keyed(&d, &l, &keys, shape.item(), at),
            Form::Set => self.set(&d, &l, at),
            Form::Atomic | Form::Granular => {
                let item = shape.item();
                let unordered =
                    field.is_some_and(|(of, name)| UNORDERED.binary_search(&(of.type_name(), name)).is_ok());
                let differs = if d.len() != l.len() {
                    true
                } else if unordered {
                    self.differ_as_sets(&d, &l, item, at)
                } else {
                    self.probe(|walk| {
                        for (index, (d, l)) in d.iter().zip(&l).enumerate() {
                            let at = at.item(Step::At(index as u32), Some(index), Some(index));
                            walk.value(*d, *l, item, None, &at);
                        }
                    })
                };
                if differs {
                    self.changed(field, at);
                }
            }
        }
    }

    /// Whether two lists of the same length hold different items, whatever their order.
    fn differ_as_sets(&mut self, d: &[Value<'a>], l: &[Value<'a>], item: Shape<'a>, at: &Place<'_>) -> bool {
        if d.len() > 1000 {
            return d.iter().map(|item| item.to_json()).ne(l.iter().map(|item| item.to_json()));
        }
        let mut left: Vec<Value<'a>> = l.to_vec();
        d.iter().any(|&d| {
            let same = left.iter().position(|&l| !self.probe(|walk| walk.value(d, l, item, None, at)));
            same.map(|at| left.swap_remove(at)).is_none()
        })
    }

    /// Compares lists whose items are told apart by key fields.
    fn keyed(&mut self, d: &[Value<'a>], l: &[Value<'a>], keys: &[&'a str], item: Shape<'a>, at: &Place<'_>) {
        let matched = matched(d, l, keys, item);
        let mut taken = vec![false; l.len()];
        for (index, (&desired, found)) in d.iter().zip(&matched).enumerate() {
            if let Some(found) = *found {
                taken[found] = true;
                let at = at.item(Step::Keyed(keys, desired, item), Some(index), Some(found));
                self.value(desired, l[found], item, None, &at);
            } else {
                self.removed(&at.item(Step::Keyed(keys, desired, item), Some(index), None));
            }
        }
        // The order of init containers is the order in which they run.
        if at.name() == "initContainers" && !matched.iter().flatten().is_sorted() {
            self.changed(None, at);
        }
        for (index, &observed) in l.iter().enumerate().filter(|(index, _)| !taken[*index]) {
            let at = at.item(Step::Keyed(keys, observed, item), None, Some(index));
            self.extra_item(observed, item, &at);
        }
    }

    /// Compares lists of distinct scalars.
    fn set(&mut self, d: &[Value<'a>], l: &[Value<'a>], at: &Place<'_>) {
        let position = |all: &[Value<'a>], item: Value<'a>| all.iter().position(|other| other.raw() == item.raw());
        for (index, &item) in d.iter().enumerate() {
            if position(l, item).is_none() {
                self.removed(&at.item(Step::Item(item), Some(index), None));
            }
        }
        for (index, &item) in l.iter().enumerate() {
            if position(d, item).is_none() {
                self.extra_item(item, Shape::Unknown, &at.item(Step::Item(item), None, Some(index)));
            }
        }
    }

    /// What the observed object lacks.
    fn missing(&mut self, d: Value<'a>, shape: Shape<'a>, (parent, name): (Shape<'a>, &str), at: &Place<'_>) {
        let says_nothing = says_nothing(d, shape, is_struct_in_place(parent, name))
            || (at.parent.is_some_and(Place::is_marks) && MARKS.contains(&name))
            // A server of another version may not have the field: nothing is lost with a default.
            || Extra { shape: parent, parent: d, name, value: d, on_host_network: false }.is_default();
        if says_nothing {
            self.explain(Class::Immaterial, at);
        } else {
            self.removed(at);
        }
    }

    /// A field that only the observed object has.
    fn extra(&mut self, extra: Extra<'a>, shape: Shape<'a>, at: &Place<'_>) {
        let value = extra.value;
        let is_struct = value.kind() == NodeKind::Map && !shape.is_free_map() && shape.map_form() == Form::Granular;
        let all_default = |walk: &mut Self| {
            is_struct && !is_empty(value) && !walk.probe(|walk| walk.map(None, Some(value), shape, at))
        };
        if says_nothing(value, shape, is_struct_in_place(extra.shape, extra.name)) {
            return self.explain(Class::Immaterial, at);
        }
        if extra.is_default() || all_default(self) {
            return self.explain(Class::Default, at);
        }
        if at.parent.is_some_and(Place::is_marks) {
            if MARKS.contains(&extra.name) {
                return self.explain(Class::Immaterial, at);
            }
            if at.depth() == 3 && self.is_of_template(extra) {
                return self.explain(Class::Default, at);
            }
        }
        if self.is_derived_amount(extra, at) {
            return self.explain(Class::Default, at);
        }
        if value.kind() == NodeKind::Map && shape.is_free_map() && shape.map_form() == Form::Granular {
            return self.map(None, Some(value), shape, at);
        }
        if self.probing {
            self.differs = true;
            return;
        }
        if self.is_aggregated(at) {
            return self.explain(Class::Controlled, at);
        }
        if extra.is_allocated() && !self.owners(&at.managed()).any_person() {
            return self.explain(Class::Allocated, at);
        }
        let may_default = !extra.shape.is_free_map();
        self.judge_extra(value, shape, may_default, at);
    }

    /// Whether a label is the one of the pod template: objects of some kinds get these by default.
    fn is_of_template(&self, extra: Extra<'_>) -> bool {
        let labels = self.observed.value().at(&["spec", "template", "metadata", "labels"]);
        let same = labels.and_then(|labels| labels.get(extra.name)).is_some_and(|it| it.raw() == extra.value.raw());
        matches!(self.kind, Kind::Job | Kind::ReplicationController) && same
    }

    /// Whether an amount follows from one beside it.
    fn is_derived_amount(&self, extra: Extra<'_>, at: &Place<'_>) -> bool {
        let sources: &[&str] = match at.parent.map_or("", Place::name) {
            "requests" if self.kind == Kind::Pod => &["limits"],
            "default" => &["max"],
            "defaultRequest" => &["default", "max", "min"],
            _ => return false,
        };
        let amounts = sources.iter().filter_map(|source| self.amounts?.at(&[source, extra.name]));
        let mut same = amounts.map(|amount| same_scalar(amount, extra.value, Meaning::Quantity));
        same.next() == Some(true)
    }

    /// An item of a list that only the observed object has: no default adds items.
    fn extra_item(&mut self, value: Value<'a>, shape: Shape<'a>, at: &Place<'_>) {
        if self.probing {
            self.differs = true;
        } else {
            self.judge_extra(value, shape, false, at);
        }
    }

    fn judge_extra(&mut self, value: Value<'a>, shape: Shape<'a>, may_default: bool, at: &Place<'_>) {
        let path = at.managed();
        let has_parts = match value.kind() {
            NodeKind::Map => shape.map_form() == Form::Granular,
            NodeKind::Seq => matches!(shape.list_form(), Form::Keyed(_) | Form::Set),
            _ => false,
        };
        match self.owners(&path).extra(may_default, has_parts) {
            Verdict::Is(class) => self.tell(class, at),
            Verdict::Look if value.kind() == NodeKind::Map => self.map(None, Some(value), shape, at),
            Verdict::Look => self.list(None, Some(value), shape, None, at),
        }
    }

    fn changed(&mut self, field: Option<(Shape<'a>, &str)>, at: &Place<'_>) {
        if self.probing {
            self.differs = true;
            return;
        }
        let owners = self.owners(&at.managed());
        let class = match owners.changed() {
            Class::Changed if field.is_some_and(|(of, name)| is_allocated(of, name)) && !owners.any_person() => {
                Class::Allocated
            }
            _ if at.parent.is_some_and(Place::is_marks) && MARKS.contains(&at.name()) => Class::Immaterial,
            Class::Changed if self.is_aggregated(at) => Class::Controlled,
            // What a deployer owns and did not deploy is still to come, unless it has all been deployed.
            Class::Admission if !self.options.deployed => Class::Pending,
            class => class,
        };
        self.tell(class, at);
    }

    /// Whether these are the rules of a `ClusterRole` that gathers those of others.
    fn is_aggregated(&self, at: &Place<'_>) -> bool {
        self.kind == Kind::ClusterRole
            && at.depth() == 1
            && at.name() == "rules"
            && self.observed.value().get("aggregationRule").is_some()
    }

    fn removed(&mut self, at: &Place<'_>) {
        if self.probing {
            self.differs = true;
        } else {
            self.tell(Class::Removed, at);
        }
    }

    /// Compares the data of Secrets, which may be written as text.
    fn secret(&mut self, d: Option<Value<'a>>, l: Option<Value<'a>>, at: &Place<'_>) {
        let (desired, observed) = (secret_data(d), secret_data(l));
        let at = at.field("data", d.is_some(), l.is_some());
        for (name, wanted) in &desired {
            let found = observed.get(name);
            let at = at.field(name, true, found.is_some());
            match found {
                Some(found) if found == wanted => {}
                Some(_) => self.changed(None, &at),
                None if wanted.is_empty() => self.explain(Class::Immaterial, &at),
                None => self.removed(&at),
            }
        }
        for (name, found) in observed.iter().filter(|(name, _)| !desired.contains_key(*name)) {
            let at = at.field(name, false, true);
            if found.is_empty() {
                self.explain(Class::Immaterial, &at);
            } else {
                match self.owners(&at.managed()).extra(false, false) {
                    Verdict::Is(class) => self.tell(class, &at),
                    Verdict::Look => {}
                }
            }
        }
    }

    fn owners(&self, path: &ManagedPath) -> Owners<'_, 'a> {
        Owners::of(self.ownership(), &path.0)
    }

    fn ownership(&self) -> &Ownership<'a> {
        self.ownership.get_or_init(|| Ownership::of(self.observed))
    }

    /// Writes a difference down.
    fn tell(&mut self, class: Class, at: &Place<'_>) {
        if !class.is_told() {
            return self.explain(class, at);
        }
        let difference = self.difference(class, at);
        self.comparison.differences.push(difference);
    }

    /// Writes down what is no drift, if that is asked for.
    fn explain(&mut self, class: Class, at: &Place<'_>) {
        if self.probing {
            return;
        }
        self.comparison.explained += 1;
        if self.options.explained {
            let difference = self.difference(class, at);
            self.comparison.differences.push(difference);
        }
    }

    fn difference(&self, class: Class, at: &Place<'_>) -> Difference {
        let path = at.managed();
        let (place, desired) = at.path(|place| place.desired);
        let (seen, observed) = at.path(|place| place.observed);
        let blame = match class {
            Class::Removed => blame_removal(self.ownership()),
            class => self.owners(&path).blame(class),
        };
        Difference {
            class,
            desired: desired.then(|| place.clone()),
            observed: observed.then(|| seen.clone()),
            released: None,
            place,
            seen,
            blame,
            secret: self.kind == Kind::Secret && at.is_below("data"),
            because: None,
            path,
        }
    }
}

/// The data of a Secret in Base64, by key.
fn secret_data(secret: Option<Value<'_>>) -> BTreeMap<&str, String> {
    let entries = |name: &str| secret.and_then(|secret| secret.get(name)).into_iter().flat_map(Value::entries);
    let data = entries("data").map(|entry| (entry.key.raw(), entry.value.str().unwrap_or_default().to_owned()));
    let text = entries("stringData").map(|entry| (entry.key.raw(), STANDARD.encode(entry.value.raw())));
    data.chain(text).collect()
}

/// Where each desired item is among the observed ones. Items with the same key go in pairs.
fn matched(d: &[Value<'_>], l: &[Value<'_>], keys: &[&str], item: Shape<'_>) -> Vec<Option<usize>> {
    let key_of = |value: Value<'_>| -> Vec<String> {
        let text = |key: &&str| match value.get(key) {
            Some(value) => value.raw().to_owned(),
            None => default_key(item, key).map_or_else(String::new, |default| {
                default.as_str().map_or_else(|| default.to_string(), str::to_owned)
            }),
        };
        keys.iter().map(text).collect()
    };
    let same = |a: Value<'_>, b: Value<'_>| {
        // The first key decides nearly always, and then nothing is copied.
        let first = keys.first().map(|key| (a.get(key).map(Value::raw), b.get(key).map(Value::raw)));
        match first {
            Some((Some(a), Some(b))) if a != b => false,
            Some((Some(_), Some(_))) if keys.len() == 1 => true,
            _ => key_of(a) == key_of(b),
        }
    };
    if d.len().max(l.len()) <= SHORT {
        let mut taken = [false; SHORT];
        return d
            .iter()
            .map(|&d| {
                let found = l.iter().enumerate().position(|(at, &l)| !taken[at] && same(d, l))?;
                taken[found] = true;
                Some(found)
            })
            .collect();
    }
    let mut places: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
    for (at, &item) in l.iter().enumerate().rev() {
        places.entry(key_of(item)).or_default().push(at);
    }
    d.iter().map(|&item| places.get_mut(&key_of(item)).and_then(Vec::pop)).collect()
}

fn same_scalar(d: Value<'_>, l: Value<'_>, meaning: Meaning) -> bool {
    let is_number = |value: Value<'_>| matches!(value.kind(), NodeKind::Int | NodeKind::Float);
    let plain = match (d.kind(), l.kind()) {
        (NodeKind::Str, NodeKind::Str) => d.raw() == l.raw(),
        (NodeKind::Bool, NodeKind::Bool) => d.bool() == l.bool(),
        _ if is_number(d) && is_number(l) => match (d.int(), l.int()) {
            (Some(d), Some(l)) => d == l,
            _ => d.float() == l.float(),
        },
        _ => false,
    };
    plain || (meaning == Meaning::Quantity && matches!((Quantity::of(d), Quantity::of(l)), (Ok(d), Ok(l)) if d == l))
}

fn is_empty(value: Value<'_>) -> bool {
    value.entries().next().is_none() && value.items().next().is_none()
}

/// Whether Go holds a struct in this field, not a pointer to one: an empty one is as good as none.
fn is_struct_in_place(parent: Shape<'_>, name: &str) -> bool {
    matches!(parent.default_of(name), Some(DefaultValue::Published("{}")))
}

/// Whether a value means no more than an absent one.
fn says_nothing(value: Value<'_>, shape: Shape<'_>, in_place: bool) -> bool {
    match value.kind() {
        NodeKind::Null => true,
        NodeKind::Seq => is_empty(value),
        NodeKind::Map if is_empty(value) => in_place || shape.empty_is_absent() || is_cosmetic(shape),
        NodeKind::Map if in_place => value.entries().all(|entry| {
            let name = entry.key.raw();
            let zero = shape.drops_zero(name) && is_zero(entry.value);
            zero || shape
                .field(name)
                .is_some_and(|inner| says_nothing(entry.value, inner, is_struct_in_place(shape, name)))
        }),
        _ => false,
    }
}

/// Whether an empty value of this type, although it is stored, has no effect.
fn is_cosmetic(shape: Shape<'_>) -> bool {
    matches!(shape.type_name(), "Affinity" | "SecurityContext" | "PodSecurityContext" | "ResourceRequirements")
}
