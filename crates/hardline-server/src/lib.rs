//! LONG-RUNNING: admission, continuous audit, dashboard and metrics.

pub mod admission;
pub mod answer;
pub mod clock;
pub mod http;
pub mod install;
pub mod lease;
pub mod metrics;
pub mod page;
mod reach;
pub mod readiness;
pub mod registration;
pub mod review;
pub mod serve;
pub mod snapshot;
pub mod tls;
