//! What time it is, for those who decide. Only the outermost layer asks.

use hardline_core::config::Date;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Now.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The date of a point in time, UTC.
pub fn date(at: Timestamp) -> Date {
    let date = at.to_zoned_datetime(TimeZone::UTC).date();
    Date { year: date.year().unsigned_abs(), month: date.month().unsigned_abs(), day: date.day().unsigned_abs() }
}
