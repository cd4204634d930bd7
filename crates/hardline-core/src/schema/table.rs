//! What the API of Kubernetes accepts, by version: the types, fields and kinds of its published
//! `OpenAPI`, in one table that `cargo xtask schema` generates.
//!
//! The table holds each type once, and each field once for every stretch of versions in which it
//! is declared the same way. Its bytes are LEB128 numbers and strings; reading all of it takes a
//! fraction of a millisecond and happens when it is first needed.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use crate::config::Version;

/// The first minor version in the table.
pub const OLDEST: Version = Version::minor(29);

/// What the file starts with; its number changes with the layout.
pub const MAGIC: &[u8] = b"hardline-schema-2\n";

static BYTES: &[u8] = include_bytes!("table.bin");

static TABLE: LazyLock<Table> =
    LazyLock::new(|| Table::decode(BYTES).expect("the table is part of this crate, and a test reads all of it"));

/// All that the table knows.
#[derive(Debug)]
pub struct Table {
    types: Vec<Type>,
    fields: Vec<Field>,
    kinds: Vec<ApiKind>,
    lifecycles: Vec<Lifecycle>,
    groups: BTreeSet<&'static str>,
}

/// A type in the [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeId(u32);

/// What a value may be.
#[derive(Debug)]
pub enum Type {
    /// A single value.
    Scalar(Scalar),
    /// One of these words.
    Enum(Box<[&'static str]>),
    /// A list.
    List(TypeId),
    /// A map from free keys.
    Map {
        /// What a key may be.
        key: Scalar,
        /// What a value may be.
        value: TypeId,
    },
    /// A map of known fields.
    Object(Object),
}

/// A type with named fields.
#[derive(Debug)]
pub struct Object {
    /// The name of the Go type, such as `PodSpec`.
    pub name: &'static str,
    /// All fields of all versions, by name, then version.
    fields: Range<usize>,
    required: Box<[usize]>,
}

/// A field of an [`Object`], as some versions declare it.
#[derive(Debug)]
pub struct Field {
    /// The key in the manifest.
    pub name: &'static str,
    /// The name's [`beginning`].
    beginning: u64,
    /// What it holds.
    pub ty: TypeId,
    /// The versions that declare it so.
    pub versions: Versions,
    /// Whether the API server refuses an object without it.
    pub required: bool,
    /// Whether its description calls it deprecated.
    pub deprecated: bool,
    /// How the API server merges what several managers apply.
    pub merge: Merge,
    /// The key by which a strategic merge patch tells a list's items apart.
    pub patch_merge_key: Option<&'static str>,
    /// The published default, as JSON. `{}`, `""`, `0` and `false` mean that the API server does
    /// not tell the value from an absent one.
    pub default: Option<&'static str>,
    /// Whether the API server does not store a zero value (`false`, `0`, `""`): its Go field is no
    /// pointer, and `omitempty`.
    pub drops_zero: bool,
}

/// How the values that several field managers apply become one.
///
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The last one wins: scalars, and collections that are `atomic`.
    Whole,
    /// Key by key: maps and objects that are `granular`.
    Granular,
    /// A list of distinct scalars.
    Set,
    /// A list whose items are told apart by these fields.
    Keys(Box<[&'static str]>),
}

macro_rules! scalars {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What a single value, or a key, may be.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Scalar { $($(#[doc = $doc])+ $name,)+ }

        impl Scalar {
            /// All of them; the position of one is its number in the table.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

scalars! {
    /// Any JSON value.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A whole number of 32 bits, not negative.
    Count32,
    /// A whole number of 64 bits, not negative.
    Count64,
    /// A number.
    Number,
    /// A port number.
    Port,
    /// A port number, or 0 for none.
    OptionalPort,
    /// A whole number or a string.
    IntOrString,
    /// A port number or the name of a port.
    PortOrName,
    /// An amount such as `250m` or `1Gi`.
    Quantity,
    /// A moment by RFC 3339.
    Time,
    /// Bytes in Base64.
    Bytes,
    /// Any text.
    Text,
    /// The name of a port (`IANA_SVC_NAME`).
    PortName,
    /// A label by RFC 1123.
    DnsLabel,
    /// A label's or annotation's key: a name with an optional prefix.
    QualifiedName,
    /// A label's value.
    LabelValue,
    /// A key of a `ConfigMap` or a Secret.
    ConfigKey,
    /// The name of an environment variable.
    EnvName,
}

/// A stretch of minor versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The first one that the table knows to have it.
    pub first: Version,
    /// The last one that the table knows to have it.
    pub last: Version,
}

/// A kind that the API server serves.
#[derive(Debug)]
pub struct ApiKind {
    /// The API group, empty for the core.
    pub group: &'static str,
    /// The version of the group.
    pub version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// What its objects look like.
    pub ty: TypeId,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// The versions of Kubernetes that serve it.
    pub versions: Versions,
}

/// When a version of an API came and goes.
///
/// From the `k8s:prerelease-lifecycle-gen` tags of the Go types: the API server's own warnings
/// come from there.
#[derive(Debug)]
pub struct Lifecycle {
    /// The API group, empty for the core.
    pub group: &'static str,
    /// The version of the group.
    pub version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The release that deprecated it.
    pub deprecated: Version,
    /// The first release without it, if that is decided.
    pub removed: Option<Version>,
    /// The `apiVersion` and kind to use instead.
    pub replacement: Option<(&'static str, &'static str)>,
}

impl Table {
    /// The table of all versions that hardline knows.
    pub fn get() -> &'static Self {
        &TABLE
    }

    /// The type of this number.
    pub fn ty(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// A kind that some version of Kubernetes serves under this `apiVersion`.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<&ApiKind> {
        let of = |known: &ApiKind| (known.kind, known.group, known.version).cmp(&(kind, group, version));
        self.kinds.binary_search_by(of).ok().map(|at| &self.kinds[at])
    }

    /// All kinds, by kind, group and version.
    pub fn kinds(&self) -> &[ApiKind] {
        &self.kinds
    }

    /// When a kind under this `apiVersion` is or was deprecated; `None` for those that stay.
    pub fn lifecycle(&self, group: &str, version: &str, kind: &str) -> Option<&Lifecycle> {
        let of = |known: &Lifecycle| (known.kind, known.group, known.version).cmp(&(kind, group, version));
        self.lifecycles.binary_search_by(of).ok().map(|at| &self.lifecycles[at])
    }

    /// All deprecated kinds, by kind, group and version.
    pub fn lifecycles(&self) -> &[Lifecycle] {
        &self.lifecycles
    }

    /// Whether any version of Kubernetes has an API group.
    pub fn has_group(&self, group: &str) -> bool {
        self.groups.contains(group)
    }

    /// The field of this name in a version.
    pub fn field(&self, object: &Object, name: &str, version: Version) -> Option<&Field> {
        self.history(object, name).iter().find(|field| field.versions.contain(version))
    }

    /// All that any version declares under a name, oldest first.
    pub fn history(&self, object: &Object, name: &str) -> &[Field] {
        let fields = &self.fields[object.fields.clone()];
        let key = (beginning(name), name);
        let from = fields.partition_point(|field| (field.beginning, field.name) < key);
        let count = fields[from..].iter().take_while(|field| field.name == name).count();
        &fields[from..from + count]
    }

    /// The fields of a version, by name.
    pub fn fields<'t>(&'t self, object: &Object, version: Version) -> impl Iterator<Item = &'t Field> + use<'t> {
        self.fields[object.fields.clone()].iter().filter(move |field| field.versions.contain(version))
    }

    /// The fields that an object must have in a version.
    pub fn required<'t>(&'t self, object: &'t Object, version: Version) -> impl Iterator<Item = &'t Field> + use<'t> {
        object.required.iter().map(|&at| &self.fields[at]).filter(move |field| field.versions.contain(version))
    }

    fn decode(bytes: &'static [u8]) -> Option<Self> {
        let mut reader = Reader { rest: bytes.strip_prefix(MAGIC)?, strings: Vec::new() };
        for _ in 0..reader.number()? {
            let length = reader.number()?;
            let text = std::str::from_utf8(reader.take(length)?).ok()?;
            reader.strings.push(text);
        }
        let mut table = Self {
            types: Vec::new(),
            fields: Vec::new(),
            kinds: Vec::new(),
            lifecycles: Vec::new(),
            groups: BTreeSet::new(),
        };
        let types = reader.number()?;
        for _ in 0..types {
            let ty = reader.ty(&mut table.fields, types)?;
            table.types.push(ty);
        }
        for _ in 0..reader.number()? {
            table.kinds.push(reader.kind(types)?);
        }
        for _ in 0..reader.number()? {
            table.lifecycles.push(reader.lifecycle()?);
        }
        table.groups.extend(table.kinds.iter().map(|kind| kind.group));
        table.groups.extend(table.lifecycles.iter().map(|lifecycle| lifecycle.group));
        reader.rest.is_empty().then_some(table)
    }
}

/// The first eight bytes of a name, in a number that compares as they do: mostly enough to look it up.
fn beginning(name: &str) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(8);
    bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}

impl Versions {
    /// Whether a version is one of them. What the oldest and the newest version known have is
    /// taken to hold before and after them.
    pub fn contain(self, version: Version) -> bool {
        let version = version.clamp(OLDEST, Version::NEWEST);
        self.first <= version && version <= self.last
    }
}

impl ApiKind {
    /// `apiVersion` as written in manifests.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }
}

struct Reader {
    rest: &'static [u8],
    strings: Vec<&'static str>,
}

impl Reader {
    fn take(&mut self, length: usize) -> Option<&'static [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0usize;
        for shift in (0..28).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'static str> {
        let at = self.number()?;
        self.strings.get(at).copied()
    }

    fn texts(&mut self) -> Option<Box<[&'static str]>> {
        (0..self.number()?).map(|_| self.text()).collect()
    }

    fn scalar(&mut self) -> Option<Scalar> {
        let at = self.number()?;
        Scalar::ALL.get(at).copied()
    }

    fn type_id(&mut self, types: usize) -> Option<TypeId> {
        self.number().filter(|&id| id < types).map(|id| TypeId(id as u32))
    }

    fn minor(&mut self) -> Option<Version> {
        self.number().map(|minor| Version::minor(minor as u16))
    }

    fn versions(&mut self) -> Option<Versions> {
        Some(Versions { first: self.minor()?, last: self.minor()? })
    }

    fn ty(&mut self, fields: &mut Vec<Field>, types: usize) -> Option<Type> {
        Some(match self.number()? {
            0 => Type::Scalar(self.scalar()?),
            1 => Type::Enum(self.texts()?),
            2 => Type::List(self.type_id(types)?),
            3 => Type::Map { key: self.scalar()?, value: self.type_id(types)? },
            4 => {
                let name = self.text()?;
                let from = fields.len();
                for _ in 0..self.number()? {
                    fields.push(self.field(types)?);
                }
                let required = (from..fields.len()).filter(|&at| fields[at].required).collect();
                Type::Object(Object { name, fields: from..fields.len(), required })
            }
            _ => return None,
        })
    }

    fn field(&mut self, types: usize) -> Option<Field> {
        let name = self.text()?;
        let ty = self.type_id(types)?;
        let versions = self.versions()?;
        let flags = self.number()?;
        let merge = match (flags >> 4) & 3 {
            0 => Merge::Whole,
            1 => Merge::Granular,
            2 => Merge::Set,
            3 => Merge::Keys(self.texts()?),
            _ => return None,
        };
        let patch_merge_key = if flags & 4 == 0 { None } else { Some(self.text()?) };
        let default = if flags & 8 == 0 { None } else { Some(self.text()?) };
        let (required, deprecated, drops_zero) = (flags & 1 != 0, flags & 2 != 0, flags & 64 != 0);
        Some(Field {
            name,
            beginning: beginning(name),
            ty,
            versions,
            required,
            deprecated,
            merge,
            patch_merge_key,
            default,
            drops_zero,
        })
    }

    fn kind(&mut self, types: usize) -> Option<ApiKind> {
        Some(ApiKind {
            group: self.text()?,
            version: self.text()?,
            kind: self.text()?,
            ty: self.type_id(types)?,
            namespaced: self.number()? != 0,
            versions: self.versions()?,
        })
    }

    fn lifecycle(&mut self) -> Option<Lifecycle> {
        let (group, version, kind) = (self.text()?, self.text()?, self.text()?);
        let deprecated = self.minor()?;
        let removed = Some(self.minor()?).filter(|removed| removed.minor > 0);
        let replacement = (self.text()?, self.text()?);
        let replacement = Some(replacement).filter(|(_, kind)| !kind.is_empty());
        Some(Lifecycle { group, version, kind, deprecated, removed, replacement })
    }
}
