//! Differences that somebody expects: declared with a reason, and told only when asked for.

use serde_json::Value as Json;

use super::managed::Element;
use super::{Class, Confidence, Difference, Drift, Options, Standing, desired_value, observed_value};
use crate::config::Date;
use crate::path::{FieldPath, Segment};
use crate::pattern;
use crate::resource::Resource;

/// A declaration that some differences are no drift. Lists that are left out match all.
///
/// One without paths and managers is for whole objects: that they are missing, or in no source, is
/// expected as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The desired sides that it is for, as the command line names them, where `*` stands for any
    /// characters: what staging has otherwise than production is no drift from Git.
    pub desired: Vec<String>,
    /// API groups; the core group is the empty text.
    pub groups: Vec<String>,
    /// Kinds.
    pub kinds: Vec<String>,
    /// Namespaces, where `*` stands for any characters.
    pub namespaces: Vec<String>,
    /// Names, likewise.
    pub names: Vec<String>,
    /// The fields, and all below them.
    pub paths: Vec<FieldPattern>,
    /// Field managers, where `*` stands for any characters: what all owners of a field are.
    pub managers: Vec<String>,
    /// Why it is expected.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day on which it holds.
    pub until: Option<Date>,
    /// Where it is declared, such as `hardline.yaml:12`.
    pub origin: String,
}

/// Fields, described by the steps that lead to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPattern(Vec<String>);

/// A text that describes no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not understood as the path of a field")]
pub struct InvalidPattern(String);

impl FieldPattern {
    /// Reads a path as differences are shown, `spec.containers[name=app].image`, where `*` stands
    /// for any characters of a step, or a JSON Pointer, `/spec/replicas`.
    ///
    /// # Errors
    /// When the text is empty or a bracket stays open.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = || InvalidPattern(text.to_owned());
        if let Some(pointer) = text.strip_prefix('/') {
            return Ok(Self(pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()));
        }
        let (mut steps, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let step;
            if let Some(bracket) = rest.strip_prefix('[') {
                (step, rest) = bracket.split_once(']').ok_or_else(invalid)?;
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
                (step, rest) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
            }
            if step.is_empty() {
                return Err(invalid());
            }
            steps.push(step.to_owned());
        }
        if steps.is_empty() { Err(invalid()) } else { Ok(Self(steps)) }
    }

    /// The field at this path and no other.
    pub fn exactly(path: &FieldPath) -> Self {
        Self(path.segments().iter().map(step).collect())
    }

    /// Reads the part of jq's language that names fields: `.spec.template.spec.containers[]`,
    /// `.metadata.annotations["example.com/x"]`, and `| select(.name == "app")` after a list.
    ///
    /// # Errors
    /// When the expression does more than to name fields.
    pub fn parse_jq(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = || InvalidPattern(text.to_owned());
        let (mut steps, mut rest): (Vec<String>, &str) = (Vec::new(), text.trim());
        while !rest.is_empty() {
            if let Some(selection) = rest.strip_prefix("select(") {
                let (condition, after) = selection.split_once(')').ok_or_else(invalid)?;
                let (key, value) = condition.split_once("==").ok_or_else(invalid)?;
                let key = key.trim().strip_prefix('.').filter(|key| is_plain(key)).ok_or_else(invalid)?;
                let value = value.trim().strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                let item = steps.last_mut().filter(|step| *step == "*").ok_or_else(invalid)?;
                *item = format!("{key}={}", value.filter(|value| !value.contains('"')).ok_or_else(invalid)?);
                rest = after;
            } else if let Some(bracket) = rest.strip_prefix('[') {
                if let Some(quoted) = bracket.strip_prefix('"') {
                    let (name, after) = quoted.split_once("\"]").ok_or_else(invalid)?;
                    steps.push(name.to_owned());
                    rest = after;
                } else {
                    let (index, after) = bracket.split_once(']').ok_or_else(invalid)?;
                    let is_index = index.bytes().all(|byte| byte.is_ascii_digit());
                    steps.push(match index {
                        "" => "*".to_owned(),
                        _ if is_index => index.to_owned(),
                        _ => return Err(invalid()),
                    });
                    rest = after;
                }
            } else if let Some(field) = rest.strip_prefix('.') {
                if let Some(quoted) = field.strip_prefix('"') {
                    let (name, after) = quoted.split_once('"').ok_or_else(invalid)?;
                    steps.push(name.to_owned());
                    rest = after;
                } else if field.starts_with('[') {
                    rest = field;
                } else {
                    let (name, after) = field.split_at(field.find(|c| !is_of_name(c)).unwrap_or(field.len()));
                    if name.is_empty() {
                        return Err(invalid());
                    }
                    steps.push(name.to_owned());
                    rest = after;
                }
            } else {
                return Err(invalid());
            }
            rest = rest.trim_start_matches('?').trim_start();
            rest = rest.strip_prefix('|').map_or(rest, str::trim_start);
        }
        if steps.is_empty() { Err(invalid()) } else { Ok(Self(steps)) }
    }

    /// Whether all that differs is in the fields described.
    fn covers(&self, difference: &Difference, desired: Option<&Resource>, observed: Option<&Resource>) -> bool {
        let (path, steps) = (&difference.path.0, &self.0);
        let in_step = |at: usize| is(&steps[at], &path[at], index(difference, at));
        let common = path.len().min(steps.len());
        if !(0..common).all(in_step) {
            return false;
        }
        let inner = &steps[common..];
        if inner.is_empty() {
            return true;
        }
        // The difference is of a whole, and the pattern of a part of it: is the rest the same?
        let part = |value: Option<Json>| value.map(|value| without(value, inner)).unwrap_or_default();
        let wanted = part(desired.and_then(|desired| desired_value(difference, desired)));
        let found = part(observed.and_then(|observed| observed_value(difference, observed)));
        wanted == found
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_of_name)
}

