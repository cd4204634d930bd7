//! hardline as people run it: the binary, real control planes, real kubectl and Helm.
//!
//! One module a topic. A test that needs nothing of its own asks for a [`plane::shared`] control
//! plane and a namespace; one that changes the server starts another.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod browser;
mod chart;
mod dashboard;
mod drift;
mod examples;
mod faults;
mod guard;
mod install;
mod net;
mod plane;
mod run;
mod serve;
mod server;
mod surfaces;
mod watch;
