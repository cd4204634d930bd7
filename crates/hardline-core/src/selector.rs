//! Label selectors, by the semantics of `metav1.LabelSelector`.

use crate::tree::{NodeKind, Value};

/// A label selector as written: `matchLabels` and `matchExpressions`, all of which must hold.
#[derive(Clone, Copy, Debug)]
pub struct Selector<'a> {
    value: Option<Value<'a>>,
    /// The value is a plain map of labels, as in `Service.spec.selector`.
    plain: bool,
}

impl<'a> Selector<'a> {
    /// A `metav1.LabelSelector`. An absent one selects nothing; an empty one selects everything.
    pub fn of(value: Option<Value<'a>>) -> Self {
        Self { value, plain: false }
    }

    /// A plain map of labels. An absent or empty one selects nothing.
    pub fn of_labels(value: Option<Value<'a>>) -> Self {
        let value = value.filter(|value| value.entries().next().is_some());
        Self { value, plain: true }
    }

    /// The labels that must be present with exactly these values.
    pub fn match_labels(self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let labels = if self.plain { self.value } else { self.value.and_then(|value| value.get("matchLabels")) };
        labels.into_iter().flat_map(Value::entries).map(|entry| (entry.key.raw(), entry.value.raw()))
    }

    /// Whether a thing with these labels is selected. `None` stands for no labels.
    ///
    /// An unknown operator selects nothing: the API server refuses it.
    pub fn matches(self, labels: Option<Value<'_>>) -> bool {
        let Some(value) = self.value else { return false };
        let label = |key: &str| labels.and_then(|labels| labels.entry(key)).map(|entry| entry.value.raw());
        if !self.match_labels().all(|(key, wanted)| label(key) == Some(wanted)) {
            return false;
        }
        let expressions = value.get("matchExpressions").filter(|_| !self.plain);
        expressions.into_iter().flat_map(Value::items).all(|expression| {
            let Some(key) = expression.get("key").and_then(Value::str) else { return false };
            let found = label(key);
            let listed = || {
                let values = expression.get("values").filter(|values| values.kind() == NodeKind::Seq);
                values.into_iter().flat_map(Value::items).any(|value| found == Some(value.raw()))
            };
            match expression.get("operator").and_then(Value::str) {
                Some("In") => listed(),
                Some("NotIn") => !listed(),
                Some("Exists") => found.is_some(),
                Some("DoesNotExist") => found.is_none(),
                _ => false,
            }
        })
    }

    /// Whether there is a selector and it is empty, so that it selects everything.
    pub fn is_everything(self) -> bool {
        self.value.is_some_and(|value| {
            !self.plain
                && value
                    .entries()
                    .all(|entry| entry.value.entries().next().is_none() && entry.value.items().next().is_none())
        })
    }
}
