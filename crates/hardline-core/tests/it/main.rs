//! Tests of the judge on manifests.

mod availability;
mod quantity;
mod rules;
mod support;
