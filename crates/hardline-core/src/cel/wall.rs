//! The second wall: `ValidatingAdmissionPolicy` objects of all rules that have a twin in CEL.
//!
//! For each set of kinds there is one that denies, one that warns and one that writes to the audit
//! log, each with its binding. So an object is taken apart once for all rules, and whoever is
//! refused sees all reasons: of several failed validations the API server would tell the first. The
//! API server asks the wall before the webhook, and does not ask that one about what the wall refuses.
//! So each reason says what to do, as the webhook's do.
//! Which of a rule's findings does what is decided in CEL, by profile and enforcement, since labels
//! of namespaces may change. Nothing is a parameter object: those that are loaded from files may
//! have none, and a wall must not fall with a `ConfigMap`.
//!
//! An update is judged by what it adds: a rule that the old object broke with the same container
//! holds nobody up. Ends of exemptions are compared with the times that the API server itself has
//! stamped on the object, since CEL has no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::{Cel, twins};
use crate::admission::{ENFORCEMENT_LABEL, SYSTEM_NAMESPACES, TEMPLATE_CONTROLLERS};
use crate::config::Config;
use crate::exemption;
use crate::names::plural;
use crate::profile::{Enforcement, Profile};
use crate::resource::Kind;
use crate::rule::{Check, Rule};
use crate::verdict::PROFILE_LABEL;
use crate::workload;

/// What the wall is made for. Text may be a placeholder that somebody fills in later.
#[derive(Debug, Clone)]
pub struct Options {
    /// The profile where no label chooses another.
    pub profile: String,
    /// How much findings may do where no label says so.
    pub enforcement: String,
    /// The namespace of hardline itself, which is not judged.
    pub own_namespace: String,
    /// Where the API server gets it from.
    pub origin: Origin,
    /// Which findings it acts on.
    pub acts: Acts,
}

/// Which findings the wall acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    /// On those that deny. Beside the webhook that is enough: what only warns need not be told twice, and
    /// nobody is harmed where it is not told while the webhook is down.
    Denied,
    /// On all.
    All,
}

/// Where the API server gets the wall from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Objects of its API.
    Api,
    /// Files in its `staticManifestsDir`, which hold before its first request and which nobody
    /// changes by the API (KEP-5793).
    Files,
}

/// What stands between a finding and what to do about it.
const FIX: &str = ", fix: ";

/// The most characters of findings that are told: the API server takes a message of 5 KiB.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#message-expression>
const LONGEST: usize = 4500;

/// What every policy names, beside the lists of its rules.
const SUBJECT: [(&str, &str); 6] = [
    (
        "template",
        "{object} == null ? {} : ({object}.kind == 'Pod' ? optional.of({object}) : \
      {object}.kind == 'CronJob' ? dyn({object}).?spec.?jobTemplate.?spec.?template : \
      {object}.kind == 'PodTemplate' ? dyn({object}).?template : dyn({object}).?spec.?template).orValue({})",
    ),
    ("pod", "{template}.?spec.orValue({})"),
    (
        "containers",
        "{pod}.?containers.orValue([]) + {pod}.?initContainers.orValue([]) + \
      {pod}.?ephemeralContainers.orValue([])",
    ),
    (
        "running",
        "{pod}.?containers.orValue([]) + {pod}.?initContainers.orValue([])\
      .filter(container, container.?restartPolicy.orValue('') == 'Always')",
    ),
    (
        "contexts",
        "([{pod}] + {containers}).filter(holder, has(holder.securityContext))\
      .map(holder, holder.securityContext)",
    ),
    (
        "hostPaths",
        "{pod}.?volumes.orValue([]).filter(volume, has(volume.hostPath))\
      .map(volume, '/' + volume.hostPath.path.split('/').filter(part, !(part in ['', '.'])).join('/'))\
      .map(path, path == '/run' || path.startsWith('/run/') || !(path + '/').startsWith('/var/run/') ? path : \
      path.substring(4))",
    ),
];

