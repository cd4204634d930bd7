//! The walk along a value and its schema together.

use std::collections::HashMap;

use regex_lite::{Regex, RegexBuilder};
use serde_json::Value as Json;

use crate::config::Version;
use crate::edit::{Change, Edit, Fix, Safety};
use crate::path::FieldPath;
use crate::quantity::Quantity;
use crate::rule::Rule;
use crate::rules;
use crate::schema::format;
use crate::schema::table::{Object, Scalar, Table, Type, TypeId};
use crate::suggest::nearest;
use crate::tree::{NodeKind, Value};

/// Something that the API server would not take.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The rule that it breaks.
    pub rule: &'static Rule,
    /// Where.
    pub path: FieldPath,
    /// What is wrong.
    pub message: String,
    /// What to do, where that is more than the rule says.
    pub help: Option<String>,
    /// A change that mends it.
    pub fix: Option<Fix>,
}

/// Deeper than any real object: a guard against aliases that nest each other.
const DEPTH: u32 = 256;

/// The memory that a regular expression may take, in bytes: definitions are not to be trusted.
const PATTERN: usize = 1 << 20;

pub(super) struct Walk {
    pub(super) table: &'static Table,
    pub(super) version: Version,
    pub(super) problems: Vec<Problem>,
    /// The expressions of definitions, by their text; `None` where one cannot be read.
    patterns: HashMap<String, Option<Regex>>,
}

/// A place on the way from the root, as a list of steps on the stack.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
    depth: u32,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(super) const ROOT: Self = Self { parent: None, step: Step::Root, depth: 0 };

    pub(super) fn key(&'p self, key: &'p str) -> Self {
        Self { parent: Some(self), step: Step::Key(key), depth: self.depth + 1 }
    }

    pub(super) fn index(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index), depth: self.depth + 1 }
    }

    fn path(&self) -> FieldPath {
        let path = self.parent.map_or(FieldPath::ROOT, Self::path);
        match self.step {
            Step::Root => path,
            Step::Key(key) => path.key(key.to_owned()),
            Step::Index(index) => path.index(index),
        }
    }

    /// The name of the field: of a list's item, the list's.
    pub(super) fn name(&self) -> &'p str {
        match (self.step, self.parent) {
            (Step::Key(key), _) => key,
            (Step::Index(_), Some(parent)) => parent.name(),
            _ => "the object",
        }
    }

    pub(super) fn is_too_deep(&self) -> bool {
        self.depth > DEPTH
    }
}

impl Walk {
    pub(super) fn new(table: &'static Table, version: Version) -> Self {
        Self { table, version, problems: Vec::new(), patterns: HashMap::new() }
    }

    pub(super) fn report(&mut self, rule: &'static Rule, at: &Place<'_>, message: String) -> &mut Problem {
        self.report_at(rule, at.path(), message)
    }

    pub(super) fn report_at(&mut self, rule: &'static Rule, path: FieldPath, message: String) -> &mut Problem {
        self.problems.push_mut(Problem { rule, path, message, help: None, fix: None })
    }

    /// Whether a text holds what a regular expression describes; so does any text, where Rust cannot
    /// read what Go might.
    pub(super) fn matches(&mut self, pattern: &str, text: &str) -> bool {
        if !self.patterns.contains_key(pattern) {
            let regex = RegexBuilder::new(pattern).size_limit(PATTERN).build().ok();
            self.patterns.insert(pattern.to_owned(), regex);
        }
        self.patterns.get(pattern).and_then(Option::as_ref).is_none_or(|regex| regex.is_match(text))
    }

    /// Walks a value of a built-in type.
    pub(super) fn built_in(&mut self, ty: TypeId, value: Value<'_>, at: &Place<'_>) {
        if at.is_too_deep() || value.is_null() {
            return;
        }
        match self.table.ty(ty) {
            Type::Scalar(scalar) => self.scalar(*scalar, value, at),
            Type::Enum(words) => match value.str() {
                // The API server does not tell an empty word from an absent one.
                Some("") => {}
                Some(word) if words.contains(&word) => {}
                Some(word) => self.not_a_choice(word, words, at),
                None => self.wrong_type("a string", value, at),
            },
            Type::List(item) if value.kind() == NodeKind::Seq => {
                for (index, value) in value.items().enumerate() {
                    self.built_in(*item, value, &at.index(index));
                }
            }
            Type::List(_) => self.wrong_type("a list", value, at),
            Type::Map { key, value: ty } if value.kind() == NodeKind::Map => {
                for entry in value.entries() {
                    let at = at.key(entry.key.raw());
                    self.key(*key, &at);
                    self.built_in(*ty, entry.value, &at);
                }
            }
            Type::Object(object) if value.kind() == NodeKind::Map => self.object(object, value, at),
            Type::Map { .. } | Type::Object(_) => self.wrong_type("a map", value, at),
        }
    }

