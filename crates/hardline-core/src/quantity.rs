//! Kubernetes quantities: `256Mi`, `1500m`, `1e3`.
//!
//! Follows `k8s.io/apimachinery/pkg/api/resource`; the cases in the tests were produced by it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::tree::{NodeKind, Value};

/// An amount of CPU (in cores), memory (in bytes) or anything else that is counted.
///
/// Fixed point in units of 10⁻⁹, as Kubernetes keeps no smaller ones. Amounts beyond 10²⁹
/// saturate. Two quantities are equal when their amounts are, however they are written.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

/// The family of suffixes that a quantity is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `n`, `u`, `m`, none, `k`, `M`, `G`, `T`, `P`, `E`: powers of 1000.
    Decimal,
    /// `Ki`, `Mi`, `Gi`, `Ti`, `Pi`, `Ei`: powers of 1024.
    Binary,
    /// `e3`, `E-3`.
    Exponent,
}

/// Text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a quantity such as 256Mi or 500m")]
pub struct InvalidQuantity(pub String);

const NANO: i128 = 1_000_000_000;
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const EXPONENTS: [i8; 10] = [-9, -6, -3, 0, 3, 6, 9, 12, 15, 18];
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Digits after the point that count; more do not fit beside the largest unit.
const FRACTION_DIGITS: usize = 11;

impl Quantity {
    /// A number of bytes, displayed with binary suffixes.
    pub fn of_bytes(bytes: i64) -> Self {
        Self { nano: i128::from(bytes) * NANO, format: Format::Binary }
    }

    /// A whole number.
    pub fn of_count(count: i64) -> Self {
        Self { nano: i128::from(count) * NANO, format: Format::Decimal }
    }

    /// Reads a field that holds a quantity: text or a number.
    pub fn of(value: Value<'_>) -> Result<Self, InvalidQuantity> {
        let invalid = || InvalidQuantity(value.raw().to_owned());
        match value.kind() {
            NodeKind::Str => value.raw().parse(),
            NodeKind::Int => value.int().map(Self::of_count).ok_or_else(invalid),
            // A float reaches the API server as JSON, so its own spelling is lost.
            NodeKind::Float => value.float().ok_or_else(invalid)?.to_string().parse(),
            NodeKind::Null | NodeKind::Bool | NodeKind::Map | NodeKind::Seq => Err(invalid()),
        }
    }

    /// The amount in whole units, rounded up: bytes of memory.
    pub fn bytes(self) -> i64 {
        saturate(ceil(self.nano, NANO))
    }

    /// The amount in thousandths, rounded up: millicores of CPU.
    pub fn millicores(self) -> i64 {
        saturate(ceil(self.nano, NANO / 1000))
    }

    /// Whether this is nothing at all.
    pub fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// Whether this is less than nothing.
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// The amount of memory in whole mebibytes, as people read it; less than one stays as it is.
    #[must_use]
    pub fn rounded(self) -> Self {
        const MEBIBYTE: i128 = NANO << 20;
        let whole = self.nano / MEBIBYTE * MEBIBYTE;
        Self { nano: if whole == 0 { self.nano } else { whole }, format: Format::Binary }
    }

    /// So many hundredths of the amount.
    #[must_use]
    pub fn percent(self, percent: f64) -> Self {
        // Hundredths of a percent are as exact as anybody writes them.
        let basis_points = i128::from((percent * 100.0) as i64);
        Self { nano: self.nano.saturating_mul(basis_points) / 10_000, ..self }
    }

    /// So many times the amount.
    #[must_use]
    pub fn times(self, count: i64) -> Self {
        Self { nano: self.nano.saturating_mul(i128::from(count)), ..self }
    }

    /// Both amounts together, displayed as the first.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_add(other.nano), ..self }
    }

    /// What is left of this without the other.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_sub(other.nano), ..self }
    }
}

fn ceil(nano: i128, unit: i128) -> i128 {
    nano / unit + i128::from(nano % unit > 0)
}

