//! The pages, one module each.

pub(crate) mod changes;
pub(crate) mod coverage;
pub(crate) mod exemptions;
pub(crate) mod findings;
pub(crate) mod login;
pub(crate) mod namespace;
pub(crate) mod namespaces;
pub(crate) mod overview;
pub(crate) mod rules;
pub(crate) mod subject;
pub(crate) mod trend;