/// The objects of the wall: policies, each followed by its binding.
pub fn objects(config: &Config, options: &Options) -> Vec<Json> {
    let levels: &[Enforcement] = match options.acts {
        Acts::Denied => &[Enforcement::Deny],
        Acts::All => &[Enforcement::Deny, Enforcement::Warn, Enforcement::Audit],
    };
    let groups = Group::all();
    let all = groups.iter().flat_map(|group| levels.iter().map(|&level| group.objects(level, config, options)));
    all.flatten().flatten().collect()
}

/// Kinds that share rules, and all rules that look at them. No kind is in two groups: of several
/// policies that refuse an object, the API server would tell the reasons of one.
struct Group {
    kinds: BTreeSet<Kind>,
    rules: Vec<(&'static Rule, Cel)>,
}

impl Group {
    fn all() -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (rule, cel) in twins() {
            let mut group = Self { kinds: kinds(rule), rules: vec![(rule, cel)] };
            let (touching, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|other| !other.kinds.is_disjoint(&group.kinds));
            for other in touching {
                group.kinds.extend(other.kinds);
                group.rules.extend(other.rules);
            }
            groups = apart;
            groups.push(group);
        }
        for group in &mut groups {
            group.rules.sort_by_key(|(rule, _)| rule.id);
        }
        groups.sort_by_key(Self::name);
        groups
    }

    fn carries_pods(&self) -> bool {
        self.kinds.contains(&Kind::Pod)
    }

    fn name(&self) -> String {
        if self.carries_pods() {
            return "workloads".to_owned();
        }
        let names: Vec<String> = self.kinds.iter().map(|kind| plural(kind.name())).collect();
        names.join("-")
    }

