//! LONG-RUNNING: admission, continuous audit, dashboard and metrics.

pub mod admission;
pub mod answer;
pub mod auditor;
pub mod clock;
pub mod dashboard;
pub mod drift;
pub mod events;
pub mod history;
pub mod http;
pub mod install;
pub mod lease;
pub mod local;
pub mod metrics;
pub mod news;
pub mod notify;
pub mod page;
pub mod policy_report;
mod reach;
pub mod readiness;
pub mod registration;
pub mod review;
pub mod serve;
pub mod snapshot;
pub mod tls;
pub mod watch;
pub mod writer;
