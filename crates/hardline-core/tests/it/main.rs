//! Tests of the judge on manifests.

mod rules;
mod support;
