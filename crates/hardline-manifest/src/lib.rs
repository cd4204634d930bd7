//! Desired state: text to documents with spans to resources.

pub mod document;
pub mod read;
mod yaml;
