//! Values for people and programs, without the secrets in them.

use hardline_core::drift::beside::Mask as Key;
use hardline_core::drift::{Difference, Object, desired_value, observed_value};
use hardline_core::resource::Resource;
use hardline_core::sensitive;
use serde_json::{Map, Value as Json};

/// Puts digests in the place of secrets.
#[derive(Default)]
pub(super) struct Mask(Key);

impl Mask {
    /// What is desired of a field.
    pub(super) fn desired(&self, difference: &Difference, resource: Option<&Resource>) -> Option<Json> {
        let value = resource.and_then(|resource| desired_value(difference, resource));
        value.map(|value| self.mask(difference, value))
    }

    /// What was released of it.
    pub(super) fn released(&self, difference: &Difference, resource: Option<&Resource>) -> Option<Json> {
        let released = Difference { desired: difference.released.clone(), ..difference.clone() };
        self.desired(&released, resource)
    }

    /// What is observed of it.
    pub(super) fn observed(&self, difference: &Difference, resource: Option<&Resource>) -> Option<Json> {
        let value = resource.and_then(|resource| observed_value(difference, resource));
        value.map(|value| self.mask(difference, value))
    }

    /// Whether anything of an object that differs is hidden.
    pub(super) fn hides_any(&self, object: &Object, desired: &Resource, observed: &Resource) -> bool {
        object.differences.iter().any(|difference| {
            self.desired(difference, Some(desired)) != desired_value(difference, desired)
                || self.observed(difference, Some(observed)) != observed_value(difference, observed)
        })
    }

    fn mask(&self, difference: &Difference, value: Json) -> Json {
        if difference.secret {
            return self.digest(&value);
        }
        self.hide(difference.name(), value)
    }

    fn digest(&self, value: &Json) -> Json {
        self.0.digest(&value.to_string()).into()
    }

    /// Hides what its name or its shape gives away, however deep.
    fn hide(&self, name: &str, value: Json) -> Json {
        match value {
            Json::String(text) if sensitive::reason(name, &text).is_some() => self.digest(&text.into()),
            Json::Array(items) => items.into_iter().map(|item| self.hide(name, item)).collect(),
            Json::Object(map) => {
                // An environment variable has its name beside its value.
                let called = map.get("name").and_then(Json::as_str).map(str::to_owned);
                let hidden = map.into_iter().map(|(key, value)| {
                    let value = match &called {
                        Some(called) if key == "value" => self.hide(called, value),
                        _ => self.hide(&key, value),
                    };
                    (key, value)
                });
                Json::Object(hidden.collect::<Map<_, _>>())
            }
            other => other,
        }
    }
}

/// A value on one line.
pub(super) fn line(value: Option<&Json>) -> String {
    const LONGEST: usize = 160;
    let text = match value {
        None => "-".to_owned(),
        Some(Json::String(text)) if !text.contains('\n') => text.clone(),
        Some(value) => value.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
