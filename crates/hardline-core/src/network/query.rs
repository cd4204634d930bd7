//! Label selectors, taken out of their manifests so that they can be compared and looked up.

use crate::path::FieldPath;
use crate::tree::Value;

use super::read::Reader;

/// A label selector whose requirements must all hold; without any, it selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Query<'a>(pub Vec<Requirement<'a>>);

/// One requirement of a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Requirement<'a> {
    /// The label has one of these values.
    In(&'a str, Vec<&'a str>),
    /// The label is absent or has another value.
    NotIn(&'a str, Vec<&'a str>),
    /// The label is present.
    Exists(&'a str),
    /// The label is absent.
    DoesNotExist(&'a str),
    /// The requirement cannot be read: nothing meets it.
    Unreadable,
}

impl<'a> Query<'a> {
    /// The query of a `metav1.LabelSelector`; an absent one selects everything.
    pub(super) fn read(value: Option<Value<'a>>, path: &FieldPath, reader: &mut Reader) -> Self {
        let labels = value.and_then(|value| value.get("matchLabels")).into_iter().flat_map(Value::entries);
        let mut requirements: Vec<_> =
            labels.map(|entry| Requirement::In(entry.key.raw(), vec![entry.value.raw()])).collect();
        let expressions = value.and_then(|value| value.get("matchExpressions")).into_iter().flat_map(Value::items);
        for (index, expression) in expressions.enumerate() {
            let path = || path.clone().key("matchExpressions").index(index);
            let text = |key| expression.get(key).and_then(Value::str);
            let mut values: Vec<&str> =
                expression.get("values").into_iter().flat_map(Value::items).map(Value::raw).collect();
            values.sort_unstable();
            requirements.push(match (text("key"), text("operator")) {
                (None, _) => {
                    reader.problem(path().key("key"), "a match expression needs a key");
                    Requirement::Unreadable
                }
                (Some(_), Some("In" | "NotIn")) if values.is_empty() => {
                    reader.problem(path().key("values"), "`In` and `NotIn` need values");
                    Requirement::Unreadable
                }
                (Some(key), Some("In")) => Requirement::In(key, values),
                (Some(key), Some("NotIn")) => Requirement::NotIn(key, values),
                (Some(key), Some("Exists")) => Requirement::Exists(key),
                (Some(key), Some("DoesNotExist")) => Requirement::DoesNotExist(key),
                (Some(_), operator) => {
                    let message = format!("`{}` is no operator of a label selector", operator.unwrap_or_default());
                    reader.problem(path().key("operator"), message);
                    Requirement::Unreadable
                }
            });
        }
        requirements.sort_unstable();
        requirements.dedup();
        Self(requirements)
    }

    /// The query that selects nothing.
    pub(super) fn nothing() -> Self {
        Self(vec![Requirement::Unreadable])
    }

    /// Whether the query selects everything.
    pub(super) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys of the labels that the query looks at.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'_, 'a> {
        self.0.iter().filter_map(|requirement| match requirement {
            Requirement::In(key, _)
            | Requirement::NotIn(key, _)
            | Requirement::Exists(key)
            | Requirement::DoesNotExist(key) => Some(*key),
            Requirement::Unreadable => None,
        })
    }

    /// Whether a thing with these labels is selected.
    pub(super) fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|value| values.contains(&value)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|value| !values.contains(&value)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::DoesNotExist(key) => label(key).is_none(),
            Requirement::Unreadable => false,
        })
    }
}
