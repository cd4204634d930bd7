//! The table of what the API of Kubernetes accepts, generated from what its releases publish.
//!
//! Go's module proxy holds the releases: the `OpenAPI` of a release (`api/openapi-spec`), the words
//! of its enumerations (`pkg/generated/openapi`), and in `k8s.io/api` and its kin when versions of
//! an API came and went (`zz_generated.prerelease-lifecycle.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, bail, ensure};
use hardline_core::schema::table::{MAGIC, Scalar};
use serde_json::Value as Json;

use crate::root;

/// The releases, each the newest of its minor version.
const RELEASES: [(u16, &str); 9] = [
    (29, "v1.29.6"),
    (30, "v1.30.14"),
    (31, "v1.31.14"),
    (32, "v1.32.13"),
    (33, "v1.33.13"),
    (34, "v1.34.4"),
    (35, "v1.35.4"),
    (36, "v1.36.3"),
    (37, "v1.37.2"),
];

/// Where lifecycles are declared. Types leave `k8s.io/api` some time after the API server has left
/// them, so older ones are read as well; the newest that declares a kind counts.
const LIFECYCLES: [&str; 8] = [
    "k8s.io/api@v0.37.2",
    "k8s.io/api@v0.33.13",
    "k8s.io/api@v0.29.15",
    "k8s.io/api@v0.25.9",
    "k8s.io/api@v0.22.5",
    "k8s.io/api@v0.20.6",
    "k8s.io/apiextensions-apiserver@v0.37.2",
    "k8s.io/kube-aggregator@v0.37.2",
];

/// Fields that releases publish as required, while their API servers take absence for an empty value.
const OPTIONAL: [(&str, &str); 3] =
    [("NetworkPolicySpec", "podSelector"), ("ScaleIOVolumeSource", "secretRef"), ("StatefulSetSpec", "serviceName")];

/// Strings and numbers that the API server holds to more than the `OpenAPI` says
/// (`pkg/apis/*/validation` of Kubernetes): type, field, what it must be.
const STRICTER: &[(&str, &str, Scalar)] = &[
    ("Container", "name", Scalar::DnsLabel),
    ("ContainerPort", "containerPort", Scalar::Port),
    ("ContainerPort", "hostPort", Scalar::OptionalPort),
    ("ContainerPort", "name", Scalar::PortName),
    ("CronJobSpec", "failedJobsHistoryLimit", Scalar::Count32),
    ("CronJobSpec", "startingDeadlineSeconds", Scalar::Count64),
    ("CronJobSpec", "successfulJobsHistoryLimit", Scalar::Count32),
    ("DaemonSetSpec", "minReadySeconds", Scalar::Count32),
    ("DaemonSetSpec", "revisionHistoryLimit", Scalar::Count32),
    ("DeploymentSpec", "minReadySeconds", Scalar::Count32),
    ("DeploymentSpec", "progressDeadlineSeconds", Scalar::Count32),
    ("DeploymentSpec", "replicas", Scalar::Count32),
    ("DeploymentSpec", "revisionHistoryLimit", Scalar::Count32),
    ("EnvVar", "name", Scalar::EnvName),
    ("EphemeralContainer", "name", Scalar::DnsLabel),
    ("GRPCAction", "port", Scalar::Port),
    ("HTTPGetAction", "port", Scalar::PortOrName),
    ("JobSpec", "activeDeadlineSeconds", Scalar::Count64),
    ("JobSpec", "backoffLimit", Scalar::Count32),
    ("JobSpec", "completions", Scalar::Count32),
    ("JobSpec", "parallelism", Scalar::Count32),
    ("JobSpec", "ttlSecondsAfterFinished", Scalar::Count32),
    ("NetworkPolicyPort", "endPort", Scalar::Port),
    ("NetworkPolicyPort", "port", Scalar::PortOrName),
    ("ObjectMeta", "namespace", Scalar::DnsLabel),
    ("PodSpec", "terminationGracePeriodSeconds", Scalar::Count64),
    ("Probe", "failureThreshold", Scalar::Count32),
    ("Probe", "initialDelaySeconds", Scalar::Count32),
    ("Probe", "periodSeconds", Scalar::Count32),
    ("Probe", "successThreshold", Scalar::Count32),
    ("Probe", "timeoutSeconds", Scalar::Count32),
    ("ReplicaSetSpec", "replicas", Scalar::Count32),
    ("ReplicationControllerSpec", "replicas", Scalar::Count32),
    ("ServiceBackendPort", "name", Scalar::PortName),
    ("ServiceBackendPort", "number", Scalar::OptionalPort),
    ("ServicePort", "name", Scalar::DnsLabel),
    ("ServicePort", "nodePort", Scalar::OptionalPort),
    ("ServicePort", "port", Scalar::Port),
    ("ServicePort", "targetPort", Scalar::PortOrName),
    ("StatefulSetSpec", "replicas", Scalar::Count32),
    ("StatefulSetSpec", "revisionHistoryLimit", Scalar::Count32),
    ("TCPSocketAction", "port", Scalar::PortOrName),
    ("Volume", "name", Scalar::DnsLabel),
];

