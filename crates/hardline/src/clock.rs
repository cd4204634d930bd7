//! The date that ends of exemptions are compared with.

use hardline_core::config::Date;

/// The date of today, UTC.
pub(crate) fn today() -> Date {
    let date = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    Date { year: date.year().unsigned_abs(), month: date.month().unsigned_abs(), day: date.day().unsigned_abs() }
}
