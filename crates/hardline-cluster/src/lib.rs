//! OBSERVED: a live cluster or a dump as an inventory.
//!
//! [`list::observe`] reads a cluster once, [`dump::read`] what was saved of one; [`live::Live`] keeps
//! watching it. All feed a [`store::Store`], which gives an [`observed::Observed`]: the inventory, where each of its
//! resources comes from, and what could not be read. [`kinds::OBSERVED`] is the one list of what is
//! read; everything else, RBAC included, follows from it.

mod blame;
pub mod client;
pub mod dump;
pub mod kinds;
pub mod lean;
pub mod list;
pub mod live;
pub mod observed;
pub mod origin;
mod packed;
mod place;
pub mod store;
pub mod template;
pub mod whole;
