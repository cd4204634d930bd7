//! LONG-RUNNING: admission, continuous audit, dashboard and metrics.
