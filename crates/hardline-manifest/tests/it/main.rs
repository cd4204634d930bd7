//! Tests of reading and editing manifests.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod bad_input;
mod differential;
mod edit;
mod inputs;
mod load;
mod mutate;
mod oracle;
mod release;
mod render;
mod scalars;
mod support;
