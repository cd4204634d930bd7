//! Where in a resource: a symbolic path of keys and indices, without positions in text.

use std::borrow::Cow;
use std::fmt;

/// The way from a resource's root to one of its fields.
///
/// Displays as a JSON pointer (RFC 6901): `/spec/containers/0/image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<Segment>);

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a map.
    Key(Cow<'static, str>),
    /// An index of a sequence, from 0.
    Index(u32),
}

/// How many steps are usually added to a path of keys.
const USUALLY_FURTHER: usize = 4;

impl FieldPath {
    /// The resource itself.
    pub const ROOT: Self = Self(Vec::new());

    /// The path of these keys from the root.
    pub fn of(keys: &[&'static str]) -> Self {
        let mut segments = Vec::with_capacity(keys.len() + USUALLY_FURTHER);
        segments.extend(keys.iter().map(|&key| Segment::Key(Cow::Borrowed(key))));
        Self(segments)
    }

    /// This path, one key further.
    #[must_use]
    pub fn key(mut self, key: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Segment::Key(key.into()));
        self
    }

    /// This path, further by these keys.
    #[must_use]
    pub fn keys(mut self, keys: &[&'static str]) -> Self {
        self.0.extend(keys.iter().map(|&key| Segment::Key(Cow::Borrowed(key))));
        self
    }

    /// This path, one index further.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Segment::Index(index as u32));
        self
    }

    /// Gives back what was taken in advance.
    pub(crate) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// This path as a JSON pointer.
    pub fn pointer(&self) -> String {
        pointer(&self.0)
    }
}

/// Steps as a JSON pointer (RFC 6901).
pub(crate) fn pointer(segments: &[Segment]) -> String {
    let mut pointer = String::with_capacity(24 * segments.len());
    for segment in segments {
        pointer.push('/');
        match segment {
            Segment::Key(key) if key.contains(['~', '/']) => {
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Key(key) => pointer.push_str(key),
            Segment::Index(index) => push_number(&mut pointer, *index),
        }
    }
    pointer
}

/// Adds a number to a text, without the machinery of formats: there are many in a report.
pub(crate) fn push_number(text: &mut String, number: u32) {
    if number > 9 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

impl FromIterator<Segment> for FieldPath {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pointer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_a_json_pointer() {
        let path = FieldPath::of(&["metadata", "annotations"]).key("a/b~c");
        assert_eq!(path.to_string(), "/metadata/annotations/a~1b~0c");
        assert_eq!(FieldPath::of(&["spec", "containers"]).index(120).to_string(), "/spec/containers/120");
    }
}
