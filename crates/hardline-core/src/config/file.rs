//! The configuration file, `hardline.yaml`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use crate::config::{Override, Overrides, Version};
use crate::drift::{Expectation, FieldPattern};
use crate::duration;
use crate::exemption::{Exemption, Scope};
use crate::finding::Place;
use crate::guard::Guard;
use crate::path::FieldPath;
use crate::profile::{Enforcement, Profile};
use crate::rule::{Rule, Severity};
use crate::rules::RULES;
use crate::source::Span;
use crate::suggest::nearest;
use crate::tree::{NodeKind, Value};

/// What a configuration file says. What it does not say is `None` or empty.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// `profile`.
    pub profile: Option<Profile>,
    /// `kubernetesVersion`.
    pub kubernetes_version: Option<Version>,
    /// `exclude`: paths that are not read, where `*` stands for any characters.
    pub exclude: Vec<String>,
    /// `rules`: by id, what becomes of its findings.
    pub rules: BTreeMap<&'static str, Override>,
    /// `overrides`: other profiles and rules for some paths or namespaces; the last match counts.
    pub overrides: Vec<Overrides>,
    /// `exemptions`.
    pub exemptions: Vec<Exemption>,
    /// `expectedDrift`.
    pub expected_drift: Vec<Expectation>,
    /// `baseline`: the file with the findings that are not held against anybody.
    pub baseline: Option<String>,
    /// `settings.forbiddenTags`.
    pub forbidden_tags: Option<Vec<String>>,
    /// `settings.allowedRegistries`.
    pub allowed_registries: Vec<String>,
    /// `settings.minimumReplicas`.
    pub minimum_replicas: Option<i64>,
    /// `settings.volumesPerNode`.
    pub volumes_per_node: Option<i64>,
    /// `guard`, with the defaults of what it does not say.
    pub guard: Guard,
}

/// What is wrong with a configuration file. Its place is written in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// A key of the configuration file: the list that unknown keys are told by, and the published
/// schema is made of.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub docs: &'static str,
    /// What it holds.
    pub holds: Holds,
}

