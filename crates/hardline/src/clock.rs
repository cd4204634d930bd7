//! The date that ends of exemptions are compared with.

use hardline_core::config::Date;
use hardline_server::clock;

/// The date of today, UTC.
pub(crate) fn today() -> Date {
    clock::date(clock::now())
}