    fn object(&mut self, object: &'static Object, value: Value<'_>, at: &Place<'_>) {
        let (table, version) = (self.table, self.version);
        let mut required = 0;
        for entry in value.entries() {
            let name = entry.key.raw();
            let at = at.key(name);
            match table.field(object, name, version) {
                Some(field) => {
                    required += usize::from(field.required && !entry.value.is_null());
                    self.built_in(field.ty, entry.value, &at);
                }
                None => self.unknown_field(object, value, name, &at),
            }
        }
        if required < table.required(object, version).count() {
            for field in table.required(object, version).filter(|field| value.get(field.name).is_none()) {
                let message = format!("`{}` of {} is missing", field.name, object.name);
                self.report(&rules::SCHEMA_FIELD_REQUIRED_MISSING, &at.key(field.name), message);
            }
        }
        self.absent_spec(object, value, at);
    }

    /// A `spec` that is absent is an empty one to the API server, and lacks what a `spec` must have.
    fn absent_spec(&mut self, object: &'static Object, value: Value<'_>, at: &Place<'_>) {
        let (table, version) = (self.table, self.version);
        let Some(field) = table.field(object, "spec", version).filter(|field| !field.required) else { return };
        if value.get("spec").is_some_and(|spec| !spec.is_null()) {
            return;
        }
        let Type::Object(spec) = table.ty(field.ty) else { return };
        for field in table.required(spec, version) {
            let message = format!("`{}` of {} is missing", field.name, spec.name);
            self.report(&rules::SCHEMA_FIELD_REQUIRED_MISSING, &at.key("spec").key(field.name), message);
        }
    }

    fn unknown_field(&mut self, object: &Object, value: Value<'_>, name: &str, at: &Place<'_>) {
        let (table, version) = (self.table, self.version);
        let message = format!("{} has no field `{name}`", object.name);
        let history = table.history(object, name);
        if let (Some(first), Some(last)) = (history.first(), history.last()) {
            let (first, last) = (first.versions.first, last.versions.last);
            let message = if version < first {
                format!("field `{name}` of {} came with Kubernetes {first}, not yet in {version}", object.name)
            } else {
                format!(
                    "field `{name}` of {} is gone from Kubernetes {version}; the last to have it was {last}",
                    object.name
                )
            };
            self.report(&rules::SCHEMA_FIELD_UNKNOWN, at, message);
            return;
        }
        let near = nearest(name, table.fields(object, version).map(|field| field.name));
        let help = match near {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => self.owner_below(object, name).map(|field| format!("`{name}` belongs into `{field}`")),
        };
        let problem = self.report(&rules::SCHEMA_FIELD_UNKNOWN, at, message);
        problem.help = help;
        problem.fix = near.and_then(|near| rename(value, name, near, at));
    }

