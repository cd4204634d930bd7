//! What an unquoted scalar means to Kubernetes.
//!
//! Kubernetes reads YAML through `sigs.k8s.io/yaml`, which is YAML 1.2 with YAML
//! 1.1's booleans and octals. This module follows its `resolve.go`; tests of the
//! `hardline-manifest` crate compare it with that library.

use crate::tree::NodeKind;

/// The kind of value that an unquoted scalar is.
#[inline]
pub fn resolve_plain(text: &str) -> NodeKind {
    let Some(&first) = text.as_bytes().first() else { return NodeKind::Null };
    match first {
        b'~' if text.len() == 1 => NodeKind::Null,
        b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'y' | b'Y' | b'o' | b'O' if text.len() <= 5 => resolve_word(text),
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
    let bytes = text.as_bytes();
    let decimal = bytes[0] != b'0' && bytes.len() < 18 && bytes.iter().all(u8::is_ascii_digit);
    if decimal || parse_int(text).is_some() {
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
///
/// As in Go it fits 64 bits: with a sign an `i64`, without one a `u64`.
pub fn parse_int(text: &str) -> Option<i128> {
    let stripped;
    let text = if text.contains('_') {
        stripped = text.replace('_', "");
        stripped.as_str()
    } else {
        text
    };
    let (sign, digits) = match text.as_bytes() {
        [b'-', ..] => (Some(-1), &text[1..]),
        [b'+', ..] => (Some(1), &text[1..]),
        _ => (None, text),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => u64::from_str_radix(&digits[2..], 16).ok(),
        [b'0', b'o' | b'O', ..] => u64::from_str_radix(&digits[2..], 8).ok(),
        [b'0', b'b' | b'B', ..] => u64::from_str_radix(&digits[2..], 2).ok(),
        [b'0', _, ..] => u64::from_str_radix(digits, 8).ok(),
        _ => digits.parse().ok(),
    }?;
    match sign {
        None => Some(i128::from(magnitude)),
        Some(sign) => i64::try_from(sign * i128::from(magnitude)).ok().map(i128::from),
    }
}

/// The number an unquoted scalar spells with a point or an exponent, infinities and NaN included.
///
/// A number too large for 64 bits of floating point is none, as in Go.
pub fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        ".nan" | ".NaN" | ".NAN" => return (unsigned.len() == text.len()).then_some(f64::NAN),
        _ => {}
    }
    if text.contains('_') && !text.starts_with('.') {
        return parse_float(&text.replace('_', ""));
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
    let float: f64 = (mantissa_ok && exponent_ok).then(|| text.parse().ok()).flatten()?;
    float.is_finite().then_some(float)
}

/// The JSON key that Kubernetes makes of an unquoted key of this kind; `None` where it refuses it.
pub fn key_text(text: &str, kind: NodeKind) -> Option<String> {
    match kind {
        NodeKind::Str => Some(text.to_owned()),
        NodeKind::Bool => parse_bool(text).map(|bool| bool.to_string()),
        // A key above the signed range is the one number that sigs.k8s.io/yaml has no text for.
        NodeKind::Int => i64::try_from(parse_int(text)?).ok().map(|int| int.to_string()),
        NodeKind::Float => parse_float(text).map(float_key),
        NodeKind::Null | NodeKind::Map | NodeKind::Seq => None,
    }
}

/// What Go's `strconv.FormatFloat(float, 'g', -1, 32)` gives, with YAML's names for infinities.
fn float_key(float: f64) -> String {
    let short = float as f32;
    if short.is_nan() {
        return ".nan".to_owned();
    }
    if short.is_infinite() {
        return if short < 0.0 { "-.inf" } else { ".inf" }.to_owned();
    }
    let scientific = format!("{short:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return short.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