fn step(segment: &Segment) -> String {
    match segment {
        Segment::Key(key) => key.to_string(),
        Segment::Index(index) => index.to_string(),
    }
}

/// Where in its list an item is, on whichever side has it.
fn index(difference: &Difference, at: usize) -> Option<u32> {
    let sides = [&difference.observed, &difference.desired];
    sides.into_iter().flatten().find_map(|path| match path.segments().get(at) {
        Some(Segment::Index(index)) => Some(*index),
        _ => None,
    })
}

/// Whether a step of a pattern leads along this element of a path.
fn is(step: &str, element: &Element, index: Option<u32>) -> bool {
    let at_index = |index: Option<u32>| index.is_some_and(|index| step == "*" || step.parse() == Ok(index));
    let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match element {
        Element::Field(name) => pattern::matches(step, name),
        Element::Item(value) => at_index(index) || pattern::matches(step, &plain(value)),
        Element::Index(index) => at_index(Some(*index)),
        Element::Key(values) => {
            let values: Vec<_> = values.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect();
            step == "*"
                || at_index(index)
                || pattern::matches(step, &values.join(","))
                || values.iter().any(|value| pattern::matches(step, value))
        }
    }
}

/// A value without what the steps lead to; nothing where nothing else is in it.
fn without(mut value: Json, steps: &[String]) -> Json {
    remove(&mut value, steps);
    let is_empty = match &value {
        Json::Object(map) => map.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    };
    if is_empty { Json::Null } else { value }
}

fn remove(value: &mut Json, steps: &[String]) {
    let Some((step, rest)) = steps.split_first() else { return };
    match value {
        Json::Object(map) if rest.is_empty() => map.retain(|key, _| !pattern::matches(step, key)),
        Json::Object(map) => {
            map.iter_mut().filter(|(key, _)| pattern::matches(step, key)).for_each(|(_, value)| remove(value, rest));
        }
        Json::Array(items) => {
            let is = |at: usize, item: &Json| match step.split_once('=') {
                Some((key, wanted)) => item.get(key).and_then(Json::as_str) == Some(wanted),
                None => step == "*" || step.parse() == Ok(at),
            };
            if rest.is_empty() {
                let mut at = 0;
                items.retain(|item| {
                    at += 1;
                    !is(at - 1, item)
                });
            } else {
                let found = items.iter_mut().enumerate().filter(|(at, item)| is(*at, item));
                found.for_each(|(_, item)| remove(item, rest));
            }
        }
        _ => {}
    }
}

impl Expectation {
    /// Whether it holds on a date, for a desired side as the command line names it.
    pub fn holds(&self, today: Date, desired: &str) -> bool {
        self.until.is_none_or(|until| until >= today) && any(&self.desired, desired)
    }

    /// Why, and where that is declared.
    pub fn text(&self) -> String {
        format!("expected: {} ({})", self.reason, self.origin)
    }

    fn is_of_whole_objects(&self) -> bool {
        self.paths.is_empty() && self.managers.is_empty()
    }

