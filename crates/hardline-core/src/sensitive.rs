//! What gives a secret away: the name it is stored under, or its shape. Values are never shown.

use memchr::memmem;

use crate::resource::{Kind, Resource};
use crate::source::Span;
use crate::tree::{Entry, Value};
use crate::workload::{Container, Workload};

/// Words in a name that say that the value is a secret.
const SECRET: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "bearer",
    "apikey",
    "api_key",
    "access_key",
    "private_key",
    "credential",
    "cli_key_content",
];

/// Last words of a name that say that the value is something about a secret instead.
const ABOUT: [&str; 40] = [
    "file",
    "path",
    "dir",
    "directory",
    "name",
    "url",
    "uri",
    "host",
    "endpoint",
    "ttl",
    "expiry",
    "expiration",
    "expires",
    "timeout",
    "seconds",
    "minutes",
    "hours",
    "duration",
    "lifetime",
    "length",
    "size",
    "enabled",
    "type",
    "id",
    "header",
    "algorithm",
    "issuer",
    "audience",
    "version",
    "namespace",
    "tokens",
    "limit",
    "count",
    "mode",
    "policy",
    "class",
    "store",
    "provider",
    "prefix",
    "method",
];

/// Why a value that is stored under this name is taken for a secret; `None` where nothing says so.
///
/// A value that is empty, a switch, a path, or made of other variables is none.
pub fn reason(name: &str, value: &str) -> Option<&'static str> {
    if is_private_key(value) {
        return Some("holds a private key");
    }
    (is_secret_name(name) && may_be_secret(value)).then_some("holds what its name calls a secret")
}

/// Where a resource's secrets are written: the data of a `Secret`, and what by its name or shape is
/// one elsewhere. What shows the text around a finding hides them.
pub fn spans(resource: &Resource) -> Vec<Span> {
    let entries = |field| resource.value().get(field).into_iter().flat_map(Value::entries);
    let mut secrets: Vec<Value<'_>> = match resource.kind() {
        Kind::Secret => {
            // `kubectl apply` keeps the whole object there.
            let applied = resource.value().at(&["metadata", "annotations", APPLIED]);
            let data = entries("data").chain(entries("stringData")).map(|entry| entry.value);
            data.chain(applied).collect()
        }
        Kind::ConfigMap => entries("data").filter_map(secret_entry).collect(),
        _ => Vec::new(),
    };
    for container in Workload::of(resource).iter().flat_map(Workload::containers) {
        of_variables(&container, &mut secrets);
        of_words(&container, &mut secrets);
    }
    secrets.into_iter().map(Value::span).collect()
}

/// What may be secret in a `Secret` that cannot be read: of the document around an offset all that
/// stands behind a colon.
pub fn spans_unread(text: &str, offset: u32) -> Vec<Span> {
    let offset = text.floor_char_boundary(offset as usize);
    let start = text[..offset].rfind("\n---").map_or(0, |at| at + 1);
    let end = text[offset..].find("\n---").map_or(text.len(), |at| offset + at);
    let document = &text[start..end];
    let is_secret = document.split_once("kind").is_some_and(|_| document.contains("Secret"));
    let mut at = start;
    let lines = document.split_inclusive('\n').filter(|_| is_secret).map(|line| {
        let shown = if line.starts_with("---") { line.len() } else { line.find(':').map_or(0, |colon| colon + 1) };
        let from = at + shown;
        at += line.len();
        Span::new(from as u32, at as u32)
    });
    lines.collect()
}

/// Where `kubectl apply` keeps what was applied.
pub(crate) const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn secret_entry(entry: Entry<'_>) -> Option<Value<'_>> {
    is_to_be_hidden(entry.key.raw(), entry.value.raw()).then_some(entry.value)
}

fn of_variables<'a>(container: &Container<'a>, secrets: &mut Vec<Value<'a>>) {
    for variable in container.get("env").into_iter().flat_map(Value::items) {
        let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) else { continue };
        secrets.extend(is_to_be_hidden(name.raw(), value.raw()).then_some(value));
    }
}

