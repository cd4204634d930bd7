//! The judge of hardline: resources, workloads, inventories, rules and verdicts.
//!
//! This crate is pure and synchronous. It does no IO, has no clock, knows no kube client: readers
//! hand it an [`Inventory`](inventory::Inventory), and it answers with a
//! [`Judgement`](verdict::Judgement). Start at [`verdict::judge`], or at [`rules`] for what it
//! looks for.

pub mod admin_port;
pub mod admission;
pub mod baseline;
pub mod cel;
pub mod checklist;
pub mod config;
pub mod cron;
pub mod demand;
pub mod disruption;
pub mod drift;
pub mod duration;
pub mod edit;
pub mod equivalents;
pub mod excerpt;
pub mod exemption;
pub mod finding;
pub mod fingerprint;
pub mod flow;
pub mod guard;
pub mod heap;
pub mod host_path;
pub mod image;
pub mod inventory;
pub mod ledger;
mod mentions;
pub mod names;
pub mod namespace;
pub mod network;
pub mod path;
pub mod pattern;
pub mod placement;
pub mod priority;
pub mod probe;
pub mod profile;
pub mod quantity;
pub mod rbac;
pub mod references;
pub mod report;
pub mod resource;
pub mod rule;
pub mod rules;
pub mod scalar;
pub mod scale;
pub mod schema;
pub mod security;
mod selection;
pub mod selector;
pub mod sensitive;
pub mod service;
pub mod shutdown;
pub mod source;
pub mod suggest;
pub mod tree;
pub mod verdict;
pub mod visible;
pub mod workload;