/// Maps whose keys and values the API server holds to more than the `OpenAPI` says.
const STRICTER_MAPS: &[(&str, &str, Scalar, Scalar)] = &[
    ("ConfigMap", "binaryData", Scalar::ConfigKey, Scalar::Bytes),
    ("ConfigMap", "data", Scalar::ConfigKey, Scalar::Text),
    ("LabelSelector", "matchLabels", Scalar::QualifiedName, Scalar::LabelValue),
    ("ObjectMeta", "annotations", Scalar::QualifiedName, Scalar::Text),
    ("ObjectMeta", "labels", Scalar::QualifiedName, Scalar::LabelValue),
    ("PodSpec", "nodeSelector", Scalar::QualifiedName, Scalar::LabelValue),
    ("Secret", "data", Scalar::ConfigKey, Scalar::Bytes),
    ("Secret", "stringData", Scalar::ConfigKey, Scalar::Text),
    ("ServiceSpec", "selector", Scalar::QualifiedName, Scalar::LabelValue),
];

/// Kinds that the API server warns of in words of its own: version, kind, the release that
/// deprecated it, what to use instead (`pkg/registry/core` of Kubernetes).
const WARNED: [(&str, &str, u16, (&str, &str)); 2] =
    [("v1", "ComponentStatus", 19, ("", "")), ("v1", "Endpoints", 33, ("discovery.k8s.io/v1", "EndpointSlice"))];

/// Fields that the `OpenAPI` leaves optional and the API server demands.
const REQUIRED: [(&str, &str); 2] = [("Container", "image"), ("EphemeralContainer", "image")];

const TABLE: &str = "crates/hardline-core/src/schema/table.bin";

/// Writes the table, or fails if the one that is there differs.
pub(crate) fn write(check: bool) -> anyhow::Result<()> {
    let path = root().join(TABLE);
    let bytes = table()?;
    if check {
        ensure!(fs::read(&path)? == bytes, "{TABLE} is not up to date\nrun `cargo xtask schema`");
    } else {
        fs::write(&path, &bytes)?;
        println!("wrote {TABLE}: {} bytes", bytes.len());
    }
    Ok(())
}

fn table() -> anyhow::Result<Vec<u8>> {
    let mut merged = Merged::default();
    let zeros = Rc::new(read_zeros()?);
    for (minor, version) in RELEASES {
        let folder = module(&format!("k8s.io/kubernetes@{version}"))?;
        let release = Release::read(&folder, zeros.clone()).with_context(|| format!("reading Kubernetes {version}"))?;
        merged.add(minor, &release)?;
    }
    let mut lifecycles = BTreeMap::new();
    for name in LIFECYCLES {
        read_lifecycles(&module(name)?, &mut lifecycles)?;
    }
    for (version, kind, deprecated, (api_version, instead)) in WARNED {
        let replacement = (api_version.to_owned(), instead.to_owned());
        let key = (String::new(), version.to_owned(), kind.to_owned());
        lifecycles.insert(key, Lifecycle { deprecated, removed: 0, replacement });
    }
    Ok(Writer::write(&merged, &lifecycles))
}

/// The folder of a Go module, downloaded if need be.
fn module(name: &str) -> anyhow::Result<PathBuf> {
    let output = Command::new("go").args(["mod", "download", "-json", name]).output().context("running go")?;
    let answer: Json = serde_json::from_slice(&output.stdout).with_context(|| format!("go mod download {name}"))?;
    match answer["Dir"].as_str() {
        Some(folder) => Ok(folder.into()),
        None => bail!("go mod download {name}: {}", answer["Error"].as_str().unwrap_or("no answer")),
    }
}