/// Of `--password=x` all, of `--password x` what follows.
fn of_words<'a>(container: &Container<'a>, secrets: &mut Vec<Value<'a>>) {
    let mut option = "";
    for word in ["command", "args"].into_iter().filter_map(|list| container.get(list)).flat_map(Value::items) {
        let (name, value) = word.raw().split_once('=').unwrap_or((option, word.raw()));
        let is_option = value.starts_with('-');
        secrets.extend((!is_option && is_to_be_hidden(name, value)).then_some(word));
        option = if word.raw().starts_with('-') && !word.raw().contains('=') { word.raw() } else { "" };
    }
}

fn is_to_be_hidden(name: &str, value: &str) -> bool {
    reason(name, value).is_some() || has_credentials(value)
}

/// Whether the text is or holds an address with a password: `scheme://user:password@host`.
fn has_credentials(text: &str) -> bool {
    after_each("://", text).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '\n']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':') && !user.contains("$("))
    })
}

/// Whether the text holds a private key in PEM.
fn is_private_key(text: &str) -> bool {
    after_each("-BEGIN ", text).any(|rest| rest.split("KEY-").next().unwrap_or_default().ends_with("PRIVATE "))
}

/// What follows each mark in a text, which is mostly long and without any.
fn after_each<'t>(mark: &'t str, text: &'t str) -> impl Iterator<Item = &'t str> {
    memmem::find_iter(text.as_bytes(), mark).map(move |at| &text[at + mark.len()..])
}

fn is_secret_name(name: &str) -> bool {
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or_default();
    let cloud = || begins(name.as_bytes(), "azure_") && last.eq_ignore_ascii_case("key");
    let secret = (0..name.len()).map(|at| &name.as_bytes()[at..]).any(|rest| {
        let first = rest[0].to_ascii_lowercase();
        SECRET.iter().any(|word| word.as_bytes()[0] == first && begins(rest, word))
    });
    (secret || cloud()) && !ABOUT.iter().any(|about| last.eq_ignore_ascii_case(about))
}

/// Whether a name goes on like this, whatever its case and what stands between its words.
fn begins(name: &[u8], word: &str) -> bool {
    let plain = |byte: u8| if matches!(byte, b'-' | b'.') { b'_' } else { byte.to_ascii_lowercase() };
    name.len() >= word.len() && name.iter().zip(word.bytes()).all(|(&byte, wanted)| plain(byte) == wanted)
}

fn may_be_secret(value: &str) -> bool {
    let value = value.trim();
    let switch = ["true", "false", "yes", "no", "none", "null"].contains(&value.to_ascii_lowercase().as_str());
    let elsewhere = value.starts_with('/') || value.contains("$(") || value.contains("${") || value.contains("://");
    !value.is_empty() && !switch && !elsewhere && !value.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_name_and_shape() {
        for (name, value) in [
            ("DB_PASSWORD", "x"),
            ("aws-secret-access-key", "x"),
            ("AZURE_BATCH_KEY", "x"),
            ("api.token", "x"),
            ("tls", "-----BEGIN RSA PRIVATE KEY-----\nx"),
        ] {
            assert!(reason(name, value).is_some(), "{name}");
        }
        for (name, value) in [
            ("DB_PASSWORD_FILE", "x"),
            ("DB_PASSWORD", "/etc/db/password"),
            ("DB_PASSWORD", "$(OTHER)"),
            ("DB_PASSWORD", ""),
            ("TOKEN_TTL", "60"),
            ("SECRET_NAME", "db"),
            ("MAX_TOKENS", "4096"),
            ("CACHE_KEY", "x"),
            ("tls", "-----BEGIN CERTIFICATE-----\nx"),
        ] {
            assert!(reason(name, value).is_none(), "{name}");
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_shows_keys_only() {
        let text = "a: b\n---\nkind: Secret\ndata:\n  a: x\n\t- y\n---\nc: d\n";
        let spans = spans_unread(text, text.find('\t').unwrap() as u32);
        let hidden: Vec<_> = spans.iter().map(|span| text[span.start as usize..span.end as usize].trim()).collect();
        assert_eq!(hidden, ["", "Secret", "", "x", "- y"]);
        assert_eq!(spans_unread(text, 1), []);
    }
}