    /// API groups with the resources in them.
    fn resources(&self) -> BTreeMap<&'static str, Vec<String>> {
        let custom = workload::custom().filter(|_| self.carries_pods());
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (group, kind) in self.kinds.iter().map(|kind| (kind.group(), kind.name())).chain(custom) {
            groups.entry(group).or_default().push(plural(kind));
        }
        if self.carries_pods() {
            // The ways in which a pod is changed that runs.
            groups.entry("").or_default().extend(["pods/ephemeralcontainers", "pods/resize"].map(str::to_owned));
        }
        groups
    }

    /// The policy that does this with findings, and its binding; `None` where no rule ever does.
    fn objects(&self, level: Enforcement, config: &Config, options: &Options) -> Option<[Json; 2]> {
        let conditions = self.rules.iter().map(|(rule, _)| condition(rule, level, config));
        let rules: Vec<_> = self.rules.iter().zip(conditions).filter_map(|(rule, on)| Some((rule, on?))).collect();
        if rules.is_empty() {
            return None;
        }
        let mut variables = Variables::default();
        self.declare(&mut variables, config, options);
        let mut findings = Vec::new();
        for ((rule, cel), on) in &rules {
            for (name, list) in cel.lists {
                variables.add(name, json!(list).to_string());
            }
            let name = camel(rule.id);
            let expression = match rule.check {
                Check::Container(_) => of_containers(rule, cel),
                Check::Resource(kinds, _) if kinds.len() < self.kinds.len() => of_object(rule, cel, kinds),
                _ => of_object(rule, cel, &[]),
            };
            variables.add(&name, format!("{on} && !({} in variables.exempt) ? {expression} : []", quoted(rule.id)));
            findings.push(format!("variables.{name}"));
        }
        variables.add("findings", findings.join(" + "));
        // What is denied is told with what to do about it, as long as there is room. Warnings have little.
        let (all, short) =
            ("variables.findings", format!("variables.findings.map(finding, finding.split('{FIX}')[0])"));
        let told = match level {
            Enforcement::Deny => {
                format!("{all}.join('; ').size() < {LONGEST} ? {all}.join('; ') : {short}.join('; ')")
            }
            _ => format!("{short}.join('; ')"),
        };
        variables.add("told", told);
        let actions = match level {
            Enforcement::Deny => json!(["Deny", "Audit"]),
            Enforcement::Warn => json!(["Warn", "Audit"]),
            _ => json!(["Audit"]),
        };
        let suffix = match options.origin {
            Origin::Api => "",
            Origin::Files => ".static.k8s.io",
        };
        let name = format!("hardline-{}-{}{suffix}", self.name(), level.name());
        let metadata = json!({"name": name, "labels": {"app.kubernetes.io/name": "hardline"}});
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata,
            "spec": {
                // An expression that fails on an odd object refuses it only where findings do.
                "failurePolicy": if level == Enforcement::Deny { "Fail" } else { "Ignore" },
                "matchConstraints": self.constraints(options),
                "matchConditions": conditions_of_requests(),
                "variables": variables.0,
                "validations": [{
                    "expression": "variables.findings.size() == 0",
                    "messageExpression": "'hardline: ' + variables.told + '; more: hardline explain RULE'",
                    "message": "hardline: too much to tell, `hardline check` tells all",
                }],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": name, "validationActions": actions},
        });
        Some([policy, binding])
    }

    fn constraints(&self, options: &Options) -> Json {
        let rule = |(group, resources): (&str, Vec<String>)| {
            json!({
                "apiGroups": [group],
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": resources,
            })
        };
        let mut namespaces: Vec<&str> = SYSTEM_NAMESPACES.to_vec();
        namespaces.push(&options.own_namespace);
        json!({
            "resourceRules": self.resources().into_iter().map(rule).collect::<Vec<_>>(),
            "namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": namespaces},
            ]},
        })
    }

    /// What all rules of the group name.
    fn declare(&self, variables: &mut Variables, config: &Config, options: &Options) {
        let label = |key: &str| {
            let key = quoted(key);
            [
                format!("object.metadata.?labels[?{key}].orValue('')"),
                format!("(namespaceObject == null ? '' : namespaceObject.metadata.?labels[?{key}].orValue(''))"),
            ]
        };
        let profiles = json!(Profile::ALL.map(Profile::name));
        let (own, of_namespace) = label(PROFILE_LABEL).into();
        let default = quoted(&options.profile);
        variables.add("profile", format!("[{own}, {of_namespace}, {default}].filter(name, name in {profiles})[0]"));
        let levels: Vec<String> =
            Enforcement::ALL.iter().map(|level| format!("'{}': {}", level.name(), *level as u8)).collect();
        variables.add("levels", format!("{{{}}}", levels.join(", ")));
        let (own, of_namespace) = label(ENFORCEMENT_LABEL).into();
        let here =
            format!("variables.levels[?{of_namespace}].orValue(variables.levels[{}])", quoted(&options.enforcement));
        variables.add("here", here);
        variables.add("own", format!("variables.levels[?{own}].orValue(0)"));
        variables.add("most", "variables.own > variables.here ? variables.own : variables.here".to_owned());
        declare_exemptions(variables);
        variables.add("kubernetes", config.settings.kubernetes_version.minor.to_string());
        if self.carries_pods() {
            let allowed = allowed_registries(&config.settings.allowed_registries);
            variables.add("allowedRegistries", quoted(&allowed));
            variables.add("forbiddenTags", quoted(&forbidden_tags(&config.settings.forbidden_tags)));
            for old in [false, true] {
                for (name, expression) in SUBJECT {
                    let object = if old { "oldObject" } else { "object" };
                    let expression = SUBJECT.iter().fold(expression.replace("{object}", object), |text, (name, _)| {
                        text.replace(&format!("{{{name}}}"), &format!("variables.{}", subject(name, old)))
                    });
                    variables.add(&subject(name, old), expression);
                }
            }
        }
    }
}

/// The variables of a policy, in the order in which they may name each other.
#[derive(Default)]
struct Variables(Vec<Json>);

impl Variables {
    fn add(&mut self, name: &str, expression: String) {
        if !self.0.iter().any(|variable| variable["name"] == name) {
            self.0.push(json!({"name": name, "expression": expression}));
        }
    }
}

