//! The walk along a custom resource and the schema in its definition.
//!
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>

use std::net::Ipv6Addr;

use crate::config::{Date, Version as Kubernetes};
use crate::resource::Resource;
use crate::rules;
use crate::schema::format;
use crate::schema::walk::{Place, Walk, rename};
use crate::suggest::nearest;
use crate::tree::{NodeKind, Value};

/// What a definition says about one of its versions.
pub(crate) enum Version<'d> {
    /// It is served, with this schema.
    Schema(Value<'d>),
    /// It is served, and anything goes.
    Open,
    /// It is not served; these are.
    NotServed(Vec<&'d str>),
}

/// Looks up a version in a `CustomResourceDefinition`.
pub(crate) fn version<'d>(definition: &'d Resource, version: &str) -> Version<'d> {
    let served = |entry: &Value<'d>| entry.get("served").and_then(Value::bool) != Some(false);
    let name = |entry: Value<'d>| entry.get("name").and_then(Value::str);
    let versions = || definition.spec("versions").into_iter().flat_map(Value::items).filter(served);
    let Some(entry) = versions().find(|&entry| name(entry) == Some(version)) else {
        let names: Vec<_> = versions().filter_map(name).collect();
        // `apiextensions.k8s.io/v1beta1` could say it in `spec.version`.
        return if names.is_empty() { Version::Open } else { Version::NotServed(names) };
    };
    let open = definition.spec("preserveUnknownFields").and_then(Value::bool) == Some(true);
    match entry.at(&["schema", "openAPIV3Schema"]) {
        Some(schema) if !open => Version::Schema(schema),
        _ => Version::Open,
    }
}

fn flag(schema: Value<'_>, key: &str) -> bool {
    schema.get(key).and_then(Value::bool) == Some(true)
}

/// Walks the root of a custom resource. Its `metadata` is built in, its `status` not for users.
pub(super) fn root(walk: &mut Walk, schema: Value<'_>, value: Value<'_>) {
    object(walk, schema, value, &Place::ROOT, &["apiVersion", "kind", "metadata", "status"]);
}

pub(super) fn walk(walk: &mut Walk, schema: Value<'_>, value: Value<'_>, at: &Place<'_>) {
    if at.is_too_deep() || value.is_null() {
        return;
    }
    if flag(schema, "x-kubernetes-int-or-string") {
        match value.kind() {
            NodeKind::Int => range(walk, schema, value, at),
            NodeKind::Str => form(walk, schema, value.raw(), at),
            _ => walk.wrong_type("a whole number or a string", value, at),
        }
        return;
    }
    match schema.get("type").and_then(Value::str) {
        Some("object") if value.kind() == NodeKind::Map => {
            let embedded = flag(schema, "x-kubernetes-embedded-resource");
            let implied: &[&str] = if embedded { &["apiVersion", "kind", "metadata"] } else { &[] };
            object(walk, schema, value, at, implied);
        }
        Some("object") => walk.wrong_type("a map", value, at),
        Some("array") if value.kind() == NodeKind::Seq => {
            bounds(walk, schema, ["minItems", "maxItems"], "items", value.items().count(), at);
            if let Some(items) = schema.get("items") {
                for (index, item) in value.items().enumerate() {
                    self::walk(walk, items, item, &at.index(index));
                }
            }
        }
        Some("array") => walk.wrong_type("a list", value, at),
        Some("string") => match value.str() {
            Some(text) => {
                bounds(walk, schema, ["minLength", "maxLength"], "characters", text.chars().count(), at);
                choices(walk, schema, text, at);
                form(walk, schema, text, at);
            }
            None => walk.wrong_type("a string", value, at),
        },
        Some("boolean") if value.kind() != NodeKind::Bool => walk.wrong_type("a boolean", value, at),
        Some("integer") => match value.int() {
            Some(_) => range(walk, schema, value, at),
            None if value.kind() == NodeKind::Int => {}
            None => walk.wrong_type("a whole number", value, at),
        },
        Some("number") => match value.float() {
            Some(_) => range(walk, schema, value, at),
            None => walk.wrong_type("a number", value, at),
        },
        _ => {}
    }
}

