//! Desired state: text to documents with spans to resources.

pub mod document;
pub mod edit;
pub mod git;
pub mod gitops;
pub mod helm;
pub mod json;
mod kustomize;
pub mod load;
pub mod read;
pub mod release;
pub mod renderer;
mod walk;
pub mod write;
mod yaml;
