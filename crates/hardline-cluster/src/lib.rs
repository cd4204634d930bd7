//! OBSERVED: a live cluster or a dump as an inventory.
//!
//! [`list::observe`] reads a cluster once. [`kinds::OBSERVED`] is the one list of what is read;
//! everything else, RBAC included, follows from it.

pub mod client;
pub mod kinds;
pub mod lean;
pub mod list;
pub mod observed;
pub mod origin;
pub mod template;
