//! What text must look like to be a name, a key, a moment or Base64.
//!
//! Follows `k8s.io/apimachinery/pkg/util/validation`.

/// A label by RFC 1123: at most 63 lower-case letters, digits and inner hyphens.
pub(super) fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_dns_part(text)
}

/// A label by RFC 1123 that starts with a letter, as RFC 1035 has it.
pub(super) fn is_dns_1035_label(text: &str) -> bool {
    is_dns_label(text) && text.starts_with(|first: char| first.is_ascii_lowercase())
}

/// A subdomain by RFC 1123: labels with points between, at most 253 characters.
pub(super) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_part)
}

fn is_dns_part(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// A name that can be a segment of a URL's path.
pub(super) fn is_path_segment(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '%'])
}

/// The name of a port: at most 15 lower-case letters, digits and single inner hyphens, one of them
/// a letter.
pub(super) fn is_port_name(text: &str) -> bool {
    text.len() <= 15 && is_dns_part(text) && !text.contains("--") && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// A label's value: empty, or at most 63 characters that start and end with a letter or digit.
pub(super) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name_part(text)
}

/// The key of a label or an annotation: a name, with a DNS subdomain and a slash before it or not.
pub(super) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name_part(name),
        None => is_name_part(text),
    }
}

fn is_name_part(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63 && text.bytes().all(inner) && outer(bytes.first()) && outer(bytes.last())
}

/// A key of a `ConfigMap` or a Secret: a file name of letters, digits and `-_.`.
pub(super) fn is_config_key(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=253).contains(&text.len()) && text.bytes().all(allowed) && text != "." && !text.starts_with("..")
}

/// The name of an environment variable: printable ASCII without `=` (KEP-4369).
pub(super) fn is_env_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
}

/// A moment by RFC 3339, such as `2026-01-31T08:00:00Z`.
pub(super) fn is_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else { return false };
    let Some((time, rest)) = rest.split_at_checked(9) else { return false };
    let number = |text: &str, max: u8| {
        text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse().is_ok_and(|n: u8| n <= max)
    };
    let clock = |text: &str, hours: u8| text.split_once(':').is_some_and(|(h, m)| number(h, hours) && number(m, 59));
    let zone = rest.trim_start_matches('.').trim_start_matches(|char: char| char.is_ascii_digit());
    let fraction = &rest[..rest.len() - zone.len()];
    let fraction_ok =
        fraction.is_empty() || (fraction.starts_with('.') && fraction.matches('.').count() == 1 && fraction.len() > 1);
    date.parse::<crate::config::Date>().is_ok()
        && time
            .strip_prefix('T')
            .and_then(|time| time.rsplit_once(':'))
            .is_some_and(|(t, s)| clock(t, 23) && number(s, 59))
        && fraction_ok
        && (zone == "Z" || zone.strip_prefix(['+', '-']).is_some_and(|zone| clock(zone, 24)))
}

/// An address of IPv4; leading zeros count for nothing, as in Go before 1.17.
pub(super) fn is_ipv4(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && {
            let digits = part.trim_start_matches('0');
            digits.is_empty() || digits.parse::<u8>().is_ok()
        }
    };
    text.split('.').count() == 4 && text.split('.').all(is_part)
}

/// A UUID, with its hyphens or without.
pub(super) fn is_uuid(text: &str) -> bool {
    let mut rest = text;
    for (at, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        rest = if at > 0 { rest.strip_prefix('-').unwrap_or(rest) } else { rest };
        let Some((part, after)) = rest.split_at_checked(length) else { return false };
        if !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// Base64 with padding, line breaks allowed, as Go's `base64.StdEncoding` reads it.
pub(super) fn is_base64(text: &str) -> bool {
    let text = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    let (mut length, mut padding) = (0usize, 0usize);
    for byte in text {
        length += 1;
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
    }
    length.is_multiple_of(4) && padding <= 2
}

/// What somebody meant who wrote `256mb`, `1 Gi` or `2GB`.
pub(super) fn meant_quantity(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(end);
    let suffix = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" | "ki" => "Ki",
        "mb" | "mib" | "mi" => "Mi",
        "g" | "gb" | "gib" | "gi" => "Gi",
        "t" | "tb" | "tib" | "ti" => "Ti",
        "m" => "m",
        _ => return None,
    };
    Some(format!("{number}{suffix}")).filter(|_| !number.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(is(text), "{text:?}");
        }
        for text in bad {
            assert!(!is(text), "{text:?}");
        }
    }

    #[test]
    fn names_and_keys() {
        let long = "a".repeat(64);
        check(is_dns_label, &["a", "a-1", "1a"], &["", "A", "-a", "a-", "a.b", "a_b", &long]);
        check(is_dns_1035_label, &["a", "a-1"], &["1a", ""]);
        check(is_dns_subdomain, &["a.b-c.d", "1.2"], &["a..b", ".a", "a.", "A.b", "a_b"]);
        check(is_path_segment, &["system:node", "A b"], &["", ".", "a/b", "a%b"]);
        check(is_port_name, &["http", "web-8080", "p2p"], &["8080", "a--b", "-a", "HTTP", "sixteen-letters-x"]);
        check(is_label_value, &["", "v1.2_a-B"], &["-a", "a b", "a/b", &long]);
        check(is_qualified_name, &["app", "example.com/App_1"], &["", "a/", "/a", "a/b/c", "Ex.com/a", "a b"]);
        check(is_config_key, &["a.json", ".env", "A_b"], &["", "..a", ".", "a/b", "a b"]);
        check(is_env_name, &["A", "a.b-c", "1 x"], &["", "A=B", "é"]);
    }

    #[test]
    fn moments_and_bytes() {
        check(
            is_time,
            &["2026-01-31T08:00:00Z", "2026-01-31T08:00:00.123456+02:00"],
            &[
                "",
                "2026-01-31",
                "2026-01-31 08:00:00Z",
                "2026-02-30T08:00:00Z",
                "2026-01-31T08:00:00",
                "2026-01-31T8:00:00Z",
                "2026-01-31T08:00:00.Z",
            ],
        );
        check(is_ipv4, &["10.0.0.1", "010.0.0.255"], &["", "10.0.0", "10.0.0.256", "10.0.0.1.2", "a.0.0.1", "::1"]);
        check(
            is_uuid,
            &["123e4567-e89b-12d3-a456-426614174000", "123E4567e89b12d3a456426614174000"],
            &[
                "",
                "123e4567-e89b-12d3-a456-42661417400",
                "123e4567-e89b-12d3-a456-4266141740000",
                "g23e4567e89b12d3a456426614174000",
            ],
        );
        check(is_base64, &["", "YQ==", "YWI=", "YWJj", "YW\nJj\n"], &["YQ", "YQ=", "a$==", "Y===", "YQ==YQ=="]);
    }
}
