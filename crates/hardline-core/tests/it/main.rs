//! Tests of the judge on manifests.

mod availability;
mod rules;
mod support;