/// What one release publishes.
struct Release {
    /// The types with their fields, by full name.
    definitions: serde_json::Map<String, Json>,
    paths: serde_json::Map<String, Json>,
    /// Published defaults as JSON, by full name of the type and field.
    defaults: BTreeMap<(String, String), String>,
    /// Enumerations, by the last three parts of the type's name and the field.
    enums: BTreeMap<(String, String), Vec<String>>,
    /// Fields of which Go stores no zero value, by the end of the type's name and the field.
    zeros: Rc<BTreeSet<(String, String)>>,
}

impl Release {
    fn read(folder: &Path, zeros: Rc<BTreeSet<(String, String)>>) -> anyhow::Result<Self> {
        let mut swagger: Json = read_json(&folder.join("api/openapi-spec/swagger.json"))?;
        let mut take = |key: &str| match swagger[key].take() {
            Json::Object(map) => Ok(map),
            _ => bail!("swagger.json has no {key}"),
        };
        let (definitions, paths) = (take("definitions")?, take("paths")?);
        let mut defaults = BTreeMap::new();
        for entry in fs::read_dir(folder.join("api/openapi-spec/v3"))? {
            let file = read_json(&entry?.path())?;
            for (name, schema) in file["components"]["schemas"].as_object().into_iter().flatten() {
                for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                    if let Some(default) = property.get("default") {
                        defaults.insert((name.clone(), field.clone()), default.to_string());
                    }
                }
            }
        }
        let go = fs::read_to_string(folder.join("pkg/generated/openapi/zz_generated.openapi.go"))?;
        Ok(Self { definitions, paths, defaults, enums: read_enums(&go), zeros })
    }
}

fn read_json(path: &Path) -> anyhow::Result<Json> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}

/// Reads `Enum:` lines, each by the function and the property that it stands in.
fn read_enums(go: &str) -> BTreeMap<(String, String), Vec<String>> {
    let mut enums = BTreeMap::new();
    let (mut function, mut property) = ("", "");
    for line in go.lines() {
        if let Some(rest) = line.strip_prefix("func schema_") {
            function = rest.split('(').next().unwrap_or_default();
        } else if let Some(rest) = line.strip_prefix("\t\t\t\t\t\"") {
            property = rest.split('"').next().unwrap_or_default();
        } else if let Some(list) = line.trim_start().strip_prefix("Enum:") {
            let words = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
            enums.insert((function.to_owned(), property.to_owned()), words);
        }
    }
    enums
}

/// Where the Go types are declared. Whether a field is a pointer has never changed in a version.
const TYPES: [&str; 4] = [
    "k8s.io/api@v0.37.2",
    "k8s.io/apimachinery@v0.37.2/pkg/apis",
    "k8s.io/apiextensions-apiserver@v0.37.2/pkg/apis",
    "k8s.io/kube-aggregator@v0.37.2/pkg/apis",
];

/// Reads the fields that are scalars, no pointers, and `omitempty`.
fn read_zeros() -> anyhow::Result<BTreeSet<(String, String)>> {
    let mut zeros = BTreeSet::new();
    for place in TYPES {
        let (name, version) = place.split_once('@').expect("each names a version");
        let (version, folder) = version.split_once('/').unwrap_or((version, ""));
        let root = module(&format!("{name}@{version}"))?.join(folder);
        for entry in ignore::WalkBuilder::new(&root).standard_filters(false).build() {
            let path = entry?.into_path();
            if path.extension().is_some_and(|extension| extension == "go") {
                let package: Vec<_> = path.parent().into_iter().flat_map(Path::components).rev().take(2).collect();
                let part = |at: usize| package.get(at).map_or("", |part| part.as_os_str().to_str().unwrap_or_default());
                read_zeros_of(&fs::read_to_string(&path)?, &format!("{}.{}", part(1), part(0)), &mut zeros);
            }
        }
    }
    Ok(zeros)
}