/// What a [`Key`] holds.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// Any text.
    Text,
    /// A date, `YYYY-MM-DD`.
    Date,
    /// A duration, such as `4h` or `90m`.
    Duration,
    /// `true` or `false`.
    Switch,
    /// A whole number from 1 on.
    Count,
    /// A list of texts.
    Texts,
    /// The id of a rule.
    Rule,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// A map with these keys.
    Map(&'static [Key]),
    /// A list of such maps.
    Maps(&'static [Key]),
    /// A map from rule ids to what becomes of their findings.
    Rules,
}

/// The keys of the file.
pub const KEYS: &[Key] = &[
    Key {
        name: "profile",
        docs: "The profile, where no label and no override chooses another.",
        holds: Holds::Word(profiles),
    },
    Key {
        name: "kubernetesVersion",
        docs: "The version of Kubernetes that the manifests are for, such as v1.37.",
        holds: Holds::Text,
    },
    Key {
        name: "exclude",
        docs: "Paths that are not read; `*` stands for any characters, slashes included.",
        holds: Holds::Texts,
    },
    Key {
        name: "rules",
        docs: "What becomes of a rule's findings, instead of what the profile says.",
        holds: Holds::Rules,
    },
    Key {
        name: "overrides",
        docs: "Other profiles and rules for some paths or namespaces; of several that match, the last one counts.",
        holds: Holds::Maps(OVERRIDE_KEYS),
    },
    Key { name: "exemptions", docs: "Findings that somebody has answered for.", holds: Holds::Maps(EXEMPTION_KEYS) },
    Key {
        name: "expectedDrift",
        docs: "Differences between what should run and what runs that are no drift.",
        holds: Holds::Maps(EXPECTED_KEYS),
    },
    Key {
        name: "baseline",
        docs: "A file of findings that are not held against anybody, as `hardline check --write-baseline` writes it.",
        holds: Holds::Text,
    },
    Key { name: "settings", docs: "What rules may be tuned by.", holds: Holds::Map(SETTING_KEYS) },
    Key {
        name: "guard",
        docs: "Who may change the namespaces that the label `hardline.dev/guard` guards.",
        holds: Holds::Map(GUARD_KEYS),
    },
];

const OVERRIDE_KEYS: &[Key] = &[
    Key { name: "paths", docs: "Files, where `*` stands for any characters, slashes included.", holds: Holds::Texts },
    Key { name: "namespaces", docs: "Namespaces, where `*` stands for any characters.", holds: Holds::Texts },
    Key { name: "profile", docs: "The profile there.", holds: Holds::Word(profiles) },
    Key { name: "rules", docs: "What becomes of a rule's findings there.", holds: Holds::Rules },
];

const EXEMPTION_KEYS: &[Key] = &[
    Key { name: "rule", docs: "The rule.", holds: Holds::Rule },
    Key { name: "kind", docs: "The kind of the resources that are exempt; all kinds if left out.", holds: Holds::Text },
    Key { name: "namespace", docs: "Their namespace; all if left out.", holds: Holds::Text },
    Key { name: "name", docs: "Their name, where `*` stands for any characters; all if left out.", holds: Holds::Text },
    Key { name: "reason", docs: "Why. Required.", holds: Holds::Text },
    Key { name: "owner", docs: "Who answers for it.", holds: Holds::Text },
    Key { name: "until", docs: "The last day on which it holds.", holds: Holds::Date },
];

const EXPECTED_KEYS: &[Key] = &[
    Key {
        name: "desired",
        docs: "The desired sides that it is for, as `--desired` names them, where `*` stands for any characters; all if left out.",
        holds: Holds::Texts,
    },
    Key { name: "kinds", docs: "The kinds of the objects; all if left out.", holds: Holds::Texts },
    Key {
        name: "namespaces",
        docs: "Their namespaces, where `*` stands for any characters; all if left out.",
        holds: Holds::Texts,
    },
    Key {
        name: "names",
        docs: "Their names, where `*` stands for any characters; all if left out.",
        holds: Holds::Texts,
    },
    Key {
        name: "paths",
        docs: "The fields and all below them, as `hardline drift` shows them, where `*` stands for any characters of a step, or as JSON Pointers; all if left out.",
        holds: Holds::Texts,
    },
    Key {
        name: "managers",
        docs: "The field managers that may own them, where `*` stands for any characters; all if left out.",
        holds: Holds::Texts,
    },
    Key { name: "reason", docs: "Why. Required.", holds: Holds::Text },
    Key { name: "owner", docs: "Who answers for it.", holds: Holds::Text },
    Key { name: "until", docs: "The last day on which it holds.", holds: Holds::Date },
];

const SETTING_KEYS: &[Key] = &[
    Key {
        name: "allowedRegistries",
        docs: "Registries that images may come from, with a path where only a part is allowed; `*` stands for any characters. All if left out.",
        holds: Holds::Texts,
    },
    Key {
        name: "forbiddenTags",
        docs: "Image tags that must not reach a cluster, instead of the built-in ones: words between separators; `*` stands for any characters.",
        holds: Holds::Texts,
    },
    Key {
        name: "minimumReplicas",
        docs: "The fewest pods that a service keeps. Nothing is asked for if left out.",
        holds: Holds::Count,
    },
    Key {
        name: "volumesPerNode",
        docs: "How many volumes can be attached to a node. What Kubernetes names for the provisioner if left out.",
        holds: Holds::Count,
    },
];

const GUARD_KEYS: &[Key] = &[
    Key {
        name: "users",
        docs: "The users who deploy, by their name to the API server; `*` stands for any characters.",
        holds: Holds::Texts,
    },
    Key { name: "groups", docs: "The groups of users who deploy.", holds: Holds::Texts },
    Key {
        name: "serviceAccounts",
        docs: "The service accounts that deploy, as `namespace/name`.",
        holds: Holds::Texts,
    },
    Key {
        name: "connections",
        docs: "The most that is done about those who enter a container by exec, attach, port-forward or debug.",
        holds: Holds::Word(enforcements),
    },
    Key {
        name: "secrets",
        docs: "Whether Secrets are guarded as well. Their content is then sent to hardline.",
        holds: Holds::Switch,
    },
    Key {
        name: "longestGrant",
        docs: "How long a break-glass grant lasts at most, such as 4h.",
        holds: Holds::Duration,
    },
];

const RULE_KEYS: &[Key] = &[
    Key { name: "enforcement", docs: "What a finding does.", holds: Holds::Word(enforcements) },
    Key { name: "severity", docs: "The severity that findings are reported with.", holds: Holds::Word(severities) },
];

fn profiles() -> Vec<&'static str> {
    Profile::ALL.iter().map(|profile| profile.name()).collect()
}

