//! The syntax of names, as `k8s.io/apimachinery/pkg/util/validation` checks it.

/// Why a name or a label is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nothing where something must be.
    #[error("it is empty")]
    Empty,
    /// More characters than this.
    #[error("it is longer than {0} characters")]
    TooLong(usize),
    /// A character that is not allowed.
    #[error("`{0}` is not allowed")]
    Character(char),
    /// The first or last character is no letter or digit.
    #[error("it must begin and end with a letter or digit")]
    Ends,
}

/// What a kind is called in URLs, as `meta.UnsafeGuessKindToResource` of `k8s.io/apimachinery` guesses.
pub(crate) fn plural(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    match kind.strip_suffix('y') {
        _ if kind.ends_with("endpoints") => kind,
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

/// One label of a DNS name (RFC 1123): what a Service or a namespace is called.
pub fn dns_label(text: &str) -> Result<(), Invalid> {
    characters(text, 63, |c| c.is_ascii_lowercase() || c.is_ascii_digit(), |c| c == '-')
}

/// A DNS name (RFC 1123): what most resources are called.
pub fn dns_subdomain(text: &str) -> Result<(), Invalid> {
    subdomain(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn subdomain(text: &str, end: impl Fn(char) -> bool + Copy) -> Result<(), Invalid> {
    if text.len() > 253 {
        return Err(Invalid::TooLong(253));
    }
    text.split('.').try_for_each(|label| characters(label, 253, end, |c| c == '-'))
}

/// The value of a label, which may be empty.
pub fn label_value(text: &str) -> Result<(), Invalid> {
    if text.is_empty() { Ok(()) } else { name_part(text) }
}

/// The key of a label or an annotation: a name, after a DNS name and `/` if wished.
pub fn qualified_name(text: &str) -> Result<(), Invalid> {
    match text.split_once('/') {
        // Annotations are checked in lower case, and a capital prefix is harmless in both.
        Some((prefix, name)) => subdomain(prefix, |c| c.is_ascii_alphanumeric()).and_then(|()| name_part(name)),
        None => name_part(text),
    }
}

fn name_part(text: &str) -> Result<(), Invalid> {
    characters(text, 63, |c| c.is_ascii_alphanumeric(), |c| matches!(c, '-' | '_' | '.'))
}

/// Checks a text of at most `most` characters, some of which may not stand at its ends.
fn characters(
    text: &str,
    most: usize,
    end: impl Fn(char) -> bool + Copy,
    inner: impl Fn(char) -> bool,
) -> Result<(), Invalid> {
    // Bytes are read first: of what is not ASCII, nothing is allowed.
    if let Some(at) = text.bytes().position(|byte| !end(byte.into()) && !inner(byte.into()))
        && let Some(bad) = text[at..].chars().next()
    {
        return Err(Invalid::Character(bad));
    }
    match text.len() {
        0 => Err(Invalid::Empty),
        length if length > most => Err(Invalid::TooLong(most)),
        _ if !text.starts_with(end) || !text.ends_with(end) => Err(Invalid::Ends),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_the_api_server_does() {
        for good in ["a", "web-1", "a.b-c.d"] {
            assert_eq!(dns_subdomain(good), Ok(()), "{good}");
        }
        for bad in ["", "Web", "a_b", "-a", "a-", "a..b", "a.", "é"] {
            assert!(dns_subdomain(bad).is_err(), "{bad}");
        }
        assert_eq!(dns_label("a.b"), Err(Invalid::Character('.')));
        assert_eq!(dns_label(&"a".repeat(64)), Err(Invalid::TooLong(63)));
        for good in ["", "1.4-build", "A_b.c"] {
            assert_eq!(label_value(good), Ok(()), "{good}");
        }
        for bad in ["1.4+build", "a/b", "-a", "a b", "a."] {
            assert!(label_value(bad).is_err(), "{bad}");
        }
        for good in ["app", "app.kubernetes.io/name", "a/B_c.d"] {
            assert_eq!(qualified_name(good), Ok(()), "{good}");
        }
        for bad in ["", "/a", "a/", "a/b/c", "a b", "a_b/c"] {
            assert!(qualified_name(bad).is_err(), "{bad}");
        }
    }
}