fn read_zeros_of(go: &str, package: &str, zeros: &mut BTreeSet<(String, String)>) {
    // Types of text with a name of their own are no structs: a struct is not left out when empty.
    let scalars = ["bool", "int", "int32", "int64", "string"];
    let named = go.lines().filter_map(|line| line.strip_prefix("type ")?.split_once(' '));
    let named: BTreeSet<&str> = named.filter(|(_, ty)| scalars.contains(ty)).map(|(name, _)| name).collect();
    let mut object = "";
    for line in go.lines() {
        if let Some(rest) = line.strip_prefix("type ") {
            object = rest.strip_suffix(" struct {").unwrap_or_default();
        }
        let mut words = line.split_whitespace().skip(1);
        let (Some(ty), Some(tag)) = (words.next(), words.next()) else { continue };
        let is_scalar = scalars.contains(&ty) || named.contains(ty);
        let Some((field, rest)) = tag.strip_prefix("`json:\"").and_then(|tag| tag.split_once(',')) else { continue };
        if is_scalar && rest.starts_with("omitempty") && !object.is_empty() {
            zeros.insert((format!("{package}.{object}"), field.to_owned()));
        }
    }
}

/// `core.v1.PodSpec` of `io.k8s.api.core.v1.PodSpec`.
fn package_end(object: &str) -> String {
    let parts: Vec<&str> = object.rsplit('.').take(3).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(".")
}

