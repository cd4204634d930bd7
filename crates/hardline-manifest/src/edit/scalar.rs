//! How a value is written in YAML.

use std::fmt::Write;

use hardline_core::scalar::resolve_plain;
use hardline_core::tree::NodeKind;
use serde_json::Value as Json;

/// A value on one line.
pub(super) fn flow(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| format!("{}: {}", string(key, true), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::String(text) => string(text, true),
        other => other.to_string(),
    }
}

/// A value on lines of its own, each indented, each ended by a newline.
pub(super) fn block(value: &Json, indent: usize) -> String {
    let mut lines = String::new();
    write_block(&mut lines, value, indent);
    lines
}

fn write_block(lines: &mut String, value: &Json, indent: usize) {
    let pad = " ".repeat(indent);
    match value {
        Json::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                _ = write!(lines, "{pad}{}:", string(key, false));
                write_below(lines, value, indent + 2);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for item in items {
                let at = lines.len() + indent;
                match item {
                    Json::Object(_) | Json::Array(_) => {
                        write_block(lines, item, indent + 2);
                        lines.replace_range(at..=at, "-");
                    }
                    _ => _ = writeln!(lines, "{pad}- {}", leaf(item)),
                }
            }
        }
        other => _ = writeln!(lines, "{pad}{}", leaf(other)),
    }
}

/// What stands behind a key's colon.
fn write_below(lines: &mut String, value: &Json, indent: usize) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            lines.push('\n');
            write_block(lines, value, indent);
        }
        Json::Array(items) if !items.is_empty() => {
            lines.push('\n');
            write_block(lines, value, indent);
        }
        other => _ = writeln!(lines, " {}", leaf(other)),
    }
}

fn leaf(value: &Json) -> String {
    match value {
        Json::String(text) => string(text, false),
        other => flow(other),
    }
}

/// A string without quotes where it stays one, else as in JSON, which YAML reads alike.
pub(super) fn string(text: &str, flow: bool) -> String {
    let first = text.chars().next();
    let plain = resolve_plain(text) == NodeKind::Str
        && first.is_some_and(|first| first.is_alphanumeric() || matches!(first, '/' | '.' | '_' | '$' | '('))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains(|c: char| {
            c.is_control() || c == '\u{feff}' || (flow && matches!(c, ',' | '[' | ']' | '{' | '}'))
        })
        && !(flow && text.contains(':'));
    if plain { text.to_owned() } else { Json::from(text).to_string() }
}

/// Whether a text stands between single quotes as it is.
pub(super) fn fits_single_quotes(text: &str) -> bool {
    !text.contains(|c: char| c == '\'' || c == '\u{feff}' || c.is_control())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_keep_their_type() {
        for (text, written) in
            [("abc", "abc"), ("yes", "\"yes\""), ("1", "\"1\""), ("", "\"\""), ("a: b", "\"a: b\""), ("*a", "\"*a\"")]
        {
            assert_eq!(leaf(&json!(text)), written);
        }
    }

    #[test]
    fn blocks_nest() {
        let value = json!({"a": [{"b": 1, "c": [2]}, "x"], "d": {}, "e": {"f": null}});
        let text = "  a:\n    - b: 1\n      c:\n        - 2\n    - x\n  d: {}\n  e:\n    f: null\n";
        assert_eq!(block(&value, 2), text);
    }
}
