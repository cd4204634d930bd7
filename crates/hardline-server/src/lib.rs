//! LONG-RUNNING: admission, continuous audit, dashboard and metrics.

pub mod lease;
pub mod metrics;
pub mod tls;
