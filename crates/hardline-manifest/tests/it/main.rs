//! Tests of reading and editing manifests.

mod edit;