fn enforcements() -> Vec<&'static str> {
    Enforcement::ALL.iter().map(|enforcement| enforcement.name()).collect()
}

fn severities() -> Vec<&'static str> {
    Severity::ALL.iter().map(|severity| severity.name()).collect()
}

/// Reads a configuration file. Everything that is wrong with it is told at once.
pub fn read(root: Value<'_>) -> Result<File, Vec<Problem>> {
    let mut reader = Reader { problems: Vec::new() };
    let file = reader.file(root);
    reader.problems.sort_by_key(|problem| problem.span.start);
    if reader.problems.is_empty() { Ok(file) } else { Err(reader.problems) }
}

/// The JSON Schema of the configuration file.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schema_of_map(KEYS);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "hardline.yaml".into();
    schema
}

fn schema_of_map(keys: &[Key]) -> serde_json::Value {
    let property = |key: &Key| {
        let mut schema = schema_of(key.holds);
        schema["description"] = key.docs.into();
        (key.name.to_owned(), schema)
    };
    let properties: serde_json::Map<_, _> = keys.iter().map(property).collect();
    serde_json::json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn schema_of(holds: Holds) -> serde_json::Value {
    use serde_json::json;
    match holds {
        Holds::Text => json!({"type": "string"}),
        Holds::Date => json!({"type": "string", "format": "date"}),
        Holds::Duration => json!({"type": "string", "examples": ["4h", "90m"]}),
        Holds::Count => json!({"type": "integer", "minimum": 1}),
        Holds::Switch => json!({"type": "boolean"}),
        Holds::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Holds::Rule => json!({"enum": RULES.iter().map(|rule| rule.id).collect::<Vec<_>>()}),
        Holds::Word(words) => json!({"enum": words()}),
        Holds::Map(keys) => schema_of_map(keys),
        Holds::Maps(keys) => json!({"type": "array", "items": schema_of_map(keys)}),
        Holds::Rules => {
            let one = json!({"anyOf": [{"enum": enforcements()}, schema_of_map(RULE_KEYS)]});
            let rule = |rule: &&Rule| {
                let mut schema = one.clone();
                schema["description"] = rule.summary.into();
                (rule.id.to_owned(), schema)
            };
            let properties: serde_json::Map<_, _> = RULES.iter().map(rule).collect();
            json!({"type": "object", "additionalProperties": false, "properties": properties})
        }
    }
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, value: Value<'_>, message: impl Into<String>) {
        self.problems.push(Problem { message: message.into(), span: value.span() });
    }

    fn file(&mut self, root: Value<'_>) -> File {
        let mut file = File::default();
        if root.is_null() {
            return file;
        }
        self.known_keys(root, KEYS);
        file.profile = self.parsed(root, "profile");
        file.kubernetes_version = self.parsed(root, "kubernetesVersion");
        file.exclude = self.texts(root, "exclude").unwrap_or_default();
        file.rules = self.rules(root);
        for item in self.maps(root, "overrides", OVERRIDE_KEYS) {
            let paths = self.texts(item, "paths").unwrap_or_default();
            let namespaces = self.texts(item, "namespaces").unwrap_or_default();
            if paths.is_empty() && namespaces.is_empty() {
                self.problem(item, "an override needs `paths` or `namespaces`");
            }
            let overrides =
                Overrides { paths, namespaces, profile: self.parsed(item, "profile"), rules: self.rules(item) };
            file.overrides.push(overrides);
        }
        for item in self.maps(root, "exemptions", EXEMPTION_KEYS) {
            file.exemptions.extend(self.exemption(item));
        }
        for item in self.maps(root, "expectedDrift", EXPECTED_KEYS) {
            file.expected_drift.extend(self.expectation(item));
        }
        file.baseline = self.text(root, "baseline");
        if let Some(settings) = root.get("settings") {
            self.known_keys(settings, SETTING_KEYS);
            file.forbidden_tags = self.texts(settings, "forbiddenTags");
            file.allowed_registries = self.texts(settings, "allowedRegistries").unwrap_or_default();
            file.minimum_replicas = self.count(settings, "minimumReplicas");
            file.volumes_per_node = self.count(settings, "volumesPerNode");
        }
        if let Some(guard) = root.get("guard") {
            file.guard = self.guard(guard);
        }
        file
    }

    fn count(&mut self, map: Value<'_>, key: &str) -> Option<i64> {
        let value = map.get(key)?;
        let count = value.int().filter(|&count| count > 0);
        if count.is_none() {
            self.problem(value, format!("`{key}` is a whole number from 1 on"));
        }
        count
    }

    fn guard(&mut self, map: Value<'_>) -> Guard {
        self.known_keys(map, GUARD_KEYS);
        let default = Guard::default();
        let switch = map.get("secrets");
        if switch.is_some_and(|value| value.bool().is_none()) {
            self.problem(map, "`secrets` is true or false");
        }
        let length = map.get("longestGrant");
        let longest = length.and_then(|value| duration::parse(value.raw(), Duration::from_hours(1)));
        if let Some(value) = length.filter(|_| longest.is_none_or(|longest| longest.is_zero())) {
            self.problem(value, "`longestGrant` is a duration such as `4h` or `90m`");
        }
        Guard {
            users: self.texts(map, "users").unwrap_or_default(),
            groups: self.texts(map, "groups").unwrap_or_default(),
            service_accounts: self.texts(map, "serviceAccounts").unwrap_or_default(),
            connections: self
                .word(map, "connections", &Enforcement::ALL, Enforcement::name)
                .unwrap_or(default.connections),
            secrets: switch.and_then(Value::bool).unwrap_or(default.secrets),
            longest_grant: longest.unwrap_or(default.longest_grant),
        }
    }

    fn exemption(&mut self, item: Value<'_>) -> Option<Exemption> {
        let rule = if let Some(rule) = item.get("rule") {
            self.rule(rule)
        } else {
            self.problem(item, "an exemption names its `rule`");
            None
        };
        let reason = self.text(item, "reason").filter(|reason| !reason.trim().is_empty());
        if reason.is_none() {
            self.problem(item, "an exemption needs a `reason`");
        }
        let scope = Scope {
            resource: None,
            kind: self.text(item, "kind"),
            namespace: self.text(item, "namespace"),
            name: self.text(item, "name"),
        };
        let (owner, until) = (self.text(item, "owner"), self.parsed(item, "until"));
        let span = item.follow(&FieldPath::of(&["rule"])).value.span();
        let place = Place::Text { source: item.tree().source().clone(), span };
        Some(Exemption { rule: rule?, scope, reason: reason?, owner, until, place })
    }

    fn expectation(&mut self, item: Value<'_>) -> Option<Expectation> {
        let reason = self.text(item, "reason").filter(|reason| !reason.trim().is_empty());
        if reason.is_none() {
            self.problem(item, "expected drift needs a `reason`");
        }
        let mut paths = Vec::new();
        for path in item.get("paths").into_iter().flat_map(Value::items) {
            match FieldPattern::parse(path.raw()) {
                Ok(pattern) => paths.push(pattern),
                Err(error) => self.problem(path, error.to_string()),
            }
        }
        let mut texts = |key| self.texts(item, key).unwrap_or_default();
        texts("paths");
        let (desired, kinds, managers) = (texts("desired"), texts("kinds"), texts("managers"));
        let (namespaces, names) = (texts("namespaces"), texts("names"));
        if [&desired, &kinds, &namespaces, &names, &managers].iter().all(|list| list.is_empty()) && paths.is_empty() {
            self.problem(item, "expected drift needs `paths`, `managers`, or objects that it is for");
        }
        let source = item.tree().source();
        Some(Expectation {
            desired,
            groups: Vec::new(),
            kinds,
            namespaces,
            names,
            paths,
            managers,
            reason: reason?,
            owner: self.text(item, "owner"),
            until: self.parsed(item, "until"),
            origin: format!("{}:{}", source.name, source.position(item.span().start).line),
        })
    }

    fn rules(&mut self, map: Value<'_>) -> BTreeMap<&'static str, Override> {
        let mut rules = BTreeMap::new();
        let Some(value) = map.get("rules") else { return rules };
        if value.kind() != NodeKind::Map {
            self.problem(value, "`rules` is a map from rule ids to `off`, `audit`, `warn` or `deny`");
        }
        for entry in value.entries() {
            let Some(rule) = self.rule(entry.key) else { continue };
            let parsed = if entry.value.kind() == NodeKind::Map {
                self.known_keys(entry.value, RULE_KEYS);
                Override {
                    enforcement: self.word(entry.value, "enforcement", &Enforcement::ALL, Enforcement::name),
                    severity: self.word(entry.value, "severity", &Severity::ALL, Severity::name),
                }
            } else {
                Override { enforcement: self.one_of(entry.value, &Enforcement::ALL, Enforcement::name), severity: None }
            };
            rules.insert(rule.id, parsed);
        }
        rules
    }

    fn rule(&mut self, value: Value<'_>) -> Option<&'static Rule> {
        let rule = Rule::find(value.raw());
        if rule.is_none() {
            let ids = RULES.iter().map(|rule| rule.id);
            self.problem(value, unknown("rule", value.raw(), nearest(value.raw(), ids)));
        }
        rule
    }

    fn known_keys(&mut self, map: Value<'_>, keys: &[Key]) {
        if map.kind() != NodeKind::Map {
            self.problem(map, "a map is expected here");
        }
        for entry in map.entries() {
            let key = entry.key.raw();
            if !keys.iter().any(|known| known.name == key) {
                let near = nearest(key, keys.iter().map(|known| known.name));
                self.problem(entry.key, unknown("key", key, near));
            }
        }
    }

    fn maps<'v>(&mut self, map: Value<'v>, key: &str, keys: &[Key]) -> Vec<Value<'v>> {
        let Some(list) = map.get(key) else { return Vec::new() };
        if list.kind() != NodeKind::Seq {
            self.problem(list, format!("`{key}` is a list"));
        }
        let items: Vec<_> = list.items().collect();
        for &item in &items {
            self.known_keys(item, keys);
        }
        items
    }

    fn texts(&mut self, map: Value<'_>, key: &str) -> Option<Vec<String>> {
        let list = map.get(key)?;
        let texts: Option<Vec<_>> = list.items().map(|item| item.str().map(str::to_owned)).collect();
        if list.kind() != NodeKind::Seq || texts.is_none() {
            self.problem(list, format!("`{key}` is a list of strings"));
        }
        texts
    }

    fn text(&mut self, map: Value<'_>, key: &str) -> Option<String> {
        let value = map.get(key)?;
        if value.str().is_none() {
            self.problem(value, format!("`{key}` is a string"));
        }
        value.str().map(str::to_owned)
    }

    fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, map: Value<'_>, key: &str) -> Option<T> {
        let value = map.get(key)?;
        // `1.30` is a number to YAML, and its text is still what was meant.
        match value.raw().parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(value, format!("`{key}`: {error}"));
                None
            }
        }
    }

    fn word<T: Copy>(&mut self, map: Value<'_>, key: &str, all: &[T], name: fn(T) -> &'static str) -> Option<T> {
        map.get(key).and_then(|value| self.one_of(value, all, name))
    }

    fn one_of<T: Copy>(&mut self, value: Value<'_>, all: &[T], name: fn(T) -> &'static str) -> Option<T> {
        // Unquoted, `off` is a boolean to YAML 1.1. Nobody means that here.
        let found = all.iter().copied().find(|&one| name(one) == value.raw());
        if found.is_none() {
            let words: Vec<_> = all.iter().map(|&one| name(one)).collect();
            self.problem(value, format!("`{}` is none of {}", value.raw(), words.join(", ")));
        }
        found
    }
}

fn unknown(what: &str, word: &str, near: Option<&str>) -> String {
    match near {
        Some(near) => format!("no {what} is called `{word}`; did you mean `{near}`?"),
        None => format!("no {what} is called `{word}`"),
    }
}
