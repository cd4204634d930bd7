//! What gives a secret away: the name it is stored under, or its shape. Values are never shown.

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
const ABOUT: [&str; 30] = [
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

/// Whether the text holds a private key in PEM.
fn is_private_key(text: &str) -> bool {
    text.split("-BEGIN ").skip(1).any(|rest| rest.split("KEY-").next().unwrap_or_default().ends_with("PRIVATE "))
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
    let last = name.rsplit('_').next().unwrap_or_default();
    let cloud = name.starts_with("azure_") && last == "key";
    !ABOUT.contains(&last) && (cloud || SECRET.iter().any(|word| name.contains(word)))
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
            ("CACHE_KEY", "x"),
            ("tls", "-----BEGIN CERTIFICATE-----\nx"),
        ] {
            assert!(reason(name, value).is_none(), "{name}");
        }
    }
}
