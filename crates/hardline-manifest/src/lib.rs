//! Desired state: text to documents with spans to resources.

pub mod document;
pub mod edit;
pub mod read;
mod yaml;
