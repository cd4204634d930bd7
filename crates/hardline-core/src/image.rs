//! References to container images.

/// A reference to an image, in its parts as written:
/// `[registry/]repository[:tag][@digest]`.
///
/// The grammar is that of `github.com/distribution/reference`, which container runtimes use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageReference<'a> {
    /// Host and port of the registry; `None` stands for Docker Hub.
    pub registry: Option<&'a str>,
    /// The path in the registry.
    pub repository: &'a str,
    /// The tag; without tag and digest, runtimes pull `latest`.
    pub tag: Option<&'a str>,
    /// The digest, as in `sha256:…`. Where there is one, runtimes ignore the tag.
    pub digest: Option<&'a str>,
}

/// The same as regular expressions, for CEL: registry, repository, tag and digest.
pub(crate) const GRAMMAR: [&str; 4] = [
    "(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])([.]([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*(:[0-9]+)?/|[[][0-9a-fA-F:.]+[]](:[0-9]+)?/)?",
    "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*)*",
    "(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?",
    "(@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|sha384:[0-9a-f]{96}))?",
];

/// Why a text is no reference to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImage {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// It is a URL.
    #[error("it must not have a scheme")]
    Scheme,
    /// Host or port are none.
    #[error("its registry is no host")]
    Registry,
    /// The path has letters in upper case.
    #[error("its repository must be in lower case")]
    Uppercase,
    /// The path is none.
    #[error("its repository is no path of letters, digits and separators")]
    Repository,
    /// The tag is empty, too long, or has characters that tags may not have.
    #[error("its tag is not valid")]
    Tag,
    /// The digest is not an algorithm and a hexadecimal number of the right length.
    #[error("its digest is not valid")]
    Digest,
    /// Registry and path have more than 255 characters.
    #[error("its name is longer than 255 characters")]
    TooLong,
}

impl<'a> ImageReference<'a> {
    /// Reads a reference.
    pub fn parse(text: &'a str) -> Result<Self, InvalidImage> {
        if text.is_empty() {
            return Err(InvalidImage::Empty);
        }
        if text.contains("://") {
            return Err(InvalidImage::Scheme);
        }
        let (name, tag, digest) = parts(text);
        let (registry, repository) = match name.split_once('/') {
            Some((first, path)) if is_registry(first) => (Some(first), path),
            _ => (None, name),
        };
        if registry.is_some_and(|registry| !is_host(registry)) {
            return Err(InvalidImage::Registry);
        }
        if !repository.split('/').all(is_path_component) {
            let lower = repository.to_ascii_lowercase();
            let uppercase = lower.split('/').all(is_path_component);
            return Err(if uppercase { InvalidImage::Uppercase } else { InvalidImage::Repository });
        }
        if name.len() > 255 {
            return Err(InvalidImage::TooLong);
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(InvalidImage::Tag);
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(InvalidImage::Digest);
        }
        Ok(Self { registry, repository, tag, digest })
    }

    /// The tag that a runtime pulls: `latest` when none is written; none when there is a digest.
    pub fn pulled_tag(&self) -> Option<&'a str> {
        if self.digest.is_some() { None } else { Some(self.tag.unwrap_or("latest")) }
    }

    /// The name of one of Docker's official images, such as `nginx`; `None` for all others.
    pub fn official(&self) -> Option<&'a str> {
        let name = match self.registry {
            None => self.repository.strip_prefix("library/").unwrap_or(self.repository),
            Some("docker.io" | "index.docker.io") => self.repository.strip_prefix("library/")?,
            Some(_) => return None,
        };
        (!name.contains('/')).then_some(name)
    }
}

/// The name, tag and digest that a text would have as a reference, whether it is one or not.
pub fn parts(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash belongs to the registry's port.
    match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag), digest),
        _ => (rest, None, digest),
    }
}

/// Whether the first of several components names a registry, rather than a path on Docker Hub.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.contains(|letter: char| letter.is_ascii_uppercase())
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let host_ok = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    host_ok && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Letters and digits, between which stand `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let edges = bytes.first().is_some_and(|&byte| word(byte)) && bytes.last().is_some_and(|&byte| word(byte));
    edges
        && bytes.iter().all(|&byte| word(byte) || matches!(byte, b'.' | b'_' | b'-'))
        && text
            .split(|letter: char| letter.is_ascii_alphanumeric())
            .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let length_ok = match algorithm {
        "sha256" => hex.len() == 64,
        "sha384" => hex.len() == 96,
        "sha512" => hex.len() == 128,
        _ => hex.len() >= 32,
    };
    let part = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    length_ok
        && algorithm.split(['-', '_', '+', '.']).all(part)
        && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn references_are_taken_apart() {
        let with_digest = format!("ghcr.io/a/b:1.2@{DIGEST}");
        for (text, registry, repository, tag, digest) in [
            ("nginx", None, "nginx", None, None),
            ("library/nginx:1.27", None, "library/nginx", Some("1.27"), None),
            ("localhost/app:v1", Some("localhost"), "app", Some("v1"), None),
            ("registry.local:5000/team/app", Some("registry.local:5000"), "team/app", None, None),
            ("[::1]:5000/app:1", Some("[::1]:5000"), "app", Some("1"), None),
            (&with_digest, Some("ghcr.io"), "a/b", Some("1.2"), Some(DIGEST)),
            ("a__b/c.d-e---f:V_1", None, "a__b/c.d-e---f", Some("V_1"), None),
        ] {
            let expected = ImageReference { registry, repository, tag, digest };
            assert_eq!(ImageReference::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_runtimes_refuse_is_refused() {
        let long = "a".repeat(256);
        for (text, expected) in [
            ("", InvalidImage::Empty),
            (" nginx", InvalidImage::Repository),
            ("nginx latest", InvalidImage::Repository),
            ("Nginx", InvalidImage::Uppercase),
            ("nginx:", InvalidImage::Tag),
            ("nginx:a:b", InvalidImage::Repository),
            ("nginx:-1", InvalidImage::Tag),
            ("nginx:1.0+build", InvalidImage::Tag),
            ("$(IMAGE)", InvalidImage::Repository),
            ("{{ .Values.image }}", InvalidImage::Repository),
            ("ko://example.com/cmd", InvalidImage::Scheme),
            ("https://example.com/app:1", InvalidImage::Scheme),
            ("-.example.com/app:1", InvalidImage::Registry),
            ("example.com:port/app:1", InvalidImage::Registry),
            ("a/b//c", InvalidImage::Repository),
            ("a/.b", InvalidImage::Repository),
            ("nginx@sha256:1234", InvalidImage::Digest),
            ("nginx@", InvalidImage::Digest),
            (&long, InvalidImage::TooLong),
        ] {
            assert_eq!(ImageReference::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn official_images_are_those_of_docker_hubs_library() {
        let official = |text| ImageReference::parse(text).unwrap().official();
        for text in ["nginx:1", "library/nginx", "docker.io/library/nginx"] {
            assert_eq!(official(text), Some("nginx"), "{text}");
        }
        for text in ["bitnami/nginx", "ghcr.io/nginx", "docker.io/nginx/nginx"] {
            assert_eq!(official(text), None, "{text}");
        }
    }
}
