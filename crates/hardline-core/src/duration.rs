//! Durations as people write them in flags and environment variables.

use std::time::Duration;

/// Reads `45s`, `1m30s`, `45000ms`, `1.5h`, ISO 8601's `PT45S`, or a bare number of the given unit.
///
/// The units are those of Go's `time.ParseDuration` and `d` for days. A negative or unreadable
/// text is no duration.
pub fn parse(text: &str, bare: Duration) -> Option<Duration> {
    let lower = text.trim().to_ascii_lowercase();
    let text = lower.strip_prefix("pt").unwrap_or(&lower);
    if let Ok(number) = text.parse::<f64>() {
        return times(bare, number);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at(unit);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let unit = match unit.trim() {
            "ns" => Duration::from_nanos(1),
            "us" | "µs" => Duration::from_micros(1),
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            "d" => Duration::from_hours(24),
            _ => return None,
        };
        total = total.checked_add(times(unit, number.parse().ok()?)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn times(unit: Duration, number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(unit.as_secs_f64() * number).ok()
}

/// A duration in seconds for messages: `45s`, `1.5s`.
pub fn display(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

/// A duration of whole seconds in the largest unit that fits: `4h`, `90m`, `45s`. Go and CEL read it.
pub fn compact(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_spring_and_shells_read() {
        let second = Duration::from_secs(1);
        for (text, millis) in [
            ("45s", 45_000),
            ("45", 45_000),
            (" 45 ", 45_000),
            ("1m", 60_000),
            ("1m30s", 90_000),
            ("45000ms", 45_000),
            ("1.5s", 1_500),
            ("0.5", 500),
            ("PT45S", 45_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text, second), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("45000", Duration::from_millis(1)), Some(Duration::from_secs(45)));
        for bad in ["", "s", "-5s", "-5", "5x", "infinity", "nan", "1e400", "5s!", "${DRAIN}", "..s"] {
            assert_eq!(parse(bad, second), None, "{bad}");
        }
    }

    #[test]
    fn displays_seconds() {
        assert_eq!(display(Duration::from_secs(45)), "45s");
        assert_eq!(display(Duration::from_millis(1_500)), "1.5s");
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["0s", "45s", "90m", "4h", "26h"] {
            assert_eq!(compact(parse(text, Duration::ZERO).unwrap()), text);
        }
    }
}
