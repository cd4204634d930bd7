//! Tests of the judge on manifests.

mod availability;
mod capacity;
mod cel;
mod checklist;
mod config;
mod network_conformance;
mod network_generate;
mod network_migrate;
mod network_netpol_analyzer;
mod network_observed;
mod network_oracle;
mod network_ways;
mod overlay;
mod pod_security;
mod probe;
mod quantity;
mod rbac;
mod references;
mod report;
mod rules;
mod schema;
mod security;
mod sensitive;
mod service;
mod support;
mod verdict;
