//! How a value is merged and compared: by its built-in type, by the schema of its definition, or,
//! where neither is known, by what it looks like.

use crate::resource::Resource;
use crate::schema::custom;
use crate::schema::table::{ApiKind, Field, Merge, Scalar, Table, Type, TypeId};
use crate::tree::Value;

/// What is known of a value.
#[derive(Clone, Copy)]
pub(super) enum Shape<'s> {
    /// A built-in type.
    BuiltIn(TypeId, Merges),
    /// A node of a `CustomResourceDefinition`'s schema.
    Custom(Value<'s>),
    /// Nothing: maps merge key by key, lists as a whole.
    Unknown,
}

/// The list-type and map-type of a field.
#[derive(Clone, Copy)]
pub(super) struct Merges(&'static Merge);

/// How the parts of a collection are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form<'s> {
    /// It is one value.
    Atomic,
    /// A map, key by key.
    Granular,
    /// A list of distinct scalars.
    Set,
    /// A list whose items are told apart by these fields.
    Keyed(Vec<&'s str>),
}

/// What a scalar means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Quantity,
    Plain,
}

const GRANULAR: &Merge = &Merge::Granular;

impl<'s> Shape<'s> {
    /// The shape of an object: `definition` is the one of its kind, if it is a custom one.
    pub(super) fn of(resource: &Resource, definition: Option<&'s Resource>) -> Self {
        let api_version = resource.api_version();
        let version = api_version.rsplit_once('/').map_or(api_version, |(_, version)| version);
        if let Some(kind) = known_kind(resource, version) {
            return Self::BuiltIn(kind.ty, Merges(GRANULAR));
        }
        match definition.map(|definition| custom::version(definition, version)) {
            Some(custom::Version::Schema(schema)) => Self::Custom(schema),
            _ => Self::Unknown,
        }
    }

    /// The shape of `metadata`, whatever the kind.
    pub(super) fn of_metadata() -> Self {
        let namespace = Table::get().kind("", "v1", "Namespace").map(|kind| Self::BuiltIn(kind.ty, Merges(GRANULAR)));
        namespace.map_or(Self::Unknown, |namespace| namespace.field("metadata").unwrap_or(Self::Unknown))
    }