/// A type as the table writes it; names stand for objects until all are known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Type {
    Scalar(usize),
    Enum(Vec<String>),
    List(Box<Type>),
    Map(usize, Box<Type>),
    Object(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Merge {
    Whole,
    Granular,
    Set,
    Keys(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    ty: Type,
    required: bool,
    deprecated: bool,
    merge: Merge,
    patch_merge_key: Option<String>,
    default: Option<String>,
    drops_zero: bool,
}

/// Group, version and kind.
type ApiKind = (String, String, String);

/// A declaration with the first and last minor version that has it.
type Spans<T> = Vec<(u16, u16, T)>;

/// All releases in one.
#[derive(Default)]
struct Merged {
    objects: BTreeMap<String, BTreeMap<String, Spans<Field>>>,
    kinds: BTreeMap<ApiKind, Spans<(String, bool)>>,
}

impl Merged {
    fn add(&mut self, minor: u16, release: &Release) -> anyhow::Result<()> {
        for (name, definition) in &release.definitions {
            if scalar_of_definition(name, definition).is_some() {
                continue;
            }
            let fields = self.objects.entry(name.clone()).or_default();
            for (field, property) in definition["properties"].as_object().into_iter().flatten() {
                let declared = Field::read(release, name, field, property)?;
                extend(fields.entry(field.clone()).or_default(), minor, declared);
            }
            if let [kind] = definition["x-kubernetes-group-version-kind"].as_array().map_or(&[][..], Vec::as_slice) {
                let kind = api_kind(kind);
                let namespaced = release.paths.iter().any(|(path, operations)| {
                    path.contains("/{namespace}/") && api_kind(&operations["post"][GVK]) == kind
                });
                extend(self.kinds.entry(kind).or_default(), minor, (name.clone(), namespaced));
            }
        }
        Ok(())
    }
}

const GVK: &str = "x-kubernetes-group-version-kind";

fn api_kind(value: &Json) -> ApiKind {
    let part = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    (part("group"), part("version"), part("kind"))
}

fn extend<T: PartialEq>(spans: &mut Spans<T>, minor: u16, declared: T) {
    match spans.last_mut() {
        Some((_, last, same)) if *same == declared && *last + 1 == minor => *last = minor,
        _ => spans.push((minor, minor, declared)),
    }
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn code(scalar: Scalar) -> usize {
    Scalar::ALL.iter().position(|&known| known == scalar).expect("ALL holds every scalar")
}

/// Types that are no objects in manifests, whatever their definition looks like.
fn scalar_of_definition(name: &str, definition: &Json) -> Option<Scalar> {
    match short(name) {
        "Quantity" => Some(Scalar::Quantity),
        "IntOrString" => Some(Scalar::IntOrString),
        "Time" | "MicroTime" => Some(Scalar::Time),
        "RawExtension" | "FieldsV1" | "Patch" => Some(Scalar::Any),
        _ if definition.get("type").is_none() => Some(Scalar::Any),
        _ => None,
    }
}

impl Field {
    fn read(release: &Release, object: &str, field: &str, property: &Json) -> anyhow::Result<Self> {
        let mut ty = Type::read(release, property).with_context(|| format!("{object}.{field}"))?;
        ty.make_stricter(release, object, field);
        let flag = |key: &str| property[key].as_str();
        let atomic_type = property["$ref"].as_str().is_some_and(|reference| {
            let definition = &release.definitions[short_reference(reference)];
            definition["x-kubernetes-map-type"] == "atomic"
        });
        let merge = match (&ty, flag("x-kubernetes-list-type"), flag("x-kubernetes-map-type")) {
            (Type::List(_), Some("set"), _) => Merge::Set,
            (Type::List(_), Some("map"), _) => {
                let keys = property["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
                Merge::Keys(keys.filter_map(Json::as_str).map(str::to_owned).collect())
            }
            (Type::Map(..) | Type::Object(_), _, map_type) if map_type != Some("atomic") && !atomic_type => {
                Merge::Granular
            }
            _ => Merge::Whole,
        };
        let short = short(object);
        let required = release.definitions[object]["required"].as_array().into_iter().flatten();
        let required = required.filter_map(Json::as_str).any(|name| name == field);
        let description = property["description"].as_str().unwrap_or_default();
        Ok(Self {
            ty,
            required: REQUIRED.contains(&(short, field)) || (required && !OPTIONAL.contains(&(short, field))),
            deprecated: description.contains("Deprecated") || description.contains("is deprecated"),
            merge,
            patch_merge_key: flag("x-kubernetes-patch-merge-key").map(str::to_owned),
            default: release.defaults.get(&(object.to_owned(), field.to_owned())).cloned(),
            drops_zero: release.zeros.contains(&(package_end(object), field.to_owned())),
        })
    }
}

fn short_reference(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

impl Type {
    fn read(release: &Release, property: &Json) -> anyhow::Result<Self> {
        if let Some(reference) = property["$ref"].as_str() {
            let name = short_reference(reference);
            let definition = release.definitions.get(name).with_context(|| format!("no definition of {name}"))?;
            return Ok(match scalar_of_definition(name, definition) {
                Some(scalar) => Self::Scalar(code(scalar)),
                None => Self::Object(name.to_owned()),
            });
        }
        let scalar = match (property["type"].as_str(), property["format"].as_str()) {
            (Some("array"), _) => return Ok(Self::List(Box::new(Self::read(release, &property["items"])?))),
            (Some("object"), _) => match property.get("additionalProperties") {
                Some(value) => {
                    return Ok(Self::Map(code(Scalar::Text), Box::new(Self::read(release, value)?)));
                }
                None => Scalar::Any,
            },
            (Some("string"), None) => Scalar::Text,
            (Some("string"), Some("byte")) => Scalar::Bytes,
            (Some("string"), Some("date-time")) => Scalar::Time,
            (Some("string"), Some("int-or-string")) => Scalar::IntOrString,
            (Some("integer"), Some("int32")) => Scalar::Int32,
            (Some("integer"), Some("int64")) => Scalar::Int64,
            (Some("number"), _) => Scalar::Number,
            (Some("boolean"), _) => Scalar::Bool,
            (ty, format) => bail!("type {ty:?} of format {format:?} is new"),
        };
        Ok(Self::Scalar(code(scalar)))
    }

    /// Adds what the API server demands beyond the `OpenAPI`.
    fn make_stricter(&mut self, release: &Release, object: &str, field: &str) {
        let name = short(object);
        // The Go function is named by the package's path and the type: its end is enough.
        let end: Vec<&str> = object.rsplit('.').take(3).collect();
        let end = format!("_{}_{}_{}", end[2], end[1], end[0]);
        let words = release.enums.iter().find(|((function, of), _)| of == field && function.ends_with(&end));
        if let Some((_, words)) = words {
            match self {
                Self::List(item) => **item = Self::Enum(words.clone()),
                _ => *self = Self::Enum(words.clone()),
            }
        }
        if let Some(&(.., stricter)) = STRICTER.iter().find(|known| (known.0, known.1) == (name, field)) {
            *self = Self::Scalar(code(stricter));
        }
        if let Some(&(.., key, value)) = STRICTER_MAPS.iter().find(|known| (known.0, known.1) == (name, field)) {
            *self = Self::Map(code(key), Box::new(Self::Scalar(code(value))));
        }
    }
}

#[derive(Debug, Default)]
struct Lifecycle {
    deprecated: u16,
    removed: u16,
    replacement: (String, String),
}

/// Reads all lifecycles below a folder that are not known yet.
fn read_lifecycles(folder: &Path, known: &mut BTreeMap<ApiKind, Lifecycle>) -> anyhow::Result<()> {
    for entry in ignore::WalkBuilder::new(folder).standard_filters(false).build() {
        let path = entry?.into_path();
        if !path.ends_with("zz_generated.prerelease-lifecycle.go") {
            continue;
        }
        let package = path.parent().expect("a file lies in a folder");
        let register = fs::read_to_string(package.join("register.go"))?;
        let group = match register.split_once("const GroupName = ") {
            Some((_, rest)) => rest.split('"').nth(1).unwrap_or_default(),
            None => bail!("{} names no group", package.display()),
        };
        let version = package.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut found: BTreeMap<String, Lifecycle> = BTreeMap::new();
        let text = fs::read_to_string(&path)?;
        let mut function = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("func (in *") {
                function = rest.split_once(") APILifecycle");
            } else if let (Some((kind, function)), Some(result)) = (function, line.trim().strip_prefix("return ")) {
                let lifecycle = found.entry(kind.to_owned()).or_default();
                let minor = || result.rsplit(", ").next().and_then(|minor| minor.parse().ok()).unwrap_or_default();
                match function.split('(').next() {
                    Some("Deprecated") => lifecycle.deprecated = minor(),
                    Some("Removed") => lifecycle.removed = minor(),
                    Some("Replacement") => {
                        let parts: Vec<&str> = result.split('"').skip(1).step_by(2).collect();
                        if let [group, version, kind] = parts[..] {
                            let slash = if group.is_empty() { "" } else { "/" };
                            // One names a list.
                            let kind = kind.strip_suffix("List").unwrap_or(kind);
                            lifecycle.replacement = (format!("{group}{slash}{version}"), kind.to_owned());
                        }
                    }
                    _ => {}
                }
            }
        }
        for (kind, lifecycle) in found {
            if lifecycle.deprecated > 0 && !kind.ends_with("List") && !kind.ends_with("Options") {
                known.entry((group.to_owned(), version.to_owned(), kind)).or_insert(lifecycle);
            }
        }
    }
    Ok(())
}

/// Writes the table's bytes; `hardline_core::schema::table` reads them.
struct Writer {
    bytes: Vec<u8>,
    strings: Vec<String>,
    types: Vec<Type>,
}

impl Writer {
    fn write(merged: &Merged, lifecycles: &BTreeMap<ApiKind, Lifecycle>) -> Vec<u8> {
        let mut strings = BTreeSet::from([String::new()]);
        let mut types = BTreeSet::new();
        for (name, fields) in &merged.objects {
            types.insert(Type::Object(name.clone()));
            strings.insert(short(name).to_owned());
            for (field, spans) in fields {
                strings.insert(field.clone());
                for (.., declared) in spans {
                    collect(&declared.ty, &mut types, &mut strings);
                    strings.extend(declared.default.iter().cloned());
                    strings.extend(declared.patch_merge_key.iter().cloned());
                    if let Merge::Keys(keys) = &declared.merge {
                        strings.extend(keys.iter().cloned());
                    }
                }
            }
        }
        for (group, version, kind) in merged.kinds.keys().chain(lifecycles.keys()) {
            strings.extend([group, version, kind].into_iter().cloned());
        }
        for lifecycle in lifecycles.values() {
            strings.extend([lifecycle.replacement.0.clone(), lifecycle.replacement.1.clone()]);
        }
        let (strings, types): (Vec<_>, Vec<_>) = (strings.into_iter().collect(), types.into_iter().collect());
        let mut writer = Self { bytes: MAGIC.to_vec(), strings, types };
        writer.number(writer.strings.len());
        for at in 0..writer.strings.len() {
            writer.number(writer.strings[at].len());
            writer.bytes.extend_from_slice(writer.strings[at].as_bytes());
        }
        writer.number(writer.types.len());
        for at in 0..writer.types.len() {
            let ty = writer.types[at].clone();
            writer.ty(&ty, &merged.objects);
        }
        writer.kinds(&merged.kinds);
        writer.lifecycles(lifecycles);
        writer.bytes
    }

    fn number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.bytes.push(number as u8 & 0x7f | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn text(&mut self, text: &str) {
        let at = self.strings.binary_search_by(|known| known.as_str().cmp(text));
        self.number(at.expect("every string was collected"));
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    fn type_id(&mut self, ty: &Type) {
        let at = self.types.binary_search(ty).expect("every type was collected");
        self.number(at);
    }

    fn ty(&mut self, ty: &Type, objects: &BTreeMap<String, BTreeMap<String, Spans<Field>>>) {
        match ty {
            Type::Scalar(scalar) => {
                self.number(0);
                self.number(*scalar);
            }
            Type::Enum(words) => {
                self.number(1);
                self.texts(words);
            }
            Type::List(item) => {
                self.number(2);
                self.type_id(item);
            }
            Type::Map(key, value) => {
                self.number(3);
                self.number(*key);
                self.type_id(value);
            }
            Type::Object(name) => {
                self.number(4);
                self.text(short(name));
                let fields = &objects[name];
                self.number(fields.values().map(Vec::len).sum());
                for (field, spans) in fields {
                    for (first, last, declared) in spans {
                        self.text(field);
                        self.type_id(&declared.ty);
                        self.number(usize::from(*first));
                        self.number(usize::from(*last));
                        self.field(declared);
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &Field) {
        let merge = match field.merge {
            Merge::Whole => 0,
            Merge::Granular => 1,
            Merge::Set => 2,
            Merge::Keys(_) => 3,
        };
        let flags = [
            (1, field.required),
            (2, field.deprecated),
            (4, field.patch_merge_key.is_some()),
            (8, field.default.is_some()),
            (64, field.drops_zero),
        ];
        self.number(flags.iter().filter(|(_, set)| *set).map(|(bit, _)| bit).sum::<usize>() | merge << 4);
        if let Merge::Keys(keys) = &field.merge {
            self.texts(keys);
        }
        if let Some(key) = &field.patch_merge_key {
            self.text(key);
        }
        if let Some(default) = &field.default {
            self.text(default);
        }
    }

    fn kinds(&mut self, kinds: &BTreeMap<ApiKind, Spans<(String, bool)>>) {
        let mut rows: Vec<_> = kinds.iter().collect();
        rows.sort_by_key(|((group, version, kind), _)| (kind, group, version));
        self.number(rows.len());
        for ((group, version, kind), spans) in rows {
            let [(first, last, (name, namespaced))] = &spans[..] else {
                panic!("{group}/{version} {kind} came back or changed its scope");
            };
            for text in [group, version, kind] {
                self.text(text);
            }
            self.type_id(&Type::Object(name.clone()));
            self.number(usize::from(*namespaced));
            self.number(usize::from(*first));
            self.number(usize::from(*last));
        }
    }

    fn lifecycles(&mut self, lifecycles: &BTreeMap<ApiKind, Lifecycle>) {
        let mut rows: Vec<_> = lifecycles.iter().collect();
        rows.sort_by_key(|((group, version, kind), _)| (kind, group, version));
        self.number(rows.len());
        for ((group, version, kind), lifecycle) in rows {
            for text in [group, version, kind] {
                self.text(text);
            }
            self.number(usize::from(lifecycle.deprecated));
            self.number(usize::from(lifecycle.removed));
            self.text(&lifecycle.replacement.0);
            self.text(&lifecycle.replacement.1);
        }
    }
}

fn collect(ty: &Type, types: &mut BTreeSet<Type>, strings: &mut BTreeSet<String>) {
    match ty {
        Type::List(inner) | Type::Map(_, inner) => collect(inner, types, strings),
        Type::Enum(words) => strings.extend(words.iter().cloned()),
        Type::Scalar(_) | Type::Object(_) => {}
    }
    types.insert(ty.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the releases in Go's module cache there is nothing to compare with, and no network in tests.
    #[test]
    fn the_table_is_up_to_date_where_the_releases_are_at_hand() {
        let cache = Command::new("go").args(["env", "GOMODCACHE"]).output().map(|output| output.stdout);
        let cache = PathBuf::from(String::from_utf8(cache.unwrap_or_default()).unwrap().trim());
        let releases = RELEASES.iter().map(|(_, version)| format!("k8s.io/kubernetes@{version}"));
        let modules = releases.chain(LIFECYCLES.map(str::to_owned));
        if modules.into_iter().all(|module| cache.join(module).is_dir()) {
            write(true).unwrap();
        }
    }
}
