//! Tests of the server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admission;
mod cluster;
mod configuration;
mod dashboard;
mod deploy;
mod guard;
mod http;
mod mutate;
mod snapshot;
mod support;
mod surfaces;
mod tls;
mod watch;