/// The ids of the rules from which annotations exempt the object, as [`exemption`] reads them.
fn declare_exemptions(variables: &mut Variables) {
    const DATE: &str = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
    let prefix = exemption::ANNOTATION_PREFIX;
    let form = format!("^[^;]*[^;\\s][^;]*(;\\s*(owner\\s*=\\s*[^;\\s][^;]*|until\\s*=\\s*{DATE}\\s*)?)*$");
    let until = format!(";\\s*until\\s*=\\s*{DATE}");
    variables.add("annotations", "object.metadata.?annotations.orValue({})".to_owned());
    variables.add(
        "stamps",
        "([object.metadata.?creationTimestamp.orValue('')] + \
         object.metadata.?managedFields.orValue([]).map(field, field.?time.orValue(''))).map(stamp, string(stamp))"
            .to_owned(),
    );
    variables.add(
        "exempt",
        format!(
            "variables.annotations.filter(key, key.startsWith({prefix}) && variables.annotations[key].matches({form}) && \
             !variables.annotations[key].matches('^\\\\s*(owner|until)=') && \
             variables.annotations[key].findAll({until}).all(end, !variables.stamps.exists(stamp, \
             stamp > end.substring(end.size() - 10) + 'T23:59:59Z'))).map(key, key.substring({length}))",
            length = prefix.len(),
            prefix = quoted(prefix),
            form = quoted(&form),
            until = quoted(&until),
        ),
    );
}

/// When the rule's findings do this: the lesser of what the profile and the labels say. `None` for
/// never.
fn condition(rule: &Rule, level: Enforcement, config: &Config) -> Option<String> {
    let (mut same, mut more) = (Vec::new(), Vec::new());
    for profile in Profile::ALL {
        let enforcement = config.standing(rule, profile, []).0;
        if enforcement == level {
            same.push(profile.name());
        } else if enforcement > level {
            more.push(profile.name());
        }
    }
    let rank = level as u8;
    let when = |profiles: Vec<&str>, most: &str| {
        (!profiles.is_empty())
            .then(|| format!("variables.profile in {} && variables.most {most} {rank}", json!(profiles)))
    };
    match (when(same, ">="), when(more, "==")) {
        (None, None) => None,
        (Some(same), Some(more)) => Some(format!("({same} || {more})")),
        (one, other) => one.or(other),
    }
}

/// The requests that are judged: those of people and of their tools.
fn conditions_of_requests() -> Json {
    let controllers = TEMPLATE_CONTROLLERS.map(|name| format!("system:serviceaccount:kube-system:{name}"));
    let controllers: Vec<&str> =
        controllers.iter().map(String::as_str).chain(["system:kube-controller-manager"]).collect();
    json!([
        // The API server makes roles at its start, and the kubelet an image of each of its own pods.
        {"name": "not-by-the-system", "expression": "request.userInfo.username != 'system:apiserver' && \
            !('system:nodes' in request.userInfo.?groups.orValue([]))"},
        // That an object names an owner proves nothing; who makes it does.
        {"name": "not-from-a-template", "expression": format!("!(request.userInfo.username in {} && \
            object.metadata.?ownerReferences.orValue([]).exists(owner, owner.?controller.orValue(false)))",
            json!(controllers))},
        {"name": "not-on-its-way-out", "expression": "!has(object.metadata.deletionTimestamp)"},
    ])
}

/// The finding of a rule that checks containers, as a list of none or one.
fn of_containers(rule: &Rule, cel: &Cel) -> String {
    let list = |old| format!("variables.{}", subject(if cel.running { "running" } else { "containers" }, old));
    format!(
        "[{}.filter(container, {}).map(container, container.name)\
         .filter(name, !{}.exists(container, container.name == name && {}))]\
         .filter(names, names.size() > 0).map(names, {} + names.join(', ') + {})",
        list(false),
        bound(cel.flags, false),
        list(true),
        bound(cel.flags, true),
        quoted(&format!("[{}] {} (", rule.id, rule.summary)),
        quoted(&format!("){FIX}{}", rule.help)),
    )
}

