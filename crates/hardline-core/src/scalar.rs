//! What an unquoted scalar means to Kubernetes.
//!
//! Kubernetes reads YAML through `sigs.k8s.io/yaml`, which is YAML 1.2 with YAML
//! 1.1's booleans and octals. This module follows its `resolve.go`; the table of
//! cases in the tests was produced by that library.

use crate::tree::NodeKind;

/// The kind of value that an unquoted scalar is.
pub fn resolve_plain(text: &str) -> NodeKind {
    let Some(&first) = text.as_bytes().first() else { return NodeKind::Null };
    match first {
        b'~' if text.len() == 1 => NodeKind::Null,
        b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'y' | b'Y' | b'o' | b'O' => resolve_word(text),
        b'0'..=b'9' | b'+' | b'-' | b'.' => resolve_number(text),
        _ => NodeKind::Str,
    }
}

fn resolve_word(text: &str) -> NodeKind {
    match text {
        "null" | "Null" | "NULL" => NodeKind::Null,
        _ if parse_bool(text).is_some() => NodeKind::Bool,
        _ => NodeKind::Str,
    }
}

fn resolve_number(text: &str) -> NodeKind {
    if parse_int(text).is_some() {
        NodeKind::Int
    } else if parse_float(text).is_some() {
        NodeKind::Float
    } else {
        NodeKind::Str
    }
}

/// The boolean an unquoted scalar spells, by YAML 1.1: `yes`, `on`, `y` and their kin included.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

/// The integer an unquoted scalar spells: decimal, `0x`, `0o`, `0b`, or octal by a leading zero.
pub fn parse_int(text: &str) -> Option<i128> {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'_')) {
        return None;
    }
    let stripped;
    let text = if text.contains('_') {
        stripped = text.replace('_', "");
        stripped.as_str()
    } else {
        text
    };
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => i128::from_str_radix(&digits[2..], 16).ok(),
        [b'0', b'o' | b'O', ..] => i128::from_str_radix(&digits[2..], 8).ok(),
        [b'0', b'b' | b'B', ..] => i128::from_str_radix(&digits[2..], 2).ok(),
        [b'0', _, ..] => i128::from_str_radix(digits, 8).or_else(|_| digits.parse()).ok(),
        _ => digits.parse().ok(),
    }?;
    (magnitude <= i128::from(u64::MAX)).then_some(if negative { -magnitude } else { magnitude })
}

/// The number an unquoted scalar spells with a point or an exponent, infinities and NaN included.
pub fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        ".nan" | ".NaN" | ".NAN" => return (unsigned.len() == text.len()).then_some(f64::NAN),
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_ok = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_ok = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    (mantissa_ok && exponent_ok).then(|| text.parse().ok()).flatten()
}