    /// The name of the built-in type.
    pub(super) fn type_name(self) -> &'static str {
        match self.object() {
            Some(object) => object.name,
            None => "",
        }
    }

    fn object(self) -> Option<&'static crate::schema::table::Object> {
        match self {
            Self::BuiltIn(ty, _) => match Table::get().ty(ty) {
                Type::Object(object) => Some(object),
                _ => None,
            },
            _ => None,
        }
    }

    /// What the table says about a field, in the newest version that has it.
    pub(super) fn declared(self, name: &str) -> Option<&'static Field> {
        Table::get().history(self.object()?, name).last()
    }

    /// The shape of a map's value. `None` where the schema has no such field.
    pub(super) fn field(self, name: &str) -> Option<Self> {
        match self {
            Self::BuiltIn(ty, _) => match Table::get().ty(ty) {
                Type::Object(_) => {
                    let field = self.declared(name)?;
                    Some(Self::BuiltIn(field.ty, Merges(&field.merge)))
                }
                Type::Map { value, .. } => Some(Self::BuiltIn(*value, Merges(GRANULAR))),
                Type::Scalar(Scalar::Any) => Some(Self::Unknown),
                _ => None,
            },
            Self::Custom(schema) => {
                let property = schema.get("properties").and_then(|properties| properties.get(name));
                let additional = || schema.get("additionalProperties");
                match property.or_else(additional) {
                    Some(schema) => Some(Self::Custom(schema)),
                    None if is_set(schema, "x-kubernetes-preserve-unknown-fields") => Some(Self::Unknown),
                    None if schema.get("properties").is_none() => Some(Self::Unknown),
                    None => None,
                }
            }
            Self::Unknown => Some(Self::Unknown),
        }
    }

    /// The shape of a list's items.
    pub(super) fn item(self) -> Self {
        match self {
            Self::BuiltIn(ty, _) => match Table::get().ty(ty) {
                Type::List(item) => Self::BuiltIn(*item, Merges(GRANULAR)),
                _ => Self::Unknown,
            },
            Self::Custom(schema) => schema.get("items").map_or(Self::Unknown, Self::Custom),
            Self::Unknown => Self::Unknown,
        }
    }

    /// How a map is merged.
    pub(super) fn map_form(self) -> Form<'s> {
        match self {
            Self::BuiltIn(ty, Merges(merge)) => match Table::get().ty(ty) {
                Type::Scalar(_) => Form::Atomic,
                _ if *merge == Merge::Whole => Form::Atomic,
                _ => Form::Granular,
            },
            Self::Custom(schema) if text(schema, "x-kubernetes-map-type") == Some("atomic") => Form::Atomic,
            _ => Form::Granular,
        }
    }

    /// How a list is merged.
    pub(super) fn list_form(self) -> Form<'s> {
        match self {
            Self::BuiltIn(_, Merges(merge)) => match merge {
                Merge::Set => Form::Set,
                Merge::Keys(keys) => Form::Keyed(keys.to_vec()),
                _ => Form::Atomic,
            },
            Self::Custom(schema) => match text(schema, "x-kubernetes-list-type") {
                Some("set") => Form::Set,
                Some("map") => {
                    let keys = schema.get("x-kubernetes-list-map-keys").into_iter().flat_map(Value::items);
                    Form::Keyed(keys.filter_map(Value::str).collect())
                }
                _ => Form::Atomic,
            },
            Self::Unknown => Form::Atomic,
        }
    }

    /// What a scalar means.
    pub(super) fn meaning(self) -> Meaning {
        // What controller-gen writes for a field of Go's type `resource.Quantity`.
        const QUANTITY: &str = "[numkMGTPE]";
        let quantity = match self {
            Self::BuiltIn(ty, _) => matches!(Table::get().ty(ty), Type::Scalar(Scalar::Quantity)),
            Self::Custom(schema) => text(schema, "pattern").is_some_and(|pattern| pattern.contains(QUANTITY)),
            Self::Unknown => false,
        };
        if quantity { Meaning::Quantity } else { Meaning::Plain }
    }

    /// The default that a definition's schema, or the published API, gives a field.
    pub(super) fn default_of(self, name: &str) -> Option<DefaultValue<'s>> {
        match self {
            Self::BuiltIn(..) => self.declared(name)?.default.map(DefaultValue::Published),
            Self::Custom(schema) => schema.at(&["properties", name, "default"]).map(DefaultValue::Custom),
            Self::Unknown => None,
        }
    }

    /// Whether a field with a zero value is not stored: its Go type is no pointer and says
    /// `omitempty`.
    pub(super) fn drops_zero(self, name: &str) -> bool {
        // `IntOrString` is a struct, which counts as empty with either zero.
        let is_target_port = || name == "targetPort" && self.type_name() == "ServicePort";
        self.declared(name).is_some_and(|field| field.drops_zero) || is_target_port()
    }

    /// Whether this is a map from free keys, so that a key cannot come from defaulting.
    pub(super) fn is_free_map(self) -> bool {
        match self {
            Self::BuiltIn(ty, _) => matches!(Table::get().ty(ty), Type::Map { .. }),
            Self::Custom(schema) => schema.get("properties").is_none(),
            Self::Unknown => true,
        }
    }

    /// Whether an empty map or list of this shape means no more than an absent one.
    pub(super) fn empty_is_absent(self) -> bool {
        match self {
            Self::BuiltIn(ty, _) => matches!(Table::get().ty(ty), Type::Map { .. } | Type::List(_)),
            _ => true,
        }
    }
}

/// The kind in this version, or, for versions older than the table, in its nearest relative.
fn known_kind(resource: &Resource, version: &str) -> Option<&'static ApiKind> {
    let (table, name) = (Table::get(), resource.kind_name());
    table.kind(resource.group(), version, name).or_else(|| {
        // All kinds of `extensions` have moved.
        let same_group = |group: &str| group == resource.group() || resource.group() == "extensions";
        table.kinds().iter().rfind(|kind| kind.kind == name && same_group(kind.group))
    })
}

/// A default.
#[derive(Clone, Copy)]
pub(super) enum DefaultValue<'s> {
    /// As JSON, from the published API.
    Published(&'static str),
    /// From a definition.
    Custom(Value<'s>),
}

fn text<'s>(schema: Value<'s>, key: &str) -> Option<&'s str> {
    schema.get(key).and_then(Value::str)
}

fn is_set(schema: Value<'_>, key: &str) -> bool {
    schema.get(key).and_then(Value::bool) == Some(true)
}