    fn is_for(&self, resource: &Resource) -> bool {
        (self.groups.is_empty() || self.groups.iter().any(|group| group == resource.group()))
            && any(&self.kinds, resource.kind_name())
            && any(&self.namespaces, resource.namespace().unwrap_or_default())
            && any(&self.names, resource.name())
    }

    fn covers(&self, difference: &Difference, desired: Option<&Resource>, observed: Option<&Resource>) -> bool {
        let blame = &difference.blame;
        let by_manager = || {
            blame.confidence == Confidence::Owner
                && blame.authors.iter().all(|author| any(&self.managers, &author.manager))
        };
        (self.paths.is_empty() || self.paths.iter().any(|path| path.covers(difference, desired, observed)))
            && (self.managers.is_empty() || by_manager())
    }
}

fn any(patterns: &[String], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern::matches(pattern, text))
}

/// The first of the expectations that a difference of an object meets.
pub fn expected<'e>(
    expectations: &'e [Expectation],
    difference: &Difference,
    desired: Option<&Resource>,
    observed: Option<&Resource>,
) -> Option<&'e Expectation> {
    let subject = observed.or(desired)?;
    expectations.iter().find(|it| it.is_for(subject) && it.covers(difference, desired, observed))
}

/// Tells what is expected from what is drift: it becomes [`Class::Expected`], and stays only where
/// the options keep what is no drift.
pub fn expect(
    drift: &mut Drift,
    desired: &[Resource],
    observed: &[Resource],
    expectations: &[Expectation],
    options: Options,
) {
    if expectations.is_empty() {
        return;
    }
    for object in &mut drift.objects {
        let wanted = object.desired.map(|at| &desired[at as usize]);
        let found = object.observed.map(|at| &observed[at as usize]);
        if matches!(object.standing, Standing::Missing | Standing::Orphan)
            && let Some(subject) = found.or(wanted)
            && let Some(reason) = expectations.iter().find(|it| it.is_of_whole_objects() && it.is_for(subject))
        {
            object.standing = Standing::Expected;
            object.expected = Some(reason.text());
        }
        let told = object.differences.iter_mut().filter(|difference| difference.class.is_told());
        for difference in told {
            if let Some(reason) = expected(expectations, difference, wanted, found) {
                difference.class = Class::Expected;
                difference.because = Some(reason.text());
                object.explained += 1;
            }
        }
        object.keep(options);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(pattern: Result<FieldPattern, InvalidPattern>) -> Vec<String> {
        pattern.unwrap().0
    }

    #[test]
    fn paths_are_read_in_three_languages() {
        let wanted = ["spec", "template", "spec", "containers", "name=app", "image"];
        assert_eq!(steps(FieldPattern::parse("spec.template.spec.containers[name=app].image")), wanted);
        let jq = ".spec.template.spec.containers[] | select(.name == \"app\") | .image";
        assert_eq!(steps(FieldPattern::parse_jq(jq)), wanted);
        assert_eq!(steps(FieldPattern::parse("/metadata/annotations/a~1b~0c")), ["metadata", "annotations", "a/b~c"]);
        assert_eq!(steps(FieldPattern::parse("metadata.annotations[example.com/*]"))[2], "example.com/*");
        assert_eq!(steps(FieldPattern::parse_jq(".webhooks[]?.clientConfig.caBundle"))[1], "*");
        assert_eq!(steps(FieldPattern::parse_jq(".metadata.labels[\"a.b/c\"]"))[2], "a.b/c");
        assert_eq!(steps(FieldPattern::parse_jq(".spec.ports[0].nodePort"))[2], "0");
        for bad in ["", "spec..replicas", "spec[", "spec[]", "."] {
            assert!(FieldPattern::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", ".", "spec", ".a | select(.b == \"c\")", ".a[] | select(.b | test(\"x\"))", ".a, .b", ".a[1:2]"]
        {
            assert!(FieldPattern::parse_jq(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_left_of_a_value_is_compared() {
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        let steps = |text: &str| FieldPattern::parse(text).unwrap().0;
        assert_eq!(without(json(r#"[{"host": "a", "x": 1}]"#), &steps("[0].host")), json(r#"[{"x": 1}]"#));
        assert_eq!(without(json(r#"{"a": 1}"#), &steps("a")), Json::Null);
        assert_eq!(without(json(r#"[{"name": "a"}, {"name": "b"}]"#), &steps("[name=a]")), json(r#"[{"name": "b"}]"#));
    }
}
