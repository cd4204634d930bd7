//! LONG-RUNNING: admission, continuous audit, dashboard and metrics.

pub mod install;
pub mod lease;
pub mod metrics;
pub mod registration;
pub mod tls;
