//! Tests of the judge on manifests.

mod availability;
mod capacity;
mod quantity;
mod rules;
mod support;