/// The finding of a rule that checks the object as a whole, as a list of none or one. The kinds are
/// given where the policy is for others as well.
fn of_object(rule: &Rule, cel: &Cel, kinds: &[Kind]) -> String {
    let is = kinds.iter().map(|kind| match kind.group() {
        "" => format!("object.kind == '{kind}' && object.apiVersion == 'v1'"),
        group => format!("object.kind == '{kind}' && object.apiVersion.startsWith('{group}/')"),
    });
    let is: Vec<String> = is.collect();
    let is = if is.is_empty() { "true".to_owned() } else { format!("({})", is.join(" || ")) };
    let text = quoted(&format!("[{}] {}{FIX}{}", rule.id, rule.summary, rule.help));
    let (now, before) = (bound(cel.flags, false), bound(cel.flags, true));
    format!("({is} && {now} && !(oldObject != null && {before}) ? [{text}] : [])")
}

/// The expression with its names bound to the object, or to the old one.
fn bound(expression: &str, old: bool) -> String {
    let mut text = format!("({expression})");
    for (name, _) in SUBJECT.iter().filter(|(name, _)| mentions(expression, name)) {
        text = format!("[variables.{}].exists({name}, {text})", subject(name, old));
    }
    if old && mentions(expression, "object") {
        text = format!("[oldObject].exists(object, {text})");
    }
    text
}

/// Whether an expression uses a name that is no field of something.
fn mentions(expression: &str, name: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '?' | '\'');
    expression.match_indices(name).any(|(at, _)| {
        let (before, after) = (&expression[..at], &expression[at + name.len()..]);
        !before.ends_with(is_word)
            && !after.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '\'')
    })
}

/// The name of a part of the object, or of the old one.
fn subject(name: &str, old: bool) -> String {
    if old { camel(&format!("old-{name}")) } else { name.to_owned() }
}

/// `a-b` as `aB`; capitals stay.
fn camel(text: &str) -> String {
    let mut words = text.split('-');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// A string in CEL, whose escapes are among those of JSON.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

/// The kinds that a rule looks at, those of other projects aside.
fn kinds(rule: &Rule) -> BTreeSet<Kind> {
    match rule.check {
        Check::Resource(kinds, _) => kinds.iter().copied().collect(),
        _ => Kind::ALL.iter().copied().filter(|kind| workload::is_carrier(*kind)).collect(),
    }
}

/// A regular expression for names of images, with their registry, that one of these patterns allows;
/// empty where all are allowed.
fn allowed_registries(patterns: &[String]) -> String {
    let patterns: Vec<String> =
        patterns.iter().map(|pattern| expression(pattern.trim_end_matches('/'), ".*")).collect();
    if patterns.is_empty() { String::new() } else { format!("^({})(/.*)?$", patterns.join("|")) }
}

/// A regular expression for what a pattern describes, in which a star is written so.
fn expression(pattern: &str, star: &str) -> String {
    let mut text = String::new();
    for letter in pattern.chars() {
        match letter {
            '*' => text.push_str(star),
            letter if letter.is_alphanumeric() => text.push(letter),
            letter => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\x{{{:x}}}", u32::from(letter));
            }
        }
    }
    text
}

/// A regular expression for references in lower case whose tag holds one of these words.
fn forbidden_tags(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        let separator = if text.is_empty() { "" } else { "|" };
        text.push_str(separator);
        for letter in word.to_lowercase().chars() {
            match letter {
                '*' => text.push_str("[^/:._+-]*"),
                '.' | '-' | '_' | '+' => text.push_str("[._+-]"),
                letter if letter.is_alphanumeric() => text.push(letter),
                letter => {
                    // Writing to a string does not fail.
                    let _ = write!(text, "\\x{{{:x}}}", u32::from(letter));
                }
            }
        }
    }
    // No word at all: an expression that matches nothing.
    if text.is_empty() { "[^\\s\\S]".to_owned() } else { format!(":([^/:]*[._+-])?({text})([._+-][^/:]*)?$") }
}