fn saturate(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let invalid = || InvalidQuantity(text.to_owned());
        let (negative, unsigned) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        if unsigned.is_empty() {
            return Err(invalid());
        }
        let (whole, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        let (unit, format) = unit(suffix).ok_or_else(invalid)?;
        let magnitude = magnitude(whole, fraction, unit);
        Ok(Self { nano: if negative { -magnitude } else { magnitude }, format })
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// The size of the unit that a suffix names, as a fraction of nano units.
struct Unit {
    times: i128,
    per: i128,
}

fn unit(suffix: &str) -> Option<(Unit, Format)> {
    let position = |suffixes: &[&str]| suffixes.iter().position(|known| *known == suffix).map(|at| at as u32);
    if let Some(at) = position(&DECIMAL) {
        return Some((Unit { times: 1000_i128.pow(at), per: 1 }, Format::Decimal));
    }
    if let Some(at) = position(&BINARY) {
        return Some((Unit { times: 1024_i128.pow(at + 1) * NANO, per: 1 }, Format::Binary));
    }
    let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = exponent.saturating_add(9);
    let tens = |power: u64| 10_i128.saturating_pow(u32::try_from(power).unwrap_or(u32::MAX));
    let magnitude = tens(power.unsigned_abs());
    let unit = if power < 0 { Unit { times: 1, per: magnitude } } else { Unit { times: magnitude, per: 1 } };
    Some((unit, Format::Exponent))
}

/// The nano units of a number, rounded up.
fn magnitude(whole: &str, fraction: &str, unit: Unit) -> i128 {
    let number = |digits: &str| {
        let digits = digits.bytes().map(|digit| i128::from(digit - b'0'));
        digits.fold(0_i128, |number, digit| number.saturating_mul(10).saturating_add(digit))
    };
    let (kept, lost) = fraction.split_at(fraction.len().min(FRACTION_DIGITS));
    let whole = number(whole).saturating_mul(unit.times);
    let parts = number(kept).saturating_mul(unit.times);
    let scale = 10_i128.pow(kept.len() as u32);
    let lost = lost.bytes().any(|digit| digit != b'0') || parts % scale != 0;
    let total = whole.saturating_add(parts / scale);
    let up = total % unit.per != 0 || lost;
    (total / unit.per).saturating_add(i128::from(up))
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix of the family it was written in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.nano % NANO == 0;
        if self.format == Format::Binary && whole && (self.nano / NANO).abs() >= 1024 {
            let (mantissa, power) = factor(self.nano / NANO, 1024, BINARY.len());
            return match power.checked_sub(1) {
                Some(at) => write!(f, "{mantissa}{}", BINARY[at]),
                None => write!(f, "{mantissa}"),
            };
        }
        let (mantissa, power) = factor(self.nano, 1000, DECIMAL.len() - 1);
        match (self.format, power) {
            _ if self.nano == 0 => f.write_str("0"),
            (Format::Exponent, power) if power != 3 => write!(f, "{mantissa}e{}", EXPONENTS[power]),
            (_, power) => write!(f, "{mantissa}{}", DECIMAL[power]),
        }
    }
}

/// Takes factors of a base out of a number, up to a count.
fn factor(mut number: i128, base: i128, most: usize) -> (i128, usize) {
    let mut count = 0;
    while count < most && number != 0 && number % base == 0 {
        number /= base;
        count += 1;
    }
    (number, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_and_tiny_amounts_do_not_overflow() {
        let parse = |text: &str| text.parse::<Quantity>().unwrap();
        let nines = "9".repeat(200);
        for text in [&nines, "1e999999999999", "9e9223372036854775807", &format!("{nines}Ei"), "1e100"] {
            assert_eq!(parse(text).bytes(), i64::MAX, "{text}");
            assert_eq!(parse(&format!("-{text}")).millicores(), i64::MIN, "{text}");
        }
        for text in ["1e-999999999999", "1e-9223372036854775808", &format!("0.{}1", "0".repeat(200)), "1e-10"] {
            assert_eq!(parse(text).to_string(), if text.contains('e') { "1e-9" } else { "1n" }, "{text}");
        }
        assert_eq!(parse("99999.99999999999Ei"), parse("99999.99999999999Ei"));
        assert_eq!(parse("1.5Ei").bytes(), 3 << 59);
    }

    #[test]
    fn amounts_compare_and_combine_across_suffixes() {
        let parse = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(parse("1Gi"), parse("1024Mi"));
        assert!(parse("1G") < parse("1Gi"));
        assert!(parse("256m") < parse("1"));
        assert_eq!(parse("1Gi").percent(75.0).to_string(), "768Mi");
        assert_eq!(parse("1Gi").minus(parse("256Mi")).to_string(), "768Mi");
        assert_eq!(Quantity::of_bytes(2 << 30).to_string(), "2Gi");
    }
}
