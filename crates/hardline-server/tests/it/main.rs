//! Tests of the server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cluster;
mod deploy;
mod tls;