fn object(walk: &mut Walk, schema: Value<'_>, value: Value<'_>, at: &Place<'_>, implied: &[&str]) {
    let properties = schema.get("properties");
    let additional = schema.get("additionalProperties");
    let open = flag(schema, "x-kubernetes-preserve-unknown-fields")
        || additional.is_some_and(|additional| additional.bool() == Some(true));
    bounds(walk, schema, ["minProperties", "maxProperties"], "fields", value.entries().count(), at);
    for entry in value.entries() {
        let name = entry.key.raw();
        let at = at.key(name);
        if implied.contains(&name) {
            continue;
        }
        if let Some(property) = properties.and_then(|properties| properties.get(name)) {
            self::walk(walk, property, entry.value, &at);
        } else if let Some(schema) = additional.filter(|additional| additional.kind() == NodeKind::Map) {
            self::walk(walk, schema, entry.value, &at);
        } else if !open {
            let known = properties.into_iter().flat_map(Value::entries).map(|entry| entry.key.raw());
            let near = nearest(name, known);
            let message = format!("the custom resource's definition has no field `{name}` here");
            let problem = walk.report(&rules::SCHEMA_FIELD_UNKNOWN, &at, message);
            problem.help = near.map(|near| format!("did you mean `{near}`?"));
            problem.fix = near.and_then(|near| rename(value, name, near, &at));
        }
    }
    let required = schema.get("required").into_iter().flat_map(Value::items).filter_map(Value::str);
    for name in required.filter(|name| !implied.contains(name) && value.get(name).is_none()) {
        let property = properties.and_then(|properties| properties.get(name));
        if property.is_none_or(|property| property.get("default").is_none()) {
            let message = format!("`{name}` is missing, which the custom resource's definition requires");
            walk.report(&rules::SCHEMA_FIELD_REQUIRED_MISSING, &at.key(name), message);
        }
    }
}

fn choices(walk: &mut Walk, schema: Value<'_>, text: &str, at: &Place<'_>) {
    let Some(choices) = schema.get("enum") else { return };
    let words: Vec<&str> = choices.items().filter_map(Value::str).collect();
    if !words.contains(&text) {
        walk.not_a_choice(text, &words, at);
    }
}

/// Checks `pattern` and `format`. Formats that the API server does not know say nothing.
fn form(walk: &mut Walk, schema: Value<'_>, text: &str, at: &Place<'_>) {
    if let Some(pattern) = schema.get("pattern").and_then(Value::str)
        && !walk.matches(pattern, text)
    {
        // The value may be secret.
        let message =
            format!("`{}` does not match `{pattern}`, as the custom resource's definition demands", at.name());
        walk.report(&rules::SCHEMA_VALUE_INVALID, at, message);
    }
    let format = schema.get("format").and_then(Value::str).unwrap_or_default();
    let names = walk.version >= Kubernetes::minor(34);
    let (good, what) = match format {
        "date-time" | "datetime" => {
            (format::is_time(&text.to_ascii_uppercase()), "a moment such as 2026-01-31T08:00:00Z")
        }
        "date" => (text.parse::<Date>().is_ok(), "a date such as 2026-01-31"),
        "ipv4" => (format::is_ipv4(text), "an address of IPv4"),
        "ipv6" => (text.parse::<Ipv6Addr>().is_ok(), "an address of IPv6"),
        "uuid" => (format::is_uuid(text), "a UUID"),
        "k8s-short-name" if names => {
            (format::is_dns_label(text), "at most 63 lower-case letters, digits and inner `-`")
        }
        "k8s-long-name" if names => (format::is_dns_subdomain(text), "lower-case letters, digits, inner `-` and `.`"),
        _ => return,
    };
    if !good {
        walk.invalid(at, &format!("`{text}`"), &format!("it must be {what}"));
    }
}

fn range(walk: &mut Walk, schema: Value<'_>, value: Value<'_>, at: &Place<'_>) {
    let bound = |key: &str| schema.get(key).and_then(Value::float);
    let (min, max) = (bound("minimum"), bound("maximum"));
    let Some(number) = value.float() else { return };
    let below = min.is_some_and(|min| number < min || (flag(schema, "exclusiveMinimum") && number <= min));
    let above = max.is_some_and(|max| number > max || (flag(schema, "exclusiveMaximum") && number >= max));
    let step = schema.get("multipleOf").and_then(Value::int).filter(|step| *step > 0);
    if let (Some(step), Some(whole)) = (step, value.int())
        && whole % step != 0
    {
        walk.invalid(at, value.raw(), &format!("it must be a multiple of {step}"));
    }
    if below || above {
        let text = |bound: Option<f64>, none: &str| bound.map_or_else(|| none.to_owned(), |bound| bound.to_string());
        walk.out_of_range(value.raw(), &text(min, "-∞"), &text(max, "∞"), at);
    }
}

fn bounds(walk: &mut Walk, schema: Value<'_>, keys: [&str; 2], what: &str, count: usize, at: &Place<'_>) {
    let [min, max] = keys.map(|key| schema.get(key).and_then(Value::int).and_then(|bound| usize::try_from(bound).ok()));
    let message = match (min, max) {
        (Some(min), _) if count < min => format!("has {count} {what}, fewer than {min}"),
        (_, Some(max)) if count > max => format!("has {count} {what}, more than {max}"),
        _ => return,
    };
    let message = format!("`{}` {message}", at.name());
    walk.report(&rules::SCHEMA_VALUE_INVALID, at, message);
}