    /// The field of an object whose own fields include this name: what was written one level too high.
    fn owner_below(&self, object: &Object, name: &str) -> Option<&'static str> {
        let has = |ty: TypeId| match self.table.ty(ty) {
            Type::Object(inner) => self.table.field(inner, name, self.version).is_some(),
            _ => false,
        };
        self.table.fields(object, self.version).find(|field| has(field.ty)).map(|field| field.name)
    }

    fn scalar(&mut self, scalar: Scalar, value: Value<'_>, at: &Place<'_>) {
        let kind = value.kind();
        match scalar {
            Scalar::Any => {}
            Scalar::Bool if kind == NodeKind::Bool => {}
            Scalar::Bool => self.wrong_type("a boolean", value, at),
            Scalar::Number if matches!(kind, NodeKind::Int | NodeKind::Float) => {}
            Scalar::Number => self.wrong_type("a number", value, at),
            Scalar::Int32 => self.int(value, i64::from(i32::MIN), i64::from(i32::MAX), at),
            Scalar::Int64 => self.int(value, i64::MIN, i64::MAX, at),
            Scalar::Count32 => self.int(value, 0, i64::from(i32::MAX), at),
            Scalar::Count64 => self.int(value, 0, i64::MAX, at),
            Scalar::Port => self.int(value, 1, 65535, at),
            Scalar::OptionalPort => self.int(value, 0, 65535, at),
            Scalar::IntOrString if kind == NodeKind::Str => {}
            Scalar::IntOrString => {
                self.int_or("a whole number or a string", value, i64::from(i32::MIN), i64::from(i32::MAX), at);
            }
            Scalar::PortOrName => match value.str() {
                Some(name) => self.port_name(name, at),
                None => self.int_or("a port number or a port's name", value, 1, 65535, at),
            },
            Scalar::Quantity if matches!(kind, NodeKind::Int | NodeKind::Float | NodeKind::Str) => {
                self.quantity(value, at);
            }
            Scalar::Quantity => self.wrong_type("a quantity", value, at),
            Scalar::Time
            | Scalar::Bytes
            | Scalar::Text
            | Scalar::PortName
            | Scalar::DnsLabel
            | Scalar::QualifiedName
            | Scalar::LabelValue
            | Scalar::ConfigKey
            | Scalar::EnvName => match value.str() {
                Some(text) => self.text(scalar, text, at),
                None => self.wrong_type("a string", value, at),
            },
        }
    }

    fn quantity(&mut self, value: Value<'_>, at: &Place<'_>) {
        let problem = match Quantity::of(value) {
            Err(error) => error.to_string(),
            Ok(quantity) if quantity.is_negative() => format!("{quantity} is less than nothing"),
            Ok(_) => return,
        };
        let help = format::meant_quantity(value.raw()).map(|meant| format!("write `{meant}`"));
        let of = at.parent.map_or("", Place::name);
        self.report(&rules::QUANTITY_INVALID, at, format!("{} of {of}: {problem}", at.name())).help = help;
    }

    fn port_name(&mut self, name: &str, at: &Place<'_>) {
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            let help = format!("write {name} without quotes");
            self.invalid(at, &format!("\"{name}\""), "a string of digits names no port").help = Some(help);
        } else {
            self.text(Scalar::PortName, name, at);
        }
    }

    fn text(&mut self, scalar: Scalar, text: &str, at: &Place<'_>) {
        let why = match scalar {
            Scalar::Time if !format::is_time(text) => "it is no moment such as 2026-01-31T08:00:00Z",
            Scalar::Bytes if !format::is_base64(text) => {
                // The value may be secret.
                let message = format!("`{}` is not valid Base64", at.name());
                self.report(&rules::SCHEMA_VALUE_INVALID, at, message);
                return;
            }
            Scalar::PortName if !(text.is_empty() || format::is_port_name(text)) => {
                "it must be at most 15 lower-case letters, digits and single `-`, one of them a letter"
            }
            Scalar::DnsLabel if !(text.is_empty() || format::is_dns_label(text)) => {
                "it must be at most 63 lower-case letters, digits and inner `-`"
            }
            Scalar::LabelValue if !format::is_label_value(text) => {
                "it must be at most 63 letters, digits and inner `-_.`"
            }
            Scalar::EnvName if !format::is_env_name(text) => "it must be printable ASCII without `=`, and not empty",
            _ => return,
        };
        self.invalid(at, &format!("`{text}`"), why);
    }

    /// Checks a key of a map, at the place of its value.
    fn key(&mut self, scalar: Scalar, at: &Place<'_>) {
        let key = at.name();
        let why = match scalar {
            Scalar::QualifiedName if !format::is_qualified_name(key) => {
                "at most 63 letters, digits and inner `-_.`, after an optional domain and `/`"
            }
            Scalar::ConfigKey if !format::is_config_key(key) => "letters, digits and `-_.`",
            _ => return,
        };
        self.report(&rules::SCHEMA_VALUE_INVALID, at, format!("`{key}` is no key here: it must be {why}"));
    }

    fn int(&mut self, value: Value<'_>, min: i64, max: i64, at: &Place<'_>) {
        self.int_or("a whole number", value, min, max, at);
    }

    fn int_or(&mut self, wanted: &str, value: Value<'_>, min: i64, max: i64, at: &Place<'_>) {
        match value.int() {
            Some(int) if (min..=max).contains(&int) => {}
            Some(_) => self.out_of_range(value.raw(), &min.to_string(), &max.to_string(), at),
            // Whole, but beyond 64 bits.
            None if value.float().is_some_and(|number| number.fract() == 0.0) => {
                self.out_of_range(value.raw(), &min.to_string(), &max.to_string(), at);
            }
            None => self.wrong_type(wanted, value, at),
        }
    }

    /// Reports a value of the right type that the field does not take.
    pub(super) fn invalid(&mut self, at: &Place<'_>, shown: &str, why: &str) -> &mut Problem {
        let message = format!("`{}` may not be {shown}: {why}", at.name());
        self.report(&rules::SCHEMA_VALUE_INVALID, at, message)
    }

    pub(super) fn out_of_range(&mut self, value: &str, min: &str, max: &str, at: &Place<'_>) {
        self.invalid(at, value, &format!("it must be between {min} and {max}"));
    }

    pub(super) fn not_a_choice(&mut self, word: &str, words: &[&str], at: &Place<'_>) {
        let choices: Vec<String> =
            words.iter().filter(|word| !word.is_empty()).map(|word| format!("`{word}`")).collect();
        let help = nearest(word, words.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        let why = format!("it must be one of {}", choices.join(", "));
        self.invalid(at, &format!("`{word}`"), &why).help = help;
    }

    /// Reports a value of the wrong type. The value itself may be secret; only booleans are shown.
    pub(super) fn wrong_type(&mut self, wanted: &str, value: Value<'_>, at: &Place<'_>) {
        let name = at.name();
        let raw = value.raw();
        let (message, help) = match value.kind() {
            NodeKind::Bool if wanted == "a string" && !matches!(raw, "true" | "false") => (
                format!("unquoted `{raw}` is a boolean to Kubernetes, and `{name}` must be a string"),
                Some("quote it"),
            ),
            kind => {
                let found = match kind {
                    NodeKind::Null => "null",
                    NodeKind::Bool => "a boolean",
                    NodeKind::Float if wanted.contains("whole") => "a fraction",
                    NodeKind::Int | NodeKind::Float => "a number",
                    NodeKind::Str => "a string",
                    NodeKind::Map => "a map",
                    NodeKind::Seq => "a list",
                };
                let help = match (kind, wanted) {
                    (NodeKind::Bool | NodeKind::Int | NodeKind::Float, "a string") => Some("quote it"),
                    (NodeKind::Str, "a boolean" | "a whole number" | "a number") => Some("remove the quotes"),
                    _ => None,
                };
                (format!("`{name}` must be {wanted}, not {found}"), help)
            }
        };
        let problem = self.report(&rules::SCHEMA_TYPE_WRONG, at, message);
        problem.help = help.map(str::to_owned);
        problem.fix = help.and_then(|help| requote(value, help, wanted, at));
    }
}

/// Writes a scalar of the wrong type with quotes, or without, where that makes it one of the type
/// that is wanted. Safe: the API server refuses the resource as it is.
fn requote(value: Value<'_>, title: &str, wanted: &str, at: &Place<'_>) -> Option<Fix> {
    let raw = value.raw();
    let meant = match wanted {
        "a string" => Json::from(raw),
        "a boolean" => Json::from(raw.parse::<bool>().ok()?),
        "a whole number" => Json::from(raw.parse::<i64>().ok().filter(|number| number.to_string() == raw)?),
        _ => return None,
    };
    let edits = vec![Edit::set(at.path(), meant)];
    Some(Fix { title: title.to_owned(), safety: Safety::Safe, change: Change::Edits(edits) })
}

/// Gives a field of a map the name that was meant, if that is free. Unsafe: a server that ignored the
/// field so far will act on it.
pub(super) fn rename(map: Value<'_>, name: &str, meant: &str, at: &Place<'_>) -> Option<Fix> {
    if map.get(meant).is_some() {
        return None;
    }
    let title = format!("rename `{name}` to `{meant}`");
    Some(Fix { title, safety: Safety::Unsafe, change: Change::Edits(vec![Edit::rename(at.path(), meant)]) })
}
